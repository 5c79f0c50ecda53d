//! Service and pods → the Endpoints object (the endpoints controller).

use std::collections::BTreeMap;

use svclab_netfilter::order::{Gather, Order};

use super::members::{
    HEADLESS_LABEL, address_of, dump_order, families, hostname, members, target_port,
};
use super::triggers::TRIGGER_TIME;
use crate::admit::Version;
use crate::object::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Labels, ObjectMeta, ObjectReference,
    Pod, Service, Shared,
};

/// Addresses that one object holds at most (`maxCapacity`).
const CAPACITY: usize = 1000;
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const TRUNCATED: &str = "truncated";
/// From 1.33 on: whose work the object is.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

/// Pods and whether each is ready, keyed so that iteration gives the controller's order: by IP as
/// text, then by UID.
type Members<'a> = BTreeMap<(&'a str, &'a str), (&'a Pod, bool)>;

/// The addresses that an object has, by UID.
type Known<'a> = BTreeMap<&'a str, &'a Shared<EndpointAddress>>;

/// The Endpoints that `service` should have; None where those there are right (`syncService`).
/// `trigger`: when what is behind this change happened, if it is known.
pub fn reconcile<'a>(
    service: &'a Service,
    pods: impl Iterator<Item = &'a Pod> + 'a,
    current: Option<&Endpoints>,
    trigger: Option<String>,
    version: Version,
) -> Option<Endpoints> {
    let mut subsets = subsets(service, pods, current);
    let truncated = truncate(&mut subsets);
    let labels = labels(service, version);
    let marked = current.is_some_and(|it| is_marked(it) == truncated);
    if marked && current.is_some_and(|it| it.subsets == subsets && it.metadata.labels == labels) {
        return None;
    }
    let known = current.map(|it| it.metadata.clone()).unwrap_or_default();
    let mut metadata = ObjectMeta {
        name: service.metadata.name.clone(),
        namespace: service.metadata.namespace.clone(),
        labels,
        ..known
    };
    annotate(&mut metadata, TRIGGER_TIME, trigger);
    annotate(&mut metadata, OVER_CAPACITY, truncated.then(|| TRUNCATED.to_owned()));
    Some(Endpoints { metadata, subsets })
}

fn annotate(meta: &mut ObjectMeta, key: &str, value: Option<String>) {
    if meta.annotations.get(key) == value.as_ref() {
        return;
    }
    match value {
        Some(value) => meta.annotations.insert(key.to_owned(), value),
        None => meta.annotations.remove(key),
    };
}

fn is_marked(endpoints: &Endpoints) -> bool {
    endpoints.metadata.annotations.get(OVER_CAPACITY).is_some_and(|it| it == TRUNCATED)
}

/// The Service's own, and whether it is headless.
fn labels(service: &Service, version: Version) -> Shared<Labels> {
    let mut labels = service.metadata.labels.clone();
    if service.spec.is_headless() || service.spec.cluster_ip.is_empty() {
        labels.insert(HEADLESS_LABEL.into(), String::new());
    } else if labels.contains_key(HEADLESS_LABEL) {
        labels.remove(HEADLESS_LABEL);
    }
    if version >= Version::V1_33 {
        let (key, value) = MANAGED_BY;
        labels.insert(key.into(), value.into());
    }
    labels
}

/// Cuts the subsets down to 1000 addresses, ready ones first, each subset in proportion
/// (`truncateEndpoints`).
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let ready: usize = subsets.iter().map(|it| it.addresses.len()).sum();
    let not_ready: usize = subsets.iter().map(|it| it.not_ready_addresses.len()).sum();
    if ready + not_ready <= CAPACITY {
        return false;
    }
    let cuts_ready = ready > CAPACITY;
    let (most, total) = if cuts_ready { (CAPACITY, ready) } else { (CAPACITY - ready, not_ready) };
    let mut room = most;
    for subset in subsets {
        if cuts_ready {
            subset.not_ready_addresses.clear();
        }
        let list = if cuts_ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        let part = (list.len() * most).div_ceil(total);
        list.truncate(part.min(room));
        room -= list.len();
    }
    true
}

