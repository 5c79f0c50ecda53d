//! Text → documents with places → objects.
//!
//! Any text gives a [`Read`]: the good documents, and a [`Diagnostic`] with its place for what is
//! wrong. A document knows where each of its fields stands, so that the API server's errors can be
//! shown there. Manifests are read as kubectl reads them: YAML 1.1 or JSON, several documents,
//! lists taken apart.

mod base64;
mod decode;
mod go_time;
mod json;
mod problem;
pub(crate) mod scalar;
pub(crate) mod schema;
mod split;
mod tree;

use std::ops::Range;

use crate::key::{Kind, ObjectKey};
use crate::object::Object;

pub use decode::{Mistake, cause, decode, decode_lenient};
pub use problem::{Diagnostic, Problem, Severity};
pub use split::split;
pub use tree::{Entry, Node, NodeValue};

/// The API server takes no request larger than this, so a document cannot be larger either.
pub const MAX_DOCUMENT: usize = 3 * 1024 * 1024;
/// More text than this is not read at all.
pub const MAX_TEXT: usize = 6 * 1024 * 1024;
/// Lists, maps and plain values that a text may hold: what 6 MiB of manifests come to.
pub const MAX_VALUES: usize = 1_200_000;
/// Nobody reads more than this.
const MAX_DIAGNOSTICS: usize = 1000;
/// How deep lists and maps may stand in each other. The deepest field of the API is at about 20.
pub const MAX_DEPTH: usize = 100;

/// The Go type of a kind's objects.
pub fn type_of(kind: Kind) -> &'static str {
    schema::root(kind)
}

/// The fields of a Go type, each with its own type (`[]ServicePort`), in byte order; none of a
/// type that is not looked into.
pub fn fields_of(of_type: &str) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    schema::fields(of_type).into_iter().flatten().map(|(name, field)| (*name, field.of_type))
}

/// What a text says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Read {
    pub documents: Vec<Document>,
    pub diagnostics: Vec<Diagnostic>,
}

/// One manifest of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its bytes in the whole text.
    pub span: Range<usize>,
    pub tree: Node,
}

/// Reads a text: never panics, never takes long.
pub fn read(text: &str) -> Read {
    let mut read = Read::default();
    if text.len() > MAX_TEXT {
        read.diagnostics.push(too_large(0..text.len(), MAX_TEXT));
        return read;
    }
    let mut values_left = MAX_VALUES;
    for part in split::split(text) {
        if part.len() > MAX_DOCUMENT {
            read.diagnostics.push(too_large(part, MAX_DOCUMENT));
        } else if let Some(diagnostic) = control_character(text, part.clone()) {
            read.diagnostics.push(diagnostic);
        } else {
            read_part(text, part, &mut values_left, &mut read);
        }
    }
    read.diagnostics.truncate(MAX_DIAGNOSTICS);
    number_lines(text, &mut read.diagnostics);
    read
}

/// The parser counts lines from the start of its part; a reader counts from the top.
fn number_lines(text: &str, diagnostics: &mut [Diagnostic]) {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    for diagnostic in diagnostics {
        if let Problem::Syntax { line, .. } = &mut diagnostic.problem {
            *line = ends.partition_point(|&end| end < diagnostic.span.start) + 1;
        }
    }
}

fn too_large(span: Range<usize>, limit: usize) -> Diagnostic {
    Diagnostic { span, severity: Severity::Error, problem: Problem::TooLarge { limit } }
}

/// libyaml takes no control characters but tab and line breaks.
fn control_character(text: &str, part: Range<usize>) -> Option<Diagnostic> {
    let is_refused = |c: char| {
        c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
            || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{feff}')
    };
    let (at, found) = text[part.clone()].char_indices().find(|&(_, c)| is_refused(c))?;
    let start = part.start + at;
    let detail = "control characters are not allowed".to_owned();
    let problem = Problem::Syntax { line: 0, detail };
    Some(Diagnostic { span: start..start + found.len_utf8(), severity: Severity::Error, problem })
}

