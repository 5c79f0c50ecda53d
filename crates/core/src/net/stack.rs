//! A packet through one node's netfilter: conntrack, tables, translation, hook by hook.
//!
//! Where kube-proxy has a table of its own in nftables, [`nft`] asks it.

mod nft;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use svclab_netfilter::conntrack::Tracked;
use svclab_netfilter::packet::Icmp;
use svclab_netfilter::walk::{self, Nat, Owner, Surroundings};
use svclab_netfilter::{
    AddrType, CtStatus, Direction, Entry, Family, Hook, L4, Packet, Passage, Policy, PortRange,
    RuleSet, TableName, Tuple, Verdict,
};

use super::{Chance, Kernel};
use crate::family::OfFamily;
use crate::time::{Duration, Instant};
use crate::trace::{Event, NodeName, Place, Step};
use nft::Phase;

/// The time a packet spends at each step inside a machine.
const STEP: Duration = Duration::from_micros(4);

/// A packet between two nodes makes some twenty steps.
const STEPS: usize = 24;

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
        Journey { packet, at, steps: Vec::with_capacity(STEPS), chance, connection: None }
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
    /// The primary address of a device.
    pub address_of: &'a dyn Fn(&str) -> Option<IpAddr>,
    /// The device by which an answer to an address would leave.
    pub way_back: &'a dyn Fn(IpAddr) -> Option<String>,
    pub journey: &'a mut Journey<'j>,
}

/// The packet's connection, and whether its NAT is still to be decided.
struct Connection {
    tracked: Tracked,
    fresh: bool,
}

impl Connection {
    /// Whether the packet belongs to it: an invalid or untracked one has none.
    fn holds(&self) -> bool {
        !matches!(self.tracked.status, CtStatus::Invalid | CtStatus::Untracked)
    }
}

/// The devices a hook sees.
#[derive(Debug, Clone, Copy, Default)]
pub struct Devices<'a> {
    pub input: Option<&'a str>,
    pub output: Option<&'a str>,
    /// The bridge's ports, for a frame that comes or goes by one (`physdev`).
    pub port_in: Option<&'a str>,
    pub port_out: Option<&'a str>,
    /// One of this machine's processes sends the packet.
    pub own: bool,
}

/// Whose processes a node runs on its own network: the lab knows no other users.
const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// What a table decided.
struct Decision {
    verdict: Verdict,
    nat: Option<Nat>,
    /// `NOTRACK`
    untracked: bool,
}

impl Decision {
    const ACCEPT: Decision = Decision { verdict: Verdict::Accept, nat: None, untracked: false };
}

/// The ports among which the kernel looks for one that is free: those of the same privilege.
fn ports_like(port: u16) -> RangeInclusive<u16> {
    match port {
        ..512 => 1..=511,
        512..1024 => 600..=1023,
        1024.. => 1024..=u16::MAX,
    }
}

impl Stack<'_, '_> {
    /// PREROUTING, or OUTPUT for the node's own packets: conntrack, then the destination's NAT.
    pub fn enter(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
        self.journey.connection = None;
        let raw = self.optional(TableName::Raw, hook, devices);
        if raw.verdict != Verdict::Accept {
            return raw.verdict;
        }
        self.track(hook, raw.untracked);
        let mangled = self.optional(TableName::Mangle, hook, devices).verdict;
        if mangled != Verdict::Accept {
            return mangled;
        }
        let early = self.balance(Phase::BeforeNat, hook, devices, None).0;
        if early != Verdict::Accept {
            return early;
        }
        if self.is_fresh() {
            return self.nat(hook, devices, None);
        }
        self.translate_destination(hook);
        Verdict::Accept
    }

    /// The filter and security tables at FORWARD, INPUT or OUTPUT, the mangle table before them.
    pub fn filter(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
        if hook != Hook::Output {
            let mangled = self.optional(TableName::Mangle, hook, devices).verdict;
            if mangled != Verdict::Accept {
                return mangled;
            }
        }
        let balanced = self.balance(Phase::Filter, hook, devices, None).0;
        if balanced != Verdict::Accept {
            return balanced;
        }
        let filtered = self.usual(TableName::Filter, hook, devices).verdict;
        if filtered != Verdict::Accept {
            return filtered;
        }
        self.optional(TableName::Security, hook, devices).verdict
    }

    /// POSTROUTING: the source's NAT; then the connection is confirmed. `address` is what a
    /// masquerade takes: the primary address of the outgoing device.
    pub fn leave(&mut self, devices: Devices<'_>, address: Option<IpAddr>) -> Verdict {
        let hook = Hook::Postrouting;
        let mangled = self.optional(TableName::Mangle, hook, devices).verdict;
        if mangled != Verdict::Accept {
            return mangled;
        }
        self.conclude(hook, devices, address)
    }

    /// INPUT: the filter table, the source's NAT of an answer; then the connection is confirmed.
    pub fn receive(&mut self, devices: Devices<'_>) -> Verdict {
        let hook = Hook::Input;
        let verdict = self.filter(hook, devices);
        if verdict != Verdict::Accept {
            return verdict;
        }
        self.conclude(hook, devices, None)
    }

