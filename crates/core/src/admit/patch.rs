//! PATCH: an object and a patch → the object anew.
//!
//! A merge patch (RFC 7386) replaces lists; a strategic one merges those lists whose Go type
//! names a key, such as `ports` of a Service by `port`.

use serde_json::{Map, Value};

use super::errors::{Errors, Raw};
use super::{Admitted, Objects, Refusal, Settings, update, update_status};
use crate::key::{Kind, ObjectKey};
use crate::object::Object;
use crate::read::{cause, decode_lenient};
use crate::rng::Rng;

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Patch {
    Merge,
    Strategic,
}

/// Patches what is stored under `key`. With `strict`, unknown fields refuse the patch; without,
/// they are dropped with a warning each.
pub fn patch(
    objects: &Objects,
    key: &ObjectKey,
    (how, body, strict): (Patch, &Value, bool),
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
    let (new, warnings) = patched(old, how, body, strict)?;
    with_warnings(warnings, update(objects, old, new, rng, settings))
}

/// The same for the subresource `status`.
pub fn patch_status(
    objects: &Objects,
    key: &ObjectKey,
    (how, body, strict): (Patch, &Value, bool),
) -> Result<Admitted, Refusal> {
    let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
    let (new, warnings) = patched(old, how, body, strict)?;
    with_warnings(warnings, update_status(old, new))
}

fn with_warnings(
    warnings: Vec<String>,
    mut result: Result<Admitted, Refusal>,
) -> Result<Admitted, Refusal> {
    match &mut result {
        Ok(admitted) => admitted.warnings.splice(0..0, warnings),
        Err(refusal) => refusal.warnings.splice(0..0, warnings),
    };
    result
}

/// The object that comes out of the patch, and what was dropped from it.
fn patched(
    old: &Object,
    how: Patch,
    body: &Value,
    strict: bool,
) -> Result<(Object, Vec<String>), Refusal> {
    let mut value = old.to_value();
    match how {
        Patch::Merge => merge_patch(&mut value, body),
        Patch::Strategic => strategic_patch(old.kind(), &mut value, body),
    }
    decode_patched(old.kind(), how, &value, body, strict)
}

fn decode_patched(
    kind: Kind,
    how: Patch,
    value: &Value,
    body: &Value,
    strict: bool,
) -> Result<(Object, Vec<String>), Refusal> {
    let invalid = |text: String| {
        let shown = match how {
            Patch::Strategic => go_map(body),
            Patch::Merge => value.to_string(),
        };
        let mut errors = Errors::default();
        errors.invalid("patch", Raw(format!("\"{shown}\"")), &text);
        let refusal = Refusal::invalid(kind, "", errors);
        let message = refusal.message.replacen(&kind_name(kind), "", 1);
        Refusal { message, details: None, ..refusal }
    };
    let (object, unknown) =
        decode_lenient(kind, value).map_err(|mistake| invalid(cause(&[mistake])))?;
    if strict && !unknown.is_empty() {
        return Err(invalid(cause(&unknown)));
    }
    Ok((object, unknown.iter().map(|mistake| mistake.problem.to_string()).collect()))
}

fn kind_name(kind: Kind) -> String {
    match kind.group() {
        "" => kind.name().to_owned(),
        group => format!("{}.{group}", kind.name()),
    }
}

/// `%v` of a map that came from JSON: `map[spec:map[portz:1]]`.
fn go_map(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            let pairs: Vec<String> =
                pairs.into_iter().map(|(key, value)| format!("{key}:{}", go_map(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_map).collect();
            format!("[{}]", items.join(" "))
        }
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

/// RFC 7386.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let target = as_map(target);
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge_patch(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Kubernetes' strategic merge, with the directives `$patch: delete`, `$patch: replace` and
/// `$retainKeys`' absence; lists without a merge key are replaced.
pub fn strategic_patch(kind: Kind, target: &mut Value, patch: &Value) {
    strategic(kind, "", target, patch);
}

fn strategic(kind: Kind, path: &str, target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) if patch.get("$patch").is_some_and(|it| it == "replace") => {
            let kept = patch.iter().filter(|(key, _)| *key != "$patch");
            *target =
                Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
        Value::Object(patch) => merge_fields(kind, path, as_map(target), patch),
        Value::Array(items) => match merge_key(kind, path) {
            Some(key) => merge_list(kind, path, key, target, items),
            None => *target = patch.clone(),
        },
        other => *target = other.clone(),
    }
}

fn merge_fields(
    kind: Kind,
    path: &str,
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
) {
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        if value.is_null() {
            target.remove(name);
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        strategic(kind, &path, target.entry(name.clone()).or_insert(Value::Null), value);
    }
}

/// Entries with a known key are merged, new ones come in the order of the patch, before the
/// entries that the patch does not name.
fn merge_list(kind: Kind, path: &str, key: &str, target: &mut Value, patch: &[Value]) {
    let mut rest = match std::mem::take(target) {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let mut merged = Vec::new();
    for item in patch {
        let found =
            rest.iter().position(|it| it.get(key).is_some() && it.get(key) == item.get(key));
        let before = found.map(|at| rest.remove(at));
        if item.get("$patch").is_some_and(|it| it == "delete") {
            continue;
        }
        let mut entry = before.unwrap_or(Value::Null);
        strategic(kind, path, &mut entry, item);
        merged.push(entry);
    }
    merged.extend(rest);
    *target = Value::Array(merged);
}

/// `patchMergeKey` of the Go type at `path`.
fn merge_key(kind: Kind, path: &str) -> Option<&'static str> {
    let name = path.rsplit('.').next().unwrap_or(path);
    match (kind, name) {
        (Kind::Service, "ports") => Some("port"),
        (_, "ownerReferences") => Some("uid"),
        (_, "conditions") => Some("type"),
        (Kind::Node, "addresses") => Some("type"),
        (Kind::EndpointSlice | Kind::Endpoints, _) => None,
        (_, "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets") => {
            Some("name")
        }
        (_, "ports") if path.contains("ontainers.") => Some("containerPort"),
        (_, "volumeMounts") => Some("mountPath"),
        (_, "volumeDevices") => Some("devicePath"),
        (_, "hostAliases" | "podIPs" | "hostIPs") => Some("ip"),
        (_, "topologySpreadConstraints") => Some("topologyKey"),
        _ => None,
    }
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it is a map now")
}
