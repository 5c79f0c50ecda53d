//! What scenarios suggest to try comes out as they say.
//!
//! `SCENARIO=name cargo test -p svclab-cli --test scenarios -- --nocapture` shows what is printed.

#[path = "../../shell/tests/common/run.rs"]
mod typed;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use svclab_core::lab::{Action, Lab};
use svclab_core::read::Severity;
use svclab_core::scenario::{Deed, Index, Scenario, Try};
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

#[test]
fn what_is_tried_comes_out_as_the_scenario_says() {
    let asked = std::env::var("SCENARIO").ok();
    let mut wrong = Vec::new();
    for name in names().iter().filter(|name| asked.as_ref().is_none_or(|it| it == *name)) {
        let scenario = Scenario::parse(&text(name)).unwrap_or_else(|it| panic!("{name}: {it}"));
        assert_eq!(&scenario.name, name);
        assert!(!scenario.tries.is_empty(), "{name} has nothing to try");
        let mut play = Play::new(&scenario, asked.is_some());
        for it in &scenario.tries {
            assert!(matches!(it.deeds.last(), Some(Deed::Run { .. })), "{name}: {}", it.title.en);
            assert!(!it.prints.is_empty(), "{name}: {} says nothing of its output", it.title.en);
            let (after, printed) = play.try_out(it);
            play = after;
            if let Some(printed) = printed {
                wrong.push(format!("{name}: {}: printed\n{printed}", it.title.en));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
