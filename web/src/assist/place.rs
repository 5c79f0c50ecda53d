//! A text that may be half written and a place in it → where in its document that is.
//!
//! It goes by indentation alone, so that it also knows the way where YAML does not yet hold.

use std::ops::Range;

use svclab_core::key::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Key(&'a str),
    /// Any item of a list.
    Item,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On<'a> {
    Key,
    /// The value of this key; empty in a list of plain values.
    Value(&'a str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) document: &'a str,
    pub(super) kind: Option<Kind>,
    /// What leads to the map or list that the line is in.
    pub(super) path: Vec<Step<'a>>,
    pub(super) on: On<'a>,
    /// The key of the line, if it has one.
    pub(super) key: Option<&'a str>,
    /// What is written as its value.
    pub(super) value: &'a str,
    /// The word at the place, in bytes of the text.
    pub(super) word: Range<usize>,
    /// How far the line's key is indented.
    pub(super) column: usize,
    /// The keys beside it.
    pub(super) siblings: Vec<&'a str>,
}

impl<'a> Place<'a> {
    pub(super) fn of(text: &'a str, at: usize) -> Place<'a> {
        let part = part_around(text, at);
        let document = &text[part.clone()];
        let line = line_around(text, at, &part);
        let mut stack = Vec::new();
        for earlier in text[part.start..line.start].lines() {
            Line::read(earlier).push(&mut stack);
        }
        let here = Line::read(&text[line.clone()]);
        let typed = at - line.start;
        // A line that is empty yet stands where the cursor is.
        let column = if here.is_empty() { here.column.max(typed) } else { here.column };
        here.at_column(column).leave(&mut stack);
        let path = stack.iter().map(|(_, step)| *step).collect();
        let on_value = here.colon.is_some_and(|colon| typed > colon);
        let on = match (here.key, on_value) {
            (Some(key), true) => On::Value(key),
            _ => On::Key,
        };
        let (from, to) = here.word(&text[line.clone()], on_value);
        Place {
            kind: kind_of(document),
            siblings: siblings(text, &part, &line, column, here.dashes > 0),
            document,
            path,
            on,
            key: here.key,
            value: here.value,
            word: line.start + from.max(if here.is_empty() { typed } else { 0 })
                ..line.start + to.max(if here.is_empty() { typed } else { 0 }),
            column,
        }
    }

    /// A plain value of the document, by the keys that lead to it from the top.
    pub(super) fn value_of(&self, keys: &[&str]) -> Option<&'a str> {
        let mut stack = Vec::new();
        for line in self.document.lines() {
            let line = Line::read(line);
            line.push(&mut stack);
            let path = stack.iter().filter_map(|(_, it)| match it {
                Step::Key(key) => Some(*key),
                Step::Item => None,
            });
            if !line.value.is_empty() && path.eq(keys.iter().copied()) {
                return Some(line.value);
            }
        }
        None
    }
}

/// One line, taken apart.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// Where its dashes begin, and what follows them.
    indent: usize,
    column: usize,
    dashes: usize,
    key: Option<&'a str>,
    colon: Option<usize>,
    value: &'a str,
    blank: bool,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Line<'a> {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (mut column, mut dashes) = (indent, 0);
        while line[column..].starts_with("- ") || &line[column..] == "-" {
            dashes += 1;
            let rest = &line[column + 1..];
            column += 1 + (rest.len() - rest.trim_start_matches(' ').len());
        }
        let content = &line[column..];
        let blank = content.trim().is_empty() || content.starts_with('#');
        let colon =
            content.find(": ").or_else(|| content.ends_with(':').then(|| content.len() - 1));
        let colon = colon.filter(|_| !blank && !content.starts_with(['"', '\'', '{', '[']));
        let value = colon.map_or(content, |at| &content[at + 1..]);
        let value = value.split(" #").next().unwrap_or_default();
        Line {
            indent,
            column,
            dashes,
            key: colon.map(|at| content[..at].trim()),
            colon: colon.map(|at| column + at),
            value: value.trim().trim_matches(['"', '\'']),
            blank,
        }
    }

    fn is_empty(&self) -> bool {
        self.blank
    }

    fn at_column(mut self, column: usize) -> Line<'a> {
        if self.dashes == 0 {
            self.indent = column;
        }
        self.column = column;
        self
    }

    /// Leaves what the line is not in, and enters the items that it begins.
    fn leave(&self, stack: &mut Vec<(usize, Step<'a>)>) {
        if self.dashes == 0 {
            while stack.last().is_some_and(|(indent, _)| *indent >= self.indent) {
                stack.pop();
            }
            return;
        }
        let is_outside = |(indent, step): &(usize, Step<'_>)| {
            *indent > self.indent || *indent == self.indent && *step == Step::Item
        };
        while stack.last().is_some_and(is_outside) {
            stack.pop();
        }
        stack.extend((0..self.dashes).map(|dash| (self.indent + 2 * dash, Step::Item)));
    }

    /// Goes on to what this line begins.
    fn push(&self, stack: &mut Vec<(usize, Step<'a>)>) {
        if self.blank && self.dashes == 0 {
            return;
        }
        self.leave(stack);
        if let Some(key) = self.key {
            stack.push((self.column, Step::Key(key)));
        }
    }

    /// The key, or the value, in bytes of the line.
    fn word(&self, line: &str, on_value: bool) -> (usize, usize) {
        let range = match self.colon {
            Some(colon) if on_value => (colon + 1, line.len()),
            Some(colon) => (self.column, colon),
            None => (self.column, line.len()),
        };
        let text = &line[range.0..range.1];
        let start = range.0 + (text.len() - text.trim_start().len());
        (start.min(range.1), start.max(range.0 + text.trim_end().len()))
    }
}

/// The document that `at` is in, with its comments.
fn part_around(text: &str, at: usize) -> Range<usize> {
    let is_end = |line: &str| line.trim_end() == "---" || line.starts_with("--- ");
    let (mut start, mut position) = (0, 0);
    for line in text.split_inclusive('\n') {
        let end = position + line.len();
        if is_end(line) {
            if at < end {
                return start..position.max(start);
            }
            start = end;
        }
        position = end;
    }
    start..text.len()
}

fn line_around(text: &str, at: usize, part: &Range<usize>) -> Range<usize> {
    let at = at.clamp(part.start, part.end);
    let start = text[part.start..at].rfind('\n').map_or(part.start, |it| part.start + it + 1);
    let end = text[at..part.end].find('\n').map_or(part.end, |it| at + it);
    start..end
}

fn kind_of(document: &str) -> Option<Kind> {
    let value = |key: &str| {
        let mut lines = document.lines().map(Line::read).filter(|it| it.column == 0);
        lines.find(|it| it.key == Some(key)).map(|it| it.value)
    };
    let kind = value("kind")?;
    let named = value("apiVersion").and_then(|it| Kind::parse(it, kind));
    named.or_else(|| Kind::all().find(|it| it.name() == kind))
}

/// The keys of the same map: above and below, at the same column.
fn siblings<'a>(
    text: &'a str,
    part: &Range<usize>,
    line: &Range<usize>,
    column: usize,
    begins_item: bool,
) -> Vec<&'a str> {
    let mut res = Vec::new();
    let above = text[part.start..line.start].lines().rev().map(Line::read);
    for line in above.filter(|it| !it.blank).take_while(|_| !begins_item) {
        if line.column < column {
            break;
        }
        if line.column == column {
            res.extend(line.key);
            if line.dashes > 0 {
                break;
            }
        }
    }
    for line in text[line.end..part.end].lines().map(Line::read).filter(|it| !it.blank) {
        if line.column < column || line.column == column && line.dashes > 0 {
            break;
        }
        if line.column == column {
            res.extend(line.key);
        }
    }
    res
}

/// The byte at which the UTF-16 unit `unit` begins, or the text's end.
pub(crate) fn byte_of(text: &str, unit: u32) -> usize {
    let mut units = 0;
    let found = text.char_indices().find(|(_, it)| {
        let reached = units >= unit;
        units += it.len_utf16() as u32;
        reached
    });
    found.map_or(text.len(), |(at, _)| at)
}

pub(super) fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}
