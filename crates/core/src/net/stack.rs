//! A packet through one node's netfilter: conntrack, tables, translation, hook by hook.
//!
//! [`binding`] decides and carries out what NAT does; where kube-proxy has a table of its own in
//! nftables, [`nft`] asks it; [`ipvs`] where it works with IPVS.

mod binding;
mod ipvs;
mod nft;

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::conntrack::Tracked;
use svclab_netfilter::packet::Icmp;
use svclab_netfilter::walk::{self, Nat, Owner, Surroundings};
use svclab_netfilter::{
    AddrType, Chain, CtStatus, Direction, Family, Hook, L4, Packet, Passage, Policy, Protocol,
    RuleSet, TableName, Verdict,
};

use super::balancer::Balancer;
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
    /// The virtual server of the present node's IPVS that the packet was for.
    frontend: Option<(Protocol, SocketAddr)>,
    /// What the present node's conntrack says; looked up anew by each node's first hook.
    connection: Option<Connection>,
    /// The connection of the packet that this one answers, until the first hook has taken it.
    attached: Option<Tracked>,
}

impl<'a> Journey<'a> {
    pub fn new(packet: Packet, at: Instant, chance: &'a mut dyn Chance) -> Journey<'a> {
        let steps = Vec::with_capacity(STEPS);
        Journey { packet, at, steps, chance, frontend: None, connection: None, attached: None }
    }

    /// Of an error or a reset that a machine sends because of another packet: what its conntrack
    /// said of that one.
    pub fn answering(self, attached: Option<Tracked>) -> Journey<'a> {
        Journey { attached, ..self }
    }

