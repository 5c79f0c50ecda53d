//! What kubectl prints: recorded sessions of commands, with what happened between them.
//!
//! A session's objects are loaded as they are stored; its commands are typed into our shell, its
//! events are carried out, and both texts are compared with what differs from run to run masked.

mod mask;
mod play;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Report, first_difference};
use crate::failure::Failure;
use crate::state;

use mask::Masks;
use play::Player;

#[derive(Deserialize)]
struct Session {
    session: String,
    generated: Vec<String>,
    files: BTreeMap<String, String>,
    state: Vec<Value>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Command(Command),
    Event(Value),
}

#[derive(Deserialize)]
struct Command {
    command: String,
    at: Option<String>,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    exit: Value,
    #[serde(default)]
    during: Vec<Step>,
}

pub(super) fn sessions(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let entries = std::fs::read_dir(directory).map_err(|it| Failure::unreadable(directory, &it))?;
    let mut files: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "json"));
    files.sort();
    for file in files {
        let text = state::text(&file)?;
        let Ok(session) = serde_json::from_str::<Session>(&text) else { continue };
        play(&session, &text, report);
    }
    Ok(())
}

fn play(session: &Session, text: &str, report: &mut Report) {
    let mut player = match Player::new(&session.state, &session.files) {
        Ok(player) => player,
        Err(why) => return report.case(&session.session, Err(why)),
    };
    let mut masks = Masks::new(text, &session.generated);
    for step in &session.steps {
        play_step(session, step, &mut player, &mut masks, report);
    }
}

fn play_step(
    session: &Session,
    step: &Step,
    player: &mut Player,
    masks: &mut Masks,
    report: &mut Report,
) {
    let command = match step {
        Step::Event(event) => {
            if let Err(why) = player.event(event) {
                report.case(&format!("{}: event", session.session), Err(why));
            }
            return;
        }
        Step::Command(command) => command,
    };
    let name = format!("{}: {}", session.session, command.command.replace('\n', "\\n"));
    player.wait_for(command.at.as_deref());
    let mut inner = Vec::new();
    let found = player.run(&command.command, |player| {
        for step in &command.during {
            match step {
                Step::Event(event) => inner.push((None, player.event(event).map(|()| None))),
                Step::Command(it) => {
                    let found = player.other(&it.command);
                    inner.push((Some(it), Ok(found)));
                }
            }
            player.let_it_run();
        }
    });
    masks.learn(&player.new_names());
    for (command, outcome) in inner.into_iter() {
        match (command, outcome) {
            (Some(it), Ok(Some(found))) => {
                report.case(&format!("{name}: {}", it.command), compare(it, &found, masks));
            }
            (_, Err(why)) => report.case(&name, Err(why)),
            _ => {}
        }
    }
    report.case(&name, compare(command, &found, masks));
}

/// A text with what differs from run to run masked.
pub(crate) fn masked(command: &str, text: &str) -> String {
    Masks::new(text, &[]).mask(command, text)
}

/// What a command printed, and its exit status; none where it was interrupted.
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: Option<u8>,
}

fn compare(command: &Command, found: &Printed, masks: &Masks) -> Result<(), String> {
    let of = |what: &str, expected: &str, found: &str| {
        let (expected, found) = masks.pair(&command.command, expected, found);
        first_difference(&expected, &found).map_err(|why| format!("{what} {why}"))
    };
    of("stdout", &command.stdout, &found.stdout)?;
    of("stderr", &command.stderr, &found.stderr)?;
    let exit = found.exit.map_or(Value::from("interrupted"), Value::from);
    match exit == command.exit {
        true => Ok(()),
        false => Err(format!("expected exit {}, came {exit}", command.exit)),
    }
}
