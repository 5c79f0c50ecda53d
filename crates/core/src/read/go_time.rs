//! Times as Go reads them from JSON: RFC 3339, a little more, and what it says of the rest.

/// The time as the API server writes it: in UTC, to the second; empty where it is Go's zero.
/// Otherwise what is wrong with it (`metav1.Time.UnmarshalJSON`, `time.ParseError`).
pub(super) fn canonical(text: &str) -> Result<String, String> {
    parse(text).map_err(|what| match what {
        Wrong::Place { rest, layout } => format!(
            "parsing time {} as \"2006-01-02T15:04:05Z07:00\": cannot parse {} as \"{layout}\"",
            quoted(text),
            quoted(rest)
        ),
        Wrong::Range(what) => format!("parsing time {}: {what} out of range", quoted(text)),
        Wrong::Extra(rest) => {
            format!("parsing time {}: extra text: {}", quoted(text), quoted(rest))
        }
    })
}

enum Wrong<'a> {
    /// From here on it is not what stands in the layout.
    Place {
        rest: &'a str,
        layout: &'static str,
    },
    Range(&'static str),
    Extra(&'a str),
}

fn parse(text: &str) -> Result<String, Wrong<'_>> {
    let mut reader = Reader(text);
    let year = reader.year()?;
    reader.skip("-")?;
    let month = reader.number("01", true, 1..=12, "month")?;
    reader.skip("-")?;
    let day = reader.number("02", true, 0..=99, "day")?;
    reader.skip("T")?;
    let hour = reader.number("15", false, 0..=23, "hour")?;
    reader.skip(":")?;
    let minute = reader.number("04", true, 0..=59, "minute")?;
    reader.skip(":")?;
    let second = reader.number("05", true, 0..=59, "second")?;
    reader.skip_fraction();
    let ahead = reader.zone()?;
    if !reader.0.is_empty() {
        return Err(Wrong::Extra(reader.0));
    }
    if day < 1 || day > days_in(year, month) {
        return Err(Wrong::Range("day"));
    }
    let minutes = (days_before(year, month) + day) * 1440 + hour * 60 + minute - ahead;
    Ok(written(minutes, second))
}

struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn wrong<T>(&self, layout: &'static str) -> Result<T, Wrong<'a>> {
        Err(Wrong::Place { rest: self.0, layout })
    }

    fn skip(&mut self, layout: &'static str) -> Result<(), Wrong<'a>> {
        match self.0.strip_prefix(layout) {
            Some(rest) => self.0 = rest,
            None => return self.wrong(layout),
        }
        Ok(())
    }

    fn digits(&self, count: usize) -> Option<i64> {
        let digits = self.0.get(..count)?;
        digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok())?
    }

    fn year(&mut self) -> Result<i64, Wrong<'a>> {
        let Some(year) = self.digits(4) else { return self.wrong("2006") };
        self.0 = &self.0[4..];
        Ok(year)
    }

    /// Two digits; one is enough where they are not `fixed`.
    fn number(
        &mut self,
        layout: &'static str,
        fixed: bool,
        range: std::ops::RangeInclusive<i64>,
        name: &'static str,
    ) -> Result<i64, Wrong<'a>> {
        let two = self.digits(2).map(|it| (2, it));
        let one = || self.digits(1).filter(|_| !fixed).map(|it| (1, it));
        let Some((length, number)) = two.or_else(one) else { return self.wrong(layout) };
        if !range.contains(&number) {
            return Err(Wrong::Range(name));
        }
        self.0 = &self.0[length..];
        Ok(number)
    }

    fn skip_fraction(&mut self) {
        let Some(rest) = self.0.strip_prefix(['.', ',']) else { return };
        let after = rest.trim_start_matches(|it: char| it.is_ascii_digit());
        if after.len() < rest.len() {
            self.0 = after;
        }
    }

    /// How many minutes the zone is ahead of UTC.
    fn zone(&mut self) -> Result<i64, Wrong<'a>> {
        const LAYOUT: &str = "Z07:00";
        if let Some(rest) = self.0.strip_prefix('Z') {
            self.0 = rest;
            return Ok(0);
        }
        let number = |range| Reader(self.0.get(range).unwrap_or_default()).digits(2);
        let (hours, minutes) = match (number(1..3), self.0.get(3..4), number(4..6)) {
            (Some(hours), Some(":"), Some(minutes)) => (hours, minutes),
            _ => return self.wrong(LAYOUT),
        };
        if hours > 24 {
            return Err(Wrong::Range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(Wrong::Range("time zone offset minute"));
        }
        let ahead = hours * 60 + minutes;
        let ahead = match self.0.as_bytes().first() {
            Some(b'+') => ahead,
            Some(b'-') => -ahead,
            _ => return self.wrong(LAYOUT),
        };
        self.0 = &self.0[6..];
        Ok(ahead)
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// From the first day of the year 0 to the last one before the month.
fn days_before(year: i64, month: i64) -> i64 {
    let leaps = |years: i64| (years + 3) / 4 - (years + 99) / 100 + (years + 399) / 400;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    year * 365 + leaps(year) + months
}

/// `minutes` as [`parse`] counts them.
fn written(minutes: i64, second: i64) -> String {
    let (mut day, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let mut year = (day - 1).div_euclid(366).max(-1);
    while days_before(year + 1, 1) < day {
        year += 1;
    }
    day -= days_before(year, 1);
    let mut month = 1;
    while day > days_in(year, month) {
        day -= days_in(year, month);
        month += 1;
    }
    let (hour, minute) = (minute / 60, minute % 60);
    let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    if text == "0001-01-01T00:00:00Z" { String::new() } else { text }
}

/// As package `time` quotes: what is not plain ASCII byte by byte.
fn quoted(text: &str) -> String {
    let mut res = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => res.extend(['\\', char::from(byte)]),
            b' '..=0x7f => res.push(char::from(byte)),
            _ => res.push_str(&format!("\\x{byte:02x}")),
        }
    }
    res + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of times that Go refuses (`go doc time.ParseError`), what it says.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let res = canonical(text);
        assert_eq!(res.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn times_are_written_in_utc_to_the_second() {
        check("2026-01-01T00:00:00Z", Ok("2026-01-01T00:00:00Z"));
        check("2024-02-29T23:59:59.999Z", Ok("2024-02-29T23:59:59Z"));
        check("2026-01-01T01:30:00+02:00", Ok("2025-12-31T23:30:00Z"));
        check("1999-12-31T20:00:00-05:00", Ok("2000-01-01T01:00:00Z"));
        check("2026-01-01T7:00:00Z", Ok("2026-01-01T07:00:00Z"));
        check("0001-01-01T00:00:00Z", Ok(""));
    }

    #[test]
    fn what_is_no_time_is_refused_in_gos_words() {
        let layout = "as \"2006-01-02T15:04:05Z07:00\": cannot parse";
        let cannot = |text: &str, rest: &str, part: &str| {
            let expected = format!("parsing time \"{text}\" {layout} \"{rest}\" as \"{part}\"");
            check(text, Err(&expected));
        };
        cannot("", "", "2006");
        cannot("yesterday", "yesterday", "2006");
        cannot("2024-08-20", "", "T");
        cannot("2017-08-04 13:29:20", " 13:29:20", "T");
        cannot("2024-1-01T00:00:00Z", "1-01T00:00:00Z", "01");
        cannot("2024-08-20T00:00:00", "", "Z07:00");
        cannot("2024-08-20T00:00Z", "Z", ":");
        check(
            "2024-13-01T00:00:00Z",
            Err("parsing time \"2024-13-01T00:00:00Z\": month out of range"),
        );
        check(
            "2023-02-29T00:00:00Z",
            Err("parsing time \"2023-02-29T00:00:00Z\": day out of range"),
        );
        check(
            "2024-01-01T24:00:00Z",
            Err("parsing time \"2024-01-01T24:00:00Z\": hour out of range"),
        );
        check(
            "2024-01-01T00:00:00ZZ",
            Err("parsing time \"2024-01-01T00:00:00ZZ\": extra text: \"Z\""),
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}|[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[-+Z][0-9:]{0,6}") {
            if let Ok(time) = canonical(&text) && !time.is_empty() {
                prop_assert_eq!(canonical(&time), Ok(time.clone()));
            }
        }
    }
}
