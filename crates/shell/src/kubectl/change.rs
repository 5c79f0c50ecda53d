//! What commands that change one object after the other have in common.

use serde_json::{Value, json};
use svclab_core::admit::Refusal;
use svclab_core::lab::api::Response;
use svclab_core::object::Object;

use super::Kubectl;
use super::client::DryRun;
use super::errors::Done;
use super::output::{self, Format, OTHER_FORMATS};

/// How a changed object is shown: the line, or what `-o` asks for.
pub(crate) struct Report {
    format: Format,
}

impl Report {
    pub(crate) fn new(kubectl: &Kubectl) -> Done<Report> {
        let format = Format::parse(kubectl.flags.text_or("output", ""), OTHER_FORMATS)?;
        Ok(Report { format })
    }

    /// `service/web created`, with what kind of dry run it was.
    pub(crate) fn show(&self, kubectl: &Kubectl, object: &Object, what: &str) {
        self.show_value(kubectl, &kubectl.shown(object), &output::name(object), what);
    }

    /// The same of an object that is not stored.
    pub(crate) fn show_value(&self, kubectl: &Kubectl, object: &Value, name: &str, what: &str) {
        let text = match &self.format {
            Format::Table { .. } => format!("{name} {what}{}\n", kubectl.dry_run_mark()),
            format => format.print(object, std::slice::from_ref(object)),
        };
        kubectl.out(&text);
    }
}

/// Says what the server warned of, whether or not it did what was asked.
pub(crate) fn heard(
    kubectl: &Kubectl,
    answer: Result<Response, Refusal>,
) -> Result<Response, Refusal> {
    match &answer {
        Ok(response) => kubectl.warn_all(&response.warnings),
        Err(refusal) => kubectl.warn_all(&refusal.warnings),
    }
    answer
}

/// The patch that takes `before` to `after`: what differs, `null` for what is gone.
pub(crate) fn merge_patch(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return after.clone() };
    let mut patch = serde_json::Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before @ Value::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            _ => _ = patch.insert(key.clone(), value.clone()),
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch.into()
}

/// Changes an object as `change` says and reports it. Nothing is sent where nothing changes or
/// where it is a client's dry run.
pub(crate) fn modify(
    kubectl: &Kubectl,
    object: &Object,
    change: impl FnOnce(&mut Value) -> Done,
) -> Done<Option<Value>> {
    let before = object.to_value();
    let mut after = before.clone();
    change(&mut after)?;
    let patch = merge_patch(&before, &after);
    if patch == json!({}) {
        return Ok(None);
    }
    if kubectl.client.dry_run == DryRun::Client {
        return Ok(Some(after));
    }
    let patch = (svclab_core::admit::Patch::Merge, patch);
    let answer = heard(kubectl, kubectl.client.patch(object.key(), patch, false));
    let response = answer.map_err(|it| super::errors::refused(&it, None))?;
    Ok(Some(kubectl.shown(&response.object)))
}
