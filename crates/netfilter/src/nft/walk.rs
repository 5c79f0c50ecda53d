//! A packet through a base chain, and the chains that it leads to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Among, Base, Chain, Key, KeyType, Name, Rule, Statement, Table, Verdict};
use crate::order::Order;
use crate::packet::{Packet, Protocol};
use crate::rule::{AddrSide, AddrType};
use crate::walk::{Dice, Hook, Nat};

/// What the rules ask about besides the packet.
pub struct Surroundings<'a> {
    pub addr_type: &'a dyn Fn(IpAddr) -> AddrType,
    /// The device it came in by.
    pub input: Option<&'a str>,
    /// Whether conntrack says that its connection is new (`ct state new`).
    pub new: bool,
    /// In milliseconds.
    pub now: u64,
}

/// What rules have written into sets with a timeout: who until when, in milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    seen: BTreeMap<Name, BTreeMap<IpAddr, u64>>,
}

impl Memory {
    /// Who is in a set, and until when (in milliseconds).
    pub fn of(&self, set: &str) -> impl Iterator<Item = (IpAddr, u64)> {
        let seen = self.seen.get(set).into_iter().flatten();
        seen.map(|(ip, until)| (*ip, *until))
    }

    /// A set that is deleted forgets everybody.
    pub fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.seen.retain(|name, _| is_there(name));
    }

    fn holds(&self, set: &Name, ip: IpAddr, now: u64) -> bool {
        self.seen.get(set).and_then(|it| it.get(&ip)).is_some_and(|until| *until > now)
    }

    fn update(&mut self, set: &Name, ip: IpAddr, until: u64) {
        self.seen.entry(Name::clone(set)).or_default().insert(ip, until);
    }
}

/// The way through one base chain: every rule looked at, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The chains entered, in order, the base chain first.
    pub chains: Vec<Name>,
    pub visits: Vec<Visit>,
    pub verdict: crate::walk::Verdict,
    /// Whether a rule decided, not the policy.
    pub decided: bool,
    pub nat: Option<Nat>,
}

/// A rule that was looked at. `depth` counts the jumps that led to its chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    pub chain: Name,
    pub index: usize,
    pub depth: usize,
    pub finding: Finding,
    pub hit: Option<Hit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The index of the first statement that did not match.
    Skipped {
        statement: usize,
    },
    Matched,
}

/// How a rule chose among several verdicts.
#[derive(Debug, Clone, PartialEq)]
pub enum Hit {
    /// The element of a map that was found.
    Element { map: Name, key: Key },
    /// `numgen` drew one of `of` numbers.
    Drawn { number: usize, of: usize },
}

impl Table {
    /// The base chains of a hook in the order of their priorities.
    pub fn base_chains(&self, hook: Hook) -> Vec<(&Name, Base)> {
        let bases = self.chains.iter().filter_map(|(name, it)| Some((name, it.base?)));
        let mut bases: Vec<_> = bases.filter(|it| it.1.hook == hook).collect();
        bases.order_by_key(|it| it.1.priority);
        bases
    }

    /// Sends the packet through one base chain; a new destination is written at once.
    pub fn enter(
        &self,
        chain: &Name,
        packet: &mut Packet,
        around: &Surroundings<'_>,
        memory: &mut Memory,
        dice: &mut dyn Dice,
    ) -> Passage {
        let passage = Passage {
            chains: Vec::new(),
            visits: Vec::new(),
            verdict: crate::walk::Verdict::Accept,
            decided: false,
            nat: None,
        };
        let mut walker = Walker { table: self, packet, around, memory, dice, passage };
        walker.chain(chain, 0);
        walker.passage
    }
}

struct Walker<'a> {
    table: &'a Table,
    packet: &'a mut Packet,
    around: &'a Surroundings<'a>,
    memory: &'a mut Memory,
    dice: &'a mut dyn Dice,
    passage: Passage,
}

/// How a chain ended for its caller.
enum Flow {
    Return,
    Decided,
}

/// What a statement says of the rule it stands in.
enum Outcome {
    Matches,
    Differs,
    Chose(Verdict, Hit),
    Branches(Verdict),
    Decides(crate::walk::Verdict),
    Translates(Nat),
}

/// The kernel's own bound (`NFT_JUMP_STACK_SIZE`).
const MAX_DEPTH: usize = 16;

impl<'a> Walker<'a> {
    fn chain(&mut self, name: &Name, depth: usize) -> Flow {
        self.passage.chains.push(Name::clone(name));
        let table = self.table;
        let Some(Chain { rules, .. }) = table.chains.get(name).filter(|_| depth < MAX_DEPTH) else {
            return Flow::Return;
        };
        for (index, rule) in rules.iter().enumerate() {
            if let Some(flow) = self.rule(rule, (name, index), depth) {
                return flow;
            }
        }
        Flow::Return
    }

    /// Looks at one rule; None where the next one is to be looked at.
    fn rule(&mut self, rule: &Rule, (chain, index): (&Name, usize), depth: usize) -> Option<Flow> {
        let at = self.passage.visits.len();
        let chain = Name::clone(chain);
        let finding = Finding::Matched;
        self.passage.visits.push(Visit { chain, index, depth, finding, hit: None });
        for (index, statement) in rule.statements.iter().enumerate() {
            match self.statement(statement) {
                Outcome::Matches => {}
                Outcome::Differs => {
                    self.passage.visits[at].finding = Finding::Skipped { statement: index };
                    return None;
                }
                Outcome::Chose(verdict, hit) => {
                    self.passage.visits[at].hit = Some(hit);
                    return self.branch(&verdict, depth);
                }
                Outcome::Branches(verdict) => return self.branch(&verdict, depth),
                Outcome::Decides(verdict) => return Some(self.decide(verdict)),
                Outcome::Translates(nat) => {
                    self.passage.nat = Some(nat);
                    return Some(self.decide(crate::walk::Verdict::Accept));
                }
            }
        }
        None
    }

