//! What scenarios suggest to try comes out as they say.
//!
//! `SCENARIO=name cargo test -p svclab-cli --test scenarios -- --nocapture` shows what is printed.

#[path = "../../shell/tests/common/run.rs"]
mod typed;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Lab, Source};
use svclab_core::object::Object;
use svclab_core::read::Severity;
use svclab_core::scenario::{Deed, Index, Opening, Scenario, Try};
use svclab_core::time::{Duration, Instant};

use typed::run;

/// As the page's.
const SEED: u64 = 1;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"))
}

fn text(name: &str) -> String {
    let path = folder().join(format!("{name}.yaml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names() -> Vec<String> {
    let index = Index::parse(&text("index")).unwrap_or_else(|error| panic!("index: {error}"));
    index.groups.into_iter().flat_map(|it| it.scenarios).collect()
}

/// What a reader sees: a lab, the text in the editor, and what was wrong so far.
struct Play {
    lab: Lab,
    text: String,
    shows: bool,
}

impl Play {
    fn new(scenario: &Scenario, shows: bool) -> Play {
        let mut lab = Lab::new(scenario, SEED);
        lab.run_until(Instant::START + Duration::from_secs(scenario.settle));
        Play { lab, text: scenario.text(), shows }
    }

    /// What was printed by the last line, where that is not as it should be.
    fn try_out(mut self, it: &Try) -> (Play, Option<String>) {
        let mut printed = String::new();
        for deed in &it.deeds {
            match deed {
                Deed::Run { place, line } => {
                    let (lab, output) = run(self.lab, place, line);
                    self.lab = lab;
                    printed = output.out + &output.err;
                    if self.shows {
                        println!("{place}$ {line}\n{printed}");
                    }
                }
                Deed::Edit { replace, with } => {
                    assert!(self.text.contains(replace.as_str()), "{replace:?} is not in the text");
                    self.text = self.text.replace(replace.as_str(), with);
                    let reply = self.lab.act(Action::Apply { text: self.text.clone() });
                    if self.shows {
                        println!("apply: {:?} {:?}", reply.applied, reply.diagnostics);
                    }
                }
                Deed::Readiness { .. } | Deed::Act(_) => {
                    let action = deed.action(&self.lab).expect("there is such a pod");
                    self.lab.act(action);
                }
            }
        }
        let wrong = !it.is_met(&printed);
        (self, wrong.then_some(printed))
    }
}

#[test]
fn every_scenario_is_listed_once_and_every_listed_one_is_there() {
    let listed = names();
    let set: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(set.len(), listed.len(), "one is listed twice");
    let files = fs::read_dir(folder()).expect("the scenarios' folder");
    let files = files.map(|it| it.expect("a file").file_name().to_string_lossy().into_owned());
    let files: BTreeSet<String> = files
        .filter_map(|it| it.strip_suffix(".yaml").map(str::to_owned))
        .filter(|it| !["index", "cluster"].contains(&it.as_str()))
        .collect();
    assert_eq!(set, files);
}

/// Seconds that a reader takes before each try: one in a hurry, one who reads.
const PAUSES: [u64; 2] = [0, 43];

#[test]
fn what_is_tried_comes_out_as_the_scenario_says() {
    let asked = std::env::var("SCENARIO").ok();
    let mut wrong = Vec::new();
    for name in names().iter().filter(|name| asked.as_ref().is_none_or(|it| it == *name)) {
        let scenario = Scenario::parse(&text(name)).unwrap_or_else(|it| panic!("{name}: {it}"));
        assert_eq!(&scenario.name, name);
        assert!(!scenario.tries.is_empty(), "{name} has nothing to try");
        for it in &scenario.tries {
            assert!(matches!(it.deeds.last(), Some(Deed::Run { .. })), "{name}: {}", it.title.en);
            assert!(!it.prints.is_empty(), "{name}: {} says nothing of its output", it.title.en);
        }
        for pause in PAUSES {
            let mut play = Play::new(&scenario, asked.is_some());
            for it in &scenario.tries {
                play.lab.run_until(play.lab.now() + Duration::from_secs(pause));
                let (after, printed) = play.try_out(it);
                play = after;
                if let Some(printed) = printed {
                    let title = &it.title.en;
                    wrong.push(format!("{name}: {title}: after {pause} s printed\n{printed}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is chosen at first is there to be chosen.
#[test]
fn scenarios_open_with_what_there_is() {
    const PANES: [&str; 5] = ["walk", "rules", "endpoints", "dns", "events"];
    for name in names() {
        let scenario = Scenario::parse(&text(&name)).unwrap_or_else(|it| panic!("{name}: {it}"));
        let Play { lab, .. } = Play::new(&scenario, false);
        let key = |kind, path: &str| {
            let (namespace, name) = path.split_once('/').unwrap_or(("", path));
            ObjectKey::new(kind, namespace, name)
        };
        let Opening { from, to, pane } = &scenario.opens;
        if let Some(from) = from {
            let inside = [Kind::Pod, Kind::Node].map(|it| Source::Inside(key(it, from)));
            let outside = Source::Outside { outside: from.clone() };
            let senders = inside.iter().chain([&outside]);
            assert!(senders.clone().any(|it| lab.party(it).is_some()), "{name}: from {from}");
        }
        if let Some(to) = to {
            let (service, end) = to.split_once([':', ' ']).unwrap_or((to, ""));
            let service = lab.objects().get(&key(Kind::Service, service));
            let service = service.and_then(Object::as_service);
            let port = end.rsplit(':').next().and_then(|it| it.parse::<i64>().ok());
            let has_port = service.is_some_and(|it| {
                let mut ports = it.spec.ports.iter();
                ports.any(|it| {
                    [it.port, it.node_port].map(i64::from).iter().any(|it| Some(*it) == port)
                })
            });
            assert!(has_port, "{name}: to {to}");
        }
        assert!(pane.as_ref().is_none_or(|it| PANES.contains(&it.as_str())), "{name}: {pane:?}");
    }
}

/// A scenario's own manifests may be wrong on purpose, but then it says so.
#[test]
fn manifests_of_scenarios_are_taken_as_they_are() {
    for name in names() {
        let scenario = Scenario::parse(&text(&name)).unwrap_or_else(|it| panic!("{name}: {it}"));
        let mut empty = scenario.clone();
        empty.manifests.clear();
        let reply = Lab::new(&empty, SEED).act(Action::Apply { text: scenario.text() });
        let wrong = reply.diagnostics.iter().find(|it| it.severity == Severity::Error);
        assert!(wrong.is_none(), "{name}: {wrong:?}");
    }
}
