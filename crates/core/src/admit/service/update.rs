//! What an update of a Service may change, keeps of the old one, and wipes.

use super::super::errors::Errors;
use super::super::meta;
use super::families::{validate_cluster_ips_kept, validate_families_kept};
use super::{
    is_externally_accessible, is_load_balancer, needs_cluster_ip, needs_health_check,
    needs_node_ports, validate_class,
};
use crate::object::{Service, ServicePort, ServiceSpec};

/// `ValidateServiceUpdate`, what it has beside `ValidateService`.
pub(in crate::admit) fn validate_update(new: &Service, old: &Service, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    let (new, old) = (&new.spec, &old.spec);
    if needs_cluster_ip(new) && needs_cluster_ip(old) {
        validate_cluster_ips_kept(new, old, errors);
        validate_families_kept(new, old, errors);
    }
    if is_load_balancer(new) && is_load_balancer(old) {
        let class = &new.load_balancer_class;
        if *class != old.load_balancer_class {
            errors.invalid("spec.loadBalancerClass", class, "may not change once set");
        }
    }
    // The server asks this again with everything else.
    validate_class(new, errors);
    if needs_health_check(new)
        && needs_health_check(old)
        && new.health_check_node_port != old.health_check_node_port
    {
        errors.forbidden("spec.healthCheckNodePort", "field is immutable");
    }
}

/// `patchAllocatedValues`: what the client left out and the server has given before.
pub(in crate::admit) fn keep_allocated(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(new) && needs_cluster_ip(old) {
        if new.cluster_ip.is_empty() {
            new.cluster_ip.clone_from(&old.cluster_ip);
        }
        if new.cluster_ips.is_empty() && new.cluster_ip == old.cluster_ip {
            new.cluster_ips.clone_from(&old.cluster_ips);
        }
    }
    if needs_node_ports(new) && needs_node_ports(old) {
        keep_node_ports(new, old);
    }
    if needs_health_check(new) && needs_health_check(old) && new.health_check_node_port == 0 {
        new.health_check_node_port = old.health_check_node_port;
    }
}

/// A node port stays with the name of its port, unless another port of the Service asks for it.
fn keep_node_ports(new: &mut ServiceSpec, old: &ServiceSpec) {
    let asked: Vec<i32> = new.ports.iter().map(|port| port.node_port).collect();
    for port in new.ports.iter_mut().filter(|port| port.node_port == 0) {
        let before = old.ports.iter().rev().find(|before| before.name == port.name);
        let number = before.map_or(0, |before| before.node_port);
        if !asked.contains(&number) {
            port.node_port = number;
        }
    }
}

/// `normalizeClusterIPs`: `clusterIP` and the first of `clusterIPs` are one.
pub(in crate::admit) fn synchronize_cluster_ips(new: &mut ServiceSpec, old: Option<&ServiceSpec>) {
    if new.cluster_ips.is_empty() && !new.cluster_ip.is_empty() {
        new.cluster_ips = vec![new.cluster_ip.clone()];
    }
    let Some(old) = old else { return };
    let is_changed = new.cluster_ip != old.cluster_ip && new.cluster_ips == old.cluster_ips;
    if !is_changed {
        return;
    }
    match new.cluster_ips.first_mut() {
        Some(_) if new.cluster_ip.is_empty() => new.cluster_ips.clear(),
        Some(first) => first.clone_from(&new.cluster_ip),
        None => {}
    }
}

/// `dropTypeDependentFields`: what the old type had, the new one has not, and nobody changed.
pub(in crate::admit) fn wipe(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && !needs_cluster_ip(new) {
        wipe_cluster_ips(new, old);
    }
    let had = |port: &ServicePort| {
        port.node_port == 0 || old.ports.iter().any(|it| it.node_port == port.node_port)
    };
    if needs_node_ports(old) && !needs_node_ports(new) && new.ports.iter().all(had) {
        new.ports.iter_mut().for_each(|port| port.node_port = 0);
    }
    if needs_health_check(old)
        && !needs_health_check(new)
        && new.health_check_node_port == old.health_check_node_port
    {
        new.health_check_node_port = 0;
    }
    if is_load_balancer(old) && !is_load_balancer(new) {
        if new.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports {
            new.allocate_load_balancer_node_ports = None;
        }
        if new.load_balancer_class == old.load_balancer_class {
            new.load_balancer_class = None;
        }
    }
    if is_externally_accessible(old)
        && !is_externally_accessible(new)
        && new.external_traffic_policy == old.external_traffic_policy
    {
        new.external_traffic_policy.clear();
    }
}

fn wipe_cluster_ips(new: &mut ServiceSpec, old: &ServiceSpec) {
    if new.cluster_ip == old.cluster_ip && new.cluster_ips == old.cluster_ips {
        new.cluster_ip.clear();
        new.cluster_ips.clear();
    }
    if new.ip_families == old.ip_families {
        new.ip_families.clear();
    }
    if new.ip_family_policy == old.ip_family_policy {
        new.ip_family_policy = None;
    }
}
