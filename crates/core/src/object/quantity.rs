//! Amounts of CPU, memory and the like, as `resources` and a Node's `capacity` write them.

/// The value of a quantity in thousandths: `500m` is 500, `1Ki` is 1,024,000. What is finer counts
/// as a whole thousandth. None where the text is no quantity
/// (`apimachinery/pkg/api/resource.Quantity`).
pub fn thousandths(text: &str) -> Option<i128> {
    let digits = |it: char| it.is_ascii_digit() || matches!(it, '.' | '+' | '-');
    let end = text.find(|it| !digits(it)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (factor, divisor) = scale(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || fraction.starts_with(['+', '-']) {
        return None;
    }
    let shift = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let value = mantissa.checked_mul(factor)?.checked_mul(1000)?;
    let parts = divisor.checked_mul(shift)?;
    Some(value.div_euclid(parts) + i128::from(value.rem_euclid(parts) != 0))
}

/// A suffix as what it multiplies with and what it divides by.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let (words, base): (&[&str], i128) = match suffix {
        "n" => return Some((1, 1_000_000_000)),
        "u" => return Some((1, 1_000_000)),
        "m" => return Some((1, 1000)),
        it if it.ends_with('i') => (&["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"], 1024),
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
    fn what_is_no_quantity_has_no_value() {
        for text in
            ["", "x", "1Xi", "1 Gi", "--1", "1.2.3", "1e99", "9999999999999999999999999999E"]
        {
            check(text, None);
        }
    }
}
