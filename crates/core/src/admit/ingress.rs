//! Ingress and IngressClass: defaults, the class of an Ingress, validation.

use std::cmp::Reverse;

use serde_json::Value;

use super::errors::{Errors, Struct};
use super::{meta, rules};
use crate::key::Kind;
use crate::object::{
    HttpIngressPath, Ingress, IngressBackend, IngressClass, IngressServiceBackend, IngressTls,
    Objects, ServiceBackendPort,
};

const SCOPES: &[&str] = &["Cluster", "Namespace"];
const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// `DefaultIngressClass`: an Ingress that names no class gets the default one, of several the
/// newest.
pub(super) fn choose_class(ingress: &mut Ingress, objects: &Objects) {
    let names_class = ingress.spec.ingress_class_name.is_some()
        || ingress.metadata.annotations.contains_key(CLASS_ANNOTATION);
    if names_class {
        return;
    }
    let classes = objects.of_kind(Kind::IngressClass).map(|it| it.meta());
    let defaults =
        classes.filter(|it| it.annotations.get(DEFAULT_CLASS).is_some_and(|it| it == "true"));
    let newest = defaults.min_by_key(|it| (Reverse(&it.creation_timestamp), &it.name));
    ingress.spec.ingress_class_name = newest.map(|it| it.name.clone());
}

/// `ValidateIngressCreate`, what it has beside `ValidateIngress`.
pub(super) fn validate_create(ingress: &Ingress, errors: &mut Errors) {
    validate(ingress, errors);
    let annotation = ingress.metadata.annotations.get(CLASS_ANNOTATION);
    if let (Some(old), Some(class)) = (annotation, &ingress.spec.ingress_class_name)
        && old != class
    {
        let detail = "must match `ingressClassName` when both are specified";
        errors.invalid(format!("annotations.{CLASS_ANNOTATION}"), old, detail);
    }
}

/// What is said of a new Ingress.
pub(super) fn warnings(ingress: &Ingress) -> Vec<String> {
    let is_old = ingress.metadata.annotations.contains_key(CLASS_ANNOTATION)
        && ingress.spec.ingress_class_name.is_none();
    let warning = format!(
        "annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
    );
    is_old.then_some(warning).into_iter().collect()
}

/// `ValidateIngress`.
pub(super) fn validate(ingress: &Ingress, errors: &mut Errors) {
    meta::validate(Kind::Ingress, &ingress.metadata, errors);
    let spec = &ingress.spec;
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
    for (index, tls) in spec.tls.iter().enumerate() {
        validate_tls(tls, &format!("spec.tls[{index}]"), errors);
    }
    if let Some(class) = &spec.ingress_class_name {
        let complaints = rules::dns_1123_subdomain(class);
        errors.invalid_each("spec.ingressClassName", class, complaints);
    }
}

fn validate_tls(tls: &IngressTls, field: &str, errors: &mut Errors) {
    for (index, host) in tls.hosts.iter().enumerate() {
        validate_name(host, &format!("{field}.hosts[{index}]"), errors);
    }
    if !tls.secret_name.is_empty() {
        let complaints = rules::dns_1123_subdomain(&tls.secret_name);
        errors.invalid_each(format!("{field}.secretName"), &tls.secret_name, complaints);
    }
}

/// `ValidateIngressClass`.
pub(super) fn validate_class(class: &IngressClass, errors: &mut Errors) {
    meta::validate(Kind::IngressClass, &class.metadata, errors);
    let (controller, field) = (&class.spec.controller, "spec.controller");
    match controller.split_once('/') {
        _ if controller.is_empty() => errors.required(field, ""),
        Some((host, path)) if !host.is_empty() && !path.is_empty() => {
            errors.invalid_each(field, host, rules::dns_1123_subdomain(host));
        }
        _ => {
            let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            errors.invalid(field, controller, detail);
        }
    }
    if !class.spec.parameters.is_null() {
        validate_parameters(&class.spec.parameters, "spec.parameters", errors);
    }
}

