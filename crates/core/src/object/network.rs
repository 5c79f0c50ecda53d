//! Ingress, IngressClass, NetworkPolicy and ConfigMap.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::api;
use super::{IntOrString, LabelSelector, LoadBalancerStatus, ObjectMeta};

api! {
    struct Ingress {
        metadata: ObjectMeta,
        spec: IngressSpec,
        status: IngressStatus,
    }

    struct IngressSpec {
        ingress_class_name: Option<String>,
        default_backend: Option<IngressBackend>,
        tls: Vec<IngressTls>,
        rules: Vec<IngressRule>,
    }

    struct IngressStatus {
        load_balancer: LoadBalancerStatus,
    }

    struct IngressTls {
        hosts: Vec<String>,
        secret_name: String,
    }

    struct IngressRule {
        host: String,
        http: Option<HttpIngressRuleValue>,
    }

    struct HttpIngressRuleValue {
        paths: Vec<HttpIngressPath> = always,
    }

    struct HttpIngressPath {
        path: String,
        path_type: Option<String>,
        backend: IngressBackend,
    }

    struct IngressBackend {
        service: Option<IngressServiceBackend>,
        /// An object other than a Service, which only some controllers know.
        resource: Value,
    }

    struct IngressServiceBackend {
        name: String = always,
        port: ServiceBackendPort,
    }

    /// One of the two.
    struct ServiceBackendPort {
        name: String,
        number: i32,
    }

    struct IngressClass {
        metadata: ObjectMeta,
        spec: IngressClassSpec,
    }

    struct IngressClassSpec {
        controller: String,
        parameters: Value,
    }

    struct NetworkPolicy {
        metadata: ObjectMeta,
        spec: NetworkPolicySpec,
    }

    struct NetworkPolicySpec {
        pod_selector: LabelSelector,
        ingress: Vec<NetworkPolicyIngressRule>,
        egress: Vec<NetworkPolicyEgressRule>,
        policy_types: Vec<String>,
    }

    struct NetworkPolicyIngressRule {
        ports: Vec<NetworkPolicyPort>,
        from: Vec<NetworkPolicyPeer>,
    }

    struct NetworkPolicyEgressRule {
        ports: Vec<NetworkPolicyPort>,
        to: Vec<NetworkPolicyPeer>,
    }

    struct NetworkPolicyPort {
        protocol: Option<String>,
        port: Option<IntOrString>,
        end_port: Option<i32>,
    }

    struct NetworkPolicyPeer {
        pod_selector: Option<LabelSelector>,
        namespace_selector: Option<LabelSelector>,
        ip_block: Option<IpBlock>,
    }

    struct IpBlock {
        cidr: String = always,
        except: Vec<String>,
    }

    struct ConfigMap {
        metadata: ObjectMeta,
        immutable: Option<bool>,
        data: BTreeMap<String, String>,
        binary_data: BTreeMap<String, String>,
    }
}
