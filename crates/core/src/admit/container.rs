//! Containers of a pod or of a template: what must be true of each.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::errors::Errors;
use super::{config_map, handler, resources, rules, service, volume};
use crate::object::{Container, ContainerPort, EnvVar, PodSpec};

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES: &[&str] = &["File", "FallbackToLogsOnError"];
const NO_VARIABLE: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";
/// What of its pod a container can be told.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// What can only be looked for in lists of pods.
const KNOWN_FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
];
const RESOURCE_FIELDS: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

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
    // A bad one is told of elsewhere.
    let grace = spec.termination_grace_period_seconds.filter(|it| *it >= 0);
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
        let lifecycle = format!("{field}.lifecycle");
        handler::validate_lifecycle(&container.lifecycle, grace, &lifecycle, errors);
        handler::validate_probes(container, &field, errors);
        if container.restart_policy.is_some() {
            let detail = "may not be set for non-init containers";
            errors.forbidden(format!("{field}.restartPolicy"), detail);
        }
    }
    validate_host_ports(&spec.containers, &containers, errors);
    let init = format!("{field}.initContainers");
    for (index, container) in spec.init_containers.iter().enumerate() {
        let field = format!("{init}[{index}]");
        validate_container(container, volumes, &field, errors);
        if !container.name.is_empty() && !names.insert(&container.name) {
            errors.duplicate(format!("{field}.name"), &container.name);
        }
        // They run one by one, so each is looked at by itself, as if it were the first.
        validate_host_ports(std::slice::from_ref(container), &init, errors);
        validate_init_container(container, grace, &field, errors);
    }
}

/// One that is restarted stays beside the others; any other one comes to an end by itself.
fn validate_init_container(
    container: &Container,
    grace: Option<i64>,
    field: &str,
    errors: &mut Errors,
) {
    match container.restart_policy.as_deref() {
        Some("Always") => {
            handler::validate_lifecycle(
                &container.lifecycle,
                grace,
                &format!("{field}.lifecycle"),
                errors,
            );
            return handler::validate_probes(container, field, errors);
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
    validate_env_from(&container.env_from, &format!("{field}.envFrom"), errors);
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
    } else if !is_variable(&variable.name) {
        errors.invalid(format!("{field}.name"), &variable.name, NO_VARIABLE);
    }
    let Some(sources) = variable.value_from.as_object() else { return };
    let field = format!("{field}.valueFrom");
    validate_field_ref(sources, &format!("{field}.fieldRef"), errors);
    if let Some(Value::Object(source)) = sources.get("resourceFieldRef") {
        let resource = source.get("resource").and_then(Value::as_str).unwrap_or_default();
        let field = format!("{field}.resourceFieldRef.resource");
        if resource.is_empty() {
            errors.required(field, "");
        } else if !RESOURCE_FIELDS.contains(&resource) && !resource.contains(".hugepages-") {
            errors.not_supported(field, resource, RESOURCE_FIELDS);
        }
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let Some(Value::Object(source)) = sources.get(name) else { continue };
        let word = |name: &str| source.get(name).and_then(Value::as_str).unwrap_or_default();
        let field = format!("{field}.{name}");
        let complaints = rules::dns_1123_subdomain(word("name"));
        errors.invalid_each(format!("{field}.name"), word("name"), complaints);
        if word("key").is_empty() {
            errors.required(format!("{field}.key"), "");
        } else {
            let complaints = config_map::key_complaints(word("key"));
            errors.invalid_each(format!("{field}.key"), word("key"), complaints);
        }
    }
    let count = sources.values().filter(|it| !it.is_null()).count();
    if count == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
        errors.invalid(field, "", detail);
    } else if !variable.value.is_empty() {
        errors.invalid(field, "", "may not be specified when `value` is not empty");
    } else if count > 1 {
        errors.invalid(field, "", "may not have more than one field specified at a time");
    }
}

/// `validateObjectFieldSelector`.
fn validate_field_ref(sources: &Map<String, Value>, field: &str, errors: &mut Errors) {
    let Some(Value::Object(source)) = sources.get("fieldRef") else { return };
    let path = source.get("fieldPath").and_then(Value::as_str).unwrap_or_default();
    if path.is_empty() {
        return errors.required(format!("{field}.fieldPath"), "");
    }
    let (name, subscript) = match path.strip_suffix("']").and_then(|it| it.split_once("['")) {
        Some((name, subscript)) => (name, Some(subscript)),
        None => (path, None),
    };
    match (name, subscript) {
        ("metadata.annotations", Some(key)) => {
            let key = key.to_lowercase();
            errors.invalid_each(field, &key, rules::qualified_name(&key));
        }
        ("metadata.labels", Some(key)) => {
            errors.invalid_each(field, key, rules::qualified_name(key));
        }
        (_, None) if FIELDS.contains(&name) => {}
        (_, None) if KNOWN_FIELDS.contains(&name) => {
            errors.not_supported(format!("{field}.fieldPath"), name, FIELDS);
        }
        _ => {
            let detail = format!("error converting fieldPath: field label not supported: {path}");
            errors.invalid(format!("{field}.fieldPath"), path, &detail);
        }
    }
}

/// `ValidateEnvFrom`: the paths of what is wrong with the sources are the list's, in the server
/// too.
fn validate_env_from(sources: &[Value], field: &str, errors: &mut Errors) {
    for (index, source) in sources.iter().enumerate() {
        let each = format!("{field}[{index}]");
        let prefix = source["prefix"].as_str().unwrap_or_default();
        if !prefix.is_empty() && !is_variable(prefix) {
            errors.invalid(format!("{each}.prefix"), prefix, NO_VARIABLE);
        }
        let given = ["configMapRef", "secretRef"].map(|it| (it, &source[it]));
        let given = given.into_iter().filter(|(_, it)| !it.is_null());
        let count = given.clone().count();
        for (name, reference) in given {
            let field = format!("{each}.{name}.name");
            match reference["name"].as_str().unwrap_or_default() {
                "" => errors.required(field, ""),
                name => errors.invalid_each(field, name, rules::dns_1123_subdomain(name)),
            }
        }
        match count {
            0 => {
                let detail = "must specify one of: `configMapRef` or `secretRef`";
                errors.invalid(field, "", detail);
            }
            1 => {}
            _ => errors.invalid(field, "", "may not have more than one field specified at a time"),
        }
    }
}

/// `IsRelaxedEnvVarName`.
fn is_variable(name: &str) -> bool {
    name.chars().all(|c| (' '..='~').contains(&c) && c != '=')
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
