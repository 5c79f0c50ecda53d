//! A node: its hooks, its bridge, its pods, and the wires between them.

use std::rc::Rc;

use super::graph::{Link, Pen};
use super::wishes::Member;
use super::{
    CARDS, DOT, GATE_HEIGHT, HOOKS, LINES, LINES_ABOVE_DOTS, NODE_HEAD, NodeBox, OPENED, POD_GAP,
    POD_HEAD, POD_LINE, POD_ROW, POD_ROWS, Point, Rect, Spot, Wishes,
};
use crate::view::{Pod, View};

/// One node below `tap`, its joint on the rail.
pub(super) fn lay_out_node(
    view: &View,
    wishes: &Wishes,
    member: Member,
    spot: Rect,
    pen: &mut Pen,
    tap: usize,
) -> NodeBox {
    let name = &member.node.name;
    let members: Vec<usize> = (0..view.pods.len())
        .filter(|&index| view.pods[index].node.as_ref() == Some(name))
        .collect();
    match member.folded {
        true => lay_out_folded(view, name, &members, spot, pen, tap),
        false => lay_out_open(view, wishes, name, &members, spot, pen, tap),
    }
}

fn lay_out_open(
    view: &View,
    wishes: &Wishes,
    name: &Rc<str>,
    members: &[usize],
    spot: Rect,
    pen: &mut Pen,
    tap: usize,
) -> NodeBox {
    let Rect { x, y, w, .. } = spot;
    let center = x + w / 2.0;
    let nic = nic_of(spot);
    let gate = Rect { x: x + 14.0, y: y + NODE_HEAD, w: w - 28.0, h: GATE_HEIGHT };
    // The wires go around the title too.
    let (left, right, top) = (x + 7.0, x + w - 7.0, y + 13.0);

    let pipe = gate.y + 30.0;
    let lower = gate.y + 51.0;
    let chip = |x: f64, y: f64, w: f64| Rect { x, y: y - 8.0, w, h: 16.0 };
    let inner = gate.w - 16.0;
    let pre = chip(gate.x + 8.0, pipe, 36.0);
    let post = chip(gate.right() - 8.0 - 40.0, pipe, 40.0);
    let routing = Point::new(gate.x + 8.0 + inner * 0.345, pipe);
    let forward = chip(gate.x + 8.0 + inner * 0.575 - 18.0, pipe, 36.0);
    let input = chip(routing.x - 15.0, lower, 30.0);
    let output = chip(post.middle().x - 18.0, lower, 36.0);
    let process = Point::new((input.right() + output.x) / 2.0, lower);
    let chips = [pre, input, forward, output, post];
    let detail = Rect { x: gate.x + 9.0, y: gate.y + 68.0, w: gate.w - 18.0, h: OPENED };
    let bridge = Rect { x: x + 6.0, y: gate.bottom() + 8.0, w: w - 12.0, h: 16.0 };

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
    let brief = members.len() > CARDS;
    let (drawn, dotted) = drawn_of(view, wishes, members);
    let mut ports = vec![bridge_in, at_bridge, bridge_out];
    let pods = lay_out_pods(view, &drawn, brief, (spot, bridge), (pen, link), &mut ports);
    pen.string(ports, link);
    let last = pods.iter().map(|(_, rect)| rect.bottom()).fold(bridge.bottom() + 26.0, f64::max);
    let area = Rect { x: x + 26.0, y: last + 12.0, w: w - 84.0, h: 0.0 };
    let (dots, last) = lay_out_dots(view, &dotted, area, at_bridge, pen, last);
    NodeBox {
        name: name.clone(),
        rect: Rect { x, y, w, h: last + 9.0 - y },
        folded: false,
        nic,
        gate,
        chips,
        routing,
        process,
        detail,
        bridge,
        brief,
        pods,
        dots,
    }
}

