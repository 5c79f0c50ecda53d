//! A machine of the cluster: its devices, addresses and the switches that decide a packet's way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::{AddrType, Family};

use super::Layout;
use crate::family::{Addresses, OfFamily, Ranges, first_host};
use crate::trace::{NodeName, Route};

/// A node: eth0 on the LAN; for its pods the bridge cni0, or a route to each, as its layout says.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: NodeName,
    /// Of eth0.
    pub addresses: Addresses,
    pub pod_cidrs: Ranges,
    pub layout: Layout,
    /// Whether its machine is on; one that is off drops everything.
    pub up: bool,
    /// Addresses that somebody bound to lo.
    pub bound: Vec<IpAddr>,
    /// Those of kube-ipvs0; None where there is no such device.
    pub dummy: Option<Rc<BTreeSet<IpAddr>>>,
    /// Routes besides those to the LAN, to all pods, and to the router.
    pub routes: Vec<Route>,
    pub sysctls: Sysctls,
    /// `net.ipv4.conf.DEVICE.rp_filter` where it is not 0, `all` among them.
    pub rp_filter: BTreeMap<String, u32>,
    /// `net.ipv4.conf.DEVICE.forwarding` where it is another than `ip_forward`.
    pub forwarding: BTreeMap<String, bool>,
    /// The devices whose own `net.ipv4.conf.DEVICE.route_localnet` is on.
    pub localnet: BTreeSet<String>,
}

/// Which senders a device believes (RFC 3704).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReversePath {
    /// 0: all.
    Any,
    /// 1: those that an answer would reach by the same device.
    Strict,
    /// 2: those that an answer would reach at all.
    Loose,
}

/// What `sysctl` says in a network namespace, as far as a packet's way depends on it: on a node all
/// of it, of pods and hosts outside what is said of ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sysctls {
    /// `net.ipv4.ip_forward`
    pub ip_forward: bool,
    /// `net.ipv4.conf.all.route_localnet`; kube-proxy sets it for node ports on 127.0.0.1.
    pub route_localnet: bool,
    /// `net.bridge.bridge-nf-call-iptables`
    pub bridge_nf_call_iptables: bool,
    /// `net.ipv4.icmp_ratelimit`: milliseconds for each ICMP error to one receiver; 0 is no limit.
    pub icmp_ratelimit: u32,
    /// `net.ipv4.icmp_ratemask`: a bit for each ICMP type that is limited.
    pub icmp_ratemask: u32,
    /// `net.ipv4.icmp_echo_ignore_all`
    pub icmp_echo_ignore_all: bool,
}

impl Default for Sysctls {
    fn default() -> Sysctls {
        Sysctls {
            ip_forward: true,
            route_localnet: true,
            bridge_nf_call_iptables: true,
            icmp_ratelimit: 1000,
            icmp_ratemask: 0x1818,
            icmp_echo_ignore_all: false,
        }
    }
}

impl Sysctls {
    /// What any namespace knows; as [`Node::set_sysctl`].
    pub(super) fn set(&mut self, name: &str, value: u32) -> bool {
        match name {
            "net.ipv4.icmp_ratelimit" => self.icmp_ratelimit = value,
            "net.ipv4.icmp_ratemask" => self.icmp_ratemask = value,
            "net.ipv4.icmp_echo_ignore_all" => self.icmp_echo_ignore_all = value != 0,
            _ => return false,
        }
        true
    }
}

impl Node {
    pub fn new(
        name: impl Into<NodeName>,
        addresses: impl Into<Addresses>,
        pod_cidrs: impl Into<Ranges>,
    ) -> Node {
        let (addresses, pod_cidrs) = (addresses.into(), pod_cidrs.into());
        let (bound, routes) = (Vec::new(), Vec::new());
        let (name, sysctls) = (name.into(), Sysctls::default());
        Node {
            name,
            addresses,
            pod_cidrs,
            layout: Layout::default(),
            up: true,
            bound,
            dummy: None,
            routes,
            sysctls,
            rp_filter: BTreeMap::new(),
            forwarding: BTreeMap::new(),
            localnet: BTreeSet::new(),
        }
    }

    /// Whether what comes in by a device goes on to elsewhere (`IN_DEV_FORWARD`).
    pub fn forwards(&self, device: &str) -> bool {
        self.forwarding.get(device).copied().unwrap_or(self.sysctls.ip_forward)
    }

    /// Whether loopback addresses may come in and go out by a device (`IN_DEV_ROUTE_LOCALNET`).
    pub fn routes_localnet(&self, device: &str) -> bool {
        self.sysctls.route_localnet || self.localnet.contains(device)
    }

