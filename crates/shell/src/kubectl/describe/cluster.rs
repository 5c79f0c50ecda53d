//! Node, Namespace, ConfigMap, and kinds that kubectl has no page for.

use serde_json::Value;
use svclab_core::key::Kind;
use svclab_core::object::quantity::thousandths;
use svclab_core::object::{Object, Pod};

use super::{Page, age, date, text};
use crate::kubectl::columns;
use crate::kubectl::output::jsonpath::text_of;

pub(super) fn node(page: &mut Page) {
    let name = page.at("/metadata/name");
    page.field(0, "Name", &name);
    let roles = match &*page.object {
        Object::Node(it) => columns::roles(it),
        _ => String::new(),
    };
    page.field(0, "Roles", roles);
    page.labels_and_annotations();
    page.created();
    let mut taints: Vec<(String, String)> =
        page.items("/spec/taints").iter().map(|it| (taint_order(it), taint(it))).collect();
    taints.sort();
    let taints: Vec<String> = taints.into_iter().map(|it| it.1).collect();
    page.lines("Taints", &taints);
    page.field(
        0,
        "Unschedulable",
        page.it.pointer("/spec/unschedulable").is_some_and(|it| *it == true),
    );
    page.field(
        0,
        "Lease",
        format!("Failed to get lease: leases.coordination.k8s.io \"{name}\" not found"),
    );
    conditions(page);
    page.line(0, "Addresses:");
    for it in page.items("/status/addresses") {
        page.field(1, text(&it, "/type"), text(&it, "/address"));
    }
    amounts(page, "Capacity", "/status/capacity");
    amounts(page, "Allocatable", "/status/allocatable");
    info(page);
    pods(page);
    page.events();
}

fn taint_order(it: &Value) -> String {
    format!("{},{}", text(it, "/effect"), text(it, "/key"))
}

/// `key=value:NoSchedule`
fn taint(it: &Value) -> String {
    let (key, value, effect) = (text(it, "/key"), text(it, "/value"), text(it, "/effect"));
    match (value, effect) {
        ("", "") => key.to_owned(),
        ("", effect) => format!("{key}:{effect}"),
        (value, "") => format!("{key}={value}:"),
        (value, effect) => format!("{key}={value}:{effect}"),
    }
}

fn conditions(page: &mut Page) {
    let conditions = page.items("/status/conditions");
    if conditions.is_empty() {
        return;
    }
    page.line(
        0,
        "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage",
    );
    page.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for it in &conditions {
        let (kind, status) = (text(it, "/type"), text(it, "/status"));
        let (beat, turn) =
            (date(text(it, "/lastHeartbeatTime")), date(text(it, "/lastTransitionTime")));
        let (reason, message) = (text(it, "/reason"), text(it, "/message"));
        page.line(1, format!("{kind} \t{status} \t{beat} \t{turn} \t{reason} \t{message}"));
    }
}

fn amounts(page: &mut Page, title: &str, pointer: &str) {
    let Some(Value::Object(amounts)) = page.it.pointer(pointer).cloned() else { return };
    let mut amounts: Vec<(String, Value)> = amounts.into_iter().collect();
    amounts.sort_by(|a, b| a.0.cmp(&b.0));
    if !amounts.is_empty() {
        page.line(0, format!("{title}:"));
    }
    for (name, amount) in &amounts {
        page.field(1, name, text_of(amount));
    }
}

fn info(page: &mut Page) {
    page.line(0, "System Info:");
    for (title, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        let value = page.at(&format!("/status/nodeInfo/{field}"));
        page.field(1, title, value);
    }
    let range = page.at("/spec/podCIDR");
    page.field_if(0, "PodCIDR", &range);
    let ranges: Vec<String> = page.items("/spec/podCIDRs").iter().map(text_of).collect();
    page.field_if(0, "PodCIDRs", &ranges.join(","));
    let provider = page.at("/spec/providerID");
    page.field_if(0, "ProviderID", &provider);
}

/// What pods ask for and may take, in thousandths.
#[derive(Clone, Copy, Default)]
struct Amount {
    requests: i128,
    limits: i128,
}

const KINDS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

