//! The picture's geometry: [`View`] and a width → [`Scene`], boxes, wires and joints with coordinates.
//!
//! Packets move along the same wires that are drawn: [`Scene::path`] walks the graph of joints.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_core::trace::Place;
use svclab_netfilter::Hook;
use svclab_netfilter::order::Order;

use crate::view::{Pod, View};

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub fn new(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    pub fn distance(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    pub fn right(self) -> f64 {
        self.x + self.w
    }

    pub fn bottom(self) -> f64 {
        self.y + self.h
    }

    pub fn middle(self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }
}

/// A spot of the picture that a packet can be at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    Pod(Rc<str>),
    Bridge(Rc<str>),
    Hook(Rc<str>, HookName),
    Routing(Rc<str>),
    Process(Rc<str>),
    Nic(Rc<str>),
    Router,
    /// The middle of a row's rail.
    Lan,
    /// A bend or a branch of a wire.
    Bend(usize),
}

/// [`Hook`] in an order that maps need.
pub type HookName = Hook;

pub const HOOKS: [(Hook, &str); 5] = [
    (Hook::Prerouting, "PRE"),
    (Hook::Input, "IN"),
    (Hook::Forward, "FWD"),
    (Hook::Output, "OUT"),
    (Hook::Postrouting, "POST"),
];

#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    pub services_label: Point,
    /// Indices into [`View::services`] and places; with many Services not all are here.
    pub services: Vec<(usize, Rect)>,
    /// How many are not, and where that is said.
    pub more_services: Option<(usize, Point)>,
    pub lan_label: Point,
    pub router: Rect,
    /// The wires of the LAN, thick.
    pub rails: Vec<[Point; 2]>,
    /// All other wires, thin.
    pub wires: Vec<[Point; 2]>,
    /// One for each of [`View::nodes`], in that order.
    pub nodes: Vec<NodeBox>,
    joints: BTreeMap<Spot, usize>,
    points: Vec<Point>,
    edges: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NodeBox {
    pub name: Rc<str>,
    pub rect: Rect,
    pub nic: Rect,
    pub gate: Rect,
    pub chips: [Rect; 5],
    pub routing: Point,
    pub process: Point,
    /// A line for the node's own switches.
    pub head: Rect,
    /// Where the gate writes what goes on inside.
    pub detail: Rect,
    pub bridge: Rect,
    /// Pods of this node: index into [`View::pods`] and place.
    pub pods: Vec<(usize, Rect)>,
}

const MARGIN: f64 = 16.0;
const GAP: f64 = 14.0;
const NODE_MIN: f64 = 196.0;
const GATE_HEIGHT: f64 = 186.0;
/// A node's own switches stand between its title and its gate.
const NODE_HEAD: f64 = 74.0;
/// A pod's name and address; below them a row for each probe.
pub const POD_HEAD: f64 = 44.0;
pub const POD_ROW: f64 = 20.0;
/// More rows of one pod than these are not drawn.
pub const POD_ROWS: usize = 4;
const POD_GAP: f64 = 8.0;
const GHOST_HEIGHT: f64 = 38.0;
/// Widths of text: an average glyph of the two fonts at one pixel of size.
pub const MONO: f64 = 0.605;
pub const SANS: f64 = 0.6;

