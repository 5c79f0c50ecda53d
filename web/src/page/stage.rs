use std::rc::Rc;

use svclab_core::key::ObjectKey;
use yew::prelude::*;

use crate::scene::{HOOKS, MONO, NodeBox, Point, Rect, Scene};
use crate::state::Msg;
use crate::view::{self, Pod, PodState, STRIP, ServiceView, Shared, View};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct MapProps {
    pub lang: Lang,
    pub view: Shared<View>,
    pub scene: Shared<Scene>,
    /// The Service that requests are sent to: its endpoints are tied to it.
    pub chosen: Option<String>,
    pub send: Callback<Msg>,
}

/// Everything of the picture that stands still.
#[component]
pub(super) fn Map(props: &MapProps) -> Html {
    let MapProps { lang, view, scene, chosen, send } = props;
    let lang = *lang;
    html! {
        <>
            <text class="band" x={n(scene.services_label.x)} y={n(scene.services_label.y)}>
                { lang.say(Word::ServicesBand) }
            </text>
            for (index, rect) in scene.services.iter() {
                if let Some(service) = view.services.get(*index) {
                    { ghost(lang, service, *rect, chosen.as_deref() == Some(&service.name()), send) }
                }
            }
            if let Some((count, at)) = scene.more_services {
                <text class="label" x={n(at.x)} y={n(at.y)}>{ words::more(lang, count) }</text>
            }
            <g class="lan">
                for rail in scene.rails.iter() {
                    <path d={line(rail)} />
                }
            </g>
            <text class="mono faint" x={n(scene.lan_label.x)} y={n(scene.lan_label.y)}>
                { format!("LAN {}", view.lan) }
            </text>
            <g class="router">
                { rect(scene.router, 7.0, None) }
                <text class="mono" x={n(scene.router.middle().x)} y={n(scene.router.middle().y + 3.5)}
                      text-anchor="middle">{ lang.say(Word::Router) }</text>
            </g>
            for node in scene.nodes.iter() {
                <g key={format!("box-{}", node.name)} class="node">{ rect(node.rect, 14.0, None) }</g>
            }
            <path class="wires" d={scene.wires.iter().map(line).collect::<String>()} />
            { waiting(lang, view, scene) }
            for (place, node) in scene.nodes.iter().zip(&view.nodes) {
                <NodeMap key={&*node.name} {lang} chosen={chosen.clone()} place={place.clone()}
                         node={node.clone()} />
                for (index, at) in place.pods.iter() {
                    if let Some(pod) = view.pods.get(*index) {
                        <PodCard key={&*pod.id} {lang} pod={pod.clone()} at={*at} send={send.clone()}
                                 tied={is_tied(view, chosen.as_deref(), pod)} />
                    }
                }
            }
        </>
    }
}

/// Pods that no node has yet stand nowhere; at least they are counted.
fn waiting(lang: Lang, view: &View, scene: &Scene) -> Html {
    let count = view.pods.iter().filter(|pod| pod.node.is_none()).count();
    if count == 0 {
        return html! {};
    }
    html! {
        <text class="mono waiting" x={n(scene.router.x - 10.0)} y={n(scene.lan_label.y)} text-anchor="end">
            { words::unscheduled(lang, count) }
        </text>
    }
}

/// Whether the chosen Service's rules lead to the pod.
fn is_tied(view: &View, chosen: Option<&str>, pod: &Pod) -> bool {
    let Some(ip) = pod.ip else { return false };
    let service = view.services.iter().find(|it| Some(it.name().as_str()) == chosen);
    service.is_some_and(|it| it.endpoints.iter().any(|it| it.ready && it.address == ip.to_string()))
}

pub(super) fn n(number: f64) -> String {
    format!("{:.1}", number)
}

fn line([from, to]: &[Point; 2]) -> String {
    format!("M{:.1} {:.1}L{:.1} {:.1}", from.x, from.y, to.x, to.y)
}

pub(super) fn rect(it: Rect, radius: f64, class: Option<&'static str>) -> Html {
    html! {
        <rect {class} x={n(it.x)} y={n(it.y)} width={n(it.w)} height={n(it.h)} rx={n(radius)} />
    }
}

