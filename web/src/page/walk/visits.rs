//! The rules that a packet met in a table.

use std::rc::Rc;

use svclab_core::key::ObjectKey;
use svclab_core::proxy::{Origin, Origins};
use svclab_netfilter::{Finding, Passage, RuleRef, RuleSet, Visit};
use yew::prelude::*;

use super::super::rule::{dice_text, rule_text};
use super::super::rules::source_of;
use crate::state::Msg;
use crate::words::{self, Lang, Word};

/// The rules that a packet met in a table of a node, and where they come from.
pub(super) struct Visits<'a> {
    pub lang: Lang,
    pub passage: &'a Passage,
    pub rules: &'a RuleSet,
    pub node: &'a Rc<str>,
    pub origins: Option<&'a Origins>,
    pub send: &'a Callback<Msg>,
}

impl Visits<'_> {
    /// The matched rules in full; those skipped in between folded into one line.
    pub(super) fn html(&self) -> Html {
        let mut parts = Vec::new();
        let mut skipped: Vec<&Visit> = Vec::new();
        for visit in &self.passage.visits {
            // A throw of the dice is worth seeing even where it did not match.
            if visit.finding != Finding::Matched && visit.draw.is_none() {
                skipped.push(visit);
                continue;
            }
            parts.push(self.fold(&std::mem::take(&mut skipped)));
            parts.push(self.line(visit, true));
        }
        parts.push(self.fold(&skipped));
        html! {
            <div class="visits">
                { for parts }
                for service in self.services() {
                    { source_of(self.lang, service, self.send) }
                }
            </div>
        }
    }

    fn fold(&self, skipped: &[&Visit]) -> Html {
        if skipped.is_empty() {
            return html! {};
        }
        let count = skipped.iter().map(|it| it.run).sum();
        let each = skipped.iter().flat_map(|it| self.passage.each_of(it, self.rules));
        html! {
            <details>
                <summary>{ words::skipped_line(self.lang, count) }</summary>
                for visit in each.take(200) {
                    { self.line(&visit, false) }
                }
            </details>
        }
    }

    /// A rule, with a way to it and why it is there if it counted.
    fn line(&self, visit: &Visit, counted: bool) -> Html {
        let Some(rule) = self.rules.rule(visit.rule) else { return html! {} };
        let matched = visit.finding == Finding::Matched;
        let origin = self.origin(visit).filter(|it| matched && it.service.is_some());
        html! {
            <div class={if matched { "visit matched" } else { "visit" }}>
                { rule_text(visit.rule.chain.as_str(), rule, Some(visit.finding)) }
                if let Some(draw) = visit.draw {
                    { dice_text(self.lang, draw, matched) }
                }
                if let Some(origin) = origin {
                    <p class="because">{ words::why(self.lang, Some(origin)) }</p>
                }
                if counted {
                    { self.link(visit.rule) }
                }
            </div>
        }
    }

    fn link(&self, rule: RuleRef) -> Html {
        let word = self.lang.say(Word::ShowRule);
        let node = self.node.clone();
        html! {
            <button type="button" class="go" aria-label={word} title={word}
                    onclick={self.send.reform(move |_| Msg::ShowRule(node.clone(), rule))}>
                <span aria-hidden="true">{ "↗" }</span>
            </button>
        }
    }

    fn origin(&self, visit: &Visit) -> Option<&Origin> {
        self.origins?.get(self.rules.rule(visit.rule)?.origin?)
    }

    /// Those whose rules matched.
    fn services(&self) -> Vec<ObjectKey> {
        let matched = self.passage.visits.iter().filter(|it| it.finding == Finding::Matched);
        let mut res = Vec::new();
        for service in matched.filter_map(|it| self.origin(it)?.service.as_deref()) {
            if !res.contains(service) {
                res.push(service.clone());
            }
        }
        res
    }
}
