//! Pod → endpoint and ports; pods with the same ports form a group.

use std::collections::BTreeMap;

use svclab_netfilter::order::{Gather, Order};

use crate::control::endpoints::{refers_to, target_ref};
use crate::control::members::{address_of, dump_order, hostname, target_port};
use crate::object::{
    Endpoint, EndpointConditions, EndpointSlice, Node, Pod, Service, Shared, SlicePort,
};

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// The endpoints that belong into slices with these ports.
pub(super) struct Group {
    pub(super) ports: Vec<SlicePort>,
    pub(super) endpoints: Vec<Shared<Endpoint>>,
}

/// Groups in the order of their ports' dumps. A pod whose node is not known is left out, unless
/// the Service publishes all. Endpoints that `existing` slices have already are those themselves.
pub(super) fn groups<'a>(
    service: &Service,
    pods: &[&Pod],
    family: &str,
    node_of: &dyn Fn(&str) -> Option<&'a Node>,
    existing: &[&EndpointSlice],
) -> Vec<Group> {
    let there = existing.iter().flat_map(|it| &it.endpoints);
    let there = there.filter_map(|it| Some((it.target_ref.as_ref()?.uid.as_str(), it)));
    let there: BTreeMap<&str, &Shared<Endpoint>> = there.gather();
    let mut groups: Vec<(Vec<Option<i32>>, Group)> = Vec::new();
    let mut nodes: BTreeMap<&str, Option<&Node>> = BTreeMap::new();
    for pod in pods {
        let found = numbers(service, pod);
        let at = groups.iter().position(|(known, _)| *known == found);
        let at = at.unwrap_or_else(|| {
            let ports = ports(service, &found);
            groups.push((found, Group { ports, endpoints: Vec::new() }));
            groups.len() - 1
        });
        let name = pod.spec.node_name.as_str();
        let node = *nodes.entry(name).or_insert_with(|| node_of(name));
        let known = node.is_some() || service.spec.publish_not_ready_addresses;
        if let Some(ip) = address_of(pod, family).filter(|_| known) {
            let member = Member::of(service, pod, ip, node);
            let same = there.get(pod.metadata.uid.as_str()).filter(|it| member.is(it));
            let endpoint = same.map_or_else(|| member.endpoint().into(), |it| (*it).clone());
            groups[at].1.endpoints.push(endpoint);
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    groups.order_by_key(|it| ports_key(&it.ports));
    groups
}

/// Where each of the Service's ports leads to in this pod.
fn numbers(service: &Service, pod: &Pod) -> Vec<Option<i32>> {
    service.spec.ports.iter().map(|port| target_port(port, pod)).collect()
}

fn ports(service: &Service, numbers: &[Option<i32>]) -> Vec<SlicePort> {
    let ports = service.spec.ports.iter().zip(numbers).filter_map(|(port, number)| {
        Some(SlicePort {
            name: Some(port.name.clone()),
            protocol: Some(port.protocol().name().to_owned()),
            port: Some((*number)?),
            app_protocol: port.app_protocol.clone(),
        })
    });
    let mut ports: Vec<SlicePort> = ports.collect();
    // The controller compares the hexadecimal text, which sorts as the bytes do.
    ports.order_by_key(|port| dump_order(&dump(port)));
    ports
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

/// Whether they are the same ports, in whatever order.
pub(super) fn same_ports(a: &[SlicePort], b: &[SlicePort]) -> bool {
    a == b || (a.len() == b.len() && ports_key(a) == ports_key(b))
}

/// The same for the same ports in any order.
pub(crate) fn ports_key(ports: &[SlicePort]) -> Vec<u8> {
    let mut dumps: Vec<[u8; 16]> = ports.iter().map(|port| dump_order(&dump(port))).collect();
    dumps.order();
    dumps.concat()
}

/// A pod as an endpoint.
struct Member<'a> {
    pod: &'a Pod,
    ip: &'a str,
    conditions: EndpointConditions,
    hostname: Option<&'a str>,
    node_name: Option<&'a str>,
    zone: Option<&'a str>,
}

impl<'a> Member<'a> {
    fn of(service: &Service, pod: &'a Pod, ip: &'a str, node: Option<&'a Node>) -> Member<'a> {
        let serving = pod.is_ready();
        let terminating = pod.is_terminating();
        let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
        let zone = node.and_then(|it| it.metadata.labels.get(ZONE_LABEL));
        Member {
            pod,
            ip,
            conditions: EndpointConditions {
                ready: Some(ready),
                serving: Some(serving),
                terminating: Some(terminating),
            },
            hostname: hostname(service, pod),
            node_name: Some(pod.spec.node_name.as_str()).filter(|it| !it.is_empty()),
            zone: zone.map(String::as_str).filter(|it| !it.is_empty()),
        }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            addresses: vec![self.ip.to_owned()],
            conditions: self.conditions.clone(),
            hostname: self.hostname.map(str::to_owned),
            target_ref: Some(target_ref(self.pod)),
            node_name: self.node_name.map(str::to_owned),
            zone: self.zone.map(str::to_owned),
            ..Endpoint::default()
        }
    }

    /// Whether [`Member::endpoint`] would be this one.
    fn is(&self, endpoint: &Endpoint) -> bool {
        let Endpoint {
            addresses,
            conditions,
            hostname,
            target_ref,
            deprecated_topology,
            node_name,
            zone,
            hints,
        } = endpoint;
        *addresses == [self.ip]
            && *conditions == self.conditions
            && target_ref.as_ref().is_some_and(|it| refers_to(it, self.pod))
            && (hostname.as_deref(), node_name.as_deref(), zone.as_deref())
                == (self.hostname, self.node_name, self.zone)
            && deprecated_topology.is_empty()
            && hints.is_none()
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
    fn target(it: &Endpoint) -> Option<[&str; 3]> {
        it.target_ref.as_ref().map(|it| [it.kind.as_str(), &it.uid, &it.field_path])
    }
    (&a.node_name, &a.zone, &a.conditions, target(a))
        == (&b.node_name, &b.zone, &b.conditions, target(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{EndpointHints, Ip, PodCondition};

    fn pod() -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = "web-1".into();
        pod.metadata.namespace = "shop".into();
        pod.metadata.uid = "5f0c".into();
        pod.spec.node_name = "worker-1".into();
        pod.spec.hostname = "web-1".into();
        pod.spec.subdomain = "web".into();
        pod.status.pod_ips = vec![Ip { ip: "10.244.1.2".into() }];
        pod.status.conditions = vec![PodCondition {
            r#type: "Ready".into(),
            status: "True".into(),
            ..PodCondition::default()
        }];
        pod
    }

    /// An endpoint stays the one it is just where it would be made anew as it is.
    #[track_caller]
    fn check(change: impl Fn(&mut Endpoint), expected: bool) {
        let mut service = Service::default();
        service.metadata.name = "web".into();
        let mut node = Node::default();
        node.metadata.labels.insert(ZONE_LABEL.into(), "a".into());
        let pod = pod();
        let member = Member::of(&service, &pod, "10.244.1.2", Some(&node));
        let mut endpoint = member.endpoint();
        change(&mut endpoint);
        assert_eq!((member.is(&endpoint), member.endpoint() == endpoint), (expected, expected));
    }

    #[test]
    fn an_endpoint_is_kept_where_nothing_in_it_changed() {
        check(|_| {}, true);
        check(|it| it.addresses.push("10.244.1.3".into()), false);
        check(|it| it.conditions.ready = Some(false), false);
        check(|it| it.conditions.terminating = None, false);
        check(|it| it.hostname = None, false);
        check(|it| it.node_name = Some("worker-2".into()), false);
        check(|it| it.zone = None, false);
        check(|it| it.hints = Some(EndpointHints::default()), false);
        check(|it| _ = it.deprecated_topology.insert("a".into(), "b".into()), false);
        check(|it| it.target_ref = None, false);
        check(|it| it.target_ref.iter_mut().for_each(|it| it.uid = "5f0d".into()), false);
        check(|it| it.target_ref.iter_mut().for_each(|it| it.kind = "Node".into()), false);
        check(|it| it.target_ref.iter_mut().for_each(|it| it.field_path = "a".into()), false);
    }
}
