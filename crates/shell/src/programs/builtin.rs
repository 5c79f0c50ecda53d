//! What the shell does itself: flow, directories, variables.

use std::future::poll_fn;
use std::task::Poll;

use crate::jobs::{Jobs, NOT_A_CHILD};
use crate::language::run::Flow;
use crate::language::variables::{self, Array};
use crate::language::{evaluate, run_here};
use crate::process::Process;

/// `None`: it is no word of the shell.
pub(super) async fn call(process: &Process, words: &[String]) -> Option<Flow> {
    let (name, arguments) = words.split_first()?;
    let first = arguments.first().map(String::as_str);
    let count = || first.and_then(|it| it.parse().ok()).unwrap_or(1).max(1);
    let status = || first.and_then(|it| it.parse::<i64>().ok()).map(|it| it.rem_euclid(256) as u8);
    Some(match name.as_str() {
        ":" | "true" => Flow::Next(0),
        "false" => Flow::Next(1),
        "break" => Flow::Break(count()),
        "continue" => Flow::Continue(count()),
        "exit" | "logout" => Flow::Exit(status().unwrap_or(process.session().status)),
        "return" if process.session().calls == 0 => {
            process.err("bash: return: can only `return' from a function or sourced script\n");
            Flow::Next(2)
        }
        "return" => Flow::Return(status().unwrap_or(process.session().status)),
        "cd" => Flow::Next(change_directory(process, first)),
        "pwd" => {
            let directory = process.session().directory.clone();
            process.out(&format!("{directory}\n"));
            Flow::Next(0)
        }
        "unset" => Flow::Next(unset(process, arguments)),
        "set" => Flow::Next(set(process, arguments)),
        "shift" => Flow::Next(shift(process, first)),
        "shopt" | "ulimit" | "umask" | "hash" => Flow::Next(0),
        "trap" => Flow::Next(trap(process, arguments)),
        "let" => Flow::Next(calculate(process, arguments)),
        "eval" => run_here(process, &arguments.join(" ")).await,
        "command" if first.is_some_and(|it| matches!(it, "-v" | "-V")) => {
            Flow::Next(super::kinds(process, &arguments[1..], first == Some("-v")))
        }
        "type" => Flow::Next(super::kinds(process, arguments, false)),
        "mapfile" | "readarray" => Flow::Next(map_file(process, arguments).await),
        "alias" | "unalias" | "source" => Flow::Next(0),
        "jobs" => {
            let listed = process.session().jobs.list(false);
            process.out(&listed);
            Flow::Next(0)
        }
        "wait" => Flow::Next(wait(process, arguments).await),
        "fg" => Flow::Next(foreground(process, first).await),
        "kill" => Flow::Next(kill(process, arguments)),
        "bg" | "disown" => Flow::Next(0),
        "read" => Flow::Next(read(process, arguments).await),
        _ => return None,
    })
}

/// Until jobs have ended: all of them, or those that are named.
async fn wait(process: &Process, words: &[String]) -> u8 {
    let jobs = process.session().jobs.clone();
    let mut status = 0;
    let all = || jobs.processes().into_iter().map(Ok);
    let named = words.iter().filter(|it| !it.starts_with('-'));
    let named: Vec<Result<u32, &String>> = match named.clone().next() {
        None => all().collect(),
        Some(_) => named.map(|it| jobs.find(it).ok_or(it)).collect(),
    };
    for job in named {
        status = match job {
            Ok(job) => ended(&jobs, job).await,
            Err(word) => {
                let what = match word.starts_with('%') {
                    true => format!("{word}: no such job"),
                    false => format!("pid {word} is not a child of this shell"),
                };
                process.err(&format!("bash: wait: {what}\n"));
                NOT_A_CHILD
            }
        };
    }
    if words.is_empty() { 0 } else { status }
}

async fn ended(jobs: &Jobs, job: u32) -> u8 {
    poll_fn(|_| jobs.reap(job).map_or(Poll::Pending, Poll::Ready)).await
}

