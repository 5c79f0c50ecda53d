//! Regular expressions of grep and sed: a pattern → a small machine that reads a line once.
//!
//! The machine follows all ways at the same time, so that the time is bounded by the length of the
//! pattern times that of the line. Of several ways the first as written wins, greedy ones first.

mod parse;

use parse::Parser;

/// Which of the two languages of POSIX a pattern is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `\(`, `\|`, `\+` are special, without the backslash they are not.
    Basic,
    Extended,
    /// Every character stands for itself (`grep -F`).
    Fixed,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    One(Set),
    Split(usize, usize),
    Save(usize),
    Is(Place),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    LineStart,
    LineEnd,
    WordEdge,
    NoWordEdge,
    WordStart,
    WordEnd,
}

#[derive(Debug, Clone, PartialEq)]
struct Set {
    ranges: Vec<(char, char)>,
    negated: bool,
}

enum Node {
    Empty,
    Set(Set),
    Is(Place),
    Group(Box<Node>, usize),
    Joined(Vec<Node>),
    Either(Vec<Node>),
    Repeat { node: Box<Node>, least: usize, most: Option<usize> },
}

#[derive(Debug, Clone)]
pub(crate) struct Regex {
    steps: Vec<Step>,
    ignores_case: bool,
}

/// Where a pattern and its groups fit, in characters from the start of the line; the first is the
/// whole.
pub(crate) type Found = Vec<Option<(usize, usize)>>;

/// A pattern becomes at most so many steps.
const MOST_STEPS: usize = 5_000;
const MOST_REPEATS: usize = 255;
/// Groups that can be asked for: `\0` to `\9`.
const GROUPS: usize = 10;
/// Parentheses inside each other.
const MOST_DEPTH: usize = 50;

impl Regex {
    /// # Errors
    ///
    /// What grep says of the pattern.
    pub(crate) fn new(
        pattern: &str,
        syntax: Syntax,
        ignores_case: bool,
    ) -> Result<Regex, &'static str> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut parser = Parser { chars, at: 0, syntax, groups: 0, depth: 0 };
        let node = parser.either()?;
        if parser.at < parser.chars.len() {
            return Err("Unmatched ) or \\)");
        }
        let mut steps = Vec::new();
        emit(&Node::Group(Box::new(node), 0), &mut steps)?;
        steps.push(Step::End);
        Ok(Regex { steps, ignores_case })
    }

    pub(crate) fn is_match(&self, line: &str) -> bool {
        let line: Vec<char> = line.chars().collect();
        self.find(&line, 0).is_some()
    }

    /// The first place at or after `from` where it fits.
    pub(crate) fn find(&self, line: &[char], from: usize) -> Option<Found> {
        let mut current: Vec<(usize, Found)> = Vec::new();
        let mut found: Option<Found> = None;
        for at in from..=line.len() {
            if found.is_none() {
                self.follow(0, at, line, vec![None; GROUPS], &mut current);
            }
            let mut next: Vec<(usize, Found)> = Vec::new();
            for (step, groups) in std::mem::take(&mut current) {
                match &self.steps[step] {
                    Step::End => {
                        found = Some(groups);
                        // What comes later was worse as it was written.
                        break;
                    }
                    Step::One(set) => {
                        if line.get(at).is_some_and(|c| self.holds(set, *c)) {
                            self.follow(step + 1, at + 1, line, groups, &mut next);
                        }
                    }
                    Step::Split(..) | Step::Save(_) | Step::Is(_) => {}
                }
            }
            current = next;
            if current.is_empty() && found.is_some() {
                break;
            }
        }
        found
    }

    fn holds(&self, set: &Set, c: char) -> bool {
        let is_in = |c: char| set.ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
        let either = match self.ignores_case {
            true => is_in(c.to_ascii_lowercase()) || is_in(c.to_ascii_uppercase()),
            false => is_in(c),
        };
        either != set.negated
    }

    /// Adds what can be reached without reading a character.
    fn follow(
        &self,
        start: usize,
        at: usize,
        line: &[char],
        groups: Found,
        into: &mut Vec<(usize, Found)>,
    ) {
        let mut left = vec![(start, groups)];
        let mut seen: Vec<usize> = into.iter().map(|it| it.0).collect();
        while let Some((step, mut groups)) = left.pop() {
            if seen.contains(&step) {
                continue;
            }
            seen.push(step);
            match &self.steps[step] {
                Step::Split(first, second) => {
                    left.push((*second, groups.clone()));
                    left.push((*first, groups));
                }
                Step::Save(slot) => {
                    if let Some(group) = groups.get_mut(slot / 2) {
                        *group = match (slot % 2, *group) {
                            (0, _) => Some((at, at)),
                            (_, Some((start, _))) => Some((start, at)),
                            (_, None) => None,
                        };
                    }
                    left.push((step + 1, groups));
                }
                Step::Is(place) => {
                    if is_at(*place, at, line) {
                        left.push((step + 1, groups));
                    }
                }
                Step::One(_) | Step::End => into.push((step, groups)),
            }
        }
    }
}

