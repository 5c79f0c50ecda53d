//! `svclab kernel`: manifests → a scenario that a real Linux kernel can replay, with the lab's own
//! predictions; and the lab's answer to such a scenario.
//!
//! [`mod@write`] makes the scenario (without manifests of a [`random`] cluster), [`predict`] every
//! claim, [`story`] what happens over time, [`valid`] what the replay asks of it. [`world`] reads a
//! scenario into the lab's network, its settings with [`sysctl`], [`mod@play`] plays its probes
//! there, [`mod@judge`] compares.

mod judge;
mod play;
mod predict;
mod random;
mod scenario;
mod story;
mod sysctl;
mod valid;
mod world;
mod write;

use std::process::ExitCode;

pub(crate) use judge::{Groups, judge};
pub(crate) use play::play;
pub(crate) use scenario::{Item, Scenario};
pub(crate) use world::World;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::state;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut seed: u64 = 1;
    let files = arguments.paths(|name, rest| {
        if name != "--seed" {
            return Ok(false);
        }
        let value = rest.value(name)?;
        let number = value.to_str().and_then(|it| it.parse().ok());
        seed = number.ok_or_else(|| Failure::new("--seed needs a number"))?;
        Ok(true)
    })?;
    let (name, manifests) = match files.first() {
        None => (format!("random-{seed}"), random::manifests(seed)),
        Some(first) => {
            let stem = first.file_stem().map(|it| it.to_string_lossy().into_owned());
            let texts: Result<Vec<String>, Failure> =
                files.iter().map(|it| state::text(it)).collect();
            (stem.unwrap_or_default(), texts?.join("\n---\n"))
        }
    };
    let scenario = write::write(&name, &manifests, seed).map_err(Failure::new)?;
    let text = serde_json::to_string_pretty(&scenario);
    let text = text.map_err(|error| Failure::new(error.to_string()))?;
    crate::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
