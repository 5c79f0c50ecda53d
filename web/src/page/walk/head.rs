//! Which request is followed, what came of it, and its packets.

use std::rc::Rc;

use svclab_core::trace::{Exchange, Question};
use yew::prelude::*;

use super::Watching;
use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

#[derive(Properties)]
pub(super) struct HeadProps {
    pub lang: Lang,
    pub watching: Watching,
    pub exchanges: Shared<Vec<Rc<Exchange>>>,
    pub count: usize,
    /// The packets are told as tcpdump does.
    pub sniffs: bool,
    pub send: Callback<Msg>,
}

impl PartialEq for HeadProps {
    fn eq(&self, other: &HeadProps) -> bool {
        self.lang == other.lang
            && self.watching.exchange == other.watching.exchange
            && self.watching.packet == other.watching.packet
            && self.watching.way == other.watching.way
            && self.count == other.count
            && self.sniffs == other.sniffs
    }
}

/// Which request, what came of it, and its packets.
#[component]
pub(super) fn Head(props: &HeadProps) -> Html {
    let HeadProps { lang, watching, exchanges, send, .. } = props;
    let lang = *lang;
    let exchange = &watching.exchange;
    let onchange = send.reform(|event: web_sys::Event| {
        let value = event.target_unchecked_into::<web_sys::HtmlSelectElement>().value();
        Msg::PickExchange(value.parse().unwrap_or(0))
    });
    html! {
        <div class="head">
            <div class="pick">
                <select aria-label={lang.say(Word::Requests)} {onchange}>
                    for it in exchanges.iter().rev().take(50) {
                        <option key={it.id} value={it.id.to_string()} selected={it.id == exchange.id}>
                            { format!("#{} {} · {}", it.id, words::request_line(it), it.request.from) }
                        </option>
                    }
                </select>
                { manner(lang, props.sniffs, send) }
            </div>
            if watching.way.len() > 1 {
                { way(lang, watching, send) }
            }
            <p class="answer">{ words::answer(lang, &exchange.result) }</p>
            <ol class="packets" aria-label={lang.say(Word::Packets)}>
                for index in 0..exchange.packets.len() {
                    { packet_chip(lang, exchange, index, index == watching.packet, send) }
                }
            </ol>
        </div>
    }
}

/// No more requests of a way than these are named at once.
const NAMED: usize = 8;

/// The requests that are followed one after the other, those around the present one.
fn way(lang: Lang, watching: &Watching, send: &Callback<Msg>) -> Html {
    let all = &watching.way;
    let here = all.iter().position(|it| it.id == watching.exchange.id).unwrap_or(0);
    let from = here.saturating_sub(NAMED / 2).min(all.len().saturating_sub(NAMED));
    let rest = all.len().saturating_sub(from + NAMED);
    html! {
        <ol class="way" aria-label={lang.say(Word::OneAfterTheOther)}>
            if from > 0 {
                <li>{ "… " }</li>
            }
            for it in all.iter().skip(from).take(NAMED) {
                <li key={it.id}>
                    <button type="button" aria-current={(it.id == watching.exchange.id).then_some("true")}
                            onclick={send.reform({ let id = it.id; move |_| Msg::PickExchange(id) })}>
                        { request_name(it) }
                    </button>
                </li>
            }
            if rest > 0 {
                <li>{ words::more(lang, rest) }</li>
            }
        </ol>
    }
}

/// `A web.shop.svc.cluster.local`, `GET http://web/`
fn request_name(exchange: &Exchange) -> String {
    match &exchange.request.what {
        Question::Name(query) => {
            format!("{} {}", query.kind, query.name.to_string().trim_end_matches('.'))
        }
        _ => words::request_line(exchange),
    }
}

/// Step by step through the cluster, or as tcpdump shows it.
fn manner(lang: Lang, sniffs: bool, send: &Callback<Msg>) -> Html {
    let choice = |sniff: bool, name: &'static str| {
        html! {
            <button type="button" aria-pressed={(sniff == sniffs).to_string()}
                    onclick={send.reform(move |_| Msg::Sniff(sniff))}>{ name }</button>
        }
    };
    html! {
        <div class="seg" role="group" aria-label={lang.say(Word::WalkManner)}>
            { choice(false, lang.say(Word::AsSteps)) }
            { choice(true, "tcpdump") }
        </div>
    }
}

fn packet_chip(
    lang: Lang,
    exchange: &Exchange,
    index: usize,
    current: bool,
    send: &Callback<Msg>,
) -> Html {
    let reply = words::is_reply(exchange, index);
    let direction = lang.say(if reply { Word::Reply } else { Word::Request2 });
    html! {
        <li key={index}>
            <button type="button" class={if reply { "chip reply" } else { "chip" }}
                    aria-current={current.then_some("true")}
                    onclick={send.reform(move |_| Msg::PickPacket(index))}>
                <span aria-hidden="true">{ if reply { "← " } else { "→ " } }</span>
                <span class="unseen">{ direction }{ " " }</span>
                { words::packet_name(exchange, index) }
            </button>
        </li>
    }
}
