//! `tcpdump`: packets as they pass an interface, from now on.

use std::net::IpAddr;

use svclab_core::net::Party;
use svclab_core::net::capture::{Captured, Tap, capture, questions};
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::{Packet, Protocol};

use super::devices;
use crate::process::Process;
use crate::programs::here;
use crate::programs::options::{Options, Wrong};

const OPTIONS: Options = Options {
    letters: "i:nc:veqAXxlUts:w:r:pSDZ:GW:",
    names: &[("interface", 'i'), ("count", 'c')],
    valued: "",
};
/// How often it looks for new packets.
const LOOK: Duration = Duration::from_millis(50);

/// `tcpdump [-n] [-i DEVICE] [-c COUNT] [FILTER]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let line = match OPTIONS.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            let word = match wrong {
                Wrong::Unknown(word) => {
                    format!("invalid option -- '{}'", word.trim_start_matches('-'))
                }
                Wrong::Lacks(word) => {
                    format!("option requires an argument -- '{}'", word.trim_start_matches('-'))
                }
            };
            process.err(&format!("tcpdump: {word}\n"));
            return 1;
        }
    };
    let names: Vec<String> =
        devices::devices(&process).into_iter().map(|it| it.name.to_string()).collect();
    if line.has('D') {
        for (number, name) in (1..).zip(&names) {
            process.out(&format!("{number}.{name} [Up, Running]\n"));
        }
        return 0;
    }
    let device = line.value('i').unwrap_or("eth0").to_owned();
    if device != "any" && !names.contains(&device) {
        process
            .err(&format!("tcpdump: {device}: No such device exists\n(No such device exists)\n"));
        return 1;
    }
    let filter = match Filter::parse(&line.operands.join(" ")) {
        Ok(filter) => filter,
        Err(()) => {
            process.err("tcpdump: can't parse filter expression: syntax error\n");
            return 1;
        }
    };
    if device == "any" {
        process.err("tcpdump: data link type LINUX_SLL2\n");
    }
    process.err("tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n");
    let link = match device.as_str() {
        "any" => "LINUX_SLL2 (Linux cooked v2)",
        "tunl0" => "RAW (Raw IP)",
        _ => "EN10MB (Ethernet)",
    };
    process
        .err(&format!("listening on {device}, link-type {link}, snapshot length 262144 bytes\n"));
    let count = line.value('c').and_then(|it| it.parse::<usize>().ok());
    let tapped = if device == "any" { names } else { vec![device.clone()] };
    let dump = Dump { process: &process, tapped, any: device == "any", filter };
    let seen = dump.run(count).await;
    process.err(&format!(
        "{seen} packets captured\n{seen} packets received by filter\n0 packets dropped by kernel\n"
    ));
    0
}

struct Dump<'a> {
    process: &'a Process,
    tapped: Vec<String>,
    any: bool,
    filter: Filter,
}

impl Dump<'_> {
    /// How many packets it has shown when it has enough of them.
    async fn run(&self, count: Option<usize>) -> usize {
        let last = self.process.lab().exchanges().last().map_or(0, |it| it.id);
        let mut last = (last, 0);
        let start = self.process.now();
        let mut waiting: Vec<(Instant, String)> = Vec::new();
        let mut seen = 0;
        loop {
            last = self.collect(last, start, &mut waiting);
            waiting.sort_by_key(|it| it.0);
            let now = self.process.now();
            let due = waiting.iter().take_while(|it| it.0 <= now).count();
            for (_, line) in waiting.drain(..due) {
                if count.is_some_and(|count| seen >= count) {
                    return seen;
                }
                self.process.out(&format!("{line}\n"));
                seen += 1;
            }
            if count.is_some_and(|count| seen >= count) {
                return seen;
            }
            self.process.sleep(LOOK).await;
        }
    }

    /// Adds what passes because of requests and questions for neighbours after those with these
    /// numbers; the last ones'.
    fn collect(
        &self,
        last: (usize, usize),
        start: Instant,
        into: &mut Vec<(Instant, String)>,
    ) -> (usize, usize) {
        let lab = self.process.lab();
        let Some(party) = lab.party(&here::source(self.process)) else { return last };
        let bridge_nf = match &party {
            Party::Node(name) => {
                lab.network().node(name).is_some_and(|it| it.sysctls.bridge_nf_call_iptables)
            }
            _ => true,
        };
        let name = lab.network().name_of(&party);
        let mut newest = last;
        for device in &self.tapped {
            let device: std::rc::Rc<str> = device.as_str().into();
            let tap = match &party {
                Party::Pod(_) => Tap::Pod { pod: name.clone(), device: device.clone() },
                Party::Node(_) => Tap::Node { node: name.clone(), device: device.clone() },
                Party::Host(_) => Tap::Host { name: name.clone(), device: device.clone() },
            };
            // First of all: a packet that has to ask passes after the answer.
            let (mut captured, asked) = questions(lab.network(), &tap, last.1);
            newest.1 = asked;
            for exchange in lab.exchanges().iter().filter(|it| it.id > last.0) {
                newest.0 = newest.0.max(exchange.id);
                captured.extend(capture(exchange, &tap, bridge_nf));
            }
            let wanted = captured.iter().filter(|it| it.at >= start && self.filter.lets(it));
            into.extend(wanted.map(|it| (it.at, self.line(&device, it))));
        }
        newest
    }

    /// `-i any` tells the device and the direction behind the time.
    fn line(&self, device: &str, captured: &Captured) -> String {
        let Some((time, rest)) = captured.line.split_once(' ').filter(|_| self.any) else {
            return captured.line.clone();
        };
        let way = if captured.out { "Out" } else { "In" };
        format!("{time} {device:<5} {way:<3} {rest}")
    }
}

