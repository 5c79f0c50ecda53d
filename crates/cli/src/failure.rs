//! What went wrong, for one line on stderr.

use std::fmt;
use std::path::Path;

pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }

    /// Something about a place in a file; line and column count from 1.
    pub(crate) fn at(
        file: &Path,
        (line, column): (usize, usize),
        what: impl fmt::Display,
    ) -> Failure {
        Failure(format!("{}:{line}:{column}: {what}", file.display()))
    }

    pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
        Failure(format!("{}: {error}", file.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace(['\n', '\r'], " "))
    }
}

/// Line and column of a byte of `text`; columns count characters.
pub(crate) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let line = before.iter().filter(|it| **it == b'\n').count() + 1;
    let start = before.iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}
