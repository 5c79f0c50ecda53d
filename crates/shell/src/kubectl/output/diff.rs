//! Two texts → what `diff -u` prints.

use svclab_core::time::Instant;

/// Lines that stay around a change.
const CONTEXT: usize = 3;

/// Nothing where the texts are equal.
pub(crate) fn unified(files: &(String, String), date: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let steps = steps(&old, &new);
    let changed: Vec<usize> =
        steps.iter().enumerate().filter(|(_, it)| !it.is_same()).map(|(at, _)| at).collect();
    let (Some(first), (from, to)) = (changed.first(), files) else { return String::new() };
    let mut res = format!("diff -u -N {from} {to}\n--- {from}\t{date}\n+++ {to}\t{date}\n");
    let (mut start, mut end) = (*first, *first);
    for at in &changed {
        if *at > end + 2 * CONTEXT + 1 {
            res.push_str(&hunk(&steps, start, end));
            start = *at;
        }
        end = *at;
    }
    res.push_str(&hunk(&steps, start, end));
    res
}

/// The date of a file as `diff` prints it.
pub(crate) fn date(now: Instant) -> String {
    let time = now.rfc3339().replace('T', " ");
    format!("{}.{:09} +0000", time.trim_end_matches('Z'), now.as_micros() % 1_000_000 * 1000)
}

/// A line of two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

impl Step<'_> {
    pub fn is_same(&self) -> bool {
        matches!(self, Step::Same(_))
    }
}

/// The fewest changes, by the longest common subsequence; texts of this program are short.
pub fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Step<'a>> {
    const MOST: usize = 4_000_000;
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest, others) = (&old[start..], &new[start..]);
    let end = rest.iter().rev().zip(others.iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle, other) = (&rest[..rest.len() - end], &others[..others.len() - end]);
    let mut res: Vec<Step<'a>> = old[..start].iter().map(|it| Step::Same(it)).collect();
    if middle.len().saturating_mul(other.len()) > MOST {
        res.extend(middle.iter().map(|it| Step::Gone(it)));
        res.extend(other.iter().map(|it| Step::New(it)));
    } else {
        res.extend(between(middle, other));
    }
    res.extend(rest[rest.len() - end..].iter().map(|it| Step::Same(it)));
    res
}

fn between<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Step<'a>> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut res) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            res.push(Step::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j >= new.len()
            || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]
        {
            res.push(Step::Gone(old[i]));
            i += 1;
        } else {
            res.push(Step::New(new[j]));
            j += 1;
        }
    }
    res
}

/// The changes from `start` to `end` with the lines around them.
fn hunk(steps: &[Step<'_>], start: usize, end: usize) -> String {
    let (from, to) = (start.saturating_sub(CONTEXT), (end + CONTEXT + 1).min(steps.len()));
    let count = |steps: &[Step<'_>], new: bool| {
        steps
            .iter()
            .filter(
                |it| if new { !matches!(it, Step::Gone(_)) } else { !matches!(it, Step::New(_)) },
            )
            .count()
    };
    let range = |new: bool| {
        let (before, lines) = (count(&steps[..from], new), count(&steps[from..to], new));
        let first = if lines == 0 { before } else { before + 1 };
        if lines == 1 { first.to_string() } else { format!("{first},{lines}") }
    };
    let mut res = format!("@@ -{} +{} @@\n", range(false), range(true));
    for step in &steps[from..to] {
        let (sign, line) = match step {
            Step::Same(line) => (' ', line),
            Step::Gone(line) => ('-', line),
            Step::New(line) => ('+', line),
        };
        res.push_str(&format!("{sign}{line}\n"));
    }
    res
}
