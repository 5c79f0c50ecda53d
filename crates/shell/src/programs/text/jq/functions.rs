//! What jq can be asked for by name.

use serde_json::{Map, Value, json};
use svclab_netfilter::order::Order;

use super::format::{formatted, regex, replaced};
use super::order::{compare, is_true, keys, kind, number, shown};
use super::parse::Filter;
use super::run::{Scope, Values, described, each, recurse, run};

/// A value as a text: what is one already stays as it is.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| shown(value), str::to_owned)
}

pub(super) fn split(text: &str, separator: &str) -> Value {
    match (text, separator) {
        ("", _) => json!([]),
        (text, "") => text.chars().map(String::from).collect(),
        (text, separator) => text.split(separator).collect(),
    }
}

pub(super) fn call(
    scope: &Scope<'_>,
    (name, arguments): (&str, &[Filter]),
    input: &Value,
) -> Values {
    match arguments {
        [] => plain(scope, name, input),
        [first] => with_one(scope, name, first, input),
        [first, second] => with_two(scope, name, (first, second), input),
        _ => Err(undefined(name, arguments.len())),
    }
}

fn undefined(name: &str, count: usize) -> String {
    format!("{name}/{count} is not defined")
}

pub(super) fn list<'a>(value: &'a Value, what: &str) -> Result<&'a Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{} cannot be {what}", described(value)))
}

fn plain(scope: &Scope<'_>, name: &str, input: &Value) -> Values {
    let res = match (name, input) {
        ("empty", _) => return Ok(Vec::new()),
        ("not", _) => (!is_true(input)).into(),
        ("length", _) => length(input)?,
        ("type", _) => kind(input).into(),
        ("keys" | "keys_unsorted", Value::Object(map)) => match name {
            "keys" => keys(input).into(),
            _ => map.keys().cloned().collect(),
        },
        ("keys" | "keys_unsorted", Value::Array(items)) => (0..items.len()).collect(),
        ("keys" | "keys_unsorted", _) => return Err(format!("{} has no keys", described(input))),
        ("recurse", _) => {
            let mut res = Vec::new();
            recurse(scope, input, &mut res)?;
            return Ok(res);
        }
        ("error", _) => return Err(text(input)),
        ("add", Value::Object(map)) => {
            let values = map.values().cloned().collect();
            return plain(scope, name, &values);
        }
        ("values", _) if input.is_null() => return Ok(Vec::new()),
        ("nulls" | "booleans" | "numbers" | "strings" | "arrays" | "objects", _) => {
            let is_it = kind(input) == name.trim_end_matches('s');
            return Ok(is_it.then(|| input.clone()).into_iter().collect());
        }
        ("values", _) => input.clone(),
        ("tostring", _) => text(input).into(),
        ("tojson", _) => shown(input).into(),
        ("tonumber", Value::Number(_)) => input.clone(),
        ("tonumber", Value::String(it)) => match it.trim().parse::<f64>() {
            Ok(it) => number(it),
            Err(_) => return Err(format!("Cannot parse '{it}' as number")),
        },
        ("to_entries", Value::Object(map)) => {
            map.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
        }
        ("ascii_downcase", Value::String(it)) => it.to_ascii_lowercase().into(),
        ("ascii_upcase", Value::String(it)) => it.to_ascii_uppercase().into(),
        ("fromjson", Value::String(it)) => {
            serde_json::from_str(it).map_err(|_| format!("{it} (while parsing '{it}')"))?
        }
        ("reverse", Value::String(it)) => it.chars().rev().collect::<String>().into(),
        ("reverse", Value::Null) => json!([]),
        ("floor" | "ceil" | "round" | "sqrt" | "abs", Value::Number(it)) => {
            let it = it.as_f64().unwrap_or(0.0);
            number(match name {
                "floor" => it.floor(),
                "ceil" => it.ceil(),
                "round" => it.round(),
                "sqrt" => it.sqrt(),
                _ => it.abs(),
            })
        }
        (
            "add" | "any" | "all" | "first" | "last" | "flatten" | "reverse" | "sort" | "unique"
            | "min" | "max" | "from_entries",
            _,
        ) => of_list(scope, name, input)?,
        ("paths", _) => {
            let mut res = Vec::new();
            paths(scope, input, &mut Vec::new(), &mut res)?;
            return Ok(res);
        }
        _ if name.starts_with('@') => formatted(name, input)?.into(),
        _ if ["tonumber", "to_entries", "ascii_downcase", "ascii_upcase", "fromjson"]
            .contains(&name) =>
        {
            return Err(format!("{} cannot be {name}", described(input)));
        }
        _ => return Err(undefined(name, 0)),
    };
    scope.charge(super::run::size(&res))?;
    Ok(vec![res])
}

