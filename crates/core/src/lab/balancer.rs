//! The load balancer of the cluster: when its controller and its speakers act, and what they say.
//!
//! Switched off, it leaves what is written as it is, and nobody answers for the addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use super::store::CONTROLLER;
use super::{Lab, relay};
use crate::control::load_balancer::{self as metallb, held, is_served};
use crate::key::{Kind, ObjectKey};
use crate::object::{Node, Object, Service};
use crate::scenario::LoadBalancerSpec;
use crate::time::Duration;
use crate::trace::NodeName;

/// How long the speakers take to miss one of them: memberlist probes every second and suspects for
/// four more (`DefaultLANConfig`, three members).
const MISSED_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Balancer {
    /// Without one there is nothing to give out.
    spec: Option<LoadBalancerSpec>,
    on: bool,
    /// By Service: its addresses, and the node that answers for them.
    announced: BTreeMap<ObjectKey, (Vec<IpAddr>, NodeName)>,
}

impl Balancer {
    pub(super) fn new(spec: Option<LoadBalancerSpec>) -> Balancer {
        let on = spec.as_ref().is_some_and(|it| it.running);
        Balancer { spec, on, announced: BTreeMap::new() }
    }
}

impl Lab {
    /// Which node answers ARP for each load balancer's address.
    pub fn announced(&self) -> &BTreeMap<IpAddr, NodeName> {
        &self.net.announced
    }

    /// Whether Services of type LoadBalancer get addresses.
    pub fn load_balancer_runs(&self) -> bool {
        self.balancer.on
    }

    pub(super) fn switch_load_balancer(&mut self, on: bool) {
        if self.balancer.on == on {
            return;
        }
        self.balancer.on = on;
        let cause = Some(self.note(None, Happening::SwitchedLoadBalancer { on }));
        if on {
            self.serve_all(|_| true, cause);
            self.announce_all(CONTROLLER, cause);
        } else {
            self.balancer.announced.clear();
            self.net.announced.clear();
        }
        self.renew_relays();
    }

    /// A Service changed; an address that became free may be for one that waits.
    pub(super) fn tell_balancer(
        &mut self,
        key: &ObjectKey,
        old: Option<&Service>,
        new: Option<&Service>,
        cause: Option<EntryId>,
    ) {
        if !self.balancer.on || ![old, new].into_iter().flatten().any(is_served) {
            return;
        }
        self.soon(CONTROLLER, Task::LoadBalancer(key.clone()), cause);
        self.soon(CONTROLLER, Task::Announce(key.clone()), cause);
        if [old, new].into_iter().flatten().any(|it| relay::addresses(it).next().is_some()) {
            self.soon(CONTROLLER, Task::HealthChecks, cause);
        }
        let has = new.filter(|it| is_served(it)).map(held).unwrap_or_default();
        if old.is_some_and(|it| is_served(it) && !held(it).is_subset(&has)) {
            self.serve_all(|it| held(it).is_empty(), cause);
        }
    }

    fn serve_all(&mut self, which: fn(&Service) -> bool, cause: Option<EntryId>) {
        for key in self.balanced(which) {
            self.soon(CONTROLLER, Task::LoadBalancer(key), cause);
        }
    }

    fn balanced(&self, which: fn(&Service) -> bool) -> Vec<ObjectKey> {
        let mine = |it: &&Object| it.as_service().is_some_and(|it| is_served(it) && which(it));
        self.objects.of_kind(Kind::Service).filter(mine).map(Object::key).collect()
    }

    /// The controller looks at a Service.
    pub(super) fn load_balancer(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(spec) = self.balancer.spec.as_ref().filter(|_| self.balancer.on) else { return };
        let Some(service) = self.objects.get(key).and_then(Object::as_service) else { return };
        if service.spec.load_balancer_class.is_some() {
            return;
        }
        let others = self.objects.of_kind(Kind::Service).filter_map(Object::as_service);
        let (service, events) = metallb::sync(service, others, spec);
        let mut cause = cause;
        for event in events {
            let what = (event.warning, event.reason, event.message);
            cause = Some(self.record((key, Component::MetallbController), what, cause));
        }
        self.write_status(Object::Service(service), cause);
    }

    /// Endpoints decide who may answer for a Service.
    pub(super) fn tell_speakers(&mut self, service: &ObjectKey, cause: Option<EntryId>) {
        let served = self.objects.get(service).and_then(Object::as_service).is_some_and(is_served);
        if self.balancer.on && served {
            self.soon(CONTROLLER, Task::Announce(service.clone()), cause);
        }
    }

    pub(super) fn tell_speakers_of_node(
        &mut self,
        old: Option<&Node>,
        new: Option<&Node>,
        cause: Option<EntryId>,
    ) {
        if old.map(|it| &it.metadata.labels) != new.map(|it| &it.metadata.labels) {
            self.announce_all(CONTROLLER, cause);
        }
    }

    /// A speaker came up with its machine, or went down with it.
    pub(super) fn speaker_switched(&mut self, up: bool, cause: Option<EntryId>) {
        self.announce_all(if up { CONTROLLER } else { MISSED_AFTER }, cause);
        self.node_health_changed(cause);
    }

    fn announce_all(&mut self, after: Duration, cause: Option<EntryId>) {
        if !self.balancer.on {
            return;
        }
        for key in self.balanced(|_| true) {
            self.soon(after, Task::Announce(key), cause);
        }
    }

    /// The speakers agree on who answers for a Service.
    pub(super) fn announce(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        if !self.balancer.on {
            return;
        }
        let elected = self.elected(key);
        if self.balancer.announced.get(key) == elected.as_ref() {
            return;
        }
        match elected {
            Some((ips, node)) => {
                let message = format!("announcing from node \"{node}\" with protocol \"layer2\"");
                let event = (false, "nodeAssigned", message);
                self.record((key, Component::MetallbSpeaker), event, cause);
                self.balancer.announced.insert(key.clone(), (ips, node));
            }
            None => {
                self.balancer.announced.remove(key);
            }
        }
        let all = self.balancer.announced.values();
        let pairs = all.flat_map(|(ips, node)| ips.iter().map(|ip| (*ip, node.clone())));
        self.net.announced = pairs.collect();
    }

    fn elected(&self, key: &ObjectKey) -> Option<(Vec<IpAddr>, NodeName)> {
        let service = self.objects.get(key)?.as_service()?;
        let slices = self.index.slices(key);
        let slices: Vec<_> =
            slices.filter_map(|id| self.objects.by_id(id)?.as_endpoint_slice()).collect();
        let alive = self.node_objects().filter(|it| self.speaker_lives(&it.metadata.name));
        let (ips, node) = metallb::announcer(service, &slices, alive)?;
        Some((ips, node.into()))
    }

    /// As far as the other speakers know.
    fn speaker_lives(&self, node: &str) -> bool {
        let heard = self.heard.get(node);
        self.machine_runs(node)
            || (self.machines.contains_key(node)
                && heard.is_some_and(|it| self.now < *it + MISSED_AFTER))
    }
}
