//! The picture's geometry: [`View`] and a width → [`Scene`], boxes, wires and joints with coordinates.
//!
//! Packets move along the same wires that are drawn: [`Scene::path`] walks the graph of joints.

mod graph;
mod node;
mod outside;
mod services;
mod wishes;

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_core::trace::Place;
use svclab_netfilter::Hook;

use crate::view::View;
use graph::Pen;
use node::lay_out_node;
use outside::{lay_out_hosts, wire_hosts};
use services::lay_out_services;
use wishes::rows_of;

pub use outside::Outside;
pub use wishes::Wishes;

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
    /// A host outside the cluster.
    Host(Rc<str>),
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
    pub outside: Outside,
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
    /// Only its title and its pods' states; a packet inside is at the title.
    pub folded: bool,
    pub nic: Rect,
    pub gate: Rect,
    pub chips: [Rect; 5],
    pub routing: Point,
    pub process: Point,
    /// What is known of its kube-proxy; where a packet is inside, the gate opens from here down.
    pub detail: Rect,
    pub bridge: Rect,
    /// Pods are drawn as one line each.
    pub brief: bool,
    /// Pods of this node: index into [`View::pods`] and place.
    pub pods: Vec<(usize, Rect)>,
    /// Pods that are drawn as dots.
    pub dots: Vec<(usize, Point)>,
}

const MARGIN: f64 = 12.0;
const GAP: f64 = 12.0;
const NODE_MIN: f64 = 196.0;
/// A folded node beside others.
const FOLDED: f64 = 124.0;
const GATE_HEIGHT: f64 = 106.0;
/// What an opened gate needs for chains, dice and result.
pub const OPENED: f64 = 82.0;
/// A node's title stands between its edge and its gate.
const NODE_HEAD: f64 = 36.0;
/// A pod's name and address; below them a row for each probe.
pub const POD_HEAD: f64 = 38.0;
pub const POD_ROW: f64 = 19.0;
/// A pod as one line.
const POD_LINE: f64 = 22.0;
/// More rows of one pod than these are not drawn.
pub const POD_ROWS: usize = 4;
const POD_GAP: f64 = 6.0;
/// More pods than these on a node are lines, …
const CARDS: usize = 6;
/// … and of more than these only some are drawn, the others are dots.
const LINES: usize = 10;
/// How many lines stand above dots.
const LINES_ABOVE_DOTS: usize = 7;
/// From dot to dot.
const DOT: f64 = 15.0;
const GHOST_HEIGHT: f64 = 34.0;
/// Widths of text: an average glyph of the two fonts at one pixel of size.
pub const MONO: f64 = 0.605;
pub const SANS: f64 = 0.6;

