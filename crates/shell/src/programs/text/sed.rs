//! `sed`: `s`, `d`, `p`, `q` and `y`-less scripts with addresses.

use super::lines::{input, options};
use super::regex::{Regex, Syntax};
use crate::process::Process;
use crate::programs::options::Options;

const OPTIONS: Options = Options {
    letters: "nErie:s",
    names: &[
        ("quiet", 'n'),
        ("silent", 'n'),
        ("regexp-extended", 'E'),
        ("expression", 'e'),
        ("in-place", 'i'),
    ],
    valued: "",
};

struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    does: Does,
    /// Between the two addresses.
    inside: bool,
}

enum Address {
    Line(usize),
    Last,
    Match(Regex),
}

enum Does {
    Delete,
    Print,
    Quit,
    Number,
    Substitute { pattern: Regex, by: String, all: bool, nth: usize, prints: bool },
}

/// `sed [-n] [-E] SCRIPT [FILE…]`
pub(in crate::programs) async fn sed(process: Process, words: Vec<String>) -> u8 {
    let Some(mut line) = options(&process, "sed", &OPTIONS, &words) else { return 1 };
    let mut scripts: Vec<String> = line.values('e').map(str::to_owned).collect();
    if scripts.is_empty() {
        if line.operands.is_empty() {
            process
                .err("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n");
            return 1;
        }
        scripts.push(line.operands.remove(0));
    }
    let syntax = if line.has('E') || line.has('r') { Syntax::Extended } else { Syntax::Basic };
    let chars: Vec<char> = scripts.join("\n").chars().collect();
    let commands = Reader { chars, at: 0, syntax }.commands();
    let mut commands = match commands {
        Ok(commands) => commands,
        Err((at, why)) => {
            process.err(&format!("sed: -e expression #1, char {at}: {why}\n"));
            return 1;
        }
    };
    let (text, status) = input(&process, "sed", &line.operands).await;
    let found = edited(&text, &mut commands, line.has('n'));
    match line.operands.as_slice() {
        [file] if line.has('i') => {
            let path = process.resolve(file);
            process.files_mut().put(path, found);
        }
        _ => process.out(&found),
    }
    status
}

fn edited(text: &str, commands: &mut [Command], quiet: bool) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut res = String::new();
    'lines: for (index, line) in lines.iter().enumerate() {
        let mut space: String = (*line).to_owned();
        let place = (index + 1, index + 1 == lines.len());
        for command in commands.iter_mut() {
            if command.applies(place, &space) == command.negated {
                continue;
            }
            match &command.does {
                Does::Delete => continue 'lines,
                Does::Print => res.push_str(&format!("{space}\n")),
                Does::Number => res.push_str(&format!("{}\n", place.0)),
                Does::Quit => {
                    if !quiet {
                        res.push_str(&format!("{space}\n"));
                    }
                    return res;
                }
                Does::Substitute { pattern, by, all, nth, prints } => {
                    if let Some(new) = substituted(&space, pattern, by, *all, *nth) {
                        space = new;
                        if *prints {
                            res.push_str(&format!("{space}\n"));
                        }
                    }
                }
            }
        }
        if !quiet {
            res.push_str(&format!("{space}\n"));
        }
    }
    res
}

/// None where nothing fits.
pub(super) fn substituted(
    text: &str,
    pattern: &Regex,
    by: &str,
    all: bool,
    nth: usize,
) -> Option<String> {
    let line: Vec<char> = text.chars().collect();
    let mut res = String::new();
    let (mut at, mut count, mut changed) = (0, 0, false);
    while at <= line.len() {
        let Some(found) = pattern.find(&line, at) else { break };
        let Some((start, end)) = found[0] else { break };
        count += 1;
        res.extend(&line[at..start]);
        if count >= nth && (all || count == nth) {
            changed = true;
            res.push_str(&replacement(by, &line, &found));
        } else {
            res.extend(&line[start..end]);
        }
        at = end;
        if start == end {
            res.extend(line.get(at));
            at += 1;
        }
        if changed && !all {
            break;
        }
    }
    res.extend(line.get(at..).unwrap_or_default());
    changed.then_some(res)
}

/// `&` is what was found, `\1` a group of it.
fn replacement(by: &str, line: &[char], found: &[Option<(usize, usize)>]) -> String {
    let group = |number: usize| -> String {
        let place = found.get(number).copied().flatten();
        place.and_then(|(start, end)| line.get(start..end)).unwrap_or_default().iter().collect()
    };
    let mut res = String::new();
    let mut chars = by.chars();
    while let Some(c) = chars.next() {
        match c {
            '&' => res.push_str(&group(0)),
            '\\' => match chars.next() {
                Some(digit @ '0'..='9') => res.push_str(&group(digit as usize - '0' as usize)),
                Some('n') => res.push('\n'),
                Some('t') => res.push('\t'),
                Some(other) => res.push(other),
                None => res.push('\\'),
            },
            c => res.push(c),
        }
    }
    res
}

