//! Service: defaults, validation, what an update keeps and wipes.
//!
//! Follows `pkg/apis/core/v1/defaults.go`, `ValidateService` and `pkg/registry/core/service`
//! of Kubernetes 1.32, in their order: a reader of an error list sees the server's.

use std::net::IpAddr;

use super::Version;
use super::errors::{Errors, GoValue, Struct};
use super::ip::{cidr_warnings, ip_warning};
use super::{meta, rules};
use crate::key::Kind;
use crate::object::{
    CLUSTER_IP_NONE, ClientIpConfig, IntOrString, ObjectMeta, Service, ServicePort, ServiceSpec,
    SessionAffinityConfig,
};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const FAMILY_POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];
const TRAFFIC_POLICIES: &[&str] = &["Cluster", "Local"];
const KUBELET_PORT: i32 = 10250;
const LONGEST_AFFINITY: i32 = 86400;
const DEFAULT_AFFINITY: i32 = 10800;

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

fn validate_ports(spec: &ServiceSpec, errors: &mut Errors) {
    let needs_name = spec.ports.len() > 1;
    for (index, port) in spec.ports.iter().enumerate() {
        let field = format!("spec.ports[{index}]");
        let is_repeated = spec.ports[..index].iter().any(|earlier| earlier.name == port.name);
        validate_port_name(port, &format!("{field}.name"), needs_name, is_repeated, errors);
        for complaint in rules::port_number(port.port) {
            errors.invalid(format!("{field}.port"), port.port, &complaint);
        }
        protocol(&port.protocol, &format!("{field}.protocol"), errors);
        rules::port_number_or_name(&port.target_port, &format!("{field}.targetPort"), errors);
        if let Some(protocol) = &port.app_protocol {
            let complaints = rules::qualified_name(protocol);
            errors.invalid_each(format!("{field}.appProtocol"), protocol, complaints);
        }
    }
}

fn validate_port_name(
    port: &ServicePort,
    field: &str,
    needs_name: bool,
    is_repeated: bool,
    errors: &mut Errors,
) {
    if !port.name.is_empty() {
        errors.invalid_each(field, &port.name, rules::dns_1123_label(&port.name));
        if is_repeated {
            errors.duplicate(field, &port.name);
        }
    } else if needs_name {
        errors.required(field, "");
    }
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

/// `ValidateServiceClusterIPsRelatedFields`; allocation asks it too, before it begins.
pub(super) fn validate_cluster_ips(spec: &ServiceSpec, errors: &mut Errors) {
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
pub(super) fn family_of(ip: &str) -> &'static str {
    match rules::parse_ip(ip) {
        Some(IpAddr::V6(_)) => "IPv6",
        _ => "IPv4",
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

fn validate_node_ports(spec: &ServiceSpec, errors: &mut Errors) {
    let with_number = || spec.ports.iter().enumerate().filter(|(_, port)| port.node_port != 0);
    if spec.r#type == "ClusterIP" {
        for (index, _) in with_number() {
            let detail = "may not be used when `type` is 'ClusterIP'";
            errors.forbidden(format!("spec.ports[{index}].nodePort"), detail);
        }
    }
    for (index, port) in with_number() {
        let is_same =
            |it: &ServicePort| (&it.protocol, it.node_port) == (&port.protocol, port.node_port);
        if spec.ports[..index].iter().any(is_same) {
            errors.duplicate(format!("spec.ports[{index}].nodePort"), port.node_port);
        }
    }
}

fn validate_distinct_ports(spec: &ServiceSpec, errors: &mut Errors) {
    for (index, port) in spec.ports.iter().enumerate() {
        let is_same = |it: &ServicePort| (&it.protocol, it.port) == (&port.protocol, port.port);
        if spec.ports[..index].iter().any(is_same) {
            let (protocol, number) = (&port.protocol, port.port);
            let protocol = protocol.go();
            let value = Struct {
                go: format!(
                    "core.ServicePort{{Name:\"\", Protocol:{protocol}, AppProtocol:(*string)(nil), \
                     Port:{number}, TargetPort:intstr.IntOrString{{Type:0, IntVal:0, StrVal:\"\"}}, \
                     NodePort:0}}"
                ),
                json: format!(
                    "{{\"Name\":\"\",\"Protocol\":{protocol},\"AppProtocol\":null,\
                     \"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
                ),
            };
            errors.duplicate(format!("spec.ports[{index}]"), value);
        }
    }
}

const SOURCE_RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";

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

/// `ValidateServiceUpdate`, what it has beside `ValidateService`.
pub(super) fn validate_update(new: &Service, old: &Service, errors: &mut Errors) {
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

fn validate_cluster_ips_kept(new: &ServiceSpec, old: &ServiceSpec, errors: &mut Errors) {
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

fn validate_families_kept(new: &ServiceSpec, old: &ServiceSpec, errors: &mut Errors) {
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

/// `GetWarningsForService`.
pub(super) fn warnings(service: &Service, version: Version) -> Vec<String> {
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

/// `patchAllocatedValues`: what the client left out and the server has given before.
pub(super) fn keep_allocated(new: &mut ServiceSpec, old: &ServiceSpec) {
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
pub(super) fn synchronize_cluster_ips(new: &mut ServiceSpec, old: Option<&ServiceSpec>) {
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
pub(super) fn wipe(new: &mut ServiceSpec, old: &ServiceSpec) {
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
