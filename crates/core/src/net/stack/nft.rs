//! kube-proxy's own table of nftables, whose base chains stand among those of iptables by their
//! priorities.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::nft::{Base, Kind, Passage, Surroundings};
use svclab_netfilter::{CtStatus, Hook, TableName, Verdict};

use super::{Devices, Stack};
use crate::family::OfFamily;
use crate::net::balancer::{Balancer, NftTable, step};
use crate::trace::{Balanced, Event, Place};

/// Which of the base chains at a hook are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Those that look at a packet before its destination is rewritten.
    BeforeNat,
    Nat,
    Filter,
}

/// The priority of a destination's NAT.
const DNAT: i32 = -100;

impl Phase {
    fn of(base: Base) -> Phase {
        let enters = matches!(base.hook, Hook::Prerouting | Hook::Output);
        match base.kind {
            Kind::Nat => Phase::Nat,
            Kind::Filter if enters && base.priority < DNAT => Phase::BeforeNat,
            Kind::Filter => Phase::Filter,
        }
    }
}

impl Stack<'_, '_> {
    /// The verdict, and whether the connection's NAT of this hook is settled by it.
    pub(super) fn ask_nft(
        &mut self,
        phase: Phase,
        hook: Hook,
        devices: Devices<'_>,
        address: Option<IpAddr>,
    ) -> (Verdict, bool) {
        let family = self.journey.packet.dst.family();
        let Some(Balancer::Nftables(own)) = self.kernel.balancer(family) else {
            return (Verdict::Accept, false);
        };
        let rules = Rc::clone(&own.rules);
        for (chain, base) in rules.table.base_chains(hook) {
            if Phase::of(base) != phase {
                continue;
            }
            let passage = self.enter_chain(chain, hook, devices);
            let Some(passage) = passage else { continue };
            let (verdict, nat) = (passage.verdict, passage.nat);
            let kind = if base.kind == Kind::Nat { TableName::Nat } else { TableName::Filter };
            self.note_chain(kind, hook, passage);
            if let Some(nat) = nat {
                self.carry_out(nat, address);
            }
            if verdict != Verdict::Accept || nat.is_some() {
                return (verdict, nat.is_some());
            }
        }
        (Verdict::Accept, false)
    }

    fn enter_chain(
        &mut self,
        chain: &Rc<str>,
        hook: Hook,
        devices: Devices<'_>,
    ) -> Option<Balanced> {
        let status = self.journey.connection.as_ref().map(|it| it.tracked.status);
        let around = Surroundings {
            addr_type: self.addr_type,
            input: devices.input,
            new: status == Some(CtStatus::New),
            now: self.journey.at.as_millis(),
        };
        let journey = &mut *self.journey;
        let before = journey.packet;
        let balancer = self.kernel.balancer_mut(before.dst.family()).as_deref_mut();
        let Some(Balancer::Nftables(NftTable { rules, memory })) = balancer else { return None };
        // Its destination is rewritten with the connection's, by whoever carries out the passage.
        let mut packet = before;
        let chance = &mut *journey.chance;
        let passage = rules.table.enter(chain, &mut packet, &around, memory, chance);
        journey.packet.mark = packet.mark;
        let steps = passage.visits.iter().filter_map(|it| step(rules, hook, it)).collect();
        let Passage { verdict, nat, .. } = passage;
        Some(Balanced { steps, verdict, nat, before })
    }

    fn note_chain(&mut self, table: TableName, hook: Hook, passed: Balanced) {
        let place = Place::Hook { node: self.node.clone(), hook, table };
        self.journey.step(place, Event::Balanced(Box::new(passed)));
    }
}
