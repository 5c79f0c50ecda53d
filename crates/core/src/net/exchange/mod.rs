//! Questions and connections as the packets that carry them.
//!
//! [`Wire`] sends packets one after another and keeps their traces. On it stand [`tcp`]
//! (connections that can be held open), [`udp`] and [`icmp`]; [`run`] is one whole request.
//! Nothing here waits: a packet that is sent again later is sent through the network as it is now,
//! with the time it would be sent at.

pub mod icmp;
pub mod tcp;
pub mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::rc::Rc;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{Hook, L4, Packet, Protocol, Tuple};

use super::travel::{self, Trip};
use super::{Chance, Network, Party};
use crate::time::{Duration, Instant};
use crate::trace::{Answer, Exchange, Question, Request, Trace};

pub use tcp::http::{
    Certificate, Fetched, Message, Response, Served, Signer, Site, Tls, TlsProblem, Trust, reason,
};

/// Who asks, and from where: the kernel chooses what is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub party: Party,
    pub source: Option<IpAddr>,
    pub port: Option<u16>,
}

impl From<Party> for Client {
    fn from(party: Party) -> Client {
        Client { party, source: None, port: None }
    }
}

/// The ports that Linux gives to clients (`net.ipv4.ip_local_port_range`).
const CLIENT_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// Sends packets, one after another.
pub struct Wire<'a> {
    pub net: &'a mut Network,
    pub chance: &'a mut dyn Chance,
    pub at: Instant,
    /// In the order they were sent.
    pub packets: Vec<Rc<Trace>>,
}

/// Runs a whole request.
pub fn run(
    net: &mut Network,
    chance: &mut dyn Chance,
    (id, at): (usize, Instant),
    client: &Client,
    request: Request,
    site: &dyn Site,
) -> Exchange {
    let mut wire = Wire { net, chance, at, packets: Vec::new() };
    let goal = SocketAddr::new(request.to, request.port);
    let result = match &request.what {
        Question::Http { path, .. } => {
            let message = Message::get(&request.host, path);
            wire.http((client, None), goal, &message, site).0
        }
        Question::Connect => wire.knock(client, goal),
        Question::Datagram | Question::Name(_) => wire.ask(client, goal),
        Question::Echo => wire.ping(client, request.to),
    };
    Exchange { id, at, ended: wire.at, packets: wire.packets, request, result }
}

/// Runs one HTTP request as its client wants it; `limit` is for the connection.
pub fn fetch(
    net: &mut Network,
    chance: &mut dyn Chance,
    (id, at): (usize, Instant),
    (client, limit): (&Client, Option<Duration>),
    (request, message): (Request, &Message),
    site: &dyn Site,
) -> (Exchange, Fetched) {
    let mut wire = Wire { net, chance, at, packets: Vec::new() };
    let goal = SocketAddr::new(request.to, request.port);
    let (result, fetched) = wire.http((client, limit), goal, message, site);
    (Exchange { id, at, ended: wire.at, packets: wire.packets, request, result }, fetched)
}

/// How a packet that asks for an answer came out for its sender.
enum Reached {
    /// Somebody got it, as it looked there.
    Party(Party, Packet),
    /// An error came back; of the sender's own kernel where nobody on its link answers ARP.
    Error(Answer),
    /// The sending node itself stopped it; a process hears of that at once, unless it is TCP's.
    Stopped,
    /// Nothing comes back.
    Silence,
}

