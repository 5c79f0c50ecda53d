//! Objects as written → objects as stored, or the API server's refusal.
//!
//! Each kind has its defaults, its validation and what the server prepares; a Service also gets
//! its cluster IPs and node ports. The order of the work is the server's, because it decides which
//! mistake is heard: decode, default, namespace, metadata, allocate, validate, warn, store.

mod admission;
mod allocate;
mod cluster;
mod config_map;
mod container;
mod daemon_set;
mod endpoints;
mod errors;
mod handler;
mod ingress;
mod ip;
mod json_patch;
mod meta;
mod network_policy;
mod patch;
mod placement;
mod pod;
mod pod_update;
mod pod_warnings;
mod refusal;
mod resources;
mod rules;
mod secret;
mod service;
mod settings;
mod stateful_set;
mod status;
mod strategic;
mod subresource;
mod three_way;
mod volume;
mod workload;

use crate::key::Kind;
use crate::object::{Object, Objects, PodTemplateSpec};
use crate::rng::Rng;

use allocate::Allocator;
use errors::Errors;

pub use admission::delete;
pub(crate) use daemon_set::TEMPLATE_GENERATION;
pub use errors::Cause;
pub use json_patch::json_patch;
pub(crate) use meta::{check_namespace, check_place};
pub use patch::{Patch, merge_patch, patch, patch_status};
pub use refusal::{Details, Refusal};
pub use settings::{Settings, Version};
pub use status::update_status;
pub use strategic::strategic_patch;
pub use subresource::{bind, patch_scale, scale};
pub use three_way::{LAST_APPLIED, annotated, apply_patch, three_way};

/// An object that may be stored, and what the server says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    pub object: Object,
    pub warnings: Vec<String>,
}

/// POST: a new object. Its creation time and its version are for the store to add.
pub fn create(
    objects: &Objects,
    mut object: Object,
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    default(&mut object);
    admission::admit(objects, &mut object, settings)?;
    meta::prepare(object.kind(), object.meta_mut(), settings.version, rng);
    if let Object::Service(service) = &mut object {
        service::synchronize_cluster_ips(&mut service.spec, None);
        Allocator::new(objects, settings, rng).create(service)?;
    }
    prepare(&mut object);
    let mut errors = Errors::new(settings.version);
    validate(&object, &mut errors);
    finish(&object, errors)?;
    refuse_known(objects, &object)?;
    let mut warnings: Vec<String> = warnings_of_name(&object).into_iter().collect();
    warnings.extend(self::warnings(&object, settings.version));
    if let Object::Ingress(ingress) = &object {
        warnings.extend(ingress::warnings(ingress));
    }
    Ok(Admitted { object, warnings })
}

