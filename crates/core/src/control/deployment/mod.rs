//! Deployment → ReplicaSets (the deployment controller).
//!
//! [`sync`] is one turn of `syncDeployment`: it looks at the Deployment and its ReplicaSets and says
//! what to write. Each write wakes the controller again, until a turn writes nothing.

mod progress;
mod rollout;
mod scale;
mod sets;

use std::borrow::Cow;

use svclab_netfilter::order::Order;

use super::conditions;
use crate::object::{Deployment, DeploymentStatus, ReplicaSet};
use crate::time::Instant;

pub(crate) use scale::share;
pub use sets::same_template;

const REVISION: &str = "deployment.kubernetes.io/revision";
pub const PROGRESSING: &str = "Progressing";

/// What one turn writes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub sets: Vec<SetWrite>,
    /// The Deployment with its new status and revision, where they changed.
    pub deployment: Option<Box<Deployment>>,
    /// When to look again, to see whether the deadline has passed.
    pub recheck: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SetWrite {
    Create(Box<ReplicaSet>),
    Update(Box<ReplicaSet>),
    /// The name, in the Deployment's namespace.
    Delete(String),
}

/// One turn for the Deployment and the ReplicaSets that it controls, in any order.
///
/// `pods_run`: whether pods of a ReplicaSet, given its UID, are still there that have not ended;
/// only `Recreate` asks.
pub fn sync<'a>(
    deployment: &'a Deployment,
    sets: impl Iterator<Item = &'a ReplicaSet>,
    pods_run: &dyn Fn(&str) -> bool,
    now: Instant,
) -> Plan {
    let mut turn = Turn::new(deployment, sets, now);
    turn.find_new();
    if deployment.metadata.deletion_timestamp.is_some() {
        turn.status_only();
        return turn.plan();
    }
    turn.note_pause();
    if deployment.spec.paused || turn.is_scaling() {
        turn.scale();
        if deployment.spec.paused {
            turn.clean_up();
        }
        turn.status_only();
    } else {
        match deployment.spec.strategy.r#type.as_str() {
            "Recreate" => turn.recreate(pods_run),
            _ => turn.roll(),
        }
        turn.rollout_status();
    }
    turn.plan()
}

/// A turn under way. A ReplicaSet that is owned here has been changed, and is written at the end.
struct Turn<'a> {
    deployment: &'a Deployment,
    /// By creation.
    sets: Vec<Cow<'a, ReplicaSet>>,
    /// Which of `sets` has the Deployment's template.
    new: Option<usize>,
    /// The last of `sets` is to be created.
    created: bool,
    deleted: Vec<String>,
    revision: Option<String>,
    status: DeploymentStatus,
    now: Instant,
}

impl<'a> Turn<'a> {
    fn new(
        deployment: &'a Deployment,
        sets: impl Iterator<Item = &'a ReplicaSet>,
        now: Instant,
    ) -> Turn<'a> {
        let mut sets: Vec<Cow<ReplicaSet>> = sets.map(Cow::Borrowed).collect();
        sets.order_by(|a, b| sets::age(a).cmp(&sets::age(b)));
        let status = deployment.status.clone();
        let (new, created, deleted, revision) = (None, false, Vec::new(), None);
        Turn { deployment, sets, new, created, deleted, revision, status, now }
    }

    fn wanted(&self) -> i32 {
        self.deployment.spec.replicas.unwrap_or(1)
    }

    fn old(&self) -> impl Iterator<Item = usize> + use<> {
        let new = self.new;
        (0..self.sets.len()).filter(move |at| Some(*at) != new)
    }

    fn new_set(&self) -> Option<&ReplicaSet> {
        self.new.and_then(|at| self.sets.get(at)).map(Cow::as_ref)
    }

    /// Pods that the ReplicaSets are asked for, in all.
    fn asked(&self) -> i32 {
        self.sets.iter().map(|it| it.replicas()).sum()
    }

    fn has_deadline(&self) -> bool {
        self.deployment.spec.progress_deadline_seconds.is_some_and(|it| it != i32::MAX)
    }

    /// So that a pause does not count as lack of progress (`checkPausedConditions`).
    fn note_pause(&mut self) {
        let condition = conditions::find(&self.status.conditions, PROGRESSING);
        let reason = condition.map_or("", |it| it.reason.as_str());
        if self.deployment.spec.progress_deadline_seconds.is_none()
            || reason == "ProgressDeadlineExceeded"
        {
            return;
        }
        match (self.deployment.spec.paused, reason == "DeploymentPaused") {
            (true, false) => {
                self.progressing("Unknown", "DeploymentPaused", "Deployment is paused")
            }
            (false, true) => {
                self.progressing("Unknown", "DeploymentResumed", "Deployment is resumed");
            }
            _ => {}
        }
    }

    fn progressing(&mut self, status: &str, reason: &str, message: &str) {
        let what = (reason, message.to_owned());
        let condition = conditions::condition(PROGRESSING, status, what, self.now);
        conditions::set(&mut self.status.conditions, condition);
    }

    fn plan(self) -> Plan {
        let recheck = self.recheck();
        let last = self.sets.len().checked_sub(1).filter(|_| self.created);
        let changed = self.sets.into_iter().enumerate().filter_map(|(at, set)| match set {
            Cow::Owned(set) if Some(at) == last => Some(SetWrite::Create(Box::new(set))),
            Cow::Owned(set) => Some(SetWrite::Update(Box::new(set))),
            Cow::Borrowed(_) => None,
        });
        let mut sets: Vec<SetWrite> = changed.collect();
        sets.extend(self.deleted.into_iter().map(SetWrite::Delete));
        let annotation = self.deployment.metadata.annotations.get(REVISION);
        let revision = self.revision.filter(|it| Some(it) != annotation);
        let changed = revision.is_some() || self.status != self.deployment.status;
        let deployment = changed.then(|| {
            let Deployment { metadata, spec, .. } = self.deployment;
            let (mut metadata, spec) = (metadata.clone(), spec.clone());
            if let Some(revision) = revision {
                metadata.annotations.insert(REVISION.into(), revision);
            }
            Box::new(Deployment { metadata, spec, status: self.status })
        });
        Plan { sets, deployment, recheck }
    }
}
