//! How objects go: grace periods, finalizers, owners and what they leave, namespaces.

use std::rc::Rc;

use super::Lab;
use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use super::store::CONTROLLER;
use crate::admit::{self, Refusal};
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, ObjectMeta, OwnerReference, Pod};
use crate::time::Duration;

/// How long the namespace controller waits before it empties a namespace (recorded).
const NAMESPACE_DELAY: Duration = Duration::from_secs(5);

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// How a deletion is meant (`DeleteOptions`).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeleteOptions {
    /// In seconds; without it a pod's own `terminationGracePeriodSeconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i64>,
    pub propagation_policy: Propagation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preconditions: Option<Preconditions>,
}

/// Which object is meant: another one of the same name stays (`Preconditions`).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

impl Preconditions {
    /// As `rest.BeforeDelete` asks.
    fn check(&self, object: &Object) -> Result<(), Refusal> {
        let meta = object.meta();
        let uid: &str = &meta.uid;
        for (name, asked, found, might) in [
            ("UID", &self.uid, uid, "deleted and then recreated"),
            ("ResourceVersion", &self.resource_version, &meta.resource_version, "modified"),
        ] {
            let Some(asked) = asked.as_ref().filter(|it| *it != found) else { continue };
            let why = format!(
                "the {name} in the precondition ({asked}) does not match the {name} in record \
                 ({found}). The object might have been {might}"
            );
            return Err(Refusal::not_this_one(&object.key(), &why));
        }
        Ok(())
    }
}

/// What becomes of the objects that the deleted one owns (`propagationPolicy`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// It waits until they are gone.
    Foreground,
    /// They stay, without their owner.
    Orphan,
}

impl Lab {
    /// The object that a request to delete is about.
    ///
    /// # Errors
    ///
    /// There is none of that name (404), it is not the one that is meant (409), or it has to stay
    /// (403).
    pub(super) fn to_delete(
        &self,
        key: &ObjectKey,
        options: &DeleteOptions,
    ) -> Result<&Rc<Object>, Refusal> {
        admit::delete(key)?;
        let object = self.objects.shared(key).ok_or_else(|| Refusal::not_found(key))?;
        options.preconditions.iter().try_for_each(|it| it.check(object))?;
        Ok(object)
    }

