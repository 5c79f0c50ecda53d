//! What a machine's network is made of: devices, routes, sockets, packets that pass.

pub(super) mod conntrack;
pub(super) mod devices;
pub(super) mod ip;
pub(super) mod sockets;
pub(super) mod tcpdump;
