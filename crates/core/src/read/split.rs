//! One text → the parts between its `---` lines.
//!
//! kubectl splits before it reads, so a broken document leaves its neighbours alone.

use std::ops::Range;

/// The parts that hold more than comments and directives, as bytes of `text`.
pub fn split(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    // The byte order mark belongs to no document.
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---").filter(|rest| ends_word(rest)) {
            parts.push(start..at);
            let is_bare = rest.trim().is_empty() || rest.trim_start().starts_with('#');
            start = if is_bare { at + line.len() } else { at };
        }
        at += line.len();
    }
    parts.push(start..at);
    parts.retain(|part| text[part.clone()].lines().any(has_content));
    parts
}

fn ends_word(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])
}

fn has_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', '%']) && line != "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, parts: &[&str]) {
        let found: Vec<&str> = split(text).into_iter().map(|part| &text[part]).collect();
        assert_eq!(found, parts);
    }

    #[test]
    fn documents_stand_between_lines_of_three_dashes() {
        check("a: 1\n---\nb: 2\n", &["a: 1\n", "b: 2\n"]);
        check("--- # first\na: 1\r\n---\r\nb: 2", &["a: 1\r\n", "b: 2"]);
        check("---\n# nothing\n---\n\n--- {a: 1}\n...\n---", &["--- {a: 1}\n...\n"]);
        check("a: ---\n----\n", &["a: ---\n----\n"]);
        check("\u{feff}a: 1", &["a: 1"]);
        check("%YAML 1.1\n---\na: 1", &["a: 1"]);
        check("", &[]);
    }
}