fn pods(page: &mut Page) {
    let name = page.at("/metadata/name");
    let pods: Vec<(Pod, Value)> = {
        let lab = page.kubectl.process.lab();
        let all = lab.objects().of_kind(Kind::Pod).filter_map(Object::as_pod);
        let here = all.filter(|it| it.spec.node_name == name && !it.is_finished());
        here.map(|it| (it.clone(), Object::Pod(it.clone()).to_value())).collect()
    };
    page.field(0, "Non-terminated Pods", format!("({} in total)", pods.len()));
    page.line(
        1,
        "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
    );
    page.line(
        1,
        "---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
    );
    let room: Vec<i128> = KINDS.iter().map(|kind| room(page, kind)).collect();
    let mut totals = [Amount::default(); KINDS.len()];
    let now = page.kubectl.process.now();
    for (pod, value) in &pods {
        let amounts = KINDS.map(|kind| amount(value, kind));
        for (total, amount) in totals.iter_mut().zip(amounts) {
            total.requests = total.requests.saturating_add(amount.requests);
            total.limits = total.limits.saturating_add(amount.limits);
        }
        let shares: Vec<String> = (0..2)
            .flat_map(|at| {
                let share = |amount| share(KINDS[at], amount, room[at]);
                [share(amounts[at].requests), share(amounts[at].limits)]
            })
            .collect();
        let (meta, shares) = (&pod.metadata, shares.join("\t"));
        let age = age(&meta.creation_timestamp, now);
        page.line(1, format!("{}\t{}\t\t{shares}\t{age}", meta.namespace, meta.name));
    }
    page.line(
        0,
        "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)",
    );
    page.line(1, "Resource\tRequests\tLimits");
    page.line(1, "--------\t--------\t------");
    for ((kind, total), room) in KINDS.iter().zip(totals).zip(room) {
        let (requests, limits) =
            (share(kind, total.requests, room), share(kind, total.limits, room));
        page.line(1, format!("{kind}\t{requests}\t{limits}"));
    }
}

fn room(page: &Page, kind: &str) -> i128 {
    let of = |field: &str| page.it.pointer(&format!("/status/{field}/{kind}")).map(text_of);
    of("allocatable").or_else(|| of("capacity")).and_then(|it| thousandths(&it)).unwrap_or(0)
}

/// A pod's: the sum of its containers' (with sidecars), or what one init container needs if that is more.
fn amount(pod: &Value, kind: &str) -> Amount {
    let of = |container: &Value, what: &str| {
        let found = container.pointer(&format!("/resources/{what}/{kind}")).map(text_of);
        found.and_then(|it| thousandths(&it)).unwrap_or(0)
    };
    let sum = |what: &str| {
        let containers = super::list(pod, "/spec/containers").iter();
        let mut res = containers.fold(0_i128, |sum, it| sum.saturating_add(of(it, what)));
        let (mut sidecars, mut most) = (0_i128, 0);
        for init in super::list(pod, "/spec/initContainers") {
            if text(init, "/restartPolicy") == "Always" {
                res = res.saturating_add(of(init, what));
                sidecars = sidecars.saturating_add(of(init, what));
                most = most.max(sidecars);
            } else {
                most = most.max(sidecars.saturating_add(of(init, what)));
            }
        }
        res.max(most)
    };
    Amount { requests: sum("requests"), limits: sum("limits") }
}

/// `100m (2%)`
fn share(kind: &str, amount: i128, room: i128) -> String {
    let percent = amount.saturating_mul(100).checked_div(room).unwrap_or(0);
    format!("{} ({percent}%)", quantity(kind, amount))
}

/// As Go prints a sum: thousandths of a CPU, bytes in the largest unit that divides them.
fn quantity(kind: &str, amount: i128) -> String {
    if kind == "cpu" && amount % 1000 != 0 {
        return format!("{amount}m");
    }
    let mut whole = amount / 1000;
    if kind == "cpu" || whole == 0 {
        return whole.to_string();
    }
    let units = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let mut unit = 0;
    while whole % 1024 == 0 && unit + 1 < units.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{whole}{}", units[unit])
}

pub(super) fn namespace(page: &mut Page) {
    let name = page.at("/metadata/name");
    page.field(0, "Name", name);
    page.labels_and_annotations();
    let phase = page.at("/status/phase");
    page.field(0, "Status", phase);
    let conditions = page.items("/status/conditions");
    if !conditions.is_empty() {
        page.line(0, "Conditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage");
        page.line(1, "----\t------\t------------------\t------\t-------");
        for it in &conditions {
            let [kind, status, reason, message] =
                ["/type", "/status", "/reason", "/message"].map(|field| text(it, field));
            let turn = date(text(it, "/lastTransitionTime"));
            page.line(1, format!("{kind}\t{status}\t{turn}\t{reason}\t{message}"));
        }
    }
    page.line(0, "\nNo resource quota.");
    page.line(0, "\nNo LimitRange resource.");
}

