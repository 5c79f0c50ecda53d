//! Containers of a pod or of a template: what must be true of each.

use std::collections::BTreeSet;

use serde_json::Value;

use super::errors::Errors;
use super::{resources, rules, service, volume};
use crate::object::{Container, ContainerPort, EnvVar, PodSpec, Probe};

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES: &[&str] = &["File", "FallbackToLogsOnError"];

pub(super) fn one_of(word: &str, words: &[&str], field: &str, errors: &mut Errors) {
    if word.is_empty() {
        errors.required(field, "");
    } else if !words.contains(&word) {
        errors.not_supported(field, word, words);
    }
}

/// The containers of a pod, then those that run before them.
pub(super) fn validate_all(spec: &PodSpec, volumes: &[&str], field: &str, errors: &mut Errors) {
    let containers = format!("{field}.containers");
    if spec.containers.is_empty() {
        errors.required(&containers, "");
    }
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let field = format!("{containers}[{index}]");
        validate_container(container, volumes, &field, errors);
        if !names.insert(&container.name) {
            errors.duplicate(format!("{field}.name"), &container.name);
        }
        validate_lifecycle(&container.lifecycle, &format!("{field}.lifecycle"), errors);
        validate_probes(container, &field, errors);
        if container.restart_policy.is_some() {
            let detail = "may not be set for non-init containers";
            errors.forbidden(format!("{field}.restartPolicy"), detail);
        }
    }
    validate_host_ports(&spec.containers, &containers, errors);
    for (index, container) in spec.init_containers.iter().enumerate() {
        let field = format!("{field}.initContainers[{index}]");
        validate_container(container, volumes, &field, errors);
        if !container.name.is_empty() && !names.insert(&container.name) {
            errors.duplicate(format!("{field}.name"), &container.name);
        }
        validate_init_container(container, &field, errors);
    }
}

/// One that is restarted stays beside the others; any other one comes to an end by itself.
fn validate_init_container(container: &Container, field: &str, errors: &mut Errors) {
    match container.restart_policy.as_deref() {
        Some("Always") => {
            validate_lifecycle(&container.lifecycle, &format!("{field}.lifecycle"), errors);
            return validate_probes(container, field, errors);
        }
        Some(other) => {
            errors.not_supported(format!("{field}.restartPolicy"), other, &["Always"]);
        }
        None => {}
    }
    for (name, is_set) in [
        ("lifecycle", !container.lifecycle.is_null()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ] {
        if is_set {
            let detail = "may not be set for init containers without restartPolicy=Always";
            errors.forbidden(format!("{field}.{name}"), detail);
        }
    }
}

fn validate_lifecycle(lifecycle: &Value, field: &str, errors: &mut Errors) {
    for hook in ["postStart", "preStop"] {
        let Some(Value::Object(handler)) = lifecycle.get(hook) else { continue };
        let field = format!("{field}.{hook}");
        let mut handlers = ["exec", "httpGet", "tcpSocket", "sleep"]
            .into_iter()
            .filter(|name| handler.get(*name).is_some_and(|it| !it.is_null()));
        match handlers.next() {
            None => errors.required(&field, "must specify a handler type"),
            Some("exec") if lifecycle[hook]["exec"]["command"][0].is_null() => {
                errors.required(format!("{field}.exec.command"), "");
            }
            Some(_) => {}
        }
        for another in handlers {
            let detail = "may not specify more than 1 handler type";
            errors.forbidden(format!("{field}.{another}"), detail);
        }
    }
}

/// `validateContainerCommon`.
fn validate_container(container: &Container, volumes: &[&str], field: &str, errors: &mut Errors) {
    let Container { name, image, .. } = container;
    if name.is_empty() {
        errors.required(format!("{field}.name"), "");
    } else {
        errors.invalid_each(format!("{field}.name"), name, rules::dns_1123_label(name));
    }
    if image.is_empty() {
        errors.required(format!("{field}.image"), "");
    }
    let policy = container.termination_message_policy.as_str();
    if !MESSAGE_POLICIES.contains(&policy) && !policy.is_empty() {
        let field = format!("{field}.terminationMessagePolicy");
        errors.not_supported(field, policy, MESSAGE_POLICIES);
    }
    validate_ports(&container.ports, &format!("{field}.ports"), errors);
    for (index, variable) in container.env.iter().enumerate() {
        validate_env(variable, &format!("{field}.env[{index}]"), errors);
    }
    volume::validate_mounts(container, volumes, &format!("{field}.volumeMounts"), errors);
    one_of(
        &container.image_pull_policy,
        PULL_POLICIES,
        &format!("{field}.imagePullPolicy"),
        errors,
    );
    resources::validate(&container.resources, &format!("{field}.resources"), errors);
}

/// `ValidateEnv`.
fn validate_env(variable: &EnvVar, field: &str, errors: &mut Errors) {
    if variable.name.is_empty() {
        errors.required(format!("{field}.name"), "");
    } else if !variable.name.chars().all(|c| (' '..='~').contains(&c) && c != '=') {
        let detail = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        errors.invalid(format!("{field}.name"), &variable.name, detail);
    }
    let Some(sources) = variable.value_from.as_object() else { return };
    let field = format!("{field}.valueFrom");
    let count = sources.values().filter(|it| !it.is_null()).count();
    for (name, needed) in
        [("configMapKeyRef", "key"), ("secretKeyRef", "key"), ("fieldRef", "fieldPath")]
    {
        let Some(Value::Object(source)) = sources.get(name) else { continue };
        if source.get(needed).and_then(Value::as_str).is_none_or(str::is_empty) {
            errors.required(format!("{field}.{name}.{needed}"), "");
        }
    }
    if count == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
        errors.invalid(field, "", detail);
    } else if !variable.value.is_empty() {
        errors.invalid(field, "", "may not be specified when `value` is not empty");
    } else if count > 1 {
        errors.invalid(field, "", "may not have more than one field specified at a time");
    }
}

