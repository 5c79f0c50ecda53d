//! A value → lines of YAML, as kubectl prints them.
//!
//! kubectl writes with go-yaml v2: keys in its natural order at every level, list items in their
//! parent's column, long text never folded.

use std::cmp::Ordering;

use serde_json::Value;
use svclab_netfilter::order::Order;

use super::scalar::{self, Written};

/// A value whose leaves carry a mark each.
pub(super) enum Tree<'a, M> {
    Map(Vec<(&'a str, Tree<'a, M>)>),
    List(Vec<Tree<'a, M>>),
    /// A scalar, an empty map or an empty list.
    Leaf(&'a Value, M),
}

/// One line, in two parts that together are its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<M> {
    /// How deep it stands in the document. Lines that follow and stand deeper belong to it.
    pub depth: usize,
    /// Indentation, dashes and key, with the blank before the value.
    pub head: String,
    pub value: String,
    /// The mark that all leaves which begin here share; none where they differ.
    pub mark: Option<M>,
}

/// The whole text, with a line end behind each line.
pub fn yaml(value: &Value) -> String {
    let lines = print(&tree(value));
    lines.iter().map(|line| format!("{}{}\n", line.head, line.value)).collect()
}

fn tree(value: &Value) -> Tree<'_, ()> {
    match value {
        Value::Object(map) if !map.is_empty() => {
            Tree::Map(sorted(map.iter().map(|(key, value)| (key.as_str(), tree(value))).collect()))
        }
        Value::Array(items) if !items.is_empty() => Tree::List(items.iter().map(tree).collect()),
        _ => Tree::Leaf(value, ()),
    }
}

pub(super) fn sorted<T>(mut entries: Vec<(&str, T)>) -> Vec<(&str, T)> {
    entries.order_by(|a, b| natural(a.0, b.0));
    entries
}

pub(super) fn print<M: Copy + PartialEq>(tree: &Tree<'_, M>) -> Vec<Line<M>> {
    let mut printer = Printer { lines: Vec::new() };
    printer.block(tree, At { depth: 0, indent: 0, head: String::new() });
    printer.lines
}

/// Where the next line goes: what stands there already, and how far those below it are indented.
struct At {
    depth: usize,
    indent: usize,
    head: String,
}

impl At {
    /// What follows a dash belongs to the dash's line.
    fn depth_of(&self, index: usize) -> usize {
        self.depth + usize::from(index > 0 && !self.head.trim().is_empty())
    }
}

struct Printer<M> {
    lines: Vec<Line<M>>,
}

impl<M: Copy + PartialEq> Printer<M> {
    fn block(&mut self, tree: &Tree<'_, M>, at: At) {
        match tree {
            Tree::Map(entries) => self.map(entries, at),
            Tree::List(items) => self.list(items, at),
            Tree::Leaf(value, mark) => self.leaf(value, *mark, at),
        }
    }

