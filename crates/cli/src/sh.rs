//! `svclab sh`: what the lab's terminal prints.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use svclab_core::lab::{Action, Lab};
use svclab_core::proxy::Mode;
use svclab_core::read::Severity;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_shell::{INTERRUPTED, Job, Place, Progress, Session, Stream};

use crate::arguments::Arguments;
use crate::failure::{Failure, place};
use crate::state;

/// The cluster has come to rest by then.
const SETTLED: u64 = 60;
/// A command that runs for longer is interrupted, unless something else was asked for.
const LONGEST: Duration = Duration::from_secs(3600);

/// Turns of a command that does much and lets no time pass: a loop without end is interrupted.
const BUSIEST: u32 = 1000;

struct Asked {
    at: u64,
    seed: u64,
    from: Place,
    mode: Mode,
    manifests: Vec<OsString>,
    line: String,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let asked = read(arguments)?;
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    scenario.cluster.kube_proxy.mode = asked.mode;
    let mut lab = Lab::new(&scenario, asked.seed);
    let mut session = Session::new(asked.from);
    for file in &asked.manifests {
        let text = state::text(file.as_ref())?;
        apply(&mut lab, file, &text)?;
        let name = std::path::Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        session.files.put(session.resolve(&name), text);
    }
    lab.run_until(Instant::START + Duration::from_secs(asked.at));
    let status = play(lab, Job::new(session, &asked.line))?;
    Ok(ExitCode::from(status))
}

fn read(mut arguments: Arguments) -> Result<Asked, Failure> {
    let from = Place::Outside("laptop".to_owned());
    let (mode, manifests, nothing) = (Mode::default(), Vec::new(), String::new());
    let mut asked = Asked { at: SETTLED, seed: 1, from, mode, manifests, line: nothing };
    while let Some(word) = arguments.next() {
        let number = |arguments: &mut Arguments, name: &str| {
            let value = arguments.value(name)?;
            let number = value.to_str().and_then(|it| it.parse().ok());
            number.ok_or_else(|| Failure::new(format!("{name} needs a whole number")))
        };
        match word.to_str() {
            Some("--") => {
                let words: Vec<String> =
                    arguments.by_ref().map(|it| it.to_string_lossy().into_owned()).collect();
                asked.line = line(&words);
            }
            Some(name @ "--at") => asked.at = number(&mut arguments, name)?,
            Some(name @ "--seed") => asked.seed = number(&mut arguments, name)?,
            Some(name @ "--from") => {
                let value = arguments.value(name)?;
                let place = value.to_str().and_then(Place::parse);
                asked.from = place.ok_or_else(|| {
                    Failure::new("--from is pod/NAMESPACE/NAME, node/NAME or outside/NAME")
                })?;
            }
            Some(name @ "--mode") => {
                let value = arguments.value(name)?;
                let mode = value.to_str().and_then(Mode::parse);
                asked.mode = mode
                    .filter(|it| *it != Mode::Userspace)
                    .ok_or_else(|| Failure::new("--mode is iptables or nftables"))?;
            }
            Some(name) if name.starts_with('-') && name != "-" => {
                return Err(Failure::new(format!("there is no option {name:?} here")));
            }
            _ => asked.manifests.push(word),
        }
    }
    if asked.line.is_empty() {
        return Err(Failure::new("sh needs a command after --"));
    }
    Ok(asked)
}

/// One word is a line of the shell; several are the words of one command.
fn line(words: &[String]) -> String {
    match words {
        [line] => line.clone(),
        words => {
            let quoted = words.iter().map(|it| format!("'{}'", it.replace('\'', "'\\''")));
            quoted.collect::<Vec<_>>().join(" ")
        }
    }
}

pub(crate) fn apply(lab: &mut Lab, file: &OsString, text: &str) -> Result<(), Failure> {
    let reply = lab.act(Action::Apply { text: text.to_owned() });
    let wrong = reply.diagnostics.iter().find(|it| it.severity == Severity::Error);
    match wrong {
        Some(it) => Err(Failure::at(file.as_ref(), place(text, it.span.start), &it.problem)),
        None => Ok(()),
    }
}

/// Runs the job to its end while time passes.
fn play(mut lab: Lab, mut job: Job) -> Result<u8, Failure> {
    let (end, mut busy) = (lab.now() + LONGEST, 0);
    loop {
        let (back, progress) = job.resume(lab);
        lab = back;
        show(&mut job)?;
        match progress {
            Progress::Ended(status) => return Ok(status),
            Progress::Waits(Some(at)) if at <= end => lab.run_until(at),
            Progress::Busy if lab.now() < end && busy < BUSIEST => {
                busy += 1;
                let later = lab.now() + Duration::from_millis(100);
                lab.run_until(later);
            }
            // Nobody is there to edit: the text is left as it is.
            Progress::Edits(draft) => job.edited(Some(draft.text)),
            Progress::WantsReference => job.refer(Some(crate::reference())),
            Progress::Waits(_) | Progress::Busy => return Ok(INTERRUPTED),
        }
    }
}

fn show(job: &mut Job) -> Result<(), Failure> {
    for chunk in job.printed() {
        match chunk.stream {
            Stream::Out => crate::print(&chunk.text)?,
            Stream::Err => {
                let _ = io::stderr().lock().write_all(chunk.text.as_bytes());
            }
        }
    }
    Ok(())
}
