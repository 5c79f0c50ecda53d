//! Deployment → ReplicaSet → Pod.

use crate::object::{
    Deployment, IntOrString, Json, LabelSelector, ObjectMeta, OwnerReference, Pod, PodTemplateSpec,
    ReplicaSet, ReplicaSetSpec,
};

const HASH_LABEL: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// One step of a Deployment towards its goal; after it the controller looks again.
#[derive(Debug, Clone, PartialEq)]
pub enum Rollout {
    Create(Box<ReplicaSet>),
    /// The name of the ReplicaSet, and its new number of pods.
    Scale {
        name: String,
        replicas: i32,
    },
    Done,
}

/// The template's hash as Deployments name their ReplicaSets: FNV-1a over the template's text,
/// its decimal digits mapped into the alphabet of generated names (`ComputeHash`,
/// `SafeEncodeString`). The real one hashes a dump of the Go struct, so the letters differ.
pub fn template_hash(template: &PodTemplateSpec) -> String {
    let text = template.to_json().to_string();
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    const DIGITS: [char; 10] = ['4', '5', '6', '7', '8', '9', 'b', 'c', 'd', 'f'];
    hash.to_string().bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect()
}

/// The ReplicaSets that the Deployment controls, oldest first.
pub fn owned_sets<'a>(
    deployment: &'a Deployment,
    sets: impl Iterator<Item = &'a ReplicaSet>,
) -> Vec<&'a ReplicaSet> {
    let uid = &deployment.metadata.uid;
    let mut res: Vec<&ReplicaSet> =
        sets.filter(|set| set.metadata.controller().is_some_and(|it| it.uid == *uid)).collect();
    res.sort_by_key(|set| revision(&set.metadata));
    res
}

fn revision(meta: &ObjectMeta) -> i64 {
    meta.annotations.get(REVISION).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// The next step of the Deployment (`rolloutRolling`, `rolloutRecreate`). `sets` as from [`owned_sets`].
pub fn rollout(deployment: &Deployment, sets: &[&ReplicaSet]) -> Rollout {
    let hash = template_hash(&deployment.spec.template);
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let (current, old): (Vec<&ReplicaSet>, Vec<&ReplicaSet>) = sets
        .iter()
        .partition(|set| set.metadata.labels.get(HASH_LABEL).is_some_and(|it| *it == hash));
    let recreate = deployment.spec.strategy.r#type == "Recreate";
    let (surge, unavailable) = if recreate { (0, wanted) } else { limits(deployment, wanted) };
    let old_pods: i32 = old.iter().map(|set| set.replicas()).sum();
    let Some(current) = current.first() else {
        let room = (wanted + surge - old_pods).clamp(0, wanted);
        let replicas = if recreate && old_pods > 0 { 0 } else { room };
        let last = sets.last().map_or(0, |set| revision(&set.metadata));
        return Rollout::Create(Box::new(new_set(deployment, &hash, replicas, last + 1)));
    };
    let up = scale_up(current, old_pods, wanted, surge, recreate && still_runs(&old));
    if let Some(replicas) = up {
        return Rollout::Scale { name: current.metadata.name.clone(), replicas };
    }
    scale_down(current, &old, wanted - unavailable).unwrap_or(Rollout::Done)
}

fn still_runs(old: &[&ReplicaSet]) -> bool {
    old.iter().any(|set| set.replicas() > 0 || set.status.replicas > 0)
}

impl ReplicaSet {
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }
}

fn scale_up(
    current: &ReplicaSet,
    old_pods: i32,
    wanted: i32,
    surge: i32,
    waits: bool,
) -> Option<i32> {
    let have = current.replicas();
    if have > wanted {
        return Some(wanted);
    }
    let room = wanted + surge - have - old_pods;
    let goal = have + room.clamp(0, wanted - have);
    (goal > have && !waits).then_some(goal)
}

