//! Virtual time. The simulation is handed instants and never asks a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment of the lab: microseconds since it began.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Instant(u64);

/// A span of virtual time, in microseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Duration(u64);

impl Instant {
    pub const START: Instant = Instant(0);

    pub fn from_micros(micros: u64) -> Instant {
        Instant(micros)
    }

    pub fn as_micros(self) -> u64 {
        self.0
    }

    pub fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// RFC 3339 in UTC, as the API server writes times; the lab begins at 2026-01-01T00:00:00Z.
    pub fn rfc3339(self) -> String {
        let seconds = self.0 / 1_000_000;
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date_from_days(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        // By hand: a large cluster writes hundreds of thousands of times.
        let mut text = String::with_capacity(20);
        let two_digits = |text: &mut String, number: u64| {
            text.push(char::from(b'0' + (number / 10 % 10) as u8));
            text.push(char::from(b'0' + (number % 10) as u8));
        };
        two_digits(&mut text, year / 100);
        let parts = [year % 100, month, day, hour, minute, second];
        for (number, after) in parts.into_iter().zip(['-', '-', 'T', ':', ':', 'Z']) {
            two_digits(&mut text, number);
            text.push(after);
        }
        text
    }

    /// The second that [`Instant::rfc3339`] wrote; what lies before the lab's beginning counts as
    /// its beginning. None where `text` is no such time (in UTC; fractions are dropped).
    pub fn from_rfc3339(text: &str) -> Option<Instant> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let numbers = |text: &str, separator: char| -> Option<[u64; 3]> {
            let mut numbers = text.split(separator).map(|it| it.parse::<u32>().map(u64::from));
            let res = [numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?];
            numbers.next().is_none().then_some(res)
        };
        let [year, month, day] = numbers(date, '-')?;
        let time = time.split_once('.').map_or(time, |(time, _)| time);
        let [hour, minute, second] = numbers(time, ':')?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year > 9999 {
            return None;
        }
        if year < 2026 {
            return Some(Instant::START);
        }
        let seconds = ((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Instant(seconds * 1_000_000))
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// How many days after 2026-01-01 the date lies; `year` is not earlier, `month` counts from 1.
fn days_from_date(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (2026..year).map(|it| 365 + u64::from(is_leap(it))).sum();
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: u64 = (1..month).zip(lengths).map(|(_, length)| length).sum();
    years + months + day - 1
}

/// The date that lies `days` after 2026-01-01 in the Gregorian calendar.
fn date_from_days(mut days: u64) -> (u64, u64, u64) {
    let mut year = 2026;
    loop {
        let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in (1..).zip(lengths) {
            if days < length {
                return (year, month, days + 1);
            }
            days -= length;
        }
        year += 1;
    }
}

impl Duration {
    pub const ZERO: Duration = Duration(0);

    pub const fn from_micros(micros: u64) -> Duration {
        Duration(micros)
    }

    pub const fn from_millis(millis: u64) -> Duration {
        Duration(millis.saturating_mul(1000))
    }

    pub const fn from_secs(seconds: u64) -> Duration {
        Duration(seconds.saturating_mul(1_000_000))
    }

    pub fn as_micros(self) -> u64 {
        self.0
    }

    pub fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, span: Duration) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

/// The span from `earlier`; zero where it is not earlier.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

/// Minutes, seconds and milliseconds: `00:41.250`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        write!(f, "{:02}:{:02}.{:03}", millis / 60_000, millis / 1000 % 60, millis % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_the_api_server_writes_them() {
        let at = |seconds| (Instant::START + Duration::from_secs(seconds)).rfc3339();
        assert_eq!(at(0), "2026-01-01T00:00:00Z");
        assert_eq!(at(86_400 * 59 + 3661), "2026-03-01T01:01:01Z");
        assert_eq!(at(86_400 * (365 + 365 + 59)), "2028-02-29T00:00:00Z");
    }

    #[test]
    fn a_time_that_was_written_reads_back() {
        for seconds in [0, 86_400 * 59 + 3661, 86_400 * (365 + 365 + 59), 86_400 * 1500 + 59] {
            let at = Instant::START + Duration::from_secs(seconds);
            assert_eq!(Instant::from_rfc3339(&at.rfc3339()), Some(at));
        }
        let long_ago = Instant::from_rfc3339("1999-12-31T23:59:59Z");
        assert_eq!(long_ago, Some(Instant::START));
        for text in ["", "now", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00Z"] {
            assert_eq!(Instant::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn the_clock_shows_minutes_seconds_and_milliseconds() {
        assert_eq!((Instant::START + Duration::from_millis(41_250)).to_string(), "00:41.250");
    }
}
