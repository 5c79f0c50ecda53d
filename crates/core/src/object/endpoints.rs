//! Who stands behind a Service: the old Endpoints, and the EndpointSlices kube-proxy reads.

use std::collections::BTreeMap;

use super::json::api;
use super::{ObjectMeta, ObjectReference, Protocol, Shared};

api! {
    struct Endpoints {
        metadata: ObjectMeta,
        subsets: Vec<EndpointSubset>,
    }

    struct EndpointSubset {
        addresses: Vec<Shared<EndpointAddress>>,
        not_ready_addresses: Vec<Shared<EndpointAddress>>,
        ports: Vec<EndpointPort>,
    }

    struct EndpointAddress {
        ip: String,
        hostname: String,
        node_name: Option<String>,
        target_ref: Option<ObjectReference>,
    }

    struct EndpointPort {
        name: String,
        port: i32,
        protocol: String,
        app_protocol: Option<String>,
    }

    struct EndpointSlice {
        metadata: ObjectMeta,
        address_type: String,
        endpoints: Vec<Shared<Endpoint>>,
        ports: Vec<SlicePort>,
    }

    struct Endpoint {
        addresses: Vec<String>,
        conditions: EndpointConditions,
        hostname: Option<String>,
        target_ref: Option<ObjectReference>,
        deprecated_topology: BTreeMap<String, String>,
        node_name: Option<String>,
        zone: Option<String>,
        hints: Option<EndpointHints>,
    }

    struct EndpointConditions {
        ready: Option<bool>,
        serving: Option<bool>,
        terminating: Option<bool>,
    }

    struct EndpointHints {
        for_zones: Vec<ForName>,
        for_nodes: Vec<ForName>,
    }

    /// A zone in `forZones`, a node in `forNodes`.
    struct ForName {
        name: String,
    }

    /// `discovery.k8s.io/v1` `EndpointPort`.
    struct SlicePort {
        name: Option<String>,
        protocol: Option<String>,
        port: Option<i32>,
        app_protocol: Option<String>,
    }
}

/// The label that says which Service a slice belongs to.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

impl EndpointSlice {
    pub fn service_name(&self) -> Option<&str> {
        self.metadata.labels.get(SERVICE_NAME_LABEL).map(String::as_str)
    }
}

impl EndpointConditions {
    /// Consumers take an unknown `ready` for true.
    pub fn is_ready(&self) -> bool {
        self.ready.unwrap_or(true)
    }

    /// An unknown `serving` is the same as `ready`.
    pub fn is_serving(&self) -> bool {
        self.serving.unwrap_or(self.is_ready())
    }

    pub fn is_terminating(&self) -> bool {
        self.terminating.unwrap_or(false)
    }
}

impl SlicePort {
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub fn protocol(&self) -> Protocol {
        Protocol::parse(self.protocol.as_deref().unwrap_or_default()).unwrap_or(Protocol::Tcp)
    }

    pub fn port(&self) -> Option<u16> {
        self.port.and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0)
    }
}

impl EndpointPort {
    pub fn protocol(&self) -> Protocol {
        Protocol::parse(&self.protocol).unwrap_or(Protocol::Tcp)
    }
}
