//! How the picture is made larger, smaller and moved: buttons, keys, wheel, fingers.

use std::cell::Cell;
use std::rc::Rc;

use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, TouchEvent, WheelEvent};
use yew::prelude::*;

use super::walk;
use crate::state::{Msg, Sighting};
use crate::words::{Lang, Word};

/// From one size to the next.
const STEP: f64 = 1.25;

#[derive(Properties, PartialEq)]
pub(super) struct SizesProps {
    pub lang: Lang,
    pub canvas: NodeRef,
    pub send: Callback<Msg>,
}

#[component]
pub(super) fn Sizes(props: &SizesProps) -> Html {
    let SizesProps { lang, canvas, send } = props;
    let lang = *lang;
    let zoom = |times: f64| send.reform(move |_| Msg::Sight(Sighting::Zoom(times)));
    let canvas = canvas.clone();
    let fit = send.reform(move |_| fitting(&canvas));
    html! {
        <div class="sizes">
            <button type="button" title={lang.say(Word::ZoomOut)} aria-label={lang.say(Word::ZoomOut)}
                    onclick={zoom(1.0 / STEP)}>{ "−" }</button>
            <button type="button" title={lang.say(Word::ZoomFit)} aria-label={lang.say(Word::ZoomFit)}
                    onclick={fit}>{ lang.say(Word::Fit) }</button>
            <button type="button" title={lang.say(Word::ZoomIn)} aria-label={lang.say(Word::ZoomIn)}
                    onclick={zoom(STEP)}>{ "+" }</button>
        </div>
    }
}

fn fitting(canvas: &NodeRef) -> Msg {
    let height = canvas.cast::<Element>().map_or(0, |it| it.client_height());
    Msg::Sight(Sighting::Fit(f64::from(height)))
}

/// While the stage has the focus. Arrows scroll, as the browser does it, unless a packet is there.
pub(super) fn keys(send: &Callback<Msg>, canvas: &NodeRef) -> Callback<KeyboardEvent> {
    let (send, canvas) = (send.clone(), canvas.clone());
    let steps = walk::step_keys(&send, false);
    Callback::from(move |event: KeyboardEvent| {
        let key = event.key();
        let larger =
            canvas.cast::<Element>().is_some_and(|it| it.scroll_width() > it.client_width());
        let msg = match key.as_str() {
            _ if event.ctrl_key() || event.meta_key() || event.alt_key() => return,
            "+" | "=" => Msg::Sight(Sighting::Zoom(STEP)),
            "-" | "_" => Msg::Sight(Sighting::Zoom(1.0 / STEP)),
            "0" => fitting(&canvas),
            "ArrowLeft" | "ArrowRight" if larger => return,
            _ => return steps.emit(event),
        };
        event.prevent_default();
        send.emit(msg);
    })
}

/// The ground is dragged with the mouse; fingers scroll by themselves.
pub(super) fn drag(canvas: &NodeRef) -> Callback<PointerEvent> {
    let canvas = canvas.clone();
    Callback::from(move |event: PointerEvent| {
        let Some(canvas) = canvas.cast::<Element>() else { return };
        if event.buttons() & 1 == 1 && event.pointer_type() == "mouse" {
            canvas.set_scroll_left(canvas.scroll_left() - event.movement_x());
            canvas.set_scroll_top(canvas.scroll_top() - event.movement_y());
        }
    })
}

/// What was in the middle stays there when the picture becomes so many times as large.
pub(super) fn keep_middle(canvas: &NodeRef, times: f64) {
    let Some(canvas) = canvas.cast::<Element>().filter(|_| times != 1.0) else { return };
    let (left, top) = (canvas.scroll_left(), canvas.scroll_top());
    let (width, height) = (canvas.client_width(), canvas.client_height());
    let goal = |from: i32, window: i32| {
        let half = f64::from(window) / 2.0;
        ((f64::from(from) + half) * times - half).max(0.0) as i32
    };
    let (left, top) = (goal(left, width), goal(top, height));
    // The picture has its new size with the next frame.
    gloo::timers::callback::Timeout::new(0, move || {
        canvas.set_scroll_left(left);
        canvas.set_scroll_top(top);
    })
    .forget();
}

/// Wheel and pinch, which would otherwise make the whole page larger.
pub(super) struct Wheel {
    send: Callback<Msg>,
    watched: Option<Element>,
    listening: Vec<EventListener>,
}

impl Wheel {
    pub(super) fn new(send: Callback<Msg>) -> Wheel {
        Wheel { send, watched: None, listening: Vec::new() }
    }

    pub(super) fn watch(&mut self, canvas: Option<Element>) {
        if self.watched == canvas {
            return;
        }
        self.listening = canvas.iter().flat_map(|it| self.listen(it)).collect();
        self.watched = canvas;
    }

    fn listen(&self, canvas: &Element) -> [EventListener; 2] {
        let options = EventListenerOptions::enable_prevent_default();
        let (by_wheel, by_touch) = (self.send.clone(), self.send.clone());
        let wheel = EventListener::new_with_options(canvas, "wheel", options, move |event| {
            let Some(event) = event.dyn_ref::<WheelEvent>().filter(|it| it.ctrl_key()) else {
                return;
            };
            event.prevent_default();
            let times = (-event.delta_y() * 0.004).exp().clamp(0.5, 2.0);
            by_wheel.emit(Msg::Sight(Sighting::Zoom(times)));
        });
        let apart = Rc::new(Cell::new(None::<f64>));
        let touch = EventListener::new_with_options(canvas, "touchmove", options, move |event| {
            let Some(event) = event.dyn_ref::<TouchEvent>() else { return };
            let now = distance(event);
            let before = apart.replace(now);
            let Some((now, before)) = now.zip(before) else { return };
            event.prevent_default();
            by_touch.emit(Msg::Sight(Sighting::Zoom((now / before.max(1.0)).clamp(0.5, 2.0))));
        });
        [wheel, touch]
    }
}

/// Between two fingers.
fn distance(event: &TouchEvent) -> Option<f64> {
    let touches = event.touches();
    let (a, b) = (touches.get(0)?, touches.get(1)?);
    Some(f64::from(a.client_x() - b.client_x()).hypot(f64::from(a.client_y() - b.client_y())))
}
