//! Schemas → lines.

use serde_json::{Map, Value};

use crate::enums::Enums;
use crate::roots::Root;

/// The text that `svclab_core::reference` reads, and describes.
pub(crate) fn text(roots: &[Root], definitions: &Map<String, Value>, enums: &Enums) -> String {
    let mut res = String::new();
    for Root { api_version, kind, definition } in roots {
        res.push_str(&format!("@\t{api_version}\t{kind}\t{definition}\n"));
    }
    for (name, schema) in definitions {
        let is_root = roots.iter().any(|it| it.definition == *name);
        define(name, schema, is_root, enums, &mut res);
    }
    res
}

fn define(name: &str, schema: &Value, is_root: bool, enums: &Enums, out: &mut String) {
    let kind = match schema {
        // What a server says of them has two types, so that kubectl shows their names.
        _ if NAMED.iter().any(|it| name.ends_with(it)) => String::new(),
        schema => type_of(schema),
    };
    out.push_str(&format!("=\t{name}\t{kind}\t{}\n", escaped(text_of(schema))));
    let Some(fields) = schema["properties"].as_object() else { return };
    let short = name.rsplit('.').next().unwrap_or_default();
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort();
    for field in names {
        let values = enums.of(short, field);
        let description = text_of(&fields[field]);
        let description = match values {
            [] => description.to_owned(),
            values => enums.described(&format!("{short}.{field}"), description, values),
        };
        let listed = required.iter().any(|it| it == field);
        let optional = is_optional_all_the_same(name, field, is_root);
        let required = (listed && !optional) || REQUIRED.contains(&(short, field.as_str()));
        let required = if required { "!" } else { "" };
        let values: String = values.iter().map(|it| format!("|{it}")).collect();
        let (kind, text) = (type_of(&fields[field]), escaped(&description));
        out.push_str(&format!("{field}\t{kind}\t{required}\t{values}\t{text}\n"));
    }
}

const NAMED: [&str; 2] = [".IntOrString", ".Quantity"];

/// `k8s-openapi` does without them, since a later release of the API does.
const REQUIRED: [(&str, &str); 2] =
    [("NetworkPolicySpec", "podSelector"), ("StatefulSetSpec", "serviceName")];

/// `k8s-openapi` wants fields that the API can do without, so that they are no `Option` in Rust.
fn is_optional_all_the_same(definition: &str, field: &str, is_root: bool) -> bool {
    let short = definition.rsplit('.').next().unwrap_or_default();
    let default_is_empty = [
        "ConfigMapEnvSource",
        "ConfigMapKeySelector",
        "ConfigMapProjection",
        "ConfigMapVolumeSource",
        "LocalObjectReference",
        "SecretEnvSource",
        "SecretKeySelector",
        "SecretProjection",
    ];
    match field {
        "metadata" => is_root && definition != "io.k8s.api.core.v1.Event",
        "name" => default_is_empty.contains(&short),
        _ => false,
    }
}

/// `integer:int32`, `[]string`, `map[string]…`; `@` and its name for a definition.
fn type_of(schema: &Value) -> String {
    // A reference with words of its own beside it stands in `allOf`.
    let reference = schema["allOf"].get(0).unwrap_or(schema)["$ref"].as_str();
    if let Some(name) = reference.and_then(|it| it.rsplit('/').next()) {
        return format!("@{name}");
    }
    if schema["items"].is_object() {
        return format!("[]{}", type_of(&schema["items"]));
    }
    if schema["additionalProperties"].is_object() {
        return format!("map[string]{}", type_of(&schema["additionalProperties"]));
    }
    let kind = schema["type"].as_str().unwrap_or_default();
    match schema["format"].as_str() {
        Some(format) => format!("{kind}:{format}"),
        None => kind.to_owned(),
    }
}

fn text_of(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// On one line, without a tab.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}
