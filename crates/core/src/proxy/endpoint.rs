//! The EndpointSlices of a Service → the endpoints of each of its ports, in the order of their text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::{ChainName, Family};

use super::address::parse_ip;
use super::names::{PortKey, ProtocolKey, endpoint_chain};
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

/// By their text, which is their order.
pub(super) type ByText<'a> = BTreeMap<Rc<str>, Endpoint<'a>>;

/// The endpoints of the ports of one Service.
pub(super) struct Endpoints<'a> {
    by_port: BTreeMap<PortKey<'a>, ByText<'a>>,
    /// Whether every node reads the same, but for what is local to it.
    pub(super) alike: bool,
}

impl<'a> Endpoints<'a> {
    pub(super) fn of(&self, port: PortKey<'a>) -> &ByText<'a> {
        const NONE: &BTreeMap<Rc<str>, Endpoint<'static>> = &BTreeMap::new();
        self.by_port.get(&port).unwrap_or(NONE)
    }

    /// Whatever their conditions; one behind two ports counts twice.
    pub(super) fn count(&self) -> usize {
        self.by_port.values().map(BTreeMap::len).sum()
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
                let source = Source { key, port, slice, slice_key: &slice_key };
                add_slice(&mut res, &source, settings);
            }
        }
    }
    res
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

/// One port of a slice, and the service port it stands behind.
struct Source<'a, 'k> {
    key: PortKey<'a>,
    port: u16,
    slice: &'a EndpointSlice,
    slice_key: &'k Rc<ObjectKey>,
}

fn add_slice<'a>(endpoints: &mut Endpoints<'a>, source: &Source<'a, '_>, settings: &Settings) {
    let known = endpoints.by_port.entry(source.key).or_default();
    for written in &source.slice.endpoints {
        let Some(endpoint) = source.endpoint(written, settings) else { continue };
        endpoints.alike &= endpoint.hints.is_none();
        match known.entry(Rc::clone(&endpoint.text)) {
            Entry::Vacant(free) => {
                free.insert(endpoint);
            }
            Entry::Occupied(mut old) => {
                endpoints.alike &= settings.version >= Version::Modern;
                if takes_the_place(&endpoint, settings) {
                    old.insert(endpoint);
                }
            }
        }
    }
}

/// Of an endpoint that stands in two slices.
fn takes_the_place(later: &Endpoint<'_>, settings: &Settings) -> bool {
    match settings.version {
        Version::V1_30 => later.local,
        Version::Modern => !later.terminating,
    }
}

impl<'a> Source<'a, '_> {
    fn endpoint(&self, written: &'a object::Endpoint, settings: &Settings) -> Option<Endpoint<'a>> {
        let (ip, ip_written) = address(written, settings)?;
        let text: Rc<str> = match &ip_written {
            Some(written) => join(written, self.port).into(),
            None => SocketAddr::new(ip, self.port).to_string().into(),
        };
        Some(Endpoint {
            slice: Rc::clone(self.slice_key),
            chain: endpoint_chain(self.key, &text),
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
    let as_written = settings.version == Version::V1_30 && *text != ip.to_string();
    Some((ip, as_written.then(|| text.clone())))
}

/// As Go's `net.JoinHostPort`.
fn join(ip: &str, port: u16) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}