    /// The last hook's source NAT, where that is not decided yet; then the connection is confirmed.
    fn conclude(&mut self, hook: Hook, devices: Devices<'_>, address: Option<IpAddr>) -> Verdict {
        if !self.is_fresh() {
            self.translate_source(hook);
            return Verdict::Accept;
        }
        let chain = self.rules().chain(TableName::Nat, hook.chain());
        let is_walked = hook != Hook::Input || chain.is_some_and(|it| !it.rules.is_empty());
        if is_walked {
            let verdict = self.nat(hook, devices, address);
            if verdict != Verdict::Accept {
                return verdict;
            }
        }
        self.confirm();
        Verdict::Accept
    }

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

    fn track(&mut self, hook: Hook, untracked: bool) {
        let now = self.journey.at.as_millis();
        let packet = &self.journey.packet;
        let tracked = match untracked {
            true => Tracked::untracked(packet, now),
            false => self.kernel.conntrack.look_up(packet, now),
        };
        let event = Event::Tracked {
            status: tracked.status,
            direction: tracked.direction,
            entry: Box::new(tracked.entry.clone()),
        };
        let place = Place::Conntrack { node: self.node.clone(), hook };
        let is_known = || self.kernel.conntrack.knows(&tracked.entry.original, now);
        let fresh = tracked.status == CtStatus::New && !is_known();
        self.journey.connection = Some(Connection { tracked, fresh });
        self.journey.step(place, event);
    }

    /// A table that is walked where it holds rules or a policy, and is no step where it is empty.
    fn optional(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Decision {
        let chain = self.rules().chain(table, hook.chain());
        match chain.is_none_or(|it| it.rules.is_empty() && it.policy != Some(Policy::Drop)) {
            true => Decision::ACCEPT,
            false => self.walk(table, hook, devices),
        }
    }

    /// A table that iptables makes for itself; where kube-proxy does not use it, as `optional`.
    fn usual(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Decision {
        match self.kernel.balancer(self.journey.packet.dst.family()) {
            None => self.walk(table, hook, devices),
            Some(_) => self.optional(table, hook, devices),
        }
    }

    /// What kube-proxy has here in another mode than iptables: what that says, and whether it
    /// settled the connection's NAT.
    fn balance(
        &mut self,
        phase: Phase,
        hook: Hook,
        devices: Devices<'_>,
        address: Option<IpAddr>,
    ) -> (Verdict, bool) {
        match self.kernel.balancer(self.journey.packet.dst.family()) {
            None => (Verdict::Accept, false),
            Some(_) => self.ask_nft(phase, hook, devices, address),
        }
    }

    /// Walks the nat chains of a hook and carries out what they decide. Of chains with the same
    /// priority the one that came last is called first.
    fn nat(&mut self, hook: Hook, devices: Devices<'_>, address: Option<IpAddr>) -> Verdict {
        let (verdict, settled) = self.balance(Phase::Nat, hook, devices, address);
        if settled || verdict != Verdict::Accept {
            return verdict;
        }
        let Decision { verdict, nat, .. } = self.usual(TableName::Nat, hook, devices);
        if let Some(nat) = nat {
            self.carry_out(nat, address);
        }
        verdict
    }

    fn carry_out(&mut self, nat: Nat, address: Option<IpAddr>) {
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

    fn rules(&self) -> &RuleSet {
        self.kernel.rules(self.journey.packet.dst.family())
    }

    fn walk(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Decision {
        let connection = self.journey.connection.as_ref();
        let around = Surroundings {
            in_device: devices.input,
            out_device: devices.output,
            // Before conntrack a packet counts as invalid.
            status: connection.map_or(CtStatus::Invalid, |it| it.tracked.status),
            direction: connection.map_or(Direction::Original, |it| it.tracked.direction),
            entry: connection.filter(|it| it.holds()).map(|it| &it.tracked.entry),
            addr_type: self.addr_type,
            in_address: devices.input.and_then(self.address_of),
            out_address: devices.output.and_then(self.address_of),
            bridge_in: devices.port_in,
            bridge_out: devices.port_out,
            way_back: Some(self.way_back),
            owner: devices.own.then_some(ROOT),
            now: self.journey.at.as_millis(),
            ..Surroundings::default()
        };
        let chance: &mut dyn Chance = &mut *self.journey.chance;
        let kernel = &mut *self.kernel;
        let (rules, counters) = match self.journey.packet.dst.family() {
            Family::V4 => (&kernel.rules, &mut kernel.counters),
            Family::V6 => (&kernel.rules6, &mut kernel.counters6),
        };
        let passage = walk::walk(
            rules,
            (table, hook),
            &mut self.journey.packet,
            &around,
            &mut kernel.memory,
            chance,
        );
        let Some(passage) = passage else { return Decision::ACCEPT };
        let Passage { verdict, nat, untracked, .. } = passage;
        counters.count(&passage, rules);
        self.mark_connection(passage.connection_mark);
        let place = Place::Hook { node: self.node.clone(), hook, table };
        self.journey.step(place, Event::Walked(Box::new(passage)));
        Decision { verdict, nat, untracked }
    }

    /// `CONNMARK` acts on the connection at once, also on one that is in the table.
    fn mark_connection(&mut self, mark: Option<u32>) {
        let connection = self.journey.connection.as_mut().filter(|it| it.holds());
        let Some((mark, connection)) = mark.zip(connection) else { return };
        connection.tracked.entry.mark = mark;
        self.kernel.conntrack.set_mark(&connection.tracked.entry.original, mark);
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
        let connection = self.journey.connection.as_ref().filter(|it| it.holds())?;
        Some((connection.tracked.direction, connection.tracked.entry.clone()))
    }
}
