//! A probe played in the lab's network: attempts one after another → what came of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::net::exchange::{Client, Wire};
use svclab_core::net::{Chance, Party};
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Event, Loss, NodeName, Trace, Verdict};
use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{Family, Finding, L4, RuleRef, RuleSet, TableName};

use super::scenario::{OneOrMany, Probe};
use super::world::{World, span};

/// One attempt, in the words of kernel_replay.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) outcome: &'static str,
    pub(crate) backend: Option<String>,
    pub(crate) src: Option<IpAddr>,
    pub(crate) seen: Option<IpAddr>,
    pub(crate) port_kept: Option<bool>,
    /// Who sent an ICMP error of type 3 that the client heard, and its code.
    pub(crate) icmp: Option<(IpAddr, u8)>,
    pub(crate) ms: f64,
    /// The rules that the first packet matched, in order.
    pub(crate) path: Vec<Hit>,
    pub(crate) lost_at_gateway: bool,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) node: NodeName,
    pub(crate) table: TableName,
    pub(crate) rule: RuleRef,
}

/// What a probe did.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) attempts: Vec<Attempt>,
    /// How many packets each rule matched.
    pub(crate) hits: BTreeMap<Hit, usize>,
}

/// Plays every attempt of a probe.
///
/// # Errors
///
/// What in the probe makes no sense.
pub(crate) fn play(world: &mut World, probe: &Probe) -> Result<Played, String> {
    if !probe.keep_conntrack && world.kept.is_empty() {
        world.flush_conntrack();
    }
    let mut res = Played::default();
    if let Some(name) = &probe.use_kept {
        for _ in 0..probe.count {
            let (attempt, packets) = again(world, name)?;
            res.count(&packets);
            res.attempts.push(attempt);
        }
        return Ok(res);
    }
    let claims = probe.claims();
    let lost = claims.backends == Some(OneOrMany::One("timeout".to_owned()));
    let lossy = lost || claims.outcomes.as_ref().is_some_and(|it| it.contains_key("timeout"));
    let usual = if lossy { 0.8 } else { 2.0 };
    // `MAX_TIMEOUT`
    let timeout = span(probe.timeout.or(world.timeout).unwrap_or(usual).min(10.0));
    // After the first timeout kernel_replay makes all attempts at once.
    let mut together: Option<Instant> = lost.then_some(world.at);
    let mut ended = world.at;
    for index in 0..probe.count {
        if let Some(pause) = &probe.pause
            && index > 0
            && index % pause.every.max(1) == 0
        {
            world.at = world.at + span(pause.seconds);
        }
        world.at = together.unwrap_or(world.at);
        let mut rng = world.rng.clone();
        let (attempt, packets) = attempt(world, &mut rng, probe, (index, timeout))?;
        world.rng = rng;
        ended = ended.max(world.at);
        res.count(&packets);
        if attempt.outcome == "timeout" && together.is_none() {
            together = Some(world.at);
        }
        res.attempts.push(attempt);
    }
    world.at = ended;
    Ok(res)
}

impl Played {
    fn count(&mut self, packets: &[Rc<Trace>]) {
        for hit in packets.iter().flat_map(|it| matched(it)) {
            *self.hits.entry(hit).or_default() += 1;
        }
    }
}

/// One attempt, the `index`th, given up after `timeout`.
///
/// # Errors
///
/// What in the probe makes no sense.
pub(crate) fn attempt(
    world: &mut World,
    chance: &mut dyn Chance,
    probe: &Probe,
    (index, timeout): (usize, Duration),
) -> Result<(Attempt, Vec<Rc<Trace>>), String> {
    let party = world.party(&probe.from)?;
    let dst = probe.dst.ok_or("a probe without dst")?;
    let goal = std::net::SocketAddr::new(dst, probe.port);
    let source = probe.src.as_ref().and_then(|it| {
        let list = it.as_slice();
        list.get(index % list.len().max(1)).copied()
    });
    let client = Client { party: party.clone(), source, port: probe.sport };
    let start = world.at;
    let World { net, at, kept, .. } = world;
    let mut wire = Wire::new(net, chance, start);
    let mut res = Attempt::new("error");
    let answer = match probe.proto.to_uppercase().as_str() {
        "TCP" => match wire.connect_within(&client, goal, timeout) {
            Err(answer) => answer,
            Ok(connection) => {
                let answer = match wire.talk(&connection, 10, 80) {
                    Ok(()) => Answer::Reached {
                        by: connection.served_by.clone(),
                        seen: connection.seen.ip(),
                    },
                    Err(answer) => answer,
                };
                res.src = Some(connection.own.ip());
                res.port_kept = Some(connection.seen.port() == connection.own.port());
                match &probe.keep {
                    Some(name) => drop(kept.insert(name.clone(), connection)),
                    None => drop(wire.close(&connection)),
                }
                answer
            }
        },
        "UDP" => {
            let answer = wire.ask(&client, goal);
            let first = wire.packets.first();
            res.src = first.map(|it| it.sent.src);
            let ports = |it: &Rc<Trace>| Some((it.sent.sport()?, it.steps.last()?.packet.sport()?));
            res.port_kept = first.and_then(ports).map(|(sent, seen)| sent == seen);
            answer
        }
        "ICMP" => wire.ping(&client, dst),
        other => return Err(format!("protocol {other} is not supported")),
    };
    res.hear(answer, &wire.packets, &party);
    if probe.proto.eq_ignore_ascii_case("ICMP") && res.outcome == "refused" {
        // To a ping every error is the same.
        res.outcome = "unreachable";
    }
    if wire.at > start + timeout {
        wire.at = start + timeout;
        if res.outcome != "ok" {
            (res.outcome, res.icmp) = ("timeout", None);
        }
    }
    let packets = wire.packets;
    *at = wire.at;
    res.ms = (*at - start).as_micros() as f64 / 1000.0;
    Ok((res, packets))
}

