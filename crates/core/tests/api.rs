//! The API server's recorded answers (`tests/conformance/api`) against ours.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use svclab_core::admit::{Admitted, Patch, Refusal, Settings, create, patch, replace};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::{Namespace, Object, Objects, Service};
use svclab_core::read::{Document, decode, read};
use svclab_core::rng::Rng;

/// Cases that we do not answer as the server does yet, with what they need.
const GAPS: &[(&str, &str)] = &[];

#[test]
fn requests_are_answered_as_the_server_answers_them() {
    let expected: BTreeMap<String, Value> =
        serde_json::from_str(&file("expected.json")).expect("recorded JSON");
    let mut report = Vec::new();
    for (name, case) in &expected {
        let difference = difference(name, case);
        let gap = GAPS.iter().find(|(gap, _)| gap == name);
        match (difference, gap) {
            (Some(text), None) => report.push(format!("{name}: {text}")),
            (None, Some((_, needs))) => {
                report.push(format!("{name} passes now, take it off the list ({needs})"));
            }
            _ => {}
        }
    }
    assert!(report.is_empty(), "{} of {}:\n{}", report.len(), expected.len(), report.join("\n"));
}

fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/api");
    std::fs::read_to_string(folder.join(name)).expect("the conformance data is there")
}

fn difference(name: &str, case: &Value) -> Option<String> {
    let text = file(&format!("{name}.yaml"));
    let results = case["results"].as_array().expect("a list");
    let mut cluster = Cluster::new(case["cluster"] == "dual");
    let documents = read(&text).documents;
    if documents.len() != results.len() {
        return Some(format!("{} documents, {} results", documents.len(), results.len()));
    }
    let mut bound = BTreeMap::new();
    let mut from = 0;
    for (document, expected) in documents.iter().zip(results) {
        let verb = verb(&text[from..document.span.end]);
        from = document.span.end;
        let got = cluster.answer(verb, document, expected["cut"] == true);
        if let Some(text) = compare("", expected, &got, &mut bound) {
            return Some(format!("{text}\n  expected {expected}\n  got      {got}"));
        }
    }
    None
}

fn verb(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# verb: ")).unwrap_or("create").trim()
}

struct Cluster {
    objects: Objects,
    settings: Settings,
    rng: Rng,
}

impl Cluster {
    fn new(dual: bool) -> Cluster {
        let mut settings = Settings::default();
        if dual {
            settings.service_ranges.push("fd00:10:96::/112".parse().expect("a CIDR"));
        }
        let mut objects = Objects::new();
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let mut namespace = Namespace::default();
            namespace.metadata.name = name.to_owned();
            let object = Object::from(namespace);
            objects.insert(object);
        }
        let mut kubernetes = Service::default();
        kubernetes.metadata.name = "kubernetes".to_owned();
        kubernetes.metadata.namespace = "default".to_owned();
        kubernetes.spec.cluster_ips = vec!["10.96.0.1".to_owned()];
        let object = Object::from(kubernetes);
        objects.insert(object);
        // A seed with which no number that was given back is drawn again: the recorded values differ.
        Cluster { objects, settings, rng: Rng::new(2) }
    }

    fn answer(&mut self, verb: &str, document: &Document, cut: bool) -> Value {
        let (code, result) = match self.request(verb, document) {
            Ok((code, admitted)) => (code, Ok(admitted)),
            Err(refusal) => (refusal.status, Err(refusal)),
        };
        let mut answer = Map::new();
        answer.insert("verb".to_owned(), verb.into());
        answer.insert("code".to_owned(), code.into());
        let warnings = match result {
            Ok(Admitted { object, warnings }) => {
                self.objects.insert(object.clone());
                answer.insert("object".to_owned(), stored(&object));
                warnings
            }
            Err(refusal) => {
                let warnings = refusal.warnings.clone();
                answer.extend(status(refusal));
                warnings
            }
        };
        if cut {
            answer.insert("cut".to_owned(), true.into());
        }
        if !warnings.is_empty() {
            answer.insert("warnings".to_owned(), warnings.into());
        }
        Value::Object(answer)
    }

    fn request(&mut self, verb: &str, document: &Document) -> Result<(u16, Admitted), Refusal> {
        let kind = document.kind().expect("the cases name known kinds");
        let value = document.value();
        let Cluster { objects, settings, rng } = self;
        if matches!(verb, "patch" | "softpatch" | "mergepatch") {
            let how = if verb == "mergepatch" { Patch::Merge } else { Patch::Strategic };
            let (key, body) = address(kind, value);
            let admitted = patch(objects, &key, (how, &body, verb != "softpatch"), rng, settings)?;
            return Ok((200, admitted));
        }
        if verb == "delete" {
            let (key, _) = address(kind, value);
            let object = objects.remove(&key).ok_or_else(|| Refusal::not_found(&key))?;
            return Ok((200, Admitted { object: (*object).clone(), warnings: Vec::new() }));
        }
        let object = decode(kind, &value).map_err(|it| Refusal::undecodable(kind, &it))?;
        if verb == "create" {
            return Ok((201, create(objects, object, rng, settings)?));
        }
        let before = objects.len();
        let admitted = replace(objects, object, rng, settings)?;
        let is_new = !objects.contains_key(&admitted.object.key());
        assert_eq!(before, objects.len());
        Ok((if is_new { 201 } else { 200 }, admitted))
    }
}

