//! Lines in, lines out: head, tail, sort, uniq, wc, cut, tr, tee, column.

use std::cmp::Ordering;

use crate::process::Process;
use crate::programs::options::{Line, Options};

/// The texts of the files named, or what is read where there are none; what is not there is told.
pub(super) async fn input(process: &Process, tool: &str, names: &[String]) -> (String, u8) {
    let mut res = String::new();
    let mut status = 0;
    if names.is_empty() {
        return (process.read_all().await, status);
    }
    for name in names {
        if name == "-" {
            res.push_str(&process.read_all().await);
        } else if let Some(text) = crate::programs::file(process, name) {
            res.push_str(&text);
        } else {
            process.err(&format!("{tool}: {name}: No such file or directory\n"));
            status = 1;
        }
    }
    (res, status)
}

/// Reads the options, or says what is wrong with them.
pub(super) fn options(
    process: &Process,
    tool: &str,
    spec: &Options,
    words: &[String],
) -> Option<Line> {
    match spec.read(words) {
        Ok(line) => Some(line),
        Err(wrong) => {
            process.err(&wrong.gnu(tool));
            None
        }
    }
}

const COUNTED: Options = Options {
    letters: "n:c:fqvF",
    names: &[("lines", 'n'), ("bytes", 'c'), ("follow", 'f'), ("quiet", 'q')],
    valued: "",
};

/// `-5` stands for `-n 5`.
fn with_count(words: Vec<String>) -> Vec<String> {
    let short = |it: &String| {
        it.strip_prefix('-')
            .is_some_and(|it| !it.is_empty() && it.chars().all(|c| c.is_ascii_digit()))
    };
    words.into_iter().map(|it| if short(&it) { format!("-n{}", &it[1..]) } else { it }).collect()
}

/// `head [-n COUNT] [FILE…]`
pub(in crate::programs) async fn head(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "head", &COUNTED, &with_count(words)) else { return 1 };
    let count = line.value('n').or(line.value('c')).unwrap_or("10");
    let Ok(number) = count.parse::<i64>() else {
        process.err(&format!("head: invalid number of lines: \u{2018}{count}\u{2019}\n"));
        return 1;
    };
    if line.operands.is_empty() && number >= 0 && !line.has('c') {
        for _ in 0..number {
            let Some(text) = process.read_line().await else { break };
            process.out(&format!("{text}\n"));
        }
        return 0;
    }
    let (text, status) = input(&process, "head", &line.operands).await;
    let size = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    if line.has('c') {
        process.out(&text.chars().take(size).collect::<String>());
        return status;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let shown = if number < 0 { lines.len().saturating_sub(size) } else { size.min(lines.len()) };
    process.out(&lines[..shown].concat());
    status
}

/// `tail [-n COUNT] [FILE…]`
pub(in crate::programs) async fn tail(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "tail", &COUNTED, &with_count(words)) else { return 1 };
    let count = line.value('n').or(line.value('c')).unwrap_or("10");
    let (from_start, digits) = match count.strip_prefix('+') {
        Some(digits) => (true, digits),
        None => (false, count.trim_start_matches('-')),
    };
    let Ok(number) = digits.parse::<usize>() else {
        process.err(&format!("tail: invalid number of lines: \u{2018}{count}\u{2019}\n"));
        return 1;
    };
    let (text, status) = input(&process, "tail", &line.operands).await;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let start = match from_start {
        true => number.saturating_sub(1),
        false => lines.len().saturating_sub(number),
    };
    process.out(&lines[start.min(lines.len())..].concat());
    status
}

const SORT: Options = Options {
    letters: "nrufbhVgk:t:o:s",
    names: &[
        ("numeric-sort", 'n'),
        ("reverse", 'r'),
        ("unique", 'u'),
        ("key", 'k'),
        ("field-separator", 't'),
    ],
    valued: "",
};

