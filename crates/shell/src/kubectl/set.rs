//! `kubectl set`: images, variables, selectors of what is there.

use serde_json::{Map, Value, json};
use svclab_core::object::Object;

use super::change::{Report, modify};
use super::errors::{Done, error};
use super::targets::{self, NOTHING};
use super::{Kubectl, all_failed, output};

/// Changes each object and says so where it changed.
const SELECTED: &str = "selector updated";

fn each(
    kubectl: &Kubectl,
    objects: &[String],
    what: &str,
    mut change: impl FnMut(&Object, &mut Value) -> Done,
) -> Done {
    let report = Report::new(kubectl)?;
    let found = targets::objects(kubectl, objects, NOTHING)?;
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        match modify(kubectl, object, |value| change(object, value)) {
            Ok(Some(value)) => report.show_value(kubectl, &value, &output::name(object), what),
            // This command alone sends what changes nothing.
            Ok(None) if what == SELECTED => {
                report.show_value(kubectl, &kubectl.shown(object), &output::name(object), what);
            }
            Ok(None) => {}
            Err(failed) => failures.push(failed),
        }
    }
    all_failed(failures)
}

/// Objects first, then `a=b`.
fn split(kubectl: &Kubectl) -> (Vec<String>, Vec<String>) {
    let arguments = &kubectl.flags.arguments;
    let is_pair = |it: &String| it.contains('=') || it.len() > 1 && it.ends_with('-');
    let first = arguments.iter().position(is_pair).unwrap_or(arguments.len());
    let (objects, pairs) = arguments.split_at(first);
    (objects.to_vec(), pairs.to_vec())
}

/// The pod spec in an object that has one.
fn pod_spec(value: &mut Value) -> Option<&mut Value> {
    let kind = value["kind"].as_str().unwrap_or_default().to_owned();
    let pointer = if kind == "Pod" { "/spec" } else { "/spec/template/spec" };
    value.pointer_mut(pointer).filter(|it| it.is_object())
}

fn containers(spec: &mut Value) -> Vec<&mut Value> {
    let Some(spec) = spec.as_object_mut() else { return Vec::new() };
    let lists = spec.iter_mut().filter(|(key, _)| *key == "containers" || *key == "initContainers");
    lists.filter_map(|(_, it)| it.as_array_mut()).flatten().collect()
}

fn no_pod(object: &Object) -> super::errors::Failed {
    let name = object.meta().name.as_str();
    let kind = super::resources::Resource::of(object.kind()).go_kind();
    error(format!(
        "{} {name} the object is not a pod or does not have a pod template: {kind}",
        object.kind().plural()
    ))
}

pub(super) async fn image(kubectl: &Kubectl) -> Done {
    let (objects, pairs) = split(kubectl);
    if objects.is_empty() && kubectl.flags.all("filename").is_empty() {
        return Err(error(NOTHING));
    }
    if pairs.is_empty() {
        return Err(error("at least one image update is required"));
    }
    each(kubectl, &objects, "image updated", |object, value| {
        let spec = pod_spec(value).ok_or_else(|| no_pod(object))?;
        for pair in &pairs {
            let (name, image) = pair.split_once('=').unwrap_or((pair, ""));
            let mut found = false;
            for container in containers(spec) {
                if name == "*" || container["name"] == name {
                    container["image"] = image.into();
                    found = true;
                }
            }
            if !found {
                return Err(error(format!("unable to find container named \"{name}\"")));
            }
        }
        Ok(())
    })
}

pub(super) async fn env(kubectl: &Kubectl) -> Done {
    let (objects, pairs) = split(kubectl);
    if kubectl.flags.has("list") {
        return list_env(kubectl, &objects);
    }
    if pairs.is_empty() && kubectl.flags.text("from").is_none() {
        return Err(error("at least one environment variable must be provided"));
    }
    let only = kubectl.flags.text_or("containers", "*").to_owned();
    each(kubectl, &objects, "env updated", |object, value| {
        let spec = pod_spec(value).ok_or_else(|| no_pod(object))?;
        for container in containers(spec) {
            let name = container["name"].as_str().unwrap_or_default();
            if crate::language::pattern::matches(&only, name) {
                set_env(container, &pairs);
            }
        }
        Ok(())
    })
}

