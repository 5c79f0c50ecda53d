//! kubelet on each node: pods' runs driven by the clock, what they say written down.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::Family;

use super::delete::DeleteOptions;
use super::log::{EntryId, Happening};
use super::queue::Task;
use super::store::CONTROLLER;
use super::{Lab, pod_name};
use crate::family::{OfFamily, first_host, next_ip};
use crate::key::{Kind, ObjectKey};
use crate::kubelet::{
    self, Advance, Host, Images, Life, Link, Occurrence, PodRun, ProbeKind, Said,
};
use crate::net::{Attachment, Guest, Network, Ports};
use crate::object::{Id, Object, Objects, Pod, Service};
use crate::rng::Rng;
use crate::time::Duration;
use crate::trace::NodeName;

/// A pod's run with the entries of the log that what happens next comes of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tracked {
    pub run: PodRun,
    /// For the pod as a whole.
    pod: Option<EntryId>,
    /// For each container since then.
    containers: BTreeMap<usize, EntryId>,
    /// The user's last switch of what its programs answer.
    switched: Option<EntryId>,
    /// The last entry that changed what the pod's status says.
    status: Option<EntryId>,
}

impl Tracked {
    /// The entry that led to this occurrence.
    fn cause(&self, what: &Occurrence) -> Option<EntryId> {
        match what {
            Occurrence::Probed(it) => self.switched.or(self.of_container(it.container)),
            Occurrence::Container { container, .. } => self.of_container(*container),
            _ => self.pod,
        }
    }

    fn of_container(&self, index: usize) -> Option<EntryId> {
        self.containers.get(&index).copied().or(self.pod)
    }

    fn follow(&mut self, what: &Occurrence, entry: EntryId) {
        match what {
            // A failure below the threshold changes nothing.
            Occurrence::Probed(it) if !it.changed => return,
            Occurrence::Probed(it) => {
                self.containers.insert(it.container, entry);
            }
            Occurrence::Container { container, what } => {
                self.containers.insert(*container, entry);
                if *what == Life::Started {
                    self.switched = None;
                }
            }
            _ => self.pod = Some(entry),
        }
        self.status = Some(entry);
    }

    /// From now on everything comes of `cause`.
    fn begin_anew(&mut self, cause: Option<EntryId>) {
        self.pod = cause.or(self.pod);
        self.containers.clear();
        self.status = self.pod;
    }
}

/// A node as its pods' runs see it.
struct OnNode<'a> {
    rng: &'a mut Rng,
    images: &'a mut Images,
    net: &'a mut Network,
    last_address: &'a mut BTreeMap<(NodeName, Family), IpAddr>,
    objects: &'a Objects,
    links: &'a mut BTreeMap<String, Rc<[Link]>>,
    node: NodeName,
    pod: &'a ObjectKey,
}

impl Host for OnNode<'_> {
    fn images(&mut self) -> (&mut Images, &mut Rng) {
        (self.images, self.rng)
    }

    /// One address of each range of the node, or none at all.
    fn attach(&mut self) -> Vec<IpAddr> {
        let Some(node) = self.net.node(&self.node) else { return Vec::new() };
        let free = node.pod_cidrs.iter().map(|range| self.free_address(range));
        let Some(ips) = free.collect::<Option<Vec<IpAddr>>>() else { return Vec::new() };
        let device: Rc<str> = node.layout.pod_device(self.rng.next_u64()).into();
        let pod: Rc<str> = pod_name(self.pod).into();
        for ip in &ips {
            let (pod, node, device) = (pod.clone(), self.node.clone(), device.clone());
            self.last_address.insert((node.clone(), ip.family()), *ip);
            self.net.attach(Attachment { pod, node, ip: *ip, device, listens: Ports::default() });
        }
        ips
    }

    fn links(&mut self) -> Rc<[Link]> {
        let namespace = &self.pod.namespace;
        if let Some(links) = self.links.get(namespace) {
            return links.clone();
        }
        let service = |it: &'_ Object| -> Option<Service> {
            match it {
                Object::Service(service) => Some(service.clone()),
                _ => None,
            }
        };
        let services: Vec<Service> =
            self.objects.of_kind(Kind::Service).filter_map(service).collect();
        let links = kubelet::links(namespace, services.iter());
        self.links.insert(namespace.clone(), links.clone());
        links
    }
}

