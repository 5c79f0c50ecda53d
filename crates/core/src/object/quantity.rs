//! Amounts of CPU, memory and the like, as `resources` and a Node's `capacity` write them.

const BILLION: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// The value of a quantity in thousandths: `500m` is 500, `1Ki` is 1,024,000. What is finer counts
/// as a whole thousandth. None where the text is no quantity
/// (`apimachinery/pkg/api/resource.Quantity`).
pub fn thousandths(text: &str) -> Option<i128> {
    Some(divided_up(billionths(text)?, BILLION / 1000))
}

/// The quantity as the API server writes it (`CanonicalizeBytes`): a whole number with the largest
/// suffix of its kind, so `0.5` is `500m`, `1024Mi` is `1Gi` and `1000` is `1k`. None where the
/// text is no quantity, or has more digits than we count.
pub fn canonical(text: &str) -> Option<String> {
    let value = billionths(text)?;
    let suffix = text.trim_start_matches(is_digit);
    if suffix.ends_with('i') && value.abs() >= 1024 * BILLION {
        let (whole, power) = without_factor(divided_up(value, BILLION), 1024, BINARY.len() - 1);
        return Some(format!("{whole}{}", BINARY[power]));
    }
    let (whole, power) = match value {
        0 => (0, 3),
        value => without_factor(value, 1000, DECIMAL.len() - 1),
    };
    let is_exponent = suffix.len() > 1 && suffix.starts_with(['e', 'E']) && !suffix.ends_with('i');
    Some(match power {
        power if is_exponent && power != 3 => format!("{whole}e{}", power as i32 * 3 - 9),
        power => format!("{whole}{}", DECIMAL[power]),
    })
}

/// What is left after dividing by `factor` as often as it goes, at most `most` times, and how
/// often that was.
fn without_factor(mut value: i128, factor: i128, most: usize) -> (i128, usize) {
    let mut power = 0;
    while value % factor == 0 && power < most {
        value /= factor;
        power += 1;
    }
    (value, power)
}

fn is_digit(it: char) -> bool {
    it.is_ascii_digit() || matches!(it, '.' | '+' | '-')
}

fn billionths(text: &str) -> Option<i128> {
    let (number, suffix) = text.split_at(text.find(|it| !is_digit(it)).unwrap_or(text.len()));
    let (factor, divisor) = scale(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || fraction.starts_with(['+', '-']) {
        return None;
    }
    let shift = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let value = mantissa.checked_mul(factor)?.checked_mul(BILLION)?;
    Some(divided_up(value, divisor.checked_mul(shift)?))
}

/// The quotient, and one more where something is left.
fn divided_up(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0)
}

/// A suffix as what it multiplies with and what it divides by.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let (words, base): (&[&str], i128) = match suffix {
        "n" => return Some((1, 1_000_000_000)),
        "u" => return Some((1, 1_000_000)),
        "m" => return Some((1, 1000)),
        it if it.ends_with('i') => (&BINARY, 1024),
        it if it.len() > 1 => return exponent(it),
        _ => (&["", "k", "M", "G", "T", "P", "E"], 1000),
    };
    let power = words.iter().position(|it| *it == suffix)?;
    Some((base.pow(u32::try_from(power).ok()?), 1))
}

/// `e3`, `E-3`
fn exponent(suffix: &str) -> Option<(i128, i128)> {
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let factor = 10i128.checked_pow(power.unsigned_abs()).filter(|_| power.abs() <= 18)?;
    Some(if power < 0 { (1, factor) } else { (factor, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i128>) {
        assert_eq!(thousandths(text), expected, "{text}");
    }

    #[test]
    fn a_quantity_has_a_number_and_a_suffix() {
        check("2", Some(2000));
        check("500m", Some(500));
        check("0.5", Some(500));
        check(".5", Some(500));
        check("1.5Gi", Some(1_610_612_736_000));
        check("128Mi", Some(134_217_728_000));
        check("1k", Some(1_000_000));
        check("1e3", Some(1_000_000));
        check("5E-1", Some(500));
        check("100n", Some(1));
    }

    #[test]
    fn a_quantity_is_written_with_its_largest_suffix() {
        for (text, expected) in [
            ("0.5", "500m"),
            ("1500m", "1500m"),
            ("100000m", "100"),
            ("1000", "1k"),
            ("0", "0"),
            ("0Gi", "0"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("-2048Ki", "-2Mi"),
            ("1e3", "1e3"),
            ("12E4", "120e3"),
            ("5e-1", "500e-3"),
            ("128974848", "128974848"),
            ("129M", "129M"),
            ("+1", "1"),
            ("2E", "2E"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_has_no_value() {
        for text in
            ["", "x", "1Xi", "1 Gi", "--1", "1.2.3", "1e99", "9999999999999999999999999999E"]
        {
            check(text, None);
        }
    }
}
