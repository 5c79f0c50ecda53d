//! What goes on inside a node's netfilter while a packet is there: [`Passage`] → [`Opening`].

use std::rc::Rc;

use svclab_core::net::balancer::Found;
use svclab_core::trace::{Balanced, Event, Place, Step, Trace};
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{
    Criterion, Finding, Hook, Passage, Probability, Rule, RuleSet, TableName, Target, Verdict,
    Visit,
};

/// The way through one table, short enough to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    pub node: Rc<str>,
    pub hook: Hook,
    pub table: TableName,
    /// The chains that led to the decision, the hook's own first.
    pub chains: Vec<String>,
    pub choices: Vec<Choice>,
    pub looked_at: usize,
    pub matched: usize,
    pub nat: Option<Nat>,
    pub verdict: Verdict,
}

/// One endpoint that the dice may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub address: String,
    /// The rule's own `--probability`; none for the last, which takes the rest.
    pub probability: Option<f64>,
    /// What the dice showed, from 0 to 1, where they were thrown.
    pub drawn: Option<f64>,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Taken,
    PassedOver,
    NotReached,
}

/// The gate that is open at `step`, if the packet walks through rules there.
pub fn opening(trace: &Trace, step: &Step) -> Option<Opening> {
    let Place::Hook { node, hook, table } = &step.place else { return None };
    let passage = match &step.event {
        Event::Walked(passage) => passage,
        Event::Balanced(balanced) => {
            return Some(balanced_opening((node, *hook, *table), balanced));
        }
        _ => return None,
    };
    let rules = trace.rules.get(node)?;
    Some(Opening {
        node: node.clone(),
        hook: *hook,
        table: *table,
        chains: deciding_chains(passage, rules),
        choices: choices(passage, rules),
        looked_at: passage.evaluated(),
        matched: passage.visits.iter().filter(|it| it.finding == Finding::Matched).count(),
        nat: passage.nat,
        verdict: passage.verdict,
    })
}

/// The same where kube-proxy works with nftables or IPVS: each step says what it chose.
fn balanced_opening(
    (node, hook, table): (&Rc<str>, Hook, TableName),
    balanced: &Balanced,
) -> Opening {
    let matched = balanced.steps.iter().filter(|it| !matches!(it.found, Found::Skipped(_)));
    let mut chains: Vec<String> = matched.clone().map(|it| it.chain.to_string()).collect();
    chains.dedup();
    Opening {
        node: node.clone(),
        hook,
        table,
        chains,
        choices: Vec::new(),
        looked_at: balanced.steps.len(),
        matched: matched.count(),
        nat: balanced.nat,
        verdict: balanced.verdict,
    }
}

/// The chains that were open when the decision fell; the hook's own chain where none fell.
fn deciding_chains(passage: &Passage, rules: &RuleSet) -> Vec<String> {
    let mut open = vec![passage.hook.name().to_owned()];
    if passage.decided_by.is_none() {
        return open;
    }
    for visit in &passage.visits {
        open.truncate(visit.depth + 1);
        if let Some(target) = jump_of(rules, visit) {
            open.push(target);
        }
    }
    open
}

fn jump_of(rules: &RuleSet, visit: &Visit) -> Option<String> {
    if visit.finding != Finding::Matched {
        return None;
    }
    match rules.rule(visit.rule)?.target.as_ref()? {
        Target::Jump(chain) | Target::Goto(chain) => Some(chain.to_string()),
        _ => None,
    }
}

/// Where a DNAT was decided: the rules of the chain that led there, one for each endpoint.
fn choices(passage: &Passage, rules: &RuleSet) -> Vec<Choice> {
    let Some(decider) =
        passage.decided_by.filter(|_| matches!(passage.nat, Some(Nat::Dnat { .. })))
    else {
        return Vec::new();
    };
    let leads_there =
        |visit: &&Visit| jump_of(rules, visit).is_some_and(|chain| chain == decider.chain.as_str());
    let Some(jump) = passage.visits.iter().rev().find(leads_there) else { return Vec::new() };
    let Some(chain) = rules.chain(passage.table, jump.rule.chain) else { return Vec::new() };
    let choice = |(index, rule): (usize, &Rc<Rule>)| {
        let Some(Target::Jump(target)) = &rule.target else { return None };
        let address = dnat_of(rules, passage.table, target)?;
        let of_rule =
            |visit: &&Visit| visit.rule.chain == jump.rule.chain && visit.rule.index == index;
        let visit = passage.visits.iter().rev().find(of_rule);
        Some(Choice {
            address,
            probability: probability(rule)
                .map(|it| f64::from(it.threshold()) / f64::from(1u32 << 31)),
            drawn: visit.and_then(|it| it.draw).map(|it| it.fraction()),
            fate: match visit.map(|it| it.finding) {
                Some(Finding::Matched) => Fate::Taken,
                Some(Finding::Skipped { .. }) => Fate::PassedOver,
                None => Fate::NotReached,
            },
        })
    };
    chain.rules.iter().enumerate().filter_map(choice).collect()
}

fn probability(rule: &Rule) -> Option<Probability> {
    rule.matches.iter().find_map(|it| match it.criterion {
        Criterion::Statistic(probability) => Some(probability),
        _ => None,
    })
}

fn dnat_of(
    rules: &RuleSet,
    table: TableName,
    chain: &svclab_netfilter::ChainName,
) -> Option<String> {
    rules.chain(table, *chain)?.rules.iter().find_map(|rule| match &rule.target {
        Some(Target::Dnat { to, port: Some(port) }) => {
            Some(std::net::SocketAddr::new(*to, *port).to_string())
        }
        Some(Target::Dnat { to, port: None }) => Some(to.to_string()),
        _ => None,
    })
}
