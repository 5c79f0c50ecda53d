//! The smaller doors to an object: `scale` of what has replicas, `binding` of a pod.

use serde_json::{Value, json};

use super::errors::Errors;
use super::patch::patch_value;
use super::{Admitted, Objects, Patch, Refusal, Settings, rules, update};
use crate::key::ObjectKey;
use crate::object::{Object, PodCondition};
use crate::rng::Rng;

/// PUT to `scale`: the number of replicas that a `Scale` names, nothing else.
///
/// # Errors
///
/// There is no such object (404), it has no replicas (404), their number is below zero (422), or
/// the `Scale` is of an older version of the object (409).
pub fn scale(
    objects: &Objects,
    key: &ObjectKey,
    scale: &Value,
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
    let asked = scale["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if !asked.is_empty() && asked != old.meta().resource_version {
        return Err(Refusal::conflict(key));
    }
    let number = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    let mut errors = Errors::new(settings.version);
    rules::not_negative(number, "spec.replicas", &mut errors);
    if !errors.is_empty() {
        return Err(Refusal::invalid_of(("Scale", "autoscaling"), &key.name, errors));
    }
    let mut new = old.clone();
    let replicas = replicas(&mut new).ok_or_else(Refusal::no_resource)?;
    *replicas = Some(i32::try_from(number).unwrap_or(i32::MAX));
    update(objects, old, new, rng, settings)
}

/// PATCH of `scale`, as `kubectl scale` sends it.
///
/// # Errors
///
/// As [`scale`], and 400 or 422 for a patch that is none.
pub fn patch_scale(
    objects: &Objects,
    key: &ObjectKey,
    (how, body): (Patch, &Value),
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    let mut old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?.clone();
    let version = old.meta().resource_version.clone();
    let replicas = replicas(&mut old).ok_or_else(Refusal::no_resource)?;
    let mut value = json!({
        "metadata": {"name": key.name, "resourceVersion": version},
        "spec": {"replicas": replicas},
    });
    // No list of a Scale has a key to merge by, so a strategic patch is a merge patch.
    let how = if how == Patch::Json { how } else { Patch::Merge };
    patch_value(key.kind, &mut value, how, body)?;
    scale(objects, key, &value, rng, settings)
}

fn replicas(object: &mut Object) -> Option<&mut Option<i32>> {
    match object {
        Object::Deployment(it) => Some(&mut it.spec.replicas),
        Object::ReplicaSet(it) => Some(&mut it.spec.replicas),
        Object::StatefulSet(it) => Some(&mut it.spec.replicas),
        _ => None,
    }
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
        r#type: "PodScheduled".into(),
        status: "True".into(),
        last_transition_time: Some(now.to_owned().into()),
        ..PodCondition::default()
    });
    Ok(Admitted { object: Object::Pod(pod), warnings: Vec::new() })
}