impl OnNode<'_> {
    /// The next address of a range of the node, after those handed out before (host-local IPAM).
    /// The first is the bridge's.
    fn free_address(&self, range: IpNet) -> Option<IpAddr> {
        let after = |ip: IpAddr| {
            let after = std::iter::successors(next_ip(ip), |ip| next_ip(*ip));
            after.take_while(|ip| range.contains(ip) && *ip != range.broadcast())
        };
        let last = self.last_address.get(&(self.node.clone(), range.family()));
        let later = last.into_iter().flat_map(|last| after(*last));
        later.chain(after(first_host(range))).find(|ip| !self.net.pods.contains_key(ip))
    }
}

impl Lab {
    /// The images of all objects that there are now are on every node.
    pub(super) fn preload_images(&mut self) {
        let values: Vec<serde_json::Value> = self.objects.values().map(Object::to_value).collect();
        let mut names = Vec::new();
        values.iter().for_each(|it| image_names(it, &mut names));
        for node in &self.net.nodes {
            let images = self.images.entry(node.name.clone()).or_default();
            names.iter().for_each(|it| images.preload(it));
        }
    }

    /// A pod of a node has changed, come or gone, and its kubelet hears of it.
    pub(super) fn kubelet_heard(
        &mut self,
        (key, id): (&ObjectKey, Id),
        old: Option<&Pod>,
        new: Option<&Pod>,
        cause: Option<EntryId>,
    ) {
        let Some(pod) = new else {
            self.net.detach(&pod_name(key));
            self.running.remove(&id);
            self.names.servers.remove(key);
            return;
        };
        if !pod.spec.node_name.is_empty() && !self.kubelet_acts(&pod.spec.node_name) {
            return;
        }
        let Some(tracked) = self.running.get_mut(&id) else {
            if !pod.spec.node_name.is_empty() {
                self.soon(CONTROLLER, Task::Pod(id), cause);
            }
            return;
        };
        let grace = |pod: &Pod| pod.metadata.deletion_grace_period_seconds;
        let other_images = || old.is_some_and(|old| images(old).ne(images(pod)));
        let gated = !pod.spec.readiness_gates.is_empty();
        let now = self.now;
        let advance = if pod.is_terminating() && old.and_then(grace) != grace(pod) {
            let tracked = Rc::make_mut(tracked);
            tracked.begin_anew(cause);
            let seconds = grace(pod).and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
            tracked.run.stop(now, Duration::from_secs(seconds))
        } else if other_images() {
            let tracked = Rc::make_mut(tracked);
            tracked.begin_anew(cause);
            tracked.run.update(pod, now)
        } else if gated && old.is_some_and(|old| old.status.conditions != pod.status.conditions) {
            let tracked = Rc::make_mut(tracked);
            tracked.status = cause;
            tracked.run.review(now);
            Advance::default()
        } else {
            return;
        };
        self.carry_out((key, id), advance);
    }

    /// kubelet takes a pod, or what is due in its run happens.
    pub(super) fn pod_task(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        let Some(pod) = self.objects.by_id(id).and_then(Object::as_pod) else { return };
        let node: NodeName = pod.spec.node_name.as_str().into();
        if self.net.node(&node).is_none() || !self.kubelet_acts(&node) {
            return;
        }
        if !self.running.contains_key(&id) && !self.accept((key, id), cause) {
            return;
        }
        let Lab { running, rng, images, net, last_address, objects, links, .. } = self;
        let images = images.entry(node.clone()).or_default();
        let mut host = OnNode { rng, images, net, last_address, objects, links, node, pod: key };
        let Some(tracked) = running.get_mut(&id) else { return };
        let advance = Rc::make_mut(tracked).run.advance(self.now, &mut host);
        self.carry_out((key, id), advance);
    }

    /// False where there is nothing to run: the pod has ended, or was deleted before.
    fn accept(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) -> bool {
        let Some(pod) = self.objects.by_id(id).and_then(Object::as_pod) else { return false };
        if pod.is_finished() {
            return false;
        }
        if pod.is_terminating() {
            self.finish(key, cause);
            return false;
        }
        let run = PodRun::new(pod, self.now, &mut self.rng);
        let (containers, switched) = (BTreeMap::new(), None);
        let tracked = Tracked { run, pod: cause, containers, switched, status: cause };
        self.running.insert(id, Rc::new(tracked));
        true
    }

    /// Whether the node's kubelet works.
    fn kubelet_acts(&self, node: &str) -> bool {
        self.machine_runs(node)
    }

