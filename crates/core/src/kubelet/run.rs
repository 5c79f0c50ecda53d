//! One pod's life on its node, as a state machine: what kubelet, the runtime and the programs do.
//!
//! It knows no lab: time, chance, images and addresses are handed in by its [`Host`]. It says
//! when it next acts by itself ([`PodRun::due`]); [`PodRun::advance`] lets it act.

mod order;
mod probes;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::container::{ContainerRun, Context, Doing};
use super::env::Link;
use super::image::Images;
use super::life::{Life, Why};
use super::plan::{Plan, Reach, RestartPolicy};
use super::probe::{Port, ProbeKind, host_port};
use super::program::Answers;
use crate::net::Ports;
use crate::object::Pod;
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use svclab_netfilter::Protocol;

/// How long kubelet takes to write a status.
const REPORT: Duration = Duration::from_millis(10);
/// From the last container's end to the object's removal.
const REMOVAL: Duration = Duration::from_millis(500);
/// After this it tries again to set up a sandbox that got no address.
const SANDBOX_RETRY: Duration = Duration::from_secs(10);

/// What a pod's run asks of its node.
pub trait Host {
    /// The node's images, and chance beside them.
    fn images(&mut self) -> (&mut Images, &mut Rng);
    /// Sets up the sandbox's network (CNI's ADD): its addresses, none where the range is used up.
    fn attach(&mut self) -> Vec<IpAddr>;
    /// The Services that containers of the pod learn of when they start now.
    fn links(&mut self) -> Rc<[Link]>;
}

/// A pod as it runs, beside its object.
#[derive(Debug, Clone, PartialEq)]
pub struct PodRun {
    uid: String,
    /// `NAME_NAMESPACE`, as messages name it.
    name: String,
    pub(super) plan: Rc<Plan>,
    /// When kubelet took the pod: its probes tick from here.
    pub(super) accepted: Instant,
    pub(super) stage: Stage,
    pub(super) ips: Vec<IpAddr>,
    pub(super) containers: Vec<ContainerRun>,
    report: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The sandbox is up at `until`.
    Sandbox {
        until: Instant,
    },
    Up,
    /// All containers are asked to end.
    Ending {
        deleted: bool,
        overdue: bool,
    },
    /// All containers have ended; the object goes at `removal`.
    Ended {
        removal: Option<Instant>,
        overdue: bool,
    },
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Advance {
    pub happened: Vec<Occurrence>,
    /// The status is to be written now.
    pub report: bool,
    /// What the pod listens on may be different now.
    pub rewired: bool,
    /// The pod has ended: its sandbox is gone.
    pub detached: bool,
    /// The object is to be removed now.
    pub gone: bool,
}

/// One thing that happened in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occurrence {
    /// The sandbox is up with these addresses.
    Addressed(Vec<IpAddr>),
    /// No address was free.
    NoAddress,
    Container {
        container: usize,
        what: Life,
    },
    /// A run of a probe that failed, or that changed what the probe says.
    Probed(Probed),
    /// The pod has run longer than its `activeDeadlineSeconds`.
    Overdue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    pub container: usize,
    pub kind: ProbeKind,
    pub success: bool,
    /// Results of this kind in a row.
    pub in_row: u32,
    /// How many make a difference.
    pub threshold: u32,
    /// Of the `Unhealthy` Event; empty for a success.
    pub message: String,
    pub changed: bool,
}

impl PodRun {
    /// kubelet takes the pod: its sandbox is set up within 0.5 to 1 s.
    pub fn new(pod: &Pod, now: Instant, rng: &mut Rng) -> PodRun {
        let plan = Plan::of(pod);
        PodRun {
            uid: pod.metadata.uid.to_string(),
            name: format!("{}_{}", pod.metadata.name, pod.metadata.namespace),
            accepted: now,
            stage: Stage::Sandbox { until: now + sandbox_takes(rng) },
            ips: Vec::new(),
            containers: plan.containers.iter().map(|it| ContainerRun::new(it, now)).collect(),
            plan: Rc::new(plan),
            report: Some(now),
        }
    }

    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// When it next acts by itself.
    pub fn due(&self) -> Option<Instant> {
        let stage = match self.stage {
            Stage::Sandbox { until } => Some(until),
            Stage::Up => self.next_start().map(|(_, at)| at),
            Stage::Ending { .. } => None,
            Stage::Ended { removal, .. } => removal,
        };
        let all = self.containers.iter().zip(&self.plan.containers);
        let containers = all.filter_map(|(it, plan)| it.due(plan, self.is_ending()));
        containers.chain(stage).chain(self.report).chain(self.deadline()).min()
    }

