//! How long ago: `5m27s`, as Kubernetes' `HumanDuration` words it.

use svclab_core::time::Instant;

/// The age of an RFC 3339 time; `<unknown>` for no time at all.
pub fn age(time: &str, now: Instant) -> String {
    let Some(since) = seconds_of(time) else { return "<unknown>".to_owned() };
    let now = i64::try_from(now.as_micros() / 1_000_000).unwrap_or(i64::MAX);
    duration(now.saturating_sub(since))
}

/// `Sat, 21 Nov 2026 02:49:12 +0000` (RFC 1123) of an RFC 3339 time in UTC.
pub(super) fn date(time: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let zero = "0001-01-01T00:00:00Z";
    let (time, since) = match seconds_of(time) {
        Some(since) => (time, since),
        None => (zero, seconds_of(zero).unwrap_or(0)),
    };
    let number = |from: usize, to: usize| time[from..to].parse::<usize>().unwrap_or(1);
    let month = MONTHS[(number(5, 7) - 1).min(11)];
    // The lab begins on a Thursday.
    let day = DAYS[usize::try_from(since.div_euclid(DAY).rem_euclid(7)).unwrap_or(0)];
    format!("{day}, {} {month} {} {} +0000", &time[8..10], &time[..4], &time[11..19])
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

fn duration(seconds: i64) -> String {
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two(seconds / MINUTE, 'm', seconds % MINUTE, 's'),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two(seconds / YEAR, 'y', seconds % YEAR / DAY, 'd'),
        _ => format!("{}y", seconds / YEAR),
    }
}

fn two(large: i64, unit: char, small: i64, part: char) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{part}") }
}

/// Seconds since the lab's beginning (2026-01-01T00:00:00Z) of a time in UTC as the API server
/// writes it, `2026-11-21T02:55:32Z`; parts of a second are dropped. None for anything else.
pub fn seconds_of(time: &str) -> Option<i64> {
    let part = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let ended = time.ends_with('Z') && (1..=12).contains(&month);
    ended.then(|| {
        (days(year, month, day) - days(2026, 1, 1)) * DAY + hour * HOUR + minute * MINUTE + second
    })
}

/// Days since 0000-03-01 in the Gregorian calendar: years begin in March, so that a leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(duration(seconds), expected);
    }

    /// The table of the kubectl notes, §1.2.
    #[test]
    fn ages_are_worded_as_kubectl_words_them() {
        check(-2, "<invalid>");
        check(-1, "0s");
        check(0, "0s");
        check(119, "119s");
        check(120, "2m");
        check(327, "5m27s");
        check(600, "10m");
        check(179 * MINUTE + 59, "179m");
        check(3 * HOUR + 20 * MINUTE, "3h20m");
        check(7 * HOUR, "7h");
        check(48 * HOUR - 1, "47h");
        check(3 * DAY, "3d");
        check(2 * DAY + 5 * HOUR, "2d5h");
        check(400 * DAY, "400d");
        check(2 * YEAR + 10 * DAY, "2y10d");
        check(9 * YEAR, "9y");
    }

    #[test]
    fn a_date_names_its_day() {
        assert_eq!(date("2026-11-21T02:49:12Z"), "Sat, 21 Nov 2026 02:49:12 +0000");
        assert_eq!(date("2024-02-29T23:00:00Z"), "Thu, 29 Feb 2024 23:00:00 +0000");
        assert_eq!(date(""), "Mon, 01 Jan 0001 00:00:00 +0000");
    }

    #[test]
    fn a_time_reads_back() {
        for days in [0_u64, 58, 59, 60, 365, 365 + 365 + 59, 365 * 74 + 40] {
            let seconds = days * 86_400 + 3661;
            let at = Instant::from_micros(seconds * 1_000_000);
            assert_eq!(seconds_of(&at.rfc3339()), i64::try_from(seconds).ok(), "{}", at.rfc3339());
        }
        assert_eq!(age("", Instant::START), "<unknown>");
        assert_eq!(age("2025-12-31T23:58:20Z", Instant::START), "100s");
    }
}
