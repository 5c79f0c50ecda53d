//! A lab with its past: every action, and checkpoints to come back to.
//!
//! actions at their instants → any earlier moment, whole. Looking back changes nothing; acting
//! there begins a branch, and the other one can still be returned to.

mod session;

use std::rc::Rc;

use crate::lab::log::Log;
use crate::lab::{Action, Lab, Reply};
use crate::scenario::Scenario;
use crate::time::Instant;

pub use session::{Session, fingerprint};

/// Tasks between two checkpoints: so many at most are done again to show a moment.
const TASKS_APART: usize = 96;
/// An action is as much work as so many tasks.
const ACTION_TASKS: usize = 8;
/// How many objects a branch's checkpoints may hold together. Beyond it every second of them is
/// dropped: a long session, or one of a large cluster, takes bounded memory and looks back slower.
const OBJECTS_KEPT: usize = 20_000;

/// What the user did, and when.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    pub at: Instant,
    #[serde(flatten)]
    pub action: Action,
}

/// A branch's place in [`History::branches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub usize);

/// A whole course of events, from the lab's first instant on.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// None for the first.
    pub parent: Option<Fork>,
    /// All that was done, in order; what came before the fork is the parent's too.
    pub steps: Vec<Step>,
    /// The latest instant that was reached.
    pub head: Instant,
    /// All that had happened by then.
    pub log: Log,
    /// In order; the first stands at the lab's first instant.
    checkpoints: Vec<Rc<Checkpoint>>,
}

/// Where a branch left its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    pub branch: BranchId,
    pub at: Instant,
}

#[derive(Debug, PartialEq)]
struct Checkpoint {
    lab: Lab,
    /// How many of the branch's steps it has behind it.
    done: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct History {
    scenario: Scenario,
    seed: u64,
    branches: Vec<Branch>,
    current: BranchId,
    /// The moment that is shown.
    lab: Lab,
    /// How many of the current branch's steps it has behind it.
    done: usize,
    /// Tasks since the checkpoint before it.
    work: usize,
}

impl History {
    pub fn new(scenario: &Scenario, seed: u64) -> History {
        let lab = Lab::new(scenario, seed);
        let checkpoint = Rc::new(Checkpoint { lab: lab.clone(), done: 0 });
        let first = Branch {
            parent: None,
            steps: Vec::new(),
            head: lab.now(),
            log: lab.log().clone(),
            checkpoints: vec![checkpoint],
        };
        let (scenario, branches) = (scenario.clone(), vec![first]);
        History { scenario, seed, branches, current: BranchId(0), lab, done: 0, work: 0 }
    }

    /// The lab at the moment that is shown.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    pub fn now(&self) -> Instant {
        self.lab.now()
    }

    /// The branch that is shown.
    pub fn branch(&self) -> &Branch {
        &self.branches[self.current.0]
    }

    pub fn current(&self) -> BranchId {
        self.current
    }

    pub fn branches(&self) -> impl Iterator<Item = (BranchId, &Branch)> {
        self.branches.iter().enumerate().map(|(at, branch)| (BranchId(at), branch))
    }

    /// Whether the moment that is shown lies before the latest one of its branch.
    pub fn is_past(&self) -> bool {
        self.now() < self.branch().head || self.done < self.branch().steps.len()
    }

    /// When something is next going to happen: by itself, or because it was done then.
    pub fn next_event(&self) -> Option<Instant> {
        let step = self.branch().steps.get(self.done).map(|step| step.at);
        step.into_iter().chain(self.lab.next_event()).min()
    }

    /// Lets time pass until `at`. In the past everything comes again as it came.
    pub fn run_until(&mut self, at: Instant) {
        while let Some(step) = self.branch().steps.get(self.done).filter(|it| it.at <= at) {
            let Step { at, action } = step.clone();
            self.run_lab(at);
            self.lab.act(action);
            self.done += 1;
            self.work += ACTION_TASKS;
        }
        self.run_lab(at);
        self.keep_head();
    }

