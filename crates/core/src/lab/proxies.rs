//! Each node's kube-proxy: when it syncs, and what a sync changes in the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{Family, RuleRef};

use super::Lab;
use super::log::{EntryId, Happening};
use super::queue::Task;
use crate::key::{Kind, ObjectKey};
use crate::object::Objects;
use crate::proxy::{Pace, Proxier, Settings, Watch};
use crate::rng::Rng;
use crate::scenario::{Cluster, NodeSpec};
use crate::time::{Duration, Instant};
use crate::trace::NodeName;

/// How long a kube-proxy takes to act on a change, if nobody says otherwise (its watch and queue,
/// measured): this, and up to [`OWN_DELAY`] more on each node.
const DELAY: Duration = Duration::from_millis(100);
const OWN_DELAY: Duration = Duration::from_millis(40);

/// The kube-proxies of all nodes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proxies {
    pub(super) watch: Watch,
    pub(super) nodes: BTreeMap<NodeName, KubeProxy>,
}

/// One node's kube-proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KubeProxy {
    /// None while it is stopped.
    proxier: Option<Proxier>,
    pub(super) delay: Duration,
    pace: Pace,
    pub(super) synced_at: Option<Instant>,
    /// Something changed that its rules do not know.
    pub(super) behind: bool,
    /// Rules that the last sync that changed anything brought.
    pub(super) added: Rc<BTreeSet<RuleRef>>,
    /// Lines that it took away.
    pub(super) removed: Rc<Vec<String>>,
}

impl Proxies {
    pub(super) fn new(cluster: &Cluster, rng: &mut Rng) -> Proxies {
        let watch = Watch::new(settings(cluster));
        let start = |node: &NodeSpec| {
            let own = rng.below(OWN_DELAY.as_micros());
            let delay = Duration::from_micros(DELAY.as_micros() + own);
            (node.name.as_str().into(), KubeProxy::new(&node.name, &watch, delay))
        };
        Proxies { nodes: cluster.nodes.iter().map(start).gather(), watch }
    }

    /// Which kube-proxies have to sync because of a change.
    fn hear(&mut self, changed: &ObjectKey, objects: &Objects) -> Vec<NodeName> {
        let services = self.watch.hear(changed, objects);
        let concerns = |(node, proxy): (&NodeName, &mut KubeProxy)| {
            proxy.behind |= !services.is_empty();
            let proxier = proxy.proxier.as_mut()?;
            proxier.changed(&services);
            let itself = changed.kind == Kind::Node && *changed.name == **node;
            let due = !services.is_empty() || (itself && proxier.node_changed(objects));
            due.then(|| node.clone())
        };
        self.nodes.iter_mut().filter_map(concerns).collect()
    }
}

fn settings(cluster: &Cluster) -> Settings {
    let family =
        if cluster.cluster_cidr.primary.addr().is_ipv4() { Family::V4 } else { Family::V6 };
    let cluster_cidr = String::from(cluster.cluster_cidr);
    Settings { family, cluster_cidr, ..cluster.kube_proxy.clone() }
}

impl KubeProxy {
    fn new(node: &str, watch: &Watch, delay: Duration) -> KubeProxy {
        KubeProxy {
            proxier: Some(Proxier::new(node, watch)),
            delay,
            pace: Pace::default(),
            synced_at: None,
            behind: false,
            added: Rc::default(),
            removed: Rc::default(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.proxier.is_some()
    }
}

impl Lab {
    /// The kube-proxies hear of a change: those it concerns write soon, but not more often than
    /// their pace allows.
    pub(super) fn wake_proxies(&mut self, changed: &ObjectKey, cause: Option<EntryId>) {
        for node in self.proxies.hear(changed, &self.objects) {
            self.wake_proxy(&node, cause);
        }
    }

    fn wake_proxy(&mut self, node: &NodeName, cause: Option<EntryId>) {
        let Some(proxy) = self.proxies.nodes.get(node) else { return };
        let version = self.proxies.watch.version();
        let at = proxy.pace.next(self.now + proxy.delay, version);
        self.queue.push(at, Task::Proxy(node.clone()), cause);
    }

    pub(super) fn sync_proxy(&mut self, node: &NodeName, cause: Option<EntryId>) {
        if !self.machine_runs(node) {
            return;
        }
        let Proxies { watch, nodes } = &mut self.proxies;
        let (Some(proxy), Some(kernel)) = (nodes.get_mut(node), self.net.kernels.get_mut(node))
        else {
            return;
        };
        let Some(proxier) = &mut proxy.proxier else { return };
        let report = proxier.sync(watch, &self.objects, &mut kernel.rules, self.now);
        proxy.pace.synced(self.now);
        proxy.synced_at = Some(self.now);
        proxy.behind = false;
        let forgotten = match report.stale_connections.is_empty() {
            true => 0,
            false => kernel.conntrack.forget(|entry| report.stale_connections.contains(entry)),
        };
        let mut cause = cause;
        if !report.changes.is_empty() {
            let (added, removed) = (report.changes.added.len(), report.changes.removed.len());
            proxy.added = Rc::new(report.changes.added);
            proxy.removed = Rc::new(report.changes.removed);
            cause =
                Some(self.note(cause, Happening::Synced { node: node.clone(), added, removed }));
        }
        if forgotten > 0 {
            let what = Happening::ConnectionsDeleted { node: node.clone(), count: forgotten };
            self.note(cause, what);
        }
    }

    /// A kube-proxy that is stopped leaves its rules as they are; one that is started knows nothing
    /// and writes everything.
    pub(super) fn switch_proxy(&mut self, node: &NodeName, running: bool) {
        let Proxies { watch, nodes } = &mut self.proxies;
        let Some(proxy) = nodes.get_mut(node).filter(|it| it.is_running() != running) else {
            return;
        };
        proxy.proxier = running.then(|| Proxier::new(node, watch));
        proxy.pace = Pace::default();
        let what = Happening::ProxySwitched { node: node.clone(), running };
        let cause = self.note(None, what);
        if running {
            self.wake_proxy(node, Some(cause));
        }
    }

    /// The machine has started, and kube-proxy with it; the kernel knows no rules.
    pub(super) fn restart_proxy(&mut self, node: &NodeName, cause: Option<EntryId>) {
        let Proxies { watch, nodes } = &mut self.proxies;
        let Some(proxy) = nodes.get_mut(node) else { return };
        *proxy = KubeProxy::new(node, watch, proxy.delay);
        self.wake_proxy(node, cause);
    }

    /// From the next change on.
    pub(super) fn set_proxy_delay(&mut self, node: &NodeName, delay: Duration) {
        if let Some(proxy) = self.proxies.nodes.get_mut(node).filter(|it| it.delay != delay) {
            proxy.delay = delay;
            self.note(None, Happening::ProxyDelayed { node: node.clone(), delay });
        }
    }
}
