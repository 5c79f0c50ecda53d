//! `svclab admit`: the API server's answer to each request of a file.
//!
//! The documents of the file are sent one after the other to a cluster that holds four namespaces
//! and the Service `default/kubernetes`; a line `# verb: V` says what is done with a document, a
//! line `# dryRun: All` that nothing is to come of it.
//! The answers are JSON, `{"results": […]}`, without what differs from one run to the next.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use svclab_core::admit::{self, Admitted, Details, Patch, Refusal, Settings, Version};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::{Namespace, Object, Objects, Service};
use svclab_core::read::{self, Document, Problem, Severity};
use svclab_core::rng::Rng;

use crate::arguments::Arguments;
use crate::failure::{Failure, place};
use crate::state;

const SECOND_RANGE: &str = "fd00:10:96::/112";
const SEED: u64 = 1;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut settings = settings(false, Version::default());
    let files = arguments.paths(|name, rest| {
        match name {
            "--cluster" => settings.service_ranges = ranges(&rest.value(name)?)?,
            "--version" => settings.version = version(&rest.value(name)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let [file] = files.as_slice() else {
        return Err(Failure::new("admit needs one file"));
    };
    let results = results(file, &state::text(file)?, settings, SEED)?;
    crate::print(&format!("{:#}\n", json!({ "results": results })))?;
    Ok(ExitCode::SUCCESS)
}

/// A cluster of one address family, or of two.
pub(crate) fn settings(is_dual: bool, version: Version) -> Settings {
    // Recorded with the plugin `ServiceAccount` turned off.
    let mut settings = Settings { version, service_accounts: false, ..Settings::default() };
    let second: ipnet::IpNet = SECOND_RANGE.parse().expect("a CIDR");
    settings.service_ranges.extend(is_dual.then_some(second));
    settings
}

fn ranges(word: &Path) -> Result<Vec<ipnet::IpNet>, Failure> {
    match word.to_str() {
        Some("ipv4") => Ok(settings(false, Version::default()).service_ranges),
        Some("dual") => Ok(settings(true, Version::default()).service_ranges),
        _ => Err(Failure::new("--cluster is ipv4 or dual")),
    }
}

fn version(word: &Path) -> Result<Version, Failure> {
    let version = word.to_str().and_then(|word| word.parse().ok());
    version.ok_or_else(|| Failure::new("--version is 1.32, 1.33 or 1.34"))
}

/// The answers to the requests of `text`, which stands in `file`.
pub(crate) fn results(
    file: &Path,
    text: &str,
    settings: Settings,
    seed: u64,
) -> Result<Vec<Value>, Failure> {
    let failure = |byte: usize, problem: &Problem| Failure::at(file, place(text, byte), problem);
    let read = read::read(text);
    if let Some(it) = read.diagnostics.iter().find(|it| it.severity == Severity::Error) {
        return Err(failure(it.span.start, &it.problem));
    }
    let mut cluster = Cluster::new(settings, seed);
    let mut results = Vec::new();
    for document in &read.documents {
        let verb = said(text, document, "verb").unwrap_or("create");
        let verb = Verb::parse(verb).ok_or_else(|| {
            let what = format!("there is no verb {verb:?}");
            Failure::at(file, place(text, document.span.start), what)
        })?;
        let kind = match document.kind() {
            Ok(kind) => Some(kind),
            Err(it) if matches!(it.problem, Problem::NoMatch { .. }) => None,
            Err(it) => return Err(failure(it.span.start, &it.problem)),
        };
        let before = said(text, document, "dryRun").map(|_| cluster.objects.clone());
        results.push(cluster.answer(verb, kind, document.value()));
        if let Some(before) = before {
            cluster.objects = before;
        }
    }
    Ok(results)
}

/// What the line `# name:` of the document says.
fn said<'a>(text: &'a str, document: &Document, name: &str) -> Option<&'a str> {
    let start = text[..document.span.start].rfind("\n---").unwrap_or(0);
    let rest = &text[document.span.end..];
    let end = document.span.end + rest.find("\n---").unwrap_or(rest.len());
    let begin = format!("# {name}: ");
    text[start..end].lines().find_map(|line| line.strip_prefix(&begin)).map(str::trim)
}

#[derive(Clone, Copy)]
enum Verb {
    Create,
    Replace,
    Patch(Patch, Strictness),
    Delete,
}

/// What becomes of unknown fields.
#[derive(Clone, Copy, PartialEq)]
enum Strictness {
    Refuse,
    Warn,
}

impl Verb {
    fn parse(word: &str) -> Option<Verb> {
        match word {
            "create" => Some(Verb::Create),
            "replace" => Some(Verb::Replace),
            "patch" => Some(Verb::Patch(Patch::Strategic, Strictness::Refuse)),
            "softpatch" => Some(Verb::Patch(Patch::Strategic, Strictness::Warn)),
            "mergepatch" => Some(Verb::Patch(Patch::Merge, Strictness::Refuse)),
            "jsonpatch" => Some(Verb::Patch(Patch::Json, Strictness::Refuse)),
            "delete" => Some(Verb::Delete),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Replace => "replace",
            Verb::Patch(Patch::Strategic, Strictness::Refuse) => "patch",
            Verb::Patch(Patch::Strategic, Strictness::Warn) => "softpatch",
            Verb::Patch(Patch::Merge, _) => "mergepatch",
            Verb::Patch(Patch::Json, _) => "jsonpatch",
            Verb::Delete => "delete",
        }
    }
}

struct Cluster {
    objects: Objects,
    settings: Settings,
    rng: Rng,
}

impl Cluster {
    fn new(settings: Settings, seed: u64) -> Cluster {
        let namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];
        let mut objects: Objects = namespaces.into_iter().map(namespace).collect();
        let mut kubernetes = Service::default();
        kubernetes.metadata.name = "kubernetes".to_owned();
        kubernetes.metadata.namespace = "default".to_owned();
        kubernetes.spec.cluster_ip = "10.96.0.1".to_owned();
        kubernetes.spec.cluster_ips = vec![kubernetes.spec.cluster_ip.clone()];
        objects.insert(Object::from(kubernetes));
        Cluster { objects, settings, rng: Rng::new(seed) }
    }

    fn answer(&mut self, verb: Verb, kind: Option<Kind>, body: Value) -> Value {
        let mut answer = Map::new();
        answer.insert("verb".to_owned(), verb.word().into());
        let answered = match kind {
            Some(kind) => self.request(verb, kind, &body),
            None => Err(Refusal::no_resource()),
        };
        let said = match answered {
            Ok(Carried { code, what, warnings }) => {
                answer.insert("code".to_owned(), code.into());
                answer.extend([what]);
                warnings
            }
            Err(refusal) => {
                answer.insert("code".to_owned(), refusal.status.into());
                let warnings = refusal.warnings.clone();
                answer.extend(status(refusal));
                warnings
            }
        };
        let always = kind.and_then(|kind| admit::deprecation(kind, self.settings.version));
        let warnings: Vec<String> = always.map(str::to_owned).into_iter().chain(said).collect();
        if !warnings.is_empty() {
            answer.insert("warnings".to_owned(), warnings.into());
        }
        Value::Object(answer)
    }

    /// Carries the request out and stores its result.
    fn request(&mut self, verb: Verb, kind: Kind, body: &Value) -> Result<Carried, Refusal> {
        let Cluster { objects, settings, rng } = self;
        let (key, fields) = address(kind, body);
        let needs_name = !matches!(verb, Verb::Create);
        if needs_name && key.name.is_empty() {
            return Err(Refusal::not_allowed());
        }
        let is_there = objects.contains_key(&key);
        let Admitted { object, warnings } = match verb {
            Verb::Delete => return self.delete(&key),
            Verb::Patch(how, strictness) => {
                let is_strict = strictness == Strictness::Refuse;
                let patch = if how == Patch::Json { &body["patch"] } else { &fields };
                admit::patch(objects, &key, (how, patch, is_strict), rng, settings)?
            }
            Verb::Create | Verb::Replace => {
                let object = read::decode(kind, body);
                let object = object.map_err(|it| Refusal::undecodable(kind, &it))?;
                let admit = if needs_name { admit::replace } else { admit::create };
                admit(objects, object, rng, settings)?
            }
        };
        let code = if is_there { 200 } else { 201 };
        let what = ("object".to_owned(), shown(&object));
        objects.insert(object);
        Ok(Carried { code, what, warnings })
    }

    /// Some kinds are given back, of others the server says what it has deleted.
    fn delete(&mut self, key: &ObjectKey) -> Result<Carried, Refusal> {
        admit::delete(key)?;
        let object = self.objects.remove(key).ok_or_else(|| Refusal::not_found(key))?;
        let what = match key.kind {
            Kind::Service | Kind::Pod | Kind::Namespace => ("object".to_owned(), shown(&object)),
            kind => {
                let details = Details {
                    name: key.name.clone(),
                    group: kind.group().to_owned(),
                    kind: kind.plural().to_owned(),
                };
                ("details".to_owned(), details_shown(details))
            }
        };
        Ok(Carried { code: 200, what, warnings: Vec::new() })
    }
}

