//! Node and Namespace.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::json::api;
use super::{ObjectMeta, Shared};

/// What every machine of the lab runs: Debian 12.
pub const KERNEL: &str = "6.1.0-37-amd64";

api! {
    struct Node {
        metadata: ObjectMeta,
        spec: NodeSpec,
        status: Shared<NodeStatus>,
    }

    struct NodeSpec {
        pod_cidr as "podCIDR": String,
        pod_cidrs as "podCIDRs": Vec<String>,
        provider_id as "providerID": String,
        unschedulable: bool,
        taints: Vec<Taint>,
        config_source: Value,
        external_id as "externalID": String,
    }

    struct Taint {
        key: String,
        value: String,
        effect: String,
        time_added: Option<String>,
    }

    struct NodeStatus {
        capacity: BTreeMap<String, String>,
        allocatable: BTreeMap<String, String>,
        phase: String,
        conditions: Vec<NodeCondition>,
        addresses: Vec<NodeAddress>,
        daemon_endpoints: NodeDaemonEndpoints,
        node_info: NodeSystemInfo,
        images: Vec<Value>,
        volumes_in_use: Vec<String>,
        volumes_attached: Vec<Value>,
        config: Value,
        runtime_handlers: Vec<Value>,
        features: Value,
    }

    struct NodeCondition {
        r#type: String,
        status: String,
        last_heartbeat_time: Option<String>,
        last_transition_time: Option<String>,
        reason: String,
        message: String,
    }

    struct NodeAddress {
        r#type: String,
        address: String,
    }

    struct NodeDaemonEndpoints {
        kubelet_endpoint: DaemonEndpoint,
    }

    struct Namespace {
        metadata: ObjectMeta,
        spec: NamespaceSpec,
        status: NamespaceStatus,
    }

    struct NamespaceSpec {
        finalizers: Vec<String>,
    }

    struct NamespaceStatus {
        phase: String,
        conditions: Vec<Value>,
    }

    /// The one field of the API that begins with a capital; it is always written.
    struct DaemonEndpoint {
        port as "Port": i32 = always,
    }

    /// All of it is always written.
    struct NodeSystemInfo {
        machine_id as "machineID": String = always,
        system_uuid as "systemUUID": String = always,
        boot_id as "bootID": String = always,
        kernel_version: String = always,
        os_image: String = always,
        container_runtime_version: String = always,
        kubelet_version: String = always,
        kube_proxy_version: String = always,
        operating_system: String = always,
        architecture: String = always,
    }
}

impl Node {
    /// The addresses of one type, such as `InternalIP`, in the order the node reports them.
    pub fn addresses(&self, kind: &str) -> Vec<IpAddr> {
        let of_kind = self.status.addresses.iter().filter(|it| it.r#type == kind);
        of_kind.filter_map(|it| it.address.parse().ok()).collect()
    }

    pub fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|it| it.r#type == "Ready" && it.status == "True")
    }
}

impl Namespace {
    pub fn is_terminating(&self) -> bool {
        self.status.phase == "Terminating" || self.metadata.deletion_timestamp.is_some()
    }
}
