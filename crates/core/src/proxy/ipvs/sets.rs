//! The ipsets of IPVS mode: their names, types, and what each service port puts into them.

use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::ipset::{IpSet, Member, SetKind};
use svclab_netfilter::{Family, IpSets, Protocol};

use super::{Destination, Maker, Origin, Port, Purpose};
use crate::proxy::endpoint::Endpoint;

pub(super) const LOOP_BACK: &str = "LOOP-BACK";
pub(super) const CLUSTER_IP: &str = "CLUSTER-IP";
pub(super) const EXTERNAL_IP: &str = "EXTERNAL-IP";
pub(super) const EXTERNAL_IP_LOCAL: &str = "EXTERNAL-IP-LOCAL";
pub(super) const LOAD_BALANCER: &str = "LOAD-BALANCER";
pub(super) const LOAD_BALANCER_FW: &str = "LOAD-BALANCER-FW";
pub(super) const LOAD_BALANCER_LOCAL: &str = "LOAD-BALANCER-LOCAL";
pub(super) const SOURCE_IP: &str = "LOAD-BALANCER-SOURCE-IP";
pub(super) const SOURCE_CIDR: &str = "LOAD-BALANCER-SOURCE-CIDR";
pub(super) const NODE_PORT_TCP: &str = "NODE-PORT-TCP";
pub(super) const NODE_PORT_LOCAL_TCP: &str = "NODE-PORT-LOCAL-TCP";
pub(super) const NODE_PORT_UDP: &str = "NODE-PORT-UDP";
pub(super) const NODE_PORT_LOCAL_UDP: &str = "NODE-PORT-LOCAL-UDP";
pub(super) const NODE_PORT_SCTP: &str = "NODE-PORT-SCTP-HASH";
pub(super) const NODE_PORT_LOCAL_SCTP: &str = "NODE-PORT-LOCAL-SCTP-HASH";
pub(super) const HEALTH_CHECK: &str = "HEALTH-CHECK-NODE-PORT";
pub(super) const IPVS_IPS: &str = "IPVS-IPS";

/// By what follows `KUBE-` in its name: each set's type, and the comment of the rules that ask it
/// (`ipsetInfo`).
pub(super) const SETS: [(&str, SetKind, &str); 17] = [
    (
        LOOP_BACK,
        SetKind::HashIpPortIp,
        "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
    ),
    (
        CLUSTER_IP,
        SetKind::HashIpPort,
        "Kubernetes service cluster ip + port for masquerade purpose",
    ),
    (
        EXTERNAL_IP,
        SetKind::HashIpPort,
        "Kubernetes service external ip + port for masquerade and filter purpose",
    ),
    (
        EXTERNAL_IP_LOCAL,
        SetKind::HashIpPort,
        "Kubernetes service external ip + port with externalTrafficPolicy=local",
    ),
    (LOAD_BALANCER, SetKind::HashIpPort, "Kubernetes service lb portal"),
    (
        LOAD_BALANCER_FW,
        SetKind::HashIpPort,
        "Kubernetes service load balancer ip + port for load balancer with sourceRange",
    ),
    (
        LOAD_BALANCER_LOCAL,
        SetKind::HashIpPort,
        "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
    ),
    (
        SOURCE_IP,
        SetKind::HashIpPortIp,
        "Kubernetes service load balancer ip + port + source IP for packet filter purpose",
    ),
    (
        SOURCE_CIDR,
        SetKind::HashIpPortNet,
        "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
    ),
    (NODE_PORT_TCP, SetKind::BitmapPort, "Kubernetes nodeport TCP port for masquerade purpose"),
    (
        NODE_PORT_LOCAL_TCP,
        SetKind::BitmapPort,
        "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
    ),
    (NODE_PORT_UDP, SetKind::BitmapPort, "Kubernetes nodeport UDP port for masquerade purpose"),
    (
        NODE_PORT_LOCAL_UDP,
        SetKind::BitmapPort,
        "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
    ),
    (
        NODE_PORT_SCTP,
        SetKind::HashIpPort,
        "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
    ),
    (
        NODE_PORT_LOCAL_SCTP,
        SetKind::HashIpPort,
        "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
    ),
    (HEALTH_CHECK, SetKind::BitmapPort, "Kubernetes health check node port"),
    (IPVS_IPS, SetKind::HashIp, "Addresses on the ipvs interface"),
];

/// `KUBE-CLUSTER-IP`, or `KUBE-6-CLUSTER-IP` for IPv6.
pub(super) fn full_name(family: Family, name: &str) -> String {
    match family {
        Family::V4 => format!("KUBE-{name}"),
        Family::V6 => format!("KUBE-6-{name}"),
    }
}

/// The sets while service ports are put into them.
pub(super) struct Filling {
    family: Family,
    pub(super) sets: IpSets,
    /// Addresses that the node itself may not ask, as source ranges leave it out.
    pub(super) refused: Vec<(IpAddr, Protocol, u16)>,
}

