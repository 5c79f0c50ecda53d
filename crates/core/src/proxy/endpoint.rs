//! The EndpointSlices of a Service → the endpoints of one of its ports, in the order of their text.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::order::Order;
use svclab_netfilter::short::Short;
use svclab_netfilter::{ChainName, Family};

use super::address::parse_ip;
use super::names::{EndpointChains, PortKey, ProtocolKey};
use super::service::family_name;
use super::settings::{Settings, Version};
use crate::key::ObjectKey;
use crate::object::{self, EndpointHints, EndpointSlice, ForName, SlicePort};

#[derive(Clone)]
pub(super) struct Endpoint {
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
    node: Option<Rc<str>>,
    hints: Option<Rc<EndpointHints>>,
}

impl Endpoint {
    pub(super) fn zone_hints(&self) -> &[ForName] {
        self.hints.as_ref().map_or(&[], |it| &it.for_zones)
    }

    pub(super) fn node_hints(&self) -> &[ForName] {
        self.hints.as_ref().map_or(&[], |it| &it.for_nodes)
    }

    pub(super) fn is_on(&self, node: &str) -> bool {
        self.node.as_ref().is_some_and(|it| **it == *node)
    }

    /// Not ready, but still to be used where nothing better is left.
    pub(super) fn is_winding_down(&self) -> bool {
        self.serving && self.terminating
    }
}

/// The endpoints of one service port, whatever their conditions, in the order of their text.
#[derive(Default)]
pub(super) struct Endpoints {
    all: Vec<Endpoint>,
    /// Whether some stand in several slices, and which of these counts is each node's own choice.
    ambiguous: bool,
}

impl Endpoints {
    /// `slices` are those of the port's Service.
    pub(super) fn of<'a>(
        key: PortKey<'_>,
        slices: impl Iterator<Item = (&'a Rc<ObjectKey>, &'a EndpointSlice)>,
        settings: &Settings,
    ) -> Endpoints {
        let chains = EndpointChains::new(key);
        let mut all = Vec::new();
        for (slice_key, slice) in
            slices.filter(|it| it.1.address_type == family_name(settings.family))
        {
            for port in slice.ports.iter().filter_map(|it| port_of(it, key)) {
                let source = Source { chains: &chains, port, slice_key };
                all.extend(slice.endpoints.iter().filter_map(|it| source.endpoint(it, settings)));
            }
        }
        all.order_by(|a: &Endpoint, b| a.text.cmp(&b.text));
        let mut res = Endpoints { all, ambiguous: false };
        match settings.version {
            Version::V1_30 => res.ambiguous = res.count() < res.all.len(),
            Version::Modern => keep_one(&mut res.all, |later| !later.terminating),
        }
        res
    }

    /// Each text once, as a node sees it.
    pub(super) fn on(&self, node: &str) -> Cow<'_, [Endpoint]> {
        if !self.ambiguous {
            return Cow::Borrowed(&self.all);
        }
        let mut res = self.all.clone();
        keep_one(&mut res, |later| later.is_on(node));
        Cow::Owned(res)
    }

    pub(super) fn count(&self) -> usize {
        let again = self.all.windows(2).filter(|it| it[0].text == it[1].text);
        self.all.len() - again.count()
    }

    /// Whether every node sees the same, but for what is local to it.
    pub(super) fn are_alike(&self) -> bool {
        !self.ambiguous && self.all.iter().all(|it| it.hints.is_none())
    }
}

/// Of endpoints with one text the last that takes the place of those before it.
fn keep_one(endpoints: &mut Vec<Endpoint>, takes_the_place: impl Fn(&Endpoint) -> bool) {
    endpoints.dedup_by(|later, kept| {
        let same = later.text == kept.text;
        if same && takes_the_place(later) {
            std::mem::swap(later, kept);
        }
        same
    });
}

/// The number of a slice's port, where it is the one that `key` asks for.
fn port_of(port: &SlicePort, key: PortKey<'_>) -> Option<u16> {
    let protocol = ProtocolKey::parse(port.protocol.as_deref().unwrap_or_default())?;
    (SlicePort::name(port) == key.port && protocol == key.protocol).then(|| port.port())?
}

/// One port of a slice.
struct Source<'k> {
    chains: &'k EndpointChains,
    port: u16,
    slice_key: &'k Rc<ObjectKey>,
}

impl Source<'_> {
    fn endpoint(&self, written: &object::Endpoint, settings: &Settings) -> Option<Endpoint> {
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
            node: written.node_name.as_deref().map(Rc::from),
            hints: written.hints.clone().map(Rc::new),
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
