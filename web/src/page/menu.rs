use yew::prelude::*;

use crate::state::{Dialog, Msg};
use crate::words::{Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct MenuProps {
    pub lang: Lang,
    pub send: Callback<Msg>,
}

/// The rarer things, behind one button.
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
            <div id="menu" popover="auto" role="menu" aria-label={lang.say(Word::Menu)}>
                for (word, msg) in entries {
                    <button type="button" role="menuitem" popovertarget="menu" popovertargetaction="hide"
                            onclick={send.reform(move |_| msg.clone())}>
                        { lang.say(word) }
                    </button>
                }
            </div>
        </div>
    }
}
