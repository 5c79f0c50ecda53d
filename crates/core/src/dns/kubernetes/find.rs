//! What a name of the schema stands for: addresses with ports, or other names.
//!
//! `parse.go` and `kubernetes.go` (`findServices`, `findPods`) of CoreDNS.

use std::net::IpAddr;

use super::super::corefile::{Kubernetes, PodMode};
use super::super::is_reverse;
use super::super::luck::Luck;
use super::super::message::Type;
use super::super::name::{Name, labels};
use super::{Cluster, NameError};
use crate::object::{CLUSTER_IP_NONE, Endpoint, EndpointSlice, Service, ServiceType};

/// Something a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) host: Host,
    /// None where there is no port, or where it has no number.
    pub(super) port: Option<u16>,
    /// The name of the thing itself, as SRV and NS records name it.
    pub(super) name: Name,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// With its spelling: two spellings of one address are two records.
    Address(IpAddr, String),
    Name(Name),
}

impl Host {
    /// Go's `net.ParseIP` takes an IPv4 address in IPv6's notation for IPv4.
    pub(super) fn of(text: &str) -> Host {
        match text.parse::<IpAddr>() {
            Ok(ip) => Host::Address(ip.to_canonical(), text.to_owned()),
            Err(_) => Host::Name(Name::absolute(text)),
        }
    }

    pub(super) fn kind(&self) -> Type {
        match self {
            Host::Address(IpAddr::V4(_), _) => Type::A,
            Host::Address(IpAddr::V6(_), _) => Type::AAAA,
            Host::Name(_) => Type::CNAME,
        }
    }
}

pub(super) struct Finder<'f, 'a> {
    pub(super) cluster: &'f Cluster<'a>,
    pub(super) settings: &'f Kubernetes,
    /// As the question spells it.
    pub(super) zone: &'f Name,
}

/// The parts of `_port._protocol.service.namespace.svc.zone`; what is missing is empty.
#[derive(Default)]
struct Parts<'n> {
    port: &'n str,
    protocol: &'n str,
    endpoint: &'n str,
    service: &'n str,
    namespace: &'n str,
    /// `svc` or `pod`; empty for the zone, and for these two alone.
    branch: &'n str,
}

fn parts(before: &str) -> Result<Parts<'_>, NameError> {
    if matches!(before, "" | "svc" | "pod") {
        return Ok(Parts::default());
    }
    let mut labels = labels(before);
    let mut next = || labels.pop().unwrap_or("");
    let branch = next();
    if branch != "svc" && branch != "pod" {
        return Err(NameError);
    }
    let mut res = Parts { branch, namespace: next(), service: next(), ..Parts::default() };
    match labels.as_slice() {
        [] => {}
        [endpoint] => res.endpoint = endpoint,
        [port, protocol] => (res.port, res.protocol) = (bare(port), bare(protocol)),
        _ => return Err(NameError),
    }
    Ok(res)
}

/// Without its first underscore.
fn bare(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
}

impl Parts<'_> {
    fn port_matches(&self, name: &str, protocol: &str) -> bool {
        let same = |part: &str, it: &str| part.is_empty() || part.eq_ignore_ascii_case(it);
        same(self.port, name) && same(self.protocol, protocol)
    }
}

