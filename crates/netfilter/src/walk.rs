//! A packet through one table at one hook.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::conntrack::{CtStatus, Entry};
use crate::packet::Packet;
use crate::rule::{
    AddrSide, AddrType, Criterion, CtStates, Match, Recent, RecentCheck, Rule, Target,
};
use crate::ruleset::{ChainName, Policy, RuleRef, RuleSet, TableName};

/// The places in the kernel where tables are called (`enum nf_inet_hooks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

impl Hook {
    pub fn name(self) -> &'static str {
        match self {
            Hook::Prerouting => "PREROUTING",
            Hook::Input => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::Output => "OUTPUT",
            Hook::Postrouting => "POSTROUTING",
        }
    }

    pub fn chain(self) -> ChainName {
        ChainName::of(self.name())
    }
}

/// What decides `statistic --mode random`.
pub trait Dice {
    /// A number below 2³¹; the rule matches where it is below `threshold`.
    fn draw(&mut self, threshold: u32) -> u32;
}

/// One throw: of 2³¹ numbers those below `threshold` match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draw {
    pub drawn: u32,
    pub threshold: u32,
}

impl Draw {
    /// The draw as a number from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.drawn) / f64::from(1u32 << 31)
    }
}

/// One rule that was looked at. `depth` counts the jumps that led to its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub rule: RuleRef,
    pub depth: usize,
    pub finding: Finding,
    pub draw: Option<Draw>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// `criterion` is the first that did not match: an index into [`Rule::matches`].
    Skipped { criterion: usize },
    /// All criteria matched; the rule's target was carried out.
    Matched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Accept,
    Drop,
    Reject,
}

/// An address translation that a rule asked for. The outgoing interface's address and the port of
/// a masquerade are chosen by whoever knows the interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nat {
    Dnat { to: IpAddr, port: Option<u16> },
    Snat { to: IpAddr, port: Option<u16> },
    Masquerade { random_fully: bool },
}

/// The way through one table: every rule looked at, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    pub table: TableName,
    pub hook: Hook,
    /// The chains entered, in order, the hook's own first.
    pub chains: Vec<ChainName>,
    pub visits: Vec<Visit>,
    pub verdict: Verdict,
    /// The rule that decided; none where the chain's policy did.
    pub decided_by: Option<RuleRef>,
    pub nat: Option<Nat>,
    /// The packet when it came in.
    pub before: Packet,
}

/// What a rule can ask about beside the packet's own header.
pub struct Surroundings<'a> {
    pub in_device: Option<&'a str>,
    pub out_device: Option<&'a str>,
    pub status: CtStatus,
    pub entry: Option<&'a Entry>,
    /// The kernel's address types, by its routing table.
    pub addr_type: &'a dyn Fn(IpAddr) -> AddrType,
    /// Milliseconds of the lab, for `recent`.
    pub now: u64,
}

/// The `recent` match's lists: name → (source address → last seen, in milliseconds).
///
/// A list keeps the kernel's default of 100 addresses (`ip_list_tot`); the one seen longest ago goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecentLists {
    lists: BTreeMap<String, BTreeMap<IpAddr, u64>>,
}

impl RecentLists {
    const CAPACITY: usize = 100;

    fn matches(&mut self, recent: &Recent, source: IpAddr, now: u64) -> bool {
        match recent.check {
            RecentCheck::Set => {
                self.remember(&recent.name, source, now);
                true
            }
            RecentCheck::Rcheck { seconds, .. } => {
                let seen = self.lists.get(&recent.name).and_then(|list| list.get(&source));
                seen.is_some_and(|at| now.saturating_sub(*at) <= u64::from(seconds) * 1000)
            }
        }
    }

    fn remember(&mut self, name: &str, source: IpAddr, now: u64) {
        let list = self.lists.entry(name.to_owned()).or_default();
        if list.len() >= Self::CAPACITY && !list.contains_key(&source) {
            let oldest = list.iter().min_by_key(|(_, at)| **at).map(|(ip, _)| *ip);
            oldest.map(|ip| list.remove(&ip));
        }
        list.insert(source, now);
    }
}

/// Walks `packet` through the builtin chain of `table` at `hook`. None where the table has no such chain.
///
/// The packet's mark and the `recent` lists change as rules say; addresses do not: the caller
/// carries out [`Passage::nat`].
pub fn walk(
    rules: &RuleSet,
    (table, hook): (TableName, Hook),
    packet: &mut Packet,
    around: &Surroundings<'_>,
    recent: &mut RecentLists,
    dice: &mut dyn Dice,
) -> Option<Passage> {
    rules.chain(table, hook.chain())?;
    let passage = Passage {
        table,
        hook,
        chains: Vec::new(),
        visits: Vec::new(),
        verdict: Verdict::Accept,
        decided_by: None,
        nat: None,
        before: *packet,
    };
    let mut walker = Walker { rules, packet, around, recent, dice, passage };
    walker.builtin(hook.chain());
    Some(walker.passage)
}

struct Walker<'a> {
    rules: &'a RuleSet,
    packet: &'a mut Packet,
    around: &'a Surroundings<'a>,
    recent: &'a mut RecentLists,
    dice: &'a mut dyn Dice,
    passage: Passage,
}

/// How a chain ended for its caller.
enum Flow {
    /// At its end or by RETURN: the caller goes on after the jump.
    Return,
    Decided,
}

/// The kernel refuses rule sets with loops and deeper jumps; text from elsewhere may hold them.
const MAX_DEPTH: usize = 64;

