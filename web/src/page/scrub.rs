use std::fmt::Write;
use std::rc::Rc;

use svclab_core::history::BranchId;
use svclab_core::time::Instant;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::marks::{Mark, Tone};
use crate::state::Msg;
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct ScrubProps {
    pub lang: Lang,
    pub marks: Rc<Vec<Mark>>,
    pub now: Instant,
    /// The branch's latest moment.
    pub head: Instant,
    pub past: bool,
    /// What happened last at the moment that is shown.
    pub last: String,
    /// Where each branch left another: its number and when.
    pub branches: Vec<Option<(usize, Instant)>>,
    pub current: usize,
    pub slider: NodeRef,
    pub send: Callback<Msg>,
}

/// The time bar: every moment of the branch, with what happened painted on it.
#[component]
pub(super) fn Scrub(props: &ScrubProps) -> Html {
    let ScrubProps { lang, marks, now, head, past, send, .. } = props;
    let (lang, end) = (*lang, *head);
    let oninput = send.reform(move |event: InputEvent| {
        let value = event.target_unchecked_into::<HtmlInputElement>().value();
        let millis: u64 = value.parse().unwrap_or_default();
        match millis >= end.as_millis() {
            true => Msg::Now,
            false => Msg::Look(Instant::from_micros(millis * 1000)),
        }
    });
    let step = send.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        let count = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => -1,
            "ArrowRight" | "ArrowUp" => 1,
            _ => return,
        };
        event.prevent_default();
        step.emit(Msg::LookBy(count));
    });
    html! {
        <div class={classes!("scrub", past.then_some("past"))}>
            <div class="track" title={lang.say(Word::MomentHint)}>
                <svg viewBox={format!("0 0 {COLUMNS} 25")} preserveAspectRatio="none" aria-hidden="true">
                    for tone in Tone::ALL {
                        <path class={tone.name()} d={ticks(marks, tone, *head)} />
                    }
                </svg>
                <input type="range" min="0" max={end.as_millis().to_string()} step="1" ref={props.slider.clone()}
                       value={now.as_millis().to_string()} aria-label={lang.say(Word::Moment)}
                       aria-valuetext={format!("{now}, {}", props.last)} {oninput} {onkeydown} />
            </div>
            if *past {
                <button type="button" class="now" onclick={send.reform(|_| Msg::Now)}>{ lang.say(Word::Now) }</button>
            }
            if props.branches.len() > 1 {
                { branches(props, lang) }
            }
        </div>
    }
}

fn branches(props: &ScrubProps, lang: Lang) -> Html {
    let onchange = props.send.reform(|event: Event| {
        let value = event.target_unchecked_into::<HtmlSelectElement>().value();
        Msg::Branch(BranchId(value.parse().unwrap_or_default()))
    });
    html! {
        <select aria-label={lang.say(Word::Branch)} title={lang.say(Word::BranchHint)} {onchange}>
            for (index, fork) in props.branches.iter().enumerate() {
                <option value={index.to_string()} selected={index == props.current}>
                    { words::branch(lang, index, *fork) }
                </option>
            }
        </select>
    }
}

/// As many moments as can be told apart.
const COLUMNS: u64 = 300;

/// The marks of a tone, in its own line.
fn ticks(marks: &[Mark], tone: Tone, head: Instant) -> String {
    let line = Tone::ALL.iter().position(|it| *it == tone).unwrap_or(0) * 5;
    let mut res = String::new();
    let mut last = None;
    for mark in marks.iter().filter(|it| it.tone == tone) {
        let column = mark.at.as_millis() * COLUMNS / head.as_millis().max(1);
        if last != Some(column) {
            let _ = write!(res, "M{column} {line}v4");
            last = Some(column);
        }
    }
    res
}
