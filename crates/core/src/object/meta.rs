//! What all kinds share: metadata, label selectors, references, `IntOrString`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::json::{Json, WrongType, api};
use super::{Shared, Word};

pub type Labels = BTreeMap<String, String>;

api! {
    struct ObjectMeta {
        name: String,
        generate_name: Word,
        namespace: String,
        self_link: String,
        uid: Word,
        resource_version: String,
        generation: i64,
        creation_timestamp: Word,
        deletion_timestamp: Option<String>,
        deletion_grace_period_seconds: Option<i64>,
        labels: Shared<Labels>,
        annotations: Shared<BTreeMap<String, String>>,
        owner_references: Shared<Vec<OwnerReference>>,
        finalizers: Vec<String>,
        managed_fields: Vec<Value>,
    }

    struct OwnerReference {
        api_version: Word,
        kind: Word,
        name: String,
        uid: Word,
        controller: Option<bool>,
        block_owner_deletion: Option<bool>,
    }

    struct ObjectReference {
        kind: Word,
        namespace: String,
        name: String,
        uid: Word,
        api_version: String,
        resource_version: String,
        field_path: String,
    }

    struct LabelSelector {
        match_labels: Labels,
        match_expressions: Vec<LabelSelectorRequirement>,
    }

    struct LabelSelectorRequirement {
        key: String,
        operator: String,
        values: Vec<String>,
    }
}

impl ObjectMeta {
    /// The owner that acts as controller of this object.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }
}

impl LabelSelector {
    /// An empty selector matches everything; an operator nobody knows matches nothing.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }
}

impl LabelSelectorRequirement {
    /// An operator nobody knows matches nothing.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => !value.is_some_and(|value| self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// A number or a name, as in `targetPort`; a number or a percentage, as in `maxSurge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntOrString {
    Int(i32),
    String(String),
}

impl Default for IntOrString {
    fn default() -> IntOrString {
        IntOrString::Int(0)
    }
}

/// Go prints this struct even when it holds zero.
impl Json for IntOrString {
    fn to_json(&self) -> Value {
        match self {
            IntOrString::Int(number) => number.to_json(),
            IntOrString::String(text) => text.to_json(),
        }
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> IntOrString {
        match value {
            Value::String(text) => IntOrString::String(text),
            number => IntOrString::Int(i32::read(number, wrong)),
        }
    }
}

impl From<i32> for IntOrString {
    fn from(number: i32) -> IntOrString {
        IntOrString::Int(number)
    }
}

impl From<&str> for IntOrString {
    fn from(text: &str) -> IntOrString {
        IntOrString::String(text.to_owned())
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntOrString::Int(number) => number.fmt(f),
            IntOrString::String(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        let selector = serde_json::from_str(selector).unwrap();
        let selector = LabelSelector::from_json(selector).unwrap();
        let labels =
            labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        assert_eq!(selector.matches(&labels), expected);
    }

    #[test]
    fn a_selector_wants_every_pair_and_every_expression() {
        check("{}", &[], true);
        check(r#"{"matchLabels":{"app":"web"}}"#, &[("app", "web"), ("tier", "front")], true);
        check(r#"{"matchLabels":{"app":"web","tier":"back"}}"#, &[("app", "web")], false);
        let one_of = r#"{"matchExpressions":[{"key":"app","operator":"In","values":["a","b"]}]}"#;
        check(one_of, &[("app", "b")], true);
        check(one_of, &[], false);
        let none_of = r#"{"matchExpressions":[{"key":"app","operator":"NotIn","values":["a"]}]}"#;
        check(none_of, &[], true);
        check(none_of, &[("app", "a")], false);
        check(r#"{"matchExpressions":[{"key":"a","operator":"Exists"}]}"#, &[("a", "")], true);
        check(r#"{"matchExpressions":[{"key":"a","operator":"DoesNotExist"}]}"#, &[], true);
    }
}
