//! Every way a connection's first packet may go at one node, whatever lies around it.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{
    AddrType, Dice, Hook, L4, Packet, Passage, Protocol, TableName, TcpFlags, Verdict, outcomes,
};

use super::stack::{Devices, Journey, Stack};
use super::{Chance, Kernel, balancer};
use crate::time::Instant;
use crate::trace::{Balanced, Event, Step};

/// The question: a packet that a process of the node sends, or that comes in by a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: Protocol,
    pub dport: u16,
    /// None where the node itself sends it.
    pub input: Option<String>,
}

/// One way the packet may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub fate: Fate,
    /// The source address is rewritten.
    pub masquerade: bool,
    /// A rule of the filter table accepted it, not a policy.
    pub accepted: bool,
    /// From 0 to 1; all outcomes of a probe sum to 1.
    pub probability: f64,
    /// The chains entered, in order, on the first path that ends so.
    pub chains: Vec<(TableName, String)>,
}

/// One way the packet may go in a mode other than iptables.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub fate: Fate,
    /// The source address is rewritten.
    pub masquerade: bool,
    /// From 0 to 1; all ways of a packet sum to 1.
    pub probability: f64,
    pub steps: Vec<balancer::Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Dnat(SocketAddr),
    /// No rule changes where it goes.
    Pass,
    Reject,
    Drop,
}

/// The client port of a probe; no rule of kube-proxy looks at it.
const CLIENT_PORT: u16 = 40_000;

/// All outcomes with exact probabilities. `is_local` tells the node's own addresses.
pub fn outcomes(kernel: &Kernel, is_local: &dyn Fn(IpAddr) -> bool, probe: &Probe) -> Vec<Outcome> {
    let mut res: Vec<Outcome> = Vec::new();
    for (way, probability) in outcomes::every(|dice| one_way(kernel, is_local, probe, dice)) {
        let kind = |it: &Outcome| (it.fate, it.masquerade, it.accepted);
        let same = |it: &&mut Outcome| kind(it) == kind(&way);
        match res.iter_mut().find(same) {
            Some(known) => known.probability += probability,
            None => res.push(Outcome { probability, ..way }),
        }
    }
    res
}

/// One way the packet may go where kube-proxy works in another mode, with what it met there; its
/// probability is 0.
pub fn way(
    kernel: &Kernel,
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Way {
    let (fate, steps) = cross(kernel, is_local, probe, dice);
    let events = steps.into_iter().map(|it| it.event);
    let met: Vec<Balanced> = events
        .filter_map(|event| match event {
            Event::Balanced(it) => Some(*it),
            _ => None,
        })
        .collect();
    let masquerade = met.iter().any(|it| rewrites_source(it.nat));
    let steps = met.into_iter().flat_map(|it| it.steps).collect();
    Way { fate, masquerade, probability: 0.0, steps }
}

fn cross(
    kernel: &Kernel,
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> (Fate, Vec<Step>) {
    let addr_type = |ip| if is_local(ip) { AddrType::Local } else { AddrType::Unicast };
    let mut kernel = kernel.clone();
    let mut chance = Scripted(dice);
    let sent = probe.packet();
    let mut journey = Journey::new(sent, Instant::START, &mut chance);
    let verdict = Stack {
        node: "".into(),
        kernel: &mut kernel,
        addr_type: &addr_type,
        address_of: &|_| None,
        way_back: &|_| None,
        journey: &mut journey,
    }
    .cross(probe, is_local);
    let fate = match verdict {
        Verdict::Drop => Fate::Drop,
        Verdict::Reject => Fate::Reject,
        Verdict::Accept if journey.packet.destination() != sent.destination() => {
            Fate::Dnat(journey.packet.destination())
        }
        Verdict::Accept => Fate::Pass,
    };
    (fate, journey.steps)
}

fn rewrites_source(nat: Option<Nat>) -> bool {
    matches!(nat, Some(Nat::Masquerade { .. } | Nat::Snat { .. }))
}

fn one_way(
    kernel: &Kernel,
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Outcome {
    let (fate, steps) = cross(kernel, is_local, probe, dice);
    let passages: Vec<&Passage> = steps
        .iter()
        .filter_map(|step| match &step.event {
            Event::Walked(passage) => Some(&**passage),
            _ => None,
        })
        .collect();
    let masquerade = passages.iter().any(|it| rewrites_source(it.nat));
    let accepted = passages.iter().any(|it| {
        let filters = it.table == TableName::Filter && it.verdict == Verdict::Accept;
        filters && it.decided_by.is_some()
    });
    let chains = passages
        .iter()
        .flat_map(|it| it.chains.iter().map(|chain| (it.table, chain.to_string())))
        .collect();
    Outcome { fate, masquerade, accepted, probability: 0.0, chains }
}

impl Stack<'_, '_> {
    fn cross(&mut self, probe: &Probe, is_local: &dyn Fn(IpAddr) -> bool) -> Verdict {
        let input = probe.input.as_deref();
        let coming = Devices { input, ..Devices::default() };
        let own = input.is_none();
        let going = Devices { output: Some("eth0"), own, ..Devices::default() };
        let through = Devices { input, output: Some("eth0"), ..Devices::default() };
        let first = if input.is_some() { Hook::Prerouting } else { Hook::Output };
        let entered = self.enter(first, if input.is_some() { coming } else { going });
        if entered != Verdict::Accept {
            return entered;
        }
        let local = is_local(self.journey.packet.dst);
        if input.is_some() && local {
            return self.filter(Hook::Input, coming);
        }
        let (hook, devices) =
            if input.is_some() { (Hook::Forward, through) } else { (Hook::Output, going) };
        let filtered = self.filter(hook, devices);
        if filtered != Verdict::Accept {
            return filtered;
        }
        let own = self.journey.packet.dst;
        let left = self.leave(going, Some(own));
        if left != Verdict::Accept || !local {
            return left;
        }
        // A packet to the node itself comes back in by loopback.
        self.filter(Hook::Input, Devices { input: Some("lo"), ..Devices::default() })
    }
}

impl Probe {
    pub(crate) fn packet(&self) -> Packet {
        let (sport, dport) = (CLIENT_PORT, self.dport);
        let l4 = match self.protocol {
            Protocol::Tcp => L4::Tcp { sport, dport, flags: TcpFlags::SYN },
            Protocol::Udp => L4::Udp { sport, dport },
            Protocol::Sctp => L4::Sctp { sport, dport },
            Protocol::Icmp => L4::Icmp(Icmp::EchoRequest { id: 1 }),
            Protocol::Ipip => L4::Ipip,
        };
        Packet::new(self.src, self.dst, l4)
    }
}

/// Dice that follow a script; ports do not matter to an outcome.
struct Scripted<'a>(&'a mut dyn Dice);

impl Dice for Scripted<'_> {
    fn draw(&mut self, threshold: u32) -> u32 {
        self.0.draw(threshold)
    }
}

impl Chance for Scripted<'_> {
    fn port(&mut self, range: RangeInclusive<u16>) -> u16 {
        *range.start()
    }
}