/// POST of the object that `admitted` was made of once more, with another generated name: all else
/// is found as it was.
pub fn create_alike(
    objects: &Objects,
    admitted: &Object,
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Object, Refusal> {
    let mut object = admitted.clone();
    object.meta_mut().name.clear();
    meta::prepare(object.kind(), object.meta_mut(), settings.version, rng);
    refuse_known(objects, &object)?;
    Ok(object)
}

fn refuse_known(objects: &Objects, object: &Object) -> Result<(), Refusal> {
    let key = object.key();
    if objects.contains_key(&key) {
        return Err(Refusal::about(409, "AlreadyExists", &key, "already exists"));
    }
    Ok(())
}

/// PUT: the whole object anew; status, and what the server has given, stay.
pub fn update(
    objects: &Objects,
    old: &Object,
    mut new: Object,
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    default(&mut new);
    let asked = new.meta().resource_version.clone();
    if !asked.is_empty() && asked != old.meta().resource_version {
        return Err(Refusal::conflict(&new.key()));
    }
    keep_metadata(&mut new, old, settings.version);
    if let (Object::Service(new), Object::Service(old)) = (&mut new, old) {
        service::keep_allocated(&mut new.spec, &old.spec);
        service::synchronize_cluster_ips(&mut new.spec, Some(&old.spec));
        Allocator::new(objects, settings, rng).update(new, old)?;
    }
    keep_status(&mut new, old);
    let mut errors = Errors::new(settings.version);
    meta::validate_common(new.meta(), old.meta(), &mut errors);
    validate_update(&new, old, &mut errors);
    finish(&new, errors)?;
    // The server looks at a template again only where the spec has changed.
    let is_heard = !has_template(&new) || new.meta().generation != old.meta().generation;
    let warnings = if is_heard { warnings(&new, settings.version) } else { Vec::new() };
    Ok(Admitted { warnings, object: new })
}

/// PUT by name: updates what is there; some kinds are created if nothing is.
pub fn replace(
    objects: &Objects,
    mut new: Object,
    rng: &mut Rng,
    settings: &Settings,
) -> Result<Admitted, Refusal> {
    default_namespace(&mut new);
    let key = new.key();
    match objects.get(&key) {
        Some(old) => {
            let (asked, found) = (&new.meta().uid, &old.meta().uid);
            if !asked.is_empty() && asked != found {
                return Err(Refusal::other_uid(&key, asked, found));
            }
            update(objects, old, new, rng, settings)
        }
        None if matches!(key.kind, Kind::Service | Kind::Endpoints) => {
            create(objects, new, rng, settings)
        }
        None => Err(Refusal::not_found(&key)),
    }
}

fn default_namespace(object: &mut Object) {
    let is_namespaced = object.kind().is_namespaced();
    let namespace = &mut object.meta_mut().namespace;
    if !is_namespaced {
        namespace.clear();
    } else if namespace.is_empty() {
        "default".clone_into(namespace);
    }
}

fn default(object: &mut Object) {
    default_namespace(object);
    match object {
        Object::Service(it) => service::default(it),
        Object::Pod(it) => pod::default(it),
        Object::Deployment(it) => workload::default_deployment(it),
        Object::ReplicaSet(it) => workload::default_replica_set(it),
        Object::StatefulSet(it) => stateful_set::default(it),
        Object::DaemonSet(it) => daemon_set::default(it),
        Object::Endpoints(it) => endpoints::default(it),
        Object::EndpointSlice(it) => endpoints::default_slice(it),
        Object::Namespace(it) => cluster::default_namespace(it),
        Object::Node(it) => cluster::default_node(it),
        Object::NetworkPolicy(it) => network_policy::default(it),
        Object::IngressClass(it) => ingress::default_class(it),
        Object::Other(it) if it.kind == Kind::Secret => secret::default(it),
        Object::Ingress(_)
        | Object::ConfigMap(_)
        | Object::ControllerRevision(_)
        | Object::Other(_) => {}
    }
}

/// What the server itself sets on a new object.
fn prepare(object: &mut Object) {
    match object {
        Object::Service(it) => it.status = Default::default(),
        Object::Pod(it) => pod::prepare(it),
        Object::Deployment(it) => it.status = Default::default(),
        Object::ReplicaSet(it) => it.status = Default::default(),
        Object::StatefulSet(it) => it.status = Default::default(),
        Object::DaemonSet(it) => daemon_set::prepare(it),
        Object::Namespace(it) => cluster::prepare_namespace(it),
        Object::Node(it) => cluster::prepare_node(it),
        Object::Ingress(it) => it.status = Default::default(),
        Object::Other(it) => _ = it.body.remove("status"),
        Object::Endpoints(_)
        | Object::EndpointSlice(_)
        | Object::ControllerRevision(_)
        | Object::IngressClass(_)
        | Object::NetworkPolicy(_)
        | Object::ConfigMap(_) => {}
    }
}

fn validate(object: &Object, errors: &mut Errors) {
    match object {
        Object::Service(it) => service::validate(it, errors),
        Object::Pod(it) => pod::validate_create(it, errors),
        Object::Deployment(it) => workload::validate_deployment(it, errors),
        Object::ReplicaSet(it) => workload::validate_replica_set(it, errors),
        Object::StatefulSet(it) => stateful_set::validate(it, errors),
        Object::DaemonSet(it) => daemon_set::validate(it, errors),
        Object::ControllerRevision(it) => {
            meta::validate(Kind::ControllerRevision, &it.metadata, errors);
        }
        Object::Endpoints(it) => endpoints::validate(it, errors),
        Object::EndpointSlice(it) => endpoints::validate_slice(it, errors),
        Object::Namespace(it) => cluster::validate_namespace(it, errors),
        Object::Node(it) => cluster::validate_node(it, errors),
        Object::Ingress(it) => ingress::validate_create(it, errors),
        Object::IngressClass(it) => ingress::validate_class(it, errors),
        Object::NetworkPolicy(it) => network_policy::validate(it, errors),
        Object::ConfigMap(it) => config_map::validate(it, errors),
        Object::Other(it) if it.kind == Kind::Secret => secret::validate(it, errors),
        Object::Other(it) => meta::validate(it.kind, &it.metadata, errors),
    }
}

fn validate_update(new: &Object, old: &Object, errors: &mut Errors) {
    match (new, old) {
        (Object::Service(new), Object::Service(old)) => {
            service::validate_update(new, old, errors);
            service::validate(new, errors);
        }
        (Object::Deployment(new), Object::Deployment(old)) => {
            workload::validate_deployment_update(new, old, errors);
        }
        (Object::ReplicaSet(new), Object::ReplicaSet(old)) => {
            workload::validate_replica_set_update(new, old, errors);
        }
        (Object::Pod(new), Object::Pod(old)) => pod_update::validate_update(new, old, errors),
        (Object::EndpointSlice(new), Object::EndpointSlice(old)) => {
            endpoints::validate_slice(new, errors);
            meta::immutable(&new.address_type, &old.address_type, "addressType", errors);
        }
        (Object::StatefulSet(new), Object::StatefulSet(old)) => {
            stateful_set::validate_update(new, old, errors);
        }
        (Object::DaemonSet(new), Object::DaemonSet(old)) => {
            daemon_set::validate_update(new, old, errors);
        }
        (Object::Ingress(new), Object::Ingress(old)) => {
            meta::validate_update(&new.metadata, &old.metadata, errors);
            ingress::validate(new, errors);
        }
        (Object::IngressClass(new), Object::IngressClass(old)) => {
            ingress::validate_class_update(new, old, errors);
        }
        (Object::ConfigMap(new), Object::ConfigMap(old)) => {
            config_map::validate_update(new, old, errors);
        }
        (Object::Endpoints(new), Object::Endpoints(old)) => {
            endpoints::validate_update(new, old, errors);
        }
        (Object::Namespace(new), Object::Namespace(old)) => {
            cluster::validate_namespace(new, errors);
            meta::validate_update(&new.metadata, &old.metadata, errors);
        }
        (Object::Node(new), Object::Node(old)) => cluster::validate_node_update(new, old, errors),
        (Object::NetworkPolicy(new), Object::NetworkPolicy(old)) => {
            network_policy::validate_update(new, old, errors);
        }
        (Object::Other(new), Object::Other(old)) if new.kind == Kind::Secret => {
            secret::validate_update(new, old, errors);
        }
        _ => validate(new, errors),
    }
}

/// What the server says of a kind in every answer, even to a request that it refuses.
pub fn deprecation(kind: Kind, version: Version) -> Option<&'static str> {
    let is_old = kind == Kind::Endpoints && version >= Version::V1_33;
    is_old.then_some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
}

