//! Values as texts of other forms (`@csv`), and what fits a pattern in them.

use serde_json::Value;

use super::functions::{list, text};
use super::order::shown;
use super::run::described;
use crate::programs::text::base64::{decoded, encoded};
use crate::programs::text::regex::{Regex, Syntax};

pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let pattern = pattern.replace("\\d", "[0-9]").replace("\\w", "[A-Za-z0-9_]");
    let pattern = pattern.replace("\\s", "[[:space:]]");
    Regex::new(&pattern, Syntax::Extended, false)
        .map_err(|_| format!("{pattern} (at offset 0) is not a valid regex"))
}

pub(super) fn replaced(regex: &Regex, text: &str, by: &str, all: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    let (mut res, mut at) = (String::new(), 0);
    while let Some((from, to)) = regex.find(&letters, at).and_then(|it| it.first().copied()?) {
        res.extend(letters.get(at..from).unwrap_or_default());
        res.push_str(by);
        // An empty match would be found again at the same place.
        if to == from {
            res.extend(letters.get(from));
        }
        at = to.max(from + 1);
        if !all || at > letters.len() {
            break;
        }
    }
    res.extend(letters.get(at..).unwrap_or_default());
    res
}

/// `@tsv` and the like.
pub(super) fn formatted(format: &str, value: &Value) -> Result<String, String> {
    let row = |separator: &str, cell: &dyn Fn(&Value) -> String| {
        let cells = list(value, &format!("{}-formatted, only an array can be", &format[1..]))?;
        Ok::<_, String>(cells.iter().map(cell).collect::<Vec<_>>().join(separator))
    };
    Ok(match format {
        "@text" => text(value),
        "@json" => shown(value),
        "@tsv" => row("\t", &|it| match it {
            Value::Null => String::new(),
            it => text(it).replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
        })?,
        "@csv" => row(",", &|it| match it {
            Value::Null => String::new(),
            Value::String(it) => format!("\"{}\"", it.replace('"', "\"\"")),
            it => shown(it),
        })?,
        "@sh" => match value {
            Value::Array(items) => items.iter().map(quoted).collect::<Vec<_>>().join(" "),
            it => quoted(it),
        },
        "@base64" => encoded(text(value).as_bytes()),
        "@base64d" => {
            let wrong = || format!("{} is not valid base64 data", described(value));
            let bytes = decoded(&text(value)).ok_or_else(wrong)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        "@uri" => uri(&text(value)),
        "@html" => text(value)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#39;")
            .replace('"', "&quot;"),
        _ => return Err(format!("{} is not a valid format", &format[1..])),
    })
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(it) => format!("'{}'", it.replace('\'', "'\\''")),
        it => shown(it),
    }
}

fn uri(text: &str) -> String {
    let bytes = text.bytes().map(|it| match it {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(it).to_string()
        }
        it => format!("%{it:02X}"),
    });
    bytes.collect()
}
