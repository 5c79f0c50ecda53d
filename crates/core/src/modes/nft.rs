//! A first packet through the table of nftables mode.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::nft::{Finding, Hit, Memory, Passage, Surroundings, Visit};
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{AddrType, Dice, Hook, Packet, Verdict};

use super::{Found, Step, Way, every_way, fate};
use crate::net::probe::Probe;
use crate::proxy::Nftables;

/// All ways with exact probabilities; those that end alike count as one, with the steps of the
/// first.
pub fn nftables(rules: &Nftables, is_local: &dyn Fn(IpAddr) -> bool, probe: &Probe) -> Vec<Way> {
    every_way(|dice| one_way(rules, is_local, probe, dice))
}

fn one_way(
    rules: &Nftables,
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Way {
    let sent = probe.packet();
    let crossing = Crossing { rules, is_local, packet: sent, passages: Vec::new(), dice };
    let (verdict, packet, passages) = crossing.cross(probe.input.as_deref());
    let fate = fate(verdict, sent, packet);
    let masquerade = passages.iter().any(|it| matches!(it.nat, Some(Nat::Masquerade { .. })));
    let visits = passages.iter().flat_map(|it| it.visits.iter().map(|visit| (it.hook, visit)));
    let steps = visits.filter_map(|(hook, visit)| step(rules, hook, visit)).collect();
    Way { fate, masquerade, probability: 0.0, steps }
}

struct Crossing<'a> {
    rules: &'a Nftables,
    is_local: &'a dyn Fn(IpAddr) -> bool,
    packet: Packet,
    passages: Vec<Passage>,
    dice: &'a mut dyn Dice,
}

impl Crossing<'_> {
    fn cross(mut self, input: Option<&str>) -> (Verdict, Packet, Vec<Passage>) {
        let verdict = self.hooks(input);
        (verdict, self.packet, self.passages)
    }

    /// The hooks that the packet comes by, until one does not let it go on.
    fn hooks(&mut self, input: Option<&str>) -> Verdict {
        let first = if input.is_some() { Hook::Prerouting } else { Hook::Output };
        let entered = self.hook(first, input);
        if entered != Verdict::Accept {
            return entered;
        }
        let local = (self.is_local)(self.packet.dst);
        if input.is_some() {
            let next = if local { Hook::Input } else { Hook::Forward };
            let passed = self.hook(next, input);
            if passed != Verdict::Accept || local {
                return passed;
            }
        }
        let left = self.hook(Hook::Postrouting, None);
        if left != Verdict::Accept || !local {
            return left;
        }
        // A packet to the node itself comes back in by loopback.
        self.hook(Hook::Input, Some("lo"))
    }

    fn hook(&mut self, hook: Hook, input: Option<&str>) -> Verdict {
        let is_local = self.is_local;
        let addr_type = |ip| if is_local(ip) { AddrType::Local } else { AddrType::Unicast };
        let around = Surroundings { addr_type: &addr_type, input, new: true, now: 0 };
        let memory = &mut Memory::default();
        let table = &self.rules.table;
        let passages = table.pass(hook, &mut self.packet, &around, memory, &mut *self.dice);
        self.passages.extend(passages);
        self.passages.last().map_or(Verdict::Accept, |it| it.verdict)
    }
}

fn step(rules: &Nftables, hook: Hook, visit: &Visit) -> Option<Step> {
    let table = &rules.table;
    let rule = table.chains.get(&visit.chain)?.rules.get(visit.index)?;
    let mut origin = rule.origin;
    let found = match (&visit.finding, &visit.hit) {
        (Finding::Skipped { statement }, _) => {
            let skipped = rule.statements.get(*statement)?;
            Found::Skipped(table.statement_of(rule, *statement, skipped))
        }
        (Finding::Matched, None) => Found::Matched,
        (Finding::Matched, Some(Hit::Drawn { number, of })) => {
            Found::Drawn { number: *number, of: *of }
        }
        (Finding::Matched, Some(Hit::Element { map, key })) => {
            let element = table.maps.get(map)?.elements.get(key)?;
            origin = element.origin.or(origin);
            Found::Element(format!("{key}{element}"))
        }
    };
    let origin = origin.and_then(|it| rules.origins.get(it)).cloned();
    Some(Step { hook, chain: Rc::clone(&visit.chain), rule: table.rule(rule), found, origin })
}
