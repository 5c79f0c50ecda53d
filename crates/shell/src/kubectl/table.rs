//! Objects of one kind → the table of `kubectl get`.

use svclab_core::key::Kind;
use svclab_core::object::Object;
use svclab_core::time::Instant;

use super::columns::{cells, columns};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    pub columns: Vec<&'static str>,
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
        columns: columns(kind, wide).map(|column| column.name).collect(),
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
        let header: Vec<String> = self.columns.iter().map(|it| (*it).to_owned()).collect();
        let lines = || std::iter::once(&header).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().filter_map(|cells| cells.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            (widest + PADDING).max(NARROWEST)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        lines().map(|cells| line(cells, &widths)).collect()
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
