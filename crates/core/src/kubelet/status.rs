//! A pod's run → the status that kubelet writes (`generateAPIPodStatus`).

use std::net::IpAddr;

use svclab_netfilter::order::Order;

use super::container::{ContainerRun, Doing, Ended, LOST};
use super::image::hash;
use super::plan::ContainerPlan;
use super::run::{PodRun, Stage};
use crate::family::Addresses;
use crate::object::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, Ip, Pod, PodCondition, PodStatus, Word,
};
use crate::time::Instant;

/// The conditions that kubelet writes; all others are somebody else's and stay.
const OWN: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
const OVERDUE: &str = "Pod was active on the node longer than the specified deadline";
/// When a container started that never did.
const NEVER: &str = "1970-01-01T00:00:00Z";
const NOT_FOUND: &str = "The container could not be located when the pod was terminated";

/// A condition's status with its reason and message, both empty where all is well.
struct Verdict {
    holds: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn yes() -> Verdict {
        Verdict { holds: true, reason: "", message: String::new() }
    }

    fn no(reason: &'static str, message: impl Into<String>) -> Verdict {
        Verdict { holds: false, reason, message: message.into() }
    }
}

/// The status of `pod` as it runs on the node with the addresses `host`.
pub fn status(pod: &Pod, run: &PodRun, host: Addresses, now: Instant) -> PodStatus {
    let (phase, before) = (run.phase(), &pod.status);
    let ips = if run.plan.host_network { host.iter().collect() } else { run.ips.clone() };
    let up = !matches!(run.stage, Stage::Sandbox { .. });
    let texts: Vec<String> = if up { ips.iter().map(IpAddr::to_string).collect() } else { vec![] };
    let overdue = matches!(run.stage, Stage::Ended { overdue: true, .. });
    let (inits, mut regular) = container_statuses(pod, run);
    let named = |it: &&ContainerStatus| {
        run.plan.containers.iter().any(|plan| plan.is_sidecar && plan.name == it.name)
    };
    let sidecars: Vec<ContainerStatus> = inits.iter().filter(named).cloned().collect();
    let conditions = conditions(pod, run, (phase, &sidecars, &regular), now);
    regular.order_by(|a, b| a.name.cmp(&b.name));
    PodStatus {
        phase: phase.into(),
        conditions,
        reason: if overdue { "DeadlineExceeded".into() } else { before.reason.clone() },
        message: if overdue { OVERDUE.into() } else { before.message.clone() },
        host_ip: host.primary.to_string(),
        host_ips: host.iter().map(|it| Ip { ip: it.to_string() }).collect(),
        pod_ip: texts.first().cloned().unwrap_or_default(),
        pod_ips: texts.into_iter().map(|ip| Ip { ip }).collect(),
        start_time: Some(run.accepted.rfc3339().into()),
        init_container_statuses: inits,
        container_statuses: regular,
        nominated_node_name: before.nominated_node_name.clone(),
        qos_class: before.qos_class.clone(),
        ephemeral_container_statuses: before.ephemeral_container_statuses.clone(),
        resize: before.resize.clone(),
        resource_claim_statuses: before.resource_claim_statuses.clone(),
    }
}

