use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Action;
use wasm_bindgen::JsCast;
use web_sys::{Element, EventTarget};
use yew::prelude::*;

use super::node::NodeMap;
use super::pod::{PodCard, sign_of};
use super::press::{pressed, switch};
use crate::relations::{Relations, relations};
use crate::scene::{NodeBox, Point, Rect, Scene};
use crate::state::{Msg, Sighting};
use crate::view::{Pod, ServiceView, Shared, View};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct MapProps {
    pub lang: Lang,
    pub view: Shared<View>,
    pub scene: Shared<Scene>,
    /// The Service that requests are sent to: its endpoints are tied to it.
    pub chosen: Option<String>,
    /// What is pinned.
    pub inspected: Option<ObjectKey>,
    pub send: Callback<Msg>,
}

/// Everything of the picture that stands still. What is pointed at shows what belongs to it.
#[component]
pub(super) fn Map(props: &MapProps) -> Html {
    let MapProps { lang, view, scene, chosen, inspected, send } = props;
    let lang = *lang;
    let pointed = use_state_eq(|| None::<String>);
    let key = pointed.as_ref().and_then(|it| key_of(view, it)).or(inspected.clone());
    let related = key.map(|key| relations(view, scene, &key));
    let related = related.as_ref();
    let faded = |key: &ObjectKey| related.is_some_and(|it| !it.is_lit(key));
    let (over, out) = (pointed.clone(), pointed);
    let onmouseover = Callback::from(move |event: MouseEvent| over.set(about(&event)));
    let focus = onmouseover.clone();
    let onfocusin = Callback::from(move |event: FocusEvent| focus.emit(event.unchecked_into()));
    let unfocused = out.clone();
    let onmouseout = Callback::from(move |event: MouseEvent| {
        if !is_on_map(event.related_target()) {
            out.set(None);
        }
    });
    let onfocusout = Callback::from(move |_: FocusEvent| unfocused.set(None));
    html! {
        <g class="map" {onmouseover} {onmouseout} {onfocusin} {onfocusout}>
            // The ground: what is pointed at nowhere is not pointed at.
            <rect class="ground-of-all" width={n(scene.width)} height={n(scene.height)} />
            <text class="band" x={n(scene.services_label.x)} y={n(scene.services_label.y)}>
                { lang.say(Word::ServicesBand) }
            </text>
            for (index, rect) in scene.services.iter() {
                if let Some(service) = view.services.get(*index) {
                    { ghost(lang, service, *rect, chosen.as_deref() == Some(&service.name()), faded(&service.key), send) }
                }
            }
            if let Some((count, at)) = scene.more_services {
                <text class="label" x={n(at.x)} y={n(at.y)}>{ words::more(lang, count) }</text>
            }
            { outside(lang, view, scene, send) }
            <g class="lan">
                for rail in scene.rails.iter() {
                    <path d={line(rail)} />
                }
            </g>
            <g class="router">
                { rect(scene.router, 7.0, None) }
                <text class="mono" x={n(scene.router.middle().x)} y={n(scene.router.middle().y + 3.5)}
                      text-anchor="middle">{ lang.say(Word::Router) }</text>
            </g>
            for node in scene.nodes.iter() {
                <g key={format!("box-{}", node.name)} class={classes!("node", faded(&node_key(node)).then_some("faded"))}>
                    { rect(node.rect, 12.0, None) }
                </g>
            }
            <path class="wires" d={scene.wires.iter().map(line).collect::<String>()} />
            <g class="lan">
                <text class="mono faint" x={n(scene.lan_label.x)} y={n(scene.lan_label.y)}>
                    { format!("LAN {}", view.lan) }
                </text>
            </g>
            { waiting(lang, view, scene) }
            for (place, node) in scene.nodes.iter().zip(&view.nodes) {
                <NodeMap key={&*node.name} {lang} chosen={chosen.clone()} place={place.clone()}
                         node={node.clone()} send={send.clone()} />
                for (index, at) in place.pods.iter() {
                    if let Some(pod) = view.pods.get(*index) {
                        <PodCard key={&*pod.id} {lang} pod={pod.clone()} at={*at} brief={place.brief}
                                 faded={faded(&pod.key)} send={send.clone()}
                                 tied={is_tied(view, chosen.as_deref(), pod)} />
                    }
                }
                { dots(lang, view, place, chosen.as_deref(), related, send) }
            }
            { ties(related) }
        </g>
    }
}

/// What the mouse is over, or what has the focus.
fn about(event: &Event) -> Option<String> {
    let element: Element = event.target()?.dyn_into().ok()?;
    element.closest("[data-about]").ok()??.get_attribute("data-about")
}

fn is_on_map(target: Option<EventTarget>) -> bool {
    let element = target.and_then(|it| it.dyn_into::<Element>().ok());
    element.is_some_and(|it| it.closest(".map").ok().flatten().is_some())
}

fn key_of(view: &View, name: &str) -> Option<ObjectKey> {
    let nodes = view.nodes.iter().map(|it| ObjectKey::new(Kind::Node, "", &*it.name));
    let services = view.services.iter().map(|it| it.key.clone());
    let mut all = view.pods.iter().map(|it| it.key.clone()).chain(services).chain(nodes);
    all.find(|it| it.to_string() == name)
}

fn node_key(place: &NodeBox) -> ObjectKey {
    ObjectKey::new(Kind::Node, "", &*place.name)
}

