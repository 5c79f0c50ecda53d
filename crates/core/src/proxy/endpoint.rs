//! The EndpointSlices of a Service → the endpoints of each of its ports, in the order of their text.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::order::Order;
use svclab_netfilter::short::Short;
use svclab_netfilter::{ChainName, Family};

use super::address::parse_ip;
use super::names::{EndpointChains, PortKey, ProtocolKey};
use super::service::{Ports, family_name, namespace};
use super::settings::{Settings, Version};
use crate::key::ObjectKey;
use crate::object::{self, EndpointSlice, SlicePort};

pub(super) struct Endpoint<'a> {
    pub(super) slice: Rc<ObjectKey>,
    /// `ip:port`, or `[ip]:port`.
    pub(super) text: Rc<str>,
    pub(super) ip: IpAddr,
    /// The address as its slice spells it, where that is not the usual way. Newer releases spell it anew.
    pub(super) ip_written: Option<String>,
    pub(super) port: u16,
    pub(super) chain: ChainName,
    pub(super) ready: bool,
    pub(super) serving: bool,
    pub(super) terminating: bool,
    pub(super) local: bool,
    hints: Option<&'a object::EndpointHints>,
}

impl Endpoint<'_> {
    pub(super) fn zone_hints(&self) -> &[object::ForName] {
        self.hints.map_or(&[], |it| &it.for_zones)
    }

    pub(super) fn node_hints(&self) -> &[object::ForName] {
        self.hints.map_or(&[], |it| &it.for_nodes)
    }

    /// Not ready, but still to be used where nothing better is left.
    pub(super) fn is_winding_down(&self) -> bool {
        self.serving && self.terminating
    }
}

/// The endpoints of the ports of one Service.
pub(super) struct Endpoints<'a> {
    /// Each list in the order of the endpoints' text, which no two have alike.
    by_port: BTreeMap<PortKey<'a>, Vec<Endpoint<'a>>>,
    /// Whether every node reads the same, but for what is local to it.
    pub(super) alike: bool,
}

impl<'a> Endpoints<'a> {
    pub(super) fn of(&self, port: PortKey<'a>) -> &[Endpoint<'a>] {
        self.by_port.get(&port).map_or(&[], |it| it)
    }

    /// Whatever their conditions; one behind two ports counts twice.
    pub(super) fn count(&self) -> usize {
        self.by_port.values().map(Vec::len).sum()
    }
}

/// The endpoints of `ports`, whatever their conditions, from the slices of their Service.
pub(super) fn endpoints<'a>(
    slices: impl Iterator<Item = (&'a ObjectKey, &'a EndpointSlice)>,
    settings: &Settings,
    ports: &Ports<'_>,
) -> Endpoints<'a> {
    let mut res = Endpoints { by_port: BTreeMap::new(), alike: true };
    for (key, slice) in slices {
        if slice.address_type != family_name(settings.family) {
            continue;
        }
        let slice_key = Rc::new(key.clone());
        for (key, port) in slice_ports(slice) {
            if ports.contains_key(&key) {
                let chains = EndpointChains::new(key);
                let source = Source { chains, port, slice_key: &slice_key };
                let known = res.by_port.entry(key).or_default();
                let written = slice.endpoints.iter();
                known.extend(written.filter_map(|it| source.endpoint(it, settings)));
            }
        }
    }
    for endpoints in res.by_port.values_mut() {
        res.alike &= endpoints.iter().all(|it| it.hints.is_none());
        res.alike &= settle(endpoints, settings) || settings.version >= Version::Modern;
    }
    res
}

/// Puts them in order and keeps one of those that stand in several slices. Whether none did.
fn settle(endpoints: &mut Vec<Endpoint<'_>>, settings: &Settings) -> bool {
    let all = endpoints.len();
    endpoints.order_by(|a, b| a.text.cmp(&b.text));
    endpoints.dedup_by(|later, kept| {
        let same = later.text == kept.text;
        if same && takes_the_place(later, settings) {
            std::mem::swap(later, kept);
        }
        same
    });
    endpoints.len() == all
}

fn slice_ports(slice: &EndpointSlice) -> impl Iterator<Item = (PortKey<'_>, u16)> {
    let service = slice.service_name().filter(|it| !it.is_empty());
    slice.ports.iter().filter_map(move |port| {
        let key = PortKey {
            namespace: namespace(&slice.metadata.namespace),
            name: service?,
            port: SlicePort::name(port),
            protocol: ProtocolKey::parse(port.protocol.as_deref().unwrap_or_default())?,
        };
        Some((key, port.port()?))
    })
}

/// One port of a slice.
struct Source<'k> {
    chains: EndpointChains,
    port: u16,
    slice_key: &'k Rc<ObjectKey>,
}

/// Of an endpoint that stands in two slices.
fn takes_the_place(later: &Endpoint<'_>, settings: &Settings) -> bool {
    match settings.version {
        Version::V1_30 => later.local,
        Version::Modern => !later.terminating,
    }
}

impl Source<'_> {
    fn endpoint<'a>(
        &self,
        written: &'a object::Endpoint,
        settings: &Settings,
    ) -> Option<Endpoint<'a>> {
        let (ip, ip_written) = address(written, settings)?;
        let text: Rc<str> = match &ip_written {
            Some(written) => join(written, self.port).into(),
            None => Short::of(|it| it.write_socket(ip, self.port))?.as_str().into(),
        };
        Some(Endpoint {
            slice: Rc::clone(self.slice_key),
            chain: self.chains.of(&text),
            text,
            ip,
            ip_written,
            port: self.port,
            ready: written.conditions.ready.unwrap_or(true),
            serving: written.conditions.serving.unwrap_or(true),
            terminating: written.conditions.terminating.unwrap_or(false),
            local: written.node_name.as_ref().is_some_and(|it| *it == settings.node),
            hints: written.hints.as_ref(),
        })
    }
}

/// Only the first address counts, where it is one of the family.
fn address(endpoint: &object::Endpoint, settings: &Settings) -> Option<(IpAddr, Option<String>)> {
    let text = endpoint.addresses.first()?;
    let ip = parse_ip(text).filter(|it| it.is_ipv4() == (settings.family == Family::V4))?;
    let usual = Short::of(|it| it.write_ip(ip))?;
    let as_written = settings.version == Version::V1_30 && text != usual.as_str();
    Some((ip, as_written.then(|| text.clone())))
}

/// As Go's `net.JoinHostPort`.
fn join(ip: &str, port: u16) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}