pub(super) fn config_map(page: &mut Page) {
    page.name_and_namespace();
    page.labels_and_annotations();
    page.line(0, "\nData\n====");
    for (key, value) in entries(page, "/data") {
        page.line(0, format!("{key}:\n----\n{value}\n"));
    }
    page.line(0, "\nBinaryData\n====");
    for (key, value) in entries(page, "/binaryData") {
        page.line(0, format!("{key}: {} bytes", bytes(&value)));
    }
    page.line(0, "");
    page.events();
}

/// How long each text is, not what it says.
pub(super) fn secret(page: &mut Page) {
    page.name_and_namespace();
    page.labels_and_annotations();
    let kind = page.it["type"].as_str().unwrap_or_default().to_owned();
    page.line(0, format!("\nType:\t{kind}\n\nData\n===="));
    for (key, value) in entries(page, "/data") {
        page.line(0, format!("{key}:\t{} bytes", bytes(&value)));
    }
}

/// Those that a text in base64 stands for.
fn bytes(text: &str) -> usize {
    let padding = text.chars().rev().take_while(|it| *it == '=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn entries(page: &Page, pointer: &str) -> Vec<(String, String)> {
    let map = page.it.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    let mut res: Vec<(String, String)> =
        map.map(|(key, value)| (key.clone(), text_of(value))).collect();
    res.sort();
    res
}

/// A kind without a page of its own: all its fields (`printUnstructuredContent`).
pub(super) fn other(page: &mut Page) {
    page.name_and_namespace();
    page.labels_and_annotations();
    let mut whole = page.it.clone();
    if let Some(meta) = whole["metadata"].as_object_mut() {
        for field in ["managedFields", "name", "namespace", "labels", "annotations"] {
            meta.shift_remove(field);
        }
    }
    content(page, 0, &whole);
    page.events();
}

fn content(page: &mut Page, level: usize, value: &Value) {
    let mut fields: Vec<(&String, &Value)> = value.as_object().into_iter().flatten().collect();
    fields.sort_by_key(|it| it.0);
    for (name, value) in fields {
        let title = title(name);
        match value {
            Value::Object(_) => {
                page.line(level, format!("{title}:"));
                content(page, level + 1, value);
            }
            Value::Array(items) => {
                page.line(level, format!("{title}:"));
                for item in items {
                    match item {
                        Value::Object(_) => content(page, level + 1, item),
                        item => page.line(level + 1, text_of(item)),
                    }
                }
            }
            Value::Null => page.field(level, &title, "<nil>"),
            value => page.field(level, &title, text_of(value)),
        }
    }
}

/// `creationTimestamp` → `Creation Timestamp` (`smartLabelFor`)
fn title(field: &str) -> String {
    if field.chars().any(|it| !it.is_alphabetic() && it != '-') {
        return field.to_owned();
    }
    let mut parts: Vec<String> = Vec::new();
    let chars: Vec<char> = field.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let after_small = at > 0 && chars[at - 1].is_lowercase();
        let before_small = chars.get(at + 1).is_some_and(|it| it.is_lowercase());
        let starts = c.is_uppercase() && (after_small || (at > 0 && before_small));
        match parts.last_mut() {
            Some(part) if !starts => part.push(*c),
            _ => parts.push(c.to_string()),
        }
    }
    let known = ["API", "URL", "UID", "OSB", "GUID"];
    let word = |it: &String| {
        let upper = it.to_uppercase();
        if known.contains(&upper.as_str()) {
            return upper;
        }
        let mut chars = it.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
    };
    parts.iter().map(word).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_printed_in_the_largest_unit() {
        let check = |kind: &str, amount: &str, expected: &str| {
            let amount = thousandths(amount).expect("a quantity");
            assert_eq!(quantity(kind, amount), expected);
        };
        check("cpu", "100m", "100m");
        check("cpu", "1500m", "1500m");
        check("cpu", "2", "2");
        check("memory", "128Mi", "128Mi");
        check("memory", "1536Mi", "1536Mi");
        check("memory", "0", "0");
    }

    #[test]
    fn a_title_is_the_fields_name_in_words() {
        assert_eq!(title("creationTimestamp"), "Creation Timestamp");
        assert_eq!(title("uid"), "UID");
        assert_eq!(title("apiVersion"), "API Version");
        assert_eq!(title("app.kubernetes.io"), "app.kubernetes.io");
    }
}
