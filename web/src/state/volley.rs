//! Many requests at once: sent in the lab by and by, drawn as a stream of small packets, counted by
//! who answered.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::family::OfFamily;
use svclab_core::lab::{Goal, Lab, Sending};
use svclab_core::modes;
use svclab_core::net::balancer::Balancer;
use svclab_core::net::probe::{Fate, Probe, outcomes};
use svclab_core::net::{Kernel, Party};
use svclab_core::object::Object;
use svclab_core::trace::{Answer, Exchange, Question};
use svclab_netfilter::Protocol;

use super::State;
use super::ends::Asking;
use super::update::{After, DRAW, NOTHING};
use crate::scene::{Point, Scene};
use crate::timeline::{along, length, timeline};
use crate::view::View;
use crate::words;

/// How a request came out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Somebody answered: a pod (`shop/web-1`), or what else is there.
    Answered(Rc<str>),
    Refused,
    TimedOut,
    /// Anything else that a client can be told.
    Failed,
}

/// The requests that came out in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub end: End,
    pub count: usize,
    /// How many of all the rules let one expect.
    pub expected: Option<f64>,
}

/// A way over the stage, shared by all that go it.
#[derive(Debug, PartialEq)]
struct Way {
    points: Vec<Point>,
    length: f64,
}

#[derive(Debug, Clone)]
struct Flight {
    end: End,
    way: Rc<Way>,
    start: f64,
}

#[derive(Debug, Clone)]
pub struct Volley {
    asking: Asking,
    pub wanted: usize,
    sent: usize,
    counts: BTreeMap<End, usize>,
    /// The share of each end, from 0 to 1; empty where it is not known.
    expected: BTreeMap<End, f64>,
    ways: BTreeMap<End, Rc<Way>>,
    flights: Vec<Flight>,
    /// In milliseconds of the reader.
    clock: f64,
    drawn: f64,
}

/// How long a packet is on its way.
const FLIGHT: f64 = 1800.0;
/// In how much time all are sent: few at once, so that no frame takes long.
const SENDING: f64 = 1500.0;
const SENDING_MANY: f64 = 5000.0;
/// No more than these between two frames, …
const AT_ONCE: usize = 20;
/// … and no more on the stage: others arrive unseen.
const ALOFT: usize = 150;
/// Bars are drawn anew this often.
const DRAWN_APART: f64 = 120.0;
/// The amounts that can be chosen.
pub const AMOUNTS: [usize; 3] = [1, 100, 1000];

impl Volley {
    pub fn landed(&self) -> usize {
        self.counts.values().sum()
    }

    pub fn is_over(&self) -> bool {
        self.sent == self.wanted && self.flights.is_empty()
    }

    /// One for each end that came about or can be expected.
    pub fn bars(&self) -> Vec<Bar> {
        let mut res: BTreeMap<&End, Bar> = BTreeMap::new();
        let bar = |end: &End| Bar { end: end.clone(), count: 0, expected: None };
        for (end, share) in &self.expected {
            res.entry(end).or_insert_with(|| bar(end)).expected = Some(share * self.wanted as f64);
        }
        for (end, count) in &self.counts {
            res.entry(end).or_insert_with(|| bar(end)).count = *count;
        }
        res.into_values().collect()
    }

    /// What is on its way, as dots of one path each: to an answer, and to none.
    pub fn dots(&self) -> [String; 2] {
        let mut res = [String::new(), String::new()];
        for flight in &self.flights {
            let share = ((self.clock - flight.start) / FLIGHT).clamp(0.0, 1.0);
            let at = along(&flight.way.points, share * flight.way.length);
            let lost = !matches!(flight.end, End::Answered(_)) && share > 0.8;
            res[usize::from(lost)].push_str(&format!("M{:.1} {:.1}h0", at.x, at.y));
        }
        res
    }

    /// Where those ended that nobody answered.
    pub fn failures(&self) -> Vec<(Point, End, usize)> {
        let failed = self.counts.iter().filter(|it| !matches!(it.0, End::Answered(_)));
        let place = |(end, count): (&End, &usize)| {
            let at = self.ways.get(end)?.points.last()?;
            Some((*at, end.clone(), *count))
        };
        failed.filter_map(place).collect()
    }

    /// How many are to be sent by now.
    fn due(&self) -> usize {
        let all = if self.wanted > 100 { SENDING_MANY } else { SENDING };
        let due = (self.clock / all * self.wanted as f64) as usize + 1;
        due.min(self.wanted).saturating_sub(self.sent).min(AT_ONCE)
    }

