//! Carries out what the StatefulSet and the DaemonSet controller want.

use super::super::Lab;
use super::super::delete::DeleteOptions;
use super::super::log::{Component, EntryId, Happening};
use super::super::queue::Task;
use crate::control::revision::{History, Subject, history, owner, template_of};
use crate::control::stateful_set::{self, Revisions};
use crate::control::{affinity, daemon_set};
use crate::key::{Kind, ObjectKey};
use crate::object::{
    ControllerRevision, DaemonSet, Id, Node, Object, ObjectMeta, Pod, PodTemplateSpec, StatefulSet,
};

impl Lab {
    pub(super) fn stateful_set(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        const BY: Component = Component::StatefulSetController;
        let Some(Object::StatefulSet(set)) = self.objects.by_id(id) else { return };
        let named = |pod: &Pod| set.ordinal(&pod.metadata.name).is_some();
        let claims = self.claimed_pods(key, set.spec.selector.as_ref(), &named);
        if !claims.is_empty() {
            return self.own_pods(key, claims, Task::StatefulSet(id), cause);
        }
        let set = set.clone();
        let spec = &set.spec;
        let label = stateful_set::HASH_LABEL;
        let limit = spec.revision_history_limit;
        let History { update, changed, delete } =
            self.history(key, &set.metadata, (label, &spec.template, limit), &|name| {
                set.status.current_revision == name || self.is_revision_used(&set.metadata, name)
            });
        let revisions = self.revisions(&set.metadata.uid);
        let current = stateful_set::current(&set, &revisions, &update);
        let old = template_of(current).unwrap_or_default();
        let plan = {
            let names = (current.metadata.name.as_str(), update.metadata.name.as_str());
            let revisions =
                Revisions { current: (names.0, &old), update: (names.1, &spec.template) };
            let pods: Vec<&Pod> = self.owned_pods(&set.metadata.uid).collect();
            stateful_set::sync(&set, &pods, revisions, self.now)
        };
        self.write_history(key, update, changed, delete, cause);
        if let Some(status) = plan.status {
            self.write(Object::StatefulSet(StatefulSet { status, ..set }), cause);
        }
        self.later(plan.recheck, Task::StatefulSet(id), cause);
        for pod in plan.update {
            self.write(Object::Pod(pod), cause);
        }
        let made = self.create_pods(plan.create.into_iter(), (BY, key), cause);
        self.delete_pods(plan.delete, (BY, key), cause);
        self.settle(Task::StatefulSet(id), made.is_ok(), cause);
    }

    pub(super) fn daemon_set(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        const BY: Component = Component::DaemonSetController;
        let Some(Object::DaemonSet(set)) = self.objects.by_id(id) else { return };
        if set.metadata.deletion_timestamp.is_some() {
            return;
        }
        let placed = |pod: &Pod| affinity::target(pod).is_some();
        let claims = self.claimed_pods(key, set.spec.selector.as_ref(), &placed);
        if !claims.is_empty() {
            return self.own_pods(key, claims, Task::DaemonSet(id), cause);
        }
        let set = set.clone();
        let spec = &set.spec;
        let (label, limit) = (daemon_set::HASH_LABEL, spec.revision_history_limit);
        let History { update, changed, delete } =
            self.history(key, &set.metadata, (label, &spec.template, limit), &|name| {
                let hash = name.strip_prefix(&format!("{}-", key.name)).unwrap_or(name);
                self.is_revision_used(&set.metadata, hash)
            });
        let hash = update.metadata.labels.get(label).cloned().unwrap_or_default();
        let plan = {
            let nodes: Vec<&Node> =
                self.objects.of_kind(Kind::Node).filter_map(Object::as_node).collect();
            let pods = self.owned_pods(&set.metadata.uid);
            daemon_set::sync(&set, pods, &nodes, &hash, self.now)
        };
        self.write_history(key, update, changed, delete, cause);
        if let Some(status) = plan.status {
            self.write(Object::DaemonSet(DaemonSet { status, ..set }), cause);
        }
        self.later(plan.recheck, Task::DaemonSet(id), cause);
        let made = self.create_pods(plan.create.into_iter(), (BY, key), cause);
        for (name, failed) in plan.ended {
            self.replace_ended(key, name, failed, cause);
        }
        self.delete_pods(plan.delete, (BY, key), cause);
        self.settle(Task::DaemonSet(id), made.is_ok(), cause);
    }

    fn replace_ended(
        &mut self,
        key: &ObjectKey,
        name: String,
        failed: bool,
        cause: Option<EntryId>,
    ) {
        const BY: Component = Component::DaemonSetController;
        let pod = ObjectKey::new(Kind::Pod, &key.namespace, &name);
        let node = self.objects.get(&pod).and_then(Object::as_pod);
        let node = node.map_or(String::new(), |it| it.spec.node_name.clone());
        let (reason, word) = match failed {
            true => ("FailedDaemonPod", "failed"),
            false => ("SucceededDaemonPod", "succeeded"),
        };
        let place = format!("{}/{name} on node {node}", key.namespace);
        let message = format!("Found {word} daemon pod {place}, will try to kill it");
        self.record((key, BY), (failed, reason, message), cause);
        self.delete_pods(vec![name], (BY, key), cause);
    }

    fn revisions(&self, uid: &str) -> Vec<&ControllerRevision> {
        let dependents = self.index.dependents(uid);
        dependents.filter_map(|id| self.objects.by_id(id)?.as_controller_revision()).collect()
    }

    fn history(
        &self,
        key: &ObjectKey,
        meta: &ObjectMeta,
        (label, template, limit): (&str, &PodTemplateSpec, Option<i32>),
        keep: &dyn Fn(&str) -> bool,
    ) -> History {
        let owner = owner(key.kind.api_version(), key.kind.name(), meta);
        let namespace = &key.namespace;
        let subject = Subject { owner, namespace, hash_label: label, template, limit };
        history(subject, &self.revisions(&meta.uid), keep)
    }

    /// Whether a pod of the owner was made from the revision of this name or hash.
    fn is_revision_used(&self, meta: &ObjectMeta, name: &str) -> bool {
        let label = daemon_set::HASH_LABEL;
        self.owned_pods(&meta.uid)
            .any(|pod| pod.metadata.labels.get(label).is_some_and(|it| it == name))
    }

    fn write_history(
        &mut self,
        key: &ObjectKey,
        update: ControllerRevision,
        changed: bool,
        delete: Vec<String>,
        cause: Option<EntryId>,
    ) {
        if changed {
            self.write(Object::ControllerRevision(update), cause);
        }
        for name in delete {
            let revision = ObjectKey::new(Kind::ControllerRevision, &key.namespace, name);
            let by = match key.kind {
                Kind::DaemonSet => Component::DaemonSetController,
                _ => Component::StatefulSetController,
            };
            let of = Some(key.clone());
            let cause = self.note(cause, Happening::Removed { key: revision.clone(), by, of });
            self.delete(&revision, DeleteOptions::default(), Some(cause));
        }
    }
}
