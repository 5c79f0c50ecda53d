//! What kube-proxy put into a node's kernel in a mode other than iptables, and what it makes of a
//! packet there: steps that say which rule was met and why it is there.

pub mod turns;

mod nft;

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use svclab_netfilter::Hook;
use svclab_netfilter::ipvs::Connections;
use svclab_netfilter::nft::Memory;

use crate::proxy::{Ipvs, Nftables, Origin, Scheduler};
use turns::Turns;

pub(crate) use nft::step;

/// For one IP family.
#[derive(Debug, Clone, PartialEq)]
pub enum Balancer {
    Nftables(NftTable),
    Ipvs(Box<VirtualServers>),
}

/// IPVS: what it was told, and what it remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualServers {
    pub state: Rc<Ipvs>,
    pub turns: Turns,
    pub connections: Connections,
}

impl VirtualServers {
    /// What it was told, with the connections that each real server has now.
    pub fn counted(&self, now: u64) -> Ipvs {
        let count = |protocol, at, server| self.connections.count((protocol, at), server, now);
        Ipvs::clone(&self.state).counted(count)
    }
}

/// kube-proxy's own table of nftables.
#[derive(Debug, Clone, PartialEq)]
pub struct NftTable {
    pub rules: Rc<Nftables>,
    /// The clients that it keeps with their endpoints.
    pub memory: Memory,
}

impl Balancer {
    pub fn nftables(rules: Rc<Nftables>) -> Balancer {
        Balancer::Nftables(NftTable { rules, memory: Memory::default() })
    }

    pub fn ipvs(state: Rc<Ipvs>) -> Balancer {
        let (turns, connections) = (Turns::default(), Connections::default());
        Balancer::Ipvs(Box::new(VirtualServers { state, turns, connections }))
    }

    /// How many rules of nftables it has.
    pub fn rules(&self) -> usize {
        match self {
            Balancer::Nftables(own) => {
                own.rules.table.chains.values().map(|it| it.rules.len()).sum()
            }
            Balancer::Ipvs(_) => 0,
        }
    }
}

impl fmt::Display for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Balancer::Nftables(own) => own.rules.table.fmt(f),
            Balancer::Ipvs(own) => own.state.whole().fmt(f),
        }
    }
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
