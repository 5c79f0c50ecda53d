//! Objects of one kind → the table of `kubectl get`.

use svclab_core::key::Kind;
use svclab_core::object::Object;
use svclab_core::time::Instant;

use crate::kubectl::columns::{cells, columns};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The objects in the order given; `wide` as with `-o wide`.
pub fn table<'a>(
    kind: Kind,
    objects: impl IntoIterator<Item = &'a Object>,
    wide: bool,
    now: Instant,
) -> Table {
    Table {
        columns: columns(kind, wide).map(|column| column.name.to_owned()).collect(),
        rows: objects.into_iter().map(|object| cells(object, wide, now)).collect(),
    }
}

/// No column is narrower.
const NARROWEST: usize = 6;
/// Blanks between the widest cell and the next column.
const PADDING: usize = 3;

impl Table {
    /// As kubectl prints it; nothing at all without rows.
    pub fn text(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let lines: Vec<Vec<String>> =
            std::iter::once(&self.columns).chain(&self.rows).cloned().collect();
        Columns::default().print(&lines)
    }
}

/// The widths of a table's columns: they only grow, as more is printed below.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Columns(Vec<usize>);

impl Columns {
    pub(crate) fn print(&mut self, lines: &[Vec<String>]) -> String {
        for line in lines {
            // The last cell of a line is not padded, but a wider column below may be.
            for (column, cell) in line.iter().enumerate() {
                let width = (cell.chars().count() + PADDING).max(NARROWEST);
                match self.0.get_mut(column) {
                    Some(known) => *known = width.max(*known),
                    None => self.0.push(width),
                }
            }
        }
        lines.iter().map(|cells| line(cells, &self.0)).collect()
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut res = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        res.push_str(cell);
        if index + 1 < cells.len() {
            res.push_str(&" ".repeat(width.saturating_sub(cell.chars().count())));
        }
    }
    res.push('\n');
    res
}