impl Walker<'_> {
    fn builtin(&mut self, name: ChainName) {
        if matches!(self.chain(name, 0), Flow::Decided) {
            return;
        }
        let chain = self.rules.chain(self.passage.table, name);
        if chain.and_then(|it| it.policy) == Some(Policy::Drop) {
            self.passage.verdict = Verdict::Drop;
        }
    }

    fn chain(&mut self, name: ChainName, depth: usize) -> Flow {
        self.passage.chains.push(name);
        let Some(chain) = self.rules.chain(self.passage.table, name) else { return Flow::Return };
        if depth >= MAX_DEPTH {
            return Flow::Return;
        }
        for (index, rule) in chain.rules.iter().enumerate() {
            let at = RuleRef { table: self.passage.table, chain: name, index };
            let mut draw = None;
            let failed = rule.matches.iter().position(|it| !self.matches(it, &mut draw));
            let finding = match failed {
                Some(criterion) => Finding::Skipped { criterion },
                None => Finding::Matched,
            };
            self.passage.visits.push(Visit { rule: at, depth, finding, draw });
            if failed.is_some() {
                continue;
            }
            if let Some(flow) = self.carry_out(rule, at, depth) {
                return flow;
            }
        }
        Flow::Return
    }

    /// Carries out the rule's target; None where the next rule is to be looked at.
    fn carry_out(&mut self, rule: &Rule, at: RuleRef, depth: usize) -> Option<Flow> {
        match rule.target.as_ref()? {
            Target::Accept => Some(self.decide(at, Verdict::Accept, None)),
            Target::Drop => Some(self.decide(at, Verdict::Drop, None)),
            Target::Reject { .. } => Some(self.decide(at, Verdict::Reject, None)),
            Target::Return => Some(Flow::Return),
            Target::Jump(chain) => match self.chain(*chain, depth + 1) {
                Flow::Return => None,
                Flow::Decided => Some(Flow::Decided),
            },
            Target::Goto(chain) => Some(self.chain(*chain, depth + 1)),
            Target::Mark { change, .. } => {
                self.packet.mark = change.apply(self.packet.mark);
                None
            }
            Target::Masquerade { random_fully } => {
                let nat = Nat::Masquerade { random_fully: *random_fully };
                Some(self.decide(at, Verdict::Accept, Some(nat)))
            }
            Target::Dnat { to, port } => {
                let nat = Nat::Dnat { to: *to, port: *port };
                Some(self.decide(at, Verdict::Accept, Some(nat)))
            }
            Target::Snat { to, port } => {
                let nat = Nat::Snat { to: *to, port: *port };
                Some(self.decide(at, Verdict::Accept, Some(nat)))
            }
            Target::Unknown(_) => None,
        }
    }

    fn decide(&mut self, at: RuleRef, verdict: Verdict, nat: Option<Nat>) -> Flow {
        self.passage.verdict = verdict;
        self.passage.decided_by = Some(at);
        self.passage.nat = nat;
        Flow::Decided
    }

    fn matches(&mut self, it: &Match, draw: &mut Option<Draw>) -> bool {
        let found = match &it.criterion {
            Criterion::Comment { .. } | Criterion::Module(_) | Criterion::Nfacct(_) => return true,
            Criterion::Unknown(_) => return false,
            Criterion::Protocol(protocol) => self.packet.protocol() == *protocol,
            Criterion::Source(address) => address.net.contains(&self.packet.src),
            Criterion::Destination(address) => address.net.contains(&self.packet.dst),
            Criterion::InInterface(pattern) => device_matches(pattern, self.around.in_device),
            Criterion::OutInterface(pattern) => device_matches(pattern, self.around.out_device),
            Criterion::SourcePort(ports) => {
                self.packet.sport().is_some_and(|it| (ports.first..=ports.last).contains(&it))
            }
            Criterion::DestinationPort(ports) => {
                self.packet.dport().is_some_and(|it| (ports.first..=ports.last).contains(&it))
            }
            Criterion::Mark { value, mask, .. } => self.packet.mark & mask == *value,
            Criterion::CtState(states) => states.meets(self.states()),
            Criterion::AddrType { side, kind } => {
                let ip = match side {
                    AddrSide::Source => self.packet.src,
                    AddrSide::Destination => self.packet.dst,
                };
                (self.around.addr_type)(ip) == *kind
            }
            Criterion::Statistic(probability) => {
                let threshold = probability.threshold();
                let drawn = self.dice.draw(threshold);
                *draw = Some(Draw { drawn, threshold });
                drawn < threshold
            }
            Criterion::Recent(recent) => {
                self.recent.matches(recent, self.packet.src, self.around.now)
            }
        };
        found != it.negated
    }

    fn states(&self) -> CtStates {
        let status = match self.around.status {
            CtStatus::New => CtStates::NEW,
            CtStatus::Established => CtStates::ESTABLISHED,
            CtStatus::Related => CtStates::RELATED,
            CtStatus::Invalid => CtStates::INVALID,
        };
        let Some(entry) = self.around.entry else { return status };
        let dnat = if entry.is_dnat() { CtStates::DNAT } else { CtStates::default() };
        let snat = if entry.is_snat() { CtStates::SNAT } else { CtStates::default() };
        status.with(dnat).with(snat)
    }
}

/// `veth+` matches every device that begins with `veth`. No device matches no pattern but `+`.
fn device_matches(pattern: &str, device: Option<&str>) -> bool {
    let device = device.unwrap_or("");
    match pattern.strip_suffix('+') {
        Some(prefix) => device.starts_with(prefix),
        None => device == pattern,
    }
}

impl Nat {
    /// The new destination, where this is a DNAT of `packet`.
    pub fn destination(self, packet: &Packet) -> Option<SocketAddr> {
        match self {
            Nat::Dnat { to, port } => {
                Some(SocketAddr::new(to, port.or(packet.dport()).unwrap_or(0)))
            }
            _ => None,
        }
    }
}
