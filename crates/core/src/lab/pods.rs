//! What kubelet does on a node: tasks of a pod carried out.

use std::net::IpAddr;

use super::log::{EntryId, Happening};
use super::queue::Task;
use super::{Lab, pod_name};
use crate::key::ObjectKey;
use crate::kubelet::{self, Running};
use crate::net::Attachment;
use crate::object::{Object, Pod};
use crate::time::{Duration, Instant};
use crate::trace::NodeName;

const REPORT: Duration = Duration::from_millis(10);
const CONTAINER_START: Duration = Duration::from_millis(300);
impl Lab {
    fn pod(&self, key: &ObjectKey) -> Option<&Pod> {
        match self.objects.get(key) {
            Some(Object::Pod(pod)) => Some(pod),
            _ => None,
        }
    }

    pub(super) fn accept(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(pod) = self.pod(key) else { return };
        if self.net.node(&pod.spec.node_name).is_none() {
            return;
        }
        let run = Running::new(pod, self.now);
        self.running.insert(key.clone(), run);
        self.report(key, cause);
        let sandbox = Duration::from_micros(500_000 + self.rng.below(500_000));
        self.soon(sandbox, Task::Sandbox(key.clone()), cause);
    }

    pub(super) fn sandbox(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(pod) = self.pod(key).filter(|pod| !pod.is_terminating()) else { return };
        let node: NodeName = pod.spec.node_name.as_str().into();
        let listens = kubelet::listens(pod);
        let host_network = pod.spec.host_network;
        let mut cause = cause;
        if !host_network {
            let Some(ip) = self.free_address(&node) else { return };
            let device = format!("veth{:08x}", self.rng.next_u64() >> 32).into();
            let pod = pod_name(key).into();
            let end = Attachment { pod, node, ip, device, listens };
            self.net.attach(end);
            cause = Some(self.note(cause, Happening::GotAddress { pod: key.clone(), ip }));
        }
        self.report(key, cause);
        self.soon(CONTAINER_START, Task::Start(key.clone()), cause);
    }

    /// The next address of the node's range, after those handed out before (host-local IPAM).
    fn free_address(&mut self, node: &str) -> Option<IpAddr> {
        let node = self.net.node(node)?;
        let used = |ip: &IpAddr| self.net.pods.contains_key(ip) || *ip == node.bridge();
        let last = self.last_address.get(&node.name).copied();
        let later = node.pod_cidr.hosts().filter(|ip| last.is_none_or(|last| *ip > last));
        let ip = later.chain(node.pod_cidr.hosts()).find(|ip| !used(ip))?;
        self.last_address.insert(node.name.clone(), ip);
        Some(ip)
    }

    pub(super) fn start(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(pod) = self.pod(key).filter(|pod| !pod.is_terminating()).cloned() else { return };
        let now = self.now;
        let Some(run) = self.running.get_mut(key) else { return };
        run.start(&pod, now);
        let probes: Vec<(usize, Instant)> = pod
            .spec
            .containers
            .iter()
            .enumerate()
            .filter_map(|(index, it)| {
                Some((index, run.first_probe(it.readiness_probe.as_ref()?, now)))
            })
            .collect();
        let mut last = cause;
        for container in &pod.spec.containers {
            let container = container.name.clone();
            last = Some(self.note(cause, Happening::Started { pod: key.clone(), container }));
        }
        for (index, at) in probes {
            self.queue.push(at, Task::Probe(key.clone(), index), last);
        }
        self.soon(REPORT, Task::Report(key.clone()), last);
    }

    /// One tick of a readiness probe; the next one is put into the queue.
    pub(super) fn probe(&mut self, key: &ObjectKey, index: usize, cause: Option<EntryId>) {
        let Some(pod) = self.pod(key).cloned() else { return };
        let now = self.now;
        let Some(run) = self.running.get_mut(key) else { return };
        let Some(probe) = pod.spec.containers.get(index).and_then(|it| it.readiness_probe.as_ref())
        else {
            return;
        };
        let next = run.next_probe(probe, now);
        let switched = run.switched_by.map(EntryId);
        let report = run.probe(&pod, index, now);
        self.queue.push(next, Task::Probe(key.clone(), index), switched.or(cause));
        let Some(report) = report else { return };
        if report.success && !report.changed {
            return;
        }
        let what = Happening::Probed {
            pod: key.clone(),
            success: report.success,
            in_row: report.in_row,
            threshold: report.threshold,
            message: report.message,
        };
        let cause = self.note(switched.or(cause), what);
        if report.changed {
            self.soon(REPORT, Task::Report(key.clone()), Some(cause));
        }
    }

    /// kubelet writes the pod's status as it is now.
    pub(super) fn report(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(pod) = self.pod(key).cloned() else { return };
        let Some(run) = self.running.get(key) else { return };
        let Some(node) = self.net.node(&pod.spec.node_name) else { return };
        let own = self.net.pod(&pod_name(key)).map(|it| it.ip);
        let ip = if pod.spec.host_network { Some(node.address) } else { own };
        let status = kubelet::status(&pod, run, (node.address, ip), self.now);
        let was_ready = pod.is_ready();
        let pod = Pod { status, ..pod };
        let is_ready = pod.is_ready();
        let mut cause = cause;
        if was_ready != is_ready {
            let what = Happening::Ready { pod: key.clone(), ready: is_ready };
            cause = Some(self.note(cause, what));
        }
        self.write(Object::Pod(pod), cause);
    }

    pub(super) fn stopped(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let cause = self.note(cause, Happening::Stopped { pod: key.clone() });
        let name = pod_name(key);
        self.net.detach(&name);
        self.remove(key, Some(cause));
    }
}
