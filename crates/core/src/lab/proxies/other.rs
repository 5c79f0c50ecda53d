//! A sync of a kube-proxy that does not work with iptables: everything is made anew, and what the
//! kernel had is replaced by it.

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_netfilter::Family;
use svclab_netfilter::order::Gather;

use crate::lab::Lab;
use crate::lab::log::{EntryId, Happening};
use crate::net::Kernel;
use crate::net::balancer::Balancer;
use crate::proxy::{Nftables, StaleConnections};
use crate::trace::NodeName;

/// How many lines were added and removed.
type Changed = (usize, usize);

impl Lab {
    pub(super) fn sync_in_mode(&mut self, node: &NodeName, family: Family, cause: Option<EntryId>) {
        let Some((changed, stale)) = self.write_in_mode(node, family) else { return };
        let Some(kernel) = self.net.kernels.get_mut(node) else { return };
        let forgotten = match stale.is_empty() {
            true => 0,
            false => {
                let gone = |entry: &_| stale.contains(entry);
                kernel.conntrack.forget(gone, self.now.as_millis())
            }
        };
        let mut cause = cause;
        if changed != (0, 0) {
            let (added, removed) = changed;
            let node = node.clone();
            cause = Some(self.note(cause, Happening::Synced { node, family, added, removed }));
        }
        if forgotten > 0 {
            let what = Happening::ConnectionsDeleted { node: node.clone(), count: forgotten };
            self.note(cause, what);
        }
        self.renew_checks(node, cause);
    }

    fn write_in_mode(
        &mut self,
        node: &NodeName,
        family: Family,
    ) -> Option<(Changed, StaleConnections)> {
        let place = self.proxies.place(family)?;
        let watch = self.proxies.watches.get_mut(place)?;
        let proxy = self.proxies.nodes.get_mut(node)?.families.get_mut(place)?;
        let kernel = self.net.kernels.get_mut(node)?;
        let proxier = proxy.proxier.as_mut()?;
        let stale = proxier.heed(watch, &self.objects, self.now);
        let changed = write_table(kernel, proxier.nftables(watch, &self.objects));
        proxy.pace.synced(self.now);
        proxy.began_at = proxy.began_at.or(Some(self.now));
        proxy.synced_at = Some(self.now);
        proxy.behind = false;
        Some((changed, stale))
    }
}

fn write_table(kernel: &mut Kernel, rules: Nftables) -> Changed {
    let place = kernel.balancer_mut(rules.table.family);
    let text = rules.table.to_string();
    match place.as_deref_mut() {
        Some(Balancer::Nftables(own)) => {
            let changed = compare(&own.rules.table.to_string(), &text);
            own.memory.keep(|set| rules.table.sets.contains_key(set));
            own.rules = Rc::new(rules);
            changed
        }
        None => {
            *place = Some(Box::new(Balancer::nftables(Rc::new(rules))));
            compare("", &text)
        }
    }
}

fn compare(before: &str, after: &str) -> Changed {
    let (before, after): (BTreeSet<&str>, BTreeSet<&str>) =
        (before.lines().gather(), after.lines().gather());
    (after.difference(&before).count(), before.difference(&after).count())
}
