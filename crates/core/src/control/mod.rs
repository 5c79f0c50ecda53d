//! What the controllers make of the objects: Deployment → ReplicaSet → Pod → node → Endpoints and
//! EndpointSlices.
//!
//! Each is a function from objects to the writes it wants; [`crate::lab`] carries them out and
//! decides when.

pub mod endpoints;
pub mod members;
pub mod schedule;
pub mod slices;
pub mod workload;
