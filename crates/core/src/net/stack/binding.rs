//! NAT: what a connection's first packet decides, and what becomes of all others by that.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{Direction, Entry, Hook, L4, Packet, PortRange, TableName, Tuple, Verdict};

use super::nft::Phase;
use super::{Decision, Devices, Stack};
use crate::trace::{Event, Place};

/// The ports among which the kernel looks for one that is free: those of the same privilege.
fn ports_like(port: u16) -> RangeInclusive<u16> {
    match port {
        ..512 => 1..=511,
        512..1024 => 600..=1023,
        1024.. => 1024..=u16::MAX,
    }
}

impl Stack<'_, '_> {
    /// Walks the nat chains of a hook and carries out what they decide. Of chains with the same
    /// priority the one that came last is called first.
    pub(super) fn nat(
        &mut self,
        hook: Hook,
        devices: Devices<'_>,
        address: Option<IpAddr>,
    ) -> Verdict {
        let (verdict, settled) = self.balance(Phase::Nat, hook, devices, address);
        if settled || verdict != Verdict::Accept {
            return verdict;
        }
        let Decision { verdict, nat, .. } = self.usual(TableName::Nat, hook, devices);
        match nat {
            Some(nat) => self.carry_out(nat, address),
            None => self.bind_as_it_is(hook),
        }
        verdict
    }

    pub(super) fn carry_out(&mut self, nat: Nat, address: Option<IpAddr>) {
        let before = self.journey.packet;
        match nat {
            Nat::Dnat { .. } => self.rewrite_destination(nat),
            Nat::Snat { to, ports, random } => self.rewrite_source(to, ports, random),
            Nat::Masquerade { random_fully, ports } => {
                if let Some(address) = address {
                    self.rewrite_source(address, ports, random_fully);
                }
            }
        }
        // The step shows the packet as it leaves the table.
        if before != self.journey.packet
            && let Some(last) = self.journey.steps.last_mut()
        {
            last.packet = self.journey.packet;
        }
    }

    /// No rule changes the source: its port changes all the same where the answers would be those
    /// of another connection (`nf_nat_alloc_null_binding`).
    pub(super) fn bind_as_it_is(&mut self, hook: Hook) {
        let before = self.journey.packet;
        let now = self.journey.at.as_millis();
        let Some(connection) = &self.journey.connection else { return };
        let last = matches!(hook, Hook::Postrouting | Hook::Input);
        if !last || !self.kernel.conntrack.is_taken(&connection.tracked.entry.reply, now) {
            return;
        }
        self.rewrite_source(before.src, None, false);
        self.translated(hook, before);
    }

    fn rewrite_destination(&mut self, nat: Nat) {
        let Some(to) = nat.destination(&self.journey.packet) else { return };
        self.journey.packet.set_destination(to);
        if let Some(connection) = &mut self.journey.connection {
            connection.tracked.entry.reply.src = to;
        }
    }

    /// Keeps the source port where it is free and in the range, unless `random`; else draws one
    /// (`nf_nat_l4proto_unique_tuple`).
    fn rewrite_source(&mut self, to: IpAddr, ports: Option<PortRange>, random: bool) {
        let packet = self.journey.packet;
        let now = self.journey.at.as_millis();
        let Some(connection) = &mut self.journey.connection else { return };
        let entry = &mut connection.tracked.entry;
        let kept = packet.sport().unwrap_or(entry.original.src.port());
        let range = ports.map_or(ports_like(kept), |it| it.first..=it.last);
        let stays = !random && (ports.is_none() || range.contains(&kept));
        let with = |port| Tuple { dst: SocketAddr::new(to, port), ..entry.reply };
        let free = |port| !self.kernel.conntrack.is_taken(&with(port), now);
        let mut chosen = kept;
        if packet.sport().is_some() && !(stays && free(kept)) {
            // As the kernel does, give up after a while and let the last one clash.
            for _ in 0..128 {
                chosen = self.journey.chance.port(range.clone());
                if free(chosen) {
                    break;
                }
            }
        }
        entry.reply = with(chosen);
        self.journey.packet.set_source(SocketAddr::new(to, chosen));
    }

    pub(super) fn translate_destination(&mut self, hook: Hook) {
        let Some((direction, entry)) = self.binding() else { return };
        let to = match direction {
            // IPVS does it later.
            Direction::Original if entry.is_dnat() && self.is_balanced() => return,
            Direction::Original if entry.is_dnat() => entry.reply.src,
            Direction::Reply if entry.is_snat() => entry.original.src,
            _ => return,
        };
        self.translate(hook, |packet| packet.set_destination(to));
    }

    pub(super) fn translate_source(&mut self, hook: Hook) {
        let Some((direction, entry)) = self.binding() else { return };
        let to = match direction {
            Direction::Original if entry.is_snat() => entry.reply.dst,
            // An ICMP error too, whoever sent it (`nf_nat_icmp_reply_translation`).
            Direction::Reply if entry.is_dnat() => entry.original.dst,
            _ => return,
        };
        self.translate(hook, |packet| packet.set_source(to));
    }

    /// Rewrites the packet by its connection's binding, the quoted header of an ICMP error too.
    fn translate(&mut self, hook: Hook, rewrite: impl Fn(&mut Packet)) {
        let before = self.journey.packet;
        rewrite(&mut self.journey.packet);
        if let Some((direction, entry)) = self.binding()
            && let L4::Icmp(Icmp::Unreachable { about, .. } | Icmp::TimeExceeded { about }) =
                &mut self.journey.packet.l4
        {
            // It is about a packet that went the other way.
            let quoted = match direction {
                Direction::Reply => entry.original,
                Direction::Original => entry.reply,
            };
            (about.src, about.dst) = (quoted.src, quoted.dst);
        }
        self.translated(hook, before);
    }

    fn translated(&mut self, hook: Hook, before: Packet) {
        if before != self.journey.packet {
            let place = Place::Conntrack { node: self.node.clone(), hook };
            self.journey.step(place, Event::Translated { before: Box::new(before) });
        }
    }

    fn binding(&self) -> Option<(Direction, Entry)> {
        let connection = self.journey.connection.as_ref().filter(|it| it.holds())?;
        Some((connection.tracked.direction, connection.tracked.entry.clone()))
    }
}
