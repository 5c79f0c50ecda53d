//! A rule as data: what must match, in the order written, and what then happens.
//!
//! Each value also keeps the few choices of spelling (a bare address, quoted comments, the width
//! of hexadecimal numbers) that two writers of the same rule may make differently, so that
//! printing gives back what was read, byte for byte.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::extension::{Assumption, Extension};
use crate::packet::{Protocol, TcpFlags};
use crate::ruleset::ChainName;
use crate::short::Short;
use crate::target::Target;

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
    /// `[packets:bytes]` where the text gives them.
    pub counters: Option<Counters>,
    /// The pieces that are spelled otherwise than their data prints, by index among the pieces.
    pub written: BTreeMap<usize, Box<str>>,
}

/// How many packets a rule matched or a policy decided, and their bytes with all IP headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Counters {
    pub packets: u64,
    pub bytes: u64,
}

impl Counters {
    pub fn add(&mut self, bytes: u64) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// `[packets:bytes]`
impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}:{}]", self.packets, self.bytes)
    }
}

impl Rule {
    /// Whether the two print as the same text, wherever each comes from.
    pub fn reads_as(&self, other: &Rule) -> bool {
        (&self.matches, &self.target, &self.written)
            == (&other.matches, &other.target, &other.written)
    }

    /// The chain that its target jumps or goes to.
    pub fn leads_to(&self) -> Option<ChainName> {
        match self.target {
            Some(Target::Jump(chain) | Target::Goto(chain)) => Some(chain),
            _ => None,
        }
    }

    /// Whether it lists several addresses for one end.
    pub fn has_lists(&self) -> bool {
        self.matches.iter().any(|it| matches!(it.criterion, Criterion::Addresses { .. }))
    }

    /// The rules that the kernel gets: one for each pair of the addresses listed, sources first.
    pub fn expanded(&self) -> Vec<Rule> {
        // Sources vary slowest, wherever they stand.
        let list_of = |side| {
            let is_list = |it: &Match| matches!(&it.criterion, Criterion::Addresses { side: it, .. } if *it == side);
            self.matches.iter().position(is_list)
        };
        let Some(index) = list_of(AddrSide::Source).or(list_of(AddrSide::Destination)) else {
            return vec![self.clone()];
        };
        let Match { negated, criterion: Criterion::Addresses { side, list } } =
            &self.matches[index]
        else {
            return Vec::new();
        };
        let with = |address: &AddressMatch| {
            let mut rule = self.clone();
            rule.written.remove(&index);
            let criterion = match side {
                AddrSide::Source => Criterion::Source(*address),
                AddrSide::Destination => Criterion::Destination(*address),
            };
            rule.matches[index] = Match { negated: *negated, criterion };
            rule
        };
        list.iter().flat_map(|address| with(address).expanded()).collect()
    }

