//! A request being watched, packet by packet and step by step.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::proxy::Origins;
use svclab_core::trace::{Exchange, Question, Trace};
use svclab_netfilter::Family;

use super::update::{After, DRAW, NOTHING};
use super::{Pane, Shape, State};
use crate::scene::Scene;
use crate::sniff::{Sniffed, sniffed};
use crate::timeline::{Moment, Timeline, timeline};
use crate::view::Shared;
use crate::words;

/// A request being watched: which of its packets, and where that is.
#[derive(Debug, Clone)]
pub struct Playback {
    /// The requests that are watched one after the other, this one among them.
    pub way: Shared<Vec<Rc<Exchange>>>,
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

    /// The packet that comes so many after this one, over the ends of requests.
    fn beside(&self, count: isize) -> Option<(Rc<Exchange>, usize)> {
        let packets = self.way.iter().flat_map(|it| (0..it.packets.len()).map(move |at| (it, at)));
        let packets: Vec<_> = packets.collect();
        let is_here =
            |(it, at): &(&Rc<Exchange>, usize)| it.id == self.exchange.id && *at == self.packet;
        let goal = packets.iter().position(is_here)?.checked_add_signed(count)?;
        let (exchange, packet) = packets.get(goal)?;
        Some(((*exchange).clone(), *packet))
    }
}

/// A request with the questions to name servers that its client needed to send it.
fn way_to(all: &[Rc<Exchange>], goal: &Rc<Exchange>) -> Vec<Rc<Exchange>> {
    let before = all.partition_point(|it| it.id < goal.id);
    let asked = all[..before].iter().rev().take_while(|it| asks_for(it, goal));
    let mut res: Vec<_> = asked.cloned().collect();
    res.reverse();
    res.push(goal.clone());
    res
}

/// Whether a name server was asked for the host of a request: as it stands, or with a part of the
/// search list behind it.
fn asks_for(question: &Exchange, goal: &Exchange) -> bool {
    let (Question::Name(query), false) =
        (&question.request.what, matches!(goal.request.what, Question::Name(_)))
    else {
        return false;
    };
    let name = query.name.to_string();
    let host = goal.request.host.split(':').next().unwrap_or_default();
    let rest = name.strip_prefix(host.trim_end_matches('.')).filter(|_| !host.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether packets are told as tcpdump does, and at which interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sniffing {
    pub shown: bool,
    /// None: at all of them.
    pub at: Option<Rc<str>>,
}

/// The first packet meets the rules and takes its time; what follows is quicker.
pub(super) fn timeline_of(scene: &Scene, exchange: &Exchange, packet: usize) -> Shared<Timeline> {
    let pace = if packet == 0 { 1.0 } else { 0.4 };
    timeline(scene, &exchange.packets[packet], pace).into()
}

impl State {
    /// What passes the interfaces, while that is looked at.
    pub fn sniffed(&self) -> Rc<Vec<Sniffed>> {
        let playback = self.playback.as_ref().filter(|_| self.sniffing.shown);
        let lines = playback.map(|it| sniffed(self.lab().network(), &it.way));
        Rc::new(lines.unwrap_or_default())
    }

    /// What the rules' origins stand for that a packet has met.
    pub fn origins(&self) -> Option<Origins> {
        let packet = &self.playback.as_ref()?.trace().sent;
        let family = match packet.dst {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        };
        let node = self.view.nodes.first()?;
        Some(self.lab().rules_of(&node.name, family)?.origins)
    }

    /// Shows a packet of a request from its beginning.
    pub(super) fn watch(&mut self, exchange: Rc<Exchange>, packet: usize) {
        if exchange.packets.get(packet).is_none() {
            return;
        }
        let timeline = timeline_of(&self.scene, &exchange, packet);
        // Another branch may have another request with this number.
        let is_it = |it: &Rc<Exchange>| (it.id, it.at) == (exchange.id, exchange.at);
        let is_on = |it: &&Playback| it.way.iter().any(is_it);
        let way = match self.playback.as_ref().filter(is_on) {
            Some(it) => it.way.clone(),
            None => way_to(self.lab().exchanges(), &exchange).into(),
        };
        self.playback = Some(Playback { way, exchange, packet, timeline, clock: 0.0, live: true });
        self.lay_out();
        self.say_step();
    }

    pub(super) fn pick_exchange(&mut self, id: usize) {
        let Some(exchange) = self.exchange(id) else { return };
        self.watch(exchange, 0);
        self.hold();
    }

    /// One request after the other, each from its first packet on; of a single one also what its
    /// client asked name servers before.
    pub(super) fn watch_all(&mut self, ids: &[usize]) {
        self.playback = None;
        let found: Vec<_> = ids.iter().filter_map(|id| self.exchange(*id)).collect();
        let way = match &found[..] {
            [only] => way_to(self.lab().exchanges(), only),
            _ => found,
        };
        // A request may fail before anything is sent.
        let Some(first) = way.iter().find(|it| !it.packets.is_empty()).cloned() else { return };
        self.watch(first, 0);
        if let Some(playback) = &mut self.playback {
            playback.way = way.into();
        }
        let pane = if self.shape == Shape::One { Pane::Stage } else { Pane::Walk };
        self.open(pane);
        self.playing = true;
    }

    pub(super) fn exchange(&self, id: usize) -> Option<Rc<Exchange>> {
        self.lab().exchanges().iter().find(|it| it.id == id).cloned()
    }

    pub(super) fn pick_packet(&mut self, packet: usize) {
        let Some(exchange) = self.playback.as_ref().map(|it| it.exchange.clone()) else { return };
        self.watch(exchange, packet);
        self.hold();
    }

    pub(super) fn pick_place(&mut self, exchange: usize, packet: usize, step: usize) {
        let Some(exchange) = self.exchange(exchange) else { return };
        self.watch(exchange, packet);
        self.pick_step(step);
    }

    pub(super) fn pick_step(&mut self, step: usize) {
        let Some(playback) = &mut self.playback else { return };
        let step = step.min(playback.timeline.legs.len().saturating_sub(1));
        playback.clock = playback.timeline.arrival(step);
        playback.live = true;
        self.hold();
        self.say_step();
    }

    pub(super) fn pick_last_step(&mut self) {
        let steps = self.playback.as_ref().map_or(0, |it| it.trace().steps.len());
        self.pick_step(steps.saturating_sub(1));
    }

    pub(super) fn step_by(&mut self, count: isize) {
        let Some(playback) = &self.playback else { return };
        let here = playback.moment().step as isize + count;
        let over = here >= playback.timeline.legs.len() as isize;
        if let Some((exchange, packet)) = playback.beside(1).filter(|_| over) {
            self.watch(exchange, packet);
            return self.pick_step(0);
        }
        if let Some((exchange, packet)) = playback.beside(-1).filter(|_| here < 0) {
            self.watch(exchange, packet);
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
        match playback.beside(1) {
            Some((exchange, packet)) => self.watch(exchange, packet),
            None => self.leave(),
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
