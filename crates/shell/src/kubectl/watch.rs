//! `kubectl get --watch`: what is there, then a line for each change.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Watched;
use svclab_core::object::Object;

use super::errors::{Done, error};
use super::get::Shown;
use super::output::Format;
use super::output::table::Columns;
use super::resources::Resource;
use super::targets::{self, Asked};
use super::{Kubectl, all_failed, events};

/// What is watched.
struct Wanted {
    resource: &'static Resource,
    names: Vec<String>,
    namespace: Option<String>,
    labels: super::selector::LabelSelector,
    fields: super::selector::FieldSelector,
}

pub(super) async fn run(kubectl: &Kubectl, asked: Asked, format: &Format) -> Done {
    let wanted = wanted(kubectl, &asked)?;
    let found = targets::find(kubectl, asked)?;
    super::get::warn_of_old_kinds(kubectl, &found.types);
    all_failed(found.failures)?;
    let mut version = kubectl.process.lab().resource_version();
    let mut printer = Printer { kubectl, format, columns: Columns::default(), headed: false };
    let mut known: BTreeMap<ObjectKey, Rc<Object>> = BTreeMap::new();
    known.extend(found.objects.iter().map(|(it, _)| (it.key(), it.clone())));
    if !kubectl.flags.has("watch-only") {
        let changes: Vec<_> =
            found.objects.into_iter().map(|(it, _)| (Watched::Added, it)).collect();
        printer.print(&changes);
    }
    loop {
        kubectl.process.changed(version, None).await;
        let changes = changes(kubectl, &wanted, version, &mut known);
        version = kubectl.process.lab().resource_version();
        for change in changes {
            printer.print(&[change]);
        }
        kubectl.process.breathe().await;
    }
}

fn wanted(kubectl: &Kubectl, asked: &Asked) -> Done<Wanted> {
    let several = || error("you may only specify a single resource type");
    let (resource, names) = match asked {
        Asked::Named(named) => match named.as_slice() {
            [(resource, name)] => (*resource, vec![name.clone()]),
            _ => return Err(several()),
        },
        Asked::Listed(types) => match types.as_slice() {
            [resource] => (*resource, Vec::new()),
            _ => return Err(several()),
        },
        Asked::Files(manifests) => match manifests.as_slice() {
            [it] => (it.resource, vec![it.key.name.clone()]),
            _ => return Err(several()),
        },
    };
    Ok(Wanted {
        resource,
        names,
        namespace: kubectl.scope(),
        labels: targets::label_selector(kubectl, resource)?,
        fields: targets::field_selector(kubectl, resource)?,
    })
}

impl Wanted {
    fn takes(&self, object: &Object) -> bool {
        let meta = object.meta();
        self.resource.stored() == Some(object.kind())
            && (self.names.is_empty() || self.names.contains(&meta.name))
            && (!self.resource.namespaced
                || self.namespace.as_ref().is_none_or(|it| *it == meta.namespace))
            && self.labels.matches(&meta.labels)
            && self.fields.matches(&object.to_value())
    }
}

/// What changed since `version`: an object that is not wanted any more is gone for the watch.
fn changes(
    kubectl: &Kubectl,
    wanted: &Wanted,
    version: u64,
    known: &mut BTreeMap<ObjectKey, Rc<Object>>,
) -> Vec<(Watched, Rc<Object>)> {
    let lab = kubectl.process.lab();
    let seen: Vec<(Watched, Rc<Object>)> = match wanted.resource.stored() {
        // Events are written as things happen, not kept in the store.
        Some(Kind::Event) => {
            let all = events::all(&lab).into_iter();
            all.filter(|it| known.get(&it.key()) != Some(it))
                .map(|it| (Watched::Modified, it))
                .collect()
        }
        _ => lab.watch(version).map(|it| (it.what, it.object.clone())).collect(),
    };
    let mut res = Vec::new();
    for (what, object) in seen {
        let key = object.key();
        let is_taken = what != Watched::Deleted && wanted.takes(&object);
        if is_taken {
            let before = known.insert(key, object.clone());
            let what = if before.is_some() { Watched::Modified } else { Watched::Added };
            res.push((what, object));
        } else if known.remove(&key).is_some() {
            res.push((Watched::Deleted, object));
        }
    }
    res
}

struct Printer<'a> {
    kubectl: &'a Kubectl,
    format: &'a Format,
    columns: Columns,
    headed: bool,
}

impl Printer<'_> {
    fn print(&mut self, changes: &[(Watched, Rc<Object>)]) {
        let Format::Table { wide } = self.format else {
            for (_, object) in changes {
                let value = self.kubectl.shown(object);
                let separator = matches!(self.format, Format::Yaml) && self.headed;
                let text = self.format.print(&value, std::slice::from_ref(&value));
                self.kubectl.out(&format!("{}{text}", if separator { "---\n" } else { "" }));
                self.headed = true;
            }
            return;
        };
        let shown = Shown::new(self.kubectl, false, *wide);
        let with_event = self.kubectl.flags.has("output-watch-events");
        let mut lines = Vec::new();
        for (what, object) in changes {
            if !self.headed && !self.kubectl.flags.has("no-headers") {
                lines.push(with_first(with_event, "EVENT", shown.header(object)));
            }
            self.headed = true;
            lines.push(with_first(with_event, word(*what), shown.row(object)));
        }
        self.kubectl.out(&self.columns.print(&lines));
    }
}

fn with_first(with: bool, first: &str, mut row: Vec<String>) -> Vec<String> {
    if with {
        row.insert(0, first.to_owned());
    }
    row
}

fn word(what: Watched) -> &'static str {
    match what {
        Watched::Added => "ADDED   ",
        Watched::Modified => "MODIFIED",
        Watched::Deleted => "DELETED ",
    }
}
