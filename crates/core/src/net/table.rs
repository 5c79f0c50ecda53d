//! What `ip` shows in a network namespace: devices with their addresses, routes, neighbours.
//!
//! Everything follows from the [`Network`]'s own values; MAC addresses from IP addresses, as there
//! is one of them on each device.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::order::Order;

use super::{Attachment, Encapsulation, Network, Node, Party, State, Tunnel};
use crate::family::{OfFamily, Ranges};
use crate::trace::Route;

/// One device, in `ip`'s order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Counts from 1, which is lo.
    pub index: usize,
    pub name: Rc<str>,
    /// The other end of a veth pair: its index in its own namespace.
    pub peer: Option<usize>,
    pub mtu: u32,
    pub mac: Mac,
    /// With the prefix's length, as on the device.
    pub addresses: Vec<IpNet>,
    /// The bridge whose port it is.
    pub master: Option<Rc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// Who is known on a device's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    pub ip: IpAddr,
    pub device: Rc<str>,
    /// None where nobody has answered.
    pub mac: Option<Mac>,
    /// None where the network plugin told it, for good.
    pub state: Option<State>,
}

/// As `ip neigh` prints it, with the blank at its end.
impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {} ", self.ip, self.device)?;
        if let Some(mac) = self.mac {
            write!(f, "lladdr {mac} ")?;
        }
        write!(f, "{} ", self.state.map_or("PERMANENT", State::name))
    }
}

/// A route with what `ip route` tells besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub route: Route,
    /// Who wrote it: `kernel`, `bird`, `80` (Calico's Felix).
    pub proto: Option<&'static str>,
    /// The source address that it prefers.
    pub src: Option<IpAddr>,
    /// The gateway is on the link, whatever the addresses say.
    pub onlink: bool,
}

