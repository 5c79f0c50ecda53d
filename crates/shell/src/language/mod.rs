//! The shell's language: a line → what it says ([`parse`]) → commands carried out ([`run`]).
//!
//! The part of bash that people type: quotes, variables, `$(…)`, `$((…))`, braces, pipes,
//! redirections, here-documents, `&&` and `||`, loops, `if`, functions.

mod arithmetic;
mod ast;
mod braces;
mod expand;
mod parse;
pub(crate) mod pattern;
mod pipeline;
pub(crate) mod run;
mod word;

pub(crate) use ast::List;
pub use parse::Unreadable;

use crate::process::Process;

/// Whether a line can be run as it is, needs more lines, or cannot be read.
///
/// # Errors
///
/// Why not, as bash says it.
pub fn check(line: &str) -> Result<(), Unreadable> {
    parse::parse(line).map(|_| ())
}

/// Runs everything a line says; its exit status.
pub(crate) async fn run_line(process: Process, line: String) -> u8 {
    match parse::parse(&line) {
        Ok(list) => run::subshell(process, &list).await,
        Err(Unreadable::Incomplete(why) | Unreadable::Wrong(why)) => {
            process.err(&format!("bash: {why}\n"));
            2
        }
    }
}
