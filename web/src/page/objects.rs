use std::ops::Range;
use std::rc::Rc;

use svclab_core::object::Object;
use svclab_core::time::Instant;
use svclab_shell::kubectl::{cells, columns};
use web_sys::{Element, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::objects::{ROW, Section, Wanted, windows};
use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct ObjectsPaneProps {
    pub lang: Lang,
    pub wanted: Wanted,
    pub can_widen: bool,
    pub sections: Shared<Vec<Section>>,
    pub namespaces: Vec<Rc<str>>,
    pub now: Instant,
    pub send: Callback<Msg>,
}

/// Rows for a window of this height are drawn, whatever it is.
const IN_SIGHT: usize = 1600;

/// A table for each kind, as `kubectl get -o wide` prints it.
#[component]
pub(super) fn ObjectsPane(props: &ObjectsPaneProps) -> Html {
    let ObjectsPaneProps { lang, wanted, sections, now, send, .. } = props;
    let lang = *lang;
    let top = use_state_eq(|| 0);
    let onscroll = {
        let top = top.clone();
        // Rows are drawn anew each ten rows, not with each pixel.
        move |event: Event| {
            let pixels = event.target_unchecked_into::<Element>().scroll_top();
            top.set(usize::try_from(pixels).unwrap_or(0) / (10 * ROW) * (10 * ROW));
        }
    };
    let rows: Vec<_> = sections.iter().map(|it| it.open.then_some(it.rows.len())).collect();
    let all_namespaces = wanted.namespace.is_none();
    html! {
        <div class="objects">
            <Narrow {lang} wanted={wanted.clone()} can_widen={props.can_widen} namespaces={props.namespaces.clone()} send={send.clone()} />
            <div class="scroll" {onscroll}>
                if sections.is_empty() {
                    <p class="empty">{ lang.say(Word::NoSuchObjects) }</p>
                }
                for (section, window) in sections.iter().zip(windows(&rows, *top, IN_SIGHT)) {
                    <section key={section.kind.name()} aria-label={section.kind.name()}>
                        { heading(section, send) }
                        if section.open {
                            { table(lang, section, window, all_namespaces, *now, send) }
                        }
                    </section>
                }
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct NarrowProps {
    lang: Lang,
    wanted: Wanted,
    can_widen: bool,
    namespaces: Vec<Rc<str>>,
    send: Callback<Msg>,
}

/// Which of the objects are shown.
#[component]
fn Narrow(props: &NarrowProps) -> Html {
    let NarrowProps { lang, wanted, can_widen, namespaces, send } = props;
    let wide = wanted.wide;
    let onchange = send.reform(|event: Event| {
        let value = event.target_unchecked_into::<HtmlSelectElement>().value();
        Msg::Namespace(Some(value.into()).filter(|it: &Rc<str>| !it.is_empty()))
    });
    let oninput = send.reform(|event: InputEvent| {
        Msg::Search(event.target_unchecked_into::<HtmlInputElement>().value())
    });
    html! {
        <div class="narrow" role="search" aria-label={lang.say(Word::Objects)}>
            <select aria-label={lang.say(Word::Namespace)} {onchange}>
                <option value="" selected={wanted.namespace.is_none()}>{ lang.say(Word::AllNamespaces) }</option>
                for name in namespaces.iter() {
                    <option key={&**name} value={name.to_string()}
                            selected={wanted.namespace.as_ref() == Some(name)}>{ &**name }</option>
                }
            </select>
            <input type="search" aria-label={lang.say(Word::SearchHint)} placeholder={lang.say(Word::Search)}
                   title={lang.say(Word::SearchHint)}
                   autocomplete="off" spellcheck="false" value={wanted.search.to_string()} {oninput} />
            if *can_widen {
                <button type="button" class="toggle" aria-pressed={wide.to_string()}
                        title={lang.say(Word::WideHint)}
                        onclick={send.reform(move |_| Msg::Wide(!wide))}>{ lang.say(Word::Wide) }</button>
            }
        </div>
    }
}

fn heading(section: &Section, send: &Callback<Msg>) -> Html {
    let kind = section.kind;
    html! {
        <h2>
            <button type="button" class="chain-name" aria-expanded={section.open.to_string()}
                    onclick={send.reform(move |_| Msg::Fold(kind))}>
                <span class="turn" aria-hidden="true">{ "▸" }</span>
                <b>{ kind.name() }</b>
                <small class="many">{ section.count }</small>
            </button>
        </h2>
    }
}

fn table(
    lang: Lang,
    section: &Section,
    window: Range<usize>,
    all_namespaces: bool,
    now: Instant,
    send: &Callback<Msg>,
) -> Html {
    let with_namespace = all_namespaces && section.kind.is_namespaced();
    let below = section.rows.len() - window.end;
    html! {
        <table class="listing" lang="en" aria-label={section.kind.name()}
               aria-rowcount={(section.rows.len() + 1).to_string()}>
            <thead>
                <tr>
                    if with_namespace {
                        <th scope="col">{ "NAMESPACE" }</th>
                    }
                    for column in columns(section.kind, true) {
                        <th scope="col">{ column.name }</th>
                    }
                </tr>
            </thead>
            <tbody>
                { gap(window.start) }
                for (index, object) in section.rows[window.clone()].iter().enumerate() {
                    { row(lang, window.start + index, object, with_namespace, now, send) }
                }
                { gap(below) }
            </tbody>
        </table>
    }
}

/// The room of rows that are not drawn.
fn gap(rows: usize) -> Html {
    if rows == 0 {
        return html! {};
    }
    html! { <tr class="gap" aria-hidden="true"><td style={format!("height:{}px", rows * ROW)}></td></tr> }
}

fn row(
    lang: Lang,
    index: usize,
    object: &Rc<Object>,
    with_namespace: bool,
    now: Instant,
    send: &Callback<Msg>,
) -> Html {
    let key = object.key();
    let mut cells = cells(object, true, now).into_iter();
    let name = cells.next().unwrap_or_default();
    let onclick = send.reform({
        let key = key.clone();
        move |_| Msg::Object(Some(key.clone()))
    });
    html! {
        <tr key={key.to_string()} aria-rowindex={(index + 2).to_string()} {onclick}>
            if with_namespace {
                <td>{ &key.namespace }</td>
            }
            <th scope="row">
                <button type="button" title={words::show_object(lang, &key)}>{ name }</button>
            </th>
            for cell in cells {
                <td>{ cell }</td>
            }
        </tr>
    }
}
