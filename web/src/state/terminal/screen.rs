//! One shell: its lines, and the job that runs there.

use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Lab;
use svclab_core::reference::Reference;
use svclab_core::time::{Duration, Instant};
use svclab_shell::language::{Unreadable, check};
use svclab_shell::{Draft, Job, Place, Progress, Session, Stream, World, complete};

use crate::view::{ServiceView, Shared, View};

/// Older lines are forgotten.
const KEPT: usize = 2_000;
/// Lines typed that can be called back.
const RECALLED: usize = 200;
/// What a thousand commands take that wait for nothing.
const BUSY: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// What was typed, after its prompt.
    Typed {
        prompt: String,
        text: String,
    },
    Printed {
        stream: Stream,
        pieces: Vec<Piece>,
    },
    /// The requests that a line has sent.
    Sent(Vec<usize>),
}

/// A part of a printed line; an object's name or address leads to the object.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub text: String,
    pub object: Option<ObjectKey>,
}

pub struct Screen {
    /// Where it was opened; `kubectl exec` may have gone elsewhere.
    pub place: Place,
    pub lines: Shared<Vec<Rc<Line>>>,
    /// What was typed here, the oldest first.
    pub typed: Shared<Vec<String>>,
    /// What `kubectl edit` shows.
    pub draft: Option<Draft>,
    /// Its job waits for what the API says of its kinds.
    pub(super) wants_reference: bool,
    /// What Tab has written last, for the line that is typed.
    pub completed: Option<Completed>,
    /// When the job wants to go on.
    pub(super) wake: Option<Instant>,
    /// It does much without waiting: once in a frame is enough of it.
    pub(super) busy: bool,
    shell: Shell,
    /// Lines that say nothing whole yet: the shell asks for more.
    pending: String,
    /// The end of what was printed, which no line break has ended yet.
    open: Option<(Stream, String)>,
    sent: Vec<usize>,
}

/// A line after Tab.
#[derive(Debug, Clone, PartialEq)]
pub struct Completed {
    /// The line and the cursor (in bytes) that it was asked for.
    pub before: (String, usize),
    pub line: String,
    pub cursor: usize,
}

enum Shell {
    Idle(Box<Session>),
    Runs(Job),
}

impl Screen {
    pub fn new(place: Place) -> Screen {
        Screen {
            lines: Shared::from(Vec::new()),
            typed: Shared::from(Vec::new()),
            draft: None,
            wants_reference: false,
            completed: None,
            wake: None,
            busy: false,
            shell: Shell::Idle(Box::new(Session::new(place.clone()))),
            pending: String::new(),
            open: None,
            sent: Vec::new(),
            place,
        }
    }

    pub fn runs(&self) -> bool {
        matches!(self.shell, Shell::Runs(_))
    }

    /// The name of its tab: `worker-1 #`
    pub fn label(&self) -> String {
        label(&self.place)
    }

    /// `laptop $`
    pub fn prompt(&self) -> String {
        match &self.shell {
            Shell::Idle(_) if !self.pending.is_empty() => ">".to_owned(),
            Shell::Idle(session) => prompt(session),
            Shell::Runs(_) => String::new(),
        }
    }

    /// Begins a line, where no other runs and it is whole.
    pub(super) fn start(&mut self, text: &str) -> bool {
        let Shell::Idle(session) = &self.shell else { return false };
        let session = session.clone();
        let typed = Line::Typed { prompt: self.prompt(), text: text.to_owned() };
        self.push(typed);
        let line = format!("{}{text}", self.pending);
        if matches!(check(&line), Err(Unreadable::Incomplete(_))) {
            self.pending = line + "\n";
            return false;
        }
        self.pending.clear();
        if line.trim().is_empty() {
            return false;
        }
        self.remember(&line);
        self.shell = Shell::Runs(Job::new(*session, &line));
        true
    }

