//! The rules that a packet met where kube-proxy works with another thing than iptables.

use svclab_core::key::ObjectKey;
use svclab_core::net::balancer::{Found, Step};
use svclab_core::trace::Balanced;
use yew::prelude::*;

use super::super::rules::source_of;
use crate::state::Msg;
use crate::words::{self, Lang};

/// What matched in full; what was skipped in between folded into one line.
pub(super) fn html(lang: Lang, balanced: &Balanced, send: &Callback<Msg>) -> Html {
    let mut parts = Vec::new();
    let mut skipped: Vec<&Step> = Vec::new();
    for step in &balanced.steps {
        if matches!(step.found, Found::Skipped(_)) {
            skipped.push(step);
            continue;
        }
        parts.push(fold(lang, &std::mem::take(&mut skipped)));
        parts.push(line(lang, step));
    }
    parts.push(fold(lang, &skipped));
    html! {
        <div class="visits">
            { for parts }
            for service in services(balanced) {
                { source_of(lang, service, send) }
            }
        </div>
    }
}

fn fold(lang: Lang, skipped: &[&Step]) -> Html {
    if skipped.is_empty() {
        return html! {};
    }
    html! {
        <details>
            <summary>{ words::skipped_line(lang, skipped.len()) }</summary>
            for step in skipped.iter().take(200) {
                { line(lang, step) }
            }
        </details>
    }
}

/// A rule; what did not match is marked, and why it is there is said where it belongs to a Service.
fn line(lang: Lang, step: &Step) -> Html {
    let matched = !matches!(step.found, Found::Skipped(_));
    let origin = step.origin.as_ref().filter(|it| matched && it.service.is_some());
    html! {
        <div class={if matched { "visit matched" } else { "visit" }}>
            <code class="rule" lang="en">
                <span class="chain">{ &*step.chain }</span>
                { " " }
                { text(step) }
            </code>
            if let Some(found) = words::found(lang, &step.found) {
                <span class="dice">{ found }</span>
            }
            if let Some(origin) = origin {
                <p class="because">{ words::why(lang, Some(origin)) }</p>
            }
        </div>
    }
}

fn text(step: &Step) -> Html {
    let Found::Skipped(part) = &step.found else { return html! { <>{ &step.rule }</> } };
    match step.rule.split_once(part.as_str()) {
        Some((before, after)) => {
            html! { <>{ before }<mark class="miss">{ part }</mark>{ after }</> }
        }
        None => html! { <>{ &step.rule }</> },
    }
}

/// Those whose rules matched.
fn services(balanced: &Balanced) -> Vec<ObjectKey> {
    let matched = balanced.steps.iter().filter(|it| !matches!(it.found, Found::Skipped(_)));
    let mut res = Vec::new();
    for service in matched.filter_map(|it| it.origin.as_ref()?.service.as_deref()) {
        if !res.contains(service) {
            res.push(service.clone());
        }
    }
    res
}
