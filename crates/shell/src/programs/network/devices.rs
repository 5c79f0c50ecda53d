//! The devices of a network namespace, with their addresses: what the lab knows → values.

use std::net::IpAddr;

use ipnet::IpNet;
use svclab_core::family::OfFamily;
use svclab_core::lab::{Lab, Source};
use svclab_core::net::{Node, Party};
use svclab_core::trace::Route;
use svclab_netfilter::Family;

use crate::process::Process;
use crate::programs::here;

/// One device.
pub(super) struct Device {
    pub(super) index: usize,
    pub(super) name: String,
    /// The index of the other end of a veth pair.
    pub(super) peer: Option<usize>,
    pub(super) mtu: u32,
    pub(super) kind: Kind,
    pub(super) mac: [u8; 6],
    pub(super) addresses: Vec<IpNet>,
    /// A bridge's port.
    pub(super) master: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Loopback,
    Ethernet,
    Tunnel,
}

/// Devices before the pods' on a node: lo, eth0, the bridge or tunnel.
const FIRST_VETH: usize = 5;

pub(super) fn devices(process: &Process) -> Vec<Device> {
    let lab = process.lab();
    let Some(party) = lab.party(&here::source(process)) else { return vec![loopback()] };
    let mut res = vec![loopback()];
    let own = |name: &str, index, peer, mac, mtu| Device {
        index,
        name: name.to_owned(),
        peer,
        mtu,
        kind: Kind::Ethernet,
        mac,
        addresses: addresses(&lab, &party),
        master: None,
    };
    match &party {
        Party::Pod(ip) => {
            let end = lab.network().pods.get(ip);
            let node = end.and_then(|it| lab.network().node(&it.node));
            let peer = node.and_then(|node| {
                let index = veths(&lab, node)
                    .iter()
                    .position(|it| Some(it.as_str()) == end.map(|it| &*it.device));
                index.map(|it| it + FIRST_VETH)
            });
            let mtu = node.and_then(|it| it.layout.tunnel(Family::V4)).map_or(1500, |it| it.mtu);
            res.push(own("eth0", 2, peer, mac_of(*ip, 0x4a), mtu));
        }
        Party::Host(_) => {
            let ip = addresses(&lab, &party).first().map(IpNet::addr);
            res.push(own("eth0", 2, None, mac_of(ip.unwrap_or(IpAddr::from([0; 4])), 0x08), 1500));
        }
        Party::Node(name) => {
            let ip = addresses(&lab, &party).first().map(IpNet::addr);
            res.push(own("eth0", 2, None, mac_of(ip.unwrap_or(IpAddr::from([0; 4])), 0x52), 1500));
            if let Some(node) = lab.network().node(name) {
                of_pods(&lab, node, &mut res);
            }
        }
    }
    res
}

/// A node's side of its pods' network.
fn of_pods(lab: &Lab, node: &Node, res: &mut Vec<Device>) {
    let families = [Family::V4, Family::V6];
    if let Some(tunnel) = node.layout.tunnel(Family::V4) {
        let ips = families.iter().filter_map(|it| node.tunnel_address(*it));
        res.push(Device {
            index: 3,
            name: tunnel.device.to_owned(),
            peer: None,
            mtu: tunnel.mtu,
            kind: Kind::Tunnel,
            mac: ips.clone().next().map_or([0; 6], |it| mac_of(it, 0x66)),
            addresses: ips.map(IpNet::from).collect(),
            master: None,
        });
    }
    let mtu = node.layout.tunnel(Family::V4).map_or(1500, |it| it.mtu);
    if node.layout.is_bridged() {
        let with_range = |family: &Family| {
            let range = node.pod_cidrs.of(*family)?;
            IpNet::new(node.bridge(*family)?, range.prefix_len()).ok()
        };
        let own: Vec<IpNet> = families.iter().filter_map(with_range).collect();
        res.push(Device {
            index: 4,
            name: "cni0".to_owned(),
            peer: None,
            mtu,
            kind: Kind::Ethernet,
            mac: own.first().map_or([0; 6], |it| mac_of(it.addr(), 0x0e)),
            addresses: own,
            master: None,
        });
    }
    for (at, name) in veths(lab, node).into_iter().enumerate() {
        let bridged = node.layout.is_bridged();
        let ends = lab.network().pods.values().filter(|it| *it.device == *name);
        let mac = match bridged {
            true => ends.map(|it| mac_of(it.ip, 0xfe)).next().unwrap_or([0xfe; 6]),
            false => [0xee; 6],
        };
        let master = bridged.then_some("cni0");
        let index = at + FIRST_VETH;
        let (kind, addresses) = (Kind::Ethernet, Vec::new());
        res.push(Device { index, name, peer: Some(2), mtu, kind, mac, addresses, master });
    }
}

