//! Namespace and Node: defaults, what the server adds, validation.

use std::net::IpAddr;

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

/// `podCIDR` is the first of `podCIDRs`; where they disagree, the old field is believed.
pub(super) fn default_node(node: &mut Node) {
    let spec = &mut node.spec;
    match spec.pod_cidrs.first() {
        Some(first) if spec.pod_cidr.is_empty() => spec.pod_cidr.clone_from(first),
        Some(first) if *first == spec.pod_cidr => {}
        _ if spec.pod_cidr.is_empty() => {}
        _ => spec.pod_cidrs = vec![spec.pod_cidr.clone()],
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
    validate_taints(&node.spec.taints, errors);
    validate_ranges(&node.spec.pod_cidrs, errors);
}

fn validate_taints(taints: &[Taint], errors: &mut Errors) {
    for (index, taint) in taints.iter().enumerate() {
        // The path is the server's: taints were an annotation once.
        let field = format!("metadata.taints[{index}]");
        validate_taint(taint, &field, errors);
        let is_same = |it: &Taint| (&it.key, &it.effect) == (&taint.key, &taint.effect);
        if taints[..index].iter().any(is_same) {
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
            errors.duplicate_of(field, taint, "taints must be unique by key and effect pair");
        }
    }
}

fn validate_ranges(ranges: &[String], errors: &mut Errors) {
    let field = "spec.podCIDRs";
    for (index, range) in ranges.iter().enumerate() {
        rules::cidr(range, &format!("{field}[{index}]"), errors);
    }
    let parsed = ranges.iter().map(|it| rules::parse_cidr(it));
    let Some(parsed) = parsed.collect::<Option<Vec<IpAddr>>>().filter(|it| it.len() > 1) else {
        return;
    };
    let is_dual = parsed.iter().any(IpAddr::is_ipv4) && parsed.iter().any(IpAddr::is_ipv6);
    if !is_dual || parsed.len() > 2 {
        errors.invalid(field, ranges, "may specify no more than one CIDR for each IP family");
    }
}

/// `ValidateNodeUpdate`, with what the server asks of a new Node before.
pub(super) fn validate_node_update(new: &Node, old: &Node, errors: &mut Errors) {
    validate_node(new, errors);
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate_ranges(&new.spec.pod_cidrs, errors);
    validate_addresses(new, errors);
    let (new, old) = (&new.spec, &old.spec);
    if !old.pod_cidrs.is_empty() && new.pod_cidrs != old.pod_cidrs {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden("spec.podCIDRs", detail);
    }
    if !old.provider_id.is_empty() && new.provider_id != old.provider_id {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden("spec.providerID", detail);
    }
    validate_taints(&new.taints, errors);
    if new.external_id != old.external_id {
        errors.forbidden("spec.externalID", "may not be updated");
    }
}

fn validate_addresses(node: &Node, errors: &mut Errors) {
    let addresses = &node.status.addresses;
    for (index, address) in addresses.iter().enumerate() {
        if addresses[..index].contains(address) {
            let (r#type, ip) = (address.r#type.as_str().go(), address.address.as_str().go());
            let value = Struct {
                go: format!("core.NodeAddress{{Type:{}, Address:{ip}}}", r#type),
                json: format!("{{\"Type\":{},\"Address\":{ip}}}", r#type),
            };
            errors.duplicate(format!("status.addresses[{index}]"), value);
        }
    }
}

/// `ValidateNamespace`
pub(super) fn validate_namespace(namespace: &Namespace, errors: &mut Errors) {
    meta::validate(Kind::Namespace, &namespace.metadata, errors);
    for finalizer in &namespace.spec.finalizers {
        let complaints = rules::qualified_name(finalizer);
        errors.invalid_each("spec.finalizers", finalizer, complaints);
        meta::finalizer_of_kubernetes(finalizer, "spec.finalizers", errors);
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
