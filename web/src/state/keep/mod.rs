//! What outlives a visit, and what can be taken back: scenario, actions, files, terminals.

mod branches;

use std::rc::Rc;

use svclab_core::history::{History, Session};
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Files, Lesson, SEED, State, Terminal, named};
use crate::marks::Marks;
use crate::objects::Wanted;

/// More lab time than this takes too long to be done again while somebody waits.
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
    /// Why what was done at the last visit could not be done again.
    Lost(String),
    /// The browser does not take what there is to keep.
    NotKept,
}

impl Notice {
    /// Whether what was there before can be had back.
    pub fn can_undo(&self) -> bool {
        matches!(self, Notice::StartedOver | Notice::Opened | Notice::Differs)
    }

    /// Whether it goes by itself; what went wrong stays until somebody has read it.
    pub fn passes(&self) -> bool {
        !matches!(self, Notice::Unreadable(_) | Notice::Lost(_) | Notice::NotKept)
    }
}

/// What a new start puts aside.
pub(super) struct Before {
    scenario: Rc<Scenario>,
    history: History,
    files: Files,
    lesson: Lesson,
    /// None: shells as at a first visit.
    terminal: Option<Terminal>,
}

impl State {
    /// The scenario and everything that was done, as text.
    pub fn session(&self) -> String {
        self.history.session().to_text()
    }

    /// The session and what is being written, for a link.
    pub fn linked(&self) -> String {
        format!("{{\"files\":{},\"session\":{}}}", self.files.to_json(), self.session())
    }

    /// The same, the other branches and what the terminals have printed, for a file.
    pub fn kept(&self) -> String {
        let mut res = self.linked();
        if let Some(rest) = self.rest() {
            res.pop();
            res += &format!(",\"rest\":{rest}}}");
        }
        res
    }

    /// What the session lacks: other branches, and what stands on the terminals' screens.
    pub(super) fn rest(&self) -> Option<String> {
        let branches = self.history.branches().nth(1).is_some();
        (branches || self.terminal.is_used()).then(|| self.rest_text())
    }

    #[inline(never)]
    fn rest_text(&self) -> String {
        let history = &self.history;
        let branches = history.branches().nth(1).map(|_| branches::to_value(history));
        json!({"history": branches, "terminal": self.terminal.to_value()}).to_string()
    }

    /// The terminals' screens as they were left.
    #[inline(never)]
    pub(super) fn take_rest(&mut self, rest: &Value) {
        if let Some(kept) = rest.get("terminal") {
            self.terminal.read(kept, &self.view);
        }
    }

    /// Whether the browser has taken what there is to keep; said once, until it does again.
    pub(super) fn told_kept(&mut self, kept: bool) {
        self.unkept = !kept;
        if self.unkept {
            self.notice = Some(Notice::NotKept);
        } else if self.notice == Some(Notice::NotKept) {
            self.notice = None;
        }
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
        self.replace(Before { scenario: scenario.into(), history, files, lesson, terminal: None });
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
            Ok((files, (scenario, history, same), rest)) => {
                let lesson = Lesson::new(&scenario.tries, &[]);
                let files = files.unwrap_or_else(|| Files::new(named(&scenario)));
                self.replace(Before { scenario, history, files, lesson, terminal: None });
                self.remember_sent();
                self.take_rest(&rest);
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
        let Before { scenario, history, files, lesson, terminal } = next;
        self.interrupt_jobs();
        let before = Before {
            scenario: std::mem::replace(&mut self.scenario, scenario),
            history: std::mem::replace(&mut self.history, history),
            files: std::mem::replace(&mut self.files, files),
            lesson: std::mem::replace(&mut self.lesson, lesson),
            terminal: Some(std::mem::take(&mut self.terminal)),
        };
        let shown = before.terminal.as_ref().is_some_and(|it| it.shown);
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
        self.terminal = terminal.unwrap_or_else(|| Terminal::new(self.first_places()));
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

/// The scenario of the last visit as it was left, the rest of what was kept, and what is to be said;
/// `scenario` begins anew where that cannot be read.
#[inline(never)]
pub(super) fn last_visit(
    scenario: Scenario,
    session: &str,
    rest: Option<&str>,
) -> (Rc<Scenario>, History, Value, Option<Notice>) {
    let rest = rest.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    match read_session(session, &rest) {
        Ok((scenario, history, _)) => (scenario, history, rest, None),
        Err(problem) => {
            let history = State::first_moment(&scenario);
            (scenario.into(), history, Value::Null, Some(Notice::Lost(problem)))
        }
    }
}

/// The files, the session done again, and the rest that was kept with it. What a lab that has
/// stopped leaves is a session alone.
fn read_kept(text: &str) -> Result<(Option<Files>, Replayed, Value), String> {
    let mut kept: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if kept.get("scenario").is_some() {
        return Ok((None, read_session(text, &Value::Null)?, Value::Null));
    }
    let mut part = |name| kept.get_mut(name).map(Value::take).unwrap_or_default();
    let files = Files::from_json(&part("files").to_string()).ok_or("it holds no manifests")?;
    let rest = part("rest");
    Ok((Some(files), read_session(&part("session").to_string(), &rest)?, rest))
}

/// Does everything again. Of time in which nobody did anything, only so much as somebody waits for.
pub(super) fn read_session(text: &str, rest: &Value) -> Result<Replayed, String> {
    let mut session = Session::parse(text)?;
    let longest = Instant::START + LONGEST;
    if session.until > longest {
        let last = session.steps.last().map_or(Instant::START, |it| it.at);
        if last > longest {
            return Err("the session is longer than four hours of the lab's time".to_owned());
        }
        session.until = longest;
        session.fingerprint.clear();
    }
    let branches = rest.get("history").and_then(|it| branches::replay(&session, it, LONGEST));
    let (history, same) = branches.unwrap_or_else(|| session.replay());
    Ok((session.scenario.into(), history, same))
}

#[cfg(test)]
mod tests;
