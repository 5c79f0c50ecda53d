//! What the Deployment says of itself: counters, `Available`, `Progressing`.

use super::{PROGRESSING, Turn};
use crate::control::available::updated_at;
use crate::control::conditions::{self, condition};
use crate::control::replica_set::FAILURE;
use crate::object::{DeploymentStatus, ReplicaSet, WorkloadCondition};
use crate::time::{Duration, Instant};

const AVAILABLE: &str = "Available";
const DONE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";

impl Turn<'_> {
    /// `syncDeploymentStatus`: without a word on progress.
    pub(super) fn status_only(&mut self) {
        self.status = self.counted();
    }

    /// `syncRolloutStatus`
    pub(super) fn rollout_status(&mut self) {
        let mut status = self.counted();
        if !self.has_deadline() {
            conditions::remove(&mut status.conditions, PROGRESSING);
        }
        let before = conditions::find(&self.status.conditions, PROGRESSING);
        let settled = status.replicas == status.updated_replicas
            && before.is_some_and(|it| it.reason == DONE);
        if self.has_deadline() && !settled {
            self.judge(&mut status);
        }
        match self.failure() {
            Some(failure) => conditions::set(&mut status.conditions, failure),
            None => conditions::remove(&mut status.conditions, FAILURE),
        }
        self.status = status;
    }

    /// What keeps a ReplicaSet from making its pods, the new one first (`getReplicaFailures`).
    fn failure(&self) -> Option<WorkloadCondition> {
        let others = self.sets.iter().map(|it| &**it);
        let mut sets = self.new_set().into_iter().chain(others);
        let failure = sets.find_map(|it| conditions::find(&it.status.conditions, FAILURE))?;
        let last_update_time = failure.last_transition_time.clone();
        Some(WorkloadCondition { last_update_time, ..failure.clone() })
    }

    fn judge(&self, status: &mut DeploymentStatus) {
        let name = self.new_set().map(|it| it.metadata.name.as_str());
        let subject = match name {
            Some(name) => format!("ReplicaSet \"{name}\""),
            None => format!("Deployment \"{}\"", self.deployment.metadata.name),
        };
        let say = |status: &str, reason: &str, what: &str| {
            condition(PROGRESSING, status, (reason, format!("{subject} {what}")), self.now)
        };
        if self.is_complete(status) {
            let done = say("True", DONE, "has successfully progressed.");
            conditions::set(&mut status.conditions, done);
        } else if self.has_progressed(status) {
            // Said anew at every step, so that the deadline counts from the last one.
            let mut new = say("True", "ReplicaSetUpdated", "is progressing.");
            let old = conditions::find(&self.status.conditions, PROGRESSING);
            if let Some(old) = old.filter(|it| it.status == "True") {
                new.last_transition_time.clone_from(&old.last_transition_time);
            }
            conditions::remove(&mut status.conditions, PROGRESSING);
            conditions::set(&mut status.conditions, new);
        } else if self.has_timed_out(status) {
            let late = say("False", TIMED_OUT, "has timed out progressing.");
            conditions::set(&mut status.conditions, late);
        }
    }

    /// `calculateStatus`
    fn counted(&self) -> DeploymentStatus {
        let sum = |of: fn(&ReplicaSet) -> i32| self.sets.iter().map(|it| of(it)).sum::<i32>();
        let available = sum(|it| it.status.available_replicas);
        let mut res = DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: sum(|it| it.status.replicas),
            updated_replicas: self.new_set().map_or(0, |it| it.status.replicas),
            ready_replicas: sum(|it| it.status.ready_replicas),
            available_replicas: available,
            unavailable_replicas: self.asked().saturating_sub(available).max(0),
            collision_count: self.status.collision_count,
            conditions: self.status.conditions.clone(),
        };
        let enough = available >= self.wanted().saturating_sub(self.max_unavailable());
        let (status, reason, message) = if enough {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        let available = condition(AVAILABLE, status, (reason, message.to_owned()), self.now);
        conditions::set(&mut res.conditions, available);
        res
    }

    /// `DeploymentComplete`
    pub(super) fn is_complete(&self, status: &DeploymentStatus) -> bool {
        let wanted = self.wanted();
        status.updated_replicas == wanted
            && status.replicas == wanted
            && status.available_replicas == wanted
            && status.observed_generation >= self.deployment.metadata.generation
    }

    /// `DeploymentProgressing`
    fn has_progressed(&self, status: &DeploymentStatus) -> bool {
        let before = &self.deployment.status;
        let old = |it: &DeploymentStatus| it.replicas.saturating_sub(it.updated_replicas);
        status.updated_replicas > before.updated_replicas
            || old(status) < old(before)
            || status.ready_replicas > before.ready_replicas
            || status.available_replicas > before.available_replicas
    }

    /// `DeploymentTimedOut`
    fn has_timed_out(&self, status: &DeploymentStatus) -> bool {
        let Some(condition) = conditions::find(&status.conditions, PROGRESSING) else {
            return false;
        };
        match condition.reason.as_str() {
            DONE => false,
            TIMED_OUT => true,
            _ => updated_at(condition).is_some_and(|it| it + self.deadline() < self.now),
        }
    }

    fn deadline(&self) -> Duration {
        let seconds = self.deployment.spec.progress_deadline_seconds.unwrap_or(0);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// When the deadline will have passed, a second later as the controller looks
    /// (`requeueStuckDeployment`). None where nothing is under way.
    pub(super) fn recheck(&self) -> Option<Instant> {
        let condition = conditions::find(&self.status.conditions, PROGRESSING)?;
        let waits = self.has_deadline()
            && !self.deployment.spec.paused
            && !matches!(condition.reason.as_str(), DONE | TIMED_OUT)
            && !self.is_complete(&self.status);
        let from = updated_at(condition).filter(|_| waits)?;
        Some(from + self.deadline() + Duration::from_secs(1))
    }
}