fn set_env(container: &mut Value, pairs: &[String]) {
    let mut env: Vec<Value> = container["env"].as_array().cloned().unwrap_or_default();
    for pair in pairs {
        match pair.split_once('=') {
            Some((name, text)) => match env.iter_mut().find(|it| it["name"] == name) {
                Some(known) => *known = json!({"name": name, "value": text}),
                None => env.push(json!({"name": name, "value": text})),
            },
            None => env.retain(|it| it["name"] != pair.trim_end_matches('-')),
        }
    }
    match (container.as_object_mut(), env.is_empty()) {
        (Some(map), true) => _ = map.shift_remove("env"),
        (Some(map), false) => _ = map.insert("env".to_owned(), env.into()),
        _ => {}
    }
}

fn list_env(kubectl: &Kubectl, objects: &[String]) -> Done {
    let found = targets::objects(kubectl, objects, NOTHING)?;
    for (object, _) in &found.objects {
        let mut value = object.to_value();
        let kind = object.kind().name();
        let Some(spec) = pod_spec(&mut value) else { continue };
        for container in containers(spec) {
            let name = container["name"].as_str().unwrap_or_default();
            kubectl.out(&format!("# {kind} {}, container {name}\n", object.meta().name));
            for variable in container["env"].as_array().into_iter().flatten() {
                let text = |field: &str| variable[field].as_str().unwrap_or_default();
                kubectl.out(&format!("{}={}\n", text("name"), text("value")));
            }
        }
    }
    all_failed(found.failures)
}

pub(super) async fn selector(kubectl: &Kubectl) -> Done {
    let Some((expression, objects)) = kubectl.flags.arguments.split_last() else {
        return Err(error(
            "one or more resources must be specified as <resource> <name> or <resource>/<name>",
        ));
    };
    let mut selector = Map::new();
    for pair in expression.split(',').filter(|it| !it.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            error("couldn't parse the selector string: it must have the form key=value")
        })?;
        selector.insert(key.trim().to_owned(), value.trim().into());
    }
    each(kubectl, objects, SELECTED, |object, value| {
        if object.as_service().is_none() {
            return Err(error(format!(
                "setting a selector is only supported for Services, not {}",
                object.kind()
            )));
        }
        value["spec"]["selector"] = selector.clone().into();
        Ok(())
    })
}

pub(super) async fn resources(kubectl: &Kubectl) -> Done {
    let parse = |flag: &str| -> Map<String, Value> {
        let pairs = kubectl.flags.list(flag);
        let pairs = pairs.iter().filter_map(|it| it.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.into())).collect()
    };
    let (limits, requests) = (parse("limits"), parse("requests"));
    if limits.is_empty() && requests.is_empty() {
        return Err(error(
            "you must specify an update to requests or limits (in the form of --requests/--limits)",
        ));
    }
    each(kubectl, &kubectl.flags.arguments, "resource requirements updated", |object, value| {
        let spec = pod_spec(value).ok_or_else(|| no_pod(object))?;
        for container in containers(spec) {
            for (field, pairs) in [("limits", &limits), ("requests", &requests)] {
                for (key, quantity) in pairs {
                    container["resources"][field][key.as_str()] = quantity.clone();
                }
            }
        }
        Ok(())
    })
}

pub(super) async fn service_account(kubectl: &Kubectl) -> Done {
    let Some((account, objects)) = kubectl.flags.arguments.split_last() else {
        return Err(error("serviceaccount is required"));
    };
    if objects.is_empty() && kubectl.flags.all("filename").is_empty() {
        return Err(error(NOTHING));
    }
    each(kubectl, objects, "serviceaccount updated", |object, value| {
        let spec = pod_spec(value).ok_or_else(|| no_pod(object))?;
        spec["serviceAccountName"] = account.clone().into();
        Ok(())
    })
}
