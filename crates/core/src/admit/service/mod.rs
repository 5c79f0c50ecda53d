//! Service: defaults and validation; in the modules below what an update keeps and wipes.
//!
//! Follows `pkg/apis/core/v1/defaults.go`, `ValidateService` and `pkg/registry/core/service`
//! of Kubernetes 1.32, in their order: a reader of an error list sees the server's.

mod families;
mod ports;
mod update;
mod warnings;

use super::Version;
use super::errors::Errors;
use super::{meta, rules};
use crate::key::Kind;
use crate::object::{
    CLUSTER_IP_NONE, ClientIpConfig, IntOrString, ObjectMeta, Service, ServiceSpec,
    SessionAffinityConfig,
};

pub(super) use families::{family_of, validate_cluster_ips};
pub(super) use update::{keep_allocated, synchronize_cluster_ips, validate_update, wipe};
pub(super) use warnings::warnings;

use ports::{validate_distinct_ports, validate_node_ports, validate_ports};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const TRAFFIC_POLICIES: &[&str] = &["Cluster", "Local"];
const KUBELET_PORT: i32 = 10250;
const LONGEST_AFFINITY: i32 = 86400;
const DEFAULT_AFFINITY: i32 = 10800;
const SOURCE_RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";

/// `SetDefaults_Service`.
pub(super) fn default(service: &mut Service) {
    let spec = &mut service.spec;
    default_word(&mut spec.session_affinity, "None");
    default_word(&mut spec.r#type, "ClusterIP");
    match spec.session_affinity.as_str() {
        "None" => spec.session_affinity_config = None,
        "ClientIP" => default_timeout(spec),
        _ => {}
    }
    for port in &mut spec.ports {
        default_word(&mut port.protocol, "TCP");
        if matches!(&port.target_port, IntOrString::Int(0))
            || port.target_port == IntOrString::from("")
        {
            port.target_port = port.port.into();
        }
    }
    if is_externally_accessible(spec) {
        default_word(&mut spec.external_traffic_policy, "Cluster");
    }
    if matches!(spec.r#type.as_str(), "ClusterIP" | "NodePort" | "LoadBalancer") {
        spec.internal_traffic_policy.get_or_insert_with(|| "Cluster".to_owned());
    }
    if is_load_balancer(spec) {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
        let ingress = &mut service.status.load_balancer.ingress;
        for entry in ingress.iter_mut().filter(|it| !it.ip.is_empty()) {
            entry.ip_mode.get_or_insert_with(|| "VIP".to_owned());
        }
    }
}

fn default_word(word: &mut String, default: &str) {
    if word.is_empty() {
        default.clone_into(word);
    }
}

fn default_timeout(spec: &mut ServiceSpec) {
    let config = spec.session_affinity_config.as_ref().and_then(|it| it.client_ip.as_ref());
    if config.and_then(|it| it.timeout_seconds).is_none() {
        let client_ip = ClientIpConfig { timeout_seconds: Some(DEFAULT_AFFINITY) };
        spec.session_affinity_config = Some(SessionAffinityConfig { client_ip: Some(client_ip) });
    }
}

pub(super) fn is_load_balancer(spec: &ServiceSpec) -> bool {
    spec.r#type == "LoadBalancer"
}

fn is_external_name(spec: &ServiceSpec) -> bool {
    spec.r#type == "ExternalName"
}

fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ips.as_slice() == [CLUSTER_IP_NONE]
}

fn is_externally_accessible(spec: &ServiceSpec) -> bool {
    match spec.r#type.as_str() {
        "NodePort" | "LoadBalancer" => true,
        "ClusterIP" => !spec.external_ips.is_empty(),
        _ => false,
    }
}

/// A headless Service needs one too: `None`.
pub(super) fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    !is_external_name(spec)
}

pub(super) fn needs_node_ports(spec: &ServiceSpec) -> bool {
    spec.r#type == "NodePort"
        || is_load_balancer(spec) && spec.allocate_load_balancer_node_ports != Some(false)
}

