//! Commands that run others: `watch`, `xargs`, `timeout`, `time`-like wrappers.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use svclab_core::time::Duration;

use super::here::{self, Calendar};
use super::options::Options;
use crate::language;
use crate::pipe::Output;
use crate::process::Process;

/// Runs a line in a shell of its own and keeps what it prints.
async fn captured(process: &Process, line: &str) -> String {
    let kept = Rc::new(RefCell::new(String::new()));
    let mut inner = process.subshell();
    inner.stdout = Output::Kept(kept.clone());
    inner.stderr = Output::Kept(kept.clone());
    language::run_line(inner, line.to_owned()).await;
    kept.take()
}

/// Words as one line that gives them back.
fn quoted(words: &[String]) -> String {
    let words = words.iter().map(|it| format!("'{}'", it.replace('\'', "'\\''")));
    words.collect::<Vec<_>>().join(" ")
}

/// `watch [-n SECONDS] COMMAND`: prints the output again when it has changed, until it is
/// interrupted.
pub(super) async fn watch(process: Process, words: Vec<String>) -> u8 {
    let (mut every, mut at): (f64, usize) = (2.0, 0);
    while let Some(word) = words.get(at).filter(|it| it.starts_with('-')) {
        let glued = word.strip_prefix("-n").filter(|it| !it.is_empty());
        if word == "-n" || word == "--interval" {
            every = words.get(at + 1).and_then(|it| it.parse().ok()).unwrap_or(every);
            at += 1;
        } else if let Some(number) = glued {
            every = number.parse().unwrap_or(every);
        }
        at += 1;
    }
    let Some(line) = words.get(at..).filter(|it| !it.is_empty()).map(|it| it.join(" ")) else {
        process.err("Usage:\n watch [options] command\n");
        return 1;
    };
    let every = Duration::from_micros((every.clamp(0.1, 1e6) * 1e6) as u64);
    let mut last = None;
    loop {
        let text = captured(&process, &line).await;
        if last.as_ref() != Some(&text) {
            let when = Calendar::of(process.now()).line();
            let seconds = every.as_micros() as f64 / 1e6;
            process.out(&format!("Every {seconds:.1}s: {line}    {when}\n\n{text}\n"));
            last = Some(text);
        }
        process.sleep(every).await;
    }
}

/// `xargs [-n COUNT] [-I NAME] COMMAND`
pub(super) async fn xargs(process: Process, words: Vec<String>) -> u8 {
    // What stands behind the command is the command's.
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|it| it.starts_with('-')) {
        at += if matches!(word.as_str(), "-n" | "-I" | "-P" | "-L" | "-d") { 2 } else { 1 };
    }
    let (own, command) = words.split_at(at.min(words.len()));
    let spec = Options { letters: "n:I:P:L:d:rt0", names: &[("no-run-if-empty", 'r')], valued: "" };
    let line = match spec.read(own) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(&wrong.gnu("xargs"));
            return 1;
        }
    };
    let command = if command.is_empty() { vec!["echo".to_owned()] } else { command.to_vec() };
    let text = process.read_all().await;
    let runs: Vec<Vec<String>> = match line.value('I') {
        Some(name) => {
            let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
            lines.map(|value| command.iter().map(|it| it.replace(name, value)).collect()).collect()
        }
        None => {
            let items: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let size = line.value('n').and_then(|it| it.parse().ok()).unwrap_or(items.len());
            let with = |it: &[String]| command.iter().chain(it).cloned().collect();
            match items.is_empty() {
                true if line.has('r') => Vec::new(),
                true => vec![command.clone()],
                false => items.chunks(size.max(1)).map(with).collect(),
            }
        }
    };
    let mut status = 0;
    for words in runs {
        let found = language::run_line(process.subshell(), quoted(&words)).await;
        if found != 0 {
            status = 123;
        }
    }
    status
}

/// `timeout [-s SIGNAL] [-k DURATION] DURATION COMMAND`
pub(super) async fn timeout(process: Process, words: Vec<String>) -> u8 {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|it| it.starts_with('-')) {
        at +=
            if matches!(word.as_str(), "-s" | "-k" | "--signal" | "--kill-after") { 2 } else { 1 };
    }
    let (Some(span), Some(command)) = (words.get(at), words.get(at + 1..)) else {
        process.err("timeout: missing operand\nTry 'timeout --help' for more information.\n");
        return TROUBLE;
    };
    if command.is_empty() {
        process.err("timeout: missing operand\nTry 'timeout --help' for more information.\n");
        return TROUBLE;
    }
    let Some(patience) = super::text::span(span) else {
        process.err(&format!(
            "timeout: invalid time interval '{span}'\nTry 'timeout --help' for more information.\n"
        ));
        return TROUBLE;
    };
    let mut running = Box::pin(language::run_line(process.subshell(), quoted(command)));
    let mut alarm = Box::pin(process.sleep(patience));
    let ended = poll_fn(|context| match running.as_mut().poll(context) {
        Poll::Ready(status) => Poll::Ready(Some(status)),
        Poll::Pending if patience == Duration::ZERO => Poll::Pending,
        Poll::Pending => alarm.as_mut().poll(context).map(|()| None),
    });
    // BusyBox tells the signal that ended it.
    let late = if here::is_busybox(&process) { 143 } else { 124 };
    ended.await.unwrap_or(late)
}

/// What is wrong with `timeout` itself.
const TROUBLE: u8 = 125;

/// `time COMMAND`: how much virtual time it takes.
pub(super) async fn time(process: Process, words: Vec<String>) -> u8 {
    let start = process.now();
    let status = language::run_line(process.subshell(), quoted(&words)).await;
    let millis = (process.now() - start).as_micros() / 1000;
    let real = format!("{}m{}.{:03}s", millis / 60_000, millis / 1000 % 60, millis % 1000);
    process.err(&format!("\nreal\t{real}\nuser\t0m0.000s\nsys\t0m0.000s\n"));
    status
}
