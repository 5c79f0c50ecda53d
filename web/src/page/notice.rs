use yew::prelude::*;

use crate::state::{Msg, Notice};
use crate::words::{self, Lang, Word};

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
    html! {
        <div class="notice" role="status">
            <span>{ words::notice(*lang, notice) }</span>
            if notice.can_undo() {
                <button type="button" onclick={send.reform(|_| Msg::Undo)}>{ lang.say(Word::Undo) }</button>
            }
            <button type="button" class="icon" aria-label={lang.say(Word::SkipToEnd)}
                    onclick={send.reform(|_| Msg::Notice(None))}>{ "✕" }</button>
        </div>
    }
}