    /// Tab: writes what all candidates have in common; where that is nothing, once more lists them.
    /// Gives what was listed.
    pub(super) fn complete(&mut self, line: String, cursor: usize, lab: &Lab) -> Option<String> {
        let Shell::Idle(session) = &self.shell else { return None };
        let found = complete(&line, cursor, lab, session);
        let typed = line.get(found.start..cursor).unwrap_or_default();
        let common = found.common();
        let before = (line.clone(), cursor);
        let again = self.completed.as_ref().is_some_and(|it| it.before == before);
        if common.len() > typed.len() {
            let rest = line.get(cursor..).unwrap_or_default();
            let written = line.get(..found.start).unwrap_or_default().to_owned() + &common;
            let (cursor, line) = (written.len(), written + rest);
            self.completed = Some(Completed { before, line, cursor });
            return None;
        }
        self.completed = Some(Completed { before, line: line.clone(), cursor });
        if !again || found.candidates.len() < 2 {
            return None;
        }
        self.push(Line::Typed { prompt: self.prompt(), text: line });
        let listed = found.candidates.join("  ");
        for text in rows(&found.candidates) {
            let pieces = vec![Piece { text, object: None }];
            self.push(Line::Printed { stream: Stream::Out, pieces });
        }
        Some(listed)
    }

    pub(super) fn remember(&mut self, line: &str) {
        let typed = Rc::make_mut(&mut self.typed.0);
        typed.retain(|it| it != line);
        typed.push(line.to_owned());
        let old = typed.len().saturating_sub(RECALLED);
        typed.drain(..old);
    }

    /// Whether its job wants to go on at `now`; without an instant, whether there is one.
    pub(super) fn is_due(&self, now: Option<Instant>) -> bool {
        match now {
            Some(now) => self.wake.is_some_and(|at| at <= now),
            None => self.runs() && self.draft.is_none(),
        }
    }

    /// Lends the world to the job that runs, and shows what it prints.
    pub(super) fn resume<W: World>(&mut self, world: W, view: &View) -> (W, Option<Progress>) {
        let Shell::Runs(job) = &mut self.shell else { return (world, None) };
        let (world, progress) = job.resume(world);
        let (printed, sent) = (job.printed(), job.exchanges());
        self.sent.extend(sent);
        for chunk in printed {
            self.print(chunk.stream, &chunk.text, view);
        }
        (self.draft, self.wake) = (None, None);
        self.busy = progress == Progress::Busy;
        self.wants_reference = progress == Progress::WantsReference;
        match &progress {
            Progress::Waits(at) => self.wake = *at,
            Progress::Busy => self.wake = Some(world.lab().now() + BUSY),
            Progress::Edits(draft) => self.draft = Some(draft.clone()),
            Progress::WantsReference => {}
            Progress::Ended(_) => self.end(),
        }
        (world, Some(progress))
    }

    pub(super) fn edited(&mut self, text: Option<String>) {
        if let Shell::Runs(job) = &mut self.shell {
            job.edited(text);
            self.draft = None;
        }
    }

    pub(super) fn refer(&mut self, reference: Option<Rc<Reference>>) {
        if let Shell::Runs(job) = &mut self.shell {
            job.refer(reference);
        }
    }

    /// `^C`: ends the job, or forgets what was typed so far.
    pub(super) fn interrupt(&mut self) {
        if self.runs() || !self.pending.is_empty() {
            self.open = None;
            self.push(Line::Typed { prompt: String::new(), text: "^C".to_owned() });
        }
        self.pending.clear();
        self.end();
    }

    fn end(&mut self) {
        (self.wake, self.draft, self.open) = (None, None, None);
        (self.busy, self.wants_reference) = (false, false);
        let idle = Shell::Idle(Box::new(Session::new(self.place.clone())));
        self.shell = match std::mem::replace(&mut self.shell, idle) {
            Shell::Runs(job) => Shell::Idle(Box::new(job.into_session())),
            idle @ Shell::Idle(_) => idle,
        };
        let sent = std::mem::take(&mut self.sent);
        if !sent.is_empty() {
            self.push(Line::Sent(sent));
        }
    }

    pub(super) fn clear(&mut self) {
        self.lines = Shared::from(Vec::new());
        self.open = None;
    }

    fn print(&mut self, stream: Stream, text: &str, view: &View) {
        let text = match text.rfind(CLEAR) {
            Some(at) => {
                self.clear();
                &text[at + CLEAR.len()..]
            }
            None => text,
        };
        for part in text.split_inclusive('\n') {
            let whole = part.ends_with('\n');
            let part = plain(part.trim_end_matches('\n'));
            let before = self.open.take().filter(|(of, _)| *of == stream);
            let goes_on = before.is_some();
            let line = before.map_or_else(String::new, |it| it.1) + &part;
            let printed = Line::Printed { stream, pieces: pieces(&line, view) };
            if goes_on {
                Rc::make_mut(&mut self.lines.0).pop();
            }
            self.push(printed);
            self.open = (!whole).then_some((stream, line));
        }
    }

