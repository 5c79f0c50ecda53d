//! A packet from its sender over veth pairs, bridges, wires and nodes to where it ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{AddrType, Hook, L4, Packet, RuleSet, Verdict as TableVerdict};

use super::stack::{Devices, Journey, Stack};
use super::{Attachment, Chance, Network, Node, route_to};
use crate::time::{Duration, Instant};
use crate::trace::{BridgeTo, Event, Loss, NodeName, Place, Route, Trace, Verdict};

/// The time on the wire between two machines of the LAN.
const WIRE: Duration = Duration::from_micros(120);

/// Who sends a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A pod, by its address.
    Pod(IpAddr),
    /// A process of a node, or the node's kernel itself.
    Node(NodeName),
}

/// Who got a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    Pod(IpAddr),
    Node(NodeName),
}

/// One packet's trace and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    pub trace: Trace,
    /// Who got it, and the packet as it arrived.
    pub arrived: Option<(Receiver, Packet)>,
    /// The ICMP error that a machine on the way sends back.
    pub answer: Option<(Sender, Packet)>,
}

/// Sends `packet` and follows it to its end.
pub fn send(
    net: &mut Network,
    chance: &mut dyn Chance,
    at: Instant,
    from: &Sender,
    packet: Packet,
) -> Trip {
    let journey = Journey::new(packet, at, chance);
    let mut traveller = Traveller { net, journey, rules: BTreeMap::new() };
    let end = traveller.start(from);
    let Traveller { journey, rules, .. } = traveller;
    let (verdict, arrived, answer) = match end {
        End::Arrived(receiver) => (Verdict::Delivered, Some((receiver, journey.packet)), None),
        End::Lost(loss) => (Verdict::Lost(loss), None, None),
        End::Rejected { by, with } => (Verdict::Rejected, None, Some((by, *with))),
    };
    let trace = Trace { at, sent: packet, steps: journey.steps, verdict, rules };
    Trip { trace, arrived, answer }
}

enum End {
    Arrived(Receiver),
    Lost(Loss),
    Rejected { by: Sender, with: Box<Packet> },
}

struct Traveller<'a> {
    net: &'a mut Network,
    journey: Journey<'a>,
    rules: BTreeMap<NodeName, Rc<RuleSet>>,
}

/// A frame on a bridge: the port it came in by, and the pod its MAC address names (the host if none).
struct Frame {
    from: Option<IpAddr>,
    to: Option<IpAddr>,
}

