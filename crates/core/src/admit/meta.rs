//! Metadata: what every object has, and the rules for it.

use super::Version;
use super::errors::Errors;
use super::rules;
use crate::key::Kind;
use crate::object::{LabelSelector, Labels, ObjectMeta, OwnerReference};
use crate::rng::Rng;

/// A base longer than this is cut before the random letters.
const LONGEST_BASE: usize = 58;
const SUFFIX: usize = 5;

/// Fills in what the server gives every new object. Its times and its version are the store's.
pub(super) fn prepare(kind: Kind, meta: &mut ObjectMeta, version: Version, rng: &mut Rng) {
    if meta.name.is_empty() && !meta.generate_name.is_empty() {
        let base: String = meta.generate_name.chars().take(LONGEST_BASE).collect();
        meta.name = format!("{base}{}", rng.suffix(SUFFIX));
    }
    meta.uid = rng.uid();
    meta.resource_version = String::new();
    meta.self_link = String::new();
    meta.creation_timestamp = String::new();
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    meta.generation = i64::from(has_generation(kind, version));
}

/// The kinds whose spec changes are counted.
pub(super) fn has_generation(kind: Kind, version: Version) -> bool {
    let counts = matches!(
        kind,
        Kind::Deployment
            | Kind::ReplicaSet
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::EndpointSlice
            | Kind::Ingress
            | Kind::IngressClass
            | Kind::NetworkPolicy
    );
    counts || kind == Kind::Pod && version >= Version::V1_33
}

/// `ValidateObjectMeta`.
pub(super) fn validate(kind: Kind, meta: &ObjectMeta, errors: &mut Errors) {
    if meta.name.is_empty() {
        errors.required("metadata.name", "name or generateName is required");
    } else {
        errors.invalid_each("metadata.name", &meta.name, name_complaints(kind, &meta.name));
    }
    contents(meta, errors);
}

/// What every update is asked before its kind's own rules (`validateCommonFields`): the labels are
/// looked at twice, so a bad one is a cause twice.
pub(super) fn validate_common(new: &ObjectMeta, old: &ObjectMeta, errors: &mut Errors) {
    contents(new, errors);
    validate_update(new, old, errors);
}

/// `ValidateObjectMetaUpdate`.
pub(super) fn validate_update(new: &ObjectMeta, old: &ObjectMeta, errors: &mut Errors) {
    immutable(&new.name, &old.name, "metadata.name", errors);
    immutable(&new.namespace, &old.namespace, "metadata.namespace", errors);
    labels(&new.labels, "metadata.labels", errors);
    annotations(&new.annotations, "metadata.annotations", errors);
    owner_references(&new.owner_references, errors);
}

fn contents(meta: &ObjectMeta, errors: &mut Errors) {
    labels(&meta.labels, "metadata.labels", errors);
    annotations(&meta.annotations, "metadata.annotations", errors);
    owner_references(&meta.owner_references, errors);
    for (index, finalizer) in meta.finalizers.iter().enumerate() {
        let field = format!("metadata.finalizers[{index}]");
        errors.invalid_each(field, finalizer, rules::qualified_name(finalizer));
    }
}

/// `ValidateOwnerReferences`: whose the object is, and that one owner at most controls it.
fn owner_references(owners: &[OwnerReference], errors: &mut Errors) {
    for owner in owners {
        let words = [
            ("apiVersion", &owner.api_version, "version must not be empty"),
            ("kind", &owner.kind, "must not be empty"),
            ("name", &owner.name, "must not be empty"),
            ("uid", &owner.uid, "must not be empty"),
        ];
        for (name, word, detail) in words {
            if word.is_empty() {
                errors.invalid(format!("metadata.ownerReferences.{name}"), word, detail);
            }
        }
    }
}

fn name_complaints(kind: Kind, name: &str) -> Vec<String> {
    match kind {
        Kind::Service => rules::dns_1035_label(name),
        Kind::Namespace | Kind::StatefulSet => rules::dns_1123_label(name),
        // These may hold anything that fits into a path.
        Kind::Role | Kind::RoleBinding | Kind::ClusterRole | Kind::ClusterRoleBinding => Vec::new(),
        _ => rules::dns_1123_subdomain(name),
    }
}

/// The path is the map itself, the value the bad key or the bad value.
pub(super) fn labels(labels: &Labels, field: &str, errors: &mut Errors) {
    for (key, value) in labels {
        errors.invalid_each(field, key, rules::qualified_name(key));
        errors.invalid_each(field, value, rules::label_value(value));
    }
}

pub(super) fn annotations(annotations: &Labels, field: &str, errors: &mut Errors) {
    for key in annotations.keys() {
        errors.invalid_each(field, key, rules::qualified_name(&key.to_lowercase()));
    }
}

/// `ValidateLabelSelector`; false if no selector can be made of it.
pub(super) fn selector(selector: &LabelSelector, field: &str, errors: &mut Errors) -> bool {
    let before = errors.len();
    labels(&selector.match_labels, &format!("{field}.matchLabels"), errors);
    for (index, requirement) in selector.match_expressions.iter().enumerate() {
        let field = format!("{field}.matchExpressions[{index}]");
        let has_values = !requirement.values.is_empty();
        match requirement.operator.as_str() {
            "In" | "NotIn" if !has_values => errors.required(
                format!("{field}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            ),
            "Exists" | "DoesNotExist" if has_values => errors.forbidden(
                format!("{field}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                errors.invalid(format!("{field}.operator"), other, "not a valid selector operator")
            }
        }
        let complaints = rules::qualified_name(&requirement.key);
        errors.invalid_each(format!("{field}.key"), &requirement.key, complaints);
        for (index, value) in requirement.values.iter().enumerate() {
            let field = format!("{field}.values[{index}]");
            errors.invalid_each(field, value, rules::label_value(value));
        }
    }
    errors.len() == before
}

/// `ValidateImmutableField` for the words that may not change.
pub(super) fn immutable(new: &str, old: &str, field: &str, errors: &mut Errors) {
    if new != old {
        errors.invalid(field, new, "field is immutable");
    }
}
