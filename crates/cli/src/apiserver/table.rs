//! Objects → a `Table`, which `kubectl get` asks for: the server makes the cells.

use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::object::Object;
use svclab_shell::kubectl::served::{self, Resource};
use svclab_shell::kubectl::{cells, columns};

use super::http::Request;

pub(super) fn is_wanted(request: &Request) -> bool {
    request.accept.contains("as=Table")
}

pub(super) fn is_whole(request: &Request) -> bool {
    request.asks("includeObject") == "Object"
}

/// `whole`: each row holds its object, not only what it is called (`includeObject`).
pub(super) fn of(lab: &Lab, resource: &Resource, objects: &[Rc<Object>], whole: bool) -> Value {
    let columns: Vec<Value> = resource.stored().into_iter().flat_map(definitions).collect();
    let rows: Vec<Value> = objects.iter().map(|it| row(lab, it, whole)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": lab.resource_version().to_string()},
        "columnDefinitions": columns, "rows": rows,
    })
}

fn definitions(kind: Kind) -> impl Iterator<Item = Value> {
    columns(kind, true).map(|it| {
        json!({
            "name": it.name, "type": "string", "format": if it.name == "NAME" { "name" } else { "" },
            "description": "", "priority": i32::from(it.wide),
        })
    })
}

fn row(lab: &Lab, object: &Object, whole: bool) -> Value {
    let shown = served::shown(lab, object);
    let object_of_row = match whole {
        true => shown,
        false => json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": shown["metadata"],
        }),
    };
    json!({"cells": cells(object, true, lab.now()), "object": object_of_row})
}
