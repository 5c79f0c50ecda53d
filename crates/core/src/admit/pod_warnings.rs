//! What the server says of a pod that it accepts all the same (`pkg/api/pod/warnings.go`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::quantity::thousandths;
use crate::object::{Container, ContainerPort, PodSpec};

/// Labels of nodes that have another name now, and since when.
const OLD_LABELS: [(&str, &str, &str); 5] = [
    ("beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"),
    ("failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
    ("beta.kubernetes.io/instance-type", "v1.17", "node.kubernetes.io/instance-type"),
];

/// Warnings for a pod's spec, or for that of a template; `field` is where the spec stands.
pub(super) fn warnings(spec: &PodSpec, field: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    for key in spec.node_selector.keys() {
        let old = deprecation(key);
        warnings.extend(old.map(|it| format!("{field}.nodeSelector[{key}]: {it}")));
    }
    spreading(&spec.topology_spread_constraints, field, &mut warnings);
    repeated_names(spec, field, &mut warnings);
    let init = each(&spec.init_containers, format!("{field}.initContainers"));
    let all: Vec<(String, &Container)> =
        init.chain(each(&spec.containers, format!("{field}.containers"))).collect();
    for (field, container) in &all {
        parts_of_bytes(&container.resources, field, &mut warnings);
        repeated_variables(container, field, &mut warnings);
    }
    repeated_ports(&all, &mut warnings);
    repeated_port_names(&all, &mut warnings);
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        warnings.push(format!(
            "{field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    matching_nothing(&spec.affinity, field, &mut warnings);
    warnings
}

/// `GetNodeLabelDeprecatedMessage`
fn deprecation(label: &str) -> Option<String> {
    let (_, since, new) = OLD_LABELS.iter().find(|(old, ..)| *old == label)?;
    Some(format!("deprecated since {since}; use \"{new}\" instead"))
}

fn spreading(constraints: &[Value], field: &str, warnings: &mut Vec<String>) {
    for (index, constraint) in constraints.iter().enumerate() {
        let field = format!("{field}.topologySpreadConstraints[{index}]");
        let key = constraint["topologyKey"].as_str().unwrap_or_default();
        let old = deprecation(key);
        warnings.extend(old.map(|it| format!("{field}.topologyKey: {key} is {it}")));
        if constraint["labelSelector"].is_null() {
            warnings.push(format!("{field}.labelSelector: {NO_SELECTOR}"));
        }
    }
}

const NO_SELECTOR: &str = "a null labelSelector results in matching no pod";

/// Affinities to pods without a selector.
fn matching_nothing(affinity: &Value, field: &str, warnings: &mut Vec<String>) {
    for name in ["podAffinity", "podAntiAffinity"] {
        for (list, term) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", ""),
            ("preferredDuringSchedulingIgnoredDuringExecution", ".podAffinityTerm"),
        ] {
            let terms = affinity[name][list].as_array().into_iter().flatten().enumerate();
            for (index, it) in terms {
                let it = if term.is_empty() { it } else { &it["podAffinityTerm"] };
                if it["labelSelector"].is_null() {
                    warnings.push(format!(
                        "{field}.affinity.{name}.{list}[{index}]{term}.labelSelector: {NO_SELECTOR}"
                    ));
                }
            }
        }
    }
}

/// Of aliases by address, and of secrets.
fn repeated_names(spec: &PodSpec, field: &str, warnings: &mut Vec<String>) {
    let aliases = &spec.host_aliases;
    for (index, alias) in aliases.iter().enumerate() {
        if aliases[..index].iter().any(|it| it.ip == alias.ip) {
            let ip = &alias.ip;
            warnings.push(format!("{field}.hostAliases[{index}].ip: duplicate ip \"{ip}\""));
        }
    }
    let name = |it: &Value| it["name"].as_str().unwrap_or_default().to_owned();
    let secrets: Vec<String> = spec.image_pull_secrets.iter().map(name).collect();
    let field = |index: usize| format!("{field}.imagePullSecrets[{index}].name");
    for (index, name) in secrets.iter().enumerate() {
        if secrets[..index].contains(name) {
            warnings.push(format!("{}: duplicate name \"{name}\"", field(index)));
        }
    }
    let empty = secrets.iter().enumerate().filter(|(_, name)| name.is_empty());
    warnings.extend(empty.map(|(index, _)| format!("{}: invalid empty name \"\"", field(index))));
}

/// Memory comes in whole bytes: `500m` is half of one.
fn parts_of_bytes(resources: &Value, field: &str, warnings: &mut Vec<String>) {
    for resource in ["memory", "ephemeral-storage"] {
        for what in ["limits", "requests"] {
            let text = resources[what][resource].as_str().unwrap_or_default();
            if thousandths(text).is_some_and(|it| it % 1000 != 0) {
                warnings.push(format!(
                    "{field}.resources.{what}[{resource}]: fractional byte value \"{text}\" is \
                     invalid, must be an integer"
                ));
            }
        }
    }
}

fn each(containers: &[Container], field: String) -> impl Iterator<Item = (String, &Container)> {
    containers.iter().enumerate().map(move |(index, it)| (format!("{field}[{index}]"), it))
}

/// A variable may build on its former self, but not hide it.
fn repeated_variables(container: &Container, field: &str, warnings: &mut Vec<String>) {
    for (index, variable) in container.env.iter().enumerate() {
        let former = format!("$({})", variable.name);
        let builds_on = variable.value_from.is_null()
            && variable.value != former
            && variable.value.contains(&former);
        let is_repeated = container.env[..index].iter().any(|it| it.name == variable.name);
        if is_repeated && !builds_on {
            warnings.push(format!(
                "{field}.env[{index}]: hides previous definition of \"{}\", which may be dropped when using apply",
                variable.name
            ));
        }
    }
}

fn ports<'a>(
    all: &'a [(String, &'a Container)],
) -> impl Iterator<Item = (String, &'a ContainerPort)> {
    all.iter().flat_map(|(field, container)| {
        let ports = container.ports.iter().enumerate();
        ports.map(move |(index, port)| (format!("{field}.ports[{index}]"), port))
    })
}

