//! The editor's module (web/js), which is fetched once the page stands, as values and calls.
//!
//! The page says what is shown, the module tells what the user does ([`Told`]). Places are in
//! UTF-16 units, as everywhere in a browser; lists go over as JSON.

use gloo::events::EventListener;
use js_sys::{Array, Function, Reflect};
use serde_json::json;
use svclab_core::read::Severity;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Element;

use crate::assist::Question;
use crate::state::Fault;
use crate::words::Lang;

/// What the user does in the editor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Text {
        file: u32,
        text: String,
    },
    /// Where the cursor is now.
    Cursor(u32),
    Apply,
    ApplyDocument,
    Ask {
        number: u32,
        question: Question,
        at: u32,
    },
}

/// The module's one editor, in its place on the page until this is dropped.
pub(super) struct Bridge {
    editor: JsValue,
    _tell: Closure<dyn FnMut(String, u32, String)>,
}

/// Calls back once the module is there.
pub(super) fn when_there(call: impl FnOnce() + 'static) -> EventListener {
    EventListener::once(&gloo::utils::window(), "svclab-editor", move |_| call())
}

pub(super) fn is_there() -> bool {
    module().is_some()
}

fn module() -> Option<JsValue> {
    let editor = Reflect::get(&js_sys::global(), &"svclabEditor".into()).ok()?;
    editor.is_object().then_some(editor)
}

impl Bridge {
    /// None where the module is not there.
    pub(super) fn open(host: &Element, tell: impl Fn(Told) + 'static) -> Option<Bridge> {
        let editor = module()?;
        let tell = Closure::new(move |what: String, file: u32, value: String| {
            if let Some(told) = told(&what, file, value) {
                tell(told);
            }
        });
        let bridge = Bridge { editor, _tell: tell };
        bridge.call("open", &[host.into(), bridge._tell.as_ref().clone()]);
        Some(bridge)
    }

    pub(super) fn show(&self, file: u32, text: &str) {
        self.call("show", &[file.into(), text.into()]);
    }

    /// CodeMirror's own words, by the English ones, as JSON.
    pub(super) fn say(&self, lang: Lang, phrases: &str) {
        self.call("say", &[lang.code().into(), phrases.into()]);
    }

    /// The answer to a [`Told::Ask`], as JSON.
    pub(super) fn answer(&self, number: u32, answer: &str) {
        self.call("answer", &[number.into(), answer.into()]);
    }

    pub(super) fn mark(&self, faults: &[&Fault]) {
        let mark = |it: &&Fault| {
            let severity = match it.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let place = &it.place.selection;
            json!({"from": place.start, "to": place.end, "severity": severity, "text": it.text})
        };
        let marks: Vec<_> = faults.iter().map(mark).collect();
        self.call("mark", &[serde_json::Value::from(marks).to_string().into()]);
    }

    /// The text is no longer the one that was applied: asks what the server would say to it.
    pub(super) fn check(&self) {
        self.call("checkSoon", &[]);
    }

    pub(super) fn select(&self, from: u32, to: u32) {
        self.call("select", &[from.into(), to.into()]);
    }

    /// The cluster has changed: what the server added may be another.
    pub(super) fn stale(&self) {
        self.call("stale", &[]);
    }

    /// Tells of what is typed but waits for a pause.
    pub(super) fn flush(&self) {
        self.call("flush", &[]);
    }

    fn call(&self, name: &str, arguments: &[JsValue]) {
        let function = Reflect::get(&self.editor, &name.into()).ok();
        let Some(function) = function.and_then(|it| it.dyn_into::<Function>().ok()) else { return };
        let arguments: Array = arguments.iter().collect();
        if let Err(error) = function.apply(&self.editor, &arguments) {
            gloo::console::error!("the editor:", error);
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.call("close", &[]);
    }
}

fn told(what: &str, file: u32, value: String) -> Option<Told> {
    match (what, value.as_str()) {
        ("text", _) => Some(Told::Text { file, text: value }),
        ("cursor", at) => at.parse().ok().map(Told::Cursor),
        ("complete", asked) => asks(Question::Complete, asked),
        ("explain", asked) => asks(Question::Explain, asked),
        ("describe", asked) => asks(Question::Describe, asked),
        ("ghosts", asked) => asks(Question::Ghosts, asked),
        ("check", asked) => asks(Question::Check, asked),
        ("key", "apply") => Some(Told::Apply),
        ("key", "apply-one") => Some(Told::ApplyDocument),
        _ => None,
    }
}

fn asks(question: Question, asked: &str) -> Option<Told> {
    let (number, at) = asked.split_once(' ')?;
    Some(Told::Ask { number: number.parse().ok()?, question, at: at.parse().ok()? })
}