fn warnings(object: &Object, version: Version) -> Vec<String> {
    match object {
        Object::Service(it) => service::warnings(it, version),
        Object::Pod(it) => pod_warnings::warnings(&it.spec, "spec"),
        Object::Deployment(it) => of_template(&it.spec.template),
        Object::ReplicaSet(it) => of_template(&it.spec.template),
        Object::StatefulSet(it) => of_template(&it.spec.template),
        Object::DaemonSet(it) => of_template(&it.spec.template),
        _ => Vec::new(),
    }
}

fn has_template(object: &Object) -> bool {
    matches!(
        object,
        Object::Deployment(_)
            | Object::ReplicaSet(_)
            | Object::StatefulSet(_)
            | Object::DaemonSet(_)
    )
}

/// A name that may not be a host's, of what gives its name to hosts.
fn warnings_of_name(object: &Object) -> Option<String> {
    let used = match object {
        Object::Pod(_) => "the Pod's hostname",
        Object::Deployment(_) | Object::ReplicaSet(_) => "Pod names and hostnames",
        _ => return None,
    };
    let complaints = rules::dns_1123_label(&object.meta().name);
    (!complaints.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in {used}, which can result in surprising behavior; \
             a DNS label is recommended: [{}]",
            complaints.join(" ")
        )
    })
}