/// The object that a patch is for, and the patch.
fn address(kind: Kind, mut value: Value) -> (ObjectKey, Value) {
    let name = value["metadata"]["name"].as_str().expect("a name").to_owned();
    let namespace = value["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
    let namespace = if kind.is_namespaced() { namespace } else { String::new() };
    let map = value.as_object_mut().expect("a map");
    map.remove("apiVersion");
    map.remove("kind");
    let metadata = map["metadata"].as_object_mut().expect("a map");
    metadata.remove("name");
    metadata.remove("namespace");
    if metadata.is_empty() {
        map.remove("metadata");
    }
    (ObjectKey::new(kind, namespace, name), value)
}

fn stored(object: &Object) -> Value {
    let mut value = object.to_value();
    let metadata = value["metadata"].as_object_mut().expect("a map");
    for name in ["uid", "creationTimestamp", "resourceVersion", "deletionTimestamp"] {
        metadata.remove(name);
    }
    value
}

fn status(refusal: Refusal) -> Map<String, Value> {
    let mut status = Map::new();
    status.insert("reason".to_owned(), refusal.reason.into());
    status.insert("message".to_owned(), refusal.message.into());
    if let Some(details) = refusal.details {
        let all = [("name", details.name), ("group", details.group), ("kind", details.kind)];
        let said = all.into_iter().filter(|(_, text)| !text.is_empty());
        let said: Map<String, Value> =
            said.map(|(name, it)| (name.to_owned(), it.into())).collect();
        status.insert("details".to_owned(), said.into());
    }
    let causes: Vec<Value> = refusal
        .causes
        .iter()
        .map(|it| json!({"reason": it.reason, "field": it.field, "message": it.message}))
        .collect();
    if !causes.is_empty() {
        status.insert("causes".to_owned(), causes.into());
    }
    status
}

/// Null and empty text are as good as absent; `$IP1` is any one value.
fn compare(
    path: &str,
    expected: &Value,
    got: &Value,
    bound: &mut BTreeMap<String, Value>,
) -> Option<String> {
    match (expected, got) {
        (Value::String(name), got) if name.starts_with('$') => {
            let is_other = bound.iter().any(|(other, value)| other != name && value == got);
            let before = bound.entry(name.clone()).or_insert_with(|| got.clone());
            let is_fitting = !is_other && before == got && !got.is_null();
            (!is_fitting).then(|| format!("{path}: {got} for {name}, which was {before}"))
        }
        (Value::Object(expected), Value::Object(got)) => {
            let names =
                expected.keys().chain(got.keys().filter(|key| !expected.contains_key(*key)));
            names.into_iter().find_map(|name| {
                let side = |map: &Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                compare(&format!("{path}.{name}"), &side(expected), &side(got), bound)
            })
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            let mut pairs = expected.iter().zip(got).enumerate();
            pairs.find_map(|(index, (expected, got))| {
                compare(&format!("{path}[{index}]"), expected, got, bound)
            })
        }
        _ if is_absent(expected) && is_absent(got) || expected == got => None,
        _ => Some(format!("{path} differs")),
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value == ""
}
