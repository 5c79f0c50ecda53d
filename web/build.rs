//! Has the linker write down where each constant of the page lies: `xtask::split` cuts them.

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script all it knows by variables"
)]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let (arch, folder) = (env::var("CARGO_CFG_TARGET_ARCH"), env::var("OUT_DIR"));
    if let (Ok("wasm32"), Ok(folder)) = (arch.as_deref(), folder) {
        println!("cargo:rustc-link-arg-bin=svclab-web=--Map={folder}/link.map");
    }
}
