//! What is wrong with a text, in the words of `iptables-restore`, and what of it is not known.

use std::fmt;

use super::{Mistake, Problem};
use crate::extension::Assumption;

/// A part of a rule that the lab cannot decide, and what a walk takes for granted instead. Lines
/// and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub line: usize,
    pub column: usize,
    /// The part as it is written.
    pub text: String,
    pub assumption: Assumption,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Note { line, column, text, assumption } = self;
        write!(f, "{line}:{column}: {text}: {}", assumption.text())
    }
}

impl Problem {
    /// What `iptables-restore` 1.8.9 (nf_tables) prints where it stops for this problem.
    pub fn as_iptables_restore(&self) -> String {
        let line = self.line;
        match &self.what {
            Mistake::UnknownTable(_) | Mistake::OutsideTable => {
                format!("iptables-restore: line {line} failed")
            }
            Mistake::NoCommit => format!("iptables-restore: COMMIT expected at line {line}"),
            Mistake::BadChainLine => {
                format!("iptables-restore: line {line} failed: Bad policy name.")
            }
            what => format!(
                "iptables-restore v1.8.9 (nf_tables): {}\nError occurred at line: {line}\n\
                 Try `iptables-restore -h' or 'iptables-restore --help' for more information.",
                what.as_iptables()
            ),
        }
    }
}

impl Mistake {
    /// What `iptables` says of an option.
    fn as_iptables(&self) -> String {
        match self {
            Mistake::UnknownCommand(word) => format!("unknown option \"{word}\""),
            Mistake::Incomplete(word) => format!("option \"{word}\" requires an argument"),
            Mistake::BadChainName(name) => format!("Invalid chain name `{name}'"),
            Mistake::BadValue { option, value: None } => {
                format!("option \"{option}\" requires an argument")
            }
            Mistake::BadValue { option, value: Some(value) } => bad_value(option, value),
            other => other.to_string(),
        }
    }
}

fn bad_value(option: &str, value: &str) -> String {
    match option {
        "-s" | "-d" | "--source" | "--src" | "--destination" | "--dst" => {
            format!("host/network `{value}' not found")
        }
        "--sport" | "--dport" | "--source-port" | "--destination-port" | "--sports"
        | "--dports" | "--ports" => format!("invalid port/service `{value}' specified"),
        "-p" | "--protocol" | "--proto" => format!("unknown protocol \"{value}\" specified"),
        "--ctstate" | "--state" => format!("Bad ctstate \"{value}\""),
        "--probability" => {
            format!("statistic: bad value for option \"{option}\", or out of range (0-1).\n")
        }
        _ => format!("bad value \"{value}\" for option \"{option}\""),
    }
}