    /// The node's machine has started again: its pods get new sandboxes, and those that were asked
    /// to end have ended.
    pub(super) fn reboot_pods(&mut self, node: &str, cause: Option<EntryId>) {
        for key in self.pods_on(node) {
            let Some(id) = self.objects.id(&key) else { continue };
            self.net.detach(&pod_name(&key));
            let pod = self.objects.by_id(id).and_then(Object::as_pod);
            if pod.is_some_and(Pod::is_terminating) {
                self.running.remove(&id);
            } else if self.running.contains_key(&id) {
                let message = "Pod sandbox changed, it will be killed and re-created.";
                let said = Said::normal("SandboxChanged", message);
                let entry = self.note(cause, Happening::Said { pod: key, said });
                let Lab { running, rng, now, .. } = self;
                if let Some(tracked) = running.get_mut(&id) {
                    let tracked = Rc::make_mut(tracked);
                    tracked.begin_anew(Some(entry));
                    tracked.run.reboot(*now, rng);
                }
            }
            self.soon(CONTROLLER, Task::Pod(id), cause);
        }
    }

    /// Writes down what happened in a pod's run and does what it asks for.
    fn carry_out(&mut self, (key, id): (&ObjectKey, Id), advance: Advance) {
        for what in &advance.happened {
            self.note_occurrence((key, id), what);
        }
        if advance.detached {
            // The sandbox is gone: its addresses are free.
            self.net.detach(&pod_name(key));
        } else if advance.rewired {
            self.rewire((key, id));
        }
        if advance.report {
            self.report((key, id));
        }
        let Some(tracked) = self.running.get(&id) else { return };
        if advance.gone {
            let cause = tracked.status;
            let cause = self.note(cause, Happening::Stopped { pod: key.clone() });
            self.finish(key, Some(cause));
        } else if let Some(due) = tracked.run.due() {
            self.queue.push(due.max(self.now), Task::Pod(id), None);
        }
    }

    fn finish(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let at_once = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        self.delete(key, at_once, cause);
    }

    fn note_occurrence(&mut self, (key, id): (&ObjectKey, Id), what: &Occurrence) {
        let Some(tracked) = self.running.get(&id) else { return };
        let pod = key.clone();
        let name = |index: usize| -> String {
            tracked.run.containers().nth(index).unwrap_or_default().to_owned()
        };
        let cause = tracked.cause(what);
        let happening = match what {
            Occurrence::Addressed(ips) => match ips.first() {
                Some(ip) => Happening::GotAddress { pod, ip: *ip },
                None => return,
            },
            Occurrence::NoAddress => {
                let node = self.objects.by_id(id).and_then(Object::as_pod);
                let node = node.map(|it| it.spec.node_name.as_str()).unwrap_or_default();
                Happening::Said { pod, said: no_address(node, key) }
            }
            Occurrence::Overdue => Happening::Said { pod, said: overdue() },
            Occurrence::Container { container, what } => {
                let (container, what) = (name(*container), what.clone());
                Happening::Container { pod, container, what }
            }
            Occurrence::Probed(it) => Happening::Probed {
                pod,
                container: name(it.container),
                kind: it.kind,
                success: it.success,
                in_row: it.in_row,
                threshold: it.threshold,
                message: it.message.clone(),
            },
        };
        let entry = self.note(cause, happening);
        if let Some(tracked) = self.running.get_mut(&id) {
            Rc::make_mut(tracked).follow(what, entry);
        }
        if let Occurrence::Container { container, what: Life::Started | Life::Exited { .. } } = what
        {
            self.tell_name_server(key, *container, Some(entry));
        }
    }

    /// What the pod listens on is what its programs listen on now.
    fn rewire(&mut self, (key, id): (&ObjectKey, Id)) {
        let Some(tracked) = self.running.get(&id) else { return };
        let listens = tracked.run.listens(self.now);
        let Some(pod) = self.objects.by_id(id).and_then(Object::as_pod) else { return };
        if pod.spec.host_network {
            let (name, node) = (pod_name(key).into(), pod.spec.node_name.as_str().into());
            self.net.seat(Guest { name, node, listens });
        } else {
            self.net.listen(&pod_name(key), &listens);
        }
    }

