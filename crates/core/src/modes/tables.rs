//! A packet through a node's tables of iptables, hook by hook, where a mode asks more of them than
//! kube-proxy's own: sets, and what IPVS knows.

use std::net::{IpAddr, SocketAddr};

use svclab_netfilter::extension::Value;
use svclab_netfilter::memory::Memory;
use svclab_netfilter::walk::{Nat, Surroundings, walk};
use svclab_netfilter::{
    AddrType, Criterion, Dice, Finding, Hook, IpSets, Packet, Passage, Protocol, Rule, RuleSet,
    TableName, Verdict, Visit,
};

use super::{Found, Step};
use crate::proxy::{Origin, Origins};

/// The packet on its way, with the steps so far.
pub(super) struct Tables<'a> {
    pub(super) rules: &'a RuleSet,
    pub(super) sets: &'a IpSets,
    pub(super) origins: &'a Origins,
    pub(super) addr_type: &'a dyn Fn(IpAddr) -> AddrType,
    /// The primary address of the device that packets come in by.
    pub(super) in_address: Option<IpAddr>,
    pub(super) packet: Packet,
    pub(super) virtual_server: Option<(Protocol, SocketAddr)>,
    pub(super) masquerade: bool,
    pub(super) steps: Vec<Step>,
}

impl Tables<'_> {
    /// One table at one hook; carries out a new destination, and notes a new source.
    pub(super) fn pass(
        &mut self,
        table: TableName,
        hook: Hook,
        input: Option<&str>,
        dice: &mut dyn Dice,
    ) -> Verdict {
        let around = Surroundings {
            in_device: input,
            in_address: self.in_address,
            addr_type: self.addr_type,
            sets: Some(self.sets),
            virtual_server: self.virtual_server,
            // The chains of other plugins ask for the bridge's ports; a packet of a pod has one.
            bridge_in: input.filter(|it| it.starts_with("veth")),
            ..Surroundings::default()
        };
        let before = self.packet;
        let memory = &mut Memory::default();
        let passage = walk(self.rules, (table, hook), &mut self.packet, &around, memory, dice);
        let Some(passage) = passage else { return Verdict::Accept };
        match passage.nat {
            Some(nat @ Nat::Dnat { .. }) => {
                let to = nat.destination(&self.packet);
                to.into_iter().for_each(|to| self.packet.set_destination(to));
            }
            Some(Nat::Masquerade { .. } | Nat::Snat { .. }) => self.masquerade = true,
            None => {}
        }
        self.note(&passage, &before);
        passage.verdict
    }

    fn note(&mut self, passage: &Passage, before: &Packet) {
        for visit in &passage.visits {
            let steps: Vec<Step> = passage
                .each_of(visit, self.rules)
                .filter_map(|it| self.step(passage.hook, &it, before))
                .collect();
            self.steps.extend(steps);
        }
    }

    fn step(&self, hook: Hook, visit: &Visit, packet: &Packet) -> Option<Step> {
        let rule = self.rules.rule(visit.rule)?;
        let member = match visit.finding {
            Finding::Matched => self.member(rule, packet),
            Finding::Skipped { .. } => None,
        };
        let origin = rule.origin.and_then(|it| self.origins.get(it)).cloned();
        let (found, origin) = match (visit.finding, member) {
            (Finding::Skipped { criterion }, _) => {
                let text = rule.matches.get(criterion).map(ToString::to_string);
                (Found::Skipped(text.unwrap_or_default()), origin)
            }
            (Finding::Matched, None) => (Found::Matched, origin),
            (Finding::Matched, Some((member, about))) => {
                let about = about.and_then(|it| self.origins.get(it)).cloned();
                (Found::Element(member), about_service(origin, about))
            }
        };
        let chain = visit.rule.chain.to_string().into();
        Some(Step { hook, chain, rule: rule.to_string(), found, origin })
    }

    /// The member of a set that let the rule match.
    fn member(
        &self,
        rule: &Rule,
        packet: &Packet,
    ) -> Option<(String, Option<svclab_netfilter::OriginId>)> {
        let options = rule.matches.iter().filter_map(|it| match &it.criterion {
            Criterion::Extension(it) => it.option("--match-set"),
            _ => None,
        });
        options
            .filter_map(|option| match &option.value {
                Value::Set { name, parts } if !option.negated => {
                    let (member, origin) = self.sets.find(name, parts, packet)?;
                    Some((member.to_string(), origin))
                }
                _ => None,
            })
            .next()
    }
}

/// The rule says what happens, the member of its set with whose packets.
fn about_service(rule: Option<Origin>, member: Option<Origin>) -> Option<Origin> {
    match (rule, member) {
        (Some(rule), Some(member)) => Some(Origin { purpose: rule.purpose, ..member }),
        (rule, member) => rule.or(member),
    }
}
