use yew::prelude::*;

use crate::state::{Msg, TOUR};
use crate::words::{self, Lang, Word};

use super::dialog::use_visit;

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
    let next = use_node_ref();
    use_visit(next.clone(), ());
    let to = |to: Option<usize>| send.reform(move |_: MouseEvent| Msg::Tour(to));
    let Some(stop) = TOUR.get(at) else { return html! {} };
    html! {
        <div class="tour" role="dialog" aria-label={lang.say(Word::Tour)} {onkeydown}>
            <p aria-live="polite"><b>{ format!("{} / {}", at + 1, TOUR.len()) }</b>{ " " }{ words::tour(lang, *stop) }</p>
            <div>
                if at < last {
                    <button type="button" onclick={to(None)}>{ lang.say(Word::EndTour) }</button>
                }
                <span class="grow" />
                if at > 0 {
                    <button type="button" onclick={to(Some(at - 1))}>{ lang.say(Word::Back) }</button>
                }
                // One button, so that whoever presses it again and again comes to the end.
                <button type="button" class="pri" ref={next} onclick={to((at < last).then_some(at + 1))}>
                    { lang.say(if at < last { Word::Next } else { Word::EndTour }) }
                </button>
            </div>
        </div>
    }
}
