//! What our reader says of broken YAML → what libyaml's port to Go says of it.
//!
//! Go names the problem without its context, and counts lines from 0 where the parser complains and
//! from 1 where the scanner does. The texts were compared with the real kubectl's.

/// `line 4: did not find expected key`
///
/// `line` is where our reader found the mistake, from 1; `lines` is how many the document has.
pub(super) fn in_go(detail: &str, line: usize, lines: usize, text: &str) -> String {
    const NO_TOKEN: &str = "found character that cannot start any token";
    let (problem, line) = match detail {
        "while parsing node, found unknown anchor" => {
            let name = text.trim_start_matches('*');
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
            return format!("unknown anchor '{}' referenced", &name[..end.unwrap_or(name.len())]);
        }
        "illegal placement of ':' indicator" => ("did not find expected ',' or ']'", line - 1),
        "simple key expect ':'" | "simple key expected" => ("could not find expected ':'", line),
        "while scanning a plain scalar, found a tab" => {
            ("found a tab character that violates indentation", line + 1)
        }
        "invalid indentation in quoted scalar" => ("found unexpected end of stream", lines + 1),
        _ if detail.starts_with("unexpected character") || detail.starts_with("tab") => {
            (NO_TOKEN, line)
        }
        _ => match detail.split_once(", ").filter(|_| detail.starts_with("while ")) {
            Some((context, problem)) if context.starts_with("while parsing a ") => {
                (problem, line - 1)
            }
            Some((_, problem)) if problem.ends_with("end of stream") => (problem, lines + 1),
            Some((_, problem)) => (problem, line),
            None => (detail, line),
        },
    };
    match line {
        0 => problem.to_owned(),
        line => format!("line {line}: {problem}"),
    }
}
