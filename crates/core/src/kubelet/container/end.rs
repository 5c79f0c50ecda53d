//! How it ends, and what it waits for then.

use super::{ContainerRun, Context, Doing, Ended, Killed, RESYNC, Running, Trouble};
use crate::kubelet::backoff::Backoff;
use crate::kubelet::life::{Life, Why};
use crate::kubelet::plan::Hook;
use crate::kubelet::probe::Worker;
use crate::time::{Duration, Instant};

/// While it waits, kubelet says so again after 10 s and up to half as much more (`backOffPeriod`).
const RESYNC_AGAIN: Duration = Duration::from_millis(12_500);
/// What a container has after SIGTERM at least (`minimumGracePeriodInSeconds`).
const LEAST_GRACE: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 137;
/// What containerd says of a container whose end it did not see.
pub(in crate::kubelet) const LOST: i32 = 255;
/// What containerd says of a container that it could not start.
const NOT_STARTED: i32 = 128;

impl ContainerRun {
    /// Asks it to end within `grace`: its hook, SIGTERM, SIGKILL (`killContainer`). Asked again,
    /// a shorter grace counts. `reached` says whether a port of the pod answers its hook. Where it
    /// has to wait for its turn, SIGTERM comes with [`ContainerRun::terminate`].
    pub(in crate::kubelet) fn kill(
        &mut self,
        context: &Context<'_>,
        (why, again, grace): (Why, bool, Duration),
        waits: bool,
        reached: impl Fn(u16) -> bool,
    ) -> Vec<Life> {
        let Context { now, plan, .. } = *context;
        let Doing::Running(running) = &mut self.doing else { return Vec::new() };
        if let Some(killed) = &mut running.killed {
            killed.by = killed.by.min(now + grace.max(LEAST_GRACE));
            if killed.waits.is_none() {
                let last = (killed.by, SIGKILL);
                running.ends = Some(running.ends.map_or(last, |it| it.min(last)));
            }
            return Vec::new();
        }
        let hook = plan.pre_stop.as_ref().filter(|_| grace > Duration::ZERO);
        let (takes, fails) = match hook {
            None => (Duration::ZERO, false),
            Some(Hook::Takes(takes, _)) if *takes >= grace => (grace, true),
            Some(Hook::Takes(takes, code)) => (*takes, *code != 0),
            Some(Hook::Http(port)) => (Duration::ZERO, !port.as_ref().is_ok_and(|it| reached(*it))),
        };
        let term = now + takes;
        let (by, hook_fails) = (now + grace, fails.then_some(term));
        running.killed = Some(Killed { by, waits: Some(term), hook_fails });
        if !waits || grace == Duration::ZERO {
            self.terminate(context);
        }
        vec![Life::Killing { why, again }]
    }

    /// It waits until those that end before it have ended, or its grace is over.
    pub(in crate::kubelet) fn waits(&self, now: Instant) -> Option<bool> {
        let killed = self.running()?.killed.as_ref()?;
        killed.waits.map(|_| killed.by <= now)
    }

    /// SIGTERM now, or when its `preStop` hook is through; SIGKILL when its grace is over.
    pub(in crate::kubelet) fn terminate(&mut self, context: &Context<'_>) {
        let Doing::Running(running) = &mut self.doing else { return };
        let Some(killed) = &mut running.killed else { return };
        let Some(hooked) = killed.waits.take() else { return };
        let term = context.now.max(hooked);
        killed.by = killed.by.max(term + LEAST_GRACE);
        let on_term = context.plan.program.on_term;
        let by_term = on_term.map(|(after, code)| (term + after, code));
        let ends = [running.ends, by_term, Some((killed.by, SIGKILL))];
        running.ends = ends.into_iter().flatten().min_by_key(|(at, _)| *at);
    }

    /// Its `preStop` hook has failed by now.
    pub(in crate::kubelet) fn hook_failed(&mut self, now: Instant) -> bool {
        let Doing::Running(Running { killed: Some(killed), .. }) = &mut self.doing else {
            return false;
        };
        killed.hook_fails.take_if(|at| *at <= now).is_some()
    }

    /// It has ended by now. `again`: whether it is to start again for that code.
    pub(in crate::kubelet) fn exit(
        &mut self,
        context: &Context<'_>,
        again: impl Fn(i32) -> bool,
    ) -> Option<Life> {
        let running = self.running()?;
        let (finished, code) = running.ends.filter(|(at, _)| *at <= context.now)?;
        let started = Some(running.since);
        let ended = Ended { code, started, refusal: None, finished, run: self.restarts };
        let error = self.hook_error.take();
        let trouble = error.map(|message| Trouble { reason: "PostStartHookError", message });
        self.end(context, ended, again(code), trouble);
        Some(Life::Exited { code })
    }

