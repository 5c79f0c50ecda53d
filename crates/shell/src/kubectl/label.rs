//! `kubectl label` and `kubectl annotate`.

use std::collections::BTreeSet;

use serde_json::Value;
use svclab_core::object::Object;

use super::change::{Report, modify};
use super::errors::{Done, error};
use super::selector::value_problem;
use super::targets::{self, NOTHING};
use super::{Kubectl, all_failed};

/// What is written: the two commands differ in words and in what may stand there.
struct Field {
    name: &'static str,
    word: &'static str,
}

pub(super) async fn label(kubectl: &Kubectl) -> Done {
    run(kubectl, &Field { name: "labels", word: "label" })
}

pub(super) async fn annotate(kubectl: &Kubectl) -> Done {
    run(kubectl, &Field { name: "annotations", word: "annotation" })
}

#[derive(Default)]
struct Pairs {
    set: Vec<(String, String)>,
    removed: Vec<String>,
}

fn run(kubectl: &Kubectl, field: &Field) -> Done {
    let (objects, pairs) = split(&kubectl.flags.arguments, field)?;
    let pairs = pairs_of(pairs, field)?;
    let lists = kubectl.flags.has("list");
    if objects.is_empty() && kubectl.flags.all("filename").is_empty() {
        return Err(error(
            "one or more resources must be specified as <resource> <name> or <resource>/<name>",
        ));
    }
    if pairs.set.is_empty() && pairs.removed.is_empty() && !lists {
        return Err(error(format!("at least one {} update is required", field.word)));
    }
    let report = Report::new(kubectl)?;
    let found = targets::objects(kubectl, &objects, NOTHING)?;
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        if lists {
            list(kubectl, object, field, found.objects.len() == 1);
        }
        if !pairs.set.is_empty() || !pairs.removed.is_empty() {
            failures.extend(change(kubectl, object, &pairs, field, &report).err());
        }
    }
    all_failed(failures)
}

/// Objects first, then `a=b` and `a-`.
fn split(arguments: &[String], field: &Field) -> Done<(Vec<String>, Vec<String>)> {
    let is_pair =
        |it: &str| it.find('=').is_some_and(|at| at > 0) || it.len() > 1 && it.ends_with('-');
    let first = arguments.iter().position(|it| is_pair(it)).unwrap_or(arguments.len());
    let (objects, pairs) = arguments.split_at(first);
    if let Some(wrong) = pairs.iter().find(|it| !is_pair(it)) {
        let word = field.word;
        return Err(error(format!(
            "all resources must be specified before {word} changes: {wrong}"
        )));
    }
    Ok((objects.to_vec(), pairs.to_vec()))
}

fn pairs_of(texts: Vec<String>, field: &Field) -> Done<Pairs> {
    let mut res = Pairs::default();
    for text in texts {
        match text.split_once('=') {
            Some((key, value)) => {
                let problem = value_problem(value).filter(|_| field.name == "labels");
                if let Some(problem) = problem {
                    return Err(error(format!("invalid label value: \"{text}\": {problem}")));
                }
                res.set.push((key.to_owned(), value.to_owned()));
            }
            None => res.removed.push(text.trim_end_matches('-').to_owned()),
        }
    }
    let both: BTreeSet<&String> = res.set.iter().map(|it| &it.0).collect();
    if let Some(key) = res.removed.iter().find(|it| both.contains(it)) {
        let word = field.word;
        return Err(error(format!(
            "can not both modify and remove {} {word} in the same command: {key}",
            if word == "label" { "a" } else { "an" }
        )));
    }
    Ok(res)
}

fn list(kubectl: &Kubectl, object: &Object, field: &Field, is_only: bool) {
    let meta = object.meta();
    let values = if field.name == "labels" { &meta.labels } else { &meta.annotations };
    if !is_only {
        let resource = super::resources::Resource::of(object.kind());
        let group = resource.group();
        kubectl
            .out(&format!("Listing {} for {}.{group}/{}:\n", field.name, resource.kind, meta.name));
    }
    let indent = if is_only { "" } else { " " };
    for (key, value) in values {
        kubectl.out(&format!("{indent}{key}={value}\n"));
    }
}

fn change(
    kubectl: &Kubectl,
    object: &Object,
    pairs: &Pairs,
    field: &Field,
    report: &Report,
) -> Done {
    let meta = object.meta();
    let values = if field.name == "labels" { &meta.labels } else { &meta.annotations };
    if !kubectl.flags.has("overwrite") {
        let taken = pairs
            .set
            .iter()
            .find_map(|(key, value)| values.get(key).filter(|it| *it != value).map(|it| (key, it)));
        if let Some((key, value)) = taken {
            let what = format!("'{key}' already has a value ({value})");
            return Err(error(match field.word {
                "label" => format!("{what}, and --overwrite is false"),
                _ => format!(
                    "--overwrite is false but found the following declared annotation(s): {what}"
                ),
            }));
        }
    }
    if field.word == "label" {
        for key in pairs.removed.iter().filter(|it| !values.contains_key(*it)) {
            kubectl.out(&format!("label \"{key}\" not found.\n"));
        }
    }
    let changed = modify(kubectl, object, |value| {
        write(value, pairs, field);
        Ok(())
    })?;
    let what = match (field.word, changed.is_some()) {
        ("annotation", _) => "annotated",
        // An empty map of labels is written where there was none.
        (_, false) if !pairs.removed.is_empty() && values.is_empty() => "labeled",
        (_, false) => "not labeled",
        (_, true) if pairs.set.is_empty() => "unlabeled",
        (_, true) => "labeled",
    };
    let value = changed.unwrap_or_else(|| kubectl.shown(object));
    report.show_value(kubectl, &value, &super::output::name(object), what);
    Ok(())
}

fn write(value: &mut Value, pairs: &Pairs, field: &Field) {
    let map = &mut value["metadata"][field.name];
    if !map.is_object() {
        *map = Value::Object(Default::default());
    }
    let Some(map) = map.as_object_mut() else { return };
    for (key, value) in &pairs.set {
        map.insert(key.clone(), value.clone().into());
    }
    for key in &pairs.removed {
        map.shift_remove(key);
    }
    if map.is_empty()
        && let Some(meta) = value["metadata"].as_object_mut()
    {
        meta.shift_remove(field.name);
    }
}