/// A request that was carried out.
struct Carried {
    code: u16,
    /// The object, or the details of a status.
    what: (String, Value),
    warnings: Vec<String>,
}

fn namespace(name: &str) -> Object {
    let mut namespace = Namespace::default();
    namespace.metadata.name = name.to_owned();
    namespace.metadata.labels.insert("kubernetes.io/metadata.name".into(), name.into());
    namespace.spec.finalizers = vec!["kubernetes".to_owned()];
    namespace.status.phase = "Active".to_owned();
    Object::from(namespace)
}

/// The object that a document names, and what else it says: of a patch the first is the address
/// alone.
fn address(kind: Kind, body: &Value) -> (ObjectKey, Value) {
    let said = |field: &str| body["metadata"][field].as_str().unwrap_or_default();
    let namespace = match said("namespace") {
        _ if !kind.is_namespaced() => "",
        "" => "default",
        namespace => namespace,
    };
    let key = ObjectKey::new(kind, namespace, said("name"));
    let mut fields = body.clone();
    if let Some(map) = fields.as_object_mut() {
        map.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind"));
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            metadata.retain(|name, _| !matches!(name.as_str(), "name" | "namespace"));
            if metadata.is_empty() {
                map.remove("metadata");
            }
        }
    }
    (key, fields)
}

/// The object without what every run has anew.
fn shown(object: &Object) -> Value {
    let mut value = object.to_value();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        let changing =
            ["uid", "creationTimestamp", "resourceVersion", "managedFields", "deletionTimestamp"];
        metadata.retain(|name, _| !changing.contains(&name.as_str()));
    }
    value
}

fn status(refusal: Refusal) -> Map<String, Value> {
    let mut status = Map::new();
    status.insert("reason".to_owned(), refusal.reason.into());
    status.insert("message".to_owned(), refusal.message.into());
    if let Some(details) = refusal.details {
        status.insert("details".to_owned(), details_shown(*details));
    }
    let causes: Vec<Value> = refusal
        .causes
        .iter()
        .map(|it| json!({"reason": it.reason, "field": it.field, "message": it.message}))
        .collect();
    if !causes.is_empty() {
        status.insert("causes".to_owned(), causes.into());
    }
    status
}

fn details_shown(details: Details) -> Value {
    let all = [("name", details.name), ("group", details.group), ("kind", details.kind)];
    let said = all.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, it)| (name.to_owned(), Value::from(it))).collect()
}
