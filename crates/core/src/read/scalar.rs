//! What a plain YAML scalar means, as kubectl reads it.
//!
//! kubectl turns YAML into JSON with go-yaml v2, which follows YAML 1.1: `on` is a boolean,
//! `0121` is octal, `1_000` is a number; a date stays text.

use serde_json::{Number, Value};

/// A plain (unquoted, untagged) scalar. `None` for what JSON cannot hold: `.inf`, `.nan`.
pub(crate) fn resolve(text: &str) -> Option<Value> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => return None,
        _ => number(text)?.map_or_else(|| Value::String(text.to_owned()), Value::Number),
    };
    Some(value)
}

/// `Some(None)` for text that is no number, `None` for a number too large for JSON.
fn number(text: &str) -> Option<Option<Number>> {
    match text.as_bytes()[0] {
        b'.' if is_float(text) => float(text).map(Some),
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            match integer(&plain) {
                Some(number) => Some(Some(number)),
                None if is_float(&plain) => float(&plain).map(Some),
                None => Some(None),
            }
        }
        _ => Some(None),
    }
}

/// As Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = radix(digits);
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    Number::from_i128(value)
}

fn radix(digits: &str) -> (u32, &str) {
    match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// go-yaml's `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty())
        && is_digits(whole)
        && is_digits(fraction)
        && exponent_fits
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn float(text: &str) -> Option<Number> {
    number_from_f64(text.parse().ok()?)
}

/// Go writes a float without a fraction as an integer, so that is what the server reads.
pub(super) fn number_from_f64(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() < 1e18 {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, json: &str) {
        let value = resolve(text).map_or("nothing".to_owned(), |value| value.to_string());
        assert_eq!(value, json, "{text}");
    }

    #[test]
    fn yaml_1_1_words() {
        check("on", "true");
        check("Off", "false");
        check("y", "true");
        check("N", "false");
        check("~", "null");
        check("nUll", "\"nUll\"");
        check("yEs", "\"yEs\"");
        check("<<", "\"<<\"");
    }

    #[test]
    fn yaml_1_1_numbers() {
        check("80", "80");
        check("+5", "5");
        check("-0", "0");
        check("0x1F90", "8080");
        check("0121", "81");
        check("0o17", "15");
        check("0b101", "5");
        check("1_000", "1000");
        check("08", "8");
        check("8e1", "80");
        check("80.0", "80");
        check("80.5", "80.5");
        check(".5", "0.5");
        check("5.", "5");
        check("18446744073709551615", "18446744073709551615");
        check("1e400", "nothing");
        check(".inf", "nothing");
    }

    #[test]
    fn what_only_looks_like_a_number_stays_text() {
        check("2024-05-01", "\"2024-05-01\"");
        check("10.96.0.1", "\"10.96.0.1\"");
        check("1:30", "\"1:30\"");
        check("0x", "\"0x\"");
        check("0x-1", "\"0x-1\"");
        check(".", "\".\"");
        check("-", "\"-\"");
        check("1e", "\"1e\"");
        check("한", "\"한\"");
    }
}
