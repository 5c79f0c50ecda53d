//! `kubectl patch` and `kubectl scale`

use serde_json::{Value, json};
use svclab_core::admit;
use svclab_core::key::Kind;
use svclab_core::lab::api::{Subresource, Verb};
use svclab_core::object::Object;
use svclab_core::read;

use super::change::{Report, heard};
use super::client::DryRun;
use super::errors::{Done, Failed, error, refused};
use super::output;
use super::targets::{self, NOTHING};
use super::{Kubectl, all_failed};

pub(super) async fn patch(kubectl: &Kubectl) -> Done {
    let how = match kubectl.flags.text_or("type", "strategic") {
        "strategic" => admit::Patch::Strategic,
        "merge" => admit::Patch::Merge,
        "json" => admit::Patch::Json,
        other => {
            return Err(error(format!(
                "--type must be one of [json merge strategic], not \"{other}\""
            )));
        }
    };
    let text = body_text(kubectl)?;
    let body = body(&text)?;
    let report = Report::new(kubectl)?;
    let found = targets::objects(kubectl, &kubectl.flags.arguments, NOTHING)?;
    let mut failures = found.failures;
    let Some(body) = body else {
        let why = broken(&text);
        failures.extend(found.objects.iter().map(|_| Failed(why.clone())));
        return all_failed(failures);
    };
    for (object, _) in &found.objects {
        failures.extend(patch_one(kubectl, object, (how, &body), &report).err());
    }
    all_failed(failures)
}

fn body_text(kubectl: &Kubectl) -> Done<String> {
    if let Some(path) = kubectl.flags.text("patch-file") {
        if path == "-" {
            return Ok(kubectl.stdin.clone());
        }
        let full = kubectl.process.resolve(path);
        let found = kubectl.process.files().get(&full).map(str::to_owned);
        return found.ok_or_else(|| {
            error(format!("unable to read patch file: open {path}: no such file or directory"))
        });
    }
    let text = kubectl.flags.text("patch").filter(|it| !it.is_empty());
    let missing = "must specify --patch or --patch-file containing the contents of the patch";
    text.map(str::to_owned).ok_or_else(|| error(missing))
}

/// What the server says of a body that is no JSON (Go's `encoding/json`).
fn broken(text: &str) -> String {
    let Some(error) = serde_json::from_str::<Value>(text).err() else { return String::new() };
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let letter = line.get(error.column().saturating_sub(1)..).and_then(|it| it.chars().next());
    let said = error.to_string();
    let is_about = |what: &str| said.starts_with(what);
    let place = match () {
        () if is_about("key must be") || is_about("trailing comma") => {
            "looking for beginning of object key string"
        }
        () if is_about("expected `:`") => "after object key",
        () if is_about("expected `,` or `}`") => "after object key:value pair",
        () if is_about("expected `,` or `]`") => "after array element",
        () if is_about("trailing characters") => "after top-level value",
        () => "looking for beginning of value",
    };
    let why = match letter.filter(|_| !error.is_eof()) {
        Some('\'') => format!("invalid character '\\'' {place}"),
        Some(letter) => format!("invalid character '{letter}' {place}"),
        None => "unexpected end of JSON input".to_owned(),
    };
    format!("Error from server (BadRequest): {why}")
}

/// JSON, or YAML that says the same; `None` for what begins as JSON and is none, which is left to
/// the server (`hasJSONPrefix`).
fn body(text: &str) -> Done<Option<Value>> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(Some(value));
    }
    if text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let wrapped =
        format!("patch:\n{}", text.lines().map(|it| format!("  {it}\n")).collect::<String>());
    let read = read::read(&wrapped);
    let document = read.documents.first().map(read::Document::value);
    match document {
        Some(value) if !value["patch"].is_null() => Ok(Some(value["patch"].clone())),
        _ => Err(error(format!(
            "unable to parse {text:?}: yaml: line 1: did not find expected node content"
        ))),
    }
}

