//! A rule of kube-proxy's table that a packet met, in words of the table.

use std::rc::Rc;

use svclab_netfilter::Hook;
use svclab_netfilter::nft::{Finding, Hit, Visit};

use super::{Found, Step};
use crate::proxy::Nftables;

/// None where the rule is not in the table.
pub(crate) fn step(rules: &Nftables, hook: Hook, visit: &Visit) -> Option<Step> {
    let table = &rules.table;
    let rule = table.chains.get(&visit.chain)?.rules.get(visit.index)?;
    let mut origin = rule.origin;
    let found = match (&visit.finding, &visit.hit) {
        (Finding::Skipped { statement }, _) => {
            let skipped = rule.statements.get(*statement)?;
            Found::Skipped(table.statement_of(rule, *statement, skipped))
        }
        (Finding::Matched, None) => Found::Matched,
        (Finding::Matched, Some(Hit::Drawn { number, of })) => {
            Found::Drawn { number: *number, of: *of }
        }
        (Finding::Matched, Some(Hit::Element { map, key })) => {
            let element = table.maps.get(map)?.elements.get(key)?;
            origin = element.origin.or(origin);
            Found::Element(format!("{key}{element}"))
        }
    };
    let origin = origin.and_then(|it| rules.origins.get(it)).cloned();
    Some(Step { hook, chain: Rc::clone(&visit.chain), rule: table.rule(rule), found, origin })
}