/// A title with dots; everything that happens inside happens at one place.
fn lay_out_folded(
    view: &View,
    name: &Rc<str>,
    members: &[usize],
    spot: Rect,
    pen: &mut Pen,
    tap: usize,
) -> NodeBox {
    let nic = nic_of(spot);
    let inside = Point::new(spot.x + spot.w / 2.0, spot.y + 50.0);
    let at_nic = pen.joint(Spot::Nic(name.clone()), nic.middle());
    pen.wire(tap, at_nic);
    let at_inside = pen.joint(Spot::Bridge(name.clone()), inside);
    pen.join(at_nic, at_inside);
    let hooks = HOOKS.iter().map(|it| Spot::Hook(name.clone(), it.0));
    for other in hooks.chain([Spot::Routing(name.clone()), Spot::Process(name.clone())]) {
        let at = pen.joint(other, inside);
        pen.join(at_inside, at);
    }
    let point = Rect { x: inside.x, y: inside.y, w: 0.0, h: 0.0 };
    let area = Rect { x: spot.x + 18.0, y: spot.y + 78.0, w: spot.w - 26.0, h: 0.0 };
    let (dots, last) = lay_out_dots(view, members, area, at_inside, pen, spot.y + 66.0);
    NodeBox {
        name: name.clone(),
        rect: Rect { h: last + 9.0 - spot.y, ..spot },
        folded: true,
        nic,
        gate: point,
        chips: [point; 5],
        routing: inside,
        process: inside,
        detail: point,
        bridge: point,
        brief: true,
        pods: Vec::new(),
        dots,
    }
}

fn nic_of(spot: Rect) -> Rect {
    Rect { x: spot.x + spot.w / 2.0 - 23.0, y: spot.y - 9.0, w: 46.0, h: 18.0 }
}

/// The pods that are drawn, and those that are dots.
fn drawn_of(view: &View, wishes: &Wishes, members: &[usize]) -> (Vec<usize>, Vec<usize>) {
    if members.len() <= LINES {
        return (members.to_vec(), Vec::new());
    }
    let is_kept = |index: &usize| wishes.kept.contains(&view.pods[*index].id);
    let kept = members.iter().filter(|it| is_kept(it)).count();
    let mut free = LINES_ABOVE_DOTS.saturating_sub(kept);
    members.iter().copied().partition(|index| {
        if is_kept(index) {
            return true;
        }
        let fits = free > 0;
        free = free.saturating_sub(1);
        fits
    })
}

/// The pods below the bridge, in as many columns as fit, each column on a rail of its own.
/// `ports` gets the joints on the bridge.
fn lay_out_pods(
    view: &View,
    members: &[usize],
    brief: bool,
    (spot, bridge): (Rect, Rect),
    (pen, link): (&mut Pen, Link),
    ports: &mut Vec<usize>,
) -> Vec<(usize, Rect)> {
    let columns = if spot.w >= 372.0 && members.len() > 1 { 2 } else { 1 };
    let column_width = (spot.w - 8.0) / columns as f64;
    let mut res = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    let mut tops = vec![bridge.bottom() + 8.0; columns];
    for (order, &index) in members.iter().enumerate() {
        let (row, column) = (order / columns, order % columns);
        let x = spot.x + 26.0 + column as f64 * column_width;
        let y = tops[column];
        let (h, gap) = match brief {
            true => (POD_LINE, 3.0),
            false => (pod_height(&view.pods[index]), POD_GAP),
        };
        let rect = Rect { x, y, w: column_width - 30.0, h };
        tops[column] = rect.bottom() + gap;
        let rail = x - 12.0;
        if row == 0 {
            let top = pen.bend(Point::new(rail, bridge.middle().y));
            ports.push(top);
            let below = pen.bend(Point::new(rail, bridge.bottom()));
            link(pen, top, below);
            ends.push(below);
        }
        let level = y + if brief { POD_LINE / 2.0 } else { 16.0 };
        let corner = pen.bend(Point::new(rail, level));
        pen.wire(ends[column], corner);
        ends[column] = corner;
        let at = pen.joint(Spot::Pod(view.pods[index].id.clone()), Point::new(x, level));
        pen.wire(corner, at);
        res.push((index, rect));
    }
    res
}

/// Dots in lines, `area` saying where they begin and how wide they are; with the lowest edge.
fn lay_out_dots(
    view: &View,
    members: &[usize],
    area: Rect,
    from: usize,
    pen: &mut Pen,
    above: f64,
) -> (Vec<(usize, Point)>, f64) {
    let each_line = ((area.w / DOT) as usize).max(1);
    let mut res = Vec::new();
    for (order, &index) in members.iter().enumerate() {
        let (line, column) = (order / each_line, order % each_line);
        let at = Point::new(area.x + column as f64 * DOT, area.y + line as f64 * DOT);
        let joint = pen.joint(Spot::Pod(view.pods[index].id.clone()), at);
        pen.join(from, joint);
        res.push((index, at));
    }
    let last = res.last().map_or(above, |it| it.1.y + 7.0);
    (res, last)
}

fn pod_height(pod: &Pod) -> f64 {
    POD_HEAD + pod.strips.len().min(POD_ROWS) as f64 * POD_ROW + 4.0
}