fn of_template(template: &PodTemplateSpec) -> Vec<String> {
    pod_warnings::warnings(&template.spec, "spec.template.spec")
}

fn finish(object: &Object, errors: Errors) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(object.kind(), &object.meta().name, errors))
}

/// What no client can change, and the count of spec changes.
fn keep_metadata(new: &mut Object, old: &Object, version: Version) {
    let before = old.meta();
    let meta = new.meta_mut();
    meta.uid.clone_from(&before.uid);
    meta.resource_version.clone_from(&before.resource_version);
    meta.creation_timestamp.clone_from(&before.creation_timestamp);
    meta.deletion_timestamp.clone_from(&before.deletion_timestamp);
    meta.deletion_grace_period_seconds = before.deletion_grace_period_seconds;
    meta.generate_name.clone_from(&before.generate_name);
    new.meta_mut().generation = next_generation(Some(old), new, version);
}

/// `metadata.generation` once `new` takes the place of `old`: it counts the changes of the spec.
pub(crate) fn next_generation(old: Option<&Object>, new: &Object, version: Version) -> i64 {
    let counts = meta::has_generation(new.kind(), version);
    let changed = counts && old.is_none_or(|old| !same_content(old, new));
    old.map_or(0, |old| old.meta().generation) + i64::from(changed)
}

/// Whether two objects differ in metadata and status alone.
fn same_content(old: &Object, new: &Object) -> bool {
    match (old, new) {
        // The only kind whose annotations count.
        (Object::Deployment(old), Object::Deployment(new)) => {
            old.spec == new.spec && old.metadata.annotations == new.metadata.annotations
        }
        (Object::ReplicaSet(old), Object::ReplicaSet(new)) => old.spec == new.spec,
        (Object::StatefulSet(old), Object::StatefulSet(new)) => old.spec == new.spec,
        (Object::DaemonSet(old), Object::DaemonSet(new)) => old.spec == new.spec,
        (Object::EndpointSlice(old), Object::EndpointSlice(new)) => {
            (&old.address_type, &old.endpoints, &old.ports)
                == (&new.address_type, &new.endpoints, &new.ports)
        }
        _ => content(old) == content(new),
    }
}

/// The object without metadata and status.
fn content(object: &Object) -> serde_json::Value {
    let mut value = object.to_value();
    if let Some(map) = value.as_object_mut() {
        map.remove("metadata");
        map.remove("status");
    }
    value
}

fn keep_status(new: &mut Object, old: &Object) {
    match (new, old) {
        (Object::Service(new), Object::Service(old)) => {
            service::wipe(&mut new.spec, &old.spec);
            new.status = old.status.clone();
            if !service::is_load_balancer(&new.spec) {
                new.status.load_balancer = Default::default();
            }
        }
        (Object::Pod(new), Object::Pod(old)) => pod::keep(new, old),
        (Object::Deployment(new), Object::Deployment(old)) => new.status = old.status.clone(),
        (Object::ReplicaSet(new), Object::ReplicaSet(old)) => new.status = old.status.clone(),
        (Object::StatefulSet(new), Object::StatefulSet(old)) => new.status = old.status.clone(),
        (Object::DaemonSet(new), Object::DaemonSet(old)) => daemon_set::keep(new, old),
        (Object::Node(new), Object::Node(old)) => new.status = old.status.clone(),
        (Object::Ingress(new), Object::Ingress(old)) => new.status = old.status.clone(),
        (Object::Namespace(new), Object::Namespace(old)) => {
            new.status = old.status.clone();
            new.spec = old.spec.clone();
        }
        (Object::Other(new), Object::Other(old)) => {
            new.body.remove("status");
            let status = old.body.get("status").cloned();
            new.body.extend(status.map(|status| ("status".to_owned(), status)));
        }
        _ => {}
    }
}

#[cfg(test)]
mod patch_tests;
#[cfg(test)]
mod tests;