fn read_part(text: &str, part: Range<usize>, values_left: &mut usize, read: &mut Read) {
    let chunk = &text[part.clone()];
    let trees = match json::parse(chunk, part.start, values_left) {
        Some(tree) => {
            tree::report_duplicates(&tree, &mut read.diagnostics);
            vec![tree]
        }
        None => tree::parse(chunk, part.start, values_left, &mut read.diagnostics),
    };
    for tree in trees.into_iter().filter(|tree| !tree.is_null()) {
        match &tree.value {
            NodeValue::Mapping(_) => read.documents.extend(documents(tree)),
            _ => read.diagnostics.push(Diagnostic {
                span: tree.span,
                severity: Severity::Error,
                problem: Problem::NotAnObject,
            }),
        }
    }
}

/// A `List` is its items. Those of a `ServiceList` may leave out what their list says
/// (`unstructuredJSONScheme.decodeToList`).
fn documents(tree: Node) -> Vec<Document> {
    let text = |field| tree.get(field).and_then(Node::as_str);
    let of_kind = text("kind").and_then(|it| it.strip_suffix("List"));
    let items = tree.get("items").filter(|items| matches!(items.value, NodeValue::Sequence(_)));
    let (Some(of_kind), Some(items)) = (of_kind, items) else { return vec![Document::new(tree)] };
    let said = text("apiVersion").filter(|_| !of_kind.is_empty()).map(|it| (it, of_kind));
    let item = |it: &Node| match said {
        Some(said) => named_by_list(it.clone(), said),
        None => it.clone(),
    };
    items.items().iter().map(item).map(Document::new).collect()
}

fn named_by_list(mut item: Node, (api_version, kind): (&str, &str)) -> Node {
    let names_itself = ["apiVersion", "kind"].iter().all(|field| item.get(field).is_some());
    let span = item.span.start..item.span.start;
    let NodeValue::Mapping(entries) = &mut item.value else { return item };
    if !names_itself {
        entries.retain(|it| it.key != "apiVersion" && it.key != "kind");
        for (key, value) in [("apiVersion", api_version), ("kind", kind)] {
            let value = Node { span: span.clone(), value: NodeValue::Scalar(value.into()) };
            entries.push(Entry { key: key.to_owned(), key_span: span.clone(), value });
        }
    }
    item
}

impl Document {
    fn new(tree: Node) -> Document {
        Document { span: tree.span.clone(), tree }
    }

    /// What kubectl sends to the API server.
    pub fn value(&self) -> serde_json::Value {
        self.tree.to_value()
    }

    /// The kind that `apiVersion` and `kind` name.
    pub fn kind(&self) -> Result<Kind, Diagnostic> {
        let text = |field| self.tree.get(field).and_then(Node::as_str).filter(|it| !it.is_empty());
        let problem = match (text("apiVersion"), text("kind")) {
            (Some(api_version), Some(kind)) => match Kind::parse(api_version, kind) {
                Some(kind) => return Ok(kind),
                None => Problem::NoMatch { kind: kind.into(), api_version: api_version.into() },
            },
            (None, Some(_)) => Problem::NotSet { fields: vec!["apiVersion"] },
            (Some(_), None) => Problem::NotSet { fields: vec!["kind"] },
            (None, None) => Problem::NotSet { fields: vec!["apiVersion", "kind"] },
        };
        let field = if matches!(problem, Problem::NoMatch { .. }) { "kind" } else { "" };
        Err(self.diagnostic(field, problem))
    }

    /// The object, as strictly as the API server reads it.
    pub fn decode(&self) -> (Option<Object>, Vec<Diagnostic>) {
        let kind = match self.kind() {
            Ok(kind) => kind,
            Err(diagnostic) => return (None, vec![diagnostic]),
        };
        match decode(kind, &self.value()) {
            Ok(object) => (Some(object), Vec::new()),
            Err(mistakes) => (None, mistakes.into_iter().map(|it| self.mistake(it)).collect()),
        }
    }

