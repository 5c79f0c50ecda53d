//! Service and pods → the Endpoints object (the endpoints controller).

use std::collections::BTreeMap;

use svclab_netfilter::order::Order;

use super::members::{
    HEADLESS_LABEL, address_of, dump_order, families, hostname, members, target_port,
};
use super::triggers::TRIGGER_TIME;
use crate::admit::Version;
use crate::object::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Labels, ObjectMeta, ObjectReference,
    Pod, Service,
};

/// Addresses that one object holds at most (`maxCapacity`).
const CAPACITY: usize = 1000;
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const TRUNCATED: &str = "truncated";
/// From 1.33 on: whose work the object is.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

/// An address and whether it is ready, keyed so that iteration gives the controller's order: by
/// IP as text, then by UID.
type Addresses = BTreeMap<(String, String), (EndpointAddress, bool)>;

/// The Endpoints that `service` should have; None where those there are right (`syncService`).
/// `trigger`: when what is behind this change happened, if it is known.
pub fn reconcile<'a>(
    service: &'a Service,
    pods: impl Iterator<Item = &'a Pod> + 'a,
    current: Option<&Endpoints>,
    trigger: Option<String>,
    version: Version,
) -> Option<Endpoints> {
    let mut subsets = subsets(service, pods);
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
    match value {
        Some(value) => meta.annotations.insert(key.to_owned(), value),
        None => meta.annotations.remove(key),
    };
}

fn is_marked(endpoints: &Endpoints) -> bool {
    endpoints.metadata.annotations.get(OVER_CAPACITY).is_some_and(|it| it == TRUNCATED)
}

/// The Service's own, and whether it is headless.
fn labels(service: &Service, version: Version) -> Labels {
    let mut labels = service.metadata.labels.clone();
    labels.remove(HEADLESS_LABEL);
    if service.spec.is_headless() || service.spec.cluster_ip.is_empty() {
        labels.insert(HEADLESS_LABEL.into(), String::new());
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
/// addresses share a subset.
pub fn subsets<'a>(
    service: &'a Service,
    pods: impl Iterator<Item = &'a Pod> + 'a,
) -> Vec<EndpointSubset> {
    let mut by_port: Vec<(Option<EndpointPort>, Addresses)> = Vec::new();
    let publish = service.spec.publish_not_ready_addresses;
    for pod in members(service, pods).filter(|pod| publish || !pod.is_terminating()) {
        let Some(address) = address(service, pod) else { continue };
        for port in ports(service, pod) {
            let ready = publish || pod.is_ready();
            insert(&mut by_port, port, address.clone(), ready);
        }
    }
    merge(by_port)
}

/// The ports of one pod; a headless Service without ports has one without number.
fn ports(service: &Service, pod: &Pod) -> Vec<Option<EndpointPort>> {
    if service.spec.ports.is_empty() {
        return if service.spec.is_headless() { vec![None] } else { Vec::new() };
    }
    let number = |port| target_port(port, pod);
    let found = service.spec.ports.iter().filter_map(|port| {
        Some(Some(EndpointPort {
            name: port.name.clone(),
            port: number(port)?,
            protocol: port.protocol().name().to_owned(),
            app_protocol: port.app_protocol.clone(),
        }))
    });
    found.collect()
}

/// The pod's address of the Service's first family.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let family = families(service).first().copied()?;
    Some(EndpointAddress {
        ip: address_of(pod, family)?.to_owned(),
        hostname: hostname(service, pod).unwrap_or_default(),
        node_name: Some(pod.spec.node_name.clone()),
        target_ref: Some(target_ref(pod)),
    })
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

fn insert(
    by_port: &mut Vec<(Option<EndpointPort>, Addresses)>,
    port: Option<EndpointPort>,
    address: EndpointAddress,
    ready: bool,
) {
    let uid = address.target_ref.as_ref().map(|it| it.uid.clone()).unwrap_or_default();
    let key = (address.ip.clone(), uid);
    let addresses = match by_port.iter_mut().find(|(known, _)| *known == port) {
        Some((_, addresses)) => addresses,
        None => {
            by_port.push((port, Addresses::new()));
            let Some((_, addresses)) = by_port.last_mut() else { return };
            addresses
        }
    };
    // An address that is both counts as not ready.
    addresses.entry(key).and_modify(|known| known.1 &= ready).or_insert((address, ready));
}

fn merge(by_port: Vec<(Option<EndpointPort>, Addresses)>) -> Vec<EndpointSubset> {
    let mut groups: Vec<(Vec<EndpointPort>, Addresses)> = Vec::new();
    for (port, addresses) in by_port {
        match groups.iter_mut().find(|(_, known)| *known == addresses) {
            Some((ports, _)) => ports.extend(port),
            None => groups.push((port.into_iter().collect(), addresses)),
        }
    }
    let mut subsets: Vec<EndpointSubset> = groups.into_iter().map(subset).collect();
    // The controller sorts by a dump that contains UIDs: arbitrary but stable.
    subsets.order_by_key(|it| {
        let first = it.addresses.first().or(it.not_ready_addresses.first());
        first.map(|address| address.ip.clone())
    });
    subsets
}

fn subset((mut ports, addresses): (Vec<EndpointPort>, Addresses)) -> EndpointSubset {
    ports.order_by_key(|port| dump_order(&dump(port)));
    let (ready, not_ready): (Vec<_>, Vec<_>) = addresses.into_values().partition(|it| it.1);
    let plain = |list: Vec<(EndpointAddress, bool)>| list.into_iter().map(|it| it.0).collect();
    EndpointSubset { addresses: plain(ready), not_ready_addresses: plain(not_ready), ports }
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
        let res = subset((ports.iter().map(port).collect(), Addresses::new()));
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
