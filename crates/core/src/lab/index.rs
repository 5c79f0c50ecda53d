//! Who belongs to whom, kept beside the objects so that no controller looks through all of them.
//!
//! Everything here follows from the objects alone; [`Index::replace`] is told of every change.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use svclab_netfilter::order::Gather;

use crate::control::members;
use crate::control::schedule::{Demand, Usage};
use crate::digest::digest;
use crate::key::{Kind, ObjectKey};
use crate::object::{Id, LabelSelector, Labels, Object, Objects, Pod, Service, Word};

type Ids = BTreeSet<Id>;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Index {
    /// By the owner's UID: what names it in its `ownerReferences`.
    dependents: BTreeMap<Word, Ids>,
    /// By node name: the pods bound to it.
    bound: BTreeMap<String, Ids>,
    /// By node name: what its pods take that have not ended.
    usage: BTreeMap<String, Usage>,
    /// By the controller's UID, then by node name: its pods there that stay.
    kin: BTreeMap<String, BTreeMap<String, usize>>,
    /// By namespace: pods and ReplicaSets without a controller.
    orphans: BTreeMap<String, Ids>,
    /// By namespace and the first pair of the selector: Services that a pod with it may belong to.
    selectors: BTreeMap<Place, Ids>,
    /// By namespace and the first label that the selector asks for, if it asks for any: what looks
    /// after pods or ReplicaSets.
    controllers: BTreeMap<Place, Ids>,
    /// By Service: the pods its selector takes, in whatever state.
    members: BTreeMap<Id, Ids>,
    /// By the Service that `kubernetes.io/service-name` names: EndpointSlices.
    slices: BTreeMap<ObjectKey, Ids>,
}

/// The digest of a namespace and a label: who asks by it looks at what it finds.
type Place = u64;

fn place(namespace: &str, pair: Option<(&String, &String)>) -> Place {
    digest(&(namespace, pair))
}

