//! Kernel scenarios: the lab's walk must predict what a real kernel did.

use std::path::Path;

use super::Report;
use crate::failure::Failure;
use crate::kernel::{Groups, Item, Scenario, World, judge, play};
use crate::state;

/// Every `.json` file that holds probes; each probe is a case.
pub(super) fn scenarios(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let unreadable = |error: &std::io::Error| Failure::unreadable(directory, error);
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(&error))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(|error| unreadable(&error))?.path());
    }
    files.retain(|it| it.extension().is_some_and(|it| it == "json"));
    files.sort();
    for file in files {
        let text = state::text(&file)?;
        if text.contains("\"probes\"") && text.contains("\"podCIDR\"") {
            scenario(&file, &text, report)?;
        }
    }
    Ok(())
}

fn scenario(file: &Path, text: &str, report: &mut Report) -> Result<(), Failure> {
    let scenario: Scenario = serde_json::from_str(text)
        .map_err(|error| Failure::at(file, (error.line(), error.column()), error))?;
    let wrong = |what: String| Failure::at(file, (1, 1), what);
    let mut world = World::new(&scenario, 1).map_err(wrong)?;
    let mut groups = Groups::new();
    for item in &scenario.probes {
        match item {
            Item::Step(step) => world.step(step).map_err(wrong)?,
            Item::Probe(probe) => {
                let name = format!("{}: {}", file.display(), probe.id);
                let played = play(&mut world, probe).map_err(wrong)?;
                let failed = judge(&world, &probe.claims(), &played, &mut groups);
                let outcome = if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) };
                report.case(&name, outcome);
            }
        }
    }
    Ok(())
}