/// A filter expression: all of a list of any of.
struct Filter(Vec<Vec<(bool, Test)>>);

enum Test {
    Protocol(Protocol),
    Ip6(bool),
    Arp,
    Port(Side, u16, u16),
    Host(Side, IpAddr),
    Net(Side, ipnet::IpNet),
    Always,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Source,
    Destination,
    Either,
}

impl Filter {
    /// `tcp and port 80 or icmp`, with `not`; parentheses change nothing.
    fn parse(text: &str) -> Result<Filter, ()> {
        let text = text
            .replace(['(', ')'], " ")
            .replace("&&", " and ")
            .replace("||", " or ")
            .replace('!', " not ");
        let mut any = Vec::new();
        let mut all = Vec::new();
        let mut words = text.split_whitespace().peekable();
        let mut not = false;
        while let Some(word) = words.next() {
            match word {
                "and" => continue,
                "or" => {
                    any.push(std::mem::take(&mut all));
                    continue;
                }
                "not" => {
                    not = !not;
                    continue;
                }
                _ => {}
            }
            let mut word = word;
            for (name, protocol) in [
                ("tcp", Protocol::Tcp),
                ("udp", Protocol::Udp),
                ("icmp", Protocol::Icmp),
                ("sctp", Protocol::Sctp),
            ] {
                if word == name
                    && words
                        .peek()
                        .is_some_and(|it| matches!(*it, "port" | "src" | "dst" | "portrange"))
                {
                    all.push((not, Test::Protocol(protocol)));
                    word = words.next().ok_or(())?;
                }
            }
            let side = match word {
                "src" => Side::Source,
                "dst" => Side::Destination,
                _ => Side::Either,
            };
            if side != Side::Either {
                word = words.next().ok_or(())?;
            }
            let test = match word {
                "tcp" => Test::Protocol(Protocol::Tcp),
                "udp" => Test::Protocol(Protocol::Udp),
                "icmp" | "icmp6" => Test::Protocol(Protocol::Icmp),
                "sctp" => Test::Protocol(Protocol::Sctp),
                "ip" => Test::Ip6(false),
                "ip6" => Test::Ip6(true),
                "arp" => Test::Arp,
                "port" => {
                    let port = port(words.next().ok_or(())?)?;
                    Test::Port(side, port, port)
                }
                "portrange" => {
                    let (first, last) = words.next().and_then(|it| it.split_once('-')).ok_or(())?;
                    Test::Port(side, port(first)?, port(last)?)
                }
                "host" => Test::Host(side, words.next().ok_or(())?.parse().map_err(|_| ())?),
                "net" => Test::Net(side, words.next().ok_or(())?.parse().map_err(|_| ())?),
                word => match word.parse::<IpAddr>() {
                    Ok(ip) => Test::Host(side, ip),
                    // What looks into a packet's bytes is taken for granted.
                    Err(_) if word.contains('[') || word.contains(['=', '&']) => Test::Always,
                    Err(_) => return Err(()),
                },
            };
            all.push((not, test));
            not = false;
        }
        any.push(all);
        Ok(Filter(any))
    }

    fn lets(&self, captured: &Captured) -> bool {
        let is_arp = captured.line.contains(" ARP, ");
        self.0
            .iter()
            .any(|all| all.iter().all(|(not, test)| test.fits(&captured.packet, is_arp) != *not))
    }
}

impl Test {
    fn fits(&self, packet: &Packet, is_arp: bool) -> bool {
        let on = |side: Side, first: bool, second: bool| match side {
            Side::Source => first,
            Side::Destination => second,
            Side::Either => first || second,
        };
        match self {
            Test::Always => true,
            Test::Arp => is_arp,
            Test::Host(side, ip) => on(*side, packet.src == *ip, packet.dst == *ip),
            Test::Net(side, net) => on(*side, net.contains(&packet.src), net.contains(&packet.dst)),
            _ if is_arp => false,
            Test::Protocol(protocol) => packet.protocol() == *protocol,
            Test::Ip6(wanted) => packet.dst.is_ipv6() == *wanted,
            Test::Port(side, first, last) => {
                let is = |port: Option<u16>| port.is_some_and(|it| (*first..=*last).contains(&it));
                on(*side, is(packet.sport()), is(packet.dport()))
            }
        }
    }
}

fn port(word: &str) -> Result<u16, ()> {
    match word {
        "http" => Ok(80),
        "https" => Ok(443),
        "domain" => Ok(53),
        word => word.parse().map_err(|_| ()),
    }
}
