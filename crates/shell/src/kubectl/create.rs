//! `kubectl create TYPE` and `run`: flags → objects.

use serde_json::{Map, Value, json};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::Response;

use super::change::{Report, heard};
use super::client::DryRun;
use super::errors::{Done, error, refused};
use super::{Kubectl, client};

/// Shows the object, or posts it and says what was done. `failed` stands before the server's
/// refusal where the command words it itself.
pub(super) fn post(kubectl: &Kubectl, kind: Kind, body: Value, what: &str, failed: &str) -> Done {
    let report = Report::new(kubectl)?;
    let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let prefix = super::resources::Resource::of(kind).prefix();
    if kubectl.client.dry_run == DryRun::Client {
        // A namespace is written into what nobody stores only where the line names one.
        let named = kubectl.flags.text("namespace").filter(|_| kind.is_namespaced());
        let body = match named {
            Some(namespace) => client::with_namespace(body, namespace),
            None => body,
        };
        report.show_value(kubectl, &body, &format!("{prefix}/{name}"), what);
        return Ok(());
    }
    let response = sent(kubectl, kind, body, failed)?;
    report.show(kubectl, &response.object, what);
    Ok(())
}

fn sent(kubectl: &Kubectl, kind: Kind, body: Value, failed: &str) -> Done<Response> {
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = if kind.is_namespaced() { kubectl.namespace() } else { String::new() };
    let key = ObjectKey::new(kind, &namespace, name);
    let body = if kind.is_namespaced() { client::with_namespace(body, &namespace) } else { body };
    let answer = heard(kubectl, kubectl.client.create(key, body));
    answer.map_err(|refusal| match failed {
        "" => refused(&refusal, None),
        failed => error(format!("{failed}: {}", refusal.message)),
    })
}

/// The only argument of a generator.
pub(super) fn name(kubectl: &Kubectl) -> Done<String> {
    match kubectl.arguments().0 {
        [name] => Ok(name.clone()),
        found => Err(error(format!(
            "exactly one NAME is required, got {}\nSee 'kubectl {} -h' for help and examples",
            found.len(),
            kubectl.command.name
        ))),
    }
}

pub(super) fn metadata(name: &str) -> Value {
    json!({"creationTimestamp": null, "name": name})
}

pub(super) async fn namespace(kubectl: &Kubectl) -> Done {
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"creationTimestamp": null, "name": name(kubectl)?},
        "spec": {}, "status": {},
    });
    post(kubectl, Kind::Namespace, body, "created", "")
}

pub(super) async fn service_account(kubectl: &Kubectl) -> Done {
    let body = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"creationTimestamp": null, "name": name(kubectl)?},
    });
    post(kubectl, Kind::ServiceAccount, body, "created", "failed to create serviceaccount")
}

pub(super) async fn job(kubectl: &Kubectl) -> Done {
    let (name, command) = (name(kubectl)?, kubectl.arguments().1);
    let image = kubectl.flags.text("image").unwrap_or_default();
    let mut container = json!({"image": image, "name": name, "resources": {}});
    if !command.is_empty() {
        container["command"] = command.into();
    }
    let body = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"creationTimestamp": null, "name": name},
        "spec": {
            "template": {
                "metadata": {"creationTimestamp": null},
                "spec": {"containers": [container], "restartPolicy": "Never"},
            },
        },
        "status": {},
    });
    post(kubectl, Kind::Job, body, "created", "failed to create job")
}

/// `docker.io/library/redis:7` → `redis`
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    let last = last.split('@').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default().replace('_', "-")
}

pub(super) async fn deployment(kubectl: &Kubectl) -> Done {
    let (name, flags) = (name(kubectl)?, &kubectl.flags);
    let (images, command) = (flags.list("image"), kubectl.arguments().1);
    if images.len() > 1 && !command.is_empty() {
        return Err(error("cannot specify multiple --image options and command"));
    }
    let containers: Vec<Value> = images
        .iter()
        .map(|image| {
            let mut container =
                json!({"image": image, "name": container_name(image), "resources": {}});
            if !command.is_empty() {
                container["command"] = command.into();
            }
            if let Some(port) = flags.number("port").filter(|it| *it > 0) {
                container["ports"] = json!([{"containerPort": port}]);
            }
            container
        })
        .collect();
    let labels = json!({"app": name});
    let body = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"creationTimestamp": null, "labels": labels, "name": name},
        "spec": {
            "replicas": flags.number("replicas").unwrap_or(1),
            "selector": {"matchLabels": labels}, "strategy": {},
            "template": {
                "metadata": {"creationTimestamp": null, "labels": labels},
                "spec": {"containers": containers},
            },
        },
        "status": {},
    });
    post(kubectl, Kind::Deployment, body, "created", "failed to create deployment")
}

