//! The page's source → `dist/`, a folder of files for any file host, and how large they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::context::Context;
use crate::{copies, first_load, process, worker};

pub(crate) fn dist(context: &Context) -> PathBuf {
    context.root.join("dist")
}

pub(crate) fn build(context: &Context) -> Result<()> {
    trunk(context, "web/index.html", &dist(context))?;
    write_reference(context)?;
    first_load::shorten(context)?;
    minify(context)?;
    worker::write(context)
}

/// All files of a folder and of those in it, by their paths with slashes.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut res = BTreeMap::new();
    gather(folder, "", &mut res)?;
    Ok(res)
}

fn gather(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let problem = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            gather(&path, &format!("{name}/"), into)?;
        } else {
            into.insert(name, fs::read(&path).map_err(problem)?);
        }
    }
    Ok(())
}

/// Trunk leaves what wasm-bindgen has written as it is.
fn minify(context: &Context) -> Result<()> {
    let mut node = context.command("node");
    process::run(node.arg("web/js/minify.mjs").arg(dist(context)))
}

/// What the API says of its kinds: a file that the page fetches when somebody asks for it.
fn write_reference(context: &Context) -> Result<()> {
    let path = dist(context).join("reference.txt");
    let file = fs::File::create(&path);
    let file = file.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    process::run(context.cargo(&["run", "--quiet", "-p", "svclab-reference"]).stdout(file))
}

/// The engine alone, which measures itself where it is opened; built as the page is. Gives its
/// folder.
pub(crate) fn build_engine(context: &Context) -> Result<PathBuf> {
    let folder = context.target().join("xtask/engine");
    trunk(context, "web/engine.html", &folder)?;
    copies::shorten(&folder)?;
    Ok(folder)
}

fn trunk(context: &Context, source: &str, folder: &Path) -> Result<()> {
    let mut trunk = context.command("trunk");
    trunk.args(["build", "--release", "--dist"]).arg(folder).arg(source);
    // What it logs is not what was asked for: `bench` prints JSON and nothing else.
    trunk.stdout(std::io::stderr());
    // Trunk reads NO_COLOR as a flag of its own and stops at the usual value `1`.
    process::run(trunk.env_remove("NO_COLOR"))
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
    fn page_and_engine_are_built_alike_by_plain_trunk_too() {
        let sources =
            [include_str!("../../../web/index.html"), include_str!("../../../web/engine.html")];
        for source in sources {
            assert!(source.contains(r#"data-cargo-profile-release="page" data-wasm-opt="z""#));
        }
    }
}