fn ghost(lang: Lang, service: &ServiceView, at: Rect, chosen: bool, send: &Callback<Msg>) -> Html {
    let badge = service.badge();
    let width = badge.chars().count() as f64 * 6.1 + 14.0;
    let tone = match (service.ready(), service.endpoints.len()) {
        (0, _) => "none",
        (ready, all) if ready < all => "some",
        _ => "all",
    };
    let label = format!(
        "Service {}, {}, {}",
        service.name(),
        service.detail(),
        words::endpoints_ready(lang, service.ready(), service.endpoints.len())
    );
    let tag = Rect { x: at.right() - width - 9.0, y: at.y + 5.0, w: width, h: 15.0 };
    html! {
        <g key={service.name()} class={classes!("ghost", "opens", chosen.then_some("chosen"))} role="img"
           aria-label={label} onclick={on_click(&service.key, send)}>
            { rect(at, at.h / 2.0, None) }
            <text class="title" x={n(at.x + 16.0)} y={n(at.y + 16.5)}>{ service.name() }</text>
            <text class="mono" x={n(at.x + 16.0)} y={n(at.y + 30.0)}>{ service.detail() }</text>
            <g class={classes!("badge", tone)}>
                { rect(tag, 7.5, None) }
                <text class="mono" x={n(tag.middle().x)} y={n(tag.y + 11.0)} text-anchor="middle">
                    { badge }
                </text>
            </g>
        </g>
    }
}

#[derive(Properties, PartialEq)]
struct NodeMapProps {
    lang: Lang,
    chosen: Option<String>,
    place: NodeBox,
    node: view::Node,
}

#[component]
fn NodeMap(props: &NodeMapProps) -> Html {
    let NodeMapProps { lang, chosen, place, node } = props;
    let lang = *lang;
    let (gate, detail, nic, bridge) = (place.gate, place.detail, place.nic, place.bridge);
    let letters = node.name.len() as f64 * 13.0 * 0.66 + node.address.len() as f64 * 10.0 * MONO;
    let fits = letters + 36.0 < place.rect.w;
    let address = if fits { node.address.clone() } else { view::tail(&node.address) };
    html! {
        <g class="inside">
            <text class="title big" x={n(place.rect.x + 14.0)} y={n(place.rect.y + 36.0)}>
                { &*node.name }
            </text>
            <text class="mono" x={n(place.rect.right() - 14.0)} y={n(place.rect.y + 36.0)}
                  text-anchor="end">{ address }</text>
            <g class="port">
                { rect(nic, 5.0, None) }
                <text class="mono" x={n(nic.middle().x)} y={n(nic.middle().y + 3.5)}
                      text-anchor="middle">{ "eth0" }</text>
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
            if let Some(at) = &node.synced {
                <g key={at.clone()} class={classes!("sync", (node.added + node.removed > 0).then_some("fresh"))}>
                    <text class="label" x={n(detail.x + 1.0)} y={n(detail.y + 12.0)}>
                        { lang.say(Word::LastSync) }
                    </text>
                    <text class="mono faint" x={n(detail.right() - 1.0)} y={n(detail.y + 12.0)}
                          text-anchor="end">{ at }</text>
                    <text class="mono" x={n(detail.x + 1.0)} y={n(detail.y + 27.0)}>
                        <tspan class="plus">{ format!("+{}", node.added) }</tspan>
                        <tspan class="minus" dx="8">{ format!("−{}", node.removed) }</tspan>
                    </text>
                </g>
            }
            { known(chosen.as_deref(), node, detail) }
            <g class="bridge">
                { rect(bridge, 6.0, None) }
                <text class="mono" x={n(bridge.middle().x)} y={n(bridge.middle().y + 3.5)}
                      text-anchor="middle">{ format!("cni0 {}", node.bridge) }</text>
            </g>
            if place.pods.is_empty() {
                <text class="label" x={n(bridge.middle().x)} y={n(bridge.bottom() + 26.0)}
                      text-anchor="middle">{ lang.say(Word::NoPods) }</text>
            }
        </g>
    }
}

