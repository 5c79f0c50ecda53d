//! A request that is followed: its packets, and the steps of the chosen one.

mod balanced;
mod dump;
mod head;
mod steps;
mod visits;

use std::rc::Rc;

use svclab_core::proxy::Origins;
use svclab_core::trace::{Exchange, Trace};
use yew::prelude::*;

use crate::sniff::Sniffed;
use crate::state::{Msg, Sniffing};
use crate::view::Shared;
use crate::words::{self, Lang, Word};

use super::bar::{pause_icon, play_icon, step_icon};
use dump::Dump;
use head::Head;
use steps::Steps;

#[derive(Clone)]
pub(super) struct Watching {
    /// The requests that are followed one after the other.
    pub way: Shared<Vec<Rc<Exchange>>>,
    pub exchange: Shared<Exchange>,
    pub packet: usize,
    pub step: usize,
    pub live: bool,
    /// Where rules come from; ids keep their meaning, so these are no part of what is watched.
    pub origins: Option<Origins>,
}

impl PartialEq for Watching {
    fn eq(&self, other: &Watching) -> bool {
        self.way == other.way
            && self.exchange == other.exchange
            && self.packet == other.packet
            && self.step == other.step
            && self.live == other.live
    }
}

#[derive(Properties)]
pub(super) struct WalkProps {
    pub lang: Lang,
    pub playback: Option<Watching>,
    pub exchanges: Shared<Vec<Rc<Exchange>>>,
    /// Exchanges are only ever added, so their number says whether there are new ones.
    pub count: usize,
    pub playing: bool,
    pub sniffing: Sniffing,
    /// What passes the interfaces, while that is looked at.
    pub sniffed: Rc<Vec<Sniffed>>,
    pub send: Callback<Msg>,
}

impl PartialEq for WalkProps {
    fn eq(&self, other: &WalkProps) -> bool {
        self.lang == other.lang
            && self.playback == other.playback
            && self.count == other.count
            && self.playing == other.playing
            && self.sniffing == other.sniffing
            && self.sniffed.len() == other.sniffed.len()
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
                  count={props.count} sniffs={props.sniffing.shown} send={send.clone()} />
            if props.sniffing.shown {
                <Dump {lang} watching={watching.clone()} sniffing={props.sniffing.clone()}
                      lines={props.sniffed.clone()} send={send.clone()} />
            } else {
                <Steps {lang} watching={watching.clone()} send={send.clone()} />
            }
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
                        <button type="button" onclick={send.reform({ let id = it.id; move |_| Msg::Watch([id].into()) })}>
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
