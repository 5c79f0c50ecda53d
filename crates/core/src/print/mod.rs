//! Objects as text.
//!
//! A value → the YAML that `kubectl get -o yaml` prints ([`yaml`]); an object → the same lines, each
//! with who put it there ([`origin`]).

mod origin;
mod scalar;
mod yaml;

pub use origin::{Origin, marked};
pub use yaml::{Line, yaml};
