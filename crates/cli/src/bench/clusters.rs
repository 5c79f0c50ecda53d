//! Clusters made up in memory, of any size, and a packet's way through one of them: what `svclab
//! bench` measures natively and the page's own bench (`web/src/bin/engine.rs`) in a browser.

use std::net::SocketAddr;
use std::rc::Rc;

use svclab_core::lab::Lab;
use svclab_core::net::{Network, Party, travel};
use svclab_core::object::{
    Endpoint, EndpointSlice, IntOrString, Object, ObjectMeta, Objects, SERVICE_NAME_LABEL, Service,
    ServicePort, ServiceSpec, SlicePort,
};
use svclab_core::proxy::{self, Settings};
use svclab_core::rng::Rng;
use svclab_core::scenario::{Scenario, default_scenario};
use svclab_core::time;
use svclab_core::trace::Trace;
use svclab_netfilter::{Packet, RuleSet, TcpFlags};

pub(crate) fn settings(node: &str) -> Settings {
    Settings {
        node: node.to_owned(),
        cluster_cidr: "10.244.0.0/16".to_owned(),
        ..Settings::default()
    }
}

/// The default cluster, with room for thousands of pods on a node.
pub(crate) fn roomy_scenario() -> Scenario {
    let mut scenario = default_scenario();
    for (index, node) in scenario.cluster.nodes.iter_mut().enumerate() {
        if let Ok(range) = format!("10.{}.0.0/16", 200 + index).try_into() {
            node.pod_cidr = range;
        }
        node.capacity.insert("pods".into(), "10000".into());
    }
    scenario
}

pub(crate) fn at(seconds: u64) -> time::Instant {
    time::Instant::START + time::Duration::from_secs(seconds)
}

pub(crate) fn manifest(index: usize, pods: usize) -> String {
    let name = format!("app-{index}");
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  \
         replicas: {pods}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
         metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: app\n        \
         image: kubetm/app:1.0\n        ports: [{{containerPort: 8080}}]\n---\napiVersion: v1\n\
         kind: Service\nmetadata: {{name: {name}}}\nspec:\n  selector: {{app: {name}}}\n  \
         ports: [{{port: 80, targetPort: 8080}}]\n"
    )
}

/// Who sends the first packet of a connection to the last of many Services, over the default
/// cluster.
pub(crate) struct Walker {
    pub(crate) network: Network,
    sender: Party,
    packet: Packet,
}

impl Walker {
    pub(crate) fn new(services: usize, endpoints: usize) -> Option<Walker> {
        let objects = cluster(services, endpoints);
        let mut lab = Lab::new(&default_scenario(), 1);
        lab.run_until(at(10));
        let mut network = lab.network().clone();
        for (name, kernel) in &mut network.kernels {
            let mut rules = RuleSet::builtin();
            rules.restore(&proxy::jumps(), true);
            rules.restore(&proxy::full_sync(&objects, &settings(name)).restore, true);
            kernel.rules = rules.into();
        }
        let client = network.pod("shop/client")?.ip;
        let to = SocketAddr::new(cluster_ip(services.checked_sub(1)?).parse().ok()?, 80);
        let packet = Packet::tcp(SocketAddr::new(client, 40_000), to, TcpFlags::SYN);
        Some(Walker { network, sender: Party::Pod(client), packet })
    }

    /// `network` is a copy of the walker's own, in which no packet has travelled.
    pub(crate) fn walk(&self, network: &mut Network) -> Rc<Trace> {
        travel::send(network, &mut Rng::new(1), at(10), &self.sender, self.packet).trace
    }
}

pub(crate) fn cluster(services: usize, endpoints: usize) -> Objects {
    let objects = (0..services).flat_map(|service| {
        let slice = slice(service, endpoints);
        [Object::from(self::service(service)), Object::from(slice)]
    });
    objects.collect()
}

fn meta(service: usize) -> ObjectMeta {
    ObjectMeta {
        name: format!("service-{service}"),
        namespace: format!("team-{}", service % 20),
        ..ObjectMeta::default()
    }
}

fn cluster_ip(service: usize) -> String {
    format!("10.{}.{}.{}", 96 + service / 65536, service / 256 % 256, service % 256)
}

fn service(index: usize) -> Service {
    let port = ServicePort {
        name: "http".to_owned(),
        protocol: "TCP".to_owned(),
        port: 80,
        target_port: IntOrString::Int(8080),
        ..ServicePort::default()
    };
    let spec =
        ServiceSpec { cluster_ip: cluster_ip(index), ports: vec![port], ..ServiceSpec::default() };
    Service { metadata: meta(index), spec: spec.into(), ..Service::default() }
}

fn slice(service: usize, endpoints: usize) -> EndpointSlice {
    let mut metadata = meta(service);
    metadata.labels.insert(SERVICE_NAME_LABEL.to_owned(), metadata.name.clone());
    let endpoint = |index: usize| Endpoint {
        addresses: vec![format!("10.244.{}.{}", service % 256, index % 256)],
        node_name: Some(format!("node-{}", index % 3)),
        ..Endpoint::default()
    };
    let port = SlicePort {
        name: Some("http".to_owned()),
        protocol: Some("TCP".to_owned()),
        port: Some(8080),
        ..SlicePort::default()
    };
    EndpointSlice {
        metadata,
        address_type: "IPv4".to_owned(),
        endpoints: (0..endpoints).map(|it| endpoint(it).into()).collect(),
        ports: vec![port],
    }
}
