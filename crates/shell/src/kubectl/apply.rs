//! `kubectl apply`, `create -f`, `replace` and `diff`: files → objects.

use serde_json::{Map, Value};
use svclab_core::admit::{self, LAST_APPLIED, Patch, Refusal};
use svclab_core::object::Object;
use svclab_core::print::yaml;
use svclab_core::read::decode;

use super::change::{Report, heard};
use super::client::{self, DryRun};
use super::errors::{Done, Failed, error, refused, usage};
use super::manifests::{self, Manifest};
use super::output::{self, json};
use super::{Kubectl, all_failed};

const NO_FILE: &str = "must specify one of -f and -k";

/// Does the same for each manifest of the files; a mistake in one does not stop the others.
fn each(kubectl: &Kubectl, verb: &str, mut one: impl FnMut(&Manifest) -> Done) -> Done {
    if kubectl.flags.all("filename").is_empty() {
        return Err(error(NO_FILE));
    }
    if let Some(argument) = kubectl.flags.arguments.first() {
        let command = kubectl.command.name;
        return Err(error(format!(
            "Unexpected args: [{argument}]\nSee 'kubectl {command} -h' for help and examples"
        )));
    }
    let (manifests, wrong) = manifests::read(kubectl);
    if manifests.is_empty() && wrong.is_empty() {
        return Err(error(format!("no objects passed to {verb}")));
    }
    let failures = manifests.iter().filter_map(|it| one(it).err());
    let failures: Vec<Failed> = failures.collect();
    all_failed(failures.into_iter().chain(wrong).collect())
}

pub(super) async fn apply(kubectl: &Kubectl) -> Done {
    let report = Report::new(kubectl)?;
    each(kubectl, "apply", |manifest| apply_one(kubectl, manifest, &report))
}

/// What stands in the manifest, in its namespace, with itself in its annotation.
fn annotated(manifest: &Manifest) -> Value {
    let mut value = manifest.value.clone();
    if manifest.resource.namespaced {
        value = client::with_namespace(value, &manifest.key.namespace);
    }
    admit::annotated(&value)
}

/// `Resource: …`, `Name: …`
fn place(manifest: &Manifest) -> String {
    let (resource, key) = (manifest.resource, &manifest.key);
    format!(
        "Resource: \"{}\", GroupVersionKind: \"{}\"\nName: \"{}\", Namespace: \"{}\"",
        resource.go_resource(),
        resource.go_kind(),
        key.name,
        key.namespace
    )
}

fn check_name(manifest: &Manifest) -> Done {
    if !manifest.key.name.is_empty() {
        return Ok(());
    }
    if let Some(start) = manifest.value["metadata"]["generateName"].as_str() {
        return Err(error(format!("from {start}: cannot use generate name with apply")));
    }
    Err(error(format!(
        "error when retrieving current configuration of:\n{}\nfrom server for: \"{}\": resource name may not be empty",
        place(manifest),
        manifest.source
    )))
}

fn apply_one(kubectl: &Kubectl, manifest: &Manifest, report: &Report) -> Done {
    check_name(manifest)?;
    let done = if kubectl.flags.has("server-side") { "serverside-applied" } else { "" };
    let line = |usual: &'static str| if done.is_empty() { usual } else { done };
    let wanted = annotated(manifest);
    let live = match kubectl.client.get_key(&manifest.key) {
        Ok(live) => live,
        Err(refusal) if refusal.status == 404 => {
            let object = create_one(kubectl, manifest, wanted)?;
            show(kubectl, report, manifest, object, line("created"));
            return Ok(());
        }
        Err(refusal) => return Err(refused(&refusal, None)),
    };
    if kubectl.client.dry_run == DryRun::Client {
        report.show(kubectl, &live, line("configured"));
        return Ok(());
    }
    if !live.meta().annotations.contains_key(LAST_APPLIED) && done.is_empty() {
        let name = format!("{}/{}", manifest.resource.plural, manifest.key.name);
        kubectl.warn(&format!(
            "resource {name} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically."
        ));
    }
    let patch = admit::apply_patch(manifest.key.kind, &wanted, &live.to_value());
    let patch = patch.map_err(|it| refused(&it, Some(&patching(manifest))))?;
    if patch.as_object().is_some_and(Map::is_empty) {
        report.show(kubectl, &live, line("unchanged"));
        return Ok(());
    }
    let answer =
        kubectl.client.patch(manifest.key.clone(), (Patch::Strategic, patch.clone()), true);
    match heard(kubectl, answer) {
        Ok(response) => {
            report.show(kubectl, &response.object, line("configured"));
            Ok(())
        }
        Err(refusal) => {
            let context = format!(
                "error when applying patch:\n{}\nto:\n{}\nfor: \"{}\": {}",
                json::compact(&patch),
                place(manifest),
                manifest.source,
                patching(manifest)
            );
            Err(refused(&refusal, Some(&context)))
        }
    }
}

fn patching(manifest: &Manifest) -> String {
    format!("error when patching \"{}\"", manifest.source)
}

fn show(
    kubectl: &Kubectl,
    report: &Report,
    manifest: &Manifest,
    object: Option<std::rc::Rc<Object>>,
    what: &str,
) {
    match object {
        Some(object) => report.show(kubectl, &object, what),
        None => {
            let name = format!("{}/{}", manifest.resource.prefix(), manifest.key.name);
            report.show_value(kubectl, &manifest.value, &name, what);
        }
    }
}

