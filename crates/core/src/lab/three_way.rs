//! `kubectl apply`: last applied, wanted and live → the object to send.
//!
//! What the user wrote wins, what the user wrote last time and no longer writes goes, everything
//! else stays as it is (a strategic three-way merge, as `kubectl apply` patches).

use serde_json::{Map, Value};

/// The annotation in which kubectl keeps what was applied last.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `wanted` with the annotation, over `live` where there is one.
pub(super) fn merge(live: Option<&Value>, wanted: &Value) -> Value {
    let annotated = annotate(wanted);
    let Some(live) = live else { return annotated };
    let last = live.pointer("/metadata/annotations").and_then(|it| it.get(LAST_APPLIED));
    let last = last.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    merged("", &last.unwrap_or(Value::Null), &annotated, live)
}

/// The manifest with itself in the annotation, as kubectl writes it: compact, keys sorted, a line
/// end behind it.
fn annotate(wanted: &Value) -> Value {
    let mut plain = wanted.clone();
    let annotations = entry(entry(&mut plain, "metadata"), "annotations");
    if let Some(map) = annotations.as_object_mut() {
        map.remove(LAST_APPLIED);
    }
    let text = format!("{}\n", sorted(&plain));
    entry(entry(&mut plain, "metadata"), "annotations")[LAST_APPLIED] = text.into();
    plain
}

/// The map at `key`, made where it is not there.
fn entry<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
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
            pairs.sort_by_key(|pair| pair.0);
            Value::Object(pairs.into_iter().map(|(key, it)| (key.clone(), sorted(it))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn merged(field: &str, last: &Value, wanted: &Value, live: &Value) -> Value {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => merged_map(last, wanted, live),
        (Value::Array(wanted), Value::Array(live)) => match merge_key(field, live) {
            Some(key) => merged_list(key, last, wanted, live),
            None => Value::Array(wanted.clone()),
        },
        _ => wanted.clone(),
    }
}

fn merged_map(last: &Value, wanted: &Map<String, Value>, live: &Map<String, Value>) -> Value {
    let mut res = live.clone();
    if let Some(last) = last.as_object() {
        res.retain(|key, _| wanted.contains_key(key) || !last.contains_key(key));
    }
    for (key, value) in wanted {
        let last = last.get(key).unwrap_or(&Value::Null);
        match (value, live.get(key)) {
            (Value::Null, _) => {
                res.remove(key);
            }
            (value, Some(live)) => {
                res.insert(key.clone(), merged(key, last, value, live));
            }
            (value, None) => {
                res.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(res)
}

/// Items with the same key are merged; they stand in the order wanted, foreign ones behind.
fn merged_list(key: &str, last: &Value, wanted: &[Value], live: &[Value]) -> Value {
    let find =
        |items: &[Value], id: &Value| items.iter().find(|it| it.get(key) == Some(id)).cloned();
    let last = last.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut res: Vec<Value> = Vec::new();
    for item in wanted {
        let id = item.get(key).unwrap_or(&Value::Null);
        let before = find(last, id).unwrap_or(Value::Null);
        res.push(match find(live, id) {
            Some(live) => merged("", &before, item, &live),
            None => item.clone(),
        });
    }
    for item in live {
        let id = item.get(key).unwrap_or(&Value::Null);
        if find(wanted, id).is_none() && find(last, id).is_none() {
            res.push(item.clone());
        }
    }
    Value::Array(res)
}

/// The field that tells a list's items apart (`patchMergeKey` in the API's types). A container's
/// ports go by `containerPort`, a Service's by `port`. None: the list is one value.
fn merge_key(field: &str, live: &[Value]) -> Option<&'static str> {
    let first_has = |key: &str| live.first().is_some_and(|it| it.get(key).is_some());
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets" => Some("name"),
        "ports" if first_has("containerPort") => Some("containerPort"),
        "ports" if first_has("port") => Some("port"),
        "volumeMounts" => Some("mountPath"),
        "hostAliases" => Some("ip"),
        "ownerReferences" => Some("uid"),
        "conditions" => Some("type"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Applies each manifest in turn, `meddle` after the first, and gives the end without metadata.
    #[track_caller]
    fn check(manifests: &[Value], meddle: impl Fn(&mut Value), expected: Value) {
        let mut live: Option<Value> = None;
        for manifest in manifests {
            let first = live.is_none();
            let mut next = merge(live.as_ref(), manifest);
            if first {
                meddle(&mut next);
            }
            live = Some(next);
        }
        let mut live = live.unwrap_or_default();
        live.as_object_mut().unwrap().remove("metadata");
        assert_eq!(live, expected);
    }

    #[test]
    fn what_the_user_no_longer_writes_goes_and_what_others_wrote_stays() {
        check(
            &[json!({"spec": {"a": 1, "b": 2}}), json!({"spec": {"a": 3}})],
            |live| live["spec"]["clusterIP"] = "10.96.1.1".into(),
            json!({"spec": {"a": 3, "clusterIP": "10.96.1.1"}}),
        );
    }

    #[test]
    fn list_items_keep_what_was_defaulted_in_them() {
        check(
            &[
                json!({"spec": {"ports": [{"port": 80}, {"port": 81}]}}),
                json!({"spec": {"ports": [{"port": 80, "name": "http"}]}}),
            ],
            |live| live["spec"]["ports"][0]["nodePort"] = 30080.into(),
            json!({"spec": {"ports": [{"port": 80, "nodePort": 30080, "name": "http"}]}}),
        );
    }

    #[test]
    fn the_annotation_is_what_kubectl_writes() {
        let res = merge(None, &json!({"kind": "Service", "apiVersion": "v1"}));
        assert_eq!(
            res["metadata"]["annotations"][LAST_APPLIED],
            "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"annotations\":{}}}\n"
        );
    }
}
