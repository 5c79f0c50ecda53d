//! What the kube-proxies of a cluster have heard of its Services and EndpointSlices.
//!
//! An object that changed ([`Watch::hear`]) → the Services whose rules may change by it; Services →
//! what their ports add to a node's rules (`parts`). Most Services add the same on every node:
//! those parts are made for the first node that asks and kept for the others.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{Family, SharedMap};

use super::endpoint::{Endpoint, Endpoints, endpoints};
use super::names::PortKey;
use super::node::ThisNode;
use super::origin::Origins;
use super::part::{Lines, Parts, finish};
use super::rules::LARGE_CLUSTER;
use super::rules::port::{Around, lines};
use super::service::{Ports, ServicePort, family_name, namespace, service_ports};
use super::settings::{DetectLocal, Settings, Version};
use crate::key::{Kind, ObjectKey};
use crate::object::{EndpointSlice, Object, Objects};

/// One for all nodes of a cluster, whose kube-proxies have one configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// `node` is for each to fill in.
    pub(super) settings: Settings,
    pub(super) origins: Origins,
    services: SharedMap<Rc<ObjectKey>, Rc<Heard>>,
    /// The Service of each slice.
    slices: SharedMap<ObjectKey, Rc<ObjectKey>>,
    /// What was made of each Service since it last changed.
    made: SharedMap<Rc<ObjectKey>, Made>,
    /// In all of `made`.
    endpoints: usize,
}

/// A Service and its slices, of which either may come first.
#[derive(Debug, Clone, PartialEq, Default)]
struct Heard {
    service: Option<Rc<Object>>,
    slices: BTreeMap<ObjectKey, Rc<Object>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Made {
    /// Whatever their conditions.
    endpoints: usize,
    /// Where every node has the same; and whether they are those of a large cluster.
    parts: Option<(bool, Parts)>,
}

impl Watch {
    /// `settings.node` does not matter.
    pub fn new(settings: Settings) -> Watch {
        Watch {
            settings,
            origins: Origins::new(),
            services: SharedMap::new(),
            slices: SharedMap::new(),
            made: SharedMap::new(),
            endpoints: 0,
        }
    }

    /// With all Services and slices of `objects` heard of.
    pub fn of(objects: &Objects, settings: Settings) -> Watch {
        let mut res = Watch::new(settings);
        for key in objects.keys() {
            let object = objects.shared(key);
            match key.kind {
                Kind::Service => _ = res.take_service(key, object),
                Kind::EndpointSlice => _ = res.take_slice(key, object),
                _ => {}
            }
        }
        res
    }

    pub fn family(&self) -> Family {
        self.settings.family
    }

    pub fn version(&self) -> Version {
        self.settings.version
    }

    /// What the `OriginId`s of all nodes' rules stand for.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Takes note of an object that was written or removed. Gives the Services whose rules may
    /// change by it: none where nothing changed that kube-proxy looks at, two where a slice went
    /// from one to the other.
    pub fn hear(&mut self, changed: &ObjectKey, objects: &Objects) -> BTreeSet<Rc<ObjectKey>> {
        let object = objects.shared(changed);
        let services = match changed.kind {
            Kind::Service => self.hear_of_service(changed, object),
            Kind::EndpointSlice => self.hear_of_slice(changed, object),
            _ => BTreeSet::new(),
        };
        for service in &services {
            let made = self.made.remove(service);
            self.endpoints -= made.map_or(0, |it| it.endpoints);
        }
        services
    }

    fn hear_of_service(
        &mut self,
        key: &ObjectKey,
        object: Option<&Rc<Object>>,
    ) -> BTreeSet<Rc<ObjectKey>> {
        let (key, old) = self.take_service(key, object);
        let same = ports_of(old.as_deref(), &self.settings)
            == ports_of(object.map(Rc::as_ref), &self.settings);
        if same { BTreeSet::new() } else { BTreeSet::from([key]) }
    }

    fn hear_of_slice(
        &mut self,
        key: &ObjectKey,
        object: Option<&Rc<Object>>,
    ) -> BTreeSet<Rc<ObjectKey>> {
        let ([before, after], old) = self.take_slice(key, object);
        if before == after && same_endpoints(old.as_deref(), object.map(Rc::as_ref)) {
            return BTreeSet::new();
        }
        before.into_iter().chain(after).gather()
    }

