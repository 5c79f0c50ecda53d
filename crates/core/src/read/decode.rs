//! JSON → object, as strictly as the API server reads it with `fieldValidation=Strict`.
//!
//! Go's decoder remembers the first wrong type and goes on; a type that reads itself
//! (`intstr.IntOrString`, `resource.Quantity`, `metav1.Time`) stops it at once. Unknown fields are reported
//! together, but only where every type is right.

use serde_json::{Map, Value};

use super::schema::{self, Fields};
use super::{Problem, base64, go_time};
use crate::key::Kind;
use crate::object::Object;
use crate::object::quantity::canonical;

/// A mistake and the field it is about: `spec.ports[0].port`, `metadata.labels[app]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    pub path: String,
    pub problem: Problem,
}

/// Reads `value` as an object of `kind`. Nulls count as absent.
pub fn decode(kind: Kind, value: &Value) -> Result<Object, Vec<Mistake>> {
    let (object, unknown) = decode_lenient(kind, value).map_err(|mistake| vec![mistake])?;
    if unknown.is_empty() { Ok(object) } else { Err(unknown) }
}

/// The same without `Strict`: unknown fields are dropped and named.
pub fn decode_lenient(kind: Kind, value: &Value) -> Result<(Object, Vec<Mistake>), Mistake> {
    let mut walk = Walk::default();
    let clean = walk.root(kind, value)?;
    if let Some(mistake) = walk.wrong {
        return Err(mistake);
    }
    let object = Object::from_value(kind, clean).map_err(|error| {
        let problem = Problem::Unreadable { detail: error.to_string() };
        Mistake { path: String::new(), problem }
    })?;
    Ok((object, walk.unknown))
}

/// The text after `cannot be handled as a Service: `.
pub fn cause(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(|mistake| mistake.problem.to_string()).collect();
    let texts = texts.join(", ");
    let strict = mistakes.iter().any(|it| matches!(it.problem, Problem::UnknownField { .. }));
    if strict { format!("strict decoding error: {texts}") } else { texts }
}

#[derive(Default)]
struct Walk {
    /// The first wrong type.
    wrong: Option<Mistake>,
    unknown: Vec<Mistake>,
    /// `spec.ports[0].port`, the way the server names fields.
    path: String,
    /// `spec.ports.port`, the way Go's decoder does.
    go_path: String,
    /// The innermost struct.
    go_struct: &'static str,
}

/// An error of a type that reads itself ends the walk.
type Stopped<T> = Result<T, Mistake>;

impl Walk {
    fn root(&mut self, kind: Kind, value: &Value) -> Stopped<Value> {
        if schema::is_struct(kind.name()) {
            return self.value(kind.name(), value);
        }
        let mut clean = self.value("any", value)?;
        if let (Some(map), Some(metadata)) = (clean.as_object_mut(), value.get("metadata")) {
            self.go_struct = kind.name();
            let metadata = self.within("metadata", |walk| walk.value("ObjectMeta", metadata))?;
            map.insert("metadata".to_owned(), metadata);
        }
        Ok(clean)
    }

    fn value(&mut self, expected: &'static str, value: &Value) -> Stopped<Value> {
        if expected == "any" {
            return Ok(value.clone());
        }
        if value.is_null() {
            return Ok(zero(expected));
        }
        if let Some(item) = expected.strip_prefix("[]") {
            return self.list(expected, item, value);
        }
        if let Some(item) = expected.strip_prefix("map[string]") {
            return self.map(expected, item, value);
        }
        if let Some(fields) = schema::fields(expected) {
            return self.fields(expected, fields, value);
        }
        self.scalar(expected, value)
    }

