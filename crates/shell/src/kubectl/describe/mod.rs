//! `kubectl describe`: an object with what belongs to it → blocks of lines (`kubectl/pkg/describe`).
//!
//! Each kind writes its lines with tabs between cells into a [`Page`]; columns are set at the end.

mod cluster;
mod ingress;
mod pod;
mod policy;
mod service;
mod volume;
mod workload;

use std::fmt::Display;
use std::rc::Rc;

use serde_json::Value;
use svclab_core::admit::LAST_APPLIED;
use svclab_core::key::Kind;
use svclab_core::object::Object;

use super::age::{age, date};
use super::columns::{list, number, text};
use super::errors::{Done, Failed, error};
use super::output::tabs::aligned;
use super::targets::{self, Asked};
use super::{Kubectl, all_failed, events};

const NO_TYPE: &str = "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.";

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let arguments = &kubectl.flags.arguments;
    let asked = targets::asked(kubectl, arguments)?.ok_or_else(|| error(NO_TYPE))?;
    let is_list = matches!(asked, Asked::Listed(_));
    let found = targets::find(kubectl, asked)?;
    super::get::warn_of_old_kinds(kubectl, &found.types);
    if found.objects.is_empty() && !found.failures.is_empty() && arguments.len() == 2 {
        return like(kubectl, found.failures);
    }
    let pages: Vec<String> = found.objects.iter().map(|(it, _)| describe(kubectl, it)).collect();
    kubectl.out(&pages.join("\n\n"));
    if pages.is_empty() && found.failures.is_empty() && is_list {
        super::get::say_nothing_found(kubectl, &found);
    }
    all_failed(found.failures)
}

/// A name that nobody has is tried as the beginning of names.
fn like(kubectl: &Kubectl, failures: Vec<Failed>) -> Done {
    let arguments = &kubectl.flags.arguments;
    let [Some(kind), Some(start)] = [arguments.first(), arguments.get(1)] else {
        return all_failed(failures);
    };
    let Some(asked) = targets::asked(kubectl, std::slice::from_ref(kind))? else {
        return all_failed(failures);
    };
    let found = targets::find(kubectl, asked)?;
    let mut fits =
        found.objects.iter().filter(|(it, _)| it.meta().name.starts_with(start)).peekable();
    if fits.peek().is_none() {
        return all_failed(failures);
    }
    for (object, _) in fits {
        kubectl.out(&format!("{}\n", describe(kubectl, object)));
    }
    Ok(())
}

/// A template by itself, its columns not set (`rollout history --revision`).
pub(super) fn template(kubectl: &Kubectl, object: &Rc<Object>, template: &Value) -> String {
    let mut page = Page::new(kubectl, object);
    pod::template(&mut page, template);
    page.text
}

fn describe(kubectl: &Kubectl, object: &Rc<Object>) -> String {
    let mut page = Page::new(kubectl, object);
    let write = match object.kind() {
        Kind::Service => service::service,
        Kind::Endpoints => service::endpoints,
        Kind::EndpointSlice => service::slice,
        Kind::Pod => pod::pod,
        Kind::Deployment => workload::deployment,
        Kind::ReplicaSet => workload::replica_set,
        Kind::StatefulSet => workload::stateful_set,
        Kind::DaemonSet => workload::daemon_set,
        Kind::Node => cluster::node,
        Kind::Namespace => cluster::namespace,
        Kind::ConfigMap => cluster::config_map,
        Kind::Secret => cluster::secret,
        Kind::Ingress => ingress::ingress,
        Kind::IngressClass => ingress::class,
        Kind::NetworkPolicy => policy::policy,
        _ => cluster::other,
    };
    write(&mut page);
    aligned(&page.text)
}

/// What is written of an object.
struct Page<'a> {
    kubectl: &'a Kubectl,
    /// Lines, with tabs between their cells.
    text: String,
    object: Rc<Object>,
    /// The object as the server sends it.
    it: Value,
}

