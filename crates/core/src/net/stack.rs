//! A packet through one node's netfilter: conntrack, tables, translation, hook by hook.

use std::net::{IpAddr, SocketAddr};

use svclab_netfilter::conntrack::Tracked;
use svclab_netfilter::packet::Icmp;
use svclab_netfilter::walk::{self, Nat, Surroundings};
use svclab_netfilter::{
    AddrType, CtStatus, Direction, Entry, Hook, L4, Packet, TableName, Tuple, Verdict,
};

use super::{Chance, Kernel};
use crate::time::{Duration, Instant};
use crate::trace::{Event, NodeName, Place, Step};

/// The time a packet spends at each step inside a machine.
const STEP: Duration = Duration::from_micros(4);

/// A packet under way, with the steps it has made.
pub struct Journey<'a> {
    pub packet: Packet,
    pub at: Instant,
    pub steps: Vec<Step>,
    pub chance: &'a mut dyn Chance,
    /// What the present node's conntrack says; looked up anew by each node's first hook.
    connection: Option<Connection>,
}

impl<'a> Journey<'a> {
    pub fn new(packet: Packet, at: Instant, chance: &'a mut dyn Chance) -> Journey<'a> {
        Journey { packet, at, steps: Vec::new(), chance, connection: None }
    }

    pub fn step(&mut self, place: Place, event: Event) {
        self.at = self.at + STEP;
        self.steps.push(Step { at: self.at, place, event, packet: self.packet });
    }
}

/// The node that a journey is crossing. Hooks are called in the kernel's order by whoever routes.
pub struct Stack<'a, 'j> {
    pub node: NodeName,
    pub kernel: &'a mut Kernel,
    pub addr_type: &'a dyn Fn(IpAddr) -> AddrType,
    pub journey: &'a mut Journey<'j>,
}

/// The packet's connection, and whether its NAT is still to be decided.
struct Connection {
    tracked: Tracked,
    fresh: bool,
}

/// The devices a hook sees.
#[derive(Debug, Clone, Copy, Default)]
pub struct Devices<'a> {
    pub input: Option<&'a str>,
    pub output: Option<&'a str>,
}

impl Stack<'_, '_> {
    /// PREROUTING, or OUTPUT for the node's own packets: conntrack, then the destination's NAT.
    pub fn enter(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
        if self.optional(TableName::Raw, hook, devices) != Verdict::Accept {
            return Verdict::Drop;
        }
        self.track(hook);
        if self.optional(TableName::Mangle, hook, devices) != Verdict::Accept {
            return Verdict::Drop;
        }
        if self.is_fresh() {
            return self.nat(hook, devices, None);
        }
        self.translate_destination(hook);
        Verdict::Accept
    }

    /// The filter table at FORWARD, INPUT or OUTPUT, the mangle table before it.
    pub fn filter(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
        if hook != Hook::Output
            && self.optional(TableName::Mangle, hook, devices) != Verdict::Accept
        {
            return Verdict::Drop;
        }
        self.walk(TableName::Filter, hook, devices).map_or(Verdict::Accept, |it| it.0)
    }

    /// POSTROUTING: the source's NAT; then the connection is confirmed. `address` is what a
    /// masquerade takes: the primary address of the outgoing device.
    pub fn leave(&mut self, devices: Devices<'_>, address: IpAddr) -> Verdict {
        let hook = Hook::Postrouting;
        if self.optional(TableName::Mangle, hook, devices) != Verdict::Accept {
            return Verdict::Drop;
        }
        if self.is_fresh() {
            let verdict = self.nat(hook, devices, Some(address));
            if verdict != Verdict::Accept {
                return verdict;
            }
            self.confirm();
        } else {
            self.translate_source(hook);
        }
        Verdict::Accept
    }

    /// INPUT: the filter table, the source's NAT of an answer; then the connection is confirmed.
    pub fn receive(&mut self, devices: Devices<'_>) -> Verdict {
        let hook = Hook::Input;
        let verdict = self.filter(hook, devices);
        if verdict != Verdict::Accept {
            return verdict;
        }
        if self.is_fresh() {
            if self.optional(TableName::Nat, hook, devices) != Verdict::Accept {
                return Verdict::Drop;
            }
            self.confirm();
        } else {
            self.translate_source(hook);
        }
        Verdict::Accept
    }

    /// The end of the last hook: the connection is confirmed.
    fn confirm(&mut self) {
        let Some(connection) = &mut self.journey.connection else { return };
        if connection.fresh {
            connection.fresh = false;
            self.kernel.conntrack.confirm(connection.tracked.entry.clone());
        }
    }

    pub fn is_fresh(&self) -> bool {
        self.journey.connection.as_ref().is_some_and(|it| it.fresh)
    }

    fn track(&mut self, hook: Hook) {
        let now = self.journey.at.as_millis();
        let tracked = self.kernel.conntrack.look_up(&self.journey.packet, now);
        let known = self.kernel.conntrack.knows(&tracked.entry.original, now);
        let event = Event::Tracked {
            status: tracked.status,
            direction: tracked.direction,
            entry: Box::new(tracked.entry.clone()),
        };
        let place = Place::Conntrack { node: self.node.clone(), hook };
        let fresh = tracked.status == CtStatus::New && !known;
        self.journey.connection = Some(Connection { tracked, fresh });
        self.journey.step(place, event);
    }

