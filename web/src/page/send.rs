use std::rc::Rc;

use svclab_core::lab::Source;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::state::{AMOUNTS, Choice, Msg, Target};
use crate::words::{Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct SendProps {
    pub lang: Lang,
    pub clients: Vec<Choice<Source>>,
    pub targets: Vec<Choice<Target>>,
    pub from: Option<Rc<str>>,
    pub to: Option<Rc<str>>,
    pub amount: usize,
    pub send: Callback<Msg>,
}

/// Who asks which Service, by which of its addresses.
#[component]
pub(super) fn Send(props: &SendProps) -> Html {
    let SendProps { lang, clients, targets, from, to, amount, send } = props;
    let chosen = |event: Event| event.target_unchecked_into::<HtmlSelectElement>().value();
    let onsubmit = send.reform(|event: SubmitEvent| {
        event.prevent_default();
        Msg::Send
    });
    html! {
        <form class="send" aria-label={lang.say(Word::Request)} {onsubmit}>
            <label>
                <span>{ lang.say(Word::Client) }</span>
                <select onchange={send.reform(move |event| Msg::From(chosen(event)))}>
                    { options(*lang, clients, from) }
                </select>
            </label>
            <label>
                <span>{ lang.say(Word::Target) }</span>
                <select onchange={send.reform(move |event| Msg::To(chosen(event)))}>
                    if targets.is_empty() {
                        <option>{ lang.say(Word::NoTarget) }</option>
                    }
                    { options(*lang, targets, to) }
                </select>
            </label>
            <select class="amount" aria-label={lang.say(Word::Amount)} title={lang.say(Word::Amount)}
                    onchange={send.reform(move |event| Msg::Amount(chosen(event).parse().unwrap_or(1)))}>
                for it in AMOUNTS {
                    <option value={it.to_string()} selected={it == *amount}>{ format!("×{it}") }</option>
                }
            </select>
            <button type="submit" class="pri" disabled={targets.is_empty() || clients.is_empty()}>
                { lang.say(Word::Send) }
            </button>
        </form>
    }
}

/// The choices under the names of their groups.
fn options<T>(lang: Lang, choices: &[Choice<T>], chosen: &Option<Rc<str>>) -> Html {
    let of_group = |group: &[Choice<T>]| {
        html! {
            <optgroup label={group.first().map(|it| lang.say(it.group))}>
                for it in group.iter() {
                    <option key={&*it.id} value={it.id.clone()} selected={Some(&it.id) == chosen.as_ref()}>
                        { &*it.id }
                    </option>
                }
            </optgroup>
        }
    };
    choices.chunk_by(|a, b| a.group == b.group).map(of_group).collect()
}
