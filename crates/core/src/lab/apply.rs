//! Manifests → objects: `kubectl apply`, and what a cluster holds before the first one.

use super::log::{Change, Happening};
use super::{Applied, Lab, Reply, three_way};
use crate::admit;
use crate::key::ObjectKey;
use crate::object::{
    Endpoint, EndpointAddress, EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset,
    Endpoints, Namespace, Node, NodeAddress, NodeCondition, Object, ObjectMeta, SERVICE_NAME_LABEL,
    Service, ServicePort, SlicePort, Taint,
};
use crate::read::{self, Diagnostic, Document, Problem, Severity};
use crate::scenario::{Cluster, NodeSpec};

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

pub(super) fn settings(cluster: &Cluster) -> admit::Settings {
    admit::Settings { service_ranges: vec![cluster.service_cidr], ..admit::Settings::default() }
}

impl Lab {
    /// Namespaces, nodes, and the Service `default/kubernetes` that the API server keeps itself.
    pub(super) fn found(&mut self, cluster: &Cluster) {
        for name in NAMESPACES {
            self.write(Object::Namespace(namespace(name)), None);
        }
        for spec in &cluster.nodes {
            let node = node(spec, &self.now.rfc3339());
            self.write(Object::Node(node), None);
        }
        let Some(first) = cluster.nodes.first() else { return };
        let Some(ip) = cluster.service_cidr.hosts().next() else { return };
        let service = kubernetes_service(ip.to_string());
        if let Ok(admitted) =
            admit::create(&self.objects, Object::Service(service), &mut self.rng, &self.settings)
        {
            self.write(admitted.object, None);
        }
        let (endpoints, slice) = kubernetes_endpoints(first.address.to_string());
        self.write(Object::Endpoints(endpoints), None);
        self.write(Object::EndpointSlice(slice), None);
    }

    /// Applies each document of `text`; one that is wrong does not stop the others.
    pub(super) fn apply(&mut self, text: &str) -> Reply {
        let read = read::read(text);
        self.sources.clear();
        let mut reply = Reply { diagnostics: read.diagnostics, ..Reply::default() };
        for document in &read.documents {
            let (object, diagnostics) = document.decode();
            let broken = diagnostics.iter().any(|it| it.severity == Severity::Error);
            reply.diagnostics.extend(diagnostics);
            if let Some(object) = object.filter(|_| !broken) {
                self.apply_document(document, &object, &mut reply);
            }
        }
        reply.diagnostics.sort_by_key(|it| it.span.start);
        reply
    }

    fn apply_document(&mut self, document: &Document, object: &Object, reply: &mut Reply) {
        let mut wanted = document.value();
        let mut key = object.key();
        if key.kind.is_namespaced() && key.namespace.is_empty() {
            key.namespace = "default".into();
            wanted["metadata"]["namespace"] = "default".into();
        }
        let old = self.objects.get(&key).cloned();
        let live = old.as_ref().map(Object::to_value);
        let merged = three_way::merge(live.as_ref(), &wanted);
        self.sources.insert(key.clone(), document.span.clone());
        if live.as_ref() == Some(&merged) {
            reply.applied.push(Applied { key, change: Change::Unchanged });
            return;
        }
        match read::decode(key.kind, &merged) {
            Ok(object) => self.admit(document, (key, old), object, reply),
            Err(mistakes) => reply
                .diagnostics
                .extend(mistakes.into_iter().map(|it| document.diagnostic(&it.path, it.problem))),
        }
    }

