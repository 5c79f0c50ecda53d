//! `kubectl create` of kinds that the lab only keeps, and `autoscale`: flags → objects.

use serde_json::{Map, Value, json};
use svclab_core::key::Kind;

use super::create::{name, post};
use super::errors::{Done, Failed, error, refused};
use super::resources::{self, Resource};
use super::{Kubectl, exec};
use crate::programs;
use crate::programs::base64;

fn metadata(name: &str) -> Value {
    json!({"creationTimestamp": null, "name": name})
}

pub(super) async fn generic_secret(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let mut data = Map::new();
    for literal in kubectl.flags.all("from-literal") {
        let (key, value) = literal.split_once('=').ok_or_else(|| {
            error(format!("invalid literal source {literal}, expected key=value"))
        })?;
        data.insert(key.to_owned(), base64::encoded(value.as_bytes()).into());
    }
    for source in kubectl.flags.all("from-file") {
        let (key, path) = source
            .split_once('=')
            .unwrap_or_else(|| (source.rsplit('/').next().unwrap_or_default(), source));
        let text = file(kubectl, path, "error reading")?;
        data.insert(key.to_owned(), base64::encoded(text.as_bytes()).into());
    }
    let mut body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata(&name)});
    if !data.is_empty() {
        body["data"] = data.into();
    }
    if let Some(kind) = kubectl.flags.text("type") {
        body["type"] = kind.into();
    }
    secret(kubectl, body)
}

/// The server knows a Secret without a type as an opaque one.
fn secret(kubectl: &Kubectl, mut body: Value) -> Done {
    let is_shown = kubectl.client.dry_run == super::client::DryRun::Client;
    if !is_shown && body.get("type").is_none() {
        body["type"] = "Opaque".into();
    }
    post(kubectl, Kind::Secret, body, "created", "failed to create secret")
}

fn file(kubectl: &Kubectl, path: &str, why: &str) -> Done<String> {
    let text = programs::file(&kubectl.process, path);
    text.ok_or_else(|| error(format!("{why} {path}: open {path}: no such file or directory")))
}

pub(super) async fn tls_secret(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let of = |flag: &str| {
        let path = kubectl.flags.text(flag).unwrap_or_default();
        let text = programs::file(&kubectl.process, path);
        text.map(|it| base64::encoded(it.as_bytes())).ok_or_else(|| {
            error(format!("Cannot read file {path}, open {path}: no such file or directory"))
        })
    };
    let data = json!({"tls.crt": of("cert")?, "tls.key": of("key")?});
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata(&name), "data": data,
        "type": "kubernetes.io/tls",
    });
    secret(kubectl, body)
}

pub(super) async fn registry_secret(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let text = |flag: &str| kubectl.flags.text_or(flag, "").to_owned();
    let (user, password) = (text("docker-username"), text("docker-password"));
    let mut entry = json!({"username": user, "password": password});
    if let Some(email) = kubectl.flags.text("docker-email") {
        entry["email"] = email.into();
    }
    entry["auth"] = base64::encoded(format!("{user}:{password}").as_bytes()).into();
    let server = kubectl.flags.text_or("docker-server", "https://index.docker.io/v1/");
    let config = json!({"auths": {server: entry}}).to_string();
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata(&name),
        "data": {".dockerconfigjson": base64::encoded(config.as_bytes())},
        "type": "kubernetes.io/dockerconfigjson",
    });
    secret(kubectl, body)
}

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

pub(super) async fn role(kubectl: &Kubectl) -> Done {
    rules(kubectl, Kind::Role, "failed to create role")
}

pub(super) async fn cluster_role(kubectl: &Kubectl) -> Done {
    rules(kubectl, Kind::ClusterRole, "failed to create clusterrole")
}