/// What Go says of a body that is no JSON object (or list, for a JSON patch).
fn wrong_shape(how: admit::Patch, body: &Value) -> Option<Failed> {
    let fits = if how == admit::Patch::Json { body.is_array() } else { body.is_object() };
    let found = match body {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Array(_) => "array",
        _ => "object",
    };
    let wanted = match how {
        admit::Patch::Json => "jsonpatch.Patch",
        _ => "map[string]interface {}",
    };
    (!fits).then(|| {
        Failed(format!(
            "Error from server (BadRequest): json: cannot unmarshal {found} into Go value of type {wanted}"
        ))
    })
}

fn patch_one(
    kubectl: &Kubectl,
    object: &Object,
    (how, body): (admit::Patch, &Value),
    report: &Report,
) -> Done {
    if let Some(wrong) = wrong_shape(how, body) {
        return Err(wrong);
    }
    let subresource = match kubectl.flags.text("subresource") {
        Some("status") => Some(Subresource::Status),
        Some("scale") => Some(Subresource::Scale),
        _ => None,
    };
    let verb = Verb::Patch { how, body: body.clone(), strict: false };
    let mut client = kubectl.client.clone();
    if client.dry_run == DryRun::Client {
        // What a client works out by itself is what the server would have answered.
        client.dry_run = DryRun::Server;
    }
    let answer = heard(kubectl, client.send(object.key(), subresource, verb));
    let response = answer.map_err(|it| refused(&it, None))?;
    let changed = response.object.to_value() != object.to_value();
    let what = if changed { "patched" } else { "patched (no change)" };
    match subresource {
        // The server answers with a Scale.
        Some(Subresource::Scale) => {
            let name = format!("scale.autoscaling/{}", object.meta().name);
            report.show_value(kubectl, &kubectl.shown(&response.object), &name, what);
        }
        _ => report.show(kubectl, &response.object, what),
    }
    Ok(())
}

const COUNT: &str =
    "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0";

pub(super) async fn scale(kubectl: &Kubectl) -> Done {
    let replicas =
        kubectl.flags.number("replicas").filter(|it| *it >= 0).ok_or_else(|| error(COUNT))?;
    let report = Report::new(kubectl)?;
    let found = targets::objects(kubectl, &kubectl.flags.arguments, NOTHING)?;
    if found.objects.is_empty() {
        let why: Vec<String> = found
            .failures
            .iter()
            .map(|it| it.0.trim_start_matches("Error from server (NotFound): ").to_owned())
            .collect();
        return Err(error(format!("no objects passed to scale {}", why.join(", "))));
    }
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        failures.extend(scale_one(kubectl, object, replicas, &report).err());
    }
    all_failed(failures)
}

fn scale_one(kubectl: &Kubectl, object: &Object, replicas: i64, report: &Report) -> Done {
    let kinds = [Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet];
    if !kinds.contains(&object.kind()) {
        return Err(Failed(
            "Error from server (NotFound): the server could not find the requested resource"
                .to_owned(),
        ));
    }
    let current = object.to_value()["spec"]["replicas"].as_i64().unwrap_or(0);
    let expected = kubectl.flags.number("current-replicas").filter(|it| *it >= 0);
    if let Some(expected) = expected.filter(|it| *it != current) {
        return Err(error(format!("Expected replicas to be {expected}, was {current}")));
    }
    if kubectl.client.dry_run != DryRun::Client {
        let body = json!({"spec": {"replicas": replicas}});
        let verb = Verb::Patch { how: admit::Patch::Merge, body, strict: false };
        let answer = kubectl.client.send(object.key(), Some(Subresource::Scale), verb);
        heard(kubectl, answer).map_err(|it| refused(&it, None))?;
    }
    let mut value = kubectl.shown(object);
    value["spec"]["replicas"] = replicas.into();
    report.show_value(kubectl, &value, &output::name(object), "scaled");
    Ok(())
}
