//! Secret: its text becomes data, and what its type asks for must be there.

use data_encoding::BASE64;
use serde_json::{Map, Value};

use super::config_map::key_complaints;
use super::errors::Errors;
use super::meta;
use crate::object::Other;

/// Of all values together, in bytes.
const LARGEST: usize = 1 << 20;
const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// `SetDefaults_Secret`, and the conversion that merges what was written as text.
pub(super) fn default(it: &mut Other) {
    let texts = match it.body.remove("stringData") {
        Some(Value::Object(texts)) => texts,
        _ => Map::new(),
    };
    if !texts.is_empty() && !it.body.get("data").is_some_and(Value::is_object) {
        it.body.insert("data".to_owned(), Map::new().into());
    }
    if let Some(data) = it.body.get_mut("data").and_then(Value::as_object_mut) {
        for (key, text) in texts {
            let text = text.as_str().unwrap_or_default();
            data.insert(key, BASE64.encode(text.as_bytes()).into());
        }
    }
    if kind(it).is_empty() {
        it.body.insert("type".to_owned(), "Opaque".into());
    }
}

fn kind(it: &Other) -> &str {
    it.body.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// `ValidateSecret`.
pub(super) fn validate(it: &Other, errors: &mut Errors) {
    meta::validate(it.kind, &it.metadata, errors);
    let empty = Map::new();
    let data = it.body.get("data").and_then(Value::as_object).unwrap_or(&empty);
    let mut size = 0;
    for (key, value) in data {
        errors.invalid_each(format!("data[{key}]"), key, key_complaints(key));
        size += value.as_str().unwrap_or_default().trim_end_matches('=').len() * 3 / 4;
    }
    if size > LARGEST {
        errors.too_long("data", LARGEST);
    }
    let is_missing = |key: &&str| !data.contains_key(*key);
    let (needed, any): (&[&str], bool) = match kind(it) {
        "kubernetes.io/service-account-token" => {
            if it.metadata.annotations.get(ACCOUNT).is_none_or(String::is_empty) {
                errors.required(format!("metadata.annotations[{ACCOUNT}]"), "");
            }
            (&[], false)
        }
        "kubernetes.io/dockercfg" => (&[".dockercfg"], false),
        "kubernetes.io/dockerconfigjson" => (&[".dockerconfigjson"], false),
        "kubernetes.io/basic-auth" => (&["username", "password"], true),
        "kubernetes.io/ssh-auth" => (&["ssh-privatekey"], false),
        "kubernetes.io/tls" => (&["tls.crt", "tls.key"], false),
        _ => (&[], false),
    };
    // Of a user and a password one is enough.
    if !any || needed.iter().all(is_missing) {
        for key in needed.iter().copied().filter(is_missing) {
            errors.required(format!("data[{key}]"), "");
        }
    }
}

/// `ValidateSecretUpdate`.
pub(super) fn validate_update(new: &Other, old: &Other, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    meta::immutable(kind(new), kind(old), "type", errors);
    let is = |it: &Other| it.body.get("immutable") == Some(&Value::Bool(true));
    if is(old) {
        let differs = new.body.get("data") != old.body.get("data");
        for (field, _) in [("immutable", !is(new)), ("data", differs)].iter().filter(|it| it.1) {
            errors.forbidden(*field, "field is immutable when `immutable` is set");
        }
    }
    validate(new, errors);
}
