//! `kubectl rollout`: a workload's template over time.

mod history;
mod status;

use serde_json::Value;
use svclab_core::control::deployment::same_template;
use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::object::{Deployment, Object, ReplicaSet};

use super::change::{Report, modify};
use super::errors::{Done, error};
use super::targets::{self, Found};
use super::{Kubectl, all_failed, output};
use crate::kubectl::resources::Resource;

pub(super) use history::{history, undo};
pub(super) use status::status;

const NOTHING: &str = "required resource not specified";

/// A type alone means all objects of it.
fn objects(kubectl: &Kubectl) -> Done<Found> {
    let asked = targets::asked(kubectl, &kubectl.flags.arguments)?;
    targets::find(kubectl, asked.ok_or_else(|| error(NOTHING))?)
}

/// The ReplicaSets of a Deployment, by creation: the old ones, and the one of its template
/// (`GetAllReplicaSets`).
pub(super) fn replica_sets(
    lab: &Lab,
    deployment: &Deployment,
) -> (Vec<ReplicaSet>, Option<ReplicaSet>) {
    let meta = &deployment.metadata;
    let all = lab.objects().in_namespace(Kind::ReplicaSet, &meta.namespace);
    let mut sets: Vec<ReplicaSet> = all
        .filter_map(|it| match it {
            Object::ReplicaSet(set) => Some(set),
            _ => None,
        })
        .filter(|it| {
            let mut owners = it.metadata.owner_references.iter();
            owners.any(|it| it.controller == Some(true) && it.uid == meta.uid)
        })
        .cloned()
        .collect();
    let age = |it: &ReplicaSet| (it.metadata.creation_timestamp.clone(), it.metadata.name.clone());
    sets.sort_by_key(age);
    let is_new = |it: &ReplicaSet| same_template(&it.spec.template, &deployment.spec.template);
    let new = sets.iter().position(is_new).map(|at| sets.remove(at));
    (sets, new)
}

/// Changes each object; what cannot be changed so is said with its name.
fn each(
    kubectl: &Kubectl,
    what: &str,
    change: impl Fn(&Object, &mut Value) -> Result<(), String>,
) -> Done {
    let report = Report::new(kubectl)?;
    let found = objects(kubectl)?;
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        let named =
            format!("{} \"{}\"", Resource::of(object.kind()).full_plural(), object.meta().name);
        let changed = modify(kubectl, object, |value| {
            change(object, value).map_err(|why| error(format!("{named} {why}")))
        });
        match changed {
            Ok(Some(value)) => report.show_value(kubectl, &value, &output::name(object), what),
            Ok(None) => {}
            Err(failed) => failures.push(failed),
        }
    }
    all_failed(failures)
}

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

pub(super) async fn restart(kubectl: &Kubectl) -> Done {
    let now = kubectl.process.now().rfc3339();
    each(kubectl, "restarted", |object, value| {
        let kinds = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];
        if !kinds.contains(&object.kind()) {
            return Err("restarting is not supported".to_owned());
        }
        if object.kind() == Kind::Deployment && is_paused(value) {
            return Err("can't restart paused deployment (run rollout resume first)".to_owned());
        }
        value["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] = now.clone().into();
        Ok(())
    })
}

fn is_paused(value: &Value) -> bool {
    value["spec"]["paused"] == true
}

pub(super) async fn pause(kubectl: &Kubectl) -> Done {
    each(kubectl, "paused", |object, value| {
        if object.kind() != Kind::Deployment {
            return Err("pausing is not supported".to_owned());
        }
        if is_paused(value) {
            return Err("is already paused".to_owned());
        }
        value["spec"]["paused"] = true.into();
        Ok(())
    })
}

pub(super) async fn resume(kubectl: &Kubectl) -> Done {
    each(kubectl, "resumed", |object, value| {
        if object.kind() != Kind::Deployment {
            return Err("resuming is not supported".to_owned());
        }
        if !is_paused(value) {
            return Err("is not paused".to_owned());
        }
        if let Some(spec) = value["spec"].as_object_mut() {
            spec.shift_remove("paused");
        }
        Ok(())
    })
}
