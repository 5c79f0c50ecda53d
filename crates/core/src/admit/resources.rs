//! What a container asks for and may use at most.

use std::cmp::Ordering;

use serde_json::Value;

use super::errors::Errors;
use super::rules;
use crate::object::quantity::thousandths;

/// `ValidateContainerResourceRequirements`.
pub(super) fn validate(resources: &Value, field: &str, errors: &mut Errors) {
    let amounts = |what: &str| resources.get(what).and_then(Value::as_object);
    for (name, quantity) in amounts("limits").into_iter().flatten() {
        validate_amount(name, quantity, &format!("{field}.limits[{name}]"), errors);
    }
    for (name, quantity) in amounts("requests").into_iter().flatten() {
        validate_amount(name, quantity, &format!("{field}.requests[{name}]"), errors);
        let limit = amounts("limits").and_then(|limits| limits.get(name)).and_then(Value::as_str);
        let asked = quantity.as_str().unwrap_or_default();
        if let Some(limit) = limit.filter(|limit| compare(asked, limit) == Some(Ordering::Greater))
        {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            errors.invalid(format!("{field}.requests"), asked, &detail);
        }
    }
}

fn validate_amount(name: &str, quantity: &Value, field: &str, errors: &mut Errors) {
    let before = errors.len();
    errors.invalid_each(field, name, rules::qualified_name(name));
    if errors.len() == before && !name.contains('/') {
        let is_huge_page = name.starts_with("hugepages-");
        if !is_huge_page && !STANDARD.contains(&name) {
            let detail = "must be a standard resource type or fully qualified";
            errors.invalid(field, name, detail);
        }
        if !is_huge_page && !OF_CONTAINERS.contains(&name) {
            errors.invalid(field, name, "must be a standard resource for containers");
        }
    }
    let text = quantity.as_str().unwrap_or_default();
    if compare(text, "0") == Some(Ordering::Less) {
        errors.invalid(field, text, "must be greater than or equal to 0");
    }
}

const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const STANDARD: [&str; 18] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
];

/// The order of two quantities; `None` for a text that is none.
fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(thousandths(a)?.cmp(&thousandths(b)?))
}
