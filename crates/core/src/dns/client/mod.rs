//! What a process in a pod knows of names, and whom it asks.
//!
//! kubelet writes two files: [`resolv`] and [`etc_hosts`]. A libc or tool asks one question after
//! another ([`search`]), then puts the addresses in its own order ([`sort`]).

pub mod etc_hosts;
pub mod resolv;
pub mod search;
pub mod sort;
#[cfg(test)]
mod tests;

pub use resolv::{ClusterDns, ResolvConf};
pub use search::{Asker, Failure, Heard, Lookup, Resolver, dig, look_up};
