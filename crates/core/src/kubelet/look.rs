//! What can be seen of a pod from the outside of its run: probe strips, environment, hostname.

use std::collections::BTreeMap;

use super::env;
use super::probe::{ProbeKind, ProbeResult};
use super::run::PodRun;
use crate::object::{Container, EnvVar, Pod};

/// The last results of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    pub container: String,
    pub kind: ProbeKind,
    /// Oldest first.
    pub results: Vec<ProbeResult>,
    /// Failures in a row, and how many make a difference.
    pub failing: u32,
    pub threshold: u32,
    /// Seconds between two runs.
    pub period: u64,
}

impl PodRun {
    /// A strip for each probe, containers in their order.
    pub fn strips(&self) -> Vec<Strip> {
        let all = self.plan.containers.iter().zip(&self.containers);
        let strips = all.flat_map(|(plan, it)| {
            plan.checks.iter().zip(&it.workers).map(|(check, worker)| Strip {
                container: plan.name.clone(),
                kind: check.kind,
                results: worker.results.iter().copied().collect(),
                failing: worker.failing(),
                threshold: check.failures,
                period: check.period.as_secs(),
            })
        });
        strips.collect()
    }
}

/// What `hostname` prints in the pod (`GeneratePodHostNameAndDomain`).
pub fn hostname(pod: &Pod) -> String {
    if pod.spec.host_network {
        return pod.spec.node_name.clone();
    }
    if !pod.spec.hostname.is_empty() {
        return pod.spec.hostname.clone();
    }
    let name: String = pod.metadata.name.chars().take(63).collect();
    name.trim_end_matches(['-', '.']).to_owned()
}

/// The variables of a running container, as `env` prints them: those of its manifest in their
/// order, then those of Services. None where the container does not run.
pub fn environment(pod: &Pod, run: &PodRun, container: &str) -> Option<Vec<(String, String)>> {
    let index = run.plan.containers.iter().position(|it| it.name == container)?;
    let state = run.containers.get(index).filter(|it| it.running().is_some())?;
    let spec = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    let written: &Container = spec.clone().find(|it| it.name == container)?;
    let services = env::variables(&state.links, pod.spec.enable_service_links.unwrap_or(true));
    let mut res = vec![("HOSTNAME".to_owned(), hostname(pod))];
    let mut known = services.clone();
    for variable in &written.env {
        let value = value(pod, run, variable, &known);
        known.insert(variable.name.clone(), value.clone());
        res.retain(|(name, _)| *name != variable.name);
        res.push((variable.name.clone(), value));
    }
    let written = |name: &String| written.env.iter().any(|it| it.name == *name);
    res.extend(services.into_iter().filter(|(name, _)| !written(name)));
    Some(res)
}

fn value(pod: &Pod, run: &PodRun, variable: &EnvVar, known: &BTreeMap<String, String>) -> String {
    match variable.value_from["fieldRef"]["fieldPath"].as_str() {
        Some(path) => field(pod, run, path),
        None => expand(&variable.value, known),
    }
}

/// A field of the pod as the downward API gives it.
fn field(pod: &Pod, run: &PodRun, path: &str) -> String {
    let meta = &pod.metadata;
    let ips: Vec<String> = run.ips.iter().map(ToString::to_string).collect();
    let of_map = |map: &BTreeMap<String, String>, rest: &str| {
        let name = rest.trim_start_matches("['").trim_end_matches("']");
        map.get(name).cloned().unwrap_or_default()
    };
    match path {
        "metadata.name" => meta.name.clone(),
        "metadata.namespace" => meta.namespace.clone(),
        "metadata.uid" => meta.uid.to_string(),
        "spec.nodeName" => pod.spec.node_name.clone(),
        "spec.serviceAccountName" => pod.spec.service_account_name.clone(),
        "status.hostIP" | "status.hostIPs" => pod.status.host_ip.clone(),
        "status.podIP" | "status.podIPs" if pod.spec.host_network => pod.status.host_ip.clone(),
        "status.podIP" => ips.first().cloned().unwrap_or_default(),
        "status.podIPs" => ips.join(","),
        _ => {
            match (path.strip_prefix("metadata.labels"), path.strip_prefix("metadata.annotations"))
            {
                (Some(rest), _) => of_map(&meta.labels, rest),
                (_, Some(rest)) => of_map(&meta.annotations, rest),
                _ => String::new(),
            }
        }
    }
}

/// `$(NAME)` of a known variable is replaced, `$$` stands for `$`.
pub(super) fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut res = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        res.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest.strip_prefix('(').and_then(|it| it.split_once(')'));
        match (rest.strip_prefix('$'), name) {
            (Some(after), _) => {
                res.push('$');
                rest = after;
            }
            (None, Some((name, after))) if known.contains_key(name) => {
                res.push_str(&known[name]);
                rest = after;
            }
            _ => res.push('$'),
        }
    }
    res + rest
}
