use std::net::IpAddr;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Action;
use svclab_core::proxy::Mode;
use yew::prelude::*;

use super::press::{pressed, switch};
use super::stage::{line, n, rect};
use crate::leads::Lead;
use crate::scene::{HOOKS, MONO, NodeBox, Point, Rect};
use crate::state::{Msg, Sighting};
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
    let (nic, bridge) = (place.nic, place.bridge);
    html! {
        <g class={classes!("inside", (!node.up).then_some("off"))}>
            { title(lang, place, node, send) }
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
            if place.folded {
                { folded_known(lang, chosen.as_deref(), place, node) }
            } else {
                { gate(lang, chosen.as_deref(), place, node, send) }
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
                    <text class="label" x={n(bridge.middle().x)} y={n(bridge.bottom() + 20.0)}
                          text-anchor="middle">{ lang.say(Word::NoPods) }</text>
                }
            }
        </g>
    }
}

/// Name, address, and what the cluster thinks of it where that is not the usual.
fn title(lang: Lang, place: &NodeBox, node: &view::Node, send: &Callback<Msg>) -> Html {
    let at = place.rect;
    let key = ObjectKey::new(Kind::Node, "", &*node.name);
    let (onclick, onkeydown) = pressed(send, Msg::Sight(Sighting::Inspect(Some(key.clone()))));
    let fold = Msg::Sight(Sighting::Fold(node.name.clone(), !place.folded));
    let (fold_click, fold_key) = pressed(send, fold);
    let folding = words::fold_node(lang, &node.name, place.folded);
    let wide = (node.name.chars().count() as f64 * 7.6 + 8.0).min(at.w - 28.0);
    html! {
        <>
            <g class="fold opens" role="button" tabindex="0" aria-label={folding.clone()}
               onclick={fold_click} onkeydown={fold_key}>
                <title>{ folding }</title>
                <rect class="hit" x={n(at.x + 9.0)} y={n(at.y + 15.0)} width="17" height="17" rx="4" />
                <path d={if place.folded { chevron(at, "m0 -3.5l4 3.5l-4 3.5z") } else { chevron(at, "m-1.5 -2.5h7l-3.5 5z") }} />
            </g>
            <g class="opens" role="button" tabindex="0" data-about={key.to_string()}
               aria-label={format!("{}: {key}", node.name)} {onclick} {onkeydown}>
                <rect class="hit" x={n(at.x + 25.0)} y={n(at.y + 14.0)} width={n(wide)} height="19" rx="5" />
                <text class={if place.folded { "title" } else { "title big" }} x={n(at.x + 28.0)} y={n(at.y + 28.0)}>{ &*node.name }</text>
            </g>
            { standing(lang, place, node) }
        </>
    }
}

fn chevron(at: Rect, shape: &str) -> String {
    format!("M{:.1} {:.1}{shape}", at.x + 15.5, at.y + 23.5)
}

fn standing(lang: Lang, place: &NodeBox, node: &view::Node) -> Html {
    let status = match (node.ready, node.cordoned) {
        (None, _) => lang.say(Word::NoNodeObject),
        (Some(false), _) => "NotReady",
        (Some(true), true) => "SchedulingDisabled",
        (Some(true), false) => "",
    };
    let at = place.rect;
    let whole = node.ip.to_string();
    let tail = view::tail(&whole);
    if place.folded {
        return html! {
            <text class="mono" x={n(at.x + 12.0)} y={n(at.y + 45.0)}>
                <tspan class="standing">{ status }</tspan>
                if status.is_empty() { { whole } }
            </text>
        };
    }
    let free = at.w - 48.0 - node.name.chars().count() as f64 * 7.6;
    let letters = |text: &str| text.chars().count() as f64 * 10.0 * MONO;
    let fits = |address: &str| letters(status) + letters(address) + 8.0 < free;
    let address = [whole.as_str(), &tail].into_iter().find(|it| fits(it));
    html! {
        <text class="mono" x={n(at.right() - 14.0)} y={n(at.y + 28.0)} text-anchor="end">
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

/// The hooks, and what is known of the rules behind them.
fn gate(
    lang: Lang,
    chosen: Option<&str>,
    place: &NodeBox,
    node: &view::Node,
    send: &Callback<Msg>,
) -> Html {
    let gate = place.gate;
    html! {
        <>
            { rect(gate, 9.0, Some("gate")) }
            <path class="wires" d={pipes(place)} />
            <text class="label" x={n(gate.x + 9.0)} y={n(gate.y + 14.5)}>{ "netfilter" }</text>
            <text class="mono faint" x={n(gate.right() - 9.0)} y={n(gate.y + 14.5)} text-anchor="end">
                { words::rules_line(lang, node.rules) }
            </text>
            for ((_, name), chip) in HOOKS.iter().zip(&place.chips) {
                <g class="hook">
                    { rect(*chip, 4.0, None) }
                    <text class="mono" x={n(chip.middle().x)} y={n(chip.middle().y + 3.5)}
                          text-anchor="middle">{ *name }</text>
                </g>
            }
            <path class="fork" d={format!("M{:.1} {:.1}l6 -6l6 6l-6 6z",
                                          place.routing.x - 6.0, place.routing.y)} />
            <circle class="fork" cx={n(place.process.x)} cy={n(place.process.y)} r="4" />
            { proxy(lang, place.detail, node, send) }
            { known(lang, chosen, node, place.detail) }
        </>
    }
}

/// kube-proxy: whether it runs, what it wrote last, and whether that is still true.
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
                     Point::new(detail.x, detail.y - 1.0), 88.0, send, Msg::Act(flip)) }
            if let Some(doubt) = doubt {
                <text class="doubt" x={n(detail.right() - 1.0)} y={n(detail.y + 10.5)} text-anchor="end">
                    { lang.say(doubt) }
                </text>
            } else {
                <text key={at.clone()} class={classes!("mono", "sync", fresh)} text-anchor="end"
                      x={n(detail.right() - 1.0)} y={n(detail.y + 10.5)}>
                    <title>{ format!("{} {at}", lang.say(Word::LastSync)) }</title>
                    if node.mode == Mode::Iptables {
                        <tspan class="plus">{ format!("+{}", node.added) }</tspan>
                        <tspan class="minus" dx="6">{ format!("−{}", node.removed) }</tspan>
                    } else {
                        { node.mode.name() }
                    }
                </text>
            }
        </>
    }
}

