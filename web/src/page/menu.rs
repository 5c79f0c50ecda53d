use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use crate::effects;
use crate::state::{Dialog, Msg};
use crate::words::{Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct MenuProps {
    pub lang: Lang,
    pub send: Callback<Msg>,
}

/// The rarer things, behind one button. The focus goes in when they are shown, and back to the
/// button before anything is done: what that opens can give it back to the button.
#[component]
pub(super) fn Menu(props: &MenuProps) -> Html {
    let MenuProps { lang, send } = props;
    let lang = *lang;
    let entries = [
        (Word::CopyLink, Msg::CopyLink),
        (Word::Export, Msg::Export),
        (Word::Import, Msg::Import),
        (Word::StartOver, Msg::StartOver),
        (Word::AllScenarios, Msg::Dialog(Some(Dialog::Scenarios))),
        (Word::Tour, Msg::Tour(Some(0))),
        (Word::Settings, Msg::Dialog(Some(Dialog::Settings))),
        (Word::Shortcuts, Msg::Dialog(Some(Dialog::Shortcuts))),
    ];
    html! {
        <div class="menu">
            <button type="button" class="icon" popovertarget="menu" aria-haspopup="menu"
                    aria-label={lang.say(Word::Menu)} title={lang.say(Word::Menu)}>
                <svg class="glyph" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
                    <path d="M2 3h12v1.6H2zM2 7.2h12v1.6H2zM2 11.4h12V13H2z" />
                </svg>
            </button>
            <div id="menu" popover="auto" role="menu" aria-label={lang.say(Word::Menu)}
                 ontoggle={enter} onkeydown={go}>
                for (word, msg) in entries {
                    <button type="button" role="menuitem" tabindex="-1" onclick={send.reform(move |event| {
                        leave(&event);
                        msg.clone()
                    })}>
                        { lang.say(word) }
                    </button>
                }
            </div>
        </div>
    }
}

fn enter(event: Event) {
    let is_open = |it: &Element| it.matches(":popover-open") == Ok(true);
    let menu = event.target_dyn_into::<Element>().filter(is_open);
    if let Some(first) = menu.and_then(|it| it.first_element_child()) {
        effects::focus_on(&first);
    }
}

fn leave(event: &MouseEvent) {
    let entry = event.target_dyn_into::<Element>();
    if let Some(menu) = entry.and_then(|it| it.closest("[popover]").ok()?) {
        // It is shown, or its entry could not have been pressed.
        let _ = menu.unchecked_into::<HtmlElement>().hide_popover();
    }
}

/// Arrows go round the entries.
fn go(event: KeyboardEvent) {
    let Some(entry) = event.target_dyn_into::<Element>() else { return };
    let Some(menu) = entry.parent_element() else { return };
    let to = match event.key().as_str() {
        "ArrowDown" => entry.next_element_sibling().or_else(|| menu.first_element_child()),
        "ArrowUp" => entry.previous_element_sibling().or_else(|| menu.last_element_child()),
        "Home" => menu.first_element_child(),
        "End" => menu.last_element_child(),
        _ => return,
    };
    event.prevent_default();
    to.iter().for_each(effects::focus_on);
}
