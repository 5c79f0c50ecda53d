use std::net::IpAddr;

use svclab_core::lab::Action;
use yew::prelude::*;

use super::press::{button, switch};
use super::stage::{line, n, rect};
use crate::actions;
use crate::scene::{HOOKS, MONO, NodeBox, Point, Rect};
use crate::state::Msg;
use crate::view;
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct NodeMapProps {
    pub lang: Lang,
    /// The Service that requests are sent to.
    pub chosen: Option<String>,
    pub place: NodeBox,
    pub node: view::Node,
    pub send: Callback<Msg>,
}

/// A node without its box and its pods.
#[component]
pub(super) fn NodeMap(props: &NodeMapProps) -> Html {
    let NodeMapProps { lang, chosen, place, node, send } = props;
    let lang = *lang;
    let (gate, detail, nic, bridge) = (place.gate, place.detail, place.nic, place.bridge);
    html! {
        <g class={classes!("inside", (!node.up).then_some("off"))}>
            <text class="title big" x={n(place.rect.x + 14.0)} y={n(place.rect.y + 36.0)}>
                { &*node.name }
            </text>
            { standing(lang, place, node) }
            { switches(lang, place, node, send) }
            <g class="port">
                { rect(nic, 5.0, None) }
                <text class="mono" x={n(nic.middle().x)} y={n(nic.middle().y + 3.5)}
                      text-anchor="middle">{ "eth0" }</text>
                if let Some(first) = node.announces.first() {
                    <text class="mono announces" x={n(nic.right() + 6.0)} y={n(place.rect.y - 5.0)}>
                        <title>{ words::announces(lang, &node.name, &node.announces) }</title>
                        { announced(first, node.announces.len()) }
                    </text>
                }
            </g>
            { rect(gate, 10.0, Some("gate")) }
            <path class="wires" d={pipes(place)} />
            <text class="label" x={n(gate.x + 9.0)} y={n(gate.y + 17.0)}>{ "netfilter" }</text>
            <text class="mono faint" x={n(gate.right() - 9.0)} y={n(gate.y + 17.0)} text-anchor="end">
                { words::rules_line(lang, node.rules) }
            </text>
            for ((_, name), chip) in HOOKS.iter().zip(&place.chips) {
                <g class="hook">
                    { rect(*chip, 4.0, None) }
                    <text class="mono" x={n(chip.middle().x)} y={n(chip.middle().y + 3.2)}
                          text-anchor="middle">{ *name }</text>
                </g>
            }
            <path class="fork" d={format!("M{:.1} {:.1}l6 -6l6 6l-6 6z",
                                          place.routing.x - 6.0, place.routing.y)} />
            <circle class="fork" cx={n(place.process.x)} cy={n(place.process.y)} r="4" />
            <line class="rule" x1={n(detail.x)} x2={n(detail.right())}
                  y1={n(detail.y - 6.0)} y2={n(detail.y - 6.0)} />
            { proxy(lang, detail, node, send) }
            { known(chosen.as_deref(), node, detail) }
            if let Some(name) = &node.bridge {
                <g class="bridge">
                    { rect(bridge, 6.0, None) }
                    <text class="mono" x={n(bridge.middle().x)} y={n(bridge.middle().y + 3.5)}
                          text-anchor="middle">{ &**name }</text>
                </g>
            } else if !place.pods.is_empty() {
                <text class="mono faint" x={n(bridge.middle().x)} y={n(bridge.middle().y - 3.5)}
                      text-anchor="middle">{ "cali…" }</text>
            }
            if place.pods.is_empty() {
                <text class="label" x={n(bridge.middle().x)} y={n(bridge.bottom() + 26.0)}
                      text-anchor="middle">{ lang.say(Word::NoPods) }</text>
            }
        </g>
    }
}

/// The node's address, and what the cluster thinks of it where that is not the usual.
fn standing(lang: Lang, place: &NodeBox, node: &view::Node) -> Html {
    let status = match (node.ready, node.cordoned) {
        (None, _) => lang.say(Word::NoNodeObject),
        (Some(false), _) => "NotReady",
        (Some(true), true) => "SchedulingDisabled",
        (Some(true), false) => "",
    };
    let free = place.rect.w - 40.0 - node.name.len() as f64 * 13.0 * 0.66;
    let letters = |text: &str| text.chars().count() as f64 * 10.0 * MONO;
    let whole = node.ip.to_string();
    let tail = view::tail(&whole);
    let fits = |address: &str| letters(status) + letters(address) + 8.0 < free;
    let address = [whole.as_str(), &tail].into_iter().find(|it| fits(it));
    html! {
        <text class="mono" x={n(place.rect.right() - 14.0)} y={n(place.rect.y + 36.0)} text-anchor="end">
            <tspan class="standing">{ status }</tspan>
            <tspan dx={(!status.is_empty()).then_some("6")}>{ address.unwrap_or_default() }</tspan>
        </text>
    }
}

/// `+ .56.200`, `+ .56.200 …`
fn announced(first: &IpAddr, count: usize) -> String {
    let more = if count > 1 { " …" } else { "" };
    format!("+ {}{more}", view::tail(&first.to_string()))
}

