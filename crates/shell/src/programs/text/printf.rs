//! `printf`: a format and values → a text.

use crate::process::Process;

/// `printf FORMAT VALUE…`: the format again for as long as there are values.
pub(in crate::programs) async fn printf(process: Process, words: Vec<String>) -> u8 {
    let (variable, words) = match words.as_slice() {
        [flag, name, rest @ ..] if flag == "-v" => (Some(name), rest),
        all => (None, all),
    };
    let words = words.strip_prefix(&["--".to_owned()]).unwrap_or(words);
    let Some((format, values)) = words.split_first() else {
        process.err("bash: printf: usage: printf [-v var] format [arguments]\n");
        return 2;
    };
    let format = super::unescaped(format);
    let takes = places(&format);
    let mut text = once(&format, values);
    let mut rest = values.get(takes..).unwrap_or_default();
    while takes > 0 && !rest.is_empty() {
        text.push_str(&once(&format, rest));
        rest = rest.get(takes..).unwrap_or_default();
    }
    let done = match variable {
        Some(name) => process.session_mut().set(name, text),
        None => {
            process.out(&text);
            Ok(())
        }
    };
    if let Err(why) = done {
        process.err(&format!("bash: printf: {why}\n"));
        return 1;
    }
    complain(&process, &format, values)
}

/// Says which values are no numbers where the format wants some.
fn complain(process: &Process, format: &str, values: &[String]) -> u8 {
    let plain = format.replace("%%", "");
    let kinds = plain.split('%').skip(1);
    let kinds: Vec<char> =
        kinds.filter_map(|it| it.chars().find(char::is_ascii_alphabetic)).collect();
    let mut status = 0;
    for (kind, value) in kinds.iter().cycle().zip(values) {
        let is_number = value.is_empty() || value.trim().parse::<f64>().is_ok();
        let is_other = value.starts_with("0x") || value.starts_with(['\'', '"']);
        if matches!(kind, 'd' | 'i' | 'u' | 'x' | 'X' | 'o') && !is_number && !is_other {
            process.err(&format!("bash: printf: {value}: invalid number\n"));
            status = 1;
        }
    }
    status
}

/// A word as it has to be typed: `a\ b`.
fn typed(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    match text {
        "" => "''".to_owned(),
        text => text
            .chars()
            .map(|c| if is_plain(c) { c.to_string() } else { format!("\\{c}") })
            .collect(),
    }
}

/// How many values a format takes.
fn places(format: &str) -> usize {
    format.replace("%%", "").matches('%').count()
}

/// The widest field.
const WIDEST: usize = 1000;

/// The format filled in once; what is missing is empty, or 0.
pub(super) fn once(format: &str, values: &[String]) -> String {
    let mut values = values.iter();
    let mut res = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            res.push(c);
            continue;
        }
        let mut spec = String::new();
        while let Some(part) = chars.next_if(|c| "-+ #0123456789.*l".contains(*c)) {
            spec.push(part);
        }
        let Some(kind) = chars.next() else {
            res.push('%');
            res.push_str(&spec);
            break;
        };
        if kind == '%' {
            res.push('%');
            continue;
        }
        let mut star = |text: &str| match text {
            "*" => values.next().and_then(|it| it.parse().ok()).unwrap_or(0),
            text => text.parse::<usize>().unwrap_or(0),
        };
        let flags: String = spec.chars().take_while(|c| "-+ #0".contains(*c)).collect();
        let numbers = spec[flags.len()..].trim_end_matches('l').to_owned();
        let (width, precision) = match numbers.split_once('.') {
            Some((width, precision)) => (star(width), Some(star(precision))),
            None => (star(&numbers), None),
        };
        let value = values.next().cloned();
        let text = converted(kind, value.as_deref(), precision, flags.contains('+'));
        let width = width.min(WIDEST);
        let zeros = flags.contains('0') && kind != 's';
        res.push_str(&match (flags.contains('-'), zeros) {
            (true, _) => format!("{text:<width$}"),
            (false, true) => padded(&text, width),
            (false, false) => format!("{text:>width$}"),
        });
    }
    res
}

fn padded(text: &str, width: usize) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    format!("{sign}{digits:0>width$}", width = width.saturating_sub(sign.len()))
}

fn converted(kind: char, value: Option<&str>, precision: Option<usize>, plus: bool) -> String {
    let text = value.unwrap_or("");
    let number = || {
        let text = text.trim();
        match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).unwrap_or(0) as f64,
            None => text.parse::<f64>().unwrap_or(0.0),
        }
    };
    let precision = precision.map(|it| it.min(WIDEST));
    match kind {
        's' => match precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        },
        'b' => super::unescaped(text),
        'q' => typed(text),
        'c' => text.chars().take(1).collect(),
        'd' | 'i' | 'u' => {
            let number = number().trunc() as i64;
            if plus && number >= 0 { format!("+{number}") } else { number.to_string() }
        }
        'x' => format!("{:x}", number() as i64),
        'X' => format!("{:X}", number() as i64),
        'o' => format!("{:o}", number() as i64),
        'f' | 'F' | 'e' | 'g' => {
            let digits = precision.unwrap_or(6);
            format!("{:.digits$}", number())
        }
        other => format!("%{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::once;

    #[test]
    fn values_are_put_in_as_the_format_says() {
        let check = |format: &str, values: &[&str], expected: &str| {
            let values: Vec<String> = values.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(once(format, &values), expected, "{format}");
        };
        check("%s-%s|", &["a"], "a-|");
        check("%-5s|%5s|", &["ab", "cd"], "ab   |   cd|");
        check("%03d %x %.2f%%", &["7", "255", "1.005"], "007 ff 1.00%");
        check("%05d", &["-42"], "-0042");
        check("%", &[], "%");
        check("%*d", &["4", "7"], "   7");
    }
}