    /// What a walk takes for granted of this rule, by the piece's index among [`Rule::pieces`].
    pub fn assumptions(&self) -> Vec<(usize, Assumption)> {
        let of_match = |it: &Match| match &it.criterion {
            Criterion::Unknown(_) => Some(Assumption::NoMatch),
            Criterion::Extension(extension) => extension.assumption(),
            _ => None,
        };
        let matches = self.matches.iter().map(of_match);
        let target = match self.target {
            Some(Target::Unknown(_)) => Some(Assumption::NoEffect),
            _ => None,
        };
        let all = matches.chain([target]).enumerate();
        all.filter_map(|(index, it)| Some((index, it?))).collect()
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
    /// `-p esp`: a protocol by its number in the IP header that no packet of the lab has, but for
    /// 58, which is ICMP over IPv6.
    OtherProtocol(u8),
    /// `-m icmp6` and other modules of a protocol that take no part in the decision.
    OtherModule(String),
    /// `-s`
    Source(AddressMatch),
    /// `-d`
    Destination(AddressMatch),
    /// `-s 10.0.0.1,10.0.0.2`: any of them. The kernel gets a rule for each; see [`Rule::expanded`].
    Addresses { side: AddrSide, list: Vec<AddressMatch> },
    /// `-f`: a later fragment of a packet; the lab's packets come whole.
    Fragment,
    /// `-i`; a trailing `+` matches any ending.
    InInterface(String),
    /// `-o`
    OutInterface(String),
    /// `--sport`
    SourcePort(PortRange),
    /// `--dport`
    DestinationPort(PortRange),
    /// `--tcp-flags`: of the flags in `mask`, those in `set` are on and the others off.
    TcpFlags { mask: TcpFlagSet, set: TcpFlagSet },
    /// `--icmp-type`, `--icmpv6-type`; any where there is none.
    IcmpType { icmp6: bool, kind: Option<(u8, Option<u8>)> },
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
    /// A module with options beyond those above.
    Extension(Extension),
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

/// TCP's flags as `--tcp-flags` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TcpFlagSet(u8);

impl TcpFlagSet {
    /// In the order iptables-save prints them.
    pub const NAMES: [(TcpFlagSet, &'static str); 6] = [
        (TcpFlagSet(1), "FIN"),
        (TcpFlagSet(2), "SYN"),
        (TcpFlagSet(4), "RST"),
        (TcpFlagSet(8), "PSH"),
        (TcpFlagSet(16), "ACK"),
        (TcpFlagSet(32), "URG"),
    ];
    pub const NONE: TcpFlagSet = TcpFlagSet(0);
    pub const ALL: TcpFlagSet = TcpFlagSet(63);
    pub const SYN: TcpFlagSet = TcpFlagSet(2);
    /// FIN, SYN, RST and ACK: those that `--syn` looks at.
    pub const SYN_MASK: TcpFlagSet = TcpFlagSet(1 | 2 | 4 | 16);

    pub const fn with(self, other: TcpFlagSet) -> TcpFlagSet {
        TcpFlagSet(self.0 | other.0)
    }

    pub fn contains(self, other: TcpFlagSet) -> bool {
        self.and(other) == other
    }

    pub const fn and(self, other: TcpFlagSet) -> TcpFlagSet {
        TcpFlagSet(self.0 & other.0)
    }

    pub fn of(flags: TcpFlags) -> TcpFlagSet {
        let bits = [flags.fin, flags.syn, flags.rst, flags.psh, flags.ack];
        TcpFlagSet(bits.into_iter().zip(0..).map(|(set, bit)| u8::from(set) << bit).sum())
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

/// What a routing table says of an address (`RTN_*` in the kernel, in that order). The lab's own
/// tables know unicast, local, broadcast and multicast addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddrType {
    Unspec,
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
}

impl AddrType {
    pub const ALL: [AddrType; 10] = [
        AddrType::Unspec,
        AddrType::Unicast,
        AddrType::Local,
        AddrType::Broadcast,
        AddrType::Anycast,
        AddrType::Multicast,
        AddrType::Blackhole,
        AddrType::Unreachable,
        AddrType::Prohibit,
        AddrType::Throw,
    ];

    pub fn name(self) -> &'static str {
        match self {
            AddrType::Local => "LOCAL",
            AddrType::Unicast => "UNICAST",
            AddrType::Broadcast => "BROADCAST",
            AddrType::Multicast => "MULTICAST",
            AddrType::Unspec => "UNSPEC",
            AddrType::Anycast => "ANYCAST",
            AddrType::Blackhole => "BLACKHOLE",
            AddrType::Unreachable => "UNREACHABLE",
            AddrType::Prohibit => "PROHIBIT",
            AddrType::Throw => "THROW",
        }
    }
}

/// A probability as written: the value and how many decimals it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    value: f64,
    decimals: u8,
}

impl Probability {
    /// So many decimals of a number up to 1 survive in an `f64`.
    const EXACT: usize = 15;

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
        let decimals = usize::from(self.decimals);
        if !(1..=Probability::EXACT).contains(&decimals) {
            return write!(f, "{:.decimals$}", self.value);
        }
        let unit = 10u64.pow(self.decimals.into());
        let units = (self.value * unit as f64).round() as u64;
        let mut text = Short::new();
        text.write_number(units / unit)?;
        text.write_char('.')?;
        text.write_digits(units % unit, decimals)?;
        f.write_str(text.as_str())
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
