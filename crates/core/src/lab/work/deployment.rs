//! Carries out what the deployment controller wants.

use super::super::Lab;
use super::super::delete::DeleteOptions;
use super::super::log::{Component, EntryId, Happening};
use super::super::queue::Task;
use crate::control::conditions::{self, condition};
use crate::control::deployment::{self, PROGRESSING, SetWrite};
use crate::control::revision::owner;
use crate::key::{Kind, ObjectKey};
use crate::object::{Deployment, Id, Object, ReplicaSet};

const BY: Component = Component::DeploymentController;
const FAILED: &str = "ReplicaSetCreateError";
const MAX_RETRIES: u32 = 15;

impl Lab {
    pub(super) fn deployment(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        let Some(Object::Deployment(deployment)) = self.objects.by_id(id) else { return };
        let (adopt, release) = self.claimed_sets(deployment);
        if !adopt.is_empty() || !release.is_empty() {
            return self.own_sets((key, id), adopt, release, cause);
        }
        let uid = &deployment.metadata.uid;
        let pods_run = |set: &str| {
            let mut pods = self.pods_of(self.index.dependents(set));
            pods.any(|pod| !pod.is_finished())
        };
        let plan = deployment::sync(deployment, self.replica_sets(uid), &pods_run, self.now);
        for write in plan.sets {
            if let Err(why) = self.write_set(key, write, cause) {
                return self.note_no_set((key, id), why, cause);
            }
        }
        self.later(plan.recheck, Task::Deployment(id), cause);
        if let Some(deployment) = plan.deployment {
            self.write_status(Object::Deployment(*deployment), cause);
        }
        self.settle(Task::Deployment(id), true, cause);
    }

    /// The new ReplicaSet cannot be made: the Deployment says so, and tries again for a while
    /// (`maxRetries`).
    fn note_no_set(&mut self, (key, id): (&ObjectKey, Id), why: String, cause: Option<EntryId>) {
        let task = Task::Deployment(id);
        if self.is_ending(&key.namespace) {
            return self.settle(task, true, cause);
        }
        let what = (true, FAILED, why.clone());
        let cause = Some(self.record((key, BY), what, cause));
        let deployment = self.objects.get(key).and_then(Object::as_deployment).cloned();
        if let Some(mut deployment) = deployment
            && deployment.spec.progress_deadline_seconds.is_some_and(|it| it != i32::MAX)
        {
            let failure = condition(PROGRESSING, "False", (FAILED, why), self.now);
            conditions::set(&mut deployment.status.conditions, failure);
            self.write_status(Object::Deployment(deployment), cause);
        }
        let gives_up = self.retries.get(&task).is_some_and(|it| *it >= MAX_RETRIES);
        self.settle(task, gives_up, cause);
    }

    /// The ReplicaSets that the owner with this UID controls.
    pub(super) fn replica_sets(&self, uid: &str) -> impl Iterator<Item = &ReplicaSet> {
        let dependents = self.index.dependents(uid);
        let sets = dependents.filter_map(|id| self.objects.by_id(id)?.as_replica_set());
        sets.filter(move |set| set.metadata.controller().is_some_and(|it| it.uid == uid))
    }

    /// ReplicaSets without a controller that the selector takes, and owned ones that it does not.
    fn claimed_sets(&self, deployment: &Deployment) -> (Vec<ReplicaSet>, Vec<ReplicaSet>) {
        let meta = &deployment.metadata;
        let Some(selector) = &deployment.spec.selector else { return Default::default() };
        if meta.deletion_timestamp.is_some() {
            return Default::default();
        }
        let takes = |set: &&ReplicaSet| selector.matches(&set.metadata.labels);
        let orphans = self.index.orphans(&meta.namespace);
        let orphans = orphans.filter_map(|id| self.objects.by_id(id)?.as_replica_set());
        let adopt = orphans.filter(takes).filter(|it| it.metadata.deletion_timestamp.is_none());
        let release = self.replica_sets(&meta.uid).filter(|it| !takes(it));
        (adopt.cloned().collect(), release.cloned().collect())
    }

    fn own_sets(
        &mut self,
        (key, id): (&ObjectKey, Id),
        adopt: Vec<ReplicaSet>,
        release: Vec<ReplicaSet>,
        cause: Option<EntryId>,
    ) {
        let Some(deployment) = self.objects.get(key).map(Object::meta).cloned() else { return };
        for mut set in adopt {
            set.metadata.owner_references.push(owner("apps/v1", "Deployment", &deployment));
            self.write(Object::ReplicaSet(set), cause);
        }
        for mut set in release {
            set.metadata.owner_references.retain(|it| it.uid != deployment.uid);
            self.write(Object::ReplicaSet(set), cause);
        }
        self.soon(super::super::store::CONTROLLER, Task::Deployment(id), cause);
    }

    /// Err: a set could not be made.
    fn write_set(
        &mut self,
        key: &ObjectKey,
        write: SetWrite,
        cause: Option<EntryId>,
    ) -> Result<(), String> {
        match write {
            SetWrite::Create(set) => {
                let (name, to) = (set.metadata.name.clone(), set.replicas());
                match self.create(Object::ReplicaSet(*set), (BY, key), cause) {
                    Ok(made) if to > 0 => {
                        let set = ObjectKey::new(Kind::ReplicaSet, &key.namespace, name);
                        self.note_scaled(set, key, (0, to), Some(made));
                    }
                    Ok(_) => {}
                    Err(refusal) => {
                        let why = refusal.message;
                        return Err(format!("Failed to create new replica set \"{name}\": {why}"));
                    }
                }
            }
            SetWrite::Update(set) => {
                let object = Object::ReplicaSet(*set);
                let sizes = |it: &Object| it.as_replica_set().map_or(0, ReplicaSet::replicas);
                let from = self.objects.get(&object.key()).map_or(0, sizes);
                let to = sizes(&object);
                let cause = match from == to {
                    true => cause,
                    false => Some(self.note_scaled(object.key(), key, (from, to), cause)),
                };
                self.write(object, cause);
            }
            SetWrite::Delete(name) => {
                let set = ObjectKey::new(Kind::ReplicaSet, &key.namespace, name);
                let of = Some(key.clone());
                let what = Happening::Removed { key: set.clone(), by: BY, of };
                let cause = self.note(cause, what);
                self.delete(&set, DeleteOptions::default(), Some(cause));
            }
        }
        Ok(())
    }

    fn note_scaled(
        &mut self,
        set: ObjectKey,
        of: &ObjectKey,
        (from, to): (i32, i32),
        cause: Option<EntryId>,
    ) -> EntryId {
        self.note(cause, Happening::Scaled { key: set, of: of.clone(), from, to })
    }
}
