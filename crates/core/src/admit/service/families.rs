//! A Service's IP families and the addresses that it asks for.

use std::net::IpAddr;

use super::super::errors::{Errors, GoValue, Struct};
use super::super::rules;
use super::{is_external_name, is_headless};
use crate::object::{CLUSTER_IP_NONE, ServiceSpec};

const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const FAMILY_POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

/// `ValidateServiceClusterIPsRelatedFields`; allocation asks it too, before it begins.
pub(in crate::admit) fn validate_cluster_ips(spec: &ServiceSpec, errors: &mut Errors) {
    if is_external_name(spec) {
        return;
    }
    let (ip, ips) = (&spec.cluster_ip, spec.cluster_ips.as_slice());
    if !ip.is_empty() && ips.is_empty() {
        errors.required("spec.clusterIPs", "");
    } else if !ip.is_empty() && ips[0] != *ip {
        errors.invalid("spec.clusterIPs", ips, "first value must match `clusterIP`");
    } else if ip.is_empty() && !ips.is_empty() {
        errors.invalid("spec.clusterIPs", ips, "must be empty when `clusterIP` is not specified");
    }
    validate_families(spec, errors);
    let before = errors.len();
    validate_each_cluster_ip(ips, errors);
    if errors.len() > before {
        return;
    }
    validate_ips_and_families(spec, errors);
}

fn validate_families(spec: &ServiceSpec, errors: &mut Errors) {
    for (index, family) in spec.ip_families.iter().enumerate() {
        let field = format!("spec.ipFamilies[{index}]");
        if !FAMILIES.contains(&family.as_str()) {
            errors.not_supported(&field, family, FAMILIES);
        }
        if spec.ip_families[..index].contains(family) {
            errors.duplicate(&field, family);
        }
    }
    if let Some(policy) = &spec.ip_family_policy
        && !FAMILY_POLICIES.contains(&policy.as_str())
    {
        errors.not_supported("spec.ipFamilyPolicy", policy, FAMILY_POLICIES);
    }
}

fn validate_each_cluster_ip(ips: &[String], errors: &mut Errors) {
    for (index, ip) in ips.iter().enumerate() {
        if index > 0 || ip != CLUSTER_IP_NONE {
            rules::ip(ip, &format!("spec.clusterIPs[{index}]"), errors);
        } else if ips.len() > 1 {
            errors.invalid("spec.clusterIPs", ips, "'None' must be the first and only value");
        }
    }
}

fn validate_ips_and_families(spec: &ServiceSpec, errors: &mut Errors) {
    let ips = spec.cluster_ips.as_slice();
    let families: Vec<&str> = ips.iter().map(|ip| family_of(ip)).collect();
    if ips.len() > 2 {
        errors.invalid("spec.clusterIPs", ips, "may only hold up to 2 values");
    }
    if ips.len() > 1 && (!families.contains(&"IPv4") || !families.contains(&"IPv6")) {
        let detail = "may specify no more than one IP for each IP family";
        errors.invalid("spec.clusterIPs", ips, detail);
    }
    if is_headless(spec) {
        return;
    }
    for (index, (ip, wanted)) in ips.iter().zip(&spec.ip_families).enumerate() {
        if families[index] != wanted {
            let detail =
                format!("expected an {wanted} value as indicated by `ipFamilies[{index}]`");
            errors.invalid(format!("spec.clusterIPs[{index}]"), ip, &detail);
        }
    }
}

/// The family of a valid address.
pub(in crate::admit) fn family_of(ip: &str) -> &'static str {
    match rules::parse_ip(ip) {
        Some(IpAddr::V6(_)) => "IPv6",
        _ => "IPv4",
    }
}

pub(super) fn validate_cluster_ips_kept(new: &ServiceSpec, old: &ServiceSpec, errors: &mut Errors) {
    if is_headless(new) && is_headless(old) {
        return;
    }
    let ips = new.cluster_ips.as_slice();
    // With equal lengths every address stays; otherwise the first does.
    let kept = if ips.len() == old.cluster_ips.len() { ips.len() } else { 1 };
    for (index, (ip, old_ip)) in ips.iter().zip(&old.cluster_ips).take(kept).enumerate() {
        if ip != old_ip {
            let field = format!("spec.clusterIPs[{index}]");
            errors.invalid(field, ips, "may not change once set");
        }
    }
    if ips.len() == 1 && old.cluster_ips.len() == 2 {
        require_single_stack(new, "clusterIP", errors);
    }
}

pub(super) fn validate_families_kept(new: &ServiceSpec, old: &ServiceSpec, errors: &mut Errors) {
    let families = new.ip_families.as_slice();
    let is_changed = |at: usize| families.get(at) != old.ip_families.get(at);
    let both_kept = families.len() == old.ip_families.len();
    if !old.ip_families.is_empty() && (is_changed(0) || both_kept && is_changed(1)) {
        let families = Struct {
            go: families.go().replacen("[]string", "[]core.IPFamily", 1),
            json: families.json(),
        };
        errors.invalid("spec.ipFamilies[0]", families, "may not change once set");
    }
    if families.len() == 1 && old.ip_families.len() == 2 {
        require_single_stack(new, "ipFamily", errors);
    }
}

fn require_single_stack(new: &ServiceSpec, released: &str, errors: &mut Errors) {
    if new.ip_family_policy.as_deref() != Some("SingleStack") {
        let detail =
            format!("must be set to 'SingleStack' when releasing the secondary {released}");
        errors.invalid("spec.ipFamilyPolicy", &new.ip_family_policy, &detail);
    }
}
