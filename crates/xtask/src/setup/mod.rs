//! What a machine has → what the commands need, installing only what is missing.
//!
//! Each step looks first, and its line tells what was found or how long it took to install.
//! Where things go, so that plain `trunk serve` and `trunk build --release` find them too:
//!
//! - trunk, wasm-bindgen and a `wasm-opt` script beside cargo's other programs (`$CARGO_HOME/bin`);
//! - npm packages in `node_modules` beside the lock file that names them;
//! - the wasm target in the toolchain in use. Where rustup cannot download it, Debian's compiler
//!   gets one that is built here, in its own sysroot with its linker, and rustup is told to use
//!   that compiler in this folder and nowhere else (`rustup override unset` takes it back).
//!   So no configuration of cargo's, the user's or the repository's, has to say anything;
//! - browser, fonts and kernel tools from Debian's packages.

mod browser;
mod debian;
mod npm;
mod toolchain;
mod wasm_tools;

pub(crate) use browser::{chromedriver, chromium};
pub(crate) use toolchain::WASM;

use std::time::Instant;

use crate::Result;
use crate::context::Context;

/// Where the scripts are that open the page in a browser.
const PAGE_TESTS: &str = "tests/page";

/// Where a missing wasm target may come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Any,
    Debian,
}

/// What `build` and `serve` need; a browser, where there is one, shortens the first load.
pub(crate) fn build_tools(context: &mut Context) -> Result<()> {
    for_build(context, Source::Any)?;
    if chromium(context).is_some()
        && let Err(problem) = npm::packages(context, PAGE_TESTS)
    {
        eprintln!("setup: going on without: {problem}");
    }
    Ok(())
}

/// What any command needs.
pub(crate) fn everything(context: &mut Context, source: Source) -> Result<()> {
    for_build(context, source)?;
    toolchain::checkers(context)?;
    browser::browser(context)?;
    browser::optional(context);
    npm::packages(context, PAGE_TESTS)
}

fn for_build(context: &mut Context, source: Source) -> Result<()> {
    toolchain::c_compiler(context)?;
    npm::node(context)?;
    toolchain::wasm_target(context, source)?;
    wasm_tools::trunk(context)?;
    wasm_tools::wasm_bindgen(context)?;
    wasm_tools::wasm_opt(context)?;
    npm::packages(context, "web/js")
}

/// `find` says what is there, if it is; `install` is called if it is not.
fn step(
    context: &mut Context,
    name: &str,
    find: impl Fn(&Context) -> Option<String>,
    install: impl FnOnce(&mut Context) -> Result<()>,
) -> Result<()> {
    let started = Instant::now();
    if let Some(found) = find(context) {
        eprintln!("setup: {name}: {found} ({:.2} s)", started.elapsed().as_secs_f64());
        return Ok(());
    }
    eprintln!("setup: {name}: missing, installing …");
    install(context)?;
    let seconds = started.elapsed().as_secs_f64();
    let found = find(context).ok_or_else(|| {
        format!("{name} was installed, but what comes first on PATH is another; remove that one")
    })?;
    eprintln!("setup: {name}: {found}, installed in {seconds:.1} s");
    Ok(())
}

/// The first line of what `program --version` prints.
fn version(context: &Context, program: &str) -> Option<String> {
    let text = crate::process::output(context.command(program).arg("--version"))?;
    text.lines().next().map(str::to_owned)
}
