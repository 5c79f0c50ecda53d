//! `svclab rules`: what one node's kube-proxy gives to `iptables-restore`, or what it makes in
//! another mode.

use std::path::Path;
use std::process::ExitCode;

use svclab_core::key::Kind;
use svclab_core::object::Objects;
use svclab_core::proxy::{self, Settings};
use svclab_netfilter::text::Restore;

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
    let mut text = mode.text(&objects, &settings);
    if jumps && let Some(jumps) = mode.jumps() {
        text.push_str(&jumps.to_string());
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
    Userspace,
}

impl Mode {
    /// By kube-proxy's word, or the tool's that loads the rules.
    fn read(word: &Path) -> Result<Mode, Failure> {
        match word.to_str() {
            Some("iptables") => Ok(Mode::Iptables),
            Some("nftables" | "nft") => Ok(Mode::Nftables),
            Some("ipvs") => Ok(Mode::Ipvs),
            Some("userspace") => Ok(Mode::Userspace),
            _ => Err(Failure::new(format!(
                "--mode is iptables, nft, ipvs or userspace, not {:?}",
                word.display()
            ))),
        }
    }

    /// IPVS mode as `ipvsadm -Ln`, `ipset save` and `iptables-restore`, with empty lines between.
    fn text(self, objects: &Objects, settings: &Settings) -> String {
        match self {
            Mode::Iptables => proxy::full_text(objects, settings),
            Mode::Nftables => proxy::nftables(objects, settings).table.to_string(),
            Mode::Userspace => proxy::userspace(objects, settings).restore.to_string(),
            Mode::Ipvs => {
                let ipvs = proxy::ipvs(objects, settings);
                format!("{ipvs}\n{}\n{}", ipvs.save_sets(), ipvs.restore)
            }
        }
    }

    fn jumps(self) -> Option<Restore> {
        match self {
            Mode::Iptables => Some(proxy::jumps()),
            Mode::Ipvs => Some(proxy::ipvs_jumps()),
            Mode::Nftables | Mode::Userspace => None,
        }
    }
}

/// kube-proxy's defaults, on the first node there is.
pub(crate) fn first_node(objects: &Objects) -> Settings {
    let node = objects.keys().find(|it| it.kind == Kind::Node).map(|it| it.name.clone());
    Settings { node: node.unwrap_or_default(), ..Settings::default() }
}
