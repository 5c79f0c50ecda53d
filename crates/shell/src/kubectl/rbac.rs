//! `kubectl create role` and its neighbours: who may do what.

use serde_json::{Value, json};
use svclab_core::key::Kind;

use super::create::{metadata, name, post};
use super::errors::{Done, Failed, error};
use super::{Kubectl, resources};

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