    /// kubelet writes the pod's status as it is now.
    fn report(&mut self, (key, id): (&ObjectKey, Id)) {
        let Some(tracked) = self.running.get(&id) else { return };
        let Some(pod) = self.objects.by_id(id).and_then(Object::as_pod) else { return };
        let Some(node) = self.net.node(&pod.spec.node_name) else { return };
        let status = kubelet::status(pod, &tracked.run, node.addresses, self.now);
        if *pod.status == status {
            return;
        }
        let was_ready = pod.is_ready();
        let mut cause = tracked.status;
        let status = status.into();
        let pod = Pod { metadata: pod.metadata.clone(), spec: pod.spec.clone(), status };
        let ready = pod.is_ready();
        if was_ready != ready {
            cause = Some(self.note(cause, Happening::Ready { pod: key.clone(), ready }));
        }
        self.write(Object::Pod(pod), cause);
    }

    /// The user switches what a pod's programs answer to one kind of probe.
    pub(super) fn switch(&mut self, pod: &ObjectKey, kind: ProbeKind, passes: bool) {
        let Some(id) = self.objects.id(pod) else { return };
        let Some(tracked) = self.running.get(&id) else { return };
        let answers = tracked.run.answers();
        let before = match kind {
            ProbeKind::Readiness => answers.ready,
            ProbeKind::Liveness | ProbeKind::Startup => answers.alive,
        };
        if before == passes {
            return;
        }
        let entry = self.note(None, Happening::Switched { pod: pod.clone(), kind, passes });
        if let Some(tracked) = self.running.get_mut(&id) {
            let tracked = Rc::make_mut(tracked);
            tracked.run.switch(kind, passes);
            tracked.switched = Some(entry);
        }
        self.rewire((pod, id));
    }

    /// Probes find what was written the next time they look.
    pub(super) fn write_file(
        &mut self,
        pod: &ObjectKey,
        container: &str,
        path: String,
        text: Option<String>,
    ) {
        let Some(id) = self.objects.id(pod) else { return };
        if let Some(tracked) = self.running.get_mut(&id) {
            Rc::make_mut(tracked).run.write(container, path, text);
        }
    }

    /// The user lets the program of a container end.
    pub(super) fn crash(&mut self, pod: &ObjectKey, container: &str, code: i32) {
        let (key, name) = (pod.clone(), container.to_owned());
        let what = Happening::Crashed { pod: key, container: name, code };
        self.end_program(pod, (container, code), |lab| lab.note(None, what));
    }

    /// The program of a container ends by itself, which `why` notes.
    pub(super) fn end_program(
        &mut self,
        pod: &ObjectKey,
        (container, code): (&str, i32),
        why: impl FnOnce(&mut Lab) -> EntryId,
    ) {
        let Some(id) = self.objects.id(pod) else { return };
        let Some(tracked) = self.running.get_mut(&id) else { return };
        let now = self.now;
        let Some(index) = tracked.run.containers().position(|it| it == container) else { return };
        if !Rc::make_mut(tracked).run.crash(container, code, now) {
            return;
        }
        let entry = why(self);
        if let Some(tracked) = self.running.get_mut(&id) {
            Rc::make_mut(tracked).containers.insert(index, entry);
        }
        self.queue.push(now, Task::Pod(id), None);
    }

    /// A pod's run, if kubelet has taken it.
    pub(super) fn run_of(&self, pod: &ObjectKey) -> Option<&Tracked> {
        self.running.get(&self.objects.id(pod)?).map(Rc::as_ref)
    }

    /// The variables of a running container, in the order of `env`. None where it does not run.
    pub fn environment(&self, pod: &ObjectKey, container: &str) -> Option<Vec<(String, String)>> {
        let object = self.objects.get(pod).and_then(Object::as_pod)?;
        kubelet::environment(object, &self.run_of(pod)?.run, container)
    }
}

fn images(pod: &Pod) -> impl Iterator<Item = &str> {
    let all = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    all.map(|it| it.image.as_str())
}

/// Every `image` of every container in an object, templates included.
fn image_names(value: &serde_json::Value, names: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                match value {
                    serde_json::Value::String(image) if name == "image" => {
                        names.push(image.clone());
                    }
                    _ => image_names(value, names),
                }
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|it| image_names(it, names)),
        _ => {}
    }
}

fn overdue() -> Said {
    Said::normal(
        "DeadlineExceeded",
        "Pod was active on the node longer than the specified deadline",
    )
}

/// As containerd and the host-local plugin complain.
fn no_address(node: &str, pod: &ObjectKey) -> Said {
    let sandbox = format!("{}_{}", pod.name, pod.namespace);
    Said::warning(
        "FailedCreatePodSandBox",
        format!(
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup \
             network for sandbox \"{sandbox}\": plugin type=\"bridge\" failed (add): failed to \
             allocate for range 0: no IP addresses available in range set of node {node}"
        ),
    )
}
