//! ingress-nginx: which Ingresses it takes, and the addresses it writes into their status; [`route()`]: where requests go.

mod route;

use std::net::IpAddr;

use crate::key::{Kind, ObjectKey};
use crate::object::{
    Ingress, IngressClass, LoadBalancerIngress, Node, Object, Objects, Pod, Service, ServiceType,
};

pub use route::{route, wants_tls};

const CONTROLLER: &str = "k8s.io/ingress-nginx";
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
/// What the annotation says for this controller (`--ingress-class`).
const CLASS: &str = "nginx";

/// The labels that the project's chart and manifests give to its pods.
const LABELS: [(&str, &str); 2] =
    [("app.kubernetes.io/name", "ingress-nginx"), ("app.kubernetes.io/component", "controller")];
const PUBLISH_SERVICE: &str = "--publish-service=";

/// Whether the pod is a controller that works.
pub fn is_controller(pod: &Pod) -> bool {
    let labels = &pod.metadata.labels;
    LABELS.iter().all(|(key, value)| labels.get(*key).is_some_and(|it| it == value))
}

/// Whether the Ingress is this controller's: by the old annotation, else by its class.
pub fn takes<'a>(ingress: &Ingress, class: impl Fn(&str) -> Option<&'a IngressClass>) -> bool {
    let annotation = ingress.metadata.annotations.get(CLASS_ANNOTATION);
    if let Some(name) = annotation.filter(|it| !it.is_empty()) {
        return name == CLASS;
    }
    let named = ingress.spec.ingress_class_name.as_deref().and_then(class);
    named.is_some_and(|it| it.spec.controller == CONTROLLER)
}

/// `runningAddresses`: those of the Service that a controller is told to publish, else of the nodes
/// that ready controllers run on. None: it cannot say, and changes nothing.
pub fn addresses(objects: &Objects, controllers: &[&Pod]) -> Option<Vec<LoadBalancerIngress>> {
    let mut res = match controllers.iter().find_map(|it| published(it)) {
        Some(key) => of_service(objects.get(&key)?.as_service()?),
        None => of_nodes(objects, controllers),
    };
    res.sort_by(|a, b| (&a.hostname, &a.ip).cmp(&(&b.hostname, &b.ip)));
    res.dedup();
    Some(res)
}

/// The Service of `--publish-service`, with the pod's namespace where it names the variable.
fn published(pod: &Pod) -> Option<ObjectKey> {
    let containers = pod.spec.containers.iter();
    let mut words = containers.flat_map(|it| it.command.iter().chain(&it.args));
    let value = words.find_map(|it| it.strip_prefix(PUBLISH_SERVICE))?;
    let value = value.replace("$(POD_NAMESPACE)", &pod.metadata.namespace);
    let (namespace, name) = value.split_once('/')?;
    Some(ObjectKey::new(Kind::Service, namespace, name))
}

/// `statusAddressFromService`
fn of_service(service: &Service) -> Vec<LoadBalancerIngress> {
    let spec = &service.spec;
    let external = spec.external_ips.iter().map(|it| at_ip(it));
    match spec.service_type() {
        ServiceType::ExternalName => {
            let hostname = spec.external_name.clone();
            vec![LoadBalancerIngress { hostname, ..LoadBalancerIngress::default() }]
        }
        ServiceType::NodePort if !spec.external_ips.is_empty() => external.collect(),
        ServiceType::ClusterIp | ServiceType::NodePort => vec![at_ip(&spec.cluster_ip)],
        ServiceType::LoadBalancer => {
            let given = service.status.load_balancer.ingress.iter();
            let given = given.map(|it| match it.ip.as_str() {
                "" => LoadBalancerIngress { hostname: it.hostname.clone(), ..at_ip("") },
                ip => at_ip(ip),
            });
            given.chain(external).collect()
        }
    }
}

fn of_nodes(objects: &Objects, controllers: &[&Pod]) -> Vec<LoadBalancerIngress> {
    let ready = controllers.iter().filter(|it| it.is_ready() && it.status.phase == "Running");
    let nodes = ready.filter_map(|it| {
        let key = ObjectKey::new(Kind::Node, "", &it.spec.node_name);
        objects.get(&key).and_then(Object::as_node)
    });
    nodes.filter_map(node_address).map(|it| at_ip(&it.to_string())).collect()
}

/// `GetNodeIPOrName`: the external address before the internal one.
fn node_address(node: &Node) -> Option<IpAddr> {
    let of = |kind| node.addresses(kind).first().copied();
    of("ExternalIP").or_else(|| of("InternalIP"))
}

fn at_ip(ip: &str) -> LoadBalancerIngress {
    LoadBalancerIngress { ip: ip.to_owned(), ..LoadBalancerIngress::default() }
}
