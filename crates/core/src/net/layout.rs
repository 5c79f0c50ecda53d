//! What a network plugin makes of the pods' network: how pods hang on their node, and how their
//! packets get to the pods of other nodes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use svclab_netfilter::{Family, L4, Packet};

use crate::family::OfFamily;

/// The plugin and its way between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Layout {
    /// flannel's host-gw: a bridge on each node, plain routes over the LAN.
    #[default]
    HostGateway,
    /// flannel's VXLAN: a bridge on each node, packets to other nodes inside of UDP.
    Vxlan,
    /// flannel's VXLAN with `DirectRouting`: plain routes to nodes of the same subnet.
    VxlanDirectRouting,
    /// Calico without encapsulation: a route for each pod and none of a bridge, routes for blocks
    /// of addresses over the LAN.
    Calico,
    /// Calico's IPIP, packets to other nodes inside of IP.
    CalicoIpip,
    /// The same with `ipipMode: CrossSubnet`: not between nodes of the same subnet.
    CalicoIpipCrossSubnet,
    /// Calico's VXLAN.
    CalicoVxlan,
    /// The same with `vxlanMode: CrossSubnet`.
    CalicoVxlanCrossSubnet,
}

/// A device that puts packets into packets from node to node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    pub device: &'static str,
    /// Of the device, in bytes: what a packet may have so that its wrapping still fits into 1500.
    pub mtu: u32,
    pub kind: Encapsulation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encapsulation {
    Vxlan { port: u16, vni: u32 },
    Ipip,
}

impl Layout {
    /// Whether a node's pods hang on a bridge, cni0.
    pub fn is_bridged(self) -> bool {
        matches!(self, Layout::HostGateway | Layout::Vxlan | Layout::VxlanDirectRouting)
    }

    /// Whether packets to pods of other nodes go over the LAN as they are. The lab's nodes are all
    /// on one, so a tunnel for other subnets stands by unused.
    pub fn is_direct(self) -> bool {
        match self {
            Layout::HostGateway | Layout::Calico => true,
            Layout::VxlanDirectRouting => true,
            Layout::CalicoIpipCrossSubnet | Layout::CalicoVxlanCrossSubnet => true,
            Layout::Vxlan | Layout::CalicoIpip | Layout::CalicoVxlan => false,
        }
    }

    /// The device that puts packets to other nodes' pods into packets, if there is one.
    pub fn tunnel(self, family: Family) -> Option<Tunnel> {
        // The outer header of IPv6 is 20 bytes longer.
        let (more, v4) = match family {
            Family::V4 => (0, true),
            Family::V6 => (20, false),
        };
        let vxlan = |device, port, vni| {
            let kind = Encapsulation::Vxlan { port, vni };
            Some(Tunnel { device, mtu: 1450 - more, kind })
        };
        match self {
            Layout::HostGateway | Layout::Calico => None,
            Layout::Vxlan | Layout::VxlanDirectRouting => {
                vxlan(if v4 { "flannel.1" } else { "flannel-v6.1" }, 8472, 1)
            }
            Layout::CalicoVxlan | Layout::CalicoVxlanCrossSubnet => {
                vxlan(if v4 { "vxlan.calico" } else { "vxlan-v6.calico" }, 4789, 4096)
            }
            Layout::CalicoIpip | Layout::CalicoIpipCrossSubnet => {
                let kind = Encapsulation::Ipip;
                v4.then_some(Tunnel { device: "tunl0", mtu: 1480, kind })
            }
        }
    }

    /// The tunnel that carried this packet.
    pub(super) fn tunnel_of(self, packet: &Packet) -> Option<Tunnel> {
        let tunnel = self.tunnel(packet.dst.family())?;
        let carries = match (tunnel.kind, packet.l4) {
            (Encapsulation::Vxlan { port, .. }, L4::Udp { dport, .. }) => port == dport,
            (Encapsulation::Ipip, L4::Ipip) => true,
            _ => false,
        };
        carries.then_some(tunnel)
    }

    /// Of the name of a pod's device on its node, from bits drawn at random.
    pub fn pod_device(self, bits: u64) -> String {
        match self.is_bridged() {
            true => format!("veth{:08x}", bits >> 32),
            false => format!("cali{:011x}", bits >> 20),
        }
    }

    /// Where pods without a bridge send everything: an address that nobody has, for which the
    /// node's end of the veth pair answers.
    pub fn pod_gateway(self, family: Family) -> Option<IpAddr> {
        (!self.is_bridged()).then(|| match family {
            Family::V4 => IpAddr::from([169, 254, 1, 1]),
            Family::V6 => IpAddr::from([0xfe80, 0, 0, 0, 0xecee, 0xeeff, 0xfeee, 0xeeee]),
        })
    }
}

impl Tunnel {
    /// The packet in a new one between the nodes. A mark stays, as the packet stays on its machine.
    pub(super) fn wrap(self, inner: &Packet, from: IpAddr, to: IpAddr) -> Packet {
        let inside = u16::try_from(inner.ip_length()).unwrap_or(u16::MAX);
        let (l4, length, ttl) = match self.kind {
            Encapsulation::Vxlan { port, .. } => {
                let l4 = L4::Udp { sport: flow_port(inner), dport: port };
                // VXLAN's own header and an Ethernet one.
                (l4, inside.saturating_add(22), 64)
            }
            Encapsulation::Ipip => (L4::Ipip, inside, inner.ttl),
        };
        Packet { mark: inner.mark, length, ttl, ..Packet::new(from, to, l4) }
    }
}

/// A client's port from the packet's ends, the same for a connection's every packet
/// (`udp_flow_src_port`).
fn flow_port(inner: &Packet) -> u16 {
    let text = format!("{} {} {}", inner.protocol().number(), inner.source(), inner.destination());
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let range = 60_999 - 32_768;
    32_768 + ((u64::from(hash) * range) >> 32) as u16
}

/// The blocks that Calico cuts a node's range into: those that hold a pod, and the first.
pub(super) fn blocks(range: IpNet, pods: impl Iterator<Item = IpAddr>) -> Vec<IpNet> {
    let prefix = match range {
        IpNet::V4(it) => it.prefix_len().max(26),
        IpNet::V6(it) => it.prefix_len().max(122),
    };
    let block = |ip: IpAddr| IpNet::new(ip, prefix).ok().map(|it| it.trunc());
    let mut res: Vec<IpNet> = Vec::new();
    for ip in std::iter::once(range.network()).chain(pods.filter(|it| range.contains(it))) {
        res.extend(block(ip).filter(|it| !res.contains(it)));
    }
    res
}