fn rules(kubectl: &Kubectl, kind: Kind, failed: &str) -> Done {
    let (name, flags) = (name(kubectl)?, &kubectl.flags);
    let verbs = flags.list("verb");
    if verbs.is_empty() {
        return Err(error("at least one verb must be specified"));
    }
    let (asked, urls) = (flags.list("resource"), flags.list("non-resource-url"));
    if asked.is_empty() && urls.is_empty() {
        return Err(error("at least one resource must be specified"));
    }
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for word in &asked {
        let (word, subresource) = word.split_once('/').map_or((word.as_str(), ""), |it| it);
        let resource = resources::find(word)
            .ok_or_else(|| Failed(format!("the server doesn't have a resource type \"{word}\"")))?;
        let group = resource.api_version.split_once('/').map_or("", |it| it.0).to_owned();
        let plural = match subresource {
            "" => resource.plural.to_owned(),
            subresource => format!("{}/{subresource}", resource.plural),
        };
        match groups.iter_mut().find(|it| it.0 == group) {
            Some(known) => known.1.push(plural),
            None => groups.push((group, vec![plural])),
        }
    }
    let names = flags.list("resource-name");
    let of_group = |(group, resources): (String, Vec<String>)| {
        let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        if !names.is_empty() {
            rule["resourceNames"] = names.clone().into();
        }
        rule
    };
    let mut rules: Vec<Value> = groups.into_iter().map(of_group).collect();
    if !urls.is_empty() {
        rules.push(json!({"nonResourceURLs": urls, "verbs": verbs}));
    }
    let body = json!({
        "apiVersion": kind.api_version(), "kind": kind.name(), "metadata": metadata(&name),
        "rules": rules,
    });
    post(kubectl, kind, body, "created", failed)
}

pub(super) async fn role_binding(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    let (kind, role) = match (flags.text("role"), flags.text("clusterrole")) {
        (Some(role), None) => ("Role", role),
        (None, Some(role)) => ("ClusterRole", role),
        _ => return Err(error("exactly one of clusterrole or role must be specified")),
    };
    binding(kubectl, Kind::RoleBinding, (kind, role), "failed to create rolebinding")
}

pub(super) async fn cluster_role_binding(kubectl: &Kubectl) -> Done {
    let role = kubectl.flags.text_or("clusterrole", "").to_owned();
    let failed = "failed to create clusterrolebinding";
    binding(kubectl, Kind::ClusterRoleBinding, ("ClusterRole", &role), failed)
}

fn binding(kubectl: &Kubectl, kind: Kind, (of, role): (&str, &str), failed: &str) -> Done {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let named = |flag: &str, kind: &str| {
        let all = kubectl.flags.list(flag).into_iter();
        let subject = |name| json!({"apiGroup": GROUP, "kind": kind, "name": name});
        all.map(subject).collect::<Vec<Value>>()
    };
    let mut subjects = named("user", "User");
    subjects.extend(named("group", "Group"));
    for account in kubectl.flags.list("serviceaccount") {
        let (namespace, name) = account
            .split_once(':')
            .ok_or_else(|| error("serviceaccount must be <namespace>:<name>"))?;
        subjects.push(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}));
    }
    let mut body = json!({
        "apiVersion": kind.api_version(), "kind": kind.name(),
        "metadata": metadata(&name(kubectl)?),
        "roleRef": {"apiGroup": GROUP, "kind": of, "name": role},
    });
    if !subjects.is_empty() {
        body["subjects"] = subjects.into();
    }
    post(kubectl, kind, body, "created", failed)
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

/// `kubectl cp FROM TO`: one of them in a container (`NAMESPACE/POD:PATH`).
pub(super) async fn copy(kubectl: &Kubectl) -> Done {
    let [from, to] = kubectl.flags.arguments.as_slice() else {
        return Err(error("source and destination are required"));
    };
    match (remote(from), remote(to)) {
        (None, None) => Err(error("one of src or dest must be a remote file specification")),
        (Some(_), Some(_)) => Err(error("one of src or dest must be a local file specification")),
        (None, Some((pod, path))) => {
            let inside = at(kubectl, pod)?;
            let text = programs::file(&kubectl.process, from);
            let text =
                text.ok_or_else(|| error(format!("{from} doesn't exist in local filesystem")))?;
            let mut target = inside.resolve(path);
            if path.ends_with('/') || inside.files().is_directory(&target) {
                let name = from.rsplit('/').next().unwrap_or_default();
                target = format!("{}/{name}", target.trim_end_matches('/'));
            }
            inside.files_mut().put(target, text);
            programs::disk::save(&inside);
            Ok(())
        }
        (Some((pod, path)), None) => {
            let inside = at(kubectl, pod)?;
            let Some(text) = programs::file(&inside, path) else {
                kubectl.err(&format!(
                    "tar: {}: Cannot stat: No such file or directory\ntar: Exiting with failure status due to previous errors\n",
                    path.trim_start_matches('/')
                ));
                return Err(error("command terminated with exit code 2"));
            };
            if path.starts_with('/') {
                kubectl.err("tar: Removing leading `/' from member names\n");
            }
            let target = kubectl.process.resolve(to);
            kubectl.process.files_mut().put(target, text);
            Ok(())
        }
    }
}

