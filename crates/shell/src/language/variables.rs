//! Variables, arrays and options of a shell: names and indices → values.

use std::collections::{BTreeMap, BTreeSet};

use crate::process::Process;
use crate::programs;
use crate::session::Session;

/// What a shell keeps beside its plain variables.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) arrays: BTreeMap<String, Array>,
    pub(crate) readonly: BTreeSet<String>,
    /// What `local` has put aside, for each function that is under way.
    pub(crate) scopes: Vec<BTreeMap<String, Saved>>,
    pub(crate) options: Options,
    /// `trap … EXIT`
    pub(crate) on_exit: Option<String>,
    /// Conditions that are being looked at: `set -e` does not count there.
    pub(crate) lenient: usize,
    /// A variable that has to be there was not: nothing of the line goes on.
    pub(crate) misses: bool,
}

/// What `set` switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// `-e`
    pub(crate) errexit: bool,
    /// `-u`
    pub(crate) nounset: bool,
    pub(crate) pipefail: bool,
}

/// A variable before a function declared its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Saved {
    value: Option<String>,
    array: Option<Array>,
}

/// Values by number, or by word (`declare -A`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Array {
    pub(crate) is_keyed: bool,
    pub(crate) items: BTreeMap<Key, String>,
}

/// The number or the word; the other one is empty.
pub(crate) type Key = (i64, String);

impl Array {
    pub(crate) fn of(values: impl IntoIterator<Item = String>) -> Array {
        let items = (0..).zip(values).map(|(at, it)| ((at, String::new()), it));
        Array { is_keyed: false, items: items.collect() }
    }

    /// The index of what comes behind its last value.
    pub(crate) fn end(&self) -> i64 {
        self.items.last_key_value().map_or(0, |it| it.0.0.saturating_add(1))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = String> {
        self.items.keys().map(|it| if self.is_keyed { it.1.clone() } else { it.0.to_string() })
    }
}

impl Session {
    /// A variable's value; an array's is that of its index 0.
    pub(crate) fn variable(&self, name: &str) -> Option<&String> {
        match self.state.arrays.get(name) {
            Some(array) => array
                .items
                .get(&(0, String::new()))
                .or_else(|| array.items.get(&(0, "0".to_owned())).filter(|_| array.is_keyed)),
            None => self.variables.get(name),
        }
    }

    /// # Errors
    ///
    /// It is read-only.
    pub(crate) fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        self.writable(name)?;
        match self.state.arrays.get_mut(name) {
            Some(array) if array.is_keyed => _ = array.items.insert((0, "0".to_owned()), value),
            Some(array) => _ = array.items.insert((0, String::new()), value),
            None => _ = self.variables.insert(name.to_owned(), value),
        }
        Ok(())
    }

    pub(crate) fn writable(&self, name: &str) -> Result<(), String> {
        match self.state.readonly.contains(name) {
            true => Err(format!("{name}: readonly variable")),
            false => Ok(()),
        }
    }

    pub(crate) fn set_array(&mut self, name: &str, array: Array) {
        self.variables.remove(name);
        self.state.arrays.insert(name.to_owned(), array);
    }

    /// The array of that name; a plain variable becomes its first value.
    pub(crate) fn array_mut(&mut self, name: &str) -> &mut Array {
        let first = self.variables.remove(name);
        let array = self.state.arrays.entry(name.to_owned()).or_default();
        if let Some(first) = first {
            array.items.insert((0, String::new()), first);
        }
        array
    }

    /// The name, or one value of an array: `unset 'a[1]'`.
    pub(crate) fn unset(&mut self, name: &str) -> Result<(), String> {
        let (base, index) = match name.strip_suffix(']').and_then(|it| it.split_once('[')) {
            Some((base, index)) => (base, Some(index)),
            None => (name, None),
        };
        if self.writable(base).is_err() {
            return Err(format!("{base}: cannot unset: readonly variable"));
        }
        match (index, self.state.arrays.get_mut(base)) {
            (Some(index), Some(array)) => {
                let index = index.trim_matches(['"', '\'']);
                let key = match array.is_keyed {
                    true => (0, index.to_owned()),
                    false => (index.parse().unwrap_or(0), String::new()),
                };
                array.items.remove(&key);
            }
            _ => {
                self.state.arrays.remove(base);
                if self.variables.remove(base).is_none() && index.is_none() {
                    self.functions.remove(base);
                }
            }
        }
        Ok(())
    }

    /// From now on the name is the function's own. False outside of functions.
    pub(crate) fn localize(&mut self, name: &str) -> bool {
        let saved = Saved {
            value: self.variables.get(name).cloned(),
            array: self.state.arrays.get(name).cloned(),
        };
        let Some(scope) = self.state.scopes.last_mut() else { return false };
        if !scope.contains_key(name) {
            scope.insert(name.to_owned(), saved);
            self.variables.remove(name);
            self.state.arrays.remove(name);
        }
        true
    }

    /// A function has ended: what it declared is as it was before.
    pub(crate) fn leave_scope(&mut self) {
        for (name, saved) in self.state.scopes.pop().unwrap_or_default() {
            match saved.value {
                Some(value) => _ = self.variables.insert(name.clone(), value),
                None => _ = self.variables.remove(&name),
            }
            match saved.array {
                Some(array) => _ = self.state.arrays.insert(name, array),
                None => _ = self.state.arrays.remove(&name),
            }
        }
    }
}

/// The value of `$name`, of a variable or of what the shell itself knows.
pub(super) fn parameter(process: &Process, name: &str) -> Option<String> {
    let session = process.session();
    match name {
        "?" => Some(session.status.to_string()),
        "$" => Some("1".to_owned()),
        "#" => Some(session.arguments.len().to_string()),
        "@" | "*" => Some(session.arguments.join(" ")).filter(|_| !session.arguments.is_empty()),
        "0" => Some("bash".to_owned()),
        name => match name.parse::<usize>() {
            Ok(index) => session.arguments.get(index.wrapping_sub(1)).cloned(),
            Err(_) => {
                let own = session.variable(name).cloned();
                own.or_else(|| programs::of_container(process, name))
            }
        },
    }
}

/// What words are split at and joined with.
pub(crate) fn separators(process: &Process) -> String {
    process.session().variables.get("IFS").cloned().unwrap_or_else(|| " \t\n".to_owned())
}
