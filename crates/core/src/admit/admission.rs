//! What the admission plugins say of a new object before it is validated: its namespace, its
//! Ingress class, the account and the priority of a pod.

use super::errors::Cause;
use super::ingress;
use super::refusal::Refusal;
use super::settings::Settings;
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, Objects, Pod};

/// Classes that every cluster has.
const SYSTEM: [(&str, i32); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];
/// Namespaces that stay.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];
const PREEMPTS: &str = "PreemptLowerPriority";

pub(super) fn admit(
    objects: &Objects,
    object: &mut Object,
    settings: &Settings,
) -> Result<(), Refusal> {
    check_namespace(objects, object)?;
    let key = named(object);
    match object {
        Object::Ingress(ingress) => ingress::choose_class(ingress, objects),
        Object::Pod(pod) => {
            if settings.service_accounts {
                find_account(objects, pod, &key)?;
            }
            give_priority(objects, pod, &key)?;
        }
        _ => {}
    }
    Ok(())
}

/// How a plugin names an object: its name is not generated yet (`extractResourceName`).
fn named(object: &Object) -> ObjectKey {
    let meta = object.meta();
    let name: &str = if meta.name.is_empty() { &meta.generate_name } else { &meta.name };
    let name = if name.is_empty() { "Unknown" } else { name };
    ObjectKey::new(object.kind(), &meta.namespace, name)
}

fn forbidden(key: &ObjectKey, why: &str) -> Refusal {
    Refusal::about(403, "Forbidden", key, &format!("is forbidden: {why}"))
}

/// `NamespaceLifecycle`
fn check_namespace(objects: &Objects, object: &Object) -> Result<(), Refusal> {
    if !object.kind().is_namespaced() {
        return Ok(());
    }
    let key = ObjectKey::new(Kind::Namespace, "", &object.meta().namespace);
    let Some(namespace) = objects.get(&key) else {
        return Err(Refusal::not_found(&key));
    };
    if namespace.as_namespace().is_some_and(|it| it.is_terminating()) {
        let name = &key.name;
        let why = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        let cause = Cause {
            field: "metadata.namespace".to_owned(),
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {name} is being terminated"),
        };
        return Err(Refusal { causes: vec![cause], ..forbidden(&named(object), &why) });
    }
    Ok(())
}

/// What may be deleted: Kubernetes does not do without its own namespaces.
///
/// # Errors
///
/// 403 for one of them.
pub fn delete(key: &ObjectKey) -> Result<(), Refusal> {
    if key.kind == Kind::Namespace && IMMORTAL.contains(&key.name.as_str()) {
        return Err(forbidden(key, "this namespace may not be deleted"));
    }
    Ok(())
}

/// `ServiceAccount`: each namespace has the account `default`.
fn find_account(objects: &Objects, pod: &Pod, key: &ObjectKey) -> Result<(), Refusal> {
    let name = &pod.spec.service_account_name;
    let account = ObjectKey::new(Kind::ServiceAccount, &key.namespace, name);
    if name.is_empty() || name == "default" || objects.contains_key(&account) {
        return Ok(());
    }
    let namespace = &key.namespace;
    let why = format!(
        "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
    );
    Err(forbidden(key, &why))
}

/// `Priority`: the class's number and policy, which a pod may not name by itself.
fn give_priority(objects: &Objects, pod: &mut Pod, key: &ObjectKey) -> Result<(), Refusal> {
    let (value, policy) = priority(objects, pod, key)?;
    let spec = &mut pod.spec;
    let from = "from the given PriorityClass name";
    let by = "must not be provided in pod spec; priority admission controller computed";
    if let Some(given) = spec.priority.filter(|it| *it != value) {
        let why = format!("the integer value of priority ({given}) {by} {value} {from}");
        return Err(forbidden(key, &why));
    }
    if let Some(given) = spec.preemption_policy.as_ref().filter(|it| **it != policy) {
        let why = format!("the string value of PreemptionPolicy ({given}) {by} {policy} {from}");
        return Err(forbidden(key, &why));
    }
    spec.priority = Some(value);
    spec.preemption_policy = Some(policy);
    Ok(())
}

fn priority(objects: &Objects, pod: &mut Pod, key: &ObjectKey) -> Result<(i32, String), Refusal> {
    let name = &mut pod.spec.priority_class_name;
    if name.is_empty() {
        let Some(default) = default_class(objects) else { return Ok((0, PREEMPTS.to_owned())) };
        *name = default;
    }
    if let Some((_, value)) = SYSTEM.iter().find(|(it, _)| it == name) {
        return Ok((*value, PREEMPTS.to_owned()));
    }
    let class = objects.get(&ObjectKey::new(Kind::PriorityClass, "", name.as_str()));
    let Some(Object::Other(class)) = class else {
        return Err(forbidden(key, &format!("no PriorityClass with name {name} was found")));
    };
    let value = class.body.get("value").and_then(serde_json::Value::as_i64).unwrap_or(0);
    let policy = class.body.get("preemptionPolicy").and_then(|it| it.as_str());
    Ok((i32::try_from(value).unwrap_or(0), policy.unwrap_or(PREEMPTS).to_owned()))
}

/// Of several the one with the least value.
fn default_class(objects: &Objects) -> Option<String> {
    let classes = objects.of_kind(Kind::PriorityClass).filter_map(|it| match it {
        Object::Other(it) if it.body.get("globalDefault") == Some(&true.into()) => Some(it),
        _ => None,
    });
    let value = |it: &&crate::object::Other| {
        it.body.get("value").and_then(serde_json::Value::as_i64).unwrap_or(0)
    };
    classes.min_by_key(value).map(|it| it.metadata.name.clone())
}
