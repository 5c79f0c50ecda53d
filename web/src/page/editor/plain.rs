//! A text area: the editor until the better one is there, and where it cannot be had.

use std::rc::Rc;

use gloo::events::EventListener;
use web_sys::{Element, HtmlTextAreaElement};
use yew::prelude::*;

use super::Told;

/// As in the style sheet.
const LINE: usize = 18;
const PADDING: usize = 10;
/// Numbers beyond this are not drawn.
const NUMBERED: usize = 5_000;

#[derive(Properties, PartialEq)]
pub(super) struct PlainProps {
    pub file: u32,
    pub text: Rc<str>,
    /// Lines with a mistake, from 1.
    pub wrong: Vec<usize>,
    pub area: NodeRef,
    /// Whether letters are being composed: a text area must not go away then.
    pub composing: Callback<bool>,
    pub tell: Callback<Told>,
}

#[component]
pub(super) fn Plain(props: &PlainProps) -> Html {
    let PlainProps { file, text, wrong, area, composing, tell } = props;
    let file = *file;
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
    let oninput = tell.reform(move |event: InputEvent| {
        let value = event.target_unchecked_into::<HtmlTextAreaElement>().value();
        *held.borrow_mut() = value.as_str().into();
        Told::Text { file, text: value }
    });
    use_effect_with(composing.clone(), {
        let area = area.clone();
        move |composing| {
            let on = |area: &Element, name, now| {
                let composing = composing.clone();
                EventListener::new(area, name, move |_| composing.emit(now))
            };
            let area = area.cast::<Element>();
            let listening = area
                .map(|it| [on(&it, "compositionstart", true), on(&it, "compositionend", false)]);
            move || drop(listening)
        }
    });
    let onkeydown = {
        let tell = tell.clone();
        move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                tell.emit(if event.shift_key() { Told::ApplyDocument } else { Told::Apply });
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
    html! {
        <>
            <div class="gutter" aria-hidden="true">
                <div ref={gutter}>
                    for line in wrong {
                        <i class="mark" style={format!("top:{}px", PADDING + (line - 1) * LINE)} />
                    }
                    <pre>{ (*numbers).clone() }</pre>
                </div>
            </div>
            <textarea id="manifests-text" ref={area} aria-label={"Manifests"} wrap="off"
                      spellcheck="false" autocomplete="off" autocapitalize="off"
                      aria-invalid={(!wrong.is_empty()).to_string()}
                      {oninput} {onkeydown} {onscroll} />
        </>
    }
}

fn numbers(lines: usize) -> String {
    (1..=lines).map(|number| format!("{number}\n")).collect()
}

/// How far down a line is shown that was jumped to.
pub(super) fn top_of(line: usize) -> i32 {
    i32::try_from(line.saturating_sub(4) * LINE).unwrap_or(i32::MAX)
}