/// Lays out `view` in `width` pixels; the Service `chosen` is always shown.
pub fn lay_out(view: &View, chosen: Option<&str>, width: f64) -> Scene {
    let width = width.max(NODE_MIN + 2.0 * MARGIN + 8.0);
    let mut pen = Pen::default();

    let (services, more_services, below) = lay_out_services(view, chosen, width);
    let services_label = Point::new(MARGIN, 22.0);

    let count = view.nodes.len().max(1);
    let fitting = ((width - 2.0 * MARGIN + GAP) / (NODE_MIN + GAP)).floor() as usize;
    let columns = fitting.clamp(1, count);
    let rows = count.div_ceil(columns);
    // With more rows than one the LAN comes down along the left edge.
    let left = if rows > 1 { MARGIN + 12.0 } else { MARGIN };
    let node_width = (width - left - MARGIN - GAP * (columns as f64 - 1.0)) / columns as f64;

    let router = Rect { x: width - MARGIN - 74.0, y: below + 14.0, w: 74.0, h: 24.0 };
    let mut rail_y = router.middle().y;
    let lan_label = Point::new(left + 2.0, rail_y - 9.0);
    let mut nodes = Vec::new();
    let mut rails: Vec<[Point; 2]> = Vec::new();
    let mut spine: Option<usize> = None;
    let mut bottom = rail_y;

    for row in 0..rows {
        let members = view.nodes.iter().enumerate().skip(row * columns).take(columns);
        let top = rail_y + 40.0;
        let end = if row == 0 { router.x } else { width - MARGIN };
        let start = Point::new(left.min(MARGIN + 2.0), rail_y);
        rails.push([start, Point::new(end, rail_y)]);
        let corner = pen.bend(start);
        if let Some(above) = spine {
            pen.join(above, corner);
            rails.push([pen.points[above], start]);
        }
        spine = Some(corner);
        let mut along = vec![corner];

        let mut boxes = Vec::new();
        for (column, (_, node)) in members.enumerate() {
            let x = left + column as f64 * (node_width + GAP);
            let spot = Rect { x, y: top, w: node_width, h: 0.0 };
            let tap = pen.bend(Point::new(x + node_width / 2.0, rail_y));
            along.push(tap);
            boxes.push(lay_out_node(view, &node.name, spot, &mut pen, tap));
        }
        if row == 0 {
            along.push(pen.joint(Spot::Lan, Point::new((left + end) / 2.0, rail_y)));
            along.push(pen.joint(Spot::Router, router.middle()));
        }
        pen.string(along);
        let height = boxes.iter().map(|it| it.rect.h).fold(0.0, f64::max);
        boxes.iter_mut().for_each(|it| it.rect.h = height);
        bottom = top + height;
        rail_y = bottom + 26.0;
        nodes.extend(boxes);
    }

    Scene {
        width,
        height: bottom + MARGIN,
        services_label,
        services,
        more_services,
        lan_label,
        router,
        rails,
        wires: pen.wires,
        nodes,
        joints: pen.joints,
        points: pen.points,
        edges: pen.edges,
    }
}

/// More lines of Services than these would push the nodes out of sight.
const SERVICE_LINES: usize = 4;

type More = Option<(usize, Point)>;

/// Ghosts in lines from left to right, how many do not fit, and where they end.
fn lay_out_services(
    view: &View,
    chosen: Option<&str>,
    width: f64,
) -> (Vec<(usize, Rect)>, More, f64) {
    let mut order: Vec<usize> = (0..view.services.len()).collect();
    let (mut res, mut left) = ghosts(view, &order, width);
    let is_chosen = |index: &usize| Some(view.services[*index].name().as_str()) == chosen;
    if let Some(hidden) = order.iter().position(&is_chosen).filter(|at| *at >= res.len()) {
        let index = order.remove(hidden);
        order.insert(0, index);
        (res, left) = ghosts(view, &order, width);
    }
    let last = res.last().map(|it| it.1);
    let more = last
        .filter(|_| left > 0)
        .map(|it| (left, Point::new(it.right() + 12.0, it.middle().y + 4.0)));
    (res, more, last.map_or(42.0, Rect::bottom))
}

fn ghosts(view: &View, order: &[usize], width: f64) -> (Vec<(usize, Rect)>, usize) {
    let mut res = Vec::new();
    let (mut x, mut y, mut line) = (MARGIN, 32.0, 1);
    for &index in order {
        let service = &view.services[index];
        let name = service.name().chars().count() as f64 * 12.0 * SANS;
        let detail = service.detail().chars().count() as f64 * 10.0 * MONO;
        let badge = service.badge().chars().count() as f64 * 10.0 * MONO + 26.0;
        let w = (name + badge).max(detail).max(70.0) + 30.0;
        let w = w.min(width - 2.0 * MARGIN);
        // On the last line there must be room to say how many more there are.
        let room = if line == SERVICE_LINES { 70.0 } else { 0.0 };
        if x + w + room > width - MARGIN && x > MARGIN {
            if line == SERVICE_LINES {
                break;
            }
            line += 1;
            x = MARGIN;
            y += GHOST_HEIGHT + 8.0;
        }
        res.push((index, Rect { x, y, w, h: GHOST_HEIGHT }));
        x += w + 10.0;
    }
    let left = order.len() - res.len();
    (res, left)
}

