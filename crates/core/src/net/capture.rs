//! What `tcpdump -n` prints at an interface while packets pass: traces → lines; [`questions()`] does
//! the same for ARP.

mod questions;
mod sightings;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::packet::{About, Icmp};
use svclab_netfilter::{L4, Packet, Protocol, TcpFlags};

use self::sightings::{inside, sightings};
use super::exchange::reason;
use crate::dns::{Data, Rcode, Record, Reply};
use crate::time::Instant;
use crate::trace::{Answer, Exchange, NodeName, Place, Question};

pub use self::questions::questions;

/// An interface of a network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tap {
    /// `eth0` or `lo` in a pod (`namespace/name`).
    Pod { pod: Rc<str>, device: Rc<str> },
    /// `eth0`, `cni0`, `lo`, a tunnel's device or a pod's on a node.
    Node { node: NodeName, device: Rc<str> },
    /// `eth0` or `lo` of a host outside.
    Host { name: Rc<str>, device: Rc<str> },
}

/// A packet as it passed the interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Captured {
    pub at: Instant,
    pub packet: Packet,
    /// Out of the namespace or the node, seen from the one whose interface it is.
    pub out: bool,
    /// Which packet of its exchange, and at which of its steps; ARP belongs to none.
    pub which: Option<(usize, usize)>,
    /// What tcpdump prints, with its time and without the line's end.
    pub line: String,
}

/// What passes `tap` during one exchange. `bridge_nf` is `net.bridge.bridge-nf-call-iptables` of
/// the node: with it the bridge shows packets that netfilter has already translated.
pub fn capture(exchange: &Exchange, tap: &Tap, bridge_nf: bool) -> Vec<Captured> {
    let mut printer = Printer::new(exchange);
    let mut res = Vec::new();
    for (index, trace) in exchange.packets.iter().enumerate() {
        for (step, packet, out) in sightings(trace, tap, bridge_nf) {
            let Some(at) = trace.steps.get(step).map(|it| it.at) else { continue };
            let line = printer.line(index, at, &packet, inside(trace, at));
            res.push(Captured { at, packet, out, which: Some((index, step)), line });
        }
        printer.pass(index);
    }
    res
}

/// The interfaces that the packets of an exchange pass, in the order in which they do.
pub fn taps(exchange: &Exchange) -> Vec<Tap> {
    let mut res = Vec::new();
    for step in exchange.packets.iter().flat_map(|it| &it.steps) {
        let tap = match &step.place {
            Place::Pod { pod, .. } => Tap::Pod { pod: pod.clone(), device: "eth0".into() },
            Place::Host { name } => Tap::Host { name: name.clone(), device: "eth0".into() },
            Place::Veth { node, device, .. } | Place::Tunnel { node, device } => {
                Tap::Node { node: node.clone(), device: device.clone() }
            }
            Place::Bridge { node } => Tap::Node { node: node.clone(), device: "cni0".into() },
            Place::Nic { node } => Tap::Node { node: node.clone(), device: "eth0".into() },
            _ => continue,
        };
        if !res.contains(&tap) {
            res.push(tap);
        }
    }
    res
}

/// Bytes of TCP's time stamps in a header.
const STAMPS: u32 = 12;

/// Prints packets of one exchange; knows TCP's numbers, which traces do not carry.
struct Printer<'a> {
    exchange: &'a Exchange,
    /// The next number of the client and of the server.
    next: [u32; 2],
    /// As tcpdump keeps them: the numbers that a pair of ends began with.
    begun: BTreeMap<(SocketAddr, SocketAddr), (u32, u32)>,
}

