//! What differs from run to run in kubectl's output, masked as the recorded sessions are.

use std::collections::BTreeSet;

/// The masks of one session.
pub(super) struct Masks {
    /// Addresses that the session itself names: all others were picked by a server.
    addresses: BTreeSet<String>,
    /// Names that the recorded server made up, and those that ours did.
    recorded: Vec<String>,
    ours: BTreeSet<String>,
}

const PLACEHOLDER: &str = "#####";

impl Masks {
    pub(super) fn new(session: &str, generated: &[String]) -> Masks {
        let mut addresses = BTreeSet::new();
        let mut rest = session;
        while let Some((_, address, after)) = next_address(rest) {
            addresses.insert(address.to_owned());
            rest = after;
        }
        Masks { addresses, recorded: generated.to_vec(), ours: BTreeSet::new() }
    }

    pub(super) fn learn(&mut self, names: &[String]) {
        self.ours.extend(names.iter().cloned());
    }

    /// The recorded text and ours, both ready to be compared.
    pub(super) fn pair(&self, command: &str, recorded: &str, ours: &str) -> (String, String) {
        let ours = self.mask(command, ours);
        if self.recorded.is_empty() {
            return (recorded.to_owned(), ours);
        }
        let recorded = renamed(recorded, self.recorded.iter());
        let ours = renamed(&ours, self.ours.iter());
        if is_watch(command) || recorded == ours || !recorded.contains(PLACEHOLDER) {
            return (recorded, ours);
        }
        (sorted(&recorded), sorted(&ours))
    }

    pub(super) fn mask(&self, command: &str, text: &str) -> String {
        let text = self.without_picked_addresses(text);
        let lines: Vec<String> = text.split_inclusive('\n').map(mask_line).collect();
        let text = lines.concat();
        without_blots(&if is_watch(command) {
            text.split_inclusive('\n').map(without_last_age).collect()
        } else if command.contains(" describe ") {
            with_event_ages(&text)
        } else {
            with_table_ages(&text)
        })
    }

    /// Blots them out: columns are still found where they began.
    fn without_picked_addresses(&self, text: &str) -> String {
        let (mut res, mut rest) = (String::new(), text);
        while let Some((before, address, after)) = next_address(rest) {
            res.push_str(before);
            let picked = is_service_address(address) && !self.addresses.contains(address);
            match picked {
                true => (0..address.len()).for_each(|_| res.push(BLOT)),
                false => res.push_str(address),
            }
            rest = after;
        }
        res.push_str(rest);
        res
    }
}

const BLOT: char = '\u{1}';

fn without_blots(text: &str) -> String {
    let mut res = String::new();
    for c in text.chars() {
        match c {
            BLOT if res.ends_with(BLOT) => {}
            c => res.push(c),
        }
    }
    res.replace(BLOT, "<ip>")
}

fn is_watch(command: &str) -> bool {
    command.split(' ').any(|it| it == "-w" || it.starts_with("--watch"))
}

/// Of 10.96.0.0/12.
fn is_service_address(address: &str) -> bool {
    let mut parts = address.split('.').map(|it| it.parse::<u8>().unwrap_or(0));
    parts.next() == Some(10) && parts.next().is_some_and(|it| (96..112).contains(&it))
}

fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut start = 0;
    loop {
        start += text[start..].find(|c: char| c.is_ascii_digit())?;
        let rest = &text[start..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches('.');
        if word.parse::<std::net::Ipv4Addr>().is_ok() {
            return Some((&text[..start], word, &rest[word.len()..]));
        }
        start += end;
    }
}

fn mask_line(line: &str) -> String {
    let mut res = line.to_owned();
    for (length, fits, mask) in [
        (36, is_uuid as fn(&str) -> bool, "<uid>"),
        (20, is_time, "<time>"),
        (31, is_date, "<date>"),
    ] {
        res = replaced(&res, length, fits, mask);
    }
    res = after(&res, "kube-api-access-", 5, PLACEHOLDER);
    for key in ["resourceVersion: \"", "\"resourceVersion\": \""] {
        if let Some((before, rest)) = res.split_once(key)
            && let Some((value, rest)) = rest.split_once('"')
            && !value.is_empty()
        {
            res = format!("{before}{key}<rv>\"{rest}");
        }
    }
    for word in ["LIVE-", "MERGED-"] {
        while let Some((before, rest)) = res.split_once(word) {
            let Some((_, rest)) = rest.split_once('/') else { break };
            res = format!("{before}{}/{rest}", word.trim_end_matches('-'));
        }
    }
    if let Some((before, rest)) = res.split_once("(lasts ")
        && let Some((_, rest)) = rest.split_once(')')
    {
        res = format!("{before}(lasts <age>){rest}");
    }
    if (res.starts_with("--- ") || res.starts_with("+++ "))
        && let Some((before, _)) = res.split_once('\t')
    {
        res = format!("{before}\t<date>\n");
    }
    res
}

/// Every piece of that length that fits, replaced.
fn replaced(text: &str, length: usize, fits: fn(&str) -> bool, mask: &str) -> String {
    let (mut res, mut at) = (String::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        match text.get(at..at + length).filter(|it| fits(it)) {
            Some(_) => {
                res.push_str(mask);
                at += length;
            }
            None => {
                res.push(c);
                at += c.len_utf8();
            }
        }
    }
    res
}

