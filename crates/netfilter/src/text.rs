//! Rules as text, in the languages of `iptables-restore` and `iptables-save`.
//!
//! text → [`Restore`] and what is wrong with it ([`parse()`]); [`Restore`] and [`Rule`] → text
//! (`Display`, [`Rule::pieces`]); [`Restore`] → a changed [`RuleSet`] (`RuleSet::restore`);
//! [`RuleSet`] → the text that iptables-save prints (`RuleSet::save`).
//!
//! [`RuleSet`]: crate::RuleSet

use std::fmt;
use std::rc::Rc;

use crate::rule::Rule;
use crate::ruleset::{ChainName, Policy, TableName};

mod apply;
mod parse;
mod print;
mod report;
mod save;
mod words;

pub use parse::{Reading, parse, read};
pub use print::Piece;
pub use report::Note;

/// What one `iptables-restore` call is given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restore {
    pub tables: Vec<TableUpdate>,
    /// Comments and empty lines behind the last table.
    pub remarks: Vec<String>,
}

/// From `*table` to `COMMIT`. Chain lines stand before the commands; one that comes later is a
/// command.
#[derive(Debug, Clone, PartialEq)]
pub struct TableUpdate {
    /// Comments and empty lines before it.
    pub remarks: Vec<String>,
    pub table: TableName,
    pub chains: Vec<ChainLine>,
    pub commands: Vec<Command>,
}

impl TableUpdate {
    pub fn new(table: TableName) -> TableUpdate {
        TableUpdate { remarks: Vec::new(), table, chains: Vec::new(), commands: Vec::new() }
    }
}

/// `:NAME POLICY [packets:bytes]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLine {
    pub name: ChainName,
    pub policy: Option<Policy>,
    pub packets: u64,
    pub bytes: u64,
}

impl From<ChainName> for ChainLine {
    fn from(name: ChainName) -> ChainLine {
        ChainLine { name, policy: None, packets: 0, bytes: 0 }
    }
}

/// `-A CHAIN` with a rule that is somebody else's.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    pub chain: ChainName,
    pub rule: &'a Rule,
}

/// A line that changes a chain. Indices count from 0; the text counts from 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `-A`
    Append { chain: ChainName, rule: Rc<Rule> },
    /// `-I`
    Insert { chain: ChainName, index: usize, rule: Rc<Rule> },
    /// `-D`, with the rule written out
    Delete { chain: ChainName, rule: Rc<Rule> },
    /// `-D`, with the rule's number
    DeleteAt { chain: ChainName, index: usize },
    /// `-N`
    NewChain(ChainName),
    /// `-X`
    DeleteChain(ChainName),
    /// `-F`; every chain of the table where none is named.
    Flush(Option<ChainName>),
    /// `-P`
    SetPolicy { chain: ChainName, policy: Policy },
    /// A chain line after other commands.
    Chain(ChainLine),
    /// A comment, or an empty line.
    Remark(String),
}

/// A line or a word that could not be read; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    pub what: Mistake,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    UnknownTable(String),
    /// A line that stands in no table.
    OutsideTable,
    /// The text ends before `COMMIT`.
    NoCommit,
    BadChainName(String),
    BadChainLine,
    UnknownCommand(String),
    /// A command that lacks its chain, number or policy.
    Incomplete(String),
    OpenQuote,
    /// An option whose value is missing or does not fit; the rule keeps it word by word.
    BadValue {
        option: String,
        value: Option<String>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::UnknownTable(name) => write!(f, "there is no table {name:?}"),
            Mistake::OutsideTable => f.write_str("no table has been opened with `*table`"),
            Mistake::NoCommit => f.write_str("the table is not closed with COMMIT"),
            Mistake::BadChainName(name) => write!(f, "{name:?} cannot name a chain"),
            Mistake::BadChainLine => {
                f.write_str("a chain line reads `:NAME POLICY [packets:bytes]`")
            }
            Mistake::UnknownCommand(word) => write!(f, "unknown command {word:?}"),
            Mistake::Incomplete(word) => write!(f, "{word} needs more words"),
            Mistake::OpenQuote => f.write_str("the quote is not closed"),
            Mistake::BadValue { option, value: Some(value) } => {
                write!(f, "{option} cannot be {value:?}")
            }
            Mistake::BadValue { option, value: None } => write!(f, "{option} needs a value"),
        }
    }
}

#[cfg(test)]
mod tests;
