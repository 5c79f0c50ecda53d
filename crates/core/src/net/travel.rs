//! A packet from its sender over veth pairs, bridges, wires and nodes to where it ends.
//!
//! [`link`] takes it over bridges and the LAN, [`node`] through a node, [`tunnel`] inside of another
//! packet from node to node, past the NetworkPolicies that [`policy`] asks.

mod link;
mod node;
mod policy;
mod tunnel;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::conntrack::Tracked;
use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{Family, L4, Packet, RuleSet};

use super::neighbour::Met;
use super::stack::Journey;
use super::{Attachment, Chance, Host, Network, Party, route_to};
use crate::family::OfFamily;
use crate::time::{Duration, Instant};
use crate::trace::{Event, Loss, NodeName, Place, Step, Trace, Verdict};

/// The time on the wire between two machines of the LAN.
const WIRE: Duration = Duration::from_micros(120);

/// One packet's trace and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    pub trace: Rc<Trace>,
    /// Who got it, and the packet as it arrived.
    pub arrived: Option<(Party, Packet)>,
    /// What a machine on the way sends back.
    pub answer: Option<Answer>,
    /// How long the sender's own kernel waits for a neighbour that does not answer.
    pub(super) waits: Option<Duration>,
}

/// An ICMP error, or the reset of a REJECT rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub by: Party,
    pub packet: Packet,
    /// How long after the packet it is sent.
    pub after: Duration,
    way: Way,
}

/// How a node's own answer to a packet leaves it.
#[derive(Debug, Clone, PartialEq)]
enum Way {
    /// As its other packets do; conntrack knows its connection from the packet it is about.
    Routed(Option<Tracked>),
    /// Over the bridge port that the packet came in by, past all tables (`nf_send_reset`).
    Port(Attachment),
}

/// Sends `packet` and follows it to its end.
pub fn send(
    net: &mut Network,
    chance: &mut dyn Chance,
    at: Instant,
    from: &Party,
    packet: Packet,
) -> Trip {
    follow(net, Journey::new(packet, at, chance), from, |traveller| traveller.start(from))
}

/// Sends what a machine answers to somebody else's packet.
pub fn answer(net: &mut Network, chance: &mut dyn Chance, at: Instant, answer: Answer) -> Trip {
    let Answer { by, packet, way, .. } = answer;
    let journey = Journey::new(packet, at, chance);
    match way {
        Way::Routed(tracked) => follow(net, journey.answering(tracked), &by, |it| it.start(&by)),
        Way::Port(pod) => follow(net, journey, &by, |it| it.leaves_by_port(&pod)),
    }
}

fn follow<'a>(
    net: &'a mut Network,
    journey: Journey<'a>,
    from: &Party,
    start: impl FnOnce(&mut Traveller<'a>) -> End,
) -> Trip {
    let (at, packet) = (journey.at, journey.packet);
    let mut traveller =
        Traveller { net, journey, rules: BTreeMap::new(), inner: None, waits: None };
    let end = start(&mut traveller);
    let mtu = mtu(traveller.net, from, &traveller.journey.steps);
    let Traveller { net, journey, rules, waits, .. } = traveller;
    let (verdict, arrived, answer) = match end {
        End::Arrived(receiver) => {
            if shows_neighbour(&journey.packet) {
                net.confirm(&receiver, journey.packet.src, journey.at);
            }
            (Verdict::Delivered, Some((receiver, journey.packet)), None)
        }
        End::Lost(loss, answer) => (Verdict::Lost(loss), None, answer),
        End::Rejected(answer) => (Verdict::Rejected, None, answer),
    };
    let trace = Trace { at, sent: packet, mtu, steps: journey.steps, verdict, rules };
    let trace = Rc::new(trace);
    Trip { trace, arrived, answer: answer.map(|it| *it), waits }
}

/// Whether its receiver has sent before, and got through: what TCP acknowledges, and `ping`'s echo.
fn shows_neighbour(packet: &Packet) -> bool {
    let acknowledges = packet.tcp_flags().is_some_and(|it| it.ack && !it.rst);
    acknowledges || matches!(packet.l4, L4::Icmp(Icmp::EchoReply { .. }))
}

/// That of the device by which the sender's kernel first meant to send: MSS follows from it.
fn mtu(net: &Network, from: &Party, steps: &[Step]) -> u32 {
    let routed = steps.iter().find_map(|it| match &it.event {
        Event::Routed { route } => Some((&*route.device, route.destination.family())),
        _ => None,
    });
    let Some((device, family)) = routed else { return 1500 };
    let node = match from {
        Party::Pod(ip) => net.pods.get(ip).and_then(|it| net.node(&it.node)),
        Party::Node(name) => net.node(name),
        Party::Host(_) => None,
    };
    let tunnel = node.and_then(|it| it.layout.tunnel(family));
    let in_pod = matches!(from, Party::Pod(_));
    match tunnel {
        _ if device == "lo" => 65_536,
        Some(tunnel) if in_pod || tunnel.device == device => tunnel.mtu,
        _ => 1500,
    }
}

