//! The Go types of the API, as `types.txt` declares them: what a field may hold, and how a strategic
//! patch merges it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::key::Kind;

pub(crate) type Fields = BTreeMap<&'static str, Field>;

/// A field of a Go struct.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Field {
    /// `[]ServicePort`, `map[string]string`, `int32`.
    pub(crate) of_type: &'static str,
    pub(crate) merge: Merge,
    /// `patchStrategy: retainKeys`: of several fields one may be set, so a patch names what stays.
    pub(crate) retain_keys: bool,
}

/// What a strategic patch does to a list that is there already. Maps are always merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    Replace,
    /// Plain values are added.
    Values,
    /// `patchMergeKey`: entries with an equal value of this field are one.
    By(&'static str),
}

/// The type of a whole object.
pub(crate) fn root(kind: Kind) -> &'static str {
    if is_struct(kind.name()) { kind.name() } else { "Other" }
}

pub(crate) fn is_struct(of_type: &str) -> bool {
    fields(of_type).is_some()
}

/// The fields of a struct.
pub(crate) fn fields(of_type: &str) -> Option<&'static Fields> {
    structs().get(of_type)
}

/// A field by its JSON name; of a type that is not looked into, one that is not looked into.
pub(crate) fn field(of_type: &str, name: &str) -> Field {
    let known = fields(of_type).and_then(|fields| fields.get(name).copied());
    known.unwrap_or(Field { of_type: "any", merge: Merge::Replace, retain_keys: false })
}

/// The type of a list's entries.
pub(crate) fn entry(of_type: &'static str) -> &'static str {
    of_type.strip_prefix("[]").unwrap_or("any")
}

fn structs() -> &'static BTreeMap<&'static str, Fields> {
    static STRUCTS: OnceLock<BTreeMap<&'static str, Fields>> = OnceLock::new();
    STRUCTS.get_or_init(|| parse(include_str!("types.txt")))
}

/// Names for strings, such as `ServiceType`, are no structs: the decoder needs no more of them.
fn parse(text: &'static str) -> BTreeMap<&'static str, Fields> {
    let mut structs: BTreeMap<&'static str, Fields> = BTreeMap::new();
    let mut current = "";
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(line) => {
                let (name, field) = parse_field(line);
                structs.entry(current).or_default().insert(name, field);
            }
            None if line.contains(" = ") => {}
            None => {
                current = line;
                structs.entry(current).or_default();
            }
        }
    }
    structs
}

/// `ports []ServicePort port`.
fn parse_field(line: &'static str) -> (&'static str, Field) {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let of_type = words.next().expect("a field has a type");
    let strategy = words.next().unwrap_or_default();
    let (key, rest) = strategy.split_once(',').unwrap_or((strategy, ""));
    let merge = match key {
        "" | "retainKeys" => Merge::Replace,
        "*" => Merge::Values,
        key => Merge::By(key),
    };
    let retain_keys = key == "retainKeys" || rest == "retainKeys";
    (name, Field { of_type, merge, retain_keys })
}
