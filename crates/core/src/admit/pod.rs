//! Pod: defaults, validation, what may change.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::Version;
use super::errors::Errors;
use super::{container, meta, placement, rules, volume};
use crate::key::Kind;
use crate::object::{Container, Pod, PodSpec, Probe, Toleration};

// These two are not in the alphabet's order in the server either.
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const EVICTION_SECONDS: i64 = 300;
const MOST_NAMESERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;
const LONGEST_SEARCHES: usize = 2048;
const PREEMPTION: &[&str] = &["PreemptLowerPriority", "Never"];
/// Of users and of groups.
const IDS: RangeInclusive<i64> = 0..=i32::MAX as i64;
const DEADLINES: RangeInclusive<i64> = 1..=i32::MAX as i64;

pub(super) fn default(pod: &mut Pod) {
    pod.spec.enable_service_links.get_or_insert(true);
    default_spec(&mut pod.spec);
    let is_host_network = pod.spec.host_network;
    for container in containers_mut(&mut pod.spec) {
        default_requests(container);
        let unset = container.ports.iter_mut().filter(|port| port.host_port == 0);
        unset.filter(|_| is_host_network).for_each(|port| port.host_port = port.container_port);
    }
}

/// `SetDefaults_PodSpec`: what a template gets as well.
pub(super) fn default_spec(spec: &mut PodSpec) {
    containers_mut(spec).for_each(default_container);
    spec.volumes.iter_mut().for_each(volume::default);
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
    spec.init_containers.iter_mut().chain(spec.containers.iter_mut())
}

fn default_container(container: &mut Container) {
    let pull = if is_latest(&container.image) { "Always" } else { "IfNotPresent" };
    default_word(&mut container.image_pull_policy, pull);
    default_word(&mut container.termination_message_path, "/dev/termination-log");
    default_word(&mut container.termination_message_policy, "File");
    if container.resources.is_null() {
        container.resources = json!({});
    }
    for port in &mut container.ports {
        default_word(&mut port.protocol, "TCP");
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
    for hook in ["postStart", "preStop"] {
        if let Some(Value::Object(http)) =
            container.lifecycle.pointer_mut(&format!("/{hook}/httpGet"))
        {
            http.entry("path").or_insert_with(|| "/".into());
            http.entry("scheme").or_insert_with(|| "HTTP".into());
        }
    }
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
    pod.status.phase = "Pending".into();
    pod.status.qos_class = qos_class(&pod.spec).into();
    tolerate_lost_nodes(pod);
}

/// Admission adds to an update too what the client has not sent back.
pub(super) fn keep(new: &mut Pod, old: &Pod) {
    new.status = old.status.clone();
    new.spec.priority = new.spec.priority.or(old.spec.priority);
    if new.spec.preemption_policy.is_none() {
        new.spec.preemption_policy.clone_from(&old.spec.preemption_policy);
    }
    tolerate_lost_nodes(new);
}

/// `DefaultTolerationSeconds`.
fn tolerate_lost_nodes(pod: &mut Pod) {
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
pub(super) fn qos_class(spec: &PodSpec) -> &'static str {
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
    // Templates are not asked this.
    for (list, containers) in
        [("containers", &pod.spec.containers), ("initContainers", &pod.spec.init_containers)]
    {
        for (index, container) in containers.iter().enumerate() {
            if container.image.trim() != container.image {
                let detail = "must not have leading or trailing whitespace";
                errors.invalid(format!("spec.{list}[{index}].image"), &container.image, detail);
            }
        }
    }
}

/// `ValidatePodCreate`, what it has beside the rest.
pub(super) fn validate_create(pod: &Pod, errors: &mut Errors) {
    validate(pod, errors);
    let spec = &pod.spec;
    if !spec.ephemeral_containers.is_empty() {
        errors.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    if !spec.node_name.is_empty() && !spec.scheduling_gates.is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.forbidden("spec.nodeName", detail);
    }
}

/// `ValidatePodSpec`.
pub(super) fn validate_spec(spec: &PodSpec, field: &str, errors: &mut Errors) {
    let is_template = field != "spec";
    let volumes = volume::validate(&spec.volumes, &format!("{field}.volumes"), errors);
    container::validate_all(spec, &volumes, field, errors);
    validate_host_network(spec, field, is_template, errors);
    container::one_of(
        &spec.restart_policy,
        RESTART_POLICIES,
        &format!("{field}.restartPolicy"),
        errors,
    );
    container::one_of(&spec.dns_policy, DNS_POLICIES, &format!("{field}.dnsPolicy"), errors);
    meta::labels(&spec.node_selector, &format!("{field}.nodeSelector"), errors);
    validate_security(&spec.security_context, &format!("{field}.securityContext"), errors);
    placement::validate_affinity(&spec.affinity, &format!("{field}.affinity"), errors);
    validate_dns_config(spec, &format!("{field}.dnsConfig"), errors);
    validate_gates(spec, field, errors);
    let constraints = format!("{field}.topologySpreadConstraints");
    placement::validate_spread(&spec.topology_spread_constraints, &constraints, errors);
    for (name, text) in
        [("serviceAccountName", &spec.service_account_name), ("nodeName", &spec.node_name)]
    {
        if !text.is_empty() {
            errors.invalid_each(format!("{field}.{name}"), text, rules::dns_1123_subdomain(text));
        }
    }
    if let Some(seconds) = spec.active_deadline_seconds.filter(|it| !DEADLINES.contains(it)) {
        let detail = "must be between 1 and 2147483647, inclusive";
        errors.invalid(format!("{field}.activeDeadlineSeconds"), seconds, detail);
    }
    for (name, text) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if !text.is_empty() {
            errors.invalid_each(format!("{field}.{name}"), text, rules::dns_1123_label(text));
        }
    }
    placement::validate_tolerations(&spec.tolerations, &format!("{field}.tolerations"), errors);
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        let field = format!("{field}.hostAliases[{index}]");
        rules::ip(&alias.ip, &format!("{field}.ip"), errors);
        for (index, name) in alias.hostnames.iter().enumerate() {
            let field = format!("{field}.hostnames[{index}]");
            errors.invalid_each(field, name, rules::dns_1123_subdomain(name));
        }
    }
    for (name, text) in [
        ("priorityClassName", Some(&spec.priority_class_name).filter(|it| !it.is_empty())),
        ("runtimeClassName", spec.runtime_class_name.as_ref()),
    ] {
        if let Some(text) = text {
            errors.invalid_each(format!("{field}.{name}"), text, rules::dns_1123_subdomain(text));
        }
    }
    if let Some(policy) = &spec.preemption_policy {
        container::one_of(policy, PREEMPTION, &format!("{field}.preemptionPolicy"), errors);
    }
}