fn length(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Null => 0.into(),
        Value::Bool(_) => return Err(format!("{} has no length", described(value))),
        Value::Number(it) => number(it.as_f64().unwrap_or(0.0).abs()),
        Value::String(text) => text.chars().count().into(),
        Value::Array(items) => items.len().into(),
        Value::Object(map) => map.len().into(),
    })
}

fn of_list(scope: &Scope<'_>, name: &str, input: &Value) -> Result<Value, String> {
    let items = list(input, "iterated over")?;
    scope.charge(items.len())?;
    let sorted = || {
        let mut sorted = items.clone();
        sorted.order_by(compare);
        sorted
    };
    Ok(match name {
        "add" => added(scope, items)?,
        "any" => items.iter().any(is_true).into(),
        "all" => items.iter().all(is_true).into(),
        "first" => items.first().cloned().unwrap_or_default(),
        "last" => items.last().cloned().unwrap_or_default(),
        "flatten" => {
            let mut res = Vec::new();
            flatten(items, &mut res);
            res.into()
        }
        "reverse" => items.iter().rev().cloned().collect(),
        "sort" => sorted().into(),
        "unique" => {
            let mut sorted = sorted();
            sorted.dedup_by(|a, b| compare(a, b).is_eq());
            sorted.into()
        }
        "min" => sorted().into_iter().next().unwrap_or_default(),
        "max" => sorted().pop().unwrap_or_default(),
        _ => {
            let mut res = Map::new();
            for entry in items {
                let named = |names: [&str; 3]| names.into_iter().find_map(|it| entry.get(it));
                let key = named(["key", "k", "name"]).map(text).unwrap_or_default();
                let value = named(["value", "v", "Value"]).cloned().unwrap_or_default();
                res.insert(key, value);
            }
            res.into()
        }
    })
}

fn added(scope: &Scope<'_>, items: &[Value]) -> Result<Value, String> {
    let mut sum = Value::Null;
    for item in items {
        sum = super::run::calculated(scope, "+", &sum, item)?;
    }
    Ok(sum)
}

fn flatten(items: &[Value], res: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Array(inner) => flatten(inner, res),
            other => res.push(other.clone()),
        }
    }
}

fn paths(
    scope: &Scope<'_>,
    value: &Value,
    path: &mut Vec<Value>,
    res: &mut Vec<Value>,
) -> Result<(), String> {
    let inner: Vec<(Value, &Value)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, it)| (index.into(), it)).collect()
        }
        Value::Object(map) => map.iter().map(|(key, it)| (key.as_str().into(), it)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in inner {
        path.push(key);
        scope.charge(path.len())?;
        res.push(path.clone().into());
        paths(scope, value, path, res)?;
        path.pop();
    }
    Ok(())
}

fn with_one(scope: &Scope<'_>, name: &str, filter: &Filter, input: &Value) -> Values {
    match name {
        "select" => each(run(scope, filter, input)?, |it| {
            Ok(is_true(&it).then(|| input.clone()).into_iter().collect())
        }),
        "map" => {
            let items = match input {
                Value::Object(map) => map.values().cloned().collect(),
                other => list(other, "iterated over")?.clone(),
            };
            scope.charge(items.len())?;
            Ok(vec![each(items, |it| run(scope, filter, &it))?.into()])
        }
        "map_values" => map_values(scope, filter, input),
        "with_entries" => {
            let entries = plain(scope, "to_entries", input)?;
            let mapped = each(entries, |it| with_one(scope, "map", filter, &it))?;
            each(mapped, |it| plain(scope, "from_entries", &it))
        }
        "sort_by" | "group_by" | "unique_by" | "min_by" | "max_by" => {
            by(scope, name, filter, input)
        }
        "any" | "all" => {
            let mapped = with_one(scope, "map", filter, input)?;
            each(mapped, |it| plain(scope, name, &it))
        }
        "first" => Ok(run(scope, filter, input)?.into_iter().take(1).collect()),
        "last" => Ok(run(scope, filter, input)?.pop().into_iter().collect()),
        "recurse" => {
            let mut res = Vec::new();
            follow(scope, filter, input, &mut res, 0)?;
            Ok(res)
        }
        "range" => each(run(scope, filter, input)?, |it| range(scope, 0.0, it.as_f64())),
        "error" => each(run(scope, filter, input)?, |it| Err(text(&it))),
        "del" => delete(filter, input).map(|it| vec![it]),
        _ => each(run(scope, filter, input)?, |argument| {
            scope.charge(super::run::size(input))?;
            asked(name, input, &argument).map(|it| vec![it])
        }),
    }
}