impl<'a> Wire<'a> {
    pub fn new(net: &'a mut Network, chance: &'a mut dyn Chance, at: Instant) -> Wire<'a> {
        Wire { net, chance, at, packets: Vec::new() }
    }

    fn send(&mut self, from: &Party, packet: Packet) -> Trip {
        let trip = travel::send(self.net, self.chance, self.at, from, packet);
        self.note(&trip);
        trip
    }

    /// What a machine on the way says to a packet.
    fn answer(&mut self, answer: travel::Answer) -> Trip {
        self.at = self.at + answer.after;
        let trip = travel::answer(self.net, self.chance, self.at, answer);
        self.note(&trip);
        trip
    }

    fn note(&mut self, trip: &Trip) {
        if let Some(last) = trip.trace.steps.last() {
            self.at = last.at;
        }
        self.packets.push(trip.trace.clone());
    }

    /// Sends a packet that its sender waits for nothing after: who gets it. Whoever refuses it on
    /// its way tells the sender, who makes nothing of that.
    fn tell(&mut self, from: &Party, packet: Packet) -> Option<(Party, Packet)> {
        let trip = self.send(from, packet);
        // An error that comes later, when nobody has answered ARP, is left out.
        if let Some(answer) = trip.answer.filter(|it| it.after == Duration::ZERO) {
            self.answer(answer);
        }
        trip.arrived
    }

    /// Sends a packet and hears what machines on its way say.
    fn reach(&mut self, from: &Party, packet: Packet) -> Reached {
        let trip = self.send(from, packet);
        if let Some((party, packet)) = trip.arrived {
            return Reached::Party(party, packet);
        }
        let stopped = stopped_at_once(&trip.trace) && packet.protocol() != Protocol::Tcp;
        let Some(answer) = trip.answer else {
            return if stopped { Reached::Stopped } else { self.own_error(from, trip.waits) };
        };
        let heard = self.answer(answer).arrived;
        if stopped {
            return Reached::Stopped;
        }
        match heard {
            Some((party, icmp)) if party == *from => match error_of(&icmp, &packet) {
                Some(answer) => Reached::Error(answer),
                None => Reached::Silence,
            },
            _ => Reached::Silence,
        }
    }

    /// A pod or host that finds no neighbour on its own link gets an error from its own kernel.
    fn own_error(&mut self, from: &Party, waits: Option<Duration>) -> Reached {
        use crate::trace::{Loss, Place, Verdict};
        let Some(trace) = self.packets.last() else { return Reached::Silence };
        let inside = |place: &Place| match from {
            Party::Pod(_) => matches!(place, Place::Pod { .. }),
            Party::Host(_) => matches!(place, Place::Host { .. } | Place::Lan),
            Party::Node(_) => false,
        };
        if !trace.steps.iter().all(|it| inside(&it.place)) {
            return Reached::Silence;
        }
        match trace.verdict {
            Verdict::Lost(Loss::NoNeighbour) => {
                self.at = self.at + waits.unwrap_or_default();
                Reached::Error(Answer::NoRoute)
            }
            Verdict::Lost(Loss::NoRoute) => Reached::Error(Answer::NoRoute),
            _ => Reached::Silence,
        }
    }

    /// The client's own address and a port that no connection to the same goal still holds: a
    /// kernel keeps a closed one for a minute (TIME_WAIT), conntrack for two. None where no route
    /// leads to the goal.
    fn bind(
        &mut self,
        client: &Client,
        goal: SocketAddr,
        protocol: Protocol,
    ) -> Option<SocketAddr> {
        let ip = match client.source {
            Some(ip) => ip,
            None => self.net.source_address(&client.party, goal.ip())?,
        };
        if let Some(port) = client.port {
            return Some(SocketAddr::new(ip, port));
        }
        let now = self.at.as_millis();
        let kernels = &self.net.kernels;
        let taken = |src| {
            let tuple = Tuple { protocol, src, dst: goal };
            kernels.values().any(|it| it.conntrack.knows(&tuple, now))
        };
        let mut res = SocketAddr::new(ip, self.chance.port(CLIENT_PORTS));
        for _ in 0..1000 {
            if !taken(res) {
                break;
            }
            res.set_port(self.chance.port(CLIENT_PORTS));
        }
        Some(res)
    }
}

/// Whether a node's own packet came no further than its OUTPUT or POSTROUTING.
fn stopped_at_once(trace: &Trace) -> bool {
    use crate::trace::{Loss, Place, Verdict};
    let own = matches!(trace.steps.first().map(|it| &it.place), Some(Place::Process { .. }));
    let inside = trace.steps.iter().all(|it| match it.place {
        Place::Hook { hook, .. } | Place::Conntrack { hook, .. } | Place::Ipvs { hook, .. } => {
            matches!(hook, Hook::Output | Hook::Postrouting)
        }
        Place::Process { .. } | Place::Routing { .. } => true,
        _ => false,
    });
    let stopped =
        matches!(trace.verdict, Verdict::Rejected | Verdict::Lost(Loss::Dropped | Loss::Martian));
    own && inside && stopped
}

/// What the error says to the sender of `packet`; None where it is about another one.
fn error_of(error: &Packet, packet: &Packet) -> Option<Answer> {
    match error.l4 {
        L4::Icmp(Icmp::Unreachable { code, about }) if about == packet.about() => {
            // `icmp_err_convert`: port and protocol unreachable are refusals.
            Some(if matches!(code, 2 | 3) { Answer::Refused } else { Answer::NoRoute })
        }
        L4::Icmp(Icmp::TimeExceeded { about }) if about == packet.about() => Some(Answer::NoRoute),
        L4::Tcp { flags, .. } if flags.rst && error.source() == packet.destination() => {
            Some(Answer::Refused)
        }
        _ => None,
    }
}

/// Who asks nobody in particular asks the own machine (`ip_route_output_key_hash_rcu`).
fn somebody(to: IpAddr) -> IpAddr {
    match to {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => to,
    }
}

/// A packet from `seen`'s receiver to its sender.
fn sized(packet: Packet, length: usize) -> Packet {
    Packet { length: u16::try_from(length).unwrap_or(u16::MAX), ..packet }
}

/// Moves on to an instant, never back.
fn later(at: Instant, start: Instant, after: Duration) -> Instant {
    at.max(start + after)
}
