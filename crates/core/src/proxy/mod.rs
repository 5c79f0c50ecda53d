//! kube-proxy in iptables mode: the objects of a cluster → the rules of one node.
//!
//! objects → service ports (`service`) with their endpoints (`endpoint`), kept until they change
//! (`known`); which of them this node uses (`select`) → lines (`rules`) → what a port adds to the
//! rules, and why (`part`, `origin`).
//! From there to what `iptables-restore` is given ([`full_sync`]), byte for byte as kube-proxy
//! writes it; or, as the cluster goes on ([`Watch`]), to the kernel of each node ([`Proxier`]).
//! Where kube-proxy's own order is that of a Go map, service ports go by namespace, name, port
//! name and protocol.

mod address;
mod changes;
mod connections;
mod detect;
mod draft;
mod endpoint;
mod ipvs;
mod jumps;
mod known;
mod names;
mod nft;
mod node;
mod origin;
mod pace;
mod part;
mod proxier;
mod rules;
mod select;
mod service;
mod settings;
mod userspace;
mod watch;

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::text::Restore;
use svclab_netfilter::{ChainName, SharedMap};

use crate::key::ObjectKey;
use crate::object::Objects;

pub use changes::Changes;
pub use connections::StaleConnections;
pub use ipvs::{DUMMY_DEVICE, Ipvs, RealServer, Scheduler, VirtualServer, ipvs, ipvs_jumps};
pub use jumps::jumps;
pub use nft::{Nftables, nftables};
pub use origin::{Destination, Origin, Origins, Purpose};
pub use pace::Pace;
pub use proxier::{Proxier, Report, Rewritten, ensure_jumps};
pub use rules::Text;
pub use settings::{DetectLocal, IpvsSettings, Mode, Settings, Version};
pub use userspace::{Listening, Userspace, userspace};
pub use watch::Watch;

/// All that one sync writes. The first origin is that of the top-level [`jumps()`], whichever run
/// made the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Sync {
    pub restore: Restore,
    pub origins: Origins,
}

/// The first sync of a node that holds no rules of kube-proxy yet.
pub fn full_sync(objects: &Objects, settings: &Settings) -> Sync {
    full_sync_over(objects, settings, [])
}

/// What [`full_sync`] writes, as text; in a large cluster that takes a third of the time.
pub fn full_text(objects: &Objects, settings: &Settings) -> String {
    let mut text = Text::default();
    Watch::of(objects, settings.clone()).write_text(objects, &settings.node, &mut text);
    text.into_string()
}

/// A sync of a node whose nat table holds the chains `existing`: those of kube-proxy that no
/// service needs any more are deleted.
pub fn full_sync_over(
    objects: &Objects,
    settings: &Settings,
    existing: impl IntoIterator<Item = ChainName>,
) -> Sync {
    let mut watch = Watch::of(objects, settings.clone());
    let node = node::this_node(objects, settings);
    let frame = rules::frame(settings, &node, &mut watch.origins);
    let services: Vec<Rc<ObjectKey>> = watch.services().cloned().collect();
    let parts = watch.parts(&services, (&node, settings), &SharedMap::new());
    let parts = parts.iter().flat_map(|it| it.iter());
    let stale = existing.into_iter().filter(|it| names::is_service_chain(*it));
    let mut stale: BTreeSet<ChainName> = stale.gather();
    if !stale.is_empty() {
        let own = parts.clone().flat_map(|it| &it.chains);
        own.for_each(|it| _ = stale.remove(&it.0));
    }
    Sync { restore: rules::restore(&frame, parts, &stale), origins: watch.origins }
}

#[cfg(test)]
mod tests;