impl Index {
    pub(super) fn dependents<'a>(&'a self, uid: &str) -> impl Iterator<Item = Id> + use<'a> {
        self.dependents.get(uid).into_iter().flatten().copied()
    }

    pub(super) fn bound<'a>(&'a self, node: &str) -> impl Iterator<Item = Id> + use<'a> {
        self.bound.get(node).into_iter().flatten().copied()
    }

    pub(super) fn usage(&self, node: &str) -> Option<&Usage> {
        self.usage.get(node)
    }

    pub(super) fn kin(&self, controller: &str, node: &str) -> usize {
        self.kin.get(controller).and_then(|it| it.get(node)).copied().unwrap_or(0)
    }

    /// Pods and ReplicaSets that no controller looks after.
    pub(super) fn orphans<'a>(&'a self, namespace: &str) -> impl Iterator<Item = Id> + use<'a> {
        self.orphans.get(namespace).into_iter().flatten().copied()
    }

    /// Controllers whose selector may take something with these labels; others may be among them.
    pub(super) fn controllers<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a Labels,
    ) -> impl Iterator<Item = Id> {
        let places = labels.iter().map(Some).chain([None]).map(|first| place(namespace, first));
        places.filter_map(|place| self.controllers.get(&place)).flatten().copied()
    }

    pub(super) fn members<'a>(&'a self, service: Id) -> impl Iterator<Item = Id> + use<'a> {
        self.members.get(&service).into_iter().flatten().copied()
    }

    pub(super) fn slices<'a>(&'a self, service: &ObjectKey) -> impl Iterator<Item = Id> + use<'a> {
        self.slices.get(service).into_iter().flatten().copied()
    }

    /// The Services whose selector takes the pod.
    pub(super) fn services_of(&self, objects: &Objects, pod: &Pod) -> Ids {
        let namespace = &pod.metadata.namespace;
        let places = pod.metadata.labels.iter().map(|pair| place(namespace, Some(pair)));
        let candidates = places.filter_map(|place| self.selectors.get(&place));
        let takes = |id: &Id| {
            let service = objects.by_id(*id).and_then(Object::as_service);
            service.is_some_and(|it| members::selects(it, pod))
        };
        candidates.flatten().copied().filter(takes).collect()
    }

    /// `objects` holds `new` already, or `old` no more; `id` is or was theirs.
    pub(super) fn replace(
        &mut self,
        objects: &Objects,
        (key, id): (&ObjectKey, Id),
        old: Option<&Object>,
        new: Option<&Object>,
    ) {
        self.replace_owners(id, old, new);
        if matches!(key.kind, Kind::Pod | Kind::ReplicaSet) {
            self.replace_orphan((key, id), old, new);
        }
        match key.kind {
            Kind::Pod => self.replace_pod(objects, id, pod(old), pod(new)),
            Kind::Service => self.replace_service(objects, (key, id), service(old), service(new)),
            Kind::EndpointSlice => self.replace_slice((key, id), old, new),
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => {
                let place = |it: Option<&Object>| {
                    let selector = it.and_then(controller_selector)?;
                    Some(place(&key.namespace, selector.match_labels.iter().next()))
                };
                move_id(&mut self.controllers, id, place(old).as_ref(), place(new).as_ref());
            }
            _ => {}
        }
    }

    fn replace_owners(&mut self, id: Id, old: Option<&Object>, new: Option<&Object>) {
        let owners = |it| Option::map_or(it, &[][..], |it: &Object| &it.meta().owner_references);
        let (before, after) = (owners(old), owners(new));
        if before == after {
            return;
        }
        for owner in before {
            drop_from(&mut self.dependents, owner.uid.as_str(), id);
        }
        for owner in after {
            self.dependents.entry(owner.uid.clone()).or_default().insert(id);
        }
    }

    fn replace_orphan(
        &mut self,
        (key, id): (&ObjectKey, Id),
        old: Option<&Object>,
        new: Option<&Object>,
    ) {
        let place = |it: Option<&Object>| {
            it.filter(|it| it.meta().controller().is_none()).map(|_| key.namespace.as_str())
        };
        move_id(&mut self.orphans, id, place(old), place(new));
    }

    fn replace_pod(&mut self, objects: &Objects, id: Id, old: Option<&Pod>, new: Option<&Pod>) {
        fn node(pod: Option<&Pod>) -> Option<&str> {
            pod.map(|it| it.spec.node_name.as_str()).filter(|it| !it.is_empty())
        }
        move_id(&mut self.bound, id, node(old), node(new));
        self.replace_usage(old, new);
        if old.map(|it| &it.metadata.labels) == new.map(|it| &it.metadata.labels) {
            return;
        }
        for service in old.map(|it| self.services_of(objects, it)).unwrap_or_default() {
            drop_from(&mut self.members, &service, id);
        }
        for service in new.map(|it| self.services_of(objects, it)).unwrap_or_default() {
            self.members.entry(service).or_default().insert(id);
        }
    }

    fn replace_usage(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        let takes = |it: &&Pod| !it.spec.node_name.is_empty() && !it.is_finished();
        let (before, after) = (old.filter(takes), new.filter(takes));
        if before.map(|it| &it.spec) != after.map(|it| &it.spec) {
            if let Some(pod) = before {
                let usage = self.usage.entry(pod.spec.node_name.clone()).or_default();
                usage.remove(&Demand::of(pod));
            }
            if let Some(pod) = after {
                let usage = self.usage.entry(pod.spec.node_name.clone()).or_default();
                usage.add(&Demand::of(pod));
            }
        }
        fn kin(pod: &Pod) -> Option<(&str, &str)> {
            let controller = pod.metadata.controller().filter(|_| !pod.is_terminating())?;
            Some((&controller.uid, &pod.spec.node_name))
        }
        let (before, after) = (before.and_then(kin), after.and_then(kin));
        if before != after {
            if let Some(count) = before.and_then(|(uid, node)| self.kin.get_mut(uid)?.get_mut(node))
            {
                *count = count.saturating_sub(1);
            }
            if let Some((uid, node)) = after {
                let nodes = self.kin.entry(uid.to_owned()).or_default();
                *nodes.entry(node.to_owned()).or_default() += 1;
            }
        }
    }

    fn replace_service(
        &mut self,
        objects: &Objects,
        (key, id): (&ObjectKey, Id),
        old: Option<&Service>,
        new: Option<&Service>,
    ) {
        let what = |it: &Service| (it.spec.selector.clone(), it.spec.r#type == "ExternalName");
        if old.map(what) == new.map(what) {
            return;
        }
        let first = |it: Option<&Service>| {
            it?.spec.selector.iter().next().map(|pair| place(&key.namespace, Some(pair)))
        };
        move_id(&mut self.selectors, id, first(old).as_ref(), first(new).as_ref());
        self.members.remove(&id);
        let Some(service) = new else { return };
        let pods = objects.in_namespace(Kind::Pod, &key.namespace).filter_map(Object::as_pod);
        let members = pods.filter(|it| members::selects(service, it));
        let ids = members.filter_map(|it| {
            objects.id(&ObjectKey::new(Kind::Pod, &key.namespace, &it.metadata.name))
        });
        let members: Ids = ids.gather();
        if !members.is_empty() {
            self.members.insert(id, members);
        }
    }

    fn replace_slice(
        &mut self,
        (key, id): (&ObjectKey, Id),
        old: Option<&Object>,
        new: Option<&Object>,
    ) {
        let service = |it: Option<&Object>| {
            let name = it?.as_endpoint_slice()?.service_name()?;
            Some(ObjectKey::new(Kind::Service, &key.namespace, name))
        };
        move_id(&mut self.slices, id, service(old).as_ref(), service(new).as_ref());
    }
}

/// Whom a workload looks after.
pub(super) fn controller_selector(controller: &Object) -> Option<&LabelSelector> {
    match controller {
        Object::Deployment(it) => it.spec.selector.as_ref(),
        Object::ReplicaSet(it) => it.spec.selector.as_ref(),
        Object::StatefulSet(it) => it.spec.selector.as_ref(),
        Object::DaemonSet(it) => it.spec.selector.as_ref(),
        _ => None,
    }
}

fn pod(object: Option<&Object>) -> Option<&Pod> {
    object.and_then(Object::as_pod)
}

fn service(object: Option<&Object>) -> Option<&Service> {
    object.and_then(Object::as_service)
}

fn move_id<T, P>(map: &mut BTreeMap<T, Ids>, id: Id, from: Option<&P>, to: Option<&P>)
where
    T: Ord + Borrow<P>,
    P: ToOwned<Owned = T> + Ord + ?Sized,
{
    if from == to {
        return;
    }
    if let Some(from) = from {
        drop_from(map, from, id);
    }
    if let Some(to) = to {
        map.entry(to.to_owned()).or_default().insert(id);
    }
}

fn drop_from<T: Ord + Borrow<P>, P: Ord + ?Sized>(map: &mut BTreeMap<T, Ids>, place: &P, id: Id) {
    if let Some(ids) = map.get_mut(place) {
        ids.remove(&id);
        if ids.is_empty() {
            map.remove(place);
        }
    }
}
