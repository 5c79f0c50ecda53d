use svclab_core::trace::{Event, Place, Step, Trace};
use svclab_netfilter::{Packet, Verdict};
use yew::prelude::*;

use crate::gate::{Choice, Fate, Opening, opening};
use crate::scene::{HOOKS, MONO, NodeBox, Point, Rect, Scene};
use crate::timeline::{Moment, Timeline};
use crate::view::Shared;
use crate::words::{self, Lang};

use super::Moving;
use super::stage::{n, rect};

/// The packet on the stage.
#[derive(Clone, PartialEq)]
pub(super) struct Watched {
    pub trace: Shared<Trace>,
    pub timeline: Shared<Timeline>,
    pub moment: Moment,
    pub reply: bool,
    pub name: String,
}

#[derive(Properties, PartialEq)]
pub(super) struct OverlayProps {
    pub lang: Lang,
    pub scene: Shared<Scene>,
    pub watched: Watched,
    pub moving: Moving,
}

/// The packet, the way it has come, and the gate it is in.
#[component]
pub(super) fn Overlay(props: &OverlayProps) -> Html {
    let OverlayProps { lang, scene, watched, moving } = props;
    let Watched { trace, timeline, moment, reply, name } = watched;
    let Some(step) = trace.steps.get(moment.step) else { return html! {} };
    // On its way to a step the packet is still what the step before made of it.
    let before = moment.step.checked_sub(1).map_or(&trace.sent, |it| &trace.steps[it].packet);
    let packet = if moment.arrived { &step.packet } else { before };
    let lost = moment.arrived && ends_here(&step.event);
    let open = opening(trace, step).filter(|_| moment.arrived);
    let node = step.place.node().and_then(|it| scene.node(it)).filter(|it| !it.folded);
    let at = timeline.legs.get(moment.step).and_then(|leg| leg.path.last()).copied();
    let class = classes!("overlay", reply.then_some("reply"), lost.then_some("lost"));
    html! {
        <g {class} aria-hidden="true">
            <path class="trail" d={way(&timeline.trail(moment.step))} />
            if let Some((hook, node)) = hook_of(&step.place).zip(node) {
                { rect(node.chips[hook], 4.0, Some("lit")) }
                <text class="lit" x={n(node.chips[hook].middle().x)} y={n(node.chips[hook].middle().y + 3.5)}
                      text-anchor="middle">{ HOOKS[hook].1 }</text>
            }
            if let Some((open, node)) = open.as_ref().zip(node) {
                <g key={moment.step} class={classes!("open", (node.detail.w < 165.0).then_some("tight"))}>{ gate(*lang, open, node, lost) }</g>
            }
            <g ref={moving.packet.clone()} class="packet">
                if !moment.arrived || hook_of(&step.place).is_none() {
                    <circle r="5.5" />
                }
                if lost {
                    <path class="cross" d="M-9 -9L9 9M9 -9L-9 9" />
                }
                { label(name, packet, before, reason(*lang, step, lost), moving, at, scene) }
            </g>
        </g>
    }
}

/// Why it ends here.
fn reason(lang: Lang, step: &Step, ends: bool) -> Option<&'static str> {
    match &step.event {
        Event::Lost(loss) => Some(words::lost(lang, *loss)),
        Event::Walked(passage) if ends => Some(words::stopped(lang, passage.verdict)),
        Event::Balanced(it) if ends => Some(words::stopped(lang, it.verdict)),
        _ => None,
    }
    .filter(|_| ends)
}

/// Lost, dropped or refused.
fn ends_here(event: &Event) -> bool {
    match event {
        Event::Lost(_) => true,
        Event::Walked(passage) => passage.verdict != Verdict::Accept,
        Event::Balanced(it) => it.verdict != Verdict::Accept,
        _ => false,
    }
}

fn hook_of(place: &Place) -> Option<usize> {
    let (Place::Hook { hook, .. } | Place::Conntrack { hook, .. } | Place::Ipvs { hook, .. }) =
        place
    else {
        return None;
    };
    HOOKS.iter().position(|it| it.0 == *hook)
}

