//! What the kernel remembers between packets besides connections: `recent` lists, counts of
//! `statistic --mode nth`, the credit of `limit` and `hashlimit`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::extension::Rate;
use crate::rule::{Recent, RecentCheck};
use crate::ruleset::RuleRef;

/// One node's memory. What belongs to a rule is kept by the rule's place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    pub recent: RecentLists,
    nth: BTreeMap<RuleRef, u64>,
    limits: BTreeMap<RuleRef, Credit>,
    hashlimits: BTreeMap<String, BTreeMap<HashKey, Credit>>,
}

/// The parts of a packet that `--hashlimit-mode` names; zero where it names them not.
pub type HashKey = (Option<IpAddr>, Option<u16>, Option<IpAddr>, Option<u16>);

/// Ten thousandths of a second that have been saved, and when (in milliseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Credit {
    saved: u64,
    at: u64,
}

impl Credit {
    /// Takes one packet's cost where there is enough (`limit_mt`); the first packet finds it full.
    fn take(credit: &mut Option<Credit>, rate: Rate, burst: u64, now: u64) -> bool {
        let cost = rate.interval().max(1);
        let most = cost.saturating_mul(burst.max(1));
        let before = credit.unwrap_or(Credit { saved: most, at: now });
        let earned = now.saturating_sub(before.at).saturating_mul(10);
        let saved = before.saved.saturating_add(earned).min(most);
        let enough = saved >= cost;
        let saved = if enough { saved - cost } else { saved };
        *credit = Some(Credit { saved, at: now });
        enough
    }
}

impl Memory {
    /// `-m limit`: whether the packet is within the rate.
    pub fn limit(&mut self, rule: RuleRef, rate: Rate, burst: u64, now: u64) -> bool {
        let mut credit = self.limits.get(&rule).copied();
        let within = Credit::take(&mut credit, rate, burst, now);
        credit.map(|it| self.limits.insert(rule, it));
        within
    }

    /// `-m hashlimit`: the same, for each key of a table that rules share by its name.
    pub fn hashlimit(
        &mut self,
        (table, key): (&str, HashKey),
        rate: Rate,
        burst: u64,
        now: u64,
    ) -> bool {
        let credits = self.hashlimits.entry(table.to_owned()).or_default();
        let mut credit = credits.get(&key).copied();
        let within = Credit::take(&mut credit, rate, burst, now);
        credit.map(|it| credits.insert(key, it));
        within
    }

    /// `-m statistic --mode nth`: every `every`th packet, where `first` have been counted before.
    pub fn nth(&mut self, rule: RuleRef, every: u64, first: u64) -> bool {
        let count = self.nth.entry(rule).or_insert(first);
        let matches = *count + 1 >= every;
        *count = if matches { 0 } else { *count + 1 };
        matches
    }
}

/// The `recent` match's lists: name → (masked address → when it was seen, in milliseconds).
///
/// A list keeps the kernel's defaults of 100 addresses (`ip_list_tot`) and 20 stamps for each
/// (`ip_pkt_list_tot`); the address seen longest ago goes first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecentLists {
    lists: BTreeMap<String, BTreeMap<IpAddr, Seen>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    /// The last ones, oldest first.
    stamps: Vec<u64>,
    ttl: u8,
}

/// `recent` with all that it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentQuery<'a> {
    pub name: &'a str,
    pub action: RecentAction,
    pub seconds: Option<u64>,
    pub reap: bool,
    /// The least number of stamps; those younger than `seconds` where both are given.
    pub hitcount: Option<u64>,
    /// Only a packet with the TTL that was seen.
    pub ttl: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecentAction {
    Set,
    Rcheck,
    Update,
    Remove,
}

impl<'a> From<&'a Recent> for RecentQuery<'a> {
    fn from(recent: &'a Recent) -> RecentQuery<'a> {
        let (action, seconds, reap) = match recent.check {
            RecentCheck::Set => (RecentAction::Set, None, false),
            RecentCheck::Rcheck { seconds, reap } => {
                (RecentAction::Rcheck, Some(u64::from(seconds)), reap)
            }
        };
        RecentQuery { name: &recent.name, action, seconds, reap, hitcount: None, ttl: None }
    }
}

impl RecentLists {
    const ADDRESSES: usize = 100;
    const STAMPS: usize = 20;

    /// What `recent_mt` answers, and what it remembers or forgets.
    pub fn ask(&mut self, query: RecentQuery<'_>, address: IpAddr, ttl: u8, now: u64) -> bool {
        let known = self.lists.get(query.name).and_then(|list| list.get(&address));
        let same_ttl = |seen: &&Seen| query.ttl.is_none_or(|ttl| seen.ttl == ttl);
        let Some(seen) = known.filter(same_ttl) else {
            if query.action == RecentAction::Set {
                self.remember(query.name, address, ttl, now);
                return true;
            }
            return false;
        };
        let found = match query.action {
            RecentAction::Set => true,
            RecentAction::Remove => {
                self.lists.get_mut(query.name).map(|list| list.remove(&address));
                return true;
            }
            RecentAction::Rcheck | RecentAction::Update => seen.matches(&query, now),
        };
        let renew = match query.action {
            RecentAction::Set => true,
            RecentAction::Update => found,
            _ => false,
        };
        if renew {
            self.remember(query.name, address, ttl, now);
        } else if query.reap {
            self.reap(query, now);
        }
        found
    }

    fn remember(&mut self, name: &str, address: IpAddr, ttl: u8, now: u64) {
        let list = self.lists.entry(name.to_owned()).or_default();
        if list.len() >= Self::ADDRESSES && !list.contains_key(&address) {
            let last = |seen: &Seen| seen.stamps.last().copied();
            let oldest = list.iter().min_by_key(|(_, seen)| last(seen)).map(|(ip, _)| *ip);
            oldest.map(|ip| list.remove(&ip));
        }
        let seen = list.entry(address).or_default();
        seen.ttl = ttl;
        seen.stamps.push(now);
        if seen.stamps.len() > Self::STAMPS {
            seen.stamps.remove(0);
        }
    }

    /// `--reap`: forgets the least recent address where it is too old (`recent_entry_reap`).
    fn reap(&mut self, query: RecentQuery<'_>, now: u64) {
        let Some(list) = self.lists.get_mut(query.name) else { return };
        let last = |seen: &Seen| seen.stamps.last().copied();
        let oldest = list.iter().min_by_key(|(_, seen)| last(seen));
        let Some((ip, seen)) = oldest.map(|(ip, seen)| (*ip, last(seen))) else { return };
        let limit = query.seconds.unwrap_or(0) * 1000;
        if seen.is_some_and(|at| now.saturating_sub(at) > limit) {
            list.remove(&ip);
        }
    }
}

impl Seen {
    fn matches(&self, query: &RecentQuery<'_>, now: u64) -> bool {
        let oldest = query.seconds.map(|it| now.saturating_sub(it.saturating_mul(1000)));
        let young = self.stamps.iter().filter(|at| oldest.is_none_or(|oldest| **at >= oldest));
        young.count() as u64 >= query.hitcount.unwrap_or(1).max(1)
    }
}
