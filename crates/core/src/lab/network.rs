//! The network as the scenario and the objects make it, and what is sent over it.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use svclab_netfilter::Protocol;

use super::log::Happening;
use super::sites::Sites;
use super::{KEPT_EXCHANGES, Lab, pod_name};
use crate::family::{OfFamily, Ranges};
use crate::key::{Kind, ObjectKey};
use crate::kubelet;
use crate::net::exchange::{self, Client, Message};
use crate::net::{API_SERVER, Guest, Host, Kernel, Network, Node, Party, Ports, cni, via};
use crate::object::Object;
use crate::proxy::Mode;
use crate::scenario::{Cluster, HostSpec, NodeSpec};
use crate::time::Instant;
use crate::trace::{Answer, Exchange, Question, Request};

/// Where the API server listens.
const API_SERVER_PORT: u16 = 6443;

/// Something a process asks over the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sending {
    pub from: Source,
    #[serde(alias = "service")]
    pub to: Goal,
    /// 0 where the question has none.
    #[serde(default)]
    pub port: u16,
    /// Of an HTTP request.
    #[serde(default)]
    pub path: String,
    #[serde(default, skip_serializing_if = "Ask::is_http")]
    pub ask: Ask,
    /// The client's own port, where it is not left to its kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
}

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A process in a pod or on a node.
    Inside(ObjectKey),
    Outside {
        outside: String,
    },
}

/// To whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Goal {
    /// A Service's cluster IP.
    Service(ObjectKey),
    Address(IpAddr),
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    #[default]
    Http,
    Tcp,
    Udp,
    Ping,
}

impl Ask {
    fn is_http(&self) -> bool {
        *self == Ask::Http
    }
}

impl Sending {
    /// `curl http://CLUSTER-IP:PORT/PATH` in a pod.
    pub fn http(
        from: ObjectKey,
        service: ObjectKey,
        port: u16,
        path: impl Into<String>,
    ) -> Sending {
        let (from, to) = (Source::Inside(from), Goal::Service(service));
        Sending { from, to, port, path: path.into(), ask: Ask::Http, source_port: None }
    }

    fn question(&self) -> Question {
        match self.ask {
            Ask::Http => Message::get("", &self.path).question(),
            Ask::Tcp => Question::Connect,
            Ask::Udp => Question::Datagram,
            Ask::Ping => Question::Echo,
        }
    }
}

/// The machines of the scenario, before any pod runs.
pub(super) fn build(cluster: &Cluster) -> Network {
    let nodes = cluster.nodes.iter();
    let mode = cluster.kube_proxy.mode;
    let nodes = nodes.map(|it| Node { layout: cluster.pod_network, ..node(it, mode) });
    let hosts = cluster.outside.iter().map(host).collect();
    let mut net = Network::new(nodes.collect(), hosts, cluster.lan, cluster.router);
    net.hairpin = cluster.hairpin_mode;
    let pods = cluster.cluster_cidr;
    net.kernels = net.nodes.iter().map(|it| (it.name.clone(), started(it, pods))).collect();
    for spec in &cluster.nodes {
        let node = Party::Node(spec.name.as_str().into());
        for (name, value) in &spec.sysctls {
            // Those that the lab does not know change nothing.
            net.set_sysctl(&node, name, *value);
        }
    }
    if let Some(server) = super::found::api_server(&cluster.nodes) {
        let listens = Ports::from_iter([(Protocol::Tcp, API_SERVER_PORT)]);
        let (name, node) = (API_SERVER.into(), server.name.as_str().into());
        net.guests.push(Guest { name, node, listens });
        net.keep_in_touch(Instant::START);
    }
    net
}

/// The kernel of a node that has just started, with what its network plugin wrote; `pods` are the
/// ranges of the whole cluster.
pub(super) fn started(node: &Node, pods: Ranges) -> Kernel {
    let mut kernel = Kernel::default();
    for own in node.pod_cidrs.iter() {
        if let Some(all) = pods.of(own.family()) {
            let rules = match node.layout.is_bridged() {
                true => cni::flannel(own, all),
                false => cni::calico(all, node.layout.tunnel(own.family())),
            };
            Rc::make_mut(kernel.rules_mut(own.family())).restore(&rules, true);
        }
    }
    kernel
}

/// As a client writes it into a URL.
fn host_header(to: IpAddr, port: u16) -> String {
    match (to, port) {
        (IpAddr::V4(ip), 80) => ip.to_string(),
        (IpAddr::V6(ip), 80) => format!("[{ip}]"),
        _ => SocketAddr::new(to, port).to_string(),
    }
}

