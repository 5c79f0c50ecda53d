//! One container as it runs: pulled, created, started ([`begin`]), asked to end, ended, started
//! again ([`end`]).

mod begin;
mod end;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::backoff::Backoff;
use super::env::Link;
use super::plan::ContainerPlan;
use super::probe::{ProbeKind, Worker};
use super::program::Answers;
use crate::time::{Duration, Instant};

pub(super) use end::LOST;

/// After this kubelet looks again at what it could not start, and says that it waits.
const RESYNC: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ContainerRun {
    pub doing: Doing,
    /// The last end, and the one before it.
    pub ended: Option<Ended>,
    pub before: Option<Ended>,
    /// Whether the last end is still what the container's state shows.
    pub shows_end: bool,
    /// Why it waits, where something is wrong.
    pub trouble: Option<Trouble>,
    pub restarts: u32,
    restart_backoff: Backoff,
    pull_backoff: Backoff,
    /// One for each check of its plan.
    pub workers: Vec<Worker>,
    /// Its `postStart` hook runs.
    posting: Option<Posting>,
    /// Its `postStart` hook has failed, with this error; it is being ended.
    hook_error: Option<String>,
    /// Its startup probe has succeeded, or it has none.
    pub started: bool,
    /// It has started once in this sandbox, as a sidecar's successors wait for.
    pub initialized: bool,
    pub answers: Answers,
    /// What was written since its start by others than its program.
    pub written: Rc<Written>,
    /// The Services that there were at its start.
    pub links: Rc<[Link]>,
}

/// Files of a container by absolute path, each with its text; `None` where it was removed.
pub(super) type Written = BTreeMap<String, Option<String>>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Doing {
    /// Nothing until `begin`, if it is to start at all.
    Idle {
        begin: Option<Instant>,
        notice: Option<(Instant, Trouble)>,
    },
    Pulling {
        since: Instant,
        until: Instant,
        refusal: Option<String>,
    },
    Creating {
        until: Instant,
    },
    Running(Running),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Running {
    pub since: Instant,
    /// When and with which code it will end.
    pub ends: Option<(Instant, i32)>,
    pub killed: Option<Killed>,
    /// When its ports will be open.
    opens: Option<Instant>,
}

/// A `postStart` hook under way.
#[derive(Debug, Clone, PartialEq)]
struct Posting {
    until: Instant,
    failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Killed {
    /// When SIGKILL comes.
    by: Instant,
    /// From then on it takes its turn: SIGTERM comes when those before it have ended.
    waits: Option<Instant>,
    /// When its `preStop` hook is found to have failed.
    hook_fails: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub code: i32,
    /// None where the runtime could not start it.
    pub started: Option<Instant>,
    /// The runtime's words where it could not start it.
    pub refusal: Option<String>,
    pub finished: Instant,
    /// How often it had been restarted then.
    pub run: u32,
}

/// The reason and message of a waiting container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub reason: &'static str,
    pub message: String,
}

/// What a container's steps need to know of its pod and node.
pub(super) struct Context<'a> {
    pub now: Instant,
    pub plan: &'a ContainerPlan,
    pub accepted: Instant,
    /// The pod's, for the message of a back-off.
    pub uid: &'a str,
    /// `NAME_NAMESPACE`
    pub pod: &'a str,
}

impl ContainerRun {
    pub(super) fn new(plan: &ContainerPlan, accepted: Instant) -> ContainerRun {
        ContainerRun {
            doing: Doing::Idle { begin: Some(accepted), notice: None },
            ended: None,
            before: None,
            shows_end: false,
            trouble: None,
            restarts: 0,
            restart_backoff: Backoff::default(),
            pull_backoff: Backoff::default(),
            workers: plan.checks.iter().map(|it| Worker::new(it.kind, accepted)).collect(),
            posting: None,
            hook_error: None,
            started: false,
            initialized: false,
            answers: Answers::default(),
            written: Rc::default(),
            links: Rc::from([]),
        }
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.doing {
            Doing::Running(running) => Some(running),
            _ => None,
        }
    }

    /// Being pulled, created or seen through its `postStart` hook: kubelet starts one container of
    /// a pod after the other.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.doing, Doing::Pulling { .. } | Doing::Creating { .. }) || self.is_settling()
    }

    /// Its process runs, but its `postStart` hook is not through: kubelet says nothing of it yet.
    pub(super) fn is_settling(&self) -> bool {
        self.running().is_some() && (self.posting.is_some() || self.hook_error.is_some())
    }

    /// Running as its status says.
    pub(super) fn is_up(&self) -> bool {
        self.running().is_some() && !self.is_settling()
    }

    /// It ended with 0 and shows it.
    pub(super) fn has_succeeded(&self) -> bool {
        self.running().is_none() && self.ended.as_ref().is_some_and(|it| it.code == 0)
    }

    pub(super) fn begins(&self) -> Option<Instant> {
        match self.doing {
            Doing::Idle { begin, .. } => begin,
            _ => None,
        }
    }

    /// Running, started, and passing its readiness probe.
    pub(super) fn is_ready(&self, plan: &ContainerPlan) -> bool {
        let passing = || {
            let checks = plan.checks.iter().zip(&self.workers);
            let mut readiness = checks.filter(|(check, _)| check.kind == ProbeKind::Readiness);
            readiness.all(|(_, worker)| worker.passing)
        };
        self.is_up() && self.started && passing()
    }

    /// Whether its probe of this kind runs now.
    pub(super) fn probes(&self, kind: ProbeKind, is_ending: bool) -> bool {
        let turn = match kind {
            ProbeKind::Startup => !self.started,
            ProbeKind::Liveness | ProbeKind::Readiness => self.started,
        };
        self.is_up() && turn && (kind == ProbeKind::Readiness || !is_ending)
    }

    /// When it next does something by itself, apart from its start.
    pub(super) fn due(&self, plan: &ContainerPlan, is_ending: bool) -> Option<Instant> {
        match &self.doing {
            Doing::Idle { notice, .. } => notice.as_ref().map(|(at, _)| *at),
            Doing::Pulling { until, .. } | Doing::Creating { until } => Some(*until),
            Doing::Running(running) => {
                let hook = running.killed.as_ref().and_then(|it| it.hook_fails);
                let checks = plan.checks.iter().zip(&self.workers);
                let probes = checks
                    .filter(|(check, it)| self.probes(check.kind, is_ending) && !it.is_held())
                    .map(|(_, it)| it.next);
                let ends = running.ends.map(|(at, _)| at);
                let turn = running.killed.as_ref().and_then(|it| it.waits.map(|_| it.by));
                let posted = self.posting.as_ref().map(|it| it.until);
                let own = ends.into_iter().chain(hook).chain(running.opens);
                probes.chain(own).chain(turn).chain(posted).min()
            }
        }
    }
}
