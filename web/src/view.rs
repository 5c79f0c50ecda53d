//! What the page shows of a [`Lab`](svclab_core::lab::Lab), as plain values: [`read`] makes them
//! anew after each event of the lab.

mod read;

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::key::ObjectKey;
use svclab_core::kubelet::ProbeKind;
use svclab_core::object::Protocol;
use svclab_core::proxy::Mode;
use svclab_netfilter::RuleSet;

use crate::leads::Leads;

pub use read::view_of;

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
    /// Of iptables, and of kube-proxy's own table of nftables.
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

#[cfg(test)]
pub(crate) mod tests;
