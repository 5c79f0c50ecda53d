//! What the page shows of a [`Lab`], as plain values: made anew after each event of the lab.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::family::OfFamily;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::kubelet::ProbeKind;
use svclab_core::lab::Lab;
use svclab_core::object::{EndpointSlice, Endpoints, Object, Protocol, Service};
use svclab_core::proxy::Mode;
use svclab_core::scenario::{Cluster, HostSpec};
use svclab_netfilter::{Family, RuleSet};

use crate::leads::{Leads, leads};

/// Compares by identity: for large values that are replaced, never changed.
#[derive(Debug)]
pub struct Shared<T: ?Sized>(pub Rc<T>);

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(self.0.clone())
    }
}

impl<T: ?Sized> PartialEq for Shared<T> {
    fn eq(&self, other: &Shared<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: ?Sized> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared(Rc::new(value))
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// `192.168.56.0/24`
    pub lan: String,
    pub router: String,
    /// Hosts outside the cluster.
    pub hosts: Vec<Host>,
    /// Whether the load balancer runs; None where the cluster has none.
    pub balancer: Option<bool>,
    pub nodes: Vec<Node>,
    pub pods: Vec<Pod>,
    pub services: Vec<ServiceView>,
}

/// A host outside the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: Rc<str>,
    pub address: IpAddr,
    /// On the nodes' LAN; all others lie behind the router.
    pub near: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: Rc<str>,
    pub ip: IpAddr,
    /// Its name and address; None where pods hang on devices of their own (Calico).
    pub bridge: Option<String>,
    pub rules: usize,
    pub leads: Rc<Leads>,
    /// What `leads` was read from, where kube-proxy works with iptables.
    pub from: Option<Shared<RuleSet>>,
    /// kube-proxy's; what its syncs change is counted in iptables mode alone.
    pub mode: Mode,
    /// The last sync that changed rules: how many lines are new and how many gone.
    pub added: usize,
    pub removed: usize,
    pub synced: Option<String>,
    /// Whether kube-proxy runs.
    pub proxy: bool,
    /// Its rules are older than the last change that concerns them.
    pub stale: bool,
    /// Addresses of load balancers that it answers ARP for.
    pub announces: Vec<IpAddr>,
    /// Whether its machine is on.
    pub up: bool,
    pub cordoned: bool,
    /// What `kubectl get nodes` says of it; None without a Node object.
    pub ready: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// `namespace/name`
    pub id: Rc<str>,
    pub key: ObjectKey,
    pub node: Option<Rc<str>>,
    pub ip: Option<IpAddr>,
    pub state: PodState,
    /// What its programs answer to readiness probes, and to liveness and startup probes.
    pub answers: bool,
    pub alive: bool,
    /// All its probes.
    pub strips: Vec<Strip>,
    pub restarts: i32,
    /// `CrashLoopBackOff`
    pub trouble: Option<String>,
    /// A container that runs.
    pub runs: Option<String>,
    pub listens: Vec<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodState {
    Pending,
    Ready,
    /// Still Ready, but the last runs of a probe failed.
    Failing,
    NotReady,
    Terminating,
}

/// The last results of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    pub kind: ProbeKind,
    /// Its container, where the pod has several.
    pub container: Option<String>,
    /// The newest last.
    pub results: Vec<bool>,
    pub failing: u32,
    pub threshold: u32,
    pub period: u64,
}

/// How many probe results a strip shows at most.
pub const STRIP: usize = 10;

#[derive(Debug, Clone, PartialEq)]
pub struct ServiceView {
    pub key: ObjectKey,
    pub cluster_ip: Option<IpAddr>,
    /// External IPs and the load balancer's addresses.
    pub outer: Vec<IpAddr>,
    pub ports: Vec<Port>,
    pub kind: String,
    pub headless: bool,
    pub endpoints: Vec<Backend>,
    pub old: OldEnds,
    /// The slices' names.
    pub slices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    pub number: u16,
    pub node_port: Option<u16>,
    pub target: String,
    pub protocol: Protocol,
}

/// One endpoint of a slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    pub address: String,
    pub ports: Vec<u16>,
    pub pod: Option<String>,
    pub node: Option<String>,
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
}

