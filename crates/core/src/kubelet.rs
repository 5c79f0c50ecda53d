//! What kubelet does with a pod of its node: start it, probe it, say how it is.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::object::{
    Container, ContainerState, ContainerStateRunning, ContainerStateWaiting, ContainerStatus,
    IntOrString, Ip, Pod, PodCondition, PodStatus, Probe,
};
use crate::time::{Duration, Instant};

/// How many probe results a pod keeps for the page.
const KEPT_RESULTS: usize = 12;

/// A pod as it runs, beside its object.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub uid: String,
    /// When kubelet took the pod: its probes tick from here.
    pub accepted: Instant,
    /// When the containers started.
    pub started: Option<Instant>,
    /// What the readiness endpoint answers: the user's switch.
    pub answers_ready: bool,
    /// The log's number of the entry for the user's last switch.
    pub switched_by: Option<usize>,
    pub containers: Vec<ContainerRun>,
    /// The last results of the readiness probe, oldest first.
    pub results: VecDeque<ProbeResult>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRun {
    pub name: String,
    pub ready: bool,
    last: Option<bool>,
    /// Results like the last one, in a row.
    pub in_row: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeResult {
    pub at: Instant,
    pub success: bool,
}

/// One run of a readiness probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    pub success: bool,
    pub in_row: u32,
    pub threshold: u32,
    /// The message of the `Unhealthy` event; empty for a success.
    pub message: String,
    /// The container's readiness changed by it.
    pub changed: bool,
}

impl Running {
    pub fn new(pod: &Pod, now: Instant) -> Running {
        let container = |it: &Container| ContainerRun {
            name: it.name.clone(),
            ready: false,
            last: None,
            in_row: 0,
        };
        Running {
            uid: pod.metadata.uid.clone(),
            accepted: now,
            started: None,
            answers_ready: true,
            switched_by: None,
            containers: pod.spec.containers.iter().map(container).collect(),
            results: VecDeque::new(),
        }
    }

    /// The containers run now; those without a readiness probe are ready at once.
    pub fn start(&mut self, pod: &Pod, now: Instant) {
        self.started = Some(now);
        for (run, container) in self.containers.iter_mut().zip(&pod.spec.containers) {
            run.ready = container.readiness_probe.is_none();
        }
    }

    /// Runs the readiness probe of the container at `index`. None where there is nothing to probe yet.
    pub fn probe(&mut self, pod: &Pod, index: usize, now: Instant) -> Option<ProbeReport> {
        let container = pod.spec.containers.get(index)?;
        let probe = container.readiness_probe.as_ref()?;
        if now < self.started? + delay(probe) {
            return None;
        }
        let failure = failure(pod, container, probe, self.answers_ready);
        let success = failure.is_none();
        let run = self.containers.get_mut(index)?;
        run.in_row = if run.last == Some(success) { run.in_row.saturating_add(1) } else { 1 };
        run.last = Some(success);
        let limit = if success { probe.success_threshold } else { probe.failure_threshold };
        let threshold = u32::try_from(limit).unwrap_or(1).max(1);
        let changed = run.ready != success && run.in_row >= threshold;
        if changed {
            run.ready = success;
        }
        let in_row = run.in_row;
        self.results.push_back(ProbeResult { at: now, success });
        while self.results.len() > KEPT_RESULTS {
            self.results.pop_front();
        }
        let message = failure.unwrap_or_default();
        Some(ProbeReport { success, in_row, threshold, message, changed })
    }

    /// When the probe of `container` runs next: the first time right after start and its initial
    /// delay, then at each period counted from when the pod was accepted.
    pub fn next_probe(&self, probe: &Probe, now: Instant) -> Instant {
        let period = period(probe);
        let past = (now - self.accepted).as_micros() / period.as_micros();
        self.accepted + Duration::from_micros(period.as_micros().saturating_mul(past + 1))
    }

    /// When the first probe after a start is due.
    pub fn first_probe(&self, probe: &Probe, now: Instant) -> Instant {
        now + delay(probe)
    }
}

/// `periodSeconds`, at least one second.
pub fn period(probe: &Probe) -> Duration {
    Duration::from_secs(u64::try_from(probe.period_seconds).unwrap_or(0).max(1))
}

fn delay(probe: &Probe) -> Duration {
    Duration::from_secs(u64::try_from(probe.initial_delay_seconds).unwrap_or(0))
}

