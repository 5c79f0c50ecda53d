//! What a machine's network is made of: devices, routes, sockets, packets that pass.

pub(super) mod conntrack;
pub(super) mod devices;
pub(super) mod ip;
pub(super) mod older;
pub(super) mod sockets;
pub(super) mod tcpdump;

use crate::process::Process;

/// Whether one of the machine's devices is a port of its bridge.
pub(super) fn is_bridge_port(process: &Process, name: &str) -> bool {
    devices::devices(process).iter().any(|it| *it.name == *name && it.master.is_some())
}
