//! iptables rules as data, and the walk of a packet through them. Knows no Kubernetes.
//!
//! text ⇄ [`RuleSet`] ([`text`]) ; a [`Packet`] at a hook → [`Passage`] ([`walk`]) ; every way a
//! packet may go, with its exact probability ([`outcomes`]) ; connections and their NAT
//! bindings ([`conntrack`]) ; what matches remember ([`memory`]) or look up ([`ipset`]) and rules
//! count ([`counters`]).
//! The same for nftables: [`nft`]; what IPVS remembers: [`ipvs`]. Large sorted maps are cheap to copy ([`shared_map`]), and
//! sorting is compiled once ([`order`]); numbers and addresses become text fast ([`short`]).

pub mod order;
pub mod shared_map;
pub mod short;
pub mod packet;
pub mod extension;
pub mod ipset;
pub mod rule;
pub mod target;
mod index;
pub mod ruleset;
pub mod text;
pub mod memory;
pub mod conntrack;
pub mod ipvs;
pub mod walk;
pub mod nft;
pub mod outcomes;
pub mod counters;

pub use conntrack::{Conntrack, CtStatus, Direction, Entry, TcpState, Tuple};
pub use counters::CounterTable;
pub use extension::{Assumption, Extension};
pub use ipset::IpSets;
pub use packet::{Icmp, L4, Packet, Protocol, TcpFlags};
pub use rule::{
    AddrSide, AddrType, AddressMatch, Counters, Criterion, CtStates, Family, Match, OriginId,
    PortRange, Probability, Recent, RecentCheck, Rule, TcpFlagSet,
};
pub use ruleset::{Chain, ChainName, Policy, RuleRef, RuleSet, Table, TableName};
pub use shared_map::SharedMap;
pub use target::{ConnMarkChange, MarkChange, Target, Translation, TranslationKind};
pub use walk::{Dice, Draw, Finding, Hook, Passage, Verdict, Visit};
