//! `kubectl cordon`, `uncordon`, `taint`, `drain`

use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, DrainOptions};
use svclab_core::object::Object;

use super::change::modify;
use super::client::DryRun;
use super::errors::{Done, Failed, error, refused, usage};
use super::resources::Resource;
use super::{Kubectl, all_failed, targets};

pub(super) async fn cordon(kubectl: &Kubectl) -> Done {
    schedulable(kubectl, false)
}

pub(super) async fn uncordon(kubectl: &Kubectl) -> Done {
    schedulable(kubectl, true)
}

/// The nodes that arguments name, or that a selector takes.
fn nodes(kubectl: &Kubectl) -> Done<(Vec<Rc<Object>>, Vec<Failed>)> {
    let (flags, resource) = (&kubectl.flags, Resource::of(Kind::Node));
    let name = |it: &String| it.rsplit('/').next().unwrap_or_default().to_owned();
    if flags.arguments.is_empty() && flags.text("selector").is_none() {
        let command = kubectl.command.name;
        return Err(usage(command, &format!("USAGE: {command} NODE [flags]")));
    }
    if flags.arguments.is_empty() {
        let labels = targets::label_selector(kubectl, resource)?;
        let nodes = kubectl.client.list(resource, None).map_err(|it| refused(&it, None))?;
        return Ok((
            nodes.into_iter().filter(|it| labels.matches(&it.meta().labels)).collect(),
            Vec::new(),
        ));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for argument in &flags.arguments {
        match kubectl.client.get(resource, "", &name(argument)) {
            Ok(node) => found.push(node),
            Err(refusal) => failures.push(refused(&refusal, None)),
        }
    }
    Ok((found, failures))
}

fn schedulable(kubectl: &Kubectl, wanted: bool) -> Done {
    let (nodes, failures) = nodes(kubectl)?;
    all_failed(failures)?;
    for node in nodes {
        let name = format!("node/{}", node.meta().name);
        let what = if wanted { "uncordoned" } else { "cordoned" };
        let changed = modify(kubectl, &node, |value| {
            if wanted {
                if let Some(spec) = value["spec"].as_object_mut() {
                    spec.remove("unschedulable");
                }
            } else {
                value["spec"]["unschedulable"] = true.into();
            }
            Ok(())
        })?;
        let already = if changed.is_some() { "" } else { "already " };
        kubectl.out(&format!("{name} {already}{what}{}\n", kubectl.dry_run_mark()));
    }
    Ok(())
}

struct Taint {
    key: String,
    value: String,
    effect: String,
    removed: bool,
}

fn parse_taint(text: &str) -> Done<Taint> {
    let (body, removed) = match text.strip_suffix('-') {
        Some(body) => (body, true),
        None => (text, false),
    };
    let (pair, effect) = body.split_once(':').unwrap_or((body, ""));
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    if effect.is_empty() && !removed {
        return Err(error(format!("unknown taint spec: {text}")));
    }
    if !effect.is_empty() && !known.contains(&effect) {
        return Err(error(format!("invalid taint effect: {effect}, unsupported taint effect")));
    }
    Ok(Taint { key: key.into(), value: value.into(), effect: effect.into(), removed })
}

pub(super) async fn taint(kubectl: &Kubectl) -> Done {
    let arguments = &kubectl.flags.arguments;
    let is_taint = |it: &&String| it.contains(':') || it.contains('=') || it.ends_with('-');
    let objects: Vec<String> = arguments.iter().filter(|it| !is_taint(it)).cloned().collect();
    let taints = arguments.iter().filter(is_taint).map(|it| parse_taint(it));
    let taints = taints.collect::<Done<Vec<Taint>>>()?;
    if objects.len() < 2
        && !kubectl.flags.has("all")
        && !objects.iter().any(|it| it.contains('/'))
        && kubectl.flags.text("selector").is_none()
    {
        return Err(error("one or more resources must be specified as <resource> <name>"));
    }
    if taints.is_empty() {
        return Err(error("at least one taint update is required"));
    }
    let found = targets::objects(kubectl, &objects, targets::NOTHING)?;
    let mut failures = found.failures;
    for (node, _) in &found.objects {
        failures.extend(taint_one(kubectl, node, &taints).err());
    }
    all_failed(failures)
}

fn taint_one(kubectl: &Kubectl, node: &Object, taints: &[Taint]) -> Done {
    let name = &node.meta().name;
    let before = node.to_value();
    let old: Vec<Value> = before["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let mut new = old.clone();
    let same = |it: &Value, taint: &Taint| {
        it["key"] == taint.key.as_str()
            && (taint.effect.is_empty() || it["effect"] == taint.effect.as_str())
    };
    for taint in taints {
        let there = new.iter().position(|it| same(it, taint));
        let shown = match taint.effect.as_str() {
            "" => taint.key.clone(),
            effect => format!("{}:{effect}", taint.key),
        };
        match (taint.removed, there) {
            (true, None) => {
                return Err(error(format!("taint \"{shown}\" not found")));
            }
            (true, Some(_)) => new.retain(|it| !same(it, taint)),
            (false, Some(at)) if !kubectl.flags.has("overwrite") && old.contains(&new[at]) => {
                return Err(error(format!(
                    "node {name} already has {} taint(s) with same effect(s) and --overwrite is false",
                    taint.key
                )));
            }
            (false, there) => {
                let mut value = json!({"key": taint.key, "effect": taint.effect});
                if !taint.value.is_empty() {
                    value["value"] = taint.value.clone().into();
                }
                match there {
                    Some(at) => new[at] = value,
                    None => new.push(value),
                }
            }
        }
    }
    modify(kubectl, node, |value| {
        value["spec"]["taints"] = new.into();
        Ok(())
    })?;
    let what = match (taints.iter().any(|it| it.removed), taints.iter().any(|it| !it.removed)) {
        (true, false) => "untainted",
        (true, true) => "modified",
        _ => "tainted",
    };
    kubectl.out(&format!("node/{name} {what}{}\n", kubectl.dry_run_mark()));
    Ok(())
}

pub(super) async fn drain(kubectl: &Kubectl) -> Done {
    let (nodes, failures) = nodes(kubectl)?;
    all_failed(failures)?;
    let flags = &kubectl.flags;
    let options = DrainOptions {
        ignore_daemonsets: flags.has("ignore-daemonsets"),
        delete_emptydir_data: flags.has("delete-emptydir-data") || flags.has("delete-local-data"),
        force: flags.has("force"),
        grace_period_seconds: flags.number("grace-period").filter(|it| *it >= 0),
    };
    for node in nodes {
        drain_one(kubectl, &node, options).await?;
    }
    Ok(())
}

async fn drain_one(kubectl: &Kubectl, node: &Object, options: DrainOptions) -> Done {
    let name = node.meta().name.clone();
    let action = Action::Drain { node: name.clone(), options };
    let reply = match kubectl.client.dry_run {
        DryRun::No => kubectl.process.act(action),
        _ => {
            let mut copy = kubectl.process.lab().clone();
            copy.act(action)
        }
    };
    if let Some(Err(refusal)) = &reply.answer {
        return Err(refused(refusal, None));
    }
    let Some(drained) = reply.drain else { return Ok(()) };
    let mark = kubectl.dry_run_mark();
    let already = if drained.cordoned { "" } else { "already " };
    kubectl.out(&format!("node/{name} {already}cordoned{mark}\n"));
    if !drained.errors.is_empty() {
        let why = match drained.errors.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        return Err(error(format!(
            "unable to drain node \"{name}\" due to error: {why}, continuing command...\nThere are pending nodes to be drained:\n {name}\n{}",
            drained.errors.join("\n")
        )));
    }
    if !drained.warnings.is_empty() {
        kubectl.err(&format!("Warning: {}\n", drained.warnings.join("; ")));
    }
    for pod in &drained.evicted {
        kubectl.out(&format!("evicting pod {}/{}{mark}\n", pod.namespace, pod.name));
    }
    if mark.is_empty() {
        for pod in &drained.evicted {
            wait_for_end(kubectl, pod).await;
            kubectl.out(&format!("pod/{} evicted\n", pod.name));
        }
    }
    kubectl.out(&format!("node/{name} drained{mark}\n"));
    Ok(())
}

async fn wait_for_end(kubectl: &Kubectl, pod: &ObjectKey) {
    let uid = kubectl.process.lab().objects().get(pod).map(|it| it.meta().uid.clone());
    loop {
        let (version, there) = {
            let lab = kubectl.process.lab();
            let there = lab.objects().get(pod).map(|it| it.meta().uid.clone());
            (lab.resource_version(), there)
        };
        if there.is_none() || there != uid {
            return;
        }
        kubectl.process.changed(version, None).await;
    }
}