/// The `Unhealthy` event's message where the probe fails.
fn failure(pod: &Pod, container: &Container, probe: &Probe, answers: bool) -> Option<String> {
    const FAILED: &str = "Readiness probe failed: ";
    let ip = &pod.status.pod_ip;
    let refused = |port| format!("dial tcp {ip}:{port}: connect: connection refused");
    if let Some(get) = &probe.http_get {
        let port = number(&get.port, container);
        if port.is_none_or(|port| !listens(pod).contains(&port)) {
            let scheme = get.scheme.to_lowercase();
            let (port, path) = (port.unwrap_or(0), &get.path);
            let why = refused(port);
            return Some(format!("{FAILED}Get \"{scheme}://{ip}:{port}{path}\": {why}"));
        }
        return (!answers).then(|| format!("{FAILED}HTTP probe failed with statuscode: 503"));
    }
    if let Some(socket) = &probe.tcp_socket {
        let port = number(&socket.port, container);
        let open = answers && port.is_some_and(|port| listens(pod).contains(&port));
        return (!open).then(|| format!("{FAILED}{}", refused(port.unwrap_or(0))));
    }
    (!answers).then(|| FAILED.to_owned())
}

fn number(port: &IntOrString, container: &Container) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let named = container.ports.iter().find(|it| it.name == *name)?;
            u16::try_from(named.container_port).ok()
        }
    }
}

/// The TCP ports that the sample programs listen on: those their manifest says.
pub fn listens(pod: &Pod) -> Vec<u16> {
    use crate::object::Protocol;
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let tcp = ports.filter(|port| port.protocol() == Protocol::Tcp);
    tcp.filter_map(|port| u16::try_from(port.container_port).ok()).collect()
}

/// The pod's status as kubelet reports it. `ip` is there once the sandbox is up.
pub fn status(
    pod: &Pod,
    run: &Running,
    (host, ip): (IpAddr, Option<IpAddr>),
    now: Instant,
) -> PodStatus {
    let time = now.rfc3339();
    let started = run.started.map(Instant::rfc3339);
    let ready = started.is_some() && run.containers.iter().all(|it| it.ready);
    let mut status = pod.status.clone();
    status.phase = if started.is_some() { "Running" } else { "Pending" }.into();
    status.host_ip = host.to_string();
    status.host_ips = vec![Ip { ip: host.to_string() }];
    status.pod_ip = ip.map(|it| it.to_string()).unwrap_or_default();
    status.pod_ips = ip.iter().map(|it| Ip { ip: it.to_string() }).collect();
    status.start_time.get_or_insert_with(|| run.accepted.rfc3339());
    status.qos_class = "BestEffort".into();
    let unready: Vec<&str> =
        run.containers.iter().filter(|it| !it.ready).map(|it| it.name.as_str()).collect();
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let not_ready = (!ready).then_some(("ContainersNotReady", message.as_str()));
    let wanted = [
        ("PodReadyToStartContainers", ip.is_some(), None),
        ("Initialized", true, None),
        ("Ready", ready, not_ready),
        ("ContainersReady", ready, not_ready),
        ("PodScheduled", true, None),
    ];
    status.conditions = wanted
        .into_iter()
        .map(|(name, holds, why)| condition(pod, (name, holds), why, &time))
        .collect();
    let states = pod.spec.containers.iter().zip(&run.containers);
    status.container_statuses =
        states.map(|(it, run)| container_status(it, run, started.clone())).collect();
    status
}

fn condition(
    pod: &Pod,
    (name, holds): (&str, bool),
    why: Option<(&str, &str)>,
    now: &str,
) -> PodCondition {
    let word = if holds { "True" } else { "False" };
    let since = pod.condition(name).filter(|old| old.status == word);
    let (reason, message) = why.unwrap_or_default();
    PodCondition {
        r#type: name.into(),
        status: word.into(),
        last_transition_time: since.map_or(Some(now.into()), |it| it.last_transition_time.clone()),
        reason: reason.into(),
        message: message.into(),
        ..PodCondition::default()
    }
}

fn container_status(
    container: &Container,
    run: &ContainerRun,
    started_at: Option<String>,
) -> ContainerStatus {
    let started = started_at.is_some();
    let waiting = ContainerStateWaiting {
        reason: "ContainerCreating".into(),
        ..ContainerStateWaiting::default()
    };
    let state = ContainerState {
        running: started_at.map(|at| ContainerStateRunning { started_at: Some(at) }),
        waiting: (!started).then_some(waiting),
        ..ContainerState::default()
    };
    ContainerStatus {
        name: container.name.clone(),
        state,
        ready: run.ready,
        image: container.image.clone(),
        started: Some(started),
        ..ContainerStatus::default()
    }
}