/// `fg [%1]`
async fn foreground(process: &Process, word: Option<&str>) -> u8 {
    let jobs = process.session().jobs.clone();
    let Some(job) = jobs.find(word.unwrap_or("%+")) else {
        process.err(&format!("bash: fg: {}: no such job\n", word.unwrap_or("current")));
        return 1;
    };
    process.out(&format!("{}\n", jobs.line(job).unwrap_or_default()));
    ended(&jobs, job).await
}

/// `kill [-SIGNAL] (%JOB | PROCESS)…`
fn kill(process: &Process, words: &[String]) -> u8 {
    let jobs = process.session().jobs.clone();
    if words.first().is_some_and(|it| it == "-l") {
        process.out("HUP INT QUIT KILL TERM\n");
        return 0;
    }
    let mut named = words.iter().filter(|it| !it.starts_with('-')).peekable();
    if named.peek().is_none() {
        process.err("kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n");
        return 2;
    }
    let mut status = 0;
    for word in named {
        let what = match jobs.find(word) {
            Some(job) => {
                jobs.kill(job);
                continue;
            }
            None if word.starts_with('%') => format!("{word}: no such job"),
            None if word.parse::<u32>().is_ok() => format!("({word}) - No such process"),
            None => format!("{word}: arguments must be process or job IDs"),
        };
        process.err(&format!("bash: kill: {what}\n"));
        status = 1;
    }
    status
}

fn change_directory(process: &Process, to: Option<&str>) -> u8 {
    let to = to.unwrap_or("~");
    let path = process.resolve(to);
    if !process.files().is_directory(&path) {
        let problem = match process.files().get(&path) {
            Some(_) => "Not a directory",
            None => "No such file or directory",
        };
        process.err(&format!("bash: cd: {to}: {problem}\n"));
        return 1;
    }
    let mut session = process.session_mut();
    session.variables.insert("PWD".to_owned(), path.clone());
    session.directory = path;
    0
}

/// A line's words into variables; the last one takes what is left.
async fn read(process: &Process, arguments: &[String]) -> u8 {
    let (mut is_raw, mut array, mut names) = (false, None, Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-a" => array = words.next(),
            "-p" | "-t" | "-n" | "-d" | "-u" => _ = words.next(),
            flag if flag.starts_with('-') && flag.len() > 1 => {
                is_raw |= flag.contains('r');
                if flag.ends_with('a') {
                    array = words.next();
                }
                if flag.ends_with(['p', 't', 'n', 'd']) {
                    words.next();
                }
            }
            _ => names.push(word),
        }
    }
    let found = process.read_line().await;
    let status = u8::from(found.is_none());
    let line = found.unwrap_or_default();
    let line = if is_raw { line } else { line.replace('\\', "") };
    let separators = variables::separators(process);
    let mut session = process.session_mut();
    if let Some(name) = array {
        let mut rest = line.as_str();
        let mut fields = Vec::new();
        while let Some((field, after)) = next_field(rest, &separators) {
            fields.push(field.to_owned());
            rest = after;
        }
        session.set_array(name, Array::of(fields));
        return status;
    }
    if names.is_empty() {
        _ = session.set("REPLY", line);
        return status;
    }
    let is_blank = |c: char| c.is_whitespace() && separators.contains(c);
    let mut rest = line.as_str();
    for (at, name) in names.iter().enumerate() {
        let value = if at + 1 == names.len() {
            rest.trim_matches(is_blank)
        } else {
            let (field, after) = next_field(rest, &separators).unwrap_or(("", ""));
            rest = after;
            field
        };
        _ = session.set(name, value.to_owned());
    }
    status
}

/// The first field of a line, and what stands behind what separates it.
fn next_field<'a>(line: &'a str, separators: &str) -> Option<(&'a str, &'a str)> {
    let is_blank = |c: char| c.is_whitespace() && separators.contains(c);
    let line = line.trim_start_matches(is_blank);
    if line.is_empty() {
        return None;
    }
    let end = line.find(|c| separators.contains(c)).unwrap_or(line.len());
    let after = line[end..].trim_start_matches(is_blank);
    let mark = after.chars().next().filter(|c| separators.contains(*c));
    Some((&line[..end], &after[mark.map_or(0, char::len_utf8)..]))
}

