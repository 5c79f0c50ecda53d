//! Objects → what `-o` asks for.

pub(crate) mod columns;
pub(crate) mod diff;
pub(crate) mod go_template;
pub(crate) mod json;
pub(crate) mod jsonpath;
pub(crate) mod table;
pub(crate) mod tabs;

use serde_json::{Value, json as value};
use svclab_core::admit::Version;
use svclab_core::object::Object;
use svclab_core::print::yaml;

use super::errors::{Done, error};
use super::resources::Resource;
use columns::CustomColumns;
use go_template::GoTemplate;
use jsonpath::Template;

/// How objects are shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Format {
    Table { wide: bool },
    Name,
    Yaml,
    Json,
    JsonPath(Template),
    GoTemplate(GoTemplate),
    CustomColumns(CustomColumns),
}

/// What `get` allows, and what commands that change something do.
pub(crate) const GET_FORMATS: &str = "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml";
pub(crate) const OTHER_FORMATS: &str = "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml";

impl Format {
    /// The value of `-o`; `allowed` is named where it is another one.
    pub(crate) fn parse(text: &str, allowed: &str) -> Done<Format> {
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let is_get = allowed == GET_FORMATS;
        Ok(match (name, argument) {
            ("", _) => Format::Table { wide: false },
            ("wide", _) if is_get => Format::Table { wide: true },
            ("name", _) => Format::Name,
            ("yaml", _) => Format::Yaml,
            ("json", _) => Format::Json,
            ("jsonpath" | "jsonpath-as-json", Some(template)) => {
                let wrong = |why| error(format!("error parsing jsonpath {template}, {why}"));
                Format::JsonPath(Template::parse(template).map_err(wrong)?)
            }
            ("jsonpath", None) => {
                return Err(error("template format specified but no template given"));
            }
            ("go-template" | "template", Some(template)) => {
                let wrong = |why| {
                    error(format!("error parsing template {template}, template: output:1: {why}"))
                };
                Format::GoTemplate(GoTemplate::parse(template).map_err(wrong)?)
            }
            ("go-template" | "template", None) => {
                return Err(error("template format specified but no template given"));
            }
            ("custom-columns", argument) if is_get => {
                let columns = CustomColumns::parse(argument.unwrap_or_default());
                Format::CustomColumns(columns.map_err(error)?)
            }
            _ => {
                return Err(error(format!(
                    "unable to match a printer suitable for the output format \"{text}\", allowed formats are: {allowed}"
                )));
            }
        })
    }

    /// A value that is no table: one object, or a list of them. `items`: what is in it.
    pub(crate) fn print(&self, whole: &Value, items: &[Value]) -> String {
        match self {
            Format::Table { .. } => String::new(),
            Format::Name => items.iter().map(|it| format!("{}\n", name_of(it))).collect(),
            Format::Yaml => yaml(whole),
            Format::Json => json::pretty(whole),
            Format::JsonPath(template) => template.print(whole),
            Format::GoTemplate(template) => template.print(whole),
            Format::CustomColumns(columns) => columns.print(items, true),
        }
    }
}

/// `service/web`, of an object or of one that is not stored.
fn name_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let kind = text("/kind").to_lowercase();
    let dot = if group.is_empty() { "" } else { "." };
    format!("{kind}{dot}{group}/{}", text("/metadata/name"))
}

/// `service/web`, `deployment.apps/web`
pub(crate) fn name(object: &Object) -> String {
    format!("{}/{}", Resource::of(object.kind()).prefix(), object.meta().name)
}

/// The object as a server of that release shows it.
pub(crate) fn shown(object: &Object, version: Version) -> Value {
    let mut res = object.to_value();
    if version < Version::V1_34
        && let Some(Value::Object(meta)) = res.pointer_mut("/spec/template/metadata")
    {
        // Go left out no empty time before.
        meta.insert("creationTimestamp".to_owned(), Value::Null);
    }
    if let Some(meta) = res["metadata"].as_object_mut() {
        meta.shift_remove("managedFields");
    }
    res
}

/// Several objects as one.
pub(crate) fn list(items: Vec<Value>) -> Value {
    value!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}
