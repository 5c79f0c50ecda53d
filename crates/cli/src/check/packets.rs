//! Packets and where they may go: `packets.json` beside the clusters that it names.

use std::path::Path;

use serde::Deserialize;

use super::Report;
use crate::failure::Failure;
use crate::state;
use crate::trace::{Outcomes, PacketLine, Tracer};

#[derive(Deserialize)]
pub(super) struct Case {
    /// The cluster's directory, from the one above this one.
    pub(super) cluster: String,
    pub(super) about: String,
    pub(super) packet: PacketLine,
    #[serde(flatten)]
    pub(super) expected: Outcomes,
}

/// Those of `packets.json` in this directory.
pub(super) fn read(directory: &Path) -> Result<Vec<Case>, Failure> {
    let file = directory.join("packets.json");
    if !file.is_file() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&state::text(&file)?)
        .map_err(|error| Failure::at(&file, (error.line(), error.column()), "these are no packets"))
}

pub(super) fn packets(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let file = directory.join("packets.json");
    for case in &read(directory)? {
        let name = format!("{}: {}: {}", file.display(), case.cluster, case.about);
        report.case(&name, check(directory, case));
    }
    Ok(())
}

fn check(directory: &Path, case: &Case) -> Result<(), String> {
    let cluster = directory.join("..").join(&case.cluster);
    let tracer = tracer(&cluster).map_err(|failure| failure.to_string())?;
    let found = tracer.outcomes(&case.packet)?;
    if found.agrees(&case.expected) {
        return Ok(());
    }
    let text = |it: &Outcomes| serde_json::to_string(it).unwrap_or_default();
    Err(format!("expected {}, came {}", text(&case.expected), text(&found)))
}

fn tracer(cluster: &Path) -> Result<Tracer, Failure> {
    let objects = state::objects(&[cluster.join("input.yaml")])?;
    let settings = state::settings(&cluster.join("options.json"))?;
    Ok(Tracer::new(&objects, &settings))
}
