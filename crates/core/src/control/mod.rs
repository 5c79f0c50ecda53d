//! What the controllers make of the objects: Deployment → ReplicaSet → Pod → node → Endpoints and
//! EndpointSlices.
//!
//! Each is a function from objects to the writes it wants, in one turn; [`crate::lab`] carries
//! them out and decides when the next turn is.

pub mod affinity;
pub mod available;
pub mod claim;
pub mod conditions;
pub mod daemon_set;
pub mod deployment;
pub mod drain;
pub mod endpoints;
mod go_dump;
pub mod ingress;
pub mod load_balancer;
pub mod members;
pub mod mirror;
pub mod node_lifecycle;
pub mod replica_set;
pub mod revision;
pub mod schedule;
pub mod slices;
pub mod stateful_set;
pub mod triggers;