    /// The larger of the device's own setting and that of `all` is in force (`IN_DEV_MAXCONF`).
    pub fn reverse_path(&self, device: &str) -> ReversePath {
        let set = |name: &str| self.rp_filter.get(name).copied().unwrap_or(0);
        match set("all").max(set(device)) {
            0 => ReversePath::Any,
            1 => ReversePath::Strict,
            _ => ReversePath::Loose,
        }
    }

    /// What `sysctl -w NAME=VALUE` does, as far as a packet's way depends on it: whether the lab
    /// knows the name.
    pub fn set_sysctl(&mut self, name: &str, value: u32) -> bool {
        let conf = name.strip_prefix("net.ipv4.conf.").and_then(|it| it.rsplit_once('.'));
        match (name, conf) {
            ("net.ipv4.ip_forward", _) | (_, Some(("all", "forwarding"))) => {
                self.forward(value != 0)
            }
            ("net.bridge.bridge-nf-call-iptables", _) => {
                self.sysctls.bridge_nf_call_iptables = value != 0;
            }
            (_, Some((device, key))) => return self.set_conf(device, key, value),
            _ => return self.sysctls.set(name, value),
        }
        true
    }

    fn set_conf(&mut self, device: &str, key: &str, value: u32) -> bool {
        match (device, key) {
            (_, "rp_filter") => {
                self.rp_filter.insert(device.to_owned(), value);
            }
            ("all", "route_localnet") => self.sysctls.route_localnet = value != 0,
            // All devices are there already.
            ("default", "forwarding" | "route_localnet") => {}
            (_, "forwarding") => {
                self.forwarding.insert(device.to_owned(), value != 0);
            }
            (_, "route_localnet") if value != 0 => {
                self.localnet.insert(device.to_owned());
            }
            (_, "route_localnet") => {
                self.localnet.remove(device);
            }
            _ => return false,
        }
        true
    }

    /// A change is one for every device (`inet_forward_change`).
    fn forward(&mut self, on: bool) {
        if self.sysctls.ip_forward != on {
            self.sysctls.ip_forward = on;
            self.forwarding.clear();
        }
    }

    /// cni0's address: the first of the node's pod addresses.
    pub fn bridge(&self, family: Family) -> Option<IpAddr> {
        let range = self.pod_cidrs.of(family).filter(|_| self.layout.is_bridged());
        range.map(first_host)
    }

    /// The address of the device towards other nodes' pods: the network's own.
    pub fn tunnel_address(&self, family: Family) -> Option<IpAddr> {
        self.layout.tunnel(family)?;
        self.pod_cidrs.of(family).map(|it| it.network())
    }

    /// The primary address of one of the node's devices. lo has none of more than local scope and
    /// the ends of veth pairs have none at all, so the kernel takes the node's own
    /// (`inet_select_addr`).
    pub fn address_of(&self, device: &str, family: Family) -> Option<IpAddr> {
        if device == "cni0" {
            return self.bridge(family);
        }
        let tunnel = self.layout.tunnel(family).filter(|it| it.device == device);
        match tunnel {
            Some(_) => self.tunnel_address(family),
            None => self.addresses.of(family),
        }
    }

    /// All that its devices have, but loopback's and kube-ipvs0's.
    pub fn device_addresses(&self, family: Family) -> Vec<IpAddr> {
        let own = self.addresses.of(family).into_iter().chain(self.tunnel_address(family));
        own.chain(self.bridge(family)).collect()
    }

    /// kube-ipvs0 has these addresses of a family from now.
    pub fn bind_dummy(&mut self, family: Family, bound: &BTreeSet<IpAddr>) {
        let dummy = Rc::make_mut(self.dummy.get_or_insert_default());
        dummy.retain(|it| it.family() != family);
        dummy.extend(bound);
    }

    /// What the kernel's routing table says of an address (`inet_addr_type`).
    pub fn addr_type(&self, ip: IpAddr) -> AddrType {
        let family = ip.family();
        let plugin = [self.bridge(family), self.tunnel_address(family)].contains(&Some(ip));
        let dummy = self.dummy.as_ref().is_some_and(|it| it.contains(&ip));
        let bound = self.bound.contains(&ip) || dummy;
        if self.addresses.contains(&ip) || plugin || ip.is_loopback() || bound {
            return AddrType::Local;
        }
        let range = self.pod_cidrs.of(Family::V4).filter(|_| self.layout.is_bridged());
        let broadcast = range.is_some_and(|range| range.broadcast() == ip);
        if broadcast { AddrType::Broadcast } else { AddrType::Unicast }
    }

    pub fn is_local(&self, ip: IpAddr) -> bool {
        self.addr_type(ip) == AddrType::Local
    }
}
