//! The API server's field errors, worded as `k8s.io/apimachinery/pkg/util/validation/field` does.

use std::fmt::Display;

use super::Version;
use crate::object::{IntOrString, Json, LabelSelector, Labels, OwnerReference};

/// One thing wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `spec.ports[0].nodePort`; leads to a place in the text (see `Document::place_of`).
    pub field: String,
    /// `FieldValueInvalid`.
    pub reason: String,
    /// `Invalid value: 8080: provided port is not in the valid range`.
    pub message: String,
}

/// Field errors in the order in which the server finds them.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) causes: Vec<Cause>,
    /// Some rules and texts are not the same in every release.
    pub(super) version: Version,
}

impl Errors {
    pub(super) fn new(version: Version) -> Errors {
        Errors { causes: Vec::new(), version }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.causes.len()
    }

    pub(super) fn required(&mut self, field: impl Display, detail: &str) {
        self.add(field, "Required", "Required value", None, detail);
    }

    pub(super) fn invalid(&mut self, field: impl Display, value: impl GoValue, detail: &str) {
        self.add(field, "Invalid", "Invalid value", Some(value.text(self.version)), detail);
    }

    pub(super) fn duplicate(&mut self, field: impl Display, value: impl GoValue) {
        self.add(field, "Duplicate", "Duplicate value", Some(value.text(self.version)), "");
    }

    pub(super) fn not_found(&mut self, field: impl Display, value: impl GoValue) {
        self.add(field, "NotFound", "Not found", Some(value.text(self.version)), "");
    }

    pub(super) fn forbidden(&mut self, field: impl Display, detail: &str) {
        self.add(field, "Forbidden", "Forbidden", None, detail);
    }

    pub(super) fn too_long(&mut self, field: impl Display, most: usize) {
        let detail = format!("may not be more than {most} bytes");
        self.add(field, "TooLong", "Too long", None, &detail);
    }

    /// A value that is twice there, with what should be one.
    pub(super) fn duplicate_of(&mut self, field: impl Display, value: impl GoValue, detail: &str) {
        self.add(field, "Duplicate", "Duplicate value", Some(value.text(self.version)), detail);
    }

    pub(super) fn too_many(&mut self, field: impl Display, count: usize, most: usize) {
        let detail = format!("must have at most {most} items");
        self.add(field, "TooMany", "Too many", Some(count.to_string()), &detail);
    }

    /// The words stand in the order given: it is not the alphabet's everywhere.
    pub(super) fn not_supported(
        &mut self,
        field: impl Display,
        value: impl GoValue,
        words: &[&str],
    ) {
        let words: Vec<String> = words.iter().map(|word| word.go()).collect();
        let detail = format!("supported values: {}", words.join(", "));
        self.add(
            field,
            "NotSupported",
            "Unsupported value",
            Some(value.text(self.version)),
            &detail,
        );
    }

    /// Each message of a name rule as an `Invalid value`.
    pub(super) fn invalid_each(&mut self, field: impl Display, value: &str, details: Vec<String>) {
        for detail in details {
            self.invalid(&field, value, &detail);
        }
    }

    fn add(
        &mut self,
        field: impl Display,
        reason: &str,
        text: &str,
        value: Option<String>,
        detail: &str,
    ) {
        let value = value.map_or(String::new(), |value| format!(": {value}"));
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        self.causes.push(Cause {
            field: field.to_string(),
            reason: format!("FieldValue{reason}"),
            message: format!("{text}{value}{detail}"),
        });
    }
}

/// How the server prints a value inside an error.
pub(super) trait GoValue {
    /// `%#v`; of text and numbers the plain form.
    fn go(&self) -> String;

    /// The value as JSON; servers from 1.34 on write it so.
    fn json(&self) -> String {
        self.go()
    }

    fn text(&self, version: Version) -> String {
        if version < Version::V1_34 { self.go() } else { self.json() }
    }
}

impl GoValue for &str {
    fn go(&self) -> String {
        let mut text = String::from('"');
        for c in self.chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                c if c.is_control() && c.is_ascii() => {
                    text.push_str(&format!("\\x{:02x}", u32::from(c)));
                }
                c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => text.push(c),
            }
        }
        text.push('"');
        text
    }
}

