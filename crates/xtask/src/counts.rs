//! What the runners print → how many tests passed, failed and were skipped.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    pub(crate) const PASSED: Counts = Counts { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const FAILED: Counts = Counts { passed: 0, failed: 1, skipped: 0 };

    pub(crate) fn one(success: bool) -> Counts {
        if success { Counts::PASSED } else { Counts::FAILED }
    }

    /// A runner that ends badly without naming a failed test has failed all the same.
    pub(crate) fn of_run(found: Option<Counts>, success: bool) -> Counts {
        match found {
            None => Counts::FAILED,
            Some(counts) if !success && counts.failed == 0 => counts + Counts::FAILED,
            Some(counts) => counts,
        }
    }
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(all: I) -> Counts {
        all.fold(Counts::default(), Counts::add)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

/// The sum of all `test result:` lines, one for each test binary; none when there is no such line.
/// A test that says `SKIPPED: …` on a line of its own has not passed, whatever cargo counts.
pub(crate) fn counts_from_cargo(text: &str) -> Option<Counts> {
    let mut lines = text.lines().filter_map(cargo_line).peekable();
    lines.peek()?;
    let all: Counts = lines.sum();
    let said = text.lines().filter(|it| it.starts_with("SKIPPED: ")).count().min(all.passed);
    Some(Counts { passed: all.passed - said, skipped: all.skipped + said, ..all })
}

/// The last line that reads `N passed, N failed`.
pub(crate) fn counts_from_last_line(text: &str) -> Option<Counts> {
    text.lines().rev().find_map(|line| parts(line.trim(), ", "))
}

fn cargo_line(line: &str) -> Option<Counts> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    parts(counts, "; ")
}

/// Reads `12 passed; 0 failed; 3 ignored; …`: the first two are required.
fn parts(text: &str, separator: &str) -> Option<Counts> {
    let mut parts = text.split(separator);
    let passed = number(parts.next()?, "passed")?;
    let failed = number(parts.next()?, "failed")?;
    let skipped = parts.find_map(|part| number(part, "ignored").or(number(part, "skipped")));
    Some(Counts { passed, failed, skipped: skipped.unwrap_or(0) })
}

fn number(part: &str, word: &str) -> Option<usize> {
    part.strip_suffix(word)?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Option<Counts>, expected: &str) {
        let found = found.map_or("none".to_owned(), |counts| counts.to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn every_test_binary_counts() {
        let text = "\
running 2 tests
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        check(counts_from_cargo(text), "5 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_test_that_says_so_was_skipped() {
        let text = "
SKIPPED: no nft here
test every_cluster_loads ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        check(counts_from_cargo(text), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn the_browser_runner_writes_shorter_lines() {
        let text = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 filtered out\n";
        check(counts_from_cargo(text), "4 passed, 0 failed");
    }

    #[test]
    fn no_result_line_is_no_count() {
        check(counts_from_cargo("no tests to run!\n"), "none");
        check(counts_from_last_line("passed, failed\nall 3 passed, 0 failed\n"), "none");
    }

    #[test]
    fn only_the_last_plain_line_counts() {
        let text = "1 passed, 1 failed\nok 7\n12 passed, 0 failed, 1 skipped\n\n";
        check(counts_from_last_line(text), "12 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_crash_counts_as_one_failed() {
        let two = Counts { passed: 2, ..Counts::default() };
        check(Some(Counts::of_run(None, true)), "0 passed, 1 failed");
        check(Some(Counts::of_run(Some(two), false)), "2 passed, 1 failed");
        check(Some(Counts::of_run(Some(two), true)), "2 passed, 0 failed");
        check(Some(Counts::of_run(Some(Counts::FAILED), false)), "0 passed, 1 failed");
    }
}