impl<'a> Printer<'a> {
    fn new(exchange: &'a Exchange) -> Printer<'a> {
        let seed = exchange.packets.first().map_or(0, |it| {
            let port = u64::from(it.sent.sport().unwrap_or(0));
            it.at.as_micros().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (port << 32)
        });
        let next = [(seed >> 16) as u32 | 1, (seed >> 24) as u32 ^ 0x5A5A_1234];
        Printer { exchange, next, begun: BTreeMap::new() }
    }

    /// 0 for the client's packets, 1 for the server's.
    fn side(&self, index: usize) -> usize {
        let place = |index: usize| {
            let trace = self.exchange.packets.get(index)?;
            trace.steps.first().map(|it| &it.place)
        };
        usize::from(place(index) != place(0))
    }

    /// The packet was sent: its bytes count.
    fn pass(&mut self, index: usize) {
        let side = self.side(index);
        let Some(trace) = self.exchange.packets.get(index) else { return };
        let Some(flags) = trace.sent.tcp_flags() else { return };
        // A SYN that is sent again has its old number.
        let answered = self.exchange.packets.get(index + 1).is_none_or(|it| {
            it.sent.tcp_flags().is_none_or(|next| !next.syn || next.ack) || !flags.syn || flags.ack
        });
        let syn = u32::from(flags.syn && answered);
        let bytes = u32::from(trace.sent.length) + syn + u32::from(flags.fin);
        self.next[side] = self.next[side].wrapping_add(bytes);
    }

    /// A tunnel's packet and the one in it; VXLAN's takes a second line, without the time.
    fn line(
        &mut self,
        index: usize,
        at: Instant,
        packet: &Packet,
        inner: Option<&Packet>,
    ) -> String {
        let Some(inner) = inner else {
            return format!("{} {}", clock(at), self.packet(index, packet));
        };
        let (outside, inner) = (outside(packet), self.packet(index, inner));
        format!("{} {outside}{inner}", clock(at))
    }

    fn packet(&mut self, index: usize, packet: &Packet) -> String {
        let mut res = addresses(packet);
        match packet.l4 {
            L4::Tcp { flags, .. } => res += &self.tcp(index, packet, flags),
            L4::Udp { .. } => res += &self.udp(index, packet),
            L4::Sctp { .. } => res += "sctp",
            L4::Ipip => {}
            L4::Icmp(icmp) => res += &self.icmp(icmp, packet),
        }
        res
    }

    /// Questions and replies of the DNS are told as tcpdump reads them.
    fn udp(&self, index: usize, packet: &Packet) -> String {
        let length = packet.length;
        match (&self.exchange.request.what, &self.exchange.result, self.side(index)) {
            (Question::Name(query), _, 0) => {
                let more = if query.edns.is_some() { " [1au]" } else { "" };
                format!("{}+{more} {}? {} ({length})", query.id, query.kind, query.name)
            }
            (Question::Name(query), Answer::Replied { reply, .. }, _) => {
                format!("{} ({length})", dns_reply(query.id, reply))
            }
            _ => format!("UDP, length {length}"),
        }
    }

    fn tcp(&mut self, index: usize, packet: &Packet, flags: TcpFlags) -> String {
        let side = self.side(index);
        let length = u32::from(packet.length);
        // A reset for a SYN has no number of its own.
        let bare = flags.rst && side == 1;
        let own = if bare { 0 } else { self.next[side] };
        let (mut seq, mut ack) = (own, self.next[1 - side]);
        if flags.ack {
            (seq, ack) = self.relative(packet, (seq, ack), flags.syn);
        }
        let mut res = format!("Flags [{flags}]");
        if length > 0 || flags.syn || flags.fin || flags.rst {
            let _ = write!(res, ", seq {seq}");
        }
        if length > 0 {
            let _ = write!(res, ":{}", seq.wrapping_add(length));
        }
        if flags.ack {
            let _ = write!(res, ", ack {ack}");
        }
        let mss = self.mss(index);
        let window = match (flags.rst, flags.syn, flags.ack) {
            (true, ..) => 0,
            // As many whole segments as fit; an answer reckons with the time stamps in each.
            (_, true, false) => 65_535 / mss * mss,
            (_, true, true) => 65_535 / (mss - STAMPS) * (mss - STAMPS),
            _ => 502,
        };
        let _ = write!(res, ", win {window}");
        if !flags.rst {
            res += &self.options(index, side, flags.syn.then_some(mss));
        }
        let _ = write!(res, ", length {length}");
        res + &self.http(packet, side)
    }

    /// tcpdump's own reckoning: numbers count from the first packet with an ACK that it saw
    /// between two ends.
    fn relative(&mut self, packet: &Packet, (seq, ack): (u32, u32), syn: bool) -> (u32, u32) {
        let (src, dst) = (packet.source(), packet.destination());
        let turned = src > dst;
        let key = if turned { (dst, src) } else { (src, dst) };
        match self.begun.get(&key) {
            Some((first, second)) if !syn => {
                let (own, other) = if turned { (second, first) } else { (first, second) };
                (seq.wrapping_sub(*own), ack.wrapping_sub(*other))
            }
            _ => {
                let other = ack.wrapping_sub(1);
                let numbers = if turned { (other, seq) } else { (seq, other) };
                self.begun.insert(key, numbers);
                (seq, ack)
            }
        }
    }

    /// What of a packet is left for data, in bytes.
    fn mss(&self, index: usize) -> u32 {
        let Some(trace) = self.exchange.packets.get(index) else { return 1460 };
        match trace.sent.dst {
            // IPv4 counts its own header in a packet's length, of 16 bits.
            IpAddr::V4(_) => trace.mtu.min(65_535).saturating_sub(40),
            IpAddr::V6(_) => trace.mtu.saturating_sub(60),
        }
        .max(536)
    }

    fn options(&self, index: usize, side: usize, syn: Option<u32>) -> String {
        let stamp = |side: usize, at: Instant| -> u32 {
            let base: u32 = if side == 0 { 2_020_000_000 } else { 73_000_000 };
            base.wrapping_add(at.as_millis() as u32)
        };
        let packets = &self.exchange.packets;
        let own = packets.get(index).map_or(0, |it| stamp(side, it.at));
        let heard = (0..index).rev().find(|it| self.side(*it) != side);
        let echo = heard.and_then(|it| packets.get(it)).map_or(0, |it| stamp(1 - side, it.at));
        match syn {
            Some(mss) => {
                format!(", options [mss {mss},sackOK,TS val {own} ecr {echo},nop,wscale 7]")
            }
            None => format!(", options [nop,nop,TS val {own} ecr {echo}]"),
        }
    }

    /// The first line of HTTP, on the ports where tcpdump looks for it.
    fn http(&self, packet: &Packet, side: usize) -> String {
        const PORTS: [u16; 3] = [80, 8080, 3128];
        let known = [packet.sport(), packet.dport()].iter().flatten().any(|it| PORTS.contains(it));
        if packet.length == 0 || !known {
            return String::new();
        }
        match (&self.exchange.request.what, &self.exchange.result, side) {
            (Question::Http { method, path, .. }, _, 0) => {
                format!(": HTTP: {method} {path} HTTP/1.1")
            }
            (Question::Http { .. }, Answer::Http { status, .. }, _) => {
                format!(": HTTP: HTTP/1.1 {status} {}", reason(*status))
            }
            _ => String::new(),
        }
    }

    fn icmp(&self, icmp: Icmp, packet: &Packet) -> String {
        let length = match icmp {
            Icmp::EchoRequest { .. } | Icmp::EchoReply { .. } => u32::from(packet.length) + 8,
            Icmp::Unreachable { about, .. } | Icmp::TimeExceeded { about } => self.quoted(about),
        };
        let sequence = match icmp {
            Icmp::EchoRequest { .. } | Icmp::EchoReply { .. } => ", seq 1",
            _ => "",
        };
        match packet.dst {
            IpAddr::V4(_) => format!("ICMP {icmp}{sequence}, length {length}"),
            IpAddr::V6(_) => format!("ICMP6, {}{sequence}, length {length}", icmp6(icmp)),
        }
    }

    /// The error's header and the whole packet that it quotes.
    fn quoted(&self, about: About) -> u32 {
        let first = self.exchange.packets.first();
        let data = first.map_or(0, |it| u32::from(it.sent.length));
        let header = if about.dst.is_ipv4() { 20 } else { 40 };
        8 + header
            + match about.protocol {
                Protocol::Tcp => 40,
                _ => 8 + data,
            }
    }
}

/// `IP 10.244.1.9.41298 > 10.244.2.6.8080: `
fn addresses(packet: &Packet) -> String {
    let version = if packet.dst.is_ipv4() { "IP" } else { "IP6" };
    let end = |ip: IpAddr, port: Option<u16>| match port {
        Some(port) => format!("{ip}.{port}"),
        None => ip.to_string(),
    };
    let (from, to) = (end(packet.src, packet.sport()), end(packet.dst, packet.dport()));
    format!("{version} {from} > {to}: ")
}

/// What stands before the packet in a tunnel's: tcpdump takes port 8472 for OTV.
fn outside(packet: &Packet) -> String {
    let header = match packet.dport() {
        Some(8472) => "OTV, flags [I] (0x08), overlay 0, instance 1\n",
        Some(_) => "VXLAN, flags [I] (0x08), vni 4096\n",
        None => "",
    };
    format!("{}{header}", addresses(packet))
}

/// tcpdump's words for ICMPv6 (`icmp6_print`); the codes are those of ICMP.
fn icmp6(icmp: Icmp) -> String {
    let Icmp::Unreachable { code, about } = icmp else {
        return match icmp {
            Icmp::TimeExceeded { about } => {
                format!("time exceeded in-transit for {}", about.dst.ip())
            }
            _ => icmp.to_string(),
        };
    };
    let to = about.dst.ip();
    let what = match code {
        0 => format!("unreachable route {to}"),
        1 => format!("unreachable address {to}"),
        9 | 10 | 13 => format!("unreachable prohibited {to}"),
        _ => {
            let protocol = about.protocol.name();
            format!("unreachable port, {to} {protocol} port {}", about.dst.port())
        }
    };
    format!("destination unreachable, {what}")
}

/// `17886 NXDomain*- 0/1/0`, `13328*- 2/0/0 A 10.244.2.20, A 10.244.1.20`
fn dns_reply(id: u16, reply: &Reply) -> String {
    let rcode = match reply.rcode {
        Rcode::NoError => "",
        Rcode::ServFail => " ServFail",
        Rcode::NxDomain => " NXDomain",
        Rcode::NotImp => " NotImp",
        Rcode::Refused => " Refused",
    };
    let star = if reply.flags.authoritative { "*" } else { "" };
    let minus = if reply.flags.recursion_available { "" } else { "-" };
    let bar = if reply.flags.truncated { "|" } else { "" };
    let [answer, authority, additional] = reply.sections().map(Vec::len);
    let additional = additional + usize::from(reply.edns.is_some());
    let records: Vec<String> = reply.answer.iter().map(dns_record).collect();
    let gap = if records.is_empty() { "" } else { " " };
    let records = records.join(", ");
    format!("{id}{rcode}{star}{minus}{bar} {answer}/{authority}/{additional}{gap}{records}")
}

fn dns_record(record: &Record) -> String {
    match &record.data {
        Data::Srv { priority, weight, port, target } => {
            format!("SRV {target}:{port} {priority} {weight}")
        }
        data => format!("{} {data}", record.kind()),
    }
}

/// `00:00:15.000004`
fn clock(at: Instant) -> String {
    let micros = at.as_micros();
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:06}", seconds % 60, micros % 1_000_000)
}
