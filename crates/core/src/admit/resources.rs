//! What a container asks for and may use at most.

use std::cmp::Ordering;

use serde_json::Value;

use super::errors::Errors;
use super::rules;

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
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    value(a)?.partial_cmp(&value(b)?)
}

/// The number that a quantity stands for; amounts of real manifests are exact.
fn value(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        _ => return text.parse().ok(),
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_compared_by_what_they_stand_for() {
        for (a, b, order) in [
            ("500m", "0.5", Ordering::Equal),
            ("1", "500m", Ordering::Greater),
            ("64Mi", "64M", Ordering::Greater),
            ("1e3", "1k", Ordering::Equal),
            ("-1", "0", Ordering::Less),
        ] {
            assert_eq!(compare(a, b), Some(order), "{a} {b}");
        }
    }
}