pub(super) fn needs_health_check(spec: &ServiceSpec) -> bool {
    is_load_balancer(spec) && spec.external_traffic_policy == "Local"
}

/// `ValidateService`.
pub(super) fn validate(service: &Service, errors: &mut Errors) {
    let spec = &service.spec;
    meta::validate(Kind::Service, &service.metadata, errors);
    validate_topology_mode(&service.metadata, errors);
    if spec.ports.is_empty() && !is_headless(spec) && !is_external_name(spec) {
        errors.required("spec.ports", "");
    }
    validate_for_type(spec, errors);
    validate_ports(spec, errors);
    meta::labels(&spec.selector, "spec.selector", errors);
    validate_affinity(spec, errors);
    validate_cluster_ips(spec, errors);
    validate_external_ips(spec, errors);
    if !TYPES.contains(&spec.r#type.as_str()) {
        errors.not_supported("spec.type", &spec.r#type, TYPES);
    }
    validate_node_ports(spec, errors);
    validate_distinct_ports(spec, errors);
    validate_source_ranges(service, errors);
    validate_load_balancer_fields(spec, errors);
    validate_traffic_policies(spec, errors);
}

/// The old and the new annotation, where both are there.
fn validate_topology_mode(meta: &ObjectMeta, errors: &mut Errors) {
    let mode = "service.kubernetes.io/topology-mode";
    let hints = "service.kubernetes.io/topology-aware-hints";
    let both = meta.annotations.get(mode).zip(meta.annotations.get(hints));
    if let Some((word, _)) = both.filter(|(word, old)| word != old) {
        let detail = format!("must match annotations[{hints}] when both are specified");
        errors.invalid(format!("metadata.annotations[{mode}]"), word, &detail);
    }
}

fn validate_for_type(spec: &ServiceSpec, errors: &mut Errors) {
    match spec.r#type.as_str() {
        "LoadBalancer" => {
            for (index, port) in spec.ports.iter().enumerate() {
                if port.port == KUBELET_PORT && errors.version < Version::V1_33 {
                    let detail = "may not expose port 10250 externally since it is used by kubelet";
                    errors.invalid(format!("spec.ports[{index}]"), port.port, detail);
                }
            }
            refuse_headless(spec, errors);
        }
        "NodePort" => refuse_headless(spec, errors),
        "ExternalName" => validate_external_name(spec, errors),
        _ => {}
    }
}

