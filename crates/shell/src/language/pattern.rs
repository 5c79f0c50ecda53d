//! `*`, `?` and `[…]` as the shell matches them.

/// Whether the whole text fits. Steps are bounded by the product of both lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some(_) => {
                if let Some(next) = one(&pattern, p, text[t]) {
                    (p, t) = (next, t + 1);
                    continue;
                }
            }
            None => {}
        }
        let Some((at, from)) = star else { return false };
        star = Some((at, from + 1));
        (p, t) = (at + 1, from + 1);
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Where the pattern goes on if its next element takes `c`.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match pattern[at] {
        '?' => Some(at + 1),
        '\\' if at + 1 < pattern.len() => (pattern[at + 1] == c).then_some(at + 2),
        '[' => match class(pattern, at, c) {
            Some((end, true)) => Some(end),
            Some((_, false)) => None,
            None => (c == '[').then_some(at + 1),
        },
        other => (other == c).then_some(at + 1),
    }
}

/// The end of a bracket expression and whether it holds `c`.
fn class(pattern: &[char], at: usize, c: char) -> Option<(usize, bool)> {
    let mut index = at + 1;
    let negated = matches!(pattern.get(index), Some('!' | '^'));
    index += usize::from(negated);
    let (start, mut found) = (index, false);
    loop {
        let first = *pattern.get(index)?;
        if first == ']' && index > start {
            return Some((index + 1, found != negated));
        }
        let last = match (pattern.get(index + 1), pattern.get(index + 2)) {
            (Some('-'), Some(last)) if *last != ']' => *last,
            _ => first,
        };
        found |= (first..=last).contains(&c);
        index += if last == first { 1 } else { 3 };
    }
}

/// What is left of `text` without the start that fits; the shortest one, or the longest.
pub(super) fn without_prefix<'a>(pattern: &str, text: &'a str, longest: bool) -> &'a str {
    let cuts = cuts(text);
    let fits = |at: &usize| matches(pattern, &text[..*at]);
    let cut = if longest { cuts.into_iter().rev().find(fits) } else { cuts.into_iter().find(fits) };
    cut.map_or(text, |at| &text[at..])
}

pub(super) fn without_suffix<'a>(pattern: &str, text: &'a str, longest: bool) -> &'a str {
    let cuts = cuts(text);
    let fits = |at: &usize| matches(pattern, &text[*at..]);
    let cut = if longest { cuts.into_iter().find(fits) } else { cuts.into_iter().rev().find(fits) };
    cut.map_or(text, |at| &text[..at])
}

/// Replaces what fits, the longest from the left.
pub(super) fn replace(pattern: &str, text: &str, by: &str, all: bool) -> String {
    let (mut res, mut at) = (String::new(), 0);
    while at < text.len() {
        let ends = cuts(&text[at..]).into_iter().rev().filter(|end| *end > 0);
        match ends.map(|end| at + end).find(|end| matches(pattern, &text[at..*end])) {
            Some(end) => {
                res.push_str(by);
                at = end;
                if !all {
                    break;
                }
            }
            None => {
                let next = text[at..].chars().next().map_or(1, char::len_utf8);
                res.push_str(&text[at..at + next]);
                at += next;
            }
        }
    }
    res.push_str(&text[at.min(text.len())..]);
    res
}

/// The longest value that patterns look into; matching takes the cube of it.
const LONGEST: usize = 400;

fn cuts(text: &str) -> Vec<usize> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    if text.len() > LONGEST { Vec::new() } else { ends.collect() }
}
