//! Joints and the ways between them: the wires that packets move along.

use std::collections::BTreeMap;

use svclab_netfilter::order::Order;

use super::{Point, Scene, Spot};

/// Collects joints and wires while boxes are placed.
#[derive(Default)]
pub(super) struct Pen {
    pub(super) joints: BTreeMap<Spot, usize>,
    pub(super) points: Vec<Point>,
    pub(super) edges: Vec<Vec<usize>>,
    pub(super) wires: Vec<[Point; 2]>,
}

/// How two joints are joined: to be drawn, or by what something else draws.
pub(super) type Link = fn(&mut Pen, usize, usize);

impl Pen {
    pub(super) fn joint(&mut self, spot: Spot, at: Point) -> usize {
        let index = self.points.len();
        self.points.push(at);
        self.edges.push(Vec::new());
        self.joints.insert(spot, index);
        index
    }

    pub(super) fn bend(&mut self, at: Point) -> usize {
        self.joint(Spot::Bend(self.points.len()), at)
    }

    /// A way that something else draws (a rail, the bridge).
    pub(super) fn join(&mut self, a: usize, b: usize) {
        self.edges[a].push(b);
        self.edges[b].push(a);
    }

    /// Joins joints that lie on one level line, each with its neighbours.
    pub(super) fn string(&mut self, mut joints: Vec<usize>, link: Link) {
        joints.order_by(|&a, &b| self.points[a].x.total_cmp(&self.points[b].x));
        for pair in joints.windows(2) {
            link(self, pair[0], pair[1]);
        }
    }

    pub(super) fn wire(&mut self, a: usize, b: usize) {
        self.join(a, b);
        self.wires.push([self.points[a], self.points[b]]);
    }
}

impl Scene {
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