/// `shop/web-1:/tmp/a`
fn remote(word: &str) -> Option<(&str, &str)> {
    word.split_once(':').filter(|it| !it.0.is_empty())
}

/// A process in the container that is named.
fn at(kubectl: &Kubectl, pod: &str) -> Done<crate::process::Process> {
    let (namespace, name) = match pod.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), name),
        None => (kubectl.namespace(), pod),
    };
    let pod = resources::Resource::of(Kind::Pod);
    let pod = kubectl.client.get(pod, &namespace, name).map_err(|it| refused(&it, None))?;
    let pod = pod.as_pod().ok_or_else(|| error("no pod"))?;
    let container = exec::container(kubectl, pod)?;
    if !exec::is_running(pod, &container) {
        return Err(error(format!(
            "Internal error occurred: unable to upgrade connection: container not found (\"{container}\")"
        )));
    }
    let place = crate::session::Place::Pod {
        namespace,
        name: pod.metadata.name.clone(),
        container: Some(container),
    };
    let inside = kubectl.process.at(place, false);
    programs::disk::refresh(&inside);
    Ok(inside)
}

/// `kubectl proxy`: nobody reaches the API by HTTP in the lab.
pub(super) async fn proxy(kubectl: &Kubectl) -> Done {
    let port = kubectl.flags.number("port").unwrap_or(8001);
    let address = kubectl.flags.text_or("address", "127.0.0.1");
    kubectl.out(&format!("Starting to serve on {address}:{port}\n"));
    kubectl.err(
        "(the lab serves nothing there: ask the API with kubectl get --raw, or kubectl itself)\n",
    );
    std::future::pending().await
}

/// `kubectl debug`: a pod of the lab has the containers it was made with.
pub(super) async fn debug(kubectl: &Kubectl) -> Done {
    let Some(word) = kubectl.flags.arguments.first() else {
        return Err(error("NAME or TYPE/NAME is required for debug"));
    };
    if let Some(node) = word.strip_prefix("node/").or(word.strip_prefix("nodes/")) {
        let nodes = resources::Resource::of(Kind::Node);
        kubectl.client.get(nodes, "", node).map_err(|it| refused(&it, None))?;
        return Err(error(format!(
            "the lab starts no pod for that: its terminal has a place on {node} of its own"
        )));
    }
    if kubectl.flags.text("image").is_none() && kubectl.flags.text("copy-to").is_none() {
        return Err(error("you must specify --image when not using --copy-to."));
    }
    exec::find_pod(kubectl, word, false)?;
    Err(error(
        "the lab adds no container to a pod: every pod's shell has the network tools (kubectl exec)",
    ))
}

pub(super) async fn plugins(_: &Kubectl) -> Done {
    Err(error("unable to find any kubectl plugins in your PATH"))
}

pub(super) async fn completion(kubectl: &Kubectl) -> Done {
    match kubectl.flags.arguments.as_slice() {
        [shell] if ["bash", "zsh", "fish", "powershell"].contains(&shell.as_str()) => {
            kubectl.out("# The lab's terminal completes kubectl's commands by itself.\n");
            Ok(())
        }
        [other] => {
            Err(super::errors::usage("completion", &format!("Unsupported shell type {other:?}.")))
        }
        [] => Err(super::errors::usage("completion", "Shell not specified.")),
        _ => Err(super::errors::usage(
            "completion",
            "Too many arguments. Expected only the shell type.",
        )),
    }
}
