//! `kubectl delete`: asks, then waits until the objects are gone.

use svclab_core::key::ObjectKey;
use svclab_core::lab::{DeleteOptions, Propagation};
use svclab_core::time::Duration;

use super::client::DryRun;
use super::errors::{Done, Failed, error, refused};
use super::manifests;
use super::resources::Resource;
use super::targets::{self, Asked, NOTHING};
use super::{Kubectl, all_failed};

const FORCED: &str = "Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.";

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let options = options(kubectl)?;
    let forced = kubectl.flags.has("force") && options.grace_period_seconds == Some(0);
    if forced {
        kubectl.warn(FORCED);
    }
    let (keys, mut failures) = chosen(kubectl)?;
    if keys.is_empty() && failures.is_empty() {
        let asked = kubectl.flags.all("filename").is_empty();
        if asked && !kubectl.flags.has("ignore-not-found") {
            kubectl.out("No resources found\n");
        }
        return Ok(());
    }
    let mut gone = Vec::new();
    for (key, source) in keys {
        match delete(kubectl, &key, options.clone()) {
            Ok(uid) => {
                show(kubectl, &key, if forced { "force deleted" } else { "deleted" });
                gone.push((key, uid));
            }
            Err(refusal) if refusal.status == 404 && kubectl.flags.has("ignore-not-found") => {}
            Err(refusal) => {
                let context = source.map(|it| format!("error when deleting \"{it}\""));
                failures.push(refused(&refusal, context.as_deref()));
            }
        }
    }
    if kubectl.flags.flag("wait", !forced) && kubectl.client.dry_run == DryRun::No {
        wait(kubectl, &gone).await?;
    }
    all_failed(failures)
}

fn options(kubectl: &Kubectl) -> Done<DeleteOptions> {
    let flags = &kubectl.flags;
    let mut grace = flags.number("grace-period").filter(|it| *it >= 0);
    if flags.has("now") {
        if grace.is_some() {
            return Err(error("--now and --grace-period cannot be specified together"));
        }
        grace = Some(1);
    }
    if flags.has("force") && grace.is_none() {
        grace = Some(0);
    }
    if grace == Some(0) && !flags.has("force") {
        // Zero only marks the object; kubectl makes sure that somebody sees it.
        grace = Some(1);
    }
    let propagation_policy = match flags.text_or("cascade", "background") {
        "background" | "true" => Propagation::Background,
        "foreground" => Propagation::Foreground,
        "orphan" | "false" => Propagation::Orphan,
        other => {
            return Err(error(format!(
                "invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\""
            )));
        }
    };
    Ok(DeleteOptions {
        grace_period_seconds: grace,
        propagation_policy,
        ..DeleteOptions::default()
    })
}

type Chosen = Vec<(ObjectKey, Option<String>)>;

fn chosen(kubectl: &Kubectl) -> Done<(Chosen, Vec<Failed>)> {
    if !kubectl.flags.all("filename").is_empty() {
        let (manifests, failures) = manifests::read(kubectl);
        return Ok((manifests.into_iter().map(|it| (it.key, Some(it.source))).collect(), failures));
    }
    let asked = targets::asked(kubectl, &kubectl.flags.arguments)?;
    let is_list = matches!(asked, Some(Asked::Listed(_)));
    if is_list && kubectl.flags.has("all") && kubectl.flags.text("selector").is_some() {
        return Err(error("cannot set --all and --selector at the same time"));
    }
    let mut found = targets::objects(kubectl, &kubectl.flags.arguments, NOTHING)?;
    if kubectl.flags.has("ignore-not-found") {
        found.failures.retain(|it| !it.0.starts_with("Error from server (NotFound)"));
    }
    Ok((found.objects.iter().map(|(it, _)| (it.key(), None)).collect(), found.failures))
}

fn delete(
    kubectl: &Kubectl,
    key: &ObjectKey,
    options: DeleteOptions,
) -> Result<String, svclab_core::admit::Refusal> {
    if kubectl.client.dry_run == DryRun::Client {
        return kubectl.client.get_key(key).map(|it| it.meta().uid.to_string());
    }
    let response = super::change::heard(kubectl, kubectl.client.delete(key.clone(), options))?;
    Ok(response.object.meta().uid.to_string())
}

fn show(kubectl: &Kubectl, key: &ObjectKey, what: &str) {
    let prefix = Resource::of(key.kind).prefix();
    if kubectl.flags.text("output") == Some("name") {
        return kubectl.out(&format!("{prefix}/{}\n", key.name));
    }
    kubectl.out(&format!("{prefix} \"{}\" {what}{}\n", key.name, kubectl.dry_run_mark()));
}

/// Until none of the objects is there any more; one of the same name made anew is another one.
async fn wait(kubectl: &Kubectl, gone: &[(ObjectKey, String)]) -> Done {
    let patience =
        super::wait::span(kubectl.flags.text_or("timeout", "0s"), "timeout").map_err(error)?;
    let end = (patience > Duration::ZERO).then(|| kubectl.process.now() + patience);
    loop {
        let (version, left) = {
            let lab = kubectl.process.lab();
            let there = |(key, uid): &&(ObjectKey, String)| {
                lab.objects().get(key).is_some_and(|it| it.meta().uid == *uid)
            };
            (lab.resource_version(), gone.iter().find(there).map(|it| it.0.clone()))
        };
        let Some(left) = left else { return Ok(()) };
        if end.is_some_and(|end| kubectl.process.now() >= end) {
            let place = format!("{}/{}", Resource::of(left.kind).plural, left.name);
            return Err(error(format!("timed out waiting for the condition on {place}")));
        }
        kubectl.process.changed(version, end).await;
    }
}
