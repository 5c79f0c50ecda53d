//! What is wrong with a text, and where.

use std::fmt;
use std::ops::Range;

/// Something to say about a place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Bytes of the whole text.
    pub span: Range<usize>,
    pub severity: Severity,
    pub problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// What is wrong, in parts.
/// `Display` gives kubectl's or the API server's own English where they have a text;
/// the variants that are the lab's own are for the page to word.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The lab's own: the text is larger than what a cluster takes.
    TooLarge {
        limit: usize,
    },
    /// The lab's own: lists and maps stand in each other deeper than any manifest needs.
    TooDeep {
        limit: usize,
    },
    /// The lab's own: the text holds more values than a page can take.
    TooManyValues {
        limit: usize,
    },
    /// The lab's own: aliases would make the document larger than the limit.
    TooManyAliases {
        limit: usize,
    },
    /// The lab's own: a key stands twice in one map, the last one counts.
    DuplicateKey {
        key: String,
    },
    /// YAML or JSON that cannot be read.
    Syntax {
        line: usize,
        detail: String,
    },
    /// A map key that JSON cannot hold: a list, a map or null.
    KeyNotText,
    /// The document is a list or a plain value.
    NotAnObject,
    /// `apiVersion`, `kind`, or both are missing.
    NotSet {
        fields: Vec<&'static str>,
    },
    /// The cluster knows no such kind.
    NoMatch {
        kind: String,
        api_version: String,
    },
    UnknownField {
        path: String,
        nearest: Option<String>,
    },
    /// `found` is the JSON type, with the literal where that matters: `number 80.5`.
    WrongType {
        found: String,
        field: String,
        expected: String,
    },
    /// A text that its type cannot read, in the server's words.
    Unreadable {
        detail: String,
    },
    /// The API server refuses a value (see [`crate::admit`]).
    Refused {
        field: String,
        message: String,
    },
    /// The API server accepts the object with a warning.
    Warned {
        message: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::TooLarge { limit } => {
                write!(f, "Request entity too large: limit is {limit}")
            }
            Problem::TooDeep { limit } => write!(f, "nested more than {limit} levels deep"),
            Problem::TooManyValues { limit } => write!(f, "more than {limit} values"),
            Problem::TooManyAliases { limit } => {
                write!(f, "aliases make the document larger than {limit} bytes")
            }
            Problem::DuplicateKey { key } => {
                write!(f, "key {key:?} is here twice, the last one counts")
            }
            Problem::Syntax { line, detail } => write!(f, "yaml: line {line}: {detail}"),
            Problem::KeyNotText => f.write_str("a key must be text, a number or a boolean"),
            Problem::NotAnObject => f.write_str("a manifest must be a map"),
            Problem::NotSet { fields } => write_not_set(f, fields),
            Problem::NoMatch { kind, api_version } => {
                write!(f, "no matches for kind {kind:?} in version {api_version:?}")
            }
            Problem::UnknownField { path, .. } => write!(f, "unknown field \"{path}\""),
            Problem::WrongType { found, field, expected } => write!(
                f,
                "json: cannot unmarshal {found} into Go struct field {field} of type {expected}"
            ),
            Problem::Unreadable { detail } => f.write_str(detail),
            Problem::Refused { field, message } => write!(f, "{field}: {message}"),
            Problem::Warned { message } => f.write_str(message),
        }
    }
}

fn write_not_set(f: &mut fmt::Formatter<'_>, fields: &[&str]) -> fmt::Result {
    let texts: Vec<String> = fields.iter().map(|field| format!("{field} not set")).collect();
    match texts.as_slice() {
        [one] => f.write_str(one),
        several => write!(f, "[{}]", several.join(", ")),
    }
}
