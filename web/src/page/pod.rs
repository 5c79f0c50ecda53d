use svclab_core::kubelet::ProbeKind;
use svclab_core::lab::Action;
use yew::prelude::*;

use super::press::{pressed, switch};
use super::stage::{n, rect};
use crate::scene::{MONO, POD_HEAD, POD_ROW, POD_ROWS, Point, Rect, SANS};
use crate::state::{Msg, Sighting};
use crate::view::{self, Pod, PodState, STRIP, Strip};
use crate::words::{self, Lang};

#[derive(Properties, PartialEq)]
pub(super) struct PodCardProps {
    pub lang: Lang,
    pub pod: Pod,
    pub at: Rect,
    /// In one line, without its probes.
    pub brief: bool,
    /// Something else is looked at.
    pub faded: bool,
    /// The chosen Service's rules lead to it.
    pub tied: bool,
    pub send: Callback<Msg>,
}

/// A pod: what it is called, how it is, its probes and what can be done to it.
#[component]
pub(super) fn PodCard(props: &PodCardProps) -> Html {
    let PodCardProps { lang, pod, at, brief, faded, tied, send } = props;
    let lang = *lang;
    let (class, sign) = sign_of(pod.state);
    let free = if *brief { 96.0 } else { 56.0 + if pod.restarts > 0 { 28.0 } else { 0.0 } };
    let name = short(pod.name(), at.w - free);
    let inspect = Msg::Sight(Sighting::Inspect(Some(pod.key.clone())));
    let (onclick, onkeydown) = pressed(send, inspect);
    let level = if *brief { at.y + 15.0 } else { at.y + 17.0 };
    html! {
        <g class={classes!("pod", class, tied.then_some("tied"), faded.then_some("faded"), pod.trouble.as_ref().map(|_| "troubled"))}
           data-about={pod.key.to_string()}>
            { rect(*at, 8.0, None) }
            <text class="sign" x={n(at.x + 14.0)} y={n(level)} text-anchor="middle">{ sign }</text>
            <g class="opens" role="button" tabindex="0" aria-label={format!("{name}: {}", pod.key)}
               {onclick} {onkeydown}>
                <rect class="hit" x={n(at.x + 21.0)} y={n(level - 14.0)} rx="5" height="19"
                      width={n(name.chars().count() as f64 * 11.5 * SANS + 8.0)} />
                <text class="title" x={n(at.x + 24.0)} y={n(level)}>{ name }</text>
            </g>
            if *brief {
                <text class={if pod.trouble.is_some() { "state" } else { "mono" }} x={n(at.right() - 8.0)}
                      y={n(level)} text-anchor="end">{ brief_status(pod) }</text>
            } else {
                { restarts(lang, pod, *at) }
                { crash(lang, pod, *at, send) }
                { status(lang, pod, *at) }
                for (row, strip) in pod.strips.iter().take(POD_ROWS).enumerate() {
                    { probe_row(lang, pod, strip, Point::new(at.x, at.y + POD_HEAD + row as f64 * POD_ROW), at.w, send) }
                }
            }
        </g>
    }
}

pub(super) fn sign_of(state: PodState) -> (&'static str, &'static str) {
    match state {
        PodState::Pending => ("pending", "…"),
        PodState::Ready => ("ready", "✓"),
        PodState::Failing => ("failing", "!"),
        PodState::NotReady => ("unready", "✕"),
        PodState::Terminating => ("ending", "↓"),
    }
}

/// Its trouble, or else its address.
fn brief_status(pod: &Pod) -> String {
    let trouble = pod.trouble.as_ref().filter(|_| pod.state != PodState::Terminating);
    match (trouble, pod.ip) {
        (Some(trouble), _) => trouble.chars().take(14).collect(),
        (None, Some(ip)) => view::tail(&ip.to_string()),
        (None, None) => "—".to_owned(),
    }
}

