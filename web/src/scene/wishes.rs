//! What the layout is asked for, and the rows that nodes stand in for it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{FOLDED, GAP, MARGIN, NODE_MIN};
use crate::view::{Node, View};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wishes {
    /// This Service is always shown.
    pub chosen: Option<String>,
    /// Nodes that were folded or opened by hand.
    pub folds: BTreeMap<Rc<str>, bool>,
    /// Pods that are drawn in any case: a packet goes there.
    pub kept: Vec<Rc<str>>,
}

/// A node of a row.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) node: &'a Node,
    pub(super) folded: bool,
}

impl Member<'_> {
    fn least(&self) -> f64 {
        if self.folded { FOLDED } else { NODE_MIN }
    }
}

/// In one row a node narrower than this is short of room.
const ROOMY: f64 = 240.0;

/// As few rows as have room for all nodes, all of about the same length.
pub(super) fn rows_of<'a>(view: &'a View, wishes: &Wishes, width: f64) -> Vec<Vec<Member<'a>>> {
    let room = width - 2.0 * MARGIN;
    let count = view.nodes.len();
    let short = room + GAP < count as f64 * (ROOMY + GAP);
    let member = |node: &'a Node| {
        let usual = short && has_only_system_pods(view, node);
        Member { node, folded: *wishes.folds.get(&node.name).unwrap_or(&usual) }
    };
    let members: Vec<Member> = view.nodes.iter().map(member).collect();
    for rows in 1..=count {
        let room = if rows > 1 { room - 12.0 } else { room };
        let needs = |row: &[Member]| -> f64 { row.iter().map(|it| it.least() + GAP).sum() };
        let mut cut = members.chunks(count.div_ceil(rows));
        if cut.all(|row| needs(row) <= room + GAP) {
            return members.chunks(count.div_ceil(rows)).map(<[_]>::to_vec).collect();
        }
    }
    members.into_iter().map(|it| vec![it]).collect()
}

/// The widths of a row's nodes: a folded one leaves its room to the others.
pub(super) fn shares<'a>(row: &[Member<'a>], room: f64) -> impl Iterator<Item = (Member<'a>, f64)> {
    let folded = row.iter().filter(|it| it.folded).count();
    let open = row.len() - folded;
    let alone = row.len() == 1;
    let each = (room - folded as f64 * FOLDED) / open.max(1) as f64;
    row.iter()
        .copied()
        .map(move |it| (it, if it.folded && !alone { FOLDED } else { each.min(room) }))
}

/// The control plane where users' pods run on other nodes.
fn has_only_system_pods(view: &View, node: &Node) -> bool {
    let mut own = view.pods.iter().filter(|it| it.node.as_ref() == Some(&node.name)).peekable();
    own.peek().is_some() && own.all(|it| it.key.namespace == "kube-system")
}