pub(super) async fn cluster_ip(kubectl: &Kubectl) -> Done {
    service(kubectl, "ClusterIP")
}

pub(super) async fn node_port(kubectl: &Kubectl) -> Done {
    service(kubectl, "NodePort")
}

pub(super) async fn load_balancer(kubectl: &Kubectl) -> Done {
    service(kubectl, "LoadBalancer")
}

pub(super) async fn external_name(kubectl: &Kubectl) -> Done {
    service(kubectl, "ExternalName")
}

fn service(kubectl: &Kubectl, kind: &str) -> Done {
    let (name, flags) = (name(kubectl)?, &kubectl.flags);
    let headless = flags.text("clusterip") == Some("None");
    let tcp = flags.list("tcp");
    if tcp.is_empty() && !headless && kind != "ExternalName" {
        return Err(error("at least one tcp port specifier must be provided"));
    }
    let mut ports = Vec::new();
    for text in &tcp {
        let mut port = port(text)?;
        if let Some(number) = flags.number("node-port").filter(|it| *it != 0) {
            port["nodePort"] = number.into();
        }
        ports.push(port);
    }
    let mut spec = json!({"selector": {"app": name}, "type": kind});
    if !ports.is_empty() {
        spec["ports"] = ports.into();
    }
    for (flag, field) in [("clusterip", "clusterIP"), ("external-name", "externalName")] {
        if let Some(text) = flags.text(flag) {
            spec[field] = text.into();
        }
    }
    let body = service_body(&name, json!({"app": name}), spec);
    post(kubectl, Kind::Service, body, "created", &format!("failed to create {kind} service"))
}

pub(super) fn service_body(name: &str, labels: Value, spec: Value) -> Value {
    let mut metadata = json!({"creationTimestamp": null, "name": name});
    if labels.as_object().is_some_and(|it| !it.is_empty()) {
        metadata["labels"] = labels;
    }
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec,
        "status": {"loadBalancer": {}},
    })
}

/// `80`, `80:8080`, `443:https`
fn port(text: &str) -> Done<Value> {
    let (port, target) = text.split_once(':').unwrap_or((text, ""));
    let number = number(port)?;
    let target: Value = match target {
        "" => number.into(),
        target => target.parse::<u16>().map_or_else(|_| target.into(), Value::from),
    };
    let name = text.replace(':', "-");
    Ok(json!({"name": name, "port": number, "protocol": "TCP", "targetPort": target}))
}

fn number(text: &str) -> Done<u16> {
    let wrong = |why: &str| error(format!("strconv.ParseUint: parsing \"{text}\": {why}"));
    let number: u64 = text.parse().map_err(|_| wrong("invalid syntax"))?;
    u16::try_from(number).map_err(|_| wrong("value out of range"))
}

pub(super) async fn ingress(kubectl: &Kubectl) -> Done {
    let (name, flags) = (name(kubectl)?, &kubectl.flags);
    let (rules, backend) = (flags.all("rule"), flags.text("default-backend"));
    if rules.is_empty() && backend.is_none() {
        return Err(error(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)",
        ));
    }
    let (mut hosts, mut tls): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for rule in rules {
        let (host, path, secret) = ingress_rule(rule)?;
        match hosts.iter_mut().find(|it| it["host"].as_str().unwrap_or_default() == host) {
            Some(known) => {
                if let Some(paths) = known["http"]["paths"].as_array_mut() {
                    paths.push(path);
                }
            }
            None => {
                let mut entry = json!({"http": {"paths": [path]}});
                if !host.is_empty() {
                    entry["host"] = host.clone().into();
                }
                hosts.push(entry);
            }
        }
        tls.extend(secret.map(|secret| match secret.as_str() {
            "" => json!({"hosts": [host]}),
            secret => json!({"hosts": [host], "secretName": secret}),
        }));
    }
    let mut spec = Map::new();
    if let Some(backend) = backend {
        let wrong = || {
            error(
                "unable to parse default-backend: must be in the format \"servicename:serviceport\"",
            )
        };
        spec.insert("defaultBackend".to_owned(), ingress_backend(backend).ok_or_else(wrong)?);
    }
    if let Some(class) = flags.text("class") {
        spec.insert("ingressClassName".to_owned(), class.into());
    }
    for (field, list) in [("rules", hosts), ("tls", tls)] {
        if !list.is_empty() {
            spec.insert(field.to_owned(), list.into());
        }
    }
    let body = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"creationTimestamp": null, "name": name},
        "spec": spec, "status": {"loadBalancer": {}},
    });
    post(kubectl, Kind::Ingress, body, "created", "failed to create ingress")
}