enum End {
    Arrived(Party),
    Lost(Loss, Option<Box<Answer>>),
    Rejected(Option<Box<Answer>>),
}

struct Traveller<'a> {
    net: &'a mut Network,
    journey: Journey<'a>,
    rules: BTreeMap<NodeName, Rc<RuleSet>>,
    /// The packet inside of the one that travels.
    inner: Option<Packet>,
    waits: Option<Duration>,
}

impl Traveller<'_> {
    fn start(&mut self, from: &Party) -> End {
        let nowhere = End::Lost(Loss::NoRoute, None);
        match from {
            Party::Pod(ip) => match self.net.end(*ip, self.family()).cloned() {
                Some(pod) => self.pod_sends(&pod),
                None => nowhere,
            },
            Party::Node(name) => match self.net.node(name).cloned() {
                Some(node) => self.node_sends(&node),
                None => nowhere,
            },
            Party::Host(name) => match self.net.host(name).cloned() {
                Some(host) => self.host_sends(&host),
                None => nowhere,
            },
        }
    }

    /// Containers of one pod reach each other by lo; everything else leaves by eth0.
    fn pod_sends(&mut self, pod: &Attachment) -> End {
        let Some(node) = self.net.node(&pod.node).cloned() else {
            return End::Lost(Loss::NoRoute, None);
        };
        let place = Place::Pod { node: node.name.clone(), pod: pod.pod.clone() };
        if !node.up {
            return self.lose(place, Loss::MachineDown);
        }
        self.step(place.clone(), Event::Sent);
        let dst = self.journey.packet.dst;
        let party = self.net.party(pod);
        if self.net.owns(&party, dst) {
            return self.over_loopback(place, party);
        }
        let routes = self.net.pod_routes(pod);
        let Some(route) = route_to(&routes, dst) else {
            return self.lose(place, Loss::NoRoute);
        };
        self.step(place.clone(), Event::Routed { route: route.clone() });
        let next_hop = route.via.unwrap_or(dst);
        self.over_veth(&node, pod, next_hop)
    }

    fn host_sends(&mut self, host: &Host) -> End {
        let place = Place::Host { name: host.name.clone() };
        self.step(place.clone(), Event::Sent);
        let dst = self.journey.packet.dst;
        let party = Party::Host(host.name.clone());
        if self.net.owns(&party, dst) {
            return self.over_loopback(place, party);
        }
        if !self.net.lan.contains(&host.address) {
            return self.at_router();
        }
        let routes = self.net.host_routes(host);
        let Some(route) = route_to(&routes, dst) else {
            return self.lose(place, Loss::NoRoute);
        };
        self.step(place, Event::Routed { route: route.clone() });
        let next_hop = route.via.unwrap_or(dst);
        let met = self.meet(&party, "eth0", next_hop);
        self.on_lan(next_hop, Some(met))
    }

    /// Never leaves the namespace it was sent in.
    fn over_loopback(&mut self, place: Place, party: Party) -> End {
        let route = super::route::loopback(self.journey.packet.dst);
        self.step(place.clone(), Event::Routed { route });
        self.arrive(place, party)
    }

    fn arrive(&mut self, place: Place, party: Party) -> End {
        self.step(place, Event::Delivered);
        End::Arrived(party)
    }

    /// What the table of `asker` says of the next hop on its link. A pod or host asks before its
    /// packet is seen.
    fn meet(&mut self, asker: &Party, device: &str, next_hop: IpAddr) -> Met {
        let sent = self.journey.steps.first();
        let at = match asker {
            Party::Node(_) => self.journey.at,
            _ => sent.map_or(self.journey.at, |it| it.at),
        };
        let src = self.journey.packet.src;
        let device = match asker {
            Party::Node(_) if self.net.owns(asker, src) && !src.is_loopback() => None,
            Party::Node(name) => {
                self.net.node(name).and_then(|it| it.address_of(device, self.family()))
            }
            _ => None,
        };
        let tell = device.unwrap_or(src);
        let met = self.net.meet(asker, next_hop, tell, at);
        if let (Met::Waits(time), false) = (met, matches!(asker, Party::Node(_))) {
            self.waits = Some(time);
        }
        met
    }

    fn lose(&mut self, place: Place, loss: Loss) -> End {
        self.step(place, Event::Lost(loss));
        End::Lost(loss, None)
    }

    /// The packet's; no translation changes it.
    fn family(&self) -> Family {
        self.journey.packet.dst.family()
    }

    fn step(&mut self, place: Place, event: Event) {
        self.journey.step(place, event);
    }
}
