use std::rc::Rc;

use svclab_core::trace::{Event, Exchange, Place, Step, Trace};
use svclab_netfilter::{Finding, Packet, Passage, RuleSet, Visit};
use web_sys::Element;
use yew::prelude::*;

use crate::effects;
use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

use super::bar::{pause_icon, play_icon, step_icon};
use super::rule::{dice_text, rule_text};

#[derive(Clone, PartialEq)]
pub(super) struct Watching {
    pub exchange: Shared<Exchange>,
    pub packet: usize,
    pub step: usize,
    pub live: bool,
}

#[derive(Properties)]
pub(super) struct WalkProps {
    pub lang: Lang,
    pub playback: Option<Watching>,
    pub exchanges: Shared<Vec<Rc<Exchange>>>,
    /// Exchanges are only ever added, so their number says whether there are new ones.
    pub count: usize,
    pub playing: bool,
    pub send: Callback<Msg>,
}

impl PartialEq for WalkProps {
    fn eq(&self, other: &WalkProps) -> bool {
        self.lang == other.lang
            && self.playback == other.playback
            && self.count == other.count
            && self.playing == other.playing
            && self.send == other.send
    }
}

/// Arrow keys step; in the list of steps the focus goes along.
pub(super) fn step_keys(send: &Callback<Msg>, upright: bool) -> Callback<KeyboardEvent> {
    let send = send.clone();
    Callback::from(move |event: KeyboardEvent| {
        let msg = match event.key().as_str() {
            "ArrowRight" => Msg::StepBy(1),
            "ArrowLeft" => Msg::StepBy(-1),
            "ArrowDown" if upright => Msg::StepBy(1),
            "ArrowUp" if upright => Msg::StepBy(-1),
            "Home" if upright => Msg::PickStep(0),
            "End" if upright => Msg::LastStep,
            _ => return,
        };
        event.prevent_default();
        send.emit(msg);
    })
}

/// A request's packets, and the steps of the chosen one.
#[component]
pub(super) fn Walk(props: &WalkProps) -> Html {
    let WalkProps { lang, playback, exchanges, playing, send, .. } = props;
    let lang = *lang;
    let Some(watching) = playback else {
        if !exchanges.is_empty() {
            return latest(lang, exchanges, send);
        }
        return html! {
            <div class="empty tall">
                <p>{ lang.say(Word::NoPacketYet) }</p>
                <p>{ lang.say(Word::NoPacketHint) }</p>
            </div>
        };
    };
    html! {
        <div class="walk">
            <Head {lang} watching={watching.clone()} exchanges={exchanges.clone()}
                  count={props.count} send={send.clone()} />
            <Steps {lang} watching={watching.clone()} send={send.clone()} />
            { stepper(lang, *playing, watching.live, send) }
        </div>
    }
}

