//! The steps of a packet, one below the other; the present one opened.

use svclab_core::trace::{Event, Place, Step, Trace};
use svclab_netfilter::Packet;
use web_sys::Element;
use yew::prelude::*;

use super::visits::Visits;
use super::{Watching, balanced, step_keys};
use crate::effects;
use crate::state::Msg;
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct StepsProps {
    pub lang: Lang,
    pub watching: Watching,
    pub send: Callback<Msg>,
}

#[component]
pub(super) fn Steps(props: &StepsProps) -> Html {
    let StepsProps { watching, send, .. } = props;
    let list = use_node_ref();
    use_effect_with((watching.packet, watching.step), {
        let list = list.clone();
        move |(_, step)| show_step(&list, *step)
    });
    let Some(trace) = watching.exchange.packets.get(watching.packet) else { return html! {} };
    let class =
        if words::is_reply(&watching.exchange, watching.packet) { "steps reply" } else { "steps" };
    html! {
        <ol class={class} ref={list} aria-label={"Packet walk"} onkeydown={step_keys(send, true)}>
            for (index, step) in trace.steps.iter().enumerate() {
                { row(props, trace, index, step) }
            }
        </ol>
    }
}

/// Scrolls to the step; if the focus is in the list it goes along.
fn show_step(list: &NodeRef, step: usize) {
    let Some(list) = list.cast::<Element>() else { return };
    let Some(item) = list.children().item(step as u32) else { return };
    effects::reveal(&list, &item);
    let active = gloo::utils::document().active_element();
    if active.is_some_and(|it| list.contains(Some(&it)) && it.class_name() == "at") {
        effects::focus(&format!("step-{step}"));
    }
}

fn row(props: &StepsProps, trace: &Trace, index: usize, step: &Step) -> Html {
    let StepsProps { lang, watching, send } = props;
    let (lang, current) = (*lang, index == watching.step);
    let before = index.checked_sub(1).map_or(trace.sent, |it| trace.steps[it].packet);
    let class = classes!(current.then_some("on"), tone(&step.event));
    html! {
        <li key={index} {class}>
            <button type="button" class="at" id={format!("step-{index}")}
                    tabindex={if current { "0" } else { "-1" }}
                    aria-current={current.then_some("step")}
                    onclick={send.reform(move |_| Msg::PickStep(index))}>
                <span class="place">{ format!("{} · {}", index + 1, words::step_place(lang, step)) }</span>
                <span class="said">{ words::step_sentence(lang, step) }</span>
            </button>
            if current {
                <div class="more">
                    { details(props, trace, step) }
                    { headers(lang, &before, &step.packet) }
                </div>
            }
        </li>
    }
}

fn tone(event: &Event) -> Option<&'static str> {
    match event {
        Event::Walked(passage) if passage.nat.is_some() => Some("turn"),
        Event::Balanced(it) if it.nat.is_some() => Some("turn"),
        Event::Translated { .. } => Some("turn"),
        Event::Lost(_) => Some("bad"),
        Event::Delivered => Some("good"),
        Event::Walked(passage) if passage.verdict != svclab_netfilter::Verdict::Accept => {
            Some("bad")
        }
        Event::Balanced(it) if it.verdict != svclab_netfilter::Verdict::Accept => Some("bad"),
        _ => None,
    }
}

fn details(props: &StepsProps, trace: &Trace, step: &Step) -> Html {
    let StepsProps { lang, watching, send } = props;
    match &step.event {
        Event::Walked(passage) => {
            let node = step.place.node().cloned();
            let Some((node, rules)) = node.and_then(|it| Some((it.clone(), trace.rules.get(&it)?)))
            else {
                return html! {};
            };
            let origins = watching.origins.as_ref();
            Visits { lang: *lang, passage, rules, node: &node, origins, send }.html()
        }
        Event::Balanced(balanced) => balanced::html(*lang, balanced, send),
        Event::Tracked { entry, .. } => html! {
            <code class="rule" lang="en">{ entry.to_string() }</code>
        },
        Event::Routed { route } => {
            html! { <code class="rule" lang="en">{ route.to_string() }</code> }
        }
        Event::Sent
        | Event::Passed
        | Event::Bridged { .. }
        | Event::Resolved { .. }
        | Event::Wrapped { .. }
        | Event::Unwrapped
        | Event::Translated { .. }
        | Event::Policed(_)
        | Event::Delivered
        | Event::Lost(_) => match &step.place {
            Place::Veth { device, .. } => html! { <code class="rule">{ &**device }</code> },
            _ => html! {},
        },
    }
}

/// The header after the step; what the step changed stands beside what it was.
fn headers(lang: Lang, before: &Packet, after: &Packet) -> Html {
    let line = |name: &'static str, old: String, new: String| {
        html! {
            <>
                <dt>{ name }</dt>
                <dd>
                    if old != new {
                        <s>{ old }</s>{ " → " }<em>{ new }</em>
                    } else {
                        { new }
                    }
                </dd>
            </>
        }
    };
    let mark = |packet: &Packet| format!("{:#x}", packet.mark);
    html! {
        <dl class="header" aria-label={lang.say(Word::Header)}>
            { line("src", words::end(before, false), words::end(after, false)) }
            { line("dst", words::end(before, true), words::end(after, true)) }
            if before.ttl != after.ttl {
                { line("ttl", before.ttl.to_string(), after.ttl.to_string()) }
            }
            if before.mark != 0 || after.mark != 0 {
                { line("mark", mark(before), mark(after)) }
            }
        </dl>
    }
}
