//! PATCH: an object and a patch → the object anew.
//!
//! A merge patch (RFC 7386) replaces lists; a strategic one merges those lists whose Go type
//! names a key, such as `ports` of a Service by `port`.

use serde_json::{Map, Value};
use svclab_netfilter::order::Order;

use super::errors::Errors;
use super::json_patch::json_patch;
use super::strategic::{left_over, strategic_patch};
use super::{Admitted, Objects, Refusal, Settings, meta, update, update_status};
use crate::key::{Kind, ObjectKey};
use crate::object::Object;
use crate::read::schema::is_struct;
use crate::read::{Mistake, Problem, cause, decode_lenient};
use crate::rng::Rng;

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Patch {
    /// RFC 7386: maps are merged, lists replaced.
    Merge,
    /// Lists are merged by the keys that their Go types name.
    Strategic,
    /// RFC 6902: operations.
    Json,
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
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
    let (new, warnings) = patched(old, how, body, strict)?;
    with_warnings(warnings, update_status(old, new, settings))
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
    patch_value(old.kind(), &mut value, how, body)?;
    let (mut new, warnings) = decode_patched(old, how, &value, body, strict)?;
    meta::check_place(&old.key(), new.meta_mut())?;
    Ok((new, warnings))
}

/// Carries out a patch on the JSON of an object.
pub(super) fn patch_value(
    kind: Kind,
    value: &mut Value,
    how: Patch,
    body: &Value,
) -> Result<(), Refusal> {
    match how {
        Patch::Merge if !body.is_object() => Err(no_patch(body)),
        Patch::Merge => {
            merge_patch(value, body);
            Ok(())
        }
        Patch::Strategic => strategic_patch(kind, value, body),
        Patch::Json => json_patch(value, body),
    }
}

fn no_patch(body: &Value) -> Refusal {
    let kind = json_kind(body);
    let message = format!(
        "error decoding patch: json: cannot unmarshal {kind} into Go value of type \
         map[string]interface {{}}"
    );
    Refusal::plain(400, "BadRequest", &message)
}

fn decode_patched(
    old: &Object,
    how: Patch,
    value: &Value,
    body: &Value,
    strict: bool,
) -> Result<(Object, Vec<String>), Refusal> {
    let kind = old.kind();
    let invalid = |text: String| {
        let shown = match how {
            Patch::Strategic => go_map(&left_over(&old.to_value(), body)),
            Patch::Merge | Patch::Json => value.to_string(),
        };
        let mut errors = Errors::default();
        errors.invalid("patch", shown.as_str(), &text);
        let refusal = Refusal::invalid(kind, "", errors);
        let message = refusal.message.replacen(&kind_name(kind), "", 1);
        Refusal { message, details: None, ..refusal }
    };
    let (object, unknown) =
        decode_lenient(kind, value).map_err(|mistake| invalid(unconverted(how, mistake)))?;
    if strict && !unknown.is_empty() {
        return Err(invalid(cause(&unknown)));
    }
    Ok((object, unknown.iter().map(|mistake| mistake.problem.to_string()).collect()))
}

/// What is said of a wrong type: a strategic patch is no JSON any more when it meets the Go types
/// (`runtime.FromUnstructured`).
fn unconverted(how: Patch, mistake: Mistake) -> String {
    let Problem::WrongType { found, expected, .. } = &mistake.problem else {
        return cause(&[mistake]);
    };
    if how != Patch::Strategic {
        return cause(&[mistake]);
    }
    let go_kind = match found.split(' ').next().unwrap_or_default() {
        "object" => "map",
        "array" => "slice",
        "number" if found.contains('.') => "float64",
        "number" => "int64",
        kind => kind,
    };
    let is_number = matches!(go_kind, "int64" | "float64");
    match expected.as_str() {
        list if list.starts_with("[]") => format!("cannot restore slice from {go_kind}"),
        map if map.starts_with("map[") => format!("cannot restore map from {go_kind}"),
        "bool" => "unrecognized type: bool".to_owned(),
        number @ ("int32" | "int64") if is_number => {
            format!("cannot convert {go_kind} to {number}")
        }
        number @ ("int32" | "int64") => format!("unrecognized type: {number}"),
        name if name.strip_prefix("v1.").is_some_and(is_struct) => {
            format!("cannot restore struct from: {go_kind}")
        }
        word if go_kind == "int64" => format!("cannot convert {go_kind} to {word}"),
        _ => "unrecognized type: string".to_owned(),
    }
}

fn kind_name(kind: Kind) -> String {
    match kind.group() {
        "" => kind.name().to_owned(),
        group => format!("{}.{group}", kind.name()),
    }
}

/// `%v` of a map that came from JSON: `map[spec:map[portz:1]]`.
pub(super) fn go_map(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.order_by_key(|(key, _)| *key);
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
            target.shift_remove(key);
        } else {
            merge_patch(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it is a map now")
}

/// What Go calls the kind of a JSON value.
pub(super) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