/// Where this node's rules lead, as of its own last sync.
fn known(lang: Lang, chosen: Option<&str>, node: &view::Node, detail: Rect) -> Html {
    let Some(service) = chosen else { return html! {} };
    let lead = node.leads.get(service);
    let ends = ends_of(lead);
    let letters = ends.iter().map(|end| view::tail(end).len()).max().unwrap_or(0) as f64;
    let width = (letters * 10.0 * MONO + 6.0).max(34.0);
    let (step, first) = (width + 3.0, detail.x + 14.0);
    let fitting = (((detail.w - 11.0) / step) as usize).max(2);
    let shown = if ends.len() > fitting { fitting - 1 } else { ends.len() };
    let cell = |index: usize, key: &str, text: String| {
        let at = Rect { x: first + index as f64 * step, y: detail.y + 19.0, w: width, h: 15.0 };
        html! {
            <g key={key} class="end">
                { rect(at, 4.0, None) }
                <text class="mono" x={n(at.middle().x)} y={n(at.y + 11.0)} text-anchor="middle">{ text }</text>
            </g>
        }
    };
    html! {
        <g class={known_class(lead)} role="img" aria-label={known_label(lang, node, service)}>
            <text class="mono" x={n(detail.x + 1.0)} y={n(detail.y + 30.0)}>
                { if ends.is_empty() { led(lang, lead) } else { "→" } }
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

/// The same as a number.
fn folded_known(lang: Lang, chosen: Option<&str>, place: &NodeBox, node: &view::Node) -> Html {
    let Some(service) = chosen else { return html! {} };
    let lead = node.leads.get(service);
    let ends = ends_of(lead).len();
    html! {
        <g class={known_class(lead)} role="img" aria-label={known_label(lang, node, service)}>
            <text class="mono faint" x={n(place.rect.x + 12.0)} y={n(place.rect.y + 61.0)}>
                { if ends == 0 { led(lang, lead).to_owned() } else { format!("kube-proxy → {ends}") } }
            </text>
        </g>
    }
}

fn ends_of(lead: Option<&Lead>) -> &[String] {
    match lead {
        Some(Lead::To(ends)) => ends,
        _ => &[],
    }
}

fn led(lang: Lang, lead: Option<&Lead>) -> &'static str {
    match lead {
        Some(Lead::To(_)) => "→",
        Some(Lead::Reject) => "→ REJECT",
        Some(Lead::Drop) => "→ DROP",
        None => lang.say(Word::NoRulesOfIt),
    }
}

fn known_class(lead: Option<&Lead>) -> Classes {
    let nobody = matches!(lead, Some(Lead::Reject | Lead::Drop));
    classes!("known", nobody.then_some("nobody"))
}

fn known_label(lang: Lang, node: &view::Node, service: &str) -> String {
    let lead = node.leads.get(service);
    let text = match ends_of(lead) {
        [] => led(lang, lead).to_owned(),
        ends => ends.join(", "),
    };
    format!("{} {service}: {text}", node.name)
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
