//! A load balancer that opens connections of its own (`ipMode: Proxy`): a host outside with the
//! Services' addresses, which sends to the node ports of those nodes that pass its health checks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use svclab_netfilter::Protocol;

use super::Lab;
use super::log::EntryId;
use super::queue::Task;
use crate::control::load_balancer::is_served;
use crate::family::OfFamily;
use crate::key::Kind;
use crate::net::{Host, Relay};
use crate::object::{Object, Service};
use crate::time::Duration;

/// The host's name.
const NAME: &str = "load-balancer";
/// How long it takes to act on a check that comes out another way: two checks 5 s apart (the lab's
/// choice, as a network load balancer's settings are).
const CHECKED_AFTER: Duration = Duration::from_secs(10);
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

impl Lab {
    /// A node's answer to health checks is another one, or nobody answers any more.
    pub(super) fn node_health_changed(&mut self, cause: Option<EntryId>) {
        if self.has_relays() {
            self.soon(CHECKED_AFTER, Task::HealthChecks, cause);
        }
    }

    fn has_relays(&self) -> bool {
        !self.net.relays.is_empty()
            || (self.load_balancer_runs() && self.relayed().next().is_some())
    }

    fn relayed(&self) -> impl Iterator<Item = &Service> {
        let services = self.objects.of_kind(Kind::Service).filter_map(Object::as_service);
        services.filter(|it| is_served(it) && addresses(it).next().is_some())
    }

    /// The load balancer acts on what its checks found.
    pub(super) fn renew_relays(&mut self) {
        let mut relays = std::collections::BTreeMap::new();
        if self.load_balancer_runs() {
            for service in self.relayed() {
                for (key, targets) in self.relays_of(service) {
                    let next = self.net.relays.get(&key).map_or(0, |it| it.next);
                    relays.insert(key, Relay { targets, next });
                }
            }
        }
        self.net.hosts.retain(|it| &*it.name != NAME);
        self.net.relays = relays;
        let mut ips: Vec<IpAddr> = self.net.relays.keys().map(|it| it.1.ip()).collect();
        ips.dedup();
        if let Some((first, more)) = ips.split_first() {
            self.net.hosts.push(Host {
                name: NAME.into(),
                address: *first,
                aliases: more.iter().map(|it| IpNet::from(*it)).collect(),
                routes: Vec::new(),
                listens: self.net.relays.keys().map(|it| (it.0, it.1.port())).collect(),
            });
        }
    }

    /// Each address and port with the node ports behind it; TCP alone.
    fn relays_of(&self, service: &Service) -> Vec<((Protocol, SocketAddr), Vec<SocketAddr>)> {
        let mut res = Vec::new();
        for port in &service.spec.ports {
            let Some(node_port) = port.node_port().filter(|_| port.protocol == "TCP") else {
                continue;
            };
            for ip in addresses(service) {
                let key = (Protocol::Tcp, SocketAddr::new(ip, port.port()));
                res.push((key, self.targets(service, ip, node_port)));
            }
        }
        res
    }

    fn targets(&self, service: &Service, ip: IpAddr, node_port: u16) -> Vec<SocketAddr> {
        let excluded = |name: &str| {
            self.node_objects()
                .any(|it| it.metadata.name == name && it.metadata.labels.contains_key(EXCLUDED))
        };
        let nodes = self.net.nodes.iter();
        let nodes = nodes.filter(|it| !excluded(&it.name) && self.is_healthy(service, &it.name));
        let at = nodes.filter_map(|it| it.addresses.of(ip.family()));
        at.map(|it| SocketAddr::new(it, node_port)).collect()
    }
}

/// The addresses that the load balancer itself answers for.
pub(super) fn addresses(service: &Service) -> impl Iterator<Item = IpAddr> {
    let ingress = service.status.load_balancer.ingress.iter();
    let own = ingress.filter(|it| it.ip_mode.as_deref() == Some("Proxy"));
    own.filter_map(|it| it.ip.parse().ok())
}
