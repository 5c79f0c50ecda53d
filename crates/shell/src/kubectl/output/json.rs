//! A value → JSON as Go writes it: keys sorted, `<`, `>` and `&` escaped.

use serde_json::Value;
use svclab_netfilter::order::Order;

/// Everything on one line.
pub(crate) fn compact(value: &Value) -> String {
    let mut res = String::new();
    write(value, None, &mut res);
    res
}

/// With four blanks for each level, and a line end.
pub(crate) fn pretty(value: &Value) -> String {
    let mut res = String::new();
    write(value, Some(0), &mut res);
    res.push('\n');
    res
}

fn write(value: &Value, level: Option<usize>, res: &mut String) {
    let inner = level.map(|it| it + 1);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.order_by_key(|it| it.0);
            let colon = if level.is_some() { ": " } else { ":" };
            enclosed("{", "}", level, res, entries, |(key, value), res| {
                text(key, res);
                res.push_str(colon);
                write(value, inner, res);
            });
        }
        Value::Array(items) if !items.is_empty() => {
            enclosed("[", "]", level, res, items, |value, res| write(value, inner, res));
        }
        Value::String(it) => text(it, res),
        other => res.push_str(&other.to_string()),
    }
}

fn enclosed<T>(
    open: &str,
    close: &str,
    level: Option<usize>,
    res: &mut String,
    items: impl IntoIterator<Item = T>,
    mut one: impl FnMut(T, &mut String),
) {
    let line = |level: Option<usize>, res: &mut String| {
        if let Some(level) = level {
            res.push('\n');
            res.push_str(&"    ".repeat(level));
        }
    };
    res.push_str(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            res.push(',');
        }
        line(level.map(|it| it + 1), res);
        one(item, res);
    }
    line(level, res);
    res.push_str(close);
}

fn text(text: &str, res: &mut String) {
    let plain = Value::String(text.to_owned()).to_string();
    for c in plain.chars() {
        match c {
            '<' => res.push_str("\\u003c"),
            '>' => res.push_str("\\u003e"),
            '&' => res.push_str("\\u0026"),
            '\u{2028}' => res.push_str("\\u2028"),
            '\u{2029}' => res.push_str("\\u2029"),
            c => res.push(c),
        }
    }
}
