//! `svclab rules`: what one node's kube-proxy gives to `iptables-restore`, or what it makes in
//! another mode.

use std::path::Path;
use std::process::ExitCode;

use svclab_core::key::Kind;
use svclab_core::modes::Mode;
use svclab_core::object::Objects;
use svclab_core::proxy::Settings;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::state;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut options = None;
    let mut jumps = false;
    let mut wanted = None;
    let files = arguments.paths(|name, rest| {
        match name {
            "--options" => options = Some(rest.value(name)?),
            "--jumps" => jumps = true,
            "--mode" => wanted = Some(mode(&rest.value(name)?)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if files.is_empty() {
        return Err(Failure::new("rules needs at least one state file"));
    }
    let objects = state::objects(&files)?;
    let settings = match options {
        Some(file) => state::settings(&file)?,
        None => first_node(&objects),
    };
    let wanted = wanted.unwrap_or(settings.mode);
    let mut text = wanted.text(&objects, &settings);
    if jumps && let Some(jumps) = wanted.jumps() {
        text.push_str(&jumps.to_string());
    }
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The value of `--mode`.
fn mode(word: &Path) -> Result<Mode, Failure> {
    let found = word.to_str().and_then(Mode::parse);
    found.ok_or_else(|| {
        let word = word.display();
        Failure::new(format!("--mode is iptables, nft, ipvs or userspace, not {word:?}"))
    })
}

/// kube-proxy's defaults, on the first node there is.
pub(crate) fn first_node(objects: &Objects) -> Settings {
    let node = objects.keys().find(|it| it.kind == Kind::Node).map(|it| it.name.clone());
    Settings { node: node.unwrap_or_default(), ..Settings::default() }
}