    fn run_lab(&mut self, at: Instant) {
        while !self.lab.run_some(at, TASKS_APART.saturating_sub(self.work), &mut self.work) {
            self.keep_checkpoint();
            self.work = 0;
        }
    }

    /// Carries out an action at the moment that is shown. In the past it begins a branch.
    pub fn act(&mut self, action: Action) -> Reply {
        if self.is_past() {
            self.fork();
        }
        // What an action before this one put on the queue for now comes before it, as it does
        // when the two are done again.
        let at = self.now();
        self.run_lab(at);
        let reply = self.lab.act(action.clone());
        self.branches[self.current.0].steps.push(Step { at, action });
        self.done += 1;
        self.work += ACTION_TASKS;
        self.keep_head();
        reply
    }

    fn fork(&mut self) {
        let parent = self.branch();
        let ours = |it: &&Rc<Checkpoint>| it.lab.now() <= self.now() && it.done <= self.done;
        let branch = Branch {
            parent: Some(Fork { branch: self.current, at: self.now() }),
            steps: parent.steps[..self.done].to_vec(),
            head: self.now(),
            log: self.lab.log().clone(),
            checkpoints: parent.checkpoints.iter().filter(ours).cloned().collect(),
        };
        self.current = BranchId(self.branches.len());
        self.branches.push(branch);
    }

    /// Shows this branch at `at`, with everything that was done and happened until then. Beyond
    /// the latest moment time passes as in [`History::run_until`].
    pub fn look(&mut self, at: Instant) {
        let checkpoints = &self.branch().checkpoints;
        let after = checkpoints.partition_point(|it| it.lab.now() <= at);
        let Some(before) = checkpoints.get(after.saturating_sub(1)).cloned() else { return };
        if at < self.now() || self.now() < before.lab.now() {
            self.restore(&before);
        }
        self.run_until(at);
    }

    /// Shows another branch at its latest moment.
    pub fn switch(&mut self, to: BranchId) {
        let Some(branch) = self.branches.get(to.0) else { return };
        let (head, last) = (branch.head, branch.checkpoints.last().cloned());
        self.current = to;
        if let Some(last) = last {
            self.restore(&last);
        }
        self.run_until(head);
    }

    fn restore(&mut self, checkpoint: &Checkpoint) {
        self.lab = checkpoint.lab.clone();
        self.done = checkpoint.done;
        self.work = 0;
    }

    /// What was reached beyond the branch's latest moment is its latest moment now.
    fn keep_head(&mut self) {
        let (now, log, done) = (self.lab.now(), self.lab.log(), self.done);
        let branch = &mut self.branches[self.current.0];
        if now >= branch.head && done == branch.steps.len() {
            branch.head = now;
            // A log only grows, and this is asked with every frame.
            if branch.log.len() != log.len() {
                branch.log = log.clone();
            }
        }
    }

    fn keep_checkpoint(&mut self) {
        let branch = &mut self.branches[self.current.0];
        let moment = |it: &Checkpoint| (it.done, it.lab.now());
        let known =
            branch.checkpoints.last().is_some_and(|it| moment(it) >= (self.done, self.lab.now()));
        if known {
            return;
        }
        branch.checkpoints.push(Rc::new(Checkpoint { lab: self.lab.clone(), done: self.done }));
        let objects: usize = branch.checkpoints.iter().map(|it| it.lab.objects().len()).sum();
        if objects > OBJECTS_KEPT {
            let mut place = 0;
            branch.checkpoints.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
    }

    /// The scenario and all that was done on the branch that is shown, for a text.
    pub fn session(&self) -> Session {
        let mut end = self.clone();
        end.look(self.branch().head);
        Session { fingerprint: fingerprint(end.lab()), ..self.draft() }
    }

    /// The same without its fingerprint, which takes the longer the more has happened: for a text
    /// that is written again and again.
    pub fn draft(&self) -> Session {
        let branch = self.branch();
        Session {
            version: session::VERSION,
            scenario: self.scenario.clone(),
            seed: self.seed,
            steps: branch.steps.clone(),
            until: branch.head,
            fingerprint: String::new(),
        }
    }
}