impl Address {
    fn is(&self, (number, last): (usize, bool), text: &str) -> bool {
        match self {
            Address::Line(it) => *it == number,
            Address::Last => last,
            Address::Match(regex) => regex.is_match(text),
        }
    }
}

impl Command {
    fn applies(&mut self, place: (usize, bool), text: &str) -> bool {
        let Some(from) = &self.from else { return true };
        let Some(to) = &self.to else { return from.is(place, text) };
        if self.inside {
            self.inside = !to.is(place, text);
            return true;
        }
        let starts = from.is(place, text);
        let over = matches!(to, Address::Line(it) if *it <= place.0);
        self.inside = starts && !over;
        starts
    }
}

type Wrong = (usize, &'static str);

struct Reader {
    chars: Vec<char>,
    at: usize,
    syntax: Syntax,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn commands(mut self) -> Result<Vec<Command>, Wrong> {
        let mut res = Vec::new();
        loop {
            while self.peek().is_some_and(|c| c.is_whitespace() || c == ';') {
                self.at += 1;
            }
            if self.peek().is_none() {
                return Ok(res);
            }
            res.push(self.command()?);
        }
    }

    fn command(&mut self) -> Result<Command, Wrong> {
        let from = self.address()?;
        let to = match self.peek() {
            Some(',') => {
                self.at += 1;
                let to = self.address()?;
                Some(to.ok_or((self.at, "unexpected `,'"))?)
            }
            _ => None,
        };
        while self.peek() == Some(' ') {
            self.at += 1;
        }
        let negated = self.peek() == Some('!');
        self.at += usize::from(negated);
        let Some(letter) = self.peek() else { return Err((self.at, "missing command")) };
        self.at += 1;
        let does = match letter {
            'd' => Does::Delete,
            'p' => Does::Print,
            'q' => Does::Quit,
            '=' => Does::Number,
            's' => self.substitute()?,
            _ => return Err((self.at, "unknown command")),
        };
        Ok(Command { from, to, negated, does, inside: false })
    }

    fn address(&mut self) -> Result<Option<Address>, Wrong> {
        match self.peek() {
            Some('$') => {
                self.at += 1;
                Ok(Some(Address::Last))
            }
            Some('/') => {
                self.at += 1;
                let text = self.until('/').ok_or((self.at, "unterminated address regex"))?;
                Ok(Some(Address::Match(self.regex(&text, false)?)))
            }
            Some(c) if c.is_ascii_digit() => {
                let rest = self.chars.iter().skip(self.at);
                let digits: String = rest.take_while(|c| c.is_ascii_digit()).collect();
                self.at += digits.len();
                Ok(Some(Address::Line(digits.parse().unwrap_or(usize::MAX))))
            }
            _ => Ok(None),
        }
    }

    fn substitute(&mut self) -> Result<Does, Wrong> {
        const OPEN: &str = "unterminated `s' command";
        let Some(sign) = self.peek() else { return Err((self.at, OPEN)) };
        self.at += 1;
        let pattern = self.until(sign).ok_or((self.at, OPEN))?;
        let by = self.until(sign).ok_or((self.at, OPEN))?;
        let (mut all, mut prints, mut ignores_case, mut nth) = (false, false, false, 0);
        while let Some(flag) = self.peek().filter(|c| !matches!(c, ';' | '\n' | ' ' | '}')) {
            self.at += 1;
            match flag {
                'g' => all = true,
                'p' => prints = true,
                'i' | 'I' => ignores_case = true,
                '1'..='9' => nth = nth * 10 + flag as usize - '0' as usize,
                '0' if nth > 0 => nth *= 10,
                _ => return Err((self.at, "unknown option to `s'")),
            }
            nth = nth.min(100_000);
        }
        let pattern = self.regex(&pattern, ignores_case)?;
        Ok(Does::Substitute { pattern, by, all, nth: nth.max(1), prints })
    }

    /// The text before the next `sign` that has no backslash.
    fn until(&mut self, sign: char) -> Option<String> {
        let mut res = String::new();
        loop {
            let c = self.peek()?;
            self.at += 1;
            match c {
                '\\' if self.peek() == Some(sign) => {
                    res.push(sign);
                    self.at += 1;
                }
                '\\' => {
                    res.push('\\');
                    res.extend(self.peek());
                    self.at += 1;
                }
                c if c == sign => return Some(res),
                c => res.push(c),
            }
        }
    }

    fn regex(&self, pattern: &str, ignores_case: bool) -> Result<Regex, Wrong> {
        Regex::new(pattern, self.syntax, ignores_case).map_err(|why| (self.at, why))
    }
}
