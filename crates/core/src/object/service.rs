//! Service, in the words of the API; [`ServiceSpec`]'s methods give the same as types.

use std::net::IpAddr;

use super::json::api;
use super::{IntOrString, Labels, ObjectMeta, Shared};

api! {
    struct Service {
        metadata: ObjectMeta,
        spec: Shared<ServiceSpec>,
        status: ServiceStatus,
    }

    struct ServiceSpec {
        ports: Vec<ServicePort>,
        selector: Labels,
        cluster_ip as "clusterIP": String,
        cluster_ips as "clusterIPs": Vec<String>,
        r#type: String,
        external_ips as "externalIPs": Vec<String>,
        session_affinity: String,
        load_balancer_ip as "loadBalancerIP": String,
        load_balancer_source_ranges: Vec<String>,
        external_name: String,
        external_traffic_policy: String,
        health_check_node_port: i32,
        publish_not_ready_addresses: bool,
        session_affinity_config: Option<SessionAffinityConfig>,
        ip_families: Vec<String>,
        ip_family_policy: Option<String>,
        allocate_load_balancer_node_ports: Option<bool>,
        load_balancer_class: Option<String>,
        internal_traffic_policy: Option<String>,
        traffic_distribution: Option<String>,
    }

    struct ServicePort {
        name: String,
        protocol: String,
        app_protocol: Option<String>,
        port: i32,
        target_port: IntOrString,
        node_port: i32,
    }

    struct SessionAffinityConfig {
        client_ip as "clientIP": Option<ClientIpConfig>,
    }

    struct ClientIpConfig {
        timeout_seconds: Option<i32>,
    }

    struct ServiceStatus {
        load_balancer: LoadBalancerStatus,
        conditions: Vec<Condition>,
    }

    struct LoadBalancerStatus {
        ingress: Vec<LoadBalancerIngress>,
    }

    struct LoadBalancerIngress {
        ip: String,
        hostname: String,
        ip_mode: Option<String>,
        ports: Vec<PortStatus>,
    }

    struct PortStatus {
        port: i32,
        protocol: String,
        error: Option<String>,
    }

    /// `meta/v1.Condition`: the newer conditions, with a reason that is never empty.
    struct Condition {
        r#type: String,
        status: String,
        observed_generation: i64,
        last_transition_time: String,
        reason: String,
        message: String,
    }
}

/// The clusterIP of a headless Service.
pub const CLUSTER_IP_NONE: &str = "None";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceType {
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrafficPolicy {
    Cluster,
    Local,
}

impl Protocol {
    /// The API's word; a port without a protocol is TCP.
    pub fn parse(word: &str) -> Option<Protocol> {
        match word {
            "" | "TCP" => Some(Protocol::Tcp),
            "UDP" => Some(Protocol::Udp),
            "SCTP" => Some(Protocol::Sctp),
            _ => None,
        }
    }

    /// `TCP`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }
}

impl ServiceSpec {
    /// The type of a validated Service: an unknown word counts as the default.
    pub fn service_type(&self) -> ServiceType {
        match self.r#type.as_str() {
            "NodePort" => ServiceType::NodePort,
            "LoadBalancer" => ServiceType::LoadBalancer,
            "ExternalName" => ServiceType::ExternalName,
            _ => ServiceType::ClusterIp,
        }
    }

    pub fn is_headless(&self) -> bool {
        self.cluster_ip == CLUSTER_IP_NONE
    }

    /// The addresses in `clusterIPs`; none for a headless or ExternalName Service.
    pub fn cluster_addresses(&self) -> Vec<IpAddr> {
        addresses(&self.cluster_ips)
    }

    pub fn external_addresses(&self) -> Vec<IpAddr> {
        addresses(&self.external_ips)
    }

    pub fn external_traffic_policy(&self) -> TrafficPolicy {
        traffic_policy(&self.external_traffic_policy)
    }

    pub fn internal_traffic_policy(&self) -> TrafficPolicy {
        traffic_policy(self.internal_traffic_policy.as_deref().unwrap_or_default())
    }

    /// How long `sessionAffinity: ClientIP` remembers a client; `None` without affinity.
    pub fn affinity_seconds(&self) -> Option<i32> {
        if self.session_affinity != "ClientIP" {
            return None;
        }
        let client_ip = self.session_affinity_config.as_ref().and_then(|it| it.client_ip.as_ref());
        Some(client_ip.and_then(|it| it.timeout_seconds).unwrap_or(10800))
    }
}

impl ServicePort {
    pub fn protocol(&self) -> Protocol {
        Protocol::parse(&self.protocol).unwrap_or(Protocol::Tcp)
    }

    /// The port of a validated Service.
    pub fn port(&self) -> u16 {
        u16::try_from(self.port).unwrap_or_default()
    }

    pub fn node_port(&self) -> Option<u16> {
        u16::try_from(self.node_port).ok().filter(|&port| port != 0)
    }
}

fn addresses(texts: &[String]) -> Vec<IpAddr> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn traffic_policy(word: &str) -> TrafficPolicy {
    if word == "Local" { TrafficPolicy::Local } else { TrafficPolicy::Cluster }
}
