//! `kubectl rollout status`: how far a roll-out has come, until it is done.

use serde_json::Value;
use svclab_core::key::Kind;
use svclab_core::object::Object;
use svclab_core::time::Duration;

use super::objects;
use crate::kubectl::columns::{list, number, text};
use crate::kubectl::errors::{Done, error};
use crate::kubectl::{Kubectl, wait};

/// How far it is: what is printed, and whether that is all.
enum Step {
    Waits(String),
    Done(String),
}

pub(crate) async fn status(kubectl: &Kubectl) -> Done {
    let found = objects(kubectl)?;
    crate::kubectl::all_failed(found.failures)?;
    for (object, _) in &found.objects {
        follow(kubectl, object).await?;
    }
    Ok(())
}

/// Says a line at first and with every change, until the last one.
async fn follow(kubectl: &Kubectl, object: &Object) -> Done {
    let flags = &kubectl.flags;
    let patience = wait::span(flags.text_or("timeout", "0s"), "timeout").map_err(error)?;
    let end = (patience > Duration::ZERO).then(|| kubectl.process.now() + patience);
    let (key, revision) = (object.key(), flags.number("revision").unwrap_or(0));
    let mut shown = None;
    loop {
        let (version, now) = {
            let lab = kubectl.process.lab();
            (lab.resource_version(), lab.objects().shared(&key).cloned())
        };
        let Some(now) = now else { return Err(error("object has been deleted")) };
        if shown.as_ref() != Some(&now.meta().resource_version) {
            shown = Some(now.meta().resource_version.clone());
            match step(object.kind(), &now.to_value(), revision)? {
                Step::Done(line) => {
                    kubectl.out(&line);
                    return Ok(());
                }
                Step::Waits(line) => kubectl.out(&line),
            }
            if !flags.flag("watch", true) {
                return Ok(());
            }
        }
        if end.is_some_and(|end| kubectl.process.now() >= end) {
            return Err(error("timed out waiting for the condition"));
        }
        kubectl.process.changed(version, end).await;
    }
}

fn step(kind: Kind, it: &Value, revision: i64) -> Done<Step> {
    match kind {
        Kind::Deployment => deployment(it, revision),
        Kind::StatefulSet => stateful_set(it),
        Kind::DaemonSet => daemon_set(it),
        kind => Err(error(format!("no status viewer has been implemented for {}", kind.name()))),
    }
}

fn waits(line: String) -> Done<Step> {
    Ok(Step::Waits(format!("{line}\n")))
}

fn is_done(line: String) -> Done<Step> {
    Ok(Step::Done(format!("{line}\n")))
}

fn deployment(it: &Value, revision: i64) -> Done<Step> {
    let name = text(it, "/metadata/name");
    let status = |field: &str| number(it, &format!("/status/{field}"));
    if revision > 0 {
        let annotation = &it["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        let running = annotation.as_str().and_then(|it| it.parse().ok()).unwrap_or(0);
        if running != revision {
            return Err(error(format!(
                "desired revision ({revision}) is different from the running revision ({running})"
            )));
        }
    }
    if number(it, "/metadata/generation") > status("observedGeneration") {
        return waits("Waiting for deployment spec update to be observed...".to_owned());
    }
    let conditions = list(it, "/status/conditions").iter();
    let late = |it: &Value| {
        text(it, "/type") == "Progressing" && text(it, "/reason") == "ProgressDeadlineExceeded"
    };
    if conditions.clone().any(late) {
        return Err(error(format!("deployment \"{name}\" exceeded its progress deadline")));
    }
    let start = format!("Waiting for deployment \"{name}\" rollout to finish:");
    let wanted = number(it, "/spec/replicas");
    let (all, updated) = (status("replicas"), status("updatedReplicas"));
    let available = status("availableReplicas");
    if updated < wanted {
        return waits(format!(
            "{start} {updated} out of {wanted} new replicas have been updated..."
        ));
    }
    if all > updated {
        return waits(format!("{start} {} old replicas are pending termination...", all - updated));
    }
    if available < updated {
        return waits(format!(
            "{start} {available} of {updated} updated replicas are available..."
        ));
    }
    is_done(format!("deployment \"{name}\" successfully rolled out"))
}

const ROLLING_ONLY: &str = "rollout status is only available for RollingUpdate strategy type";

fn stateful_set(it: &Value) -> Done<Step> {
    let status = |field: &str| number(it, &format!("/status/{field}"));
    if text(it, "/spec/updateStrategy/type") != "RollingUpdate" {
        return Err(error(ROLLING_ONLY));
    }
    let observed = status("observedGeneration");
    if observed == 0 || number(it, "/metadata/generation") > observed {
        return waits("Waiting for statefulset spec update to be observed...".to_owned());
    }
    let wanted = number(it, "/spec/replicas");
    let (ready, updated) = (status("readyReplicas"), status("updatedReplicas"));
    if ready < wanted {
        return waits(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    let rolling = it.pointer("/spec/updateStrategy/rollingUpdate");
    if let Some(rolling) = rolling {
        let partition = rolling.get("partition").and_then(Value::as_i64);
        let new = wanted.saturating_sub(partition.unwrap_or(0));
        if partition.is_some() && updated < new {
            return waits(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {new} new pods have been updated..."
            ));
        }
        return is_done(format!(
            "partitioned roll out complete: {updated} new pods have been updated..."
        ));
    }
    let (update, current) =
        (text(it, "/status/updateRevision"), text(it, "/status/currentRevision"));
    if update != current {
        return waits(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {update}..."
        ));
    }
    let count = status("currentReplicas");
    is_done(format!("statefulset rolling update complete {count} pods at revision {current}..."))
}

fn daemon_set(it: &Value) -> Done<Step> {
    let name = text(it, "/metadata/name");
    let status = |field: &str| number(it, &format!("/status/{field}"));
    if text(it, "/spec/updateStrategy/type") != "RollingUpdate" {
        return Err(error(ROLLING_ONLY));
    }
    if number(it, "/metadata/generation") > status("observedGeneration") {
        return waits("Waiting for daemon set spec update to be observed...".to_owned());
    }
    let start = format!("Waiting for daemon set \"{name}\" rollout to finish:");
    let (wanted, updated) = (status("desiredNumberScheduled"), status("updatedNumberScheduled"));
    let available = status("numberAvailable");
    if updated < wanted {
        return waits(format!("{start} {updated} out of {wanted} new pods have been updated..."));
    }
    if available < wanted {
        return waits(format!("{start} {available} of {wanted} updated pods are available..."));
    }
    is_done(format!("daemon set \"{name}\" successfully rolled out"))
}
