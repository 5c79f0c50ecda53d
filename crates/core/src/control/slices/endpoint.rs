//! Pod → endpoint and ports; pods with the same ports form a group.

use svclab_netfilter::order::Order;

use crate::control::endpoints::target_ref;
use crate::control::members::{address_of, dump_order, hostname, target_port};
use crate::object::{Endpoint, EndpointConditions, Node, Pod, Service, SlicePort};

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// The endpoints that belong into slices with these ports.
pub(super) struct Group {
    pub(super) key: Vec<u8>,
    pub(super) ports: Vec<SlicePort>,
    pub(super) endpoints: Vec<Endpoint>,
}

/// Groups in the order of their ports' dumps. A pod whose node is not known is left out, unless
/// the Service publishes all.
pub(super) fn groups<'a>(
    service: &Service,
    pods: &[&Pod],
    family: &str,
    node_of: &dyn Fn(&str) -> Option<&'a Node>,
) -> Vec<Group> {
    let mut groups: Vec<(Vec<SlicePort>, Group)> = Vec::new();
    for pod in pods {
        let found = ports(service, pod);
        let at = groups.iter().position(|(known, _)| *known == found);
        let at = at.unwrap_or_else(|| {
            groups.push((found.clone(), empty_group(found)));
            groups.len() - 1
        });
        let node = node_of(&pod.spec.node_name);
        let known = node.is_some() || service.spec.publish_not_ready_addresses;
        if let Some(ip) = address_of(pod, family).filter(|_| known) {
            groups[at].1.endpoints.push(endpoint(service, pod, ip, node));
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    groups.order_by(|a, b| a.key.cmp(&b.key));
    groups
}

fn empty_group(mut ports: Vec<SlicePort>) -> Group {
    // The controller compares the hexadecimal text, which sorts as the bytes do.
    ports.order_by_key(|port| dump_order(&dump(port)));
    Group { key: ports_key(&ports), ports, endpoints: Vec::new() }
}

/// In the order of the Service.
fn ports(service: &Service, pod: &Pod) -> Vec<SlicePort> {
    let found = service.spec.ports.iter().filter_map(|port| {
        Some(SlicePort {
            name: Some(port.name.clone()),
            protocol: Some(port.protocol().name().to_owned()),
            port: Some(target_port(port, pod)?),
            app_protocol: port.app_protocol.clone(),
        })
    });
    found.collect()
}

/// The port as Go's dump library writes it (`hashutil.DeepHashObject`).
pub(crate) fn dump(port: &SlicePort) -> String {
    let number = port.port.map_or("<nil>".into(), |it| it.to_string());
    format!(
        "(v1.EndpointPort){{Name:(*string){} Protocol:(*v1.Protocol){} Port:(*int32){number} AppProtocol:(*string){}}}",
        port.name(),
        port.protocol().name(),
        port.app_protocol.as_deref().unwrap_or("<nil>")
    )
}

/// The same for the same ports in any order.
pub(crate) fn ports_key(ports: &[SlicePort]) -> Vec<u8> {
    let mut dumps: Vec<[u8; 16]> = ports.iter().map(|port| dump_order(&dump(port))).collect();
    dumps.order();
    dumps.concat()
}

fn endpoint(service: &Service, pod: &Pod, ip: &str, node: Option<&Node>) -> Endpoint {
    let serving = pod.is_ready();
    let terminating = pod.is_terminating();
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let zone = node.and_then(|it| it.metadata.labels.get(ZONE_LABEL));
    Endpoint {
        addresses: vec![ip.to_owned()],
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        },
        hostname: hostname(service, pod),
        target_ref: Some(target_ref(pod)),
        node_name: Some(pod.spec.node_name.clone()).filter(|it| !it.is_empty()),
        zone: zone.cloned().filter(|it| !it.is_empty()),
        ..Endpoint::default()
    }
}

/// What makes an endpoint the same although its conditions changed.
pub(crate) fn identity(endpoint: &Endpoint) -> (&[String], Option<&String>, Option<(&str, &str)>) {
    let target = endpoint.target_ref.as_ref();
    let name = target.map(|it| (it.namespace.as_str(), it.name.as_str()));
    (&endpoint.addresses, endpoint.hostname.as_ref(), name)
}

/// Whether nothing else changed either; hints are looked at later (`EndpointsEqualBeyondHash`).
pub(crate) fn is_same(a: &Endpoint, b: &Endpoint) -> bool {
    let target = |it: &Endpoint| {
        it.target_ref.as_ref().map(|it| (it.kind.clone(), it.uid.clone(), it.field_path.clone()))
    };
    (&a.node_name, &a.zone, &a.conditions, target(a))
        == (&b.node_name, &b.zone, &b.conditions, target(b))
}
