//! Trunk and the two programs it calls.
//!
//! Trunk takes a program from PATH when it is there, and would download it otherwise. It insists
//! on the wasm-bindgen of Cargo.lock and takes any wasm-opt.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::Result;
use crate::context::Context;
use crate::process;
use crate::setup::{npm, step, version};

const TRUNK: &str = "0.21.14";

/// Older ones stop at features that today's compilers use without being asked.
const OLDEST_WASM_OPT: u32 = 120;

/// These tools run for seconds; an optimised build of them takes minutes longer.
const QUICK_PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

pub(crate) fn trunk(context: &mut Context) -> Result<()> {
    let expected = format!("trunk {TRUNK}");
    let find = |context: &Context| version(context, "trunk").filter(|found| *found == expected);
    step(context, "trunk", find, |context| cargo_install(context, "trunk", TRUNK))
}

pub(crate) fn wasm_bindgen(context: &mut Context) -> Result<()> {
    let lock = fs::read_to_string(context.root.join("Cargo.lock"))
        .map_err(|error| format!("Cargo.lock: {error}"))?;
    let wanted = locked_version(&lock, "wasm-bindgen").ok_or("Cargo.lock has no wasm-bindgen")?;
    let find = |context: &Context| {
        let runner = version(context, "wasm-bindgen-test-runner")?;
        let bindgen = version(context, "wasm-bindgen")?;
        [&runner, &bindgen].iter().all(|found| last_word(found) == wanted).then_some(bindgen)
    };
    step(context, "wasm-bindgen", find, |context| {
        cargo_install(context, "wasm-bindgen-cli", wanted)
    })
}

pub(crate) fn wasm_opt(context: &mut Context) -> Result<()> {
    let find = |context: &Context| {
        version(context, "wasm-opt").filter(|found| wasm_opt_number(found) >= OLDEST_WASM_OPT)
    };
    step(context, "wasm-opt", find, install_wasm_opt)
}

/// The lock files of the tools may name crates that a registry does not have.
fn cargo_install(context: &Context, package: &str, version: &str) -> Result<()> {
    let install = |more: &[&str]| {
        let mut cargo = context.cargo(&["install", "--force", "--version", version, package]);
        cargo.args(more).envs(QUICK_PROFILE).env("CARGO_INSTALL_ROOT", &context.cargo_home);
        process::run_logged(&mut cargo, &context.log(package))
    };
    install(&["--locked"]).or_else(|_| install(&[])).map_err(|problem| {
        format!("install {package} {version} with `cargo install`; it failed here:\n{problem}")
    })
}

/// npm's build of it, kept with cargo's programs so that it outlives this checkout.
fn install_wasm_opt(context: &mut Context) -> Result<()> {
    let folder = context.cargo_home.join("service-lab");
    let program = folder.join("node_modules/binaryen/bin/wasm-opt");
    let script = format!("#!/bin/sh\nexec node '{}' \"$@\"\n", program.display());
    let link = context.cargo_home.join("bin/wasm-opt");
    write_files(&folder, &link, &script).map_err(|error| format!("wasm-opt: {error}"))?;
    npm::clean_install(context, &folder)
}

fn write_files(folder: &Path, link: &Path, script: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("package.json"), include_str!("../../npm/package.json"))?;
    fs::write(folder.join("package-lock.json"), include_str!("../../npm/package-lock.json"))?;
    fs::write(link, script)?;
    fs::set_permissions(link, fs::Permissions::from_mode(0o755))
}

/// The version of `package` that a Cargo.lock names.
fn locked_version<'lock>(lock: &'lock str, package: &str) -> Option<&'lock str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

fn last_word(text: &str) -> &str {
    text.split_whitespace().next_back().unwrap_or_default()
}

/// The 132 of `wasm-opt version 132 (version_132)`.
fn wasm_opt_number(text: &str) -> u32 {
    let word = text.strip_prefix("wasm-opt version ").and_then(|rest| rest.split(' ').next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_names_one_version_of_exactly_that_package() {
        let lock = "\
[[package]]
name = \"wasm-bindgen-macro\"
version = \"0.2.1\"

[[package]]
name = \"wasm-bindgen\"
version = \"0.2.130\"
source = \"registry\"
";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
        assert_eq!(locked_version("", "wasm-bindgen"), None);
    }

    #[test]
    fn versions_are_read_from_what_the_tools_print() {
        assert_eq!(last_word("wasm-bindgen 0.2.130"), "0.2.130");
        assert_eq!(wasm_opt_number("wasm-opt version 132 (version_132)"), 132);
        assert_eq!(wasm_opt_number("wasm-opt version 108"), 108);
        assert_eq!(wasm_opt_number("something else"), 0);
    }
}
