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
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The date that lies `days` after 2026-01-01 in the Gregorian calendar.
fn date_from_days(mut days: u64) -> (u64, u64, u64) {
    let mut year = 2026;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
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
    fn the_clock_shows_minutes_seconds_and_milliseconds() {
        assert_eq!((Instant::START + Duration::from_millis(41_250)).to_string(), "00:41.250");
    }
}
