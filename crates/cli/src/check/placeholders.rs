//! Values that the server chose: `$IP1`, `$IP6_1`, `$PORT1`, `$NAME1` in recorded answers.
//!
//! Any fitting value will do, but one placeholder is one value throughout a case, and different
//! placeholders are different values.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

/// Which value each placeholder stands for.
#[derive(Default)]
pub(super) struct Bound(BTreeMap<String, String>);

impl Bound {
    /// Null, empty text and absent are the same; the order of keys says nothing.
    pub(super) fn compare(
        &mut self,
        path: &str,
        expected: &Value,
        found: &Value,
    ) -> Result<(), String> {
        let differs = || Err(format!("{path}: expected {expected}, came {found}"));
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                let more = found.keys().filter(|name| !expected.contains_key(*name));
                for name in expected.keys().chain(more) {
                    let side = |map: &serde_json::Map<String, Value>| map.get(name).cloned();
                    let (expected, found) = (side(expected), side(found));
                    let path = format!("{path}.{name}");
                    self.compare(&path, &expected.unwrap_or_default(), &found.unwrap_or_default())?;
                }
                Ok(())
            }
            (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
                for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                    self.compare(&format!("{path}[{index}]"), expected, found)?;
                }
                Ok(())
            }
            (Value::String(text), Value::String(found)) => {
                if self.matches(text, found) {
                    Ok(())
                } else {
                    differs()
                }
            }
            (Value::String(name), Value::Number(number)) if name.starts_with("$PORT") => {
                if self.matches(name, &number.to_string()) { Ok(()) } else { differs() }
            }
            _ if is_absent(expected) && is_absent(found) || expected == found => Ok(()),
            _ => differs(),
        }
    }

    /// Whether `found` is `expected` with values for its placeholders.
    fn matches(&mut self, expected: &str, found: &str) -> bool {
        let Some((before, name, after)) = placeholder(expected) else { return expected == found };
        let Some(rest) = found.strip_prefix(before) else { return false };
        // What follows begins with a letter that no value holds, or is the end.
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-.:".contains(c));
        let (value, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.bind(name, value) && self.matches(after, rest)
    }

    fn bind(&mut self, name: &str, value: &str) -> bool {
        if self.0.iter().any(|(other, it)| other != name && it == value) {
            return false;
        }
        let is_new = !self.0.contains_key(name);
        if is_new && !fits(name, value) {
            return false;
        }
        self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned()) == value
    }
}

/// The text before the first placeholder, the placeholder, the text behind it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let starts = text.match_indices('$').map(|(at, _)| at);
    starts.into_iter().find_map(|start| {
        let kinds = ["$IP6_", "$IP", "$PORT", "$NAME"];
        let kind = kinds.into_iter().find(|kind| text[start..].starts_with(kind))?;
        let digits = &text[start + kind.len()..];
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let end = start + kind.len() + length;
        (length > 0).then(|| (&text[..start], &text[start..end], &text[end..]))
    })
}

/// An address of the range, a node port; a name was made by the server and has five letters more
/// than it was given, which is left to the object's `generateName`.
fn fits(name: &str, value: &str) -> bool {
    let is_in = |range: &str| {
        let range: Option<ipnet::IpNet> = range.parse().ok();
        let address: Option<IpAddr> = value.parse().ok();
        range.zip(address).is_some_and(|(range, address)| range.contains(&address))
    };
    match name {
        _ if name.starts_with("$IP6") => is_in("fd00:10:96::/112"),
        _ if name.starts_with("$IP") => is_in("10.96.0.0/12"),
        _ if name.starts_with("$PORT") => {
            value.parse().is_ok_and(|port: u16| (30000..=32767).contains(&port))
        }
        _ => value.len() > 5,
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value == ""
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Compares each pair in turn, all of one case.
    #[track_caller]
    fn check(pairs: &[(Value, Value)], fits: bool) {
        let mut bound = Bound::default();
        let outcome =
            pairs.iter().try_for_each(|(expected, found)| bound.compare("", expected, found));
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
    }

    #[test]
    fn a_placeholder_is_one_value_throughout() {
        let ip = json!({"ip": "$IP1", "none": null});
        check(
            &[(ip.clone(), json!({"ip": "10.96.4.5"})), (ip.clone(), json!({"ip": "10.96.4.5"}))],
            true,
        );
        check(&[(ip.clone(), json!({"ip": "10.96.4.5"})), (ip, json!({"ip": "10.96.4.6"}))], false);
    }

    #[test]
    fn different_placeholders_are_different_values() {
        check(&[(json!(["$PORT1", "$PORT2"]), json!([30100, 30101]))], true);
        check(&[(json!(["$PORT1", "$PORT2"]), json!([30100, 30100]))], false);
    }

    #[test]
    fn a_placeholder_may_stand_inside_a_message() {
        check(&[(json!("IP \"$IP1\" is taken"), json!("IP \"10.96.4.5\" is taken"))], true);
        check(&[(json!("IP \"$IP1\" is taken"), json!("IP \"10.96.4.5\" is free"))], false);
        check(&[(json!("a price of $5"), json!("a price of $5"))], true);
    }

    #[test]
    fn a_value_must_fit_its_placeholder() {
        check(&[(json!("$IP1"), json!("192.168.0.1"))], false);
        check(&[(json!("$IP6_1"), json!("fd00:10:96::7"))], true);
        check(&[(json!("$PORT1"), json!(80))], false);
    }
}
