//! Which groups, versions and resources there are: `/api`, `/apis` and what is below them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use svclab_shell::kubectl::served::{RESOURCES, Resource};

/// In an `Accept` where a client wants all at once.
const AGGREGATED: &str = "as=APIGroupDiscoveryList";

/// The document at a path, if there is one; `accept`: which kinds of it the client reads.
pub(super) fn document(parts: &[&str], accept: &str) -> Option<(Value, &'static str)> {
    let plain = |value| Some((value, "application/json"));
    match parts {
        ["api" | "apis"] if accept.contains(AGGREGATED) => Some((
            aggregated(parts == ["api"]),
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        )),
        ["api"] => plain(json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            let groups: Vec<Value> = groups().keys().copied().filter_map(group).collect();
            plain(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => plain(group(name)?),
        ["api", "v1"] => plain(resources("v1")?),
        ["apis", group, version] => plain(resources(&format!("{group}/{version}"))?),
        _ => None,
    }
}

/// The API versions of each group, the core group's too.
pub(super) fn groups() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut res: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in RESOURCES {
        let versions = res.entry(resource.group()).or_default();
        if !versions.contains(&resource.api_version) {
            versions.push(resource.api_version);
        }
    }
    res
}

fn group(name: &str) -> Option<Value> {
    let versions: Vec<Value> = groups()
        .get(name)
        .filter(|_| !name.is_empty())?
        .iter()
        .map(|it| json!({"groupVersion": it, "version": it.rsplit('/').next()}))
        .collect();
    let first = versions.first().cloned();
    Some(json!({"name": name, "versions": versions, "preferredVersion": first}))
}

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

fn verbs(resource: &Resource) -> &'static [&'static str] {
    match resource.stored() {
        Some(_) => &VERBS,
        None if resource.kind.ends_with("Review") || resource.kind == "Binding" => &["create"],
        None => &["create", "get", "list"],
    }
}

fn short(resource: &Resource) -> Vec<&'static str> {
    resource.short.split(',').filter(|it| !it.is_empty()).collect()
}

fn categories(resource: &Resource) -> Vec<&'static str> {
    let all = svclab_shell::kubectl::served::is_of_all(resource);
    if all { vec!["all"] } else { Vec::new() }
}

/// Parts of an object with a path of their own, and the kind of their bodies.
pub(super) fn subresources(plural: &str) -> &'static [(&'static str, &'static str)] {
    match plural {
        "pods" => {
            &[("binding", "Binding"), ("eviction", "Eviction"), ("log", "Pod"), ("status", "Pod")]
        }
        "deployments" | "replicasets" | "statefulsets" => &[("scale", "Scale"), ("status", "")],
        "services" | "daemonsets" | "namespaces" | "nodes" | "ingresses" | "jobs" => {
            &[("status", "")]
        }
        _ => &[],
    }
}

fn resources(api_version: &str) -> Option<Value> {
    let mut found: Vec<Value> = Vec::new();
    for it in RESOURCES.iter().filter(|it| it.api_version == api_version) {
        found.push(json!({
            "name": it.plural, "singularName": it.kind.to_lowercase(), "namespaced": it.namespaced,
            "kind": it.kind, "verbs": verbs(it), "shortNames": short(it),
            "categories": categories(it),
        }));
        for (name, kind) in subresources(it.plural) {
            let kind = if kind.is_empty() { it.kind } else { kind };
            found.push(json!({
                "name": format!("{}/{name}", it.plural), "singularName": "",
                "namespaced": it.namespaced, "kind": kind, "verbs": ["get", "patch", "update"],
            }));
        }
    }
    (!found.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version,
            "resources": found,
        })
    })
}

fn aggregated(core: bool) -> Value {
    let wanted = groups().into_iter().filter(|(name, _)| name.is_empty() == core);
    let items: Vec<Value> = wanted
        .map(|(name, versions)| {
            let versions: Vec<Value> = versions.iter().map(|it| aggregated_version(it)).collect();
            json!({"metadata": {"name": name, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items,
    })
}

fn aggregated_version(api_version: &str) -> Value {
    let here = RESOURCES.iter().filter(|it| it.api_version == api_version);
    let resources: Vec<Value> = here.map(aggregated_resource).collect();
    json!({
        "version": api_version.rsplit('/').next(), "freshness": "Current", "resources": resources,
    })
}

fn aggregated_resource(it: &Resource) -> Value {
    let kind = |kind: &str| json!({"group": it.group(), "version": it.version(), "kind": kind});
    let inner: Vec<Value> = subresources(it.plural)
        .iter()
        .map(|(name, of)| {
            let of = if of.is_empty() { it.kind } else { of };
            json!({"subresource": name, "responseKind": kind(of), "verbs": ["get", "patch", "update"]})
        })
        .collect();
    json!({
        "resource": it.plural, "responseKind": kind(it.kind),
        "scope": if it.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": it.kind.to_lowercase(), "verbs": verbs(it), "shortNames": short(it),
        "categories": categories(it), "subresources": inner,
    })
}
