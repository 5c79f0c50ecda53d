//! What the fields of the Kubernetes API mean, in the API's own words.
//!
//! The text is written when this crate is built; `svclab_core::reference` reads it. The page does
//! not contain it: it is a file of its own there, fetched when somebody wants it.

/// The kinds, their fields, and what is said of them.
pub const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/reference.txt"));