fn is_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

fn is_at(place: Place, at: usize, line: &[char]) -> bool {
    let before = is_word(at.checked_sub(1).and_then(|it| line.get(it)));
    let after = is_word(line.get(at));
    match place {
        Place::LineStart => at == 0,
        Place::LineEnd => at == line.len(),
        Place::WordEdge => before != after,
        Place::NoWordEdge => before == after,
        Place::WordStart => !before && after,
        Place::WordEnd => before && !after,
    }
}

fn emit(node: &Node, steps: &mut Vec<Step>) -> Result<(), &'static str> {
    if steps.len() > MOST_STEPS {
        return Err("Regular expression too big");
    }
    match node {
        Node::Empty => {}
        Node::Set(set) => steps.push(Step::One(set.clone())),
        Node::Is(place) => steps.push(Step::Is(*place)),
        Node::Group(inner, number) => {
            steps.push(Step::Save(number * 2));
            emit(inner, steps)?;
            steps.push(Step::Save(number * 2 + 1));
        }
        Node::Joined(nodes) => {
            for node in nodes {
                emit(node, steps)?;
            }
        }
        Node::Either(nodes) => {
            let mut jumps = Vec::new();
            for (index, node) in nodes.iter().enumerate() {
                let last = index + 1 == nodes.len();
                let split = steps.len();
                if !last {
                    steps.push(Step::Split(split + 1, split + 1));
                }
                emit(node, steps)?;
                if !last {
                    jumps.push(steps.len());
                    steps.push(Step::Split(0, 0));
                    steps[split] = Step::Split(split + 1, steps.len());
                }
            }
            let end = steps.len();
            jumps.into_iter().for_each(|it| steps[it] = Step::Split(end, end));
        }
        Node::Repeat { node, least, most } => repeat(node, *least, *most, steps)?,
    }
    Ok(())
}

fn repeat(
    node: &Node,
    least: usize,
    most: Option<usize>,
    steps: &mut Vec<Step>,
) -> Result<(), &'static str> {
    for _ in 0..least {
        emit(node, steps)?;
    }
    let Some(most) = most else {
        let split = steps.len();
        steps.push(Step::End);
        emit(node, steps)?;
        steps.push(Step::Split(split, split));
        steps[split] = Step::Split(split + 1, steps.len());
        return Ok(());
    };
    let mut splits = Vec::new();
    for _ in least..most {
        splits.push(steps.len());
        steps.push(Step::End);
        emit(node, steps)?;
    }
    let end = steps.len();
    splits.into_iter().for_each(|it| steps[it] = Step::Split(it + 1, end));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, syntax: Syntax, line: &str, expected: Option<&str>) {
        let regex = Regex::new(pattern, syntax, false).expect("a good pattern");
        let chars: Vec<char> = line.chars().collect();
        let found = regex.find(&chars, 0).and_then(|it| it[0]);
        let found = found.map(|(start, end)| chars[start..end].iter().collect::<String>());
        assert_eq!(found.as_deref(), expected, "{pattern} in {line}");
    }

    #[test]
    fn both_syntaxes_find_what_grep_finds() {
        use Syntax::{Basic, Extended, Fixed};
        check("KUBE-[A-Z]*", Basic, "-j KUBE-SVC-X", Some("KUBE-SVC"));
        check("a+", Basic, "aa+", Some("a+"));
        check("a+", Extended, "baaa", Some("aaa"));
        check(r"\(a\|b\)\+$", Basic, "xabab", Some("abab"));
        check("^(a|b){2,3}", Extended, "ababab", Some("aba"));
        check("a{,2}x", Extended, "aaax", Some("aax"));
        check("[[:digit:]]+\\.", Extended, "v10.2", Some("10."));
        check("[^]x]", Extended, "]xy", Some("y"));
        check(r"\bweb\b", Extended, "my web-1", Some("web"));
        check("a.c", Fixed, "abc a.c", Some("a.c"));
        check("", Extended, "abc", Some(""));
        check("x*", Extended, "aaa", Some(""));
        check("(a*)*b", Extended, &"a".repeat(200), None);
        check("80|443", Extended, "port 443", Some("443"));
    }

    #[test]
    fn a_bad_pattern_is_told() {
        let wrong = |pattern, syntax| Regex::new(pattern, syntax, false).map(|_| ());
        assert_eq!(wrong("(a", Syntax::Extended), Err("Unmatched ( or \\("));
        assert_eq!(wrong("[a", Syntax::Basic), Err("Unmatched [, [^, [:, [., or [="));
        assert_eq!(wrong("a\\", Syntax::Basic), Err("Trailing backslash"));
        let nested = "((a{255}){255}){255}";
        assert_eq!(wrong(nested, Syntax::Extended), Err("Regular expression too big"));
    }
}
