//! A sync of a kube-proxy that does not work with iptables: everything is made anew, and what the
//! kernel had is replaced by it.

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_netfilter::Family;
use svclab_netfilter::order::Gather;

use crate::lab::Lab;
use crate::lab::log::{EntryId, Happening};
use crate::lab::queue::Task;
use crate::net::Kernel;
use crate::net::balancer::Balancer;
use crate::proxy::{Ipvs, Mode, Nftables, StaleConnections, ensure_jumps, ipvs_jumps};
use crate::time::{Duration, Instant};
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
        self.look_again(node, family, cause);
    }

    /// A real server that waits for its last connections is looked at every minute
    /// (`rsCheckDeleteInterval`).
    fn look_again(&mut self, node: &NodeName, family: Family, cause: Option<EntryId>) {
        let balancer = self.net.kernel(node).and_then(|it| it.balancer(family));
        let Some(Balancer::Ipvs(own)) = balancer else { return };
        if own.state.is_leaving() {
            let at = self.now + Duration::from_secs(60);
            self.queue.push(at, Task::Proxy(node.clone(), family), cause);
        }
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
        let changed = match watch.settings().mode {
            Mode::Ipvs => {
                let own = self.net.nodes.iter_mut().find(|it| it.name == *node)?;
                let state = proxier.ipvs(watch, &self.objects, own.device_addresses(family));
                let state = staying(kernel, family, state, self.now);
                own.bind_dummy(family, &state.bound);
                write_ipvs(kernel, family, state)
            }
            _ => write_table(kernel, proxier.nftables(watch, &self.objects)),
        };
        proxy.pace.synced(self.now);
        proxy.began_at = proxy.began_at.or(Some(self.now));
        proxy.synced_at = Some(self.now);
        proxy.behind = false;
        Some((changed, stale))
    }
}

/// What is wanted, and real servers that still have connections.
fn staying(kernel: &Kernel, family: Family, wanted: Ipvs, now: Instant) -> Ipvs {
    let Some(Balancer::Ipvs(own)) = kernel.balancer(family) else { return wanted };
    wanted.after(&own.state, |protocol, at, server| {
        own.connections.count((protocol, at), server, now.as_millis())
    })
}

fn write_ipvs(kernel: &mut Kernel, family: Family, state: Ipvs) -> Changed {
    ensure_jumps(kernel.rules_mut(family), &ipvs_jumps());
    Rc::make_mut(kernel.rules_mut(family)).restore(&state.restore, true);
    let of_table = |table| state.restore.tables.iter().filter(move |it| it.table == table);
    let written =
        |table, chain| of_table(table).any(|it| it.chains.iter().any(|it| it.name == chain));
    kernel.counters_mut(family).restored(written);
    let text = state.whole();
    let place = kernel.balancer_mut(family);
    match place.as_deref_mut() {
        Some(Balancer::Ipvs(own)) => {
            let changed = compare(&own.state.whole(), &text);
            own.state = Rc::new(state);
            changed
        }
        _ => {
            *place = Some(Box::new(Balancer::ipvs(Rc::new(state))));
            compare("", &text)
        }
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
        _ => {
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
