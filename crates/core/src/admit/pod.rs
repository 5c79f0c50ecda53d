//! Pod: defaults, validation, what may change.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::errors::Errors;
use super::{meta, rules, service};
use crate::key::Kind;
use crate::object::{Container, ContainerPort, Pod, PodSpec, Probe, Toleration};

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
// These two are not in the alphabet's order in the server either.
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const EVICTION_SECONDS: i64 = 300;

pub(super) fn default(pod: &mut Pod) {
    pod.spec.enable_service_links.get_or_insert(true);
    default_spec(&mut pod.spec);
    for container in containers_mut(&mut pod.spec) {
        default_requests(container);
    }
}

/// `SetDefaults_PodSpec`: what a template gets as well.
pub(super) fn default_spec(spec: &mut PodSpec) {
    let is_host_network = spec.host_network;
    for container in containers_mut(spec) {
        default_container(container, is_host_network);
    }
    default_word(&mut spec.restart_policy, "Always");
    default_word(&mut spec.dns_policy, "ClusterFirst");
    default_word(&mut spec.scheduler_name, "default-scheduler");
    spec.termination_grace_period_seconds.get_or_insert(30);
    if spec.security_context.is_null() {
        spec.security_context = json!({});
    }
    if spec.deprecated_service_account.is_empty() {
        spec.deprecated_service_account.clone_from(&spec.service_account_name);
    }
}

fn containers_mut(spec: &mut PodSpec) -> impl Iterator<Item = &mut Container> {
    spec.init_containers.iter_mut().chain(&mut spec.containers)
}

fn default_container(container: &mut Container, is_host_network: bool) {
    let pull = if is_latest(&container.image) { "Always" } else { "IfNotPresent" };
    default_word(&mut container.image_pull_policy, pull);
    default_word(&mut container.termination_message_path, "/dev/termination-log");
    default_word(&mut container.termination_message_policy, "File");
    if container.resources.is_null() {
        container.resources = json!({});
    }
    for port in &mut container.ports {
        default_word(&mut port.protocol, "TCP");
        if is_host_network && port.host_port == 0 {
            port.host_port = port.container_port;
        }
    }
    for variable in &mut container.env {
        if let Some(Value::Object(field)) = variable.value_from.get_mut("fieldRef") {
            field.entry("apiVersion").or_insert_with(|| "v1".into());
        }
    }
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(default_probe);
}

pub(super) fn default_word(word: &mut String, default: &str) {
    if word.is_empty() {
        default.clone_into(word);
    }
}

/// No tag, or `latest`; a digest names one image for ever.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn default_probe(probe: &mut Probe) {
    for (number, default) in [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ] {
        if *number == 0 {
            *number = default;
        }
    }
    if let Some(http) = &mut probe.http_get {
        default_word(&mut http.path, "/");
        default_word(&mut http.scheme, "HTTP");
    }
}