    fn launch(&mut self, exchange: &Exchange, view: &View, scene: &Scene, still: bool) {
        self.sent += 1;
        let end = end_of(exchange, view);
        if still || self.flights.len() >= ALOFT {
            *self.counts.entry(end).or_default() += 1;
            return;
        }
        let new = || Rc::new(way_of(exchange, scene));
        let way = self.ways.entry(end.clone()).or_insert_with(new).clone();
        self.flights.push(Flight { end, way, start: self.clock });
    }

    fn land(&mut self) {
        let (landed, aloft) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition(|it: &Flight| self.clock - it.start >= FLIGHT);
        self.flights = aloft;
        let landed: Vec<Flight> = landed;
        for flight in landed {
            *self.counts.entry(flight.end).or_default() += 1;
        }
    }
}

impl State {
    /// Sends as many requests as were chosen.
    pub(super) fn send_all(&mut self) {
        if self.amount == 1 {
            return self.send();
        }
        let Some(asking) = self.asking() else { return };
        self.resume();
        self.volley = Some(Volley {
            asking,
            wanted: self.amount,
            sent: 0,
            counts: BTreeMap::new(),
            expected: BTreeMap::new(),
            ways: BTreeMap::new(),
            flights: Vec::new(),
            clock: 0.0,
            drawn: 0.0,
        });
        self.said = words::volley_begins(self.lang, self.amount);
    }

    /// The lab's time stands still while packets are on their way.
    pub(super) fn go_on_sending(&mut self, millis: f64) -> Option<After> {
        let mut volley = self.volley.take_if(|it| !it.is_over())?;
        volley.clock += millis * self.speed.factor().max(0.25);
        for _ in 0..volley.due() {
            let Some(exchange) = self.ask(&volley.asking) else {
                volley.wanted = volley.sent;
                break;
            };
            volley.launch(&exchange, &self.view, &self.scene, self.is_still());
            if volley.sent == 1 {
                // After the first, so that a Service that stays with a client says so.
                volley.expected = expected(self.lab(), &self.view, &volley.asking);
            }
        }
        volley.land();
        let over = volley.is_over();
        let draws = over || volley.clock - volley.drawn >= DRAWN_APART;
        if draws {
            volley.drawn = volley.clock;
        }
        if over {
            self.said = words::volley_said(self.lang, &volley.bars(), volley.wanted);
        }
        self.volley = Some(volley);
        if over {
            self.refresh();
        }
        Some(if draws { DRAW } else { NOTHING })
    }
}

fn end_of(exchange: &Exchange, view: &View) -> End {
    // It came to no more than the question for the name.
    if matches!(exchange.request.what, Question::Name(_)) {
        return End::Failed;
    }
    match &exchange.result {
        Answer::Http { served_by: by, .. }
        | Answer::Reached { by, .. }
        | Answer::Replied { by, .. } => {
            let pod = view.pods.iter().find(|it| it.id == *by || *it.name() == **by);
            End::Answered(pod.map_or(by.clone(), |it| it.id.clone()))
        }
        Answer::Refused | Answer::Reset => End::Refused,
        Answer::TimedOut => End::TimedOut,
        Answer::Echoed { .. } | Answer::Denied | Answer::NoRoute => End::Failed,
    }
}

/// The way of a request's first packet.
fn way_of(exchange: &Exchange, scene: &Scene) -> Way {
    let trace = exchange.packets.first();
    let points = trace.map(|it| timeline(scene, it, 1.0).trail(it.steps.len())).unwrap_or_default();
    Way { length: length(&points), points }
}

/// Every end with its share, as the rules of the node have it where the packet meets them first.
fn expected(lab: &Lab, view: &View, asking: &Asking) -> BTreeMap<End, f64> {
    let mut res = BTreeMap::new();
    let Some((node, probe)) = probe_of(lab, &asking.sending) else { return res };
    let net = lab.network();
    let (Some(kernel), Some(node)) = (net.kernel(&node), net.node(&node)) else { return res };
    for (fate, probability) in fates(kernel, &|ip| node.is_local(ip), &probe) {
        let reached = match fate {
            Fate::Dnat(to) => to.ip(),
            Fate::Pass | Fate::Reject | Fate::Drop => probe.dst,
        };
        let pod = || view.pods.iter().find(|it| it.ip == Some(reached));
        let name = || pod().map_or_else(|| reached.to_string().into(), |it| it.id.clone());
        let end = match fate {
            Fate::Dnat(_) | Fate::Pass => End::Answered(name()),
            Fate::Reject => End::Refused,
            Fate::Drop => End::TimedOut,
        };
        *res.entry(end).or_default() += probability;
    }
    res
}