    fn is_ending(&self) -> bool {
        matches!(self.stage, Stage::Ending { .. } | Stage::Ended { .. })
    }

    fn deadline(&self) -> Option<Instant> {
        self.plan.deadline.filter(|_| !self.is_ending()).map(|it| self.accepted + it)
    }

    /// Lets everything happen that is due at `now`.
    pub fn advance(&mut self, now: Instant, host: &mut dyn Host) -> Advance {
        let mut res = Advance::default();
        self.sandbox(now, host, &mut res);
        if self.deadline().is_some_and(|at| at <= now) {
            res.happened.push(Occurrence::Overdue);
            self.end(
                now,
                self.plan.grace,
                Stage::Ending { deleted: false, overdue: true },
                &mut res,
            );
        }
        for index in 0..self.containers.len() {
            self.step(index, now, host, &mut res);
        }
        for index in 0..self.containers.len() {
            self.run_probes(index, now, &mut res);
        }
        self.start_next(now, host, &mut res);
        self.settle(now, &mut res);
        if self.report.take_if(|at| *at <= now).is_some() {
            res.report = true;
            self.probe_unready(now, &mut res);
        }
        res
    }

    fn changed(&mut self, now: Instant) {
        self.report.get_or_insert(now + REPORT);
    }

    fn sandbox(&mut self, now: Instant, host: &mut dyn Host, res: &mut Advance) {
        let Stage::Sandbox { until } = self.stage else { return };
        if until > now {
            return;
        }
        if !self.plan.host_network {
            self.ips = host.attach();
            if self.ips.is_empty() {
                self.stage = Stage::Sandbox { until: now + SANDBOX_RETRY };
                res.happened.push(Occurrence::NoAddress);
                return;
            }
            res.happened.push(Occurrence::Addressed(self.ips.clone()));
        }
        self.stage = Stage::Up;
        // The address is told before the containers run: endpoints are there, not ready.
        self.report = Some(now);
    }

    /// A container with what its steps need.
    fn container(&mut self, index: usize, now: Instant) -> (&mut ContainerRun, Context<'_>) {
        let PodRun { plan, accepted, uid, name, containers, .. } = self;
        let plan = &plan.containers[index];
        (&mut containers[index], Context { now, plan, accepted: *accepted, uid, pod: name })
    }

    /// The container's own timers.
    fn step(&mut self, index: usize, now: Instant, host: &mut dyn Host, res: &mut Advance) {
        let (plan, up) = (self.plan.clone(), self.stage == Stage::Up);
        let (container, context) = self.container(index, now);
        res.rewired |= container.opened(now);
        let lives: Vec<Life> = match &container.doing {
            Doing::Pulling { until, .. } if *until <= now => container.pulled(&context),
            Doing::Creating { until } if *until <= now => {
                return self.start(index, now, host.links(), res);
            }
            Doing::Idle { .. } => container.notice(&context),
            Doing::Running(_) => {
                let exit = container.exit(&context, |code| up && plan.restarts(index, code));
                let failed = container.hook_failed(now).then_some(Life::PreStopFailed);
                let posted = container.posted(&context);
                let lives = exit.into_iter().chain(failed).collect();
                self.note(index, lives, now, res);
                return self.note_posted(index, posted, now, res);
            }
            _ => Vec::new(),
        };
        self.note(index, lives, now, res);
    }

    fn start(&mut self, index: usize, now: Instant, links: Rc<[Link]>, res: &mut Advance) {
        let open = self.listens(now);
        let ip = self.ips.first().map(IpAddr::to_string).unwrap_or_default();
        let plan = self.plan.clone();
        let asked = |port: &Port, path: &str| {
            let port = port.clone()?;
            let own = || plan.containers[index].open(Answers::default(), Duration::ZERO);
            if open.contains(Protocol::Tcp, port) || own().any(|it| it.number == port) {
                return Ok(());
            }
            let at = host_port(&ip, port);
            Err(format!("Get \"http://{at}{path}\": dial tcp {at}: connect: connection refused"))
        };
        let up = self.stage == Stage::Up;
        let (container, context) = self.container(index, now);
        let lives = match container.refuse(&context, |code| up && plan.restarts(index, code)) {
            Some(refused) => vec![Life::Created, refused],
            None => container.start(&context, links, asked).into(),
        };
        self.note(index, lives, now, res);
    }

