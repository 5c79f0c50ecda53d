//! nftables rules as data: one table with its chains, sets and maps, as kube-proxy makes them.
//!
//! Printed as commands that `nft -f` takes (`print`) or as `nft list` does (`list`); a packet goes through the base chains of a
//! hook in the order of their priorities (`walk`).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;

use crate::packet::Protocol;
use crate::rule::{AddrSide, Family, OriginId};
use crate::walk::Hook;

mod list;
mod print;
#[cfg(test)]
mod tests;
mod walk;

pub use list::Wanted;
pub use walk::{Finding, Hit, Memory, Passage, Surroundings, Visit};

/// The name of a chain, a set or a map.
pub type Name = Rc<str>;

/// One table of one family.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub family: Family,
    pub name: Name,
    pub comment: Name,
    pub chains: BTreeMap<Name, Chain>,
    pub sets: BTreeMap<Name, Set>,
    pub maps: BTreeMap<Name, Map>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chain {
    /// None where only other chains lead here.
    pub base: Option<Base>,
    pub comment: Option<Name>,
    pub rules: Vec<Rule>,
}

/// Where the kernel calls a chain; its policy is to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    pub kind: Kind,
    pub hook: Hook,
    /// Lower comes first; conntrack is at −200, DNAT at −100, SNAT at 100.
    pub priority: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Filter,
    /// Called for the first packet of a connection only.
    Nat,
}

/// Statements from left to right; the first that does not match ends the rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    pub statements: Vec<Statement>,
    /// How a statement is spelled, by its index, where not as usual.
    pub written: BTreeMap<usize, Box<str>>,
    pub comment: Option<Name>,
    pub origin: Option<OriginId>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `ip saddr != 10.244.0.0/16`
    Address {
        side: AddrSide,
        negated: bool,
        among: Among,
    },
    /// `tcp dport 80`
    DestinationPort {
        protocol: Protocol,
        port: u16,
    },
    /// `meta l4proto tcp`
    L4Proto(Protocol),
    /// `ct state new`
    CtStateNew,
    /// `fib saddr type local`
    FibLocal(AddrSide),
    /// `iifname cni0`; a `*` at the end stands for anything. By index (`iif`) the device must exist
    /// when the rules are loaded.
    InInterface {
        name: Name,
        negated: bool,
        by_index: bool,
    },
    /// `mark and 0x00004000 == 0`
    Unmarked(u32),
    /// `mark set mark or 0x00004000`
    SetMark(u32),
    /// `mark set mark xor 0x00004000`
    FlipMark(u32),
    /// `ip daddr . meta l4proto . th dport vmap @service-ips`
    Lookup {
        key: KeyType,
        map: Name,
    },
    /// `numgen random mod 2 vmap { 0 : goto a , 1 : goto b }`
    Numgen(Vec<Verdict>),
    /// `update @affinity-a { ip saddr }`
    Update(Name),
    /// `dnat to 10.244.1.7:8080`
    Dnat(SocketAddr),
    /// `masquerade fully-random`
    Masquerade,
    Reject,
    Verdict(Verdict),
}

/// What an address is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Among {
    Host(IpAddr),
    Net(IpNet),
    /// `@name`
    Set(Name),
    /// `{ 10.0.0.0/8 , 192.0.2.1 }`; a network of one address is printed without its length.
    Nets(Vec<IpNet>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Jump(Name),
    Goto(Name),
    Return,
    Drop,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// After so many seconds a rule's entry is forgotten; None for a set that no rule writes to.
    pub timeout: Option<u32>,
    pub comment: Option<Name>,
    pub elements: Elements<Option<OriginId>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    pub key: KeyType,
    pub comment: Name,
    pub elements: Elements<Element>,
}

/// Found by their keys, listed as they came; one that comes again takes the place of the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Elements<T> {
    keys: Vec<Key>,
    by_key: BTreeMap<Key, T>,
}

impl<T> Default for Elements<T> {
    fn default() -> Elements<T> {
        Elements { keys: Vec::new(), by_key: BTreeMap::new() }
    }
}

impl<T> Elements<T> {
    pub fn insert(&mut self, key: Key, element: T) {
        if self.by_key.insert(key, element).is_none() {
            self.keys.push(key);
        }
    }

    pub fn get(&self, key: &Key) -> Option<&T> {
        self.by_key.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &T)> {
        self.keys.iter().filter_map(|key| Some((key, self.by_key.get(key)?)))
    }
}

impl<T> FromIterator<(Key, T)> for Elements<T> {
    fn from_iter<I: IntoIterator<Item = (Key, T)>>(elements: I) -> Elements<T> {
        let mut res = Elements::default();
        elements.into_iter().for_each(|(key, it)| res.insert(key, it));
        res
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    pub verdict: Verdict,
    pub comment: Option<Name>,
    pub origin: Option<OriginId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `ip daddr . meta l4proto . th dport`
    AddressAndPort,
    /// `meta l4proto . th dport`
    Port,
}

/// The key of a set's or a map's element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Address(IpAddr),
    AddressAndPort(IpAddr, Protocol, u16),
    Port(Protocol, u16),
}

impl Table {
    /// Appends a rule; a chain that is not there is made.
    pub fn append(&mut self, chain: &Name, rule: Rule) {
        self.chains.entry(Rc::clone(chain)).or_default().rules.push(rule);
    }
}
