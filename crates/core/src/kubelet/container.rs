//! One container as it runs: pulled, created, started, asked to end, ended, started again.

use std::rc::Rc;

use super::backoff::Backoff;
use super::env::Link;
use super::image::{Images, Pull};
use super::life::{Life, Why};
use super::plan::{ContainerPlan, Hook};
use super::probe::{ProbeKind, Worker};
use super::program::Answers;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// From the image being there to the process running.
const START: Duration = Duration::from_millis(300);
/// After this kubelet looks again at what it could not start, and says that it waits.
const RESYNC: Duration = Duration::from_secs(1);
/// What a container has after SIGTERM at least (`minimumGracePeriodInSeconds`).
const LEAST_GRACE: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 137;
/// What containerd says of a container whose end it did not see.
pub(super) const LOST: i32 = 255;

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
    /// Its startup probe has succeeded, or it has none.
    pub started: bool,
    pub answers: Answers,
    /// The Services that there were at its start.
    pub links: Rc<[Link]>,
}

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

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Killed {
    /// When SIGKILL comes.
    by: Instant,
    /// When its `preStop` hook is found to have failed.
    hook_fails: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub code: i32,
    pub started: Instant,
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
            started: false,
            answers: Answers::default(),
            links: Rc::from([]),
        }
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.doing {
            Doing::Running(running) => Some(running),
            _ => None,
        }
    }

    /// Being pulled or created: kubelet starts one container of a pod after the other.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.doing, Doing::Pulling { .. } | Doing::Creating { .. })
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
        self.running().is_some() && self.started && passing()
    }

    /// Whether its probe of this kind runs now.
    pub(super) fn probes(&self, kind: ProbeKind, is_ending: bool) -> bool {
        let turn = match kind {
            ProbeKind::Startup => !self.started,
            ProbeKind::Liveness | ProbeKind::Readiness => self.started,
        };
        self.running().is_some() && turn && (kind == ProbeKind::Readiness || !is_ending)
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
                probes.chain(ends).chain(hook).chain(running.opens).min()
            }
        }
    }

    /// kubelet turns to it: its image first. Gives back what happened.
    pub(super) fn begin(
        &mut self,
        context: &Context<'_>,
        images: &mut Images,
        rng: &mut Rng,
    ) -> Vec<Life> {
        let Context { now, plan, .. } = *context;
        let image = plan.image.clone();
        let Some(reference) = &plan.reference else {
            let message = format!("couldn't parse image name \"{image}\": {}", unreadable(&image));
            let message = format!("Failed to apply default image tag \"{image}\": {message}");
            self.give_up("InvalidImageName", message.clone(), now);
            let unusable = Life::Unusable { reason: "InspectFailed", message };
            return vec![unusable, Life::GaveUp { reason: "InvalidImageName" }];
        };
        match images.pull(reference, plan.policy, now, rng) {
            Pull::Present => {
                self.doing = Doing::Creating { until: now + START };
                vec![Life::Present { image }]
            }
            Pull::Pulls { until, refusal } => {
                self.doing = Doing::Pulling { since: now, until, refusal };
                vec![Life::Pulling { image }]
            }
            Pull::Forbidden => {
                const REASON: &str = "ErrImageNeverPull";
                let message =
                    format!("Container image \"{image}\" is not present with pull policy of Never");
                self.give_up(REASON, message.clone(), now);
                let unusable = Life::Unusable { reason: REASON, message };
                vec![unusable, Life::GaveUp { reason: REASON }]
            }
        }
    }

    /// It waits with this reason and is tried again after the back-off of pulls.
    fn give_up(&mut self, reason: &'static str, message: String, now: Instant) {
        self.pull_backoff.attempt(now, now);
        let wait = self.pull_backoff.wait(now).unwrap_or_default();
        self.trouble = Some(Trouble { reason, message });
        self.shows_end = false;
        self.doing = Doing::Idle { begin: Some(now + wait), notice: None };
    }

    /// The registry has answered.
    pub(super) fn pulled(&mut self, context: &Context<'_>) -> Vec<Life> {
        let Context { now, plan, .. } = *context;
        let Doing::Pulling { since, refusal, .. } = &mut self.doing else { return Vec::new() };
        let (took, image) = (now - *since, plan.image.clone());
        let Some(message) = refusal.take() else {
            self.doing = Doing::Creating { until: now + START };
            let size = plan.reference.as_ref().map_or(0, |it| it.size());
            return vec![Life::Pulled { image, size, took }];
        };
        self.give_up("ErrImagePull", message.clone(), now);
        if let Doing::Idle { notice, .. } = &mut self.doing {
            let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {message}");
            *notice = Some((now + RESYNC, Trouble { reason: "ImagePullBackOff", message }));
        }
        vec![Life::PullFailed { image, message }, Life::GaveUp { reason: "ErrImagePull" }]
    }

    /// The process runs.
    pub(super) fn start(&mut self, context: &Context<'_>, links: Rc<[Link]>) -> [Life; 2] {
        let Context { now, plan, accepted, .. } = *context;
        if let Some(ended) = &self.ended {
            self.restarts = self.restarts.saturating_add(1);
            self.restart_backoff.attempt(ended.finished, now);
        }
        let ends = plan.program.ends.map(|(after, code)| (now + after, code));
        let opens = Some(now + plan.program.opens).filter(|at| *at > now);
        self.doing = Doing::Running(Running { since: now, ends, killed: None, opens });
        (self.shows_end, self.trouble) = (false, None);
        self.pull_backoff = Backoff::default();
        self.answers = Answers::default();
        self.links = links;
        self.started = plan.check(ProbeKind::Startup).is_none();
        for (worker, check) in self.workers.iter_mut().zip(&plan.checks) {
            worker.restart(check.kind);
            worker.tick_from(check, accepted, now + check.delay);
        }
        [Life::Created, Life::Started]
    }

    /// Its startup probe has succeeded: the other probes begin.
    pub(super) fn has_started(&mut self, context: &Context<'_>) {
        self.started = true;
        let since = self.running().map_or(context.now, |it| it.since);
        for (worker, check) in self.workers.iter_mut().zip(&context.plan.checks) {
            worker.tick_from(check, context.accepted, context.now.max(since + check.delay));
        }
    }

    /// Asks it to end within `grace`: its hook, SIGTERM, SIGKILL (`killContainer`). Asked again,
    /// a shorter grace counts. `reached` says whether a port of the pod answers its hook.
    pub(super) fn kill(
        &mut self,
        context: &Context<'_>,
        (why, again, grace): (Why, bool, Duration),
        reached: impl Fn(u16) -> bool,
    ) -> Vec<Life> {
        let Context { now, plan, .. } = *context;
        let Doing::Running(running) = &mut self.doing else { return Vec::new() };
        if let Some(killed) = &mut running.killed {
            killed.by = killed.by.min(now + grace.max(LEAST_GRACE));
            let last = (killed.by, SIGKILL);
            running.ends = Some(running.ends.map_or(last, |it| it.min(last)));
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
        let by = (now + grace).max(term + LEAST_GRACE);
        let by_term = plan.program.on_term.map(|(after, code)| (term + after, code));
        let ends = [running.ends, by_term, Some((by, SIGKILL))];
        running.ends = ends.into_iter().flatten().min_by_key(|(at, _)| *at);
        running.killed = Some(Killed { by, hook_fails: fails.then_some(term) });
        vec![Life::Killing { why, again }]
    }

    /// Its `preStop` hook has failed by now.
    pub(super) fn hook_failed(&mut self, now: Instant) -> bool {
        let Doing::Running(Running { killed: Some(killed), .. }) = &mut self.doing else {
            return false;
        };
        killed.hook_fails.take_if(|at| *at <= now).is_some()
    }

    /// Its ports have opened by now.
    pub(super) fn opened(&mut self, now: Instant) -> bool {
        let Doing::Running(running) = &mut self.doing else { return false };
        running.opens.take_if(|at| *at <= now).is_some()
    }

    /// It has ended by now. `again`: whether it is to start again for that code.
    pub(super) fn exit(
        &mut self,
        context: &Context<'_>,
        again: impl Fn(i32) -> bool,
    ) -> Option<Life> {
        let running = self.running()?;
        let (finished, code) = running.ends.filter(|(at, _)| *at <= context.now)?;
        let ended = Ended { code, started: running.since, finished, run: self.restarts };
        self.before = self.ended.replace(ended);
        self.shows_end = true;
        self.started = false;
        self.workers.iter_mut().for_each(Worker::stop);
        self.doing = match again(code) {
            false => Doing::Idle { begin: None, notice: None },
            true => self.wait_for_restart(context, finished),
        };
        Some(Life::Exited { code })
    }

    /// Its machine was switched off; the runtime finds it ended (exit code 255), and kubelet has
    /// forgotten what went wrong before.
    pub(super) fn lose(&mut self, context: &Context<'_>, again: impl Fn(i32) -> bool) {
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
    pub(super) fn notice(&mut self, context: &Context<'_>) -> Vec<Life> {
        let Doing::Idle { notice, .. } = &mut self.doing else { return Vec::new() };
        let Some((_, trouble)) = notice.take_if(|(at, _)| *at <= context.now) else {
            return Vec::new();
        };
        let is_pull = trouble.reason == "ImagePullBackOff";
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
    pub(super) fn forgive(&mut self, now: Instant) {
        (self.restart_backoff, self.pull_backoff) = (Backoff::default(), Backoff::default());
        if self.running().is_none() {
            self.doing = Doing::Idle { begin: Some(now), notice: None };
        }
    }

    /// It is not to start any more.
    pub(super) fn leave(&mut self) {
        if self.running().is_none() {
            self.doing = Doing::Idle { begin: None, notice: None };
        }
    }
}

/// What the reference parser says of a name that it cannot read.
fn unreadable(image: &str) -> String {
    let name = image.split(['@']).next().unwrap_or_default();
    let at = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[at..].find(':').map_or(name.len(), |it| at + it);
    let path = &name[..end];
    let lower = Some(path.to_lowercase()).filter(|it| it != path);
    match lower.filter(|it| super::image::Reference::parse(it).is_some()) {
        Some(_) => {
            let prefix = if path.contains('/') { "" } else { "library/" };
            format!("invalid reference format: repository name ({prefix}{path}) must be lowercase")
        }
        None => "invalid reference format".to_owned(),
    }
}