/// Values inside each other that `recurse` follows, at most.
const DEPTH: usize = 1000;

fn follow(
    scope: &Scope<'_>,
    filter: &Filter,
    value: &Value,
    res: &mut Vec<Value>,
    depth: usize,
) -> Result<(), String> {
    scope.charge(super::run::size(value))?;
    res.push(value.clone());
    if depth >= DEPTH {
        return Err("the lab's jq does no more than this".to_owned());
    }
    let next = run(scope, filter, value)?;
    next.iter().try_for_each(|it| follow(scope, filter, it, res, depth + 1))
}

fn range(scope: &Scope<'_>, from: f64, to: Option<f64>) -> Values {
    let to = to.ok_or("Range bounds must be numeric")?;
    let (mut at, mut res) = (from, Vec::new());
    while at < to {
        scope.charge(1)?;
        res.push(number(at));
        at += 1.0;
    }
    Ok(res)
}

fn map_values(scope: &Scope<'_>, filter: &Filter, input: &Value) -> Values {
    let first = |it: &Value| Ok::<_, String>(run(scope, filter, it)?.into_iter().next());
    let mut map = Map::new();
    match input {
        Value::Object(entries) => {
            for (key, value) in entries {
                if let Some(value) = first(value)? {
                    map.insert(key.clone(), value);
                }
            }
            Ok(vec![map.into()])
        }
        _ => with_one(scope, "map", filter, input),
    }
}

fn by(scope: &Scope<'_>, name: &str, filter: &Filter, input: &Value) -> Values {
    let items = list(input, "iterated over")?;
    let mut keyed: Vec<(Value, Value)> = Vec::new();
    for item in items {
        keyed.push((run(scope, filter, item)?.into(), item.clone()));
    }
    keyed.order_by(|a, b| compare(&a.0, &b.0));
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in keyed {
        match groups.last_mut().filter(|it| compare(&it.0, &key).is_eq()) {
            Some(group) => group.1.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    let mut groups = groups.into_iter().map(|it| it.1);
    Ok(vec![match name {
        "sort_by" => groups.flatten().collect(),
        "group_by" => groups.map(Value::from).collect(),
        "unique_by" => groups.filter_map(|it| it.into_iter().next()).collect(),
        "min_by" => groups.next().and_then(|it| it.into_iter().next()).unwrap_or_default(),
        _ => groups.next_back().and_then(|mut it| it.pop()).unwrap_or_default(),
    }])
}

/// `del(.a.b)`: paths of plain fields and places.
fn delete(path: &Filter, input: &Value) -> Result<Value, String> {
    let mut res = input.clone();
    match path {
        Filter::Comma(first, second) => return delete(second, &delete(first, &res)?),
        Filter::At(of, key) => {
            let Filter::Literal(key) = &**key else {
                return Err("Invalid path expression".to_owned());
            };
            if let Some(inside) = place(of, &mut res)? {
                match (inside, key) {
                    (Value::Object(map), Value::String(key)) => _ = map.shift_remove(key),
                    (Value::Array(items), key) => {
                        let index = key.as_u64().and_then(|it| usize::try_from(it).ok());
                        if let Some(index) = index.filter(|it| *it < items.len()) {
                            items.remove(index);
                        }
                    }
                    _ => {}
                }
            }
        }
        _ => return Err("Invalid path expression".to_owned()),
    }
    Ok(res)
}

fn place<'a>(path: &Filter, value: &'a mut Value) -> Result<Option<&'a mut Value>, String> {
    match path {
        Filter::Same => Ok(Some(value)),
        Filter::At(of, key) => {
            let Filter::Literal(key) = &**key else {
                return Err("Invalid path expression".to_owned());
            };
            let Some(inside) = place(of, value)? else { return Ok(None) };
            Ok(match (inside, key) {
                (Value::Object(map), Value::String(key)) => map.get_mut(key),
                (Value::Array(items), key) => {
                    let index = key.as_u64().and_then(|it| usize::try_from(it).ok());
                    index.and_then(|it| items.get_mut(it))
                }
                _ => None,
            })
        }
        _ => Err("Invalid path expression".to_owned()),
    }
}

