//! Service, pods and the slices there are → the EndpointSlices to write (the EndpointSlice controller).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::endpoints::target_ref;
use super::members::{dump_order, hostname, members, target_port};
use crate::object::{
    Endpoint, EndpointConditions, EndpointHints, EndpointSlice, ForName, ObjectMeta,
    OwnerReference, Pod, SERVICE_NAME_LABEL, Service, SlicePort,
};

/// `--max-endpoints-per-slice`
const MAX_ENDPOINTS: usize = 100;
const MANAGED_BY_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGED_BY: &str = "endpointslice-controller.k8s.io";
const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

/// The writes that bring a Service's slices in line. New slices have a `generateName` and no name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Writes {
    pub create: Vec<EndpointSlice>,
    pub update: Vec<EndpointSlice>,
    /// Names, in the Service's namespace.
    pub delete: Vec<String>,
}

/// Whether the slice is this controller's work for the Service.
pub fn is_managed(slice: &EndpointSlice, service: &Service) -> bool {
    slice.metadata.namespace == service.metadata.namespace
        && slice.service_name() == Some(&service.metadata.name)
        && slice.metadata.labels.get(MANAGED_BY_LABEL).is_some_and(|it| it == MANAGED_BY)
}

/// `pods` in the order of their creation; `zone_of` gives a node's zone.
pub fn reconcile<'a>(
    service: &'a Service,
    pods: impl Iterator<Item = &'a Pod> + 'a,
    existing: Vec<EndpointSlice>,
    zone_of: &dyn Fn(&str) -> Option<String>,
) -> Writes {
    let mut wanted: BTreeMap<Vec<u8>, (Vec<SlicePort>, Vec<Endpoint>)> = BTreeMap::new();
    for pod in members(service, pods).filter(|pod| !family(pod).is_empty()) {
        let ports = ports(service, pod);
        let endpoint = endpoint(service, pod, zone_of);
        wanted.entry(ports_key(&ports)).or_insert((ports, Vec::new())).1.push(endpoint);
    }
    let mut planner =
        Planner { service, writes: Writes::default(), spare: Vec::new(), keeps: false };
    let mut by_ports: BTreeMap<Vec<u8>, Vec<EndpointSlice>> = BTreeMap::new();
    for slice in existing {
        by_ports.entry(ports_key(&slice.ports)).or_default().push(slice);
    }
    for (key, (ports, endpoints)) in wanted {
        planner.group(ports, endpoints, by_ports.remove(&key).unwrap_or_default());
    }
    planner.spare.extend(by_ports.into_values().flatten());
    planner.finish()
}

/// `IPv4` or `IPv6`, by the pod's first address.
fn family(pod: &Pod) -> &'static str {
    match pod.addresses().first() {
        Some(IpAddr::V4(_)) => "IPv4",
        Some(IpAddr::V6(_)) => "IPv6",
        None => "",
    }
}

fn ports(service: &Service, pod: &Pod) -> Vec<SlicePort> {
    let found = service.spec.ports.iter().filter_map(|port| {
        Some(SlicePort {
            name: Some(port.name.clone()),
            protocol: Some(port.protocol().name().to_owned()),
            port: Some(target_port(port, pod)?),
            app_protocol: port.app_protocol.clone(),
        })
    });
    let mut res: Vec<SlicePort> = found.collect();
    // The controller compares the hexadecimal text, which sorts as the bytes do.
    res.sort_by_cached_key(|port| dump_order(&dump(port)));
    res
}

fn dump(port: &SlicePort) -> String {
    let number = port.port.map_or("<nil>".into(), |it| it.to_string());
    format!(
        "(v1.EndpointPort){{Name:(*string){} Protocol:(*v1.Protocol){} Port:(*int32){number} AppProtocol:(*string){}}}",
        port.name(),
        port.protocol().name(),
        port.app_protocol.as_deref().unwrap_or("<nil>")
    )
}

fn ports_key(ports: &[SlicePort]) -> Vec<u8> {
    ports.iter().flat_map(|port| dump_order(&dump(port))).collect()
}

fn endpoint(service: &Service, pod: &Pod, zone_of: &dyn Fn(&str) -> Option<String>) -> Endpoint {
    let serving = pod.is_ready();
    let terminating = pod.is_terminating();
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let zone = zone_of(&pod.spec.node_name);
    let close = service.spec.traffic_distribution.as_deref() == Some("PreferClose") && ready;
    let hints = zone.clone().filter(|_| close).map(|name| EndpointHints {
        for_zones: vec![ForName { name }],
        ..EndpointHints::default()
    });
    Endpoint {
        addresses: vec![pod.status.pod_ip.clone()],
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        },
        hostname: hostname(service, pod),
        target_ref: Some(target_ref(pod)),
        node_name: Some(pod.spec.node_name.clone()),
        zone,
        hints,
        ..Endpoint::default()
    }
}

/// What makes an endpoint the same although its conditions changed.
fn identity(endpoint: &Endpoint) -> (&[String], Option<&String>, Option<(&str, &str)>) {
    let target = endpoint.target_ref.as_ref();
    let name = target.map(|it| (it.namespace.as_str(), it.name.as_str()));
    (&endpoint.addresses, endpoint.hostname.as_ref(), name)
}

