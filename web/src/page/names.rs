use std::rc::Rc;

use svclab_core::dns::{Query, Reply};
use svclab_core::trace::{Answer, Exchange, Question};
use yew::prelude::*;

use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

/// A question to a name server, and what came back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    exchange: Shared<Exchange>,
}

/// At most so many questions are drawn.
const DRAWN: usize = 200;

/// The questions that were asked, the newest first.
pub(super) fn asked(exchanges: &[Rc<Exchange>]) -> Vec<Asked> {
    let names = exchanges.iter().rev().filter(|it| matches!(it.request.what, Question::Name(_)));
    names.take(DRAWN).map(|it| Asked { exchange: Shared(it.clone()) }).collect()
}

#[derive(Properties, PartialEq)]
pub(super) struct NamesProps {
    pub lang: Lang,
    pub asked: Vec<Asked>,
    pub send: Callback<Msg>,
}

/// DNS questions as they happen: who asks whom, and the answer.
#[component]
pub(super) fn Names(props: &NamesProps) -> Html {
    let NamesProps { lang, asked, send } = props;
    let lang = *lang;
    if asked.is_empty() {
        return html! {
            <div class="empty tall">
                <p>{ lang.say(Word::NoNames) }</p>
                <p>{ lang.say(Word::NoNamesHint) }</p>
            </div>
        };
    }
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label="DNS">
            <ol class="names" aria-label={lang.say(Word::Questions)}>
                for it in asked {
                    { row(lang, &it.exchange, send) }
                }
            </ol>
        </div>
    }
}

fn row(lang: Lang, exchange: &Exchange, send: &Callback<Msg>) -> Html {
    let Question::Name(query) = &exchange.request.what else { return html! {} };
    let id = exchange.id;
    let (by, reply) = match &exchange.result {
        Answer::Replied { by, reply, .. } => (by.to_string(), Some(reply)),
        _ => (exchange.request.to.to_string(), None),
    };
    html! {
        <li key={id}>
            <p class="ends">
                <time>{ exchange.at.to_string() }</time>
                <span>{ &*exchange.request.from }{ " → " }{ by }</span>
            </p>
            <p class="question">
                <b>{ query.kind.to_string() }</b>{ " " }<code>{ query.name.to_string() }</code>
            </p>
            if let Some(reply) = reply {
                { answer(query, reply) }
            } else {
                <p class="bad">{ words::answer(lang, &exchange.result) }</p>
            }
            <button type="button" class="link" onclick={send.reform(move |_| Msg::Watch([id].into()))}>
                { words::watch_packets(lang, 1) }
            </button>
        </li>
    }
}

/// The code, then the records as a zone file has them.
fn answer(query: &Query, reply: &Reply) -> Html {
    let (code, tone) = match reply.rcode.name() {
        // The name is there, but it has no record of this type: no fault of anybody's.
        "NOERROR" if reply.answer.is_empty() => ("NODATA", "neither"),
        "NOERROR" => ("NOERROR", "good"),
        other => (other, "bad"),
    };
    let owner = |it: &svclab_core::dns::Record| match it.owner == query.name {
        true => format!("{} {}", it.kind(), it.data),
        false => format!("{} {} {}", it.owner, it.kind(), it.data),
    };
    html! {
        <div class="records">
            <b class={tone}>{ code }</b>
            for record in &reply.answer {
                <code>{ owner(record) }<small>{ format!(" ttl {}", record.ttl) }</small></code>
            }
        </div>
    }
}
