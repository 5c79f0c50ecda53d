//! A file and the cluster → what the API server has added to its objects, at the lines that it
//! would stand behind.

use serde_json::{Map, Value, json};
use svclab_core::admit::{LAST_APPLIED, annotated};
use svclab_core::lab::Lab;
use svclab_core::object::Object;
use svclab_core::print::{Origin, Origins};
use svclab_core::read::{self, Document, Node, NodeValue};

use super::{field_type, help_key, place::units};

/// `[{ at, column, fields: [{ name, value, help, allocated }] }]`: `at` is the end of a line.
pub(super) fn ghosts(lab: &Lab, text: &str) -> Value {
    let mut res = Vec::new();
    for document in &read::read(text).documents {
        let Some(object) = applied(lab, document) else { continue };
        let Some(of_type) = document.kind().ok().map(read::type_of) else { continue };
        let origins = Origins::of(object);
        let walk = Walk { text, origins: &origins };
        walk.map(&document.tree, origins.object(), of_type, &mut Vec::new(), &mut res);
    }
    res.into()
}

/// The document's object, if it is what was applied last.
fn applied<'a>(lab: &'a Lab, document: &Document) -> Option<&'a Object> {
    let key = document.key().ok()?;
    let object = lab.objects().get(&key)?;
    let mut wanted = document.value();
    if key.kind.is_namespaced() {
        wanted["metadata"]["namespace"] = key.namespace.into();
    }
    let wanted = annotated(&wanted);
    let last = object.meta().annotations.get(LAST_APPLIED)?;
    (wanted["metadata"]["annotations"][LAST_APPLIED] == **last).then_some(object)
}

struct Walk<'a> {
    text: &'a str,
    origins: &'a Origins,
}

impl Walk<'_> {
    fn map<'v>(
        &self,
        node: &'v Node,
        live: &'v Value,
        of_type: &str,
        path: &mut Vec<&'v str>,
        res: &mut Vec<Value>,
    ) {
        let (NodeValue::Mapping(entries), Value::Object(live)) = (&node.value, live) else {
            return;
        };
        for entry in entries {
            let Some(field) = field_type(of_type, &entry.key) else { continue };
            let Some(live) = live.get(&entry.key) else { continue };
            path.push(&entry.key);
            match &entry.value.value {
                NodeValue::Sequence(items) => self.list(items, live, field, path, res),
                _ => self.map(&entry.value, live, field, path, res),
            }
            path.pop();
        }
        if matches!(path[..], ["metadata", ..]) || of_type.starts_with("map[") || entries.is_empty()
        {
            return;
        }
        let mut fields = Vec::new();
        for (name, value) in live.iter().filter(|(name, _)| node.entry(name).is_none()) {
            if path.is_empty() && matches!(&**name, "status" | "metadata" | "apiVersion" | "kind") {
                continue;
            }
            path.push(name);
            self.leaves(name, value, &help_key(of_type, name), path, &mut fields);
            path.pop();
        }
        // A map written in one line has no line of its own.
        let first = entries.first().map_or(node.span.start, |it| it.key_span.start);
        if !fields.is_empty() {
            let at = self.line_end(node.span.end);
            res.push(json!({"at": units(&self.text[..at]), "column": self.column(first), "fields": fields}));
        }
    }

    fn list<'v>(
        &self,
        items: &'v [Node],
        live: &'v Value,
        field: &str,
        path: &mut Vec<&'v str>,
        res: &mut Vec<Value>,
    ) {
        let (Some(of_type), Some(live)) = (field.strip_prefix("[]"), live.as_array()) else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let written = item.to_value();
            let here = live.get(index).filter(|it| holds(it, &written));
            if let Some(live) = here.or_else(|| live.iter().find(|it| holds(it, &written))) {
                self.map(item, live, of_type, path, res);
            }
        }
    }

    /// What a map holds, by dotted names.
    fn leaves<'v>(
        &self,
        name: &str,
        value: &'v Value,
        help: &str,
        path: &mut Vec<&'v str>,
        res: &mut Vec<Value>,
    ) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (inner, value) in map {
                    path.push(inner);
                    self.leaves(&format!("{name}.{inner}"), value, help, path, res);
                    path.pop();
                }
            }
            Value::Object(_) => {}
            Value::Array(items) if items.iter().any(Value::is_object) => {}
            leaf => {
                let allocated = self.origins.unwritten(leaf, path) == Origin::Allocated;
                res.push(json!({"name": name, "value": said(leaf), "help": help, "allocated": allocated}));
            }
        }
    }

    fn line_end(&self, at: usize) -> usize {
        let before = self.text[..at].trim_end().len();
        self.text[before..].find('\n').map_or(self.text.len(), |it| before + it)
    }

    fn column(&self, at: usize) -> usize {
        let line = self.text[..at].rfind('\n').map_or(0, |it| it + 1);
        self.text[line..at].chars().count()
    }
}

fn said(leaf: &Value) -> String {
    match leaf {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(said).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether everything that is written holds of what is live.
fn holds(live: &Value, written: &Value) -> bool {
    match (live, written) {
        (Value::Object(live), Value::Object(written)) => all_hold(live, written),
        (Value::Array(live), Value::Array(written)) => {
            live.len() == written.len() && live.iter().zip(written).all(|(a, b)| holds(a, b))
        }
        _ => live == written,
    }
}

fn all_hold(live: &Map<String, Value>, written: &Map<String, Value>) -> bool {
    written.iter().all(|(key, value)| live.get(key).is_some_and(|live| holds(live, value)))
}