/// `sort [-nru] [-k FIELD] [-t SEPARATOR] [FILE…]`
pub(in crate::programs) async fn sort(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "sort", &SORT, &words) else { return 2 };
    let (text, status) = input(&process, "sort", &line.operands).await;
    let mut lines: Vec<&str> = text.lines().collect();
    let keys: Vec<Key> =
        match line.values('k').map(|it| Key::parse(it, &line)).collect::<Option<Vec<_>>>() {
            Some(keys) if keys.is_empty() => vec![Key::whole(&line)],
            Some(keys) => keys,
            None => {
                process.err("sort: invalid number at field start\n");
                return 2;
            }
        };
    let separator = line.value('t').and_then(|it| it.chars().next());
    let compare = |a: &&str, b: &&str| {
        let by_keys = keys.iter().map(|key| key.compare(a, b, separator));
        let by_keys = by_keys.fold(Ordering::Equal, Ordering::then);
        if line.has('u') || line.has('s') {
            return by_keys;
        }
        by_keys.then_with(|| if line.has('r') { b.cmp(a) } else { a.cmp(b) })
    };
    lines.sort_by(compare);
    if line.has('u') {
        lines.dedup_by(|a, b| compare(&&**a, &&**b) == Ordering::Equal);
    }
    process.out(&lines.iter().map(|it| format!("{it}\n")).collect::<String>());
    status
}

/// What lines are compared by.
struct Key {
    /// Fields count from 1; the last one may be missing: to the end of the line.
    from: usize,
    to: Option<usize>,
    numeric: bool,
    reverse: bool,
    versions: bool,
}

impl Key {
    fn whole(line: &Line) -> Key {
        let numeric = line.has('n') || line.has('g') || line.has('h');
        Key { from: 0, to: None, numeric, reverse: line.has('r'), versions: line.has('V') }
    }

    /// `2`, `2,3`, `2nr,2`
    fn parse(text: &str, line: &Line) -> Option<Key> {
        let (first, last) = text.split_once(',').unwrap_or((text, ""));
        let number = |it: &str| {
            let digits: String = it.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<usize>().ok()
        };
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        let whole = Key::whole(line);
        let own = !letters.is_empty();
        Some(Key {
            from: number(first).filter(|it| *it > 0)?,
            to: number(last),
            numeric: if own { letters.contains(['n', 'g', 'h']) } else { whole.numeric },
            reverse: if own { letters.contains('r') } else { whole.reverse },
            versions: if own { letters.contains('V') } else { whole.versions },
        })
    }

    fn compare(&self, a: &str, b: &str, separator: Option<char>) -> Ordering {
        let (a, b) = (self.of(a, separator), self.of(b, separator));
        let found = if self.numeric {
            number(&a).total_cmp(&number(&b))
        } else if self.versions {
            versions(&a).cmp(&versions(&b))
        } else {
            a.cmp(&b)
        };
        if self.reverse { found.reverse() } else { found }
    }

    fn of(&self, line: &str, separator: Option<char>) -> String {
        if self.from == 0 {
            return line.to_owned();
        }
        let fields: Vec<&str> = match separator {
            Some(separator) => line.split(separator).collect(),
            None => line.split_whitespace().collect(),
        };
        let to = self.to.unwrap_or(fields.len()).min(fields.len());
        fields.get(self.from - 1..to).unwrap_or_default().join(" ")
    }
}

/// The number that a text begins with.
fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let is_part =
        |(at, c): &(usize, char)| c.is_ascii_digit() || *c == '.' || *at == 0 && *c == '-';
    let length = text.char_indices().take_while(is_part).count();
    text[..length].parse().unwrap_or(0.0)
}

/// Runs of digits by their value.
fn versions(text: &str) -> Vec<(String, u128)> {
    let mut res: Vec<(String, u128)> = vec![(String::new(), 0)];
    let mut in_number = false;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            if let Some((_, number)) = res.last_mut() {
                *number = number.saturating_mul(10).saturating_add(digit.into());
            }
            in_number = true;
        } else {
            if in_number {
                res.push((String::new(), 0));
            }
            in_number = false;
            if let Some((word, _)) = res.last_mut() {
                word.push(c);
            }
        }
    }
    res
}

const UNIQ: Options = Options {
    letters: "cdui",
    names: &[("count", 'c'), ("repeated", 'd'), ("unique", 'u'), ("ignore-case", 'i')],
    valued: "",
};

