//! Tables of chains of rules: what one node's kernel holds for one address family.
//!
//! Chains are shared, and so are the maps that hold them: a copy of a rule set costs little, also
//! when it is then changed, and a trace can keep the rules that its packet met.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use crate::index::{Index, Lazy};
use crate::rule::Rule;
use crate::shared_map::SharedMap;

/// The tables in the order iptables-save prints them in this lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    Raw,
    Mangle,
    Filter,
    Nat,
    Security,
}

impl TableName {
    pub const ALL: [TableName; 5] =
        [TableName::Raw, TableName::Mangle, TableName::Filter, TableName::Nat, TableName::Security];

    pub fn name(self) -> &'static str {
        match self {
            TableName::Raw => "raw",
            TableName::Mangle => "mangle",
            TableName::Filter => "filter",
            TableName::Nat => "nat",
            TableName::Security => "security",
        }
    }

    /// The chains the kernel itself calls.
    pub fn builtin_chains(self) -> &'static [&'static str] {
        match self {
            TableName::Raw => &["PREROUTING", "OUTPUT"],
            TableName::Mangle => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
            TableName::Filter | TableName::Security => &["INPUT", "FORWARD", "OUTPUT"],
            TableName::Nat => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TableName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        TableName::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}

/// A chain's name: 1 to 28 bytes of printable ASCII without spaces (the kernel's
/// `XT_FUNCTION_MAXNAMELEN` less the closing zero).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainName {
    bytes: [u8; 28],
    length: u8,
}

impl ChainName {
    pub fn new(name: &str) -> Option<ChainName> {
        ChainName::joined(name, "")
    }

    /// One name of two parts.
    pub fn joined(start: &str, end: &str) -> Option<ChainName> {
        let length = start.len() + end.len();
        let fits = (1..=28).contains(&length);
        if !fits || !start.bytes().chain(end.bytes()).all(|it| it.is_ascii_graphic()) {
            return None;
        }
        let mut bytes = [0; 28];
        bytes[..start.len()].copy_from_slice(start.as_bytes());
        bytes[start.len()..length].copy_from_slice(end.as_bytes());
        Some(ChainName { bytes, length: length as u8 })
    }

    /// For names written in the program.
    ///
    /// # Panics
    /// Where `name` is no chain name: a bug.
    #[track_caller]
    pub const fn of(name: &str) -> ChainName {
        let (mut bytes, name) = ([0; 28], name.as_bytes());
        let mut length = 0;
        while length < name.len() {
            assert!(length < 28 && name[length].is_ascii_graphic(), "it is a chain's name");
            bytes[length] = name[length];
            length += 1;
        }
        assert!(length > 0, "it is a chain's name");
        ChainName { bytes, length: length as u8 }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Ord for ChainName {
    /// As texts. Walks and maps compare names all the time: four bytes at once.
    fn cmp(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (self.bytes.as_chunks::<4>().0, other.bytes.as_chunks::<4>().0);
        let differing = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
        differing.map_or(Ordering::Equal, |(ours, theirs)| {
            u32::from_be_bytes(*ours).cmp(&u32::from_be_bytes(*theirs))
        })
    }
}

impl PartialOrd for ChainName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    Accept,
    Drop,
}

/// `policy` is there in builtin chains alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chain {
    pub policy: Option<Policy>,
    pub rules: Vec<Rc<Rule>>,
    index: Lazy,
}

impl Chain {
    pub fn new(policy: Option<Policy>, rules: Vec<Rc<Rule>>) -> Chain {
        Chain { policy, rules, index: Lazy::default() }
    }

    /// The rules by their destination, where there are so many that it helps.
    pub(crate) fn index(&self) -> Option<&Index> {
        let long = self.rules.len() >= Index::SHORTEST;
        long.then(|| self.index.get(&self.rules))
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub chains: SharedMap<ChainName, Rc<Chain>>,
}

impl Table {
    /// Whether a packet that enters `from` can come to `to`.
    fn reaches(&self, from: ChainName, to: ChainName) -> bool {
        let mut seen = BTreeSet::new();
        let mut left = vec![from];
        while let Some(chain) = left.pop() {
            if chain == to {
                return true;
            }
            if seen.insert(chain) {
                let rules = self.chains.get(&chain).map(|it| it.rules.iter()).unwrap_or_default();
                left.extend(rules.filter_map(|it| it.leads_to()));
            }
        }
        false
    }

    /// The chain to write to; made where it is not there.
    pub fn chain_mut(&mut self, name: ChainName) -> &mut Chain {
        let chain = Rc::make_mut(self.chains.get_or_insert_with(name, Rc::default));
        chain.index.forget();
        chain
    }
}

/// One rule's place in a rule set; `index` counts from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    pub table: TableName,
    pub chain: ChainName,
    pub index: usize,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleSet {
    pub tables: BTreeMap<TableName, Table>,
}

impl RuleSet {
    /// What a kernel holds before anything is loaded: the builtin chains, policy ACCEPT.
    pub fn builtin() -> RuleSet {
        let mut res = RuleSet::default();
        for name in [TableName::Raw, TableName::Mangle, TableName::Filter, TableName::Nat] {
            let mut table = Table::default();
            for chain in name.builtin_chains() {
                let empty = Chain::new(Some(Policy::Accept), Vec::new());
                table.chains.insert(ChainName::of(chain), Rc::new(empty));
            }
            res.tables.insert(name, table);
        }
        res
    }

    pub fn chain(&self, table: TableName, chain: ChainName) -> Option<&Rc<Chain>> {
        self.tables.get(&table)?.chains.get(&chain)
    }

    pub fn rule(&self, at: RuleRef) -> Option<&Rc<Rule>> {
        self.chain(at.table, at.chain)?.rules.get(at.index)
    }

    /// The chain to write to; made where it is not there.
    pub fn chain_mut(&mut self, table: TableName, chain: ChainName) -> &mut Chain {
        self.tables.entry(table).or_default().chain_mut(chain)
    }

    /// The rules that lead into a loop of chains, for which a kernel refuses the table ("Too many
    /// links").
    pub fn loops(&self) -> impl Iterator<Item = RuleRef> {
        let tables = self.tables.iter();
        tables.flat_map(|(name, table)| {
            table.chains.iter().flat_map(move |(chain, it)| {
                let jumps =
                    it.rules.iter().zip(0..).filter_map(|(rule, at)| Some((rule.leads_to()?, at)));
                let back = jumps.filter(|(to, _)| table.reaches(*to, *chain));
                back.map(|(_, index)| RuleRef { table: *name, chain: *chain, index })
            })
        })
    }

    /// The number of rules in all tables.
    pub fn len(&self) -> usize {
        let chains = self.tables.values().flat_map(|table| table.chains.values());
        chains.map(|chain| chain.rules.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
