//! When a packet is where: [`Trace`] and [`Scene`] → [`Timeline`]; then `position(timeline, t)`.
//!
//! A packet's real way takes microseconds. Here each step takes as long as a reader needs, so
//! milliseconds of a timeline are the reader's, not the lab's.

use svclab_core::trace::{Event, Place, Step, Trace};
use svclab_netfilter::{Hook, Verdict as TableVerdict};

use crate::scene::{Point, Scene, Spot, spot_of};

/// One leg for each step of the trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    pub legs: Vec<Leg>,
}

/// The packet moves along `path` from `start` to `arrival` and stays there until `end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    pub start: f64,
    pub arrival: f64,
    pub end: f64,
    pub path: Vec<Point>,
}

/// Where the packet stands between two frames: which step, and whether it has got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    pub step: usize,
    pub arrived: bool,
}

const MILLIS_PER_PIXEL: f64 = 2.6;
const LONGEST_MOVE: f64 = 1100.0;

/// `pace` stretches everything: 1 for the packet that meets the rules, less for those that follow it.
pub fn timeline(scene: &Scene, trace: &Trace, pace: f64) -> Timeline {
    let spots = spots(&trace.steps);
    let mut legs: Vec<Leg> = Vec::new();
    let mut clock = 0.0;
    for (index, step) in trace.steps.iter().enumerate() {
        let path = leg_path(scene, &trace.steps, &spots, index, legs.last());
        let travel = (length(&path) * MILLIS_PER_PIXEL).min(LONGEST_MOVE) * pace;
        let arrival = clock + travel;
        let end = arrival + dwell(step) * pace;
        legs.push(Leg { start: clock, arrival, end, path });
        clock = end;
    }
    Timeline { legs }
}

/// Where each step happens. The fork after PREROUTING shows the routing of packets that come in;
/// a packet of the node itself is routed where it is.
fn spots(steps: &[Step]) -> Vec<Option<Spot>> {
    let mut res: Vec<Option<Spot>> = Vec::new();
    for step in steps {
        let last = res.iter().flatten().next_back();
        let comes_in = matches!(last, Some(Spot::Hook(_, Hook::Prerouting) | Spot::Routing(_)));
        let spot = spot_of(&step.place);
        res.push(spot.filter(|it| !matches!(it, Spot::Routing(_)) || comes_in));
    }
    res
}

/// From where the packet is to the step's spot. A bridge and the LAN are long things: there the
/// packet stops on its way to the next spot, not at their middle.
fn leg_path(
    scene: &Scene,
    steps: &[Step],
    spots: &[Option<Spot>],
    index: usize,
    before: Option<&Leg>,
) -> Vec<Point> {
    let here = before.and_then(|leg| leg.path.last()).copied();
    let Some(spot) = &spots[index] else { return here.into_iter().collect() };
    let Some(end) = scene.at(spot) else { return here.into_iter().collect() };
    let Some(from) = spots[..index].iter().flatten().rev().find(|it| !is_long(it)) else {
        return vec![end];
    };
    let onward = spots[index + 1..].iter().flatten().find(|it| !is_long(it));
    let goal = if is_long(spot) { onward.unwrap_or(spot) } else { spot };
    let Some(mut path) = scene.path(from, goal) else { return vec![end] };
    if is_long(spot) {
        let stop = stop_on(scene, &steps[index].place, &path).unwrap_or(path.len() - 1);
        path.truncate(stop + 1);
    }
    match here {
        Some(here) => rest_of(path, here),
        None => path,
    }
}

fn is_long(spot: &Spot) -> bool {
    matches!(spot, Spot::Bridge(_) | Spot::Lan)
}

/// The last point of `path` that lies on the bridge or on a rail of the LAN.
fn stop_on(scene: &Scene, place: &Place, path: &[Point]) -> Option<usize> {
    match place {
        Place::Bridge { node } => {
            let level = scene.node(node)?.bridge.middle().y;
            path.iter().position(|it| it.y == level)
        }
        _ => path.iter().position(|it| scene.rails.iter().any(|rail| rail[0].y == it.y)),
    }
}

/// What is left of `path` for a packet that is at `here` already.
fn rest_of(path: Vec<Point>, here: Point) -> Vec<Point> {
    match path.iter().rposition(|it| *it == here) {
        Some(position) => path[position..].to_vec(),
        None => [vec![here], path].concat(),
    }
}

