//! The names of test runners → all of them run, one after another → one line that counts.
//!
//! A runner that fails does not stop the next one: one run tells everything that is wrong.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::context::Context;
use crate::counts::{Counts, counts_from_cargo, counts_from_last_line};
use crate::kernel;
use crate::page;
use crate::process;
use crate::setup;

pub(crate) struct Runner {
    name: &'static str,
    run: fn(&Context) -> Result<Counts>,
}

const RUNNERS: [Runner; 9] = [
    Runner { name: "fmt", run: fmt },
    Runner { name: "clippy", run: clippy },
    Runner { name: "docs", run: docs },
    Runner { name: "native", run: native },
    Runner { name: "wasm", run: wasm },
    Runner { name: "page", run: page },
    Runner { name: "conformance", run: conformance },
    Runner { name: "kernel", run: kernel::run },
    Runner { name: "kubectl", run: kubectl },
];

/// The runners of these names in the order they run, or all when there is no name.
pub(crate) fn chosen(names: &[&str]) -> Result<Vec<&'static Runner>> {
    let known = |name: &&&str| RUNNERS.iter().any(|runner| runner.name == **name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all = RUNNERS.map(|runner| runner.name).join(", ");
        return Err(format!("no runner is called {name}; there are {all}"));
    }
    let chosen = |runner: &&Runner| names.is_empty() || names.contains(&runner.name);
    Ok(RUNNERS.iter().filter(chosen).collect())
}

/// True when no test failed.
pub(crate) fn run(context: &Context, runners: &[&Runner]) -> bool {
    let results: Vec<(&str, Counts)> =
        runners.iter().map(|runner| (runner.name, run_one(context, runner))).collect();
    println!();
    for (name, counts) in &results {
        println!("{name:>12}  {counts}");
    }
    let all: Counts = results.iter().map(|(_, counts)| *counts).sum();
    println!("\n{all}");
    all.failed == 0
}

fn run_one(context: &Context, runner: &Runner) -> Counts {
    println!("\n== {} ==", runner.name);
    let started = Instant::now();
    let counts = (runner.run)(context).unwrap_or_else(|problem| {
        println!("{problem}");
        Counts::FAILED
    });
    println!("== {}: {counts} in {:.0} s ==", runner.name, started.elapsed().as_secs_f64());
    counts
}

fn fmt(context: &Context) -> Result<Counts> {
    let shown = process::show(&mut context.cargo(&["fmt", "--all", "--check"]))?;
    Ok(Counts::one(shown.success))
}

/// Twice, because code for wasm alone is not there for the native compiler; counted once.
fn clippy(context: &Context) -> Result<Counts> {
    let native = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let native = process::show(&mut context.cargo(&native))?;
    let wasm = ["clippy", "-p", "svclab-web", "--target", setup::WASM, "--all-targets"];
    let wasm = process::show(context.cargo(&wasm).args(["--", "-D", "warnings"]))?;
    Ok(Counts::one(native.success && wasm.success))
}

/// Links of the documentation lead somewhere; that of private items too, as maintainers read it.
fn docs(context: &Context) -> Result<Counts> {
    let common = ["doc", "--no-deps", "--document-private-items"];
    let native = ["--workspace", "--exclude", "svclab-web"];
    let native = process::show(context.cargo(&common).args(native))?;
    let wasm = ["-p", "svclab-web", "--target", setup::WASM];
    let wasm = process::show(context.cargo(&common).args(wasm))?;
    Ok(Counts::one(native.success && wasm.success))
}

fn native(context: &Context) -> Result<Counts> {
    cargo_test(context.cargo(&["test", "--workspace", "--no-fail-fast"]))
}

fn wasm(context: &Context) -> Result<Counts> {
    let arguments = ["test", "-p", "svclab-web", "--target", setup::WASM, "--no-fail-fast"];
    let mut cargo = context.cargo(&arguments);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner");
    // In seconds; a busy machine needs more than the runner's own 20 to start a browser.
    cargo.env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    if let Some(driver) = setup::chromedriver(context) {
        cargo.env("CHROMEDRIVER", driver);
    }
    cargo_test(cargo)
}

fn page(context: &Context) -> Result<Counts> {
    page::build(context)?;
    plain_test(page::node(context, "tests/page/run.mjs"))
}

fn conformance(context: &Context) -> Result<Counts> {
    let mut cargo = context.cargo(&["run", "--quiet", "-p", "svclab-cli", "--bin", "svclab"]);
    cargo.args(["--", "check", "tests/conformance", "tests/packet-cases"]);
    plain_test(cargo)
}

/// The real kubectl against the lab's own, by the scripts of one folder.
fn kubectl(context: &Context) -> Result<Counts> {
    const SCRIPTS: &str = "tests/kubectl";
    let mut asked = context.command("kubectl");
    let version = process::output(asked.args(["version", "--client"])).unwrap_or_default();
    if !version.contains("v1.32.") {
        println!("SKIPPED: there is no kubectl 1.32 here, so ours was not compared with it.");
        let skipped = commands(&context.root.join(SCRIPTS))?;
        return Ok(Counts { skipped, ..Counts::default() });
    }
    let mut cargo = context.cargo(&["run", "--quiet", "-p", "svclab-cli", "--bin", "svclab"]);
    cargo.args(["--", "apiserver", "--compare", SCRIPTS]);
    plain_test(cargo)
}

/// How many lines of the scripts are commands.
fn commands(folder: &Path) -> Result<usize> {
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut res = 0;
    for entry in fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.extension().is_some_and(|it| it == "sh") {
            let text = fs::read_to_string(&path).map_err(problem)?;
            res += text.lines().filter(|it| it.starts_with("kubectl")).count();
        }
    }
    Ok(res)
}

fn cargo_test(mut command: Command) -> Result<Counts> {
    let shown = process::show(&mut command)?;
    Ok(Counts::of_run(counts_from_cargo(&shown.text), shown.success))
}

fn plain_test(mut command: Command) -> Result<Counts> {
    let shown = process::show(&mut command)?;
    Ok(Counts::of_run(counts_from_last_line(&shown.text), shown.success))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_runners_in_the_order_they_run() {
        let names =
            |chosen: Vec<&Runner>| chosen.iter().map(|runner| runner.name).collect::<Vec<_>>();
        assert_eq!(chosen(&["page", "fmt"]).map(names), Ok(vec!["fmt", "page"]));
        assert_eq!(chosen(&[]).map(|chosen| chosen.len()), Ok(RUNNERS.len()));
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let problem = chosen(&["pages"]).err().expect("there is no such runner");
        assert!(problem.starts_with("no runner is called pages"), "{problem}");
    }
}