    fn branch(&mut self, verdict: &Verdict, depth: usize) -> Option<Flow> {
        match verdict {
            Verdict::Drop => Some(self.decide(crate::walk::Verdict::Drop)),
            Verdict::Return => Some(Flow::Return),
            Verdict::Goto(chain) => Some(self.chain(chain, depth + 1)),
            Verdict::Jump(chain) => match self.chain(chain, depth + 1) {
                Flow::Return => None,
                Flow::Decided => Some(Flow::Decided),
            },
        }
    }

    fn decide(&mut self, verdict: crate::walk::Verdict) -> Flow {
        self.passage.verdict = verdict;
        self.passage.decided = true;
        Flow::Decided
    }

    fn statement(&mut self, statement: &Statement) -> Outcome {
        let matches = match statement {
            Statement::Address { side, negated, among } => {
                self.is_among(self.address(*side), among) != *negated
            }
            Statement::DestinationPort { protocol, port } => {
                self.packet.protocol() == *protocol && self.packet.dport() == Some(*port)
            }
            Statement::L4Proto(protocol) => self.packet.protocol() == *protocol,
            Statement::CtStateNew => self.around.new,
            Statement::FibLocal(side) => {
                (self.around.addr_type)(self.address(*side)) == AddrType::Local
            }
            Statement::InInterface { name, negated, .. } => {
                is_device(self.around.input.unwrap_or_default(), name) != *negated
            }
            Statement::Unmarked(mark) => self.packet.mark & mark == 0,
            Statement::SetMark(mark) => {
                self.packet.mark |= mark;
                true
            }
            Statement::FlipMark(mark) => {
                self.packet.mark ^= mark;
                true
            }
            Statement::Update(set) => {
                self.remember(set);
                true
            }
            Statement::Lookup { key, map } => return self.look_up(*key, map),
            Statement::Numgen(verdicts) => return self.numgen(verdicts),
            Statement::Dnat(to) => {
                self.packet.set_destination(*to);
                return Outcome::Translates(Nat::Dnat { to: to.ip(), port: Some(to.port()) });
            }
            Statement::Masquerade => {
                return Outcome::Translates(Nat::Masquerade { random_fully: true, ports: None });
            }
            Statement::Reject => return Outcome::Decides(crate::walk::Verdict::Reject),
            Statement::Verdict(verdict) => return Outcome::Branches(verdict.clone()),
        };
        if matches { Outcome::Matches } else { Outcome::Differs }
    }

    fn address(&self, side: AddrSide) -> IpAddr {
        match side {
            AddrSide::Source => self.packet.src,
            AddrSide::Destination => self.packet.dst,
        }
    }

    fn is_among(&self, ip: IpAddr, among: &Among) -> bool {
        match among {
            Among::Host(host) => *host == ip,
            Among::Net(net) => net.contains(&ip),
            Among::Nets(nets) => nets.iter().any(|it| it.contains(&ip)),
            Among::Set(name) => {
                let set = self.table.sets.get(name);
                set.is_some_and(|it| it.elements.get(&Key::Address(ip)).is_some())
                    || self.memory.holds(name, ip, self.around.now)
            }
        }
    }

    /// An echo has no port, so no key is its own.
    fn look_up(&self, key: KeyType, map: &Name) -> Outcome {
        let Some(port) = self.packet.dport() else { return Outcome::Differs };
        let protocol: Protocol = self.packet.protocol();
        let key = match key {
            KeyType::AddressAndPort => Key::AddressAndPort(self.packet.dst, protocol, port),
            KeyType::Port => Key::Port(protocol, port),
        };
        let element = self.table.maps.get(map).and_then(|it| it.elements.get(&key));
        match element {
            Some(it) => {
                let hit = Hit::Element { map: Name::clone(map), key };
                Outcome::Chose(it.verdict.clone(), hit)
            }
            None => Outcome::Differs,
        }
    }

    /// One draw among equals, thrown as dice that each take the next with a chance of one in those
    /// that are left.
    fn numgen(&mut self, verdicts: &[Verdict]) -> Outcome {
        let of = verdicts.len();
        for (number, verdict) in verdicts.iter().enumerate() {
            let left = of - number;
            if left == 1 || self.throws_one_of(left) {
                return Outcome::Chose(verdict.clone(), Hit::Drawn { number, of });
            }
        }
        Outcome::Differs
    }

    fn throws_one_of(&mut self, left: usize) -> bool {
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        let threshold = ((1u64 << 31) + left / 2) / left;
        let threshold = u32::try_from(threshold).unwrap_or(u32::MAX);
        self.dice.draw(threshold) < threshold
    }

    fn remember(&mut self, set: &Name) {
        let timeout = self.table.sets.get(set).and_then(|it| it.timeout).unwrap_or_default();
        let until = self.around.now.saturating_add(u64::from(timeout) * 1000);
        self.memory.update(set, self.packet.src, until);
    }
}

fn is_device(device: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(prefix) => device.starts_with(prefix),
        None => device == name,
    }
}
