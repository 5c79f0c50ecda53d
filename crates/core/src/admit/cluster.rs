//! Namespace and Node: defaults, what the server adds, validation.

use super::errors::{Errors, GoValue, Struct};
use super::{meta, rules};
use crate::key::Kind;
use crate::object::{Namespace, Node, Taint};

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
pub(super) const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(super) fn default_namespace(namespace: &mut Namespace) {
    let meta = &mut namespace.metadata;
    if !meta.name.is_empty() {
        meta.labels.insert(NAME_LABEL.to_owned(), meta.name.clone());
    }
}

pub(super) fn prepare_namespace(namespace: &mut Namespace) {
    let finalizers = &mut namespace.spec.finalizers;
    if !finalizers.iter().any(|it| it == "kubernetes") {
        finalizers.push("kubernetes".to_owned());
    }
    namespace.status = Default::default();
    namespace.status.phase = "Active".to_owned();
}

/// `podCIDR` is the first of `podCIDRs`.
pub(super) fn default_node(node: &mut Node) {
    let spec = &mut node.spec;
    if spec.pod_cidrs.is_empty() && !spec.pod_cidr.is_empty() {
        spec.pod_cidrs = vec![spec.pod_cidr.clone()];
    }
    if let Some(first) = spec.pod_cidrs.first() {
        spec.pod_cidr.clone_from(first);
    }
}

/// A new node takes no pods before its controller has seen it ready.
pub(super) fn prepare_node(node: &mut Node) {
    let key = "node.kubernetes.io/not-ready";
    let taints = &mut node.spec.taints;
    if !taints.iter().any(|it| it.key == key && it.effect == "NoSchedule") {
        let (key, effect) = (key.to_owned(), "NoSchedule".to_owned());
        taints.push(Taint { key, effect, ..Taint::default() });
    }
}

/// `ValidateNode`.
pub(super) fn validate_node(node: &Node, errors: &mut Errors) {
    meta::validate(Kind::Node, &node.metadata, errors);
    for (index, taint) in node.spec.taints.iter().enumerate() {
        // The path is the server's: taints were an annotation once.
        let field = format!("metadata.taints[{index}]");
        validate_taint(taint, &field, errors);
        let is_same = |it: &Taint| (&it.key, &it.effect) == (&taint.key, &taint.effect);
        if node.spec.taints[..index].iter().any(is_same) {
            let (key, value, effect) = (&taint.key, &taint.value, &taint.effect);
            let (key, value, effect) = (key.go(), value.go(), effect.go());
            let taint = Struct {
                go: format!(
                    "core.Taint{{Key:{key}, Value:{value}, Effect:{effect}, TimeAdded:<nil>}}"
                ),
                json: format!(
                    "{{\"Key\":{key},\"Value\":{value},\"Effect\":{effect},\"TimeAdded\":null}}"
                ),
            };
            errors.duplicate(field, taint);
        }
    }
    for (index, cidr) in node.spec.pod_cidrs.iter().enumerate() {
        rules::cidr(cidr, &format!("spec.podCIDRs[{index}]"), errors);
    }
}

fn validate_taint(taint: &Taint, field: &str, errors: &mut Errors) {
    errors.invalid_each(format!("{field}.key"), &taint.key, rules::qualified_name(&taint.key));
    errors.invalid_each(format!("{field}.value"), &taint.value, rules::label_value(&taint.value));
    if taint.effect.is_empty() {
        errors.required(format!("{field}.effect"), "");
    } else if !EFFECTS.contains(&taint.effect.as_str()) {
        errors.not_supported(format!("{field}.effect"), &taint.effect, EFFECTS);
    }
}
