//! Texts that mostly are one of the API's own words.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Json, WrongType};

/// Reads like a `str`; copies share it. A word that the code knows (`Ready`, `True`) takes no room
/// of its own: ten thousand pods have five conditions each, and whoever looks for one compares
/// their words.
#[derive(Clone)]
pub enum Word {
    Known(&'static str),
    Other(Rc<str>),
}

impl Word {
    pub const fn new(word: &'static str) -> Word {
        Word::Known(word)
    }

    pub fn as_str(&self) -> &str {
        match self {
            Word::Known(word) => word,
            Word::Other(text) => text,
        }
    }
}

impl Default for Word {
    fn default() -> Word {
        Word::new("")
    }
}

impl From<&'static str> for Word {
    fn from(word: &'static str) -> Word {
        Word::new(word)
    }
}

impl From<String> for Word {
    fn from(text: String) -> Word {
        Word::Other(text.into())
    }
}

impl From<Word> for String {
    fn from(word: Word) -> String {
        word.as_str().to_owned()
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Word) -> bool {
        let same = match (self, other) {
            (Word::Other(one), Word::Other(other)) => Rc::ptr_eq(one, other),
            _ => false,
        };
        same || self.as_str() == other.as_str()
    }
}

impl Eq for Word {}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Word) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Word) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Word {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Json for Word {
    fn to_json(&self) -> Value {
        Value::String(self.as_str().to_owned())
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> Word {
        String::read(value, wrong).into()
    }

    fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}