/// `mapfile -t NAME`: a file's lines.
async fn map_file(process: &Process, arguments: &[String]) -> u8 {
    let name = arguments.iter().rfind(|it| !it.starts_with('-')).map_or("MAPFILE", String::as_str);
    let keeps_ends = !arguments.iter().any(|it| it == "-t");
    let text = process.read_all().await;
    let lines = text.lines().map(|it| if keeps_ends { format!("{it}\n") } else { it.to_owned() });
    process.session_mut().set_array(name, Array::of(lines));
    0
}

fn unset(process: &Process, names: &[String]) -> u8 {
    let mut status = 0;
    for name in names.iter().filter(|it| !it.starts_with('-')) {
        let done = process.session_mut().unset(name);
        if let Err(why) = done {
            process.err(&format!("bash: unset: {why}\n"));
            status = 1;
        }
    }
    status
}

/// `set -euo pipefail`, `set -- WORD…`
fn set(process: &Process, words: &[String]) -> u8 {
    let mut words = words.iter().peekable();
    while let Some(word) = words.next_if(|it| it.starts_with(['-', '+'])) {
        if word == "--" {
            process.session_mut().arguments = words.cloned().collect();
            return 0;
        }
        let on = word.starts_with('-');
        for letter in word.chars().skip(1) {
            let name = if letter == 'o' { words.next().map(String::as_str) } else { None };
            let mut session = process.session_mut();
            let options = &mut session.state.options;
            match (letter, name) {
                ('e', _) | (_, Some("errexit")) => options.errexit = on,
                ('u', _) | (_, Some("nounset")) => options.nounset = on,
                (_, Some("pipefail")) => options.pipefail = on,
                ('o', Some(name)) if !OTHER_OPTIONS.contains(&name) => {
                    drop(session);
                    process.err(&format!("bash: set: {name}: invalid option name\n"));
                    return 2;
                }
                ('a'..='z' | 'A'..='Z', _) => {}
                _ => {
                    drop(session);
                    process.err(&format!(
                        "bash: set: {word}: invalid option\nset: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n"
                    ));
                    return 2;
                }
            }
        }
    }
    if words.peek().is_some() {
        process.session_mut().arguments = words.cloned().collect();
    }
    0
}

/// What `set -o` knows besides, without an effect here.
const OTHER_OPTIONS: [&str; 8] =
    ["xtrace", "verbose", "noclobber", "noglob", "posix", "vi", "emacs", "allexport"];

fn shift(process: &Process, count: Option<&str>) -> u8 {
    let count = count.and_then(|it| it.parse().ok()).unwrap_or(1_usize);
    let arguments = &mut process.session_mut().arguments;
    let fits = count <= arguments.len();
    if fits {
        arguments.drain(..count);
    }
    u8::from(!fits)
}

/// What is done when the shell ends; signals do not come here.
fn trap(process: &Process, words: &[String]) -> u8 {
    let is_exit = words.iter().skip(1).any(|it| it == "EXIT" || it == "0");
    match words.first() {
        Some(what) if is_exit => {
            let what = Some(what.clone()).filter(|it| it != "-" && !it.is_empty());
            process.session_mut().state.on_exit = what;
        }
        Some(_) => {}
        None => {
            let what = process.session().state.on_exit.clone();
            let text = what.map(|it| format!("trap -- '{it}' EXIT\n")).unwrap_or_default();
            process.out(&text);
        }
    }
    0
}

/// `let A=1+2`
fn calculate(process: &Process, expressions: &[String]) -> u8 {
    if expressions.is_empty() {
        process.err("bash: let: expression expected\n");
        return 1;
    }
    let mut last = 0;
    for expression in expressions {
        let value = evaluate(expression, &mut process.session_mut());
        match value {
            Ok(value) => last = value,
            Err(why) => {
                process.err(&format!("bash: let: {why}\n"));
                return 1;
            }
        }
    }
    u8::from(last == 0)
}