pub(crate) fn length(path: &[Point]) -> f64 {
    path.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

/// How long the packet stays for the reader to read.
fn dwell(step: &Step) -> f64 {
    match &step.event {
        Event::Walked(passage) if passage.nat.is_some() => 2600.0,
        Event::Walked(passage) if passage.verdict != TableVerdict::Accept => 1800.0,
        Event::Walked(passage) if passage.visits.len() > 1 => 650.0,
        Event::Walked(_) => 220.0,
        Event::Balanced(it) if it.nat.is_some() => 2600.0,
        Event::Balanced(it) if it.verdict != TableVerdict::Accept => 1800.0,
        Event::Balanced(_) => 650.0,
        Event::Translated { .. } => 700.0,
        Event::Sent | Event::Delivered => 600.0,
        Event::Lost(_) => 1800.0,
        Event::Tracked { .. } | Event::Routed { .. } => 380.0,
        Event::Bridged { .. } => 200.0,
        Event::Resolved { .. } | Event::Wrapped { .. } | Event::Unwrapped | Event::Policed(_) => {
            700.0
        }
        Event::Passed => 90.0,
    }
}

/// Where the packet is at `t`; none before its first step and on an empty timeline.
pub fn position(timeline: &Timeline, t: f64) -> Option<Point> {
    let moment = timeline.moment(t)?;
    let leg = &timeline.legs[moment.step];
    if moment.arrived {
        return leg.path.last().copied();
    }
    let share = ease((t - leg.start) / (leg.arrival - leg.start));
    Some(along(&leg.path, share * length(&leg.path)))
}

impl Timeline {
    pub fn end(&self) -> f64 {
        self.legs.last().map_or(0.0, |leg| leg.end)
    }

    /// The moment when the packet has got to `step`.
    pub fn arrival(&self, step: usize) -> f64 {
        self.legs.get(step).map_or(0.0, |leg| leg.arrival)
    }

    pub fn moment(&self, t: f64) -> Option<Moment> {
        if t < 0.0 {
            return None;
        }
        let step = self.legs.iter().position(|leg| t < leg.end);
        let step = step.unwrap_or(self.legs.len().checked_sub(1)?);
        Some(Moment { step, arrived: t >= self.legs[step].arrival })
    }

    /// The way from the first step to the end of `step`.
    pub fn trail(&self, step: usize) -> Vec<Point> {
        let mut res: Vec<Point> = Vec::new();
        for point in self.legs.iter().take(step + 1).flat_map(|leg| &leg.path) {
            if res.last() != Some(point) {
                res.push(*point);
            }
        }
        res
    }
}

fn ease(share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

pub(crate) fn along(path: &[Point], mut distance: f64) -> Point {
    for pair in path.windows(2) {
        let piece = pair[0].distance(pair[1]);
        if distance <= piece && piece > 0.0 {
            let share = distance / piece;
            return Point::new(
                pair[0].x + (pair[1].x - pair[0].x) * share,
                pair[0].y + (pair[1].y - pair[0].y) * share,
            );
        }
        distance -= piece;
    }
    path.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use svclab_core::time::Instant;
    use svclab_core::trace::Verdict;
    use svclab_netfilter::{Packet, TcpFlags};

    use super::*;
    use crate::scene::{Wishes, lay_out};
    use crate::view::tests::three_nodes;

    fn trace() -> Trace {
        let packet = Packet::tcp(
            "10.244.1.2:40000".parse().unwrap(),
            "10.244.2.2:8080".parse().unwrap(),
            TcpFlags::SYN,
        );
        let step = |place, event| Step { at: Instant::START, place, event, packet };
        let (one, two) = (|| "worker-1".into(), || "worker-2".into());
        let pod = |node, name: &str| Place::Pod { node, pod: name.into() };
        let hook = |node, hook| Place::Conntrack { node, hook };
        let steps = vec![
            step(pod(one(), "shop/client"), Event::Sent),
            step(Place::Bridge { node: one() }, Event::Passed),
            step(hook(one(), Hook::Prerouting), Event::Passed),
            step(Place::Routing { node: one() }, Event::Passed),
            step(hook(one(), Hook::Postrouting), Event::Passed),
            step(Place::Nic { node: one() }, Event::Passed),
            step(Place::Lan, Event::Passed),
            step(Place::Nic { node: two() }, Event::Passed),
            step(pod(two(), "shop/web-2"), Event::Delivered),
        ];
        let rules = BTreeMap::new();
        Trace {
            at: Instant::START,
            sent: packet,
            mtu: 1500,
            steps,
            verdict: Verdict::Delivered,
            rules,
        }
    }

    #[test]
    fn a_packet_never_jumps() {
        for width in [390.0, 664.0, 700.0, 1180.0] {
            let timeline =
                timeline(&lay_out(&three_nodes(), &Wishes::default(), width), &trace(), 1.0);
            let mut before = position(&timeline, 0.0).unwrap();
            let mut t = 0.0;
            while t < timeline.end() + 50.0 {
                t += 4.0;
                let here = position(&timeline, t).unwrap();
                assert!(before.distance(here) < 25.0, "{width}: {before:?} to {here:?} at {t}");
                before = here;
            }
        }
    }

    #[test]
    fn it_ends_in_the_pod_it_was_delivered_to() {
        let scene = lay_out(&three_nodes(), &Wishes::default(), 700.0);
        let timeline = timeline(&scene, &trace(), 1.0);
        assert_eq!(position(&timeline, 1e9), scene.at(&Spot::Pod("shop/web-2".into())));
        assert_eq!(position(&timeline, -1.0), None);
        assert_eq!(position(&Timeline::default(), 0.0), None);
    }

    #[test]
    fn a_node_routes_its_own_packets_where_they_are() {
        let mut own = trace();
        let node: std::rc::Rc<str> = "worker-1".into();
        own.steps[0].place = Place::Process { node: node.clone() };
        own.steps[1].place = Place::Routing { node: node.clone() };
        own.steps[2].place = Place::Conntrack { node, hook: Hook::Output };
        let timeline = timeline(&lay_out(&three_nodes(), &Wishes::default(), 700.0), &own, 1.0);
        assert_eq!(timeline.legs[1].path.len(), 1);
        assert_eq!(timeline.legs[2].path.len(), 2);
    }

    #[test]
    fn each_step_has_its_moment() {
        let timeline = timeline(&lay_out(&three_nodes(), &Wishes::default(), 700.0), &trace(), 1.0);
        for step in 0..timeline.legs.len() {
            let moment = timeline.moment(timeline.arrival(step)).unwrap();
            assert_eq!(moment, Moment { step, arrived: true });
        }
    }
}
