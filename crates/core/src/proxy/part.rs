//! What one service port adds to a node's rules, first as lines with their reasons, then as rules
//! that can be shared.
//!
//! A part is made anew when its Service changes; rules that come out as they were stay the same
//! values, with the same [`OriginId`](svclab_netfilter::OriginId)s.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{Chain, ChainName, Rule};

use super::connections::UdpPort;
use super::origin::{Origin, Origins};

/// A rule before it has an id for its origin.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) rule: Rule,
    pub(super) origin: Origin,
}

/// A rule in one of the chains that all service ports write to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) chain: ChainName,
    pub(super) rule: Rc<Rule>,
}

/// One service port's lines, each list in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) filter: Vec<(ChainName, Line)>,
    pub(super) nat: Vec<(ChainName, Line)>,
    pub(super) chains: Vec<(ChainName, Vec<Line>)>,
    pub(super) marking: Option<ChainName>,
    pub(super) udp: Option<UdpPort>,
}

impl Lines {
    /// As [`Part::own_rules`].
    pub(super) fn own_rules(&self) -> impl Iterator<Item = (ChainName, &Rule)> {
        let chains = self.chains.iter().map(|(name, lines)| (*name, lines.as_slice()));
        in_order(chains, self.marking).map(|(name, line)| (name, &line.rule))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// Rules in chains that all service ports share; every sync writes them.
    pub(super) filter: Vec<Placed>,
    pub(super) nat: Vec<Placed>,
    /// The port's own chains of the nat table, in the order of their chain lines. A sync writes
    /// them where the Service has changed.
    pub(super) chains: Vec<(ChainName, Rc<Chain>)>,
    /// The chain whose first rule is written before those of all the port's own chains.
    pub(super) marking: Option<ChainName>,
    pub(super) udp: Option<UdpPort>,
}

/// The ports of one Service in the order in which they are written.
pub(super) type Parts = Rc<[Part]>;

impl Part {
    /// The rules of the port's own chains in the order in which they are written.
    pub(super) fn own_rules(&self) -> impl Iterator<Item = (ChainName, &Rc<Rule>)> {
        let chains = self.chains.iter().map(|(name, chain)| (*name, chain.rules.as_slice()));
        in_order(chains, self.marking)
    }
}

/// The first rule of the chain `marking` comes before all others.
fn in_order<'a, R: 'a>(
    chains: impl Iterator<Item = (ChainName, &'a [R])> + Clone,
    marking: Option<ChainName>,
) -> impl Iterator<Item = (ChainName, &'a R)> {
    let is_marking = move |name: ChainName| marking == Some(name);
    let first = chains.clone().filter(move |it| is_marking(it.0));
    let first = first.filter_map(|(name, rules)| Some((name, rules.first()?)));
    let rest = chains.flat_map(move |(name, rules)| {
        let written = usize::from(is_marking(name));
        rules.iter().skip(written).map(move |rule| (name, rule))
    });
    first.chain(rest)
}

/// Turns a Service's lines into parts. `before` is what the Service added until now.
pub(super) fn finish(lines: Vec<Lines>, before: &[Part], origins: &mut Origins) -> Parts {
    let mut press = Press { before: Before::of(before), origins };
    lines.into_iter().map(|it| press.part(it)).collect()
}

/// What can be used again.
struct Before<'a> {
    placed: Vec<&'a Placed>,
    chains: BTreeMap<ChainName, &'a Rc<Chain>>,
}

impl<'a> Before<'a> {
    fn of(parts: &'a [Part]) -> Before<'a> {
        let chains = parts.iter().flat_map(|it| &it.chains);
        Before {
            placed: parts.iter().flat_map(|it| it.filter.iter().chain(&it.nat)).gather(),
            chains: chains.map(|(name, chain)| (*name, chain)).gather(),
        }
    }
}

struct Press<'a> {
    before: Before<'a>,
    origins: &'a mut Origins,
}

impl Press<'_> {
    fn part(&mut self, lines: Lines) -> Part {
        let chains = lines.chains.into_iter();
        Part {
            filter: lines.filter.into_iter().map(|it| self.placed(it)).collect(),
            nat: lines.nat.into_iter().map(|it| self.placed(it)).collect(),
            chains: chains.map(|(name, lines)| (name, self.chain(name, lines))).collect(),
            marking: lines.marking,
            udp: lines.udp,
        }
    }

    fn placed(&mut self, (chain, line): (ChainName, Line)) -> Placed {
        let old = self.before.placed.iter();
        let same = |it: &&&Placed| it.chain == chain && is_same(&it.rule, &line, self.origins);
        match old.copied().find(|it| same(&it)) {
            Some(old) => old.clone(),
            None => Placed { chain, rule: stamp(line, self.origins) },
        }
    }

    fn chain(&mut self, name: ChainName, lines: Vec<Line>) -> Rc<Chain> {
        let same = |old: &&&Rc<Chain>| {
            let pairs = || old.rules.iter().zip(&lines);
            old.rules.len() == lines.len() && pairs().all(|(a, b)| is_same(a, b, self.origins))
        };
        if let Some(old) = self.before.chains.get(&name).filter(same) {
            return Rc::clone(old);
        }
        let rules = lines.into_iter().map(|it| stamp(it, self.origins)).collect();
        Rc::new(Chain::new(None, rules))
    }
}

fn is_same(old: &Rule, line: &Line, origins: &Origins) -> bool {
    let origin = old.origin.and_then(|id| origins.get(id));
    old.reads_as(&line.rule) && origin == Some(&line.origin)
}

/// The rule with an id of its own for its origin.
pub(super) fn stamp(line: Line, origins: &mut Origins) -> Rc<Rule> {
    Rc::new(Rule { origin: Some(origins.add(line.origin)), ..line.rule })
}
