//! `svclab check`: runs every case of the conformance data found in the directories given.
//!
//! A line for each case that differs, then how many passed and failed; status 1 if any failed.
//! Each layout looks for its own files in every directory and reports what it found.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod api;
mod controllers;
mod dns;
mod kernel;
mod kube_proxy;
mod kubectl;
mod nft;
mod packet_cases;
mod packets;
mod placeholders;

use crate::arguments::Arguments;
use crate::failure::Failure;

pub(crate) use kubectl::{Printed, masked};

/// What looks for cases in one directory.
type Layout = fn(&Path, &mut Report) -> Result<(), Failure>;

const LAYOUTS: &[Layout] = &[
    api::requests,
    controllers::stories,
    dns::replies,
    kernel::scenarios,
    kube_proxy::rules,
    kube_proxy::jumps,
    kubectl::sessions,
    nft::tables,
    nft::packets,
    packets::packets,
    packet_cases::cases,
];

/// Conformance data stands no deeper than this in a directory.
const MAX_DEPTH: usize = 6;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let roots = arguments.paths(|_, _| Ok(false))?;
    if roots.is_empty() {
        return Err(Failure::new("check needs at least one directory"));
    }
    let mut report = Report::default();
    for root in &roots {
        for directory in directories(root)? {
            LAYOUTS.iter().try_for_each(|layout| layout(&directory, &mut report))?;
        }
    }
    if report.passed + report.failed == 0 {
        return Err(Failure::new(format!("no cases in {}", names(&roots))));
    }
    report.verdict()
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
    names.join(" ")
}

/// `root` and what is in it, in the order of names.
fn directories(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut res = Vec::new();
    let mut left = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = left.pop() {
        if depth < MAX_DEPTH {
            let inner = subdirectories(&directory)
                .map_err(|error| Failure::unreadable(&directory, &error))?;
            left.extend(inner.into_iter().rev().map(|it| (it, depth + 1)));
        }
        res.push(directory);
    }
    Ok(res)
}

fn subdirectories(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut res = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            res.push(path);
        }
    }
    res.sort();
    Ok(res)
}

#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
    lines: String,
}

impl Report {
    /// `outcome` says what was expected and what came, where they differ.
    pub(crate) fn case(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(difference) => {
                self.failed += 1;
                self.lines.push_str(&format!("{name}: {}\n", difference.replace('\n', " ")));
            }
        }
    }

    /// Prints what differed and how many cases there were.
    pub(crate) fn verdict(&self) -> Result<ExitCode, Failure> {
        crate::print(&format!("{}{} passed, {} failed\n", self.lines, self.passed, self.failed))?;
        Ok(if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The first line in which two texts differ.
pub(crate) fn first_difference(expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let (mut wanted, mut came) = (expected.split_inclusive('\n'), found.split_inclusive('\n'));
    let mut line = 0;
    loop {
        line += 1;
        match (wanted.next(), came.next()) {
            (Some(wanted), Some(came)) if wanted == came => {}
            (wanted, came) => {
                let show = |it: Option<&str>| it.map_or("the end".into(), |it| format!("{it:?}"));
                return Err(format!("line {line}: expected {}, came {}", show(wanted), show(came)));
            }
        }
    }
}
