//! The packets that are followed, as tcpdump shows them where they pass.

use std::rc::Rc;

use web_sys::{Element, HtmlSelectElement};
use yew::prelude::*;

use super::Watching;
use crate::effects;
use crate::sniff::{Sniffed, taps_of};
use crate::state::{Msg, Sniffing};
use crate::words::{self, Lang, Word};

#[derive(Properties)]
pub(super) struct DumpProps {
    pub lang: Lang,
    pub watching: Watching,
    pub sniffing: Sniffing,
    pub lines: Rc<Vec<Sniffed>>,
    pub send: Callback<Msg>,
}

/// Lines follow from what is watched.
impl PartialEq for DumpProps {
    fn eq(&self, other: &DumpProps) -> bool {
        self.lang == other.lang
            && self.watching == other.watching
            && self.sniffing == other.sniffing
    }
}

#[component]
pub(super) fn Dump(props: &DumpProps) -> Html {
    let DumpProps { lang, sniffing, lines, send, .. } = props;
    let lang = *lang;
    let taps = taps_of(lines);
    let at = sniffing.at.as_ref().filter(|it| taps.contains(it));
    let shown: Vec<_> = lines.iter().filter(|it| at.is_none_or(|at| it.tap == *at)).collect();
    let now = now(&props.watching, &shown);
    let list = use_node_ref();
    use_effect_with(now, {
        let list = list.clone();
        move |now| {
            let Some(list) = list.cast::<Element>() else { return };
            if let Some(item) = now.and_then(|it| list.children().item(it as u32)) {
                effects::reveal(&list, &item);
            }
        }
    });
    let onchange = send.reform(|event: Event| {
        let value = event.target_unchecked_into::<HtmlSelectElement>().value();
        Msg::SniffAt((!value.is_empty()).then(|| value.into()))
    });
    html! {
        <div class="dump">
            <div class="where">
                <select aria-label={lang.say(Word::Interface)} {onchange}>
                    <option value="" selected={at.is_none()}>{ lang.say(Word::EveryInterface) }</option>
                    for tap in &taps {
                        <option value={tap.clone()} selected={Some(tap) == at}>{ &**tap }</option>
                    }
                </select>
                <code lang="en">{ words::tcpdump_command(at.map(|it| &**it)) }</code>
            </div>
            <ol class="scroll" ref={list} tabindex="0" aria-label="tcpdump">
                for (index, line) in shown.into_iter().enumerate() {
                    { row(props, line, at.is_some(), now == Some(index)) }
                }
            </ol>
        </div>
    }
}

/// The last line that the packet has left behind.
fn now(watching: &Watching, lines: &[&Sniffed]) -> Option<usize> {
    let has_passed = |it: &&Sniffed| {
        let (exchange, packet, step) = it.place;
        (exchange, packet) == (watching.exchange.id, watching.packet) && step <= watching.step
    };
    lines.iter().rposition(has_passed)
}

/// A line, and the way to its step.
fn row(props: &DumpProps, line: &Sniffed, alone: bool, now: bool) -> Html {
    let Watching { exchange, packet, .. } = &props.watching;
    let (id, of, at) = line.place;
    let same = exchange.id == id && *packet == of;
    let class = classes!(same.then_some("same"), now.then_some("now"));
    html! {
        <li key={format!("{id}.{of}.{at}.{}", line.out)} {class}>
            <button type="button" aria-current={now.then_some("step")}
                    onclick={props.send.reform(move |_| Msg::PickPlace(id, of, at))}>
                if !alone {
                    <b>{ &*line.tap }{ " " }<small>{ if line.out { "Out" } else { "In" } }</small></b>
                }
                <code lang="en">{ &line.line }</code>
            </button>
        </li>
    }
}