/// What the Endpoints object of a Service holds, each end as `ip:port`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OldEnds {
    pub addresses: Vec<String>,
    pub not_ready_addresses: Vec<String>,
}

impl Host {
    /// `laptop .56.101`; of a host behind the router its name is enough.
    pub fn label(&self) -> String {
        match self.near {
            true => format!("{} {}", self.name, tail(&self.address.to_string())),
            false => self.name.to_string(),
        }
    }
}

impl ServiceView {
    /// `shop/web`
    pub fn name(&self) -> String {
        format!("{}/{}", self.key.namespace, self.key.name)
    }

    /// `10.96.10.10:80 → http`
    pub fn detail(&self) -> String {
        let Some(ip) = self.cluster_ip else {
            return if self.headless { "headless".to_owned() } else { self.kind.clone() };
        };
        match self.ports.as_slice() {
            [] => ip.to_string(),
            [port] => format!("{ip}:{} → {}", port.number, port.target),
            [port, rest @ ..] => format!("{ip}:{} +{}", port.number, rest.len()),
        }
    }

    pub fn ready(&self) -> usize {
        self.endpoints.iter().filter(|it| it.ready).count()
    }

    /// `2/3`
    pub fn badge(&self) -> String {
        format!("{}/{}", self.ready(), self.endpoints.len())
    }
}

impl Backend {
    /// `10.244.1.5:8080`, all ports of the slice where it has several.
    pub fn end(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        match ports.is_empty() {
            true => self.address.clone(),
            false => format!("{}:{}", self.address, ports.join(",")),
        }
    }
}

impl Pod {
    /// `10.244.1.5:8080`
    pub fn address(&self) -> String {
        match (self.ip, self.listens.first()) {
            (Some(ip), Some(port)) => format!("{ip}:{port}"),
            (Some(ip), None) => ip.to_string(),
            (None, _) => "—".to_owned(),
        }
    }

    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// The strips that carry the pod's switches: the first of a kind; a startup probe has that of
    /// liveness only where no liveness probe has it.
    pub fn has_switch(&self, strip: &Strip) -> bool {
        let first = |kind| self.strips.iter().find(|it| it.kind == kind);
        let switched = match strip.kind {
            ProbeKind::Startup => first(ProbeKind::Liveness).or_else(|| first(ProbeKind::Startup)),
            kind => first(kind),
        };
        switched.is_some_and(|it| std::ptr::eq(it, strip))
    }
}

/// `.2.9`: within a cluster the last two numbers of an address tell pods apart.
pub fn tail(address: &str) -> String {
    let ip = address.rsplit_once(':').map_or(address, |it| it.0);
    match ip.split('.').collect::<Vec<_>>()[..] {
        [_, _, c, d] => format!(".{c}.{d}"),
        _ => ip.to_owned(),
    }
}

/// Reads everything the page shows from the lab; `before` is what it was.
pub fn view_of(lab: &Lab, before: &View, cluster: &Cluster) -> View {
    View {
        lan: cluster.lan.to_string().replace(',', ", "),
        router: cluster.router.to_string(),
        hosts: hosts(cluster),
        balancer: cluster.load_balancer.as_ref().map(|_| lab.load_balancer_runs()),
        nodes: nodes(lab, before),
        pods: pods(lab),
        services: services(lab),
    }
}

fn hosts(cluster: &Cluster) -> Vec<Host> {
    let host = |it: &HostSpec| Host {
        name: it.name.as_str().into(),
        address: it.address.primary,
        near: cluster.lan.contains(&it.address.primary),
    };
    cluster.outside.iter().map(host).collect()
}

