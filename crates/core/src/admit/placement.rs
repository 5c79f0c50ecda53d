//! Where a pod may run: its tolerations, affinities and how it is spread.

use serde_json::Value;

use super::errors::{Errors, GoValue, Struct};
use super::{cluster, meta, rules};
use crate::object::{Json, LabelSelector, Toleration};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const UNSATISFIABLE: &[&str] = &["DoNotSchedule", "ScheduleAnyway"];

/// `ValidateTolerations`.
pub(super) fn validate_tolerations(tolerations: &[Toleration], field: &str, errors: &mut Errors) {
    for (index, toleration) in tolerations.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let Toleration { key, operator, value, effect, toleration_seconds } = toleration;
        if !key.is_empty() {
            errors.invalid_each(format!("{field}.key"), key, rules::qualified_name(key));
        }
        if key.is_empty() && operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(format!("{field}.operator"), operator, detail);
        }
        if toleration_seconds.is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(format!("{field}.effect"), effect, detail);
        }
        match operator.as_str() {
            "" | "Equal" => {
                errors.invalid_each(format!("{field}.operator"), value, rules::label_value(value));
            }
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                errors.invalid(format!("{field}.operator"), toleration_go(toleration), detail);
            }
            "Exists" => {}
            other => {
                errors.not_supported(format!("{field}.operator"), other, &["Equal", "Exists"]);
            }
        }
        if !effect.is_empty() && !cluster::EFFECTS.contains(&effect.as_str()) {
            errors.not_supported(format!("{field}.effect"), effect, cluster::EFFECTS);
        }
    }
}

fn toleration_go(it: &Toleration) -> Struct {
    let words = [&it.key, &it.operator, &it.value, &it.effect].map(|word| word.as_str().go());
    let [key, operator, value, effect] = words;
    let seconds = it.toleration_seconds.map_or("null".to_owned(), |it| it.to_string());
    Struct {
        go: format!(
            "core.Toleration{{Key:{key}, Operator:{operator}, Value:{value}, Effect:{effect}, \
             TolerationSeconds:(*int64)(nil)}}"
        ),
        json: format!(
            "{{\"Key\":{key},\"Operator\":{operator},\"Value\":{value},\"Effect\":{effect},\
             \"TolerationSeconds\":{seconds}}}"
        ),
    }
}

