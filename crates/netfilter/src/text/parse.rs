//! Text → data. Any text gives a [`Restore`]; what could not be read is listed beside it.

use std::rc::Rc;

use super::words::{Word, words};
use super::{ChainLine, Command, Mistake, Note, Problem, Restore, TableUpdate};
use crate::rule::{Counters, Rule};
use crate::ruleset::{ChainName, Policy, TableName};

mod extension;
mod option;
mod target;
pub(super) mod value;

/// What a text says, what is wrong with it, and what of it the lab does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub restore: Restore,
    pub problems: Vec<Problem>,
    pub notes: Vec<Note>,
}

/// Reads what `iptables-restore` reads and `iptables-save` prints, with or without counters.
/// Matches and targets the lab does not know are kept word by word.
pub fn parse(text: &str) -> (Restore, Vec<Problem>) {
    let Reading { restore, problems, .. } = read(text);
    (restore, problems)
}

/// The same, with a note for everything that a walk decides by assumption.
pub fn read(text: &str) -> Reading {
    let mut parser = Parser::default();
    for (index, line) in text.lines().enumerate() {
        parser.line = index + 1;
        parser.read(line);
    }
    if !matches!(parser.place, Place::Outside) {
        parser.line += 1;
        parser.problem("", 0, Mistake::NoCommit);
    }
    parser.restore.remarks = parser.remarks;
    Reading { restore: parser.restore, problems: parser.problems, notes: parser.notes }
}

#[derive(Default)]
struct Parser {
    restore: Restore,
    problems: Vec<Problem>,
    notes: Vec<Note>,
    /// Those that stand outside a table and belong to the next.
    remarks: Vec<String>,
    place: Place,
    line: usize,
}

/// Where a line stands: in a table the lab does not know, all is passed over.
#[derive(Default)]
enum Place {
    #[default]
    Outside,
    Inside,
    Skipped,
}

impl Parser {
    fn problem(&mut self, line: &str, at: usize, what: Mistake) {
        let column = column(line, at);
        self.problems.push(Problem { line: self.line, column, what });
    }

