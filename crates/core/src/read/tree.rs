//! One YAML document → a tree that knows where everything stands.
//!
//! The tree is bounded: its depth, and what aliases add to it, have limits, so no text can exhaust
//! the stack or the memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Value};
use svclab_netfilter::order::Gather;

use super::scalar;
use super::{Diagnostic, MAX_DEPTH, MAX_DOCUMENT, MAX_VALUES, Problem, Severity};

/// A value and the bytes of the text it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Range<usize>,
    pub value: NodeValue,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// The JSON that kubectl sends: keys in the order of their bytes, the last of equal keys.
    pub fn to_value(&self) -> Value {
        match &self.value {
            NodeValue::Scalar(value) => value.clone(),
            NodeValue::Sequence(items) => items.iter().map(Node::to_value).collect(),
            NodeValue::Mapping(entries) => {
                let sorted: BTreeMap<&str, &Node> =
                    entries.iter().map(|entry| (entry.key.as_str(), &entry.value)).gather();
                let map: Map<String, Value> = sorted
                    .into_iter()
                    .map(|(key, node)| (key.to_owned(), node.to_value()))
                    .collect();
                Value::Object(map)
            }
        }
    }

    /// The entry of a map; of equal keys the last.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Mapping(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.value {
            NodeValue::Sequence(items) => items,
            _ => &[],
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.value == NodeValue::Scalar(Value::Null)
    }
}

/// Reads the documents of `chunk`, which begins at byte `base` of the whole text.
/// What stands before an error is kept.
pub(super) fn parse(
    chunk: &str,
    base: usize,
    values_left: &mut usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let mut builder = Builder {
        places: Places::new(chunk, base),
        diagnostics,
        values_left,
        documents: Vec::new(),
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        added: 0,
    };
    if let Err(Mistake { span, problem }) = builder.run(chunk) {
        builder.diagnostics.push(Diagnostic { span, severity: Severity::Error, problem });
    }
    builder.documents
}

/// A key that stands twice in one map, anywhere in the tree.
pub(super) fn report_duplicates(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    report_in(node.entries(), diagnostics);
    for child in node.items().iter().chain(node.entries().iter().map(|entry| &entry.value)) {
        report_duplicates(child, diagnostics);
    }
}

fn report_in(entries: &[Entry], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = BTreeSet::new();
    for entry in entries.iter().filter(|entry| !seen.insert(entry.key.as_str())) {
        let problem = Problem::DuplicateKey { key: entry.key.clone() };
        let span = entry.key_span.clone();
        diagnostics.push(Diagnostic { span, severity: Severity::Warning, problem });
    }
}

/// The end of reading: the rest of the chunk is lost.
struct Mistake {
    span: Range<usize>,
    problem: Problem,
}

struct Builder<'a> {
    places: Places<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
    values_left: &'a mut usize,
    documents: Vec<Node>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    /// The bytes that anchors and aliases have copied in this document.
    added: usize,
}

/// A list or map whose end has not come yet.
struct Frame {
    start: usize,
    anchor: usize,
    size: Size,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, merged: Vec<Node>, key: Option<Key> },
}

enum Key {
    Text(String, Range<usize>),
    /// `<<`: the entries of the value belong to this map.
    Merge,
}

struct Anchored {
    node: Node,
    size: Size,
}

#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    bytes: usize,
}

/// A node as the parser gave it, before it has its place in the tree.
struct Finished {
    node: Node,
    size: Size,
    /// Plain and untagged: as a key, `<<` means a merge.
    plain: bool,
}

