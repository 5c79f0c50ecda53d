//! Through a node: its hooks in the kernel's order and the routing decisions between them.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{Hook, L4, Packet, Target, TcpFlags, Verdict as TableVerdict};

use super::link::Frame;
use super::{Answer, End, Traveller, Way};
use crate::family::OfFamily;
use crate::net::neighbour::Met;
use crate::net::route::Topology;
use crate::net::stack::{Devices, Stack};
use crate::net::{Attachment, Node, Party, ReversePath};
use crate::time::Duration;
use crate::trace::{Event, Loss, Place, Route};

impl Traveller<'_> {
    /// PREROUTING, the routing decision, then INPUT or FORWARD and POSTROUTING.
    ///
    /// Bridged frames come this way too, as with `net.bridge.bridge-nf-call-iptables=1`.
    pub(super) fn through(&mut self, node: &Node, input: &str, frame: Frame) -> End {
        let arrived_for = self.journey.packet.dst;
        let port = self.port(frame.from);
        let devices =
            Devices { input: Some(input), port_in: port.as_deref(), ..Devices::default() };
        let verdict = self.at_node(node, |stack| stack.enter(Hook::Prerouting, devices));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        let dst = self.journey.packet.dst;
        let same_frame = frame.to.filter(|_| dst == arrived_for);
        if let Some(loss) = self.martian(node, input, same_frame.is_none()) {
            return self.lose(Place::Routing { node: node.name.clone() }, loss);
        }
        if node.is_local(dst) {
            return self.deliver(node, devices);
        }
        let route = match same_frame {
            Some(_) => None,
            None => match self.route(node) {
                Ok(route) => Some(route),
                Err(loss) => return End::Lost(loss, None),
            },
        };
        let output = route.as_ref().map_or("cni0".into(), |route| route.device.clone());
        // br_netfilter: a DNAT to another port of the same bridge keeps the frame bridged.
        let bridged = input == "cni0" && &*output == "cni0" && node.sysctls.bridge_nf_call_iptables;
        let next_hop = route.and_then(|route| route.via).unwrap_or(dst);
        if bridged && same_frame.is_none() {
            // Its route is asked for, and there is none where nothing is forwarded (Linux 6.18).
            if !node.forwards(input) {
                let place = Place::Routing { node: node.name.clone() };
                return self.lose(place, Loss::NotForwarded);
            }
            // `br_nf_pre_routing_finish_bridge`: the frame waits here for its new MAC address.
            let met = self.meet(&Party::Node(node.name.clone()), "cni0", next_hop);
            if let Met::Waits(time) = met {
                return self.nobody_answers(node, time);
            }
        }
        if !bridged {
            if let Some(end) = self.hop(node, input) {
                return end;
            }
        } else if frame.from == Some(next_hop) && !self.net.hairpin {
            // `should_deliver`: the bridge asks before it calls FORWARD.
            return self.lose(Place::Bridge { node: node.name.clone() }, Loss::HairpinOff);
        }
        if let Some(end) = self.policed(input, &output) {
            return end;
        }
        let port_out = if bridged { self.port(Some(next_hop)) } else { None };
        let devices = Devices { output: Some(&output), port_out: port_out.as_deref(), ..devices };
        self.forward(node, devices, (next_hop, same_frame.is_some()))
    }

    /// The bridge's port to a pod.
    fn port(&self, pod: Option<IpAddr>) -> Option<Rc<str>> {
        self.net.pods.get(&pod?).map(|it| it.device.clone())
    }

    /// Addresses that the routing decision refuses: the node's own as a source from elsewhere, and
    /// loopback where `route_localnet` is off; and where the packet is `routed`, senders that
    /// `rp_filter` does not believe (`fib_validate_source`, `ip_route_input_slow`).
    fn martian(&self, node: &Node, input: &str, routed: bool) -> Option<Loss> {
        let Packet { src, dst, .. } = self.journey.packet;
        let loopback = dst.is_loopback() && !node.routes_localnet(input);
        if node.is_local(src) || loopback {
            return Some(Loss::Martian);
        }
        let wanted = node.reverse_path(input);
        if !routed || wanted == ReversePath::Any || src.is_ipv6() {
            return None;
        }
        let back = self.net.topology().device_to(node, src);
        let believed = match wanted {
            ReversePath::Strict => back.as_deref() == Some(input),
            _ => back.is_some(),
        };
        (!believed).then_some(Loss::ReversePath)
    }

    /// What routing does to a packet that is not bridged: one hop less to live.
    fn hop(&mut self, node: &Node, input: &str) -> Option<End> {
        let place = Place::Routing { node: node.name.clone() };
        if !node.forwards(input) {
            return Some(self.lose(place, Loss::NotForwarded));
        }
        if self.journey.packet.ttl <= 1 {
            let about = self.journey.packet.about();
            let answer = self.icmp_error(node, Icmp::TimeExceeded { about }, Duration::ZERO);
            self.step(place, Event::Lost(Loss::TtlExceeded));
            return Some(End::Lost(Loss::TtlExceeded, answer));
        }
        self.journey.packet.ttl -= 1;
        None
    }

    /// `switched`: the frame has its MAC address from the pod that sent it.
    fn forward(
        &mut self,
        node: &Node,
        devices: Devices<'_>,
        (next_hop, switched): (IpAddr, bool),
    ) -> End {
        let output = devices.output.unwrap_or("");
        let verdict = self.at_node(node, |stack| stack.filter(Hook::Forward, devices));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        let Devices { output: out, port_in, port_out, .. } = devices;
        let only_output = Devices { output: out, port_in, port_out, ..Devices::default() };
        let address = node.address_of(output, self.family());
        let verdict = self.at_node(node, |stack| stack.leave(only_output, address));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        if switched {
            return self.out_of_port(node, next_hop, Met::Known);
        }
        self.out(node, output, next_hop)
    }

    /// A process of the node's sends.
    pub(super) fn node_sends(&mut self, node: &Node) -> End {
        let place = Place::Process { node: node.name.clone() };
        if !node.up {
            return self.lose(place, Loss::MachineDown);
        }
        self.step(place, Event::Sent);
        self.goes_out(node)
    }

    /// The node's own packets: a first route for the source address, OUTPUT, the route that
    /// counts, POSTROUTING.
    pub(super) fn goes_out(&mut self, node: &Node) -> End {
        let first = match self.route(node) {
            Ok(route) => route,
            Err(loss) => return End::Lost(loss, None),
        };
        let asked_for = self.journey.packet.dst;
        // The filter table sees the device of the first route too: routing again comes after both.
        let devices = Devices { output: Some(&first.device), own: true, ..Devices::default() };
        let verdict = self.at_node(node, |stack| stack.enter(Hook::Output, devices));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        // IPVS takes a hop off the node's own packets too (`decrement_ttl`).
        if self.at_node(node, |stack| stack.is_sent_on()) {
            self.journey.packet.ttl = self.journey.packet.ttl.saturating_sub(1);
        }
        let Packet { src, dst, .. } = self.journey.packet;
        let leaves = dst != asked_for && !node.is_local(dst);
        let device = self.net.topology().device_to(node, dst).unwrap_or_default();
        if leaves && src.is_loopback() && !node.routes_localnet(&device) {
            // `ip_route_me_harder` finds no route for a loopback address out of the machine.
            return self.lose(Place::Routing { node: node.name.clone() }, Loss::Martian);
        }
        let verdict = self.at_node(node, |stack| stack.filter(Hook::Output, devices));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        let route = match self.route(node) {
            Ok(route) => route,
            Err(loss) => return End::Lost(loss, None),
        };
        let address = node.address_of(&route.device, self.family());
        let devices = Devices { output: Some(&route.device), own: true, ..Devices::default() };
        let verdict = self.at_node(node, |stack| stack.leave(devices, address));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        if &*route.device == "lo" {
            let loopback = Devices { input: Some("lo"), ..Devices::default() };
            let verdict = self.at_node(node, |stack| stack.come_back(loopback));
            if let Some(end) = self.refused(node, verdict) {
                return end;
            }
            return self.deliver(node, loopback);
        }
        let next_hop = route.via.unwrap_or(dst);
        self.out(node, &route.device, next_hop)
    }

    fn deliver(&mut self, node: &Node, devices: Devices<'_>) -> End {
        let (verdict, sent_on) =
            self.at_node(node, |stack| (stack.receive(devices), stack.is_sent_on()));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        if sent_on {
            return self.sends_on(node, devices.input.unwrap_or("lo"));
        }
        if let Some(end) = self.leave_tunnel(node) {
            return end;
        }
        self.arrive(Place::Process { node: node.name.clone() }, Party::Node(node.name.clone()))
    }

    /// IPVS has chosen a real server: the packet goes out as one of the node's own.
    fn sends_on(&mut self, node: &Node, input: &str) -> End {
        let route = match self.route(node) {
            Ok(route) => route,
            Err(loss) => return End::Lost(loss, None),
        };
        if let Some(end) = self.hop(node, input) {
            return end;
        }
        let devices = Devices { output: Some(&route.device), ..Devices::default() };
        let verdict = self.at_node(node, |stack| stack.send_on(devices));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        let address = node.address_of(&route.device, self.family());
        let verdict = self.at_node(node, |stack| stack.leave(devices, address));
        if let Some(end) = self.refused(node, verdict) {
            return end;
        }
        let next_hop = route.via.unwrap_or(self.journey.packet.dst);
        self.out(node, &route.device, next_hop)
    }

    fn route(&mut self, node: &Node) -> Result<Route, Loss> {
        let place = Place::Routing { node: node.name.clone() };
        let dst = self.journey.packet.dst;
        if node.is_local(dst) {
            return Ok(crate::net::route::loopback(dst));
        }
        let route = self.net.topology().route(node, dst);
        let Some(route) = route.filter(|it| !it.blackhole) else {
            self.step(place, Event::Lost(Loss::NoRoute));
            return Err(Loss::NoRoute);
        };
        self.step(place, Event::Routed { route: route.clone() });
        Ok(route)
    }

    /// Runs `hooks` on the node's stack; the connection is looked up once per node.
    fn at_node<T>(&mut self, node: &Node, hooks: impl FnOnce(&mut Stack<'_, '_>) -> T) -> T {
        let net = &mut *self.net;
        let topology =
            Topology { nodes: &net.nodes, pods: &net.pods, lan: net.lan, router: net.router };
        let kernel = net.kernels.entry(node.name.clone()).or_default();
        let family = self.journey.packet.dst.family();
        self.rules.entry(node.name.clone()).or_insert_with(|| kernel.rules(family).clone());
        hooks(&mut Stack {
            node: node.name.clone(),
            kernel,
            addr_type: &|ip| node.addr_type(ip),
            address_of: &|device| node.address_of(device, family),
            way_back: &|ip| topology.device_to(node, ip).map(|it| it.to_string()),
            journey: &mut self.journey,
        })
    }

    /// The end, where a table did not accept.
    fn refused(&mut self, node: &Node, verdict: TableVerdict) -> Option<End> {
        let place = self.journey.steps.last().map(|step| step.place.clone());
        match verdict {
            TableVerdict::Accept => None,
            TableVerdict::Drop => Some(self.lose(place?, Loss::Dropped)),
            TableVerdict::Reject => Some(End::Rejected(self.reject(node))),
        }
    }

    /// What a REJECT rule sends back: an ICMP error, or a reset (`nf_send_unreach`, `nf_send_reset`).
    fn reject(&mut self, node: &Node) -> Option<Box<Answer>> {
        let packet = self.journey.packet;
        let Some(code) = reject_code(self.reject_with().as_deref()) else {
            return self.reset(node);
        };
        if self.echoes() {
            return None;
        }
        let error = Icmp::Unreachable { code, about: packet.about() };
        self.icmp_error(node, error, Duration::ZERO)
    }

    /// Whether the kernel itself is answering an echo: then its socket for ICMP is in use, and it
    /// sends no error (`icmp_xmit_lock`).
    fn echoes(&self) -> bool {
        let at = self.journey.steps.last().map(|it| &it.place);
        let own = matches!(at, Some(Place::Hook { hook: Hook::Output, .. }));
        own && matches!(self.journey.packet.l4, L4::Icmp(Icmp::EchoReply { .. }))
    }

    fn reset(&mut self, node: &Node) -> Option<Box<Answer>> {
        let packet = self.journey.packet;
        let flags = match packet.tcp_flags()? {
            // "No RST for RST."
            TcpFlags { rst: true, .. } => return None,
            TcpFlags { ack: true, .. } => TcpFlags::RST,
            _ => TcpFlags::RST_ACK,
        };
        let way = match self.came_by_port(node) {
            Some(pod) => Way::Port(pod),
            None => Way::Routed(self.journey.attach()),
        };
        let packet = Packet::tcp(packet.destination(), packet.source(), flags);
        let by = Party::Node(node.name.clone());
        Some(Box::new(Answer { by, packet, after: Duration::ZERO, way }))
    }

    /// The pod by whose bridge port the packet came to the node, where such frames pass iptables.
    fn came_by_port(&self, node: &Node) -> Option<Attachment> {
        let first = self.journey.steps.first()?;
        let Place::Pod { pod, .. } = &first.place else { return None };
        let place = Place::Bridge { node: node.name.clone() };
        let bridged = self.journey.steps.iter().any(|it| it.place == place);
        let pod = self.net.pod(pod).filter(|it| it.node == node.name && bridged)?;
        node.sysctls.bridge_nf_call_iptables.then(|| pod.clone())
    }

    fn reject_with(&self) -> Option<String> {
        let step = self.journey.steps.last()?;
        let Event::Walked(passage) = &step.event else { return None };
        let rules = self.rules.get(step.place.node()?)?;
        match &rules.rule(passage.decided_by?)?.target {
            Some(Target::Reject { with }) => with.clone(),
            _ => None,
        }
    }
}

/// The ICMP code of `--reject-with`; None for a TCP reset.
fn reject_code(with: Option<&str>) -> Option<u8> {
    Some(match with {
        Some("tcp-reset") => return None,
        Some("icmp-net-unreachable" | "net-unreach" | "icmp6-no-route" | "no-route") => 0,
        Some("icmp-host-unreachable" | "host-unreach") => 1,
        Some("icmp6-addr-unreachable" | "addr-unreach") => 1,
        Some("icmp-proto-unreachable" | "proto-unreach") => 2,
        Some("icmp-net-prohibited" | "net-prohib") => 9,
        Some("icmp-host-prohibited" | "host-prohib") => 10,
        Some("icmp-admin-prohibited" | "admin-prohib") => 13,
        Some("icmp6-adm-prohibited" | "adm-prohibited") => 13,
        _ => 3,
    })
}
