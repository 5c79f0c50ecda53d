//! One container as it runs: pulled, created, started, asked to end, ended, started again.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::backoff::Backoff;
use super::env::Link;
use super::image::{Images, Pull};
use super::life::{Life, Why};
use super::plan::{ContainerPlan, Hook, PostStart};
use super::probe::{Port, ProbeKind, Worker};
use super::program::Answers;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// From the image being there to the process running.
const START: Duration = Duration::from_millis(300);
/// After this kubelet looks again at what it could not start, and says that it waits.
const RESYNC: Duration = Duration::from_secs(1);
/// While it waits, kubelet says so again after 10 s and up to half as much more (`backOffPeriod`).
const RESYNC_AGAIN: Duration = Duration::from_millis(12_500);
/// What a container has after SIGTERM at least (`minimumGracePeriodInSeconds`).
const LEAST_GRACE: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 137;
/// What containerd says of a container whose end it did not see.
pub(super) const LOST: i32 = 255;
/// What containerd says of a container that it could not start.
const NOT_STARTED: i32 = 128;

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
    /// `asked` is what asking a port of the pod for a path comes to.
    pub(super) fn start(
        &mut self,
        context: &Context<'_>,
        links: Rc<[Link]>,
        asked: impl Fn(&Port, &str) -> Result<(), String>,
    ) -> [Life; 2] {
        let Context { now, plan, .. } = *context;
        self.count_start(now);
        let ends = plan.program.ends.map(|(after, code)| (now + after, code));
        let opens = Some(now + plan.program.opens).filter(|at| *at > now);
        self.doing = Doing::Running(Running { since: now, ends, killed: None, opens });
        self.pull_backoff = Backoff::default();
        self.answers = Answers::default();
        self.written = Rc::default();
        self.links = links;
        self.posting = plan.post_start.as_ref().map(|it| it.run(now, asked));
        if self.posting.is_none() {
            self.settled(context);
        }
        [Life::Created, Life::Started]
    }

    fn count_start(&mut self, now: Instant) {
        if let Some(ended) = &self.ended {
            self.restarts = self.restarts.saturating_add(1);
            self.restart_backoff.attempt(ended.finished, now);
        }
    }

    /// kubelet sees it running from now on.
    fn settled(&mut self, context: &Context<'_>) {
        let Context { now, plan, accepted, .. } = *context;
        (self.shows_end, self.trouble) = (false, None);
        self.started = plan.check(ProbeKind::Startup).is_none();
        self.initialized |= self.started;
        let since = self.running().map_or(now, |it| it.since);
        for (worker, check) in self.workers.iter_mut().zip(&plan.checks) {
            worker.restart(check.kind);
            worker.tick_from(check, accepted, now.max(since + check.delay));
        }
    }

    /// Whether its `postStart` hook went well, where it is through by now.
    pub(super) fn posted(&mut self, context: &Context<'_>) -> Option<bool> {
        let posting = self.posting.take_if(|it| it.until <= context.now)?;
        match posting.failure {
            None => self.settled(context),
            error => self.hook_error = error,
        }
        Some(self.hook_error.is_none())
    }

    /// Its startup probe has succeeded: the other probes begin.
    pub(super) fn has_started(&mut self, context: &Context<'_>) {
        (self.started, self.initialized) = (true, true);
        let since = self.running().map_or(context.now, |it| it.since);
        for (worker, check) in self.workers.iter_mut().zip(&context.plan.checks) {
            worker.tick_from(check, context.accepted, context.now.max(since + check.delay));
        }
    }

    /// Asks it to end within `grace`: its hook, SIGTERM, SIGKILL (`killContainer`). Asked again,
    /// a shorter grace counts. `reached` says whether a port of the pod answers its hook. Where it
    /// has to wait for its turn, SIGTERM comes with [`ContainerRun::terminate`].
    pub(super) fn kill(
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
    pub(super) fn waits(&self, now: Instant) -> Option<bool> {
        let killed = self.running()?.killed.as_ref()?;
        killed.waits.map(|_| killed.by <= now)
    }

    /// SIGTERM now, or when its `preStop` hook is through; SIGKILL when its grace is over.
    pub(super) fn terminate(&mut self, context: &Context<'_>) {
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
        let started = Some(running.since);
        let ended = Ended { code, started, refusal: None, finished, run: self.restarts };
        let error = self.hook_error.take();
        let trouble = error.map(|message| Trouble { reason: "PostStartHookError", message });
        self.end(context, ended, again(code), trouble);
        Some(Life::Exited { code })
    }

    /// The runtime cannot start it, and says why.
    pub(super) fn refuse(
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

impl PostStart {
    fn run(&self, now: Instant, asked: impl Fn(&Port, &str) -> Result<(), String>) -> Posting {
        let (takes, error) = match &self.hook {
            Hook::Takes(takes, 0) => (*takes, None),
            Hook::Takes(takes, code) => {
                let error = format!("command '{}' exited with {code}: , message: \"\"", self.what);
                (*takes, Some(error))
            }
            Hook::Http(port) => (Duration::ZERO, asked(port, &self.what).err()),
        };
        let failure = error.map(|it| format!("{}{it}", self.complaint));
        Posting { until: now + takes, failure }
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
