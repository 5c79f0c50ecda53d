//! Hand-written Endpoints → EndpointSlices (the mirroring controller).

use std::collections::BTreeMap;
use std::net::IpAddr;

use svclab_netfilter::order::Order;

use super::members::dump_order;
use super::slices::{Event, MANAGED_BY_LABEL, Writes, dump, identity, is_same, ports_key};
use super::triggers::TRIGGER_TIME;
use crate::object::{
    Endpoint, EndpointAddress, EndpointConditions, EndpointPort, EndpointSlice, Endpoints, Labels,
    ObjectMeta, OwnerReference, SERVICE_NAME_LABEL, Service, Shared, SlicePort,
};

const MANAGED_BY: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP_LABEL: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// `--mirroring-max-endpoints-per-subset`
const MAX_ENDPOINTS: usize = 1000;

/// Whether the slice is this controller's work.
pub fn is_mirrored(slice: &EndpointSlice) -> bool {
    slice.metadata.labels.get(MANAGED_BY_LABEL).is_some_and(|it| it == MANAGED_BY)
}

/// Whether slices are made from these Endpoints: their Service has no selector, and they do not ask
/// to be left alone.
pub fn should_mirror(endpoints: &Endpoints, service: Option<&Service>) -> bool {
    let meta = &endpoints.metadata;
    service.is_some_and(|it| it.spec.selector.is_empty())
        && meta.labels.get(SKIP_LABEL).is_none_or(|it| it != "true")
        && !meta.annotations.contains_key(LEADER)
}

/// `existing`: the slices of the Endpoints' name that are mirrored.
pub fn reconcile(endpoints: &Endpoints, existing: &[&EndpointSlice]) -> Writes {
    let mut writes = Writes::default();
    let mut by_key: BTreeMap<(bool, Vec<u8>), Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in existing {
        let key = (slice.address_type == "IPv6", ports_key(&slice.ports));
        by_key.entry(key).or_default().push(slice);
    }
    for (key, (ports, wanted)) in wanted(endpoints, &mut writes.events) {
        let known = by_key.remove(&key).unwrap_or_default();
        writes.delete.extend(known.iter().skip(1).map(|it| it.metadata.name.clone()));
        let first = known.first();
        if first.is_some_and(|it| is_right(it, endpoints, &wanted)) {
            continue;
        }
        let mut slice = slice(endpoints, key.0, ports, wanted);
        match first {
            Some(first) => {
                slice.metadata.name.clone_from(&first.metadata.name);
                writes.update.push(slice);
            }
            None => {
                slice.metadata.generate_name = format!("{}-", endpoints.metadata.name).into();
                writes.create.push(slice);
            }
        }
    }
    let rest = by_key.into_values().flatten();
    writes.delete.extend(rest.map(|it| it.metadata.name.clone()));
    writes
}

type Wanted = BTreeMap<(bool, Vec<u8>), (Vec<SlicePort>, Vec<Shared<Endpoint>>)>;

/// By family (true: IPv6) and ports: the endpoints of all subsets.
fn wanted(endpoints: &Endpoints, events: &mut Vec<Event>) -> Wanted {
    let mut res = Wanted::new();
    let (mut invalid, mut skipped) = (0, 0);
    for subset in &endpoints.subsets {
        let ports = ports(&subset.ports);
        let ready = subset.addresses.iter().map(|it| (it, true));
        let mut added = 0;
        for (address, ready) in ready.chain(subset.not_ready_addresses.iter().map(|it| (it, false)))
        {
            if added == MAX_ENDPOINTS {
                skipped += 1;
                continue;
            }
            let Ok(ip) = address.ip.parse::<IpAddr>() else {
                invalid += 1;
                continue;
            };
            added += 1;
            let group = res.entry((ip.is_ipv6(), ports_key(&ports)));
            let (_, list) = group.or_insert_with(|| (ports.clone(), Vec::new()));
            let endpoint = endpoint(address, ip, ready);
            match list.iter_mut().find(|it| identity(it) == identity(&endpoint)) {
                Some(known) => *known = endpoint.into(),
                None => list.push(endpoint.into()),
            }
        }
    }
    if invalid > 0 {
        let message =
            format!("Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices");
        events.push(Event { warning: true, reason: "InvalidIPAddress", message });
    }
    if skipped > 0 {
        let message = format!(
            "A max of {MAX_ENDPOINTS} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were skipped",
            skipped + invalid
        );
        events.push(Event { warning: true, reason: "TooManyAddressesToMirror", message });
    }
    res
}

/// In the order of their dumps.
fn ports(ports: &[EndpointPort]) -> Vec<SlicePort> {
    let port = |it: &EndpointPort| SlicePort {
        name: Some(it.name.clone()),
        protocol: Some(it.protocol.clone()),
        port: Some(it.port),
        app_protocol: it.app_protocol.clone(),
    };
    let mut res: Vec<SlicePort> = ports.iter().map(port).collect();
    res.order_by_key(|port| dump_order(&dump(port)));
    res
}

fn endpoint(address: &EndpointAddress, ip: IpAddr, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![ip.to_string()],
        conditions: EndpointConditions { ready: Some(ready), ..EndpointConditions::default() },
        hostname: Some(address.hostname.clone()).filter(|it| !it.is_empty()),
        target_ref: address.target_ref.clone(),
        node_name: address.node_name.clone(),
        ..Endpoint::default()
    }
}

fn is_right(slice: &EndpointSlice, endpoints: &Endpoints, wanted: &[Shared<Endpoint>]) -> bool {
    let meta = &slice.metadata;
    let same = |old: &Shared<Endpoint>| {
        wanted.iter().any(|new| identity(new) == identity(old) && is_same(new, old))
    };
    meta.labels == labels(endpoints)
        && meta.annotations == annotations(endpoints)
        && slice.endpoints.len() == wanted.len()
        && slice.endpoints.iter().all(same)
}

fn slice(
    endpoints: &Endpoints,
    v6: bool,
    ports: Vec<SlicePort>,
    wanted: Vec<Shared<Endpoint>>,
) -> EndpointSlice {
    let meta = &endpoints.metadata;
    EndpointSlice {
        metadata: ObjectMeta {
            namespace: meta.namespace.clone(),
            labels: labels(endpoints),
            annotations: annotations(endpoints),
            owner_references: vec![OwnerReference {
                api_version: "v1".into(),
                kind: "Endpoints".into(),
                name: meta.name.clone(),
                uid: meta.uid.clone(),
                controller: Some(true),
                block_owner_deletion: Some(true),
            }]
            .into(),
            ..ObjectMeta::default()
        },
        address_type: if v6 { "IPv6" } else { "IPv4" }.into(),
        endpoints: wanted,
        ports,
    }
}

fn labels(endpoints: &Endpoints) -> Shared<Labels> {
    let mut res = endpoints.metadata.labels.clone();
    res.insert(SERVICE_NAME_LABEL.into(), endpoints.metadata.name.clone());
    res.insert(MANAGED_BY_LABEL.into(), MANAGED_BY.into());
    res
}

fn annotations(endpoints: &Endpoints) -> Shared<Labels> {
    let mut res = endpoints.metadata.annotations.clone();
    res.remove(LAST_APPLIED);
    res.remove(TRIGGER_TIME);
    res
}
