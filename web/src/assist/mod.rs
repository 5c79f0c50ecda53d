//! A text and a place in it → what could stand there, and what it means.
//!
//! The fields are those that the decoder knows, the names are the cluster's own. What fields do is
//! told in a file of its own beside the page (web/help), by the keys that answers name.

mod ghosts;
mod names;
mod place;

use serde_json::{Value, json};
use svclab_core::lab::{Action, Lab};
use svclab_core::read::{self, Diagnostic, Severity};
use svclab_core::reference::Reference;

pub(crate) use place::byte_of;
use place::{On, Place, Step};

/// What the editor asks of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What could be written here?
    Complete,
    /// What does this mean?
    Explain,
    /// What does the API say of this? See [`describe`].
    Describe,
    /// What has the API server added to what is written?
    Ghosts,
    /// What would the API server say to the text?
    Check,
}

/// At most so many are underlined.
const MISTAKES: usize = 50;

/// As JSON for the editor's module; `null` where there is nothing to say. `at` and all places are
/// UTF-16 units.
// A function of its own, as whatever a first visit does not run: the first load leaves it out.
#[inline(never)]
pub fn answer(lab: &Lab, text: &str, question: Question, at: u32) -> String {
    match question {
        Question::Ghosts => return ghosts::ghosts(lab, text).to_string(),
        Question::Check => return mistakes(lab, text).to_string(),
        Question::Complete | Question::Explain | Question::Describe => {}
    }
    let byte = place::byte_of(text, at);
    let place = Place::of(text, byte);
    let answer = match question {
        Question::Complete => completions(lab, &place),
        _ => explanation(&place),
    };
    let Some(mut answer) = answer else { return "null".to_owned() };
    answer["from"] = place::units(&text[..place.word.start]).into();
    answer["to"] = place::units(&text[..place.word.end]).into();
    answer.to_string()
}

/// What the API says of the field at a place, in English, as a JSON text; `null` where it says
/// nothing.
#[inline(never)]
pub fn describe(reference: &Reference, text: &str, at: u32) -> String {
    let place = Place::of(text, place::byte_of(text, at));
    let found = place.kind.zip(place.key).and_then(|(kind, key)| {
        let keys = place.path.iter().filter_map(|it| match it {
            Step::Key(key) => Some(*key),
            Step::Item => None,
        });
        let path: Vec<&str> = keys.chain([key]).collect();
        reference.field(kind.api_version(), kind.name(), &path)
    });
    let said = found.map(|it| it.description()).filter(|it| !it.is_empty());
    said.map_or(Value::Null, Value::from).to_string()
}

/// What comes of applying the text to a copy of the lab: `[{ from, to, severity, text }]`.
fn mistakes(lab: &Lab, text: &str) -> Value {
    let reply = lab.clone().act(Action::Apply { text: text.to_owned() });
    let mistake = |it: &Diagnostic| {
        let (from, to) = (floor(text, it.span.start), floor(text, it.span.end.max(it.span.start)));
        let severity = match it.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        json!({
            "from": place::units(&text[..from]), "to": place::units(&text[..to]),
            "severity": severity, "text": it.problem.to_string(),
        })
    };
    reply.diagnostics.iter().take(MISTAKES).map(mistake).collect()
}

/// The last place at or before `index` where a character begins.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

fn completions(lab: &Lab, place: &Place<'_>) -> Option<Value> {
    let of_type = type_at(place)?;
    match place.on {
        On::Key => Some(json!({"options": keys(lab, place, of_type)})),
        On::Value(key) => {
            let options = names::values(lab, place, key);
            Some(
                json!({"options": options, "values": help_key(of_type, key), "type": field_type(of_type, key)}),
            )
        }
    }
}

/// The type that the place's path leads to: of what the key, or the value's key, is a field.
fn type_at(place: &Place<'_>) -> Option<&'static str> {
    let mut of_type = place.kind.map_or("Other", read::type_of);
    for step in &place.path {
        of_type = match step {
            Step::Key(key) => field_type(of_type, key)?,
            Step::Item => of_type.strip_prefix("[]")?,
        };
    }
    Some(of_type)
}

fn field_type(of_type: &str, name: &str) -> Option<&'static str> {
    if of_type == "map[string]string" {
        return Some("string");
    }
    read::fields_of(of_type).find(|(it, _)| *it == name).map(|(_, of_type)| of_type)
}

fn help_key(of_type: &str, name: &str) -> String {
    format!("{of_type}.{name}")
}

fn keys(lab: &Lab, place: &Place<'_>, of_type: &'static str) -> Vec<Value> {
    if of_type == "map[string]string" {
        return names::keys(lab, place);
    }
    // In a list without an item, an item is begun.
    let (dash, of_type) = match of_type.strip_prefix("[]") {
        Some(item) => ("- ", item),
        None => ("", of_type),
    };
    let indent = " ".repeat(place.column + dash.len());
    let mut fields: Vec<(&str, &str)> = read::fields_of(of_type).collect();
    if place.path.is_empty() && place.kind.is_none() {
        fields.extend([("apiVersion", "string"), ("kind", "string")]);
    }
    let open = fields.into_iter().filter(|(name, _)| !place.siblings.contains(name));
    let option = |(name, field): (&str, &str)| {
        let rest = if field.starts_with("[]") {
            format!(":\n{indent}  - ")
        } else if field.starts_with("map[") || read::fields_of(field).next().is_some() {
            format!(":\n{indent}  ")
        } else {
            ": ".to_owned()
        };
        json!({
            "label": name, "detail": field, "kind": "property", "insert": format!("{dash}{name}{rest}"),
            "help": help_key(of_type, name),
        })
    };
    open.filter(|(name, _)| *name != "status" && *name != "managedFields").map(option).collect()
}

fn explanation(place: &Place<'_>) -> Option<Value> {
    let of_type = type_at(place)?;
    let key = place.key?;
    let field = field_type(of_type, key);
    let mut path = String::new();
    for step in place.path.iter().chain([&Step::Key(key)]) {
        match step {
            Step::Item => path.push_str("[]"),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => {
                path.push('.');
                path.push_str(key);
            }
        }
    }
    // A label is the user's own word.
    let known = field.filter(|_| !of_type.starts_with("map["))?;
    Some(json!({"path": path, "type": known, "help": help_key(of_type, key), "value": place.value}))
}

#[cfg(test)]
mod tests;
