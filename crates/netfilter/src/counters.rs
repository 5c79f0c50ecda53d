//! How often each rule matched and each policy decided, as `iptables -L -v` and
//! `iptables-save -c` show it.

use std::rc::Rc;

use crate::rule::{Counters, Rule};
use crate::ruleset::{Chain, ChainName, RuleRef, RuleSet, TableName};
use crate::shared_map::SharedMap;
use crate::walk::{Finding, Passage};

/// One node's counters. A rule keeps its own as long as it stays in its chain; a chain that is
/// written anew starts from nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CounterTable {
    chains: SharedMap<(TableName, ChainName), Rc<Counted>>,
}

/// What has been counted in a chain, as the chain stood then.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    chain: Rc<Chain>,
    policy: Counters,
    /// Of the rules that have matched, with their places, which ascend.
    rules: Vec<(usize, Counters)>,
}

impl CounterTable {
    /// Counts a passage: every rule that matched, and the policy where it decided.
    pub fn count(&mut self, passage: &Passage, rules: &RuleSet) {
        let bytes = u64::from(passage.before.ip_length());
        let matched = passage.visits.iter().filter(|it| it.finding == Finding::Matched);
        for visit in matched {
            if let Some(counted) = self.counted(rules, visit.rule.table, visit.rule.chain) {
                counted.rule(visit.rule.index).add(bytes);
            }
        }
        if passage.decided_by.is_none()
            && let Some(counted) = self.counted(rules, passage.table, passage.hook.chain())
        {
            counted.policy.add(bytes);
        }
    }

    /// What a rule has counted.
    pub fn of_rule(&self, rules: &RuleSet, at: RuleRef) -> Counters {
        let counted = self.chains.get(&(at.table, at.chain));
        let Some((counted, chain)) = counted.zip(rules.chain(at.table, at.chain)) else {
            return Counters::default();
        };
        let index = match Rc::ptr_eq(&counted.chain, chain) {
            true => Some(at.index),
            false => chain.rules.get(at.index).and_then(|rule| counted.place_of(rule)),
        };
        let counters = index.and_then(|it| Some(counted.rules[counted.find(it).ok()?].1));
        counters.unwrap_or_default()
    }

    /// What a builtin chain's policy has decided.
    pub fn of_policy(&self, table: TableName, chain: ChainName) -> Counters {
        self.chains.get(&(table, chain)).map(|it| it.policy).unwrap_or_default()
    }

    /// `iptables-restore --noflush` was given these chains: they begin anew, but for the kernel's
    /// own.
    pub fn restored(&mut self, written: impl Fn(TableName, ChainName) -> bool) {
        let builtin = |(table, name): &(TableName, ChainName)| {
            table.builtin_chains().contains(&name.as_str())
        };
        let stale = self.chains.keys().filter(|it| written(it.0, it.1) && !builtin(it));
        for key in stale.copied().collect::<Vec<_>>() {
            self.chains.remove(&key);
        }
    }

    /// `iptables -Z`: a table's counters begin anew, or those of one of its chains.
    pub fn zero(&mut self, table: TableName, chain: Option<ChainName>) {
        let of =
            |it: &&(TableName, ChainName)| it.0 == table && chain.is_none_or(|own| own == it.1);
        let keys: Vec<_> = self.chains.keys().filter(of).copied().collect();
        for key in keys {
            self.chains.remove(&key);
        }
    }

    /// The chain's counters, carried over to the chain as it stands now.
    fn counted(
        &mut self,
        rules: &RuleSet,
        table: TableName,
        name: ChainName,
    ) -> Option<&mut Counted> {
        let chain = rules.chain(table, name)?;
        let none = || Rc::new(Counted::nothing(chain));
        let counted = Rc::make_mut(self.chains.get_or_insert_with((table, name), none));
        if !Rc::ptr_eq(&counted.chain, chain) {
            counted.carry_over(chain);
        }
        Some(counted)
    }
}

impl Counted {
    fn nothing(chain: &Rc<Chain>) -> Counted {
        Counted { chain: Rc::clone(chain), policy: Counters::default(), rules: Vec::new() }
    }

    /// The counters of the rule at a place, which have begun then.
    fn rule(&mut self, place: usize) -> &mut Counters {
        let index = self.find(place).unwrap_or_else(|index| {
            self.rules.insert(index, (place, Counters::default()));
            index
        });
        &mut self.rules[index].1
    }

    /// Where the counters of the rule at a place stand, or where they would.
    fn find(&self, place: usize) -> Result<usize, usize> {
        self.rules.binary_search_by_key(&place, |it| it.0)
    }

    fn place_of(&self, rule: &Rc<Rule>) -> Option<usize> {
        self.chain.rules.iter().position(|it| Rc::ptr_eq(it, rule))
    }

    fn carry_over(&mut self, chain: &Rc<Chain>) {
        let old = std::mem::take(&mut self.rules);
        for (place, counters) in old {
            let rule = self.chain.rules.get(place);
            let same = |it: &Rc<Rule>| rule.is_some_and(|rule| Rc::ptr_eq(rule, it));
            if let Some(place) = chain.rules.iter().position(same) {
                *self.rule(place) = counters;
            }
        }
        self.chain = Rc::clone(chain);
    }
}
