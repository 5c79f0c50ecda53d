//! Pods, and the pods that a workload would make.

use serde_json::Value;

use super::volume::volumes;
use super::{Page, age, annotations, date, list, number, or_none, pairs, text};
use crate::kubectl::output::jsonpath::text_of;

pub(super) fn pod(page: &mut Page) {
    page.name_and_namespace();
    if page.it.pointer("/spec/priority").is_some() {
        let priority = page.at("/spec/priority");
        page.field(0, "Priority", priority);
        field_if(page, "Priority Class Name", "/spec/priorityClassName");
    }
    field_if(page, "Runtime Class Name", "/spec/runtimeClassName");
    field_if(page, "Service Account", "/spec/serviceAccountName");
    let node = match page.at("/spec/nodeName").as_str() {
        "" => "<none>".to_owned(),
        node => format!("{node}/{}", page.at("/status/hostIP")),
    };
    page.field(0, "Node", node);
    let started = page.at("/status/startTime");
    if !started.is_empty() {
        page.field(0, "Start Time", date(&started));
    }
    page.labels_and_annotations();
    status(page);
    field(page, "IP", "/status/podIP");
    match page.items("/status/podIPs").as_slice() {
        [] => page.field(0, "IPs", "<none>"),
        ips => {
            page.line(0, "IPs:");
            ips.iter().for_each(|it| page.field(1, "IP", text(it, "/ip")));
        }
    }
    page.controller();
    field_if(page, "NominatedNodeName", "/status/nominatedNodeName");
    containers_of_pod(page);
    gates_and_conditions(page);
    let spec = page.it["spec"].clone();
    volumes(page, list(&spec, "/volumes"), "");
    field(page, "QoS Class", "/status/qosClass");
    placing(page, &spec);
    page.events();
}

fn field(page: &mut Page, name: &str, pointer: &str) {
    let value = page.at(pointer);
    page.field(0, name, value);
}

fn field_if(page: &mut Page, name: &str, pointer: &str) {
    let value = page.at(pointer);
    page.field_if(0, name, &value);
}

fn status(page: &mut Page) {
    let (phase, deleted) = (page.at("/status/phase"), page.at("/metadata/deletionTimestamp"));
    if deleted.is_empty() || matches!(phase.as_str(), "Failed" | "Succeeded") {
        page.field(0, "Status", phase);
    } else {
        let since = age(&deleted, page.kubectl.process.now());
        page.field(0, "Status", format!("Terminating (lasts {since})"));
        let grace = page.at("/metadata/deletionGracePeriodSeconds");
        page.field(0, "Termination Grace Period", format!("{grace}s"));
    }
    field_if(page, "Reason", "/status/reason");
    field_if(page, "Message", "/status/message");
    field_if(page, "SeccompProfile", "/spec/securityContext/seccompProfile/type");
}

fn containers_of_pod(page: &mut Page) {
    for (title, field) in
        [("Init Containers", "init"), ("Containers", ""), ("Ephemeral Containers", "ephemeral")]
    {
        let (specs, states) = match field {
            "" => ("/spec/containers".to_owned(), "/status/containerStatuses".to_owned()),
            field => {
                (format!("/spec/{field}Containers"), format!("/status/{field}ContainerStatuses"))
            }
        };
        let (specs, states) = (page.items(&specs), page.items(&states));
        if !specs.is_empty() || field.is_empty() {
            containers(page, title, &specs, Some(&states), "");
        }
    }
}

fn gates_and_conditions(page: &mut Page) {
    let conditions = page.items("/status/conditions");
    let gates = page.items("/spec/readinessGates");
    if !gates.is_empty() {
        page.line(0, "Readiness Gates:\n  Type\tStatus");
        for gate in &gates {
            let kind = text(gate, "/conditionType");
            let found = conditions.iter().find(|it| text(it, "/type") == kind);
            page.line(1, format!("{kind} \t{} ", found.map_or("<none>", |it| text(it, "/status"))));
        }
    }
    if !conditions.is_empty() {
        page.line(0, "Conditions:\n  Type\tStatus");
        for it in &conditions {
            page.line(1, format!("{} \t{} ", text(it, "/type"), text(it, "/status")));
        }
    }
}

