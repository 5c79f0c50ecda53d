//! `sh` and `bash`: a script in a shell of its own.

use crate::language::run::{Flow, MAX_CALLS};
use crate::language::{ending, run_text};
use crate::process::Process;

/// `sh -c TEXT [NAME ARGUMENT…]`, `sh FILE [ARGUMENT…]`, or what is read.
pub(super) async fn run(process: Process, arguments: Vec<String>) -> u8 {
    let mut words = arguments.into_iter().peekable();
    let mut is_text = false;
    while let Some(flags) = words.next_if(|it| it.starts_with('-') && it.len() > 1) {
        is_text |= flags.ends_with('c') && !flags.starts_with("--");
    }
    let script = match (is_text, words.next()) {
        (true, Some(text)) => {
            // The script's own name.
            words.next();
            text
        }
        (true, None) => {
            process.err("bash: -c: option requires an argument\n");
            return 2;
        }
        (false, Some(path)) => match super::file(&process, &path) {
            Some(text) => text,
            None => {
                process.err(&format!("bash: {path}: No such file or directory\n"));
                return 127;
            }
        },
        (false, None) => process.read_all().await,
    };
    let inner = process.subshell();
    inner.session_mut().arguments = words.collect();
    if !super::enter(&inner, MAX_CALLS) {
        process.err("bash: maximum nesting level exceeded\n");
        return 1;
    }
    let status = run_text(&inner, &script).await.0;
    match ending(&inner, Flow::Next(status)).await {
        Flow::Exit(status) => status,
        _ => status,
    }
}