    /// Deletes as the API server does. What has to wait, for a grace period or a finalizer, stays
    /// with a `deletionTimestamp`.
    pub(super) fn delete(
        &mut self,
        key: &ObjectKey,
        options: DeleteOptions,
        cause: Option<EntryId>,
    ) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        if let Object::Pod(pod) = &mut object {
            let grace = grace(pod, options.grace_period_seconds);
            if grace > 0 {
                self.delete_gracefully(key, pod.clone(), grace, cause);
                return;
            }
            if pod.metadata.deletion_grace_period_seconds.is_some_and(|before| before > 0) {
                // The end of a grace period is an update of its own, before the pod goes.
                pod.metadata.deletion_timestamp = Some(self.now.rfc3339());
                pod.metadata.deletion_grace_period_seconds = Some(0);
                self.show_version(object.clone());
            }
        }
        match options.propagation_policy {
            Propagation::Background => {}
            Propagation::Foreground => add_finalizer(object.meta_mut(), FOREGROUND),
            Propagation::Orphan => add_finalizer(object.meta_mut(), ORPHAN),
        }
        let is_namespace = object.as_namespace().is_some();
        if object.meta().finalizers.is_empty() && !is_namespace {
            self.remove(key, cause);
            return;
        }
        if object.meta().deletion_timestamp.is_none() {
            object.meta_mut().deletion_timestamp = Some(self.now.rfc3339());
        }
        if let Object::Namespace(namespace) = &mut object {
            namespace.status.phase = "Terminating".into();
            self.soon(NAMESPACE_DELAY, Task::EmptyNamespace(key.name.clone()), cause);
        } else {
            object.meta_mut().deletion_grace_period_seconds = Some(0);
            self.soon(CONTROLLER, Task::Dependents(key.clone()), cause);
        }
        self.write(object, cause);
    }

    /// A second deletion can only shorten the time that is left.
    fn delete_gracefully(
        &mut self,
        key: &ObjectKey,
        mut pod: Pod,
        grace: i64,
        cause: Option<EntryId>,
    ) {
        if pod.metadata.deletion_grace_period_seconds.is_some_and(|before| before <= grace) {
            return;
        }
        let ends = self.now + Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        pod.metadata.deletion_timestamp = Some(ends.rfc3339());
        pod.metadata.deletion_grace_period_seconds = Some(grace);
        let cause = self.note(cause, Happening::Terminating { pod: key.clone() });
        self.write(Object::Pod(pod), Some(cause));
    }

    /// What follows when an object is gone: its dependents, and those who waited for it.
    pub(super) fn clean_up_after(&mut self, key: &ObjectKey, old: &Object, cause: Option<EntryId>) {
        if key.kind == Kind::Service {
            // `Endpoints` of a Service go with it at once (registry/core/service/storage).
            let endpoints = ObjectKey::new(Kind::Endpoints, &key.namespace, &key.name);
            self.remove(&endpoints, cause);
        }
        let uid = &old.meta().uid;
        if self.index.dependents(uid).next().is_some() {
            self.soon(CONTROLLER, Task::Collect(uid.to_string()), cause);
        }
        for owner in &old.meta().owner_references {
            if let Some(owner) = self.waiting_owner(&key.namespace, owner) {
                self.soon(CONTROLLER, Task::Dependents(owner), cause);
            }
        }
        let namespace = ObjectKey::new(Kind::Namespace, "", &key.namespace);
        let namespace = self.objects.get(&namespace).and_then(Object::as_namespace);
        if namespace.is_some_and(|it| it.is_terminating()) {
            self.soon(CONTROLLER, Task::FinishNamespace(key.namespace.clone()), cause);
        }
    }

    /// An object whose owners are all gone has nobody to be for.
    pub(super) fn check_owners(
        &mut self,
        key: &ObjectKey,
        meta: &ObjectMeta,
        cause: Option<EntryId>,
    ) {
        for owner in &meta.owner_references {
            if self.owner(&key.namespace, owner).is_none() {
                self.soon(CONTROLLER, Task::Collect(owner.uid.to_string()), cause);
            }
        }
    }

    /// The object a reference means, if it is still the same one.
    fn owner(&self, namespace: &str, reference: &OwnerReference) -> Option<ObjectKey> {
        let kind = Kind::parse(&reference.api_version, &reference.kind)?;
        let namespace = if kind.is_namespaced() { namespace } else { "" };
        let key = ObjectKey::new(kind, namespace, &reference.name);
        self.objects.get(&key).filter(|it| it.meta().uid == reference.uid)?;
        Some(key)
    }

    fn waiting_owner(&self, namespace: &str, reference: &OwnerReference) -> Option<ObjectKey> {
        let key = self.owner(namespace, reference)?;
        let finalizers = &self.objects.get(&key)?.meta().finalizers;
        finalizers.iter().any(|it| it == FOREGROUND).then_some(key)
    }

    /// The garbage collector: what named the owner with this UID, which is gone.
    pub(super) fn collect(&mut self, uid: &str, cause: Option<EntryId>) {
        let left: Vec<ObjectKey> =
            self.index.dependents(uid).filter_map(|id| self.key_of(id)).collect();
        for key in left {
            let Some(mut object) = self.objects.get(&key).cloned() else { continue };
            let others = |it: &OwnerReference| self.owner(&key.namespace, it).is_some();
            if object.meta().owner_references.iter().any(others) {
                object.meta_mut().owner_references.retain(|it| it.uid != uid);
                self.write(object, cause);
            } else {
                self.collect_one(&key, DeleteOptions::default(), cause);
            }
        }
    }

    fn collect_one(&mut self, key: &ObjectKey, options: DeleteOptions, cause: Option<EntryId>) {
        let Some(object) = self.objects.get(key) else { return };
        if object.meta().deletion_timestamp.is_some() {
            return;
        }
        let what =
            Happening::Removed { key: key.clone(), by: Component::GarbageCollector, of: None };
        let cause = self.note(cause, what);
        self.delete(key, options, Some(cause));
    }

    /// An owner that waits: its dependents are deleted first (`foregroundDeletion`), or freed
    /// (`orphan`); then the finalizer goes.
    pub(super) fn settle_dependents(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(object) = self.objects.get(key).cloned() else { return };
        let meta = object.meta();
        let waits = |finalizer: &str| meta.finalizers.iter().any(|it| it == finalizer);
        let dependents: Vec<ObjectKey> =
            self.index.dependents(&meta.uid).filter_map(|id| self.key_of(id)).collect();
        if waits(ORPHAN) {
            for dependent in &dependents {
                let Some(mut freed) = self.objects.get(dependent).cloned() else { continue };
                freed.meta_mut().owner_references.retain(|it| it.uid != meta.uid);
                self.write(freed, cause);
            }
            self.drop_finalizer(object, ORPHAN, cause);
        } else if waits(FOREGROUND) {
            let blocking = dependents.iter().filter(|it| self.blocks(it, &meta.uid)).count();
            let options = DeleteOptions {
                propagation_policy: Propagation::Foreground,
                ..DeleteOptions::default()
            };
            for dependent in &dependents {
                self.collect_one(dependent, options.clone(), cause);
            }
            if blocking == 0 {
                self.drop_finalizer(object, FOREGROUND, cause);
            }
        }
    }

    fn blocks(&self, dependent: &ObjectKey, uid: &str) -> bool {
        let owners = self.objects.get(dependent).map(|it| &it.meta().owner_references);
        let blocks = |it: &OwnerReference| it.uid == uid && it.block_owner_deletion == Some(true);
        owners.is_some_and(|it| it.iter().any(blocks))
    }

    fn drop_finalizer(&mut self, mut object: Object, finalizer: &str, cause: Option<EntryId>) {
        object.meta_mut().finalizers.retain(|it| it != finalizer);
        self.write(object, cause);
    }

    /// The namespace controller: deletes what a terminating namespace holds, and the namespace
    /// once it holds nothing.
    pub(super) fn empty_namespace(&mut self, name: &str, cause: Option<EntryId>) {
        let inside = |key: &&ObjectKey| key.namespace == name;
        let left: Vec<ObjectKey> = self.objects.keys().filter(inside).cloned().collect();
        for key in &left {
            let waits = |it: &Object| it.meta().deletion_timestamp.is_some();
            if !self.objects.get(key).is_some_and(waits) {
                let by = Component::NamespaceController;
                let cause = self.note(cause, Happening::Removed { key: key.clone(), by, of: None });
                self.delete(key, DeleteOptions::default(), Some(cause));
            }
        }
        self.finish_namespace(name, cause);
    }

    /// Removes a terminating namespace that has been emptied.
    pub(super) fn finish_namespace(&mut self, name: &str, cause: Option<EntryId>) {
        let not_yet = self.queue.has(Task::EmptyNamespace(name.to_owned()));
        if !not_yet && !self.objects.keys().any(|key| key.namespace == name) {
            self.remove(&ObjectKey::new(Kind::Namespace, "", name), cause);
        }
    }
}

/// Seconds until the pod may be killed; 0: it goes at once, because nothing of it runs.
fn grace(pod: &Pod, asked: Option<i64>) -> i64 {
    if pod.spec.node_name.is_empty() || pod.is_finished() {
        return 0;
    }
    let grace = asked.or(pod.spec.termination_grace_period_seconds).unwrap_or(30);
    if grace < 0 { 1 } else { grace }
}

fn add_finalizer(meta: &mut ObjectMeta, finalizer: &str) {
    if !meta.finalizers.iter().any(|it| it == finalizer) {
        meta.finalizers.push(finalizer.into());
    }
}