/// `validateIngressClassParametersReference`.
fn validate_parameters(parameters: &Value, field: &str, errors: &mut Errors) {
    validate_reference(parameters, field, errors);
    let namespace = parameters["namespace"].as_str();
    let of_namespace = format!("{field}.namespace");
    match (parameters["scope"].as_str().unwrap_or_default(), namespace) {
        ("Namespace", None) => {
            errors.required(of_namespace, "`parameters.scope` is set to 'Namespace'");
        }
        ("Namespace", Some(name)) => {
            errors.invalid_each(of_namespace, name, rules::dns_1123_label(name));
        }
        ("Cluster", Some(_)) => {
            errors.forbidden(of_namespace, "`parameters.scope` is set to 'Cluster'");
        }
        ("Cluster", None) => {}
        (other, _) => errors.not_supported(format!("{field}.scope"), other, SCOPES),
    }
}

/// `ValidateIngressClassUpdate`.
pub(super) fn validate_class_update(new: &IngressClass, old: &IngressClass, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    meta::immutable(&new.spec.controller, &old.spec.controller, "spec.controller", errors);
    validate_class(new, errors);
}

/// Parameters are a thing of the whole cluster unless they say otherwise.
pub(super) fn default_class(class: &mut IngressClass) {
    if let Some(parameters) = class.spec.parameters.as_object_mut() {
        parameters.entry("scope").or_insert_with(|| "Cluster".into());
    }
}

fn validate_host(host: &str, field: &str, errors: &mut Errors) {
    if host.is_empty() {
        return;
    }
    if rules::parse_ip(host).is_some() {
        errors.invalid(field, host, "must be a DNS name, not an IP address");
    }
    // An IPv4 address looks like a name, an IPv6 address does not.
    validate_name(host, field, errors);
}

fn validate_name(host: &str, field: &str, errors: &mut Errors) {
    if !host.contains('*') {
        return errors.invalid_each(field, host, rules::dns_1123_subdomain(host));
    }
    let rest = host.strip_prefix("*.");
    if !rest.is_some_and(|rest| rules::dns_1123_subdomain(rest).is_empty()) {
        errors.invalid(field, host, WILDCARD);
    }
}

fn validate_path(path: &HttpIngressPath, field: &str, errors: &mut Errors) {
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

fn validate_backend(backend: &IngressBackend, field: &str, errors: &mut Errors) {
    match (&backend.service, &backend.resource) {
        (None, Value::Null) => {
            errors.invalid(field, "", "resource or service backend is required");
        }
        (None, resource) => validate_reference(resource, &format!("{field}.resource"), errors),
        (Some(service), Value::Null) => validate_service(service, field, errors),
        (Some(_), _) => {
            errors.invalid(field, "", "cannot set both resource and service backends");
        }
    }
}

/// `validateIngressTypedLocalObjectReference`.
fn validate_reference(reference: &Value, field: &str, errors: &mut Errors) {
    if let Some(group) = reference["apiGroup"].as_str() {
        let complaints = rules::dns_1123_subdomain(group);
        errors.invalid_each(format!("{field}.apiGroup"), group, complaints);
    }
    for name in ["kind", "name"] {
        let field = format!("{field}.{name}");
        match reference[name].as_str().unwrap_or_default() {
            "" => errors.required(field, &format!("{name} is required")),
            word => errors.invalid_each(field, word, rules::path_segment(word)),
        }
    }
}

fn validate_service(service: &IngressServiceBackend, field: &str, errors: &mut Errors) {
    if service.name.is_empty() {
        errors.required(format!("{field}.service.name"), "");
    } else {
        let complaints = rules::dns_1035_label(&service.name);
        errors.invalid_each(format!("{field}.service.name"), &service.name, complaints);
    }
    let ServiceBackendPort { name, number } = &service.port;
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
