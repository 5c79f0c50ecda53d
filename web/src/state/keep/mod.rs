//! What outlives a visit, and what can be taken back: scenario, actions, files.

use std::rc::Rc;

use svclab_core::history::{History, Session};
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};

use serde_json::Value;

use super::{Files, Lesson, SEED, State, Terminal, named};
use crate::marks::Marks;
use crate::objects::Wanted;

/// A session of more lab time than this takes too long to be done again while somebody waits.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// A short word about something that was done, until the next thing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Everything is as at the start of the scenario.
    StartedOver,
    /// Another scenario, or a session from a file or a link, has taken the place of this one.
    Opened,
    /// The session was written by a lab that simulates something differently.
    Differs,
    LinkCopied,
    /// Why a file, a link or a scenario could not be read.
    Unreadable(String),
}

impl Notice {
    /// Whether what was there before can be had back.
    pub fn can_undo(&self) -> bool {
        matches!(self, Notice::StartedOver | Notice::Opened | Notice::Differs)
    }
}

/// What a new start puts aside.
pub(super) struct Before {
    scenario: Rc<Scenario>,
    history: History,
    files: Files,
    lesson: Lesson,
}

impl State {
    /// The scenario and everything that was done, as text.
    pub fn session(&self) -> String {
        self.history.session().to_text()
    }

    /// The session and what is being written, for a file or a link.
    pub fn kept(&self) -> String {
        format!("{{\"files\":{},\"session\":{}}}", self.files.to_json(), self.session())
    }

    /// What was being written when the page was left; `applied` where the session has it all.
    pub(super) fn take_files(&mut self, files: Files, applied: bool) {
        let before = std::mem::replace(&mut self.files, files).text();
        let text = self.files.applied_text();
        if !applied && !text.is_empty() && text != before {
            self.apply_text(text);
        }
        self.remember_sent();
    }

    /// What was applied last is what the files say was applied.
    fn remember_sent(&mut self) {
        let sent = self.sent_by_now();
        self.files.remember(sent.unwrap_or_else(|| self.scenario.text().into()));
    }

    /// The scenario's own beginning.
    pub(super) fn first_moment(scenario: &Scenario) -> History {
        let mut history = History::new(scenario, SEED);
        history.run_until(Instant::START + Duration::from_secs(scenario.settle));
        history
    }

    pub(super) fn begin(&mut self, scenario: Scenario) {
        let history = State::first_moment(&scenario);
        let lesson = Lesson::new(&scenario.tries, &[]);
        let files = Files::new(named(&scenario));
        self.replace(Before { scenario: scenario.into(), history, files, lesson });
        self.notice = Some(Notice::Opened);
    }

    /// Nobody has to be told, unless that took the place of something.
    pub(super) fn begin_linked(&mut self, scenario: Scenario) {
        let written = *self.files.text() != *Files::new(named(&self.scenario)).text();
        let untouched = !written && self.history.branch().steps.is_empty();
        self.begin(scenario);
        if untouched {
            self.notice = None;
        }
    }

    pub(super) fn start_over(&mut self) {
        self.begin((*self.scenario).clone());
        self.notice = Some(Notice::StartedOver);
    }

    /// Goes on with what a file or a link holds.
    pub(super) fn restore(&mut self, text: &str) {
        match read_kept(text) {
            Err(problem) => self.notice = Some(Notice::Unreadable(problem)),
            Ok((files, (scenario, history, same))) => {
                let lesson = Lesson::new(&scenario.tries, &[]);
                self.replace(Before { scenario, history, files, lesson });
                self.remember_sent();
                self.notice = Some(if same { Notice::Opened } else { Notice::Differs });
            }
        }
    }

    /// Takes back a new start, only as long as that is offered.
    pub(super) fn undo(&mut self) {
        if !self.notice.as_ref().is_some_and(Notice::can_undo) {
            return;
        }
        if let Some(before) = self.before.take() {
            self.replace(*before);
            self.before = None;
        }
        self.notice = None;
    }

    /// Shows another lab; the one that was shown can be had back.
    fn replace(&mut self, next: Before) {
        let Before { scenario, history, files, lesson } = next;
        let before = Before {
            scenario: std::mem::replace(&mut self.scenario, scenario),
            history: std::mem::replace(&mut self.history, history),
            files: std::mem::replace(&mut self.files, files),
            lesson: std::mem::replace(&mut self.lesson, lesson),
        };
        self.before = Some(Box::new(before));
        self.marks = Marks::default();
        self.report = Rc::default();
        self.playback = None;
        self.greeting = None;
        (self.playing, self.held) = (true, false);
        (self.entry, self.rule) = (None, None);
        self.wanted_objects = Wanted::default();
        self.make_room();
        self.open_as_scenario_says();
        self.refresh();
        let shown = self.terminal.shown;
        self.terminal = Terminal::new(self.first_places());
        self.terminal.shown = shown;
    }

    /// What the scenario wants to be seen first.
    pub(super) fn open_as_scenario_says(&mut self) {
        let opens = &self.scenario.opens;
        let word = |it: &Option<String>| it.as_deref().map(Into::into);
        self.wanted = (word(&opens.from), word(&opens.to));
        self.node_chosen = false;
        let pane = opens.pane.as_deref().and_then(super::Pane::from_id);
        if let Some(pane) = pane.filter(|_| self.shape != super::Shape::One) {
            self.open(pane);
        }
    }
}

/// A scenario, what became of it, and whether that is what became of it when it was written.
type Replayed = (Rc<Scenario>, History, bool);

fn read_kept(text: &str) -> Result<(Files, Replayed), String> {
    let mut kept: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut part = |name| kept.get_mut(name).map(Value::take).unwrap_or_default().to_string();
    let files = Files::from_json(&part("files")).ok_or("it holds no manifests")?;
    Ok((files, read_session(&part("session"))?))
}

pub(super) fn read_session(text: &str) -> Result<Replayed, String> {
    let session = Session::parse(text)?;
    if session.until > Instant::START + LONGEST {
        return Err("the session is longer than four hours of the lab's time".to_owned());
    }
    let (history, same) = session.replay();
    Ok((session.scenario.into(), history, same))
}

#[cfg(test)]
mod tests;
