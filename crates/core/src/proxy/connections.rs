//! Connections that the kernel must forget after a sync: UDP has no end of a connection, so a
//! client that keeps its port would stay with an endpoint that is gone.
//!
//! What UDP ports were before and after a sync → which entries of conntrack go (`CleanStaleEntries`).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{Entry, Protocol};

use super::endpoint::Endpoint;
use super::known::KnownPort;
use super::names::ProtocolKey;
use super::part::Part;

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
    pub(super) fn of(known: &KnownPort, endpoints: &[Endpoint]) -> Option<UdpPort> {
        let port = &known.service;
        let address = |it: &Endpoint| SocketAddr::new(it.ip, it.port);
        (known.protocol == ProtocolKey::Udp).then(|| UdpPort {
            name: Rc::clone(&known.name),
            port: port.port,
            cluster_ip: port.cluster_ip,
            other_ips: port.external_ips.iter().chain(&port.vips).copied().gather(),
            node_port: port.node_port,
            serving: endpoints.iter().filter(|it| it.serving).map(address).gather(),
            known: endpoints.iter().map(address).gather(),
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use svclab_netfilter::{Conntrack, L4, Packet};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// `dns` at 10.96.0.10:53 and node port 30053 with these serving endpoints.
    fn part(serving: &[&str]) -> Part {
        let serving: BTreeSet<SocketAddr> = serving.iter().map(|it| address(it)).collect();
        let udp = UdpPort {
            name: Rc::from("dns"),
            port: 53,
            cluster_ip: address("10.96.0.10:0").ip(),
            other_ips: Vec::new(),
            node_port: Some(30_053),
            known: serving.clone(),
            serving,
        };
        let (filter, nat, chains) = Default::default();
        Part { filter, nat, chains, marking: None, udp: Some(udp) }
    }

    /// Connections, each `to -> endpoint`, of which the sync leaves these.
    #[track_caller]
    fn check(stale: &StaleConnections, expected: &[&str]) {
        let mut table = Conntrack::default();
        let connections = [
            ("10.96.0.10:53", "10.244.1.2:53"),
            ("10.96.0.10:53", "10.244.2.2:53"),
            ("10.96.0.10:53", "10.96.0.10:53"),
            ("192.168.56.31:30053", "10.244.1.2:53"),
            ("10.96.0.20:53", "10.244.1.2:53"),
        ];
        for (port, (to, endpoint)) in (40_000..).zip(connections) {
            let packet = Packet::new(
                address("10.244.1.9:0").ip(),
                address(to).ip(),
                L4::Udp { sport: port, dport: address(to).port() },
            );
            let mut entry = table.look_up(&packet, 0).entry;
            entry.reply.src = address(endpoint);
            table.confirm(entry);
        }
        table.forget(|it| stale.contains(it), 0);
        let left = table.entries(0).map(|it| format!("{} -> {}", it.original.dst, it.reply.src));
        let left: BTreeSet<String> = left.collect();
        assert_eq!(left, expected.iter().map(|it| it.to_string()).collect());
    }

    fn noted(before: &[Part], after: &[Part]) -> StaleConnections {
        let mut res = StaleConnections::default();
        res.note(before, after);
        res
    }

    const ELSEWHERE: &str = "10.96.0.20:53 -> 10.244.1.2:53";
    const NODE_PORT: &str = "192.168.56.31:30053 -> 10.244.1.2:53";
    const FIRST: &str = "10.96.0.10:53 -> 10.244.1.2:53";
    const SECOND: &str = "10.96.0.10:53 -> 10.244.2.2:53";
    const NOWHERE: &str = "10.96.0.10:53 -> 10.96.0.10:53";

    #[test]
    fn an_endpoint_that_is_gone_takes_its_connections_with_it() {
        let both = [part(&["10.244.1.2:53", "10.244.2.2:53"])];
        let stale = noted(&both, &[part(&["10.244.2.2:53"])]);
        check(&stale, &[SECOND, NOWHERE, ELSEWHERE]);
        assert!(noted(&both, &both).is_empty());
    }

    #[test]
    fn the_first_endpoint_ends_what_led_nowhere() {
        let stale = noted(&[part(&[])], &[part(&["10.244.1.2:53"])]);
        check(&stale, &[ELSEWHERE]);
        assert!(noted(&[part(&[])], &[part(&[])]).is_empty());
    }

    #[test]
    fn a_service_that_is_gone_ends_what_came_to_its_cluster_ip() {
        check(&noted(&[part(&["10.244.1.2:53"])], &[]), &[NODE_PORT, ELSEWHERE]);
    }

    #[test]
    fn newer_releases_keep_just_what_leads_to_serving_endpoints() {
        let reconciled = |serving: &[&str]| {
            let mut res = StaleConnections::default();
            res.reconcile([part(serving)].iter());
            res
        };
        check(&reconciled(&["10.244.1.2:53"]), &[FIRST, NODE_PORT, ELSEWHERE]);
        check(&reconciled(&[]), &[FIRST, SECOND, NOWHERE, NODE_PORT, ELSEWHERE]);
    }
}
