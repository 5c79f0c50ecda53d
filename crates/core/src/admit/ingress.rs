//! Ingress: first status and validation.

use std::net::IpAddr;

use serde_json::json;

use super::errors::{Errors, Struct};
use super::{meta, rules};
use crate::object::Other;
use crate::object::json::api;

api! {
    struct IngressSpec {
        ingress_class_name: Option<String>,
        default_backend: Option<Backend>,
        rules: Vec<Rule>,
    }

    struct Rule {
        host: String,
        http: Option<Http>,
    }

    struct Http {
        paths: Vec<Path>,
    }

    struct Path {
        path: String,
        path_type: Option<String>,
        backend: Backend,
    }

    struct Backend {
        service: Option<ServiceBackend>,
        resource: serde_json::Value,
    }

    struct ServiceBackend {
        name: String,
        port: BackendPort,
    }

    struct BackendPort {
        name: String,
        number: i32,
    }
}

const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

pub(super) fn prepare(ingress: &mut Other) {
    ingress.body.entry("spec").or_insert_with(|| json!({}));
    ingress.body.insert("status".to_owned(), json!({"loadBalancer": {}}));
}

/// `ValidateIngress`.
pub(super) fn validate(ingress: &Other, errors: &mut Errors) {
    meta::validate(ingress.kind, &ingress.metadata, errors);
    let spec: IngressSpec = super::typed(ingress, "spec");
    if spec.default_backend.is_none() && spec.rules.is_empty() {
        let nothing =
            Struct { go: "[]networking.IngressRule(nil)".to_owned(), json: "null".to_owned() };
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.invalid("spec", nothing, detail);
    }
    if let Some(backend) = &spec.default_backend {
        validate_backend(backend, "spec.defaultBackend", errors);
    }
    for (index, rule) in spec.rules.iter().enumerate() {
        let field = format!("spec.rules[{index}]");
        validate_host(&rule.host, &format!("{field}.host"), errors);
        let Some(http) = &rule.http else { continue };
        let field = format!("{field}.http.paths");
        if http.paths.is_empty() {
            errors.required(&field, "");
        }
        for (index, path) in http.paths.iter().enumerate() {
            validate_path(path, &format!("{field}[{index}]"), errors);
        }
    }
}

fn validate_host(host: &str, field: &str, errors: &mut Errors) {
    if host.is_empty() {
        return;
    }
    if host.parse::<IpAddr>().is_ok() {
        errors.invalid(field, host, "must be a DNS name, not an IP address");
    } else if host.contains('*') {
        let rest = host.strip_prefix("*.");
        if !rest.is_some_and(|rest| rules::dns_1123_subdomain(rest).is_empty()) {
            errors.invalid(field, host, WILDCARD);
        }
    } else {
        errors.invalid_each(field, host, rules::dns_1123_subdomain(host));
    }
}

fn validate_path(path: &Path, field: &str, errors: &mut Errors) {
    let text = path.path.as_str();
    match path.path_type.as_deref() {
        None => {
            let detail = "pathType must be specified";
            return errors.required(format!("{field}.pathType"), detail);
        }
        Some("Exact" | "Prefix") => validate_absolute(text, &format!("{field}.path"), errors),
        Some("ImplementationSpecific") => {
            if !text.is_empty() && !text.starts_with('/') {
                errors.invalid(format!("{field}.path"), text, "must be an absolute path");
            }
        }
        Some(other) => errors.not_supported(format!("{field}.pathType"), other, PATH_TYPES),
    }
    validate_backend(&path.backend, &format!("{field}.backend"), errors);
}

fn validate_absolute(path: &str, field: &str, errors: &mut Errors) {
    if !path.starts_with('/') {
        return errors.invalid(field, path, "must be an absolute path");
    }
    for part in ["//", "/./", "/../", "%2f", "%2F"] {
        if path.contains(part) {
            errors.invalid(field, path, &format!("must not contain '{part}'"));
        }
    }
    for end in ["/..", "/."] {
        if path.ends_with(end) {
            errors.invalid(field, path, &format!("cannot end with '{end}'"));
        }
    }
}

fn validate_backend(backend: &Backend, field: &str, errors: &mut Errors) {
    let Some(service) = &backend.service else {
        if backend.resource.is_null() {
            errors.invalid(field, "", "resource or service backend is required");
        }
        return;
    };
    if !backend.resource.is_null() {
        errors.invalid(field, "", "cannot set both resource and service backends");
    }
    if service.name.is_empty() {
        errors.required(format!("{field}.service.name"), "");
    } else {
        let complaints = rules::dns_1035_label(&service.name);
        errors.invalid_each(format!("{field}.service.name"), &service.name, complaints);
    }
    let BackendPort { name, number } = &service.port;
    match (name.is_empty(), *number) {
        (false, 1..) | (false, ..0) => {
            errors.invalid(field, "", "cannot set both port name & port number");
        }
        (false, 0) => {
            errors.invalid_each(format!("{field}.service.port.name"), name, rules::port_name(name));
        }
        (true, 0) => errors.required(field, "port name or number is required"),
        (true, number) => {
            for complaint in rules::port_number(number) {
                errors.invalid(format!("{field}.service.port.number"), number, &complaint);
            }
        }
    }
}