fn conditions(
    pod: &Pod,
    run: &PodRun,
    (phase, sidecars, regular): (&str, &[ContainerStatus], &[ContainerStatus]),
    now: Instant,
) -> Vec<PodCondition> {
    let time = Word::from(now.rfc3339());
    let sandbox = match run.stage {
        Stage::Sandbox { .. } | Stage::Ended { .. } => Verdict::no("", ""),
        Stage::Up | Stage::Ending { .. } => Verdict::yes(),
    };
    let containers = || containers_ready(phase, sidecars.iter().chain(regular));
    let ready = match containers() {
        verdict if verdict.holds => gates_ready(pod),
        verdict => verdict,
    };
    let own = [sandbox, initialized(run, phase), ready, containers(), Verdict::yes()];
    let others = pod.status.conditions.iter().filter(|it| !OWN.contains(&it.r#type.as_str()));
    let own = OWN.iter().zip(own).map(|(name, verdict)| condition(pod, name, verdict, &time));
    others.cloned().chain(own).collect()
}

fn condition(pod: &Pod, name: &'static str, verdict: Verdict, now: &Word) -> PodCondition {
    let word = if verdict.holds { "True" } else { "False" };
    let since = pod.condition(name).filter(|old| old.status == word);
    PodCondition {
        r#type: name.into(),
        status: word.into(),
        last_transition_time: since.map_or(Some(now.clone()), |it| it.last_transition_time.clone()),
        reason: verdict.reason.into(),
        message: verdict.message,
        ..PodCondition::default()
    }
}

fn initialized(run: &PodRun, phase: &str) -> Verdict {
    let all = || run.plan.containers.iter().zip(&run.containers);
    let is_through = |(plan, it): &(&ContainerPlan, &ContainerRun)| match plan.is_sidecar {
        true => it.started,
        false => it.has_succeeded(),
    };
    // Once a regular container has started, nobody looks at sidecars again.
    let begun = |it: &ContainerRun| it.is_up() || it.ended.is_some();
    let is_initialized = all().skip(run.plan.inits).any(|(_, it)| begun(it));
    let inits = all().take(run.plan.inits).filter(|it| !is_initialized && !is_through(it));
    let left: Vec<&str> = inits.map(|(plan, _)| plan.name.as_str()).collect();
    match (left.is_empty(), phase) {
        (true, "Succeeded") => Verdict { reason: "PodCompleted", ..Verdict::yes() },
        (true, _) => Verdict::yes(),
        (false, _) => Verdict::no(
            "ContainersNotInitialized",
            format!("containers with incomplete status: [{}]", left.join(" ")),
        ),
    }
}

/// Sidecars count with the containers.
fn containers_ready<'a>(phase: &str, all: impl Iterator<Item = &'a ContainerStatus>) -> Verdict {
    match phase {
        "Succeeded" => return Verdict::no("PodCompleted", ""),
        "Failed" => return Verdict::no("PodFailed", ""),
        _ => {}
    }
    let unready: Vec<&str> = all.filter(|it| !it.ready).map(|it| it.name.as_str()).collect();
    match unready.is_empty() {
        true => Verdict::yes(),
        false => Verdict::no(
            "ContainersNotReady",
            format!("containers with unready status: [{}]", unready.join(" ")),
        ),
    }
}

/// `GeneratePodReadyCondition`: gates count once all containers are ready.
fn gates_ready(pod: &Pod) -> Verdict {
    let problem = |gate: &str| match pod.condition(gate) {
        None => Some(format!(
            "corresponding condition of pod readiness gate \"{gate}\" does not exist."
        )),
        Some(it) if it.status == "True" => None,
        Some(it) => Some(format!(
            "the status of pod readiness gate \"{gate}\" is not \"True\", but {}",
            it.status
        )),
    };
    let gates = pod.spec.readiness_gates.iter();
    let problems: Vec<String> = gates.filter_map(|it| problem(&it.condition_type)).collect();
    match problems.is_empty() {
        true => Verdict::yes(),
        false => Verdict::no("ReadinessGatesNotReady", problems.join(", ")),
    }
}

fn container_statuses(pod: &Pod, run: &PodRun) -> (Vec<ContainerStatus>, Vec<ContainerStatus>) {
    let all = run.plan.containers.iter().zip(&run.containers).enumerate();
    let mut all = all.map(|(index, (plan, it))| {
        let is_init = index < run.plan.inits;
        let status = Shown { pod, run, plan, it }.status();
        let ready = match is_init && !plan.is_sidecar {
            true => it.has_succeeded(),
            false => it.is_ready(plan),
        };
        ContainerStatus { ready, ..status }
    });
    let inits = all.by_ref().take(run.plan.inits).collect();
    (inits, all.collect())
}

/// One container with its pod.
struct Shown<'a> {
    pod: &'a Pod,
    run: &'a PodRun,
    plan: &'a ContainerPlan,
    it: &'a ContainerRun,
}

impl Shown<'_> {
    fn status(&self) -> ContainerStatus {
        let Shown { plan, it, .. } = self;
        let known = it.ended.is_some() || it.is_up();
        let (state, last) = self.states();
        ContainerStatus {
            name: plan.name.clone(),
            state,
            last_state: last.map(|it| self.terminated(it)).unwrap_or_default(),
            restart_count: i32::try_from(it.restarts).unwrap_or(i32::MAX),
            image: if known { plan.image_name.clone() } else { plan.image.clone() },
            image_id: if known { plan.image_id.clone() } else { String::new() },
            container_id: if known { self.id(it.restarts) } else { String::new() },
            started: Some(it.is_up() && it.started),
            ..ContainerStatus::default()
        }
    }

    fn states(&self) -> (ContainerState, Option<&Ended>) {
        let it = self.it;
        if let Doing::Running(running) = &it.doing
            && it.is_up()
        {
            let running = ContainerStateRunning { started_at: Some(running.since.rfc3339()) };
            let state = ContainerState { running: Some(running), ..ContainerState::default() };
            return (state, it.ended.as_ref());
        }
        match &it.ended {
            Some(ended) if it.shows_end => (self.terminated(ended), it.before.as_ref()),
            None if matches!(self.run.stage, Stage::Ended { .. }) => (lost(), None),
            ended => (self.waiting(), ended.as_ref()),
        }
    }

    fn waiting(&self) -> ContainerState {
        let default = match self.run.plan.inits {
            0 => "ContainerCreating",
            _ => "PodInitializing",
        };
        let trouble = self.it.trouble.as_ref();
        let waiting = ContainerStateWaiting {
            reason: trouble.map_or(default, |it| it.reason).into(),
            message: trouble.map(|it| it.message.clone()).unwrap_or_default(),
        };
        ContainerState { waiting: Some(waiting), ..ContainerState::default() }
    }

    fn terminated(&self, ended: &Ended) -> ContainerState {
        let terminated = ContainerStateTerminated {
            exit_code: ended.code,
            reason: match ended.code {
                _ if ended.refusal.is_some() => "StartError",
                0 => "Completed",
                LOST => "Unknown",
                _ => "Error",
            }
            .into(),
            message: ended.refusal.clone().unwrap_or_default(),
            started_at: Some(ended.started.map_or(NEVER.to_owned(), |it| it.rfc3339())),
            finished_at: Some(ended.finished.rfc3339()),
            container_id: self.id(ended.run),
            ..ContainerStateTerminated::default()
        };
        ContainerState { terminated: Some(terminated), ..ContainerState::default() }
    }

    /// The runtime's name for the container in its `run`-th start.
    fn id(&self, run: u32) -> String {
        let name = format!("{}/{}/{run}", self.pod.metadata.uid, self.plan.name);
        format!("containerd://{}", hash(&name))
    }
}

/// What becomes of a container that had not been started when its pod ended.
fn lost() -> ContainerState {
    let terminated = ContainerStateTerminated {
        exit_code: 137,
        reason: "ContainerStatusUnknown".into(),
        message: NOT_FOUND.into(),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}
