//! One JSON document → the tree that YAML gives.
//!
//! kubectl takes a text that begins with `{` for JSON, whose strings know escapes that YAML does
//! not (`\ud83d\ude00`). What is no JSON after all is left to the YAML reader.

use serde_json::Value;

use super::MAX_DEPTH;
use super::scalar::number_from_f64;
use super::tree::{Entry, Node, NodeValue};

/// The tree of `text`, which begins at byte `base` of the whole text; `None` if it is no JSON, or
/// if it holds more than `values_left`.
pub(super) fn parse(text: &str, base: usize, values_left: &mut usize) -> Option<Node> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut reader = Reader { text, at: 0, base, depth: 0, values_left: *values_left };
    let node = reader.value()?;
    reader.skip_blanks();
    if reader.at < text.len() {
        return None;
    }
    *values_left = reader.values_left;
    Some(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    base: usize,
    depth: usize,
    values_left: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Node> {
        self.values_left = self.values_left.checked_sub(1)?;
        self.skip_blanks();
        let start = self.at;
        let value = match self.peek()? {
            b'{' => self.nested(Reader::mapping)?,
            b'[' => self.nested(Reader::sequence)?,
            b'"' => NodeValue::Scalar(Value::String(self.string()?)),
            _ => NodeValue::Scalar(self.word()?),
        };
        Some(Node { span: self.base + start..self.base + self.at, value })
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Option<NodeValue>) -> Option<NodeValue> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.at += 1;
        let value = inner(self)?;
        self.depth -= 1;
        Some(value)
    }

    fn mapping(&mut self) -> Option<NodeValue> {
        let mut entries = Vec::new();
        if self.eat(b'}') {
            return Some(NodeValue::Mapping(entries));
        }
        loop {
            self.skip_blanks();
            let start = self.at;
            let key = self.string()?;
            let key_span = self.base + start..self.base + self.at;
            if !self.eat(b':') {
                return None;
            }
            entries.push(Entry { key, key_span, value: self.value()? });
            if self.eat(b'}') {
                return Some(NodeValue::Mapping(entries));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn sequence(&mut self) -> Option<NodeValue> {
        let mut items = Vec::new();
        if self.eat(b']') {
            return Some(NodeValue::Sequence(items));
        }
        loop {
            items.push(self.value()?);
            if self.eat(b']') {
                return Some(NodeValue::Sequence(items));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        self.at += 1;
        loop {
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n', ':', '"', '{', '[']);
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        match serde_json::from_str(word).ok()? {
            Value::Number(number) if number.is_f64() => {
                Some(Value::Number(number_from_f64(number.as_f64()?)?))
            }
            value => Some(value),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }
}
