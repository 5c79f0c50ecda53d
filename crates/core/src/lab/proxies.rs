//! Each node's kube-proxy: when it syncs, and what a sync changes in the kernel.

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_netfilter::{RuleRef, RuleSet};

use super::Lab;
use super::log::{EntryId, Happening};
use super::queue::Task;
use crate::proxy::{self, Origin};
use crate::time::{Duration, Instant};
use crate::trace::NodeName;

/// kube-proxy gathers changes this long before it writes (its watch and queue, measured).
const PROXY_DELAY: Duration = Duration::from_millis(100);
/// `iptables.minSyncPeriod`
const MIN_SYNC_PERIOD: Duration = Duration::from_secs(1);

/// One node's kube-proxy.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Proxy {
    pub(super) synced_at: Option<Instant>,
    pub(super) origins: Rc<[Origin]>,
    /// Rules that the last sync that changed anything brought.
    pub(super) added: Rc<BTreeSet<RuleRef>>,
    /// Lines that it took away.
    pub(super) removed: Rc<Vec<String>>,
}

impl Lab {
    /// Every node's kube-proxy heard of a change: it writes soon, but not sooner than its minimal
    /// period allows.
    pub(super) fn wake_proxies(&mut self, cause: Option<EntryId>) {
        let nodes: Vec<NodeName> = self.proxies.keys().cloned().collect();
        for node in nodes {
            let own = Duration::from_micros(self.rng.below(40_000));
            let soon = self.now + PROXY_DELAY + own;
            let last = self.proxies.get(&node).and_then(|proxy| proxy.synced_at);
            let at = last.map_or(soon, |last| soon.max(last + MIN_SYNC_PERIOD));
            self.queue.push(at, Task::Proxy(node), cause);
        }
    }

    pub(super) fn sync_proxy(&mut self, node: &NodeName, cause: Option<EntryId>) {
        let settings = self.proxy_settings(node);
        let sync = proxy::full_sync(&self.objects, &settings);
        let mut rules = RuleSet::builtin();
        rules.restore(&proxy::jumps(), true);
        rules.restore(&sync.restore, true);
        let now = self.now;
        let Some(kernel) = self.net.kernels.get_mut(node) else { return };
        let (added, removed) = difference(&kernel.rules, &rules);
        let changed = !added.is_empty() || !removed.is_empty();
        let counts = (added.len(), removed.len());
        // Chains are shared with traces; a set that did not change stays the same value.
        if changed {
            kernel.rules = Rc::new(rules);
        }
        let Some(proxy) = self.proxies.get_mut(node) else { return };
        proxy.synced_at = Some(now);
        proxy.origins = sync.origins.into();
        if changed {
            proxy.added = Rc::new(added);
            proxy.removed = Rc::new(removed);
            let (added, removed) = counts;
            self.note(cause, Happening::Synced { node: node.clone(), added, removed });
        }
    }

    fn proxy_settings(&self, node: &str) -> proxy::Settings {
        proxy::Settings {
            node: node.to_owned(),
            cluster_cidr: self.cluster_cidr.clone(),
            ..proxy::Settings::default()
        }
    }
}

/// The rules of `new` whose lines `old` has not, and the lines of `old` that `new` has not.
fn difference(old: &RuleSet, new: &RuleSet) -> (BTreeSet<RuleRef>, Vec<String>) {
    let (before, after) = (changed_lines(old, new), changed_lines(new, old));
    let known: BTreeSet<&String> = before.iter().map(|it| &it.1).collect();
    let still: BTreeSet<&String> = after.iter().map(|it| &it.1).collect();
    let added = after.iter().filter(|it| !known.contains(&it.1)).map(|it| it.0).collect();
    let removed = before.iter().filter(|it| !still.contains(&it.1)).map(|it| it.1.clone());
    (added, removed.collect())
}

/// The lines of those chains that are not the same in `other`.
fn changed_lines(rules: &RuleSet, other: &RuleSet) -> Vec<(RuleRef, String)> {
    let mut res = Vec::new();
    for (&table, content) in &rules.tables {
        for (&chain, rules) in content.chains.iter() {
            if other.chain(table, chain).is_some_and(|it| it.rules == rules.rules) {
                continue;
            }
            for (index, rule) in rules.rules.iter().enumerate() {
                let line = format!("-t {table} -A {chain} {rule}");
                res.push((RuleRef { table, chain, index }, line));
            }
        }
    }
    res
}
