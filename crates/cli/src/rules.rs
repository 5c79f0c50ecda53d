//! `svclab rules`: what one node's kube-proxy gives to `iptables-restore`.

use std::process::ExitCode;

use svclab_core::key::Kind;
use svclab_core::object::Objects;
use svclab_core::proxy::{self, Settings};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::state;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut options = None;
    let mut jumps = false;
    let files = arguments.paths(|name, rest| {
        match name {
            "--options" => options = Some(rest.value(name)?),
            "--jumps" => jumps = true,
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
    let mut text = proxy::full_sync(&objects, &settings).restore.to_string();
    if jumps {
        text.push_str(&proxy::jumps().to_string());
    }
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// kube-proxy's defaults, on the first node there is.
pub(crate) fn first_node(objects: &Objects) -> Settings {
    let node = objects.keys().find(|it| it.kind == Kind::Node).map(|it| it.name.clone());
    Settings { node: node.unwrap_or_default(), ..Settings::default() }
}