/// `uniq [-cdu]`
pub(in crate::programs) async fn uniq(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "uniq", &UNIQ, &words) else { return 1 };
    let (text, status) = input(&process, "uniq", &line.operands).await;
    let mut runs: Vec<(usize, &str)> = Vec::new();
    for text in text.lines() {
        match runs.last_mut() {
            Some((count, last))
                if *last == text || line.has('i') && last.eq_ignore_ascii_case(text) =>
            {
                *count += 1;
            }
            _ => runs.push((1, text)),
        }
    }
    let shown = |(count, _): &&(usize, &str)| {
        (!line.has('d') || *count > 1) && (!line.has('u') || *count == 1)
    };
    let lines = runs.iter().filter(shown).map(|(count, text)| match line.has('c') {
        true => format!("{count:7} {text}\n"),
        false => format!("{text}\n"),
    });
    process.out(&lines.collect::<String>());
    status
}

const WC: Options = Options {
    letters: "lwcmL",
    names: &[("lines", 'l'), ("words", 'w'), ("bytes", 'c'), ("chars", 'm')],
    valued: "",
};

/// `wc [-lwc] [FILE…]`
pub(in crate::programs) async fn wc(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "wc", &WC, &words) else { return 1 };
    let names = if line.operands.is_empty() { vec![String::new()] } else { line.operands.clone() };
    let mut status = 0;
    for name in &names {
        let files = if name.is_empty() { &[][..] } else { std::slice::from_ref(name) };
        let (text, failed) = input(&process, "wc", files).await;
        status |= failed;
        if failed != 0 {
            continue;
        }
        let all = [
            ('l', text.matches('\n').count()),
            ('w', text.split_whitespace().count()),
            ('c', text.len()),
            ('m', text.chars().count()),
        ];
        let asked = all.iter().any(|it| line.has(it.0));
        let shown = all.iter().filter(|it| if asked { line.has(it.0) } else { it.0 != 'm' });
        let numbers: Vec<usize> = shown.map(|it| it.1).collect();
        let text = match (numbers.as_slice(), name.as_str()) {
            ([only], _) => only.to_string(),
            (many, "") => {
                many.iter().map(|it| format!("{it:7} ")).collect::<String>().trim_end().to_owned()
            }
            (many, _) => many.iter().map(|it| format!("{it:3}")).collect::<Vec<_>>().join(" "),
        };
        let name = if name.is_empty() { String::new() } else { format!(" {name}") };
        process.out(&format!("{text}{name}\n"));
    }
    status
}

const CUT: Options = Options {
    letters: "d:f:c:b:s",
    names: &[("delimiter", 'd'), ("fields", 'f'), ("characters", 'c'), ("only-delimited", 's')],
    valued: "",
};

/// `cut -d SEPARATOR -f FIELDS` or `cut -c CHARACTERS`
pub(in crate::programs) async fn cut(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "cut", &CUT, &words) else { return 1 };
    let list = line.value('f').or(line.value('c')).or(line.value('b'));
    let Some(ranges) = list.and_then(ranges) else {
        process.err("cut: you must specify a list of bytes, characters, or fields\n");
        process.err("Try 'cut --help' for more information.\n");
        return 1;
    };
    let is_in = |at: usize| ranges.iter().any(|(first, last)| (*first..=*last).contains(&at));
    let separator = line.value('d').unwrap_or("\t").to_owned();
    let (text, status) = input(&process, "cut", &line.operands).await;
    for text in text.lines() {
        let found = match line.has('f') && !separator.is_empty() {
            true if !text.contains(&separator) && line.has('s') => continue,
            true if !text.contains(&separator) => text.to_owned(),
            true => {
                let fields = (1..).zip(text.split(&separator)).filter(|it| is_in(it.0));
                fields.map(|it| it.1).collect::<Vec<_>>().join(&separator)
            }
            false => (1..).zip(text.chars()).filter(|it| is_in(it.0)).map(|it| it.1).collect(),
        };
        process.out(&format!("{found}\n"));
    }
    status
}

/// `1,3-5,7-`
fn ranges(text: &str) -> Option<Vec<(usize, usize)>> {
    let range = |it: &str| {
        let (first, last) = it.split_once('-').unwrap_or((it, it));
        let first = if first.is_empty() { 1 } else { first.parse().ok()? };
        let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
        (first > 0 && first <= last).then_some((first, last))
    };
    text.split(',').map(range).collect()
}