/// One node below `tap`, its joint on the rail.
fn lay_out_node(view: &View, name: &Rc<str>, spot: Rect, pen: &mut Pen, tap: usize) -> NodeBox {
    let Rect { x, y, w, .. } = spot;
    let center = x + w / 2.0;
    let nic = Rect { x: center - 23.0, y: y - 9.0, w: 46.0, h: 18.0 };
    let gate = Rect { x: x + 14.0, y: y + NODE_HEAD, w: w - 28.0, h: GATE_HEIGHT };
    let head = Rect { x: gate.x, y: y + 45.0, w: gate.w, h: 22.0 };
    // The wires go around the title too.
    let (left, right, top) = (x + 7.0, x + w - 7.0, y + 15.0);

    let pipe = gate.y + 38.0;
    let lower = gate.y + 66.0;
    let chip = |x: f64, y: f64, w: f64| Rect { x, y: y - 9.0, w, h: 18.0 };
    let inner = gate.w - 16.0;
    let pre = chip(gate.x + 8.0, pipe, 36.0);
    let post = chip(gate.right() - 8.0 - 40.0, pipe, 40.0);
    let routing = Point::new(gate.x + 8.0 + inner * 0.345, pipe);
    let forward = chip(gate.x + 8.0 + inner * 0.575 - 18.0, pipe, 36.0);
    let input = chip(routing.x - 15.0, lower, 30.0);
    let output = chip(post.middle().x - 18.0, lower, 36.0);
    let process = Point::new((input.right() + output.x) / 2.0, lower);
    let chips = [pre, input, forward, output, post];
    let detail =
        Rect { x: gate.x + 9.0, y: gate.y + 92.0, w: gate.w - 18.0, h: GATE_HEIGHT - 98.0 };
    let bridge = Rect { x: x + 6.0, y: gate.bottom() + 14.0, w: w - 12.0, h: 18.0 };

    // The uplink and the loop around the gate: in on the left, out on the right.
    let at_nic = pen.joint(Spot::Nic(name.clone()), nic.middle());
    pen.wire(tap, at_nic);
    let under = pen.bend(Point::new(center, top));
    pen.wire(at_nic, under);
    let corner_in = pen.bend(Point::new(left, top));
    let corner_out = pen.bend(Point::new(right, top));
    pen.wire(under, corner_in);
    pen.wire(under, corner_out);
    let door_in = pen.bend(Point::new(left, pipe));
    let door_out = pen.bend(Point::new(right, pipe));
    pen.wire(corner_in, door_in);
    pen.wire(corner_out, door_out);
    let hook = |pen: &mut Pen, index: usize| {
        pen.joint(Spot::Hook(name.clone(), HOOKS[index].0), chips[index].middle())
    };
    let hooks: Vec<usize> = (0..5).map(|index| hook(pen, index)).collect();
    let [at_pre, at_in, at_fwd, at_out, at_post] = hooks[..] else {
        unreachable!("there are five hooks")
    };
    let at_routing = pen.joint(Spot::Routing(name.clone()), routing);
    let at_process = pen.joint(Spot::Process(name.clone()), process);
    for (from, to) in [
        (door_in, at_pre),
        (at_pre, at_routing),
        (at_routing, at_fwd),
        (at_fwd, at_post),
        (at_post, door_out),
        (at_routing, at_in),
        (at_in, at_process),
        (at_process, at_out),
        (at_out, at_post),
    ] {
        pen.wire(from, to);
    }
    let level = bridge.middle().y;
    let bridge_in = pen.bend(Point::new(left, level));
    let bridge_out = pen.bend(Point::new(right, level));
    let down_in = pen.bend(Point::new(left, bridge.y));
    let down_out = pen.bend(Point::new(right, bridge.y));
    pen.wire(door_in, down_in);
    pen.wire(door_out, down_out);
    pen.join(down_in, bridge_in);
    pen.join(down_out, bridge_out);
    let at_bridge = pen.joint(Spot::Bridge(name.clone()), bridge.middle());
    let mut ports = vec![bridge_in, at_bridge, bridge_out];
    let pods = lay_out_pods(view, name, spot, bridge, pen, &mut ports);
    pen.string(ports);
    let last = pods.iter().map(|(_, rect)| rect.bottom()).fold(bridge.bottom() + 34.0, f64::max);
    let rect = Rect { x, y, w, h: last + 12.0 - y };
    NodeBox {
        name: name.clone(),
        rect,
        nic,
        head,
        gate,
        chips,
        routing,
        process,
        detail,
        bridge,
        pods,
    }
}