/// `checkHostPortConflicts`.
fn validate_host_ports(containers: &[Container], field: &str, errors: &mut Errors) {
    let mut taken = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        for (place, port) in container.ports.iter().enumerate() {
            let text = format!("{}/{}/{}", port.protocol, port.host_ip, port.host_port);
            if port.host_port != 0 && !taken.insert(text.clone()) {
                errors.duplicate(format!("{field}[{index}].ports[{place}].hostPort"), &text);
            }
        }
    }
}

fn validate_ports(ports: &[ContainerPort], field: &str, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let complaints = rules::port_name(&port.name);
        if !port.name.is_empty() && !complaints.is_empty() {
            errors.invalid_each(format!("{field}.name"), &port.name, complaints);
        } else if !port.name.is_empty() && !names.insert(port.name.as_str()) {
            errors.duplicate(format!("{field}.name"), &port.name);
        }
        if port.container_port == 0 {
            errors.required(format!("{field}.containerPort"), "");
        }
        for (name, number) in [("containerPort", port.container_port), ("hostPort", port.host_port)]
        {
            let complaints = if number == 0 { Vec::new() } else { rules::port_number(number) };
            for complaint in complaints {
                errors.invalid(format!("{field}.{name}"), number, &complaint);
            }
        }
        service::protocol(&port.protocol, &format!("{field}.protocol"), errors);
    }
}

fn validate_probes(container: &Container, field: &str, errors: &mut Errors) {
    for (name, probe, is_once) in [
        ("livenessProbe", &container.liveness_probe, true),
        ("readinessProbe", &container.readiness_probe, false),
        ("startupProbe", &container.startup_probe, true),
    ] {
        let Some(probe) = probe else { continue };
        let field = format!("{field}.{name}");
        validate_probe(probe, &field, errors);
        if is_once && probe.success_threshold != 1 {
            let field = format!("{field}.successThreshold");
            errors.invalid(field, probe.success_threshold, "must be 1");
        }
    }
}

fn validate_probe(probe: &Probe, field: &str, errors: &mut Errors) {
    validate_handlers(probe, field, errors);
    for (name, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        rules::not_negative(number.into(), &format!("{field}.{name}"), errors);
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|it| *it <= 0) {
        let field = format!("{field}.terminationGracePeriodSeconds");
        errors.invalid(field, seconds, "must be greater than 0");
    }
}

fn validate_handlers(probe: &Probe, field: &str, errors: &mut Errors) {
    let present = [
        ("exec", probe.exec.is_some()),
        ("httpGet", probe.http_get.is_some()),
        ("tcpSocket", probe.tcp_socket.is_some()),
        ("grpc", probe.grpc.is_some()),
    ];
    let mut handlers = present.iter().filter(|(_, is_present)| *is_present).map(|(name, _)| *name);
    match handlers.next() {
        None => errors.required(field, "must specify a handler type"),
        Some(first) => validate_handler(first, probe, field, errors),
    }
    for handler in handlers {
        errors.forbidden(format!("{field}.{handler}"), "may not specify more than 1 handler type");
    }
}

fn validate_handler(name: &str, probe: &Probe, field: &str, errors: &mut Errors) {
    let field = format!("{field}.{name}");
    if let ("exec", Some(exec)) = (name, &probe.exec)
        && exec.command.is_empty()
    {
        errors.required(format!("{field}.command"), "");
    }
    if let ("httpGet", Some(http)) = (name, &probe.http_get) {
        rules::port_number_or_name(&http.port, &format!("{field}.port"), errors);
        if !matches!(http.scheme.as_str(), "HTTP" | "HTTPS") {
            errors.not_supported(format!("{field}.scheme"), &http.scheme, &["HTTP", "HTTPS"]);
        }
    }
    if let ("tcpSocket", Some(tcp)) = (name, &probe.tcp_socket) {
        rules::port_number_or_name(&tcp.port, &format!("{field}.port"), errors);
    }
    if let ("grpc", Some(grpc)) = (name, &probe.grpc) {
        for complaint in rules::port_number(grpc.port) {
            errors.invalid(format!("{field}.port"), grpc.port, &complaint);
        }
    }
}