    /// Which object it is; one without a namespace is in `default`.
    ///
    /// # Errors
    ///
    /// The kind is not known, or what is wrong in the metadata: kubectl reads that itself.
    pub fn key(&self) -> Result<ObjectKey, Diagnostic> {
        let kind = self.kind()?;
        let mut only = serde_json::Map::new();
        only.extend(self.tree.get("metadata").map(|it| ("metadata".to_owned(), it.to_value())));
        let object = match decode_lenient(kind, &only.into()) {
            Ok((object, _unknown)) => object,
            Err(mistake) => return Err(self.mistake(mistake)),
        };
        let mut key = object.key();
        if !kind.is_namespaced() {
            key.namespace.clear();
        } else if key.namespace.is_empty() {
            "default".clone_into(&mut key.namespace);
        }
        Ok(key)
    }

    /// What is wrong, at its place.
    pub fn mistake(&self, mistake: Mistake) -> Diagnostic {
        let Mistake { path, problem } = mistake;
        let span = match (&problem, self.find(&path)) {
            (Problem::UnknownField { .. }, Found::Entry(entry)) => entry.key_span.clone(),
            _ => self.place_of(&path),
        };
        Diagnostic { span, severity: Severity::Error, problem }
    }

    /// An error about a field, at its place.
    pub fn diagnostic(&self, path: &str, problem: Problem) -> Diagnostic {
        Diagnostic { span: self.place_of(path), severity: Severity::Error, problem }
    }

    /// Where a field stands, given as the API server names it: `spec.ports[0].nodePort`,
    /// `metadata.labels[app]`. A field that is not written has the place of the closest one that
    /// contains it: its key, or a list's entry.
    pub fn place_of(&self, path: &str) -> Range<usize> {
        match self.find(path) {
            Found::Entry(entry) => entry.value.span.clone(),
            Found::Item(item) => item.span.clone(),
            Found::Within(span) => span,
        }
    }

    fn find(&self, path: &str) -> Found<'_> {
        let root = self.tree.entry("kind").map_or(self.span.clone(), |it| it.value.span.clone());
        let mut found = Found::Within(root.clone());
        let mut node = &self.tree;
        for step in steps(path) {
            // The only entry of `clusterIPs` may be written as `clusterIP`.
            if matches!((&step, &node.value), (Step::Index(0), NodeValue::Scalar(_))) {
                continue;
            }
            let next = match step {
                Step::Index(index) => node.items().get(index).map(Found::Item),
                Step::Field(name) => field(node, name).map(Found::Entry),
            };
            match next {
                Some(next) => {
                    node = next.node().unwrap_or(node);
                    found = next;
                }
                None => return Found::Within(found.own_place().unwrap_or(root)),
            }
        }
        found
    }
}

/// What a path leads to.
enum Found<'a> {
    Entry(&'a Entry),
    Item(&'a Node),
    /// The field itself is not there.
    Within(Range<usize>),
}

impl<'a> Found<'a> {
    fn node(&self) -> Option<&'a Node> {
        match self {
            Found::Entry(entry) => Some(&entry.value),
            Found::Item(item) => Some(item),
            Found::Within(_) => None,
        }
    }

    /// The place that stands for something missing inside.
    fn own_place(&self) -> Option<Range<usize>> {
        match self {
            Found::Entry(entry) => Some(entry.key_span.clone()),
            Found::Item(item) => Some(item.span.clone()),
            Found::Within(span) => Some(span.clone()),
        }
    }
}

/// The server's name for a field is not always the one that is written.
fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Entry> {
    let instead = match name {
        "clusterIPs" => "clusterIP",
        "podCIDRs" => "podCIDR",
        // targetPort is defaulted from port, and then has the same mistake.
        "targetPort" => "port",
        "LoadBalancerSourceRanges" => "loadBalancerSourceRanges",
        other => other,
    };
    node.entry(name).or_else(|| node.entry(instead))
}

enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

/// `spec.ports[0].name` → spec, ports, 0, name; `labels[a.b/c]` → labels, a.b/c.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (key, after) = inside.split_once(']').unwrap_or((inside, ""));
            steps.push(key.parse().map_or(Step::Field(key), Step::Index));
            rest = after.strip_prefix('.').unwrap_or(after);
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Field(&rest[..end]));
            rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
        }
    }
    steps
}

#[cfg(test)]
mod tests;
