//! Node and Namespace.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::ObjectMeta;
use super::empty::api;

api! {
    struct Node {
        metadata: ObjectMeta,
        spec: NodeSpec,
        status: NodeStatus,
    }

    struct NodeSpec {
        #[serde(rename = "podCIDR")]
        pod_cidr: String,
        #[serde(rename = "podCIDRs")]
        pod_cidrs: Vec<String>,
        #[serde(rename = "providerID")]
        provider_id: String,
        unschedulable: bool,
        taints: Vec<Taint>,
        config_source: Value,
        #[serde(rename = "externalID")]
        external_id: String,
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
}

/// The one field of the API that begins with a capital; it is always written.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DaemonEndpoint {
    #[serde(rename = "Port")]
    pub port: i32,
}

/// All of it is always written.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSystemInfo {
    #[serde(rename = "machineID")]
    pub machine_id: String,
    #[serde(rename = "systemUUID")]
    pub system_uuid: String,
    #[serde(rename = "bootID")]
    pub boot_id: String,
    pub kernel_version: String,
    pub os_image: String,
    pub container_runtime_version: String,
    pub kubelet_version: String,
    pub kube_proxy_version: String,
    pub operating_system: String,
    pub architecture: String,
}

impl super::empty::Empty for DaemonEndpoint {
    fn is_empty(&self) -> bool {
        false
    }
}

impl super::empty::Empty for NodeSystemInfo {
    fn is_empty(&self) -> bool {
        false
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
