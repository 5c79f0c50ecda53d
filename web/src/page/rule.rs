use svclab_netfilter::{Criterion, Draw, Finding, Rule};
use yew::prelude::*;

use crate::words::{self, Lang};

/// A rule as iptables writes it; what matched, or the first thing that did not, is marked.
pub(super) fn rule_text(chain: &str, rule: &Rule, finding: Option<Finding>) -> Html {
    let failed = match finding {
        Some(Finding::Skipped { criterion }) => Some(criterion),
        _ => None,
    };
    html! {
        <code class="rule" lang="en">
            <span class="chain">{ format!("-A {chain}") }</span>
            for piece in rule.pieces() {
                { " " }
                { marked(rule, piece.criterion, &piece.text, finding, failed) }
            }
        </code>
    }
}

fn marked(
    rule: &Rule,
    criterion: Option<usize>,
    text: &str,
    finding: Option<Finding>,
    failed: Option<usize>,
) -> Html {
    let class = match (criterion, finding) {
        (Some(index), Some(Finding::Matched)) if decides(rule, index) => Some("hit"),
        (Some(index), Some(Finding::Skipped { .. })) if failed == Some(index) => Some("miss"),
        (None, Some(Finding::Matched)) => Some("target"),
        (None, _) => None,
        _ => None,
    };
    match class {
        Some(class) => html! { <mark class={class}>{ text }</mark> },
        None => html! { <>{ text }</> },
    }
}

/// Comments and modules match everything: marking them would say nothing.
fn decides(rule: &Rule, index: usize) -> bool {
    let Some(it) = rule.matches.get(index) else { return false };
    !matches!(it.criterion, Criterion::Comment { .. } | Criterion::Module(_) | Criterion::Nfacct(_))
}

/// What the dice showed, in words.
pub(super) fn dice_text(lang: Lang, draw: Draw, taken: bool) -> Html {
    let threshold = f64::from(draw.threshold) / f64::from(1u32 << 31);
    html! {
        <span class="dice">
            <span aria-hidden="true">{ "⚄ " }</span>
            { words::dice(lang, draw.fraction(), threshold, taken) }
        </span>
    }
}
