//! Connections that the kernel must forget after a sync: UDP has no end of a connection, so a
//! client that keeps its port would stay with an endpoint that is gone.
//!
//! What UDP ports were before and after a sync → which entries of conntrack go (`CleanStaleEntries`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::{Entry, Protocol};

use super::endpoint::Endpoint;
use super::names::{PortKey, ProtocolKey};
use super::part::Part;
use super::service::ServicePort;

/// What the clean-up looks at in a UDP port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UdpPort {
    name: Rc<str>,
    port: u16,
    cluster_ip: IpAddr,
    /// External IPs and load balancer addresses.
    other_ips: Vec<IpAddr>,
    node_port: Option<u16>,
    /// Serving, whether or not policies or hints let a node use them.
    serving: BTreeSet<SocketAddr>,
    /// All endpoints.
    known: BTreeSet<SocketAddr>,
}

impl UdpPort {
    pub(super) fn of(
        key: PortKey<'_>,
        port: &ServicePort,
        endpoints: &BTreeMap<Rc<str>, Endpoint<'_>>,
    ) -> Option<UdpPort> {
        let address = |it: &Endpoint<'_>| SocketAddr::new(it.ip, it.port);
        (key.protocol == ProtocolKey::Udp).then(|| UdpPort {
            name: key.port.into(),
            port: port.port,
            cluster_ip: port.cluster_ip,
            other_ips: port.external_ips.iter().chain(&port.vips).copied().collect(),
            node_port: port.node_port,
            serving: endpoints.values().filter(|it| it.serving).map(address).collect(),
            known: endpoints.values().map(address).collect(),
        })
    }

    fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.other_ips.iter().copied().chain([self.cluster_ip])
    }

    fn leads_here(&self, to: SocketAddr) -> bool {
        let by_address = to.port() == self.port && self.ips().any(|ip| ip == to.ip());
        by_address || self.node_port == Some(to.port())
    }
}

pub(super) fn udp_ports(parts: &[Part]) -> impl Iterator<Item = &UdpPort> {
    parts.iter().filter_map(|it| it.udp.as_ref())
}

/// Which UDP connections a sync made the kernel forget.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StaleConnections {
    flows: BTreeSet<Flow>,
    /// Newer releases go by all ports instead.
    ports: Vec<UdpPort>,
}

/// `conntrack -D -p udp` with these conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    to: To,
    /// `--dst-nat`
    endpoint: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    /// `--orig-dst`
    Ip(IpAddr),
    /// `--dport`
    NodePort(u16),
}

impl StaleConnections {
    /// 1.30: a Service's ports before a sync and after it.
    pub(super) fn note(&mut self, before: &[Part], after: &[Part]) {
        for old in udp_ports(before) {
            let new = udp_ports(after).find(|it| it.name == old.name);
            self.endpoints_gone(old, new);
        }
        for new in udp_ports(after) {
            let old = udp_ports(before).find(|it| it.name == new.name);
            if !new.serving.is_empty() && old.is_none_or(|it| it.serving.is_empty()) {
                self.forget_all(new);
            }
        }
    }

    /// Newer releases, once a Service with a UDP port has changed: all ports that there are.
    pub(super) fn reconcile<'a>(&mut self, all: impl Iterator<Item = &'a Part>) {
        let serving = all.filter_map(|it| it.udp.as_ref()).filter(|it| !it.serving.is_empty());
        self.ports.extend(serving.cloned());
    }

    fn endpoints_gone(&mut self, old: &UdpPort, new: Option<&UdpPort>) {
        let Some(new) = new else {
            self.flows.insert(Flow { to: To::Ip(old.cluster_ip), endpoint: None });
            return;
        };
        for gone in old.serving.difference(&new.known) {
            let endpoint = Some(gone.ip());
            let targets = new.ips().map(To::Ip).chain(new.node_port.map(To::NodePort));
            self.flows.extend(targets.map(|to| Flow { to, endpoint }));
        }
    }

    /// Entries from when nothing took the packets lead nowhere for ever.
    fn forget_all(&mut self, port: &UdpPort) {
        let targets = port.ips().map(To::Ip).chain(port.node_port.map(To::NodePort));
        self.flows.extend(targets.map(|to| Flow { to, endpoint: None }));
    }

    pub fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.ports.is_empty()
    }

    /// Whether the kernel must forget this connection.
    pub fn contains(&self, entry: &Entry) -> bool {
        let led_astray = |port: &UdpPort| {
            port.leads_here(entry.original.dst) && !port.serving.contains(&entry.reply.src)
        };
        let is_stale = |flow: &Flow| flow.takes(entry);
        entry.original.protocol == Protocol::Udp
            && (self.flows.iter().any(is_stale) || self.ports.iter().any(led_astray))
    }
}

impl Flow {
    fn takes(self, entry: &Entry) -> bool {
        let there = match self.to {
            To::Ip(ip) => entry.original.dst.ip() == ip,
            To::NodePort(port) => entry.original.dst.port() == port,
        };
        let by_endpoint = |ip: IpAddr| entry.is_dnat() && entry.reply.src.ip() == ip;
        there && self.endpoint.is_none_or(by_endpoint)
    }
}
