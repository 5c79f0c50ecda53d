//! What the shell does itself: flow, directories, variables.

use std::future::poll_fn;
use std::task::Poll;

use crate::jobs::{Jobs, NOT_A_CHILD};
use crate::language::run::Flow;
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
        "return" => Flow::Return(status().unwrap_or(process.session().status)),
        "cd" => Flow::Next(change_directory(process, first)),
        "pwd" => {
            let directory = process.session().directory.clone();
            process.out(&format!("{directory}\n"));
            Flow::Next(0)
        }
        "export" | "declare" | "local" | "readonly" => {
            for (name, value) in arguments.iter().filter_map(|it| it.split_once('=')) {
                process.session_mut().variables.insert(name.to_owned(), value.to_owned());
            }
            Flow::Next(0)
        }
        "unset" => {
            for name in arguments {
                process.session_mut().variables.remove(name);
            }
            Flow::Next(0)
        }
        "set" | "alias" | "unalias" | "source" => Flow::Next(0),
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
    let Some(line) = process.read_line().await else { return 1 };
    let mut names = arguments.iter().filter(|it| !it.starts_with('-')).peekable();
    if names.peek().is_none() {
        process.session_mut().variables.insert("REPLY".to_owned(), line);
        return 0;
    }
    let mut rest = line.trim();
    while let Some(name) = names.next() {
        let end = match names.peek() {
            Some(_) => rest.find([' ', '\t']).unwrap_or(rest.len()),
            None => rest.len(),
        };
        process.session_mut().variables.insert(name.clone(), rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    0
}
