//! A Kubernetes cluster's Services as a deterministic simulation.
//!
//! text → documents ([`read`]) → objects ([`object`], [`admit`]) → endpoints ([`control`]) → rule
//! sets ([`proxy`]) → traces ([`net`], [`trace`]). [`lab`] holds it all together in virtual time.

pub mod time;
pub mod rng;
pub mod key;
pub mod object;
pub mod net;
pub mod trace;
pub mod control;
