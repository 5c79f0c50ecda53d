//! A request as the packets that carry it: TCP's handshake, the request, the response, the close.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::rc::Rc;

use svclab_netfilter::{L4, Packet, Protocol, TcpFlags, Tuple};

use super::travel::{Receiver, Sender, Trip, send};
use super::{Chance, Network};
use crate::time::{Duration, Instant};
use crate::trace::{Answer, Exchange, Request, Trace};

/// What a process answers to an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

/// The ports that Linux gives to clients (`net.ipv4.ip_local_port_range`).
const CLIENT_PORTS: RangeInclusive<u16> = 32_768..=60_999;
/// How long a Linux client sends SYNs in vain: 1 + 2 + 4 + … + 64 s (`tcp_syn_retries` = 6).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);
/// A neighbour that does not answer ARP is given up after three tries a second apart.
const ARP_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a whole request from the pod with address `client`. `serve` is the application: the pod
/// (`namespace/name`) and the path to the response.
pub fn run(
    net: &mut Network,
    chance: &mut dyn Chance,
    (id, at): (usize, Instant),
    client: IpAddr,
    request: Request,
    serve: &dyn Fn(&str, &str) -> Response,
) -> Exchange {
    let goal = SocketAddr::new(request.to, request.port);
    let own = client_address(net, chance, client, goal, at);
    let mut talk = Talk { net, chance, at, packets: Vec::new() };
    let result = talk.request(own, goal, &request, serve);
    let waited = match result {
        Answer::TimedOut => CONNECT_TIMEOUT,
        Answer::NoRoute => ARP_TIMEOUT,
        _ => Duration::ZERO,
    };
    Exchange { id, at, ended: talk.at + waited, packets: talk.packets, request, result }
}

/// A port that no connection to the same goal still holds: its kernel keeps a closed one for a
/// minute (TIME_WAIT), and the node's conntrack for two.
fn client_address(
    net: &Network,
    chance: &mut dyn Chance,
    client: IpAddr,
    goal: SocketAddr,
    at: Instant,
) -> SocketAddr {
    let node = net.pods.get(&client).map(|pod| &pod.node);
    let kernel = node.and_then(|node| net.kernel(node));
    let taken = |src| {
        let tuple = Tuple { protocol: Protocol::Tcp, src, dst: goal };
        kernel.is_some_and(|it| it.conntrack.knows(&tuple, at.as_millis()))
    };
    let mut res = SocketAddr::new(client, chance.port(CLIENT_PORTS));
    for _ in 0..1000 {
        if !taken(res) {
            break;
        }
        res.set_port(chance.port(CLIENT_PORTS));
    }
    res
}

struct Talk<'a> {
    net: &'a mut Network,
    chance: &'a mut dyn Chance,
    at: Instant,
    packets: Vec<Rc<Trace>>,
}

/// How a packet that asks for an answer came out.
enum Reached {
    /// A pod, and the packet as it saw it.
    Pod(IpAddr, Packet),
    Ended(Answer),
}

impl Talk<'_> {
    fn request(
        &mut self,
        own: SocketAddr,
        goal: SocketAddr,
        request: &Request,
        serve: &dyn Fn(&str, &str) -> Response,
    ) -> Answer {
        let client = Sender::Pod(own.ip());
        let (server, syn) = match self.reach(&client, Packet::tcp(own, goal, TcpFlags::SYN)) {
            Reached::Pod(server, syn) => (server, syn),
            Reached::Ended(answer) => return answer,
        };
        let Some(pod) = self.net.pods.get(&server).cloned() else { return Answer::TimedOut };
        if !pod.listens.contains(&syn.destination().port()) {
            self.reply(server, &syn, TcpFlags::RST_ACK, 0);
            return Answer::Refused;
        }
        if !self.reply(server, &syn, TcpFlags::SYN_ACK, 0) {
            return Answer::TimedOut;
        }
        let line = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", request.path, request.host);
        let response = serve(&pod.pod, &request.path);
        let arrived = self.tell(own, goal, TcpFlags::ACK, 0)
            && self.tell(own, goal, TcpFlags::PSH_ACK, line.len())
            && self.reply(server, &syn, TcpFlags::PSH_ACK, response.body.len())
            && self.tell(own, goal, TcpFlags::FIN_ACK, 0)
            && self.reply(server, &syn, TcpFlags::FIN_ACK, 0)
            && self.tell(own, goal, TcpFlags::ACK, 0);
        if !arrived {
            return Answer::TimedOut;
        }
        let Response { status, body } = response;
        Answer::Http { status, body, served_by: pod.pod, seen: syn.src }
    }

    /// The first packet: where it ends decides what the client hears.
    fn reach(&mut self, from: &Sender, packet: Packet) -> Reached {
        let trip = self.send(from, packet);
        match (trip.arrived, trip.answer) {
            (Some((Receiver::Pod(ip), packet)), _) => Reached::Pod(ip, packet),
            (Some((Receiver::Node(node), packet)), _) => {
                // No process of a node listens in the lab: its kernel resets the connection.
                let reset = answer(&packet, TcpFlags::RST_ACK, 0);
                let heard = self.send(&Sender::Node(node), reset).arrived.is_some();
                Reached::Ended(if heard { Answer::Refused } else { Answer::TimedOut })
            }
            (None, Some((by, icmp))) => {
                let heard = self.send(&by, icmp).arrived.is_some();
                Reached::Ended(if heard { Answer::Refused } else { Answer::TimedOut })
            }
            (None, None) => Reached::Ended(self.silence()),
        }
    }

    /// A pod that finds no neighbour on its own link gets an error from its own kernel.
    fn silence(&self) -> Answer {
        let steps = self.packets.last().map(|trace| trace.steps.as_slice()).unwrap_or_default();
        let in_pod = steps.iter().all(|it| matches!(it.place, crate::trace::Place::Pod { .. }));
        if in_pod { Answer::NoRoute } else { Answer::TimedOut }
    }

    fn tell(&mut self, own: SocketAddr, goal: SocketAddr, flags: TcpFlags, length: usize) -> bool {
        let packet = sized(Packet::tcp(own, goal, flags), length);
        self.send(&Sender::Pod(own.ip()), packet).arrived.is_some()
    }

    /// The server's packet back to whom it believes to be the client.
    fn reply(&mut self, server: IpAddr, syn: &Packet, flags: TcpFlags, length: usize) -> bool {
        let packet = answer(syn, flags, length);
        self.send(&Sender::Pod(server), packet).arrived.is_some()
    }

    fn send(&mut self, from: &Sender, packet: Packet) -> Trip {
        let trip = send(self.net, self.chance, self.at, from, packet);
        if let Some(last) = trip.trace.steps.last() {
            self.at = last.at;
        }
        self.packets.push(Rc::new(trip.trace.clone()));
        trip
    }
}

/// A packet from `seen`'s receiver to its sender.
fn answer(seen: &Packet, flags: TcpFlags, length: usize) -> Packet {
    sized(Packet::tcp(seen.destination(), seen.source(), flags), length)
}

fn sized(packet: Packet, length: usize) -> Packet {
    debug_assert!(matches!(packet.l4, L4::Tcp { .. }));
    Packet { length: u16::try_from(length).unwrap_or(u16::MAX), ..packet }
}
