//! Objects ⇄ JSON as the API server writes it.
//!
//! Go's `omitempty` drops empty text, lists, maps, zero, false and nil pointers, but never a struct:
//! `status: {}` is printed, `labels: {}` is not. Derived serde decoders do the same but take
//! several times the code, which is what a page has to download.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// A type of the API's objects.
pub trait Json: Sized {
    fn to_json(&self) -> Value;

    /// # Errors
    ///
    /// A value has another type than its field; `null` is as good as absent.
    fn from_json(value: Value) -> Result<Self, WrongType>;

    /// Whether `omitempty` leaves it out.
    fn is_empty(&self) -> bool {
        false
    }
}

/// A value of a type that its field does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongType {
    pub expected: &'static str,
    pub found: Value,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

fn wrong<T>(expected: &'static str, found: Value) -> Result<T, WrongType> {
    Err(WrongType { expected, found })
}

impl Json for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }

    fn from_json(value: Value) -> Result<String, WrongType> {
        match value {
            Value::String(text) => Ok(text),
            other => wrong("text", other),
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Json for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_json(value: Value) -> Result<bool, WrongType> {
        value.as_bool().map_or_else(|| wrong("true or false", value), Ok)
    }

    fn is_empty(&self) -> bool {
        !*self
    }
}

impl Json for i32 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn from_json(value: Value) -> Result<i32, WrongType> {
        let number = value.as_i64().and_then(|it| i32::try_from(it).ok());
        number.map_or_else(|| wrong("a number of 32 bits", value), Ok)
    }

    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Json for i64 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn from_json(value: Value) -> Result<i64, WrongType> {
        value.as_i64().map_or_else(|| wrong("a number of 64 bits", value), Ok)
    }

    fn is_empty(&self) -> bool {
        *self == 0
    }
}

/// What the lab keeps as it was written.
impl Json for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }

    fn from_json(value: Value) -> Result<Value, WrongType> {
        Ok(value)
    }

    fn is_empty(&self) -> bool {
        self.is_null()
    }
}

/// A pointer in Go: `Some` of an empty value is written.
impl<T: Json> Json for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn from_json(value: Value) -> Result<Option<T>, WrongType> {
        T::from_json(value).map(Some)
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T: Json> Json for Vec<T> {
    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }

    fn from_json(value: Value) -> Result<Vec<T>, WrongType> {
        match value {
            Value::Array(items) => items.into_iter().map(T::from_json).collect(),
            other => wrong("a list", other),
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Json> Json for BTreeMap<String, T> {
    fn to_json(&self) -> Value {
        self.iter().map(|(key, value)| (key.clone(), value.to_json())).collect()
    }

    fn from_json(value: Value) -> Result<BTreeMap<String, T>, WrongType> {
        let pairs = map(value)?.into_iter();
        pairs.map(|(key, value)| Ok((key, T::from_json(value)?))).collect()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

pub(crate) fn map(value: Value) -> Result<Map<String, Value>, WrongType> {
    match value {
        Value::Object(map) => Ok(map),
        other => wrong("a map", other),
    }
}

pub(crate) fn put<T: Json>(map: &mut Map<String, Value>, name: &str, value: &T, always: bool) {
    if always || !value.is_empty() {
        map.insert(name.to_owned(), value.to_json());
    }
}

pub(crate) fn take<T: Json + Default>(
    map: &mut Map<String, Value>,
    name: &str,
) -> Result<T, WrongType> {
    match map.remove(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::from_json(value),
    }
}

/// `cluster_name` → `clusterName`, as bytes; what is beyond the result's end is zero.
pub(crate) const fn camel_case<const N: usize>(snake: &str) -> [u8; N] {
    let bytes = snake.as_bytes();
    let (mut res, mut to) = ([0; N], 0);
    let mut from = raw_prefix(bytes);
    while from < bytes.len() {
        if bytes[from] == b'_' {
            from += 1;
            res[to] = bytes[from].to_ascii_uppercase();
        } else {
            res[to] = bytes[from];
        }
        from += 1;
        to += 1;
    }
    res
}

/// The length of [`camel_case`].
pub(crate) const fn camel_length(snake: &str) -> usize {
    let bytes = snake.as_bytes();
    let mut from = raw_prefix(bytes);
    let mut length = 0;
    while from < bytes.len() {
        if bytes[from] != b'_' {
            length += 1;
        }
        from += 1;
    }
    length
}

/// `r#type` is called `type`.
const fn raw_prefix(bytes: &[u8]) -> usize {
    if bytes.len() > 2 && bytes[1] == b'#' { 2 } else { 0 }
}

/// The name of a field in JSON: its own in camelCase, or the one given.
macro_rules! json_name {
    ($field:ident $name:literal) => {
        $name
    };
    ($field:ident) => {{
        const SNAKE: &str = stringify!($field);
        const BYTES: [u8; crate::object::json::camel_length(SNAKE)] =
            crate::object::json::camel_case(SNAKE);
        const NAME: &str = match std::str::from_utf8(&BYTES) {
            Ok(name) => name,
            Err(_) => "",
        };
        NAME
    }};
}
pub(crate) use json_name;

macro_rules! is_always {
    () => {
        false
    };
    (always) => {
        true
    };
}
pub(crate) use is_always;

/// Structs of the Kubernetes API: plain data, every field optional in the text.
///
/// A field is called by its camelCase name, or as `as "…"` says. `= always`: it is written even
/// when it is empty.
macro_rules! api {
    ($($(#[$meta:meta])* struct $struct:ident {
        $($(#[$doc:meta])* $field:ident $(as $name:literal)?: $type:ty $(= $always:ident)?,)*
    })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Default, PartialEq)]
            // Admission has views of its own that leave their module for nobody.
            #[allow(unreachable_pub)]
            pub struct $struct {
                $($(#[$doc])* pub $field: $type,)*
            }

            impl crate::object::Json for $struct {
                fn to_json(&self) -> serde_json::Value {
                    use crate::object::json::{is_always, json_name, put};
                    let mut map = serde_json::Map::new();
                    $(
                        let always = is_always!($($always)?);
                        put(&mut map, json_name!($field $($name)?), &self.$field, always);
                    )*
                    map.into()
                }

                fn from_json(
                    value: serde_json::Value,
                ) -> Result<$struct, crate::object::json::WrongType> {
                    use crate::object::json::{json_name, map, take};
                    let mut map = map(value)?;
                    Ok($struct { $($field: take(&mut map, json_name!($field $($name)?))?,)* })
                }
            }
        )*
    };
}
pub(crate) use api;
