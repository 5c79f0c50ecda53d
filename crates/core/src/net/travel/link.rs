//! Over bridges and wires: a frame from a port to a port, a packet over the LAN or the router.

use std::net::IpAddr;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{L4, Packet};

use super::{Answer, End, Traveller, WIRE, Way};
use crate::net::neighbour::Met;
use crate::net::{Attachment, Node, Party};
use crate::time::Duration;
use crate::trace::{BridgeTo, Event, Loss, Place};

/// A frame on a bridge: the port it came in by, and the pod its MAC address names (the host if none).
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) from: Option<IpAddr>,
    pub(super) to: Option<IpAddr>,
}

impl Traveller<'_> {
    /// Out of a pod over its veth pair to the bridge.
    pub(super) fn over_veth(&mut self, node: &Node, pod: &Attachment, next_hop: IpAddr) -> End {
        let party = self.net.party(pod);
        let met = self.meet(&party, "eth0", next_hop);
        if !node.layout.is_bridged() {
            self.step(veth(pod), Event::Resolved { ip: next_hop, by: node.name.clone() });
            return self.through(node, &pod.device, Frame { from: None, to: None });
        }
        let to_host = node.bridge(self.family()) == Some(next_hop);
        if met != Met::Known {
            let place = Place::Pod { node: node.name.clone(), pod: pod.pod.clone() };
            return self.lose(place, Loss::NoNeighbour);
        }
        self.step(veth(pod), Event::Passed);
        let bridge = Place::Bridge { node: node.name.clone() };
        let frame = Frame { from: Some(pod.ip), to: (!to_host).then_some(next_hop) };
        if to_host {
            self.step(bridge, Event::Bridged { to: BridgeTo::Host });
        } else if !node.sysctls.bridge_nf_call_iptables {
            return self.out_of_port(node, next_hop, Met::Known);
        } else {
            self.step(bridge, Event::Bridged { to: BridgeTo::Port });
        }
        self.through(node, "cni0", frame)
    }

    /// Out of one of the node's devices to the next machine or pod.
    pub(super) fn out(&mut self, node: &Node, device: &str, next_hop: IpAddr) -> End {
        if device == "cni0" {
            let met = self.meet(&Party::Node(node.name.clone()), device, next_hop);
            return self.out_of_port(node, next_hop, met);
        }
        if let Some(tunnel) = node.layout.tunnel(self.family()).filter(|it| it.device == device) {
            return self.enter_tunnel(node, tunnel, next_hop);
        }
        let met = self.meet(&Party::Node(node.name.clone()), device, next_hop);
        let mut pods = self.net.pods.values();
        if let Some(pod) = pods.find(|it| it.node == node.name && *it.device == *device).cloned() {
            return self.reach_pod(&pod);
        }
        self.step(Place::Nic { node: node.name.clone() }, Event::Passed);
        match (self.on_lan(next_hop, Some(met)), met) {
            (End::Lost(Loss::NoNeighbour, None), Met::Waits(time)) => {
                End::Lost(Loss::NoNeighbour, self.unreachable(node, time))
            }
            (end, _) => end,
        }
    }

    /// Out of a bridge port, if it is `met` whose MAC address the frame has, or waits for.
    pub(super) fn out_of_port(&mut self, node: &Node, ip: IpAddr, met: Met) -> End {
        if let Met::Waits(time) = met {
            return self.nobody_answers(node, time);
        }
        let bridge = Place::Bridge { node: node.name.clone() };
        let Some(pod) = self.net.pods.get(&ip).filter(|pod| pod.node == node.name).cloned() else {
            return self.lose(bridge, Loss::NeighbourGone);
        };
        self.step(bridge, Event::Bridged { to: BridgeTo::Port });
        self.reach_pod(&pod)
    }

    fn reach_pod(&mut self, pod: &Attachment) -> End {
        self.step(veth(pod), Event::Passed);
        // A mark belongs to the packet on its machine.
        self.journey.packet.mark = 0;
        let place = Place::Pod { node: pod.node.clone(), pod: pod.pod.clone() };
        let party = self.net.party(pod);
        if !self.net.owns(&party, self.journey.packet.dst) {
            return self.lose(place, Loss::NotForwarded);
        }
        self.arrive(place, party)
    }

    /// Lost on the bridge: ARP finds nobody in `time`.
    pub(super) fn nobody_answers(&mut self, node: &Node, time: Duration) -> End {
        let bridge = Place::Bridge { node: node.name.clone() };
        self.step(bridge, Event::Lost(Loss::NoNeighbour));
        End::Lost(Loss::NoNeighbour, self.unreachable(node, time))
    }

    /// `icmp-host-unreachable`, once nobody has answered ARP (`arp_error_report`).
    fn unreachable(&mut self, node: &Node, after: Duration) -> Option<Box<Answer>> {
        let about = self.journey.packet.about();
        self.icmp_error(node, Icmp::Unreachable { code: 1, about }, after)
    }

    /// A reset by the node, over the bridge port of the pod whose packet it rejects.
    pub(super) fn leaves_by_port(&mut self, pod: &Attachment) -> End {
        self.step(Place::Process { node: pod.node.clone() }, Event::Sent);
        let bridge = Place::Bridge { node: pod.node.clone() };
        self.step(bridge, Event::Bridged { to: BridgeTo::Port });
        self.reach_pod(pod)
    }

    /// Over the wire to whoever has `next_hop`'s MAC address, as far as the sender has `met` it; of
    /// the router's own table nothing is known.
    pub(super) fn on_lan(&mut self, next_hop: IpAddr, met: Option<Met>) -> End {
        self.journey.at = self.journey.at + WIRE;
        self.step(Place::Lan, Event::Passed);
        self.journey.packet.mark = 0;
        if self.net.router.contains(&next_hop) {
            return self.at_router();
        }
        let announced = self.net.announced.get(&next_hop).cloned();
        let mut nodes = self.net.nodes.iter();
        let node = match &announced {
            Some(name) => nodes.find(|it| it.name == *name),
            None => nodes.find(|it| it.addresses.contains(&next_hop)),
        };
        if let Some(node) = node.cloned() {
            if announced.is_some() {
                let event = Event::Resolved { ip: next_hop, by: node.name.clone() };
                self.step(Place::Lan, event);
            }
            let nic = Place::Nic { node: node.name.clone() };
            if !node.up {
                return match met {
                    Some(Met::Waits(_)) => self.lose(Place::Lan, Loss::NoNeighbour),
                    _ => self.lose(nic, Loss::MachineDown),
                };
            }
            self.step(nic, Event::Passed);
            return self.through(&node, "eth0", Frame { from: None, to: None });
        }
        let host = self.net.hosts.iter().find(|it| it.owns(next_hop)).map(|it| it.name.clone());
        match host {
            Some(name) => self.at_host(name),
            None if met == Some(Met::Known) => self.lose(Place::Lan, Loss::NeighbourGone),
            None => self.lose(Place::Lan, Loss::NoNeighbour),
        }
    }

    /// The router knows the LAN and the hosts outside, but neither pods nor Services.
    pub(super) fn at_router(&mut self) -> End {
        let dst = self.journey.packet.dst;
        if self.journey.packet.ttl <= 1 {
            return self.lose(Place::Router, Loss::TtlExceeded);
        }
        let outside = |net: &crate::net::Network| {
            let host = net.hosts.iter().find(|it| it.owns(dst))?;
            (!net.lan.contains(&host.address)).then(|| host.name.clone())
        };
        if let Some(name) = outside(self.net) {
            self.journey.packet.ttl -= 1;
            self.step(Place::Router, Event::Passed);
            return self.at_host(name);
        }
        if self.net.lan.contains(&dst) || self.net.announced.contains_key(&dst) {
            self.journey.packet.ttl -= 1;
            self.step(Place::Router, Event::Passed);
            return self.on_lan(dst, None);
        }
        self.lose(Place::Router, Loss::Unroutable)
    }

    fn at_host(&mut self, name: std::rc::Rc<str>) -> End {
        let owns = self.net.host(&name).is_some_and(|it| it.owns(self.journey.packet.dst));
        let place = Place::Host { name: name.clone() };
        if !owns {
            return self.lose(place, Loss::NotForwarded);
        }
        self.arrive(place, Party::Host(name))
    }

    /// An ICMP error by `node` about the packet, unless that is one itself, or the node has sent too
    /// many of late. What the packet says it is about, and from whom it comes, is translated back
    /// when it leaves.
    pub(super) fn icmp_error(
        &mut self,
        node: &Node,
        icmp: Icmp,
        after: Duration,
    ) -> Option<Box<Answer>> {
        if self.journey.packet.is_icmp_error() {
            return None;
        }
        let to = self.journey.packet.src;
        let (by, now) = (Party::Node(node.name.clone()), self.journey.at + after);
        if !self.net.may_complain(&by, &icmp, to, now) {
            return None;
        }
        let packet = Packet::new(self.error_source(node, to), to, L4::Icmp(icmp));
        let way = Way::Routed(self.journey.attach());
        Some(Box::new(Answer { by, packet, after, way }))
    }

    /// The address the packet was for where it is the node's own, else that of the device towards
    /// the receiver (`icmp_send`).
    fn error_source(&self, node: &Node, to: IpAddr) -> IpAddr {
        let dst = self.journey.packet.dst;
        if node.is_local(dst) {
            return dst;
        }
        let party = Party::Node(node.name.clone());
        let own = node.addresses.of(self.family());
        self.net.source_address(&party, to).or(own).unwrap_or(node.addresses.primary)
    }
}

pub(super) fn veth(pod: &Attachment) -> Place {
    Place::Veth { node: pod.node.clone(), pod: pod.pod.clone(), device: pod.device.clone() }
}