impl<'a> Page<'a> {
    fn new(kubectl: &'a Kubectl, object: &Rc<Object>) -> Page<'a> {
        Page { kubectl, text: String::new(), object: object.clone(), it: object.to_value() }
    }

    /// A line, `level` times two blanks from the left.
    fn line(&mut self, level: usize, text: impl Display) {
        self.text.push_str(&"  ".repeat(level));
        self.text.push_str(&format!("{text}\n").replace('\u{1b}', "^["));
    }

    /// `Name:` and its value.
    fn field(&mut self, level: usize, name: &str, value: impl Display) {
        self.line(level, format!("{name}:\t{value}"));
    }

    /// The same, unless there is no value.
    fn field_if(&mut self, level: usize, name: &str, value: &str) {
        if !value.is_empty() {
            self.field(level, name, value);
        }
    }

    /// The value at a pointer in the object; nothing there is an empty text.
    fn at(&self, pointer: &str) -> String {
        self.it.pointer(pointer).map(super::output::jsonpath::text_of).unwrap_or_default()
    }

    fn items(&self, pointer: &str) -> Vec<Value> {
        list(&self.it, pointer).to_vec()
    }

    fn name_and_namespace(&mut self) {
        let (name, namespace) = (self.at("/metadata/name"), self.at("/metadata/namespace"));
        self.field(0, "Name", name);
        self.field(0, "Namespace", namespace);
    }

    fn labels_and_annotations(&mut self) {
        self.labels();
        self.annotations();
    }

    fn labels(&mut self) {
        let labels = pairs(self.it.pointer("/metadata/labels"));
        self.lines("Labels", &labels);
    }

    /// Under a title, each on a line of its own.
    fn lines(&mut self, title: &str, lines: &[String]) {
        self.line(0, format!("{title}:\t{}", lines.first().map_or("<none>", String::as_str)));
        for line in lines.iter().skip(1) {
            self.line(0, format!("\t{line}"));
        }
    }

    fn annotations(&mut self) {
        let annotations = annotations(self.it.pointer("/metadata/annotations"));
        self.lines("Annotations", &annotations);
    }

    fn created(&mut self) {
        let created = date(&self.at("/metadata/creationTimestamp"));
        self.field(0, "CreationTimestamp", created);
    }

    fn controller(&mut self) {
        let owners = self.items("/metadata/ownerReferences");
        if let Some(owner) = owners.iter().find(|it| it["controller"] == true) {
            let owner = format!("{}/{}", text(owner, "/kind"), text(owner, "/name"));
            self.field(0, "Controlled By", owner);
        }
    }

    /// Lines of `Type  Status  Reason`.
    fn conditions(&mut self) {
        let conditions = self.items("/status/conditions");
        if conditions.is_empty() {
            return;
        }
        self.line(0, "Conditions:\n  Type\tStatus\tReason");
        self.line(1, "----\t------\t------");
        for it in &conditions {
            let part = |field: &str| text(it, field).to_owned();
            self.line(1, format!("{} \t{}\t{}", part("/type"), part("/status"), part("/reason")));
        }
    }

    /// What was recorded about the object, the latest last.
    fn events(&mut self) {
        if !self.kubectl.flags.flag("show-events", true) {
            return;
        }
        let key = self.object.key();
        let mut events: Vec<Value> = events::all(&self.kubectl.process.lab())
            .iter()
            .map(|it| it.to_value())
            .filter(|it| {
                let about = &it["involvedObject"];
                text(about, "/kind") == key.kind.name()
                    && text(about, "/name") == key.name
                    && text(about, "/namespace") == key.namespace
            })
            .collect();
        if events.is_empty() {
            return self.field(0, "Events", "<none>");
        }
        events.sort_by(|a, b| text(a, "/lastTimestamp").cmp(text(b, "/lastTimestamp")));
        self.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage");
        self.line(1, "----\t------\t----\t----\t-------");
        let now = self.kubectl.process.now();
        for it in &events {
            let since = |field: &str| age(text(it, field), now);
            let first = match text(it, "/firstTimestamp") {
                "" => since("/eventTime"),
                _ => since("/firstTimestamp"),
            };
            let count = number(it, "/count");
            let ages = match count > 1 {
                true => format!("{} (x{count} over {first})", since("/lastTimestamp")),
                false => first,
            };
            let from = match text(it, "/source/component") {
                "" => text(it, "/reportingComponent"),
                component => component,
            };
            let (kind, reason) = (text(it, "/type"), text(it, "/reason"));
            let message = text(it, "/message").trim();
            self.line(1, format!("{kind}\t{reason}\t{ages}\t{from}\t{message}"));
        }
    }
}

/// `key=value` of a map, by key.
fn pairs(map: Option<&Value>) -> Vec<String> {
    let mut res: Vec<(&String, &str)> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
        .collect();
    res.sort_unstable();
    res.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// `key=value,key=value`, or `<none>`.
fn joined_pairs(map: Option<&Value>) -> String {
    or_none(&pairs(map).join(","))
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text.to_owned() }
}

/// An annotation longer than this stands on lines of its own.
const LONGEST: usize = 140;

fn annotations(map: Option<&Value>) -> Vec<String> {
    let mut entries: Vec<(&String, &str)> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != LAST_APPLIED)
        .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
        .collect();
    entries.sort_unstable();
    let mut res = Vec::new();
    for (key, value) in entries {
        let value = value.strip_suffix('\n').unwrap_or(value);
        if value.len() + key.len() + 2 <= LONGEST && !value.contains('\n') {
            res.push(format!("{key}: {value}"));
            continue;
        }
        res.push(format!("{key}:"));
        for line in value.split('\n') {
            let end = (0..=LONGEST - 2).rev().find(|it| line.is_char_boundary(*it)).unwrap_or(0);
            res.push(match line.len() > LONGEST - 2 {
                true => format!("  {}...", &line[..end]),
                false => format!("  {line}"),
            });
        }
    }
    res
}
