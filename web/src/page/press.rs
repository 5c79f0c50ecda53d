//! What can be pressed in the picture: with the mouse, a finger, Enter or the space bar.

use yew::prelude::*;

use super::stage::n;
use crate::scene::Point;
use crate::state::Msg;

/// What a thing that sends `msg` listens to.
pub(super) fn pressed(
    send: &Callback<Msg>,
    msg: Msg,
) -> (Callback<MouseEvent>, Callback<KeyboardEvent>) {
    let (by_key, key_msg) = (send.clone(), msg.clone());
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), " " | "Enter") {
            event.prevent_default();
            by_key.emit(key_msg.clone());
        }
    });
    (send.reform(move |_| msg.clone()), onkeydown)
}

/// A switch with a word beside it, `width` pixels in all; `label` has the word in it.
pub(super) fn switch(
    label: String,
    word: &'static str,
    on: bool,
    at: Point,
    width: f64,
    send: &Callback<Msg>,
    flip: Msg,
) -> Html {
    let (onclick, onkeydown) = pressed(send, flip);
    html! {
        <g class="switch" role="switch" tabindex="0" aria-checked={on.to_string()} aria-label={label}
           {onclick} {onkeydown}>
            <rect class="hit" x={n(at.x - 3.0)} y={n(at.y - 3.0)} width={n(width)} height="20" rx="6" />
            <rect class="track" x={n(at.x)} y={n(at.y + 2.0)} width="22" height="12" rx="6" />
            <circle cx={n(at.x + if on { 16.0 } else { 6.0 })} cy={n(at.y + 8.0)} r="4" />
            <text x={n(at.x + 27.0)} y={n(at.y + 11.5)}>{ word }</text>
        </g>
    }
}
