//! `dist/` with one module → `dist/` whose first load brings what a first visit runs.
//!
//! What that is, is found by opening the page with a module that counts (`split`).
//! The other functions are in a second module, which the page fetches once it stands.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::context::Context;
use crate::split::Constants;
use crate::{copies, page, process, setup, split};

/// Where the script that wasm-bindgen wrote takes what it brings to the module.
const IMPORTS: &str = "const imports = __wbg_get_imports();";
/// Where it waits for the module itself.
const LOADS: &str = "const { instance, module } = await __wbg_load(";

/// Leaves `dist/` as it is, and says so, where no browser can open the page.
pub(crate) fn shorten(context: &Context) -> Result<()> {
    let page = Page::in_folder(page::dist(context))?;
    match entered(context, &page) {
        Ok(entered) => page.cut(&entered, &constants(context)?),
        Err(problem) => {
            eprintln!(
                "NOT SPLIT: the page stays in one piece, so its first load is larger than it should be."
            );
            eprintln!("{problem}");
            Ok(())
        }
    }
}

/// The files that trunk wrote and cutting changes; they share a stem.
struct Page {
    folder: PathBuf,
    stem: String,
}

impl Page {
    fn in_folder(folder: PathBuf) -> Result<Page> {
        let files = page::files(&folder)?;
        let stem = files.keys().find_map(|name| name.strip_suffix("_bg.wasm"));
        let stem = stem.ok_or_else(|| format!("{} has no module", folder.display()))?.to_owned();
        Ok(Page { folder, stem })
    }

    fn module(&self) -> PathBuf {
        self.folder.join(format!("{}_bg.wasm", self.stem))
    }

    fn script(&self) -> PathBuf {
        self.folder.join(format!("{}.js", self.stem))
    }

    /// The stem ends with a new hash: a browser may still have a module that was cut otherwise.
    fn cut(&self, entered: &BTreeSet<u32>, constants: &Constants) -> Result<()> {
        let mut parts = split::cut(&read(&self.module())?, entered, constants)?;
        // Not the first part: it would be a little larger.
        parts.rest = copies::with_short_copies(&parts.rest)?;
        let script = script(&text(&self.script())?)?;
        let mut hasher = DefaultHasher::new();
        for part in [&parts.first, &parts.rest, script.as_bytes()] {
            hasher.write(part);
        }
        let name = self.stem.rsplit_once('-').map_or(self.stem.as_str(), |(name, _)| name);
        let cut =
            Page { folder: self.folder.clone(), stem: format!("{name}-{:016x}", hasher.finish()) };

        let index = self.folder.join("index.html");
        let rest = format!("{}_rest.wasm", cut.stem);
        write(&index, text(&index)?.replace(&self.stem, &cut.stem).as_bytes())?;
        for file in [self.module(), self.script()] {
            fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        write(&cut.module(), &parts.first)?;
        write(&cut.script(), script.replace("REST", &rest).as_bytes())?;
        write(&self.folder.join(rest), &parts.rest)
    }
}

/// Where the module has its constants, as web/build.rs had the linker write it down last.
fn constants(context: &Context) -> Result<Constants> {
    let folder = context.target().join("wasm32-unknown-unknown/page/build");
    let builds = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let maps = builds.filter_map(|it| Some(it.ok()?.path().join("out/link.map")));
    let dated = maps.filter_map(|it| Some((fs::metadata(&it).ok()?.modified().ok()?, it)));
    let (_, last) = dated.max().ok_or("the linker did not write where the constants lie")?;
    Constants::of_map(&text(&last)?)
}

/// The functions that a first visit enters, found with a copy of the page that counts.
fn entered(context: &Context, page: &Page) -> Result<BTreeSet<u32>> {
    if setup::chromium(context).is_none() {
        return Err("There is no Chromium to open it with.".to_owned());
    }
    let counting =
        Page { folder: context.target().join("xtask/counting"), stem: page.stem.clone() };
    copy(&page.folder, &counting.folder)?;
    write(&counting.module(), &split::counting(&read(&page.module())?)?)?;
    let mut node = page::node(context, "tests/page/entered.mjs");
    let text = process::output_or_say(node.arg(&counting.folder))?;
    serde_json::from_str(&text).map_err(|error| format!("tests/page/entered.mjs: {error}"))
}

/// Hands `rest.js` what the module imports.
fn script(whole: &str) -> Result<String> {
    if !whole.contains(IMPORTS) || !whole.contains(LOADS) {
        return Err("wasm-bindgen writes another script than is understood here".to_owned());
    }
    let whole = whole.replace(IMPORTS, "const imports = withRest(__wbg_get_imports());");
    let whole = whole.replace(LOADS, &format!("await atHand();\n    {LOADS}"));
    Ok(format!("{whole}\n{}", include_str!("split/rest.js")))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // It may not be there.
    let _ = fs::remove_dir_all(to);
    for (name, content) in page::files(from)? {
        let path = to.join(name);
        let folder = path.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        write(&path, &content)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
