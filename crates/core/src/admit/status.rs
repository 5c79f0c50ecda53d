//! A write to `status`: the object with its new status, and what must be true of it.
//!
//! Whoever runs the object says how it is; nobody changes its spec this way.

use super::errors::{Errors, GoValue, Struct};
use super::{Admitted, Refusal, Settings, cluster, default, finish, keep_metadata, meta, rules};
use crate::object::{
    ContainerStatus, DaemonSetStatus, DeploymentStatus, Ip, LoadBalancerIngress,
    LoadBalancerStatus, Namespace, Object, Pod, ReplicaSetStatus, StatefulSetStatus,
};

const IP_MODES: &[&str] = &["Proxy", "VIP"];

/// PUT to the subresource `status`: the status of `new`, the spec and the generation of `old`.
///
/// # Errors
///
/// What the server refuses: 422, or 409 for a stale version.
pub fn update_status(
    old: &Object,
    mut new: Object,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    default(&mut new);
    let asked = &new.meta().resource_version;
    if !asked.is_empty() && *asked != old.meta().resource_version {
        return Err(Refusal::conflict(&new.key()));
    }
    keep_spec(&mut new, old);
    keep_metadata(&mut new, old, settings.version);
    new.meta_mut().generation = old.meta().generation;
    let mut errors = Errors::new(settings.version);
    meta::validate_common(new.meta(), old.meta(), &mut errors);
    validate(&new, old, &mut errors);
    finish(&new, errors)?;
    Ok(Admitted { object: new, warnings: Vec::new() })
}

fn keep_spec(new: &mut Object, old: &Object) {
    match (new, old) {
        (Object::Service(new), Object::Service(old)) => new.spec = old.spec.clone(),
        (Object::Pod(new), Object::Pod(old)) => {
            new.spec = old.spec.clone();
            new.metadata.owner_references.clone_from(&old.metadata.owner_references);
            let status = &mut *new.status;
            status.qos_class.clone_from(&old.status.qos_class);
            one_pod_ip(&mut status.pod_ip, &mut status.pod_ips);
        }
        (Object::Deployment(new), Object::Deployment(old)) => {
            new.spec = old.spec.clone();
            new.metadata.labels.clone_from(&old.metadata.labels);
        }
        (Object::ReplicaSet(new), Object::ReplicaSet(old)) => new.spec = old.spec.clone(),
        (Object::StatefulSet(new), Object::StatefulSet(old)) => new.spec = old.spec.clone(),
        (Object::DaemonSet(new), Object::DaemonSet(old)) => new.spec = old.spec.clone(),
        (Object::Node(new), Object::Node(old)) => new.spec = old.spec.clone(),
        (Object::Namespace(new), Object::Namespace(old)) => new.spec = old.spec.clone(),
        (Object::Ingress(new), Object::Ingress(old)) => new.spec = old.spec.clone(),
        (Object::Other(new), Object::Other(old)) => {
            let status = new.body.remove("status");
            new.body.clone_from(&old.body);
            new.body.remove("status");
            new.body.extend(status.map(|status| ("status".to_owned(), status)));
        }
        _ => {}
    }
}

/// `podIP` is the first of `podIPs`; where they disagree, the old field is believed.
fn one_pod_ip(ip: &mut String, ips: &mut Vec<Ip>) {
    match ips.first() {
        Some(first) if ip.is_empty() => ip.clone_from(&first.ip),
        Some(first) if first.ip == *ip => {}
        _ if ip.is_empty() => {}
        _ => *ips = vec![Ip { ip: ip.clone() }],
    }
}

fn validate(new: &Object, old: &Object, errors: &mut Errors) {
    match (new, old) {
        (Object::Pod(new), Object::Pod(old)) => validate_pod(new, old, errors),
        (Object::Service(new), _) => {
            let can = new.spec.r#type == "LoadBalancer";
            validate_load_balancer(&new.status.load_balancer, can, errors);
        }
        (Object::Ingress(new), _) => {
            let ingress = new.status.load_balancer.ingress.iter().enumerate();
            ingress.for_each(|(index, it)| validate_address(it, &entry(index), errors));
        }
        (Object::Deployment(new), Object::Deployment(old)) => {
            validate_deployment(&new.status, errors);
            not_decremented(new.status.collision_count, old.status.collision_count, errors);
        }
        (Object::StatefulSet(new), Object::StatefulSet(old)) => {
            validate_stateful_set(&new.status, errors);
            not_decremented(new.status.collision_count, old.status.collision_count, errors);
        }
        (Object::DaemonSet(new), Object::DaemonSet(old)) => {
            validate_daemon_set(&new.status, errors);
            not_decremented(new.status.collision_count, old.status.collision_count, errors);
        }
        (Object::ReplicaSet(new), _) => validate_replica_set(&new.status, errors),
        (Object::Namespace(new), _) => validate_namespace(new, errors),
        (Object::Node(new), Object::Node(old)) => cluster::validate_node_update(new, old, errors),
        _ => {}
    }
}

