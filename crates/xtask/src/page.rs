//! The page's source → `dist/`, a folder of files for any file host, and how large they are.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::context::Context;
use crate::{first_load, process};

pub(crate) fn dist(context: &Context) -> PathBuf {
    context.root.join("dist")
}

pub(crate) fn build(context: &Context) -> Result<()> {
    let mut trunk = context.command("trunk");
    // What it logs is not what was asked for: `bench` prints JSON and nothing else.
    trunk.args(["build", "--release"]).stdout(std::io::stderr());
    // Trunk reads NO_COLOR as a flag of its own and stops at the usual value `1`.
    process::run(trunk.env_remove("NO_COLOR"))?;
    first_load::shorten(context)
}

/// The sizes of each file, of all, and of those that the first load fetches.
pub(crate) fn sizes(context: &Context) -> Result<Value> {
    let mut node = context.command("node");
    node.args(["--input-type=module", "-e", include_str!("sizes.mjs")]).arg(dist(context));
    let text = process::output(&mut node).ok_or("the sizes of dist/ could not be read")?;
    serde_json::from_str(&text).map_err(|error| format!("the sizes of dist/: {error}"))
}

pub(crate) fn print_sizes(sizes: &Value) {
    println!("{:>10} {:>10}", "bytes", "brotli");
    let files = sizes["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    for file in files {
        print_size(file, file["name"].as_str().unwrap_or_default());
    }
    print_size(&sizes["total"], "in all");
    print_size(&sizes["first_load"], "first load: index.html and what it names");
}

fn print_size(size: &Value, name: &str) {
    println!("{:>10} {:>10} {name}", size["raw"].to_string(), size["brotli"].to_string());
}

/// Node with what the page's tests and measurements read.
pub(crate) fn node(context: &Context, script: &str) -> Command {
    let mut node = context.command("node");
    node.arg(script).env("SCREENSHOTS", context.target().join("screenshots"));
    if let Some(chromium) = crate::setup::chromium(context) {
        node.env("CHROMIUM", chromium);
    }
    node
}

#[cfg(test)]
mod tests {
    #[test]
    fn plain_trunk_builds_the_page_with_its_own_profile_too() {
        let index = include_str!("../../../web/index.html");
        assert!(index.contains(r#"data-cargo-profile-release="page""#));
    }
}
