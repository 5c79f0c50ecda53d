//! Which ReplicaSet is the new one, its revision, and how one is made.

use std::borrow::Cow;

use super::{PROGRESSING, REVISION, Turn};
use crate::control::conditions;
use crate::control::revision::{owner, template_hash};
use crate::object::{Labels, ObjectMeta, PodTemplateSpec, ReplicaSet, ReplicaSetSpec, Shared};

const HASH_LABEL: &str = "pod-template-hash";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// `maxRevHistoryLengthInChars`
const HISTORY_LENGTH: usize = 2000;

/// Annotations of a Deployment that its ReplicaSets do not get.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// What ReplicaSets are sorted by: creation, then name.
pub(super) fn age(set: &ReplicaSet) -> (&str, &str) {
    (&set.metadata.creation_timestamp, &set.metadata.name)
}

pub(super) fn revision(set: &ReplicaSet) -> i64 {
    set.metadata.annotations.get(REVISION).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Whether two templates differ in their hash label alone (`EqualIgnoreHash`).
pub fn same_template(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    fn labels(of: &PodTemplateSpec) -> impl Iterator<Item = (&String, &String)> {
        of.metadata.labels.iter().filter(|(key, _)| *key != HASH_LABEL)
    }
    let same_rest = || {
        let labels = b.metadata.labels.clone();
        ObjectMeta { labels, ..a.metadata.clone() } == b.metadata
    };
    a.spec == b.spec && labels(a).eq(labels(b)) && same_rest()
}

impl Turn<'_> {
    /// Finds the ReplicaSet of the Deployment's template and brings its revision up to date
    /// (`getNewReplicaSet` for one that exists).
    pub(super) fn find_new(&mut self) {
        let template = &self.deployment.spec.template;
        let same = |it: &Cow<ReplicaSet>| same_template(&it.spec.template, template);
        self.new = self.sets.iter().position(same);
        let Some(at) = self.new else { return };
        if self.update_new(at) {
            return;
        }
        self.revision = self.sets[at].metadata.annotations.get(REVISION).cloned();
        let unknown = conditions::find(&self.status.conditions, PROGRESSING).is_none();
        if self.has_deadline() && unknown {
            let message = format!("Found new replica set \"{}\"", self.sets[at].metadata.name);
            self.progressing("True", "FoundNewReplicaSet", &message);
        }
    }

    /// Whether its annotations or `minReadySeconds` had to change.
    fn update_new(&mut self, at: usize) -> bool {
        let next = self.next_revision();
        let annotations = self.annotations(&self.sets[at], next);
        let seconds = self.deployment.spec.min_ready_seconds;
        let known = &self.sets[at];
        if known.metadata.annotations == annotations && known.spec.min_ready_seconds == seconds {
            return false;
        }
        let set = self.sets[at].to_mut();
        set.metadata.annotations = annotations;
        set.spec.min_ready_seconds = seconds;
        true
    }

    fn next_revision(&self) -> i64 {
        self.old().map(|at| revision(&self.sets[at])).max().unwrap_or(0).saturating_add(1)
    }

    /// The new set's annotations: the Deployment's, and a revision above all others. A set that
    /// is used again remembers the revisions it had (`SetNewReplicaSetAnnotations`).
    fn annotations(&self, set: &ReplicaSet, next: i64) -> Shared<Labels> {
        let mut res = set.metadata.annotations.clone();
        let given = self.deployment.metadata.annotations.iter();
        for (key, value) in given.filter(|(key, _)| !OWN.contains(&key.as_str())) {
            if res.get(key) != Some(value) {
                res.insert(key.clone(), value.clone());
            }
        }
        let before = res.get(REVISION).cloned();
        if revision(set) >= next {
            return res;
        }
        res.insert(REVISION.into(), next.to_string());
        if let Some(before) = before {
            let history = res.get(HISTORY).filter(|it| !it.is_empty());
            let history = history.map_or(before.clone(), |it| format!("{it},{before}"));
            res.insert(HISTORY.into(), shortened(history));
        }
        res
    }

    /// Makes the ReplicaSet of the Deployment's template, with as many pods as may be now.
    pub(super) fn create_new(&mut self) {
        let mut set = self.empty_set();
        let next = self.next_revision();
        set.metadata.annotations = self.annotations(&set, next);
        self.sets.push(Cow::Owned(set));
        let at = self.sets.len() - 1;
        self.new = Some(at);
        self.created = true;
        let replicas = self.replicas_for_new();
        self.resize(at, replicas);
        self.revision = Some(next.to_string());
        if self.has_deadline() {
            let message = format!("Created new replica set \"{}\"", self.sets[at].metadata.name);
            self.progressing("True", "NewReplicaSetCreated", &message);
        }
    }

    fn empty_set(&self) -> ReplicaSet {
        let spec = &self.deployment.spec;
        let meta = &self.deployment.metadata;
        let hash = template_hash(&spec.template);
        let mut template = spec.template.clone();
        template.metadata.labels.insert(HASH_LABEL.into(), hash.clone());
        let mut selector = spec.selector.clone().unwrap_or_default();
        selector.match_labels.insert(HASH_LABEL.into(), hash.clone());
        let metadata = ObjectMeta {
            name: format!("{}-{hash}", meta.name),
            namespace: meta.namespace.clone(),
            labels: template.metadata.labels.clone(),
            owner_references: vec![owner("apps/v1", "Deployment", meta)].into(),
            ..ObjectMeta::default()
        };
        let spec = ReplicaSetSpec {
            replicas: Some(0),
            min_ready_seconds: spec.min_ready_seconds,
            selector: Some(selector),
            template,
        };
        ReplicaSet { metadata, spec: spec.into(), ..ReplicaSet::default() }
    }
}

/// Old revisions go first when the text gets too long.
fn shortened(mut history: String) -> String {
    while history.len() > HISTORY_LENGTH {
        let Some((_, rest)) = history.split_once(',') else { break };
        history = rest.to_owned();
    }
    history
}
