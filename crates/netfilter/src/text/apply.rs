//! A [`Restore`] and a rule set → the rule set after `iptables-restore`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{ChainLine, Command, Restore, TableUpdate};
use crate::rule::Rule;
use crate::ruleset::{Chain, ChainName, Policy, RuleSet, Table, TableName};
use crate::target::Target;

impl RuleSet {
    /// What `iptables-restore` does. A chain line makes its chain, or empties it; without
    /// `noflush` each table named starts from nothing. A chain that a rule stands in or leads to is
    /// made where it is not there.
    pub fn restore(&mut self, update: &Restore, noflush: bool) {
        for update in &update.tables {
            let table = self.tables.entry(update.table).or_insert_with(|| builtin(update.table));
            if !noflush {
                *table = builtin(update.table);
            }
            table.apply(update);
        }
    }
}

fn builtin(name: TableName) -> Table {
    let empty = Rc::new(Chain::new(Some(Policy::Accept), Vec::new()));
    let chains = name.builtin_chains().iter().map(|it| (ChainName::of(it), Rc::clone(&empty)));
    Table { chains: chains.collect() }
}

impl Table {
    fn apply(&mut self, update: &TableUpdate) {
        for line in &update.chains {
            self.apply_chain_line(line);
        }
        for command in &update.commands {
            self.apply_command(command);
        }
    }

    /// With `--noflush` the rules of a builtin chain stay: its line only sets the policy.
    fn apply_chain_line(&mut self, line: &ChainLine) {
        let chain = self.chain_mut(line.name);
        if chain.policy.is_none() {
            chain.rules.clear();
        } else if line.policy.is_some() {
            chain.policy = line.policy;
        }
    }

    fn apply_command(&mut self, command: &Command) {
        match command {
            Command::Append { chain, rule } => {
                let rules = &mut self.chain_mut(*chain).rules;
                each_rule(rule, |it| rules.push(it));
                self.make_target(rule);
            }
            Command::Insert { chain, index, rule } => {
                self.make_target(rule);
                let rules = &mut self.chain_mut(*chain).rules;
                let index = (*index).min(rules.len());
                each_rule(rule, |it| rules.insert(index, it));
            }
            Command::Delete { chain, rule } => {
                let rules = &mut self.chain_mut(*chain).rules;
                if let Some(index) = rules.iter().position(|it| same(it, rule)) {
                    rules.remove(index);
                }
            }
            Command::DeleteAt { chain, index } => {
                let rules = &mut self.chain_mut(*chain).rules;
                if *index < rules.len() {
                    rules.remove(*index);
                }
            }
            Command::NewChain(chain) => {
                self.chains.get_or_insert_with(*chain, Rc::default);
            }
            Command::DeleteChain(chain) => self.delete_chain(*chain),
            Command::Flush(Some(chain)) => self.chain_mut(*chain).rules.clear(),
            Command::Flush(None) => {
                let all: Vec<ChainName> = self.chains.keys().copied().collect();
                all.into_iter().for_each(|it| self.chain_mut(it).rules.clear());
            }
            Command::SetPolicy { chain, policy } => {
                self.chain_mut(*chain).policy = Some(*policy);
            }
            Command::Chain(line) => self.apply_chain_line(line),
            Command::Remark(_) => {}
        }
    }

    fn make_target(&mut self, rule: &Rule) {
        if let Some(Target::Jump(chain) | Target::Goto(chain)) = rule.target {
            self.chains.get_or_insert_with(chain, Rc::default);
        }
    }

    /// Builtin chains stay.
    fn delete_chain(&mut self, chain: ChainName) {
        if self.chains.get(&chain).is_some_and(|it| it.policy.is_none()) {
            self.chains.remove(&chain);
        }
    }
}

/// The rule itself, or one for each of the addresses that it lists.
fn each_rule(rule: &Rc<Rule>, mut add: impl FnMut(Rc<Rule>)) {
    if !rule.has_lists() {
        return add(Rc::clone(rule));
    }
    rule.expanded().into_iter().map(Rc::new).for_each(add);
}

/// Whether the two do the same: origin, counters and spelling aside.
fn same(one: &Rule, other: &Rule) -> bool {
    let bare = |it: &Rule| Rule {
        origin: None,
        counters: None,
        written: BTreeMap::new(),
        ..it.canonical()
    };
    bare(one) == bare(other)
}
