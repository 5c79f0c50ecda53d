//! Deployment, ReplicaSet, StatefulSet, DaemonSet.

use serde_json::Value;
use svclab_core::object::{Container, Deployment, Json, LabelSelector, ReplicaSet};
use svclab_netfilter::order::Order;

use super::{Column, joined, labels, list, narrow, number, or, text, wide};

pub(super) const DEPLOYMENT: &[Column] = &[
    narrow("NAME"),
    narrow("READY"),
    narrow("UP-TO-DATE"),
    narrow("AVAILABLE"),
    narrow("AGE"),
    wide("CONTAINERS"),
    wide("IMAGES"),
    wide("SELECTOR"),
];

pub(super) const REPLICA_SET: &[Column] = &[
    narrow("NAME"),
    narrow("DESIRED"),
    narrow("CURRENT"),
    narrow("READY"),
    narrow("AGE"),
    wide("CONTAINERS"),
    wide("IMAGES"),
    wide("SELECTOR"),
];

pub(super) const STATEFUL_SET: &[Column] =
    &[narrow("NAME"), narrow("READY"), narrow("AGE"), wide("CONTAINERS"), wide("IMAGES")];

pub(super) const DAEMON_SET: &[Column] = &[
    narrow("NAME"),
    narrow("DESIRED"),
    narrow("CURRENT"),
    narrow("READY"),
    narrow("UP-TO-DATE"),
    narrow("AVAILABLE"),
    narrow("NODE SELECTOR"),
    narrow("AGE"),
    wide("CONTAINERS"),
    wide("IMAGES"),
    wide("SELECTOR"),
];

pub(super) fn deployment(it: &Deployment, name: String, age: String) -> Vec<String> {
    let status = &it.status;
    let [containers, images] = containers(&it.spec.template.spec.containers);
    vec![
        name,
        format!("{}/{}", status.ready_replicas, it.spec.replicas.unwrap_or(0)),
        status.updated_replicas.to_string(),
        status.available_replicas.to_string(),
        age,
        containers,
        images,
        selector(it.spec.selector.as_ref()),
    ]
}

pub(super) fn replica_set(it: &ReplicaSet, name: String, age: String) -> Vec<String> {
    let [containers, images] = containers(&it.spec.template.spec.containers);
    vec![
        name,
        it.spec.replicas.unwrap_or(0).to_string(),
        it.status.replicas.to_string(),
        it.status.ready_replicas.to_string(),
        age,
        containers,
        images,
        selector(it.spec.selector.as_ref()),
    ]
}

pub(super) fn stateful_set(value: &Value, name: String, age: String) -> Vec<String> {
    let [containers, images] = containers_of(value);
    let ready = number(value, "/status/readyReplicas");
    let wanted = number(value, "/spec/replicas");
    vec![name, format!("{ready}/{wanted}"), age, containers, images]
}

pub(super) fn daemon_set(value: &Value, name: String, age: String) -> Vec<String> {
    let status = |field: &str| number(value, &format!("/status/{field}")).to_string();
    let map = |pointer: &str| {
        let found = value.pointer(pointer).cloned().unwrap_or_default();
        Json::from_json(found).unwrap_or_default()
    };
    let selector: Option<LabelSelector> =
        value.pointer("/spec/selector").and_then(|it| LabelSelector::from_json(it.clone()).ok());
    let [containers, images] = containers_of(value);
    vec![
        name,
        status("desiredNumberScheduled"),
        status("currentNumberScheduled"),
        status("numberReady"),
        status("updatedNumberScheduled"),
        status("numberAvailable"),
        labels(&map("/spec/template/spec/nodeSelector")),
        age,
        containers,
        images,
        self::selector(selector.as_ref()),
    ]
}

/// Names and images.
fn containers(containers: &[Container]) -> [String; 2] {
    [joined(containers.iter().map(|it| &it.name)), joined(containers.iter().map(|it| &it.image))]
}

fn containers_of(value: &Value) -> [String; 2] {
    let containers = list(value, "/spec/template/spec/containers");
    ["/name", "/image"].map(|field| joined(containers.iter().map(|it| text(it, field))))
}

/// `app=web,tier in (a,b),!old` (`FormatLabelSelector`), by key; `<none>` for one without conditions.
pub(in crate::kubectl) fn selector(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else { return "<none>".to_owned() };
    let equal = selector.match_labels.iter().map(|(key, value)| (key, format!("{key}={value}")));
    let other = selector.match_expressions.iter().map(|it| {
        let (key, mut values) = (&it.key, it.values.clone());
        values.order();
        let values = values.join(",");
        let text = match it.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        };
        (key, text)
    });
    let mut parts: Vec<(&String, String)> = equal.chain(other).collect();
    parts.order_by_key(|part| part.0);
    or(&joined(parts.into_iter().map(|part| part.1)), "<none>")
}
