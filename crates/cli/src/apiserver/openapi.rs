//! What the API says of its kinds, as OpenAPI v3: as much as kubectl reads of it.

use serde_json::{Map, Value, json};
use svclab_core::reference::{Definition, Field, Reference, Shape, Type};
use svclab_shell::kubectl::served::{RESOURCES, Resource};

use super::discovery::groups;

/// `/openapi/v3`: where the document of each group and version is.
pub(super) fn index() -> Value {
    let paths: Map<String, Value> = groups()
        .into_values()
        .flatten()
        .map(|it| {
            let path = if it.contains('/') { format!("apis/{it}") } else { format!("api/{it}") };
            let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
            (path, url)
        })
        .collect();
    json!({"paths": paths})
}

/// The document of `api/v1` or `apis/apps/v1`.
pub(super) fn document(reference: &Reference, parts: &[&str]) -> Option<Value> {
    let api_version = match parts {
        ["api", version] => (*version).to_owned(),
        ["apis", group, version] => format!("{group}/{version}"),
        _ => return None,
    };
    let resources: Vec<&Resource> =
        RESOURCES.iter().filter(|it| it.api_version == api_version).collect();
    if resources.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    for it in &resources {
        let name = format!("/{}{}/{{name}}", parts.join("/"), in_namespace(it));
        paths.insert(name, operations(it));
    }
    let mut schemas = Map::new();
    let roots =
        resources.iter().filter_map(|it| Some((it, reference.kind(it.api_version, it.kind)?)));
    for (resource, definition) in roots {
        add(reference, definition, &mut schemas);
        schemas[definition.name]["x-kubernetes-group-version-kind"] = json!([kind_of(resource)]);
    }
    Some(json!({
        "openapi": "3.0.0", "info": {"title": "Service Lab", "version": "v1.32.4"},
        "paths": paths, "components": {"schemas": schemas},
    }))
}

fn in_namespace(it: &Resource) -> String {
    match it.namespaced {
        true => format!("/namespaces/{{namespace}}/{}", it.plural),
        false => format!("/{}", it.plural),
    }
}

fn kind_of(it: &Resource) -> Value {
    json!({"group": it.group(), "version": it.version(), "kind": it.kind})
}

/// kubectl looks here for the kind of a path, and whether the server can validate and try out.
/// Strategic patches are not named: how lists merge is not said here, and kubectl knows it itself.
fn operations(it: &Resource) -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
    json!({
        "get": {"x-kubernetes-action": "get", "x-kubernetes-group-version-kind": kind_of(it)},
        "patch": {
            "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": kind_of(it),
            "parameters": [parameter("dryRun"), parameter("fieldValidation")],
        },
    })
}

/// A definition and all that it leads to.
fn add(reference: &Reference, definition: Definition<'_>, schemas: &mut Map<String, Value>) {
    if schemas.contains_key(definition.name) {
        return;
    }
    let written = plain(definition.written);
    schemas.insert(definition.name.to_owned(), Value::Null);
    let mut schema = written;
    if !definition.description().is_empty() {
        schema.insert("description".to_owned(), definition.description().into());
    }
    let fields: Map<String, Value> =
        definition.fields().map(|it| (it.name.to_owned(), property(it))).collect();
    let required: Vec<&str> =
        definition.fields().filter(|it| it.required).map(|it| it.name).collect();
    if !fields.is_empty() {
        schema.insert("properties".to_owned(), fields.into());
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schemas.insert(definition.name.to_owned(), schema.into());
    for inner in definition.fields().filter_map(|it| reference.inside(it.kind)) {
        add(reference, inner, schemas);
    }
}

fn property(field: Field<'_>) -> Value {
    let mut schema = match field.kind.shape() {
        Shape::Defined(_) => {
            let mut res = Map::new();
            res.insert("allOf".to_owned(), json!([schema(field.kind)]));
            res
        }
        _ => schema(field.kind),
    };
    if !field.description().is_empty() {
        schema.insert("description".to_owned(), field.description().into());
    }
    let values: Vec<&str> = field.values().collect();
    if !values.is_empty() {
        schema.insert("enum".to_owned(), values.into());
    }
    schema.into()
}

fn schema(kind: Type<'_>) -> Map<String, Value> {
    let mut res = Map::new();
    match kind.shape() {
        Shape::List(inner) => {
            res.insert("type".to_owned(), "array".into());
            res.insert("items".to_owned(), schema(inner).into());
        }
        Shape::Map(inner) => {
            res.insert("type".to_owned(), "object".into());
            res.insert("additionalProperties".to_owned(), schema(inner).into());
        }
        Shape::Defined(name) => {
            res.insert("$ref".to_owned(), format!("#/components/schemas/{name}").into());
        }
        Shape::Plain { name, format } => res = plain(&format!("{name}:{format}")),
    }
    res
}

/// `integer:int32`; nothing where it may be one of several.
fn plain(written: &str) -> Map<String, Value> {
    let (name, format) = written.split_once(':').unwrap_or((written, ""));
    let both = [("type", name), ("format", format)];
    let said = both.into_iter().filter(|it| !it.1.is_empty());
    said.map(|(key, value)| (key.to_owned(), value.into())).collect()
}