/// As `ip route` prints it, with the blank at its end.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.route)?;
        if let Some(proto) = self.proto {
            write!(f, "proto {proto} ")?;
        }
        if self.route.via.is_none()
            && !self.route.blackhole
            && !self.route.destination.addr().is_ipv6()
        {
            f.write_str("scope link ")?;
        }
        if let Some(src) = self.src {
            write!(f, "src {src} ")?;
        }
        if self.onlink { f.write_str("onlink ") } else { Ok(()) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Mac {
    /// Of the node's end of each pod's veth pair, with Calico.
    const CALICO: Mac = Mac([0xee; 6]);

    fn of(kind: [u8; 2], ip: IpAddr) -> Mac {
        let bytes = match ip {
            IpAddr::V4(ip) => u32::from(ip),
            IpAddr::V6(ip) => u128::from(ip) as u32,
        };
        let [a, b] = kind;
        let [c, d, e, f] = bytes.to_be_bytes();
        Mac([a, b, c, d, e, f])
    }

    fn machine(ip: IpAddr) -> Mac {
        Mac::of([0x52, 0x54], ip)
    }

    fn pod(ip: IpAddr) -> Mac {
        Mac::of([0x4a, 0x1f], ip)
    }

    fn bridge(ip: IpAddr) -> Mac {
        Mac::of([0x0e, 0x58], ip)
    }

    fn veth(ip: IpAddr) -> Mac {
        Mac::of([0xfe, 0x1c], ip)
    }

    /// Of kube-ipvs0; a kernel draws it.
    fn dummy(ip: IpAddr) -> Mac {
        Mac::of([0x8e, 0xdd], ip)
    }

    fn tunnel(ip: IpAddr) -> Mac {
        Mac::of([0x66, 0x0c], ip)
    }
}

/// A pod's eth0 is made after lo.
const POD_ETH0: usize = 2;

impl Network {
    /// The devices of a namespace; none of one that is not there.
    pub fn devices(&self, party: &Party) -> Vec<Device> {
        match party {
            Party::Node(name) => self.node(name).map(|it| self.node_devices(it)),
            Party::Pod(ip) => self.pods.get(ip).map(|it| self.pod_devices(it)),
            Party::Host(name) => self.host(name).map(|it| {
                let own = std::iter::once(it.address).filter_map(|ip| on_lan(self.lan, ip));
                let addresses = own.chain(it.aliases.iter().copied()).collect();
                vec![loopback(), device(2, "eth0", Mac::machine(it.address), addresses)]
            }),
        }
        .unwrap_or_default()
    }

    fn pod_devices(&self, end: &Attachment) -> Vec<Device> {
        let Some(node) = self.node(&end.node) else { return Vec::new() };
        let ends: Vec<&Attachment> = self.ends(&end.pod).collect();
        let addresses = ends.iter().filter_map(|it| {
            let range = node.pod_cidrs.of(it.ip.family())?;
            let prefix =
                if node.layout.is_bridged() { range.prefix_len() } else { range.max_prefix_len() };
            IpNet::new(it.ip, prefix).ok()
        });
        let there = self.node_devices(node);
        let peer = there.iter().find(|it| it.name == end.device).map(|it| it.index);
        let mac = Mac::pod(ends.first().map_or(end.ip, |it| it.ip));
        let mtu = self.mtu(node, end.ip);
        let own = device(POD_ETH0, "eth0", mac, addresses.collect());
        vec![loopback(), Device { peer, mtu, ..own }]
    }

    /// lo, eth0, what the network plugin made, and a veth for each pod.
    fn node_devices(&self, node: &Node) -> Vec<Device> {
        let primary = node.addresses.primary;
        let own = node.addresses.iter().filter_map(|ip| on_lan(self.lan, ip));
        let mut lo = loopback();
        lo.addresses.extend(node.bound.iter().map(|ip| IpNet::from(*ip)));
        let mut res = vec![lo, device(2, "eth0", Mac::machine(primary), own.collect())];
        for family in node.pod_cidrs.families() {
            let tunnel = node.layout.tunnel(family).zip(node.tunnel_address(family));
            res.extend(tunnel.map(|(tunnel, ip)| {
                let own = device(res.len() + 1, tunnel.device, Mac::tunnel(ip), vec![ip.into()]);
                Device { mtu: tunnel.mtu, ..own }
            }));
        }
        let bridge: Vec<IpNet> = node
            .pod_cidrs
            .iter()
            .filter_map(|range| IpNet::new(node.bridge(range.family())?, range.prefix_len()).ok())
            .collect();
        if let Some(first) = bridge.first().copied() {
            let own = device(res.len() + 1, "cni0", Mac::bridge(first.addr()), bridge);
            res.push(Device { mtu: self.mtu(node, first.addr()), ..own });
        }
        if let Some(dummy) = &node.dummy {
            let addresses = dummy.iter().map(|ip| IpNet::from(*ip)).collect();
            res.push(device(
                res.len() + 1,
                "kube-ipvs0",
                Mac::dummy(node.addresses.primary),
                addresses,
            ));
        }
        self.veths(node, &mut res);
        res
    }

    /// The node's ends of its pods' veth pairs.
    fn veths(&self, node: &Node, res: &mut Vec<Device>) {
        for pod in self.pods.values().filter(|it| it.node == node.name) {
            if res.iter().any(|it| it.name == pod.device) {
                continue;
            }
            let bridged = node.layout.is_bridged();
            let mac = if bridged { Mac::veth(pod.ip) } else { Mac::CALICO };
            let own = device(res.len() + 1, &pod.device, mac, Vec::new());
            let master = bridged.then(|| "cni0".into());
            let mtu = self.mtu(node, pod.ip);
            res.push(Device { peer: Some(POD_ETH0), mtu, master, ..own });
        }
    }

    /// Pods get what fits into the tunnel.
    fn mtu(&self, node: &Node, ip: IpAddr) -> u32 {
        node.layout.tunnel(ip.family()).map_or(1500, |it| it.mtu)
    }

    /// The main routing table of a namespace, as `ip route` lists it: by destination.
    pub fn route_lines(&self, party: &Party) -> Vec<Line> {
        let routes = match party {
            Party::Node(name) => self.node(name).map(|it| self.routes(it)),
            Party::Host(name) => self.host(name).map(|it| self.host_routes(it)),
            Party::Pod(ip) => self.pods.get(ip).map(|it| self.pod_routes(it)),
        };
        let devices = self.devices(party);
        let mut res: Vec<Line> = routes
            .unwrap_or_default()
            .into_iter()
            .map(|it| self.line(it, party, &devices))
            .collect();
        res.order_by_key(|it| (it.route.destination.prefix_len() != 0, it.route.destination));
        res
    }

    fn line(&self, route: Route, party: &Party, devices: &[Device]) -> Line {
        let own = devices.iter().find(|it| it.name == route.device);
        let addresses = own.map(|it| it.addresses.as_slice()).unwrap_or_default();
        // The kernel makes the route when the address comes to the device.
        let by_kernel = route.via.is_none().then(|| {
            let mut same = addresses.iter().filter(|it| it.prefix_len() < it.max_prefix_len());
            same.find(|it| it.trunc() == route.destination).map(|it| it.addr())
        });
        let src = by_kernel.flatten();
        let layout = match party {
            Party::Node(name) => self.node(name).map(|it| it.layout),
            _ => None,
        };
        let family = route.destination.family();
        let tunnel = layout.and_then(|it| it.tunnel(family));
        let tunnelled = tunnel.filter(|it| *it.device == *route.device);
        let to_block = route.blackhole || route.via.is_some() && route.destination.prefix_len() > 0;
        let by_calico = layout.is_some_and(|it| !it.is_bridged()) && to_block;
        let is_vxlan = |it: &Tunnel| matches!(it.kind, Encapsulation::Vxlan { .. });
        // Without BGP it is Felix that writes routes (`noEncapProtocol`); those into its tunnel
        // have no protocol that would be listed.
        let by_felix = by_calico && tunnel.as_ref().is_some_and(is_vxlan);
        let proto = match (src, by_calico, by_felix) {
            (Some(_), ..) => Some("kernel"),
            (None, true, true) => tunnelled.is_none().then_some("80"),
            (None, true, false) => Some("bird"),
            _ => None,
        };
        let direct = by_felix && route.via.is_some();
        Line { onlink: tunnelled.is_some() || direct, proto, src, route }
    }

    /// A namespace's neighbour table: what it has learned, then what the network plugin told it.
    pub fn neighbours(&self, party: &Party) -> Vec<Neighbour> {
        let learned = self.neighbours.of(party).map(|(ip, state)| Neighbour {
            ip,
            device: self.device_towards(party, ip),
            mac: state.is_valid().then(|| self.mac_of(party, ip)),
            state: Some(state),
        });
        let mut res: Vec<Neighbour> = learned.collect();
        if let Party::Node(name) = party {
            res.extend(self.node(name).into_iter().flat_map(|it| self.told(it)));
        }
        res
    }

    /// The ends of VXLAN's tunnels.
    fn told(&self, node: &Node) -> Vec<Neighbour> {
        let direct = node.layout.is_direct();
        let others = self.nodes.iter().filter(|it| it.name != node.name && !direct);
        let ends = others.flat_map(|other| {
            other.pod_cidrs.families().filter_map(|family| {
                let tunnel = node.layout.tunnel(family)?;
                let ip = other.tunnel_address(family)?;
                let Encapsulation::Vxlan { .. } = tunnel.kind else { return None };
                let (device, mac) = (tunnel.device.into(), Some(Mac::tunnel(ip)));
                Some(Neighbour { ip, device, mac, state: None })
            })
        });
        ends.collect()
    }

    /// The device on whose link a party meets an address.
    fn device_towards(&self, party: &Party, ip: IpAddr) -> Rc<str> {
        let node = match party {
            Party::Node(name) => self.node(name),
            _ => None,
        };
        match node.filter(|it| it.pod_cidrs.contains(&ip)) {
            Some(node) if node.layout.is_bridged() => "cni0".into(),
            Some(_) => self.pods.get(&ip).map_or("eth0".into(), |it| it.device.clone()),
            None => "eth0".into(),
        }
    }

    /// The MAC address that an address on a party's link has, or had.
    pub(super) fn mac_of(&self, party: &Party, ip: IpAddr) -> Mac {
        let node = match party {
            Party::Pod(own) => self.pods.get(own).and_then(|it| self.node(&it.node)),
            Party::Node(name) => self.node(name),
            Party::Host(_) => None,
        };
        let in_pod = matches!(party, Party::Pod(_));
        match node {
            Some(node) if in_pod && !node.layout.is_bridged() => Mac::CALICO,
            Some(node) if node.bridge(ip.family()) == Some(ip) => Mac::bridge(ip),
            Some(node) if in_pod || node.pod_cidrs.contains(&ip) => {
                let first = self.pods.get(&ip).and_then(|it| self.ends(&it.pod).next());
                Mac::pod(first.map_or(ip, |it| it.ip))
            }
            _ => {
                let by = self.announced.get(&ip).and_then(|it| self.node(it));
                let by = by.or(self.nodes.iter().find(|it| it.addresses.contains(&ip)));
                Mac::machine(by.map_or(ip, |it| it.addresses.primary))
            }
        }
    }
}

fn device(index: usize, name: &str, mac: Mac, addresses: Vec<IpNet>) -> Device {
    Device { index, name: name.into(), peer: None, mtu: 1500, mac, addresses, master: None }
}

fn loopback() -> Device {
    let addresses = vec![
        IpNet::new_assert([127, 0, 0, 1].into(), 8),
        IpNet::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
    ];
    Device { mtu: 65_536, ..device(1, "lo", Mac([0; 6]), addresses) }
}

/// An address of the LAN with the LAN's prefix; any other alone.
fn on_lan(lan: Ranges, ip: IpAddr) -> Option<IpNet> {
    let range = lan.iter().find(|it| it.contains(&ip));
    range.map_or(Some(ip.into()), |it| IpNet::new(ip, it.prefix_len()).ok())
}