/// Requests to choose from, the latest first.
fn latest(lang: Lang, exchanges: &[Rc<Exchange>], send: &Callback<Msg>) -> Html {
    html! {
        <div class="latest-requests scroll" tabindex="0" role="group" aria-label={lang.say(Word::Requests)}>
            <p>{ lang.say(Word::ChooseRequest) }</p>
            <ol aria-label={lang.say(Word::Requests)}>
                for it in exchanges.iter().rev().take(50) {
                    <li key={it.id}>
                        <button type="button" onclick={send.reform({ let id = it.id; move |_| Msg::Watch(id) })}>
                            <code>{ format!("#{} {}", it.id, words::request_line(it)) }</code>
                            <small>{ format!("{} · {}", it.request.from, words::answer(lang, &it.result)) }</small>
                        </button>
                    </li>
                }
            </ol>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct CaptionProps {
    pub lang: Lang,
    pub trace: Shared<Trace>,
    pub step: usize,
    pub playing: bool,
    pub send: Callback<Msg>,
}

/// The present step below a stage that stands alone.
#[component]
pub(super) fn Caption(props: &CaptionProps) -> Html {
    let CaptionProps { lang, trace, step, playing, send } = props;
    let Some(it) = trace.steps.get(*step) else { return html! {} };
    html! {
        <div class="caption">
            <p>
                <b>{ format!("{}/{} · {}", step + 1, trace.steps.len(), words::step_place(*lang, it)) }</b>
                { words::step_sentence(*lang, it) }
            </p>
            { stepper(*lang, *playing, true, send) }
        </div>
    }
}

fn stepper(lang: Lang, playing: bool, live: bool, send: &Callback<Msg>) -> Html {
    let (play, icon) = match playing {
        true => (Word::Pause, pause_icon()),
        false => (Word::Play, play_icon()),
    };
    html! {
        <div class="stepper" role="group" aria-label={lang.say(Word::Walk)}>
            { control(lang, Word::FirstStep, step_icon(false, true), send, || Msg::PickStep(0)) }
            { control(lang, Word::PreviousStep, step_icon(false, false), send, || Msg::StepBy(-1)) }
            { control(lang, play, icon, send, || Msg::PlayPause) }
            { control(lang, Word::NextStep, step_icon(true, false), send, || Msg::StepBy(1)) }
            { control(lang, Word::LastStep, step_icon(true, true), send, || Msg::LastStep) }
            <span class="grow" />
            if live {
                <button type="button" onclick={send.reform(|_| Msg::Leave)}>
                    { lang.say(Word::SkipToEnd) }
                </button>
            }
        </div>
    }
}

fn control(lang: Lang, word: Word, icon: Html, send: &Callback<Msg>, msg: fn() -> Msg) -> Html {
    html! {
        <button type="button" class="icon" aria-label={lang.say(word)} title={lang.say(word)}
                onclick={send.reform(move |_| msg())}>{ icon }</button>
    }
}

#[derive(Properties)]
struct HeadProps {
    lang: Lang,
    watching: Watching,
    exchanges: Shared<Vec<Rc<Exchange>>>,
    count: usize,
    send: Callback<Msg>,
}

impl PartialEq for HeadProps {
    fn eq(&self, other: &HeadProps) -> bool {
        self.lang == other.lang
            && self.watching.exchange == other.watching.exchange
            && self.watching.packet == other.watching.packet
            && self.count == other.count
    }
}

/// Which request, what came of it, and its packets.
#[component]
fn Head(props: &HeadProps) -> Html {
    let HeadProps { lang, watching, exchanges, send, .. } = props;
    let lang = *lang;
    let exchange = &watching.exchange;
    let onchange = send.reform(|event: web_sys::Event| {
        let value = event.target_unchecked_into::<web_sys::HtmlSelectElement>().value();
        Msg::PickExchange(value.parse().unwrap_or(0))
    });
    html! {
        <div class="head">
            <select aria-label={lang.say(Word::Requests)} {onchange}>
                for it in exchanges.iter().rev().take(50) {
                    <option key={it.id} value={it.id.to_string()} selected={it.id == exchange.id}>
                        { format!("#{} {} · {}", it.id, words::request_line(it), it.request.from) }
                    </option>
                }
            </select>
            <p class="answer">{ words::answer(lang, &exchange.result) }</p>
            <ol class="packets" aria-label={lang.say(Word::Packets)}>
                for index in 0..exchange.packets.len() {
                    { packet_chip(lang, exchange, index, index == watching.packet, send) }
                }
            </ol>
        </div>
    }
}

fn packet_chip(
    lang: Lang,
    exchange: &Exchange,
    index: usize,
    current: bool,
    send: &Callback<Msg>,
) -> Html {
    let reply = words::is_reply(exchange, index);
    let direction = lang.say(if reply { Word::Reply } else { Word::Request2 });
    html! {
        <li key={index}>
            <button type="button" class={if reply { "chip reply" } else { "chip" }}
                    aria-current={current.then_some("true")}
                    onclick={send.reform(move |_| Msg::PickPacket(index))}>
                <span aria-hidden="true">{ if reply { "← " } else { "→ " } }</span>
                <span class="unseen">{ direction }{ " " }</span>
                { words::packet_name(exchange, index) }
            </button>
        </li>
    }
}

#[derive(Properties, PartialEq)]
struct StepsProps {
    lang: Lang,
    watching: Watching,
    send: Callback<Msg>,
}

#[component]
fn Steps(props: &StepsProps) -> Html {
    let StepsProps { lang, watching, send } = props;
    let lang = *lang;
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
                { row(lang, trace, index, step, index == watching.step, send) }
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

fn row(
    lang: Lang,
    trace: &Trace,
    index: usize,
    step: &Step,
    current: bool,
    send: &Callback<Msg>,
) -> Html {
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
                    { details(lang, trace, step, send) }
                    { headers(lang, &before, &step.packet) }
                </div>
            }
        </li>
    }
}

fn tone(event: &Event) -> Option<&'static str> {
    match event {
        Event::Walked(passage) if passage.nat.is_some() => Some("turn"),
        Event::Translated { .. } => Some("turn"),
        Event::Lost(_) => Some("bad"),
        Event::Delivered => Some("good"),
        Event::Walked(passage) if passage.verdict != svclab_netfilter::Verdict::Accept => {
            Some("bad")
        }
        _ => None,
    }
}