/// What is asked of a value with another one.
fn asked(name: &str, value: &Value, argument: &Value) -> Result<Value, String> {
    let texts = || match (value, argument) {
        (Value::String(value), Value::String(argument)) => Ok((value.as_str(), argument.as_str())),
        _ => Err(format!("{name}() requires string inputs")),
    };
    Ok(match name {
        "has" => match (value, argument) {
            (Value::Object(map), Value::String(key)) => map.contains_key(key).into(),
            (Value::Array(items), Value::Number(index)) => {
                index.as_u64().is_some_and(|it| it < items.len() as u64).into()
            }
            _ => {
                return Err(format!(
                    "Cannot check whether {} has a {} key",
                    kind(value),
                    kind(argument)
                ));
            }
        },
        "contains" => contains(value, argument).into(),
        "inside" => contains(argument, value).into(),
        "startswith" => texts().map(|(text, start)| text.starts_with(start))?.into(),
        "endswith" => texts().map(|(text, end)| text.ends_with(end))?.into(),
        "split" => texts().map(|(text, by)| split(text, by))?,
        "test" => texts().and_then(|(text, pattern)| Ok(regex(pattern)?.is_match(text)))?.into(),
        "ltrimstr" => match texts() {
            Ok((text, start)) => text.strip_prefix(start).unwrap_or(text).into(),
            Err(_) => value.clone(),
        },
        "rtrimstr" => match texts() {
            Ok((text, end)) => text.strip_suffix(end).unwrap_or(text).into(),
            Err(_) => value.clone(),
        },
        "join" => {
            let by = argument.as_str().ok_or("join() requires a string")?;
            let parts = list(value, "iterated over")?.iter().map(|it| match it {
                Value::Null => String::new(),
                it => text(it),
            });
            parts.collect::<Vec<_>>().join(by).into()
        }
        "index" if value.is_array() => {
            let found = list(value, "searched")?.iter().position(|it| it == argument);
            found.map_or(Value::Null, Value::from)
        }
        "index" => {
            let found = texts().map(|(text, part)| text.find(part))?;
            found.map_or(Value::Null, Value::from)
        }
        "getpath" => {
            let path = list(argument, "a path")?;
            let inner = path.iter().try_fold(value, |value, key| match key {
                Value::String(key) => value.get(key),
                key => value.get(usize::try_from(key.as_u64()?).ok()?),
            });
            inner.cloned().unwrap_or_default()
        }
        _ => return Err(undefined(name, 1)),
    })
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(value), Value::String(part)) => value.contains(part.as_str()),
        (Value::Array(items), Value::Array(parts)) => {
            parts.iter().all(|part| items.iter().any(|it| contains(it, part)))
        }
        (Value::Object(map), Value::Object(parts)) => {
            parts.iter().all(|(key, part)| map.get(key).is_some_and(|it| contains(it, part)))
        }
        _ => compare(value, part).is_eq(),
    }
}

fn with_two(
    scope: &Scope<'_>,
    name: &str,
    (first, second): (&Filter, &Filter),
    input: &Value,
) -> Values {
    match name {
        "range" => each(run(scope, first, input)?, |from| {
            let from = from.as_f64().ok_or("Range bounds must be numeric")?;
            each(run(scope, second, input)?, |to| range(scope, from, to.as_f64()))
        }),
        "limit" => each(run(scope, first, input)?, |count| {
            let count = count.as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
            Ok(run(scope, second, input)?.into_iter().take(count).collect())
        }),
        "any" | "all" => {
            let found = each(run(scope, first, input)?, |it| run(scope, second, &it))?;
            let is_it =
                if name == "any" { found.iter().any(is_true) } else { found.iter().all(is_true) };
            Ok(vec![is_it.into()])
        }
        "sub" | "gsub" => each(run(scope, first, input)?, |pattern| {
            let (Value::String(pattern), Value::String(text)) = (&pattern, input) else {
                return Err(format!(
                    "{} cannot be matched, as it is not a string",
                    described(input)
                ));
            };
            each(run(scope, second, input)?, |by| {
                scope.charge(text.len() + 1)?;
                Ok(vec![replaced(&regex(pattern)?, text, &self::text(&by), name == "gsub").into()])
            })
        }),
        _ => Err(undefined(name, 2)),
    }
}
