//! NetworkPolicy: defaults and validation.

use serde_json::{Value, json};

use super::errors::Errors;
use super::{meta, rules};
use crate::object::json::api;
use crate::object::{IntOrString, Other};

api! {
    struct PolicySpec {
        ingress: Vec<PolicyRule>,
        egress: Vec<PolicyRule>,
        policy_types: Vec<String>,
    }

    /// The peers of an ingress rule are `from`, those of an egress rule `to`.
    struct PolicyRule {
        ports: Vec<PolicyPort>,
        from: Vec<Peer>,
        to: Vec<Peer>,
    }

    struct PolicyPort {
        protocol: Option<String>,
        port: Option<IntOrString>,
        end_port: Option<i32>,
    }

    struct Peer {
        pod_selector: Value,
        namespace_selector: Value,
        ip_block: Option<IpBlock>,
    }

    struct IpBlock {
        cidr: String,
        except: Vec<String>,
    }
}

// Not the alphabet's order, in the server either.
const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
const TYPES: &[&str] = &["Ingress", "Egress"];

pub(super) fn default(policy: &mut Other) {
    let Some(Value::Object(spec)) = policy.body.get_mut("spec") else { return };
    for direction in ["ingress", "egress"] {
        let rules = spec.get_mut(direction).and_then(Value::as_array_mut);
        let ports = rules.into_iter().flatten().filter_map(|rule| rule.get_mut("ports"));
        for port in ports.filter_map(Value::as_array_mut).flatten().filter_map(Value::as_object_mut)
        {
            port.entry("protocol").or_insert_with(|| "TCP".into());
        }
    }
    let has_egress = spec.get("egress").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    let types = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    let is_said =
        spec.get("policyTypes").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    if !is_said {
        spec.insert("policyTypes".to_owned(), types);
    }
}

/// `ValidateNetworkPolicy`.
pub(super) fn validate(policy: &Other, errors: &mut Errors) {
    meta::validate(policy.kind, &policy.metadata, errors);
    let spec: PolicySpec = super::typed(policy, "spec");
    for (direction, list) in [("ingress", &spec.ingress), ("egress", &spec.egress)] {
        for (index, rule) in list.iter().enumerate() {
            validate_rule(rule, &format!("spec.{direction}[{index}]"), errors);
        }
    }
    if spec.policy_types.len() > TYPES.len() {
        errors.invalid(
            "spec.policyTypes",
            spec.policy_types.as_slice(),
            "may not specify more than two policyTypes",
        );
        return;
    }
    for (index, word) in spec.policy_types.iter().enumerate() {
        if !TYPES.contains(&word.as_str()) {
            errors.not_supported(format!("spec.policyTypes[{index}]"), word, TYPES);
        }
    }
}

fn validate_rule(rule: &PolicyRule, field: &str, errors: &mut Errors) {
    for (index, port) in rule.ports.iter().enumerate() {
        validate_port(port, &format!("{field}.ports[{index}]"), errors);
    }
    for (name, peers) in [("from", &rule.from), ("to", &rule.to)] {
        for (index, peer) in peers.iter().enumerate() {
            validate_peer(peer, &format!("{field}.{name}[{index}]"), errors);
        }
    }
}

fn validate_port(port: &PolicyPort, field: &str, errors: &mut Errors) {
    if let Some(word) = port.protocol.as_deref().filter(|word| !PROTOCOLS.contains(word)) {
        errors.not_supported(format!("{field}.protocol"), word, PROTOCOLS);
    }
    if let Some(number) = &port.port {
        rules::port_number_or_name(number, &format!("{field}.port"), errors);
    }
    let Some(end) = port.end_port else { return };
    let field = format!("{field}.endPort");
    match &port.port {
        Some(IntOrString::Int(start)) if end < *start => {
            errors.invalid(field, end, "must be greater than or equal to `port`");
        }
        Some(IntOrString::Int(_)) => {
            for complaint in rules::port_number(end) {
                errors.invalid(&field, end, &complaint);
            }
        }
        Some(IntOrString::String(_)) => {
            errors.invalid(field, end, "may not be specified when `port` is non-numeric");
        }
        None => errors.invalid(field, end, "may not be specified when `port` is not specified"),
    }
}

fn validate_peer(peer: &Peer, field: &str, errors: &mut Errors) {
    let selects = !peer.pod_selector.is_null() || !peer.namespace_selector.is_null();
    match &peer.ip_block {
        None if !selects => errors.required(field, "must specify a peer"),
        None => {}
        Some(_) if selects => {
            errors.forbidden(field, "may not specify both ipBlock and another peer");
        }
        Some(block) => validate_block(block, &format!("{field}.ipBlock"), errors),
    }
}

fn validate_block(block: &IpBlock, field: &str, errors: &mut Errors) {
    if block.cidr.is_empty() {
        return errors.required(format!("{field}.cidr"), "");
    }
    rules::cidr(&block.cidr, &format!("{field}.cidr"), errors);
    let Ok(whole) = block.cidr.parse::<ipnet::IpNet>() else { return };
    for (index, text) in block.except.iter().enumerate() {
        let field = format!("{field}.except[{index}]");
        rules::cidr(text, &field, errors);
        let is_part =
            |part: ipnet::IpNet| whole.contains(&part) && part.prefix_len() > whole.prefix_len();
        if text.parse().is_ok_and(|part| !is_part(part)) {
            errors.invalid(field, text, "must be a strict subset of `cidr`");
        }
    }
}