fn details(lang: Lang, trace: &Trace, step: &Step, send: &Callback<Msg>) -> Html {
    match &step.event {
        Event::Walked(passage) => {
            let node = step.place.node().cloned();
            let Some((node, rules)) = node.and_then(|it| Some((it.clone(), trace.rules.get(&it)?)))
            else {
                return html! {};
            };
            visits(lang, passage, rules, &node, send)
        }
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

/// The matched rules in full; those skipped in between folded into one line.
fn visits(
    lang: Lang,
    passage: &Passage,
    rules: &RuleSet,
    node: &Rc<str>,
    send: &Callback<Msg>,
) -> Html {
    let mut parts = Vec::new();
    let mut skipped: Vec<&Visit> = Vec::new();
    for visit in &passage.visits {
        // A throw of the dice is worth seeing even where it did not match.
        if visit.finding != Finding::Matched && visit.draw.is_none() {
            skipped.push(visit);
            continue;
        }
        parts.push(fold(lang, passage, rules, &std::mem::take(&mut skipped)));
        parts.push(visit_line(lang, rules, visit, Some((node, send))));
    }
    parts.push(fold(lang, passage, rules, &skipped));
    html! { <div class="visits">{ for parts }</div> }
}

fn fold(lang: Lang, passage: &Passage, rules: &RuleSet, skipped: &[&Visit]) -> Html {
    if skipped.is_empty() {
        return html! {};
    }
    let count = skipped.iter().map(|it| it.run).sum();
    let each = skipped.iter().flat_map(|it| passage.each_of(it, rules));
    html! {
        <details>
            <summary>{ words::skipped_line(lang, count) }</summary>
            for visit in each.take(200) {
                { visit_line(lang, rules, &visit, None) }
            }
        </details>
    }
}

fn visit_line(
    lang: Lang,
    rules: &RuleSet,
    visit: &Visit,
    link: Option<(&Rc<str>, &Callback<Msg>)>,
) -> Html {
    let Some(rule) = rules.rule(visit.rule) else { return html! {} };
    let matched = visit.finding == Finding::Matched;
    html! {
        <div class={if matched { "visit matched" } else { "visit" }}>
            { rule_text(visit.rule.chain.as_str(), rule, Some(visit.finding)) }
            if let Some(draw) = visit.draw {
                { dice_text(lang, draw, matched) }
            }
            if let Some((node, send)) = link {
                <button type="button" class="go" aria-label={lang.say(Word::ShowRule)}
                        title={lang.say(Word::ShowRule)} onclick={send.reform({
                    let (node, rule) = (node.clone(), visit.rule);
                    move |_| Msg::ShowRule(node.clone(), rule)
                })}><span aria-hidden="true">{ "↗" }</span></button>
            }
        </div>
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
