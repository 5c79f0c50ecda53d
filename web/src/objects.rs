//! Which objects the page lists: the cluster's objects and what the user asked for → one section
//! for each kind, and which of their rows are in sight.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Lab;
use svclab_core::lab::log::{Entry, Happening};
use svclab_core::object::{Object, Objects};
use svclab_core::print::{Line, Origin};
use svclab_netfilter::order::Order;

use crate::view::Shared;

/// What the user asked to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// All of them where there is none.
    pub namespace: Option<Rc<str>>,
    pub search: Rc<str>,
    /// Kinds that the user opened or closed.
    pub folded: BTreeMap<Kind, bool>,
    /// The object whose YAML is shown.
    pub chosen: Option<ObjectKey>,
    /// Lines that the user wrote are left out of the YAML.
    pub only_others: bool,
    /// The stage makes room for the tables.
    pub wide: bool,
}

#[derive(Debug, Clone)]
pub struct Section {
    pub kind: Kind,
    pub count: usize,
    /// Those asked for, by namespace and name; none of a section that is closed.
    pub rows: Vec<Rc<Object>>,
    pub open: bool,
}

/// The kinds of a Service's story come first, in its order.
const FIRST: [Kind; 9] = [
    Kind::Service,
    Kind::EndpointSlice,
    Kind::Endpoints,
    Kind::Pod,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Ingress,
];

/// Open until the user closes them.
const OPEN: [Kind; 4] = [Kind::Service, Kind::EndpointSlice, Kind::Pod, Kind::Deployment];

impl Wanted {
    fn is_open(&self, kind: Kind) -> bool {
        let otherwise = OPEN.contains(&kind) || !self.search.is_empty();
        self.folded.get(&kind).copied().unwrap_or(otherwise)
    }

    pub fn fold(&mut self, kind: Kind) {
        let open = self.is_open(kind);
        self.folded.insert(kind, !open);
    }
}

/// One section for each kind of which there is something to show.
pub fn sections(objects: &Objects, wanted: &Wanted) -> Vec<Section> {
    let words: Vec<String> = wanted.search.split_whitespace().map(str::to_lowercase).collect();
    let mut found: BTreeMap<Kind, Section> = BTreeMap::new();
    for object in objects.all_shared().filter(|object| is_wanted(object, wanted, &words)) {
        let kind = object.kind();
        let section = found.entry(kind).or_insert_with(|| {
            let open = wanted.is_open(kind);
            Section { kind, count: 0, rows: Vec::new(), open }
        });
        section.count += 1;
        if section.open {
            section.rows.push(object.clone());
        }
    }
    let mut res: Vec<Section> = found.into_values().collect();
    res.order_by_key(|it| FIRST.iter().position(|kind| *kind == it.kind).unwrap_or(FIRST.len()));
    res
}

fn is_wanted(object: &Object, wanted: &Wanted, words: &[String]) -> bool {
    let meta = object.meta();
    let here = match &wanted.namespace {
        Some(namespace) => meta.namespace.is_empty() || *meta.namespace == **namespace,
        None => true,
    };
    here && words.iter().all(|word| is_about(object, word))
}

/// Whether the word is in the object's name, its labels or its address.
fn is_about(object: &Object, word: &str) -> bool {
    let meta = object.meta();
    let label = |(key, value): (&String, &String)| format!("{key}={value}").contains(word);
    let address = match object {
        Object::Pod(pod) => pod.status.pod_ip.contains(word),
        Object::Service(service) => service.spec.cluster_ip.contains(word),
        _ => false,
    };
    meta.name.contains(word) || meta.labels.iter().any(label) || address
}

/// The namespaces that objects stand in.
pub fn namespaces(objects: &Objects) -> Vec<Rc<str>> {
    objects.of_kind(Kind::Namespace).map(|it| it.meta().name.as_str().into()).collect()
}

/// Heights in CSS pixels, as in the style sheet.
pub const HEADING: usize = 32;
pub const ROW: usize = 26;
/// Rows that are drawn above and below those in sight.
const MARGIN: usize = 20;

/// Which rows of each section are drawn when `top` pixels of the list are scrolled away and
/// `height` are in sight: by the rows of each, none for one that is closed.
pub fn windows(rows: &[Option<usize>], top: usize, height: usize) -> Vec<Range<usize>> {
    let (from, to) = (top.saturating_sub(MARGIN * ROW), top + height + MARGIN * ROW);
    let mut at = 0;
    let window = |rows: &Option<usize>| {
        at += HEADING;
        let Some(rows) = *rows else { return 0..0 };
        let start = at + ROW;
        at = start + rows * ROW;
        let first = from.saturating_sub(start) / ROW;
        let last = to.saturating_sub(start).div_ceil(ROW);
        first.min(rows)..last.min(rows)
    };
    rows.iter().map(window).collect()
}

/// The lines that are left when those are taken away that the user wrote alone. What a line that
/// stays belongs to stays too.
pub fn of_others(lines: &[Line<Origin>]) -> Vec<&Line<Origin>> {
    let mut res = Vec::new();
    // Read from the end: a line stays when it is another's, or when one below it, deeper, does.
    let mut needed = BTreeSet::new();
    for line in lines.iter().rev() {
        let foreign = line.mark.is_some_and(|mark| mark != Origin::Written);
        let above = needed.split_off(&(line.depth + 1));
        if foreign || !above.is_empty() {
            needed.insert(line.depth);
            res.push(line);
        }
    }
    res.reverse();
    res
}

