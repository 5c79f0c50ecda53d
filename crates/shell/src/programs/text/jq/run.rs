//! A jq filter and a value → the values that come out.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::functions;
use super::order::{compare, is_true, kind, number, shown};
use super::parse::{Filter, Piece};

/// What a filter comes to, or jq's complaint.
pub(super) type Values = Result<Vec<Value>, String>;

/// What filters may do in all: values made and their parts.
const WORK: u32 = 2_000_000;

/// What all of a filter's parts share.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) variables: BTreeMap<String, Value>,
    pub(super) left: &'a Cell<u32>,
}

/// A filter's allowance.
pub(super) fn allowance() -> Cell<u32> {
    Cell::new(WORK)
}

impl Scope<'_> {
    /// Takes from what may be done.
    pub(super) fn charge(&self, work: usize) -> Result<(), String> {
        let work = u32::try_from(work).unwrap_or(u32::MAX);
        let left = self.left.get().checked_sub(work);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| "the lab's jq does no more than this".to_owned())
    }

    fn copied(&self, value: &Value) -> Result<Value, String> {
        self.charge(size(value))?;
        Ok(value.clone())
    }

    fn with(&self, name: &str, value: Value) -> Scope<'_> {
        let mut res = self.clone();
        res.variables.insert(name.to_owned(), value);
        res
    }
}

/// How many parts a value has; long texts count as many.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 16,
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

pub(super) fn run(scope: &Scope<'_>, filter: &Filter, input: &Value) -> Values {
    scope.charge(1)?;
    match filter {
        Filter::Same => Ok(vec![scope.copied(input)?]),
        Filter::Recurse => {
            let mut res = Vec::new();
            recurse(scope, input, &mut res)?;
            Ok(res)
        }
        Filter::Literal(value) => Ok(vec![value.clone()]),
        Filter::Text(format, pieces) => text(scope, format.as_deref(), pieces, input),
        Filter::Variable(name) => match scope.variables.get(name) {
            Some(value) => Ok(vec![scope.copied(value)?]),
            None => Err(format!("${name} is not defined")),
        },
        Filter::At(of, key) => pairs(scope, (of, key), input, |it, key| at(scope, it, key)),
        Filter::Slice(of, from, to) => {
            let bound = |it: &Option<Box<Filter>>| match it {
                Some(it) => Ok(run(scope, it, input)?.pop()),
                None => Ok::<_, String>(None),
            };
            let (from, to) = (bound(from)?, bound(to)?);
            each(run(scope, of, input)?, |it| slice(&it, from.as_ref(), to.as_ref()).map(one))
        }
        Filter::Each(of) => each(run(scope, of, input)?, |it| match it {
            Value::Array(items) => Ok(items),
            Value::Object(map) => Ok(map.into_iter().map(|it| it.1).collect()),
            other => Err(format!("Cannot iterate over {}", described(&other))),
        }),
        Filter::Try(inner) => match run(scope, inner, input) {
            Err(_) if scope.left.get() > 0 => Ok(Vec::new()),
            found => found,
        },
        Filter::Array(None) => Ok(vec![Value::Array(Vec::new())]),
        Filter::Array(Some(inner)) => Ok(vec![run(scope, inner, input)?.into()]),
        Filter::Object(entries) => objects(scope, entries, input),
        Filter::Negative(inner) => each(run(scope, inner, input)?, |it| match it.as_f64() {
            Some(it) => Ok(vec![number(-it)]),
            None => Err(format!("{} cannot be negated", described(&it))),
        }),
        Filter::Pipe(left, right) => each(run(scope, left, input)?, |it| run(scope, right, &it)),
        Filter::Comma(left, right) => {
            let mut res = run(scope, left, input)?;
            res.extend(run(scope, right, input)?);
            Ok(res)
        }
        Filter::Binary(operator, left, right) => binary(scope, operator, (left, right), input),
        Filter::Bind(value, name, body) => each(run(scope, value, input)?, |it| {
            let inner = scope.with(name, it);
            run(&inner, body, input)
        }),
        Filter::If(branches, otherwise) => branch(scope, branches, otherwise.as_deref(), input),
        Filter::Call(name, arguments) => functions::call(scope, (name, arguments), input),
    }
}

