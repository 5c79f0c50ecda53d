use yew::prelude::*;

use crate::state::{Msg, TOUR};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct TourProps {
    pub lang: Lang,
    /// Which stop, from 0 on.
    pub at: usize,
    pub send: Callback<Msg>,
}

/// One stop of the tour: what the framed part of the page is for.
#[component]
pub(super) fn Tour(props: &TourProps) -> Html {
    let TourProps { lang, at, send } = props;
    let (lang, at, last) = (*lang, *at, TOUR.len() - 1);
    let Some(stop) = TOUR.get(at) else { return html! {} };
    let onkeydown = {
        let send = send.clone();
        move |event: KeyboardEvent| {
            let to = match event.key().as_str() {
                "Escape" => None,
                "ArrowRight" => Some((at + 1).min(last)),
                "ArrowLeft" => Some(at.saturating_sub(1)),
                _ => return,
            };
            event.prevent_default();
            send.emit(Msg::Tour(to));
        }
    };
    let to = |to: Option<usize>| send.reform(move |_: MouseEvent| Msg::Tour(to));
    html! {
        <aside class="tour" role="dialog" aria-label={lang.say(Word::Tour)} {onkeydown}>
            <p aria-live="polite"><b>{ format!("{} / {}", at + 1, TOUR.len()) }</b>{ " " }{ words::tour(lang, *stop) }</p>
            <div>
                <button type="button" onclick={to(None)}>{ lang.say(Word::EndTour) }</button>
                <span class="grow" />
                if at > 0 {
                    <button type="button" onclick={to(Some(at - 1))}>{ lang.say(Word::Back) }</button>
                }
                if at < last {
                    <button type="button" class="pri" id="tour-next" onclick={to(Some(at + 1))}>{ lang.say(Word::Next) }</button>
                }
            </div>
        </aside>
    }
}