    /// A `postStart` hook is through: a container whose hook has failed is ended.
    fn note_posted(&mut self, index: usize, posted: Option<bool>, now: Instant, res: &mut Advance) {
        match posted {
            None => {}
            Some(true) => self.changed(now),
            Some(false) => {
                self.note(index, vec![Life::PostStartFailed], now, res);
                self.kill(index, (Why::PostStart, self.plan.grace), now, res);
            }
        }
    }

    fn note(&mut self, container: usize, lives: Vec<Life>, now: Instant, res: &mut Advance) {
        if !lives.is_empty() {
            self.changed(now);
            res.rewired = true;
        }
        let lives = lives.into_iter();
        res.happened.extend(lives.map(|what| Occurrence::Container { container, what }));
    }

    fn start_next(&mut self, now: Instant, host: &mut dyn Host, res: &mut Advance) {
        if self.stage != Stage::Up {
            return;
        }
        let Some((index, _)) = self.next_start().filter(|(_, at)| *at <= now) else { return };
        let (images, rng) = host.images();
        let (container, context) = self.container(index, now);
        let lives = container.begin(&context, images, rng);
        self.note(index, lives, now, res);
    }

    /// The pod is deleted: its containers have `grace` to end.
    pub fn stop(&mut self, now: Instant, grace: Duration) -> Advance {
        let mut res = Advance::default();
        match self.stage {
            Stage::Ended { overdue, .. } => {
                self.stage = Stage::Ended { removal: Some(now + REMOVAL), overdue };
            }
            Stage::Ending { overdue, .. } => {
                self.end(now, grace, Stage::Ending { deleted: true, overdue }, &mut res);
            }
            _ => {
                let stage = Stage::Ending { deleted: true, overdue: false };
                self.end(now, grace, stage, &mut res);
            }
        }
        self.settle(now, &mut res);
        res
    }

    /// All containers are asked to end, side by side.
    fn end(&mut self, now: Instant, grace: Duration, stage: Stage, res: &mut Advance) {
        self.stage = stage;
        for index in 0..self.containers.len() {
            self.containers[index].leave();
            self.kill(index, (Why::Stopping, grace), now, res);
        }
    }

    fn kill(&mut self, index: usize, how: (Why, Duration), now: Instant, res: &mut Advance) {
        let open = self.listens(now).tcp();
        let (why, grace) = how;
        let starts_anew = matches!(why, Why::Liveness | Why::Startup | Why::Changed);
        let again = starts_anew && self.plan.restart != RestartPolicy::Never;
        let waits = self.waits(index, why);
        let (container, context) = self.container(index, now);
        let lives =
            container.kill(&context, (why, again, grace), waits, |port| open.contains(&port));
        self.note(index, lives, now, res);
    }

    fn reach(&self, now: Instant) -> (Reach<'_>, Vec<usize>) {
        let all = self.plan.containers.iter().zip(&self.containers).enumerate();
        let running = all
            .filter_map(|(index, (plan, it))| Some((index, (plan, it, now - it.running()?.since))));
        let (indices, running) = running.unzip();
        let (ip, host_network) = (self.ips.first().copied(), self.plan.host_network);
        (Reach { ip, host_network, running }, indices)
    }

    /// The pod's object has changed: a container with another image is started anew.
    pub fn update(&mut self, pod: &Pod, now: Instant) -> Advance {
        let mut res = Advance::default();
        let spec = pod.spec.init_containers.iter().chain(&pod.spec.containers);
        let differs = spec.zip(&self.plan.containers).map(|(it, plan)| it.image != plan.image);
        let differing: Vec<usize> =
            differs.enumerate().filter(|(_, differs)| *differs).map(|(index, _)| index).collect();
        if differing.is_empty() || self.stage != Stage::Up && !self.is_starting() {
            return res;
        }
        self.plan = Rc::new(Plan::of(pod));
        for index in differing {
            self.kill(index, (Why::Changed, self.plan.grace), now, &mut res);
            self.containers[index].forgive(now);
            self.changed(now);
        }
        res
    }

