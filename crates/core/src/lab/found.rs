//! What a cluster holds before the first manifest: namespaces, nodes, and the Service
//! `default/kubernetes` that the API server keeps itself.

use std::net::IpAddr;

use std::rc::Rc;

use super::Lab;
use crate::admit;
use crate::family::first_host;
use crate::object::{
    Endpoint, EndpointAddress, EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset,
    Endpoints, Namespace, Object, ObjectMeta, SERVICE_NAME_LABEL, Service, ServicePort, SlicePort,
};
use crate::scenario::{Cluster, NodeSpec, Scenario};
use crate::time::Instant;

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

pub(super) fn settings(cluster: &Cluster) -> admit::Settings {
    let service_ranges = cluster.service_cidr.iter().collect();
    let version = cluster.version;
    admit::Settings { service_ranges, version, ..admit::Settings::default() }
}

impl Lab {
    pub(super) fn found(&mut self, cluster: &Cluster) {
        for name in NAMESPACES {
            self.write(Object::Namespace(namespace(name)), None);
        }
        for node in &cluster.nodes {
            self.register(&node.name, None);
        }
        let ip = first_host(cluster.service_cidr.primary).to_string();
        let service = Object::Service(kubernetes_service(ip));
        if let Ok(admitted) = admit::create(&self.objects, service, &mut self.rng, &self.settings) {
            self.write(admitted.object, None);
        }
        let Some(server) = api_server(&cluster.nodes) else { return };
        let (endpoints, slice) = kubernetes_endpoints(server.address.primary);
        self.write(Object::Endpoints(endpoints), None);
        self.write(Object::EndpointSlice(slice), None);
    }
}

/// A cluster in the middle of its life.
impl Lab {
    /// A lab with these objects as they are stored elsewhere, at `at`. No controller has looked at
    /// them: each acts when something changes that it watches. Nothing else of the scenario's
    /// manifests or of what a new cluster holds is there.
    pub fn stored(
        scenario: &Scenario,
        seed: u64,
        objects: impl IntoIterator<Item = Object>,
        at: Instant,
    ) -> Lab {
        let mut lab = Lab::bare(&scenario.cluster, seed);
        lab.now = at;
        for object in objects {
            let version = object.meta().resource_version.parse().unwrap_or(0);
            lab.resource_version = lab.resource_version.max(version);
            let key = object.key();
            let object = Rc::new(object);
            lab.objects.insert(object.clone());
            if let Some(id) = lab.objects.id(&key) {
                lab.index.replace(&lab.objects, (&key, id), None, Some(&object));
            }
        }
        lab
    }
}

/// The node that the API server runs on.
pub(super) fn api_server(nodes: &[NodeSpec]) -> Option<&NodeSpec> {
    nodes.iter().find(|it| it.control_plane).or(nodes.first())
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: name.into(), ..ObjectMeta::default() }
}

fn namespace(name: &str) -> Namespace {
    let mut res = Namespace { metadata: named(name), ..Namespace::default() };
    res.metadata.labels.insert("kubernetes.io/metadata.name".into(), name.into());
    res.spec.finalizers = vec!["kubernetes".into()];
    res.status.phase = "Active".into();
    res
}

fn kubernetes_meta() -> ObjectMeta {
    ObjectMeta { namespace: "default".into(), ..named("kubernetes") }
}

fn kubernetes_service(ip: String) -> Service {
    let mut res = Service { metadata: kubernetes_meta(), ..Service::default() };
    for (key, value) in [("component", "apiserver"), ("provider", "kubernetes")] {
        res.metadata.labels.insert(key.into(), value.into());
    }
    res.spec.cluster_ip = ip;
    res.spec.ports = vec![ServicePort {
        name: "https".into(),
        protocol: "TCP".into(),
        port: 443,
        target_port: 6443.into(),
        ..ServicePort::default()
    }];
    res
}

/// The API server's own Endpoints and slice: the control plane, port 6443.
fn kubernetes_endpoints(ip: IpAddr) -> (Endpoints, EndpointSlice) {
    let address_type = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    let ip = ip.to_string();
    let port = EndpointPort {
        name: "https".into(),
        port: 6443,
        protocol: "TCP".into(),
        app_protocol: None,
    };
    let address = EndpointAddress { ip: ip.clone(), ..EndpointAddress::default() };
    let subset = EndpointSubset {
        addresses: vec![address.into()],
        ports: vec![port],
        ..EndpointSubset::default()
    };
    let mut metadata = kubernetes_meta();
    metadata.labels.insert("endpointslice.kubernetes.io/skip-mirror".into(), "true".into());
    let endpoints = Endpoints { metadata, subsets: vec![subset] };
    let mut metadata = kubernetes_meta();
    metadata.labels.insert(SERVICE_NAME_LABEL.into(), "kubernetes".into());
    let ready = EndpointConditions { ready: Some(true), ..EndpointConditions::default() };
    let slice = EndpointSlice {
        metadata,
        address_type: address_type.into(),
        endpoints: vec![
            Endpoint { addresses: vec![ip], conditions: ready, ..Endpoint::default() }.into(),
        ],
        ports: vec![SlicePort {
            name: Some("https".into()),
            protocol: Some("TCP".into()),
            port: Some(6443),
            app_protocol: None,
        }],
    };
    (endpoints, slice)
}