    /// The runtime cannot start it, and says why.
    pub(in crate::kubelet) fn refuse(
        &mut self,
        context: &Context<'_>,
        again: impl Fn(i32) -> bool,
    ) -> Option<Life> {
        let message = context.plan.program.fails.clone()?;
        self.count_start(context.now);
        let ended = Ended {
            code: NOT_STARTED,
            started: None,
            refusal: Some(message.clone()),
            finished: context.now,
            run: self.restarts,
        };
        let trouble = Trouble { reason: "RunContainerError", message: message.clone() };
        self.end(context, ended, again(NOT_STARTED), Some(trouble));
        Some(Life::Unusable { reason: "Failed", message: format!("Error: {message}") })
    }

    /// `trouble` is what it waits for then, if it is to start again.
    fn end(&mut self, context: &Context<'_>, ended: Ended, again: bool, trouble: Option<Trouble>) {
        let finished = ended.finished;
        self.before = self.ended.replace(ended);
        (self.started, self.posting) = (false, None);
        let trouble = trouble.filter(|_| again);
        self.shows_end = trouble.is_none();
        if trouble.is_some() {
            self.trouble = trouble;
        }
        self.workers.iter_mut().for_each(Worker::stop);
        self.doing = match again {
            false => Doing::Idle { begin: None, notice: None },
            true => self.wait_for_restart(context, finished),
        };
    }

    /// Its machine was switched off; the runtime finds it ended (exit code 255), and kubelet has
    /// forgotten what went wrong before.
    pub(in crate::kubelet) fn lose(&mut self, context: &Context<'_>, again: impl Fn(i32) -> bool) {
        self.forgive(context.now);
        if let Doing::Running(running) = &mut self.doing {
            running.ends = Some((context.now, LOST));
            self.exit(context, again);
        } else if self.ended.as_ref().is_some_and(|it| !again(it.code)) {
            self.leave();
        }
    }

    fn wait_for_restart(&self, context: &Context<'_>, finished: Instant) -> Doing {
        let Context { now, plan, uid, pod, .. } = *context;
        let Some(wait) = self.restart_backoff.wait(finished) else {
            return Doing::Idle { begin: Some(now), notice: None };
        };
        let seconds = wait.as_secs();
        let length = match (seconds / 60, seconds % 60) {
            (0, seconds) => format!("{seconds}s"),
            (minutes, seconds) => format!("{minutes}m{seconds}s"),
        };
        let message =
            format!("back-off {length} restarting failed container={} pod={pod}({uid})", plan.name);
        let trouble = Trouble { reason: "CrashLoopBackOff", message };
        Doing::Idle { begin: Some(finished + wait), notice: Some((now + RESYNC, trouble)) }
    }

    /// kubelet says by now that it waits, and for what.
    pub(in crate::kubelet) fn notice(&mut self, context: &Context<'_>) -> Vec<Life> {
        let Doing::Idle { begin, notice } = &mut self.doing else { return Vec::new() };
        let Some((_, trouble)) = notice.take_if(|(at, _)| *at <= context.now) else {
            return Vec::new();
        };
        let is_pull = trouble.reason == "ImagePullBackOff";
        let next = context.now + RESYNC_AGAIN;
        if begin.is_some_and(|begin| next < begin) {
            *notice = Some((next, trouble.clone()));
        }
        self.trouble = Some(trouble);
        self.shows_end = false;
        if is_pull {
            let image = context.plan.image.clone();
            return vec![Life::PullBackOff { image }, Life::GaveUp { reason: "ImagePullBackOff" }];
        }
        let finished = self.ended.as_ref().map_or(context.now, |it| it.finished);
        let wait = self.restart_backoff.wait(finished).unwrap_or_default();
        vec![Life::BackOff { wait, uid: context.uid.to_owned() }]
    }

    /// It is another image now: what went wrong with the old one does not count.
    pub(in crate::kubelet) fn forgive(&mut self, now: Instant) {
        (self.restart_backoff, self.pull_backoff) = (Backoff::default(), Backoff::default());
        if self.running().is_none() {
            self.doing = Doing::Idle { begin: Some(now), notice: None };
        }
    }

    /// It is not to start any more.
    pub(in crate::kubelet) fn leave(&mut self) {
        if self.running().is_none() {
            self.doing = Doing::Idle { begin: None, notice: None };
        }
    }
}