/// `validatePodHostNetworkDeps`: a pod that has its node's addresses has its ports too. A template
/// may leave them out.
fn validate_host_network(spec: &PodSpec, field: &str, is_template: bool, errors: &mut Errors) {
    if !spec.host_network {
        return;
    }
    for (index, container) in spec.containers.iter().enumerate() {
        for (place, port) in container.ports.iter().enumerate() {
            let is_left_out = is_template && port.host_port == 0;
            if !is_left_out && port.host_port != port.container_port {
                let field = format!("{field}.containers[{index}].ports[{place}].hostPort");
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(field, port.host_port, detail);
            }
        }
    }
}

/// Users and groups of `validatePodSpecSecurityContext`.
fn validate_security(context: &Value, field: &str, errors: &mut Errors) {
    let number = |name: &str| context[name].as_i64();
    let groups = context["supplementalGroups"].as_array().into_iter().flatten().enumerate();
    let groups = groups.map(|(index, it)| (format!("supplementalGroups[{index}]"), it.as_i64()));
    let named = ["fsGroup", "runAsUser", "runAsGroup"].map(|it| (it.to_owned(), number(it)));
    let [fs_group, user, group] = named;
    for (name, id) in [fs_group, user, group].into_iter().chain(groups) {
        let Some(id) = id.filter(|it| !IDS.contains(it)) else { continue };
        errors.invalid(
            format!("{field}.{name}"),
            id,
            "must be between 0 and 2147483647, inclusive",
        );
    }
}

/// `validateReadinessGates`, `validateSchedulingGates`.
fn validate_gates(spec: &PodSpec, field: &str, errors: &mut Errors) {
    for (index, gate) in spec.readiness_gates.iter().enumerate() {
        let complaints = rules::qualified_name(&gate.condition_type);
        let field = format!("{field}.readinessGates[{index}].conditionType");
        errors.invalid_each(field, &gate.condition_type, complaints);
    }
    let name = |it: &Value| it["name"].as_str().unwrap_or_default().to_owned();
    let names: Vec<String> = spec.scheduling_gates.iter().map(name).collect();
    for (index, name) in names.iter().enumerate() {
        let field = format!("{field}.schedulingGates[{index}]");
        errors.invalid_each(&field, name, rules::qualified_name(name));
        if names[..index].contains(name) {
            errors.duplicate(field, name);
        }
    }
}

/// `validatePodDNSConfig`: `None` leaves it to the pod to name its servers.
fn validate_dns_config(spec: &PodSpec, field: &str, errors: &mut Errors) {
    let is_own = spec.dns_policy == "None";
    let Some(config) = &spec.dns_config else {
        if is_own {
            errors.required(field, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let servers = config.nameservers.as_slice();
    if is_own && servers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return errors.required(format!("{field}.nameservers"), detail);
    }
    if servers.len() > MOST_NAMESERVERS {
        let detail = format!("must not have more than {MOST_NAMESERVERS} nameservers");
        errors.invalid(format!("{field}.nameservers"), servers, &detail);
    }
    for (index, server) in servers.iter().enumerate() {
        rules::ip(server, &format!("{field}.nameservers[{index}]"), errors);
    }
    validate_searches(&config.searches, &format!("{field}.searches"), errors);
    for (index, option) in config.options.iter().enumerate() {
        if option.name.is_empty() {
            errors.required(format!("{field}.options[{index}]"), "must not be empty");
        }
    }
}

fn validate_searches(searches: &[String], field: &str, errors: &mut Errors) {
    if searches.len() > MOST_SEARCHES {
        let detail = format!("must not have more than {MOST_SEARCHES} search paths");
        errors.invalid(field, searches, &detail);
    }
    if searches.join(" ").len() > LONGEST_SEARCHES {
        let detail = format!(
            "must not have more than {LONGEST_SEARCHES} characters (including spaces) in the \
             search list"
        );
        errors.invalid(field, searches, &detail);
    }
    let is_relaxed = errors.version >= Version::V1_33;
    for (index, search) in searches.iter().enumerate() {
        let name = search.strip_suffix('.').unwrap_or(search);
        let fits = name.is_empty() && search == "."
            || rules::dns_1123_subdomain(&name.replace('_', "a")).is_empty();
        if is_relaxed && fits {
            continue;
        }
        errors.invalid_each(format!("{field}[{index}]"), name, rules::dns_1123_subdomain(name));
    }
}
