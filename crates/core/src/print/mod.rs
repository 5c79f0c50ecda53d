//! The cluster as text.
//!
//! A value → the YAML that `kubectl get -o yaml` prints ([`yaml()`]); an object → the same lines, each
//! with who put it there ([`Origin`]); the log → Events ([`events`]).

mod origin;
mod recorded;
mod scalar;
mod yaml;

pub use origin::{Origin, Origins, marked};
pub use recorded::{Event, event, events};
pub use yaml::{Line, yaml};