/// Takes pods from old sets, those that are not available first, as long as `least` stay available.
fn scale_down(current: &ReplicaSet, old: &[&ReplicaSet], least: i32) -> Option<Rollout> {
    let all: i32 = old.iter().map(|set| set.replicas()).sum::<i32>() + current.replicas();
    let new_unavailable = current.replicas() - current.status.available_replicas;
    let spare = all - least - new_unavailable;
    if spare <= 0 {
        return None;
    }
    let to = |set: &ReplicaSet, less: i32| {
        Some(Rollout::Scale {
            name: set.metadata.name.clone(),
            replicas: set.replicas() - less.min(spare),
        })
    };
    let unhealthy = |set: &&&ReplicaSet| set.replicas() > set.status.available_replicas;
    if let Some(set) = old.iter().find(unhealthy) {
        return to(set, set.replicas() - set.status.available_replicas);
    }
    let available: i32 = old.iter().map(|set| set.status.available_replicas).sum::<i32>()
        + current.status.available_replicas;
    let surplus = available - least;
    let set = old.iter().find(|set| set.replicas() > 0).filter(|_| surplus > 0)?;
    to(set, surplus.min(set.replicas()))
}

/// maxSurge, rounded up, and maxUnavailable, rounded down (`ResolveFenceposts`).
fn limits(deployment: &Deployment, wanted: i32) -> (i32, i32) {
    let update = deployment.spec.strategy.rolling_update.clone().unwrap_or_default();
    let quarter = || IntOrString::from("25%");
    let surge = share(&update.max_surge.unwrap_or_else(quarter), wanted, true);
    let unavailable = share(&update.max_unavailable.unwrap_or_else(quarter), wanted, false);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

fn share(amount: &IntOrString, of: i32, up: bool) -> i32 {
    let percent: i64 = match amount {
        IntOrString::Int(number) => return *number,
        IntOrString::String(text) => text.trim_end_matches('%').parse().unwrap_or(0),
    };
    let hundredths = percent.saturating_mul(i64::from(of));
    let res = if up { hundredths.saturating_add(99) / 100 } else { hundredths / 100 };
    i32::try_from(res).unwrap_or(i32::MAX)
}

fn new_set(deployment: &Deployment, hash: &str, replicas: i32, revision: i64) -> ReplicaSet {
    let meta = &deployment.metadata;
    let with_hash = |labels: &mut std::collections::BTreeMap<String, String>| {
        labels.insert(HASH_LABEL.into(), hash.into());
    };
    let mut template = deployment.spec.template.clone();
    with_hash(&mut template.metadata.labels);
    let mut selector: LabelSelector = deployment.spec.selector.clone().unwrap_or_default();
    with_hash(&mut selector.match_labels);
    let mut annotations = meta.annotations.clone();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    annotations.insert(REVISION.into(), revision.to_string());
    let metadata = ObjectMeta {
        name: format!("{}-{hash}", meta.name),
        namespace: meta.namespace.clone(),
        labels: template.metadata.labels.clone(),
        annotations,
        owner_references: vec![owner("apps/v1", "Deployment", meta)],
        ..ObjectMeta::default()
    };
    let spec = ReplicaSetSpec {
        replicas: Some(replicas),
        min_ready_seconds: deployment.spec.min_ready_seconds,
        selector: Some(selector),
        template,
    };
    ReplicaSet { metadata, spec, ..ReplicaSet::default() }
}

pub fn owner(api_version: &str, kind: &str, meta: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: api_version.into(),
        kind: kind.into(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// What a ReplicaSet wants: new pods, or the names of pods to delete.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    Create { count: usize, pod: Box<Pod> },
    Delete(Vec<String>),
    Enough,
}

/// The pods that the ReplicaSet controls and that count: not terminating, not ended.
pub fn owned_pods<'a>(set: &'a ReplicaSet, pods: impl Iterator<Item = &'a Pod>) -> Vec<&'a Pod> {
    let uid = &set.metadata.uid;
    let owned = |pod: &&Pod| pod.metadata.controller().is_some_and(|it| it.uid == *uid);
    pods.filter(owned).filter(|pod| !pod.is_terminating() && !pod.is_finished()).collect()
}

/// `pods` as from [`owned_pods`], oldest first.
pub fn scale(set: &ReplicaSet, pods: &[&Pod]) -> Scaling {
    let wanted = usize::try_from(set.replicas()).unwrap_or(0);
    if pods.len() < wanted {
        return Scaling::Create { count: wanted - pods.len(), pod: Box::new(new_pod(set)) };
    }
    let mut victims: Vec<&&Pod> = pods.iter().collect();
    let crowd =
        |pod: &Pod| pods.iter().filter(|it| it.spec.node_name == pod.spec.node_name).count();
    // `ActivePodsWithRanks`; newer pods go first at the end, so the list is turned round.
    victims.reverse();
    victims.sort_by_key(|pod| {
        let unassigned = pod.spec.node_name.is_empty();
        (!unassigned, pod.status.phase == "Running", pod.is_ready(), usize::MAX - crowd(pod))
    });
    victims.truncate(pods.len() - wanted);
    match victims.is_empty() {
        true => Scaling::Enough,
        false => Scaling::Delete(victims.iter().map(|pod| pod.metadata.name.clone()).collect()),
    }
}

fn new_pod(set: &ReplicaSet) -> Pod {
    let template = &set.spec.template;
    let metadata = ObjectMeta {
        generate_name: format!("{}-", set.metadata.name),
        namespace: set.metadata.namespace.clone(),
        labels: template.metadata.labels.clone(),
        annotations: template.metadata.annotations.clone(),
        owner_references: vec![owner("apps/v1", "ReplicaSet", &set.metadata)],
        ..ObjectMeta::default()
    };
    Pod { metadata, spec: template.spec.clone(), ..Pod::default() }
}

/// The ReplicaSet with its counters as they are.
pub fn with_status(set: &ReplicaSet, pods: &[&Pod]) -> ReplicaSet {
    let mut res = set.clone();
    let count = |list: &dyn Fn(&Pod) -> bool| pods.iter().filter(|pod| list(pod)).count() as i32;
    res.status.replicas = pods.len() as i32;
    res.status.fully_labeled_replicas = pods.len() as i32;
    res.status.ready_replicas = count(&Pod::is_ready);
    res.status.available_replicas = res.status.ready_replicas;
    res.status.observed_generation = set.metadata.generation;
    res
}

/// The Deployment with its counters as they are. `sets` as from [`owned_sets`].
pub fn deployment_status(deployment: &Deployment, sets: &[&ReplicaSet]) -> Deployment {
    let mut res = deployment.clone();
    let hash = template_hash(&deployment.spec.template);
    let is_new = |set: &&&ReplicaSet| set.metadata.labels.get(HASH_LABEL) == Some(&hash);
    let sum = |of: &dyn Fn(&ReplicaSet) -> i32| sets.iter().map(|set| of(set)).sum::<i32>();
    let status = &mut res.status;
    status.observed_generation = deployment.metadata.generation;
    status.replicas = sum(&|set| set.status.replicas);
    status.ready_replicas = sum(&|set| set.status.ready_replicas);
    status.available_replicas = sum(&|set| set.status.available_replicas);
    status.updated_replicas = sets.iter().filter(is_new).map(|set| set.status.replicas).sum();
    let wanted = sets.iter().map(|set| set.replicas()).sum::<i32>();
    status.unavailable_replicas = (wanted - status.available_replicas).max(0);
    let revision = sets.iter().find(is_new).map(|set| revision(&set.metadata));
    if let Some(revision) = revision {
        res.metadata.annotations.insert(REVISION.into(), revision.to_string());
    }
    res
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replicas, then (maxSurge, maxUnavailable) at the default of 25 % (spec §4.3).
    #[test]
    fn surge_rounds_up_and_unavailable_rounds_down() {
        let limits_of = |wanted| limits(&Deployment::default(), wanted);
        assert_eq!(limits_of(3), (1, 0));
        assert_eq!(limits_of(4), (1, 1));
        assert_eq!(limits_of(10), (3, 2));
    }

    #[test]
    fn a_template_has_one_hash() {
        let template = PodTemplateSpec::default();
        assert_eq!(template_hash(&template), template_hash(&template.clone()));
        assert!(template_hash(&template).chars().all(|it| "456789bcdf".contains(it)));
    }
}