/// Its machine, and what `kubectl` can do with it.
fn switches(lang: Lang, place: &NodeBox, node: &view::Node, send: &Callback<Msg>) -> Html {
    let (head, name) = (place.head, &node.name);
    let power = Action::SwitchMachine { node: name.to_string(), up: !node.up };
    let verb = if node.cordoned { "uncordon" } else { "cordon" };
    let drain = Rect { x: head.right() - 40.0, y: head.y + 1.0, w: 40.0, h: 18.0 };
    let width = if node.cordoned { 58.0 } else { 46.0 };
    let cordon = Rect { x: drain.x - 5.0 - width, w: width, ..drain };
    let label = |verb: &str| format!("{verb} {name}");
    html! {
        <>
            { switch(words::power_of(lang, name), lang.say(Word::Power), node.up,
                     Point::new(head.x + 1.0, head.y + 2.0), 62.0, send, Msg::Act(power)) }
            if node.ready.is_some() {
                { button(label(verb), verb, cordon, send, Msg::Act(actions::cordon(name, !node.cordoned))) }
                { button(label("drain"), "drain", drain, send, Msg::Act(actions::drain(name))) }
            }
        </>
    }
}

/// kube-proxy: whether it runs, when it wrote last and what, and whether that is still true.
fn proxy(lang: Lang, detail: Rect, node: &view::Node, send: &Callback<Msg>) -> Html {
    let flip = Action::SwitchProxy { node: node.name.clone(), running: !node.proxy };
    let fresh = (node.added + node.removed > 0).then_some("fresh");
    let doubt = match (node.proxy, node.stale) {
        (false, false) => Some(Word::Stopped),
        (_, true) => Some(Word::Stale),
        (true, false) => None,
    };
    let at = node.synced.clone().unwrap_or_default();
    html! {
        <>
            { switch(words::proxy_of(lang, &node.name), "kube-proxy", node.proxy,
                     Point::new(detail.x, detail.y), 84.0, send, Msg::Act(flip)) }
            <g key={at.clone()} class={classes!("sync", fresh)}>
                <text class="mono faint" x={n(detail.right() - 1.0)} y={n(detail.y + 12.0)} text-anchor="end">
                    <title>{ lang.say(Word::LastSync) }</title>
                    { at }
                </text>
                <text class="mono" x={n(detail.x + 1.0)} y={n(detail.y + 29.0)}>
                    <tspan class="plus">{ format!("+{}", node.added) }</tspan>
                    <tspan class="minus" dx="8">{ format!("−{}", node.removed) }</tspan>
                </text>
            </g>
            if let Some(doubt) = doubt {
                <text class="doubt" x={n(detail.right() - 1.0)} y={n(detail.y + 29.0)} text-anchor="end">
                    { lang.say(doubt) }
                </text>
            }
        </>
    }
}

/// The endpoints that this node's rules lead to, as of its own last sync.
fn known(chosen: Option<&str>, node: &view::Node, detail: Rect) -> Html {
    let Some(service) = chosen else { return html! {} };
    let ends = node.ends.get(service).map(Vec::as_slice).unwrap_or_default();
    let letters = ends.iter().map(|end| view::tail(end).len()).max().unwrap_or(0) as f64;
    let width = (letters * 10.0 * MONO + 6.0).max(36.0);
    let step = width + 4.0;
    let fitting = (((detail.w + 4.0) / step) as usize).max(2);
    let shown = if ends.len() > fitting { fitting - 1 } else { ends.len() };
    let cell = |index: usize, key: &str, text: String| {
        let at = Rect { x: detail.x + index as f64 * step, y: detail.y + 56.0, w: width, h: 17.0 };
        html! {
            <g key={key} class="end">
                { rect(at, 4.0, None) }
                <text class="mono" x={n(at.middle().x)} y={n(at.y + 12.0)} text-anchor="middle">{ text }</text>
            </g>
        }
    };
    html! {
        <g class={classes!("known", ends.is_empty().then_some("nobody"))} role="img"
           aria-label={format!("{} {service}: {}", node.name, ends.join(", "))}>
            <text class="mono" x={n(detail.x + 1.0)} y={n(detail.y + 49.0)}>
                { if ends.is_empty() { format!("{service} → REJECT") } else { format!("{service} →") } }
            </text>
            for (index, end) in ends[..shown].iter().enumerate() {
                { cell(index, end, view::tail(end)) }
            }
            if shown < ends.len() {
                { cell(shown, "more", format!("+{}", ends.len() - shown)) }
            }
        </g>
    }
}

/// The wires between the hooks, over the gate's ground.
fn pipes(place: &NodeBox) -> String {
    let [pre, input, forward, output, post] = place.chips.map(Rect::middle);
    let gate = place.gate;
    let edge = |x: f64| Point::new(x, pre.y);
    let pairs = [
        [edge(gate.x), pre],
        [pre, place.routing],
        [place.routing, forward],
        [forward, post],
        [post, edge(gate.right())],
        [place.routing, input],
        [input, place.process],
        [place.process, output],
        [output, post],
    ];
    pairs.iter().map(line).collect()
}
