//! What CoreDNS knows of the cluster: objects as its watches brought them.

use std::net::IpAddr;

use crate::key::{Kind, ObjectKey};
use crate::object::{EndpointSlice, Object, Objects, Pod, Service};

/// The cluster as a server sees it.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    pub objects: &'a Objects,
    /// Whether the API server has told it everything.
    pub synced: bool,
    /// Unix time of the last change, in seconds.
    pub serial: u32,
    /// The addresses of the server's own pod.
    pub own: &'a [IpAddr],
}

impl<'a> Cluster<'a> {
    pub(super) fn has_namespace(&self, name: &str) -> bool {
        self.synced && self.objects.contains_key(&ObjectKey::new(Kind::Namespace, "", name))
    }

    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        let key = ObjectKey::new(Kind::Service, namespace, name);
        self.objects.get(&key).and_then(Object::as_service).filter(|_| self.synced)
    }

    /// The slices of a Service, in the order of their names.
    pub(super) fn slices(&self, namespace: &'a str, service: &str) -> Vec<&'a EndpointSlice> {
        let there = self.objects.in_namespace(Kind::EndpointSlice, namespace);
        let slices = there.filter_map(Object::as_endpoint_slice);
        slices.filter(|it| self.synced && it.service_name() == Some(service)).collect()
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &'a Service> {
        let all = self.objects.of_kind(Kind::Service).filter_map(Object::as_service);
        all.filter(|_| self.synced)
    }

    /// Slices with a ready endpoint at an address, spelled as its canonical text.
    pub(super) fn slices_at(&self, ip: IpAddr) -> Vec<&'a EndpointSlice> {
        let text = ip.to_string();
        let all = self.objects.of_kind(Kind::EndpointSlice).filter_map(Object::as_endpoint_slice);
        let has = |it: &&EndpointSlice| {
            let mut ready = it.endpoints.iter().filter(|it| it.conditions.is_ready());
            self.synced && ready.any(|it| it.addresses.contains(&text))
        };
        all.filter(has).collect()
    }

    /// Whether a pod of the namespace that has not ended has this address.
    pub(super) fn has_pod(&self, namespace: &str, ip: &str) -> bool {
        let mut pods = self.objects.in_namespace(Kind::Pod, namespace).filter_map(Object::as_pod);
        let counts = |it: &Pod| {
            let ended = matches!(it.status.phase.as_str(), "Succeeded" | "Failed" | "Unknown");
            !ended && it.metadata.deletion_timestamp.is_none() && it.status.pod_ip == ip
        };
        self.synced && pods.any(counts)
    }
}
