//! StatefulSet: defaults, validation, what may change.

use serde_json::{Map, Value, json};

use super::errors::Errors;
use super::{meta, pod, workload};
use crate::object::empty::api;
use crate::object::{LabelSelector, Other, PodTemplateSpec};

api! {
    struct SetSpec {
        replicas: Option<i32>,
        selector: Option<LabelSelector>,
        template: PodTemplateSpec,
        min_ready_seconds: i32,
    }
}

pub(super) fn default(set: &mut Other) {
    let SetSpec { mut template, .. } = super::typed(set, "spec");
    pod::default_spec(&mut template.spec);
    let template = serde_json::to_value(template).expect("a template has text keys only");
    let spec = set.body.entry("spec").or_insert_with(|| json!({}));
    let Value::Object(spec) = spec else { return };
    spec.insert("template".to_owned(), template);
    let defaults = json!({
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate"},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    });
    fill(spec, &defaults);
    if let Some(Value::Object(strategy)) = spec.get_mut("updateStrategy")
        && strategy.get("type").is_some_and(|it| it == "RollingUpdate")
    {
        fill(strategy, &json!({"rollingUpdate": {"partition": 0}}));
    }
}

/// Puts in what is missing, at every depth.
fn fill(map: &mut Map<String, Value>, defaults: &Value) {
    for (name, default) in defaults.as_object().into_iter().flatten() {
        match map.entry(name.clone()).or_insert_with(|| default.clone()) {
            Value::Object(inner) => fill(inner, default),
            _ => continue,
        }
    }
}

pub(super) fn prepare(set: &mut Other) {
    set.body.insert("status".to_owned(), json!({"replicas": 0, "availableReplicas": 0}));
}

/// `ValidateStatefulSet`, as far as it is like a ReplicaSet.
pub(super) fn validate(set: &Other, errors: &mut Errors) {
    meta::validate(set.kind, &set.metadata, errors);
    let spec: SetSpec = super::typed(set, "spec");
    let (replicas, ready) = (spec.replicas.unwrap_or_default(), spec.min_ready_seconds);
    super::rules::not_negative(replicas.into(), "spec.replicas", errors);
    super::rules::not_negative(ready.into(), "spec.minReadySeconds", errors);
    let empty = "empty selector is invalid for statefulset";
    if workload::validate_selector(spec.selector.as_ref(), empty, errors) {
        workload::validate_template(&spec.template, spec.selector.as_ref(), errors);
    }
}

const FREE: [&str; 6] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(super) fn validate_update(new: &Other, old: &Other, errors: &mut Errors) {
    validate(new, errors);
    let fixed = |set: &Other| {
        let mut spec: Map<String, Value> = super::typed(set, "spec");
        spec.retain(|name, _| !FREE.contains(&name.as_str()));
        spec
    };
    if fixed(new) != fixed(old) {
        errors.forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        );
    }
}