    /// The node has started again: what ran has ended, nobody knows how, and a new sandbox is set
    /// up in which everything starts anew.
    pub fn reboot(&mut self, now: Instant, rng: &mut Rng) {
        let up = !self.is_ending();
        let (plan, inits) = (self.plan.clone(), self.plan.inits);
        for index in 0..self.containers.len() {
            let (container, context) = self.container(index, now);
            container.lose(&context, |code| up && plan.restarts(index, code));
            container.initialized = false;
            if up && index < inits && !plan.containers[index].is_sidecar {
                container.ended = None;
            }
        }
        if up {
            self.stage = Stage::Sandbox { until: now + sandbox_takes(rng) };
        }
        self.ips.clear();
        self.report = Some(now);
    }

    fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Sandbox { .. })
    }

    /// Conditions that others write have changed: the status is written anew.
    pub fn review(&mut self, now: Instant) {
        self.changed(now);
    }

    pub fn ips(&self) -> &[IpAddr] {
        &self.ips
    }

    /// Switches by hand what its programs answer to probes of a kind, until they start again.
    pub fn switch(&mut self, kind: ProbeKind, passes: bool) {
        for container in &mut self.containers {
            match kind {
                ProbeKind::Readiness => container.answers.ready = passes,
                ProbeKind::Liveness | ProbeKind::Startup => container.answers.alive = passes,
            }
        }
    }

    /// The program of a container ends by itself now. False where it does not run.
    pub fn crash(&mut self, container: &str, code: i32, now: Instant) -> bool {
        let all = self.plan.containers.iter().zip(&mut self.containers);
        let mut named = all.filter(|(plan, _)| plan.name == container);
        match named.next().map(|(_, it)| &mut it.doing) {
            Some(Doing::Running(running)) => {
                running.ends = Some((now, code));
                true
            }
            _ => false,
        }
    }

    /// Somebody in a container writes a file, or removes it (`None`).
    pub fn write(&mut self, container: &str, path: String, text: Option<String>) {
        let mut all = self.plan.containers.iter().zip(&mut self.containers);
        if let Some((_, run)) = all.find(|(plan, _)| plan.name == container) {
            Rc::make_mut(&mut run.written).insert(path, text);
        }
    }

    /// The files of a container that are not its image's, by path: those its program made, whose
    /// text nobody knows, and those that others wrote.
    pub fn files(&self, container: &str, now: Instant) -> BTreeMap<String, String> {
        let mut all = self.plan.containers.iter().zip(&self.containers);
        let mut res = BTreeMap::new();
        let Some((plan, run)) = all.find(|(plan, _)| plan.name == container) else { return res };
        let Some(running) = run.running() else { return res };
        let since = now - running.since;
        for (_, path, is_made) in plan.program.files.iter().filter(|it| it.0 <= since) {
            match is_made {
                true => _ = res.insert(path.clone(), String::new()),
                false => _ = res.remove(path),
            }
        }
        for (path, text) in run.written.iter() {
            match text {
                Some(text) => _ = res.insert(path.clone(), text.clone()),
                None => _ = res.remove(path),
            }
        }
        res
    }

    /// What its programs answer to probes; all true where none was switched.
    pub fn answers(&self) -> Answers {
        let all = self.containers.iter().map(|it| it.answers);
        all.fold(Answers::default(), |all, it| Answers {
            ready: all.ready && it.ready,
            alive: all.alive && it.alive,
        })
    }

    /// What the pod's programs listen on now.
    pub fn listens(&self, now: Instant) -> Ports {
        let (reach, _) = self.reach(now);
        let of = |local_only: bool| {
            let programs = reach.running.iter();
            let wanted = programs.filter(move |it| it.0.program.local_only == local_only);
            let open = wanted.flat_map(|(plan, run, since)| plan.open(run.answers, *since));
            open.map(|it| (it.protocol.into(), it.number))
        };
        of(false).collect::<Ports>().with_loopback(of(true))
    }

    pub fn containers(&self) -> impl Iterator<Item = &str> {
        self.plan.containers.iter().map(|it| it.name.as_str())
    }
}

/// 0.5 to 1 s.
fn sandbox_takes(rng: &mut Rng) -> Duration {
    Duration::from_micros(500_000 + rng.below(500_000))
}