    fn list(
        &mut self,
        expected: &'static str,
        item: &'static str,
        value: &Value,
    ) -> Stopped<Value> {
        let Value::Array(items) = value else { return Ok(self.wrong(expected, value)) };
        let mut clean = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            clean.push(self.at(&format!("[{index}]"), |walk| walk.value(item, value))?);
        }
        Ok(Value::Array(clean))
    }

    fn map(&mut self, expected: &'static str, item: &'static str, value: &Value) -> Stopped<Value> {
        let Value::Object(entries) = value else { return Ok(self.wrong(expected, value)) };
        let mut clean = Map::new();
        for (key, value) in entries {
            let value = self.at(&format!("[{key}]"), |walk| walk.value(item, value))?;
            clean.insert(key.clone(), value);
        }
        Ok(Value::Object(clean))
    }

    fn fields(
        &mut self,
        expected: &'static str,
        fields: &'static Fields,
        value: &Value,
    ) -> Stopped<Value> {
        let Value::Object(entries) = value else { return Ok(self.wrong(expected, value)) };
        let outer = std::mem::replace(&mut self.go_struct, expected);
        let mut clean = Map::new();
        for (name, value) in entries {
            let Some((&name, field)) = fields.get_key_value(name.as_str()) else {
                self.unknown(name, fields);
                continue;
            };
            if !value.is_null() {
                let value = self.within(name, |walk| walk.value(field.of_type, value))?;
                clean.insert(name.to_owned(), value);
            }
        }
        self.go_struct = outer;
        Ok(Value::Object(clean))
    }

    fn scalar(&mut self, expected: &'static str, value: &Value) -> Stopped<Value> {
        match expected {
            "intOrString" => self.int_or_string(value),
            "quantity" => self.quantity(value),
            "time" => self.time(value),
            "bytes" => Ok(self.bytes(value)),
            "int32" | "int64" => {
                let fits = value
                    .as_i64()
                    .is_some_and(|number| expected == "int64" || i32::try_from(number).is_ok());
                Ok(if fits { value.clone() } else { self.wrong(expected, value) })
            }
            "bool" if value.is_boolean() => Ok(value.clone()),
            "bool" => Ok(self.wrong(expected, value)),
            _ if value.is_string() => Ok(value.clone()),
            _ => Ok(self.wrong(expected, value)),
        }
    }

    fn int_or_string(&mut self, value: &Value) -> Stopped<Value> {
        let fits = value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
        if value.is_string() || fits {
            Ok(value.clone())
        } else {
            Err(self.mistake("int32", value))
        }
    }

    /// Go keeps a quantity as a number and writes it in one form; a bare number is one too.
    fn quantity(&mut self, value: &Value) -> Stopped<Value> {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if is_quantity(&text) {
            return Ok(Value::String(canonical(&text).unwrap_or(text)));
        }
        let detail = "quantities must match the regular expression \
                      '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        Err(self.unreadable(detail))
    }

    /// The zero time is none.
    fn time(&self, value: &Value) -> Stopped<Value> {
        let Value::String(text) = value else { return Err(self.mistake("time", value)) };
        match go_time::canonical(text) {
            Ok(time) if time.is_empty() => Ok(Value::Null),
            Ok(time) => Ok(Value::String(time)),
            Err(detail) => Err(self.unreadable(&detail)),
        }
    }

    fn bytes(&mut self, value: &Value) -> Value {
        let Value::String(text) = value else { return self.wrong("bytes", value) };
        base64::canonical(text).map(Value::String).unwrap_or_else(|detail| {
            let mistake = self.unreadable(&detail);
            self.wrong.get_or_insert(mistake);
            zero("bytes")
        })
    }

    fn unreadable(&self, detail: &str) -> Mistake {
        let problem = Problem::Unreadable { detail: detail.to_owned() };
        Mistake { path: self.path.clone(), problem }
    }

    /// Notes a wrong type if it is the first, and gives the value that stands in for it.
    fn wrong(&mut self, expected: &'static str, value: &Value) -> Value {
        if self.wrong.is_none() {
            self.wrong = Some(self.mistake(expected, value));
        }
        zero(expected)
    }

    fn mistake(&self, expected: &'static str, value: &Value) -> Mistake {
        let problem = Problem::WrongType {
            found: found(expected, value),
            field: format!("{}.{}", self.go_struct, self.go_path),
            expected: go_type(expected),
        };
        Mistake { path: self.path.clone(), problem }
    }

    fn unknown(&mut self, name: &str, fields: &Fields) {
        let path = join(&self.path, name);
        let nearest = nearest(name, fields.keys().copied()).map(str::to_owned);
        let problem = Problem::UnknownField { path: path.clone(), nearest };
        self.unknown.push(Mistake { path, problem });
    }

    fn within<T>(&mut self, name: &str, inner: impl FnOnce(&mut Walk) -> T) -> T {
        let (path, go_path) = (self.path.len(), self.go_path.len());
        self.path = join(&self.path, name);
        self.go_path = join(&self.go_path, name);
        let result = inner(self);
        self.path.truncate(path);
        self.go_path.truncate(go_path);
        result
    }

    fn at<T>(&mut self, step: &str, inner: impl FnOnce(&mut Walk) -> T) -> T {
        let path = self.path.len();
        self.path.push_str(step);
        let result = inner(self);
        self.path.truncate(path);
        result
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What Go has where nothing was written.
fn zero(expected: &str) -> Value {
    match expected {
        "int32" | "int64" | "intOrString" => Value::from(0),
        "bool" => Value::Bool(false),
        "any" => Value::Null,
        _ if expected.starts_with("[]") => Value::Array(Vec::new()),
        _ if expected.starts_with("map[") || schema::is_struct(expected) => {
            Value::Object(Map::new())
        }
        _ => Value::String(String::new()),
    }
}

/// The type as Go writes it.
fn go_type(expected: &str) -> String {
    if let Some(item) = expected.strip_prefix("[]") {
        return format!("[]{}", go_type(item));
    }
    if let Some(item) = expected.strip_prefix("map[string]") {
        return format!("map[string]{}", go_type(item));
    }
    match expected {
        "string" | "bool" | "int32" | "int64" => expected.to_owned(),
        "quantity" => "resource.Quantity".to_owned(),
        "intOrString" => "intstr.IntOrString".to_owned(),
        "time" => "string".to_owned(),
        "bytes" => "[]uint8".to_owned(),
        "any" => "interface {}".to_owned(),
        name => format!("v1.{name}"),
    }
}

/// The JSON type found; a number that does not fit a number is named itself.
fn found(expected: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if matches!(expected, "int32" | "int64") => {
            format!("number {}", go_number(number))
        }
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    }
}

/// Go writes an exponent only from 1e21 on and below 1e-6.
fn go_number(number: &serde_json::Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    let size = float.abs();
    if (1e-6..1e21).contains(&size) || size == 0.0 {
        return float.to_string();
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => {
            format!("{mantissa}e+{exponent}")
        }
        Some((mantissa, exponent)) if exponent.len() == 2 => {
            format!("{mantissa}e-0{}", &exponent[1..])
        }
        _ => text,
    }
}

/// `500m`, `64Mi`, `1e3`, `-0.5`.
fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let is_number = number.bytes().any(|byte| byte.is_ascii_digit())
        && number.bytes().filter(|&byte| byte == b'.').count() < 2;
    let is_exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    const SUFFIXES: [&str; 16] =
        ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    is_number && (is_exponent || SUFFIXES.contains(&suffix))
}

/// The field that was probably meant: the same but for case, or at most two letters away.
fn nearest<'a>(name: &str, fields: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |field: &&str| distance(&name.to_lowercase(), &field.to_lowercase());
    let best = fields.min_by_key(distance)?;
    let limit = if name.len() < 4 { 1 } else { 2 };
    (distance(&best) <= limit).then_some(best)
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
