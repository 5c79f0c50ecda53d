//! The lab → what the page shows of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::family::OfFamily;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Lab;
use svclab_core::net::balancer::Balancer;
use svclab_core::object::{EndpointSlice, Endpoints, Object, Service};
use svclab_core::proxy::Mode;
use svclab_core::scenario::{Cluster, HostSpec};
use svclab_netfilter::Family;

use super::{
    Backend, Host, Node, OldEnds, Pod, PodState, Port, STRIP, ServiceView, Shared, Strip, View,
};
use crate::leads::leads;

/// Reads everything the page shows from the lab; `before` is what it was.
pub fn view_of(lab: &Lab, before: &View, cluster: &Cluster) -> View {
    View {
        lan: cluster.lan.to_string().replace(',', ", "),
        router: cluster.router.to_string(),
        hosts: hosts(cluster),
        balancer: cluster.load_balancer.as_ref().map(|_| lab.load_balancer_runs()),
        nodes: nodes(lab, before),
        pods: pods(lab),
        services: services(lab),
    }
}

fn hosts(cluster: &Cluster) -> Vec<Host> {
    let host = |it: &HostSpec| Host {
        name: it.name.as_str().into(),
        address: it.address.primary,
        near: cluster.lan.contains(&it.address.primary),
    };
    cluster.outside.iter().map(host).collect()
}

fn nodes(lab: &Lab, before: &View) -> Vec<Node> {
    let node = |it: &svclab_core::net::Node| {
        let object = lab.objects().get(&ObjectKey::new(Kind::Node, "", &*it.name));
        let object = object.and_then(Object::as_node);
        let rules = lab.rules(&it.name);
        let from = rules.as_ref().map(|it| Shared(it.rules.clone()));
        let own = lab.network().kernel(&it.name).and_then(|it| it.balancer(Family::V4));
        let old = before.nodes.iter().find(|old| old.name == it.name && old.from == from);
        let leads = match (old.filter(|_| own.is_none()), &rules) {
            (Some(old), _) => old.leads.clone(),
            (None, Some(rules)) => Rc::new(leads(rules, own)),
            (None, None) => Rc::default(),
        };
        Node {
            name: it.name.clone(),
            ip: it.addresses.primary,
            bridge: it.bridge(it.pod_cidrs.primary.family()).map(|ip| format!("cni0 {ip}")),
            rules: from.as_ref().map_or(0, |it| it.len()) + own.map_or(0, Balancer::rules),
            leads,
            from,
            mode: rules.as_ref().map_or(Mode::default(), |it| it.mode),
            added: rules.as_ref().map_or(0, |it| it.added.len()),
            removed: rules.as_ref().map_or(0, |it| it.removed.len()),
            synced: rules.as_ref().and_then(|it| it.synced_at).map(|at| at.to_string()),
            proxy: rules.as_ref().is_some_and(|it| it.running),
            stale: rules.as_ref().is_some_and(|it| it.behind),
            announces: announced(lab, &it.name),
            up: it.up,
            cordoned: object.is_some_and(|it| it.spec.unschedulable),
            ready: object.map(|it| it.is_ready()),
        }
    };
    lab.nodes().iter().map(node).collect()
}

fn announced(lab: &Lab, node: &str) -> Vec<IpAddr> {
    lab.announced().iter().filter(|it| **it.1 == *node).map(|it| *it.0).collect()
}

fn pods(lab: &Lab) -> Vec<Pod> {
    let pod = |it: svclab_core::lab::PodView| {
        let state = match () {
            () if it.terminating => PodState::Terminating,
            () if it.ip.is_none() || it.phase == "Pending" => PodState::Pending,
            () if !it.ready => PodState::NotReady,
            () if it.strips.iter().any(|it| it.failing > 0) => PodState::Failing,
            () => PodState::Ready,
        };
        Pod {
            id: format!("{}/{}", it.key.namespace, it.key.name).into(),
            node: it.node,
            ip: it.ip,
            state,
            answers: it.answers_ready,
            alive: it.answers_alive,
            strips: strips(&it.strips),
            restarts: it.restarts,
            trouble: it.trouble,
            runs: it.running.into_iter().next(),
            listens: it.listens,
            key: it.key,
        }
    };
    lab.pod_views().into_iter().map(pod).collect()
}

