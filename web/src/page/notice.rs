use gloo::timers::callback::Timeout;
use yew::prelude::*;

use crate::state::{Msg, Notice};
use crate::words::{self, Lang, Word};

/// Milliseconds.
const SHOWN: u32 = 10_000;
/// What offers a way back waits for those who come to it by keyboard.
const OFFERED: u32 = 30_000;

#[derive(Properties, PartialEq)]
pub(super) struct NoticeProps {
    pub lang: Lang,
    pub notice: Notice,
    pub send: Callback<Msg>,
}

/// One sentence about what was just done, and a way back from it.
#[component]
pub(super) fn NoticeBar(props: &NoticeProps) -> Html {
    let NoticeProps { lang, notice, send } = props;
    use_effect_with(notice.clone(), {
        let send = send.clone();
        move |notice| {
            let passes = notice.passes();
            let millis = if notice.can_undo() { OFFERED } else { SHOWN };
            let timeout = passes.then(|| Timeout::new(millis, move || send.emit(Msg::Passed)));
            move || drop(timeout)
        }
    });
    html! {
        <div class="notice" role="status">
            <span>{ words::notice(*lang, notice) }</span>
            if notice.can_undo() {
                <button type="button" onclick={send.reform(|_| Msg::Undo)}>{ lang.say(Word::Undo) }</button>
            }
            if *notice == Notice::NotKept {
                <button type="button" onclick={send.reform(|_| Msg::Export)}>{ lang.say(Word::Export) }</button>
            }
            <button type="button" class="icon" aria-label={lang.say(Word::SkipToEnd)}
                    onclick={send.reform(|_| Msg::Notice(None))}>{ "✕" }</button>
        </div>
    }
}
