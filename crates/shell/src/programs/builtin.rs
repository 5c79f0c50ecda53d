//! What the shell does itself: flow, directories, variables.

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
        "read" => Flow::Next(read(process, arguments).await),
        _ => return None,
    })
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
