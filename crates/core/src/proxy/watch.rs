//! What the kube-proxies of a cluster have heard of its Services and EndpointSlices.
//!
//! An object that changed ([`Watch::hear`]) → the Services whose rules may change by it; Services →
//! what their ports add to a node's rules (`parts`). Most Services add the same on every node:
//! those parts are made for the first node that asks and kept for the others.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{Family, SharedMap};

use super::endpoint::Endpoint;
use super::known::Known;
use super::names::PortKey;
use super::node::{ThisNode, this_node};
use super::origin::Origins;
use super::part::{Parts, finish};
use super::rules::port::{Around, lines};
use super::rules::{LARGE_CLUSTER, Text, frame};
use super::service::{Ports, ServicePort, family_name, is_listed, namespace, service_ports};
use super::settings::{Settings, Version};
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
    known: Lazy,
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

    /// `settings.node` is nobody's.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
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
        let after = object.and_then(|it| self.service_of(it.as_endpoint_slice()?));
        let mut old = None;
        let before = self.slices.get(key).cloned();
        if let (Some(service), Some(object)) = (&before, object)
            && before == after
        {
            self.change(service, |heard| old = heard.slices.insert(key.clone(), Rc::clone(object)));
            return ([before, after], old);
        }
        self.slices.remove(key);
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
        let heard = of_family && is_listed(&slice.metadata.labels);
        let name = slice.service_name().filter(|it| heard && !it.is_empty())?;
        Some(service_key(&slice.metadata.namespace, name))
    }

    fn change(&mut self, service: &Rc<ObjectKey>, change: impl FnOnce(&mut Heard)) {
        let heard = self.services.get_or_insert_with(Rc::clone(service), Rc::default);
        let heard = Rc::make_mut(heard);
        change(heard);
        heard.known = Lazy::default();
        if heard.is_nothing() {
            self.services.remove(service);
        }
    }

    /// Calls `each` for every service port with its endpoints as a node sees them, in the order of
    /// names.
    pub(super) fn each_port(
        &self,
        node: &str,
        mut each: impl FnMut(&Rc<ObjectKey>, PortKey<'_>, &ServicePort, &[Endpoint]),
    ) {
        for (service, heard) in self.services.iter() {
            for port in &heard.known(&self.settings).ports {
                let endpoints = port.endpoints.on(node);
                each(service, port.key(service), &port.service, &endpoints);
            }
        }
    }

    /// What one node's first sync writes, as text. Each port's rules are printed as soon as they
    /// are made, and then forgotten.
    pub fn write_text(&self, objects: &Objects, node: &str, text: &mut Text) {
        let settings = Settings { node: node.to_owned(), ..self.settings.clone() };
        let node = this_node(objects, &settings);
        let known = || self.services.iter().map(|(key, it)| (key, it.known(&settings)));
        let endpoints = known().map(|it| it.1.endpoints()).sum::<usize>();
        let mut around = Around::new(&settings, &node, endpoints > LARGE_CLUSTER);
        text.begin(&frame(&settings, &node, &mut Origins::new()));
        for (service, known) in known() {
            known.ports.iter().for_each(|port| text.add(&lines(&mut around, service, port)));
        }
        text.finish();
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
        for (key, heard) in services.iter().zip(&heard) {
            self.count(key, heard);
        }

        let large = self.is_large();
        let mut around = Around::new(settings, node, large);
        let parts = services.iter().zip(&heard).map(|(key, heard)| {
            if let Some(parts) = self.made_for_all(key, large) {
                return parts;
            }
            let known = heard.known(settings);
            let lines = known.ports.iter().map(|port| lines(&mut around, key, port)).collect();
            let before = before.get(key).map_or(&[][..], |it| it);
            let parts = finish(lines, before, &mut self.origins);
            if known.is_alike(settings) {
                self.keep(key, (large, Rc::clone(&parts)));
            }
            parts
        });
        parts.collect()
    }

    fn count(&mut self, service: &Rc<ObjectKey>, heard: &Heard) {
        let known = heard.known(&self.settings);
        if !known.ports.is_empty() && !self.made.contains_key(service) {
            let endpoints = known.endpoints();
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

impl Heard {
    fn is_nothing(&self) -> bool {
        self.service.is_none() && self.slices.is_empty()
    }

    /// Read when first asked for, whichever node asks.
    fn known(&self, settings: &Settings) -> &Known {
        self.known.0.get_or_init(|| {
            let slices = self.slices.iter();
            let slices = slices.filter_map(|(key, it)| Some((key, it.as_endpoint_slice()?)));
            let service = self.service.as_deref().and_then(Object::as_service);
            service.map(|it| Rc::new(Known::of(it, slices, settings))).unwrap_or_default()
        })
    }
}

/// What is known of a Service, once somebody asked: it follows from the rest, and counts for
/// nothing where that is compared.
#[derive(Clone, Default)]
struct Lazy(OnceCell<Rc<Known>>);

impl PartialEq for Lazy {
    fn eq(&self, _: &Lazy) -> bool {
        true
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}
