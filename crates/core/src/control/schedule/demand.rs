//! What a pod takes of its node: requests and host ports.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::quantity::thousandths;
use crate::object::{Container, Node, Pod};

/// The resources that are counted, as `FailedScheduling` names them.
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// One port of the node: protocol, number, address (`0.0.0.0` for all).
type HostPort = (String, i32, String);

/// What one pod asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Demand {
    /// In thousandths, in the order of [`RESOURCES`].
    requests: [i128; 3],
    ports: Vec<HostPort>,
}

/// What the pods of a node take together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    pub pods: usize,
    requests: [i128; 3],
    ports: BTreeMap<HostPort, usize>,
}

impl Demand {
    /// The sum of the containers, or the largest init container where that is more; an init
    /// container that keeps running (`restartPolicy: Always`) counts with the containers.
    pub fn of(pod: &Pod) -> Demand {
        let stays = |it: &&Container| it.restart_policy.as_deref() == Some("Always");
        let sidecars = pod.spec.init_containers.iter().filter(stays);
        let before = pod.spec.init_containers.iter().filter(|it| !stays(it)).map(requests);
        let sum = pod.spec.containers.iter().chain(sidecars).map(requests).fold([0; 3], plus);
        let largest = |sum: [i128; 3], one: [i128; 3]| zip(sum, one, i128::max);
        let ports = pod.spec.containers.iter().flat_map(|it| &it.ports);
        let ports = ports.filter(|it| it.host_port > 0).map(|it| {
            let address = if it.host_ip.is_empty() { "0.0.0.0" } else { &it.host_ip };
            (it.protocol().name().to_owned(), it.host_port, address.to_owned())
        });
        Demand { requests: before.fold(sum, largest), ports: ports.collect() }
    }

    pub(super) fn ports_taken(&self, usage: &Usage) -> bool {
        self.ports.iter().any(|port| usage.ports.keys().any(|taken| conflict(port, taken)))
    }

    /// What the node has too little of (`NodeResourcesFit`).
    pub(super) fn insufficient(&self, usage: &Usage, node: &Node) -> Vec<String> {
        let allocatable =
            |name: &str| node.status.allocatable.get(name).and_then(|it| thousandths(it));
        let pods = allocatable("pods").unwrap_or(0) / 1000;
        let full = i128::try_from(usage.pods).is_ok_and(|it| it >= pods);
        let lacks = RESOURCES.iter().enumerate().filter(|(index, name)| {
            let (asked, used) = (self.requests[*index], usage.requests[*index]);
            asked > 0 && asked.saturating_add(used) > allocatable(name).unwrap_or(0)
        });
        let lacks = lacks.map(|(_, name)| format!("Insufficient {name}"));
        full.then(|| "Too many pods".to_owned()).into_iter().chain(lacks).collect()
    }
}

impl Usage {
    pub fn add(&mut self, demand: &Demand) {
        self.pods += 1;
        self.requests = plus(self.requests, demand.requests);
        for port in &demand.ports {
            *self.ports.entry(port.clone()).or_default() += 1;
        }
    }

    pub fn remove(&mut self, demand: &Demand) {
        self.pods = self.pods.saturating_sub(1);
        self.requests = zip(self.requests, demand.requests, i128::saturating_sub);
        for port in &demand.ports {
            let left = self.ports.get(port).map_or(0, |count| count.saturating_sub(1));
            match left {
                0 => self.ports.remove(port),
                _ => self.ports.insert(port.clone(), left),
            };
        }
    }
}

fn conflict(one: &HostPort, other: &HostPort) -> bool {
    let everywhere = |it: &HostPort| it.2 == "0.0.0.0";
    (&one.0, one.1) == (&other.0, other.1)
        && (one.2 == other.2 || everywhere(one) || everywhere(other))
}

/// A resource without a request counts with its limit.
fn requests(container: &Container) -> [i128; 3] {
    RESOURCES.map(|name| {
        let amount =
            |of: &str| text(&container.resources[of][name]).as_deref().and_then(thousandths);
        amount("requests").or_else(|| amount("limits")).unwrap_or(0).max(0)
    })
}

/// A quantity may be written as a bare number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn plus(one: [i128; 3], other: [i128; 3]) -> [i128; 3] {
    zip(one, other, i128::saturating_add)
}

fn zip(one: [i128; 3], other: [i128; 3], with: fn(i128, i128) -> i128) -> [i128; 3] {
    let [a, b, c] = one;
    let [x, y, z] = other;
    [with(a, x), with(b, y), with(c, z)]
}
