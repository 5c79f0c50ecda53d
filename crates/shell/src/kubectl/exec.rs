//! `kubectl exec`, `port-forward` and `top`: what is done inside of pods.

use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::{ContainerStatus, IntOrString, Object, Pod, ServicePort};

use super::errors::{Done, Failed, error, refused, usage};
use super::output::name;
use super::resources::{self, Resource};
use super::selector::LabelSelector;
use super::{Kubectl, exit};
use crate::programs;
use crate::session::Place;

pub(super) async fn exec(kubectl: &Kubectl) -> Done {
    let (before, command) = kubectl.arguments();
    let Some(pod) = before.first() else {
        return Err(error("pod, type/name or --filename must be specified"));
    };
    if before.len() > 1 {
        let instead = "Use exec [POD] -- [COMMAND] instead";
        return Err(usage(
            "exec",
            &format!("exec [POD] [COMMAND] is not supported anymore. {instead}"),
        ));
    }
    let Some(program) = command.first() else {
        return Err(error("you must specify at least one command for the container"));
    };
    let pod = find_pod(kubectl, pod, false)?;
    if pod.is_finished() {
        let phase = &pod.status.phase;
        return Err(error(format!(
            "cannot exec into a container in a completed pod; current phase is {phase}"
        )));
    }
    let container = container(kubectl, &pod)?;
    let meta = &pod.metadata;
    if pod.spec.node_name.is_empty() {
        let why = format!("pod {} does not have a host assigned", meta.name);
        return Err(Failed(format!("Error from server (BadRequest): {why}")));
    }
    if !is_running(&pod, &container) {
        return Err(error(format!(
            "Internal error occurred: unable to upgrade connection: container not found (\"{container}\")"
        )));
    }
    let place = Place::Pod {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        container: Some(container),
    };
    let flags = &kubectl.flags;
    let is_shell = command.len() == 1 && programs::is_shell(program);
    if is_shell && flags.has("tty") && kubectl.process.is_at_terminal() {
        kubectl.process.session_mut().enter(place);
        return Ok(());
    }
    let inside = kubectl.process.at(place, flags.has("stdin"));
    if !programs::exists(&inside, program) {
        let task = "0".repeat(64);
        return Err(error(format!(
            "Internal error occurred: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"{task}\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"{program}\": executable file not found in $PATH: unknown"
        )));
    }
    programs::disk::refresh(&inside);
    let status = programs::status(&inside, command.to_vec()).await;
    programs::disk::save(&inside);
    match status {
        0 => Ok(()),
        status => {
            kubectl.err(&format!("command terminated with exit code {status}\n"));
            Err(exit(status))
        }
    }
}

/// The pod that is named, or the first one of what is (`attachablePodForObject`).
pub(super) fn find_pod(kubectl: &Kubectl, word: &str, says_which: bool) -> Done<Pod> {
    let namespace = kubectl.namespace();
    let (resource, wanted) = match word.split_once('/') {
        Some((kind, wanted)) => {
            let missing =
                || Failed(format!("error: the server doesn't have a resource type \"{kind}\""));
            (resources::find(kind).ok_or_else(missing)?, wanted)
        }
        None => (Resource::of(Kind::Pod), word),
    };
    let object =
        kubectl.client.get(resource, &namespace, wanted).map_err(|it| refused(&it, None))?;
    if let Some(pod) = object.as_pod() {
        return Ok(pod.clone());
    }
    let selector = selector(&object).ok_or_else(|| {
        let kind = resource.go_kind();
        error(format!(
            "cannot attach to *unstructured.Unstructured: selector for {kind} not implemented"
        ))
    })?;
    let all = kubectl.client.list(Resource::of(Kind::Pod), Some(&namespace));
    let all = all.map_err(|it| refused(&it, None))?;
    let mut pods: Vec<&Pod> = all.iter().filter_map(|it| it.as_pod()).collect();
    pods.retain(|it| selector.matches(&it.metadata.labels));
    pods.sort_by_key(|it| {
        let rank = (it.spec.node_name.is_empty(), it.status.phase != "Running", !it.is_ready());
        let ready = it.status.conditions.iter().find(|it| it.r#type == "Ready");
        let since = ready.map(|it| it.last_transition_time.clone());
        (rank, since, it.metadata.creation_timestamp.clone(), it.metadata.name.clone())
    });
    let first = pods.first().ok_or_else(|| error("timed out waiting for the condition"))?;
    if says_which && pods.len() > 1 {
        let (count, name) = (pods.len(), &first.metadata.name);
        kubectl.err(&format!("Found {count} pods, using pod/{name}\n"));
    }
    Ok((*first).clone())
}

/// How an object chooses pods.
fn selector(object: &Object) -> Option<LabelSelector> {
    let value = object.to_value();
    let labels = match object.kind() {
        Kind::Service => value.pointer("/spec/selector"),
        _ => value.pointer("/spec/selector/matchLabels"),
    };
    let pairs = labels?.as_object()?.iter();
    let text: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    LabelSelector::parse(&text.join(",")).ok()
}

/// The container that is meant; says which one where there are several.
pub(super) fn container(kubectl: &Kubectl, pod: &Pod) -> Done<String> {
    let names = || {
        let init = pod.spec.init_containers.iter().map(|it| (it.name.as_str(), " (init)"));
        pod.spec.containers.iter().map(|it| (it.name.as_str(), "")).chain(init)
    };
    if let Some(wanted) = kubectl.flags.text("container").filter(|it| !it.is_empty()) {
        if names().any(|(it, _)| it == wanted) {
            return Ok(wanted.to_owned());
        }
        let why = format!("container {wanted} is not valid for pod {}", pod.metadata.name);
        return Err(Failed(format!("Error from server (BadRequest): {why}")));
    }
    let annotated = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container");
    if let Some(default) = annotated.filter(|wanted| names().any(|(it, _)| it == *wanted)) {
        return Ok(default.clone());
    }
    let first = pod.spec.containers.first().map(|it| it.name.clone()).unwrap_or_default();
    if names().count() > 1 && !kubectl.flags.has("quiet") {
        let all: Vec<String> = names().map(|(name, mark)| format!("{name}{mark}")).collect();
        kubectl.err(&format!("Defaulted container \"{first}\" out of: {}\n", all.join(", ")));
    }
    Ok(first)
}

pub(super) fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let all = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    all.into_iter().find(|it| it.name == container)
}

