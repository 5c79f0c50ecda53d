//! `kubectl rollout history` and `undo`: what the template was, and back to it.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::admit::{self, LAST_APPLIED};
use svclab_core::key::Kind;
use svclab_core::object::{Json, Object};

use super::{objects, replica_sets};
use crate::kubectl::change::{Report, heard};
use crate::kubectl::client::DryRun;
use crate::kubectl::errors::{Done, error, refused};
use crate::kubectl::output::{name, tabs};
use crate::kubectl::{Kubectl, all_failed, describe};

/// What a workload was at a revision.
struct Past {
    template: Value,
    annotations: Value,
    /// The body that brings it back; Deployments know none.
    data: Value,
}

const REVISION: &str = "deployment.kubernetes.io/revision";
const CAUSE: &str = "kubernetes.io/change-cause";

/// Annotations that stay the Deployment's own when it goes back.
const OWN: [&str; 6] = [
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// By revision; nothing for a kind that keeps none.
fn past(kubectl: &Kubectl, object: &Object) -> Option<BTreeMap<i64, Past>> {
    let lab = kubectl.process.lab();
    match object {
        Object::Deployment(deployment) => {
            let (old, new) = replica_sets(&lab, deployment);
            let of_set = |value: Value| Past {
                template: value["spec"]["template"].clone(),
                annotations: value["metadata"]["annotations"].clone(),
                data: Value::Null,
            };
            let sets = old.into_iter().chain(new).map(|it| it.to_json());
            let numbered = sets.filter_map(|it| {
                let number = it["metadata"]["annotations"][REVISION].as_str()?.parse().ok()?;
                Some((number, of_set(it)))
            });
            Some(numbered.collect())
        }
        Object::StatefulSet(_) | Object::DaemonSet(_) => {
            let meta = object.meta();
            let all = lab.objects().in_namespace(Kind::ControllerRevision, &meta.namespace);
            let own = all.filter_map(|it| match it {
                Object::ControllerRevision(it) => Some(it),
                _ => None,
            });
            let own =
                own.filter(|it| it.metadata.owner_references.iter().any(|it| it.uid == meta.uid));
            let numbered = own.map(|it| {
                let data = it.data.clone();
                let annotations = it.to_json()["metadata"]["annotations"].clone();
                let template = data["spec"]["template"].clone();
                (it.revision, Past { template, annotations, data })
            });
            Some(numbered.collect())
        }
        _ => None,
    }
}

fn no_visitor(what: &str, object: &Object) -> crate::kubectl::errors::Failed {
    let kind = object.kind();
    let group = kind.api_version().split_once('/').map_or("", |(group, _)| group);
    let full =
        if group.is_empty() { kind.name().to_owned() } else { format!("{}.{group}", kind.name()) };
    error(format!(
        "error retrieving {what} for \"{full}\", no visitor method exists for {{{group} {}}}",
        kind.name()
    ))
}

pub(crate) async fn history(kubectl: &Kubectl) -> Done {
    let wanted = kubectl.flags.number("revision").unwrap_or(0);
    if wanted < 0 {
        return Err(error(format!("revision must be a positive integer: {wanted}")));
    }
    let found = objects(kubectl)?;
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        match one_history(kubectl, object, wanted) {
            Ok(text) => kubectl.out(&text),
            Err(failed) => failures.push(failed),
        }
    }
    all_failed(failures)
}

fn one_history(kubectl: &Kubectl, object: &Rc<Object>, wanted: i64) -> Done<String> {
    let past = past(kubectl, object).ok_or_else(|| no_visitor("history", object))?;
    let name = name(object);
    if past.is_empty() {
        return Ok(format!("{name} \nNo rollout history found.\n"));
    }
    if wanted > 0 {
        let it = past.get(&wanted).ok_or_else(|| error("unable to find the specified revision"))?;
        let template = with_cause(it);
        return Ok(format!(
            "{name} with revision #{wanted}\n{}\n",
            describe::template(kubectl, object, &template)
        ));
    }
    let mut lines = "REVISION\tCHANGE-CAUSE\n".to_owned();
    for (number, it) in &past {
        let cause = it.annotations[CAUSE].as_str().filter(|it| !it.is_empty());
        lines.push_str(&format!("{number}\t{}\n", cause.unwrap_or("<none>")));
    }
    Ok(format!("{name} \n{}\n", tabs::aligned(&lines)))
}

fn with_cause(it: &Past) -> Value {
    let mut template = it.template.clone();
    if let Some(cause) = it.annotations[CAUSE].as_str() {
        template["metadata"]["annotations"][CAUSE] = cause.into();
    }
    template
}

pub(crate) async fn undo(kubectl: &Kubectl) -> Done {
    let found = objects(kubectl)?;
    let report = Report::new(kubectl)?;
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        failures.extend(undo_one(kubectl, object, &report).err());
    }
    all_failed(failures)
}

fn undo_one(kubectl: &Kubectl, object: &Rc<Object>, report: &Report) -> Done {
    let past = past(kubectl, object).ok_or_else(|| no_visitor("rollbacker", object))?;
    let wanted = kubectl.flags.number("to-revision").unwrap_or(0);
    let is_deployment = object.kind() == Kind::Deployment;
    let nothing = match is_deployment {
        true => format!("no rollout history found for deployment \"{}\"", object.meta().name),
        false => "no last revision to roll back to".to_owned(),
    };
    let target = match wanted {
        0 => past.values().rev().nth(1).ok_or_else(|| error(nothing)),
        wanted => past
            .get(&wanted)
            .ok_or_else(|| error(format!("unable to find specified revision {wanted} in history"))),
    }?;
    let value = object.to_value();
    if kubectl.client.dry_run == DryRun::Client {
        let text = describe::template(kubectl, object, &target.template);
        report.show(kubectl, object, &text);
        return Ok(());
    }
    if is_deployment && value["spec"]["paused"] == true {
        return Err(error(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again",
        ));
    }
    let template = without_hash(&target.template);
    if without_hash(&value["spec"]["template"]) == template {
        let what = "skipped rollback (current template already matches revision";
        report.show(kubectl, object, &format!("{what} {wanted})"));
        return Ok(());
    }
    let patch = if is_deployment {
        let annotations = annotations_after(&value["metadata"]["annotations"], &target.annotations);
        let body = json!([
            {"op": "replace", "path": "/spec/template", "value": template},
            {"op": "replace", "path": "/metadata/annotations", "value": annotations},
        ]);
        (admit::Patch::Json, body)
    } else {
        (admit::Patch::Strategic, target.data.clone())
    };
    let answer = heard(kubectl, kubectl.client.patch(object.key(), patch, false));
    let response = answer.map_err(|it| {
        error(format!("failed restoring revision {wanted}: {}", refused(&it, None).0))
    })?;
    report.show(kubectl, &response.object, "rolled back");
    Ok(())
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.shift_remove("pod-template-hash");
    }
    template
}

/// The Deployment keeps its own annotations and gets the rest from the ReplicaSet.
fn annotations_after(now: &Value, past: &Value) -> Value {
    let pairs = |of: &Value, own: bool| {
        let all = of.as_object().cloned().unwrap_or_default().into_iter();
        all.filter(|(key, _)| OWN.contains(&key.as_str()) == own).collect::<Vec<_>>()
    };
    pairs(now, true).into_iter().chain(pairs(past, false)).collect::<serde_json::Map<_, _>>().into()
}