    fn admit(
        &mut self,
        document: &Document,
        (key, old): (ObjectKey, Option<Object>),
        object: Object,
        reply: &mut Reply,
    ) {
        let (objects, settings) = (&self.objects, &self.settings);
        let admitted = match &old {
            Some(old) => admit::update(objects, old, object, &mut self.rng, settings),
            None => admit::create(objects, object, &mut self.rng, settings),
        };
        match admitted {
            Ok(admitted) => {
                let warnings = admitted.warnings.into_iter();
                reply.diagnostics.extend(warnings.map(|message| warned(document, message)));
                let change = if old.is_some() { Change::Configured } else { Change::Created };
                let cause = self.note(None, Happening::Applied { key: key.clone(), change });
                self.write(admitted.object, Some(cause));
                reply.applied.push(Applied { key, change });
            }
            Err(refusal) => {
                let message = refusal.message.clone();
                self.note(None, Happening::Refused { name: key.to_string(), message });
                reply.diagnostics.extend(refused(document, refusal));
            }
        }
    }
}

fn warned(document: &Document, message: String) -> Diagnostic {
    let severity = Severity::Warning;
    Diagnostic { severity, ..document.diagnostic("", Problem::Warned { message }) }
}

/// One diagnostic for each cause that names a field, else one for the whole document.
fn refused(document: &Document, refusal: admit::Refusal) -> Vec<Diagnostic> {
    let whole = |message: String| {
        document.diagnostic("", Problem::Refused { field: String::new(), message })
    };
    if refusal.causes.is_empty() {
        return vec![whole(refusal.message)];
    }
    let causes = refusal.causes.into_iter().map(|cause| {
        let path = cause.field.clone();
        document.diagnostic(&path, Problem::Refused { field: cause.field, message: cause.message })
    });
    causes.collect()
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

fn node(spec: &NodeSpec, now: &str) -> Node {
    let mut res = Node { metadata: named(&spec.name), ..Node::default() };
    let mut label = |key: &str, value: &str| res.metadata.labels.insert(key.into(), value.into());
    label("kubernetes.io/hostname", &spec.name);
    label("kubernetes.io/os", "linux");
    if spec.control_plane {
        label(CONTROL_PLANE, "");
    }
    if let Some(zone) = &spec.zone {
        label("topology.kubernetes.io/zone", zone);
    }
    if spec.control_plane {
        let effect = "NoSchedule".into();
        res.spec.taints = vec![Taint { key: CONTROL_PLANE.into(), effect, ..Taint::default() }];
    }
    res.spec.pod_cidr = spec.pod_cidr.to_string();
    res.spec.pod_cidrs = vec![spec.pod_cidr.to_string()];
    let address = |kind: &str, address: String| NodeAddress { r#type: kind.into(), address };
    res.status.addresses = vec![
        address("InternalIP", spec.address.to_string()),
        address("Hostname", spec.name.clone()),
    ];
    res.status.conditions = vec![NodeCondition {
        r#type: "Ready".into(),
        status: "True".into(),
        reason: "KubeletReady".into(),
        message: "kubelet is posting ready status".into(),
        last_heartbeat_time: Some(now.into()),
        last_transition_time: Some(now.into()),
    }];
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
fn kubernetes_endpoints(ip: String) -> (Endpoints, EndpointSlice) {
    let port = EndpointPort {
        name: "https".into(),
        port: 6443,
        protocol: "TCP".into(),
        app_protocol: None,
    };
    let address = EndpointAddress { ip: ip.clone(), ..EndpointAddress::default() };
    let subset =
        EndpointSubset { addresses: vec![address], ports: vec![port], ..EndpointSubset::default() };
    let mut metadata = kubernetes_meta();
    metadata.labels.insert("endpointslice.kubernetes.io/skip-mirror".into(), "true".into());
    let endpoints = Endpoints { metadata, subsets: vec![subset] };
    let mut metadata = kubernetes_meta();
    metadata.labels.insert(SERVICE_NAME_LABEL.into(), "kubernetes".into());
    let ready = EndpointConditions { ready: Some(true), ..EndpointConditions::default() };
    let slice = EndpointSlice {
        metadata,
        address_type: "IPv4".into(),
        endpoints: vec![Endpoint { addresses: vec![ip], conditions: ready, ..Endpoint::default() }],
        ports: vec![SlicePort {
            name: Some("https".into()),
            protocol: Some("TCP".into()),
            port: Some(6443),
            app_protocol: None,
        }],
    };
    (endpoints, slice)
}