fn nodes(lab: &Lab, before: &View) -> Vec<Node> {
    let node = |it: &svclab_core::net::Node| {
        let object = lab.objects().get(&ObjectKey::new(Kind::Node, "", &*it.name));
        let object = object.and_then(Object::as_node);
        let rules = lab.rules(&it.name);
        let from = rules.as_ref().map(|it| Shared(it.rules.clone()));
        let own = lab.network().kernel(&it.name).and_then(|it| it.balancer(Family::V4));
        let old = before.nodes.iter().find(|old| old.name == it.name && old.from == from);
        let leads = match (old.filter(|_| own.is_none()), &rules) {
            (Some(old), _) => old.leads.clone(),
            (None, Some(rules)) => Rc::new(leads(rules, own)),
            (None, None) => Rc::default(),
        };
        Node {
            name: it.name.clone(),
            ip: it.addresses.primary,
            bridge: it.bridge(it.pod_cidrs.primary.family()).map(|ip| format!("cni0 {ip}")),
            rules: from.as_ref().map_or(0, |it| it.len()),
            leads,
            from,
            mode: rules.as_ref().map_or(Mode::default(), |it| it.mode),
            added: rules.as_ref().map_or(0, |it| it.added.len()),
            removed: rules.as_ref().map_or(0, |it| it.removed.len()),
            synced: rules.as_ref().and_then(|it| it.synced_at).map(|at| at.to_string()),
            proxy: rules.as_ref().is_some_and(|it| it.running),
            stale: rules.as_ref().is_some_and(|it| it.behind),
            announces: announced(lab, &it.name),
            up: it.up,
            cordoned: object.is_some_and(|it| it.spec.unschedulable),
            ready: object.map(|it| it.is_ready()),
        }
    };
    lab.nodes().iter().map(node).collect()
}

fn announced(lab: &Lab, node: &str) -> Vec<IpAddr> {
    lab.announced().iter().filter(|it| **it.1 == *node).map(|it| *it.0).collect()
}

fn pods(lab: &Lab) -> Vec<Pod> {
    let pod = |it: svclab_core::lab::PodView| {
        let state = match () {
            () if it.terminating => PodState::Terminating,
            () if it.ip.is_none() || it.phase == "Pending" => PodState::Pending,
            () if !it.ready => PodState::NotReady,
            () if it.strips.iter().any(|it| it.failing > 0) => PodState::Failing,
            () => PodState::Ready,
        };
        Pod {
            id: format!("{}/{}", it.key.namespace, it.key.name).into(),
            node: it.node,
            ip: it.ip,
            state,
            answers: it.answers_ready,
            alive: it.answers_alive,
            strips: strips(&it.strips),
            restarts: it.restarts,
            trouble: it.trouble,
            runs: it.running.into_iter().next(),
            listens: it.listens,
            key: it.key,
        }
    };
    lab.pod_views().into_iter().map(pod).collect()
}

fn strips(of: &[svclab_core::kubelet::Strip]) -> Vec<Strip> {
    let several = of.windows(2).any(|pair| pair[0].container != pair[1].container);
    let strip = |it: &svclab_core::kubelet::Strip| {
        let from = it.results.len().saturating_sub(STRIP);
        Strip {
            kind: it.kind,
            container: several.then(|| it.container.clone()),
            results: it.results[from..].iter().map(|probe| probe.success).collect(),
            failing: it.failing,
            threshold: it.threshold,
            period: it.period,
        }
    };
    of.iter().map(strip).collect()
}

fn services(lab: &Lab) -> Vec<ServiceView> {
    let mut slices: BTreeMap<(&str, &str), Vec<&EndpointSlice>> = BTreeMap::new();
    let mut old: BTreeMap<(&str, &str), &Endpoints> = BTreeMap::new();
    let mut found: Vec<&Service> = Vec::new();
    for object in lab.objects().values() {
        match object {
            Object::EndpointSlice(slice) => {
                let Some(service) = slice.service_name() else { continue };
                slices.entry((&slice.metadata.namespace, service)).or_default().push(slice);
            }
            Object::Endpoints(it) => {
                old.insert((&it.metadata.namespace, &it.metadata.name), it);
            }
            Object::Service(service) => found.push(service),
            _ => {}
        }
    }
    let service = |it: &&Service| {
        let name = (it.metadata.namespace.as_str(), it.metadata.name.as_str());
        let empty = Vec::new();
        let of_service = slices.get(&name).unwrap_or(&empty);
        let ports = it.spec.ports.iter();
        ServiceView {
            key: ObjectKey::new(Kind::Service, name.0, name.1),
            cluster_ip: it.spec.cluster_addresses().first().copied(),
            outer: outer_addresses(it),
            ports: ports
                .map(|port| Port {
                    number: port.port(),
                    node_port: port.node_port(),
                    target: port.target_port.to_string(),
                    protocol: port.protocol(),
                })
                .collect(),
            kind: it.spec.r#type.clone(),
            headless: it.spec.is_headless(),
            endpoints: of_service.iter().flat_map(|slice| backends(slice)).collect(),
            old: old.get(&name).map(|it| old_ends(it)).unwrap_or_default(),
            slices: of_service.iter().map(|slice| slice.metadata.name.clone()).collect(),
        }
    };
    found.iter().map(service).collect()
}