    pub(super) fn push(&mut self, line: Line) {
        let lines = Rc::make_mut(&mut self.lines.0);
        lines.push(Rc::new(line));
        let old = lines.len().saturating_sub(KEPT);
        lines.drain(..old);
    }

    /// All that the last line has printed.
    pub fn last_output(&self) -> String {
        let typed = |it: &Rc<Line>| matches!(**it, Line::Typed { .. });
        let from = self.lines.iter().rposition(typed).unwrap_or(0);
        let mut res = String::new();
        for line in &self.lines[from..] {
            if let Line::Printed { pieces, .. } = &**line {
                pieces.iter().for_each(|piece| res.push_str(&piece.text));
                res.push('\n');
            }
        }
        res
    }

    /// The last line that was printed, for who cannot see it.
    pub(super) fn last_text(&self) -> Option<String> {
        let found = self.lines.iter().rev().find_map(|it| match &**it {
            Line::Printed { pieces, .. } => Some(pieces),
            Line::Typed { .. } | Line::Sent(_) => None,
        });
        found.map(|it| it.iter().map(|piece| piece.text.as_str()).collect())
    }
}

/// Candidates in columns, as wide as a terminal.
fn rows(candidates: &[String]) -> Vec<String> {
    const WIDTH: usize = 80;
    let cell = candidates.iter().map(|it| it.chars().count()).max().unwrap_or(0) + 2;
    let columns = (WIDTH / cell).max(1);
    let row = |row: &[String]| row.iter().map(|it| format!("{it:cell$}")).collect::<String>();
    candidates.chunks(columns).map(|it| row(it).trim_end().to_owned()).collect()
}

/// What `clear` writes to a terminal.
const CLEAR: &str = "\x1b[2J";

/// The text without a terminal's escape sequences.
fn plain(text: &str) -> String {
    let mut res = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        res.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.find(|it: char| it.is_ascii_alphabetic()).map_or(after.len(), |it| it + 1);
        rest = &after[end..];
    }
    res + rest
}

/// `worker-1 #`
pub fn label(place: &Place) -> String {
    format!("{} {}", place.host_name(), sigil(place))
}

fn prompt(session: &Session) -> String {
    let Session { place, directory, .. } = session;
    let (name, sigil) = (place.host_name(), sigil(place));
    match directory == place.home() {
        true => format!("{name} {sigil}"),
        false => format!("{name}:{directory} {sigil}"),
    }
}

/// Where root types, it is another one.
fn sigil(place: &Place) -> char {
    if matches!(place, Place::Outside(_)) { '$' } else { '#' }
}

/// Cuts a line at the names and addresses of objects that are there now.
pub(super) fn pieces(line: &str, view: &View) -> Vec<Piece> {
    let mut res: Vec<Piece> = Vec::new();
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '.';
    let mut rest = line;
    while !rest.is_empty() {
        let same = |it: char| is_word(it) == rest.starts_with(is_word);
        let end = rest.find(|it| !same(it)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let object = object_of(word.trim_end_matches('.'), view);
        match res.last_mut().filter(|it| it.object.is_none() && object.is_none()) {
            Some(last) => last.text.push_str(word),
            None => res.push(Piece { text: word.to_owned(), object }),
        }
        rest = after;
    }
    res
}

/// A pod by its name or address, a node the same, a Service by its cluster IP.
fn object_of(word: &str, view: &View) -> Option<ObjectKey> {
    // Short names mean too much: a pod called `web` is no link wherever `web` stands.
    if word.len() < 6 {
        return None;
    }
    let pod = || view.pods.iter().find(|it| it.key.name == word);
    let node = || view.nodes.iter().find(|it| *it.name == *word);
    let node_key = |name: &str| ObjectKey::new(Kind::Node, "", name);
    if let Ok(ip) = word.parse::<std::net::IpAddr>() {
        let pod = view.pods.iter().find(|it| it.ip == Some(ip)).map(|it| it.key.clone());
        let node = || view.nodes.iter().find(|it| it.ip == ip).map(|it| node_key(&it.name));
        let is_its = |it: &&ServiceView| it.cluster_ip == Some(ip) || it.outer.contains(&ip);
        let service = || view.services.iter().find(is_its);
        return pod.or_else(node).or_else(|| service().map(|it| it.key.clone()));
    }
    pod().map(|it| it.key.clone()).or_else(|| node().map(|it| node_key(&it.name)))
}