fn veths(lab: &Lab, node: &Node) -> Vec<String> {
    let mut res: Vec<String> = Vec::new();
    for end in lab.network().pods.values().filter(|it| it.node == node.name) {
        let name = end.device.to_string();
        if !res.contains(&name) {
            res.push(name);
        }
    }
    res
}

fn loopback() -> Device {
    let own = ["127.0.0.1/8", "::1/128"].iter().filter_map(|it| it.parse().ok());
    Device {
        index: 1,
        name: "lo".to_owned(),
        peer: None,
        mtu: 65_536,
        kind: Kind::Loopback,
        mac: [0; 6],
        addresses: own.collect(),
        master: None,
    }
}

fn addresses(lab: &Lab, party: &Party) -> Vec<IpNet> {
    let families = [Family::V4, Family::V6].into_iter();
    families.filter_map(|it| lab.network().interface(party, it)).collect()
}

/// A MAC address that tells the IP address, as container runtimes once made them.
pub(super) fn mac_of(ip: IpAddr, first: u8) -> [u8; 6] {
    let tail = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
    };
    let [a, b, c, d] = tail;
    let second = if first == 0x4a { 0x1f } else { 0x58 };
    [first, second, a, b, c, d]
}

pub(super) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|it| format!("{it:02x}")).join(":")
}

/// The link-local address that comes of a MAC address (RFC 4291, appendix A).
pub(super) fn link_local([a, b, c, d, e, f]: [u8; 6]) -> IpAddr {
    let pair = |high: u8, low: u8| u16::from(high) << 8 | u16::from(low);
    IpAddr::from([0xfe80, 0, 0, 0, pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f)])
}

/// The main routing table of one family.
pub(super) fn routes(process: &Process, family: Family) -> Vec<Route> {
    let lab = process.lab();
    let net = lab.network();
    let Some(party) = lab.party(&here::source(process)) else { return Vec::new() };
    let all = match &party {
        Party::Pod(ip) => {
            let node = net.pods.get(ip).and_then(|it| net.node(&it.node));
            node.map(|it| net.pod_routes(it)).unwrap_or_default()
        }
        Party::Node(name) => net.node(name).map(|it| net.routes(it)).unwrap_or_default(),
        Party::Host(name) => net.host(name).map(|it| net.host_routes(it)).unwrap_or_default(),
    };
    all.into_iter().filter(|it| it.destination.family() == family).collect()
}

/// The address that packets for `to` are sent from.
pub(super) fn source_for(process: &Process, to: IpAddr) -> Option<IpAddr> {
    let lab = process.lab();
    let party = lab.party(&here::source(process))?;
    lab.network().source_address(&party, to)
}

/// The machine's address on a route's device, of the route's family.
pub(super) fn address_on(process: &Process, route: &Route) -> Option<IpAddr> {
    let device = devices(process).into_iter().find(|it| it.name == *route.device)?;
    let mut own = device.addresses.iter().map(IpNet::addr);
    own.find(|it| it.is_ipv4() == route.destination.addr().is_ipv4())
}

/// Whether an address is the machine's own.
pub(super) fn is_own(process: &Process, ip: IpAddr) -> bool {
    let lab = process.lab();
    let source: Source = here::source(process);
    lab.party(&source).is_some_and(|party| lab.network().owns(&party, ip))
}