fn one(value: Value) -> Vec<Value> {
    vec![value]
}

pub(super) fn each(values: Vec<Value>, mut then: impl FnMut(Value) -> Values) -> Values {
    let mut res = Vec::new();
    for value in values {
        res.extend(then(value)?);
    }
    Ok(res)
}

/// Every value of the right filter with every one of the left.
fn pairs(
    scope: &Scope<'_>,
    (left, right): (&Filter, &Filter),
    input: &Value,
    join: impl Fn(&Value, &Value) -> Result<Value, String>,
) -> Values {
    let all = run(scope, left, input)?;
    each(run(scope, right, input)?, |right| {
        let joined: Values = all.iter().map(|left| join(left, &right)).collect();
        scope.charge(all.len())?;
        joined
    })
}

pub(super) fn recurse(
    scope: &Scope<'_>,
    value: &Value,
    res: &mut Vec<Value>,
) -> Result<(), String> {
    res.push(scope.copied(value)?);
    match value {
        Value::Array(items) => items.iter().try_for_each(|it| recurse(scope, it, res)),
        Value::Object(map) => map.values().try_for_each(|it| recurse(scope, it, res)),
        _ => Ok(()),
    }
}

/// `object ({"a":1})`, as jq names what it could not work with.
pub(super) fn described(value: &Value) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    let text = shown(value);
    let short: String = match text.chars().count() {
        0..=11 => text,
        _ => text.chars().take(10).chain("...".chars()).collect(),
    };
    format!("{} ({short})", kind(value))
}

fn at(scope: &Scope<'_>, value: &Value, key: &Value) -> Result<Value, String> {
    let found = match (value, key) {
        (Value::Null, Value::String(_) | Value::Number(_) | Value::Null) => None,
        (Value::Object(map), Value::String(key)) => map.get(key),
        (Value::Array(items), Value::Number(_)) => {
            let index = key.as_f64().unwrap_or(0.0).floor() as i64;
            let index = if index < 0 {
                index.checked_add_unsigned(items.len() as u64)
            } else {
                Some(index)
            };
            index.and_then(|it| usize::try_from(it).ok()).and_then(|it| items.get(it))
        }
        (_, Value::String(key)) => {
            return Err(format!("Cannot index {} with string \"{key}\"", kind(value)));
        }
        _ => return Err(format!("Cannot index {} with {}", kind(value), kind(key))),
    };
    scope.copied(found.unwrap_or(&Value::Null))
}

fn slice(value: &Value, from: Option<&Value>, to: Option<&Value>) -> Result<Value, String> {
    let place = |it: Option<&Value>, otherwise: usize, length: usize| {
        let Some(at) = it.and_then(Value::as_f64) else { return otherwise };
        let at = if at < 0.0 { at + length as f64 } else { at };
        // A cast of a float stays within the integer's range.
        (at.max(0.0) as usize).min(length)
    };
    match value {
        Value::Null => Ok(Value::Null),
        Value::Array(items) => {
            let (from, to) = (place(from, 0, items.len()), place(to, items.len(), items.len()));
            Ok(items.get(from..to).unwrap_or_default().to_vec().into())
        }
        Value::String(text) => {
            let length = text.chars().count();
            let (from, to) = (place(from, 0, length), place(to, length, length));
            let part = text.chars().skip(from).take(to.saturating_sub(from));
            Ok(part.collect::<String>().into())
        }
        other => Err(format!("Cannot index {} with object", kind(other))),
    }
}

fn text(scope: &Scope<'_>, format: Option<&str>, pieces: &[Piece], input: &Value) -> Values {
    let mut texts = vec![String::new()];
    for piece in pieces {
        match piece {
            Piece::Text(text) => texts.iter_mut().for_each(|it| it.push_str(text)),
            Piece::Filter(filter) => {
                let mut longer = Vec::new();
                for value in run(scope, filter, input)? {
                    let part = match format {
                        Some(format) => super::format::formatted(format, &value)?,
                        None => functions::text(&value),
                    };
                    for text in &texts {
                        scope.charge(1 + (text.len() + part.len()) / 16)?;
                        longer.push(format!("{text}{part}"));
                    }
                }
                texts = longer;
            }
        }
    }
    Ok(texts.into_iter().map(Value::from).collect())
}

