//! Running other programs: a command → its output, with a time limit or shown while it runs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// What the program printed, when it ended well; its complaints are not shown.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs with the output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed", line(command))) }
}

/// Runs with the output going to `log`; on failure the error ends with the log's last lines.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    run_limited(command, log, Duration::MAX)
}

/// As `run_logged`, and ends the program after `limit`.
pub(crate) fn run_limited(command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let file = log_file(log)?;
    let copy = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    let mut child = command.spawn().map_err(|error| cannot(command, &error))?;
    let started = Instant::now();
    loop {
        match child.try_wait().map_err(|error| cannot(command, &error))? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => return Err(format!("`{}` failed\n{}", line(command), tail(log))),
            None if started.elapsed() > limit => {
                child
                    .kill()
                    .and_then(|()| child.wait())
                    .map_err(|error| cannot(command, &error))?;
                return Err(format!("`{}` took over {} s", line(command), limit.as_secs()));
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// What a program printed to its standard output, which was shown while it ran.
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) success: bool,
}

/// As `output`, with its complaints shown.
pub(crate) fn output_or_say(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| cannot(command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{}` failed", line(command)))
    }
}

pub(crate) fn show(command: &mut Command) -> Result<Shown> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot(command, &error))?;
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        for bytes in BufReader::new(stdout).split(b'\n') {
            let Ok(bytes) = bytes else { break };
            let line = String::from_utf8_lossy(&bytes);
            println!("{line}");
            text.push_str(&line);
            text.push('\n');
        }
    }
    let status = child.wait().map_err(|error| cannot(command, &error))?;
    Ok(Shown { text, success: status.success() })
}

fn log_file(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    File::create(log).map_err(|error| format!("{}: {error}", log.display()))
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn cannot(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not run: {error}", line(command))
}
