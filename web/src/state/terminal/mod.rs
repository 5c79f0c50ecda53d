//! The terminal: shells at places of the lab, the line that runs in each, and what was printed.
//!
//! Jobs act on the history as any other action does; time passes for them as it does for the page.

mod kept;
mod screen;

use std::rc::Rc;

use svclab_core::history::History;
use svclab_core::reference::Reference;
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};
use svclab_shell::{Place, Progress};

pub use screen::{Completed, Line, Piece, Screen, label};

use super::{Asked, State};
use crate::assist;
use crate::view::{Pod, View};

#[derive(Debug, Clone)]
pub enum Typing {
    /// Shows the terminal, or leaves only its title.
    Show(bool),
    /// Chooses a shell by its place in [`Terminal::screens`].
    Choose(usize),
    /// Opens a shell, or shows the one that is already there.
    Attach(String),
    Close(usize),
    Enter(String),
    /// Tab in a line, at the byte of the cursor.
    Complete(String, usize),
    /// `^C`
    Interrupt,
    /// `^L`
    Clear,
    /// What came of `kubectl edit`; None: the editor was closed without saving.
    Edited(Option<String>),
}

/// While time is stopped a command may still take so much of it: what it needs itself.
const HURRY: Duration = Duration::from_secs(10);
/// Nothing that a job does between two frames takes longer for the page than this many turns.
const TURNS: usize = 64;
/// A shell on each node would be many.
const NODES: usize = 3;

#[derive(Default)]
pub struct Terminal {
    pub shown: bool,
    pub screens: Vec<Screen>,
    pub chosen: usize,
    /// Stands in for the history while a job has it.
    spare: Option<History>,
}

impl Terminal {
    pub(super) fn new(places: Vec<Place>) -> Terminal {
        let screens = places.into_iter().map(Screen::new).collect();
        Terminal { shown: true, screens, ..Terminal::default() }
    }

    pub fn screen(&self) -> Option<&Screen> {
        self.screens.get(self.chosen)
    }

    fn screen_mut(&mut self) -> Option<&mut Screen> {
        self.screens.get_mut(self.chosen)
    }

    /// The earliest instant that a job waits for.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.screens.iter().filter_map(|it| it.wake).min()
    }

    fn open(&mut self, place: Place) -> usize {
        let found = self.screens.iter().position(|it| it.place == place);
        found.unwrap_or_else(|| {
            self.screens.push(Screen::new(place));
            self.screens.len() - 1
        })
    }
}

/// Every place where a line can be typed: its path and its name for people.
pub fn places(view: &View) -> Vec<(String, String)> {
    let hosts = view.hosts.iter().filter(|it| it.near);
    let hosts = hosts.map(|it| (format!("outside/{}", it.name), it.name.to_string()));
    let nodes = view.nodes.iter().map(|it| (format!("node/{}", it.name), it.name.to_string()));
    let pods = view.pods.iter().filter(|it| it.ip.is_some());
    let pods = pods.map(|it| (format!("pod/{}", it.id), it.id.to_string()));
    hosts.chain(nodes).chain(pods).collect()
}

impl State {
    /// Where shells are open at the first visit: on the laptop, in pods that nothing but the
    /// manifests has made, on the nodes that have others.
    pub(super) fn first_places(&self) -> Vec<Place> {
        let is_alone = |pod: &&Pod| {
            let object = self.lab().objects().get(&pod.key);
            object.is_some_and(|it| it.meta().owner_references.is_empty())
        };
        let alone = self.view.pods.iter().filter(is_alone);
        let alone = alone.map(|it| format!("pod/{}", it.id));
        let hosts = self.view.hosts.iter().filter(|it| it.near && &*it.name == "laptop");
        let hosts = hosts.map(|it| format!("outside/{}", it.name));
        let nodes = self.view.nodes.iter().filter(|it| &*it.name != "control-plane");
        let nodes = nodes.take(NODES).map(|it| format!("node/{}", it.name));
        hosts.chain(alone).chain(nodes).filter_map(|it| Place::parse(&it)).collect()
    }

    pub(super) fn on_typing(&mut self, typing: Typing) {
        let terminal = &mut self.terminal;
        match typing {
            Typing::Show(shown) => terminal.shown = shown,
            Typing::Choose(screen) if screen < terminal.screens.len() => terminal.chosen = screen,
            Typing::Choose(_) => {}
            Typing::Attach(path) => self.attach(&path),
            Typing::Close(screen) if screen < terminal.screens.len() => {
                terminal.screens.remove(screen);
                let last = terminal.screens.len().saturating_sub(1);
                terminal.chosen =
                    (terminal.chosen - usize::from(screen < terminal.chosen)).min(last);
            }
            Typing::Close(_) => {}
            Typing::Enter(text) => self.enter(&text),
            Typing::Complete(line, cursor) => {
                let lab = self.history.lab();
                let screen = self.terminal.screen_mut();
                let listed = screen.and_then(|it| it.complete(line, cursor, lab));
                self.said = listed.unwrap_or_default();
            }
            Typing::Interrupt => self.interrupt_shell(),
            Typing::Clear => {
                if let Some(screen) = terminal.screen_mut() {
                    screen.clear();
                }
            }
            Typing::Edited(text) => {
                let chosen = terminal.chosen;
                if let Some(screen) = terminal.screen_mut() {
                    screen.edited(text);
                }
                self.run_job(chosen);
                self.refresh();
            }
        }
    }

