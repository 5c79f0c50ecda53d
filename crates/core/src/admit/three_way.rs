//! `kubectl apply`: last applied, wanted and live → the patch that it sends.
//!
//! Follows `CreateThreeWayMergePatch` of `k8s.io/apimachinery/pkg/util/strategicpatch`: what was
//! applied last and is not wanted any more goes, what is wanted and differs from what is there is
//! changed, everything else is left alone. Lists are compared by their merge key, so two ports of
//! one number are one to it.

use serde_json::{Map, Value, json};
use svclab_netfilter::order::Order;

use super::Refusal;
use super::strategic::{join_patches, key_of};
use crate::key::Kind;
use crate::read::schema::{self, Merge};

type Fields = Map<String, Value>;

/// The annotation in which kubectl keeps what was applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The manifest with itself in [`LAST_APPLIED`], as kubectl writes it: compact, keys sorted, a
/// line end behind it.
pub fn annotated(wanted: &Value) -> Value {
    let mut plain = wanted.clone();
    let annotations = inner_map(inner_map(&mut plain, "metadata"), "annotations");
    if let Some(map) = annotations.as_object_mut() {
        map.shift_remove(LAST_APPLIED);
    }
    let text = format!("{}\n", sorted(&plain));
    inner_map(inner_map(&mut plain, "metadata"), "annotations")[LAST_APPLIED] = text.into();
    plain
}

/// The patch that brings `live` to what `wanted` says, which carries its annotation already;
/// empty if there is nothing to do.
///
/// # Errors
///
/// As [`three_way`].
pub fn apply_patch(kind: Kind, wanted: &Value, live: &Value) -> Result<Value, Refusal> {
    let last = live.pointer("/metadata/annotations").and_then(|it| it.get(LAST_APPLIED));
    let last = last.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    three_way(kind, &last.unwrap_or_default(), wanted, live)
}

/// The map at `key`, made where it is not there.
fn inner_map<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let res = &mut value[key];
    if !res.is_object() {
        *res = Value::Object(Map::new());
    }
    res
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.order_by_key(|pair| pair.0);
            Value::Object(pairs.into_iter().map(|(key, it)| (key.clone(), sorted(it))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Which differences go into a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Differences {
    Deletions,
    Changes,
}

/// The strategic patch that `kubectl apply` sends for an object of `kind`; empty if there is
/// nothing to do.
///
/// # Errors
///
/// A list's entry lacks the key by which its list is merged.
pub fn three_way(kind: Kind, last: &Value, wanted: &Value, live: &Value) -> Result<Value, Refusal> {
    let root = schema::root(kind);
    let (last, wanted, live) = (fields(last), fields(wanted), fields(live));
    let changes = diff_maps(root, false, &live, &wanted, Differences::Changes)?;
    let deletions = diff_maps(root, false, &last, &wanted, Differences::Deletions)?;
    Ok(join_patches(kind, deletions, changes)?.into())
}

fn fields(value: &Value) -> Fields {
    value.as_object().cloned().unwrap_or_default()
}

fn diff_maps(
    of_type: &'static str,
    retain_keys: bool,
    before: &Fields,
    after: &Fields,
    which: Differences,
) -> Result<Fields, Refusal> {
    let mut patch = Fields::new();
    for (name, after) in after {
        let Some(before) = before.get(name) else {
            if which == Differences::Changes {
                patch.insert(name.clone(), after.clone());
            }
            continue;
        };
        diff_values(schema::field(of_type, name), name, before, after, which, &mut patch)?;
    }
    if which == Differences::Deletions {
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    }
    let has_more = || before.keys().any(|name| !after.contains_key(name));
    if retain_keys && !after.is_empty() && (!patch.is_empty() || has_more()) {
        let mut names: Vec<&String> =
            after.iter().filter(|(_, it)| !it.is_null()).map(|(name, _)| name).collect();
        names.order();
        patch.insert("$retainKeys".to_owned(), names.into_iter().cloned().collect());
    }
    Ok(patch)
}

fn diff_values(
    field: schema::Field,
    name: &str,
    before: &Value,
    after: &Value,
    which: Differences,
    patch: &mut Fields,
) -> Result<(), Refusal> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let inner = diff_maps(field.of_type, field.retain_keys, before, after, which)?;
            if !inner.is_empty() {
                patch.insert(name.to_owned(), inner.into());
            }
        }
        (Value::Array(before), Value::Array(after)) if field.merge != Merge::Replace => {
            diff_lists(field, name, before, after, which, patch)?;
        }
        _ if which == Differences::Changes && before != after => {
            patch.insert(name.to_owned(), after.clone());
        }
        _ => {}
    }
    Ok(())
}

