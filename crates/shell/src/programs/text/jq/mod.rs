//! `jq`: JSON in, JSON out, through a filter.
//!
//! The part of its language that people type behind `kubectl -o json`: paths, pipes, objects,
//! conditions, variables, some sixty functions; no definitions, assignments, `reduce` and `try`
//! with `catch`.

mod format;
mod functions;
mod order;
mod parse;
mod run;

use std::collections::BTreeMap;

use serde_json::{Deserializer, Value};

use crate::process::Process;
use crate::programs::options::{Line, Options, Wrong};
use order::{Style, is_true};

const OPTIONS: Options = Options {
    letters: "rcesnSjMC",
    names: &[
        ("raw-output", 'r'),
        ("compact-output", 'c'),
        ("exit-status", 'e'),
        ("slurp", 's'),
        ("null-input", 'n'),
        ("sort-keys", 'S'),
        ("join-output", 'j'),
        ("monochrome-output", 'M'),
        ("color-output", 'C'),
        ("raw-input", 'R'),
        ("tab", 'T'),
        ("indent", 'I'),
    ],
    valued: "I",
};

const USAGE: &str = "Usage:\tjq [OPTIONS] FILTER [FILES...]\n\tjq [OPTIONS] --args FILTER [ARGUMENTS...]\n\tjq [OPTIONS] --jsonargs FILTER [JSON_VALUES...]\n\n";

const NO_INPUT: u8 = 2;
const NO_FILTER: u8 = 3;
const FAILED: u8 = 5;

/// `jq [-r] [-c] [-s] [-n] [-e] [--arg NAME TEXT] FILTER [FILE…]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let (words, variables) = match variables(words) {
        Ok(found) => found,
        Err(message) => {
            process.err(&format!("jq: {message}\n"));
            return NO_INPUT;
        }
    };
    let line = match OPTIONS.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            let (Wrong::Unknown(word) | Wrong::Lacks(word)) = wrong;
            process.err(&format!(
                "jq: Unknown option {word}\nUse jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://stedolan.github.io/jq\n"
            ));
            return NO_INPUT;
        }
    };
    let Some((filter, files)) = line.operands.split_first() else {
        process.err(USAGE);
        return NO_INPUT;
    };
    let parsed = match parse::parse(filter) {
        Ok(parsed) => parsed,
        Err((why, at)) => {
            let why = format!("{why} (Unix shell quoting issues?)");
            return not_compiled(&process, &why, filter, at);
        }
    };
    let text = match read(&process, &line, files).await {
        Ok(text) => text,
        Err(status) => return status,
    };
    let (inputs, broken) = inputs(&line, &text);
    let from = files.last().map_or("<stdin>", String::as_str);
    let status = match print(&process, &line, &parsed, (&inputs, &variables, from)) {
        Ok(status) => status,
        Err(why) => {
            let name = why.split(['/', ' ']).next().unwrap_or_default();
            let at = filter.split(name).next().unwrap_or_default().chars().count();
            return not_compiled(&process, &why, filter, at);
        }
    };
    match broken {
        Some(why) => {
            process.err(&format!("parse error: {why}\n"));
            NO_INPUT
        }
        None => status,
    }
}

fn not_compiled(process: &Process, why: &str, filter: &str, at: usize) -> u8 {
    let blanks = " ".repeat(at);
    process.err(&format!(
        "jq: error: {why} at <top-level>, line 1:\n{filter}{blanks}\njq: 1 compile error\n"
    ));
    NO_FILTER
}

/// `--arg NAME TEXT` and `--argjson NAME JSON`, which take two words.
fn variables(words: Vec<String>) -> Result<(Vec<String>, BTreeMap<String, Value>), String> {
    let (mut rest, mut variables) = (Vec::new(), BTreeMap::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let is_json = match word.as_str() {
            "--arg" => false,
            "--argjson" => true,
            _ => {
                rest.push(word);
                continue;
            }
        };
        let (Some(name), Some(text)) = (words.next(), words.next()) else {
            return Err(format!("{word} takes two parameters (e.g. {word} varname value)"));
        };
        let value = match is_json {
            true => serde_json::from_str(&text)
                .map_err(|_| format!("Invalid JSON text passed to --argjson\n{USAGE}"))?,
            false => Value::from(text),
        };
        variables.insert(name, value);
    }
    Ok((rest, variables))
}

