//! A node: its hooks, its bridge, its pods, and the wires between them.

use std::rc::Rc;

use super::graph::{Link, Pen};
use super::{
    GATE_HEIGHT, HOOKS, NODE_HEAD, NodeBox, POD_GAP, POD_HEAD, POD_ROW, POD_ROWS, Point, Rect, Spot,
};
use crate::view::{Pod, View};

/// One node below `tap`, its joint on the rail.
pub(super) fn lay_out_node(
    view: &View,
    name: &Rc<str>,
    spot: Rect,
    pen: &mut Pen,
    tap: usize,
) -> NodeBox {
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
    // The bridge is drawn as a bar; without one the kernel itself has a wire to each pod.
    let here = view.nodes.iter().find(|it| it.name == *name);
    let link: Link = if here.is_none_or(|it| it.bridge.is_some()) { Pen::join } else { Pen::wire };
    link(pen, down_in, bridge_in);
    link(pen, down_out, bridge_out);
    let at_bridge = pen.joint(Spot::Bridge(name.clone()), bridge.middle());
    let mut ports = vec![bridge_in, at_bridge, bridge_out];
    let pods = lay_out_pods(view, name, (spot, bridge), (pen, link), &mut ports);
    pen.string(ports, link);
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
    (spot, bridge): (Rect, Rect),
    (pen, link): (&mut Pen, Link),
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
            link(pen, top, below);
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
