//! What the scenario suggests to try, and how far the visitor has come.

use svclab_core::scenario::{Deed, Try};
use svclab_shell::Place;

use super::terminal::Screen;
use super::{Filing, Pane, Shape, State};

/// What came of something to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    #[default]
    Untried,
    Runs,
    /// It came out as the scenario says.
    Met,
    /// It came out otherwise: the cluster is not as the scenario left it.
    Missed,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lesson {
    /// Its text is open, not its title alone.
    pub shown: bool,
    /// What it is about stands below the title although it is folded: nobody has done anything yet.
    pub introduces: bool,
    /// One for each thing to try.
    pub outcomes: Vec<Outcome>,
    /// What came out last, for who sees the title alone.
    pub latest: Option<usize>,
    running: Option<Running>,
}

/// What is being tried, and which of its deeds comes next.
#[derive(Debug, Clone, PartialEq)]
struct Running {
    which: usize,
    next: usize,
    /// Where a line runs that has to end first.
    place: Option<Place>,
}

impl Lesson {
    pub(super) fn new(tries: &[Try], met: &[usize]) -> Lesson {
        let outcome = |at| if met.contains(&at) { Outcome::Met } else { Outcome::Untried };
        let outcomes = (0..tries.len()).map(outcome).collect();
        Lesson { shown: true, introduces: false, outcomes, latest: None, running: None }
    }

    /// What has come out as it should.
    pub fn met(&self) -> Vec<usize> {
        let met = self.outcomes.iter().enumerate().filter(|(_, it)| **it == Outcome::Met);
        met.map(|(at, _)| at).collect()
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    fn set(&mut self, which: usize, outcome: Outcome) {
        if let Some(it) = self.outcomes.get_mut(which) {
            *it = outcome;
        }
    }
}

impl State {
    /// Begins to do what one of the tries says; the one before it is let go.
    pub(super) fn try_out(&mut self, which: usize) {
        if let Some(before) = self.lesson.running.take() {
            self.lesson.set(before.which, Outcome::Untried);
        }
        self.lesson.set(which, Outcome::Runs);
        self.lesson.running = Some(Running { which, next: 0, place: None });
        self.lesson.latest = None;
        self.make_room();
        (self.playing, self.held) = (true, false);
        self.go_on_trying();
    }

    /// Where the lesson stands over the stage, it folds when there is something to see.
    pub(super) fn make_room(&mut self) {
        if self.shape != Shape::Three {
            self.lesson.shown = false;
        }
    }

    /// Does what can be done by now of what is being tried. False: nothing.
    #[inline(never)]
    pub(super) fn go_on_trying(&mut self) -> bool {
        let Some(mut running) = self.lesson.running.take() else { return false };
        let screen = |place: &Place| self.terminal.screens.iter().find(|it| it.place == *place);
        if running.place.as_ref().and_then(screen).is_some_and(Screen::runs) {
            self.lesson.running = Some(running);
            return false;
        }
        let scenario = self.scenario.clone();
        let Some(it) = scenario.tries.get(running.which) else { return false };
        let Some(deed) = it.deeds.get(running.next) else {
            let printed = running.place.as_ref().and_then(screen).map(Screen::last_output);
            let met = it.is_met(&printed.unwrap_or_default());
            self.lesson.set(running.which, if met { Outcome::Met } else { Outcome::Missed });
            self.lesson.latest = Some(running.which);
            self.said = match met {
                true => self.lang.pick(&it.then.en, &it.then.ko).clone(),
                false => self.said.clone(),
            };
            return true;
        };
        running.next += 1;
        if let Deed::Run { place, .. } = deed {
            running.place = Place::parse(place);
        }
        self.lesson.running = Some(running);
        self.carry_out(deed);
        self.go_on_trying();
        true
    }

    fn carry_out(&mut self, deed: &Deed) {
        match deed {
            Deed::Run { place, line } => self.type_at(place, line),
            Deed::Edit { replace, with } => {
                let files = self.files.all().iter();
                let written: Vec<Filing> = files
                    .filter(|file| file.text.contains(replace.as_str()))
                    .map(|it| Filing::Write { id: it.id, text: it.text.replace(replace, with) })
                    .collect();
                for filing in written {
                    self.files.act(filing, &[]);
                }
                self.apply();
            }
            Deed::Readiness { .. } | Deed::Act(_) => {
                if let Some(action) = deed.action(self.lab()) {
                    self.act(action);
                }
            }
        }
    }

    /// Types a line where it can be seen.
    fn type_at(&mut self, place: &str, line: &str) {
        self.attach(place);
        self.interrupt_shell();
        if self.shape == Shape::One {
            self.open(Pane::Terminal);
        }
        self.enter(line);
    }
}
