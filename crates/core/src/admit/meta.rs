//! Metadata: what every object has, and the rules for it.

use super::errors::Errors;
use super::rules;
use super::{Refusal, Version};
use crate::key::{Kind, ObjectKey};
use crate::object::{LabelSelector, Labels, ObjectMeta, OwnerReference, Word};
use crate::rng::Rng;

/// A base longer than this is cut before the random letters.
const LONGEST_BASE: usize = 58;
const SUFFIX: usize = 5;
/// Of all keys and values together, in bytes.
const MOST_ANNOTATIONS: usize = 256 << 10;
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Whether an object is the one that the request's URL names.
pub(crate) fn check_place(url: &ObjectKey, meta: &mut ObjectMeta) -> Result<(), Refusal> {
    check_namespace(url, meta)?;
    let (name, asked) = (&meta.name, &url.name);
    if name.is_empty() {
        return Err(Refusal::bad_request(&format!(
            "the name of the object ({asked} based on URL) was undeterminable: name must be provided"
        )));
    }
    if name != asked {
        return Err(Refusal::bad_request(&format!(
            "the name of the object ({name}) does not match the name on the URL ({asked})"
        )));
    }
    Ok(())
}

/// An object without a namespace gets that of the request, and one of the whole cluster none
/// (`EnsureObjectNamespaceMatchesRequestNamespace`).
pub(crate) fn check_namespace(url: &ObjectKey, meta: &mut ObjectMeta) -> Result<(), Refusal> {
    if meta.namespace.is_empty() || !url.kind.is_namespaced() {
        meta.namespace.clone_from(&url.namespace);
    }
    if meta.namespace != url.namespace {
        let why =
            "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(why));
    }
    Ok(())
}

/// Fills in what the server gives every new object. Its times and its version are the store's.
pub(super) fn prepare(kind: Kind, meta: &mut ObjectMeta, version: Version, rng: &mut Rng) {
    if meta.name.is_empty() && !meta.generate_name.is_empty() {
        let base: String = meta.generate_name.chars().take(LONGEST_BASE).collect();
        meta.name = format!("{base}{}", rng.suffix(SUFFIX));
    }
    meta.uid = rng.uid().into();
    meta.resource_version = String::new();
    meta.self_link = String::new();
    meta.creation_timestamp = Word::default();
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
    if !meta.generate_name.is_empty() {
        let prefix = without_last_dash(&meta.generate_name);
        let complaints = name_complaints(kind, &prefix);
        errors.invalid_each("metadata.generateName", &meta.generate_name, complaints);
    }
    if meta.name.is_empty() {
        errors.required("metadata.name", "name or generateName is required");
    } else {
        errors.invalid_each("metadata.name", &meta.name, name_complaints(kind, &meta.name));
    }
    contents(meta, errors);
    for (index, finalizer) in meta.finalizers.iter().enumerate() {
        finalizer_of_kubernetes(finalizer, &format!("metadata.finalizers[{index}]"), errors);
    }
}

/// `validateKubeFinalizerName`: a name without a domain is one of Kubernetes itself.
pub(super) fn finalizer_of_kubernetes(finalizer: &str, field: &str, errors: &mut Errors) {
    if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer) {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        errors.invalid(field, finalizer, detail);
    }
}

/// `maskTrailingDash`: something follows a dash at the end.
fn without_last_dash(prefix: &str) -> String {
    let start = prefix.strip_suffix('-').filter(|it| !it.is_empty());
    let Some(start) = start else { return prefix.to_owned() };
    let kept: String = start.chars().take(start.chars().count() - 1).collect();
    kept + "a"
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
    for finalizer in &meta.finalizers {
        let complaints = rules::qualified_name(finalizer);
        errors.invalid_each("metadata.finalizers", finalizer, complaints);
    }
    let waits = |finalizer: &str| meta.finalizers.iter().any(|it| it == finalizer);
    if waits("orphan") && waits("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid("metadata.finalizers", meta.finalizers.as_slice(), detail);
    }
}

/// `ValidateOwnerReferences`: whose the object is, and that one owner at most controls it.
fn owner_references(owners: &[OwnerReference], errors: &mut Errors) {
    let field = "metadata.ownerReferences";
    let mut controller: Option<&OwnerReference> = None;
    for owner in owners {
        let words = [
            ("apiVersion", has_version(&owner.api_version), "version must not be empty"),
            ("kind", !owner.kind.is_empty(), "must not be empty"),
            ("name", !owner.name.is_empty(), "must not be empty"),
            ("uid", !owner.uid.is_empty(), "must not be empty"),
        ];
        for (name, _, detail) in words.into_iter().filter(|(_, is_there, _)| !is_there) {
            let word = if name == "apiVersion" { owner.api_version.as_str() } else { "" };
            errors.invalid(format!("{field}.{name}"), word, detail);
        }
        if owner.controller != Some(true) {
            continue;
        }
        match controller {
            None => controller = Some(owner),
            Some(first) => {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in \
                     references for {}/{} and {}/{}",
                    first.kind, first.name, owner.kind, owner.name
                );
                errors.invalid(field, owners, &detail);
            }
        }
    }
}

/// `group/version`, or a version alone.
fn has_version(api_version: &str) -> bool {
    let version = api_version.split_once('/').map_or(api_version, |(_, version)| version);
    !version.is_empty() && !version.contains('/')
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
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MOST_ANNOTATIONS {
        errors.too_long(field, MOST_ANNOTATIONS);
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
