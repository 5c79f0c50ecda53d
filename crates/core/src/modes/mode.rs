//! kube-proxy's modes by their names: objects → what it writes in each.

use svclab_netfilter::text::Restore;

use crate::object::Objects;
use crate::proxy::{self, Mode, Settings};

impl Mode {
    /// One node's rules; those of IPVS mode as `ipvsadm -Ln`, `ipset save` and `iptables-restore`,
    /// with empty lines between.
    pub fn text(self, objects: &Objects, settings: &Settings) -> String {
        match self {
            Mode::Iptables => proxy::full_text(objects, settings),
            Mode::Nftables => proxy::nftables(objects, settings).table.to_string(),
            Mode::Userspace => proxy::userspace(objects, settings).restore.to_string(),
            Mode::Ipvs => proxy::ipvs(objects, settings).whole(),
        }
    }

    /// The rules of the built-in chains, where they are written apart.
    pub fn jumps(self) -> Option<Restore> {
        match self {
            Mode::Iptables => Some(proxy::jumps()),
            Mode::Ipvs => Some(proxy::ipvs_jumps()),
            Mode::Nftables | Mode::Userspace => None,
        }
    }
}
