//! A packet through one table at one hook.

use std::net::{IpAddr, SocketAddr};

use crate::conntrack::{CtStatus, Direction, Entry, Tuple};
use crate::ipset::IpSets;
use crate::memory::Memory;
use crate::packet::{Packet, Protocol};
use crate::rule::{AddrType, Match, PortRange};
use crate::ruleset::{ChainName, RuleRef, RuleSet, TableName};

mod criteria;
mod translate;
mod walker;

use criteria::header_matches;
pub(crate) use criteria::is_header;
use walker::Walker;

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
    pub const fn name(self) -> &'static str {
        match self {
            Hook::Prerouting => "PREROUTING",
            Hook::Input => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::Output => "OUTPUT",
            Hook::Postrouting => "POSTROUTING",
        }
    }

    pub fn chain(self) -> ChainName {
        const CHAINS: [ChainName; 5] = [
            ChainName::of(Hook::Prerouting.name()),
            ChainName::of(Hook::Input.name()),
            ChainName::of(Hook::Forward.name()),
            ChainName::of(Hook::Output.name()),
            ChainName::of(Hook::Postrouting.name()),
        ];
        CHAINS[self as usize]
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

/// One rule that was looked at, or a run of rules that were passed over. `depth` counts the jumps
/// that led to its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub rule: RuleRef,
    /// The number of rules, from `rule` on, that the kernel evaluates and none of which matches; 1
    /// for a rule that stands alone.
    pub run: usize,
    pub depth: usize,
    pub finding: Finding,
    pub draw: Option<Draw>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// `criterion` is the first that did not match: an index into [`Rule::matches`](crate::Rule).
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
    /// The port stays where none is given.
    Dnat {
        to: IpAddr,
        port: Option<u16>,
    },
    /// The port stays, where it is free and in the range, unless `random`.
    Snat {
        to: IpAddr,
        ports: Option<PortRange>,
        random: bool,
    },
    Masquerade {
        random_fully: bool,
        ports: Option<PortRange>,
    },
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
    /// `NOTRACK`: conntrack is to leave the packet alone.
    pub untracked: bool,
    /// The connection's mark, where a rule changed it.
    pub connection_mark: Option<u32>,
    /// The packet when it came in.
    pub before: Packet,
}

impl Passage {
    /// A visit for each rule of a run. `rules` are those that were walked.
    pub fn each_of<'a>(
        &'a self,
        visit: &'a Visit,
        rules: &'a RuleSet,
    ) -> impl Iterator<Item = Visit> + 'a {
        let passed_over = |at| {
            let matches = rules.rule(at).map(|it| it.matches.as_slice()).unwrap_or_default();
            self.passed_over(matches)
        };
        (0..visit.run).map(move |offset| {
            let rule = RuleRef { index: visit.rule.index + offset, ..visit.rule };
            match offset {
                0 => Visit { run: 1, ..*visit },
                _ => Visit { rule, run: 1, finding: passed_over(rule), ..*visit },
            }
        })
    }

    /// Why a rule of a run did not match: its header alone decides.
    fn passed_over(&self, matches: &[Match]) -> Finding {
        let fails = |it: &Match| header_matches(it, &self.before) == Some(false);
        Finding::Skipped { criterion: matches.iter().position(fails).unwrap_or(0) }
    }

    /// How many rules the kernel evaluates one by one.
    pub fn evaluated(&self) -> usize {
        self.visits.iter().map(|it| it.run).sum()
    }
}

/// What a rule can ask about beside the packet's own header.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub in_device: Option<&'a str>,
    pub out_device: Option<&'a str>,
    /// The bridge's ports, for a frame that is bridged (`physdev`).
    pub bridge_in: Option<&'a str>,
    pub bridge_out: Option<&'a str>,
    /// The primary address of `in_device`, which `REDIRECT` takes.
    pub in_address: Option<IpAddr>,
    /// That of `out_device`.
    pub out_address: Option<IpAddr>,
    pub status: CtStatus,
    pub direction: Direction,
    /// None for an invalid packet, for one that is not tracked, and before conntrack.
    pub entry: Option<&'a Entry>,
    /// The kernel's address types, by its routing table.
    pub addr_type: &'a dyn Fn(IpAddr) -> AddrType,
    /// The device by which an answer to an address would leave (`rpfilter`).
    pub way_back: Option<&'a dyn Fn(IpAddr) -> Option<String>>,
    /// Whether its connection is in the table: not while its first packet is under way.
    pub confirmed: bool,
    /// Who sends it, where this machine does.
    pub owner: Option<Owner>,
    /// Where `-m set` looks; without any, sets are taken as empty.
    pub sets: Option<&'a IpSets>,
    /// The virtual server of IPVS that the packet was for.
    pub virtual_server: Option<(Protocol, SocketAddr)>,
    /// Milliseconds of the lab.
    pub now: u64,
}

/// Whose socket a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Process {
        uid: u32,
        gid: u32,
    },
    /// The kernel's own, which no user has opened: its ICMP and its resets.
    Kernel,
}

impl Default for Surroundings<'_> {
    fn default() -> Self {
        Surroundings {
            in_device: None,
            out_device: None,
            bridge_in: None,
            bridge_out: None,
            in_address: None,
            out_address: None,
            status: CtStatus::New,
            direction: Direction::Original,
            entry: None,
            addr_type: &|_| AddrType::Unicast,
            way_back: None,
            confirmed: false,
            owner: None,
            sets: None,
            virtual_server: None,
            now: 0,
        }
    }
}

/// Walks `packet` through the builtin chain of `table` at `hook`. None where the table has no such chain.
///
/// The packet's mark and the memory change as rules say; addresses, the connection and its mark do
/// not: the caller carries out [`Passage::nat`], [`Passage::untracked`] and
/// [`Passage::connection_mark`].
pub fn walk(
    rules: &RuleSet,
    (table, hook): (TableName, Hook),
    packet: &mut Packet,
    around: &Surroundings<'_>,
    memory: &mut Memory,
    dice: &mut dyn Dice,
) -> Option<Box<Passage>> {
    let name = hook.chain();
    let chain = rules.chain(table, name)?;
    let passage = Box::new(Passage {
        table,
        hook,
        chains: Vec::new(),
        visits: Vec::new(),
        verdict: Verdict::Accept,
        decided_by: None,
        nat: None,
        untracked: false,
        connection_mark: None,
        before: *packet,
    });
    let mut walker = Walker { rules, packet, around, memory, dice, passage };
    walker.builtin(chain, name);
    Some(walker.passage)
}

impl Nat {
    /// The new destination, where this is a DNAT of `packet`: an echo keeps its identifier.
    pub fn destination(self, packet: &Packet) -> Option<SocketAddr> {
        match self {
            Nat::Dnat { to, port } => {
                Some(SocketAddr::new(to, port.unwrap_or(Tuple::of(packet).dst.port())))
            }
            _ => None,
        }
    }
}
