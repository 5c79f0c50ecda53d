//! Which pods stand behind a Service, and at which port each.

use md5::{Digest, Md5};

use crate::object::{Pod, Service, ServicePort};

/// On Endpoints and slices of a Service without a cluster IP.
pub const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

/// Whether the endpoint controllers look after the Service: it has a selector, and is not a name
/// for something outside.
pub fn is_managed(service: &Service) -> bool {
    !service.spec.selector.is_empty() && service.spec.r#type != "ExternalName"
}

/// The address families of the Service, the first one first, as slices name them.
pub fn families(service: &Service) -> Vec<&'static str> {
    let spec = &service.spec;
    let known = spec.ip_families.iter().filter_map(|it| match it.as_str() {
        "IPv4" => Some("IPv4"),
        "IPv6" => Some("IPv6"),
        _ => None,
    });
    let known: Vec<&str> = known.collect();
    match known.is_empty() {
        true => vec![if spec.cluster_ip.contains(':') { "IPv6" } else { "IPv4" }],
        false => known,
    }
}

/// The pod's address of a family.
pub fn address_of<'a>(pod: &'a Pod, family: &str) -> Option<&'a str> {
    let of_family = |ip: &&str| ip.contains(':') == (family == "IPv6");
    pod.status.pod_ips.iter().map(|it| it.ip.as_str()).find(of_family)
}

/// The pods that a Service's selector takes, in the order given: those of its namespace with an
/// address that have not run to their end (`endpoints/util.ShouldPodBeInEndpoints`).
pub fn members<'a>(
    service: &'a Service,
    pods: impl Iterator<Item = &'a Pod> + 'a,
) -> impl Iterator<Item = &'a Pod> + 'a {
    pods.filter(move |pod| selects(service, pod))
        .filter(|pod| !pod.is_finished() && !pod.status.pod_ips.is_empty())
}

/// Whether the Service's selector takes the pod, whatever state it is in.
pub fn selects(service: &Service, pod: &Pod) -> bool {
    let selector = &service.spec.selector;
    !selector.is_empty()
        && service.spec.r#type != "ExternalName"
        && service.metadata.namespace == pod.metadata.namespace
        && selector.iter().all(|(key, value)| pod.metadata.labels.get(key) == Some(value))
}

/// The number that a Service port leads to in this pod: `targetPort` itself, or the container
/// port of that name and protocol (`podutil.FindPort`). None where the pod has no such port.
pub fn target_port(port: &ServicePort, pod: &Pod) -> Option<i32> {
    use crate::object::IntOrString;
    let name = match &port.target_port {
        IntOrString::Int(0) => return Some(port.port),
        IntOrString::Int(number) => return Some(*number),
        IntOrString::String(name) => name,
    };
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let mut named = ports.filter(|it| it.name == *name && it.protocol() == port.protocol());
    named.next().map(|it| it.container_port)
}

/// The hostname that an endpoint carries: the pod's, where its subdomain names the Service.
pub fn hostname<'a>(service: &Service, pod: &'a Pod) -> Option<&'a str> {
    let named = !pod.spec.hostname.is_empty() && pod.spec.subdomain == service.metadata.name;
    named.then_some(&pod.spec.hostname)
}

/// The order in which the controllers sort ports: by the MD5 of a dump of the Go struct.
pub fn dump_order(dump: &str) -> [u8; 16] {
    Md5::digest(dump.as_bytes()).into()
}