fn refuse_headless(spec: &ServiceSpec, errors: &mut Errors) {
    if is_headless(spec) {
        let detail = format!("may not be set to 'None' for {} services", spec.r#type);
        errors.invalid("spec.clusterIPs[0]", CLUSTER_IP_NONE, &detail);
    }
}

fn validate_external_name(spec: &ServiceSpec, errors: &mut Errors) {
    let not_for_this_type = "may not be set for ExternalName services";
    if !spec.cluster_ips.is_empty() {
        errors.forbidden("spec.clusterIPs", not_for_this_type);
    }
    if !spec.ip_families.is_empty() {
        errors.forbidden("spec.ipFamilies", not_for_this_type);
    }
    if spec.ip_family_policy.is_some() {
        errors.forbidden("spec.ipFamilyPolicy", not_for_this_type);
    }
    let name = spec.external_name.strip_suffix('.').unwrap_or(&spec.external_name);
    if name.is_empty() {
        return errors.required("spec.externalName", "");
    }
    errors.invalid_each("spec.externalName", name, rules::dns_1123_subdomain(name));
}

pub(super) fn protocol(word: &str, field: &str, errors: &mut Errors) {
    if word.is_empty() {
        errors.required(field, "");
    } else if !PROTOCOLS.contains(&word) {
        errors.not_supported(field, word, PROTOCOLS);
    }
}

fn validate_affinity(spec: &ServiceSpec, errors: &mut Errors) {
    match spec.session_affinity.as_str() {
        "None" => {}
        "ClientIP" => {
            let config = spec.session_affinity_config.as_ref();
            let seconds = config.and_then(|it| it.client_ip.as_ref()?.timeout_seconds);
            let seconds = seconds.unwrap_or_default();
            if !(1..=LONGEST_AFFINITY).contains(&seconds) {
                let field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
                errors.invalid(field, seconds, "must be greater than 0 and less than 86400");
            }
        }
        other => errors.not_supported("spec.sessionAffinity", other, &["ClientIP", "None"]),
    }
}

fn validate_external_ips(spec: &ServiceSpec, errors: &mut Errors) {
    for (index, ip) in spec.external_ips.iter().enumerate() {
        let field = format!("spec.externalIPs[{index}]");
        if rules::ip(ip, &field, errors).is_some() {
            rules::non_special_ip(ip, &field, errors);
        }
    }
}

fn validate_source_ranges(service: &Service, errors: &mut Errors) {
    let spec = &service.spec;
    let annotation = service.metadata.annotations.get(SOURCE_RANGES_ANNOTATION);
    let field = match annotation {
        // The capital is the server's.
        _ if !spec.load_balancer_source_ranges.is_empty() => {
            "spec.LoadBalancerSourceRanges".to_owned()
        }
        Some(_) => format!("metadata.annotations[{SOURCE_RANGES_ANNOTATION}]"),
        None => return,
    };
    if !is_load_balancer(spec) {
        errors.forbidden(&field, ONLY_LOAD_BALANCER);
    }
    for (index, range) in spec.load_balancer_source_ranges.iter().enumerate() {
        rules::cidr(range.trim(), &format!("{field}[{index}]"), errors);
    }
    if let Some(ranges) = annotation.filter(|it| !it.trim().is_empty())
        && spec.load_balancer_source_ranges.is_empty()
    {
        ranges.split(',').for_each(|range| rules::cidr(range.trim(), &field, errors));
    }
}

fn validate_load_balancer_fields(spec: &ServiceSpec, errors: &mut Errors) {
    if spec.allocate_load_balancer_node_ports.is_some() && !is_load_balancer(spec) {
        errors.forbidden("spec.allocateLoadBalancerNodePorts", ONLY_LOAD_BALANCER);
    }
    validate_class(spec, errors);
}

fn validate_class(spec: &ServiceSpec, errors: &mut Errors) {
    let Some(class) = &spec.load_balancer_class else { return };
    if is_load_balancer(spec) {
        errors.invalid_each("spec.loadBalancerClass", class, rules::qualified_name(class));
    } else {
        errors.forbidden("spec.loadBalancerClass", ONLY_LOAD_BALANCER);
    }
}

fn validate_traffic_policies(spec: &ServiceSpec, errors: &mut Errors) {
    let policy = spec.external_traffic_policy.as_str();
    let field = "spec.externalTrafficPolicy";
    if !is_externally_accessible(spec) {
        if !policy.is_empty() {
            errors.invalid(field, policy, "may only be set for externally-accessible services");
        }
    } else if !TRAFFIC_POLICIES.contains(&policy) {
        errors.not_supported(field, policy, TRAFFIC_POLICIES);
    }
    validate_health_check(spec, errors);
    if let Some(policy) = &spec.internal_traffic_policy
        && !TRAFFIC_POLICIES.contains(&policy.as_str())
    {
        errors.not_supported("spec.internalTrafficPolicy", policy, TRAFFIC_POLICIES);
    }
    let words: &[&str] = match errors.version {
        Version::V1_32 | Version::V1_33 => &["PreferClose"],
        Version::V1_34 => &["PreferClose", "PreferSameZone", "PreferSameNode"],
    };
    if let Some(word) = &spec.traffic_distribution
        && !words.contains(&word.as_str())
    {
        errors.not_supported("spec.trafficDistribution", word, words);
    }
}

fn validate_health_check(spec: &ServiceSpec, errors: &mut Errors) {
    let port = spec.health_check_node_port;
    if !needs_health_check(spec) && port != 0 {
        let detail =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.invalid("spec.healthCheckNodePort", port, detail);
    }
}
