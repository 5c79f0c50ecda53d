//! The shell's language: a line → what it says ([`parse`]) → commands carried out ([`run`]).
//!
//! The part of bash that people type: quotes, variables, `$(…)`, `$((…))`, braces, pipes,
//! redirections, here-documents, `&&` and `||`, loops, `if`, `case`, `[[ … ]]`, arrays, functions.

mod arithmetic;
mod ast;
mod braces;
mod compound;
mod condition;
mod declare;
mod expand;
mod parameter;
mod parse;
pub(crate) mod pattern;
mod pipeline;
mod redirect;
pub(crate) mod run;
pub(crate) mod variables;
mod word;

pub(crate) use arithmetic::evaluate;
pub(crate) use ast::List;
pub use parse::Unreadable;

use crate::kubectl;
use crate::process::Process;
use crate::programs;

/// Whether a line can be run as it is, needs more lines, or cannot be read.
///
/// # Errors
///
/// Why not, as bash says it.
pub fn check(line: &str) -> Result<(), Unreadable> {
    parse::parse(line).map(|_| ())
}

/// Runs everything a line says; its exit status. `exit` leaves a shell that was opened by
/// `kubectl exec`, and so does the end of its container.
pub(crate) async fn run_line(process: Process, line: String) -> u8 {
    let (status, leaves) = match programs::is_here(&process) {
        true => run_text(&process, &line).await,
        false => (KILLED, true),
    };
    let attached = process.session().attached.clone().filter(|_| leaves);
    if leaves && process.session_mut().leave() {
        match attached {
            Some(attached) => return kubectl::attach::ended(&process, attached, status).await,
            None if status != 0 => {
                process.err(&format!("command terminated with exit code {status}\n"));
            }
            None => {}
        }
    }
    status
}

/// The status of what was killed: 128 + SIGKILL.
const KILLED: u8 = 137;

/// A script's status, and whether it ended itself (`exit`).
pub(crate) async fn run_text(process: &Process, text: &str) -> (u8, bool) {
    let list = match parse::parse(text) {
        Ok(list) => list,
        Err(Unreadable::Incomplete(why) | Unreadable::Wrong(why)) => {
            process.err(&format!("bash: {why}\n"));
            return (2, false);
        }
    };
    let mut flow = run::run_list(process, &list).await;
    if matches!(flow, run::Flow::Exit(_)) {
        flow = ending(process, flow).await;
    }
    let last = process.session().status;
    match flow {
        run::Flow::Exit(status) => (status, true),
        run::Flow::Return(status) | run::Flow::Next(status) => (status, false),
        run::Flow::Break(_) | run::Flow::Continue(_) => (last, false),
    }
}

/// Runs a text as part of the shell: `eval`.
pub(crate) async fn run_here(process: &Process, text: &str) -> run::Flow {
    match parse::parse(text) {
        Ok(list) => run::run_list(process, &list).await,
        Err(Unreadable::Incomplete(why) | Unreadable::Wrong(why)) => {
            process.err(&format!("bash: eval: {why}\n"));
            run::Flow::Next(1)
        }
    }
}

/// What `trap … EXIT` has asked for, where a shell ends.
pub(crate) async fn ending(process: &Process, flow: run::Flow) -> run::Flow {
    let what = process.session_mut().state.on_exit.take();
    let Some(what) = what else { return flow };
    match run_here(process, &what).await {
        run::Flow::Exit(status) => run::Flow::Exit(status),
        _ => flow,
    }
}
