//! What an Apply would change: a lab and a text → objects, endpoints and rules, line by line.
//!
//! Two copies of the lab run on side by side, one with the text applied, until that one is at rest;
//! what then differs between them is the text's doing. They run in small pieces, one a frame.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;
use svclab_core::admit::LAST_APPLIED;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::log::{Change, Happening};
use svclab_core::lab::{Action, Lab, Reply};
use svclab_core::object::Object;
use svclab_core::print;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::{Chain, ChainName, Family, RuleSet, TableName};
use svclab_shell::{Step, steps};

/// A change is over when so long nothing has come of it: longer than a readiness probe's usual period.
const QUIET: Duration = Duration::from_secs(12);
/// What goes on for longer, such as a pod that never gets ready, is not waited for.
const LONGEST: Duration = Duration::from_secs(120);
/// Of each lab in one frame: some milliseconds' work.
const EVENTS: usize = 60;
/// Lines that stay around a change.
const CONTEXT: usize = 3;

/// Two copies of the lab on their way to an answer.
#[derive(Debug, Clone)]
pub struct Preview {
    base: Lab,
    edited: Lab,
    started: Instant,
    /// When something came of the text last, and how long the log was then.
    busy: Instant,
    seen: usize,
    objects: Vec<Section>,
    reply: Reply,
    changes: Option<Changes>,
}

/// What an Apply would change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    pub objects: Vec<Section>,
    pub endpoints: Vec<Section>,
    /// Nodes whose rules change alike are one.
    pub rules: Vec<Section>,
    /// The text has mistakes: what is wrong is not applied.
    pub mistakes: usize,
    /// How long it takes until everything is at rest.
    pub takes: Duration,
    /// It was not at rest in the end.
    pub goes_on: bool,
}

/// One object, or one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub title: String,
    pub lines: Vec<DiffLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffLine {
    Same(String),
    Gone(String),
    New(String),
    /// Lines that stay the same.
    Left(usize),
}

impl Section {
    pub fn new_lines(&self) -> usize {
        self.lines.iter().filter(|it| matches!(it, DiffLine::New(_))).count()
    }

    pub fn gone_lines(&self) -> usize {
        self.lines.iter().filter(|it| matches!(it, DiffLine::Gone(_))).count()
    }
}

// Functions of their own, for a first visit runs none of them: the first load leaves them out.
impl Preview {
    #[inline(never)]
    pub fn new(lab: &Lab, text: &str) -> Preview {
        let (base, mut edited) = (lab.clone(), lab.clone());
        let reply = edited.act(Action::Apply { text: text.to_owned() });
        let changed = reply.applied.iter().filter(|it| it.change != Change::Unchanged);
        let objects = changed.filter_map(|it| object_section(&base, &edited, &it.key)).collect();
        Preview {
            started: base.now(),
            busy: base.now(),
            seen: edited.log().len(),
            base,
            edited,
            objects,
            reply,
            changes: None,
        }
    }

    pub fn changes(&self) -> Option<&Changes> {
        self.changes.as_ref()
    }

    /// How far it has run.
    pub fn passed(&self) -> Duration {
        self.edited.now() - self.started
    }

    /// Runs a little; true when there is something new to show.
    #[inline(never)]
    pub(super) fn go_on(&mut self) -> bool {
        if self.changes.is_some() {
            return false;
        }
        for _ in 0..EVENTS {
            let end = (self.busy + QUIET).min(self.started + LONGEST);
            match self.edited.next_event().filter(|it| *it <= end) {
                Some(at) => self.edited.run_until(at),
                None => return self.finish(end),
            }
            self.look_at_log();
        }
        self.base.run_until(self.edited.now());
        true
    }

    fn look_at_log(&mut self) {
        let log = self.edited.log();
        let new = log.iter().rev().take(log.len() - self.seen);
        let happens = |it: &Happening| {
            !matches!(
                it,
                Happening::Probed { .. }
                    | Happening::Said { .. }
                    | Happening::Queried { .. }
                    | Happening::Wrote { .. }
            )
        };
        if new.into_iter().any(|it| happens(&it.what)) {
            self.busy = self.edited.now();
        }
        self.seen = log.len();
    }

    fn finish(&mut self, end: Instant) -> bool {
        self.edited.run_until(end);
        self.base.run_until(end);
        self.changes = Some(Changes {
            objects: std::mem::take(&mut self.objects),
            endpoints: endpoints(&self.base, &self.edited),
            rules: rules(&self.base, &self.edited),
            mistakes: self.reply.diagnostics.len(),
            takes: self.busy - self.started,
            goes_on: end == self.started + LONGEST,
        });
        true
    }
}