impl Filling {
    pub(super) fn new(family: Family) -> Filling {
        let set = |(name, kind, _): (&str, SetKind, &str)| {
            (full_name(family, name), IpSet::new(kind, family))
        };
        let sets = IpSets(SETS.map(set).into_iter().collect());
        Filling { family, sets, refused: Vec::new() }
    }

    /// An address of the dummy device.
    pub(super) fn bound(&mut self, ip: IpAddr) {
        if let Some(set) = self.set(IPVS_IPS) {
            set.members.insert(Member::Ip(ip), None);
        }
    }

    fn set(&mut self, name: &str) -> Option<&mut IpSet> {
        self.sets.0.get_mut(&full_name(self.family, name))
    }
}

impl Maker<'_> {
    /// A local endpoint, whatever its conditions: a pod that reaches itself must be masqueraded.
    pub(super) fn loopback(&mut self, port: &Port<'_>, endpoint: &Endpoint) {
        let ip = endpoint.ip;
        let member = Member::IpPortNet(ip, port.protocol, endpoint.port, IpNet::from(ip));
        let origin = Origin {
            endpoint: Some(Rc::clone(&endpoint.text)),
            slice: Some(Rc::clone(&endpoint.slice)),
            ..(port.origin)(Purpose::MarkHairpin)
        };
        self.add(LOOP_BACK, member, origin);
    }

    /// What the port's frontends add to the sets (`syncProxyRules`).
    pub(super) fn sets(&mut self, port: &Port<'_>) {
        let own = port.port;
        let at = |ip: IpAddr| Member::IpPort(ip, port.protocol, own.port);
        let inside = Purpose::Match(Destination::ClusterIp);
        self.member(CLUSTER_IP, at(own.cluster_ip), port, inside);
        let name = if own.external_local { EXTERNAL_IP_LOCAL } else { EXTERNAL_IP };
        for ip in &own.external_ips {
            self.member(name, at(*ip), port, Purpose::Match(Destination::ExternalIp));
        }
        for ip in &own.vips {
            self.member(LOAD_BALANCER, at(*ip), port, Purpose::Match(Destination::LoadBalancerIp));
            if own.external_local {
                self.member(LOAD_BALANCER_LOCAL, at(*ip), port, Purpose::KeepClient);
            }
            if !own.source_ranges.is_empty() {
                self.source_ranges(port, *ip);
            }
        }
        self.node_ports(port);
        if let Some(check) = own.health_check_node_port {
            self.member(HEALTH_CHECK, Member::Port(check), port, Purpose::AcceptHealthChecks);
        }
    }

    fn source_ranges(&mut self, port: &Port<'_>, vip: IpAddr) {
        let own = port.port;
        let member = |net: IpNet| Member::IpPortNet(vip, port.protocol, own.port, net);
        let at = Member::IpPort(vip, port.protocol, own.port);
        self.member(LOAD_BALANCER_FW, at, port, Purpose::DropOutsideSourceRanges);
        for net in &own.source_ranges {
            self.member(SOURCE_CIDR, member(*net), port, Purpose::AllowSourceRange);
        }
        if own.source_ranges.iter().any(|it| it.contains(&self.node.ip)) {
            self.member(SOURCE_IP, member(vip.into()), port, Purpose::AllowNodeItself);
        } else {
            self.filling.refused.push((vip, port.protocol, own.port));
        }
    }

    fn node_ports(&mut self, port: &Port<'_>) {
        let Some(number) = port.port.node_port.filter(|_| !self.node_ips.is_empty()) else {
            return;
        };
        let (all, local) = match port.protocol {
            Protocol::Tcp => (NODE_PORT_TCP, NODE_PORT_LOCAL_TCP),
            Protocol::Udp => (NODE_PORT_UDP, NODE_PORT_LOCAL_UDP),
            _ => (NODE_PORT_SCTP, NODE_PORT_LOCAL_SCTP),
        };
        let at = |ip: &IpAddr| Member::IpPort(*ip, port.protocol, number);
        let members: Vec<Member> = match port.protocol {
            Protocol::Sctp => self.node_ips.iter().map(at).collect(),
            _ => vec![Member::Port(number)],
        };
        for member in members {
            self.member(all, member, port, Purpose::Match(Destination::NodePort));
            if port.port.external_local {
                self.member(local, member, port, Purpose::KeepClient);
            }
        }
    }

    fn member(&mut self, set: &str, member: Member, port: &Port<'_>, purpose: Purpose) {
        self.add(set, member, (port.origin)(purpose));
    }

    fn add(&mut self, set: &str, member: Member, origin: Origin) {
        let origin = self.origins.add(origin);
        if let Some(set) = self.filling.set(set) {
            set.members.entry(member).or_insert(Some(origin));
        }
    }
}
