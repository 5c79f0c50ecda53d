//! Node, Namespace, ConfigMap.

use serde_json::{Map, Value};
use svclab_core::object::Node;

use super::{Column, joined, narrow, or, wide};

pub(super) const NODE: &[Column] = &[
    narrow("NAME"),
    narrow("STATUS"),
    narrow("ROLES"),
    narrow("AGE"),
    narrow("VERSION"),
    wide("INTERNAL-IP"),
    wide("EXTERNAL-IP"),
    wide("OS-IMAGE"),
    wide("KERNEL-VERSION"),
    wide("CONTAINER-RUNTIME"),
];

pub(super) const NAMESPACE: &[Column] = &[narrow("NAME"), narrow("STATUS"), narrow("AGE")];

pub(super) const CONFIG_MAP: &[Column] = &[narrow("NAME"), narrow("DATA"), narrow("AGE")];

pub(super) fn node(it: &Node, name: String, age: String) -> Vec<String> {
    let info = &it.status.node_info;
    let address = |kind: &str| {
        let found = it.status.addresses.iter().find(|it| it.r#type == kind);
        or(found.map_or("", |it| &it.address), "<none>")
    };
    vec![
        name,
        status(it),
        roles(it),
        age,
        info.kubelet_version.clone(),
        address("InternalIP"),
        address("ExternalIP"),
        or(&info.os_image, "<unknown>"),
        or(&info.kernel_version, "<unknown>"),
        or(&info.container_runtime_version, "<unknown>"),
    ]
}

/// `Ready,SchedulingDisabled`
fn status(it: &Node) -> String {
    let condition = it.status.conditions.iter().find(|it| it.r#type == "Ready");
    let word = match condition.map(|it| it.status.as_str()) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if it.spec.unschedulable { format!("{word},SchedulingDisabled") } else { word.to_owned() }
}

pub(in crate::kubectl) fn roles(it: &Node) -> String {
    let labels = it.metadata.labels.keys();
    let roles = labels.filter_map(|key| key.strip_prefix("node-role.kubernetes.io/"));
    or(&joined(roles.filter(|role| !role.is_empty())), "<none>")
}

/// How many entries a ConfigMap holds.
pub(super) fn data(value: &Value) -> String {
    let count = |field: &str| value.get(field).and_then(Value::as_object).map_or(0, Map::len);
    (count("data") + count("binaryData")).to_string()
}
