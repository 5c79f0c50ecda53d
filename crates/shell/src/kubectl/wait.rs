//! `kubectl wait`

use std::rc::Rc;

use serde_json::Value;
use svclab_core::key::ObjectKey;
use svclab_core::object::Object;
use svclab_core::time::{Duration, Instant};

use super::errors::{Done, Failed, error};
use super::output::jsonpath::{Template, text_of};
use super::output::name;
use super::resources::Resource;
use super::targets::{self, NOTHING};
use super::{Kubectl, all_failed};

/// What is waited for.
enum Until {
    Created,
    Deleted,
    Condition { kind: String, status: String },
    Value { path: Template, value: Option<String> },
}

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let until = until(kubectl.flags.text_or("for", ""))?;
    let patience = span(kubectl.flags.text_or("timeout", "30s"), "timeout").map_err(error)?;
    let end = kubectl.process.now() + patience;
    let (objects, failures) = chosen(kubectl, &until, end).await?;
    if objects.is_empty() && failures.is_empty() {
        if matches!(until, Until::Deleted) {
            return Ok(());
        }
        return Err(error("no matching resources found"));
    }
    let several = objects.len() + failures.len() > 1;
    let mut failures = failures;
    for object in objects {
        if let Err(timeout) = wait_for(kubectl, &object, &until, end).await {
            failures.push(if several { Failed(timeout) } else { error(timeout) });
        }
    }
    all_failed(failures)
}

fn until(text: &str) -> Done<Until> {
    let lower = text.to_lowercase();
    if lower == "delete" {
        return Ok(Until::Deleted);
    }
    if lower == "create" {
        return Ok(Until::Created);
    }
    if let Some(condition) = text.strip_prefix("condition=") {
        let (kind, status) = condition.split_once('=').unwrap_or((condition, "true"));
        return Ok(Until::Condition { kind: kind.to_owned(), status: status.to_owned() });
    }
    if let Some(path) = text.strip_prefix("jsonpath=") {
        let at = path.find('}').map_or(0, |at| at + 1);
        let (path, value) = match path[at..].strip_prefix('=') {
            Some(value) => (&path[..at], Some(value.trim_matches(['\'', '"']).to_owned())),
            None => (path, None),
        };
        let path = Template::relaxed(path.trim_matches('\'')).map_err(error)?;
        return Ok(Until::Value { path, value });
    }
    Err(error(format!("unrecognized condition: \"{text}\"")))
}

async fn chosen(
    kubectl: &Kubectl,
    until: &Until,
    end: Instant,
) -> Done<(Vec<Rc<Object>>, Vec<Failed>)> {
    loop {
        let found = targets::objects(kubectl, &kubectl.flags.arguments, NOTHING)?;
        let objects: Vec<Rc<Object>> = found.objects.into_iter().map(|(it, _)| it).collect();
        let mut failures = found.failures;
        if matches!(until, Until::Deleted) {
            failures.retain(|it| !it.0.contains("(NotFound)"));
        }
        let waits = matches!(until, Until::Created) && (objects.is_empty() || !failures.is_empty());
        if !waits || kubectl.process.now() >= end {
            return Ok((objects, failures));
        }
        let version = kubectl.process.lab().resource_version();
        kubectl.process.changed(version, Some(end)).await;
    }
}

/// The error is what is said where it takes too long.
async fn wait_for(
    kubectl: &Kubectl,
    object: &Object,
    until: &Until,
    end: Instant,
) -> Result<(), String> {
    let key = object.key();
    loop {
        let (version, now) = {
            let lab = kubectl.process.lab();
            (lab.resource_version(), lab.objects().shared(&key).cloned())
        };
        if is_met(until, now.as_deref(), &object.meta().uid) {
            kubectl.out(&format!("{} condition met\n", name(object)));
            return Ok(());
        }
        if kubectl.process.now() >= end {
            return Err(format!("timed out waiting for the condition on {}", place(&key)));
        }
        kubectl.process.changed(version, Some(end)).await;
    }
}

/// `pods/web`, `deployments/web`
fn place(key: &ObjectKey) -> String {
    format!("{}/{}", Resource::of(key.kind).plural, key.name)
}

fn is_met(until: &Until, object: Option<&Object>, uid: &str) -> bool {
    let Some(object) = object else { return matches!(until, Until::Deleted) };
    match until {
        Until::Created => true,
        Until::Deleted => object.meta().uid != uid,
        Until::Condition { kind, status } => has_condition(&object.to_value(), kind, status),
        Until::Value { path, value } => {
            let whole = object.to_value();
            let found = path.find(&whole);
            match value {
                Some(value) => found.first().is_some_and(|it| text_of(it) == *value),
                None => !found.is_empty(),
            }
        }
    }
}

/// A condition says what is asked of the present generation.
fn has_condition(object: &Value, kind: &str, status: &str) -> bool {
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    if observed.zip(generation).is_some_and(|(observed, generation)| observed < generation) {
        return false;
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|it| {
        let text = |field: &str| it[field].as_str().unwrap_or_default();
        text("type").eq_ignore_ascii_case(kind) && text("status").eq_ignore_ascii_case(status)
    })
}

/// A span as Go writes it: `30s`, `1m30s`, `0`.
pub(super) fn span(text: &str, flag: &str) -> Result<Duration, String> {
    let invalid = || {
        format!(
            "invalid argument \"{text}\" for \"--{flag}\" flag: time: invalid duration \"{text}\""
        )
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut micros: f64 = 0.0;
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        let after = &rest[digits..];
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        micros += number
            * match &after[..end] {
                "us" => 1.0,
                "ms" => 1e3,
                "s" => 1e6,
                "m" => 6e7,
                "h" => 3.6e9,
                _ => return Err(invalid()),
            };
        rest = &after[end..];
    }
    // A negative span is a week, as kubectl says.
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    Ok(if text.starts_with('-') { WEEK } else { Duration::from_micros(micros as u64) })
}
