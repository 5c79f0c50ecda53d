//! The Services' ghosts, in lines above everything else.

use super::{GHOST_HEIGHT, MARGIN, MONO, Point, Rect, SANS};
use crate::view::View;

/// More lines of Services than these would push the nodes out of sight.
const SERVICE_LINES: usize = 2;
/// A narrow stage has room for fewer of them in a line.
const NARROW_LINES: usize = 3;
const NARROW: f64 = 480.0;

type More = Option<(usize, Point)>;

/// Ghosts in lines from left to right, how many do not fit, and where they end.
pub(super) fn lay_out_services(
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
    (res, more, last.map_or(28.0, Rect::bottom))
}

fn ghosts(view: &View, order: &[usize], width: f64) -> (Vec<(usize, Rect)>, usize) {
    let lines = if width < NARROW { NARROW_LINES } else { SERVICE_LINES };
    let mut res = Vec::new();
    let (mut x, mut y, mut line) = (MARGIN, 24.0, 1);
    for &index in order {
        let service = &view.services[index];
        let name = service.name().chars().count() as f64 * 12.0 * SANS;
        let detail = service.detail().chars().count() as f64 * 10.0 * MONO;
        let badge = service.badge().chars().count() as f64 * 10.0 * MONO + 26.0;
        let w = (name + badge).max(detail + 4.0).max(70.0) + 24.0;
        let w = w.min(width - 2.0 * MARGIN);
        // On the last line there must be room to say how many more there are.
        let room = if line == lines { 70.0 } else { 0.0 };
        if x + w + room > width - MARGIN && x > MARGIN {
            if line == lines {
                break;
            }
            line += 1;
            x = MARGIN;
            y += GHOST_HEIGHT + 6.0;
        }
        res.push((index, Rect { x, y, w, h: GHOST_HEIGHT }));
        x += w + 8.0;
    }
    let left = order.len() - res.len();
    (res, left)
}