/// The endpoints that this node's rules lead to, as of its own last sync.
fn known(chosen: Option<&str>, node: &view::Node, detail: Rect) -> Html {
    let Some(service) = chosen else { return html! {} };
    let ends = node.ends.get(service).map(Vec::as_slice).unwrap_or_default();
    let fitting = (((detail.w + 4.0) / 40.0) as usize).max(2);
    let shown = if ends.len() > fitting { fitting - 1 } else { ends.len() };
    let cell = |index: usize, text: String| {
        let at = Rect { x: detail.x + index as f64 * 40.0, y: detail.y + 56.0, w: 36.0, h: 17.0 };
        html! {
            <g key={text.clone()} class="end">
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
                { cell(index, view::tail(end)) }
            }
            if shown < ends.len() {
                { cell(shown, format!("+{}", ends.len() - shown)) }
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

#[derive(Properties, PartialEq)]
struct PodCardProps {
    lang: Lang,
    pod: Pod,
    at: Rect,
    tied: bool,
    send: Callback<Msg>,
}

#[component]
fn PodCard(props: &PodCardProps) -> Html {
    let PodCardProps { lang, pod, at, tied, send } = props;
    let lang = *lang;
    let (class, sign) = match pod.state {
        PodState::Pending => ("pending", "…"),
        PodState::Ready => ("ready", "✓"),
        PodState::Failing => ("failing", "!"),
        PodState::NotReady => ("unready", "✕"),
        PodState::Terminating => ("ending", "⌛"),
    };
    let status = match pod.state {
        PodState::Failing => words::failing(lang, pod.failing, pod.threshold),
        _ => words::pod_state(lang, pod.state).to_owned(),
    };
    html! {
        <g class={classes!("pod", class, tied.then_some("tied"))}>
            { rect(*at, 9.0, None) }
            <text class="sign" x={n(at.x + 15.0)} y={n(at.y + 19.5)} text-anchor="middle">{ sign }</text>
            <g class="opens" onclick={on_click(&pod.key, send)}>
                <text class="title" x={n(at.x + 25.0)} y={n(at.y + 19.5)}>{ short(pod.name(), at.w - 34.0) }</text>
            </g>
            <text class="mono" x={n(at.x + 10.0)} y={n(at.y + 36.0)}>{ pod.address() }</text>
            <text class="state" x={n(at.right() - 9.0)} y={n(at.y + 36.0)} text-anchor="end">{ status }</text>
            if pod.has_probe {
                <Switch {lang} key_of={pod.key.clone()} id={pod.id.clone()} on={pod.answers}
                        at={Point::new(at.x + 10.0, at.y + 44.0)} send={send.clone()} />
                { strip(lang, pod, *at) }
            } else {
                <text class="label" x={n(at.x + 10.0)} y={n(at.y + 55.0)}>{ lang.say(Word::NoProbe) }</text>
            }
        </g>
    }
}

/// Shows the object itself, a short way for the mouse: the objects' tables lead there too.
fn on_click(key: &ObjectKey, send: &Callback<Msg>) -> Callback<MouseEvent> {
    let key = key.clone();
    send.reform(move |_| Msg::Object(Some(key.clone())))
}

/// The end of a long name tells pods apart, so the middle goes.
fn short(name: &str, width: f64) -> String {
    let fits = (width / (11.5 * 0.68)) as usize;
    let count = name.chars().count();
    if count <= fits || fits < 8 {
        return name.to_owned();
    }
    let tail = name.rsplit('-').next().map_or(5, |it| it.len()).min(fits - 3);
    let head: String = name.chars().take(fits - tail - 2).collect();
    let tail: String = name.chars().skip(count - tail).collect();
    format!("{}…-{tail}", head.trim_end_matches('-'))
}

/// The last probes, the newest at the right end; failures are low, red and crossed.
fn strip(lang: Lang, pod: &Pod, at: Rect) -> Html {
    let start = at.right() - 10.0 - STRIP as f64 * 6.0;
    let first = STRIP - pod.probes.len().min(STRIP);
    html! {
        <g class="strip" role="img" aria-label={words::probes(lang, pod)}>
            <title>{ words::probes(lang, pod) }</title>
            for (index, success) in pod.probes.iter().enumerate() {
                { probe(start + (first + index) as f64 * 6.0, at.y + 46.0, *success) }
            }
        </g>
    }
}

fn probe(x: f64, y: f64, success: bool) -> Html {
    let (class, top, height) = match success {
        true => ("good", y, 12.0),
        false => ("bad", y + 6.0, 6.0),
    };
    html! { <rect {class} x={n(x)} y={n(top)} width="4" height={n(height)} rx="1" /> }
}

#[derive(Properties, PartialEq)]
struct SwitchProps {
    lang: Lang,
    key_of: ObjectKey,
    id: Rc<str>,
    on: bool,
    at: Point,
    send: Callback<Msg>,
}

/// What the pod's readiness endpoint answers.
#[component]
fn Switch(props: &SwitchProps) -> Html {
    let SwitchProps { lang, key_of, id, on, at, send } = props;
    let flip = send.reform({
        let (pod, ready) = (key_of.clone(), !*on);
        move |()| Msg::Switch { pod: pod.clone(), ready }
    });
    let onkeydown = {
        let flip = flip.clone();
        move |event: KeyboardEvent| {
            if matches!(event.key().as_str(), " " | "Enter") {
                event.prevent_default();
                flip.emit(());
            }
        }
    };
    let word = if *on { Word::Answers200 } else { Word::Answers503 };
    html! {
        <g class="switch" role="switch" tabindex="0" aria-checked={on.to_string()}
           aria-label={format!("Readiness of {id}")} onclick={flip.reform(|_: MouseEvent| ())} {onkeydown}>
            <rect class="hit" x={n(at.x - 4.0)} y={n(at.y - 4.0)} width="92" height="24" rx="6" />
            <rect class="track" x={n(at.x)} y={n(at.y + 2.0)} width="22" height="12" rx="6" />
            <circle cx={n(at.x + if *on { 16.0 } else { 6.0 })} cy={n(at.y + 8.0)} r="4" />
            <text x={n(at.x + 27.0)} y={n(at.y + 11.5)}>{ lang.say(word) }</text>
        </g>
    }
}