impl<'a> Finder<'_, 'a> {
    /// `name` is in lower case. Nothing at all: the name exists, without data.
    pub(super) fn records(&self, name: &Name, luck: &mut Luck) -> Result<Vec<Found>, NameError> {
        let parts = parts(name.before(self.zone).unwrap_or(""))?;
        if parts.branch.is_empty() {
            return Ok(Vec::new());
        }
        if is_reverse(name) || !self.exposes(parts.namespace) {
            return Err(NameError);
        }
        if parts.branch == "pod" { self.pods(&parts) } else { self.services(&parts, luck) }
    }

    fn exposes(&self, namespace: &str) -> bool {
        self.lists(namespace) && self.cluster.has_namespace(namespace)
    }

    fn lists(&self, namespace: &str) -> bool {
        let listed = &self.settings.namespaces;
        listed.is_empty() || listed.iter().any(|it| it == namespace)
    }

    fn pods(&self, parts: &Parts) -> Result<Vec<Found>, NameError> {
        let label = parts.service;
        if self.settings.pods == PodMode::Disabled {
            return Err(NameError);
        }
        if label.is_empty() {
            return Ok(Vec::new());
        }
        let ipv4 = label.matches('-').count() == 3 && !label.contains("--");
        let ip = label.replace('-', if ipv4 { "." } else { ":" });
        let host = Host::of(&ip);
        let there = match self.settings.pods {
            PodMode::Verified => self.cluster.has_pod(parts.namespace, &ip),
            _ => matches!(host, Host::Address(..)),
        };
        let name = self.zone.child(&format!("{label}.{}.pod", parts.namespace));
        if there { Ok(vec![Found { host, port: Some(0), name }]) } else { Err(NameError) }
    }

    fn services(&self, parts: &Parts, luck: &mut Luck) -> Result<Vec<Found>, NameError> {
        if parts.service.is_empty() {
            return Ok(Vec::new());
        }
        let service = self.cluster.service(parts.namespace, parts.service).ok_or(NameError)?;
        let name = self.service_name(service);
        let found = if service.spec.service_type() == ServiceType::ExternalName {
            external(service, parts, name)
        } else if is_headless(service) || !parts.endpoint.is_empty() {
            self.endpoints(service, parts, luck)
        } else if self.settings.ignore_empty_service && !self.has_endpoint(service) {
            Vec::new()
        } else {
            cluster_ips(service, parts, &name)
        };
        if found.is_empty() { Err(NameError) } else { Ok(found) }
    }

    /// `name.namespace.svc.zone`
    pub(super) fn service_name(&self, service: &Service) -> Name {
        let meta = &service.metadata;
        self.zone.child(&format!("{}.{}.svc", meta.name, meta.namespace))
    }

    fn has_endpoint(&self, service: &'a Service) -> bool {
        let slices = self.slices(service);
        slices.iter().any(|it| ready(it).any(|it| !it.addresses.is_empty()))
    }

    fn slices(&self, service: &'a Service) -> Vec<&'a EndpointSlice> {
        let meta = &service.metadata;
        if !self.settings.endpoints {
            return Vec::new();
        }
        self.cluster.slices(&meta.namespace, &meta.name)
    }

    /// Ready addresses × ports of the slices.
    fn endpoints(&self, service: &'a Service, parts: &Parts, luck: &mut Luck) -> Vec<Found> {
        let mut slices = self.slices(service);
        luck.open_order(&mut slices);
        let service_name = self.service_name(service);
        let mut res = Vec::new();
        for slice in slices {
            let ports = slice_ports(slice);
            for (endpoint, address) in addresses(slice) {
                let label = self.label(endpoint, address);
                if !parts.endpoint.is_empty() && !parts.endpoint.eq_ignore_ascii_case(&label) {
                    continue;
                }
                for (_, _, port) in ports.iter().filter(|it| parts.port_matches(it.0, it.1)) {
                    let (host, name) = (Host::of(address), service_name.child(&label));
                    res.push(Found { host, port: *port, name });
                }
            }
        }
        res
    }

    /// The endpoint's name below its Service (`endpointHostname`).
    pub(super) fn label(&self, endpoint: &Endpoint, address: &str) -> String {
        if let Some(hostname) = endpoint.hostname.as_deref().filter(|it| !it.is_empty()) {
            return hostname.to_owned();
        }
        let pod = endpoint.target_ref.as_ref().map_or("", |it| &it.name);
        if self.settings.endpoint_pod_names && (1..64).contains(&pod.len()) {
            return pod.to_owned();
        }
        let dashed = address.replace(['.', ':'], "-");
        if dashed.ends_with('-') { dashed + "0" } else { dashed }
    }

    /// The names that an address has, in the first zone that is no reverse zone: that of the
    /// Service whose cluster IP it is, or those of endpoints (`serviceRecordForIP`).
    pub(super) fn named(&self, ip: IpAddr, luck: &mut Luck) -> Vec<Name> {
        let mut zones = self.settings.zones.iter().filter(|it| !is_reverse(it));
        let zone = zones.next().cloned().unwrap_or_else(Name::root);
        let primary = Finder { zone: &zone, ..*self };
        let text = ip.to_string();
        let mut services = self.cluster.services().filter(|it| self.lists(&it.metadata.namespace));
        if let Some(service) = services.find(|it| own_ips(it).any(|it| it == text)) {
            return vec![primary.service_name(service)];
        }
        let mut slices = self.cluster.slices_at(ip);
        slices.retain(|it| self.settings.endpoints && self.lists(&it.metadata.namespace));
        luck.open_order(&mut slices);
        let mut res: Vec<Name> = Vec::new();
        for slice in slices {
            let service = slice.service_name().unwrap_or("");
            let here = addresses(slice).filter(|(_, address)| **address == text);
            for (endpoint, address) in here {
                let label = self.label(endpoint, address);
                let name = format!("{label}.{service}.{}.svc", slice.metadata.namespace);
                let name = zone.child(&name);
                if !res.contains(&name) {
                    res.push(name);
                }
            }
        }
        res
    }
}

