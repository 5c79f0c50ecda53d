//! A part of an object that its copies share until one of them changes it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use serde_json::Value;

use super::{Json, WrongType};

/// Reads like a `T`. A pod's status is written many times in its life and its spec once: each of
/// those writes would copy the spec. And of a Service's many endpoints one changes at a time.
#[derive(Clone, Default)]
pub struct Shared<T>(Rc<T>);

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared(Rc::new(value))
    }
}

impl<T> Shared<T> {
    /// Whether neither was changed since one was copied from the other.
    pub fn is_copy_of(&self, other: &Shared<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Writing to it copies it where it is shared.
impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Rc::make_mut(&mut self.0)
    }
}

impl<T: Clone + PartialEq> Shared<T> {
    /// It stays shared where it comes out as it was.
    pub fn change(&mut self, change: impl FnOnce(&mut T)) {
        let mut changed = T::clone(self);
        change(&mut changed);
        if changed != **self {
            *self = changed.into();
        }
    }
}

impl<'a, T> IntoIterator for &'a Shared<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Shared<T>) -> bool {
        self.is_copy_of(other) || self.0 == other.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Json> Json for Shared<T> {
    fn to_json(&self) -> Value {
        self.0.to_json()
    }

    fn read(value: Value, wrong: &mut Option<WrongType>) -> Shared<T> {
        T::read(value, wrong).into()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
