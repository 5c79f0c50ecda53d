//! EndpointSlices → the endpoints of each service port, in the order of their text.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::{ChainName, Family};

use super::address::parse_ip;
use super::names::{PortKey, ProtocolKey, endpoint_chain};
use super::service::{ServicePort, family_name, namespace};
use super::settings::{Settings, Version};
use crate::key::ObjectKey;
use crate::object::{self, EndpointSlice, Object, Objects, SlicePort};

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

/// The endpoints of a service port by their text, which is their order.
pub(super) type Endpoints<'a> = BTreeMap<PortKey<'a>, BTreeMap<Rc<str>, Endpoint<'a>>>;

/// The endpoints of `ports`, whatever their conditions.
pub(super) fn endpoints<'a>(
    objects: &'a Objects,
    settings: &Settings,
    ports: &BTreeMap<PortKey<'a>, ServicePort<'a>>,
) -> Endpoints<'a> {
    let mut res = Endpoints::new();
    for (key, object) in objects.iter() {
        let Object::EndpointSlice(slice) = object else { continue };
        if slice.address_type != family_name(settings.family) {
            continue;
        }
        let slice_key = Rc::new(key.clone());
        for (key, port) in slice_ports(slice) {
            if ports.contains_key(&key) {
                let source = Source { key, port, slice, slice_key: &slice_key };
                add_slice(res.entry(key).or_default(), source, settings);
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

fn add_slice<'a>(
    endpoints: &mut BTreeMap<Rc<str>, Endpoint<'a>>,
    source: Source<'a, '_>,
    settings: &Settings,
) {
    for written in &source.slice.endpoints {
        let Some((ip, ip_written)) = address(written, settings) else { continue };
        let text: Rc<str> = match &ip_written {
            Some(written) => join(written, source.port).into(),
            None => SocketAddr::new(ip, source.port).to_string().into(),
        };
        let endpoint = Endpoint {
            slice: Rc::clone(source.slice_key),
            chain: endpoint_chain(source.key, &text),
            text: Rc::clone(&text),
            ip,
            ip_written,
            port: source.port,
            ready: written.conditions.ready.unwrap_or(true),
            serving: written.conditions.serving.unwrap_or(true),
            terminating: written.conditions.terminating.unwrap_or(false),
            local: written.node_name.as_ref().is_some_and(|it| *it == settings.node),
            hints: written.hints.as_ref(),
        };
        let replaces = match settings.version {
            Version::V1_30 => endpoint.local,
            Version::Modern => !endpoint.terminating,
        };
        if replaces || !endpoints.contains_key(&text) {
            endpoints.insert(text, endpoint);
        }
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
