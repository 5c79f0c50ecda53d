//! What kube-proxy's change trackers hold of a Service (`ServicePortMap`, `EndpointsMap`): the
//! Service and its slices → its ports with their endpoints, and the names of all their chains.
//!
//! Every sync begins with it, and no sync before the next change has to read or to hash anything.

use std::rc::Rc;

use super::endpoint::Endpoints;
use super::names::{PortChains, PortKey, ProtocolKey, port_chains};
use super::service::{ServicePort, service_ports};
use super::settings::{DetectLocal, Settings};
use crate::key::ObjectKey;
use crate::object::{EndpointSlice, Service};

/// In the order in which the ports are written.
#[derive(Default)]
pub(super) struct Known {
    pub(super) ports: Vec<KnownPort>,
}

pub(super) struct KnownPort {
    /// `shop/web:http`
    pub(super) title: String,
    pub(super) name: Rc<str>,
    pub(super) protocol: ProtocolKey,
    pub(super) service: ServicePort,
    pub(super) chains: PortChains,
    pub(super) endpoints: Endpoints,
}

impl Known {
    pub(super) fn of<'a>(
        service: &Service,
        slices: impl Iterator<Item = (&'a ObjectKey, &'a EndpointSlice)>,
        settings: &Settings,
    ) -> Known {
        let slices: Vec<(Rc<ObjectKey>, &EndpointSlice)> =
            slices.map(|(key, it)| (Rc::new(key.clone()), it)).collect();
        let ports = service_ports(service, settings).into_iter().map(|(key, service)| KnownPort {
            title: key.to_string(),
            name: Rc::from(key.port),
            protocol: key.protocol,
            service,
            chains: port_chains(key),
            endpoints: Endpoints::of(key, slices.iter().map(|it| (&it.0, it.1)), settings),
        });
        Known { ports: ports.collect() }
    }

    /// One behind two ports counts twice.
    pub(super) fn endpoints(&self) -> usize {
        self.ports.iter().map(|it| it.endpoints.count()).sum()
    }

    /// Whether every node has the same rules for it.
    pub(super) fn is_alike(&self, settings: &Settings) -> bool {
        let by_node = settings.detect_local_mode == DetectLocal::NodeCidr
            || !settings.node_port_addresses.is_empty();
        !by_node && self.ports.iter().all(KnownPort::is_alike)
    }
}

impl KnownPort {
    pub(super) fn key<'a>(&'a self, service: &'a ObjectKey) -> PortKey<'a> {
        PortKey {
            namespace: &service.namespace,
            name: &service.name,
            port: &self.name,
            protocol: self.protocol,
        }
    }

    fn is_alike(&self) -> bool {
        let everywhere = !self.service.uses_local() && self.service.source_ranges.is_empty();
        everywhere && self.endpoints.are_alike()
    }
}
