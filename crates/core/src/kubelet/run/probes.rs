//! A pod's probes: which are due, what a result changes.

use super::{Advance, Occurrence, PodRun, Probed};
use crate::kubelet::life::Why;
use crate::kubelet::probe::{Check, Outcome, ProbeKind};
use crate::time::{Duration, Instant};

impl PodRun {
    /// The probes of a container that are due.
    pub(super) fn run_probes(&mut self, index: usize, now: Instant, res: &mut Advance) {
        let plan = self.plan.clone();
        for (at, check) in plan.containers[index].checks.iter().enumerate() {
            let is_ending = self.is_ending();
            let (container, context) = self.container(index, now);
            let accepted = context.accepted;
            if !container.probes(check.kind, is_ending) {
                continue;
            }
            let worker = &mut container.workers[at];
            if worker.is_held() || worker.next > now {
                continue;
            }
            if let Some(message) = worker.timed_out(now) {
                self.count(index, at, Some(message), now, res);
                continue;
            }
            worker.tick_from(check, accepted, now + Duration::from_micros(1));
            self.probe(index, at, now, res);
        }
    }

    /// The extra run of readiness probes with each status, so that the first comes right after
    /// the start and not after a period (`UpdatePodStatus`).
    pub(super) fn probe_unready(&mut self, now: Instant, res: &mut Advance) {
        let plan = self.plan.clone();
        for (index, container) in plan.containers.iter().enumerate() {
            for (at, check) in container.checks.iter().enumerate() {
                let run = &self.containers[index];
                let Some(worker) = run.workers.get(at) else { continue };
                let since = run.running().map_or(now, |it| it.since);
                if check.kind == ProbeKind::Readiness
                    && run.probes(check.kind, self.is_ending())
                    && !worker.passing
                    && !worker.is_waiting()
                    && now - since >= check.delay
                {
                    self.probe(index, at, now, res);
                }
            }
        }
    }

    fn probe(&mut self, index: usize, at: usize, now: Instant, res: &mut Advance) {
        let plan = self.plan.clone();
        let check = &plan.containers[index].checks[at];
        let (reach, indices) = self.reach(now);
        let own = indices.iter().position(|it| *it == index).unwrap_or(usize::MAX);
        match reach.run(check, own) {
            Outcome::Success => self.count(index, at, None, now, res),
            Outcome::Failure(message) => self.count(index, at, Some(message), now, res),
            Outcome::Late(message) => self.containers[index].workers[at].wait(check, message, now),
            Outcome::Errored(why) => {
                let message =
                    format!("{} probe errored and resulted in unknown state: {why}", check.kind);
                let (kind, success, changed) = (check.kind, false, false);
                let (container, in_row, threshold) = (index, 0, check.failures);
                let probed =
                    Probed { container, kind, success, in_row, threshold, message, changed };
                res.happened.push(Occurrence::Probed(probed));
            }
        }
    }

    /// A result counts, and has its effect where it crosses the threshold.
    fn count(
        &mut self,
        index: usize,
        at: usize,
        failure: Option<String>,
        now: Instant,
        res: &mut Advance,
    ) {
        let plan = self.plan.clone();
        let check = &plan.containers[index].checks[at];
        let report = self.containers[index].workers[at].count(check, failure, now);
        let (kind, success, changed) = (check.kind, report.success, report.changed);
        if success && !changed {
            return;
        }
        let (in_row, threshold, message) = (report.in_row, report.threshold, report.message);
        let container = index;
        let probed = Probed { container, kind, success, in_row, threshold, message, changed };
        res.happened.push(Occurrence::Probed(probed));
        if changed {
            self.changed(now);
            self.conclude(index, check, success, now, res);
        }
    }

    fn conclude(
        &mut self,
        index: usize,
        check: &Check,
        success: bool,
        now: Instant,
        res: &mut Advance,
    ) {
        let why = match check.kind {
            ProbeKind::Readiness => return,
            ProbeKind::Startup if success => {
                let (container, context) = self.container(index, now);
                container.has_started(&context);
                return;
            }
            ProbeKind::Liveness if success => return,
            ProbeKind::Startup if self.is_sidecar(index) => Why::SidecarStartup,
            ProbeKind::Startup => Why::Startup,
            ProbeKind::Liveness if self.is_sidecar(index) => Why::SidecarLiveness,
            ProbeKind::Liveness => Why::Liveness,
        };
        let grace = check.grace.unwrap_or(self.plan.grace);
        self.kill(index, (why, grace), now, res);
    }
}
