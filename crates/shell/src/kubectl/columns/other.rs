//! Kinds that the lab only keeps.

use serde_json::Value;

use super::{Column, joined, list, narrow, number, text, wide};

pub(super) const SECRET: &[Column] =
    &[narrow("NAME"), narrow("TYPE"), narrow("DATA"), narrow("AGE")];

pub(super) const SERVICE_ACCOUNT: &[Column] = &[narrow("NAME"), narrow("SECRETS"), narrow("AGE")];

pub(super) const CREATED: &[Column] = &[narrow("NAME"), narrow("CREATED AT")];

pub(super) const ROLE_BINDING: &[Column] = &[
    narrow("NAME"),
    narrow("ROLE"),
    narrow("AGE"),
    wide("USERS"),
    wide("GROUPS"),
    wide("SERVICEACCOUNTS"),
];

pub(super) const REVISION: &[Column] =
    &[narrow("NAME"), narrow("CONTROLLER"), narrow("REVISION"), narrow("AGE")];

pub(super) fn secret(it: &Value, name: String, age: String) -> Vec<String> {
    let count = it["data"].as_object().map_or(0, |it| it.len());
    vec![name, text(it, "/type").to_owned(), count.to_string(), age]
}

pub(super) fn service_account(it: &Value, name: String, age: String) -> Vec<String> {
    vec![name, list(it, "/secrets").len().to_string(), age]
}

pub(super) fn created(it: &Value, name: String) -> Vec<String> {
    vec![name, text(it, "/metadata/creationTimestamp").to_owned()]
}

pub(super) fn role_binding(it: &Value, name: String, age: String) -> Vec<String> {
    let role = format!("{}/{}", text(it, "/roleRef/kind"), text(it, "/roleRef/name"));
    let of = |kind: &str| {
        let subjects = list(it, "/subjects").iter().filter(|it| it["kind"] == kind);
        joined(subjects.map(|it| match text(it, "/namespace") {
            "" => text(it, "/name").to_owned(),
            namespace => format!("{namespace}/{}", text(it, "/name")),
        }))
    };
    vec![name, role, age, of("User"), of("Group"), of("ServiceAccount")]
}

pub(super) fn revision(it: &Value, name: String, age: String) -> Vec<String> {
    let owners = list(it, "/metadata/ownerReferences").iter();
    let controller = owners.clone().find(|it| it["controller"] == true).map(|it| {
        let group = text(it, "/apiVersion").split_once('/').map_or("", |it| it.0);
        let kind = text(it, "/kind").to_lowercase();
        let dot = if group.is_empty() { "" } else { "." };
        format!("{kind}{dot}{group}/{}", text(it, "/name"))
    });
    let controller = controller.unwrap_or_else(|| "<none>".to_owned());
    vec![name, controller, number(it, "/revision").to_string(), age]
}
