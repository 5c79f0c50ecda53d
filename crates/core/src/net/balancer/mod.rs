//! What kube-proxy put into a node's kernel in a mode other than iptables, and what it makes of a
//! packet there: steps that say which rule was met and why it is there.

pub mod turns;

mod nft;

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use svclab_netfilter::{Hook, nft::Memory};

use crate::proxy::{Nftables, Origin, Scheduler};

pub(crate) use nft::step;

/// For one IP family.
#[derive(Debug, Clone, PartialEq)]
pub enum Balancer {
    Nftables(NftTable),
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
}

impl fmt::Display for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Balancer::Nftables(own) => own.rules.table.fmt(f),
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
