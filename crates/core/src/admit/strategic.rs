//! A strategic merge patch: what is there and a patch → what will be there.
//!
//! Follows `k8s.io/apimachinery/pkg/util/strategicpatch`, with its directives: `$patch`,
//! `$retainKeys`, `$deleteFromPrimitiveList/…` and `$setElementOrder/…`. The same code puts two
//! patches together, which is how `kubectl apply` makes one of deletions and changes; directives
//! are then kept.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use svclab_netfilter::order::Order;

use super::Refusal;
use super::patch::go_map;
use crate::key::Kind;
use crate::read::schema::{self, Merge};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

type Fields = Map<String, Value>;

/// What the patch is put onto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onto {
    Object,
    Patch,
}

/// Patches an object of `kind`.
///
/// # Errors
///
/// The server's answer to a patch that makes no sense: 400, 422 or a bare 500.
pub fn strategic_patch(kind: Kind, target: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let Value::Object(patch) = patch else {
        let kind = super::patch::json_kind(patch);
        let message = format!(
            "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        );
        return Err(Refusal::plain(400, "BadRequest", &message));
    };
    let original = take_map(target);
    *target = Value::Object(merge_maps(schema::root(kind), original, patch.clone(), Onto::Object)?);
    Ok(())
}

/// What Go's patch still holds once it is merged: lists with a given order are taken out of it
/// (`mergePatchIntoOriginal`), and the server shows the rest where it refuses.
pub(super) fn left_over(original: &Value, patch: &Value) -> Value {
    let (Value::Object(old), Value::Object(patch)) = (original, patch) else {
        return patch.clone();
    };
    let is_taken = |name: &str| {
        let ordered = patch.contains_key(&format!("{SET_ORDER}{name}"));
        name == RETAIN_KEYS || name.starts_with(SET_ORDER) || ordered
    };
    let left = patch.iter().filter(|(name, _)| !is_taken(name));
    let left = left.map(|(name, value)| {
        let before = old.get(name).unwrap_or(&Value::Null);
        (name.clone(), left_over(before, value))
    });
    left.collect::<Fields>().into()
}

/// One patch for an object of `kind` that does what `first` and then `second` do.
pub(super) fn join_patches(kind: Kind, first: Fields, second: Fields) -> Result<Fields, Refusal> {
    merge_maps(schema::root(kind), first, second, Onto::Patch)
}

/// `mergeMap`.
fn merge_maps(
    of_type: &'static str,
    mut original: Fields,
    mut patch: Fields,
    onto: Onto,
) -> Result<Fields, Refusal> {
    if let Some(directive) = patch.get(DIRECTIVE).cloned() {
        return replace_map(&directive, patch);
    }
    retain_keys(&mut original, &mut patch, onto)?;
    set_orders(of_type, &mut original, &mut patch, onto)?;
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(DELETE_FROM) {
            match onto {
                Onto::Patch => _ = original.insert(name, value),
                Onto::Object => delete_values(original.get_mut(list), &value),
            }
            continue;
        }
        if value.is_null() && onto == Onto::Object {
            original.shift_remove(&name);
            continue;
        }
        let merged = match original.get_mut(&name).map(Value::take) {
            None if onto == Onto::Object => without_directives(value),
            None => value,
            Some(before) => merge_values(schema::field(of_type, &name), before, value, onto)?,
        };
        original.insert(name, merged);
    }
    Ok(original)
}

/// `handleDirectiveInMergeMap`.
fn replace_map(directive: &Value, mut patch: Fields) -> Result<Fields, Refusal> {
    match directive.as_str() {
        Some("replace") => {
            patch.shift_remove(DIRECTIVE);
            Ok(patch)
        }
        Some("delete") => Ok(Fields::new()),
        _ => Err(bad_directive(directive, &Value::Object(patch))),
    }
}

fn bad_directive(directive: &Value, patch: &Value) -> Refusal {
    let (directive, patch) = (go_map(directive), go_map(patch));
    Refusal::bare(format!("unknown patch type: {directive} in map: {patch}"))
}

/// `applyRetainKeysDirective`: whatever is not named goes.
fn retain_keys(original: &mut Fields, patch: &mut Fields, onto: Onto) -> Result<(), Refusal> {
    let Some(names) = patch.shift_remove(RETAIN_KEYS) else { return Ok(()) };
    if onto == Onto::Patch {
        original.entry(RETAIN_KEYS).or_insert(names);
        return Ok(());
    }
    let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_named = |name: &str| names.iter().any(|it| it == name);
    let is_directive = |name: &str| name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER);
    let is_set = |(name, value): (&String, &Value)| !value.is_null() && !is_directive(name);
    if patch.iter().any(|it| is_set(it) && !is_named(it.0)) {
        let message = "patch does not contain all of the fields in the retainKeys list";
        return Err(Refusal::plain(400, "BadRequest", message));
    }
    original.retain(|name, _| is_named(name));
    Ok(())
}

/// `mergePatchIntoOriginal`: the lists whose order the patch gives.
fn set_orders(
    of_type: &'static str,
    original: &mut Fields,
    patch: &mut Fields,
    onto: Onto,
) -> Result<(), Refusal> {
    let orders: Vec<String> =
        patch.keys().filter(|name| name.starts_with(SET_ORDER)).cloned().collect();
    for directive in orders {
        let order = patch.shift_remove(&directive).unwrap_or_default();
        let name = &directive[SET_ORDER.len()..];
        if onto == Onto::Patch {
            original.entry(directive.clone()).or_insert_with(|| order.clone());
        }
        let field = schema::field(of_type, name);
        let before = original.get(name).cloned();
        let merged = match (before.clone(), patch.shift_remove(name)) {
            (None, None) => continue,
            (Some(before), None) => before,
            (None, Some(added)) if onto == Onto::Object => without_directives(added),
            (None, Some(added)) => added,
            (Some(before), Some(change)) => merge_values(field, before, change, onto)?,
        };
        let (Value::Array(merged), Value::Array(order)) = (merged, order) else {
            return Err(Refusal::plain(422, "Invalid", "invalid argument"));
        };
        let before = before.and_then(|it| it.as_array().cloned()).unwrap_or_default();
        original.insert(name.to_owned(), in_order(merged, &order, &before, field.merge).into());
    }
    Ok(())
}

