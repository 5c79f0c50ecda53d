//! The page's frames → the lab's time, and who stops it.

use svclab_core::time::Duration;

use super::update::{After, DRAW, NOTHING};
use super::{Pane, Preview, State};

impl State {
    /// Time stops for a reader who has selected something.
    pub(super) fn hold(&mut self) {
        self.held |= self.playing;
        self.playing = false;
    }

    /// An action on the cluster is to be seen: a step that was being read is let go.
    pub(super) fn resume(&mut self) {
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        if self.held {
            self.playing = true;
            self.held = false;
        }
    }

    pub(super) fn next_event(&mut self) {
        let Some(at) = self.history.next_event() else { return };
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        self.held = false;
        self.run_with_jobs(at);
        self.refresh();
        self.say_last_event();
    }

    pub(super) fn frame(&mut self, millis: f64) -> After {
        if self.preview.as_mut().is_some_and(Preview::go_on) {
            return DRAW;
        }
        if let Some(left) = self.greeting {
            self.greeting = Some(left - millis).filter(|left| *left > 0.0);
            if self.greeting.is_none() {
                self.greet();
                return DRAW;
            }
        }
        if let Some(after) = self.go_on_sending(millis) {
            return after;
        }
        if !self.playing {
            return NOTHING;
        }
        let millis = millis * self.speed.factor();
        if self.playback.as_ref().is_some_and(|it| it.live) {
            return self.move_packet(millis);
        }
        let micros = millis * 1000.0 + self.rest;
        self.rest = micros.fract();
        let before = self.history.now();
        let goal = before + Duration::from_micros(micros as u64);
        let next = self.history.next_event().into_iter().chain(self.terminal.wake()).min();
        let eventful = next.is_some_and(|at| at <= goal);
        self.run_with_jobs(goal);
        if !eventful {
            // Ages are in whole seconds.
            let older = before.as_millis() / 1000 != goal.as_millis() / 1000;
            let aging = self.is_shown(Pane::Objects) || self.is_shown(Pane::Events);
            return if older && aging { DRAW } else { NOTHING };
        }
        self.refresh();
        DRAW
    }

    /// A packet to follow, for who has not done anything yet.
    #[inline(never)]
    fn greet(&mut self) {
        self.make_room();
        self.send();
        if self.is_still() {
            self.hold();
        }
    }
}
