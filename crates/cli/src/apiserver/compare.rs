//! `svclab apiserver --compare FOLDER`: the same lines through the real kubectl and through ours.
//!
//! The folder holds manifests (`*.yaml`), which both find in their directory, and scripts (`*.sh`):
//! one command on each line, all for one cluster, which begins with the manifests that the first
//! line names behind a `#`. What differs from clock to clock is masked as in recorded sessions.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{fs, thread};

use svclab_core::lab::Lab;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_shell::{INTERRUPTED, Job, Place, Progress, Session, Stream};

use super::Server;
use crate::check::{Printed, Report, first_difference, masked};
use crate::failure::Failure;
use crate::{sh, state};

/// What the controllers need after a command, on both sides.
const AFTERWARDS: Duration = Duration::from_secs(5);
/// A command that waits for longer in the lab does not end by itself.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same for the real one, in seconds of the wall clock.
const SECONDS: &str = "30";

pub(super) fn run(folder: &Path) -> Result<ExitCode, Failure> {
    let mut report = Report::default();
    for script in files(folder, "sh")? {
        play(folder, &script, &mut report)?;
    }
    report.verdict()
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::unreadable(folder, &error))?;
    let mut res: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    res.retain(|it| it.extension().is_some_and(|it| it == ending));
    res.sort();
    Ok(res)
}

fn play(folder: &Path, script: &Path, report: &mut Report) -> Result<(), Failure> {
    let text = state::text(script)?;
    let first = text.lines().next().and_then(|it| it.strip_prefix('#')).unwrap_or_default();
    let manifests: Vec<PathBuf> = first.split_whitespace().map(|it| folder.join(it)).collect();
    let mut ours = Ours::new(folder, &manifests)?;
    let real = Real::new(folder, manifests)?;
    let name = script.file_stem().unwrap_or_default().to_string_lossy();
    let lines = text.lines().filter(|it| !it.starts_with('#') && !it.trim().is_empty());
    for line in lines {
        let expected = real.run(line)?;
        let found = ours.run(line);
        report.case(&format!("{name}: {line}"), compare(line, &expected, &found));
        let until = ours.now().max(real.now()?) + AFTERWARDS;
        ours.run_until(until);
        real.run_until(until)?;
    }
    Ok(())
}

fn compare(line: &str, expected: &Printed, found: &Printed) -> Result<(), String> {
    for (what, expected, found) in
        [("stdout", &expected.stdout, &found.stdout), ("stderr", &expected.stderr, &found.stderr)]
    {
        first_difference(&masked(line, expected), &masked(line, found))
            .map_err(|why| format!("{what} {why}"))?;
    }
    match expected.exit == found.exit {
        true => Ok(()),
        false => Err(format!("expected exit {:?}, came {:?}", expected.exit, found.exit)),
    }
}

fn cluster(manifests: &[PathBuf]) -> Result<Lab, Failure> {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    for file in manifests {
        sh::apply(&mut lab, &OsString::from(file), &state::text(file)?)?;
    }
    lab.run_until(Instant::START + Duration::from_secs(60));
    Ok(lab)
}

struct Ours {
    /// Lent to jobs.
    lab: Option<Lab>,
    session: Session,
}

impl Ours {
    fn new(folder: &Path, manifests: &[PathBuf]) -> Result<Ours, Failure> {
        let mut session = Session::new(Place::Outside("laptop".to_owned()));
        for file in files(folder, "yaml")? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            session.files.put(session.resolve(&name), state::text(&file)?);
        }
        Ok(Ours { lab: Some(cluster(manifests)?), session })
    }

    fn lab(&mut self) -> &mut Lab {
        self.lab.as_mut().expect("a job gives the lab back")
    }

    fn now(&mut self) -> Instant {
        self.lab().now()
    }

    fn run_until(&mut self, at: Instant) {
        self.lab().run_until(at);
    }

    fn run(&mut self, line: &str) -> Printed {
        let mut job = Job::new(self.session.clone(), line);
        let end = self.now() + PATIENCE;
        let exit = loop {
            let lab = self.lab.take().expect("a job gives the lab back");
            let (lab, progress) = job.resume(lab);
            self.lab = Some(lab);
            match progress {
                Progress::Ended(status) => break status,
                Progress::Waits(Some(at)) if at <= end => self.run_until(at),
                Progress::Busy => {
                    let later = self.now() + Duration::from_millis(100);
                    self.run_until(later);
                }
                Progress::WantsReference => job.refer(Some(crate::reference())),
                Progress::Edits(draft) => job.edited(Some(draft.text)),
                Progress::Waits(_) => break INTERRUPTED,
            }
        };
        let mut res = Printed { stdout: String::new(), stderr: String::new(), exit: Some(exit) };
        for chunk in job.printed() {
            match chunk.stream {
                Stream::Out => res.stdout.push_str(&chunk.text),
                Stream::Err => res.stderr.push_str(&chunk.text),
            }
        }
        self.session = job.into_session();
        res
    }
}