struct Planner<'a> {
    service: &'a Service,
    writes: Writes,
    /// Slices that hold nothing any more; a new slice takes over the name of one of them.
    spare: Vec<EndpointSlice>,
    /// Some slice stays as it is.
    keeps: bool,
}

impl Planner<'_> {
    /// Fits the endpoints of one port set into its slices, with as few writes as possible
    /// (`reconcileByPortMapping`).
    fn group(
        &mut self,
        ports: Vec<SlicePort>,
        mut wanted: Vec<Endpoint>,
        existing: Vec<EndpointSlice>,
    ) {
        let mut changed: Vec<EndpointSlice> = Vec::new();
        let mut unchanged: Vec<EndpointSlice> = Vec::new();
        for slice in existing {
            let kept: Vec<Endpoint> = slice
                .endpoints
                .iter()
                .filter_map(|old| {
                    let at = wanted.iter().position(|new| identity(new) == identity(old))?;
                    Some(wanted.remove(at))
                })
                .collect();
            let same = kept == slice.endpoints && slice.metadata.labels == self.labels();
            let slice = EndpointSlice { endpoints: kept, ..slice };
            match (slice.endpoints.is_empty(), same) {
                (true, _) => self.spare.push(slice),
                (false, true) => unchanged.push(slice),
                (false, false) => changed.push(slice),
            }
        }
        changed.sort_by_key(|slice| std::cmp::Reverse(slice.endpoints.len()));
        for slice in &mut changed {
            fill(slice, &mut wanted);
        }
        if !wanted.is_empty()
            && let Some(at) = fullest_fit(&unchanged, wanted.len())
        {
            let mut slice = unchanged.remove(at);
            fill(&mut slice, &mut wanted);
            changed.push(slice);
        }
        while !wanted.is_empty() {
            let mut slice = self.empty(ports.clone());
            fill(&mut slice, &mut wanted);
            self.writes.create.push(slice);
        }
        self.keeps |= !unchanged.is_empty();
        let labels = self.labels();
        for slice in &mut changed {
            slice.metadata.labels = labels.clone();
        }
        self.writes.update.extend(changed);
    }

    /// New slices re-use the names of spare ones; a Service without endpoints keeps one empty slice.
    fn finish(mut self) -> Writes {
        let labels = self.labels();
        let nothing = self.writes.create.is_empty() && self.writes.update.is_empty();
        let placeholder = |slice: &EndpointSlice| {
            slice.endpoints.is_empty() && slice.ports.is_empty() && slice.metadata.labels == labels
        };
        if nothing && !self.keeps {
            if let Some(at) = self.spare.iter().position(placeholder) {
                self.spare.remove(at);
            } else {
                let empty = self.empty(Vec::new());
                self.writes.create.push(empty);
            }
        }
        while !self.writes.create.is_empty() && !self.spare.is_empty() {
            let fresh = self.writes.create.remove(0);
            let old = self.spare.remove(0);
            let metadata = ObjectMeta { labels: fresh.metadata.labels.clone(), ..old.metadata };
            self.writes.update.push(EndpointSlice { metadata, ..fresh });
        }
        self.writes.delete = self.spare.into_iter().map(|slice| slice.metadata.name).collect();
        self.writes
    }

    fn empty(&self, ports: Vec<SlicePort>) -> EndpointSlice {
        let meta = &self.service.metadata;
        let v6 = self.service.spec.ip_families.first().is_some_and(|it| it == "IPv6");
        EndpointSlice {
            metadata: ObjectMeta {
                generate_name: format!("{}-", meta.name),
                namespace: meta.namespace.clone(),
                labels: self.labels(),
                owner_references: vec![OwnerReference {
                    api_version: "v1".into(),
                    kind: "Service".into(),
                    name: meta.name.clone(),
                    uid: meta.uid.clone(),
                    controller: Some(true),
                    block_owner_deletion: Some(true),
                }],
                ..ObjectMeta::default()
            },
            address_type: if v6 { "IPv6" } else { "IPv4" }.into(),
            endpoints: Vec::new(),
            ports,
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let reserved = [SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL];
        let mut res = self.service.metadata.labels.clone();
        res.retain(|key, _| !reserved.contains(&key.as_str()));
        res.insert(SERVICE_NAME_LABEL.into(), self.service.metadata.name.clone());
        res.insert(MANAGED_BY_LABEL.into(), MANAGED_BY.into());
        if self.service.spec.is_headless() {
            res.insert(HEADLESS_LABEL.into(), String::new());
        }
        res
    }
}

fn fill(slice: &mut EndpointSlice, wanted: &mut Vec<Endpoint>) {
    let room = MAX_ENDPOINTS.saturating_sub(slice.endpoints.len()).min(wanted.len());
    slice.endpoints.extend(wanted.drain(..room));
}

/// The slice that becomes fullest by `more` endpoints without overflowing.
fn fullest_fit(slices: &[EndpointSlice], more: usize) -> Option<usize> {
    let fits = |slice: &EndpointSlice| slice.endpoints.len() + more <= MAX_ENDPOINTS;
    let candidates = slices.iter().enumerate().filter(|(_, slice)| fits(slice));
    candidates.max_by_key(|(_, slice)| slice.endpoints.len()).map(|(at, _)| at)
}
