//! What each kube-proxy answers to load balancers' health checks, and to its own.
//!
//! It listens on the `healthCheckNodePort` of every Service that has one, on each node, and says
//! how many of the Service's ready endpoints are there (`pkg/proxy/healthcheck`).

use std::collections::{BTreeMap, BTreeSet};

use svclab_netfilter::Protocol;

use super::Lab;
use super::log::EntryId;
use super::proxies::Proxies;
use crate::key::ObjectKey;
use crate::net::exchange::Response;
use crate::net::{Guest, Ports};
use crate::object::{Object, Service, ServiceType, TrafficPolicy};
use crate::proxy::Mode;
use crate::time::Instant;
use crate::trace::NodeName;

/// The name of each node's kube-proxy among [`crate::net::Network::guests`]: a process, no pod.
pub const KUBE_PROXY: &str = "kube-proxy";
/// `healthzBindAddress`, its default.
const HEALTHZ_PORT: u16 = 10256;
/// `metricsBindAddress`, its default: on 127.0.0.1.
const METRICS_PORT: u16 = 10249;

/// One Service at one node, by the port that is asked.
pub(super) type Checks = BTreeMap<u16, Check>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    service: ObjectKey,
    /// Its ready endpoints on the node, each address once.
    local: usize,
}

/// The port for health checks, where the Service has one that counts.
pub(super) fn check_port(service: &Service) -> Option<u16> {
    let spec = &service.spec;
    let local = spec.service_type() == ServiceType::LoadBalancer
        && spec.external_traffic_policy() == TrafficPolicy::Local;
    u16::try_from(spec.health_check_node_port).ok().filter(|it| local && *it != 0)
}

impl Lab {
    /// After a sync: the node's kube-proxy answers by what it knows now.
    pub(super) fn renew_checks(&mut self, node: &NodeName, cause: Option<EntryId>) {
        let checks = self.checks(node);
        let Some(proxy) = self.proxies.nodes.get_mut(node) else { return };
        let seated = self.net.guests.iter().any(|it| &*it.name == KUBE_PROXY && it.node == *node);
        if seated && proxy.checks == checks {
            return;
        }
        let ports = checks.keys().copied().chain([HEALTHZ_PORT]);
        let listens: Ports = ports.map(|it| (Protocol::Tcp, it)).collect();
        let listens = listens.with_loopback([(Protocol::Tcp, METRICS_PORT)].into_iter());
        proxy.checks = checks;
        self.net.seat(Guest { name: KUBE_PROXY.into(), node: node.clone(), listens });
        self.node_health_changed(cause);
    }

    /// A kube-proxy that is stopped listens no more.
    pub(super) fn end_checks(&mut self, node: &NodeName, cause: Option<EntryId>) {
        self.net.guests.retain(|it| &*it.name != KUBE_PROXY || it.node != *node);
        self.node_health_changed(cause);
    }

    fn checks(&self, node: &NodeName) -> Checks {
        let check = |key: &std::rc::Rc<ObjectKey>| {
            let service = self.objects.get(key).and_then(Object::as_service)?;
            let local = self.ready_on(key, node);
            Some((check_port(service)?, Check { service: (**key).clone(), local }))
        };
        self.proxies.checked.iter().filter_map(check).collect()
    }

    fn ready_on(&self, service: &ObjectKey, node: &NodeName) -> usize {
        let slices = self.index.slices(service);
        let slices = slices.filter_map(|id| self.objects.by_id(id)?.as_endpoint_slice());
        let endpoints = slices.flat_map(|it| &it.endpoints);
        let here = endpoints.filter(|it| {
            it.node_name.as_deref() == Some(&**node) && it.conditions.ready.unwrap_or(true)
        });
        here.filter_map(|it| it.addresses.first()).collect::<BTreeSet<_>>().len()
    }

    /// Whether the node passes a load balancer's health check for the Service.
    pub(super) fn is_healthy(&self, service: &Service, node: &NodeName) -> bool {
        let Some(proxy) = self.proxies.nodes.get(node) else { return false };
        let passes = match check_port(service) {
            Some(port) => proxy.checks.get(&port).is_some_and(|it| it.local > 0),
            None => true,
        };
        passes && proxy.is_running() && self.machine_runs(node)
    }
}

impl Proxies {
    /// kube-proxy's answer on one of its ports, to who asks for a path.
    pub(super) fn answer(&self, node: &str, port: u16, path: &str, now: Instant) -> Response {
        if port == METRICS_PORT {
            return of_itself(self.mode(), path);
        }
        let checks = self.nodes.get(node).map(|it| &it.checks);
        if let Some(check) = checks.and_then(|it| it.get(&port)) {
            return check.answer();
        }
        let now = now.rfc3339();
        let body = format!(
            "{{\"lastUpdated\": \"{now}\",\"currentTime\": \"{now}\", \"nodeEligible\": true}}"
        );
        Response::json(200, body)
    }
}

/// What kube-proxy tells of itself on its metrics port, without the metrics.
fn of_itself(mode: Mode, path: &str) -> Response {
    let (status, text) = match path {
        "/proxyMode" => (200, mode.name()),
        "/healthz" => (200, "ok"),
        _ => (404, "404 page not found\n"),
    };
    Response { server: String::new(), ..Response::text(status, text) }
}

impl Check {
    fn answer(&self) -> Response {
        let ObjectKey { namespace, name, .. } = &self.service;
        let status = if self.local > 0 { 200 } else { 503 };
        let body = format!(
            "{{\n\t\"service\": {{\n\t\t\"namespace\": \"{namespace}\",\n\t\t\"name\": \"{name}\"\n\t}},\n\
             \t\"localEndpoints\": {},\n\t\"serviceProxyHealthy\": true\n}}",
            self.local
        );
        Response { weight: Some(self.local), ..Response::json(status, body) }
    }
}
