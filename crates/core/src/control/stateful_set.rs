//! StatefulSet → pods with lasting names (the StatefulSet controller).
//!
//! A port of `updateStatefulSet`: in order, one at a time, unless the pods are managed in parallel.

use std::cmp::Reverse;

use serde_json::json;
use svclab_netfilter::order::Order;

use super::available::{is_available, next_available};
use super::revision::owner;
use crate::object::{
    ControllerRevision, ObjectMeta, Pod, PodTemplateSpec, StatefulSet, StatefulSetStatus,
};
use crate::time::Instant;

pub const HASH_LABEL: &str = "controller.kubernetes.io/hash";
const REVISION_LABEL: &str = "controller-revision-hash";
const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// What one turn wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub create: Vec<Pod>,
    /// Names of pods.
    pub delete: Vec<String>,
    /// Pods whose labels were taken from them.
    pub update: Vec<Pod>,
    /// The new status, where it changed.
    pub status: Option<StatefulSetStatus>,
    /// When to look again, because a pod will have become available.
    pub recheck: Option<Instant>,
}

/// The revisions that pods are made from: name and template.
#[derive(Debug, Clone, Copy)]
pub struct Revisions<'a> {
    pub current: (&'a str, &'a PodTemplateSpec),
    pub update: (&'a str, &'a PodTemplateSpec),
}

impl StatefulSet {
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn start(&self) -> i32 {
        self.spec.ordinals.as_ref().map_or(0, |it| it.start)
    }

    /// The number at the end of a pod's name that this set could have made (`getOrdinal`).
    pub fn ordinal(&self, name: &str) -> Option<i32> {
        let number = name.strip_prefix(&self.metadata.name)?.strip_prefix('-')?;
        let plain = number.bytes().all(|it| it.is_ascii_digit());
        number.parse().ok().filter(|_| plain)
    }
}

/// The ControllerRevision of the set that has this name, else the one of its template.
pub fn current<'a>(
    set: &StatefulSet,
    existing: &[&'a ControllerRevision],
    update: &'a ControllerRevision,
) -> &'a ControllerRevision {
    let named = |it: &&&ControllerRevision| it.metadata.name == set.status.current_revision;
    existing.iter().find(named).copied().unwrap_or(update)
}

/// One turn. `pods`: those with a name of this set that it controls, or may adopt.
pub fn sync(set: &StatefulSet, pods: &[&Pod], revisions: Revisions, now: Instant) -> Plan {
    let mut turn = Turn::new(set, pods, revisions, now);
    turn.status = turn.counted(pods.iter().copied());
    if set.metadata.deletion_timestamp.is_none() {
        turn.act();
    }
    turn.finish(pods)
}

/// A place in the set: the pod that holds it, or the one to make for it.
enum Place<'a> {
    Taken(&'a Pod),
    Free(Box<Pod>),
}

struct Turn<'a> {
    set: &'a StatefulSet,
    revisions: Revisions<'a>,
    /// By ordinal.
    places: Vec<Place<'a>>,
    /// Pods beyond the range, the highest ordinal first.
    condemned: Vec<&'a Pod>,
    /// In order, one at a time.
    monotonic: bool,
    plan: Plan,
    status: StatefulSetStatus,
    now: Instant,
}

impl<'a> Turn<'a> {
    fn new(
        set: &'a StatefulSet,
        pods: &[&'a Pod],
        revisions: Revisions<'a>,
        now: Instant,
    ) -> Turn<'a> {
        let range = set.start()..set.start().saturating_add(set.replicas().max(0));
        let holder = |ordinal: i32| {
            pods.iter().find(|pod| set.ordinal(&pod.metadata.name) == Some(ordinal)).copied()
        };
        let place = |ordinal| match holder(ordinal) {
            Some(pod) => Place::Taken(pod),
            None => Place::Free(Box::new(new_pod(set, ordinal, revisions))),
        };
        let places = range.clone().map(place).collect();
        let outside =
            |pod: &&&Pod| set.ordinal(&pod.metadata.name).is_some_and(|it| !range.contains(&it));
        let mut condemned: Vec<&Pod> = pods.iter().filter(outside).copied().collect();
        condemned.order_by_key(|pod| Reverse(set.ordinal(&pod.metadata.name)));
        let monotonic = set.spec.pod_management_policy != "Parallel";
        let (plan, status) = (Plan::default(), StatefulSetStatus::default());
        Turn { set, revisions, places, condemned, monotonic, plan, status, now }
    }