impl GoValue for &String {
    fn go(&self) -> String {
        self.as_str().go()
    }
}

impl GoValue for i32 {
    fn go(&self) -> String {
        self.to_string()
    }
}

impl GoValue for i64 {
    fn go(&self) -> String {
        self.to_string()
    }
}

/// A nil pointer.
impl GoValue for &Option<String> {
    fn go(&self) -> String {
        self.as_deref().unwrap_or("null").go()
    }

    fn json(&self) -> String {
        self.as_deref().map_or("null".to_owned(), |text| text.go())
    }
}

impl GoValue for &[String] {
    fn go(&self) -> String {
        if self.is_empty() {
            return "[]string(nil)".to_owned();
        }
        let items: Vec<String> = self.iter().map(|item| item.go()).collect();
        format!("[]string{{{}}}", items.join(", "))
    }

    fn json(&self) -> String {
        if self.is_empty() { "null".to_owned() } else { json(&self.to_vec()) }
    }
}

impl GoValue for &IntOrString {
    fn go(&self) -> String {
        match self {
            IntOrString::Int(number) => {
                format!("intstr.IntOrString{{Type:0, IntVal:{number}, StrVal:\"\"}}")
            }
            IntOrString::String(text) => {
                format!("intstr.IntOrString{{Type:1, IntVal:0, StrVal:{}}}", text.go())
            }
        }
    }

    fn json(&self) -> String {
        json(*self)
    }
}

impl GoValue for &Labels {
    fn go(&self) -> String {
        if self.is_empty() {
            return "map[string]string(nil)".to_owned();
        }
        let pairs: Vec<String> =
            self.iter().map(|(key, value)| format!("{}:{}", key.go(), value.go())).collect();
        format!("map[string]string{{{}}}", pairs.join(", "))
    }

    fn json(&self) -> String {
        if self.is_empty() { "null".to_owned() } else { json(*self) }
    }
}

/// Pointers stand in these; any address is right.
impl GoValue for &[OwnerReference] {
    fn go(&self) -> String {
        let pointer = |it: Option<bool>| it.map_or("nil", |_| "0xc000000000");
        let each = self.iter().map(|it| {
            let words: [&str; 4] = [&it.api_version, &it.kind, &it.name, &it.uid];
            let [api_version, kind, name, uid] = words.map(|it| it.go());
            let (controller, blocks) = (pointer(it.controller), pointer(it.block_owner_deletion));
            format!(
                "v1.OwnerReference{{APIVersion:{api_version}, Kind:{kind}, Name:{name}, \
                 UID:{uid}, Controller:(*bool)({controller}), BlockOwnerDeletion:(*bool)({blocks})}}"
            )
        });
        format!("[]v1.OwnerReference{{{}}}", each.collect::<Vec<_>>().join(", "))
    }

    fn json(&self) -> String {
        json(&self.to_vec())
    }
}

impl GoValue for &LabelSelector {
    fn go(&self) -> String {
        let requirements: Vec<String> = self
            .match_expressions
            .iter()
            .map(|it| {
                let (key, operator) = (it.key.as_str().go(), it.operator.as_str().go());
                let values = it.values.as_slice().go();
                format!(
                    "v1.LabelSelectorRequirement{{Key:{key}, Operator:{operator}, Values:{values}}}"
                )
            })
            .collect();
        let requirements = match requirements.as_slice() {
            [] => "(nil)".to_owned(),
            some => format!("{{{}}}", some.join(", ")),
        };
        let labels = (&self.match_labels).go();
        format!(
            "v1.LabelSelector{{MatchLabels:{labels}, \
             MatchExpressions:[]v1.LabelSelectorRequirement{requirements}}}"
        )
    }

    fn json(&self) -> String {
        json(*self)
    }
}

fn json(value: &impl Json) -> String {
    value.to_json().to_string()
}

/// A Go struct, in both forms.
pub(super) struct Struct {
    pub(super) go: String,
    pub(super) json: String,
}

impl GoValue for Struct {
    fn go(&self) -> String {
        self.go.clone()
    }

    fn json(&self) -> String {
        self.json.clone()
    }
}