/// The pods below the bridge, in as many columns as fit, each column on a rail of its own.
/// `ports` gets the joints on the bridge.
fn lay_out_pods(
    view: &View,
    name: &Rc<str>,
    spot: Rect,
    bridge: Rect,
    pen: &mut Pen,
    ports: &mut Vec<usize>,
) -> Vec<(usize, Rect)> {
    let members: Vec<usize> = (0..view.pods.len())
        .filter(|&index| view.pods[index].node.as_ref() == Some(name))
        .collect();
    let columns = if spot.w >= 372.0 && members.len() > 1 { 2 } else { 1 };
    let column_width = (spot.w - 8.0) / columns as f64;
    let mut res = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    let mut tops = vec![bridge.bottom() + 12.0; columns];
    for (order, &index) in members.iter().enumerate() {
        let (row, column) = (order / columns, order % columns);
        let x = spot.x + 26.0 + column as f64 * column_width;
        let y = tops[column];
        let rect = Rect { x, y, w: column_width - 30.0, h: pod_height(&view.pods[index]) };
        tops[column] = rect.bottom() + POD_GAP;
        let rail = x - 12.0;
        if row == 0 {
            let top = pen.bend(Point::new(rail, bridge.middle().y));
            ports.push(top);
            let below = pen.bend(Point::new(rail, bridge.bottom()));
            pen.join(top, below);
            ends.push(below);
        }
        let corner = pen.bend(Point::new(rail, y + 16.0));
        pen.wire(ends[column], corner);
        ends[column] = corner;
        let at = pen.joint(Spot::Pod(view.pods[index].id.clone()), Point::new(x, y + 16.0));
        pen.wire(corner, at);
        res.push((index, rect));
    }
    res
}

fn pod_height(pod: &Pod) -> f64 {
    POD_HEAD + pod.strips.len().clamp(1, POD_ROWS) as f64 * POD_ROW + 3.0
}

/// Collects joints and wires while boxes are placed.
#[derive(Default)]
struct Pen {
    joints: BTreeMap<Spot, usize>,
    points: Vec<Point>,
    edges: Vec<Vec<usize>>,
    wires: Vec<[Point; 2]>,
}

impl Pen {
    fn joint(&mut self, spot: Spot, at: Point) -> usize {
        let index = self.points.len();
        self.points.push(at);
        self.edges.push(Vec::new());
        self.joints.insert(spot, index);
        index
    }

    fn bend(&mut self, at: Point) -> usize {
        self.joint(Spot::Bend(self.points.len()), at)
    }

    /// A way that something else draws (a rail, the bridge).
    fn join(&mut self, a: usize, b: usize) {
        self.edges[a].push(b);
        self.edges[b].push(a);
    }

    /// Joins joints that lie on one level line, each with its neighbours.
    fn string(&mut self, mut joints: Vec<usize>) {
        joints.order_by(|&a, &b| self.points[a].x.total_cmp(&self.points[b].x));
        for pair in joints.windows(2) {
            self.join(pair[0], pair[1]);
        }
    }

    fn wire(&mut self, a: usize, b: usize) {
        self.join(a, b);
        self.wires.push([self.points[a], self.points[b]]);
    }
}

/// The spot where the picture shows `place`.
pub fn spot_of(place: &Place) -> Option<Spot> {
    Some(match place {
        Place::Pod { pod, .. } | Place::Veth { pod, .. } => Spot::Pod(pod.clone()),
        Place::Bridge { node } => Spot::Bridge(node.clone()),
        Place::Hook { node, hook, .. } | Place::Conntrack { node, hook } => {
            Spot::Hook(node.clone(), *hook)
        }
        Place::Routing { node } => Spot::Routing(node.clone()),
        Place::Nic { node } => Spot::Nic(node.clone()),
        Place::Process { node } => Spot::Process(node.clone()),
        Place::Lan => Spot::Lan,
        Place::Router | Place::Host { .. } => Spot::Router,
    })
}

impl Scene {
    pub fn at(&self, spot: &Spot) -> Option<Point> {
        self.joints.get(spot).map(|&index| self.points[index])
    }

