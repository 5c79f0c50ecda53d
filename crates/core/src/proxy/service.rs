//! Services → service ports: what kube-proxy reads of a Service, for one address family.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use svclab_netfilter::Family;

use super::address::{family, ips_of_family, parse_cidr, parse_ip};
use super::names::{PortKey, ProtocolKey};
use super::settings::{Settings, Version};
use crate::object::{self, Labels, Service, ServiceType, TrafficPolicy};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServicePort {
    pub(super) cluster_ip: IpAddr,
    pub(super) port: u16,
    pub(super) node_port: Option<u16>,
    pub(super) external_ips: Vec<IpAddr>,
    /// The load balancer addresses for which kube-proxy takes the packets itself.
    pub(super) vips: Vec<IpAddr>,
    pub(super) source_ranges: Vec<IpNet>,
    pub(super) external_local: bool,
    pub(super) internal_local: bool,
    pub(super) affinity_seconds: Option<u32>,
    pub(super) health_check_node_port: Option<u16>,
    /// Whether an annotation asks for topology hints, as 1.30 wants it.
    pub(super) hints_annotated: bool,
}

impl ServicePort {
    /// Whether it can be reached from outside of the cluster.
    pub(super) fn is_external(&self) -> bool {
        self.node_port.is_some() || !self.vips.is_empty() || !self.external_ips.is_empty()
    }

    pub(super) fn uses_cluster(&self) -> bool {
        !self.internal_local || self.is_external()
    }

    pub(super) fn uses_local(&self) -> bool {
        self.internal_local || (self.external_local && self.is_external())
    }
}

/// The ports of a Service by name and protocol, which is their order; of two with both alike the last.
pub(super) type Ports<'a> = BTreeMap<PortKey<'a>, ServicePort>;

/// kube-proxy does not even list the Services and EndpointSlices that have one of these labels.
const UNLISTED_LABELS: [&str; 2] =
    ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];

pub(super) fn is_listed(labels: &Labels) -> bool {
    !UNLISTED_LABELS.iter().any(|it| labels.contains_key(*it))
}

pub(super) fn service_ports<'a>(service: &'a Service, settings: &Settings) -> Ports<'a> {
    let mut res = Ports::new();
    let listed = is_listed(&service.metadata.labels);
    let Some(cluster_ip) = cluster_ip(service, settings.family).filter(|_| listed) else {
        return res;
    };
    for port in &service.spec.ports {
        let Some(protocol) = ProtocolKey::parse(&port.protocol) else { continue };
        let key = PortKey {
            namespace: namespace(&service.metadata.namespace),
            name: &service.metadata.name,
            port: &port.name,
            protocol,
        };
        res.insert(key, service_port(service, port, cluster_ip, settings));
    }
    res
}

/// An object without a namespace is in `default`.
pub(super) fn namespace(written: &str) -> &str {
    if written.is_empty() { "default" } else { written }
}

fn service_port(
    service: &Service,
    port: &object::ServicePort,
    cluster_ip: IpAddr,
    settings: &Settings,
) -> ServicePort {
    let spec = &service.spec;
    let external_local = is_external_local(service);
    let health_check = external_local && spec.service_type() == ServiceType::LoadBalancer;
    let health_check_port = u16::try_from(spec.health_check_node_port).ok();
    ServicePort {
        cluster_ip,
        port: port.port(),
        node_port: port.node_port(),
        external_ips: external_ips(service, settings),
        vips: vips(service, settings),
        source_ranges: source_ranges(service, settings),
        external_local,
        internal_local: spec.internal_traffic_policy() == TrafficPolicy::Local,
        affinity_seconds: spec.affinity_seconds().map(|it| u32::try_from(it).unwrap_or_default()),
        health_check_node_port: health_check_port.filter(|it| health_check && *it != 0),
        hints_annotated: hints_annotated(service),
    }
}

/// None for headless and ExternalName Services, and those of the other family alone.
fn cluster_ip(service: &Service, wanted: Family) -> Option<IpAddr> {
    let spec = &service.spec;
    let none = spec.cluster_ip.is_empty() || spec.is_headless();
    if none || spec.service_type() == ServiceType::ExternalName {
        return None;
    }
    if spec.ip_families.is_empty() {
        return parse_ip(&spec.cluster_ip).filter(|it| family(*it) == wanted);
    }
    let name = family_name(wanted);
    let index = spec.ip_families.iter().position(|it| it == name)?;
    // An API server would have filled in clusterIPs.
    let alone = (index == 0).then_some(&spec.cluster_ip);
    parse_ip(spec.cluster_ips.get(index).or(alone)?)
}

/// The API's word.
pub(super) fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// The policy counts only where traffic from outside can come in (`ExternallyAccessible`).
fn is_external_local(service: &Service) -> bool {
    let accessible = match service.spec.service_type() {
        ServiceType::LoadBalancer | ServiceType::NodePort => true,
        ServiceType::ClusterIp => !service.spec.external_ips.is_empty(),
        ServiceType::ExternalName => false,
    };
    accessible && service.spec.external_traffic_policy() == TrafficPolicy::Local
}

fn external_ips(service: &Service, settings: &Settings) -> Vec<IpAddr> {
    if settings.version >= Version::Modern && !settings.gate("AllowServiceExternalIPs", true) {
        return Vec::new();
    }
    ips_of_family(&service.spec.external_ips, settings.family)
}

fn vips(service: &Service, settings: &Settings) -> Vec<IpAddr> {
    let modes = settings.gate("LoadBalancerIPMode", true);
    let ingress = service.status.load_balancer.ingress.iter();
    let taken = ingress.filter(|it| !modes || it.ip_mode.as_deref().is_none_or(|it| it == "VIP"));
    ips_of_family(taken.map(|it| &it.ip), settings.family)
}

/// Masked. Newer releases take a range of everything for no ranges at all.
fn source_ranges(service: &Service, settings: &Settings) -> Vec<IpNet> {
    let ranges = service.spec.load_balancer_source_ranges.iter();
    let nets = ranges.filter_map(|it| parse_cidr(it.trim())).map(|it| it.trunc());
    let nets: Vec<IpNet> = nets.filter(|it| family(it.addr()) == settings.family).collect();
    let everything = nets.iter().any(|it| it.prefix_len() == 0);
    if everything && settings.version >= Version::Modern { Vec::new() } else { nets }
}

/// The older annotation wins where both are there.
fn hints_annotated(service: &Service) -> bool {
    let names =
        ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];
    let value = names.iter().find_map(|it| service.metadata.annotations.get(*it));
    value.is_some_and(|it| !matches!(it.as_str(), "" | "disabled" | "Disabled"))
}
