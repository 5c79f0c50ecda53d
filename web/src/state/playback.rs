//! A request being watched, packet by packet and step by step.

use std::rc::Rc;

use svclab_core::trace::{Exchange, Trace};

use super::{After, DRAW, NOTHING, Pane, Shape, State};
use crate::scene::Scene;
use crate::timeline::{Moment, Timeline, timeline};
use crate::view::Shared;
use crate::words;

/// A request being watched: which of its packets, and where that is.
#[derive(Debug, Clone)]
pub struct Playback {
    pub exchange: Rc<Exchange>,
    pub packet: usize,
    pub timeline: Shared<Timeline>,
    pub clock: f64,
    /// The packet is on the stage, and the lab's time waits for it.
    pub live: bool,
}

impl Playback {
    pub fn trace(&self) -> &Rc<Trace> {
        &self.exchange.packets[self.packet]
    }

    pub fn moment(&self) -> Moment {
        self.timeline.moment(self.clock).unwrap_or_default()
    }

    pub fn is_reply(&self) -> bool {
        words::is_reply(&self.exchange, self.packet)
    }
}

/// The first packet meets the rules and takes its time; what follows is quicker.
pub(super) fn timeline_of(scene: &Scene, exchange: &Exchange, packet: usize) -> Shared<Timeline> {
    let pace = if packet == 0 { 1.0 } else { 0.4 };
    timeline(scene, &exchange.packets[packet], pace).into()
}

impl State {
    /// Shows a packet of a request from its beginning.
    pub(super) fn watch(&mut self, exchange: Rc<Exchange>, packet: usize) {
        if exchange.packets.get(packet).is_none() {
            return;
        }
        let timeline = timeline_of(&self.scene, &exchange, packet);
        self.playback = Some(Playback { exchange, packet, timeline, clock: 0.0, live: true });
        self.lay_out();
        self.say_step();
    }

    pub(super) fn pick_exchange(&mut self, id: usize) {
        self.watch_exchange(id);
        self.hold();
    }

    pub(super) fn watch_exchange(&mut self, id: usize) {
        let found = self.lab().exchanges().iter().find(|it| it.id == id).cloned();
        let Some(exchange) = found else { return };
        self.watch(exchange, 0);
        let pane = if self.shape == Shape::One { Pane::Stage } else { Pane::Walk };
        self.open(pane);
        self.playing = true;
    }

    pub(super) fn pick_packet(&mut self, packet: usize) {
        let Some(exchange) = self.playback.as_ref().map(|it| it.exchange.clone()) else { return };
        self.watch(exchange, packet);
        self.hold();
    }

    pub(super) fn pick_step(&mut self, step: usize) {
        let Some(playback) = &mut self.playback else { return };
        let step = step.min(playback.timeline.legs.len().saturating_sub(1));
        playback.clock = playback.timeline.arrival(step);
        playback.live = true;
        self.hold();
        self.say_step();
    }

    pub(super) fn step_by(&mut self, count: isize) {
        let Some(playback) = &self.playback else { return };
        let here = playback.moment().step as isize + count;
        let (packet, exchange) = (playback.packet, playback.exchange.clone());
        if here >= playback.timeline.legs.len() as isize && packet + 1 < exchange.packets.len() {
            self.watch(exchange, packet + 1);
            return self.pick_step(0);
        }
        if here < 0 && packet > 0 {
            self.watch(exchange, packet - 1);
            return self.pick_step(usize::MAX);
        }
        self.pick_step(here.max(0) as usize);
    }

    pub(super) fn leave(&mut self) {
        let ended = self.playback.as_ref().map(|it| it.exchange.ended);
        self.resume();
        if let Some(ended) = ended.filter(|at| *at > self.history.now()) {
            self.history.run_until(ended);
            self.refresh();
        }
    }

    pub(super) fn move_packet(&mut self, millis: f64) -> After {
        let Some(playback) = &mut self.playback else { return NOTHING };
        let before = playback.moment();
        playback.clock += millis;
        if playback.clock < playback.timeline.end() {
            let now = playback.moment();
            if now == before {
                return NOTHING;
            }
            if now.step != before.step {
                self.say_step();
            }
            return DRAW;
        }
        let (next, exchange) = (playback.packet + 1, playback.exchange.clone());
        match next < exchange.packets.len() {
            true => self.watch(exchange, next),
            false => self.leave(),
        }
        DRAW
    }

    pub(super) fn say_step(&mut self) {
        let Some(playback) = &self.playback else { return };
        let Some(step) = playback.trace().steps.get(playback.moment().step) else { return };
        let place = words::step_place(self.lang, step);
        self.said = format!("{place}: {}", words::step_sentence(self.lang, step));
    }
}
