//! `{1..5}` and `{a,b}`: one word → several.

use super::ast::{Part, Word};

/// More words are not made of one; bash would fill its memory.
const MOST: usize = 100_000;

/// The words that one with braces stands for; braces that are quoted stay as they are.
pub(super) fn expand(word: &Word) -> Vec<Word> {
    let Some((at, before, choices, after)) = word.0.iter().enumerate().find_map(|(at, part)| {
        let Part::Text { text, quoted: false } = part else { return None };
        let (before, choices, after) = first_braces(text)?;
        Some((at, before, choices, after))
    }) else {
        return vec![word.clone()];
    };
    let mut res = Vec::new();
    for choice in choices {
        let mut parts: Vec<Part> = word.0[..at].to_vec();
        parts.push(Part::Text { text: format!("{before}{choice}{after}"), quoted: false });
        parts.extend_from_slice(&word.0[at + 1..]);
        let left = MOST.saturating_sub(res.len());
        res.extend(expand(&Word(parts)).into_iter().take(left));
    }
    res
}

type Braces<'a> = (&'a str, Vec<String>, &'a str);

/// What stands before, in and after the first braces that mean something.
fn first_braces(text: &str) -> Option<Braces<'_>> {
    text.match_indices('{').find_map(|(start, _)| {
        let end = closing(&text[start..])? + start;
        let inner = &text[start + 1..end];
        let choices = sequence(inner).or_else(|| alternatives(inner))?;
        Some((&text[..start], choices, &text[end + 1..]))
    })
}

fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        (open == 0).then_some(at)
    })
}

fn alternatives(inner: &str) -> Option<Vec<String>> {
    let (mut res, mut open, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            ',' if open == 0 => {
                res.push(inner[start..at].to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    res.push(inner[start..].to_owned());
    (res.len() > 1).then_some(res)
}

/// `1..5`, `05..10`, `a..e`, `1..9..2`
fn sequence(inner: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = inner.split("..").collect();
    let (from, to, step) = match parts.as_slice() {
        [from, to] => (*from, *to, 1),
        [from, to, step] => (*from, *to, step.parse::<i64>().ok()?.unsigned_abs().max(1)),
        _ => return None,
    };
    if let (Ok(first), Ok(last)) = (from.parse::<i64>(), to.parse::<i64>()) {
        let is_padded =
            |text: &str| text.trim_start_matches('-').starts_with('0') && text.len() > 1;
        let width = if is_padded(from) || is_padded(to) { from.len().max(to.len()) } else { 0 };
        return Some(counted(first, last, step).map(|it| format!("{it:0width$}")).collect());
    }
    let letter = |text: &str| match text.as_bytes() {
        [one] if one.is_ascii_alphabetic() => Some(i64::from(*one)),
        _ => None,
    };
    let (first, last) = (letter(from)?, letter(to)?);
    let name = |it: i64| u8::try_from(it).map_or(String::new(), |it| char::from(it).to_string());
    Some(counted(first, last, step).map(name).collect())
}

fn counted(first: i64, last: i64, step: u64) -> impl Iterator<Item = i64> {
    let down = last < first;
    let count = (first.abs_diff(last) / step).saturating_add(1).min(MOST as u64);
    (0..count).map(move |index| {
        let by = i64::try_from(index.saturating_mul(step)).unwrap_or(i64::MAX);
        if down { first.saturating_sub(by) } else { first.saturating_add(by) }
    })
}
