//! Recorded sessions of the real kubectl → what its `explain` printed there.

use std::fs;
use std::path::Path;

use serde_json::Value;

pub(crate) fn explained(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    files.sort();
    let texts = files.iter().filter_map(|it| fs::read_to_string(it).ok());
    texts.filter_map(|it| serde_json::from_str(&it).ok()).flat_map(|it| outputs(&it)).collect()
}

fn outputs(session: &Value) -> Vec<String> {
    let steps = session["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let explains = |step: &&Value| {
        let command = step["command"].as_str().unwrap_or_default();
        command.starts_with("kubectl explain ")
    };
    let stdout = |step: &Value| step["stdout"].as_str().map(str::to_owned);
    steps.iter().filter(explains).filter_map(stdout).collect()
}
