use std::rc::Rc;

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::state::Msg;
use crate::words::{Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct SendProps {
    pub lang: Lang,
    pub clients: Vec<Rc<str>>,
    pub targets: Vec<String>,
    pub from: Option<Rc<str>>,
    pub to: Option<String>,
    pub send: Callback<Msg>,
}

/// Which pod asks which Service.
#[component]
pub(super) fn Send(props: &SendProps) -> Html {
    let SendProps { lang, clients, targets, from, to, send } = props;
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
                    for id in clients.iter() {
                        <option key={id.to_string()} value={id.to_string()}
                                selected={Some(id) == from.as_ref()}>{ &**id }</option>
                    }
                </select>
            </label>
            <label>
                <span>{ lang.say(Word::Target) }</span>
                <select onchange={send.reform(move |event| Msg::To(chosen(event)))}>
                    if targets.is_empty() {
                        <option>{ lang.say(Word::NoTarget) }</option>
                    }
                    for id in targets.iter() {
                        <option key={id.clone()} value={id.clone()}
                                selected={Some(id) == to.as_ref()}>{ id }</option>
                    }
                </select>
            </label>
            <button type="submit" class="pri" disabled={targets.is_empty() || clients.is_empty()}>
                { lang.say(Word::Send) }
            </button>
        </form>
    }
}
