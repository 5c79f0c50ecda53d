use std::rc::Rc;

use web_sys::{Element, HtmlTextAreaElement};
use yew::prelude::*;

use crate::effects;
use crate::state::{Fault, Msg, Report};
use crate::words::{self, Lang, Word};

/// As in the style sheet.
const LINE: usize = 18;
const PADDING: usize = 10;
/// Numbers beyond this are not drawn.
const NUMBERED: usize = 5_000;

#[derive(Properties, PartialEq)]
pub(super) struct EditorProps {
    pub lang: Lang,
    pub text: Rc<str>,
    pub edited: bool,
    pub report: Rc<Report>,
    pub send: Callback<Msg>,
}

/// The manifests as text, with the last Apply's errors at their places.
#[component]
pub(super) fn Editor(props: &EditorProps) -> Html {
    let EditorProps { lang, text, edited, report, send } = props;
    let lang = *lang;
    let area = use_node_ref();
    let gutter = use_node_ref();
    let lines = text.bytes().filter(|byte| *byte == b'\n').take(NUMBERED).count() + 1;
    let numbers = use_memo(lines, |lines| numbers(*lines));

    // What the text area holds. Asking it costs seconds with a text of half a million lines, so it
    // is told of a text that it did not send itself, and else left alone.
    let held = use_mut_ref(|| Rc::<str>::from(""));
    use_effect_with(text.clone(), {
        let (area, held) = (area.clone(), held.clone());
        move |text| {
            if *held.borrow() == *text {
                return;
            }
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                area.set_value(text);
                *held.borrow_mut() = text.clone();
            }
        }
    });
    let oninput = send.reform(move |event: InputEvent| {
        let value = event.target_unchecked_into::<HtmlTextAreaElement>().value();
        *held.borrow_mut() = value.as_str().into();
        Msg::Edited(value)
    });
    let onkeydown = {
        let send = send.clone();
        move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                send.emit(Msg::Apply);
            }
        }
    };
    let onscroll = {
        let gutter = gutter.clone();
        move |event: Event| {
            let top = event.target_unchecked_into::<Element>().scroll_top();
            if let Some(gutter) = gutter.cast::<Element>() {
                let _ = gutter.set_attribute("style", &format!("transform:translateY({}px)", -top));
            }
        }
    };
    let pick = {
        let area = area.clone();
        Callback::from(move |fault: Fault| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                let top = fault.line.saturating_sub(4) * LINE;
                let end = fault.selection.end.max(fault.selection.start + 1);
                effects::select(&area, fault.selection.start, end, top as i32);
            }
        })
    };
    let marks = if *edited { &[][..] } else { &report.faults };
    html! {
        <div class="editor">
            <div class="text">
                <div class="gutter" aria-hidden="true">
                    <div ref={gutter}>
                        for fault in marks.iter() {
                            <i class="mark" style={format!("top:{}px", PADDING + (fault.line - 1) * LINE)} />
                        }
                        <pre>{ (*numbers).clone() }</pre>
                    </div>
                </div>
                <textarea ref={area} aria-label={"Manifests"} wrap="off"
                          spellcheck="false" autocomplete="off" autocapitalize="off"
                          aria-invalid={(!marks.is_empty()).to_string()}
                          {oninput} {onkeydown} {onscroll} />
            </div>
            <Outcome {lang} report={report.clone()} {pick} />
            <div class="actions">
                <button type="button" class="pri" title={lang.say(Word::ApplyHint)}
                        onclick={send.reform(|_| Msg::Apply)}>
                    { lang.say(Word::Apply) }<kbd aria-hidden="true">{ "Ctrl ↵" }</kbd>
                </button>
                <button type="button" title={lang.say(Word::ResetHint)}
                        onclick={send.reform(|_| Msg::StartOver)}>{ lang.say(Word::Reset) }</button>
                if *edited {
                    <span class="edited">{ lang.say(Word::Edited) }</span>
                }
            </div>
        </div>
    }
}

fn numbers(lines: usize) -> String {
    (1..=lines).map(|number| format!("{number}\n")).collect()
}

#[derive(Properties, PartialEq)]
struct OutcomeProps {
    lang: Lang,
    report: Rc<Report>,
    pick: Callback<Fault>,
}

/// What the last Apply did: objects, and problems to go to.
#[component]
fn Outcome(props: &OutcomeProps) -> Html {
    let OutcomeProps { lang, report, pick } = props;
    let lang = *lang;
    if **report == Report::default() {
        return html! {};
    }
    html! {
        <div class="outcome" tabindex="0" role="group" aria-label={lang.say(Word::Problems)}>
            if report.nothing {
                <p class="bad">{ lang.say(Word::NoObjects) }</p>
            }
            if !report.faults.is_empty() {
                <ol class="faults" aria-label={lang.say(Word::Problems)}>
                    for (index, fault) in report.faults.iter().cloned().enumerate() {
                        <li key={index}>
                            <button type="button" onclick={{
                                let fault = fault.clone();
                                pick.reform(move |_| fault.clone())
                            }}>
                                <b>{ words::error_place(lang, fault.line, fault.column) }</b>
                                <span lang="en">{ fault.text }</span>
                            </button>
                        </li>
                    }
                </ol>
            }
            if report.more > 0 {
                <p>{ words::more_errors(lang, report.more) }</p>
            }
            if !report.applied.is_empty() {
                <ul class="applied">
                    for (index, (key, change)) in report.applied.iter().enumerate() {
                        <li key={index}>
                            <code>{ key.to_string() }</code>{ " " }
                            <span>{ words::change(lang, *change) }</span>
                        </li>
                    }
                </ul>
            }
        </div>
    }
}
