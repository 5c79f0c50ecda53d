//! What the server says of a Service that it accepts all the same.

use super::super::Version;
use super::super::ip::{cidr_warnings, ip_warning};
use super::{is_external_name, is_headless};
use crate::object::{Service, ServiceSpec};

/// `GetWarningsForService`.
pub(in crate::admit) fn warnings(service: &Service, version: Version) -> Vec<String> {
    let spec = &service.spec;
    let mut warnings = Vec::new();
    let hints = "service.kubernetes.io/topology-aware-hints";
    if service.metadata.annotations.contains_key(hints) {
        warnings.push(format!(
            "annotation {hints} is deprecated, please use service.kubernetes.io/topology-mode instead"
        ));
    }
    if !is_headless(spec) {
        warnings.extend(ip_warnings("spec.clusterIPs", &spec.cluster_ips, version));
    } else if version >= Version::V1_34 {
        warnings.extend(ignored_when_headless(spec));
    }
    warnings.extend(ip_warnings("spec.externalIPs", &spec.external_ips, version));
    if !spec.load_balancer_ip.is_empty() {
        warnings.extend(ip_warning("spec.loadBalancerIP", &spec.load_balancer_ip, version));
    }
    for (index, range) in spec.load_balancer_source_ranges.iter().enumerate() {
        let field = format!("spec.loadBalancerSourceRanges[{index}]");
        warnings.extend(cidr_warnings(&field, range, version));
    }
    if is_external_name(spec) && !spec.external_ips.is_empty() {
        let warning = "spec.externalIPs is ignored when spec.type is \"ExternalName\"";
        warnings.push(warning.to_owned());
    }
    if !spec.external_name.is_empty() && !is_external_name(spec) {
        let warning = "spec.externalName is ignored when spec.type is not \"ExternalName\"";
        warnings.push(warning.to_owned());
    }
    warnings
}

fn ip_warnings(field: &str, ips: &[String], version: Version) -> Vec<String> {
    let each = ips.iter().enumerate();
    each.filter_map(|(index, ip)| ip_warning(&format!("{field}[{index}]"), ip, version)).collect()
}

fn ignored_when_headless(spec: &ServiceSpec) -> impl Iterator<Item = String> {
    let fields = [
        ("loadBalancerIP", !spec.load_balancer_ip.is_empty()),
        ("externalIPs", !spec.external_ips.is_empty()),
        // The capital is the server's, and `None` is an affinity too.
        ("SessionAffinity", !spec.session_affinity.is_empty()),
    ];
    let set = fields.into_iter().filter(|(_, is_set)| *is_set);
    set.map(|(field, _)| format!("spec.{field} is ignored for headless services"))
}