/// A limit without a request asks for all of it.
fn default_requests(container: &mut Container) {
    let Some(limits) = container.resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    let resources = container.resources.as_object_mut().expect("it has limits");
    let requests = resources.entry("requests").or_insert_with(|| json!({}));
    if let Value::Object(requests) = requests {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

/// Mutating admission and the first status.
pub(super) fn prepare(pod: &mut Pod) {
    pod.status = Default::default();
    pod.status.phase = "Pending".to_owned();
    pod.status.qos_class = qos_class(&pod.spec).to_owned();
    pod.spec.priority.get_or_insert(0);
    pod.spec.preemption_policy.get_or_insert_with(|| "PreemptLowerPriority".to_owned());
    for condition in ["not-ready", "unreachable"] {
        let key = format!("node.kubernetes.io/{condition}");
        let tolerates = |it: &Toleration| {
            (it.key == key || it.key.is_empty()) && matches!(it.effect.as_str(), "" | "NoExecute")
        };
        if !pod.spec.tolerations.iter().any(tolerates) {
            pod.spec.tolerations.push(Toleration {
                key,
                operator: "Exists".to_owned(),
                effect: "NoExecute".to_owned(),
                toleration_seconds: Some(EVICTION_SECONDS),
                ..Toleration::default()
            });
        }
    }
}

/// `ComputePodQOS`: by cpu and memory alone.
fn qos_class(spec: &PodSpec) -> &'static str {
    let containers: Vec<&Container> = spec.init_containers.iter().chain(&spec.containers).collect();
    let amounts = |container: &Container, what: &str| -> Map<String, Value> {
        let all = container.resources.get(what).and_then(Value::as_object).cloned();
        let counted = all.unwrap_or_default().into_iter();
        counted.filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory")).collect()
    };
    let is_empty =
        |it: &&Container| amounts(it, "limits").is_empty() && amounts(it, "requests").is_empty();
    let is_guaranteed = |it: &&Container| {
        amounts(it, "limits").len() == 2 && amounts(it, "limits") == amounts(it, "requests")
    };
    if containers.iter().all(is_empty) {
        "BestEffort"
    } else if containers.iter().all(is_guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

pub(super) fn validate(pod: &Pod, errors: &mut Errors) {
    meta::validate(Kind::Pod, &pod.metadata, errors);
    validate_spec(&pod.spec, "spec", errors);
}

/// `ValidatePodSpec`.
pub(super) fn validate_spec(spec: &PodSpec, field: &str, errors: &mut Errors) {
    if spec.containers.is_empty() {
        errors.required(format!("{field}.containers"), "");
    }
    let mut names = BTreeSet::new();
    for (list, containers) in
        [("containers", &spec.containers), ("initContainers", &spec.init_containers)]
    {
        for (index, container) in containers.iter().enumerate() {
            let field = format!("{field}.{list}[{index}]");
            validate_container(container, &field, errors);
            if !container.name.is_empty() && !names.insert(container.name.as_str()) {
                errors.duplicate(format!("{field}.name"), &container.name);
            }
            validate_probes(container, &field, errors);
        }
    }
    one_of(&spec.restart_policy, RESTART_POLICIES, &format!("{field}.restartPolicy"), errors);
    one_of(&spec.dns_policy, DNS_POLICIES, &format!("{field}.dnsPolicy"), errors);
    if let Some(seconds) = spec.termination_grace_period_seconds {
        rules::not_negative(seconds, &format!("{field}.terminationGracePeriodSeconds"), errors);
    }
    meta::labels(&spec.node_selector, &format!("{field}.nodeSelector"), errors);
    for (name, text) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if !text.is_empty() {
            errors.invalid_each(format!("{field}.{name}"), text, rules::dns_1123_label(text));
        }
    }
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        rules::ip(&alias.ip, &format!("{field}.hostAliases[{index}].ip"), errors);
    }
}

fn one_of(word: &str, words: &[&str], field: &str, errors: &mut Errors) {
    if word.is_empty() {
        errors.required(field, "");
    } else if !words.contains(&word) {
        errors.not_supported(field, word, words);
    }
}

fn validate_container(container: &Container, field: &str, errors: &mut Errors) {
    let Container { name, image, .. } = container;
    if name.is_empty() {
        errors.required(format!("{field}.name"), "");
    } else {
        errors.invalid_each(format!("{field}.name"), name, rules::dns_1123_label(name));
    }
    if image.is_empty() {
        errors.required(format!("{field}.image"), "");
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        errors.invalid(format!("{field}.image"), image, detail);
    }
    validate_ports(&container.ports, &format!("{field}.ports"), errors);
    for (index, variable) in container.env.iter().enumerate() {
        if variable.name.is_empty() {
            errors.required(format!("{field}.env[{index}].name"), "");
        }
    }
    one_of(
        &container.image_pull_policy,
        PULL_POLICIES,
        &format!("{field}.imagePullPolicy"),
        errors,
    );
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

/// The server adds a line break and a diff of Go structs to this text; we do not.
const POD_IS_FIXED: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// `ValidatePodUpdate`.
pub(super) fn validate_update(new: &Pod, old: &Pod, errors: &mut Errors) {
    validate(new, errors);
    if !errors.is_empty() {
        return;
    }
    if new.spec.containers.len() != old.spec.containers.len() {
        return errors.forbidden("spec.containers", "pod updates may not add or remove containers");
    }
    let mut allowed = old.spec.clone();
    let images = new.spec.containers.iter().map(|container| container.image.clone());
    for (container, image) in allowed.containers.iter_mut().zip(images) {
        container.image = image;
    }
    let images = new.spec.init_containers.iter().map(|container| container.image.clone());
    for (container, image) in allowed.init_containers.iter_mut().zip(images) {
        container.image = image;
    }
    allowed.active_deadline_seconds = new.spec.active_deadline_seconds;
    if old.spec.tolerations.iter().all(|it| new.spec.tolerations.contains(it)) {
        allowed.tolerations.clone_from(&new.spec.tolerations);
    }
    if allowed != new.spec {
        errors.forbidden("spec", POD_IS_FIXED);
    }
}