/// Pods for which there is no more room: a mark each, and all of them in words.
fn dots(
    lang: Lang,
    view: &View,
    place: &NodeBox,
    chosen: Option<&str>,
    related: Option<&Relations>,
    send: &Callback<Msg>,
) -> Html {
    let pods = place.dots.iter().filter_map(|(index, at)| Some((view.pods.get(*index)?, *at)));
    let pods: Vec<(&Pod, Point)> = pods.collect();
    let Some((_, first)) = pods.first() else { return html! {} };
    let states: Vec<_> = pods.iter().map(|it| it.0.state).collect();
    let dot = |(pod, at): &(&Pod, Point)| {
        let (class, sign) = sign_of(pod.state);
        let key = pod.key.clone();
        let faded = related.is_some_and(|it| !it.is_lit(&key)).then_some("faded");
        let tied = is_tied(view, chosen, pod).then_some("tied");
        html! {
            <g key={&*pod.id} class={classes!("dot", class, tied, faded)} data-about={key.to_string()}
               onclick={send.reform(move |_| Msg::Sight(Sighting::Inspect(Some(key.clone()))))}>
                <title>{ format!("{} {}", pod.id, pod.address()) }</title>
                <circle cx={n(at.x)} cy={n(at.y)} r="6.5" />
                <text x={n(at.x)} y={n(at.y + 3.5)} text-anchor="middle" aria-hidden="true">{ sign }</text>
            </g>
        }
    };
    html! {
        <g role="img" aria-label={words::dotted(lang, &place.name, &states)}>
            if !place.folded {
                <text class="mono" x={n(place.rect.right() - 12.0)} y={n(first.y + 3.5)} text-anchor="end">
                    { words::more(lang, pods.len()) }
                </text>
            }
            { for pods.iter().map(dot) }
        </g>
    }
}

/// Services and their endpoints, each as a line that bends where it begins.
fn ties(related: Option<&Relations>) -> Html {
    let tie = |[from, to]: &[Point; 2]| {
        let bend = from.y + (to.y - from.y) * 0.35;
        format!(
            "M{:.1} {:.1}C{:.1} {bend:.1} {:.1} {bend:.1} {:.1} {:.1}",
            from.x,
            from.y,
            from.x,
            to.x - 8.0,
            to.x,
            to.y
        )
    };
    match related {
        Some(related) => html! {
            <path class="tie" d={related.ties.iter().map(tie).collect::<String>()} aria-hidden="true" />
        },
        None => html! {},
    }
}

/// The hosts outside, and what gives out addresses for the LAN.
fn outside(lang: Lang, view: &View, scene: &Scene, send: &Callback<Msg>) -> Html {
    let place = &scene.outside;
    let host = |(index, at): &(usize, Rect)| {
        let Some(host) = view.hosts.get(*index) else { return html! {} };
        let (onclick, onkeydown) = pressed(send, Msg::From(host.name.to_string()));
        html! {
            <g key={&*host.name} class="host opens" role="button" tabindex="0"
               aria-label={format!("{} {}", host.label(), words::as_client(lang))} {onclick} {onkeydown}>
                <title>{ host.address.to_string() }</title>
                { rect(*at, 6.0, Some("hit")) }
                <text class="mono" x={n(at.middle().x)} y={n(at.middle().y + 3.5)} text-anchor="middle">
                    { host.label() }
                </text>
            </g>
        }
    };
    html! {
        <>
            <text class="band" x={n(place.label.x)} y={n(place.label.y)}>{ lang.say(Word::OutsideBand) }</text>
            { place.hosts.iter().map(host).collect::<Html>() }
            if let Some(on) = view.balancer {
                { switch(words::balancer(lang), lang.say(Word::LoadBalancer), on, place.switch,
                         place.switch_width, send, Msg::Act(Action::SwitchLoadBalancer { on: !on })) }
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

pub(super) fn line([from, to]: &[Point; 2]) -> String {
    format!("M{:.1} {:.1}L{:.1} {:.1}", from.x, from.y, to.x, to.y)
}

pub(super) fn rect(it: Rect, radius: f64, class: Option<&'static str>) -> Html {
    html! {
        <rect {class} x={n(it.x)} y={n(it.y)} width={n(it.w)} height={n(it.h)} rx={n(radius)} />
    }
}

fn ghost(
    lang: Lang,
    service: &ServiceView,
    at: Rect,
    chosen: bool,
    faded: bool,
    send: &Callback<Msg>,
) -> Html {
    let badge = service.badge();
    let width = badge.chars().count() as f64 * 6.1 + 14.0;
    let tone = match (service.ready(), service.endpoints.len()) {
        (0, _) => "none",
        (ready, all) if ready < all => "some",
        _ => "all",
    };
    let (name, detail) = (service.name(), service.detail());
    // A name begins with what is seen, so that it can be spoken.
    let ready = words::endpoints_ready(lang, service.ready(), service.endpoints.len());
    let label = format!("{name} {detail} {badge}: Service, {ready}");
    let (onclick, onkeydown) =
        pressed(send, Msg::Sight(Sighting::Inspect(Some(service.key.clone()))));
    let tag = Rect { x: at.right() - width - 7.0, y: at.y + 2.5, w: width, h: 15.0 };
    html! {
        <g key={name.clone()} class={classes!("ghost", chosen.then_some("chosen"), faded.then_some("faded"))}
           data-about={service.key.to_string()}>
            <g class="opens" role="button" tabindex="0" aria-label={label} {onclick} {onkeydown}>
                { rect(at, at.h / 2.0, Some("hit")) }
                <text class="title" x={n(at.x + 13.0)} y={n(at.y + 14.5)}>{ name }</text>
            </g>
            <text class="mono" aria-hidden="true" x={n(at.x + 13.0)} y={n(at.y + 28.0)}>{ detail }</text>
            <g class={classes!("badge", tone)} aria-hidden="true">
                { rect(tag, 7.5, None) }
                <text class="mono" x={n(tag.middle().x)} y={n(tag.y + 11.0)} text-anchor="middle">
                    { badge }
                </text>
            </g>
        </g>
    }
}
