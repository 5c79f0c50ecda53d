//! `grep`: the lines that a pattern fits.

use super::lines::options;
use super::regex::{Regex, Syntax};
use crate::process::Process;
use crate::programs::options::{Line, Options};

const OPTIONS: Options = Options {
    letters: "ivcnoEFPGwxqslhHrRae:m:A:B:C:",
    names: &[
        ("ignore-case", 'i'),
        ("invert-match", 'v'),
        ("count", 'c'),
        ("line-number", 'n'),
        ("only-matching", 'o'),
        ("extended-regexp", 'E'),
        ("fixed-strings", 'F'),
        ("perl-regexp", 'P'),
        ("word-regexp", 'w'),
        ("line-regexp", 'x'),
        ("quiet", 'q'),
        ("files-with-matches", 'l'),
        ("regexp", 'e'),
        ("max-count", 'm'),
        ("after-context", 'A'),
        ("before-context", 'B'),
        ("context", 'C'),
        ("color", '\u{1}'),
        ("line-buffered", '\u{1}'),
    ],
    valued: "",
};
const PROBLEM: u8 = 2;

/// `grep [OPTION…] PATTERN [FILE…]`
pub(in crate::programs) async fn grep(process: Process, words: Vec<String>) -> u8 {
    run(process, words, Syntax::Basic).await
}

/// `egrep`
pub(in crate::programs) async fn egrep(process: Process, words: Vec<String>) -> u8 {
    run(process, words, Syntax::Extended).await
}

async fn run(process: Process, words: Vec<String>, usual: Syntax) -> u8 {
    // -5 asks for five lines around.
    let context = |it: &String| {
        let digits = it.strip_prefix('-').unwrap_or("");
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
    };
    let words: Vec<String> = words
        .into_iter()
        .map(|it| if context(&it) { format!("-C{}", &it[1..]) } else { it })
        .collect();
    let Some(mut line) = options(&process, "grep", &OPTIONS, &words) else { return PROBLEM };
    let mut patterns: Vec<String> = line.values('e').map(str::to_owned).collect();
    if patterns.is_empty() {
        if line.operands.is_empty() {
            process.err("Usage: grep [OPTION]... PATTERNS [FILE]...\n");
            process.err("Try 'grep --help' for more information.\n");
            return PROBLEM;
        }
        patterns.push(line.operands.remove(0));
    }
    let syntax = match () {
        () if line.has('F') => Syntax::Fixed,
        () if line.has('E') || line.has('P') => Syntax::Extended,
        () => usual,
    };
    let patterns = patterns.iter().flat_map(|it| it.split('\n'));
    let patterns = patterns.map(|it| Regex::new(it, syntax, line.has('i')));
    let patterns = match patterns.collect::<Result<Vec<Regex>, _>>() {
        Ok(patterns) => patterns,
        Err(why) => {
            process.err(&format!("grep: {why}\n"));
            return PROBLEM;
        }
    };
    let grep = Grep { process: &process, line: &line, patterns };
    grep.all().await
}

struct Grep<'a> {
    process: &'a Process,
    line: &'a Line,
    patterns: Vec<Regex>,
}

impl Grep<'_> {
    async fn all(&self) -> u8 {
        let mut status = 1;
        let files = &self.line.operands;
        if files.is_empty() {
            return u8::from(!self.lines(None).await);
        }
        for file in files {
            let Some(text) = crate::programs::file(self.process, file) else {
                if !self.line.has('s') {
                    self.process.err(&format!("grep: {file}: No such file or directory\n"));
                }
                status = PROBLEM;
                continue;
            };
            let named = files.len() > 1 && !self.line.has('h') || self.line.has('H');
            let inner = self.process.reading(text);
            let grep = Grep { process: &inner, line: self.line, patterns: self.patterns.clone() };
            if grep.lines(named.then_some(file)).await && status == 1 {
                status = 0;
            }
        }
        status
    }

    /// Whether there was a line.
    async fn lines(&self, file: Option<&String>) -> bool {
        let asks = |letter: char| self.line.value(letter).and_then(|it| it.parse::<usize>().ok());
        let around = asks('C').unwrap_or(0);
        let (before, after) = (asks('B').unwrap_or(around), asks('A').unwrap_or(around));
        let most = asks('m').unwrap_or(usize::MAX);
        let prefix = file.map(|it| it.to_owned());
        let (mut count, mut number, mut left, mut shown_until) = (0, 0_usize, 0_usize, 0_usize);
        let mut kept: Vec<(usize, String)> = Vec::new();
        while count < most {
            let Some(text) = self.process.read_line().await else { break };
            number += 1;
            let found = self.finds(&text);
            if found.is_empty() == self.line.has('v') {
                count += 1;
                if self.line.has('q') {
                    return true;
                }
                if self.line.has('c') || self.line.has('l') {
                    continue;
                }
                let first = kept.first().map_or(number, |it| it.0);
                if before + after > 0 && shown_until > 0 && first > shown_until + 1 {
                    self.process.out("--\n");
                }
                for (number, text) in std::mem::take(&mut kept) {
                    self.show(prefix.as_deref(), number, '-', &text);
                }
                match self.line.has('o') && !self.line.has('v') {
                    true => found.iter().filter(|it| !it.is_empty()).for_each(|it| {
                        self.show(prefix.as_deref(), number, ':', it);
                    }),
                    false => self.show(prefix.as_deref(), number, ':', &text),
                }
                (left, shown_until) = (after, number);
            } else if left > 0 {
                self.show(prefix.as_deref(), number, '-', &text);
                (left, shown_until) = (left - 1, number);
            } else if before > 0 {
                kept.push((number, text));
                if kept.len() > before {
                    kept.remove(0);
                }
            }
        }
        let name = prefix.as_ref().map_or_else(String::new, |it| format!("{it}:"));
        if self.line.has('l') && count > 0 {
            let name = prefix.as_deref().or(self.line.operands.first().map(String::as_str));
            self.process.out(&format!("{}\n", name.unwrap_or("(standard input)")));
        } else if self.line.has('c') && !self.line.has('q') {
            self.process.out(&format!("{name}{count}\n"));
        }
        count > 0
    }

    fn show(&self, file: Option<&str>, number: usize, sign: char, text: &str) {
        let file = file.map_or_else(String::new, |it| format!("{it}{sign}"));
        let number = if self.line.has('n') { format!("{number}{sign}") } else { String::new() };
        self.process.out(&format!("{file}{number}{text}\n"));
    }

    /// The parts of the line that a pattern fits.
    fn finds(&self, text: &str) -> Vec<String> {
        let line: Vec<char> = text.chars().collect();
        let mut res = Vec::new();
        for pattern in &self.patterns {
            let mut at = 0;
            while let Some((start, end)) = pattern.find(&line, at).and_then(|it| it[0]) {
                at = if end > start { end } else { end + 1 };
                let is_word =
                    |at: Option<&char>| at.is_some_and(|c| c.is_alphanumeric() || *c == '_');
                let apart = !is_word(start.checked_sub(1).and_then(|it| line.get(it)))
                    && !is_word(line.get(end));
                let fits = (!self.line.has('w') || apart)
                    && (!self.line.has('x') || (start, end) == (0, line.len()));
                if fits {
                    res.push(line[start..end].iter().collect());
                    if !self.line.has('o') {
                        return res;
                    }
                }
                if at > line.len() {
                    break;
                }
            }
        }
        res
    }
}