impl Traveller<'_> {
    fn start(&mut self, from: &Sender) -> End {
        match from {
            Sender::Pod(ip) => match self.net.pods.get(ip).cloned() {
                Some(pod) => self.pod_sends(&pod),
                None => End::Lost(Loss::NoRoute),
            },
            Sender::Node(name) => match self.node(name) {
                Some(node) => self.node_sends(&node),
                None => End::Lost(Loss::NoRoute),
            },
        }
    }

    fn node(&self, name: &str) -> Option<Node> {
        self.net.node(name).cloned()
    }

    fn pod_sends(&mut self, pod: &Attachment) -> End {
        let Some(node) = self.node(&pod.node) else { return End::Lost(Loss::NoRoute) };
        let place = Place::Pod { node: node.name.clone(), pod: pod.pod.clone() };
        self.step(place.clone(), Event::Sent);
        let routes = self.net.pod_routes(&node);
        let Some(route) = route_to(&routes, self.journey.packet.dst) else {
            return self.lose(place, Loss::NoRoute);
        };
        self.step(place.clone(), Event::Routed { route: route.clone() });
        let next_hop = route.via.unwrap_or(self.journey.packet.dst);
        let to_host = next_hop == node.bridge();
        if !to_host && !self.net.pods.contains_key(&next_hop) {
            return self.lose(place, Loss::NoNeighbour);
        }
        self.step(self.veth(pod), Event::Passed);
        let to = if to_host { BridgeTo::Host } else { BridgeTo::Port };
        self.step(Place::Bridge { node: node.name.clone() }, Event::Bridged { to });
        let frame = Frame { from: Some(pod.ip), to: (!to_host).then_some(next_hop) };
        self.through(&node, "cni0", frame)
    }

    /// PREROUTING, the routing decision, then INPUT or FORWARD and POSTROUTING.
    ///
    /// Bridged frames come this way too, as with `net.bridge.bridge-nf-call-iptables=1`.
    fn through(&mut self, node: &Node, input: &str, frame: Frame) -> End {
        let arrived_for = self.journey.packet.dst;
        let verdict = self.at_node(node, |stack| {
            stack.enter(Hook::Prerouting, Devices { input: Some(input), output: None })
        });
        if let Some(end) = self.refused(node, verdict, input) {
            return end;
        }
        let dst = self.journey.packet.dst;
        if node.addr_type(dst) == AddrType::Local {
            return self.deliver_to_node(node, input);
        }
        let same_frame = frame.to.filter(|_| dst == arrived_for);
        let route = match same_frame {
            Some(_) => None,
            None => match self.route(node) {
                Ok(route) => Some(route),
                Err(loss) => return End::Lost(loss),
            },
        };
        let output = route.as_ref().map_or("cni0".into(), |route| route.device.clone());
        // br_netfilter: a DNAT to another port of the same bridge keeps the frame bridged.
        let bridged = input == "cni0" && &*output == "cni0";
        if !bridged {
            if self.journey.packet.ttl <= 1 {
                let place = Place::Routing { node: node.name.clone() };
                return self.lose(place, Loss::TtlExceeded);
            }
            self.journey.packet.ttl -= 1;
        }
        let devices = Devices { input: Some(input), output: Some(&output) };
        self.forward(node, devices, route, frame.from)
    }

    fn forward(
        &mut self,
        node: &Node,
        devices: Devices<'_>,
        route: Option<Route>,
        from_port: Option<IpAddr>,
    ) -> End {
        let input = devices.input.unwrap_or("");
        let output = devices.output.unwrap_or("");
        let verdict = self.at_node(node, |stack| stack.filter(Hook::Forward, devices));
        if let Some(end) = self.refused(node, verdict, input) {
            return end;
        }
        let only_output = Devices { input: None, output: devices.output };
        let address = node.address_of(output);
        let next_hop = route.and_then(|route| route.via).unwrap_or(self.journey.packet.dst);
        let hairpin = from_port == Some(next_hop) && output == "cni0";
        if hairpin && !self.net.hairpin {
            // The bridge drops the frame before POSTROUTING is reached.
            return self.lose(Place::Bridge { node: node.name.clone() }, Loss::HairpinOff);
        }
        let verdict = self.at_node(node, |stack| stack.leave(only_output, address));
        if let Some(end) = self.refused(node, verdict, input) {
            return end;
        }
        self.out(node, output, next_hop)
    }

    /// The node's own packets: a first route for the source address, OUTPUT, the route that
    /// counts, POSTROUTING.
    fn node_sends(&mut self, node: &Node) -> End {
        let place = Place::Process { node: node.name.clone() };
        self.step(place, Event::Sent);
        let first = match self.route(node) {
            Ok(route) => route,
            Err(loss) => return End::Lost(loss),
        };
        let devices = Devices { input: None, output: Some(&first.device) };
        let verdict = self.at_node(node, |stack| match stack.enter(Hook::Output, devices) {
            TableVerdict::Accept => stack.filter(Hook::Output, devices),
            refused => refused,
        });
        if let Some(end) = self.refused(node, verdict, "") {
            return end;
        }
        let dst = self.journey.packet.dst;
        let route = match self.route(node) {
            Ok(route) => route,
            Err(loss) => return End::Lost(loss),
        };
        let address = node.address_of(&route.device);
        let devices = Devices { input: None, output: Some(&route.device) };
        let verdict = self.at_node(node, |stack| stack.leave(devices, address));
        if let Some(end) = self.refused(node, verdict, "") {
            return end;
        }
        if &*route.device == "lo" {
            return self.deliver_to_node(node, "lo");
        }
        let next_hop = route.via.unwrap_or(dst);
        self.out(node, &route.device, next_hop)
    }

    fn deliver_to_node(&mut self, node: &Node, input: &str) -> End {
        let devices = Devices { input: Some(input), output: None };
        let verdict = self.at_node(node, |stack| {
            let verdict = stack.filter(Hook::Input, devices);
            if verdict == TableVerdict::Accept {
                stack.confirm();
            }
            verdict
        });
        if let Some(end) = self.refused(node, verdict, input) {
            return end;
        }
        self.step(Place::Process { node: node.name.clone() }, Event::Delivered);
        End::Arrived(Receiver::Node(node.name.clone()))
    }

    /// Out of a device to the next machine or pod.
    fn out(&mut self, node: &Node, device: &str, next_hop: IpAddr) -> End {
        if device == "cni0" {
            return self.deliver_to_pod(node, next_hop);
        }
        self.step(Place::Nic { node: node.name.clone() }, Event::Passed);
        self.journey.at = self.journey.at + WIRE;
        self.step(Place::Lan, Event::Passed);
        // A mark belongs to the packet on its machine; the wire does not carry it.
        self.journey.packet.mark = 0;
        if next_hop == self.net.router {
            return self.lose(Place::Router, Loss::Unroutable);
        }
        let Some(next) = self.net.owner(next_hop).map(|it| it.name.clone()) else {
            return self.lose(Place::Lan, Loss::NoNeighbour);
        };
        let Some(next) = self.node(&next) else { return self.lose(Place::Lan, Loss::NoNeighbour) };
        self.step(Place::Nic { node: next.name.clone() }, Event::Passed);
        self.through(&next, "eth0", Frame { from: None, to: None })
    }

    fn deliver_to_pod(&mut self, node: &Node, ip: IpAddr) -> End {
        let bridge = Place::Bridge { node: node.name.clone() };
        let Some(pod) = self.net.pods.get(&ip).filter(|pod| pod.node == node.name).cloned() else {
            return self.lose(bridge, Loss::NoNeighbour);
        };
        self.step(bridge, Event::Bridged { to: BridgeTo::Port });
        self.step(self.veth(&pod), Event::Passed);
        self.journey.packet.mark = 0;
        let place = Place::Pod { node: pod.node.clone(), pod: pod.pod.clone() };
        self.step(place, Event::Delivered);
        End::Arrived(Receiver::Pod(pod.ip))
    }

    fn route(&mut self, node: &Node) -> Result<Route, Loss> {
        let place = Place::Routing { node: node.name.clone() };
        let dst = self.journey.packet.dst;
        if node.addr_type(dst) == AddrType::Local {
            let route = Route { destination: dst.into(), via: None, device: "lo".into() };
            return Ok(route);
        }
        let routes = self.net.routes(node);
        let Some(route) = route_to(&routes, dst).cloned() else {
            self.step(place, Event::Lost(Loss::NoRoute));
            return Err(Loss::NoRoute);
        };
        self.step(place, Event::Routed { route: route.clone() });
        Ok(route)
    }

    /// Runs `hooks` on the node's stack; the connection is looked up once per node.
    fn at_node<T>(&mut self, node: &Node, hooks: impl FnOnce(&mut Stack<'_, '_>) -> T) -> T {
        let kernel = self.net.kernels.entry(node.name.clone()).or_default();
        self.rules.entry(node.name.clone()).or_insert_with(|| kernel.rules.clone());
        let addr_type = |ip| node.addr_type(ip);
        let journey = &mut self.journey;
        let node = node.name.clone();
        hooks(&mut Stack { node, kernel, addr_type: &addr_type, journey })
    }

    /// The end, where a table did not accept.
    fn refused(&mut self, node: &Node, verdict: TableVerdict, input: &str) -> Option<End> {
        let place = self.journey.steps.last().map(|step| step.place.clone());
        match verdict {
            TableVerdict::Accept => None,
            TableVerdict::Drop => Some(self.lose(place?, Loss::Dropped)),
            TableVerdict::Reject => Some(self.reject(node, input)),
        }
    }

    /// `REJECT`: ICMP port unreachable (type 3, code 3) from the node's address towards the
    /// sender (`nf_send_unreach`).
    fn reject(&mut self, node: &Node, input: &str) -> End {
        let refused = self.journey.packet;
        let src = if input.is_empty() { node.address } else { node.address_of(input) };
        let icmp = Icmp::Unreachable { code: 3, about: refused.about() };
        let with = Box::new(Packet::new(src, refused.src, L4::Icmp(icmp)));
        End::Rejected { by: Sender::Node(node.name.clone()), with }
    }

    fn lose(&mut self, place: Place, loss: Loss) -> End {
        self.step(place, Event::Lost(loss));
        End::Lost(loss)
    }

    fn veth(&self, pod: &Attachment) -> Place {
        Place::Veth { node: pod.node.clone(), pod: pod.pod.clone(), device: pod.device.clone() }
    }

    fn step(&mut self, place: Place, event: Event) {
        self.journey.step(place, event);
    }
}