fn strips(of: &[svclab_core::kubelet::Strip]) -> Vec<Strip> {
    let several = of.windows(2).any(|pair| pair[0].container != pair[1].container);
    let strip = |it: &svclab_core::kubelet::Strip| {
        let from = it.results.len().saturating_sub(STRIP);
        Strip {
            kind: it.kind,
            container: several.then(|| it.container.clone()),
            results: it.results[from..].iter().map(|probe| probe.success).collect(),
            failing: it.failing,
            threshold: it.threshold,
            period: it.period,
        }
    };
    of.iter().map(strip).collect()
}

fn services(lab: &Lab) -> Vec<ServiceView> {
    let mut slices: BTreeMap<(&str, &str), Vec<&EndpointSlice>> = BTreeMap::new();
    let mut old: BTreeMap<(&str, &str), &Endpoints> = BTreeMap::new();
    let mut found: Vec<&Service> = Vec::new();
    for object in lab.objects().values() {
        match object {
            Object::EndpointSlice(slice) => {
                let Some(service) = slice.service_name() else { continue };
                slices.entry((&slice.metadata.namespace, service)).or_default().push(slice);
            }
            Object::Endpoints(it) => {
                old.insert((&it.metadata.namespace, &it.metadata.name), it);
            }
            Object::Service(service) => found.push(service),
            _ => {}
        }
    }
    let service = |it: &&Service| {
        let name = (it.metadata.namespace.as_str(), it.metadata.name.as_str());
        let empty = Vec::new();
        let of_service = slices.get(&name).unwrap_or(&empty);
        let ports = it.spec.ports.iter();
        ServiceView {
            key: ObjectKey::new(Kind::Service, name.0, name.1),
            cluster_ip: it.spec.cluster_addresses().first().copied(),
            outer: outer_addresses(it),
            ports: ports
                .map(|port| Port {
                    number: port.port(),
                    node_port: port.node_port(),
                    target: port.target_port.to_string(),
                    protocol: port.protocol(),
                })
                .collect(),
            kind: it.spec.r#type.clone(),
            headless: it.spec.is_headless(),
            endpoints: of_service.iter().flat_map(|slice| backends(slice)).collect(),
            old: old.get(&name).map(|it| old_ends(it)).unwrap_or_default(),
            slices: of_service.iter().map(|slice| slice.metadata.name.clone()).collect(),
        }
    };
    found.iter().map(service).collect()
}

fn outer_addresses(service: &Service) -> Vec<IpAddr> {
    let given = service.status.load_balancer.ingress.iter().filter_map(|it| it.ip.parse().ok());
    service.spec.external_addresses().into_iter().chain(given).collect()
}

fn backends(slice: &EndpointSlice) -> Vec<Backend> {
    let ports: Vec<u16> = slice.ports.iter().filter_map(|port| port.port()).collect();
    let mut res = Vec::new();
    for endpoint in &slice.endpoints {
        for address in &endpoint.addresses {
            res.push(Backend {
                address: address.clone(),
                ports: ports.clone(),
                pod: endpoint.target_ref.as_ref().map(|it| it.name.clone()),
                node: endpoint.node_name.clone(),
                ready: endpoint.conditions.is_ready(),
                serving: endpoint.conditions.is_serving(),
                terminating: endpoint.conditions.is_terminating(),
            });
        }
    }
    res
}

/// The Endpoints object's two lists as `ip:port`, in its own order.
fn old_ends(endpoints: &Endpoints) -> OldEnds {
    let mut res = OldEnds::default();
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            let end = |ip: &str| format!("{ip}:{}", port.port);
            res.addresses.extend(subset.addresses.iter().map(|it| end(&it.ip)));
            let not_ready = subset.not_ready_addresses.iter();
            res.not_ready_addresses.extend(not_ready.map(|it| end(&it.ip)));
        }
    }
    res
}