const TR: Options = Options {
    letters: "dscC",
    names: &[("delete", 'd'), ("squeeze-repeats", 's'), ("complement", 'c')],
    valued: "",
};

/// `tr [-ds] SET1 [SET2]`
pub(in crate::programs) async fn tr(process: Process, words: Vec<String>) -> u8 {
    let Some(line) = options(&process, "tr", &TR, &words) else { return 1 };
    let Some(from) = line.operands.first().map(|it| characters(it)) else {
        process.err("tr: missing operand\nTry 'tr --help' for more information.\n");
        return 1;
    };
    let to = line.operands.get(1).map(|it| characters(it)).unwrap_or_default();
    if to.is_empty() && !line.has('d') && !line.has('s') {
        let first = &line.operands[0];
        process.err(&format!("tr: missing operand after \u{2018}{first}\u{2019}\n"));
        return 1;
    }
    let text = process.read_all().await;
    let complement = line.has('c') || line.has('C');
    let place = |c: char| match complement {
        true => (!from.contains(&c)).then_some(usize::MAX),
        false => from.iter().position(|it| *it == c),
    };
    let mut res = String::new();
    for c in text.chars() {
        let found = place(c);
        if found.is_some() && line.has('d') {
            continue;
        }
        let new = match found.filter(|_| !to.is_empty()) {
            Some(at) => to.get(at).or(to.last()).copied().unwrap_or(c),
            None => c,
        };
        let squeezed = line.has('s') && res.ends_with(new);
        let in_set = if to.is_empty() { found.is_some() } else { to.contains(&new) };
        if !(squeezed && in_set) {
            res.push(new);
        }
    }
    process.out(&res);
    0
}

/// `a-z`, `[:upper:]`, `\n`
fn characters(text: &str) -> Vec<char> {
    let mut text = text.to_owned();
    for (name, range) in
        [("[:upper:]", "A-Z"), ("[:lower:]", "a-z"), ("[:digit:]", "0-9"), ("[:space:]", " \\t\\n")]
    {
        text = text.replace(name, range);
    }
    let chars: Vec<char> = super::unescaped(&text).chars().collect();
    let mut res = Vec::new();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(last)) if last >= c => {
                res.extend((*c..=*last).take(1024));
                at += 3;
            }
            _ => {
                res.push(*c);
                at += 1;
            }
        }
    }
    res
}

/// `tee [-a] FILE…`
pub(in crate::programs) async fn tee(process: Process, words: Vec<String>) -> u8 {
    let spec = Options { letters: "ai", names: &[("append", 'a')], valued: "" };
    let Some(line) = options(&process, "tee", &spec, &words) else { return 1 };
    let files: Vec<String> = line.operands.iter().map(|it| process.resolve(it)).collect();
    for file in files.iter().filter(|_| !line.has('a')) {
        process.files_mut().put(file.clone(), "");
    }
    while let Some(text) = process.read_line().await {
        let text = format!("{text}\n");
        process.out(&text);
        for file in files.iter().filter(|it| *it != "/dev/null") {
            process.files_mut().append(file, &text);
        }
    }
    0
}

/// `column -t [-s SEPARATOR]`
pub(in crate::programs) async fn column(process: Process, words: Vec<String>) -> u8 {
    let spec =
        Options { letters: "ts:o:", names: &[("table", 't'), ("separator", 's')], valued: "" };
    let Some(line) = options(&process, "column", &spec, &words) else { return 1 };
    let (text, status) = input(&process, "column", &line.operands).await;
    let row = |it: &str| -> Vec<String> {
        let fields: Vec<&str> = match line.value('s') {
            Some(separators) => it.split(|c| separators.contains(c)).collect(),
            None => it.split_whitespace().collect(),
        };
        fields.into_iter().map(str::to_owned).collect()
    };
    let rows: Vec<Vec<String>> = text.lines().filter(|it| !it.trim().is_empty()).map(row).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |at: usize| rows.iter().filter_map(|it| it.get(at)).map(|it| it.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or_default()).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let gap = if at + 1 < row.len() { width + 2 } else { 0 };
            format!("{cell:<gap$}")
        });
        process.out(&format!("{}\n", cells.collect::<String>()));
    }
    status
}
