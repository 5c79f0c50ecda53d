//! `-f`: files, directories and standard input → what stands in them.

use serde_json::Value;
use svclab_core::key::ObjectKey;
use svclab_core::read::{self, Document, Problem, Severity};

use super::Kubectl;
use super::errors::{Failed, error};
use super::resources::Resource;
use super::yaml_error::in_go;

/// One object of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    /// The file as kubectl names it.
    pub(crate) source: String,
    pub(crate) resource: &'static Resource,
    pub(crate) key: ObjectKey,
    pub(crate) value: Value,
}

const IGNORE: &str =
    "if you choose to ignore these errors, turn validation off with --validate=false";

/// All that can be read, in order, and what is wrong with the rest.
pub(crate) fn read(kubectl: &Kubectl) -> (Vec<Manifest>, Vec<Failed>) {
    let (mut manifests, mut failures) = (Vec::new(), Vec::new());
    for path in kubectl.flags.list("filename") {
        match texts(kubectl, &path) {
            Ok(texts) => {
                for (source, text) in texts {
                    read_text(kubectl, &source, &text, &mut manifests, &mut failures);
                }
            }
            Err(failed) => return (Vec::new(), vec![failed]),
        }
    }
    (manifests, failures)
}

/// The files of a path, by name.
fn texts(kubectl: &Kubectl, path: &str) -> Result<Vec<(String, String)>, Failed> {
    if path == "-" {
        return Ok(vec![("STDIN".to_owned(), kubectl.stdin.clone())]);
    }
    if path.starts_with("http://") || path.starts_with("https://") {
        let host = path.split('/').nth(2).unwrap_or_default();
        return Err(error(format!("unable to read URL \"{path}\": the lab reaches no {host}")));
    }
    let full = kubectl.process.resolve(path);
    let files = kubectl.process.files();
    if let Some(text) = files.get(&full) {
        return Ok(vec![(path.to_owned(), text.to_owned())]);
    }
    if !files.is_directory(&full) || path.is_empty() {
        return Err(error(format!("the path \"{path}\" does not exist")));
    }
    let wanted = |name: &str| [".json", ".yaml", ".yml"].iter().any(|it| name.ends_with(it));
    let deep = kubectl.flags.has("recursive");
    let directory = path.trim_end_matches('/');
    let name = |name: &str| match directory {
        "." => name.to_owned(),
        directory => format!("{directory}/{name}"),
    };
    let inside = files.below(&full).filter(|(it, _)| wanted(it) && (deep || !it.contains('/')));
    let found: Vec<_> = inside.map(|(it, text)| (name(it), text.to_owned())).collect();
    if found.is_empty() {
        return Err(error(format!(
            "error reading [{path}]: recognized file extensions are [.json .yaml .yml]"
        )));
    }
    Ok(found)
}

fn read_text(
    kubectl: &Kubectl,
    source: &str,
    text: &str,
    manifests: &mut Vec<Manifest>,
    failures: &mut Vec<Failed>,
) {
    let read = read::read(text);
    for document in &read.documents {
        match manifest(kubectl, source, document) {
            Ok(manifest) => manifests.push(manifest),
            Err(failed) => failures.push(failed),
        }
    }
    let wrong = read.diagnostics.iter().find(|it| it.severity == Severity::Error);
    let Some(wrong) = wrong.filter(|it| !matches!(it.problem, Problem::DuplicateKey { .. })) else {
        return;
    };
    failures.push(match &wrong.problem {
        Problem::NotAnObject => invalid(source, "invalid object to validate"),
        Problem::Syntax { line, detail } => {
            let before = text.get(..wrong.span.start).unwrap_or_default();
            let skipped = before.rfind("\n---").map_or(0, |at| before[..=at].matches('\n').count());
            let line = line.saturating_sub(skipped).max(1);
            let document = text.split("\n---").nth(before.matches("\n---").count());
            let lines = document.unwrap_or_default().lines().count();
            let rest = text.get(wrong.span.start..).unwrap_or_default();
            let problem = in_go(detail, line, lines, rest);
            error(format!("error parsing {source}: error converting YAML to JSON: yaml: {problem}"))
        }
        problem => error(format!("error parsing {source}: {problem}")),
    });
}

fn invalid(source: &str, what: &str) -> Failed {
    error(format!("error validating \"{source}\": error validating data: {what}; {IGNORE}"))
}

fn manifest(kubectl: &Kubectl, source: &str, document: &Document) -> Result<Manifest, Failed> {
    let value = document.value();
    let said = |field: &str| value["metadata"][field].as_str().unwrap_or_default().to_owned();
    let kind = document.kind().map_err(|it| match &it.problem {
        Problem::NotSet { .. } => invalid(source, &it.problem.to_string()),
        problem => error(format!(
            "resource mapping not found for name: \"{}\" namespace: \"{}\" from \"{source}\": {problem}\nensure CRDs are installed first",
            said("name"),
            said("namespace"),
        )),
    })?;
    document.key().map_err(|it| error(format!("unable to decode \"{source}\": {}", it.problem)))?;
    let mut key = ObjectKey::new(kind, said("namespace"), said("name"));
    if !kind.is_namespaced() {
        key.namespace.clear();
    } else if key.namespace.is_empty() {
        key.namespace = kubectl.namespace();
    } else if let Some(asked) = kubectl.flags.text("namespace").filter(|it| *it != key.namespace) {
        let there = &key.namespace;
        return Err(error(format!(
            "the namespace from the provided object \"{there}\" does not match the namespace \"{asked}\". You must pass '--namespace={there}' to perform this operation."
        )));
    }
    Ok(Manifest { source: source.to_owned(), resource: Resource::of(kind), key, value })
}
