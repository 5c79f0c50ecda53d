//! `svclab dns` over the recorded clusters, and on input that is none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn svclab(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
    command.args(arguments).output().expect("svclab starts")
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/dns")
}

fn written(name: &str, text: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).expect("the build's directory can be written");
    file.display().to_string()
}

#[test]
fn recorded_questions_are_answered_as_coredns_answers_them() {
    let output = svclab(&["check", &recorded().display().to_string()]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), &*shown), (Some(0), "567 passed, 0 failed\n"));
}

#[test]
fn a_case_that_differs_is_told() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dns-differs");
    let cluster = directory.join("clusters/guarded");
    fs::create_dir_all(&cluster).expect("the build's directory can be written");
    for file in ["cluster.yaml", "Corefile", "settings.json", "upstream.yaml"] {
        fs::copy(recorded().join("clusters/guarded").join(file), cluster.join(file)).expect(file);
    }
    let cases = fs::read_to_string(recorded().join("cases.json")).expect("the cases are there");
    let line = cases.lines().find(|it| it.contains("\"guarded/019\"")).expect("the case is there");
    let line = line.trim_end_matches(',');
    let swapped = line.replace("10.90.1.9", "x").replace("10.90.1.3", "10.90.1.9");
    let swapped = swapped.replace("IN A x", "IN A 10.90.1.3");
    for (line, expected) in [(line, "1 passed, 0 failed"), (&swapped, "0 passed, 1 failed")] {
        fs::write(directory.join("cases.json"), format!("[{line}]")).expect("writable");
        let output = svclab(&["check", &directory.display().to_string()]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.ends_with(&format!("{expected}\n")), "{shown}");
    }
}

/// All questions of one cluster in one run, a line for each.
#[test]
fn one_reply_a_line_comes_out() {
    let text = fs::read_to_string(recorded().join("cases.json")).expect("the cases are there");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the cases are JSON");
    let mut clusters: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for case in cases.iter().filter(|it| it["earlier"].is_null()) {
        clusters
            .entry(case["cluster"].as_str().expect("a name").to_owned())
            .or_default()
            .push(case);
    }
    assert_eq!(clusters.len(), 7);
    for (name, cases) in clusters {
        let asks: Vec<String> = cases.iter().map(|it| it["ask"].to_string()).collect();
        let queries = written(&format!("dns-{name}.jsonl"), &asks.join("\n"));
        let place = recorded().join("clusters").join(&name);
        let [settings, upstream, state] = ["settings.json", "upstream.yaml", "cluster.yaml"]
            .map(|it| place.join(it).display().to_string());
        let options = ["--settings", &settings, "--upstream", &upstream, "--queries", &queries];
        let output = svclab(&[&["dns"], &options[..], &[&state]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<Value> =
            printed.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
        let expected: Vec<&Value> = cases.iter().map(|it| &it["reply"]).collect();
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected, "{name}");
    }
}

#[track_caller]
fn check_failure(name: &str, line: &str, expected: &str) {
    let queries = written(&format!("dns-{name}.json"), line);
    let state = recorded().join("clusters/guarded/cluster.yaml").display().to_string();
    let output = svclab(&["dns", "--queries", &queries, &state]);
    assert_eq!(output.status.code(), Some(2));
    let shown = String::from_utf8_lossy(&output.stderr).replace(&queries, "queries");
    assert_eq!(shown, format!("svclab: {expected}\n"));
}

#[test]
fn a_question_that_is_none_is_told_with_its_place() {
    check_failure(
        "name",
        "{\"name\": \"a..b\", \"type\": \"A\"}",
        "queries:1:1: \"a..b\" is no domain name",
    );
    check_failure(
        "type",
        "\n{\"name\": \"a.\", \"type\": \"B\"}",
        "queries:2:1: unknown type \"B\"",
    );
    check_failure("json", "{\"name\":", "queries:1:8: EOF while parsing a value");
    let output = svclab(&["dns", "--queries", "-"]);
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(shown, "svclab: dns needs at least one state file\n");
}
