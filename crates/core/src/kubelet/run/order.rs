//! Which container starts and which ends next, and what that makes of the pod.
//!
//! Init containers run one after the other. One that keeps running (a sidecar) lets the next begin
//! as soon as it has started; it ends when all that came after it has ended.

use super::{Advance, PodRun, REMOVAL, Stage};
use crate::kubelet::container::ContainerRun;
use crate::kubelet::life::Why;
use crate::kubelet::plan::RestartPolicy;
use crate::time::Instant;

impl PodRun {
    pub(super) fn is_sidecar(&self, index: usize) -> bool {
        self.plan.containers.get(index).is_some_and(|it| it.is_sidecar)
    }

    /// The init container that what follows has to wait for.
    fn awaited(&self) -> Option<usize> {
        (0..self.plan.inits).find(|index| match self.is_sidecar(*index) {
            true => !self.containers[*index].initialized,
            false => !self.containers[*index].has_succeeded(),
        })
    }

    /// The container that is to start next, and when.
    pub(super) fn next_start(&self) -> Option<(usize, Instant)> {
        if self.containers.iter().any(ContainerRun::is_busy) {
            return None;
        }
        let all = self.containers.iter().enumerate();
        let awaited = self.awaited();
        let may_start = |index: usize| match awaited {
            Some(awaited) => index == awaited || (index < awaited && self.is_sidecar(index)),
            None => index >= self.plan.inits || self.is_sidecar(index),
        };
        let starts = all.filter_map(|(index, it)| Some((index, it.begins()?)));
        starts.filter(|(index, _)| may_start(*index)).min_by_key(|(_, at)| *at)
    }

    /// Whether the pod or its last part has ended.
    pub(super) fn settle(&mut self, now: Instant, res: &mut Advance) {
        self.take_turns(now);
        let runs = self.containers.iter().any(|it| it.running().is_some());
        match self.stage {
            // What still runs then are sidecars.
            Stage::Up if self.outcome().is_some() && runs => {
                let stage = Stage::Ending { deleted: false, overdue: false };
                self.end(now, self.plan.grace, stage, res);
                self.take_turns(now);
            }
            Stage::Up if self.outcome().is_some() => {
                self.stage = Stage::Ended { removal: None, overdue: false };
                self.containers.iter_mut().for_each(ContainerRun::leave);
                res.detached = true;
                self.changed(now);
            }
            Stage::Ending { deleted, overdue } if !runs => {
                let removal = deleted.then_some(now + REMOVAL);
                self.stage = Stage::Ended { removal, overdue };
                res.detached = true;
                self.changed(now);
            }
            Stage::Ended { removal: Some(at), .. } if at <= now => res.gone = true,
            _ => {}
        }
    }

    /// Sidecars that were asked to end do so when all that came after them has ended.
    fn take_turns(&mut self, now: Instant) {
        for index in (0..self.plan.inits).rev() {
            let late = match self.containers[index].waits(now) {
                Some(late) => late,
                None => continue,
            };
            let after = &self.containers[index + 1..];
            if late || after.iter().all(|it| it.running().is_none()) {
                let (container, context) = self.container(index, now);
                container.terminate(&context);
            }
        }
    }

    /// Whether a container that is asked to end waits for its turn.
    pub(super) fn waits(&self, index: usize, why: Why) -> bool {
        why == Why::Stopping && self.is_sidecar(index)
    }

    /// The phase (`getPhase`).
    pub(in crate::kubelet) fn phase(&self) -> &'static str {
        if let Stage::Ended { overdue, .. } = self.stage {
            let works = |index: &usize| !self.is_sidecar(*index);
            let mut working = (0..self.containers.len()).filter(works);
            let any = overdue || working.any(|index| has_failed(&self.containers[index]));
            return if any { "Failed" } else { "Succeeded" };
        }
        if let Some(outcome) = self.outcome() {
            let runs = self.containers.iter().any(|it| it.running().is_some());
            return if runs { "Running" } else { outcome };
        }
        let regular = self.regular();
        let unborn = |it: &ContainerRun| !it.is_up() && it.ended.is_none();
        let initialized = self.awaited().is_none();
        if !initialized || regular.iter().any(unborn) { "Pending" } else { "Running" }
    }

    /// How the pod ends, where nothing but sidecars is left to run.
    fn outcome(&self) -> Option<&'static str> {
        let is_final = |it: &ContainerRun| it.running().is_none() && it.begins().is_none();
        if let Some(index) = self.awaited() {
            let init = &self.containers[index];
            let lost = self.plan.restart == RestartPolicy::Never
                && !self.is_sidecar(index)
                && init.ended.is_some()
                && is_final(init);
            return lost.then_some("Failed");
        }
        let regular = self.regular();
        let through = |it: &ContainerRun| is_final(it) && it.ended.is_some();
        if self.plan.restart == RestartPolicy::Always || !regular.iter().all(through) {
            return None;
        }
        Some(if regular.iter().any(has_failed) { "Failed" } else { "Succeeded" })
    }

    fn regular(&self) -> &[ContainerRun] {
        &self.containers[self.plan.inits..]
    }
}

fn has_failed(it: &ContainerRun) -> bool {
    it.ended.as_ref().is_none_or(|it| it.code != 0)
}
