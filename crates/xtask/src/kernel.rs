//! The lab's predictions against this machine's kernel: manifests → scenarios → replayed → counted.
//!
//! `svclab kernel` writes a scenario for each manifest of `tests/kernel/manifests` and for some
//! random clusters; `kernel_replay.py` builds them out of network namespaces and compares.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::Result;
use crate::context::Context;
use crate::counts::Counts;
use crate::process;

const REPLAY: &str = "tests/kernel/kernel_replay.py";
const MANIFESTS: &str = "tests/kernel/manifests";
/// Scenarios that others wrote and confirmed.
const RECORDED: &str = "tests/conformance/kernel";
/// Of random clusters.
const SEEDS: [u32; 4] = [1, 2, 3, 4];
/// Replays that run at once.
const LANES: usize = 2;

pub(crate) fn run(context: &Context) -> Result<Counts> {
    let manifests = files(&context.root.join(MANIFESTS), "yaml")?;
    let recorded = files(&context.root.join(RECORDED), "json")?;
    let Some(wrapper) = wrapper(context) else {
        let count = manifests.len() + SEEDS.len() + recorded.len();
        println!("SKIPPED: this machine cannot replay scenarios, so no prediction was confirmed.");
        println!("It takes Linux with python3, iptables, conntrack, br_netfilter, and root.");
        return Ok(Counts { skipped: count, ..Counts::default() });
    };
    let mut scenarios = written(context, &manifests)?;
    scenarios.extend(recorded);
    Ok(replay(context, &wrapper, &scenarios))
}

/// How kernel_replay runs here: as we are, or as root of a user namespace.
fn wrapper(context: &Context) -> Option<Vec<&'static str>> {
    [vec!["python3"], vec!["unshare", "-Urn", "python3"]].into_iter().find(|words| {
        let mut command = command(context, words);
        command.arg("--check-env").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|it| it.success())
    })
}

fn command(context: &Context, words: &[&str]) -> Command {
    let mut command = context.command(words[0]);
    command.args(&words[1..]).arg(REPLAY).stdin(Stdio::null());
    command
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut res = Vec::new();
    for entry in fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.extension().is_some_and(|it| it == ending) {
            res.push(path);
        }
    }
    res.sort();
    Ok(res)
}

/// A scenario file for each manifest and each seed.
fn written(context: &Context, manifests: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let folder = context.target().join("xtask").join("kernel");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let named = manifests.iter().map(|it| {
        let name = it.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (name, vec![it.display().to_string()])
    });
    let random =
        SEEDS.map(|seed| (format!("random-{seed}"), vec!["--seed".into(), seed.to_string()]));
    let mut res = Vec::new();
    for (name, arguments) in named.chain(random) {
        let words = ["run", "--quiet", "-p", "svclab-cli", "--bin", "svclab", "--", "kernel"];
        let text = process::output_or_say(context.cargo(&words).args(&arguments))?;
        let file = folder.join(format!("{name}.json"));
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        res.push(file);
    }
    Ok(res)
}

/// Some scenarios at a time; each is one test. What fails is played once more, alone: time-outs of
/// some seconds come too early on a busy machine, but what is wrong is wrong again.
fn replay(context: &Context, wrapper: &[&str], scenarios: &[PathBuf]) -> Counts {
    let lane = |lane: usize| -> Vec<(PathBuf, String)> {
        let own = scenarios.iter().skip(lane).step_by(LANES);
        own.map(|it| (it.clone(), replay_one(context, wrapper, it))).collect()
    };
    let summaries: Vec<(PathBuf, String)> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|it| scope.spawn(move || lane(it))).collect();
        lanes.into_iter().flat_map(|it| it.join().unwrap_or_default()).collect()
    });
    let mut confirmed = 0;
    let mut counts = Counts { failed: scenarios.len() - summaries.len(), ..Counts::default() };
    for (file, mut summary) in summaries {
        if !has_passed(&summary) {
            tell_failure(&file, &summary);
            println!("  once more, alone:");
            summary = replay_one(context, wrapper, &file);
            tell_failure(&file, &summary);
        }
        confirmed += summary.lines().filter(|it| it.trim_start().starts_with("pass ")).count();
        counts = counts + Counts::one(has_passed(&summary));
    }
    println!("{confirmed} predictions confirmed in {} scenarios", scenarios.len());
    counts
}

fn has_passed(summary: &str) -> bool {
    summary.lines().filter(|it| it.trim_start().starts_with("PASS ")).count() == 1
}

fn tell_failure(file: &Path, summary: &str) {
    println!("{}", file.display());
    let telling = |it: &&str| {
        ["fail ", "FAILED", "error", "FAIL ", "PASS "]
            .iter()
            .any(|word| it.trim_start().starts_with(word))
    };
    summary.lines().filter(telling).for_each(|it| println!("  {it}"));
}

fn replay_one(context: &Context, wrapper: &[&str], scenario: &Path) -> String {
    let mut command = command(context, wrapper);
    let output = command.arg(scenario).arg("-o").arg("/dev/null").output();
    match output {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("error: {error}"),
    }
}
