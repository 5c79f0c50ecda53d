//! `kubectl create` of kinds that the lab only keeps, and `autoscale`: flags → objects.

use serde_json::{Map, Value, json};
use svclab_core::key::Kind;

use super::Kubectl;
use super::create::{metadata, name, post};
use super::errors::{Done, error, refused};
use super::resources::{self, Resource};

pub(super) async fn quota(kubectl: &Kubectl) -> Done {
    let mut spec = Map::new();
    let mut hard = Map::new();
    for pair in kubectl.flags.list("hard") {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            error(format!("invalid argument syntax {pair}, expected <resource>=<value>"))
        })?;
        hard.insert(key.to_owned(), value.into());
    }
    if !hard.is_empty() {
        spec.insert("hard".to_owned(), hard.into());
    }
    let scopes = kubectl.flags.list("scopes");
    if !scopes.is_empty() {
        spec.insert("scopes".to_owned(), scopes.into());
    }
    let body = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata(&name(kubectl)?),
        "spec": spec, "status": {},
    });
    post(kubectl, Kind::ResourceQuota, body, "created", "failed to create quota")
}

pub(super) async fn cron_job(kubectl: &Kubectl) -> Done {
    let (name, command) = (name(kubectl)?, kubectl.arguments().1);
    let flags = &kubectl.flags;
    let image = flags.text_or("image", "");
    let mut container = json!({"image": image, "name": name, "resources": {}});
    if !command.is_empty() {
        container["command"] = command.into();
    }
    let body = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata(&name),
        "spec": {
            "jobTemplate": {
                "metadata": metadata(&name),
                "spec": {
                    "template": {
                        "metadata": {"creationTimestamp": null},
                        "spec": {
                            "containers": [container],
                            "restartPolicy": flags.text_or("restart", "OnFailure"),
                        },
                    },
                },
            },
            "schedule": flags.text_or("schedule", ""),
        },
        "status": {},
    });
    post(kubectl, Kind::CronJob, body, "created", "failed to create cronjob")
}

pub(super) async fn disruption_budget(kubectl: &Kubectl) -> Done {
    let (name, flags) = (name(kubectl)?, &kubectl.flags);
    let (least, most) = (flags.text("min-available"), flags.text("max-unavailable"));
    let Some(selector) = flags.text("selector") else {
        return Err(error("a selector must be specified"));
    };
    let (field, count) = match (least, most) {
        (Some(count), None) => ("minAvailable", count),
        (None, Some(count)) => ("maxUnavailable", count),
        (None, None) => {
            return Err(error("one of min-available or max-unavailable must be specified"));
        }
        _ => return Err(error("min-available and max-unavailable cannot be both specified")),
    };
    let count: Value = count.parse::<i64>().map_or_else(|_| count.into(), Value::from);
    let body = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(&name),
        "spec": {field: count, "selector": {"matchLabels": super::create::pairs(selector)}},
        "status": {
            "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
        },
    });
    post(
        kubectl,
        Kind::PodDisruptionBudget,
        body,
        "created",
        "failed to create poddisruptionbudgets",
    )
}

pub(super) async fn priority_class(kubectl: &Kubectl) -> Done {
    let (name, flags) = (name(kubectl)?, &kubectl.flags);
    let mut body = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": metadata(&name),
        "preemptionPolicy": flags.text_or("preemption-policy", "PreemptLowerPriority"),
        "value": flags.number("value").unwrap_or(0),
    });
    if let Some(text) = flags.text("description") {
        body["description"] = text.into();
    }
    if flags.has("global-default") {
        body["globalDefault"] = true.into();
    }
    post(kubectl, Kind::PriorityClass, body, "created", "failed to create priorityclass")
}

/// `kubectl autoscale (TYPE NAME | TYPE/NAME) --max=MAX [--min=MIN] [--cpu-percent=CPU]`
pub(super) async fn autoscale(kubectl: &Kubectl) -> Done {
    let (resource, wanted) = match kubectl.flags.arguments.as_slice() {
        [one] if one.contains('/') => one.split_once('/').unwrap_or((one, "")),
        [kind, name] => (kind.as_str(), name.as_str()),
        _ => return Err(error("resource(s) were provided, but no name was specified")),
    };
    let missing = || error(format!("the server doesn't have a resource type \"{resource}\""));
    let resource: Resource = *resources::find(resource).ok_or_else(missing)?;
    let namespace = kubectl.namespace();
    let object = kubectl.client.get(&resource, &namespace, wanted);
    let object = object.map_err(|it| refused(&it, None))?;
    let kind = object.kind();
    if !matches!(kind, Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet) {
        let (group, version) = resource.api_version.split_once('/').unwrap_or(("", "v1"));
        return Err(error(format!(
            "cannot autoscale a {}: could not find scale subresource for {group}/{version}, Resource={} in discovery information",
            kind.name(),
            resource.plural
        )));
    }
    let (max, min) = (kubectl.flags.number("max").unwrap_or(0), kubectl.flags.number("min"));
    if max < 1 {
        return Err(error(format!("--max=MAXPODS is required and must be at least 1, max: {max}")));
    }
    if let Some(min) = min.filter(|it| *it > max) {
        return Err(error(format!(
            "--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {min}"
        )));
    }
    let name = kubectl.flags.text("name").unwrap_or(wanted);
    let mut spec = json!({
        "maxReplicas": max,
        "scaleTargetRef": {
            "apiVersion": kind.api_version(), "kind": kind.name(), "name": wanted,
        },
    });
    if let Some(min) = min.filter(|it| *it > 0) {
        spec["minReplicas"] = min.into();
    }
    let percent = kubectl.flags.number("cpu-percent").filter(|it| *it >= 0);
    let is_shown = kubectl.client.dry_run == super::client::DryRun::Client;
    if let Some(percent) = percent.filter(|_| is_shown) {
        spec["targetCPUUtilizationPercentage"] = percent.into();
    }
    if !is_shown {
        // The server keeps it as its newest version has it.
        let percent = percent.unwrap_or(80);
        spec["metrics"] = json!([{
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"averageUtilization": percent, "type": "Utilization"},
            },
        }]);
        spec["minReplicas"] = min.unwrap_or(1).into();
    }
    let body = json!({
        "apiVersion": if is_shown { "autoscaling/v1" } else { "autoscaling/v2" },
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name), "spec": spec,
        "status": {"currentReplicas": 0, "desiredReplicas": 0},
    });
    post(kubectl, Kind::HorizontalPodAutoscaler, body, "autoscaled", "")
}
