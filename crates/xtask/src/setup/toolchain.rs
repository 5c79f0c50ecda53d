//! The compiler in use → one that also builds for wasm, formats and lints.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::context::Context;
use crate::process;
use crate::setup::{Source, debian, step};

pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Longer than the download takes on a slow line, short enough for one that never answers.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn c_compiler(context: &mut Context) -> Result<()> {
    let find = |context: &Context| context.find("cc").map(|path| path.display().to_string());
    step(context, "C compiler", find, |context| debian::install(context, &["gcc", "libc6-dev"]))
}

pub(crate) fn wasm_target(context: &mut Context, source: Source) -> Result<()> {
    let find = |context: &Context| {
        let library = library(context)?;
        (source == Source::Any || debian::in_use(context)).then(|| library.display().to_string())
    };
    step(context, WASM, find, |context| match source {
        Source::Any => from_rustup(context).or_else(|problem| {
            eprintln!("setup: {problem}");
            debian::wasm_target(context)
        }),
        Source::Debian => debian::wasm_target(context),
    })
}

/// rustfmt and clippy.
pub(crate) fn checkers(context: &mut Context) -> Result<()> {
    for (name, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let find = |context: &Context| process::output(context.cargo(&[name]).arg("--version"));
        let find = |context: &Context| find(context).map(|text| text.trim().to_owned());
        step(context, component, find, |context| {
            if debian::in_use(context) {
                return debian::install(context, &["rustfmt-web", "rust-web-clippy"]);
            }
            let mut rustup = context.command("rustup");
            let log = context.log("rustup");
            process::run_limited(rustup.args(["component", "add", component]), &log, DOWNLOAD_LIMIT)
                .map_err(|_| format!("install {component} for the Rust toolchain in use"))
        })?;
    }
    Ok(())
}

/// The folder of the wasm standard library of the compiler in use, when it is there.
fn library(context: &Context) -> Option<PathBuf> {
    let mut rustc = context.command("rustc");
    let text = process::output(rustc.args(["--print", "target-libdir", "--target", WASM]))?;
    let folder = PathBuf::from(text.trim());
    has_std(&folder).then_some(folder)
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn from_rustup(context: &Context) -> Result<()> {
    if context.toolchain.is_none() {
        return Err("the compiler in use is not rustup's".to_owned());
    }
    let mut rustup = context.command("rustup");
    let log = context.log("rustup");
    process::run_limited(rustup.args(["target", "add", WASM]), &log, DOWNLOAD_LIMIT)
}
