//! `dist/` → `dist/worker.js`, which keeps its files for when there is no network.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use crate::Result;
use crate::context::Context;
use crate::page;

const SOURCE: &str = include_str!("../../../web/js/worker.js");
const NAME: &str = "worker.js";
/// Where `index.html` is told of it: a page that was built otherwise has none.
const PLACE: &str = "<!-- worker -->";
/// Once everything else is there.
const REGISTER: &str = r#"<script type="module">
      addEventListener("TrunkApplicationStarted", () =>
        setTimeout(() => navigator.serviceWorker?.register("worker.js"), 5000),
      );
    </script>"#;

pub(crate) fn write(context: &Context) -> Result<()> {
    let folder = page::dist(context);
    let index = folder.join("index.html");
    let text =
        fs::read_to_string(&index).map_err(|error| format!("{}: {error}", index.display()))?;
    if !text.contains(PLACE) {
        return Err(format!("{} has no place for a worker", index.display()));
    }
    put(&index, &text.replace(PLACE, REGISTER))?;
    let files = page::files(&folder)?;
    put(&folder.join(NAME), &worker(&files)?)
}

/// The worker of these files, by their names in the folder.
fn worker(files: &BTreeMap<String, Vec<u8>>) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for (name, content) in files {
        hasher.write(name.as_bytes());
        hasher.write(content);
    }
    // The page itself is asked for by its folder's name.
    let names = files.keys().filter(|it| *it != NAME).map(|it| match it.as_str() {
        "index.html" => "./",
        name => name,
    });
    let names = serde_json::to_string(&names.collect::<Vec<_>>()).map_err(|it| it.to_string())?;
    let version = format!("const VERSION = \"{:016x}\";", hasher.finish());
    let text = SOURCE.replace("const FILES = [];", &format!("const FILES = {names};"));
    Ok(text.replace("const VERSION = \"\";", &version))
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(content: &str) -> BTreeMap<String, Vec<u8>> {
        let file = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_vec());
        BTreeMap::from([file("index.html", content), file("scenarios/a.yaml", "a")])
    }

    #[test]
    fn a_worker_names_all_files_and_differs_when_one_of_them_does() {
        let first = worker(&files("one")).unwrap();
        assert!(first.contains(r#"const FILES = ["./","scenarios/a.yaml"];"#));
        assert!(!first.contains("const VERSION = \"\";"));
        assert_ne!(first, worker(&files("two")).unwrap());
        assert_eq!(first, worker(&files("one")).unwrap());
    }
}
