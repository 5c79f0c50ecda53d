//! Volumes of a pod, and where its containers mount them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::errors::Errors;
use super::rules;
use crate::object::Container;

/// A mode that only the owner can write.
const FILE_MODE: i64 = 0o644;

/// `SetDefaults_Volume` and those of its sources; a volume without one is an empty directory.
pub(super) fn default(volume: &mut Value) {
    let Some(map) = volume.as_object_mut() else { return };
    if map.keys().all(|name| name == "name") {
        map.insert("emptyDir".to_owned(), json!({}));
    }
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(Value::Object(source)) = map.get_mut(source) {
            source.entry("defaultMode").or_insert_with(|| FILE_MODE.into());
        }
    }
    if let Some(Value::Object(path)) = map.get_mut("hostPath") {
        path.entry("type").or_insert_with(|| "".into());
    }
}

/// `ValidateVolumes`; gives the names that containers may mount.
pub(super) fn validate<'a>(volumes: &'a [Value], field: &str, errors: &mut Errors) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let before = errors.len();
        validate_source(volume, &field, errors);
        let name = volume["name"].as_str().unwrap_or_default();
        let place = format!("{field}.name");
        if name.is_empty() {
            errors.required(place, "");
        } else {
            errors.invalid_each(&place, name, rules::dns_1123_label(name));
            if names.contains(&name) {
                errors.duplicate(place, name);
            }
        }
        if errors.len() == before {
            names.push(name);
        }
    }
    names
}

fn validate_source(volume: &Value, field: &str, errors: &mut Errors) {
    let sources = volume.as_object().into_iter().flatten();
    let mut sources = sources.filter(|(name, value)| *name != "name" && !value.is_null());
    let Some((name, source)) = sources.next() else {
        return errors.required(field, "must specify a volume type");
    };
    let needed = match name.as_str() {
        "configMap" => "name",
        "secret" => "secretName",
        "persistentVolumeClaim" => "claimName",
        "hostPath" => "path",
        _ => "",
    };
    if !needed.is_empty() && source[needed].as_str().is_none_or(str::is_empty) {
        errors.required(format!("{field}.{name}.{needed}"), "");
    }
    for (another, _) in sources {
        let detail = "may not specify more than 1 volume type";
        errors.forbidden(format!("{field}.{another}"), detail);
    }
}

/// `ValidateVolumeMounts`.
pub(super) fn validate_mounts(
    container: &Container,
    volumes: &[&str],
    field: &str,
    errors: &mut Errors,
) {
    let mut paths = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let word = |name: &str| mount[name].as_str().unwrap_or_default();
        if word("name").is_empty() {
            errors.required(format!("{field}.name"), "");
        }
        if !volumes.contains(&word("name")) {
            errors.not_found(format!("{field}.name"), word("name"));
        }
        if word("mountPath").is_empty() {
            errors.required(format!("{field}.mountPath"), "");
        }
        if !paths.insert(word("mountPath")) {
            errors.invalid(format!("{field}.mountPath"), word("mountPath"), "must be unique");
        }
    }
}