    pub fn node(&self, name: &str) -> Option<&NodeBox> {
        self.nodes.iter().find(|it| &*it.name == name)
    }

    /// The node on the upper line of whose hooks `at` lies.
    pub fn in_pipe(&self, at: Point) -> Option<&NodeBox> {
        self.nodes.iter().find(|node| {
            let within = (node.gate.x..=node.gate.right()).contains(&at.x);
            within && at.y == node.routing.y
        })
    }

    /// The way along the wires, both ends with it; the straight line where no wire leads there.
    pub fn path(&self, from: &Spot, to: &Spot) -> Option<Vec<Point>> {
        let start = *self.joints.get(from)?;
        let end = *self.joints.get(to)?;
        let straight = || vec![self.points[start], self.points[end]];
        let Some(way) = self.shortest(start, end) else { return Some(straight()) };
        Some(way.into_iter().map(|index| self.points[index]).collect())
    }

    /// Dijkstra's algorithm; the graph has some dozens of joints.
    fn shortest(&self, start: usize, end: usize) -> Option<Vec<usize>> {
        let mut distance = vec![f64::INFINITY; self.points.len()];
        let mut before = vec![usize::MAX; self.points.len()];
        let mut open = vec![start];
        distance[start] = 0.0;
        while let Some(position) =
            (0..open.len()).min_by(|&a, &b| distance[open[a]].total_cmp(&distance[open[b]]))
        {
            let here = open.swap_remove(position);
            if here == end {
                let mut way = vec![end];
                while *way.last()? != start {
                    way.push(before[*way.last()?]);
                }
                way.reverse();
                return Some(way);
            }
            for &next in &self.edges[here] {
                let through = distance[here] + self.points[here].distance(self.points[next]);
                if through < distance[next] {
                    distance[next] = through;
                    before[next] = here;
                    open.push(next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::three_nodes;

    fn inside(outer: Rect, inner: Rect) -> bool {
        inner.x >= outer.x
            && inner.y >= outer.y
            && inner.right() <= outer.right() + 0.01
            && inner.bottom() <= outer.bottom() + 0.01
    }

    #[test]
    fn everything_of_a_node_lies_inside_it_at_every_width() {
        for width in [320.0, 390.0, 424.0, 664.0, 700.0, 1180.0] {
            let view = three_nodes();
            let scene = lay_out(&view, None, width);
            for node in &scene.nodes {
                assert!(node.rect.right() <= scene.width, "{width}: {}", node.name);
                for part in
                    [node.gate, node.bridge].into_iter().chain(node.pods.iter().map(|it| it.1))
                {
                    assert!(inside(node.rect, part), "{width}: {} {part:?}", node.name);
                }
                for (index, chip) in node.chips.iter().enumerate() {
                    assert!(inside(node.gate, *chip), "{width}: {} {index}", node.name);
                    for other in &node.chips[index + 1..] {
                        let apart = chip.right() <= other.x
                            || other.right() <= chip.x
                            || chip.bottom() <= other.y
                            || other.bottom() <= chip.y;
                        assert!(apart, "{width}: chips of {} overlap", node.name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_packet_between_nodes_goes_over_the_lan() {
        let scene = lay_out(&three_nodes(), None, 700.0);
        let nic = |name: &str| Spot::Nic(name.into());
        let path = scene.path(&nic("worker-1"), &nic("worker-2")).unwrap();
        assert!(path.len() >= 4);
        let rail = scene.rails[0][0].y;
        assert!(path.iter().any(|it| it.y == rail));
    }

    #[test]
    fn packets_enter_the_gate_on_the_left_and_leave_on_the_right() {
        let scene = lay_out(&three_nodes(), None, 700.0);
        let node: Rc<str> = "worker-1".into();
        let bridge = Spot::Bridge(node.clone());
        let gate = scene.node("worker-1").unwrap().gate;
        let way_in = scene.path(&bridge, &Spot::Hook(node.clone(), Hook::Prerouting)).unwrap();
        assert!(way_in.iter().any(|it| it.x < gate.x));
        let way_out = scene.path(&Spot::Hook(node, Hook::Postrouting), &bridge).unwrap();
        assert!(way_out.iter().any(|it| it.x > gate.right()));
    }
}