/// What the patch makes of a field that is there already.
fn merge_values(
    field: schema::Field,
    before: Value,
    patch: Value,
    onto: Onto,
) -> Result<Value, Refusal> {
    match (before, patch) {
        (Value::Object(before), Value::Object(patch)) => {
            Ok(merge_maps(field.of_type, before, patch, onto)?.into())
        }
        (Value::Array(before), Value::Array(patch)) => match field.merge {
            Merge::Replace => Ok(patch.into()),
            Merge::Values => Ok(merge_plain(before, patch).into()),
            Merge::By(key) => {
                Ok(merge_lists(schema::entry(field.of_type), key, before, patch, onto)?.into())
            }
        },
        (_, patch) => Ok(patch),
    }
}

fn merge_plain(before: Vec<Value>, patch: Vec<Value>) -> Vec<Value> {
    let mut merged = before.clone();
    merged.extend(patch.iter().filter(|it| !before.contains(it)).cloned());
    in_order(merged, &patch, &before, Merge::Values)
}

fn delete_values(list: Option<&mut Value>, gone: &Value) {
    if let (Some(Value::Array(list)), Value::Array(gone)) = (list, gone) {
        list.retain(|it| !gone.contains(it));
    }
}

/// `mergeSlice`: the entries of a list of maps.
fn merge_lists(
    of_type: &'static str,
    key: &'static str,
    mut before: Vec<Value>,
    patch: Vec<Value>,
    onto: Onto,
) -> Result<Vec<Value>, Refusal> {
    let mut changes = Vec::new();
    let mut is_replaced = false;
    for change in patch {
        match change.get(DIRECTIVE).and_then(Value::as_str) {
            None => changes.push(change),
            Some("delete") => {
                let gone = key_of(&change, key)?.clone();
                before.retain(|it| it.get(key) != Some(&gone));
            }
            Some("replace") => is_replaced = true,
            Some("merge") => {
                let message = "merging lists cannot yet be specified in the patch";
                return Err(Refusal::bare(message.to_owned()));
            }
            Some(_) => return Err(bad_directive(&change[DIRECTIVE], &change)),
        }
    }
    if is_replaced {
        return Ok(changes);
    }
    let original = before.clone();
    for change in &changes {
        let value = key_of(change, key)?;
        match before.iter_mut().find(|it| it.get(key) == Some(value)) {
            Some(entry) => {
                let fields = take_map(entry);
                let change = change.as_object().cloned().unwrap_or_default();
                *entry = merge_maps(of_type, fields, change, onto)?.into();
            }
            None if onto == Onto::Object => before.push(without_directives(change.clone())),
            None => before.push(change.clone()),
        }
    }
    Ok(in_order(before, &changes, &original, Merge::By(key)))
}

pub(super) fn key_of<'a>(entry: &'a Value, key: &str) -> Result<&'a Value, Refusal> {
    entry.get(key).ok_or_else(|| {
        let entry = go_map(entry);
        Refusal::bare(format!("map: {entry} does not contain declared merge key: {key}"))
    })
}

/// `normalizeElementOrder`: what the patch names comes in its order; the rest keeps its own, and
/// its place before what it stood before.
fn in_order(merged: Vec<Value>, order: &[Value], before: &[Value], merge: Merge) -> Vec<Value> {
    let place =
        |list: &[Value], it: &Value| list.iter().position(|other| is_same(other, it, merge));
    let (mut named, mut rest): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|it| place(order, it).is_some());
    named.order_by_key(|it| place(order, it));
    rest.order_by(|a, b| match (place(before, a), place(before, b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    });
    let mut rest = rest.into_iter().peekable();
    let mut sorted = Vec::new();
    for item in named {
        let stood_at = place(before, &item);
        while let Some(other) =
            rest.next_if(|it| place(before, it).zip(stood_at).is_some_and(|(it, item)| it < item))
        {
            sorted.push(other);
        }
        sorted.push(item);
    }
    sorted.extend(rest);
    sorted
}

fn is_same(a: &Value, b: &Value, merge: Merge) -> bool {
    match merge {
        Merge::By(key) => a.get(key).is_some() && a.get(key) == b.get(key),
        Merge::Values | Merge::Replace => a == b,
    }
}

/// What a patch adds is stored without its directives.
fn without_directives(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(name, _)| !is_directive(name));
            Value::Object(kept.map(|(name, value)| (name, without_directives(value))).collect())
        }
        Value::Array(items) => {
            let is_deleted = |it: &Value| it.get(DIRECTIVE).is_some_and(|it| it == "delete");
            items.into_iter().filter(|it| !is_deleted(it)).map(without_directives).collect()
        }
        other => other,
    }
}

fn is_directive(name: &str) -> bool {
    name == DIRECTIVE
        || name == RETAIN_KEYS
        || name.starts_with(DELETE_FROM)
        || name.starts_with(SET_ORDER)
}

fn take_map(value: &mut Value) -> Fields {
    match value.take() {
        Value::Object(map) => map,
        _ => Fields::new(),
    }
}