/// `ValidateNamespaceStatusUpdate`.
fn validate_namespace(namespace: &Namespace, errors: &mut Errors) {
    let (only, is) = match namespace.metadata.deletion_timestamp {
        None => ("Active", "empty"),
        Some(_) => ("Terminating", "not empty"),
    };
    let phase = &namespace.status.phase;
    if phase != only {
        let detail = format!("may only be '{only}' if `deletionTimestamp` is {is}");
        errors.invalid("status.Phase", phase, &detail);
    }
}

/// `ValidatePodStatusUpdate`.
fn validate_pod(new: &Pod, old: &Pod, errors: &mut Errors) {
    let (status, before) = (&new.status, &old.status);
    for (name, new_list, old_list) in [
        ("containerStatuses", &status.container_statuses, &before.container_statuses),
        ("initContainerStatuses", &status.init_container_statuses, &before.init_container_statuses),
    ] {
        let field = format!("status.{name}");
        validate_transitions(new_list, old_list, &new.spec.restart_policy, &field, errors);
    }
    validate_ips(&status.pod_ips, "PodIP", "status.podIPs", errors);
    if let Some(first) = status.host_ips.first().filter(|first| first.ip != status.host_ip) {
        errors.invalid("status.hostIPs[0].ip", &first.ip, "must be equal to `hostIP`");
    }
    validate_ips(&status.host_ips, "HostIP", "status.hostIPs", errors);
}

/// A container that has ended stays so, unless it may be started again.
fn validate_transitions(
    new: &[ContainerStatus],
    old: &[ContainerStatus],
    restart_policy: &str,
    field: &str,
    errors: &mut Errors,
) {
    if !matches!(restart_policy, "Never" | "OnFailure") {
        return;
    }
    for (index, before) in old.iter().enumerate() {
        let Some(terminated) = &before.state.terminated else { continue };
        if restart_policy == "OnFailure" && terminated.exit_code != 0 {
            continue;
        }
        if new.iter().any(|it| it.name == before.name && it.state.terminated.is_none()) {
            let detail = "may not be transitioned to non-terminated state";
            errors.forbidden(format!("{field}[{index}].state"), detail);
        }
    }
}

/// The addresses of a pod or of its node: at most one of each family.
fn validate_ips(ips: &[Ip], go_type: &str, field: &str, errors: &mut Errors) {
    let mut families = Vec::new();
    for (index, it) in ips.iter().enumerate() {
        families.extend(rules::ip(&it.ip, &format!("{field}[{index}]"), errors));
    }
    let go = |it: &Ip| format!("core.{go_type}{{IP:{}}}", it.ip.as_str().go());
    let json = |it: &Ip| format!("{{\"IP\":{}}}", it.ip.as_str().go());
    for (index, it) in ips.iter().enumerate() {
        if ips[..index].contains(it) {
            errors.duplicate(format!("{field}[{index}]"), Struct { go: go(it), json: json(it) });
        }
    }
    let is_dual = families.len() == 2 && families[0].is_ipv4() != families[1].is_ipv4();
    if ips.len() > 1 && !is_dual {
        let each = |form: &dyn Fn(&Ip) -> String, between: &str| {
            ips.iter().map(form).collect::<Vec<_>>().join(between)
        };
        let value = Struct {
            go: format!("[]core.{go_type}{{{}}}", each(&go, ", ")),
            json: format!("[{}]", each(&json, ",")),
        };
        errors.invalid(field, value, "may specify no more than one IP for each IP family");
    }
}

fn entry(index: usize) -> String {
    format!("status.loadBalancer.ingress[{index}]")
}

/// `ValidateLoadBalancerStatus`.
fn validate_load_balancer(status: &LoadBalancerStatus, can: bool, errors: &mut Errors) {
    let field = "status.loadBalancer.ingress";
    if !can && !status.ingress.is_empty() {
        return errors.forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'");
    }
    for (index, ingress) in status.ingress.iter().enumerate() {
        let field = entry(index);
        let has_ip = !ingress.ip.is_empty();
        validate_ip(ingress, &field, errors);
        let mode = format!("{field}.ipMode");
        match &ingress.ip_mode {
            None if has_ip => errors.required(mode, "must be specified when `ip` is set"),
            Some(_) if !has_ip => {
                errors.forbidden(mode, "may not be specified when `ip` is not set")
            }
            Some(word) if !IP_MODES.contains(&word.as_str()) => {
                errors.not_supported(mode, word, IP_MODES);
            }
            _ => {}
        }
        validate_hostname(&ingress.hostname, &format!("{field}.hostname"), errors);
    }
}

/// `ValidateIngressLoadBalancerStatus` asks no more of an entry.
fn validate_address(ingress: &LoadBalancerIngress, field: &str, errors: &mut Errors) {
    validate_ip(ingress, field, errors);
    validate_hostname(&ingress.hostname, &format!("{field}.hostname"), errors);
}

fn validate_ip(ingress: &LoadBalancerIngress, field: &str, errors: &mut Errors) {
    if !ingress.ip.is_empty() {
        rules::ip(&ingress.ip, &format!("{field}.ip"), errors);
    }
}