/// `host/path*=service:port,tls=secret` → host, path, secret.
fn ingress_rule(rule: &str) -> Done<(String, Value, Option<String>)> {
    let invalid = || {
        error(format!(
            "rule {rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
        ))
    };
    let (place, rest) = rule.split_once('=').ok_or_else(invalid)?;
    let (backend, tls) = match rest.split_once(',') {
        Some((backend, tls)) => (backend, tls.strip_prefix("tls")),
        None => (rest, None),
    };
    let secret = tls.map(|it| it.trim_start_matches('=').to_owned());
    let (host, path) = place.split_once('/').ok_or_else(invalid)?;
    let (path, kind) = match path.strip_suffix('*') {
        Some(path) => (path, "Prefix"),
        None => (path, "Exact"),
    };
    let backend = ingress_backend(backend).ok_or_else(invalid)?;
    let path = json!({"backend": backend, "path": format!("/{path}"), "pathType": kind});
    Ok((host.to_owned(), path, secret))
}

fn ingress_backend(text: &str) -> Option<Value> {
    let (name, port) = text.split_once(':')?;
    let port = match port.parse::<u16>() {
        Ok(number) => json!({"number": number}),
        Err(_) => json!({"name": port}),
    };
    Some(json!({"service": {"name": name, "port": port}}))
}

pub(super) fn pairs(text: &str) -> Value {
    let pairs = text.split(',').filter_map(|it| it.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    let usage = |message: &str| super::errors::usage("run", message);
    let (before, after) = kubectl.arguments();
    let (name, rest) = before.split_first().ok_or_else(|| usage("NAME is required for run"))?;
    let image = flags.text_or("image", "");
    if image.is_empty() || image.contains(char::is_whitespace) {
        return Err(error(format!("Invalid image name \"{image}\": invalid reference format")));
    }
    let restart = flags.text_or("restart", "Always");
    if !["Always", "OnFailure", "Never"].contains(&restart) {
        return Err(usage(&format!("invalid restart policy: {restart}")));
    }
    if flags.has("rm") && !flags.flag("attach", flags.has("stdin")) {
        return Err(usage("--rm should only be used for attached containers"));
    }
    let attaches = flags.flag("attach", flags.has("stdin"));
    if flags.has("tty") && !flags.has("stdin") {
        return Err(usage("-i/--stdin is required for containers with -t/--tty=true"));
    }
    if attaches && kubectl.client.dry_run != DryRun::No {
        return Err(usage(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
        ));
    }
    let port = flags.number("port").filter(|it| *it > 0);
    if flags.has("expose") && port.is_none() {
        return Err(usage("--port must be set when exposing a service"));
    }
    let mut container = json!({"image": image, "name": name, "resources": {}});
    let words: Vec<String> = rest.iter().chain(after).cloned().collect();
    if !words.is_empty() {
        container[if flags.has("command") { "command" } else { "args" }] = words.into();
    }
    if let Some(port) = port {
        container["ports"] = json!([{"containerPort": port}]);
    }
    let env = flags.all("env").iter().filter_map(|it| it.split_once('='));
    let env: Vec<Value> = env.map(|(name, value)| json!({"name": name, "value": value})).collect();
    if !env.is_empty() {
        container["env"] = env.into();
    }
    if flags.has("stdin") {
        container["stdin"] = true.into();
        if !flags.has("leave-stdin-open") {
            container["stdinOnce"] = true.into();
        }
    }
    if flags.has("tty") {
        container["tty"] = true.into();
    }
    let labels = flags.text("labels").map_or_else(|| json!({"run": name}), pairs);
    if flags.has("expose") {
        let ports = json!([{"port": port, "protocol": "TCP", "targetPort": port}]);
        let spec = json!({"ports": ports, "selector": labels});
        post(kubectl, Kind::Service, service_body(name, json!({}), spec), "created", "")?;
    }
    let body = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"creationTimestamp": null, "labels": labels, "name": name},
        "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": restart},
        "status": {},
    });
    if !attaches {
        return post(kubectl, Kind::Pod, body, "created", "");
    }
    sent(kubectl, Kind::Pod, body, "")?;
    super::attach::run(kubectl, name).await
}
