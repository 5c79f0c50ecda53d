//! How one value of a document is written: plain, in quotes, or as a block of lines.

use std::fmt::Write as _;

use serde_json::Value;

use crate::read::scalar::resolve;

pub(super) enum Written {
    Line(String),
    /// The `|` with its hints, and the lines below with their indentation.
    Block {
        header: String,
        lines: Vec<String>,
    },
}

/// A scalar, or an empty map or list. Lines of a block are indented by `indent`.
pub(super) fn value(value: &Value, indent: usize) -> Written {
    match value {
        Value::String(text) if text.contains('\n') && is_printable(text) => block(text, indent),
        Value::String(text) => Written::Line(line(text)),
        other => Written::Line(other.to_string()),
    }
}

/// A key is always one line.
pub(super) fn key(text: &str) -> String {
    line(text)
}

fn line(text: &str) -> String {
    if reads_as_something_else(text) || !is_printable(text) || text.contains('\n') {
        return double_quoted(text);
    }
    if may_be_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// Whether the text without quotes would not be a string: YAML 1.1's words, numbers, dates, and
/// numbers to the base of 60.
fn reads_as_something_else(text: &str) -> bool {
    !matches!(resolve(text), Some(Value::String(_)))
        || text == "<<"
        || is_base_60(text)
        || is_timestamp(text)
}

/// go-yaml's `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (text, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = text.split(':');
    let digits = |part: &str| part.bytes().all(|it| it.is_ascii_digit() || it == b'_');
    let first =
        parts.next().is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()) && digits(it));
    let mut count = 0;
    let rest = parts.all(|part| {
        count += 1;
        part.parse::<u8>().is_ok_and(|it| it < 60) && part.len() <= 2 && !part.starts_with('+')
    });
    first && rest && count > 0 && digits(fraction)
}

/// A date, alone or with a time, as YAML 1.1 knows them: `2026-01-01`, `2026-01-01T00:00:00Z`.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_start())),
        None => (text, None),
    };
    let number =
        |text: &str| text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse().ok())?;
    let parts: Option<Vec<u32>> = date.split('-').map(number).collect();
    let date = matches!(parts.as_deref(), Some([_, 1..=12, 1..=31])) && date.find('-') == Some(4);
    date && time.is_none_or(is_time_of_day)
}

/// `15:04:05`, with a fraction and a zone.
fn is_time_of_day(text: &str) -> bool {
    let clock = text.find(['Z', '+', '-', ' ']).map_or(text, |at| &text[..at]);
    let clock = clock.split_once('.').map_or(clock, |it| it.0);
    let parts: Vec<&str> = clock.split(':').collect();
    parts.len() == 3
        && parts.iter().all(|it| matches!(it.parse::<u8>(), Ok(0..60)) && it.len() <= 2)
}

/// What a block may hold (`yaml_emitter_analyze_scalar`): no control characters, none beyond the
/// basic plane, no blank before a line's end.
fn is_printable(text: &str) -> bool {
    let printable = |c: char| {
        matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
    };
    text.chars().all(printable)
        && !text.contains(" \n")
        && !(text.contains('\n') && text.ends_with(' '))
}

/// Whether a printable text of one line needs no quotes in a block (`block_plain_allowed`).
fn may_be_plain(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let second = text.chars().nth(1).unwrap_or(' ');
    let indicator = match first {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => true,
        '?' | ':' | '-' => second == ' ',
        _ => false,
    };
    let marker = text.starts_with("---") || text.starts_with("...");
    let inside = text.contains(": ") || text.ends_with(':') || text.contains(" #");
    !(indicator || marker || inside || text.starts_with(' ') || text.ends_with(' '))
}

fn double_quoted(text: &str) -> String {
    let mut res = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => res.push_str("\\\""),
            '\\' => res.push_str("\\\\"),
            '\n' => res.push_str("\\n"),
            '\t' => res.push_str("\\t"),
            '\r' => res.push_str("\\r"),
            '\0' => res.push_str("\\0"),
            '\u{7}' => res.push_str("\\a"),
            '\u{8}' => res.push_str("\\b"),
            '\u{b}' => res.push_str("\\v"),
            '\u{c}' => res.push_str("\\f"),
            '\u{1b}' => res.push_str("\\e"),
            '\u{85}' => res.push_str("\\N"),
            '\u{2028}' => res.push_str("\\L"),
            '\u{2029}' => res.push_str("\\P"),
            _ if is_printable(c.encode_utf8(&mut [0; 4])) => res.push(c),
            _ => drop(write!(res, "{}", escape(c as u32))),
        }
    }
    res.push('"');
    res
}

fn escape(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02X}"),
        0x100..=0xffff => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    }
}

fn block(text: &str, indent: usize) -> Written {
    // A first line that begins with a blank needs the indentation said; go-yaml's is always 2.
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let body = text.strip_suffix('\n').unwrap_or(text);
    let chomp = match (text.ends_with('\n'), body.is_empty() || body.ends_with('\n')) {
        (false, _) => "-",
        (true, true) => "+",
        (true, false) => "",
    };
    let indented = |line: &str| match line.is_empty() {
        true => String::new(),
        false => format!("{}{line}", " ".repeat(indent)),
    };
    let lines = body.split('\n').map(indented).collect();
    Written::Block { header: format!("|{hint}{chomp}"), lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(line(text), expected);
    }

    #[test]
    fn what_would_read_as_something_else_is_double_quoted() {
        for text in ["905", "true", "", "on", "n", "~", "null", "1e3", "0x1F", ".5", "<<"] {
            check(text, &format!("\"{text}\""));
        }
        for text in ["2026-11-21T02:55:32Z", "2026-11-21", "1:20", "12:30:45.5"] {
            check(text, &format!("\"{text}\""));
        }
    }

    #[test]
    fn words_addresses_and_versions_stay_plain() {
        for text in ["ClusterIP", "10.96.0.1", "10.0.0.0/8", "v1", "80:8080", "web:1", "-x", "파드"]
        {
            check(text, text);
        }
        check("47d2debe-e80e-41f3-9d79-88adee55f9ed", "47d2debe-e80e-41f3-9d79-88adee55f9ed");
    }

    #[test]
    fn what_would_mean_something_in_yaml_is_single_quoted() {
        check("*", "'*'");
        check("a: b", "'a: b'");
        check("it's", "it's");
        check("'so'", "'''so'''");
        check("- x", "'- x'");
        check("a #b", "'a #b'");
        check("{}", "'{}'");
        check(" a", "' a'");
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        check("a\tb", "\"a\\tb\"");
        check("\u{1}", "\"\\x01\"");
        check("𝄞", "\"\\U0001D11E\"");
    }
}
