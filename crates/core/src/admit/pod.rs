//! Pod: defaults, validation, what may change.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::errors::{Errors, GoValue, Struct};
use super::{container, meta, rules, volume};
use crate::key::Kind;
use crate::object::{Container, Pod, PodSpec, Probe, Toleration};

// These two are not in the alphabet's order in the server either.
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const EVICTION_SECONDS: i64 = 300;
const MOST_NAMESERVERS: usize = 3;
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
    spec.init_containers.iter_mut().chain(&mut spec.containers)
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
    pod.status.phase = "Pending".to_owned();
    pod.status.qos_class = qos_class(&pod.spec).to_owned();
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

/// `ValidatePodSpec`.
pub(super) fn validate_spec(spec: &PodSpec, field: &str, errors: &mut Errors) {
    let volumes = volume::validate(&spec.volumes, &format!("{field}.volumes"), errors);
    container::validate_all(spec, &volumes, field, errors);
    container::one_of(
        &spec.restart_policy,
        RESTART_POLICIES,
        &format!("{field}.restartPolicy"),
        errors,
    );
    container::one_of(&spec.dns_policy, DNS_POLICIES, &format!("{field}.dnsPolicy"), errors);
    meta::labels(&spec.node_selector, &format!("{field}.nodeSelector"), errors);
    validate_dns_config(spec, &format!("{field}.dnsConfig"), errors);
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
    validate_tolerations(&spec.tolerations, &format!("{field}.tolerations"), errors);
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        let field = format!("{field}.hostAliases[{index}]");
        rules::ip(&alias.ip, &format!("{field}.ip"), errors);
        for (index, name) in alias.hostnames.iter().enumerate() {
            let field = format!("{field}.hostnames[{index}]");
            errors.invalid_each(field, name, rules::dns_1123_subdomain(name));
        }
    }
}

/// `validatePodDNSConfig`: `None` leaves it to the pod to name its servers.
fn validate_dns_config(spec: &PodSpec, field: &str, errors: &mut Errors) {
    let servers = spec.dns_config.as_ref().map(|it| it.nameservers.as_slice()).unwrap_or_default();
    if spec.dns_policy == "None" && spec.dns_config.is_none() {
        let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
        return errors.required(field, detail);
    }
    let field = format!("{field}.nameservers");
    if spec.dns_policy == "None" && servers.is_empty() {
        errors
            .required(&field, "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
    if servers.len() > MOST_NAMESERVERS {
        let detail = "must not have more than 3 nameservers";
        errors.invalid(&field, servers, detail);
    }
    for (index, server) in servers.iter().enumerate() {
        rules::ip(server, &format!("{field}[{index}]"), errors);
    }
}

/// `ValidateTolerations`.
fn validate_tolerations(tolerations: &[Toleration], field: &str, errors: &mut Errors) {
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
        if !effect.is_empty() && !super::cluster::EFFECTS.contains(&effect.as_str()) {
            errors.not_supported(format!("{field}.effect"), effect, super::cluster::EFFECTS);
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

/// The server adds a line break and a diff of Go structs to this text; we do not.
const POD_IS_FIXED: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// `ValidatePodUpdate`.
pub(super) fn validate_update(new: &Pod, old: &Pod, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate(new, errors);
    for (name, new, old) in [
        ("containers", &new.spec.containers, &old.spec.containers),
        ("initContainers", &new.spec.init_containers, &old.spec.init_containers),
    ] {
        if new.len() != old.len() {
            let detail = "pod updates may not add or remove containers";
            return errors.forbidden(format!("spec.{name}"), detail);
        }
        for (index, container) in new.iter().enumerate() {
            if container.image.is_empty() {
                errors.required(format!("spec.{name}[{index}].image"), "");
            }
        }
    }
    if !validate_deadline(&new.spec, &old.spec, errors) {
        return;
    }
    validate_added_tolerations(&new.spec, &old.spec, errors);
    if new.spec == old.spec {
        return;
    }
    if qos_class(&new.spec) != qos_class(&old.spec) {
        errors.invalid("metadata", &new.status.qos_class, "Pod QoS is immutable");
    }
    if with_free_fields_of(&new.spec, &old.spec) != *new.spec {
        errors.forbidden("spec", POD_IS_FIXED);
    }
}

/// A deadline may come, or come nearer; false ends the questions.
fn validate_deadline(new: &PodSpec, old: &PodSpec, errors: &mut Errors) -> bool {
    let field = "spec.activeDeadlineSeconds";
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            errors.invalid(field, seconds, "must be between 0 and 2147483647, inclusive");
            false
        }
        (Some(seconds), Some(before)) if before < seconds => {
            errors.invalid(field, seconds, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            errors.invalid(field, &None, "must not update from a positive integer to nil value");
            true
        }
        _ => true,
    }
}

fn validate_added_tolerations(new: &PodSpec, old: &PodSpec, errors: &mut Errors) {
    let is_kept = |before: &Toleration| {
        let any_time = |it: &Toleration| Toleration { toleration_seconds: None, ..it.clone() };
        new.tolerations.iter().any(|it| any_time(it) == any_time(before))
    };
    if !old.tolerations.iter().all(is_kept) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        return errors.forbidden("spec.tolerations", detail);
    }
    validate_tolerations(&new.tolerations, "spec.tolerations", errors);
}

/// `old` with those fields of `new` that may change.
fn with_free_fields_of(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut allowed = old.clone();
    for (to, from) in [
        (&mut allowed.containers, &new.containers),
        (&mut allowed.init_containers, &new.init_containers),
    ] {
        for (container, new) in to.iter_mut().zip(from) {
            container.image.clone_from(&new.image);
        }
    }
    allowed.active_deadline_seconds = new.active_deadline_seconds;
    allowed.tolerations.clone_from(&new.tolerations);
    let was_negative = old.termination_grace_period_seconds.is_some_and(|it| it < 0);
    if was_negative && new.termination_grace_period_seconds == Some(1) {
        allowed.termination_grace_period_seconds = Some(1);
    }
    allowed
}