    fn act(&mut self) {
        let blocked = self.fill_places();
        let blocked = blocked || self.thin_out();
        let living =
            self.places.iter().filter_map(Place::pod).chain(self.condemned.iter().copied());
        self.status = self.counted(living);
        if !blocked && self.set.spec.update_strategy.r#type != "OnDelete" {
            self.update_one();
        }
    }

    /// Makes missing pods and replaces ended ones, each only when those before it are available;
    /// true where the turn ends here (`processReplica`).
    fn fill_places(&mut self) -> bool {
        for place in &self.places {
            let blocks = match place {
                Place::Free(pod) => {
                    self.plan.create.push((**pod).clone());
                    true
                }
                Place::Taken(pod) if pod.is_finished() => {
                    if !pod.is_terminating() {
                        self.plan.delete.push(pod.metadata.name.clone());
                    }
                    true
                }
                Place::Taken(pod) => {
                    self.plan.update.extend(identified(self.set, pod));
                    !self.is_healthy(pod)
                }
            };
            if blocks && self.monotonic {
                return true;
            }
        }
        false
    }

    /// Deletes pods beyond the range, the highest first (`processCondemned`).
    fn thin_out(&mut self) -> bool {
        let unhealthy = |pod: &&&Pod| !self.is_healthy(pod);
        let in_places = self.places.iter().filter_map(Place::pod).find(|pod| !self.is_healthy(pod));
        let first = in_places.or(self.condemned.iter().rev().find(unhealthy).copied());
        for pod in &self.condemned {
            let is_first = first.is_some_and(|first| std::ptr::eq(first, *pod));
            if pod.is_terminating() {
                if self.monotonic {
                    return true;
                }
                continue;
            }
            if self.monotonic && !self.runs(pod) && !is_first {
                return true;
            }
            self.plan.delete.push(pod.metadata.name.clone());
            if self.monotonic {
                return true;
            }
        }
        false
    }

    /// Deletes the highest pod that is not of the update revision, if those above it are available
    /// again.
    fn update_one(&mut self) {
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref();
        let partition = rolling.and_then(|it| it.partition).unwrap_or(0);
        let least = usize::try_from(partition.saturating_sub(self.set.start())).unwrap_or(0);
        for place in self.places.iter().skip(least).rev() {
            let Some(pod) = place.pod() else { return };
            let is_old = revision_of(pod) != self.revisions.update.0;
            if is_old && !pod.is_terminating() {
                self.plan.delete.push(pod.metadata.name.clone());
                self.status.current_replicas = self.status.current_replicas.saturating_sub(1);
                return;
            }
            if !self.is_healthy(pod) {
                return;
            }
        }
    }

    /// Running, ready for long enough.
    fn runs(&self, pod: &Pod) -> bool {
        pod.status.phase == "Running"
            && is_available(pod, self.set.spec.min_ready_seconds, self.now)
    }

    fn is_healthy(&self, pod: &Pod) -> bool {
        self.runs(pod) && !pod.is_terminating()
    }

    /// `computeReplicaStatus`
    fn counted<'p>(&self, pods: impl Iterator<Item = &'p Pod>) -> StatefulSetStatus {
        let (current, update) = (self.revisions.current.0, self.revisions.update.0);
        let mut res = StatefulSetStatus {
            observed_generation: self.set.metadata.generation,
            current_revision: current.into(),
            update_revision: update.into(),
            collision_count: Some(self.set.status.collision_count.unwrap_or(0)),
            conditions: self.set.status.conditions.clone(),
            ..StatefulSetStatus::default()
        };
        for pod in pods {
            res.replicas += 1;
            res.ready_replicas += i32::from(pod.status.phase == "Running" && pod.is_ready());
            res.available_replicas += i32::from(self.runs(pod));
            let living = !pod.is_terminating();
            res.current_replicas += i32::from(living && revision_of(pod) == current);
            res.updated_replicas += i32::from(living && revision_of(pod) == update);
        }
        res
    }

    fn finish(mut self, pods: &[&Pod]) -> Plan {
        let wanted = self.set.replicas();
        let status = &mut self.status;
        // `completeRollingUpdate`
        if self.set.spec.update_strategy.r#type == "RollingUpdate"
            && [status.updated_replicas, status.ready_replicas, status.replicas] == [wanted; 3]
        {
            status.current_replicas = status.updated_replicas;
            status.current_revision.clone_from(&status.update_revision);
        }
        let pods = pods.iter().copied();
        let seconds = self.set.spec.min_ready_seconds;
        self.plan.recheck = next_available(pods, seconds, self.now);
        self.plan.status = Some(self.status).filter(|it| *it != self.set.status);
        self.plan
    }
}

