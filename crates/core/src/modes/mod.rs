//! The same packet in each of kube-proxy's modes, for side-by-side comparison.
//!
//! A first packet at one node ([`Probe`]) → every way it may go in nftables mode ([`nft`]), IPVS
//! mode ([`ipvs`]) and the userspace mode of old ([`userspace`]), each step with the rule that was
//! met and why it is there; or all modes at once ([`compare`]). Connections that come one after
//! the other, where a mode takes turns, are chosen by [`turns`](crate::net::balancer::turns).

pub mod ipvs;
pub mod userspace;

mod mode;
mod nft;
mod tables;

use std::net::IpAddr;

use svclab_netfilter::{Dice, Packet, RuleSet, Verdict, outcomes};

use crate::net::Kernel;
use crate::net::probe::{self, Fate, Outcome, Probe};
use crate::object::Objects;
use crate::proxy::{self, Settings};

pub use crate::net::balancer::{Found, Step};
pub use crate::net::probe::Way;
pub use crate::proxy::Mode;
pub use nft::nftables;

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