    fn map(&mut self, entries: &[(&str, Tree<'_, M>)], at: At) {
        for (index, (key, value)) in entries.iter().enumerate() {
            let before = if index == 0 { at.head.clone() } else { " ".repeat(at.indent) };
            let depth = at.depth_of(index);
            let head = format!("{before}{}:", scalar::key(key));
            match value {
                Tree::Leaf(value, mark) => {
                    let at = At { depth, indent: at.indent + 2, head: format!("{head} ") };
                    self.leaf(value, *mark, at);
                }
                Tree::Map(_) => {
                    self.push(depth, head, String::new(), value.mark());
                    let indent = at.indent + 2;
                    self.block(value, At { depth: depth + 1, indent, head: " ".repeat(indent) });
                }
                Tree::List(_) => {
                    self.push(depth, head, String::new(), value.mark());
                    let indent = at.indent;
                    self.block(value, At { depth: depth + 1, indent, head: " ".repeat(indent) });
                }
            }
        }
    }

    fn list(&mut self, items: &[Tree<'_, M>], at: At) {
        for (index, item) in items.iter().enumerate() {
            let before = if index == 0 { at.head.clone() } else { " ".repeat(at.indent) };
            let head = format!("{before}- ");
            self.block(item, At { depth: at.depth_of(index), indent: at.indent + 2, head });
        }
    }

    fn leaf(&mut self, value: &Value, mark: M, at: At) {
        match scalar::value(value, at.indent) {
            Written::Line(text) => self.push(at.depth, at.head, text, Some(mark)),
            Written::Block { header, lines } => {
                self.push(at.depth, at.head, header, Some(mark));
                for line in lines {
                    self.push(at.depth + 1, String::new(), line, Some(mark));
                }
            }
        }
    }

    fn push(&mut self, depth: usize, head: String, value: String, mark: Option<M>) {
        self.lines.push(Line { depth, head, value, mark });
    }
}

impl<M: Copy + PartialEq> Tree<'_, M> {
    fn mark(&self) -> Option<M> {
        let mut children: Box<dyn Iterator<Item = Option<M>>> = match self {
            Tree::Leaf(_, mark) => return Some(*mark),
            Tree::Map(entries) => Box::new(entries.iter().map(|(_, value)| value.mark())),
            Tree::List(items) => Box::new(items.iter().map(Tree::mark)),
        };
        let first = children.next().flatten()?;
        children.all(|mark| mark == Some(first)).then_some(first)
    }
}

/// go-yaml's order of keys (`keyList.Less`): letters after everything else, numbers by their value.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => return a[at].cmp(&b[at]),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Zeros that follow a digit other than zero are part of a number, not padding before it.
    let before = a[..at].iter().rev().take_while(|it| it.is_ascii_digit()).any(|it| *it != '0');
    let padded = before && (a[at] == '0' || b[at] == '0');
    let (first, second) = (number(&a[at..], padded), number(&b[at..], padded));
    first.cmp(&second).then(a[at].cmp(&b[at]))
}

/// The digits at the beginning as a number, and how many there are.
fn number(text: &[char], padded: bool) -> (u64, usize) {
    let digits = text.iter().map_while(|it| it.to_digit(10));
    let start = (u64::from(padded), 0);
    digits.fold(start, |(number, count), digit| {
        (number.wrapping_mul(10).wrapping_add(u64::from(digit)), count + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[track_caller]
    fn check(value: Value, expected: &str) {
        assert_eq!(yaml(&value), expected);
    }

    #[test]
    fn lists_stand_in_their_parents_column() {
        check(
            json!({"b": [1, {"d": [{"x": 2, "w": [[3, 4], []]}], "c": {}}], "a": {"k": null}}),
            "a:\n  k: null\nb:\n- 1\n- c: {}\n  d:\n  - w:\n    - - 3\n      - 4\n    - []\n    x: 2\n",
        );
    }

    #[test]
    fn text_with_line_ends_is_a_block() {
        check(
            json!({"a": "one\ntwo\n", "b": ["one\n\n  two"], "c": "\n", "d": "ends \nso"}),
            "a: |\n  one\n  two\nb:\n- |-\n  one\n\n    two\nc: |2+\n\nd: \"ends \\nso\"\n",
        );
    }

    #[test]
    fn numbers_in_keys_go_by_their_value() {
        let keys = ["port-10", "port-2", "a.b", "a-b", "a", "B", "_", "x01", "x1"];
        let mut sorted = keys.to_vec();
        sorted.sort_by(|a, b| natural(a, b));
        assert_eq!(sorted, ["_", "B", "a", "a-b", "a.b", "port-2", "port-10", "x1", "x01"]);
    }

    #[test]
    fn a_line_knows_what_belongs_to_it() {
        let value = json!({"spec": {"ports": [{"name": "a", "port": 1}, {"port": 2}]}});
        let found: Vec<_> =
            print(&tree(&value)).into_iter().map(|it| (it.depth, it.head + &it.value)).collect();
        let expected = [
            (0, "spec:"),
            (1, "  ports:"),
            (2, "  - name: a"),
            (3, "    port: 1"),
            (2, "  - port: 2"),
        ];
        assert_eq!(found, expected.map(|(depth, text)| (depth, text.to_owned())));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[ -~\n]{0,12}",
            "\\PC{0,6}",
            "[-+]?[0-9._:xoe]{1,6}",
            "(yes|No|on|null|~|<<|=|true|\\.inf|2024-05-01|12:30:45|0x1F)",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let map = prop::collection::btree_map("[ -~]{1,8}", inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                map.prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value in any_value()) {
            let document = json!({ "value": value });
            let text = yaml(&document);
            let read = crate::read::read(&text);
            prop_assert_eq!(read.diagnostics.len(), 0, "{}", text);
            prop_assert_eq!(read.documents[0].value(), document, "{}", text);
        }
    }
}
