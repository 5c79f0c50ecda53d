//! What the server says of a pod that it accepts all the same (`pkg/api/pod/warnings.go`).

use std::collections::BTreeMap;

use crate::object::{Container, ContainerPort, PodSpec};

/// Warnings for a pod's spec, or for that of a template; `field` is where the spec stands.
pub(super) fn warnings(spec: &PodSpec, field: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    for (old, new) in [("beta.kubernetes.io/arch", "arch"), ("beta.kubernetes.io/os", "os")] {
        if spec.node_selector.contains_key(old) {
            warnings.push(format!(
                "{field}.nodeSelector[{old}]: deprecated since v1.14; use \"kubernetes.io/{new}\" instead"
            ));
        }
    }
    let init = each(&spec.init_containers, format!("{field}.initContainers"));
    let all: Vec<(String, &Container)> =
        init.chain(each(&spec.containers, format!("{field}.containers"))).collect();
    for (field, container) in &all {
        repeated_variables(container, field, &mut warnings);
    }
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        warnings.push(format!(
            "{field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    repeated_ports(&all, &mut warnings);
    repeated_port_names(&all, &mut warnings);
    warnings
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
