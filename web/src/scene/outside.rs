//! Hosts outside the cluster: those on the LAN hang on its rail, all others on lines of their own
//! that end behind the router.

use super::graph::Pen;
use super::{MARGIN, MONO, Point, Rect, Spot};
use crate::view::{Host, View};

const HEIGHT: f64 = 24.0;
const GAP: f64 = 8.0;
/// From the top of one line of hosts to that of the next.
const LINE: f64 = 36.0;
/// How far below its hosts a line of the outside runs.
const BELOW: f64 = 7.0;
/// From the last line of hosts to the LAN's rail: its own words stand between.
const TO_RAIL: f64 = 33.0;
/// The words before the first line.
const LABEL: f64 = 76.0;
/// `LAN 192.168.56.0/24` above the rail.
const LAN_LABEL: f64 = 142.0;
/// Narrower than this, label and switch have a line of their own.
const ROOMY: f64 = 480.0;
const SWITCH: f64 = 122.0;

/// What lies between the Services and the LAN.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outside {
    pub label: Point,
    /// Indices into [`View::hosts`] and places.
    pub hosts: Vec<(usize, Rect)>,
    /// The load balancer's switch.
    pub switch: Point,
    pub switch_width: f64,
    /// Where the LAN's rail lies.
    pub rail: f64,
}

/// Hosts in lines from `top` on; `behind` is the router's middle, where the outside begins.
pub(super) fn lay_out_hosts(view: &View, width: f64, top: f64, behind: f64) -> Outside {
    let roomy = width >= ROOMY;
    let (first, y) = if roomy { (MARGIN + LABEL, top) } else { (MARGIN, top + 20.0) };
    let mut row = Row { x: first, y };
    let mut hosts = Vec::new();
    let (near, far) = (of(view, true), of(view, false));
    let needed: f64 = near.iter().chain(&far).map(|&it| wide(&view.hosts[it]) + GAP).sum();
    let one_line = first + needed + LAN_LABEL < behind;
    if one_line {
        row.hang(view, &near, &mut hosts);
        row.string(view, &far, first, behind, &mut hosts);
    } else {
        row.string(view, &far, first, behind, &mut hosts);
        if !near.is_empty() && !far.is_empty() {
            row = Row { x: MARGIN, y: row.y + LINE };
        }
        row.hang(view, &near, &mut hosts);
    }
    let rail = row.y + HEIGHT + TO_RAIL;
    let switch = match roomy {
        true => Point::new(behind - 47.0 - SWITCH, rail - 22.0),
        false => Point::new(width - MARGIN - SWITCH, top - 4.0),
    };
    let label = Point::new(MARGIN, if roomy { top + 16.0 } else { top + 10.0 });
    Outside { label, hosts, switch, switch_width: SWITCH, rail }
}

/// The wires of what [`lay_out_hosts`] placed; the joints on the LAN's rail are given back.
pub(super) fn wire_hosts(
    view: &View,
    outside: &Outside,
    router: Rect,
    pen: &mut Pen,
) -> Vec<usize> {
    let mut taps = Vec::new();
    let mut lines: Vec<(f64, Vec<usize>)> = Vec::new();
    for (index, rect) in &outside.hosts {
        let host = &view.hosts[*index];
        let bottom = Point::new(rect.middle().x, rect.bottom());
        let at = pen.joint(Spot::Host(host.name.clone()), rect.middle());
        let end = pen.bend(bottom);
        pen.join(at, end);
        let level = if host.near { outside.rail } else { rect.bottom() + BELOW };
        let tap = pen.bend(Point::new(bottom.x, level));
        pen.wire(end, tap);
        match host.near {
            true => taps.push(tap),
            false => match lines.iter_mut().find(|it| it.0 == level) {
                Some(line) => line.1.push(tap),
                None => lines.push((level, vec![tap])),
            },
        }
    }
    let mut below = pen.bend(Point::new(router.middle().x, router.y));
    let at_router = pen.joint(Spot::Router, router.middle());
    pen.join(below, at_router);
    for (level, line) in lines.into_iter().rev() {
        let corner = pen.bend(Point::new(router.middle().x, level));
        pen.wire(below, corner);
        line.into_iter().rev().fold(corner, |from, to| {
            pen.wire(from, to);
            to
        });
        below = corner;
    }
    taps.push(at_router);
    taps
}

fn of(view: &View, near: bool) -> Vec<usize> {
    (0..view.hosts.len()).filter(|&index| view.hosts[index].near == near).collect()
}

fn wide(host: &Host) -> f64 {
    host.label().chars().count() as f64 * 10.0 * MONO + 18.0
}

/// Where the next host stands.
struct Row {
    x: f64,
    y: f64,
}

impl Row {
    fn put(&mut self, view: &View, index: usize, res: &mut Vec<(usize, Rect)>) {
        let w = wide(&view.hosts[index]);
        res.push((index, Rect { x: self.x, y: self.y, w, h: HEIGHT }));
        self.x += w + GAP;
    }

    /// Hosts above the rail, their wires to the right of the LAN's name.
    fn hang(&mut self, view: &View, near: &[usize], res: &mut Vec<(usize, Rect)>) {
        if let Some(&first) = near.first() {
            self.x = self.x.max(MARGIN + LAN_LABEL - wide(&view.hosts[first]) / 2.0);
        }
        near.iter().for_each(|&index| self.put(view, index, res));
    }

    /// Hosts above lines of the outside, as many in each as fit.
    fn string(
        &mut self,
        view: &View,
        far: &[usize],
        first: f64,
        behind: f64,
        res: &mut Vec<(usize, Rect)>,
    ) {
        for &index in far {
            if self.x + wide(&view.hosts[index]) + GAP > behind && self.x > first {
                *self = Row { x: first, y: self.y + LINE };
            }
            self.put(view, index, res);
        }
    }
}