fn validate_hostname(name: &str, field: &str, errors: &mut Errors) {
    if name.is_empty() {
        return;
    }
    errors.invalid_each(field, name, rules::dns_1123_subdomain(name));
    if rules::parse_ip(name).is_some() {
        errors.invalid(field, name, "must be a DNS name, not an IP address");
    }
}

/// `ValidateDeploymentStatus`.
fn validate_deployment(status: &DeploymentStatus, errors: &mut Errors) {
    not_negative(
        &[
            ("observedGeneration", status.observed_generation),
            ("replicas", status.replicas.into()),
            ("updatedReplicas", status.updated_replicas.into()),
            ("readyReplicas", status.ready_replicas.into()),
            ("availableReplicas", status.available_replicas.into()),
            ("unavailableReplicas", status.unavailable_replicas.into()),
            ("collisionCount", status.collision_count.unwrap_or_default().into()),
        ],
        errors,
    );
    not_more(
        &[
            ("updatedReplicas", status.updated_replicas, "status.replicas", status.replicas),
            ("readyReplicas", status.ready_replicas, "status.replicas", status.replicas),
            ("availableReplicas", status.available_replicas, "status.replicas", status.replicas),
            (
                "availableReplicas",
                status.available_replicas,
                "readyReplicas",
                status.ready_replicas,
            ),
        ],
        errors,
    );
}

/// `ValidateStatefulSetStatus`.
fn validate_stateful_set(status: &StatefulSetStatus, errors: &mut Errors) {
    not_negative(
        &[
            ("replicas", status.replicas.into()),
            ("readyReplicas", status.ready_replicas.into()),
            ("currentReplicas", status.current_replicas.into()),
            ("updatedReplicas", status.updated_replicas.into()),
            ("availableReplicas", status.available_replicas.into()),
            ("observedGeneration", status.observed_generation),
            ("collisionCount", status.collision_count.unwrap_or_default().into()),
        ],
        errors,
    );
    let (all, ready) = (status.replicas, status.ready_replicas);
    not_more(
        &[
            ("readyReplicas", ready, "status.replicas", all),
            ("currentReplicas", status.current_replicas, "status.replicas", all),
            ("updatedReplicas", status.updated_replicas, "status.replicas", all),
            ("availableReplicas", status.available_replicas, "status.replicas", all),
            ("availableReplicas", status.available_replicas, "status.readyReplicas", ready),
        ],
        errors,
    );
}

/// `validateDaemonSetStatus`.
fn validate_daemon_set(status: &DaemonSetStatus, errors: &mut Errors) {
    not_negative(
        &[
            ("currentNumberScheduled", status.current_number_scheduled.into()),
            ("numberMisscheduled", status.number_misscheduled.into()),
            ("desiredNumberScheduled", status.desired_number_scheduled.into()),
            ("numberReady", status.number_ready.into()),
            ("observedGeneration", status.observed_generation),
            ("updatedNumberScheduled", status.updated_number_scheduled.into()),
            ("numberAvailable", status.number_available.into()),
            ("numberUnavailable", status.number_unavailable.into()),
            ("collisionCount", status.collision_count.unwrap_or_default().into()),
        ],
        errors,
    );
}

/// `isDecremented`
fn not_decremented(count: Option<i32>, before: Option<i32>, errors: &mut Errors) {
    if before.is_some_and(|before| count.is_none_or(|it| it < before)) {
        let count = count.unwrap_or_default();
        errors.invalid("status.collisionCount", count, "cannot be decremented");
    }
}

/// `ValidateReplicaSetStatus`.
fn validate_replica_set(status: &ReplicaSetStatus, errors: &mut Errors) {
    not_negative(
        &[
            ("replicas", status.replicas.into()),
            ("fullyLabeledReplicas", status.fully_labeled_replicas.into()),
            ("readyReplicas", status.ready_replicas.into()),
            ("availableReplicas", status.available_replicas.into()),
            ("observedGeneration", status.observed_generation),
        ],
        errors,
    );
    not_more(
        &[
            (
                "fullyLabeledReplicas",
                status.fully_labeled_replicas,
                "status.replicas",
                status.replicas,
            ),
            ("readyReplicas", status.ready_replicas, "status.replicas", status.replicas),
            ("availableReplicas", status.available_replicas, "status.replicas", status.replicas),
            (
                "availableReplicas",
                status.available_replicas,
                "readyReplicas",
                status.ready_replicas,
            ),
        ],
        errors,
    );
}

fn not_negative(counts: &[(&str, i64)], errors: &mut Errors) {
    for (name, count) in counts {
        rules::not_negative(*count, &format!("status.{name}"), errors);
    }
}

fn not_more(counts: &[(&str, i32, &str, i32)], errors: &mut Errors) {
    for (name, count, whole, most) in counts {
        if count > most {
            let detail = format!("cannot be greater than {whole}");
            errors.invalid(format!("status.{name}"), *count, &detail);
        }
    }
}
