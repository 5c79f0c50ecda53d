//! NetworkPolicy: defaults and validation.

use super::errors::{Errors, GoValue, Struct};
use super::{meta, rules};
use crate::key::Kind;
use crate::object::{
    IntOrString, IpBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};

// Not the alphabet's order, in the server either.
const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
const TYPES: &[&str] = &["Ingress", "Egress"];

pub(super) fn default(policy: &mut NetworkPolicy) {
    let spec = &mut policy.spec;
    let ingress = spec.ingress.iter_mut().flat_map(|rule| &mut rule.ports);
    let egress = spec.egress.iter_mut().flat_map(|rule| &mut rule.ports);
    for port in ingress.chain(egress) {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    if spec.policy_types.is_empty() {
        let said = if spec.egress.is_empty() { &TYPES[..1] } else { TYPES };
        spec.policy_types = said.iter().map(|it| (*it).to_owned()).collect();
    }
}

/// `ValidateNetworkPolicy`.
pub(super) fn validate(policy: &NetworkPolicy, errors: &mut Errors) {
    meta::validate(Kind::NetworkPolicy, &policy.metadata, errors);
    validate_spec(&policy.spec, errors);
}

/// `ValidateNetworkPolicyUpdate`.
pub(super) fn validate_update(new: &NetworkPolicy, old: &NetworkPolicy, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate_spec(&new.spec, errors);
}

fn validate_spec(spec: &NetworkPolicySpec, errors: &mut Errors) {
    meta::selector(&spec.pod_selector, "spec.podSelector", errors);
    for (index, rule) in spec.ingress.iter().enumerate() {
        let field = format!("spec.ingress[{index}]");
        validate_rule(&rule.ports, &rule.from, "from", &field, errors);
    }
    for (index, rule) in spec.egress.iter().enumerate() {
        let field = format!("spec.egress[{index}]");
        validate_rule(&rule.ports, &rule.to, "to", &field, errors);
    }
    if spec.policy_types.len() > TYPES.len() {
        let types = spec.policy_types.as_slice();
        let value = Struct {
            go: types.go().replacen("[]string", "[]networking.PolicyType", 1),
            json: types.json(),
        };
        let detail = "may not specify more than two policyTypes";
        return errors.invalid("spec.policyTypes", value, detail);
    }
    for (index, word) in spec.policy_types.iter().enumerate() {
        if !TYPES.contains(&word.as_str()) {
            errors.not_supported(format!("spec.policyTypes[{index}]"), word, TYPES);
        }
    }
}

fn validate_rule(
    ports: &[NetworkPolicyPort],
    peers: &[NetworkPolicyPeer],
    direction: &str,
    field: &str,
    errors: &mut Errors,
) {
    for (index, port) in ports.iter().enumerate() {
        validate_port(port, &format!("{field}.ports[{index}]"), errors);
    }
    for (index, peer) in peers.iter().enumerate() {
        validate_peer(peer, &format!("{field}.{direction}[{index}]"), errors);
    }
}

fn validate_port(port: &NetworkPolicyPort, field: &str, errors: &mut Errors) {
    if let Some(word) = port.protocol.as_deref().filter(|word| !PROTOCOLS.contains(word)) {
        errors.not_supported(format!("{field}.protocol"), word, PROTOCOLS);
    }
    let (end, of_end) = (port.end_port, format!("{field}.endPort"));
    match (&port.port, end) {
        (Some(number @ IntOrString::Int(start)), end) => {
            rules::port_number_or_name(number, &format!("{field}.port"), errors);
            let Some(end) = end else { return };
            if end < *start {
                errors.invalid(&of_end, end, "must be greater than or equal to `port`");
            }
            for complaint in rules::port_number(end) {
                errors.invalid(&of_end, end, &complaint);
            }
        }
        (Some(name), end) => {
            if let Some(end) = end {
                errors.invalid(of_end, end, "may not be specified when `port` is non-numeric");
            }
            rules::port_number_or_name(name, &format!("{field}.port"), errors);
        }
        (None, Some(end)) => {
            errors.invalid(of_end, end, "may not be specified when `port` is not specified");
        }
        (None, None) => {}
    }
}

fn validate_peer(peer: &NetworkPolicyPeer, field: &str, errors: &mut Errors) {
    let selectors =
        [("podSelector", &peer.pod_selector), ("namespaceSelector", &peer.namespace_selector)];
    for (name, selector) in selectors {
        if let Some(selector) = selector {
            meta::selector(selector, &format!("{field}.{name}"), errors);
        }
    }
    let selects = selectors.iter().any(|(_, selector)| selector.is_some());
    match &peer.ip_block {
        None if !selects => errors.required(field, "must specify a peer"),
        None => {}
        Some(block) => {
            validate_block(block, &format!("{field}.ipBlock"), errors);
            if selects {
                errors.forbidden(field, "may not specify both ipBlock and another peer");
            }
        }
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
