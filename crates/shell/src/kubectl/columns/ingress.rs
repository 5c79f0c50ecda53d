//! Ingress, IngressClass, NetworkPolicy.

use serde_json::Value;
use svclab_core::object::{Json, LabelSelector};

use super::{Column, balancers, list, narrow, or, text, workload};

pub(super) const INGRESS: &[Column] = &[
    narrow("NAME"),
    narrow("CLASS"),
    narrow("HOSTS"),
    narrow("ADDRESS"),
    narrow("PORTS"),
    narrow("AGE"),
];

pub(super) const INGRESS_CLASS: &[Column] =
    &[narrow("NAME"), narrow("CONTROLLER"), narrow("PARAMETERS"), narrow("AGE")];

pub(super) const NETWORK_POLICY: &[Column] =
    &[narrow("NAME"), narrow("POD-SELECTOR"), narrow("AGE")];

pub(super) fn ingress(value: &Value, name: String, age: String, wide: bool) -> Vec<String> {
    let secured = !list(value, "/spec/tls").is_empty();
    vec![
        name,
        or(text(value, "/spec/ingressClassName"), "<none>"),
        hosts(list(value, "/spec/rules")),
        addresses_cut(value, wide),
        if secured { "80, 443" } else { "80" }.to_owned(),
        age,
    ]
}

/// Where it is to be found, in whole.
pub(in crate::kubectl) fn addresses(value: &Value) -> String {
    addresses_cut(value, true)
}

fn addresses_cut(value: &Value, wide: bool) -> String {
    let given = list(value, "/status/loadBalancer/ingress").iter();
    balancers(given.map(|it| or(text(it, "/ip"), text(it, "/hostname"))), wide)
}

/// The first three that are named; what is said of more counts every rule (`formatHosts`).
fn hosts(rules: &[Value]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= shown.len() == SHOWN;
        let host = text(rule, "/host");
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    match more {
        true => format!("{} + {} more...", shown.join(","), rules.len() - SHOWN),
        false => or(&shown.join(","), "*"),
    }
}

/// `Kind.group/name`
pub(super) fn ingress_class(value: &Value, name: String, age: String) -> Vec<String> {
    let parameters = match value.pointer("/spec/parameters") {
        Some(it) => {
            let group = text(it, "/apiGroup");
            let dot = if group.is_empty() { "" } else { "." };
            format!("{}{dot}{group}/{}", text(it, "/kind"), text(it, "/name"))
        }
        None => "<none>".to_owned(),
    };
    vec![name, text(value, "/spec/controller").to_owned(), parameters, age]
}

pub(super) fn pod_selector(value: &Value) -> String {
    let selector = value.pointer("/spec/podSelector").cloned().unwrap_or_default();
    let selector = LabelSelector::from_json(selector).unwrap_or_default();
    workload::selector(Some(&selector))
}
