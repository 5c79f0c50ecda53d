//! Earlier moments and other branches.

use std::rc::Rc;

use svclab_core::history::BranchId;
use svclab_core::lab::Action;
use svclab_core::time::Instant;
use svclab_core::trace::{Exchange, Trace};

use super::{Playback, State};

impl State {
    pub(super) fn look(&mut self, at: Instant) {
        self.hold();
        self.interrupt_jobs();
        self.history.look(at.min(self.history.branch().head));
        self.show_moment();
        self.watch_what_travels();
    }

    /// The packet that is under way at the moment that is shown, where it was then.
    fn watch_what_travels(&mut self) {
        let now = self.history.now();
        let travels = |it: &&Rc<Exchange>| it.at <= now && now <= it.ended;
        let found = self.lab().exchanges().iter().rev().find(travels).cloned();
        let Some(exchange) = found.filter(|_| self.history.is_past()) else { return };
        let begun = |it: &Rc<Trace>| it.at <= now;
        let packet = exchange.packets.iter().rposition(begun).unwrap_or(0);
        let Some(trace) = exchange.packets.get(packet).cloned() else { return };
        let step = trace.steps.iter().rposition(|it| it.at <= now).unwrap_or(0);
        self.watch(exchange, packet);
        self.pick_step(step);
    }

    pub(super) fn look_by(&mut self, count: isize) {
        let now = self.history.now();
        let found = if count < 0 { self.marks.before(now) } else { self.marks.after(now) };
        match found {
            Some(at) => self.look(at),
            None if count < 0 => self.look(Instant::START),
            None => self.come_back(),
        }
    }

    pub(super) fn come_back(&mut self) {
        self.interrupt_jobs();
        self.history.look(self.history.branch().head);
        self.show_moment();
        self.resume();
    }

    pub(super) fn switch_branch(&mut self, branch: BranchId) {
        self.interrupt_jobs();
        self.history.switch(branch);
        self.show_moment();
        self.resume();
    }

    /// Everything as it was then: the cluster, the requests, the text that was applied last. What
    /// is being written stays.
    pub(super) fn show_moment(&mut self) {
        let is_known =
            |it: &Playback| self.lab().exchanges().iter().any(|at| at.id == it.exchange.id);
        if self.playback.as_ref().is_some_and(|it| !is_known(it)) {
            self.playback = None;
        }
        if let Some(playback) = &mut self.playback {
            playback.live = false;
        }
        let sent = self.sent_by_now();
        self.files.look(sent.as_deref());
        self.refresh();
        self.say_last_event();
    }

    /// The text that was applied last.
    pub(super) fn sent_by_now(&self) -> Option<Rc<str>> {
        let now = self.history.now();
        let done = self.history.branch().steps.iter().rev().filter(|step| step.at <= now);
        let mut texts = done.filter_map(|step| match &step.action {
            Action::Apply { text } => Some(text.as_str()),
            _ => None,
        });
        texts.next().map(Into::into)
    }
}