impl Builder<'_> {
    fn run(&mut self, chunk: &str) -> Result<(), Mistake> {
        let mut parser = Parser::new_from_str(chunk);
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| self.syntax(&error))?;
            if event == Event::StreamEnd {
                break;
            }
            self.count(span)?;
            self.event(event, span)?;
        }
        Ok(())
    }

    fn count(&mut self, span: Span) -> Result<(), Mistake> {
        let left = self.values_left.checked_sub(1);
        let too_many = || Mistake {
            span: self.places.range(span),
            problem: Problem::TooManyValues { limit: MAX_VALUES },
        };
        *self.values_left = left.ok_or_else(too_many)?;
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let bytes = self.places.range(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let finished = self.scalar(&text, style, tag.as_deref(), bytes)?;
                self.remember(anchor, &finished)?;
                self.place(finished)
            }
            Event::Alias(anchor) => {
                let finished = self.alias(anchor, bytes)?;
                self.place(finished)
            }
            Event::SequenceStart(anchor, _) => {
                self.open(anchor, bytes, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                let (entries, merged) = (Vec::new(), Vec::new());
                self.open(anchor, bytes, Content::Mapping { entries, merged, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(bytes.end),
            Event::DocumentStart(_) => {
                self.added = 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Range<usize>,
    ) -> Result<Finished, Mistake> {
        let is_text = match tag {
            Some(tag) => !tag.is_yaml_core_schema() || tag.suffix == "str",
            None => style != ScalarStyle::Plain,
        };
        let value =
            if is_text { Some(Value::String(text.to_owned())) } else { scalar::resolve(text) };
        let Some(value) = value else {
            let detail = format!("json: unsupported value: {text}");
            return Err(Mistake { span, problem: Problem::Unreadable { detail } });
        };
        let size = Size { depth: 0, bytes: text.len() + NODE_BYTES };
        let node = Node { span, value: NodeValue::Scalar(value) };
        Ok(Finished { node, size, plain: !is_text || tag.is_none() && style == ScalarStyle::Plain })
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<Finished, Mistake> {
        let Some(Anchored { node, size }) = self.anchors.get(&anchor) else {
            let detail = "anchor value contains itself".to_owned();
            return Err(Mistake { span, problem: Problem::Unreadable { detail } });
        };
        let size = *size;
        add(&mut self.added, size, &span)?;
        let node = Node { span, value: node.value.clone() };
        Ok(Finished { node, size, plain: false })
    }

    fn remember(&mut self, anchor: usize, finished: &Finished) -> Result<(), Mistake> {
        if anchor != 0 {
            add(&mut self.added, finished.size, &finished.node.span)?;
            let anchored = Anchored { node: finished.node.clone(), size: finished.size };
            self.anchors.insert(anchor, anchored);
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, at: Range<usize>, content: Content) -> Result<(), Mistake> {
        self.check_depth(0, at.start..self.places.next(at.start))?;
        let size = Size { depth: 1, bytes: NODE_BYTES };
        self.stack.push(Frame { start: at.start, anchor, size, content });
        Ok(())
    }

    fn check_depth(&self, depth: usize, span: Range<usize>) -> Result<(), Mistake> {
        if self.stack.len() + depth < MAX_DEPTH {
            return Ok(());
        }
        Err(Mistake { span, problem: Problem::TooDeep { limit: MAX_DEPTH } })
    }

    fn close(&mut self, end: usize) -> Result<(), Mistake> {
        let Frame { start, anchor, size, content } =
            self.stack.pop().expect("the parser closes only what it opened");
        let (value, last) = match content {
            Content::Sequence(items) => {
                let last = items.last().map(|item| item.span.end);
                (NodeValue::Sequence(items), last)
            }
            Content::Mapping { mut entries, merged, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end);
                report_in(&entries, self.diagnostics);
                merge(&mut entries, merged);
                (NodeValue::Mapping(entries), last)
            }
        };
        // A block collection ends where the next thing begins; its last child is what one sees.
        let is_flow = self.places.is_closing_bracket(end);
        let end = if is_flow { end } else { last.unwrap_or(end) };
        let finished =
            Finished { node: Node { span: start..end.max(start), value }, size, plain: false };
        self.remember(anchor, &finished)?;
        self.place(finished)
    }

    /// Puts a finished node where it belongs: into the open list or map, or to the documents.
    fn place(&mut self, finished: Finished) -> Result<(), Mistake> {
        self.check_depth(finished.size.depth, finished.node.span.clone())?;
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push(finished.node);
            self.anchors.clear();
            return Ok(());
        };
        frame.size.depth = frame.size.depth.max(finished.size.depth + 1);
        frame.size.bytes += finished.size.bytes;
        match &mut frame.content {
            Content::Sequence(items) => items.push(finished.node),
            Content::Mapping { entries, merged, key } => match key.take() {
                None => *key = Some(key_of(finished)?),
                Some(Key::Merge) => merged.extend(merged_maps(finished.node)?),
                Some(Key::Text(key, key_span)) => {
                    entries.push(Entry { key, key_span, value: finished.node });
                }
            },
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Mistake {
        let start = self.places.visible(self.places.byte(error.marker()));
        let span = start..self.places.next(start);
        if error.info() == "recursion limit exceeded" {
            return Mistake { span, problem: Problem::TooDeep { limit: MAX_DEPTH } };
        }
        let detail = error.info().to_owned();
        Mistake { span, problem: Problem::Syntax { line: 0, detail } }
    }
}

/// Counts a copy that an anchor or an alias makes.
fn add(added: &mut usize, size: Size, span: &Range<usize>) -> Result<(), Mistake> {
    *added += size.bytes;
    if *added <= MAX_DOCUMENT {
        return Ok(());
    }
    let problem = Problem::TooManyAliases { limit: MAX_DOCUMENT };
    Err(Mistake { span: span.clone(), problem })
}

/// What a node weighs beside its text, so that many small aliases count too.
const NODE_BYTES: usize = 32;

fn key_of(finished: Finished) -> Result<Key, Mistake> {
    let Finished { node, plain, .. } = finished;
    let text = match node.value {
        NodeValue::Scalar(Value::String(text)) if text == "<<" && plain => return Ok(Key::Merge),
        NodeValue::Scalar(Value::String(text)) => text,
        NodeValue::Scalar(Value::Bool(value)) => value.to_string(),
        NodeValue::Scalar(Value::Number(number)) => number.to_string(),
        _ => return Err(Mistake { span: node.span, problem: Problem::KeyNotText }),
    };
    Ok(Key::Text(text, node.span))
}

fn merged_maps(node: Node) -> Result<Vec<Node>, Mistake> {
    let maps = match node.value {
        NodeValue::Sequence(items) => items,
        _ => vec![node],
    };
    match maps.iter().find(|map| !matches!(map.value, NodeValue::Mapping(_))) {
        None => Ok(maps),
        Some(other) => {
            let detail = "map merge requires map or sequence of maps as the value".to_owned();
            Err(Mistake { span: other.span.clone(), problem: Problem::Unreadable { detail } })
        }
    }
}

/// A map's own entries win over merged ones, earlier merged maps over later ones.
fn merge(entries: &mut Vec<Entry>, merged: Vec<Node>) {
    if merged.is_empty() {
        return;
    }
    let mut seen: BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).gather();
    for map in merged {
        let NodeValue::Mapping(inherited) = map.value else { continue };
        entries.extend(inherited.into_iter().filter(|entry| seen.insert(entry.key.clone())));
    }
}

/// From the parser's places, which count characters of the chunk, to bytes of the whole text.
struct Places<'a> {
    base: usize,
    chunk: &'a str,
    /// The byte where each character begins; not kept for ASCII, where it is the same number.
    bytes: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(chunk: &'a str, base: usize) -> Places<'a> {
        let bytes = match chunk.is_ascii() {
            true => Vec::new(),
            false => chunk.char_indices().map(|(at, _)| at).collect(),
        };
        Places { base, chunk, bytes }
    }

    fn byte(&self, marker: &Marker) -> usize {
        let within = match self.bytes.is_empty() {
            true => marker.index().min(self.chunk.len()),
            false => self.bytes.get(marker.index()).copied().unwrap_or(self.chunk.len()),
        };
        self.base + within
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(&span.start);
        start..self.byte(&span.end).max(start)
    }

    /// `byte`, or the last thing written before it if nothing follows.
    fn visible(&self, byte: usize) -> usize {
        let (before, after) = self.chunk.split_at(byte - self.base);
        if !after.trim().is_empty() {
            return byte;
        }
        let last = before.trim_end().char_indices().next_back();
        self.base + last.map_or(0, |(at, _)| at)
    }

    /// The end of the character at `byte`, so that an error has something to underline.
    fn next(&self, byte: usize) -> usize {
        let rest = &self.chunk[byte - self.base..];
        byte + rest.chars().next().map_or(0, char::len_utf8)
    }

    fn is_closing_bracket(&self, end: usize) -> bool {
        self.chunk[..end - self.base].ends_with([']', '}'])
    }
}