    /// Gives the Service as it was.
    fn take_service(
        &mut self,
        key: &ObjectKey,
        object: Option<&Rc<Object>>,
    ) -> (Rc<ObjectKey>, Option<Rc<Object>>) {
        let key = service_key(&key.namespace, &key.name);
        let mut old = object.cloned();
        self.change(&key, |heard| std::mem::swap(&mut heard.service, &mut old));
        (key, old)
    }

    /// Gives the Services that the slice was and is for, and the slice as it was.
    fn take_slice(
        &mut self,
        key: &ObjectKey,
        object: Option<&Rc<Object>>,
    ) -> ([Option<Rc<ObjectKey>>; 2], Option<Rc<Object>>) {
        let before = self.slices.remove(key);
        let after = object.and_then(|it| self.service_of(it.as_endpoint_slice()?));
        let mut old = None;
        if let Some(before) = &before {
            self.change(before, |heard| old = heard.slices.remove(key));
        }
        if let (Some(after), Some(object)) = (&after, object) {
            self.slices.insert(key.clone(), Rc::clone(after));
            self.change(after, |heard| {
                heard.slices.insert(key.clone(), Rc::clone(object));
            });
        }
        ([before, after], old)
    }

    /// Slices of the other family are for another kube-proxy.
    fn service_of(&self, slice: &EndpointSlice) -> Option<Rc<ObjectKey>> {
        let of_family = slice.address_type == family_name(self.settings.family);
        let name = slice.service_name().filter(|it| of_family && !it.is_empty())?;
        Some(service_key(&slice.metadata.namespace, name))
    }

    fn change(&mut self, service: &Rc<ObjectKey>, change: impl FnOnce(&mut Heard)) {
        let heard = self.services.get_or_insert_with(Rc::clone(service), Rc::default);
        change(Rc::make_mut(heard));
        if heard.is_nothing() {
            self.services.remove(service);
        }
    }

    /// Calls `each` for every service port with its endpoints, in the order of names.
    pub(super) fn each_port(
        &self,
        mut each: impl FnMut(&Rc<ObjectKey>, PortKey<'_>, &ServicePort, &[Endpoint<'_>]),
    ) {
        for (service, heard) in self.services.iter() {
            let reading = heard.read(&self.settings);
            for (key, port) in &reading.ports {
                each(service, *key, port, reading.endpoints.of(*key));
            }
        }
    }