    fn read(&mut self, line: &str) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return self.remark(line);
        }
        if let Some(name) = trimmed.strip_prefix('*') {
            return self.open_table(line, name);
        }
        match self.place {
            Place::Outside => self.problem(line, 0, Mistake::OutsideTable),
            _ if trimmed == "COMMIT" => self.place = Place::Outside,
            Place::Skipped => {}
            Place::Inside => self.read_inside(line),
        }
    }

    fn remark(&mut self, line: &str) {
        let text = line.trim_end().to_owned();
        match self.place {
            Place::Outside => self.remarks.push(text),
            Place::Inside => self.table().commands.push(Command::Remark(text)),
            Place::Skipped => {}
        }
    }

    fn open_table(&mut self, line: &str, name: &str) {
        if !matches!(self.place, Place::Outside) {
            self.problem(line, 0, Mistake::NoCommit);
        }
        match name.parse::<TableName>() {
            Ok(table) => {
                let remarks = std::mem::take(&mut self.remarks);
                self.restore.tables.push(TableUpdate { remarks, ..TableUpdate::new(table) });
                self.place = Place::Inside;
            }
            Err(()) => {
                self.problem(line, 0, Mistake::UnknownTable(name.to_owned()));
                self.place = Place::Skipped;
            }
        }
    }

    fn read_inside(&mut self, line: &str) {
        let words = match words(line) {
            Ok(words) => words,
            Err(place) => return self.problem(line, place, Mistake::OpenQuote),
        };
        if let Some(chain) = line.trim_start().strip_prefix(':') {
            return match chain_line(chain) {
                Ok(chain) => self.chain_line(chain),
                Err(what) => self.problem(line, 0, what),
            };
        }
        // `[packets:bytes]` stands before a rule that iptables-save -c prints.
        let counters = words.first().and_then(|it| counters(&it.text));
        match self.command(line, &words[usize::from(counters.is_some())..]) {
            Ok(command) => self.table().commands.push(counted(command, counters)),
            Err((at, what)) => self.problem(line, at, what),
        }
    }

    fn chain_line(&mut self, line: ChainLine) {
        let table = self.table();
        match table.commands.is_empty() {
            true => table.chains.push(line),
            false => table.commands.push(Command::Chain(line)),
        }
    }

    fn table(&mut self) -> &mut TableUpdate {
        self.restore.tables.last_mut().expect("a line inside a table comes after its `*table`")
    }

    fn command(&mut self, line: &str, words: &[Word]) -> Result<Command, (usize, Mistake)> {
        let Some(command) = words.first() else {
            return Err((0, Mistake::Incomplete(line.into())));
        };
        let incomplete = || (command.start, Mistake::Incomplete(command.text.clone()));
        let chain = || {
            let word = words.get(1).ok_or_else(incomplete)?;
            ChainName::new(&word.text)
                .ok_or_else(|| (word.start, Mistake::BadChainName(word.text.clone())))
        };
        let number = words.get(2).filter(|it| !it.quoted).and_then(|it| rule_number(&it.text));
        Ok(match (command.text.as_str(), number) {
            ("-A" | "--append", _) => {
                Command::Append { chain: chain()?, rule: self.rule(line, &words[2..]) }
            }
            ("-I" | "--insert", None) => {
                Command::Insert { chain: chain()?, index: 0, rule: self.rule(line, &words[2..]) }
            }
            ("-I" | "--insert", Some(index)) => {
                Command::Insert { chain: chain()?, index, rule: self.rule(line, &words[3..]) }
            }
            ("-D" | "--delete", None) => {
                Command::Delete { chain: chain()?, rule: self.rule(line, &words[2..]) }
            }
            ("-D" | "--delete", Some(index)) => Command::DeleteAt { chain: chain()?, index },
            ("-N" | "--new-chain", _) => Command::NewChain(chain()?),
            ("-X" | "--delete-chain", _) => Command::DeleteChain(chain()?),
            ("-F" | "--flush", _) if words.len() == 1 => Command::Flush(None),
            ("-F" | "--flush", _) => Command::Flush(Some(chain()?)),
            ("-P" | "--policy", _) => {
                let policy = words.get(2).and_then(|it| policy(&it.text));
                Command::SetPolicy { chain: chain()?, policy: policy.ok_or_else(incomplete)? }
            }
            (word, _) => return Err((command.start, Mistake::UnknownCommand(word.to_owned()))),
        })
    }

    fn rule(&mut self, line: &str, words: &[Word]) -> Rc<Rule> {
        let option::Read { rule, places, mistakes } = option::rule(line, words);
        for (at, what) in mistakes {
            self.problem(line, at, what);
        }
        for (piece, assumption) in rule.assumptions() {
            let Some(place) = places.get(piece) else { continue };
            let text = line.get(place.clone()).unwrap_or_default().to_owned();
            let column = column(line, place.start);
            self.notes.push(Note { line: self.line, column, text, assumption });
        }
        Rc::new(rule)
    }
}

/// The column of a byte of the line, counted in characters from 1.
fn column(line: &str, at: usize) -> usize {
    line.get(..at).map_or(0, |it| it.chars().count()) + 1
}

/// The command with its rule's counters.
fn counted(mut command: Command, counters: Option<(u64, u64)>) -> Command {
    if let Some((packets, bytes)) = counters
        && let Command::Append { rule, .. }
        | Command::Insert { rule, .. }
        | Command::Delete { rule, .. } = &mut command
    {
        Rc::make_mut(rule).counters = Some(Counters { packets, bytes });
    }
    command
}

/// `NAME POLICY [packets:bytes]`; the counters may be left out.
fn chain_line(text: &str) -> Result<ChainLine, Mistake> {
    let mut words = text.split_whitespace();
    let name = words.next().ok_or(Mistake::BadChainLine)?;
    let name = ChainName::new(name).ok_or_else(|| Mistake::BadChainName(name.to_owned()))?;
    let policy = match words.next() {
        Some("-") => None,
        Some(word) => Some(policy(word).ok_or(Mistake::BadChainLine)?),
        None => return Err(Mistake::BadChainLine),
    };
    let (packets, bytes) = match words.next() {
        Some(word) => counters(word).ok_or(Mistake::BadChainLine)?,
        None => (0, 0),
    };
    Ok(ChainLine { name, policy, packets, bytes })
}

fn policy(word: &str) -> Option<Policy> {
    match word {
        "ACCEPT" => Some(Policy::Accept),
        "DROP" => Some(Policy::Drop),
        _ => None,
    }
}

/// `[packets:bytes]`
fn counters(word: &str) -> Option<(u64, u64)> {
    let (packets, bytes) = word.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    Some((packets.parse().ok()?, bytes.parse().ok()?))
}

/// A rule's number, counted from 1, as an index.
fn rule_number(word: &str) -> Option<usize> {
    word.parse::<usize>().ok()?.checked_sub(1)
}