/// An object that the user looks into.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub key: ObjectKey,
    /// None once it is gone.
    pub object: Option<Shared<Object>>,
    /// What happened to it, the newest first.
    pub entries: Vec<Entry>,
}

/// At most so many entries are listed.
const LISTED: usize = 40;

pub fn chosen(lab: &Lab, key: &ObjectKey) -> Chosen {
    let about = lab.log().iter().rev().filter(|entry| subject(&entry.what) == Some(key));
    Chosen {
        key: key.clone(),
        object: lab.objects().shared(key).cloned().map(Shared),
        entries: about.take(LISTED).cloned().collect(),
    }
}

fn subject(what: &Happening) -> Option<&ObjectKey> {
    match what {
        Happening::Applied { key, .. }
        | Happening::Deleted { key }
        | Happening::Made { key, .. }
        | Happening::Scaled { key, .. }
        | Happening::Removed { key, .. }
        | Happening::Recorded { key, .. }
        | Happening::Endpoints { key, .. }
        | Happening::Slice { key, .. } => Some(key),
        Happening::Scheduled { pod, .. }
        | Happening::Unschedulable { pod, .. }
        | Happening::GotAddress { pod, .. }
        | Happening::Container { pod, .. }
        | Happening::Said { pod, .. }
        | Happening::Crashed { pod, .. }
        | Happening::Terminating { pod }
        | Happening::Stopped { pod }
        | Happening::Switched { pod, .. }
        | Happening::Probed { pod, .. }
        | Happening::Ready { pod, .. } => Some(pod),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Objects {
        let object = |kind: Kind, namespace: &str, name: &str, app: &str| {
            let metadata = serde_json::json!({
                "namespace": namespace, "name": name, "labels": {"app": app},
            });
            Object::from_value(kind, serde_json::json!({"metadata": metadata})).expect("an object")
        };
        [
            object(Kind::Namespace, "", "shop", "x"),
            object(Kind::Pod, "shop", "web-1", "web"),
            object(Kind::Pod, "other", "web-2", "web"),
            object(Kind::Pod, "shop", "db", "db"),
            object(Kind::Service, "shop", "web", "web"),
        ]
        .into_iter()
        .collect()
    }

    #[track_caller]
    fn check(wanted: Wanted, expected: &str) {
        let shown = sections(&cluster(), &wanted).into_iter().map(|it| {
            let names: Vec<&str> = it.rows.iter().map(|row| row.meta().name.as_str()).collect();
            format!("{} {} [{}]", it.kind, it.count, names.join(" "))
        });
        assert_eq!(shown.collect::<Vec<_>>().join(", "), expected);
    }

    #[test]
    fn kinds_of_the_story_come_first_and_are_open() {
        check(Wanted::default(), "Service 1 [web], Pod 3 [web-2 db web-1], Namespace 1 []");
    }

    #[test]
    fn a_namespace_and_words_narrow_what_is_shown() {
        let namespace = Some("shop".into());
        let in_shop = "Service 1 [web], Pod 2 [db web-1], Namespace 1 []";
        check(Wanted { namespace: namespace.clone(), ..Wanted::default() }, in_shop);
        let wanted = Wanted { namespace, search: "APP=web 1".into(), ..Wanted::default() };
        check(wanted, "Pod 1 [web-1]");
        check(Wanted { search: "nothing".into(), ..Wanted::default() }, "");
    }

    #[test]
    fn a_closed_kind_keeps_its_count() {
        let mut wanted = Wanted::default();
        wanted.fold(Kind::Pod);
        wanted.fold(Kind::Namespace);
        check(wanted, "Service 1 [web], Pod 3 [], Namespace 1 [shop]");
    }

    #[test]
    fn only_rows_near_the_window_are_drawn() {
        let rows = [None, Some(10_000), Some(5)];
        let found = windows(&rows, 0, 20 * ROW);
        assert_eq!((found[0].clone(), found[1].start, found[2].clone()), (0..0, 0, 0..0));
        assert!(found[1].end < 50, "{found:?}");
        let end = 2 * HEADING + 10_001 * ROW;
        let found = windows(&rows, end, 20 * ROW);
        assert!(found[1].start > 9_950 && found[1].end == 10_000, "{found:?}");
        assert_eq!(found[2], 0..5);
    }

    #[test]
    fn what_others_wrote_keeps_what_it_belongs_to() {
        let line = |depth: usize, text: &str, mark: Option<Origin>| Line {
            depth,
            head: text.to_owned(),
            value: String::new(),
            mark,
        };
        let lines = [
            line(0, "kind", Some(Origin::Written)),
            line(0, "spec", None),
            line(1, "ports", None),
            line(2, "- name", Some(Origin::Written)),
            line(3, "nodePort", Some(Origin::Allocated)),
            line(2, "- port", Some(Origin::Written)),
            line(1, "selector", Some(Origin::Written)),
            line(2, "app", Some(Origin::Written)),
            line(0, "status", Some(Origin::Component)),
        ];
        let found: Vec<&str> = of_others(&lines).iter().map(|it| it.head.as_str()).collect();
        assert_eq!(found, ["spec", "ports", "- name", "nodePort", "status"]);
    }
}