/// Its address and its state; trouble needs the room of both.
fn status(lang: Lang, pod: &Pod, at: Rect) -> Html {
    let status = match (&pod.trouble, pod.strips.iter().find(|it| it.failing > 0)) {
        (Some(trouble), _) if pod.state != PodState::Terminating => trouble.clone(),
        (_, Some(strip)) if pod.state == PodState::Failing => {
            words::failing(lang, strip.failing, strip.threshold)
        }
        _ => words::pod_state(lang, pod.state).to_owned(),
    };
    // Trouble is written bold.
    let letter = if pod.trouble.is_some() { 0.64 } else { 0.5 };
    let free = at.w - 22.0 - status.chars().count() as f64 * 10.5 * letter;
    let fits = |address: &String| address.chars().count() as f64 * 10.0 * MONO <= free;
    let address = pod.address();
    let tail = pod.ip.map(|ip| view::tail(&ip.to_string())).unwrap_or_default();
    html! {
        <>
            <text class="mono" x={n(at.x + 10.0)} y={n(at.y + 32.0)}>
                { [address, tail].into_iter().find(fits).unwrap_or_default() }
            </text>
            <text class="state" x={n(at.right() - 9.0)} y={n(at.y + 32.0)} text-anchor="end">{ status }</text>
        </>
    }
}

fn restarts(lang: Lang, pod: &Pod, at: Rect) -> Html {
    if pod.restarts == 0 {
        return html! {};
    }
    let said = words::restarts(lang, pod.restarts);
    html! {
        <g class="restarts" role="img" aria-label={said.clone()}>
            <title>{ said }</title>
            <text class="mono" x={n(at.right() - 31.0)} y={n(at.y + 17.0)} text-anchor="end">
                { format!("↻{}", pod.restarts) }
            </text>
        </g>
    }
}

/// Lets the program of its first running container end.
fn crash(lang: Lang, pod: &Pod, at: Rect, send: &Callback<Msg>) -> Html {
    let Some(container) = pod.runs.clone() else { return html! {} };
    let action = Action::Crash { pod: pod.key.clone(), container, code: 1 };
    let (onclick, onkeydown) = pressed(send, Msg::Act(action));
    let label = words::crash_of(lang, &pod.id);
    let (x, y) = (at.right() - 28.0, at.y + 1.0);
    html! {
        <g class="crash" role="button" tabindex="0" aria-label={label.clone()} {onclick} {onkeydown}>
            <title>{ label }</title>
            <rect class="hit" x={n(x)} y={n(y)} width="24" height="22" rx="6" />
            <path d={format!("M{:.1} {:.1}l-5.5 8h4.2l-1.4 6 6-8.4h-4.3l2-5.6z", x + 12.5, y + 5.0)} />
        </g>
    }
}

/// `readiness 200` with its switch, and the last results.
fn probe_row(
    lang: Lang,
    pod: &Pod,
    strip: &Strip,
    at: Point,
    width: f64,
    send: &Callback<Msg>,
) -> Html {
    let key = pod.key.clone();
    let (on, action) = match strip.kind {
        ProbeKind::Readiness => {
            (pod.answers, Action::SwitchReadiness { pod: key, ready: !pod.answers })
        }
        _ => (pod.alive, Action::SwitchLiveness { pod: key, alive: !pod.alive }),
    };
    let name = words::probe_kind(strip.kind);
    let switched = pod.has_switch(strip);
    let code = if on { "200" } else { "503" };
    let said = words::probes(lang, strip);
    html! {
        <>
            if switched {
                { switch(words::answers_of(lang, strip.kind, &pod.id), name, on,
                         Point::new(at.x + 10.0, at.y), 82.0, send, Msg::Act(action)) }
                <text class={classes!("code", (!on).then_some("bad"))} x={n(at.x + 93.0)} y={n(at.y + 11.5)}>
                    { code }
                </text>
            } else {
                <text class="label" x={n(at.x + 37.0)} y={n(at.y + 11.5)}>{ name }</text>
            }
            <g class="strip" role="img" aria-label={said.clone()}>
                <title>{ said }</title>
                { results(strip, at.x + width - 10.0, at.y + 2.0, width) }
            </g>
        </>
    }
}

/// The newest at the right end; failures are low and red.
fn results(strip: &Strip, right: f64, top: f64, width: f64) -> Html {
    let shown = if width < 190.0 { 7 } else { STRIP };
    let newest = strip.results.iter().rev().take(shown).enumerate();
    let bars = newest.map(|(age, success)| {
        let x = right - 4.0 - age as f64 * 6.0;
        let (class, y, height) = match success {
            true => ("good", top, "12"),
            false => ("bad", top + 6.0, "6"),
        };
        html! { <rect {class} x={n(x)} y={n(y)} width="4" {height} rx="1" /> }
    });
    bars.collect()
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
