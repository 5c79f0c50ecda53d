//! A rule as data: what must match, in the order written, and what then happens.
//!
//! Each value also keeps the few choices of spelling (a bare address, quoted comments, the width
//! of hexadecimal numbers) that two writers of the same rule may make differently, so that
//! printing gives back what was read, byte for byte.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::packet::Protocol;
use crate::ruleset::ChainName;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

/// Where a rule comes from: an index into a table that its maker keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u32);

/// `matches` are ANDed in order; a rule without target only counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    pub matches: Vec<Match>,
    pub target: Option<Target>,
    pub origin: Option<OriginId>,
    /// The pieces that are spelled otherwise than their data prints, by index among the pieces.
    pub written: BTreeMap<usize, Box<str>>,
}

impl Rule {
    /// Whether the two print as the same text, wherever each comes from.
    pub fn reads_as(&self, other: &Rule) -> bool {
        (&self.matches, &self.target, &self.written)
            == (&other.matches, &other.target, &other.written)
    }
}

/// One criterion, negated where `!` stands before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    pub negated: bool,
    pub criterion: Criterion,
}

impl From<Criterion> for Match {
    fn from(criterion: Criterion) -> Match {
        Match { negated: false, criterion }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Criterion {
    /// `-m comment --comment "…"`. iptables-save always quotes, kube-proxy only where it must.
    Comment { text: String, quoted: bool },
    /// `-m tcp`, which loads the protocol's port matches.
    Module(Protocol),
    /// `-p tcp`
    Protocol(Protocol),
    /// `-s`
    Source(AddressMatch),
    /// `-d`
    Destination(AddressMatch),
    /// `-i`; a trailing `+` matches any ending.
    InInterface(String),
    /// `-o`
    OutInterface(String),
    /// `--sport`
    SourcePort(PortRange),
    /// `--dport`
    DestinationPort(PortRange),
    /// `-m mark --mark value/mask`; `digits` is the least number of hexadecimal digits.
    Mark { value: u32, mask: u32, digits: u8 },
    /// `-m conntrack --ctstate`
    CtState(CtStates),
    /// `-m addrtype --dst-type LOCAL`
    AddrType { side: AddrSide, kind: AddrType },
    /// `-m statistic --mode random --probability`
    Statistic(Probability),
    /// `-m recent`
    Recent(Recent),
    /// `-m nfacct --nfacct-name`: counts, always matches.
    Nfacct(String),
    /// A match the lab does not know, word by word. A walk assumes that it does not match and says so.
    Unknown(String),
}

/// An address with its prefix; `bare` where it is written without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressMatch {
    pub net: IpNet,
    pub bare: bool,
}

impl AddressMatch {
    pub fn host(ip: IpAddr) -> AddressMatch {
        AddressMatch { net: IpNet::from(ip), bare: true }
    }

    pub fn net(net: IpNet) -> AddressMatch {
        AddressMatch { net, bare: false }
    }
}

/// Inclusive at both ends, 0–65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl From<u16> for PortRange {
    fn from(port: u16) -> PortRange {
        PortRange { first: port, last: port }
    }
}

/// A set of conntrack states (`--ctstate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CtStates(u8);

impl CtStates {
    pub const INVALID: CtStates = CtStates(1);
    pub const NEW: CtStates = CtStates(2);
    pub const RELATED: CtStates = CtStates(4);
    pub const ESTABLISHED: CtStates = CtStates(8);
    pub const UNTRACKED: CtStates = CtStates(16);
    pub const SNAT: CtStates = CtStates(32);
    pub const DNAT: CtStates = CtStates(64);

    /// Names in the order iptables-save prints them.
    pub const NAMES: [(CtStates, &'static str); 7] = [
        (CtStates::INVALID, "INVALID"),
        (CtStates::NEW, "NEW"),
        (CtStates::RELATED, "RELATED"),
        (CtStates::ESTABLISHED, "ESTABLISHED"),
        (CtStates::UNTRACKED, "UNTRACKED"),
        (CtStates::SNAT, "SNAT"),
        (CtStates::DNAT, "DNAT"),
    ];

    pub const fn with(self, other: CtStates) -> CtStates {
        CtStates(self.0 | other.0)
    }

    /// Whether the two sets share a state.
    pub fn meets(self, other: CtStates) -> bool {
        self.0 & other.0 != 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddrSide {
    Source,
    Destination,
}

/// The address types that the lab's routing tables tell apart (`RTN_*` in the kernel).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddrType {
    Local,
    Unicast,
    Broadcast,
}

/// A probability as written: the value and how many decimals it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    value: f64,
    decimals: u8,
}

impl Probability {
    /// The chance of one of `n` endpoints, as kube-proxy writes it (`computeProbability`): 1/n with
    /// ten decimals.
    pub fn one_of(n: usize) -> Probability {
        let text = format!("{:.10}", 1.0 / n.max(1) as f64);
        Probability { value: text.parse().unwrap_or(1.0), decimals: 10 }
    }

    /// None where `text` is not a decimal number from 0 to 1.
    pub fn parse(text: &str) -> Option<Probability> {
        let value: f64 = text.parse().ok().filter(|it| (0.0..=1.0).contains(it))?;
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        Some(Probability { value, decimals: u8::try_from(decimals).ok()? })
    }

    /// What the kernel stores: the number of 31-bit draws, out of 2³¹, that match.
    pub fn threshold(self) -> u32 {
        (self.value * f64::from(1u32 << 31)).round() as u32
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}", usize::from(self.decimals), self.value)
    }
}

/// `-m recent --name NAME …`; `explicit` where `--mask … --rsource` is written out, as iptables-save does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recent {
    pub name: String,
    pub check: RecentCheck,
    pub explicit: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecentCheck {
    /// Remembers the source address; always matches.
    Set,
    /// Matches where the source was remembered at most `seconds` ago.
    Rcheck { seconds: u32, reap: bool },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Accept,
    Drop,
    Return,
    Jump(ChainName),
    Goto(ChainName),
    /// `--reject-with`, where written.
    Reject {
        with: Option<String>,
    },
    Mark {
        change: MarkChange,
        digits: u8,
    },
    Masquerade {
        random_fully: bool,
    },
    /// The port is kept where none is written.
    Dnat {
        to: IpAddr,
        port: Option<u16>,
    },
    Snat {
        to: IpAddr,
        port: Option<u16>,
    },
    /// A target the lab does not know, word by word. A walk goes on to the next rule and says so.
    Unknown(String),
}

impl Target {
    pub fn dnat(to: SocketAddr) -> Target {
        Target::Dnat { to: to.ip(), port: Some(to.port()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkChange {
    /// `--or-mark`
    Or(u32),
    /// `--xor-mark`
    Xor(u32),
    /// `--set-xmark value/mask`: clears `mask`, then XORs `value`.
    SetXmark { value: u32, mask: u32 },
}

impl MarkChange {
    pub fn apply(self, mark: u32) -> u32 {
        match self {
            MarkChange::Or(bits) => mark | bits,
            MarkChange::Xor(bits) => mark ^ bits,
            MarkChange::SetXmark { value, mask } => (mark & !mask) ^ value,
        }
    }
}
