//! Carries out what the ReplicaSet controller wants, and who owns which pod.

use std::collections::BTreeMap;

use super::super::Lab;
use super::super::log::{Component, EntryId};
use super::super::queue::Task;
use super::super::store::CONTROLLER;
use crate::control::claim::{Claims, claims};
use crate::control::replica_set::{self, new_pod};
use crate::control::revision::owner;
use crate::key::{Kind, ObjectKey};
use crate::object::{Id, LabelSelector, Object, Pod, ReplicaSet};

const BY: Component = Component::ReplicaSetController;

impl Lab {
    pub(super) fn replica_set(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        let Some(Object::ReplicaSet(set)) = self.objects.by_id(id) else { return };
        let claims = self.claimed_pods(key, set.spec.selector.as_ref(), &|_| true);
        if !claims.is_empty() {
            return self.own_pods(key, claims, Task::ReplicaSet(id), cause);
        }
        let owned = self.owned_pods(&set.metadata.uid);
        let plan = replica_set::sync(set, owned, &|| self.related(set), self.now);
        let pod = (plan.create > 0).then(|| new_pod(set));
        self.later(plan.recheck, Task::ReplicaSet(id), cause);
        let pods = pod.into_iter().flat_map(|pod| std::iter::repeat_n(pod, plan.create));
        let made = self.create_pods(pods, (BY, key), cause);
        self.delete_pods(plan.delete, (BY, key), cause);
        let mut status = plan.status;
        replica_set::note_failure(&mut status, made.clone().err(), self.now);
        let set = self.objects.by_id(id).and_then(Object::as_replica_set);
        if let Some(set) = set.filter(|it| it.status != status) {
            let set = ReplicaSet { metadata: set.metadata.clone(), spec: set.spec.clone(), status };
            self.write(Object::ReplicaSet(set), cause);
        }
        self.settle(Task::ReplicaSet(id), made.is_ok(), cause);
    }

    /// By node: the pods of all ReplicaSets of the same Deployment, or of this one alone
    /// (`getIndirectlyRelatedPods`).
    fn related(&self, set: &ReplicaSet) -> BTreeMap<String, usize> {
        let owner = set.metadata.controller();
        let sets: Vec<&str> = match owner {
            Some(owner) => {
                self.replica_sets(&owner.uid).map(|it| it.metadata.uid.as_str()).collect()
            }
            None => vec![&set.metadata.uid],
        };
        let mut res = BTreeMap::new();
        for pod in sets.into_iter().flat_map(|uid| self.owned_pods(uid)) {
            if replica_set::is_active(pod) {
                *res.entry(pod.spec.node_name.clone()).or_default() += 1;
            }
        }
        res
    }

    /// The pods that name the object with this UID as their controller.
    pub(super) fn owned_pods(&self, uid: &str) -> impl Iterator<Item = &Pod> {
        let pods = self.pods_of(self.index.dependents(uid));
        pods.filter(move |pod| pod.metadata.controller().is_some_and(|it| it.uid == uid))
    }

    /// What a controller has to take over or let go first. Nothing while it is being deleted.
    pub(super) fn claimed_pods(
        &self,
        key: &ObjectKey,
        selector: Option<&LabelSelector>,
        fits: &dyn Fn(&Pod) -> bool,
    ) -> Claims {
        let Some(meta) = self.objects.get(key).map(Object::meta) else { return Claims::default() };
        if meta.deletion_timestamp.is_some() {
            return Claims::default();
        }
        let orphans = self.pods_of(self.index.orphans(&key.namespace));
        claims(selector, self.owned_pods(&meta.uid), orphans, fits)
    }

    /// Takes pods over and lets others go; the controller looks again after it.
    pub(super) fn own_pods(
        &mut self,
        key: &ObjectKey,
        claims: Claims,
        again: Task,
        cause: Option<EntryId>,
    ) {
        let Some(meta) = self.objects.get(key).map(Object::meta).cloned() else { return };
        let pod = |name| ObjectKey::new(Kind::Pod, &key.namespace, name);
        for name in claims.adopt {
            let Some(mut object) = self.objects.get(&pod(name)).cloned() else { continue };
            let reference = owner(key.kind.api_version(), key.kind.name(), &meta);
            object.meta_mut().owner_references.push(reference);
            self.write(object, cause);
        }
        for name in claims.release {
            let Some(mut object) = self.objects.get(&pod(name)).cloned() else { continue };
            object.meta_mut().owner_references.retain(|it| it.uid != meta.uid);
            self.write(object, cause);
        }
        self.soon(CONTROLLER, again, cause);
    }
}