/// The pods that a workload makes.
pub(super) fn template(page: &mut Page, template: &Value) {
    page.line(0, "Pod Template:");
    page.lines("  Labels", &pairs(template.pointer("/metadata/labels")));
    let notes = template.pointer("/metadata/annotations");
    if notes.and_then(Value::as_object).is_some_and(|it| !it.is_empty()) {
        page.lines("  Annotations", &annotations(notes));
    }
    let spec = &template["spec"];
    page.field_if(1, "Service Account", text(spec, "/serviceAccountName"));
    let init = list(spec, "/initContainers");
    if !init.is_empty() {
        containers(page, "Init Containers", init, None, "  ");
    }
    containers(page, "Containers", list(spec, "/containers"), None, "  ");
    volumes(page, list(spec, "/volumes"), "  ");
    spread(page, spec, "  ");
    page.field_if(1, "Priority Class Name", text(spec, "/priorityClassName"));
    page.lines("  Node-Selectors", &pairs(spec.get("nodeSelector")));
    page.lines("  Tolerations", &tolerations(spec));
}

/// Where a pod may go.
fn placing(page: &mut Page, spec: &Value) {
    page.lines("Node-Selectors", &pairs(spec.get("nodeSelector")));
    page.lines("Tolerations", &tolerations(spec));
    spread(page, spec, "");
}

fn tolerations(spec: &Value) -> Vec<String> {
    let mut all = list(spec, "/tolerations").to_vec();
    all.sort_by(|a, b| text(a, "/key").cmp(text(b, "/key")));
    all.iter().map(toleration).collect()
}

fn spread(page: &mut Page, spec: &Value, space: &str) {
    let mut constraints = list(spec, "/topologySpreadConstraints").to_vec();
    if constraints.is_empty() {
        return;
    }
    constraints.sort_by(|a, b| text(a, "/topologyKey").cmp(text(b, "/topologyKey")));
    let lines: Vec<String> = constraints
        .iter()
        .map(|it| {
            let (key, otherwise) = (text(it, "/topologyKey"), text(it, "/whenUnsatisfiable"));
            let skew = number(it, "/maxSkew");
            format!("{key}:{otherwise} when max skew {skew} is exceeded{}", for_selector(it))
        })
        .collect();
    page.lines(&format!("{space}Topology Spread Constraints"), &lines);
}

fn for_selector(constraint: &Value) -> String {
    match constraint.get("labelSelector") {
        Some(selector) => format!(" for selector {}", super::workload::selector(Some(selector))),
        None => String::new(),
    }
}

/// `node.kubernetes.io/not-ready:NoExecute op=Exists for 300s`
fn toleration(it: &Value) -> String {
    let (key, value, effect) = (text(it, "/key"), text(it, "/value"), text(it, "/effect"));
    let mut res = key.to_owned();
    if !value.is_empty() {
        res.push_str(&format!("={value}"));
    }
    if !effect.is_empty() {
        res.push_str(&format!(":{effect}"));
    }
    if text(it, "/operator") == "Exists" && value.is_empty() {
        res.push_str(if res.is_empty() { "op=Exists" } else { " op=Exists" });
    }
    if it.get("tolerationSeconds").is_some() {
        res.push_str(&format!(" for {}s", number(it, "/tolerationSeconds")));
    }
    res
}

/// Without states: the containers of a template.
fn containers(
    page: &mut Page,
    title: &str,
    specs: &[Value],
    states: Option<&[Value]>,
    space: &str,
) {
    page.line(0, format!("{space}{title}:{}", if specs.is_empty() { " <none>" } else { "" }));
    for it in specs {
        let name = text(it, "/name");
        let states = states.unwrap_or_default();
        let state = states.iter().find(|it| text(it, "/name") == name);
        page.line(1, format!("{}{name}:", if space.is_empty() { "" } else { " " }));
        image_and_ports(page, it, state);
        words(page, "Command", list(it, "/command"));
        words(page, "Args", list(it, "/args"));
        if let Some(state) = state {
            state_lines(page, state);
        }
        resources(page, it, "Limits", "/resources/limits");
        resources(page, it, "Requests", "/resources/requests");
        for (title, field) in [
            ("Liveness", "livenessProbe"),
            ("Readiness", "readinessProbe"),
            ("Startup", "startupProbe"),
        ] {
            if let Some(probe) = it.get(field) {
                page.field(2, title, self::probe(probe));
            }
        }
        environment(page, it, space.is_empty());
        mounts(page, it);
    }
}