fn objects(scope: &Scope<'_>, entries: &[(Filter, Filter)], input: &Value) -> Values {
    let mut all = vec![Map::new()];
    for (key, value) in entries {
        let keys = run(scope, key, input)?;
        let values = run(scope, value, input)?;
        let mut longer = Vec::new();
        for map in &all {
            for key in &keys {
                let Value::String(name) = key else {
                    return Err(format!("Object keys must be strings, not {}", described(key)));
                };
                for value in &values {
                    let mut map = map.clone();
                    map.insert(name.clone(), scope.copied(value)?);
                    scope.charge(map.len())?;
                    longer.push(map);
                }
            }
        }
        all = longer;
    }
    Ok(all.into_iter().map(Value::Object).collect())
}

fn branch(
    scope: &Scope<'_>,
    branches: &[(Filter, Filter)],
    otherwise: Option<&Filter>,
    input: &Value,
) -> Values {
    let Some(((condition, then), rest)) = branches.split_first() else {
        return match otherwise {
            Some(filter) => run(scope, filter, input),
            None => Ok(vec![scope.copied(input)?]),
        };
    };
    each(run(scope, condition, input)?, |found| match is_true(&found) {
        true => run(scope, then, input),
        false => branch(scope, rest, otherwise, input),
    })
}

fn binary(
    scope: &Scope<'_>,
    operator: &str,
    (left, right): (&Filter, &Filter),
    input: &Value,
) -> Values {
    match operator {
        "//" => {
            let found = run(scope, left, input);
            let found: Vec<Value> = found.into_iter().flatten().filter(is_true).collect();
            if found.is_empty() { run(scope, right, input) } else { Ok(found) }
        }
        "and" | "or" => each(run(scope, left, input)?, |it| {
            if is_true(&it) == (operator == "or") {
                return Ok(vec![is_true(&it).into()]);
            }
            let right = run(scope, right, input)?;
            Ok(right.iter().map(|it| Value::from(is_true(it))).collect())
        }),
        _ => pairs(scope, (left, right), input, |a, b| calculated(scope, operator, a, b)),
    }
}

pub(super) fn calculated(
    scope: &Scope<'_>,
    operator: &str,
    a: &Value,
    b: &Value,
) -> Result<Value, String> {
    let order = compare(a, b);
    match operator {
        "==" => return Ok(order.is_eq().into()),
        "!=" => return Ok(order.is_ne().into()),
        "<" => return Ok(order.is_lt().into()),
        "<=" => return Ok(order.is_le().into()),
        ">" => return Ok(order.is_gt().into()),
        ">=" => return Ok(order.is_ge().into()),
        _ => scope.charge(size(a) + size(b))?,
    }
    let done = match operator {
        "+" => "added",
        "-" => "subtracted",
        "*" => "multiplied",
        _ => "divided",
    };
    let wrong = || format!("{} and {} cannot be {done}", described(a), described(b));
    Ok(match (operator, a, b) {
        ("+", Value::Null, it) | ("+", it, Value::Null) => it.clone(),
        ("+", Value::String(a), Value::String(b)) => format!("{a}{b}").into(),
        ("+", Value::Array(a), Value::Array(b)) => [a.as_slice(), b].concat().into(),
        ("+" | "*", Value::Object(a), Value::Object(b)) => {
            let mut res = a.clone();
            res.extend(b.iter().map(|(key, value)| (key.clone(), value.clone())));
            res.into()
        }
        ("-", Value::Array(a), Value::Array(b)) => {
            a.iter().filter(|it| !b.contains(it)).cloned().collect::<Vec<_>>().into()
        }
        ("/", Value::String(a), Value::String(b)) => functions::split(a, b),
        _ => {
            let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return Err(wrong()) };
            match operator {
                "+" => number(a + b),
                "-" => number(a - b),
                "*" => number(a * b),
                _ if b == 0.0 => {
                    return Err(format!("{} because the divisor is zero", wrong()));
                }
                "/" => number(a / b),
                _ => number((a.trunc() % b.trunc()).trunc()),
            }
        }
    })
}
