//! The volumes of a pod or of a template.

use serde_json::Value;

use super::{Page, list, number, text};
use crate::kubectl::output::jsonpath::text_of;

pub(super) fn volumes(page: &mut Page, volumes: &[Value], space: &str) {
    if volumes.is_empty() {
        return page.line(0, format!("{space}Volumes:\t<none>"));
    }
    page.line(0, format!("{space}Volumes:"));
    let indent = if space.is_empty() { "" } else { " " };
    for it in volumes {
        page.line(1, format!("{indent}{}:", text(it, "/name")));
        volume(page, it);
    }
}

fn volume(page: &mut Page, it: &Value) {
    let known =
        VOLUMES.iter().find_map(|(field, kind, parts)| Some((it.get(*field)?, kind, parts)));
    if let Some((source, kind, parts)) = known {
        page.field(2, "Type", kind);
        for (title, field, otherwise) in *parts {
            let found = source.get(*field).map(text_of).filter(|it| !it.is_empty());
            page.field(2, title, found.as_deref().unwrap_or(otherwise));
        }
    } else if let Some(source) = it.get("projected") {
        page.field(
            2,
            "Type",
            "Projected (a volume that contains injected data from multiple sources)",
        );
        list(source, "/sources").iter().for_each(|it| projection(page, it));
    } else if let Some(source) = it.get("downwardAPI") {
        page.field(2, "Type", "DownwardAPI (a volume populated by information about the pod)");
        page.line(2, "Items:");
        for item in list(source, "/items") {
            let (field, path) = (text(item, "/fieldRef/fieldPath"), text(item, "/path"));
            page.line(3, format!("{field} -> {path}"));
        }
    } else {
        page.line(1, "<unknown>");
    }
}

type Parts = &'static [(&'static str, &'static str, &'static str)];

/// A source's field, what kubectl calls it, and its lines: title, field, and what stands for none.
const VOLUMES: &[(&str, &str, Parts)] = &[
    (
        "hostPath",
        "HostPath (bare host directory volume)",
        &[("Path", "path", ""), ("HostPathType", "type", "<none>")],
    ),
    (
        "emptyDir",
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        &[("Medium", "medium", ""), ("SizeLimit", "sizeLimit", "<unset>")],
    ),
    (
        "secret",
        "Secret (a volume populated by a Secret)",
        &[("SecretName", "secretName", ""), ("Optional", "optional", "false")],
    ),
    (
        "configMap",
        "ConfigMap (a volume populated by a ConfigMap)",
        &[("Name", "name", ""), ("Optional", "optional", "false")],
    ),
    (
        "nfs",
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        &[("Server", "server", ""), ("Path", "path", ""), ("ReadOnly", "readOnly", "false")],
    ),
    (
        "persistentVolumeClaim",
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        &[("ClaimName", "claimName", ""), ("ReadOnly", "readOnly", "false")],
    ),
];

fn projection(page: &mut Page, it: &Value) {
    let optional = |it: &Value| it.get("optional").map_or("<nil>".to_owned(), text_of);
    if let Some(secret) = it.get("secret") {
        page.field(2, "SecretName", text(secret, "/name"));
        page.field(2, "SecretOptionalName", optional(secret));
    } else if it.get("downwardAPI").is_some() {
        page.field(2, "DownwardAPI", "true");
    } else if let Some(map) = it.get("configMap") {
        page.field(2, "ConfigMapName", text(map, "/name"));
        page.field(2, "ConfigMapOptional", optional(map));
    } else if let Some(token) = it.get("serviceAccountToken") {
        page.field(2, "TokenExpirationSeconds", number(token, "/expirationSeconds"));
    }
}
