//! Texts in, texts out.

pub(super) mod awk;
pub(crate) mod base64;
pub(super) mod grep;
pub(super) mod jq;
pub(super) mod lines;
pub(super) mod printf;
pub(crate) mod regex;
pub(super) mod sed;

use svclab_core::time::Duration;

use crate::process::Process;

/// The files, or what is read where there are none.
pub(super) async fn cat(process: Process, arguments: Vec<String>) -> u8 {
    let mut status = 0;
    let names = if arguments.is_empty() { vec!["-".to_owned()] } else { arguments };
    for name in names {
        if name == "-" {
            while let Some(line) = process.read_line().await {
                process.out(&format!("{line}\n"));
            }
        } else if let Some(text) = super::file(&process, &name) {
            process.out(&text);
        } else {
            process.err(&format!("cat: {name}: No such file or directory\n"));
            status = 1;
        }
    }
    status
}

/// `-n`: without a line end; `-e`: with what backslashes mean.
pub(super) async fn echo(process: Process, arguments: Vec<String>) -> u8 {
    let is_flag = |it: &String| {
        it.strip_prefix('-')
            .is_some_and(|it| !it.is_empty() && it.chars().all(|c| "neE".contains(c)))
    };
    let flags = arguments.iter().take_while(|it| is_flag(it)).count();
    let (flags, words) = arguments.split_at(flags);
    let has = |letter: char| flags.iter().any(|it| it.contains(letter));
    let text = words.join(" ");
    let text = if has('e') { unescaped(&text) } else { text };
    process.out(&format!("{text}{}", if has('n') { "" } else { "\n" }));
    0
}

/// What `\n`, `\t` and the like mean.
pub(super) fn unescaped(text: &str) -> String {
    let mut res = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            res.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => res.push('\n'),
            Some('t') => res.push('\t'),
            Some('r') => res.push('\r'),
            Some('e') => res.push('\u{1b}'),
            Some('0') => res.push('\0'),
            Some('\\') => res.push('\\'),
            Some('"') => res.push('"'),
            Some(other) => {
                res.push('\\');
                res.push(other);
            }
            None => res.push('\\'),
        }
    }
    res
}

/// Numbers that are printed before others have their turn.
const BATCH: usize = 100;

/// `seq [FIRST [STEP]] LAST`
pub(super) async fn seq(process: Process, arguments: Vec<String>) -> u8 {
    let separator = arguments.iter().position(|it| it == "-s").and_then(|at| arguments.get(at + 1));
    let separator = separator.cloned();
    let mut words = arguments.clone();
    if let Some(at) = arguments.iter().position(|it| it == "-s") {
        words.drain(at..(at + 2).min(words.len()));
    }
    words.retain(|it| it != "-w");
    let mut numbers = Vec::new();
    for word in &words {
        let Ok(number) = word.parse::<i64>() else {
            process.err(&format!("seq: invalid floating point argument: \u{2018}{word}\u{2019}\n"));
            return 1;
        };
        numbers.push(number);
    }
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] => (*first, *step, *last),
        _ => {
            process.err("seq: missing operand\nTry 'seq --help' for more information.\n");
            return 1;
        }
    };
    if step == 0 {
        process.err("seq: invalid Zero increment value: \u{2018}0\u{2019}\n");
        return 1;
    }
    let between = separator.as_deref().map_or_else(|| "\n".to_owned(), unescaped);
    let mut next = Some(first);
    let mut count = 0;
    while let Some(number) = next.filter(|it| if step > 0 { *it <= last } else { *it >= last }) {
        let gap = if count > 0 { between.as_str() } else { "" };
        process.out(&format!("{gap}{number}"));
        next = number.checked_add(step);
        count += 1;
        if count % BATCH == 0 {
            process.breathe().await;
        }
    }
    process.out(if count > 0 { "\n" } else { "" });
    0
}

/// Seconds, or minutes, hours and days with `m`, `h` and `d`.
pub(super) fn span(word: &str) -> Option<Duration> {
    let (number, unit) = match word.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, &word[number.len()..]),
        None => (word, "s"),
    };
    let unit = match unit {
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => 1.0,
    };
    let number = if number == "infinity" { f64::MAX } else { number.parse::<f64>().ok()? };
    // A cast of a float stays within the integer's range; an hour of years is for ever.
    (number >= 0.0).then(|| Duration::from_micros(((number * unit).min(1e9) * 1e6) as u64))
}

/// As long as its words say together.
pub(super) async fn sleep(process: Process, arguments: Vec<String>) -> u8 {
    let mut all = Duration::ZERO;
    for word in &arguments {
        let Some(span) = span(word) else {
            process.err(&format!("sleep: invalid time interval \u{2018}{word}\u{2019}\n"));
            return 1;
        };
        all = Duration::from_micros(all.as_micros().saturating_add(span.as_micros()));
    }
    if arguments.is_empty() {
        process.err("sleep: missing operand\n");
        return 1;
    }
    process.sleep(all).await;
    0
}

/// `basename PATH [SUFFIX]`
pub(super) async fn basename(process: Process, words: Vec<String>) -> u8 {
    let Some(path) = words.first() else {
        process.err("basename: missing operand\nTry 'basename --help' for more information.\n");
        return 1;
    };
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let suffix = words.get(1).filter(|it| *it != name);
    let shown = suffix.and_then(|it| name.strip_suffix(it.as_str())).unwrap_or(name);
    process
        .out(&format!("{}\n", if shown.is_empty() && path.starts_with('/') { "/" } else { shown }));
    0
}

/// `dirname PATH`
pub(super) async fn dirname(process: Process, words: Vec<String>) -> u8 {
    let Some(path) = words.first() else {
        process.err("dirname: missing operand\nTry 'dirname --help' for more information.\n");
        return 1;
    };
    let directory = match path.trim_end_matches('/').rsplit_once('/') {
        Some((start, _)) if start.trim_end_matches('/').is_empty() => "/",
        Some((start, _)) => start.trim_end_matches('/'),
        None if path.starts_with('/') => "/",
        None => ".",
    };
    process.out(&format!("{directory}\n"));
    0
}