/// Only in iptables mode does kube-proxy let packets for loopback addresses be routed.
fn node(spec: &NodeSpec, mode: Mode) -> Node {
    let mut res = Node::new(spec.name.as_str(), spec.address, spec.pod_cidr);
    res.sysctls.route_localnet = mode == Mode::Iptables;
    res
}

fn host(spec: &HostSpec) -> Host {
    Host {
        name: spec.name.as_str().into(),
        address: spec.address.primary,
        aliases: spec.address.secondary.into_iter().map(IpNet::from).collect(),
        routes: spec.routes.iter().map(|it| via(it.to, it.via)).collect(),
        listens: spec.ports.iter().map(|it| (it.protocol, it.port)).collect(),
    }
}

impl Lab {
    /// None where the sender has no address yet, or the Service no cluster IP.
    pub(super) fn send(&mut self, sending: &Sending) -> Option<Rc<Exchange>> {
        let party = self.party(&sending.from)?;
        let to = self.address(&sending.to)?;
        let from = self.net.name_of(&party);
        let port = sending.port;
        let host = host_header(to, port);
        let what = sending.question();
        let request = Request { from: from.clone(), host, to, port, what };
        let client = Client { port: sending.source_port, ..Client::from(party) };
        let when = self.next_request();
        let id = when.0;
        let version = self.version().release();
        let Lab { net, rng, objects, index, running, proxies, now, .. } = self;
        let site = Sites { objects, index, running, proxies, now: *now, turn: id, version };
        let exchange = Rc::new(exchange::run(net, rng, when, &client, request, &site));
        self.requested(exchange.clone());
        Some(exchange)
    }

    /// A new request's number, and its time; the network is as the policies say.
    pub(super) fn next_request(&mut self) -> (usize, Instant) {
        self.enforce_policies();
        self.requests += 1;
        (self.requests, self.now)
    }

    /// Keeps a request, and what a server of HTTP wrote of it.
    pub(super) fn requested(&mut self, exchange: Rc<Exchange>) {
        let (id, from) = (exchange.id, exchange.request.from.clone());
        let cause = self.note(None, Happening::Requested { exchange: id, from });
        for what in self.written_of(&exchange) {
            self.note(Some(cause), what);
        }
        self.keep_exchange(exchange);
    }

    /// Nothing where whoever answered is no pod, or writes none.
    fn written_of(&self, exchange: &Exchange) -> Vec<Happening> {
        let Answer::Http { served_by, .. } = &exchange.result else { return Vec::new() };
        let Some((namespace, name)) = served_by.split_once('/') else { return Vec::new() };
        let pod = ObjectKey::new(Kind::Pod, namespace, name);
        let tracked =
            self.objects.get(&pod).and_then(|_| self.running.get(&self.objects.id(&pod)?));
        let Some((container, lines)) = tracked.and_then(|it| kubelet::written(&it.run, exchange))
        else {
            return Vec::new();
        };
        let wrote = |line| {
            let (pod, container) = (pod.clone(), container.clone());
            Happening::Wrote { pod, container, line }
        };
        lines.into_iter().map(wrote).collect()
    }

    pub(super) fn keep_exchange(&mut self, exchange: Rc<Exchange>) {
        if self.exchanges.len() == KEPT_EXCHANGES {
            self.exchanges.remove(0);
        }
        self.exchanges.push(exchange);
    }

    /// Whose network namespace a sender's packets start from.
    pub fn party(&self, source: &Source) -> Option<Party> {
        match source {
            Source::Inside(key) if key.kind == Kind::Node => {
                self.net.node(&key.name).map(|it| Party::Node(it.name.clone()))
            }
            Source::Inside(key) => {
                let name = pod_name(key);
                let guest = || self.net.guests.iter().find(|it| *it.name == *name);
                let attached = self.net.pod(&name).map(|it| Party::Pod(it.ip));
                attached.or_else(|| guest().map(|it| Party::Node(it.node.clone())))
            }
            Source::Outside { outside } => {
                self.net.host(outside).map(|it| Party::Host(it.name.clone()))
            }
        }
    }

    fn address(&self, goal: &Goal) -> Option<IpAddr> {
        match goal {
            Goal::Address(ip) => Some(*ip),
            Goal::Service(key) => {
                let Some(Object::Service(service)) = self.objects.get(key) else { return None };
                service.spec.cluster_addresses().first().copied()
            }
        }
    }
}
