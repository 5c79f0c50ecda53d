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

    /// What has another type than its field is left empty and told to `wrong`.
    fn read(value: Value, wrong: &mut Option<WrongType>) -> Self;

    /// Whether `omitempty` leaves it out.
    fn is_empty(&self) -> bool {
        false
    }

    /// # Errors
    ///
    /// A value has another type than its field; `null` is as good as absent.
    fn from_json(value: Value) -> Result<Self, WrongType> {
        let mut wrong = None;
        let res = Self::read(value, &mut wrong);
        wrong.map_or(Ok(res), Err)
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

#[cold]
fn tell(wrong: &mut Option<WrongType>, expected: &'static str, found: Value) {
    wrong.get_or_insert(WrongType { expected, found });
}

impl Json for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> String {
        match value {
            Value::String(text) => return text,
            other => tell(wrong, "text", other),
        }
        String::new()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Json for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> bool {
        if !value.is_boolean() {
            tell(wrong, "true or false", value.clone());
        }
        value == true
    }

    fn is_empty(&self) -> bool {
        !*self
    }
}

impl Json for i32 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> i32 {
        let number = value.as_i64().and_then(|it| i32::try_from(it).ok());
        number.unwrap_or_else(|| {
            tell(wrong, "a number of 32 bits", value);
            0
        })
    }

    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Json for i64 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> i64 {
        value.as_i64().unwrap_or_else(|| {
            tell(wrong, "a number of 64 bits", value);
            0
        })
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

    fn read(value: Value, _wrong: &mut Option<WrongType>) -> Value {
        value
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

    fn read(value: Value, wrong: &mut Option<WrongType>) -> Option<T> {
        Some(T::read(value, wrong))
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T: Json> Json for Vec<T> {
    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> Vec<T> {
        let mut res = Vec::new();
        match value {
            Value::Array(items) => {
                for item in items {
                    res.push(T::read(item, wrong));
                }
            }
            other => tell(wrong, "a list", other),
        }
        res
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Json> Json for BTreeMap<String, T> {
    fn to_json(&self) -> Value {
        self.iter().map(|(key, value)| (key.clone(), value.to_json())).collect()
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> BTreeMap<String, T> {
        let mut res = BTreeMap::new();
        for (key, value) in map(value, wrong) {
            res.insert(key, T::read(value, wrong));
        }
        res
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// The fields of a map; none where it is no map.
pub(crate) fn map(value: Value, wrong: &mut Option<WrongType>) -> Map<String, Value> {
    match value {
        Value::Object(map) => return map,
        other => tell(wrong, "a map", other),
    }
    Map::new()
}

pub(crate) fn put<T: Json>(map: &mut Map<String, Value>, name: &str, value: &T, always: bool) {
    if always || !value.is_empty() {
        map.insert(name.to_owned(), value.to_json());
    }
}

pub(crate) fn take<T: Json + Default>(
    map: &mut Map<String, Value>,
    name: &str,
    wrong: &mut Option<WrongType>,
) -> T {
    match map.remove(name) {
        None | Some(Value::Null) => T::default(),
        Some(value) => T::read(value, wrong),
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

                fn read(
                    value: serde_json::Value,
                    wrong: &mut Option<crate::object::WrongType>,
                ) -> $struct {
                    use crate::object::json::{json_name, map, take};
                    let mut map = map(value, wrong);
                    $struct {
                        $($field: take(&mut map, json_name!($field $($name)?), wrong),)*
                    }
                }
            }
        )*
    };
}
pub(crate) use api;