fn image_and_ports(page: &mut Page, it: &Value, state: Option<&Value>) {
    if let Some(state) = state {
        page.field(2, "Container ID", text(state, "/containerID"));
    }
    page.field(2, "Image", text(it, "/image"));
    if let Some(state) = state {
        page.field(2, "Image ID", text(state, "/imageID"));
    }
    for (title, field) in [("Port", "/containerPort"), ("Host Port", "/hostPort")] {
        let ports: Vec<String> = list(it, "/ports")
            .iter()
            .map(|it| format!("{}/{}", number(it, field), text(it, "/protocol")))
            .collect();
        let several = if ports.len() > 1 { "s" } else { "" };
        page.field(2, &format!("{title}{several}"), or_none(&ports.join(", ")));
    }
}

fn words(page: &mut Page, title: &str, words: &[Value]) {
    if words.is_empty() {
        return;
    }
    page.line(2, format!("{title}:"));
    for word in words {
        text_of(word).split('\n').for_each(|it| page.line(3, it));
    }
}

fn state_lines(page: &mut Page, it: &Value) {
    state(page, "State", &it["state"]);
    if it.pointer("/lastState/terminated").is_some() {
        state(page, "Last State", &it["lastState"]);
    }
    page.field(2, "Ready", if it["ready"] == true { "True" } else { "False" });
    page.field(2, "Restart Count", number(it, "/restartCount"));
}

fn state(page: &mut Page, title: &str, it: &Value) {
    if let Some(running) = it.get("running") {
        page.field(2, title, "Running");
        page.field(3, "Started", date(text(running, "/startedAt")));
    } else if let Some(ended) = it.get("terminated") {
        page.field(2, title, "Terminated");
        page.field_if(3, "Reason", text(ended, "/reason"));
        page.field_if(3, "Message", text(ended, "/message"));
        page.field(3, "Exit Code", number(ended, "/exitCode"));
        if number(ended, "/signal") > 0 {
            page.field(3, "Signal", number(ended, "/signal"));
        }
        page.field(3, "Started", date(text(ended, "/startedAt")));
        page.field(3, "Finished", date(text(ended, "/finishedAt")));
    } else {
        page.field(2, title, "Waiting");
        page.field_if(3, "Reason", text(it, "/waiting/reason"));
    }
}

fn resources(page: &mut Page, it: &Value, title: &str, pointer: &str) {
    let Some(Value::Object(amounts)) = it.pointer(pointer) else { return };
    let mut amounts: Vec<(&String, &Value)> = amounts.iter().collect();
    amounts.sort_by_key(|it| it.0);
    if !amounts.is_empty() {
        page.line(2, format!("{title}:"));
    }
    for (name, amount) in amounts {
        page.field(3, name, text_of(amount));
    }
}

/// `http-get http://:http/ready delay=0s timeout=1s period=10s #success=1 #failure=3`
fn probe(it: &Value) -> String {
    let count = |field: &str| number(it, field);
    let times = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        count("/initialDelaySeconds"),
        count("/timeoutSeconds"),
        count("/periodSeconds"),
        count("/successThreshold"),
        count("/failureThreshold")
    );
    let port = |it: &Value| it.get("port").map(text_of).unwrap_or_default();
    let what = if let Some(exec) = it.get("exec") {
        let words: Vec<String> = list(exec, "/command").iter().map(text_of).collect();
        format!("exec [{}]", words.join(" "))
    } else if let Some(get) = it.get("httpGet") {
        let scheme = text(get, "/scheme").to_lowercase();
        format!("http-get {scheme}://{}:{}{}", text(get, "/host"), port(get), text(get, "/path"))
    } else if let Some(socket) = it.get("tcpSocket") {
        format!("tcp-socket {}:{}", text(socket, "/host"), port(socket))
    } else if let Some(grpc) = it.get("grpc") {
        format!("grpc <pod>:{} {}", port(grpc), text(grpc, "/service"))
    } else {
        "unknown".to_owned()
    };
    format!("{what} {times}")
}