/// Lays out `view` in `width` pixels.
pub fn lay_out(view: &View, wishes: &Wishes, width: f64) -> Scene {
    let width = width.max(NODE_MIN + 2.0 * MARGIN + 8.0);
    let mut pen = Pen::default();

    let (services, more_services, below) = lay_out_services(view, wishes.chosen.as_deref(), width);
    let services_label = Point::new(MARGIN, 17.0);

    let rows = rows_of(view, wishes, width);
    // With more rows than one the LAN comes down along the left edge.
    let left = if rows.len() > 1 { MARGIN + 12.0 } else { MARGIN };

    let router = Rect { x: width - MARGIN - 74.0, y: 0.0, w: 74.0, h: 24.0 };
    let outside = lay_out_hosts(view, width, below + 12.0, router.middle().x);
    let mut rail_y = outside.rail;
    let router = Rect { y: rail_y - router.h / 2.0, ..router };
    let lan_label = Point::new(left + 2.0, rail_y - 8.0);
    let mut nodes = Vec::new();
    let mut rails: Vec<[Point; 2]> = Vec::new();
    let mut spine: Option<usize> = None;
    let mut bottom = rail_y;

    for (row, members) in rows.iter().enumerate() {
        let top = rail_y + 27.0;
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
        let room = width - left - MARGIN - GAP * (members.len() as f64 - 1.0);
        let mut x = left;
        for (node, w) in wishes::shares(members, room) {
            let spot = Rect { x, y: top, w, h: 0.0 };
            let tap = pen.bend(Point::new(x + w / 2.0, rail_y));
            along.push(tap);
            boxes.push(lay_out_node(view, wishes, node, spot, &mut pen, tap));
            x += w + GAP;
        }
        if row == 0 {
            along.push(pen.joint(Spot::Lan, Point::new((left + end) / 2.0, rail_y)));
            along.extend(wire_hosts(view, &outside, router, &mut pen));
        }
        pen.string(along, graph::Pen::join);
        let height = boxes.iter().map(|it| it.rect.h).fold(0.0, f64::max);
        let open = boxes.iter_mut().filter(|it| !it.folded);
        open.for_each(|it| it.rect.h = height);
        bottom = top + height;
        rail_y = bottom + 22.0;
        nodes.extend(boxes);
    }

    Scene {
        width,
        height: bottom + MARGIN,
        services_label,
        services,
        more_services,
        outside,
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

/// The spot where the picture shows `place`.
pub fn spot_of(place: &Place) -> Option<Spot> {
    Some(match place {
        Place::Pod { pod, .. } | Place::Veth { pod, .. } => Spot::Pod(pod.clone()),
        Place::Bridge { node } => Spot::Bridge(node.clone()),
        Place::Hook { node, hook, .. }
        | Place::Conntrack { node, hook }
        | Place::Ipvs { node, hook } => Spot::Hook(node.clone(), *hook),
        Place::Routing { node } => Spot::Routing(node.clone()),
        Place::Nic { node } | Place::Tunnel { node, .. } => Spot::Nic(node.clone()),
        Place::Process { node } => Spot::Process(node.clone()),
        Place::Lan => Spot::Lan,
        Place::Router => Spot::Router,
        Place::Host { name } => Spot::Host(name.clone()),
    })
}

impl Scene {
    pub fn at(&self, spot: &Spot) -> Option<Point> {
        self.joints.get(spot).map(|&index| self.points[index])
    }

    pub fn node(&self, name: &str) -> Option<&NodeBox> {
        self.nodes.iter().find(|it| &*it.name == name)
    }

    /// The node on the lines of whose hooks `at` lies.
    pub fn in_pipe(&self, at: Point) -> Option<&NodeBox> {
        self.nodes.iter().find(|node| {
            let (across, down) = (node.gate.x..=node.gate.right(), node.routing.y..=node.process.y);
            !node.folded && across.contains(&at.x) && down.contains(&at.y)
        })
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
            let scene = lay_out(&view, &Wishes::default(), width);
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

    /// Sixty pods on six nodes, the last of them with one more that a packet goes to.
    fn crowded() -> (View, Wishes) {
        let mut view = three_nodes();
        let like = view.nodes[2].clone();
        let names: Vec<Rc<str>> = (1..=6).map(|it| format!("node-{it}").into()).collect();
        let node = |name: &Rc<str>| crate::view::Node { name: name.clone(), ..like.clone() };
        view.nodes = names.iter().map(node).collect();
        let pod = |index: usize| {
            let ip = format!("10.244.1.{}", index + 2);
            let node = if index < 40 { 0 } else { index % 6 };
            crate::view::tests::pod(&format!("web-{index}"), &names[node], &ip)
        };
        view.pods = (0..60).map(pod).collect();
        let kept = vec![view.pods[39].id.clone()];
        (view, Wishes { kept, ..Wishes::default() })
    }

    #[test]
    fn of_many_pods_each_has_its_place_and_the_one_that_a_packet_goes_to_is_drawn() {
        let (view, wishes) = crowded();
        for width in [366.0, 689.0, 1180.0] {
            let scene = lay_out(&view, &wishes, width);
            let drawn: usize = scene.nodes.iter().map(|it| it.pods.len() + it.dots.len()).sum();
            assert_eq!((scene.nodes.len(), drawn), (6, 60), "{width}");
            assert!(scene.nodes[0].pods.iter().any(|it| it.0 == 39), "{width}");
            for node in &scene.nodes {
                let dots = node.dots.iter().map(|it| Rect { x: it.1.x, y: it.1.y, w: 0.0, h: 0.0 });
                for place in node.pods.iter().map(|it| it.1).chain(dots) {
                    assert!(inside(node.rect, place), "{width}: {} {place:?}", node.name);
                }
            }
        }
    }

    #[test]
    fn hosts_outside_stand_apart_and_are_wired_to_the_nodes() {
        for width in [320.0, 358.0, 424.0, 664.0, 700.0, 1180.0] {
            let view = three_nodes();
            let scene = lay_out(&view, &Wishes::default(), width);
            let rects: Vec<Rect> = scene.outside.hosts.iter().map(|it| it.1).collect();
            assert_eq!(rects.len(), view.hosts.len());
            let router = scene.router;
            for (index, rect) in rects.iter().enumerate() {
                assert!(rect.x >= 0.0 && rect.right() <= width, "{width}: {rect:?}");
                let others = rects[index + 1..].iter().chain([&router]);
                for other in others {
                    let apart = rect.right() <= other.x
                        || other.right() <= rect.x
                        || rect.bottom() <= other.y
                        || other.bottom() <= rect.y;
                    assert!(apart, "{width}: {rect:?} over {other:?}");
                }
            }
            let nic = Spot::Nic("worker-1".into());
            let way = |name: &str| scene.path(&Spot::Host(name.into()), &nic).unwrap();
            let through_router = |way: &[Point]| way.contains(&router.middle());
            assert!(!through_router(&way("laptop")), "{width}");
            assert!(through_router(&way("www.example.org")), "{width}");
        }
    }

    #[test]
    fn a_packet_between_nodes_goes_over_the_lan() {
        let scene = lay_out(&three_nodes(), &Wishes::default(), 700.0);
        let nic = |name: &str| Spot::Nic(name.into());
        let path = scene.path(&nic("worker-1"), &nic("worker-2")).unwrap();
        assert!(path.len() >= 4);
        let rail = scene.rails[0][0].y;
        assert!(path.iter().any(|it| it.y == rail));
    }

    /// Calico's pods hang on devices of their own: wires lead to them where the bar would be.
    #[test]
    fn without_a_bridge_pods_have_wires_to_the_node() {
        let on_level = |view: &View| {
            let scene = lay_out(view, &Wishes::default(), 700.0);
            let level = scene.node("worker-1").unwrap().bridge.middle().y;
            scene.wires.iter().filter(|it| it.iter().all(|end| end.y == level)).count()
        };
        let mut view = three_nodes();
        assert_eq!(on_level(&view), 0);
        view.nodes.iter_mut().for_each(|it| it.bridge = None);
        assert!(on_level(&view) > 0);
    }

    #[test]
    fn packets_enter_the_gate_on_the_left_and_leave_on_the_right() {
        let scene = lay_out(&three_nodes(), &Wishes::default(), 700.0);
        let node: Rc<str> = "worker-1".into();
        let bridge = Spot::Bridge(node.clone());
        let gate = scene.node("worker-1").unwrap().gate;
        let way_in = scene.path(&bridge, &Spot::Hook(node.clone(), Hook::Prerouting)).unwrap();
        assert!(way_in.iter().any(|it| it.x < gate.x));
        let way_out = scene.path(&Spot::Hook(node, Hook::Postrouting), &bridge).unwrap();
        assert!(way_out.iter().any(|it| it.x > gate.right()));
    }
}