/// IPVS takes turns, so that over many requests each server gets the same.
fn fates(kernel: &Kernel, is_local: &dyn Fn(IpAddr) -> bool, probe: &Probe) -> Vec<(Fate, f64)> {
    match kernel.balancer(probe.dst.family()) {
        Some(Balancer::Ipvs(own)) => {
            let ways = modes::ipvs::ways(&own.state, is_local, probe);
            ways.into_iter().map(|it| (it.fate, it.probability)).collect()
        }
        _ => {
            let all = outcomes(kernel, is_local, probe);
            all.into_iter().map(|it| (it.fate, it.probability)).collect()
        }
    }
}

/// The node whose rules decide, and the packet that it sees.
fn probe_of(lab: &Lab, sending: &Sending) -> Option<(Rc<str>, Probe)> {
    let net = lab.network();
    let dst = match &sending.to {
        Goal::Address(ip) => *ip,
        Goal::Service(key) => {
            let Object::Service(service) = lab.objects().get(key)? else { return None };
            service.spec.cluster_addresses().first().copied()?
        }
    };
    let (node, src, input): (Rc<str>, IpAddr, Option<String>) = match lab.party(&sending.from)? {
        Party::Pod(ip) => {
            let end = net.pods.get(&ip)?;
            let bridged = net.node(&end.node)?.layout.is_bridged();
            (
                end.node.clone(),
                ip,
                Some(if bridged { "cni0".to_owned() } else { end.device.to_string() }),
            )
        }
        Party::Node(name) => (name.clone(), net.node(&name)?.addresses.primary, None),
        Party::Host(name) => {
            let own = net.nodes.iter().find(|it| it.is_local(dst)).map(|it| it.name.clone());
            let node = own.or_else(|| net.announced.get(&dst).cloned())?;
            (node, net.host(&name)?.address, Some("eth0".to_owned()))
        }
    };
    let protocol = Protocol::Tcp;
    Some((node, Probe { src, dst, protocol, dport: sending.port, input }))
}

#[cfg(test)]
mod tests {
    use svclab_core::lab::Action;

    use super::super::tests::settled;
    use super::super::{Msg, State};
    use super::*;

    fn sent(amount: usize, state: &mut State) -> Volley {
        state.update(Msg::Amount(amount));
        state.update(Msg::Send);
        for _ in 0..2_000 {
            if state.volley.as_ref().is_some_and(Volley::is_over) {
                break;
            }
            state.update(Msg::Frame(16.0));
        }
        state.volley.clone().expect("requests were sent")
    }

    #[test]
    fn a_thousand_requests_are_shared_as_the_rules_say() {
        let mut state = settled();
        let volley = sent(1000, &mut state);
        let bars = volley.bars();
        assert_eq!((bars.len(), volley.landed()), (3, 1000));
        for bar in bars {
            let expected = bar.expected.expect("the rules are known");
            assert!((expected - 333.3).abs() < 0.2, "{bar:?}");
            // Five times the standard deviation of 15.
            assert!((bar.count as f64 - expected).abs() < 75.0, "{bar:?}");
        }
    }

    #[test]
    fn with_nobody_there_all_are_refused() {
        let mut state = settled();
        let pods: Vec<_> =
            state.view.pods.iter().filter(|it| it.listens.contains(&8080)).cloned().collect();
        for pod in pods {
            state.update(Msg::Act(Action::SwitchReadiness { pod: pod.key, ready: false }));
        }
        for _ in 0..2_500 {
            state.update(Msg::Frame(16.0));
        }
        let volley = sent(100, &mut state);
        let refused = Bar { end: End::Refused, count: 100, expected: Some(100.0) };
        assert_eq!(volley.bars(), [refused]);
        assert_eq!(volley.failures().len(), 1);
    }

    #[test]
    fn a_hundred_are_on_the_stage_at_once() {
        let mut state = settled();
        state.update(Msg::Amount(100));
        state.update(Msg::Send);
        let mut most = 0;
        for _ in 0..300 {
            state.update(Msg::Frame(16.0));
            let dots = state.volley.as_ref().map(|it| it.dots()[0].matches('M').count());
            most = most.max(dots.unwrap_or(0));
        }
        assert!((80..=100).contains(&most), "{most}");
    }

    #[test]
    fn still_pictures_count_without_flights() {
        let mut state = settled();
        state.update(Msg::StillPictures(true));
        state.update(Msg::Amount(100));
        state.update(Msg::Send);
        state.update(Msg::Frame(16.0));
        let volley = state.volley.as_ref().expect("requests were sent");
        assert!(volley.landed() > 0 && volley.dots() == [String::new(), String::new()]);
    }
}
