//! Node's packages: a lock file → the `node_modules` beside it.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::context::Context;
use crate::process;
use crate::setup::{step, version};

const OLDEST_NODE: u32 = 20;

/// A copy of the lock file that `node_modules` was made from.
const STAMP: &str = "node_modules/.installed-lock.json";

pub(crate) fn node(context: &mut Context) -> Result<()> {
    let find = |context: &Context| {
        let found = version(context, "node")?;
        (major(&found)? >= OLDEST_NODE && context.find("npm").is_some()).then_some(found)
    };
    let by_hand = || format!("install Node {OLDEST_NODE} or newer, with npm");
    step(context, "Node and npm", find, |_| Err(by_hand()))
}

/// The packages of a folder of the repository, if it has a lock file.
pub(crate) fn packages(context: &mut Context, name: &str) -> Result<()> {
    let folder = context.root.join(name);
    if !folder.join("package-lock.json").is_file() {
        return Ok(());
    }
    let find = |_: &Context| is_installed(&folder).then(|| "as locked".to_owned());
    let title = format!("npm packages of {name}");
    step(context, &title, find, |context| clean_install(context, &folder))
}

pub(crate) fn clean_install(context: &Context, folder: &Path) -> Result<()> {
    let mut npm = context.command("npm");
    npm.current_dir(folder).args(["ci", "--no-audit", "--no-fund"]);
    process::run_logged(&mut npm, &context.log("npm"))?;
    fs::copy(folder.join("package-lock.json"), folder.join(STAMP))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(())
}

fn is_installed(folder: &Path) -> bool {
    let lock = fs::read(folder.join("package-lock.json"));
    let stamp = fs::read(folder.join(STAMP));
    matches!((lock, stamp), (Ok(lock), Ok(stamp)) if lock == stamp)
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_its_first_number() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("20"), None);
    }
}