fn way(points: &[Point]) -> String {
    let mut res = String::new();
    for (index, point) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        res.push_str(&format!("{command}{:.1} {:.1}", point.x, point.y));
    }
    res
}

const LABEL_HEIGHT: f64 = 34.0;
const LABEL_SIZE: f64 = 10.5;
/// Under a gate's top lie its title and both rows of hooks, then the label.
const UNDER_HOOKS: f64 = 62.0;

/// `SYN 10.244.1.4:41022 → 10.96.10.10:80` in two lines; a changed end stands out.
fn label(
    name: &str,
    packet: &Packet,
    before: &Packet,
    reason: Option<&str>,
    moving: &Moving,
    at: Option<Point>,
    scene: &Scene,
) -> Html {
    let (src, dst) = (words::end(packet, false), words::end(packet, true));
    let changed = |destination| {
        (words::end(before, destination) != words::end(packet, destination)).then_some("changed")
    };
    let first = name.chars().count() + 1 + src.chars().count();
    let letters = first.max(dst.chars().count() + 2) as f64;
    let said = reason.map_or(0.0, |it| wide(it) * LABEL_SIZE + 22.0);
    let width = (letters * LABEL_SIZE * MONO + 24.0).max(said);
    let below = at.is_some_and(|at| label_shift(at, width, scene).y > 0.0);
    let row = Rect {
        x: -width / 2.0,
        y: if below { LABEL_HEIGHT + 3.0 } else { -21.0 },
        w: width,
        h: 18.0,
    };
    html! {
        <g ref={moving.label.clone()} class="label" data-width={n(width)}>
            { rect(Rect { x: -width / 2.0, y: 0.0, w: width, h: LABEL_HEIGHT }, 10.0, None) }
            <text x={n(12.0 - width / 2.0)} y="14">
                <tspan class="name">{ name }</tspan>{ " " }
                <tspan class={classes!(changed(false))}>{ src }</tspan>
            </text>
            <text x={n(12.0 - width / 2.0)} y="27.5">
                { "→ " }<tspan class={classes!(changed(true))}>{ dst }</tspan>
            </text>
            if let Some(reason) = reason {
                <g class="reason">
                    { rect(row, 6.0, None) }
                    <text x="0" y={n(row.y + 12.8)} text-anchor="middle">{ format!("✕ {reason}") }</text>
                </g>
            }
        </g>
    }
}

/// A text's width at one pixel of size; a Korean letter is square.
fn wide(text: &str) -> f64 {
    text.chars().map(|it| if it.is_ascii() { MONO } else { 1.0 }).sum()
}

/// Where the label stands beside its packet: all of it in the picture, and off what the gate says.
pub(super) fn label_shift(at: Point, width: f64, scene: &Scene) -> Point {
    let half = width / 2.0 + 3.0;
    let node = scene.in_pipe(at);
    let (left, right) = match node {
        Some(node) if node.rect.w >= width + 6.0 => (node.rect.x, node.rect.right()),
        _ => (0.0, scene.width),
    };
    let x = at.x.max(left + half).min((right - half).max(left + half)) - at.x;
    let above = at.y - LABEL_HEIGHT - 12.0;
    let y = match node {
        Some(node) => node.gate.y + UNDER_HOOKS - at.y,
        None if above < 4.0 => 13.0,
        None => -LABEL_HEIGHT - 12.0,
    };
    Point::new(x, y)
}