    /// What an error about this packet, or a reset, shares with it (`nf_conntrack_attach`).
    pub fn attach(&self) -> Option<Tracked> {
        let tracked = &self.connection.as_ref().filter(|it| it.holds())?.tracked;
        let direction = tracked.direction.opposite();
        Some(Tracked { status: CtStatus::Related, direction, ..tracked.clone() })
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

/// The packet's connection, and what of its NAT is still to be decided.
struct Connection {
    tracked: Tracked,
    open: Open,
}

/// Which of the nat tables a packet is still to be led through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    All,
    /// The last hook's alone, and no connection comes of it: a reset for the packet that was to
    /// open one (`IP_CT_RELATED_REPLY` in `nf_nat_inet_fn`).
    Last,
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
const ROOT: Owner = Owner::Process { uid: 0, gid: 0 };

/// The sender of one of the node's own packets.
fn owner(packet: &Packet) -> Owner {
    let echoes = matches!(packet.l4, L4::Icmp(Icmp::EchoReply { .. }));
    let resets = packet.tcp_flags().is_some_and(|it| it.rst);
    if echoes || resets || packet.is_icmp_error() { Owner::Kernel } else { ROOT }
}

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

/// Whether a hook's chain has rules, or a policy that matters.
fn does_something(chain: &Chain) -> bool {
    !chain.rules.is_empty() || chain.policy == Some(Policy::Drop)
}

impl Stack<'_, '_> {
    /// PREROUTING, or OUTPUT for the node's own packets: conntrack, then the destination's NAT.
    pub fn enter(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
        self.journey.connection = None;
        self.journey.frontend = None;
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
        if self.open() == Open::All {
            let verdict = self.nat(hook, devices, None);
            if verdict != Verdict::Accept {
                return verdict;
            }
        } else {
            self.translate_destination(hook);
        }
        match hook {
            Hook::Output => self.served(hook),
            _ => Verdict::Accept,
        }
    }

    /// PREROUTING of what the node sent to itself: conntrack has seen it, its NAT is decided.
    pub fn come_back(&mut self, devices: Devices<'_>) -> Verdict {
        let raw = self.optional(TableName::Raw, Hook::Prerouting, devices).verdict;
        if raw != Verdict::Accept {
            return raw;
        }
        self.optional(TableName::Mangle, Hook::Prerouting, devices).verdict
    }

    /// The filter and security tables at FORWARD, INPUT or OUTPUT, the mangle table before them.
    pub fn filter(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
        let verdict = self.filtered(hook, devices);
        match hook {
            Hook::Forward | Hook::Input if verdict == Verdict::Accept => self.served(hook),
            _ => verdict,
        }
    }

    fn filtered(&mut self, hook: Hook, devices: Devices<'_>) -> Verdict {
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

    /// INPUT: the filter table, the source's NAT of an answer; then the connection is confirmed. What
    /// IPVS took is not for this machine any more, and has its NAT and the rest before it.
    pub fn receive(&mut self, devices: Devices<'_>) -> Verdict {
        let hook = Hook::Input;
        let verdict = self.filter(hook, devices);
        if verdict != Verdict::Accept || self.is_sent_on() {
            return verdict;
        }
        self.conclude(hook, devices, None)
    }

    /// The last hook's source NAT, where that is not decided yet; then the connection is confirmed.
    fn conclude(&mut self, hook: Hook, devices: Devices<'_>, address: Option<IpAddr>) -> Verdict {
        let chain = self.rules().chain(TableName::Nat, hook.chain());
        let is_walked = hook != Hook::Input || chain.is_some_and(|it| does_something(it));
        match self.open() {
            Open::Nothing => self.translate_source(hook),
            Open::All => {
                if is_walked {
                    let verdict = self.nat(hook, devices, address);
                    if verdict != Verdict::Accept {
                        return verdict;
                    }
                } else {
                    self.bind_as_it_is(hook);
                }
                self.confirm();
            }
            Open::Last => {
                let verdict = self.usual(TableName::Nat, hook, devices).verdict;
                if verdict != Verdict::Accept {
                    return verdict;
                }
                self.translate_source(hook);
                self.close();
            }
        }
        Verdict::Accept
    }

    fn confirm(&mut self) {
        if let Some(connection) = &self.journey.connection {
            self.kernel.conntrack.confirm(connection.tracked.entry.clone());
        }
        self.close();
    }

    fn close(&mut self) {
        if let Some(connection) = &mut self.journey.connection {
            connection.open = Open::Nothing;
        }
    }

    fn open(&self) -> Open {
        self.journey.connection.as_ref().map_or(Open::Nothing, |it| it.open)
    }

    fn track(&mut self, hook: Hook, untracked: bool) {
        let now = self.journey.at.as_millis();
        let attached = self.journey.attached.take();
        let packet = &self.journey.packet;
        let tracked = match (attached, untracked) {
            (Some(attached), _) => attached,
            (None, true) => Tracked::untracked(packet, now),
            (None, false) => self.kernel.conntrack.look_up(packet, now),
        };
        let event = Event::Tracked {
            status: tracked.status,
            direction: tracked.direction,
            entry: Box::new(tracked.entry.clone()),
        };
        let place = Place::Conntrack { node: self.node.clone(), hook };
        let is_known = || self.kernel.conntrack.knows(&tracked.entry.original, now);
        let open = match tracked.status {
            CtStatus::New if !is_known() => Open::All,
            CtStatus::Related if !packet.is_icmp_error() && !is_known() => Open::Last,
            _ => Open::Nothing,
        };
        self.journey.connection = Some(Connection { tracked, open });
        self.journey.step(place, event);
    }

    /// A table that is walked where it holds rules or a policy, and is no step where it is empty.
    fn optional(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Decision {
        let chain = self.rules().chain(table, hook.chain());
        match chain.is_some_and(|it| does_something(it)) {
            true => self.walk(table, hook, devices),
            false => Decision::ACCEPT,
        }
    }

    /// A table that iptables makes for itself; where kube-proxy does not use it, as `optional`.
    fn usual(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Decision {
        match self.kernel.balancer(self.journey.packet.dst.family()) {
            None => self.walk(table, hook, devices),
            Some(_) => self.optional(table, hook, devices),
        }
    }

    fn is_balanced(&mut self) -> bool {
        let balancer = self.kernel.balancer(self.journey.packet.dst.family());
        balancer.is_some() && self.is_served()
    }

    /// IPVS, where kube-proxy works with it.
    fn served(&mut self, hook: Hook) -> Verdict {
        match self.kernel.balancer(self.journey.packet.dst.family()) {
            None => Verdict::Accept,
            Some(_) => self.serve(hook),
        }
    }

    /// Whether IPVS has made another machine its receiver.
    pub fn is_sent_on(&self) -> bool {
        self.journey.frontend.is_some() && !self.is_local()
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

    fn rules(&self) -> &RuleSet {
        self.kernel.rules(self.journey.packet.dst.family())
    }

    fn walk(&mut self, table: TableName, hook: Hook, devices: Devices<'_>) -> Decision {
        let connection = self.journey.connection.as_ref();
        let ipvs = match self.kernel.balancer(self.journey.packet.dst.family()) {
            Some(Balancer::Ipvs(own)) => Some(Rc::clone(&own.state)),
            _ => None,
        };
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
            confirmed: connection.is_some_and(|it| it.open != Open::All),
            owner: devices.own.then(|| owner(&self.journey.packet)),
            sets: ipvs.as_ref().map(|it| &it.sets),
            virtual_server: self.journey.frontend,
            now: self.journey.at.as_millis(),
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
        let Passage { verdict, nat, untracked, .. } = *passage;
        counters.count(&passage, rules);
        self.mark_connection(passage.connection_mark);
        let place = Place::Hook { node: self.node.clone(), hook, table };
        self.journey.step(place, Event::Walked(passage));
        Decision { verdict, nat, untracked }
    }

    /// `CONNMARK` acts on the connection at once, also on one that is in the table.
    fn mark_connection(&mut self, mark: Option<u32>) {
        let connection = self.journey.connection.as_mut().filter(|it| it.holds());
        let Some((mark, connection)) = mark.zip(connection) else { return };
        connection.tracked.entry.mark = mark;
        self.kernel.conntrack.set_mark(&connection.tracked.entry.original, mark);
    }
}
