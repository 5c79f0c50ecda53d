//! Pod: its STATUS is not the phase alone (`printPod`).

use svclab_core::object::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use svclab_core::time::Instant;

use super::{Column, age, narrow, or, wide};

pub(super) const POD: &[Column] = &[
    narrow("NAME"),
    narrow("READY"),
    narrow("STATUS"),
    narrow("RESTARTS"),
    narrow("AGE"),
    wide("IP"),
    wide("NODE"),
    wide("NOMINATED NODE"),
    wide("READINESS GATES"),
];

pub(super) fn pod(it: &Pod, name: String, age: String, now: Instant) -> Vec<String> {
    let said = said_of(it);
    let sidecars = it.spec.init_containers.iter();
    let sidecars = sidecars.filter(|it| it.restart_policy.as_deref() == Some("Always")).count();
    vec![
        name,
        format!("{}/{}", said.ready, it.spec.containers.len() + sidecars),
        said.status,
        restarts(said.restarts, said.restarted, now),
        age,
        or(it.status.pod_ips.first().map_or("", |it| &it.ip), "<none>"),
        or(&it.spec.node_name, "<none>"),
        or(&it.status.nominated_node_name, "<none>"),
        gates(it),
    ]
}

/// `3 (93s ago)`
fn restarts(count: i64, last: Option<&str>, now: Instant) -> String {
    match last {
        Some(last) if count > 0 => format!("{count} ({} ago)", age(last, now)),
        _ => count.to_string(),
    }
}

/// `1/2` of the conditions that the pod waits for.
fn gates(it: &Pod) -> String {
    let gates = &it.spec.readiness_gates;
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let holds = |name: &str| it.condition(name).is_some_and(|condition| condition.status == "True");
    let open = gates.iter().filter(|gate| holds(&gate.condition_type)).count();
    format!("{open}/{}", gates.len())
}

#[derive(Default)]
struct Said<'a> {
    status: String,
    ready: usize,
    restarts: i64,
    /// When a container ended last, of those that were started again.
    restarted: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn count(&mut self, container: &'a ContainerStatus) {
        self.restarts += i64::from(container.restart_count);
        let ended = container.last_state.terminated.as_ref();
        // Times of one form sort as they follow each other.
        self.restarted = self.restarted.max(ended.and_then(|it| it.finished_at.as_deref()));
    }
}

fn said_of(it: &Pod) -> Said<'_> {
    let mut said = Said { status: or(&it.status.reason, &it.status.phase), ..Said::default() };
    if it.condition("PodScheduled").is_some_and(|it| it.reason == "SchedulingGated") {
        said.status = "SchedulingGated".to_owned();
    }
    let initializing = init_containers(it, &mut said);
    if !initializing || it.condition("Initialized").is_some_and(|it| it.status == "True") {
        containers(it, &mut said);
    }
    if it.is_terminating() && it.status.reason == "NodeLost" {
        said.status = "Unknown".to_owned();
    } else if it.is_terminating() && !it.is_finished() {
        said.status = "Terminating".to_owned();
    }
    said
}

/// Whether the init containers are still at work.
fn init_containers<'a>(it: &'a Pod, said: &mut Said<'a>) -> bool {
    for (index, container) in it.status.init_container_statuses.iter().enumerate() {
        said.count(container);
        let state = &container.state;
        if state.terminated.as_ref().is_some_and(|it| it.exit_code == 0) {
            continue;
        }
        if is_sidecar(it, container) && container.started == Some(true) {
            said.ready += usize::from(container.ready);
            continue;
        }
        let word = match (&state.terminated, &state.waiting) {
            (Some(ended), _) => end(ended),
            (None, Some(waiting)) if !matches!(&*waiting.reason, "" | "PodInitializing") => {
                waiting.reason.to_string()
            }
            _ => format!("{index}/{}", it.spec.init_containers.len()),
        };
        said.status = format!("Init:{word}");
        return true;
    }
    false
}

fn is_sidecar(it: &Pod, container: &ContainerStatus) -> bool {
    let spec = it.spec.init_containers.iter().find(|it| it.name == container.name);
    spec.is_some_and(|it| it.restart_policy.as_deref() == Some("Always"))
}

/// Once they run, restarts are those of the containers and of sidecars.
fn containers<'a>(it: &'a Pod, said: &mut Said<'a>) {
    (said.restarts, said.restarted) = (0, None);
    let init = it.status.init_container_statuses.iter();
    init.filter(|container| is_sidecar(it, container)).for_each(|container| said.count(container));
    let mut running = false;
    for container in it.status.container_statuses.iter().rev() {
        said.count(container);
        if let Some(word) = reason(&container.state) {
            said.status = word;
        } else if container.ready && container.state.running.is_some() {
            running = true;
            said.ready += 1;
        }
    }
    if said.status == "Completed" && running {
        said.status = if it.is_ready() { "Running" } else { "NotReady" }.to_owned();
    }
}

fn reason(state: &ContainerState) -> Option<String> {
    let waiting = state.waiting.as_ref().map(|it| it.reason.to_string());
    waiting.filter(|it| !it.is_empty()).or_else(|| state.terminated.as_ref().map(end))
}

fn end(ended: &ContainerStateTerminated) -> String {
    match ended {
        it if !it.reason.is_empty() => it.reason.to_string(),
        it if it.signal != 0 => format!("Signal:{}", it.signal),
        it => format!("ExitCode:{}", it.exit_code),
    }
}
