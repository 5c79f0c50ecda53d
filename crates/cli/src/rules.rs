//! `svclab rules`: what one node's kube-proxy gives to `iptables-restore`, or what it makes in
//! another mode.

use std::path::Path;
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
    let mut mode = Mode::Iptables;
    let files = arguments.paths(|name, rest| {
        match name {
            "--options" => options = Some(rest.value(name)?),
            "--jumps" => jumps = true,
            "--mode" => mode = Mode::read(&rest.value(name)?)?,
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
    let mut text = match mode {
        Mode::Iptables => proxy::full_sync(&objects, &settings).restore.to_string(),
        Mode::Ipvs => proxy::ipvs(&objects, &settings).to_string(),
        Mode::Nftables => proxy::nftables(&objects, &settings).table.to_string(),
    };
    if jumps && mode == Mode::Iptables {
        text.push_str(&proxy::jumps().to_string());
    }
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// kube-proxy's `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Iptables,
    Nftables,
    Ipvs,
}

impl Mode {
    /// By kube-proxy's word, or the tool's that loads the rules.
    fn read(word: &Path) -> Result<Mode, Failure> {
        match word.to_str() {
            Some("iptables") => Ok(Mode::Iptables),
            Some("nftables" | "nft") => Ok(Mode::Nftables),
            Some("ipvs") => Ok(Mode::Ipvs),
            _ => Err(Failure::new(format!(
                "--mode is iptables, nft or ipvs, not {:?}",
                word.display()
            ))),
        }
    }
}

/// kube-proxy's defaults, on the first node there is.
pub(crate) fn first_node(objects: &Objects) -> Settings {
    let node = objects.keys().find(|it| it.kind == Kind::Node).map(|it| it.name.clone());
    Settings { node: node.unwrap_or_default(), ..Settings::default() }
}