    /// Calls `each` with what every port adds to a node's rules, in the order in which they are
    /// written. Nothing of it is kept.
    pub(super) fn each_lines(
        &self,
        (node, settings): (&ThisNode, &Settings),
        mut each: impl FnMut(&Lines),
    ) {
        let mut readings = self.services.iter().map(|(key, heard)| (key, heard.read(settings)));
        let (mut first, mut endpoints) = (Vec::new(), 0);
        // How all of them are written depends on whether there are so many endpoints.
        while endpoints <= LARGE_CLUSTER
            && let Some(it) = readings.next()
        {
            endpoints += it.1.endpoints.count();
            first.push(it);
        }
        let mut around = Around::new(settings, node, endpoints > LARGE_CLUSTER);
        for (service, reading) in first.into_iter().chain(readings) {
            reading.lines(&mut around, service).iter().for_each(&mut each);
        }
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &Rc<ObjectKey>> {
        self.services.keys()
    }

    /// Whether there are more endpoints than kube-proxy comments on, as of the last `parts`.
    pub(super) fn is_large(&self) -> bool {
        self.endpoints > LARGE_CLUSTER
    }

    /// What each of `services` adds to a node's rules; nothing where it is gone. `before` is what
    /// the node has of it. All that changed since the last call must be among `services`.
    pub(super) fn parts(
        &mut self,
        services: &[Rc<ObjectKey>],
        (node, settings): (&ThisNode, &Settings),
        before: &SharedMap<Rc<ObjectKey>, Parts>,
    ) -> Vec<Parts> {
        let heard = services.iter().map(|it| self.services.get(it).cloned().unwrap_or_default());
        let heard: Vec<Rc<Heard>> = heard.collect();
        let readings = services.iter().zip(&heard).map(|(key, heard)| {
            let is_made = self.made.get(key).is_some_and(|it| it.parts.is_some());
            (!is_made).then(|| heard.read(settings))
        });
        let readings: Vec<Option<Reading<'_>>> = readings.collect();
        for (key, reading) in services.iter().zip(&readings) {
            self.count(key, reading.as_ref());
        }

        let large = self.is_large();
        let mut around = Around::new(settings, node, large);
        let all = services.iter().zip(&heard).zip(readings);
        let parts = all.map(|((key, heard), reading)| {
            if let Some(parts) = self.made_for_all(key, large) {
                return parts;
            }
            let reading = reading.unwrap_or_else(|| heard.read(settings));
            let before = before.get(key).map_or(&[][..], |it| it);
            let parts = finish(reading.lines(&mut around, key), before, &mut self.origins);
            if reading.is_alike(settings) {
                self.keep(key, (large, Rc::clone(&parts)));
            }
            parts
        });
        parts.collect()
    }

    fn count(&mut self, service: &Rc<ObjectKey>, reading: Option<&Reading<'_>>) {
        let Some(reading) = reading.filter(|it| !it.ports.is_empty()) else { return };
        if !self.made.contains_key(service) {
            let endpoints = reading.endpoints.count();
            self.endpoints += endpoints;
            self.made.insert(Rc::clone(service), Made { endpoints, parts: None });
        }
    }

    fn made_for_all(&self, service: &Rc<ObjectKey>, large: bool) -> Option<Parts> {
        let (of_large, parts) = self.made.get(service)?.parts.as_ref()?;
        (*of_large == large).then(|| Rc::clone(parts))
    }

    fn keep(&mut self, service: &Rc<ObjectKey>, parts: (bool, Parts)) {
        if let Some(made) = self.made.get_mut(service) {
            made.parts = Some(parts);
        }
    }
}

fn service_key(namespace_written: &str, name: &str) -> Rc<ObjectKey> {
    Rc::new(ObjectKey::new(Kind::Service, namespace(namespace_written), name))
}

fn ports_of<'a>(object: Option<&'a Object>, settings: &Settings) -> Ports<'a> {
    let service = object.and_then(Object::as_service);
    service.map(|it| service_ports(it, settings)).unwrap_or_default()
}

/// As far as kube-proxy can tell (`endpointSliceInfo`).
fn same_endpoints(one: Option<&Object>, other: Option<&Object>) -> bool {
    let one = one.and_then(Object::as_endpoint_slice);
    let other = other.and_then(Object::as_endpoint_slice);
    let (Some(one), Some(other)) = (one, other) else { return one == other };
    let pairs = || one.endpoints.iter().zip(&other.endpoints);
    let alike = pairs().all(|(a, b)| {
        (&a.addresses, &a.conditions, &a.node_name, &a.zone, &a.hints)
            == (&b.addresses, &b.conditions, &b.node_name, &b.zone, &b.hints)
    });
    one.ports == other.ports && one.endpoints.len() == other.endpoints.len() && alike
}

/// A Service as kube-proxy sees it.
struct Reading<'a> {
    ports: Ports<'a>,
    endpoints: Endpoints<'a>,
}

impl Heard {
    fn is_nothing(&self) -> bool {
        self.service.is_none() && self.slices.is_empty()
    }

    fn read(&self, settings: &Settings) -> Reading<'_> {
        let ports = ports_of(self.service.as_deref(), settings);
        let slices = self.slices.iter();
        let slices = slices.filter_map(|(key, it)| Some((key, it.as_endpoint_slice()?)));
        let endpoints = endpoints(slices, settings, &ports);
        Reading { ports, endpoints }
    }
}

impl Reading<'_> {
    /// Whether every node has the same rules for it.
    fn is_alike(&self, settings: &Settings) -> bool {
        let by_node = settings.detect_local_mode == DetectLocal::NodeCidr
            || !settings.node_port_addresses.is_empty();
        let alike = |it: &ServicePort| !it.uses_local() && it.source_ranges.is_empty();
        !by_node && self.endpoints.alike && self.ports.values().all(alike)
    }

    fn lines(&self, around: &mut Around<'_>, service: &Rc<ObjectKey>) -> Vec<Lines> {
        let ports = self.ports.iter();
        let lines =
            ports.map(|(key, port)| lines(around, service, *key, port, self.endpoints.of(*key)));
        lines.collect()
    }
}
