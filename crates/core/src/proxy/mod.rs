//! kube-proxy in iptables mode: the objects of a cluster → the rules of one node.
//!
//! objects → service ports (`service`) and their endpoints (`endpoint`); which of them this node
//! uses (`select`) → chains and rules (`rules`) → what `iptables-restore` is given, and why each
//! rule is there (`origin`). The text comes out byte for byte as kube-proxy writes it; where
//! kube-proxy's own order is that of a Go map, service ports go by namespace, name, port name and
//! protocol.

mod address;
mod detect;
mod draft;
mod endpoint;
mod jumps;
mod names;
mod node;
mod origin;
mod rules;
mod select;
mod service;
mod settings;

use svclab_netfilter::ChainName;
use svclab_netfilter::text::Restore;

use crate::object::Objects;

pub use jumps::jumps;
pub use origin::{Destination, Origin, Purpose};
pub use settings::{DetectLocal, Settings, Version};

/// One run of kube-proxy: `Rule::origin` is an index into `origins`.
/// The first origin is that of the top-level [`jumps`], whichever run made the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Sync {
    pub restore: Restore,
    pub origins: Vec<Origin>,
}

/// The first sync of a node that holds no rules of kube-proxy yet.
pub fn full_sync(objects: &Objects, settings: &Settings) -> Sync {
    full_sync_over(objects, settings, [])
}

/// A sync of a node whose nat table holds the chains `existing`: those of kube-proxy that no
/// service needs any more are deleted.
pub fn full_sync_over(
    objects: &Objects,
    settings: &Settings,
    existing: impl IntoIterator<Item = ChainName>,
) -> Sync {
    let node = node::this_node(objects, settings);
    let ports = service::service_ports(objects, settings);
    let endpoints = endpoint::endpoints(objects, settings, &ports);
    rules::write(settings, &node, &ports, &endpoints, existing)
}

#[cfg(test)]
mod tests;