/// `diffLists`.
fn diff_lists(
    field: schema::Field,
    name: &str,
    before: &[Value],
    after: &[Value],
    which: Differences,
    patch: &mut Fields,
) -> Result<(), Refusal> {
    if before.is_empty() {
        if which == Differences::Changes && !after.is_empty() {
            patch.insert(name.to_owned(), after.into());
        }
        return Ok(());
    }
    let order = match field.merge {
        Merge::By(key) => {
            let entries = diff_entries(field, key, before, after, which)?;
            let has_order = !entries.is_empty()
                || which == Differences::Changes && !same_keys(key, before, after);
            if !entries.is_empty() {
                patch.insert(name.to_owned(), entries.into());
            }
            let order = || after.iter().map(|it| json!({ key: it[key] })).collect();
            has_order.then(order)
        }
        Merge::Values | Merge::Replace => {
            let (list, kept) = match which {
                Differences::Changes => (after, before),
                Differences::Deletions => (before, after),
            };
            let found: Vec<Value> = list.iter().filter(|it| !kept.contains(it)).cloned().collect();
            let has_order = match which {
                Differences::Changes => before != after,
                Differences::Deletions => !found.is_empty(),
            };
            if !found.is_empty() {
                let is_deletion = which == Differences::Deletions;
                let prefix = if is_deletion { "$deleteFromPrimitiveList/" } else { "" };
                patch.insert(format!("{prefix}{name}"), found.into());
            }
            has_order.then(|| Value::from(after))
        }
    };
    patch.extend(order.map(|order| (format!("$setElementOrder/{name}"), order)));
    Ok(())
}

/// `diffListsOfMaps`: both lists in the order of their keys as text, side by side.
fn diff_entries(
    field: schema::Field,
    key: &'static str,
    before: &[Value],
    after: &[Value],
    which: Differences,
) -> Result<Vec<Value>, Refusal> {
    let of_type = schema::entry(field.of_type);
    let (mut changed, mut deleted) = (Vec::new(), Vec::new());
    let (before, sorted) = (by_key(key, before)?, by_key(key, after)?);
    let (mut before, mut rest) = (before.into_iter().peekable(), sorted.into_iter().peekable());
    loop {
        let order = match (before.peek(), rest.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old = before.next_if(|_| order.is_le()).map(|(_, it)| it);
        let new = rest.next_if(|_| order.is_ge()).map(|(_, it)| it);
        match (old, new) {
            (Some(old), Some(new)) => {
                let mut inner =
                    diff_maps(of_type, field.retain_keys, &fields(old), &fields(new), which)?;
                if !inner.is_empty() {
                    inner.insert(key.to_owned(), new[key].clone());
                    changed.push(Value::from(inner));
                }
            }
            (Some(old), None) if which == Differences::Deletions => {
                deleted.push(json!({ "$patch": "delete", key: old[key] }));
            }
            (None, Some(new)) if which == Differences::Changes => changed.push(new.clone()),
            _ => {}
        }
    }
    let place = |it: &Value| after.iter().position(|other| other[key] == it[key]);
    changed.order_by_key(place);
    changed.extend(deleted);
    Ok(changed)
}

fn by_key<'a>(key: &str, list: &'a [Value]) -> Result<Vec<(String, &'a Value)>, Refusal> {
    let keyed = list.iter().map(|it| Ok((super::patch::go_map(key_of(it, key)?), it)));
    let mut keyed = keyed.collect::<Result<Vec<_>, _>>()?;
    keyed.order_by(|(a, _), (b, _)| a.cmp(b));
    Ok(keyed)
}

fn same_keys(key: &str, before: &[Value], after: &[Value]) -> bool {
    let same = |(a, b): (&Value, &Value)| a[key] == b[key];
    before.len() == after.len() && before.iter().zip(after).all(same)
}
