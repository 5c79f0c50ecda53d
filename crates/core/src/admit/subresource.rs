//! The smaller doors to an object: `scale` of what has replicas, `binding` of a pod.

use super::{Admitted, Objects, Refusal, Settings, update};
use crate::key::ObjectKey;
use crate::object::{Object, PodCondition};
use crate::rng::Rng;

/// PUT to `scale`: another number of replicas, nothing else.
///
/// # Errors
///
/// There is no such object, it has no replicas, or their number is refused.
pub fn scale(
    objects: &Objects,
    key: &ObjectKey,
    replicas: i32,
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
    let mut new = old.clone();
    match &mut new {
        Object::Deployment(it) => it.spec.replicas = Some(replicas),
        Object::ReplicaSet(it) => it.spec.replicas = Some(replicas),
        Object::StatefulSet(it) => it.spec.replicas = Some(replicas),
        _ => return Err(Refusal::no_resource()),
    }
    update(objects, old, new, rng, settings)
}

/// POST to `binding`: the pod belongs to the node from now on. `now` is the condition's time.
///
/// # Errors
///
/// There is no such pod, or it has a node already.
pub fn bind(
    objects: &Objects,
    key: &ObjectKey,
    node: &str,
    now: &str,
) -> Result<Admitted, Refusal> {
    let Some(Object::Pod(old)) = objects.get(key) else { return Err(Refusal::not_found(key)) };
    let mut pod = old.clone();
    let name = &key.name;
    let conflict = |why: String| {
        let message = format!("Operation cannot be fulfilled on pods/binding \"{name}\": {why}");
        Refusal::plain(409, "Conflict", &message)
    };
    if pod.is_terminating() {
        let why = format!("pod {name} is being deleted, cannot be assigned to a host");
        return Err(conflict(why));
    }
    if !pod.spec.node_name.is_empty() {
        let taken = &pod.spec.node_name;
        return Err(conflict(format!("pod {name} is already assigned to node \"{taken}\"")));
    }
    node.clone_into(&mut pod.spec.node_name);
    pod.status.conditions.retain(|it| it.r#type != "PodScheduled");
    pod.status.conditions.push(PodCondition {
        r#type: "PodScheduled".to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(now.to_owned()),
        ..PodCondition::default()
    });
    Ok(Admitted { object: Object::Pod(pod), warnings: Vec::new() })
}
