//! A Kubernetes cluster's Services as a deterministic simulation.
//!
//! text → documents ([`read`]) → objects ([`object`], [`admit`]) → endpoints ([`control`]) → rule
//! sets ([`proxy`]) → traces ([`net`], [`trace`]). [`lab`] holds it all together in virtual time;
//! [`scenario`] is where it starts from, [`history`] goes back in it; [`mod@print`] shows objects as
//! text; [`mod@reference`] tells what their fields mean.

pub mod time;
pub mod rng;
mod digest;
pub mod key;
pub mod family;
pub mod object;
pub mod scenario;
pub mod read;
pub mod admit;
pub mod control;
pub mod kubelet;
pub mod proxy;
pub mod net;
pub mod modes;
pub mod dns;
pub mod trace;
mod trace_text;
pub mod lab;
pub mod history;
pub mod print;
pub mod reference;
