//! `kubectl get`

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value;
use svclab_core::object::Object;
use svclab_core::time::Instant;

use super::columns::{cells, columns};
use super::errors::{Done, Failed, error};
use super::output::jsonpath::{Template, text_of};
use super::output::table::Columns;
use super::output::{Format, GET_FORMATS, list, name};
use super::resources::Resource;
use super::targets::{self, Asked, Found};
use super::{Kubectl, all_failed, watch};

const NO_TYPE: &str = "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\nerror: Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).\nSee 'kubectl get -h' for help and examples";

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let format = Format::parse(kubectl.flags.text_or("output", ""), GET_FORMATS)?;
    let arguments = kubectl.flags.arguments.clone();
    let asked = targets::asked(kubectl, &arguments)?.ok_or(Failed(NO_TYPE.to_owned()))?;
    if kubectl.flags.has("watch") || kubectl.flags.has("watch-only") {
        return watch::run(kubectl, asked, &format).await;
    }
    if kubectl.flags.has("output-watch-events") {
        return Err(error(
            "--output-watch-events option can only be used with --watch or --watch-only",
        ));
    }
    let is_all = arguments.first().is_some_and(|it| it.split(',').any(|it| it == "all"));
    let is_list = matches!(asked, Asked::Listed(_));
    let mut found = targets::find(kubectl, asked)?;
    if kubectl.flags.has("ignore-not-found") {
        found.failures.retain(|it| !it.0.starts_with("Error from server (NotFound)"));
    }
    warn_of_old_kinds(kubectl, &found.types);
    if let Some(path) = kubectl.flags.text("sort-by") {
        sort(&mut found.objects, path)?;
    }
    match &format {
        Format::Table { wide } => {
            let shown = Shown::new(kubectl, found.several_types || is_all, *wide);
            kubectl.out(&shown.tables(&found.objects));
            if found.objects.is_empty() && found.failures.is_empty() && is_list {
                say_nothing_found(kubectl, &found);
            }
        }
        format => print(kubectl, format, &found),
    }
    all_failed(found.failures)
}

