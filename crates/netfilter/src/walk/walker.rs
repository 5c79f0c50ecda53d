//! From rule to rule: chains, jumps, and what targets do.

use std::ops::Range;

use super::{Dice, Draw, Finding, Nat, Passage, Surroundings, Verdict, Visit};
use crate::memory::Memory;
use crate::packet::Packet;
use crate::rule::Rule;
use crate::ruleset::{Chain, ChainName, Policy, RuleRef, RuleSet};
use crate::target::Target;

pub(super) struct Walker<'a> {
    pub(super) rules: &'a RuleSet,
    pub(super) packet: &'a mut Packet,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) memory: &'a mut Memory,
    pub(super) dice: &'a mut dyn Dice,
    pub(super) passage: Box<Passage>,
}

/// A chain that the packet is in, and the one that led there.
#[derive(Clone, Copy)]
struct Level<'a> {
    chain: &'a Chain,
    name: ChainName,
    depth: usize,
    within: Option<&'a Level<'a>>,
}

impl Level<'_> {
    fn contains(&self, name: ChainName) -> bool {
        self.name == name || self.within.is_some_and(|it| it.contains(name))
    }
}

/// How a chain ended for its caller.
enum Flow {
    /// At its end or by RETURN: the caller goes on after the jump.
    Return,
    Decided,
}

/// The kernel refuses deeper jumps; text from elsewhere may hold them.
const MAX_DEPTH: usize = 64;
/// Text from elsewhere may also branch without end.
const MAX_VISITS: usize = 1 << 20;

impl Walker<'_> {
    pub(super) fn builtin(&mut self, chain: &Chain, name: ChainName) {
        self.passage.chains.push(name);
        let level = Level { chain, name, depth: 0, within: None };
        if matches!(self.through(level), Flow::Return) && chain.policy == Some(Policy::Drop) {
            self.passage.verdict = Verdict::Drop;
        }
    }

    fn jump(&mut self, name: ChainName, from: Level) -> Flow {
        self.passage.chains.push(name);
        let Some(chain) = self.rules.chain(self.passage.table, name) else { return Flow::Return };
        let level = Level { chain, name, depth: from.depth + 1, within: Some(&from) };
        // A kernel would not have loaded a loop.
        if level.depth >= MAX_DEPTH || from.contains(name) {
            return Flow::Return;
        }
        self.through(level)
    }

    fn through(&mut self, level: Level) -> Flow {
        match level.chain.index() {
            None => self.along(level, 0..level.chain.rules.len()),
            Some(index) => {
                let candidates = index.candidates(self.packet);
                self.along(level, candidates)
            }
        }
    }

    /// Looks at the rules at `places`; those between them are runs that do not match.
    fn along(&mut self, level: Level, places: impl Iterator<Item = usize>) -> Flow {
        let rules = &level.chain.rules;
        let mut next = 0;
        for index in places {
            self.pass_over(level, next..index);
            next = index + 1;
            let Some(rule) = rules.get(index) else { break };
            if self.passage.visits.len() >= MAX_VISITS {
                return Flow::Return;
            }
            if let Some(flow) = self.rule(rule, self.at(level, index), level) {
                return flow;
            }
        }
        self.pass_over(level, next..rules.len());
        Flow::Return
    }

    fn at(&self, level: Level, index: usize) -> RuleRef {
        RuleRef { table: self.passage.table, chain: level.name, index }
    }

    fn pass_over(&mut self, level: Level, places: Range<usize>) {
        let (Some(first), false) = (level.chain.rules.get(places.start), places.is_empty()) else {
            return;
        };
        let (rule, run) = (self.at(level, places.start), places.len());
        let finding = self.passage.passed_over(&first.matches);
        self.passage.visits.push(Visit { rule, run, depth: level.depth, finding, draw: None });
    }

    /// Looks at one rule; None where the next one is to be looked at.
    fn rule(&mut self, rule: &Rule, at: RuleRef, level: Level) -> Option<Flow> {
        let mut draw: Option<Draw> = None;
        let failed = rule.matches.iter().position(|it| !self.matches(it, at, &mut draw));
        let finding = match failed {
            Some(criterion) => Finding::Skipped { criterion },
            None => Finding::Matched,
        };
        self.passage.visits.push(Visit { rule: at, run: 1, depth: level.depth, finding, draw });
        match failed {
            Some(_) => None,
            None => self.carry_out(rule, at, level),
        }
    }

    /// Carries out the rule's target; None where the next rule is to be looked at.
    fn carry_out(&mut self, rule: &Rule, at: RuleRef, level: Level) -> Option<Flow> {
        match rule.target.as_ref()? {
            Target::Accept => Some(self.decide(at, Verdict::Accept)),
            Target::Drop => Some(self.decide(at, Verdict::Drop)),
            Target::Reject { .. } => Some(self.decide(at, Verdict::Reject)),
            Target::Return => Some(Flow::Return),
            Target::Jump(chain) => match self.jump(*chain, level) {
                Flow::Return => None,
                Flow::Decided => Some(Flow::Decided),
            },
            Target::Goto(chain) => Some(self.jump(*chain, level)),
            Target::Mark { change, .. } => {
                self.packet.mark = change.apply(self.packet.mark);
                None
            }
            Target::ConnMark(change) => {
                let (mark, connection) = change.apply(self.packet.mark, self.connection_mark());
                self.packet.mark = mark;
                self.passage.connection_mark = Some(connection);
                None
            }
            Target::Notrack { .. } => {
                self.passage.untracked = true;
                None
            }
            Target::Masquerade { random_fully } => {
                let nat = Nat::Masquerade { random_fully: *random_fully, ports: None };
                Some(self.translate(at, nat))
            }
            Target::Dnat { to, port } => {
                Some(self.translate(at, Nat::Dnat { to: *to, port: *port }))
            }
            Target::Snat { to, port } => {
                let ports = port.map(Into::into);
                Some(self.translate(at, Nat::Snat { to: *to, ports, random: false }))
            }
            Target::Translate(translation) => Some(match self.translation(translation) {
                Some(nat) => self.translate(at, nat),
                // A device without address has nothing to redirect to (`nf_nat_redirect`).
                None => self.decide(at, Verdict::Drop),
            }),
            Target::Netmap(net) => {
                let nat = self.netmap(*net);
                Some(self.translate(at, nat))
            }
            Target::Aside(_) | Target::Unknown(_) => None,
        }
    }

    fn translate(&mut self, at: RuleRef, nat: Nat) -> Flow {
        self.passage.nat = Some(nat);
        self.decide(at, Verdict::Accept)
    }

    fn decide(&mut self, at: RuleRef, verdict: Verdict) -> Flow {
        self.passage.verdict = verdict;
        self.passage.decided_by = Some(at);
        Flow::Decided
    }

    /// The connection's mark, as the rules so far have left it.
    pub(super) fn connection_mark(&self) -> u32 {
        let kept = self.around.entry.map_or(0, |it| it.mark);
        self.passage.connection_mark.unwrap_or(kept)
    }
}
