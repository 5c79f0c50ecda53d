//! How jq compares values, names their kinds and writes them.

use std::cmp::Ordering;

use serde_json::Value;
use svclab_netfilter::order::Order;

pub(super) fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whole numbers are written without a fraction.
pub(super) fn number(value: f64) -> Value {
    // A cast of a float stays within the integer's range.
    match value.fract() == 0.0 && value.abs() < 1e17 {
        true => Value::from(value as i64),
        false => Value::from(value),
    }
}

/// null, false, true, numbers, texts, lists, objects.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |it: &Value| match it {
        Value::Null => 0,
        Value::Bool(is) => 1 + u8::from(*is),
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    };
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let mut pairs = a.iter().zip(b).map(|(a, b)| compare(a, b));
            pairs.find(|it| it.is_ne()).unwrap_or(a.len().cmp(&b.len()))
        }
        (Value::Object(x), Value::Object(y)) => {
            let (keys, others) = (keys(a), keys(b));
            let mut values = keys.iter().map(|key| match (x.get(key), y.get(key)) {
                (Some(a), Some(b)) => compare(a, b),
                _ => Ordering::Equal,
            });
            keys.cmp(&others).then_with(|| values.find(|it| it.is_ne()).unwrap_or(Ordering::Equal))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

/// An object's keys in order.
pub(super) fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<String> =
        value.as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default();
    keys.order();
    keys
}

/// On one line.
pub(super) fn shown(value: &Value) -> String {
    let mut res = String::new();
    write(value, &Style { indent: None, sorts: false }, 0, &mut res);
    res
}

/// How values are written.
pub(super) struct Style {
    /// What each level is moved in by; none: all on one line.
    pub(super) indent: Option<String>,
    /// `-S`
    pub(super) sorts: bool,
}

impl Style {
    pub(super) fn text(&self, value: &Value) -> String {
        let mut res = String::new();
        write(value, self, 0, &mut res);
        res
    }
}

fn write(value: &Value, style: &Style, level: usize, res: &mut String) {
    let line = |level: usize, res: &mut String| {
        if let Some(indent) = &style.indent {
            res.push('\n');
            res.push_str(&indent.repeat(level));
        }
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                res.push(if index == 0 { '[' } else { ',' });
                line(level + 1, res);
                write(item, style, level + 1, res);
            }
            line(level, res);
            res.push(']');
        }
        Value::Object(map) if !map.is_empty() => {
            let names = match style.sorts {
                true => keys(value),
                false => map.keys().cloned().collect(),
            };
            let colon = if style.indent.is_some() { ": " } else { ":" };
            for (index, name) in names.into_iter().enumerate() {
                res.push(if index == 0 { '{' } else { ',' });
                line(level + 1, res);
                let item = map.get(&name).unwrap_or(&Value::Null);
                res.push_str(&Value::from(name).to_string());
                res.push_str(colon);
                write(item, style, level + 1, res);
            }
            line(level, res);
            res.push('}');
        }
        // As C prints it: 1e+20.
        Value::Number(it) => {
            let text = it.to_string();
            match text.split_once('e').filter(|it| !it.1.starts_with('-')) {
                Some((digits, power)) => res.push_str(&format!("{digits}e+{power}")),
                None => res.push_str(&text),
            }
        }
        other => res.push_str(&other.to_string()),
    }
}