impl<'a> Place<'a> {
    fn pod(&self) -> Option<&'a Pod> {
        match self {
            Place::Taken(pod) => Some(pod),
            Place::Free(_) => None,
        }
    }
}

fn revision_of(pod: &Pod) -> &str {
    pod.metadata.labels.get(REVISION_LABEL).map_or("", String::as_str)
}

/// The pod for an ordinal: below the partition as it was, else as it is to be
/// (`newVersionedStatefulSetPod`).
fn new_pod(set: &StatefulSet, ordinal: i32, revisions: Revisions) -> Pod {
    let rolling = set.spec.update_strategy.rolling_update.as_ref();
    let is_rolling = set.spec.update_strategy.r#type == "RollingUpdate";
    let partition = rolling.and_then(|it| it.partition).unwrap_or(0);
    let kept = is_rolling && ordinal < set.start().saturating_add(partition);
    let (revision, template) = if kept { revisions.current } else { revisions.update };
    let name = format!("{}-{ordinal}", set.metadata.name);
    let mut labels = template.metadata.labels.clone();
    labels.insert(REVISION_LABEL.into(), revision.into());
    labels.insert(NAME_LABEL.into(), name.clone());
    labels.insert(INDEX_LABEL.into(), ordinal.to_string());
    let metadata = ObjectMeta {
        generate_name: format!("{}-", set.metadata.name).into(),
        namespace: set.metadata.namespace.clone(),
        labels,
        annotations: template.metadata.annotations.clone(),
        finalizers: template.metadata.finalizers.clone(),
        owner_references: vec![owner("apps/v1", "StatefulSet", &set.metadata)].into(),
        name,
        ..ObjectMeta::default()
    };
    let mut spec = template.spec.clone();
    spec.hostname.clone_from(&metadata.name);
    spec.subdomain.clone_from(&set.spec.service_name);
    for claim in &set.spec.volume_claim_templates {
        let volume = claim["metadata"]["name"].as_str().unwrap_or_default();
        let claim = format!("{volume}-{}", metadata.name);
        spec.volumes.retain(|it| it["name"] != volume);
        spec.volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
    }
    Pod { metadata, spec, ..Pod::default() }
}

/// The pod with the labels that name it, where it has lost them (`updateIdentity`).
fn identified(set: &StatefulSet, pod: &Pod) -> Option<Pod> {
    let ordinal = set.ordinal(&pod.metadata.name)?.to_string();
    let labels = &pod.metadata.labels;
    let named = labels.get(NAME_LABEL) == Some(&pod.metadata.name);
    if named && labels.get(INDEX_LABEL) == Some(&ordinal) {
        return None;
    }
    let mut pod = pod.clone();
    pod.metadata.labels.insert(NAME_LABEL.into(), pod.metadata.name.clone());
    pod.metadata.labels.insert(INDEX_LABEL.into(), ordinal);
    Some(pod)
}
