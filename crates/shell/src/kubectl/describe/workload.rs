//! Deployment, ReplicaSet, StatefulSet, DaemonSet.

use serde_json::Value;
use svclab_core::key::Kind;
use svclab_core::object::{Json, LabelSelector, Object, ReplicaSet};

use super::pod::template;
use super::{Page, joined_pairs, list, or_none, text};
use crate::kubectl::columns;
use crate::kubectl::rollout::replica_sets;

/// `app=web,tier in (a,b)`
pub(super) fn selector(value: Option<&Value>) -> String {
    let read = value.and_then(|it| LabelSelector::from_json(it.clone()).ok());
    columns::selector(read.as_ref())
}

fn counts(page: &Page, fields: &[&str]) -> Vec<String> {
    let count = |field: &&str| match page.at(field).as_str() {
        "" => "0".to_owned(),
        text => text.to_owned(),
    };
    fields.iter().map(count).collect()
}

pub(super) fn deployment(page: &mut Page) {
    page.name_and_namespace();
    page.created();
    page.labels_and_annotations();
    let selector = selector(page.it.pointer("/spec/selector"));
    page.field(0, "Selector", selector);
    let fields = [
        "/spec/replicas",
        "/status/updatedReplicas",
        "/status/replicas",
        "/status/availableReplicas",
        "/status/unavailableReplicas",
    ];
    if let [desired, updated, total, available, missing] = counts(page, &fields).as_slice() {
        page.field(
            0,
            "Replicas",
            format!(
                "{desired} desired | {updated} updated | {total} total | {available} available | {missing} unavailable"
            ),
        );
    }
    let strategy = page.at("/spec/strategy/type");
    page.field(0, "StrategyType", strategy);
    let seconds = counts(page, &["/spec/minReadySeconds"]).concat();
    page.field(0, "MinReadySeconds", seconds);
    if page.it.pointer("/spec/strategy/rollingUpdate").is_some() {
        let part = |field: &str| page.at(&format!("/spec/strategy/rollingUpdate/{field}"));
        let (missing, surge) = (part("maxUnavailable"), part("maxSurge"));
        page.field(
            0,
            "RollingUpdateStrategy",
            format!("{missing} max unavailable, {surge} max surge"),
        );
    }
    let made = page.it["spec"]["template"].clone();
    template(page, &made);
    page.conditions();
    sets(page);
    page.events();
}

fn sets(page: &mut Page) {
    let Object::Deployment(deployment) = &*page.object else { return };
    let (old, new) = {
        let lab = page.kubectl.process.lab();
        replica_sets(&lab, deployment)
    };
    if old.is_empty() && new.is_none() {
        return;
    }
    let names = |sets: &[ReplicaSet]| {
        let lines: Vec<String> = sets.iter().map(set).collect();
        or_none(&lines.join(", "))
    };
    page.field(0, "OldReplicaSets", names(&old));
    page.field(0, "NewReplicaSet", names(new.as_slice()));
}

fn set(it: &ReplicaSet) -> String {
    let (made, wanted) = (it.status.replicas, it.spec.replicas.unwrap_or(0));
    format!("{} ({made}/{wanted} replicas created)", it.metadata.name)
}

pub(super) fn replica_set(page: &mut Page) {
    page.name_and_namespace();
    let selector = selector(page.it.pointer("/spec/selector"));
    page.field(0, "Selector", selector);
    page.labels_and_annotations();
    page.controller();
    if let [current, desired] = counts(page, &["/status/replicas", "/spec/replicas"]).as_slice() {
        page.field(0, "Replicas", format!("{current} current / {desired} desired"));
    }
    pods_status(page);
    let made = page.it["spec"]["template"].clone();
    template(page, &made);
    page.conditions();
    page.events();
}

/// How many of its pods are in each phase.
fn pods_status(page: &mut Page) {
    let (uid, namespace) = (page.at("/metadata/uid"), page.at("/metadata/namespace"));
    let phases: Vec<String> = {
        let lab = page.kubectl.process.lab();
        let pods = lab.objects().in_namespace(Kind::Pod, &namespace).filter_map(Object::as_pod);
        let owned = pods.filter(|it| {
            let mut owners = it.metadata.owner_references.iter();
            owners.any(|it| it.controller == Some(true) && it.uid == uid)
        });
        owned.map(|it| it.status.phase.to_string()).collect()
    };
    let count = |phase: &str| phases.iter().filter(|it| *it == phase).count();
    page.field(
        0,
        "Pods Status",
        format!(
            "{} Running / {} Waiting / {} Succeeded / {} Failed",
            count("Running"),
            count("Pending"),
            count("Succeeded"),
            count("Failed")
        ),
    );
}

pub(super) fn stateful_set(page: &mut Page) {
    page.name_and_namespace();
    page.created();
    let selector = selector(page.it.pointer("/spec/selector"));
    page.field(0, "Selector", selector);
    page.labels_and_annotations();
    if let [desired, total] = counts(page, &["/spec/replicas", "/status/replicas"]).as_slice() {
        page.field(0, "Replicas", format!("{desired} desired | {total} total"));
    }
    let strategy = page.at("/spec/updateStrategy/type");
    page.field(0, "Update Strategy", strategy);
    let partition = page.at("/spec/updateStrategy/rollingUpdate/partition");
    page.field_if(1, "Partition", &partition);
    pods_status(page);
    let made = page.it["spec"]["template"].clone();
    template(page, &made);
    claims(page);
    page.events();
}

fn claims(page: &mut Page) {
    let claims = page.items("/spec/volumeClaimTemplates");
    if claims.is_empty() {
        return page.field(0, "Volume Claims", "<none>");
    }
    page.line(0, "Volume Claims:");
    for it in &claims {
        page.field(1, "Name", text(it, "/metadata/name"));
        page.field(1, "StorageClass", text(it, "/spec/storageClassName"));
        let labels = super::pairs(it.pointer("/metadata/labels"));
        page.lines("  Labels", &labels);
        let annotations = super::pairs(it.pointer("/metadata/annotations"));
        page.lines("  Annotations", &annotations);
        let capacity = match text(it, "/spec/resources/requests/storage") {
            "" => "<default>",
            capacity => capacity,
        };
        page.field(1, "Capacity", capacity);
        let modes: Vec<&str> =
            list(it, "/spec/accessModes").iter().filter_map(Value::as_str).collect();
        page.field(1, "Access Modes", format!("[{}]", modes.join(" ")));
    }
}

pub(super) fn daemon_set(page: &mut Page) {
    page.name_and_namespace();
    let selector = selector(page.it.pointer("/spec/selector"));
    page.field(0, "Selector", selector);
    let nodes = joined_pairs(page.it.pointer("/spec/template/spec/nodeSelector"));
    page.field(0, "Node-Selector", nodes);
    page.labels_and_annotations();
    for (title, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        let count = counts(page, &[&format!("/status/{field}")]).concat();
        page.line(0, format!("{title}: {count}"));
    }
    pods_status(page);
    let made = page.it["spec"]["template"].clone();
    template(page, &made);
    page.events();
}
