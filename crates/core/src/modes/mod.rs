//! The same packet in each of kube-proxy's modes, for side-by-side comparison.
//!
//! A first packet at one node ([`Probe`]) → every way it may go in nftables mode ([`nft`]), IPVS
//! mode ([`ipvs`]) and the userspace mode of old ([`userspace`]), each step with the rule that was
//! met and why it is there; or all modes at once ([`compare`]). Connections that come one after
//! the other, where a mode takes turns, are chosen by [`turns`].

pub mod ipvs;
pub mod turns;
pub mod userspace;

mod mode;
mod nft;
mod tables;

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::{Dice, Hook, Packet, RuleSet, Verdict, outcomes};

use crate::net::Kernel;
use crate::net::probe::{self, Fate, Outcome, Probe};
use crate::object::Objects;
use crate::proxy::{self, Origin, Scheduler, Settings};

pub use mode::Mode;
pub use nft::nftables;

/// One way a packet may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub fate: Fate,
    /// The source address is rewritten.
    pub masquerade: bool,
    /// From 0 to 1; all ways of a packet sum to 1.
    pub probability: f64,
    pub steps: Vec<Step>,
}

/// A rule that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub hook: Hook,
    pub chain: Rc<str>,
    /// The rule's text; for IPVS itself, the virtual server's line of `ipvsadm`.
    pub rule: String,
    pub found: Found,
    /// Why the rule is there; where an element of a map or set decided, why that is.
    pub origin: Option<Origin>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The first part of the rule that did not match.
    Skipped(String),
    Matched,
    /// The element of a map or set that the packet's key led to.
    Element(String),
    /// `numgen` drew this number, counted from 0, of so many.
    Drawn {
        number: usize,
        of: usize,
    },
    /// IPVS chose this real server of so many.
    Scheduled {
        by: Scheduler,
        server: SocketAddr,
        of: usize,
    },
    /// kube-proxy itself took the connection and opened one of its own to this endpoint of so many.
    Proxied {
        endpoint: SocketAddr,
        of: usize,
    },
    /// There was nobody to choose.
    Nobody,
}

/// What becomes of a packet in each mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub iptables: Vec<Outcome>,
    pub nftables: Vec<Way>,
    pub ipvs: Vec<Way>,
    pub userspace: Vec<Way>,
}

/// All modes over the same objects and settings. `is_local` tells the node's own addresses.
pub fn compare(
    objects: &Objects,
    settings: &Settings,
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
) -> Comparison {
    let mut rules = RuleSet::builtin();
    rules.restore(&proxy::jumps(), true);
    rules.restore(&proxy::full_sync(objects, settings).restore, true);
    let kernel = Kernel::of(settings.family, rules);
    Comparison {
        iptables: probe::outcomes(&kernel, is_local, probe),
        nftables: nftables(&proxy::nftables(objects, settings), is_local, probe),
        ipvs: ipvs::ways(&proxy::ipvs(objects, settings), is_local, probe),
        userspace: userspace::ways(&proxy::userspace(objects, settings), is_local, probe),
    }
}

/// All ways with exact probabilities; those that end alike count as one, with the steps of the
/// first.
fn every_way(way: impl FnMut(&mut dyn Dice) -> Way) -> Vec<Way> {
    let mut res: Vec<Way> = Vec::new();
    for (way, probability) in outcomes::every(way) {
        let same = |it: &&mut Way| (it.fate, it.masquerade) == (way.fate, way.masquerade);
        match res.iter_mut().find(same) {
            Some(known) => known.probability += probability,
            None => res.push(Way { probability, ..way }),
        }
    }
    res
}

fn fate(verdict: Verdict, sent: Packet, packet: Packet) -> Fate {
    match verdict {
        Verdict::Drop => Fate::Drop,
        Verdict::Reject => Fate::Reject,
        Verdict::Accept if packet.destination() != sent.destination() => {
            Fate::Dnat(packet.destination())
        }
        Verdict::Accept => Fate::Pass,
    }
}

#[cfg(test)]
mod tests;