/// `validateAffinity`.
pub(super) fn validate_affinity(affinity: &Value, field: &str, errors: &mut Errors) {
    let nodes = &affinity["nodeAffinity"];
    if nodes[REQUIRED].is_object() {
        let field = format!("{field}.nodeAffinity.{REQUIRED}.nodeSelectorTerms");
        let terms = list(&nodes[REQUIRED]["nodeSelectorTerms"]);
        if terms.is_empty() {
            errors.required(&field, "must have at least one node selector term");
        }
        for (index, term) in terms.iter().enumerate() {
            validate_node_term(term, true, &format!("{field}[{index}]"), errors);
        }
    }
    for (index, term) in list(&nodes[PREFERRED]).iter().enumerate() {
        let field = format!("{field}.nodeAffinity.{PREFERRED}[{index}]");
        validate_weight(term, &field, errors);
        validate_node_term(&term["preference"], false, &format!("{field}.preference"), errors);
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        let field = format!("{field}.{name}");
        for (index, term) in list(&affinity[name][REQUIRED]).iter().enumerate() {
            validate_pod_term(term, &format!("{field}.{REQUIRED}[{index}]"), errors);
        }
        for (index, term) in list(&affinity[name][PREFERRED]).iter().enumerate() {
            let field = format!("{field}.{PREFERRED}[{index}]");
            validate_weight(term, &field, errors);
            let term = &term["podAffinityTerm"];
            validate_pod_term(term, &format!("{field}.podAffinityTerm"), errors);
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn validate_weight(term: &Value, field: &str, errors: &mut Errors) {
    let weight = term["weight"].as_i64().unwrap_or(0);
    if !(1..=100).contains(&weight) {
        errors.invalid(format!("{field}.weight"), weight, "must be in the range 1-100");
    }
}

/// `ValidateNodeSelectorTerm`; the values of what is only preferred are not looked at.
fn validate_node_term(term: &Value, with_values: bool, field: &str, errors: &mut Errors) {
    for (index, requirement) in list(&term["matchExpressions"]).iter().enumerate() {
        let field = format!("{field}.matchExpressions[{index}]");
        validate_node_requirement(requirement, with_values, &field, errors);
    }
    for (index, requirement) in list(&term["matchFields"]).iter().enumerate() {
        let field = format!("{field}.matchFields[{index}]");
        validate_node_field(requirement, &field, errors);
    }
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn validate_node_requirement(
    requirement: &Value,
    with_values: bool,
    field: &str,
    errors: &mut Errors,
) {
    let values = list(&requirement["values"]);
    let of_values = format!("{field}.values");
    match (word(requirement, "operator"), values.len()) {
        ("In" | "NotIn", 0) => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.required(&of_values, detail);
        }
        ("Exists" | "DoesNotExist", 1..) => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.forbidden(&of_values, detail);
        }
        ("Gt" | "Lt", 0 | 2..) => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.required(&of_values, detail);
        }
        ("In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt", _) => {}
        (other, _) => {
            errors.invalid(format!("{field}.operator"), other, "not a valid selector operator");
        }
    }
    let key = word(requirement, "key");
    errors.invalid_each(format!("{field}.key"), key, rules::qualified_name(key));
    for (index, value) in values.iter().enumerate().filter(|_| with_values) {
        let value = value.as_str().unwrap_or_default();
        errors.invalid_each(format!("{of_values}[{index}]"), value, rules::label_value(value));
    }
}

/// A node can be meant by its name alone.
fn validate_node_field(requirement: &Value, field: &str, errors: &mut Errors) {
    let values = list(&requirement["values"]);
    match word(requirement, "operator") {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => {
            let detail =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.required(format!("{field}.values"), detail);
        }
        other => {
            errors.invalid(format!("{field}.operator"), other, "not a valid selector operator");
        }
    }
    let key = word(requirement, "key");
    if key != "metadata.name" {
        errors.invalid(format!("{field}.key"), key, "not a valid field selector key");
        return;
    }
    for (index, name) in values.iter().enumerate() {
        let name = name.as_str().unwrap_or_default();
        let field = format!("{field}.values[{index}]");
        errors.invalid_each(field, name, rules::dns_1123_subdomain(name));
    }
}

/// `validatePodAffinityTerm`.
fn validate_pod_term(term: &Value, field: &str, errors: &mut Errors) {
    for name in ["labelSelector", "namespaceSelector"] {
        validate_selector(&term[name], &format!("{field}.{name}"), errors);
    }
    for namespace in list(&term["namespaces"]) {
        let namespace = namespace.as_str().unwrap_or_default();
        let complaints = rules::dns_1123_label(namespace);
        errors.invalid_each(format!("{field}.namespace"), namespace, complaints);
    }
    validate_topology_key(term, field, errors);
}

fn validate_selector(selector: &Value, field: &str, errors: &mut Errors) {
    if let Ok(selector) = LabelSelector::from_json(selector.clone()) {
        meta::selector(&selector, field, errors);
    }
}

fn validate_topology_key(of: &Value, field: &str, errors: &mut Errors) {
    let (key, field) = (word(of, "topologyKey"), format!("{field}.topologyKey"));
    if key.is_empty() {
        errors.required(&field, "can not be empty");
    }
    errors.invalid_each(field, key, rules::qualified_name(key));
}

/// `validateTopologySpreadConstraints`.
pub(super) fn validate_spread(constraints: &[Value], field: &str, errors: &mut Errors) {
    let both = |it: &Value| format!("{{{}, {}}}", word(it, "topologyKey"), action(it));
    for (index, constraint) in constraints.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let skew = constraint["maxSkew"].as_i64().unwrap_or(0);
        if skew <= 0 {
            errors.invalid(format!("{field}.maxSkew"), skew, "must be greater than zero");
        }
        let (key, of_key) = (word(constraint, "topologyKey"), format!("{field}.topologyKey"));
        if key.is_empty() {
            errors.required(of_key, "can not be empty");
        } else {
            errors.invalid_each(of_key, key, rules::qualified_name(key));
        }
        if !UNSATISFIABLE.contains(&action(constraint)) {
            let field = format!("{field}.whenUnsatisfiable");
            errors.not_supported(field, action(constraint), UNSATISFIABLE);
        }
        let same = both(constraint);
        if constraints[..index].iter().any(|it| both(it) == same) {
            errors.duplicate(format!("{field}.{{topologyKey, whenUnsatisfiable}}"), &same);
        }
        if let Some(least) = constraint["minDomains"].as_i64() {
            validate_domains(least, action(constraint), &format!("{field}.minDomains"), errors);
        }
        validate_selector(&constraint["labelSelector"], &format!("{field}.labelSelector"), errors);
    }
}

fn action(constraint: &Value) -> &str {
    word(constraint, "whenUnsatisfiable")
}

fn validate_domains(least: i64, action: &str, field: &str, errors: &mut Errors) {
    if least <= 0 {
        errors.invalid(field, least, "must be greater than zero");
    }
    if action != "DoNotSchedule" {
        let detail =
            format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.invalid(field, least, &detail);
    }
}