/// The server says in each answer that a kind is going out of use.
pub(super) fn warn_of_old_kinds(kubectl: &Kubectl, types: &[&'static Resource]) {
    let version = kubectl.client.version();
    for kind in types.iter().filter_map(|it| it.stored()) {
        if let Some(text) = svclab_core::admit::deprecation(kind, version) {
            kubectl.warn(text);
        }
    }
}

fn print(kubectl: &Kubectl, format: &Format, found: &Found) {
    let items: Vec<Value> = found.objects.iter().map(|(it, _)| kubectl.shown(it)).collect();
    let text = match (found.is_single, items.as_slice()) {
        (true, []) => return,
        (true, [one]) => format.print(one, &items),
        _ if let Format::CustomColumns(columns) = format => {
            columns.print(&items, !kubectl.flags.has("no-headers"))
        }
        _ => format.print(&list(items.clone()), &items),
    };
    kubectl.out(&text);
}

pub(super) fn say_nothing_found(kubectl: &Kubectl, found: &Found) {
    if kubectl.flags.has("ignore-not-found") {
        return;
    }
    let place = match kubectl.scope().filter(|_| found.types.iter().any(|it| it.namespaced)) {
        Some(namespace) => format!(" in {namespace} namespace."),
        None => String::new(),
    };
    kubectl.err(&format!("No resources found{place}\n"));
}

/// What a table shows of each object.
pub(super) struct Shown<'a> {
    kubectl: &'a Kubectl,
    /// `service/web` instead of `web`.
    prefixed: bool,
    wide: bool,
    now: Instant,
    labels: Vec<String>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(kubectl: &'a Kubectl, prefixed: bool, wide: bool) -> Shown<'a> {
        Shown {
            prefixed: prefixed || kubectl.flags.has("show-kind"),
            wide,
            now: kubectl.process.now(),
            labels: kubectl.flags.list("label-columns"),
            kubectl,
        }
    }

    /// A table for each run of objects of one kind.
    fn tables(&self, objects: &[(Rc<Object>, Option<String>)]) -> String {
        let same = |a: &(Rc<Object>, _), b: &(Rc<Object>, _)| a.0.kind() == b.0.kind();
        let tables: Vec<String> = objects
            .chunk_by(same)
            .map(|objects| {
                let rows = objects.iter().map(|(it, _)| self.row(it));
                let header = objects.first().filter(|_| !self.kubectl.flags.has("no-headers"));
                let header = header.map(|(it, _)| self.header(it));
                let lines: Vec<Vec<String>> = header.into_iter().chain(rows).collect();
                Columns::default().print(&lines)
            })
            .collect();
        tables.join("\n")
    }

    fn has_namespace(&self, object: &Object) -> bool {
        self.kubectl.flags.has("all-namespaces") && object.kind().is_namespaced()
    }

    pub(super) fn header(&self, object: &Object) -> Vec<String> {
        let mut res: Vec<String> = Vec::new();
        if self.has_namespace(object) {
            res.push("NAMESPACE".to_owned());
        }
        res.extend(columns(object.kind(), self.wide).map(|it| it.name.to_owned()));
        let last = |key: &String| key.rsplit('/').next().unwrap_or_default().to_uppercase();
        res.extend(self.labels.iter().map(last));
        if self.kubectl.flags.has("show-labels") {
            res.push("LABELS".to_owned());
        }
        res
    }

    pub(super) fn row(&self, object: &Object) -> Vec<String> {
        let mut row = cells(object, self.wide, self.now);
        if self.prefixed
            && let Some(at) = columns(object.kind(), self.wide).position(|it| it.name == "NAME")
            && let Some(cell) = row.get_mut(at)
        {
            *cell = name(object);
        }
        let meta = object.meta();
        if self.has_namespace(object) {
            row.insert(0, meta.namespace.clone());
        }
        row.extend(self.labels.iter().map(|it| meta.labels.get(it).cloned().unwrap_or_default()));
        if self.kubectl.flags.has("show-labels") {
            row.push(super::columns::labels(&meta.labels));
        }
        row
    }
}

fn sort(objects: &mut [(Rc<Object>, Option<String>)], path: &str) -> Done {
    let template = Template::relaxed(path).map_err(error)?;
    let key = |object: &Object| template.find(&object.to_value()).first().map(|it| (*it).clone());
    let mut keyed: Vec<_> = objects.iter().map(|it| (key(&it.0), it.clone())).collect();
    if !keyed.is_empty() && keyed.iter().all(|it| it.0.is_none()) {
        return Err(error(format!(
            "couldn't find any field with path \"{{{}}}\" in the list of objects",
            path.trim_matches(|c| c == '{' || c == '}')
        )));
    }
    keyed.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => order(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    for (place, (_, object)) in objects.iter_mut().zip(keyed) {
        *place = object;
    }
    Ok(())
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        _ => natural(&text_of(a), &text_of(b)),
    }
}

/// Numbers inside texts count as numbers: `web-2` before `web-10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    let digits = |text: &[u8]| text.iter().take_while(|it| it.is_ascii_digit()).count();
    loop {
        let (x, y) = (digits(a), digits(b));
        if x > 0 && y > 0 {
            let value = |text: &[u8]| -> Vec<u8> {
                text.iter().copied().skip_while(|it| *it == b'0').collect()
            };
            let (left, right) = (value(&a[..x]), value(&b[..y]));
            let order = left.len().cmp(&right.len()).then(left.cmp(&right));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[x..], &b[y..]);
        } else {
            match (a.split_first(), b.split_first()) {
                (Some((x, left)), Some((y, right))) if x == y => (a, b) = (left, right),
                (x, y) => return x.map(|it| it.0).cmp(&y.map(|it| it.0)),
            }
        }
    }
}