/// The chains that led to the decision, the dice, and what came of it, under the packet's label.
fn gate(lang: Lang, open: &Opening, node: &NodeBox, lost: bool) -> Html {
    let reason = if lost { 21.0 } else { 0.0 };
    let detail = Rect { y: node.gate.y + UNDER_HOOKS + LABEL_HEIGHT + 8.0 + reason, ..node.detail };
    // It opens downwards, over what stands below it, as far as it needs.
    let lines = open.chains.len().saturating_sub(1).min(3) as f64;
    let needed = if open.choices.is_empty() { 18.0 + lines * 13.0 } else { detail.h };
    let gate = Rect { h: detail.y + needed - node.gate.y, ..node.gate };
    let title = Rect { x: gate.x + 1.0, y: gate.y + 1.0, w: gate.w - 2.0, h: 19.0 };
    let top = node.detail.y - 6.0;
    let ground = Rect { x: gate.x + 1.0, y: top, w: gate.w - 2.0, h: gate.bottom() - top - 1.0 };
    let mut y = detail.y + 7.0;
    let mut parts = Vec::new();
    for (depth, chain) in
        open.chains.iter().enumerate().skip(1).take(if open.choices.is_empty() { 3 } else { 2 })
    {
        let indent = if depth > 1 { "└ " } else { "" };
        parts.push(html! {
            <text class="chain" style={delay(depth)} x={n(detail.x)} y={n(y)}>{ format!("{indent}{chain}") }</text>
        });
        y += 13.0;
    }
    if !open.choices.is_empty() {
        parts.push(choices(open, Rect { y: y - 6.0, h: 32.0, ..detail }));
        y += 38.0;
    }
    parts.push(html! {
        <text class="result" style={delay(if open.choices.is_empty() { open.chains.len() - 1 } else { 4 })} x={n(detail.x)} y={n(y)}>
            { words::gate_result(lang, open) }
        </text>
    });
    html! {
        <>
            { rect(title, 8.0, Some("ground")) }
            { rect(ground, 8.0, Some("ground")) }
            { rect(gate, 9.0, Some("frame")) }
            <text class="title" x={n(gate.x + 9.0)} y={n(gate.y + 14.5)}>
                { format!("{} · {}", open.table, open.hook.name()) }
            </text>
            <text class="count" x={n(gate.right() - 9.0)} y={n(gate.y + 14.5)} text-anchor="end">
                { format!("{}/{}", open.matched, open.looked_at) }
            </text>
            { for parts }
        </>
    }
}

fn delay(order: usize) -> String {
    format!("animation-delay:{}ms", order * 160)
}

const CELL_MIN: f64 = 47.0;
const CELL_GAP: f64 = 4.0;

/// One cell for each endpoint; around the one that was taken where not all fit.
fn choices(open: &Opening, at: Rect) -> Html {
    let fitting = (((at.w + CELL_GAP) / (CELL_MIN + CELL_GAP)) as usize).max(2);
    let count = open.choices.len().min(fitting);
    let taken = open.choices.iter().position(|it| it.fate == Fate::Taken).unwrap_or(0);
    let first = (taken + 1).saturating_sub(count).min(open.choices.len() - count);
    let width = ((at.w + CELL_GAP) / count as f64 - CELL_GAP).min(96.0);
    let cells = open.choices[first..first + count].iter().enumerate().map(|(index, choice)| {
        let x = at.x + index as f64 * (width + CELL_GAP);
        cell(choice, Rect { x, w: width, ..at }, first + index)
    });
    html! { <>{ for cells }</> }
}

fn cell(choice: &Choice, at: Rect, order: usize) -> Html {
    let class = match choice.fate {
        Fate::Taken => "cell taken",
        Fate::PassedOver => "cell passed",
        Fate::NotReached => "cell unseen-rule",
    };
    let name = crate::view::tail(&choice.address);
    let dice = match (choice.drawn, choice.probability) {
        (Some(drawn), Some(limit)) => {
            let sign = if choice.fate == Fate::Taken { "<" } else { "≥" };
            format!("{}{sign}{}", hundredths(drawn), hundredths(limit))
        }
        (None, Some(limit)) => format!("<{}", hundredths(limit)),
        (_, None) => "1".to_owned(),
    };
    let rolled = choice.drawn.is_some();
    html! {
        <g {class} style={delay(order + 2)}>
            { rect(at, 6.0, None) }
            <text class="who" x={n(at.x + 6.0)} y={n(at.y + 13.0)}>{ name }</text>
            if rolled {
                <text class="die" x={n(at.right() - 5.0)} y={n(at.y + 13.5)} text-anchor="end">{ "⚄" }</text>
            }
            <text class="dice" x={n(at.x + 6.0)} y={n(at.y + 26.0)}>{ dice }</text>
        </g>
    }
}

/// `.33`
fn hundredths(number: f64) -> String {
    format!("{number:.2}").trim_start_matches('0').to_owned()
}
