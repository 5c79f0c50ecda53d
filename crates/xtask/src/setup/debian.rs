//! Debian's packages, and a wasm target for Debian's compiler.
//!
//! Debian has no wasm standard library for its newest compiler, but its source package holds all
//! that is needed to build one. What is built goes to the sysroot, where the compiler looks anyway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::context::Context;
use crate::process;
use crate::setup::toolchain::WASM;

const COMPILER: &[&str] =
    &["rustc-web", "cargo-web", "rust-web-src", "rustfmt-web", "rust-web-clippy"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const TOOLCHAIN: &str = "debian-web";

const ROOT_NEEDED: &str = "Debian's compiler needs files in /usr/lib/rustlib to build for wasm; \
     run `cargo xtask setup` once as root";

/// Installs packages, or says in one sentence which ones to install.
pub(crate) fn install(context: &Context, packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let by_hand = format!("install the equivalent of these Debian packages: {names}");
    if context.find("apt-get").is_none() {
        return Err(by_hand);
    }
    let Some(mut update) = as_root(context, "apt-get") else {
        return Err(format!("as root, run: apt-get install --no-install-recommends {names}"));
    };
    // A list that cannot be renewed may still name the packages.
    let log = context.log("apt");
    let _ = process::run_logged(update.args(["-q", "update"]), &log);
    let mut install = as_root(context, "apt-get").ok_or(by_hand)?;
    install.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]);
    install.args(["install", "--no-install-recommends"]).args(packages);
    process::run_logged(install.env("DEBIAN_FRONTEND", "noninteractive"), &log)
}

/// Whether the compiler in use is Debian's.
pub(crate) fn in_use(context: &Context) -> bool {
    sysroot(&mut context.command("rustc")) == Some(PathBuf::from("/usr"))
}

/// Makes Debian's compiler build for wasm and the compiler in use.
pub(crate) fn wasm_target(context: &mut Context) -> Result<()> {
    if !Path::new("/usr/bin/cargo-clippy").is_file() || !has_source() {
        install(context, COMPILER)?;
    }
    let about = process::output(Command::new(RUSTC).arg("-vV"))
        .ok_or_else(|| format!("{RUSTC} does not run; install the Debian package rustc-web"))?;
    link_linker(context, &about)?;
    if !library().is_dir() {
        build_library(context)?;
    }
    if context.toolchain.is_some() {
        use_in_this_folder(context)?;
    }
    Ok(())
}

fn sysroot(rustc: &mut Command) -> Option<PathBuf> {
    let text = process::output(rustc.args(["--print", "sysroot"]))?;
    Some(PathBuf::from(text.trim()))
}

fn has_source() -> bool {
    Path::new("/usr/lib/rustlib/src/rust/library/std").is_dir()
}

fn library() -> PathBuf {
    Path::new("/usr/lib/rustlib").join(WASM).join("lib")
}

/// rustc looks for `rust-lld` beside its own tools, and Debian has LLVM's under another name.
fn link_linker(context: &Context, about: &str) -> Result<()> {
    let value = |name: &str| about.lines().find_map(|line| line.strip_prefix(name));
    let (Some(host), Some(llvm)) = (value("host: "), value("LLVM version: ")) else {
        return Err(format!("{RUSTC} does not tell its LLVM version"));
    };
    let major = llvm.split('.').next().unwrap_or(llvm);
    let lld = format!("/usr/lib/llvm-{major}/bin/lld");
    if !Path::new(&lld).is_file() {
        install(context, &[&format!("lld-{major}")])?;
    }
    let folder = format!("/usr/lib/rustlib/{host}/bin");
    let link = format!("{folder}/rust-lld");
    if Path::new(&link).is_file() {
        return Ok(());
    }
    change_system(context, "mkdir", &["-p", &folder])?;
    change_system(context, "ln", &["-sfn", &lld, &link])
}

/// Builds the standard library in an empty crate and copies it to the sysroot.
fn build_library(context: &Context) -> Result<()> {
    as_root(context, "cp").ok_or(ROOT_NEEDED)?;
    let folder = context.target().join("xtask/std");
    let _ = fs::remove_dir_all(&folder);
    empty_crate(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut cargo = Command::new(CARGO);
    cargo.current_dir(&folder).args(["build", "--release", "--target", WASM]);
    cargo.arg("-Zbuild-std=std,panic_abort,proc_macro,test");
    cargo.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
    // Without bitcode a build with LTO cannot use the library.
    cargo.env("RUSTFLAGS", "-Cembed-bitcode=yes").env("CARGO_TARGET_DIR", folder.join("target"));
    process::run_logged(&mut cargo, &context.log("std"))?;

    let built = folder.join("target").join(WASM).join("release/deps");
    let library = library().display().to_string();
    change_system(context, "mkdir", &["-p", &library])?;
    for file in libraries(&built)? {
        change_system(context, "cp", &[&file, &library])?;
    }
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn empty_crate(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    let manifest = "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), "")
}

fn libraries(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rlib") && !name.starts_with("libempty-")
    };
    Ok(paths.filter(wanted).map(|path| path.display().to_string()).collect())
}

fn use_in_this_folder(context: &mut Context) -> Result<()> {
    let log = context.log("rustup");
    let mut link = context.command("rustup");
    process::run_logged(link.args(["toolchain", "link", TOOLCHAIN, "/usr"]), &log)?;
    let mut choose = context.command("rustup");
    process::run_logged(choose.args(["override", "set", TOOLCHAIN]), &log)?;
    context.toolchain = Some(TOOLCHAIN.to_owned());
    Ok(())
}

fn change_system(context: &Context, program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = as_root(context, program).ok_or(ROOT_NEEDED)?;
    process::run(command.args(arguments))
}

/// The program as root, if we are root or may become it without being asked for a password.
fn as_root(context: &Context, program: &str) -> Option<Command> {
    if process::output(context.command("id").arg("-u"))?.trim() == "0" {
        return Some(context.command(program));
    }
    process::output(context.command("sudo").args(["-n", "true"]))?;
    let mut sudo = context.command("sudo");
    sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
    Some(sudo)
}
