//! The API server's answers: a directory with `expected.json`, a file of requests for each case in
//! it, and `changes-1.33.json`, `changes-1.34.json` for what later releases answer otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use svclab_core::admit::Version;

use super::Report;
use super::placeholders::Bound;
use crate::admit;
use crate::failure::Failure;
use crate::state;

#[derive(Clone, Deserialize)]
struct Case {
    cluster: String,
    results: Vec<Value>,
}

type Cases = BTreeMap<String, Case>;

/// Whatever the numbers and names that are drawn, the answers are the same.
const SEEDS: [u64; 3] = [1, 2, 3];

const LATER: [(&str, Version); 2] = [("1.33", Version::V1_33), ("1.34", Version::V1_34)];

pub(super) fn requests(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let Some(cases) = cases(&directory.join("expected.json"))? else { return Ok(()) };
    check_all(directory, "", &cases, Version::default(), report);
    for (name, version) in LATER {
        let Some(changes) = cases_of_release(directory, name)? else { continue };
        let mut later = cases.clone();
        if version == Version::V1_34 {
            later.retain(|_, case| !case.results.iter().any(is_nameless_service));
        }
        later.extend(changes);
        check_all(directory, &format!(" ({name})"), &later, version, report);
    }
    Ok(())
}

/// `None` if there is no such file, or if it is of another layout.
fn cases(file: &Path) -> Result<Option<Cases>, Failure> {
    if !file.is_file() {
        return Ok(None);
    }
    Ok(serde_json::from_str(&state::text(file)?).ok())
}

fn cases_of_release(directory: &Path, name: &str) -> Result<Option<Cases>, Failure> {
    cases(&directory.join(format!("changes-{name}.json")))
}

/// Nothing was recorded for these in 1.34.
fn is_nameless_service(result: &Value) -> bool {
    result["details"]["kind"] == "Service" && result["details"]["name"].is_null()
}

fn check_all(directory: &Path, suffix: &str, cases: &Cases, version: Version, report: &mut Report) {
    for (name, case) in cases {
        let file = directory.join(format!("{name}.yaml"));
        let outcome = SEEDS.iter().try_for_each(|seed| check(&file, case, version, *seed));
        report.case(&format!("{}{suffix}", file.display()), outcome);
    }
}

fn check(file: &Path, case: &Case, version: Version, seed: u64) -> Result<(), String> {
    let settings = admit::settings(case.cluster == "dual", version);
    let found = state::text(file).and_then(|text| admit::results(file, &text, settings, seed));
    let found = found.map_err(|failure| failure.to_string())?;
    if found.len() != case.results.len() {
        return Err(format!("expected {} results, came {}", case.results.len(), found.len()));
    }
    let mut bound = Bound::default();
    for (index, (expected, found)) in case.results.iter().zip(&found).enumerate() {
        let path = format!("results[{index}]");
        let whole = |text| format!("{text}; expected {expected}, came {found}");
        if expected["cut"] == true {
            bound.compare(&path, &without_cut(expected), &cut(expected, found)).map_err(whole)?;
        } else {
            bound.compare(&path, expected, found).map_err(whole)?;
        }
    }
    Ok(())
}

fn without_cut(result: &Value) -> Value {
    let mut result = result.clone();
    if let Some(map) = result.as_object_mut() {
        map.remove("cut");
    }
    result
}

/// The server goes on where the recorded texts end; so may we.
fn cut(expected: &Value, found: &Value) -> Value {
    let mut found = found.clone();
    shorten(&expected["message"], &mut found["message"]);
    if let (Some(expected), Some(found)) =
        (expected["causes"].as_array(), found["causes"].as_array_mut())
    {
        for (expected, found) in expected.iter().zip(found) {
            shorten(&expected["message"], &mut found["message"]);
        }
    }
    found
}

fn shorten(expected: &Value, found: &mut Value) {
    if let (Some(expected), Some(text)) = (expected.as_str(), found.as_str())
        && text.starts_with(expected)
    {
        *found = expected.into();
    }
}