/// As `kubectl diff` shows it.
fn object_section(base: &Lab, edited: &Lab, key: &ObjectKey) -> Option<Section> {
    let before = base.objects().get(key).map(plain);
    let mut after = plain(edited.objects().get(key)?);
    if let Some(before) = &before {
        let version = before["metadata"]["resourceVersion"].clone();
        after["metadata"]["resourceVersion"] = version;
    }
    let before = before.map(|it| print::yaml(&it)).unwrap_or_default();
    section(key.to_string(), &lines_of(&before), &lines_of(&print::yaml(&after)))
}

/// Without what kubectl itself keeps in it.
fn plain(object: &Object) -> Value {
    let mut value = object.to_value();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.shift_remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.shift_remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    value
}

fn endpoints(base: &Lab, edited: &Lab) -> Vec<Section> {
    let of = |lab: &Lab, kind| lab.objects().of_kind(kind).map(Object::key).collect::<Vec<_>>();
    let kinds = [Kind::EndpointSlice, Kind::Endpoints];
    let keys = kinds.map(|kind| [of(base, kind), of(edited, kind)].concat()).concat();
    let keys: BTreeSet<ObjectKey> = keys.into_iter().collect();
    let texts =
        |lab: &Lab, key: &ObjectKey| lab.objects().get(key).map(ends_of).unwrap_or_default();
    let sections = keys.iter().map(|key| {
        let (before, after) = (texts(base, key), texts(edited, key));
        section(key.to_string(), &refs(&before), &refs(&after))
    });
    sections.flatten().collect()
}

/// An Endpoints' or EndpointSlice's addresses and ports, one a line.
fn ends_of(object: &Object) -> Vec<String> {
    let value = object.to_value();
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    let port = |it: &Value| {
        let name = it["name"].as_str().filter(|it| !it.is_empty()).map(|it| format!("{it} "));
        let protocol = it["protocol"].as_str().unwrap_or("TCP");
        format!("port {}{}/{protocol}", name.unwrap_or_default(), it["port"])
    };
    lines.extend(list(&value, "ports").iter().map(port));
    for endpoint in list(&value, "endpoints") {
        let state = ["ready", "serving", "terminating"];
        let state: Vec<&str> =
            state.into_iter().filter(|it| endpoint["conditions"][it] == true).collect();
        let state = if state.is_empty() { "not ready".to_owned() } else { state.join(", ") };
        let of = target(&endpoint);
        let addresses = list(&endpoint, "addresses");
        let addresses = addresses.iter().filter_map(Value::as_str);
        lines.extend(addresses.map(|it| format!("{it} {state}{of}")));
    }
    for subset in list(&value, "subsets") {
        lines.extend(list(&subset, "ports").iter().map(port));
        for (name, state) in [("addresses", "ready"), ("notReadyAddresses", "not ready")] {
            let line =
                |it: &Value| format!("{} {state}{}", it["ip"].as_str().unwrap_or(""), target(it));
            lines.extend(list(&subset, name).iter().map(line));
        }
    }
    lines
}

fn target(value: &Value) -> String {
    let name = value["targetRef"]["name"].as_str().map(|it| format!(" → {it}"));
    let node = value["nodeName"].as_str().map(|it| format!(" on {it}"));
    format!("{}{}", name.unwrap_or_default(), node.unwrap_or_default())
}

fn rules(base: &Lab, edited: &Lab) -> Vec<Section> {
    edited.families().flat_map(|family| rules_of(base, edited, family)).collect()
}

fn rules_of(base: &Lab, edited: &Lab, family: Family) -> Vec<Section> {
    let mut alike: Vec<(Vec<String>, Vec<DiffLine>)> = Vec::new();
    for node in edited.nodes() {
        let of = |lab: &Lab| lab.rules_of(&node.name, family).map(|it| it.rules);
        let (Some(before), Some(after)) = (of(base), of(edited)) else { continue };
        let lines = rule_lines(&before, &after);
        match alike.iter_mut().find(|(_, it)| *it == lines) {
            _ if lines.is_empty() => {}
            Some((names, _)) => names.push(node.name.to_string()),
            None => alike.push((vec![node.name.to_string()], lines)),
        }
    }
    let program = match family {
        Family::V4 => "iptables",
        Family::V6 => "ip6tables",
    };
    let section = |(names, lines): (Vec<String>, _)| Section {
        title: format!("{program} · {}", names.join(", ")),
        lines,
    };
    alike.into_iter().map(section).collect()
}

fn rule_texts(name: ChainName, chain: Option<&Rc<Chain>>) -> Vec<String> {
    let rules = chain.map_or(&[][..], |it| &it.rules);
    rules.iter().map(|it| format!("-A {name} {it}")).collect()
}