/// The external name, unless an endpoint or port is asked for, or it looks like an address.
fn external(service: &Service, parts: &Parts, name: Name) -> Vec<Found> {
    let host = Host::of(&service.spec.external_name);
    let plain = parts.endpoint.is_empty() && parts.port.is_empty() && parts.protocol.is_empty();
    let named = matches!(host, Host::Name(_)) && !service.spec.external_name.is_empty();
    if plain && named { vec![Found { host, port: None, name }] } else { Vec::new() }
}

fn cluster_ips(service: &Service, parts: &Parts, name: &Name) -> Vec<Found> {
    let mut res = Vec::new();
    for (port_name, protocol, port) in service_ports(service) {
        if parts.port_matches(port_name, protocol) {
            let found = |ip| Found { host: Host::of(ip), port, name: name.clone() };
            res.extend(own_ips(service).map(found));
        }
    }
    res
}

pub(super) fn is_headless(service: &Service) -> bool {
    let spec = &service.spec;
    spec.cluster_ips.first().unwrap_or(&spec.cluster_ip) == CLUSTER_IP_NONE
}

/// The cluster IPs; older objects have only the first.
pub(super) fn own_ips(service: &Service) -> impl Iterator<Item = &str> {
    let spec = &service.spec;
    let first = spec.cluster_ips.is_empty().then_some(&spec.cluster_ip);
    let all = spec.cluster_ips.iter().chain(first).map(String::as_str);
    all.filter(|it| !it.is_empty() && *it != CLUSTER_IP_NONE)
}

/// Name, protocol and number; one without a number where there is none.
type Port<'p> = (&'p str, &'p str, Option<u16>);

fn service_ports(service: &Service) -> Vec<Port<'_>> {
    let ports = service.spec.ports.iter();
    let named = ports.map(|it| {
        let port = u16::try_from(it.port).ok();
        (it.name.as_str(), protocol(&it.protocol), port)
    });
    or_anonymous(named.collect())
}

fn slice_ports(slice: &EndpointSlice) -> Vec<Port<'_>> {
    let ports = slice.ports.iter();
    let named = ports.map(|it| {
        let port = it.port.and_then(|it| u16::try_from(it).ok());
        (it.name(), protocol(it.protocol.as_deref().unwrap_or("")), port)
    });
    or_anonymous(named.collect())
}

fn or_anonymous(ports: Vec<Port<'_>>) -> Vec<Port<'_>> {
    if ports.is_empty() { vec![("", "", None)] } else { ports }
}

fn protocol(word: &str) -> &str {
    if word.is_empty() { "TCP" } else { word }
}

fn ready(slice: &EndpointSlice) -> impl Iterator<Item = &Endpoint> {
    slice.endpoints.iter().map(|it| &**it).filter(|it| it.conditions.is_ready())
}

/// Every address of the ready endpoints, in the slice's order.
pub(super) fn addresses(slice: &EndpointSlice) -> impl Iterator<Item = (&Endpoint, &String)> {
    ready(slice).flat_map(|it| it.addresses.iter().map(move |address| (it, address)))
}