async fn read(process: &Process, line: &Line, files: &[String]) -> Result<String, u8> {
    if line.has('n') {
        return Ok(String::new());
    }
    if files.is_empty() {
        return Ok(process.read_all().await);
    }
    let mut res = String::new();
    for path in files {
        match crate::programs::file(process, path) {
            Some(text) => res.push_str(&text),
            None => {
                process.err(&format!(
                    "jq: error: Could not open file {path}: No such file or directory\n"
                ));
                return Err(NO_INPUT);
            }
        }
    }
    Ok(res)
}

/// The values to filter with the number of the line that each ends on, and what is wrong with the
/// text behind them.
fn inputs(line: &Line, text: &str) -> (Vec<(Value, usize)>, Option<String>) {
    let lines = text.matches('\n').count();
    if line.has('n') {
        return (vec![(Value::Null, 0)], None);
    }
    if line.has('R') {
        let each = text.lines().zip(1..).map(|(line, number)| (Value::from(line), number));
        return match line.has('s') {
            true => (vec![(text.into(), lines)], None),
            false => (each.collect(), None),
        };
    }
    let (mut values, mut broken) = (Vec::new(), None);
    let mut all = Deserializer::from_str(text).into_iter::<Value>();
    while let Some(value) = all.next() {
        let (before, rest) = text.split_at_checked(all.byte_offset()).unwrap_or((text, ""));
        let end = before.matches('\n').count() + usize::from(rest.contains('\n'));
        match value {
            Ok(value) => values.push((value, end)),
            Err(error) => {
                let what = match error.is_eof() {
                    true => "Unfinished JSON term at EOF",
                    false => "Invalid numeric literal",
                };
                let (line, column) = (error.line(), error.column());
                broken = Some(format!("{what} at line {line}, column {column}"));
                break;
            }
        }
    }
    match line.has('s') && broken.is_none() {
        true => {
            let all: Vec<Value> = values.into_iter().map(|it| it.0).collect();
            (vec![(all.into(), lines)], None)
        }
        false => (values, broken),
    }
}

/// The error is a name that the filter does not know.
fn print(
    process: &Process,
    line: &Line,
    filter: &parse::Filter,
    (inputs, variables, from): (&[(Value, usize)], &BTreeMap<String, Value>, &str),
) -> Result<u8, String> {
    let width = line.value('I').and_then(|it| it.parse().ok()).unwrap_or(2_usize).min(7);
    let indent = match (line.has('c') || width == 0, line.has('T')) {
        (true, _) => None,
        (_, true) => Some("\t".to_owned()),
        _ => Some(" ".repeat(width)),
    };
    let style = Style { indent, sorts: line.has('S') };
    let end = if line.has('j') { "" } else { "\n" };
    let left = run::allowance();
    let scope = run::Scope { variables: variables.clone(), left: &left };
    let (mut status, mut last) = (0, None);
    for (input, at) in inputs {
        match run::run(&scope, filter, input) {
            Ok(values) => {
                for value in values {
                    let text = match value.as_str().filter(|_| line.has('r') || line.has('j')) {
                        Some(text) => text.to_owned(),
                        None => style.text(&value),
                    };
                    process.out(&format!("{text}{end}"));
                    last = Some(value);
                }
            }
            Err(why) if why.ends_with(" is not defined") => return Err(why),
            Err(why) => {
                process.err(&format!("jq: error (at {from}:{at}): {why}\n"));
                status = FAILED;
            }
        }
    }
    Ok(match (status, line.has('e')) {
        (0, true) => last.as_ref().map_or(4, |it| u8::from(!is_true(it))),
        (status, _) => status,
    })
}