/// Chain by chain.
fn rule_lines<'a>(before: &'a RuleSet, after: &'a RuleSet) -> Vec<DiffLine> {
    let mut res = Vec::new();
    for table in [TableName::Nat, TableName::Filter, TableName::Mangle, TableName::Raw] {
        let of = |rules: &'a RuleSet| rules.tables.get(&table).map(|it| &it.chains);
        let (old, new) = (of(before), of(after));
        let names = [old, new].into_iter().flatten().flat_map(|it| it.keys().copied());
        for name in names.collect::<BTreeSet<ChainName>>() {
            let own = [old, new].map(|it| it.and_then(|it| it.get(&name)));
            match own {
                [Some(old), Some(new)] if Rc::ptr_eq(old, new) => {}
                own => {
                    let lines = own.map(|it| rule_texts(name, it));
                    res.extend(changed(&refs(&lines[0]), &refs(&lines[1]), 1));
                }
            }
        }
    }
    res
}

fn section(title: String, before: &[&str], after: &[&str]) -> Option<Section> {
    let lines = changed(before, after, CONTEXT);
    (!lines.is_empty()).then_some(Section { title, lines })
}

/// The changes with `context` lines around each; nothing where nothing changes.
fn changed(before: &[&str], after: &[&str], context: usize) -> Vec<DiffLine> {
    let all = steps(before, after);
    let near = |at: usize| {
        let from = at.saturating_sub(context);
        let to = (at + context + 1).min(all.len());
        all[from..to].iter().any(|it| !it.is_same())
    };
    let mut res = Vec::new();
    for (at, step) in all.iter().enumerate() {
        let line = match step {
            Step::New(line) => DiffLine::New((*line).to_owned()),
            Step::Gone(line) => DiffLine::Gone((*line).to_owned()),
            Step::Same(line) if near(at) => DiffLine::Same((*line).to_owned()),
            Step::Same(_) => match res.last_mut() {
                Some(DiffLine::Left(count)) => {
                    *count += 1;
                    continue;
                }
                _ => DiffLine::Left(1),
            },
        };
        res.push(line);
    }
    if matches!(res[..], [] | [DiffLine::Left(_)]) { Vec::new() } else { res }
}

fn lines_of(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn refs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::settled;

    /// The text with `from` replaced by `to`: what applying it would change.
    fn changes(from: &str, to: &str) -> Changes {
        let state = settled();
        let text = state.files.text();
        assert!(text.contains(from), "{from:?} is in the text");
        let mut preview = Preview::new(state.lab(), &text.replace(from, to));
        for _ in 0..10_000 {
            preview.go_on();
            if let Some(changes) = preview.changes() {
                return changes.clone();
            }
        }
        panic!("it comes to no end");
    }

    fn lines(sections: &[Section], new: bool) -> Vec<String> {
        let all = sections.iter().flat_map(|it| &it.lines);
        all.filter_map(|it| match it {
            DiffLine::New(line) if new => Some(line.trim().to_owned()),
            DiffLine::Gone(line) if !new => Some(line.trim().to_owned()),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn the_same_text_changes_nothing() {
        let changes = changes("replicas: 3", "replicas: 3");
        assert_eq!((changes.objects, changes.endpoints, changes.rules), (vec![], vec![], vec![]));
    }

    #[test]
    fn one_pod_more_is_one_endpoint_more_and_a_smaller_chance_for_each() {
        let changes = changes("replicas: 3", "replicas: 4");
        assert_eq!(lines(&changes.objects, false), ["generation: 1", "replicas: 3"]);
        assert_eq!(lines(&changes.objects, true), ["generation: 2", "replicas: 4"]);
        let [endpoints, slice] = &changes.endpoints[..] else { panic!("{:?}", changes.endpoints) };
        assert!(slice.title.starts_with("EndpointSlice shop/web-"), "{}", slice.title);
        assert_eq!(endpoints.title, "Endpoints shop/web");
        assert_eq!((slice.new_lines(), slice.gone_lines()), (1, 0));
        let [all] = &changes.rules[..] else { panic!("nodes differ: {:?}", changes.rules) };
        assert_eq!(all.title, "iptables · control-plane, worker-1, worker-2");
        let new = lines(&changes.rules, true);
        assert!(new.iter().any(|it| it.contains("--probability 0.2500000000")), "{new:?}");
        assert!(new.iter().any(|it| it.contains("DNAT --to-destination 10.244.")), "{new:?}");
        assert!(!changes.goes_on && changes.takes > Duration::from_millis(100));
    }

    #[test]
    fn a_selector_that_fits_nothing_takes_the_endpoints_away() {
        let service = "  selector:\n    app: web\n  ports:";
        let changes = changes(service, &service.replace("app: web", "app: nothing"));
        let gone = lines(&changes.endpoints, false);
        assert_eq!(gone.iter().filter(|it| it.contains("10.244.")).count(), 6, "{gone:?}");
        let new = lines(&changes.rules, true);
        assert!(new.iter().any(|it| it.contains("REJECT")), "{new:?}");
    }

    #[test]
    fn the_lab_itself_stays_as_it_is_and_mistakes_are_counted() {
        let changes = changes("replicas: 3", "replicas: -3");
        assert_eq!((changes.mistakes, changes.objects.len(), changes.rules.len()), (1, 0, 0));
    }
}