fn follows(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(c, pattern)| match pattern {
            'h' => c.is_ascii_hexdigit() && !c.is_ascii_uppercase(),
            'd' => c.is_ascii_digit(),
            'A' => c.is_ascii_alphabetic(),
            other => c == other,
        })
}

fn is_uuid(text: &str) -> bool {
    follows(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh")
}

fn is_time(text: &str) -> bool {
    follows(text, "dddd-dd-ddTdd:dd:ddZ")
}

fn is_date(text: &str) -> bool {
    follows(text, "AAA, dd AAA dddd dd:dd:dd +dddd")
}

fn after(text: &str, word: &str, count: usize, mask: &str) -> String {
    let mut parts = text.split(word);
    let mut res = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        res.push_str(word);
        res.push_str(mask);
        res.push_str(part.get(count..).unwrap_or_default());
    }
    res
}

fn is_age(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "smhdy".contains(c))
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        || text == "<invalid>"
}

fn without_last_age(line: &str) -> String {
    let body = line.trim_end_matches('\n');
    match body.rsplit_once(' ').filter(|(_, last)| is_age(last)) {
        Some((before, _)) => format!("{before} <age>\n"),
        None => line.to_owned(),
    }
}

/// `12 (3m28s ago)` → `12 (<age> ago)`, `2m (x3 over 5m)` → `<age> (x3 over <age>)`.
fn masked_cell(cell: &str) -> String {
    let words: Vec<String> = cell
        .split(' ')
        .map(|word| {
            let inner = word.trim_matches(|c| c == '(' || c == ')');
            if is_age(inner) { word.replace(inner, "<age>") } else { word.to_owned() }
        })
        .collect();
    words.join(" ")
}

/// Tables of `get`, each ended by an empty line: ages masked, columns padded anew.
fn with_table_ages(text: &str) -> String {
    let blocks: Vec<String> = text.split("\n\n").map(masked_table).collect();
    blocks.join("\n\n")
}

fn masked_table(block: &str) -> String {
    let lines: Vec<&str> = block.split('\n').collect();
    let header = lines
        .iter()
        .position(|it| it.split("  ").any(|it| matches!(it.trim(), "AGE" | "LAST SEEN")));
    let Some(at) = header.filter(|at| *at == 0) else {
        return block.to_owned();
    };
    let starts = starts(lines[at]);
    let names = cut(lines[at], &starts);
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let cells = cut(line, &starts);
            let masked = cells.into_iter().zip(&names).map(|(cell, name)| match name.as_str() {
                "AGE" | "LAST SEEN" | "RESTARTS" => masked_cell(&cell),
                _ => without_blots(&cell),
            });
            masked.collect()
        })
        .collect();
    padded(&rows, 3, 6)
}

/// Where the columns of a header begin: after two blanks or more.
fn starts(header: &str) -> Vec<usize> {
    let chars: Vec<char> = header.chars().collect();
    let begins = |at: &usize| {
        chars[*at] != ' ' && (*at == 0 || *at >= 2 && chars[at - 1] == ' ' && chars[at - 2] == ' ')
    };
    (0..chars.len()).filter(begins).collect()
}

fn cut(line: &str, starts: &[usize]) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    let ends = starts.iter().skip(1).copied().chain([usize::MAX]);
    let cells = starts.iter().zip(ends).map(|(start, end)| {
        let cell: String = chars.iter().take(end).skip(*start).collect();
        cell.trim_end().to_owned()
    });
    cells.collect()
}

fn padded(rows: &[Vec<String>], padding: usize, least: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|it| it.chars().count()).max().unwrap_or(0);
        (widest + padding).max(least)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines = rows.iter().map(|row| {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if index + 1 < columns {
                line.push_str(&" ".repeat(widths[index] - cell.chars().count()));
            }
        }
        // A line of nothing stays one.
        if row.iter().all(String::is_empty) { String::new() } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The events below a description, and the ages of a node's pods.
fn with_event_ages(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut res: Vec<String> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let columns = starts(line);
        if line.trim_start().starts_with("Type ") && line.contains(" Age ") && line.contains("From")
        {
            let end =
                (at..lines.len()).find(|it| !lines[*it].starts_with("  ")).unwrap_or(lines.len());
            let rows: Vec<Vec<String>> = lines[at..end]
                .iter()
                .map(|line| cut(line, &columns).iter().map(|it| masked_cell(it)).collect())
                .collect();
            let table = padded(&rows, 2, 0);
            res.extend(table.split('\n').map(|it| format!("  {it}")));
            at = end;
        } else {
            let is_pod_row = line.starts_with("  ") && line.contains("%)");
            let masked = if is_pod_row { without_last_age(line) } else { line.to_owned() };
            res.push(masked.trim_end_matches('\n').to_owned());
            at += 1;
        }
    }
    res.join("\n")
}

fn renamed<'a>(text: &str, names: impl Iterator<Item = &'a String>) -> String {
    let mut res = text.to_owned();
    for name in names.filter(|it| it.len() > PLACEHOLDER.len()) {
        let (start, _) = name.split_at(name.len() - PLACEHOLDER.len());
        res = res.replace(name.as_str(), &format!("{start}{PLACEHOLDER}"));
    }
    res
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}