/// The real kubectl, and the lab that it talks to.
struct Real {
    server: SocketAddr,
    /// Where it finds its files.
    home: PathBuf,
}

impl Real {
    fn new(folder: &Path, manifests: Vec<PathBuf>) -> Result<Real, Failure> {
        let wrong = |error: std::io::Error| Failure::new(error.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").map_err(wrong)?;
        let server = listener.local_addr().map_err(wrong)?;
        thread::spawn(move || {
            if let Ok(lab) = cluster(&manifests) {
                super::serve(Server::new(lab, false), listener);
            }
        });
        let name = format!("svclab-kubectl-{}-{}", std::process::id(), server.port());
        let home = std::env::temp_dir().join(name);
        fs::create_dir_all(&home).map_err(wrong)?;
        for file in files(folder, "yaml")? {
            fs::copy(&file, home.join(file.file_name().unwrap_or_default())).map_err(wrong)?;
        }
        fs::write(home.join("config"), config(server)).map_err(wrong)?;
        Ok(Real { server, home })
    }

    fn run(&self, line: &str) -> Result<Printed, Failure> {
        let output = Command::new("timeout")
            .args([SECONDS, "bash", "-c", line])
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .env("KUBECONFIG", self.home.join("config"))
            .env("KUBECACHEDIR", self.home.join("cache"))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(format!("bash: {error}")))?;
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let text = text.replace(&format!("http://{}", self.server), "https://127.0.0.1:6443");
            as_upstream(&text)
        };
        let exit = output.status.code().and_then(|it| u8::try_from(it).ok());
        Ok(Printed { stdout: text(&output.stdout), stderr: text(&output.stderr), exit })
    }

    fn now(&self) -> Result<Instant, Failure> {
        self.ask("now")
    }

    fn run_until(&self, at: Instant) -> Result<(), Failure> {
        self.ask(&format!("until={}", at.as_micros())).map(drop)
    }

    /// The lab's time, after it has passed so far.
    fn ask(&self, query: &str) -> Result<Instant, Failure> {
        let wrong = |error: std::io::Error| Failure::new(format!("the lab's server: {error}"));
        let mut stream = TcpStream::connect(self.server).map_err(wrong)?;
        write!(stream, "PUT /lab/time?{query} HTTP/1.1\r\nConnection: close\r\n\r\n")
            .map_err(wrong)?;
        stream.shutdown(std::net::Shutdown::Write).map_err(wrong)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(wrong)?;
        let micros = text.rsplit("\r\n").next().and_then(|it| it.parse().ok());
        micros
            .map(Instant::from_micros)
            .ok_or_else(|| Failure::new("the lab's server does not tell the time"))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // What is left behind in a folder for temporary files harms nobody.
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Some builds of kubectl call themselves otherwise, and word mistakes in flags with a capital.
fn as_upstream(text: &str) -> String {
    let plain = |line: &str| {
        if let Some(rest) = line.strip_prefix("Error: ") {
            return format!("error: {rest}");
        }
        match line.split_once("\"command failed\" err=\"").filter(|_| line.starts_with('E')) {
            Some((_, rest)) => {
                let why = rest.trim_end().trim_end_matches('"').replace("\\\"", "\"");
                format!("error: {why}\n")
            }
            None => line.replace("-dispatcher", ""),
        }
    };
    text.split_inclusive('\n').map(plain).collect()
}

fn config(server: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
         clusters: [{{name: lab, cluster: {{server: 'http://{server}'}}}}]\n\
         contexts: [{{name: lab, context: {{cluster: lab, user: kubernetes-admin}}}}]\n\
         users: [{{name: kubernetes-admin, user: {{}}}}]\n"
    )
}
