//! Keys that work wherever nothing is being written.

use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};
use yew::Callback;

use crate::effects;
use crate::state::{Dialog, Msg, Pane, Typing};

pub(super) fn listen(send: Callback<Msg>) -> EventListener {
    let options = EventListenerOptions::enable_prevent_default();
    let document = gloo::utils::document();
    EventListener::new_with_options(&document, "keydown", options, move |event| {
        let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
        effects::remember_keyed(event);
        let busy = event.ctrl_key() || event.meta_key() || event.alt_key();
        if busy || event.default_prevented() || is_taken(event) {
            return;
        }
        let Some((msg, focus)) = meaning(&event.key()) else { return };
        event.prevent_default();
        send.emit(msg);
        if let Some(id) = focus {
            effects::focus_soon(id);
        }
    })
}

/// Where the key already means something: letters where something is written, Space on a button.
/// Not in what has just been closed, where the focus stays until the page is drawn again.
fn is_taken(event: &KeyboardEvent) -> bool {
    let Some(target) = event.target().and_then(|it| it.dyn_into::<Element>().ok()) else {
        return false;
    };
    let within = |what: &str| target.closest(what).ok().flatten().is_some();
    if within("dialog:not([open]), [popover]:not(:popover-open)") {
        return false;
    }
    let pressed = event.key() == " ";
    within("input:not([type=range]), textarea, select, [contenteditable=true], dialog, [popover]")
        || pressed && within("button, summary, [role=switch], [role=button], [role=option]")
}

/// What a key asks for, and what gets the focus then.
fn meaning(key: &str) -> Option<(Msg, Option<&'static str>)> {
    let alone = |msg| Some((msg, None));
    match key {
        "?" => alone(Msg::Dialog(Some(Dialog::Shortcuts))),
        " " => alone(Msg::PlayPause),
        "." => alone(Msg::NextEvent),
        "," | "<" => alone(Msg::LookBy(-1)),
        "n" => alone(Msg::Now),
        "s" => alone(Msg::Send),
        "u" => alone(Msg::Undo),
        "l" => alone(Msg::Dialog(Some(Dialog::Scenarios))),
        "m" => Some((Msg::Open(Pane::Manifests), Some("manifests-text"))),
        "t" => Some((Msg::Terminal(Typing::Show(true)), Some("terminal-input"))),
        _ => {
            let panes = [Pane::Walk, Pane::Rules, Pane::Endpoints, Pane::Names, Pane::Events];
            let number: usize = key.parse().ok()?;
            alone(Msg::Open(*panes.get(number.checked_sub(1)?)?))
        }
    }
}
