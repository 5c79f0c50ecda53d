//! What moves with every frame.

use web_sys::{Element, HtmlInputElement};
use yew::prelude::*;

use super::{App, overlay};
use crate::scene::Point;
use crate::timeline::position;

/// The parts of the picture that move with every frame, outside the virtual DOM.
#[derive(Default, Clone, PartialEq)]
pub(super) struct Moving {
    pub clock: NodeRef,
    pub slider: NodeRef,
    pub canvas: NodeRef,
    pub packet: NodeRef,
    pub label: NodeRef,
}

impl App {
    /// Writes what changes with every frame straight into the page.
    pub(super) fn paint(&mut self) {
        let state = &self.state;
        if let Some(clock) = self.moving.clock.cast::<Element>() {
            let time = state.time().to_string();
            if clock.text_content().as_deref() != Some(&time) {
                clock.set_text_content(Some(&time));
            }
        }
        let past = state.history.is_past();
        if let Some(slider) = self.moving.slider.cast::<HtmlInputElement>().filter(|_| past) {
            slider.set_value(&state.history.now().as_millis().to_string());
        }
        if let Some(volley) = &state.volley {
            self.stream.paint(volley);
        }
        let Some(playback) = state.playback.as_ref().filter(|it| it.live) else { return };
        let moment = playback.moment();
        let at = match state.is_still() {
            true => position(&playback.timeline, playback.timeline.arrival(moment.step)),
            false => position(&playback.timeline, playback.clock),
        };
        let (Some(at), Some(packet)) = (at, self.moving.packet.cast::<Element>()) else { return };
        let _ = packet.set_attribute("transform", &format!("translate({:.1} {:.1})", at.x, at.y));
        if let Some(label) = self.moving.label.cast::<Element>() {
            let width: f64 = label
                .get_attribute("data-width")
                .and_then(|it| it.parse().ok())
                .unwrap_or_default();
            let shift = overlay::label_shift(at, width, &state.scene);
            let style = format!("transform:translate({:.1}px,{:.1}px)", shift.x, shift.y);
            let _ = label.set_attribute("style", &style);
        }
        if self.painted != Some(at) {
            self.painted = Some(at);
            self.follow(at);
        }
    }

    /// Scrolls a stage that is larger than its window with the packet.
    fn follow(&self, at: Point) {
        let Some(canvas) = self.moving.canvas.cast::<Element>() else { return };
        let zoom = self.state.zoom();
        let goal = |from: i32, window: i32, level: f64| {
            let (from, window) = (f64::from(from), f64::from(window));
            let margin = (window / 3.0).min(130.0);
            from.max(level + margin - window).min(level - margin).max(0.0) as i32
        };
        let top = goal(canvas.scroll_top(), canvas.client_height(), at.y * zoom);
        let left = goal(canvas.scroll_left(), canvas.client_width(), at.x * zoom);
        if top != canvas.scroll_top() {
            canvas.set_scroll_top(top);
        }
        if left != canvas.scroll_left() {
            canvas.set_scroll_left(left);
        }
    }
}