    /// A table that is walked where it holds rules or a policy, and is no step where it is empty.
    fn optional(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Verdict {
        let chain = self.kernel.rules.chain(table, hook.chain());
        if chain.is_none_or(|chain| chain.rules.is_empty()) {
            return Verdict::Accept;
        }
        self.walk(table, hook, devices).map_or(Verdict::Accept, |it| it.0)
    }

    /// Walks a nat chain and carries out what it decides.
    fn nat(&mut self, hook: Hook, devices: Devices<'_>, address: Option<IpAddr>) -> Verdict {
        let Some((verdict, nat)) = self.walk(TableName::Nat, hook, devices) else {
            return Verdict::Accept;
        };
        let Some(nat) = nat else { return verdict };
        let before = self.journey.packet;
        match nat {
            Nat::Dnat { .. } => self.rewrite_destination(nat),
            Nat::Snat { to, port } => self.rewrite_source(to, port, false),
            Nat::Masquerade { random_fully } => {
                if let Some(address) = address {
                    self.rewrite_source(address, None, random_fully);
                }
            }
        }
        // The step shows the packet as it leaves the table.
        if before != self.journey.packet
            && let Some(last) = self.journey.steps.last_mut()
        {
            last.packet = self.journey.packet;
        }
        verdict
    }

    fn rewrite_destination(&mut self, nat: Nat) {
        let Some(to) = nat.destination(&self.journey.packet) else { return };
        self.journey.packet.set_destination(to);
        if let Some(connection) = &mut self.journey.connection {
            connection.tracked.entry.reply.src = to;
        }
    }

    /// Keeps the source port where it is free, unless `random`; else draws one from the kernel's
    /// range for ports of 1024 and above.
    fn rewrite_source(&mut self, to: IpAddr, port: Option<u16>, random: bool) {
        let packet = self.journey.packet;
        let now = self.journey.at.as_millis();
        let Some(connection) = &mut self.journey.connection else { return };
        let entry = &mut connection.tracked.entry;
        let kept = port.or(packet.sport()).unwrap_or(entry.original.src.port());
        let with = |port| Tuple { dst: SocketAddr::new(to, port), ..entry.reply };
        let mut chosen = kept;
        if packet.sport().is_some() {
            // As the kernel does, give up after a while and let the last one clash.
            for _ in 0..128 {
                let may_stay = chosen != kept || !random;
                if may_stay && !self.kernel.conntrack.is_taken(&with(chosen), now) {
                    break;
                }
                chosen = self.journey.chance.port(1024..=u16::MAX);
            }
        }
        entry.reply = with(chosen);
        self.journey.packet.set_source(SocketAddr::new(to, chosen));
    }

    fn walk(
        &mut self,
        table: TableName,
        hook: Hook,
        devices: Devices<'_>,
    ) -> Option<(Verdict, Option<Nat>)> {
        let connection = self.journey.connection.as_ref();
        let around = Surroundings {
            in_device: devices.input,
            out_device: devices.output,
            status: connection.map_or(CtStatus::New, |it| it.tracked.status),
            entry: connection.map(|it| &it.tracked.entry),
            addr_type: self.addr_type,
            now: self.journey.at.as_millis(),
        };
        let chance: &mut dyn Chance = &mut *self.journey.chance;
        let passage = walk::walk(
            &self.kernel.rules,
            (table, hook),
            &mut self.journey.packet,
            &around,
            &mut self.kernel.recent,
            chance,
        )?;
        let res = (passage.verdict, passage.nat);
        let place = Place::Hook { node: self.node.clone(), hook, table };
        self.journey.step(place, Event::Walked(Box::new(passage)));
        Some(res)
    }

    fn translate_destination(&mut self, hook: Hook) {
        let Some((direction, entry)) = self.binding() else { return };
        let to = match direction {
            Direction::Original if entry.is_dnat() => entry.reply.src,
            Direction::Reply if entry.is_snat() => entry.original.src,
            _ => return,
        };
        self.translate(hook, |packet| packet.set_destination(to));
    }

    fn translate_source(&mut self, hook: Hook) {
        let Some((direction, entry)) = self.binding() else { return };
        let is_error = matches!(
            self.journey.packet.l4,
            L4::Icmp(Icmp::Unreachable { .. } | Icmp::TimeExceeded { .. })
        );
        let to = match direction {
            Direction::Original if entry.is_snat() => entry.reply.dst,
            // An ICMP error by a machine on the way keeps its own source address.
            Direction::Reply
                if entry.is_dnat()
                    && (!is_error || self.journey.packet.src == entry.reply.src.ip()) =>
            {
                entry.original.dst
            }
            _ => return,
        };
        self.translate(hook, |packet| packet.set_source(to));
    }

    /// Rewrites the packet by its connection's binding, the quoted header of an ICMP error too.
    fn translate(&mut self, hook: Hook, rewrite: impl Fn(&mut Packet)) {
        let before = self.journey.packet;
        rewrite(&mut self.journey.packet);
        if let Some((Direction::Reply, entry)) = self.binding()
            && let L4::Icmp(Icmp::Unreachable { about, .. } | Icmp::TimeExceeded { about }) =
                &mut self.journey.packet.l4
        {
            about.src = entry.original.src;
            about.dst = entry.original.dst;
        }
        if before != self.journey.packet {
            let place = Place::Conntrack { node: self.node.clone(), hook };
            self.journey.step(place, Event::Translated { before });
        }
    }

    fn binding(&self) -> Option<(Direction, Entry)> {
        let tracked = &self.journey.connection.as_ref()?.tracked;
        let bound = tracked.status != CtStatus::Invalid;
        bound.then(|| (tracked.direction, tracked.entry.clone()))
    }
}