/// Sends on a connection that was kept open.
fn again(world: &mut World, name: &str) -> Result<(Attempt, Vec<Rc<Trace>>), String> {
    let connection = world.kept.get(name).cloned();
    let connection = connection.ok_or_else(|| format!("no kept connection {name}"))?;
    if world.ended.contains(name) {
        return Ok((Attempt::new("reset"), Vec::new()));
    }
    let mut wire = Wire::new(&mut world.net, &mut world.rng, world.at);
    let answer = match wire.talk(&connection, 10, 80) {
        Ok(()) => Answer::Reached { by: connection.served_by, seen: connection.seen.ip() },
        Err(answer) => answer,
    };
    let mut res = Attempt::new("error");
    res.hear(answer, &wire.packets, &connection.client);
    let (at, packets) = (wire.at, wire.packets);
    world.at = at;
    if res.outcome == "reset" {
        world.ended.insert(name.to_owned());
    }
    Ok((res, packets))
}

impl Attempt {
    fn new(outcome: &'static str) -> Attempt {
        Attempt {
            outcome,
            backend: None,
            src: None,
            seen: None,
            port_kept: None,
            icmp: None,
            ms: 0.0,
            path: Vec::new(),
            lost_at_gateway: false,
        }
    }

    fn hear(&mut self, answer: Answer, packets: &[Rc<Trace>], client: &Party) {
        self.outcome = match answer {
            Answer::Reached { by, seen } => {
                (self.backend, self.seen) = (Some(by.to_string()), Some(seen));
                "ok"
            }
            Answer::Http { .. } | Answer::Replied { .. } => "ok",
            Answer::Echoed { .. } => "reply",
            Answer::Refused => "refused",
            Answer::Reset => "reset",
            Answer::Denied => "error",
            Answer::TimedOut => "timeout",
            Answer::NoRoute => "unreachable",
        };
        self.path = packets.first().map(|it| matched(it).collect()).unwrap_or_default();
        let lost = |it: &Rc<Trace>| it.verdict == Verdict::Lost(Loss::Unroutable);
        self.lost_at_gateway = packets.iter().any(lost);
        // What comes after the client gave up, nobody hears.
        if !matches!(self.outcome, "ok" | "timeout") {
            self.icmp = packets.iter().find_map(|it| error(it, client));
        }
    }

    /// Who answered, or how it ended.
    pub(crate) fn result(&self) -> &str {
        self.backend.as_deref().unwrap_or(self.outcome)
    }
}

fn error(trace: &Trace, client: &Party) -> Option<(IpAddr, u8)> {
    use svclab_core::trace::Place;
    let last = trace.steps.last()?;
    let ours = match (&last.place, client) {
        (Place::Pod { .. }, Party::Pod(_)) => true,
        (Place::Process { node }, Party::Node(name)) => node == name,
        (Place::Host { name: host }, Party::Host(name)) => host == name,
        _ => false,
    };
    match last.packet.l4 {
        L4::Icmp(Icmp::Unreachable { code, .. }) if ours && last.event == Event::Delivered => {
            Some((last.packet.src, code))
        }
        _ => None,
    }
}

/// The rules that a packet matched, in order.
fn matched(trace: &Trace) -> impl Iterator<Item = Hit> {
    trace.steps.iter().flat_map(|step| {
        let node = step.place.node().cloned().unwrap_or_default();
        let visits = match &step.event {
            Event::Walked(passage) => passage.visits.as_slice(),
            _ => &[],
        };
        let table = match &step.event {
            Event::Walked(passage) => passage.table,
            _ => TableName::Filter,
        };
        let matched = visits.iter().filter(|it| it.finding == Finding::Matched);
        matched.map(move |it| Hit { node: node.clone(), table, rule: it.rule })
    })
}

/// Both spellings of each rule of a node: as iptables-save prints it, and as it was loaded.
pub(crate) fn spellings(rules: &RuleSet) -> BTreeMap<RuleRef, [String; 2]> {
    let mut res = BTreeMap::new();
    let (mut table, mut counts) = (None, BTreeMap::new());
    for line in rules.save(Family::V4).lines() {
        if let Some(name) = line.strip_prefix('*') {
            (table, counts) = (name.parse::<TableName>().ok(), BTreeMap::new());
        }
        let Some(rest) = line.strip_prefix("-A ") else { continue };
        let name = rest.split(' ').next().unwrap_or_default();
        let (Some(table), Some(chain)) = (table, svclab_netfilter::ChainName::new(name)) else {
            continue;
        };
        let index: &mut usize = counts.entry(chain).or_default();
        let at = RuleRef { table, chain, index: *index };
        *index += 1;
        if let Some(rule) = rules.rule(at) {
            res.insert(at, [line.to_owned(), format!("-A {chain} {rule}")]);
        }
    }
    res
}