    /// Shows the shell of a place, a new one if there is none.
    pub(super) fn attach(&mut self, path: &str) {
        let Some(place) = Place::parse(path) else { return };
        self.terminal.chosen = self.terminal.open(place);
        self.terminal.shown = true;
    }

    /// `^C` in the shell that is shown.
    pub(super) fn interrupt_shell(&mut self) {
        if let Some(screen) = self.terminal.screen_mut() {
            screen.interrupt();
        }
    }

    pub(super) fn enter(&mut self, text: &str) {
        let chosen = self.terminal.chosen;
        let Some(screen) = self.terminal.screen_mut() else { return };
        if !screen.start(text) {
            return;
        }
        self.resume();
        self.run_job(chosen);
        self.wake_jobs(None);
        self.refresh();
        let last = self.terminal.screens.get(chosen).and_then(Screen::last_text);
        self.said = last.unwrap_or_default();
    }

    /// Lets jobs go on: those whose instant has come, or all where something was done.
    pub(super) fn wake_jobs(&mut self, now: Option<Instant>) {
        for screen in 0..self.terminal.screens.len() {
            let due = self.terminal.screens[screen].is_due(now);
            if due {
                self.run_job(screen);
            }
        }
    }

    /// Goes on with a job until it has to wait. While time is stopped it may take what it needs.
    fn run_job(&mut self, screen: usize) {
        let until = self.history.now() + HURRY;
        for _ in 0..TURNS {
            match self.resume_job(screen) {
                Some(Progress::Waits(Some(at))) if !self.playing && at <= until => {
                    self.history.run_until(at);
                }
                Some(Progress::WantsReference) if self.reference.is_some() => {
                    let reference = self.reference.clone();
                    self.terminal.screens[screen].refer(reference);
                }
                _ => return,
            }
        }
    }

    /// Whether somebody asks what the API says of its kinds, and that is to be fetched now.
    pub fn takes_reference(&mut self) -> bool {
        let typed = self.terminal.screens.iter().any(|it| it.wants_reference);
        let wanted = typed || !self.asked.is_empty();
        let asks = wanted && self.reference.is_none() && !self.reference_asked;
        self.reference_asked |= asks;
        asks
    }

    /// Answers the editor, now or when the reference has come.
    #[inline(never)]
    pub(super) fn describe(&mut self, asked: Asked) {
        match &self.reference {
            Some(it) => asked.reply.emit(assist::describe(it, &asked.text, asked.at)),
            None => self.asked.push(asked),
        }
    }

    /// It came, or is not to be had; who asks again makes it be fetched again.
    pub(super) fn on_reference(&mut self, text: Option<String>) {
        self.reference_asked = false;
        self.reference = text.map(|it| Rc::new(Reference::read(it)));
        for asked in std::mem::take(&mut self.asked) {
            match &self.reference {
                Some(_) => self.describe(asked),
                None => asked.reply.emit("null".to_owned()),
            }
        }
        for screen in 0..self.terminal.screens.len() {
            if self.terminal.screens[screen].wants_reference {
                self.terminal.screens[screen].refer(self.reference.clone());
                self.run_job(screen);
            }
        }
        self.refresh();
    }

    /// Lends the lab to the job of a shell for once.
    fn resume_job(&mut self, screen: usize) -> Option<Progress> {
        let spare = self.terminal.spare.take().unwrap_or_else(|| History::new(&self.nothing(), 0));
        let terminal = &mut self.terminal;
        let screen = terminal.screens.get_mut(screen)?;
        let world = std::mem::replace(&mut self.history, spare);
        let (world, progress) = screen.resume(world, &self.view);
        terminal.spare = Some(std::mem::replace(&mut self.history, world));
        progress
    }

    fn nothing(&self) -> Scenario {
        let mut res = (*self.scenario).clone();
        res.manifests.clear();
        res.cluster.nodes.clear();
        res
    }

    /// Lets time pass until `goal`, and jobs go on whenever their time has come.
    pub(super) fn run_with_jobs(&mut self, goal: Instant) {
        for _ in 0..TURNS {
            let Some(at) = self.terminal.wake().filter(|at| *at <= goal) else { break };
            self.history.run_until(at.max(self.history.now()));
            self.wake_jobs(Some(self.history.now()));
            if self.terminal.screens.iter().any(|it| it.busy) {
                break;
            }
        }
        let reached = self.terminal.wake().is_none_or(|at| at > goal);
        if reached && goal > self.history.now() {
            self.history.run_until(goal);
        }
    }

    /// Another moment is shown: what ran, ran there.
    pub(super) fn interrupt_jobs(&mut self) {
        for screen in &mut self.terminal.screens {
            screen.interrupt();
        }
    }
}

#[cfg(test)]
mod tests;
