//! ConfigMap: its keys, and that it may be fixed for ever.

use super::errors::Errors;
use super::meta;
use crate::key::Kind;
use crate::object::ConfigMap;

const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const LONGEST_KEY: usize = 253;
/// Of all values together, in bytes.
const LARGEST: usize = 1 << 20;

/// `ValidateConfigMap`.
pub(super) fn validate(map: &ConfigMap, errors: &mut Errors) {
    meta::validate(Kind::ConfigMap, &map.metadata, errors);
    for key in map.data.keys() {
        let field = format!("data[{key}]");
        errors.invalid_each(&field, key, key_complaints(key));
        if map.binary_data.contains_key(key) {
            errors.invalid(field, key, "duplicate of key present in binaryData");
        }
    }
    for key in map.binary_data.keys() {
        errors.invalid_each(format!("binaryData[{key}]"), key, key_complaints(key));
    }
    let text: usize = map.data.values().map(String::len).sum();
    let binary: usize = map.binary_data.values().map(|it| decoded_size(it)).sum();
    if text + binary > LARGEST {
        errors.too_long("", LARGEST);
    }
}

/// How many bytes a text in base64 stands for.
fn decoded_size(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

/// `IsConfigMapKey`: a file's name.
pub(super) fn key_complaints(key: &str) -> Vec<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let mut complaints = Vec::new();
    if key.len() > LONGEST_KEY {
        complaints.push(format!("must be no more than {LONGEST_KEY} characters"));
    }
    if key.is_empty() || !key.bytes().all(is_allowed) {
        complaints.push(KEY.to_owned());
    }
    match key {
        "." => complaints.push("must not be '.'".to_owned()),
        ".." => complaints.push("must not be '..'".to_owned()),
        _ if key.starts_with("..") => complaints.push("must not start with '..'".to_owned()),
        _ => {}
    }
    complaints
}

/// `ValidateConfigMapUpdate`.
pub(super) fn validate_update(new: &ConfigMap, old: &ConfigMap, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    if old.immutable == Some(true) {
        let changes = [
            ("immutable", new.immutable != Some(true)),
            ("data", new.data != old.data),
            ("binaryData", new.binary_data != old.binary_data),
        ];
        for (field, _) in changes.into_iter().filter(|(_, is_changed)| *is_changed) {
            errors.forbidden(field, "field is immutable when `immutable` is set");
        }
    }
    validate(new, errors);
}