fn environment(page: &mut Page, it: &Value, is_pod: bool) {
    let sources = list(it, "/envFrom");
    if !sources.is_empty() {
        page.line(2, "Environment Variables from:");
    }
    for source in sources {
        let (kind, from) = match source.get("configMapRef") {
            Some(from) => ("ConfigMap", from),
            None => ("Secret", &source["secretRef"]),
        };
        let with = match text(source, "/prefix") {
            "" => String::new(),
            prefix => format!(" with prefix '{prefix}'"),
        };
        let (name, optional) = (text(from, "/name"), from["optional"] == true);
        page.line(3, format!("{name}\t{kind}{with}\tOptional: {optional}"));
    }
    let variables = list(it, "/env");
    page.line(2, format!("Environment:{}", if variables.is_empty() { "\t<none>" } else { "" }));
    for variable in variables {
        let name = text(variable, "/name");
        match variable.get("valueFrom") {
            Some(from) => page.field(3, name, value_from(page, from, is_pod)),
            None => {
                for (index, line) in text(variable, "/value").split('\n').enumerate() {
                    page.line(
                        3,
                        match index {
                            0 => format!("{name}:\t{line}"),
                            _ => format!("\t{line}"),
                        },
                    );
                }
            }
        }
    }
}

fn value_from(page: &Page, from: &Value, is_pod: bool) -> String {
    if let Some(field) = from.get("fieldRef") {
        let path = text(field, "/fieldPath");
        let value = if is_pod { of_metadata(page, path) } else { String::new() };
        let version = match text(field, "/apiVersion") {
            "" => "v1",
            version => version,
        };
        return format!("{value} ({version}:{path})");
    }
    if let Some(resource) = from.get("resourceFieldRef") {
        return format!(" ({})", text(resource, "/resource"));
    }
    let (of, from) = match from.get("secretKeyRef") {
        Some(secret) => ("in secret", secret),
        None => ("of config map", &from["configMapKeyRef"]),
    };
    let (key, name, optional) = (text(from, "/key"), text(from, "/name"), from["optional"] == true);
    format!("<set to the key '{key}' {of} '{name}'>\tOptional: {optional}")
}

/// What kubectl can work out by itself: of the metadata alone (`ExtractFieldPathAsString`).
fn of_metadata(page: &Page, path: &str) -> String {
    if let Some((map, key)) = path.strip_suffix("']").and_then(|it| it.split_once("['")) {
        let values = page.it.pointer(&format!("/{}", map.replace('.', "/")));
        return values.map_or("", |it| it[key].as_str().unwrap_or_default()).to_owned();
    }
    match path {
        "metadata.name" | "metadata.namespace" | "metadata.uid" => {
            page.at(&format!("/{}", path.replace('.', "/")))
        }
        _ => String::new(),
    }
}

fn mounts(page: &mut Page, it: &Value) {
    let mut mounts = list(it, "/volumeMounts").to_vec();
    mounts.sort_by(|a, b| text(a, "/mountPath").cmp(text(b, "/mountPath")));
    page.line(2, format!("Mounts:{}", if mounts.is_empty() { "\t<none>" } else { "" }));
    for mount in &mounts {
        let mode = if mount["readOnly"] == true { "ro" } else { "rw" };
        let part = match text(mount, "/subPath") {
            "" => String::new(),
            path => format!(",path={path:?}"),
        };
        let (path, name) = (text(mount, "/mountPath"), text(mount, "/name"));
        page.line(3, format!("{path} from {name} ({mode}{part})"));
    }
}