fn repeated_ports(all: &[(String, &Container)], warnings: &mut Vec<String>) {
    let mut seen: BTreeMap<(i32, &str), Vec<(String, &ContainerPort)>> = BTreeMap::new();
    for (field, port) in ports(all) {
        if !port.host_ip.is_empty() && port.host_port == 0 {
            let ContainerPort { name, container_port, protocol, host_ip, .. } = port;
            warnings.push(format!(
                "{field}: hostIP set without hostPort: {{Name:{name} HostPort:0 \
                 ContainerPort:{container_port} Protocol:{protocol} HostIP:{host_ip}}}"
            ));
        }
        let others = seen.entry((port.container_port, &port.protocol)).or_default();
        for (other_field, other) in others.iter() {
            let how = match (port.host_port, other.host_port) {
                (a, b) if a == b && port.host_ip == other.host_ip => "duplicate",
                (0, _) | (_, 0) => "overlapping",
                (a, b) if a == b && port.host_ip.is_empty() != other.host_ip.is_empty() => {
                    "dangerously ambiguous"
                }
                _ => continue,
            };
            warnings.push(format!("{field}: {how} port definition with {other_field}"));
        }
        others.push((field, port));
    }
}

fn repeated_port_names(all: &[(String, &Container)], warnings: &mut Vec<String>) {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (field, port) in ports(all).filter(|(_, port)| !port.name.is_empty()) {
        match seen.get(port.name.as_str()) {
            Some(first) => warnings.push(format!(
                "{field}: duplicate port name \"{}\" with {first}, services and probes that select ports by name will use {first}",
                port.name
            )),
            None => _ = seen.insert(&port.name, field),
        }
    }
}
