//! A chain as it was and as it is → the rules that came and those that went.

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{ChainName, Rule, RuleRef, TableName};

/// What a sync changed in a kernel's rules. A rule that only moved is not among them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Where the new rules stand.
    pub added: BTreeSet<RuleRef>,
    /// The lines that are gone, as `-t nat -A CHAIN …`.
    pub removed: Vec<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// Gathers the changes of one chain after the other.
#[derive(Default)]
pub(super) struct Comparison {
    added: Vec<RuleRef>,
    removed: Vec<String>,
}

impl Comparison {
    pub(super) fn compare(
        &mut self,
        (table, chain): (TableName, ChainName),
        old: &[Rc<Rule>],
        new: &[Rc<Rule>],
    ) {
        let start = same_ahead(old.iter(), new.iter());
        let (old, new) = (&old[start..], &new[start..]);
        let end = same_ahead(old.iter().rev(), new.iter().rev());
        let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
        let place = |index: usize| RuleRef { table, chain, index: start + index };
        if old.is_empty() {
            self.added.extend((0..new.len()).map(place));
            return;
        }
        let text = |rules: &[Rc<Rule>]| rules.iter().map(|it| it.to_string()).collect();
        let (old, new): (Vec<String>, Vec<String>) = (text(old), text(new));
        let (was, is): (BTreeSet<&String>, BTreeSet<&String>) =
            (old.iter().gather(), new.iter().gather());
        let come = new.iter().enumerate().filter(|it| !was.contains(it.1));
        self.added.extend(come.map(|it| place(it.0)));
        let gone = old.iter().filter(|it| !is.contains(it));
        self.removed.extend(gone.map(|it| format!("-t {table} -A {chain} {it}")));
    }

    pub(super) fn changes(self) -> Changes {
        Changes { added: self.added.into_iter().gather(), removed: self.removed }
    }
}

/// How many rules from the first on are alike.
fn same_ahead<'a>(
    old: impl Iterator<Item = &'a Rc<Rule>>,
    new: impl Iterator<Item = &'a Rc<Rule>>,
) -> usize {
    old.zip(new).take_while(|(a, b)| Rc::ptr_eq(a, b) || a.reads_as(b)).count()
}