/// Posts a manifest; `None` where it is a client's dry run.
fn create_one(
    kubectl: &Kubectl,
    manifest: &Manifest,
    body: Value,
) -> Done<Option<std::rc::Rc<Object>>> {
    if kubectl.client.dry_run == DryRun::Client {
        return Ok(None);
    }
    let body = match kubectl.flags.text_or("validate", "true") {
        "true" | "strict" => body,
        level => {
            let (body, said) = client::lenient(manifest.key.kind, &body);
            if level == "warn" {
                kubectl.warn_all(&said);
            }
            body
        }
    };
    let answer = heard(kubectl, kubectl.client.create(manifest.key.clone(), body));
    let context = format!("error when creating \"{}\"", manifest.source);
    answer.map(|it| Some(it.object)).map_err(|it| refused(&it, Some(&context)))
}

pub(super) async fn create(kubectl: &Kubectl) -> Done {
    let words = &kubectl.flags.arguments;
    if !words.is_empty() {
        return Err(usage("create", &format!("Unexpected args: [{}]", words.join(" "))));
    }
    let report = Report::new(kubectl)?;
    each(kubectl, "create", |manifest| {
        let body = match kubectl.flags.has("save-config") {
            true => annotated(manifest),
            false => client::with_namespace_of(manifest),
        };
        let object = create_one(kubectl, manifest, body)?;
        show(kubectl, &report, manifest, object, "created");
        Ok(())
    })
}

pub(super) async fn replace(kubectl: &Kubectl) -> Done {
    let report = Report::new(kubectl)?;
    let force = kubectl.flags.has("force");
    each(kubectl, "replace", |manifest| {
        let body = client::with_namespace_of(manifest);
        if force {
            let options = svclab_core::lab::DeleteOptions {
                grace_period_seconds: Some(0),
                ..Default::default()
            };
            if kubectl.client.delete(manifest.key.clone(), options).is_ok() {
                let name = &manifest.key.name;
                kubectl.out(&format!("{} \"{name}\" deleted\n", manifest.resource.prefix()));
            }
        }
        let answer = match (kubectl.client.dry_run, force) {
            (DryRun::Client, _) => {
                show(kubectl, &report, manifest, None, "replaced");
                return Ok(());
            }
            (_, true) => kubectl.client.create(manifest.key.clone(), body),
            (_, false) => kubectl.client.replace(manifest.key.clone(), body),
        };
        let context = format!("error when replacing \"{}\"", manifest.source);
        let response = heard(kubectl, answer).map_err(|it| refused(&it, Some(&context)))?;
        report.show(kubectl, &response.object, "replaced");
        Ok(())
    })
}

/// Prints what `apply` would change as `diff -u` does; status 1 where anything differs.
pub(super) async fn diff(kubectl: &Kubectl) -> Done {
    let mut differs = false;
    each(kubectl, "diff", |manifest| {
        check_name(manifest)?;
        let (before, after) = sides(kubectl, manifest)?;
        let (before, after) = (before.map(|it| yaml(&it)), yaml(&after));
        let resource = manifest.resource;
        let group = resource.group();
        let dot = if group.is_empty() { "" } else { "." };
        let name = format!(
            "{group}{dot}{}.{}.{}.{}",
            resource.version(),
            resource.kind,
            manifest.key.namespace,
            manifest.key.name
        );
        let date = output::diff::date(kubectl.process.now());
        let files = (format!("LIVE-1/{name}"), format!("MERGED-1/{name}"));
        let text = output::diff::unified(&files, &date, before.as_deref().unwrap_or(""), &after);
        differs |= !text.is_empty();
        kubectl.out(&text);
        Ok(())
    })?;
    if differs { Err(super::exit(1)) } else { Ok(()) }
}

/// The object as it is, and as it would be.
fn sides(kubectl: &Kubectl, manifest: &Manifest) -> Done<(Option<Value>, Value)> {
    let wrong = |it: Refusal| refused(&it, None);
    let dry = client::Client { dry_run: DryRun::Server, ..kubectl.client.clone() };
    // Nobody writes the annotation here, so what is there of it stays.
    let mut wanted = client::with_namespace_of(manifest);
    let annotations = &mut wanted["metadata"]["annotations"];
    match annotations.as_object_mut() {
        Some(annotations) => _ = annotations.shift_remove(LAST_APPLIED),
        None => *annotations = serde_json::json!({}),
    }
    let Ok(live) = kubectl.client.get_key(&manifest.key) else {
        let response = dry.create(manifest.key.clone(), wanted).map_err(wrong)?;
        return Ok((None, kubectl.shown(&response.object)));
    };
    let before = kubectl.shown(&live);
    decode(manifest.key.kind, &wanted)
        .map_err(|it| refused(&Refusal::undecodable(manifest.key.kind, &it), None))?;
    let patch = admit::apply_patch(manifest.key.kind, &wanted, &before).map_err(wrong)?;
    let response =
        dry.patch(manifest.key.clone(), (Patch::Strategic, patch), true).map_err(wrong)?;
    let mut after = kubectl.shown(&response.object);
    // The dry run's own marks are no difference.
    after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
    Ok((Some(before), after))
}
