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
            // One that cannot be played says nothing of the others.
            if let Err(problem) = scenario(&file, &text, report) {
                report.case(&file.display().to_string(), Err(problem));
            }
        }
    }
    Ok(())
}

fn scenario(file: &Path, text: &str, report: &mut Report) -> Result<(), String> {
    let scenario: Scenario = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut world = World::new(&scenario, file.parent().unwrap_or(file), 1)?;
    let mut groups = Groups::new();
    for item in &scenario.probes {
        match item {
            Item::Step(step) => world.step(step)?,
            Item::Probe(probe) => {
                let name = format!("{}: {}", file.display(), probe.id);
                let played = play(&mut world, probe)?;
                let failed = judge(&world, &probe.claims(), &played, &mut groups);
                let outcome = if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) };
                report.case(&name, outcome);
            }
        }
    }
    Ok(())
}