pub(super) fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::new(Kind::Pod, &pod.metadata.namespace, &pod.metadata.name)
}

pub(super) fn is_running(pod: &Pod, container: &str) -> bool {
    status_of(pod, container).is_some_and(|it| it.state.running.is_some())
}

/// Until the pod is gone.
pub(super) async fn follow(kubectl: &Kubectl, key: &ObjectKey) {
    let uid = kubectl.process.lab().objects().get(key).map(|it| it.meta().uid.clone());
    loop {
        let (version, there) = {
            let lab = kubectl.process.lab();
            let there =
                lab.objects().get(key).is_some_and(|it| Some(&it.meta().uid) == uid.as_ref());
            (lab.resource_version(), there)
        };
        if !there {
            return;
        }
        kubectl.process.changed(version, None).await;
    }
}

/// Says what is forwarded, and waits; nobody listens there in the lab.
pub(super) async fn port_forward(kubectl: &Kubectl) -> Done {
    let [target, ports @ ..] = kubectl.flags.arguments.as_slice() else {
        return Err(usage(
            "port-forward",
            "TYPE/NAME and list of ports are required for port-forward",
        ));
    };
    if ports.is_empty() {
        return Err(usage(
            "port-forward",
            "TYPE/NAME and list of ports are required for port-forward",
        ));
    }
    let pod = find_pod(kubectl, target, false)?;
    if pod.status.phase != "Running" {
        let phase = &pod.status.phase;
        return Err(error(format!(
            "unable to forward port because pod is not running. Current status={phase}"
        )));
    }
    for text in ports {
        let (local, remote) = forwarded(kubectl, target, &pod, text)?;
        for address in ["127.0.0.1", "[::1]"] {
            kubectl.out(&format!("Forwarding from {address}:{local} -> {remote}\n"));
        }
    }
    kubectl.err(
        "(the lab forwards nothing: ask the Service or the pod itself, from a pod or a node)\n",
    );
    follow(kubectl, &key(&pod)).await;
    Err(error("lost connection to pod"))
}

/// `8080:80`: the port here and the pod's; a Service's port is its target's.
fn forwarded(kubectl: &Kubectl, target: &str, pod: &Pod, text: &str) -> Done<(String, i32)> {
    let (local, remote) = text.split_once(':').unwrap_or((text, text));
    let named = |name: &str| {
        let ports = pod.spec.containers.iter().flat_map(|it| &it.ports);
        ports.into_iter().find(|it| it.name == name).map(|it| it.container_port)
    };
    let mut number = remote.parse::<u16>().ok().map(i32::from).or_else(|| named(remote));
    if let Some((kind, service)) = target.split_once('/')
        && resources::find(kind).and_then(Resource::stored) == Some(Kind::Service)
        && let Ok(found) =
            kubectl.client.get_key(&ObjectKey::new(Kind::Service, kubectl.namespace(), service))
        && let Object::Service(service) = &*found
    {
        let is_it = |it: &&ServicePort| number == Some(it.port) || it.name == remote;
        let Some(port) = service.spec.ports.iter().find(is_it) else {
            let name = &service.metadata.name;
            return Err(error(match remote.parse::<u16>() {
                Ok(_) => format!("Service {name} does not have a service port {remote}"),
                Err(_) => format!("Service '{name}' does not have a named port '{remote}'"),
            }));
        };
        number = match &port.target_port {
            IntOrString::Int(number) => Some(*number),
            IntOrString::String(name) => named(name),
        };
    }
    let number = number.ok_or_else(|| {
        error(format!(
            "unable to find port {remote:?} in pod {}",
            name(&Rc::new(Object::Pod(pod.clone())))
        ))
    })?;
    let local = if local.is_empty() { number.to_string() } else { local.to_owned() };
    Ok((if local.parse::<u16>().is_ok() { local } else { number.to_string() }, number))
}

/// There is no metrics server.
pub(super) async fn top(_: &Kubectl) -> Done {
    Err(error("Metrics API not available"))
}