/// The subsets of `service`'s Endpoints (`endpoints.RepackSubsets`): ports with the same
/// addresses share a subset. Addresses that `current` has already are those themselves.
fn subsets<'a>(
    service: &'a Service,
    pods: impl Iterator<Item = &'a Pod> + 'a,
    current: Option<&Endpoints>,
) -> Vec<EndpointSubset> {
    let mut by_port: Vec<(Option<Port>, Members<'_>)> = Vec::new();
    let publish = service.spec.publish_not_ready_addresses;
    let family = families(service).first().copied().unwrap_or_default();
    for pod in members(service, pods).filter(|pod| publish || !pod.is_terminating()) {
        let Some(ip) = address_of(pod, family) else { continue };
        for port in ports(service, pod) {
            let ready = publish || pod.is_ready();
            insert(&mut by_port, port, (ip, pod), ready);
        }
    }
    let there = current.iter().flat_map(|it| &it.subsets);
    let there = there.flat_map(|it| it.addresses.iter().chain(&it.not_ready_addresses));
    let known = there.filter_map(|it| Some((it.target_ref.as_ref()?.uid.as_str(), it)));
    merge(service, by_port, &known.gather())
}

/// A port of the Service, by its place, and the number it leads to.
type Port = (usize, i32);

/// The ports of one pod; a headless Service without ports has one without number.
fn ports(service: &Service, pod: &Pod) -> Vec<Option<Port>> {
    if service.spec.ports.is_empty() {
        return if service.spec.is_headless() { vec![None] } else { Vec::new() };
    }
    let ports = service.spec.ports.iter().enumerate();
    ports.filter_map(|(at, port)| Some(Some((at, target_port(port, pod)?)))).collect()
}

fn endpoint_port(service: &Service, (at, number): Port) -> Option<EndpointPort> {
    let port = service.spec.ports.get(at)?;
    Some(EndpointPort {
        name: port.name.clone(),
        port: number,
        protocol: port.protocol().name().to_owned(),
        app_protocol: port.app_protocol.clone(),
    })
}

/// The pod's address: the known one, where nothing in it has changed.
fn address(
    service: &Service,
    (ip, pod): (&str, &Pod),
    known: &Known<'_>,
) -> Shared<EndpointAddress> {
    let name = hostname(service, pod).unwrap_or_default();
    let same = |known: &EndpointAddress| {
        let EndpointAddress { ip: its_ip, hostname, node_name, target_ref } = known;
        its_ip == ip
            && hostname == name
            && node_name.as_deref() == Some(&pod.spec.node_name)
            && target_ref.as_ref().is_some_and(|it| refers_to(it, pod))
    };
    if let Some(known) = known.get(pod.metadata.uid.as_str()).filter(|it| same(it)) {
        return (*known).clone();
    }
    let address = EndpointAddress {
        ip: ip.to_owned(),
        hostname: name.to_owned(),
        node_name: Some(pod.spec.node_name.clone()),
        target_ref: Some(target_ref(pod)),
    };
    address.into()
}

/// The reference to a pod that endpoints carry.
pub fn target_ref(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: "Pod".into(),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// Whether [`target_ref`] would be this one.
pub fn refers_to(reference: &ObjectReference, pod: &Pod) -> bool {
    let ObjectReference { kind, namespace, name, uid, api_version, resource_version, field_path } =
        reference;
    let meta = &pod.metadata;
    (kind.as_str(), namespace, name, uid) == ("Pod", &meta.namespace, &meta.name, &meta.uid)
        && [api_version, resource_version, field_path].into_iter().all(String::is_empty)
}

fn insert<'a>(
    by_port: &mut Vec<(Option<Port>, Members<'a>)>,
    port: Option<Port>,
    (ip, pod): (&'a str, &'a Pod),
    ready: bool,
) {
    let members = match by_port.iter_mut().find(|(known, _)| *known == port) {
        Some((_, members)) => members,
        None => {
            by_port.push((port, Members::new()));
            let Some((_, members)) = by_port.last_mut() else { return };
            members
        }
    };
    // An address that is both counts as not ready.
    let place = (ip, pod.metadata.uid.as_str());
    members.entry(place).and_modify(|known| known.1 &= ready).or_insert((pod, ready));
}

fn merge(
    service: &Service,
    by_port: Vec<(Option<Port>, Members<'_>)>,
    known: &Known<'_>,
) -> Vec<EndpointSubset> {
    let mut groups: Vec<(Vec<EndpointPort>, Members<'_>)> = Vec::new();
    for (port, members) in by_port {
        let port = port.and_then(|it| endpoint_port(service, it));
        match groups.iter_mut().find(|(_, known)| same_members(known, &members)) {
            Some((ports, _)) => ports.extend(port),
            None => groups.push((port.into_iter().collect(), members)),
        }
    }
    let subsets = groups.into_iter().map(|it| subset(service, it, known));
    let mut subsets: Vec<EndpointSubset> = subsets.collect();
    // The controller sorts by a dump that contains UIDs: arbitrary but stable.
    subsets.order_by_key(|it| {
        let first = it.addresses.first().or(it.not_ready_addresses.first());
        first.map(|address| address.ip.clone())
    });
    subsets
}

fn same_members(one: &Members<'_>, other: &Members<'_>) -> bool {
    one.keys().eq(other.keys()) && one.values().map(|it| it.1).eq(other.values().map(|it| it.1))
}

fn subset(
    service: &Service,
    (mut ports, members): (Vec<EndpointPort>, Members<'_>),
    known: &Known<'_>,
) -> EndpointSubset {
    ports.order_by_key(|port| dump_order(&dump(port)));
    let mut res = EndpointSubset { ports, ..EndpointSubset::default() };
    for ((ip, _), (pod, ready)) in members {
        let list = if ready { &mut res.addresses } else { &mut res.not_ready_addresses };
        list.push(address(service, (ip, pod), known));
    }
    res
}

/// The port as Go's dump library writes it (`hashutil.DeepHashObject`).
fn dump(port: &EndpointPort) -> String {
    let app = port.app_protocol.as_deref().unwrap_or("<nil>");
    format!(
        "(v1.EndpointPort){{Name:(string){} Port:(int32){} Protocol:(v1.Protocol){} AppProtocol:(*string){app}}}",
        port.name, port.port, port.protocol
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the spec (§3.4): ports stand in the order of their dumps' MD5.
    #[track_caller]
    fn check_order(ports: &[(&str, i32, &str)], expected: &[&str]) {
        let port = |&(name, port, protocol): &(&str, i32, &str)| EndpointPort {
            name: name.into(),
            port,
            protocol: protocol.into(),
            app_protocol: None,
        };
        let ports = ports.iter().map(port).collect();
        let res = subset(&Service::default(), (ports, Members::new()), &Known::new());
        let names: Vec<&str> = res.ports.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn ports_stand_in_the_controllers_order() {
        check_order(&[("http", 80, "TCP"), ("https", 443, "TCP")], &["https", "http"]);
        check_order(&[("http", 8080, "TCP"), ("metrics", 9100, "TCP")], &["metrics", "http"]);
        check_order(&[("a", 1, "TCP"), ("b", 2, "TCP")], &["b", "a"]);
        check_order(
            &[("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("metrics", 9153, "TCP")],
            &["dns-tcp", "dns", "metrics"],
        );
    }
}