fn outer_addresses(service: &Service) -> Vec<IpAddr> {
    let given = service.status.load_balancer.ingress.iter().filter_map(|it| it.ip.parse().ok());
    service.spec.external_addresses().into_iter().chain(given).collect()
}

fn backends(slice: &EndpointSlice) -> Vec<Backend> {
    let ports: Vec<u16> = slice.ports.iter().filter_map(|port| port.port()).collect();
    let mut res = Vec::new();
    for endpoint in &slice.endpoints {
        for address in &endpoint.addresses {
            res.push(Backend {
                address: address.clone(),
                ports: ports.clone(),
                pod: endpoint.target_ref.as_ref().map(|it| it.name.clone()),
                node: endpoint.node_name.clone(),
                ready: endpoint.conditions.is_ready(),
                serving: endpoint.conditions.is_serving(),
                terminating: endpoint.conditions.is_terminating(),
            });
        }
    }
    res
}

/// The Endpoints object's two lists as `ip:port`, in its own order.
fn old_ends(endpoints: &Endpoints) -> OldEnds {
    let mut res = OldEnds::default();
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            let end = |ip: &str| format!("{ip}:{}", port.port);
            res.addresses.extend(subset.addresses.iter().map(|it| end(&it.ip)));
            let not_ready = subset.not_ready_addresses.iter();
            res.not_ready_addresses.extend(not_ready.map(|it| end(&it.ip)));
        }
    }
    res
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn pod(name: &str, node: &str, ip: &str) -> Pod {
        Pod {
            id: format!("shop/{name}").into(),
            key: ObjectKey::new(Kind::Pod, "shop", name),
            node: Some(node.into()),
            ip: ip.parse().ok(),
            state: PodState::Ready,
            answers: true,
            alive: true,
            strips: vec![Strip {
                kind: ProbeKind::Readiness,
                container: None,
                results: vec![true; 5],
                failing: 0,
                threshold: 3,
                period: 5,
            }],
            restarts: 0,
            trouble: None,
            runs: Some("app".to_owned()),
            listens: vec![8080],
        }
    }

    fn host(name: &str, address: &str, near: bool) -> Host {
        Host { name: name.into(), address: address.parse().expect("an address"), near }
    }

    pub(crate) fn three_nodes() -> View {
        let node = |name: &str, address: &str| Node {
            name: name.into(),
            ip: address.parse().expect("an address"),
            bridge: Some("cni0 10.244.1.1".to_owned()),
            rules: 40,
            leads: Rc::default(),
            from: None,
            mode: Mode::default(),
            added: 0,
            removed: 0,
            synced: None,
            announces: Vec::new(),
            proxy: true,
            stale: false,
            up: true,
            cordoned: false,
            ready: Some(true),
        };
        View {
            lan: "192.168.56.0/24".to_owned(),
            router: "192.168.56.1".to_owned(),
            hosts: vec![
                host("laptop", "192.168.56.101", true),
                host("dns", "203.0.113.53", false),
                host("www.example.org", "203.0.113.80", false),
                host("db.example.org", "203.0.113.90", false),
            ],
            balancer: Some(false),
            nodes: vec![
                node("control-plane", "192.168.56.30"),
                node("worker-1", "192.168.56.31"),
                node("worker-2", "192.168.56.32"),
            ],
            pods: vec![
                pod("client", "worker-1", "10.244.1.2"),
                pod("web-1", "worker-1", "10.244.1.3"),
                pod("web-2", "worker-2", "10.244.2.2"),
                pod("web-3", "worker-2", "10.244.2.3"),
            ],
            services: Vec::new(),
        }
    }
}
