//! Each node's kube-proxy: when it syncs, and what a sync changes in the kernel.
//!
//! A kube-proxy has a proxier for each IP family of the cluster (`metaproxier`); each hears, waits
//! and writes by itself.

mod other;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::{Family, RuleRef};

use super::health::{Checks, check_port};
use super::log::{EntryId, Happening};
use super::queue::Task;
use super::{Lab, canary};
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, Objects};
use crate::proxy::{Mode, Pace, Proxier, Settings, Version, Watch};
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
    /// One for each IP family, the primary one first.
    watches: Vec<Watch>,
    /// The Services with a port for health checks.
    pub(super) checked: BTreeSet<Rc<ObjectKey>>,
    pub(super) nodes: BTreeMap<NodeName, KubeProxy>,
}

/// One node's kube-proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KubeProxy {
    /// What it answers to health checks.
    pub(super) checks: Checks,
    running: bool,
    pub(super) delay: Duration,
    families: Vec<FamilyProxy>,
}

/// What of a kube-proxy is for one IP family.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FamilyProxy {
    /// None while it is stopped.
    proxier: Option<Proxier>,
    pace: Pace,
    /// When it wrote for the first time since it was started.
    pub(super) began_at: Option<Instant>,
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
        let watches: Vec<Watch> = settings(cluster).map(Watch::new).collect();
        let start = |node: &NodeSpec| {
            let own = rng.below(OWN_DELAY.as_micros());
            let delay = Duration::from_micros(DELAY.as_micros() + own);
            (node.name.as_str().into(), KubeProxy::new(&node.name, &watches, delay))
        };
        Proxies {
            nodes: cluster.nodes.iter().map(start).gather(),
            watches,
            checked: BTreeSet::new(),
        }
    }

    /// The families of the cluster, the primary one first.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> {
        self.watches.iter().map(Watch::family)
    }

    /// All of them run in one.
    pub(super) fn mode(&self) -> Mode {
        self.watches.first().map(|it| it.settings().mode).unwrap_or_default()
    }

    /// The place of a family among the watches, and in each kube-proxy.
    fn place(&self, family: Family) -> Option<usize> {
        self.families().position(|it| it == family)
    }

    pub(super) fn watch(&self, family: Family) -> Option<&Watch> {
        self.watches.get(self.place(family)?)
    }

    pub(super) fn of(&self, node: &str, family: Family) -> Option<&FamilyProxy> {
        self.nodes.get(node)?.families.get(self.place(family)?)
    }

    /// Lets the next sync be a full one; false where no kube-proxy runs.
    pub(super) fn force(&mut self, node: &NodeName, family: Family) -> bool {
        let place = self.place(family);
        let proxy = self.nodes.get_mut(node).zip(place);
        let half = proxy.and_then(|(it, place)| it.families.get_mut(place)?.proxier.as_mut());
        half.map(Proxier::force).is_some()
    }

    /// Which proxiers have to sync because of a change.
    fn hear(&mut self, changed: &ObjectKey, objects: &Objects) -> Vec<(NodeName, Family)> {
        let mut res = Vec::new();
        for (index, watch) in self.watches.iter_mut().enumerate() {
            let services = watch.hear(changed, objects);
            for service in &services {
                let object = objects.get(service).and_then(Object::as_service);
                match object.is_some_and(|it| check_port(it).is_some()) {
                    true => self.checked.insert(service.clone()),
                    false => self.checked.remove(service),
                };
            }
            let concerns = |(node, proxy): (&NodeName, &mut KubeProxy)| {
                let half = proxy.families.get_mut(index)?;
                half.behind |= !services.is_empty();
                let proxier = half.proxier.as_mut()?;
                proxier.changed(&services);
                let itself = changed.kind == Kind::Node && *changed.name == **node;
                let due = !services.is_empty() || (itself && proxier.node_changed(objects));
                due.then(|| (node.clone(), watch.family()))
            };
            res.extend(self.nodes.iter_mut().filter_map(concerns));
        }
        res
    }
}

fn settings(cluster: &Cluster) -> impl Iterator<Item = Settings> {
    let cluster_cidr = String::from(cluster.cluster_cidr);
    let services: Vec<String> = cluster.service_cidr.iter().map(|it| it.to_string()).collect();
    // The alpha of 1.30 wrote other chains than the releases of the lab's clusters.
    let own = &cluster.kube_proxy;
    let version = if own.mode == Mode::Nftables { Version::Modern } else { own.version };
    let settings = move |family| Settings {
        family,
        version,
        cluster_cidr: cluster_cidr.clone(),
        service_cidrs: services.clone(),
        traffic_distribution: true,
        ..cluster.kube_proxy.clone()
    };
    cluster.cluster_cidr.families().map(settings)
}

impl KubeProxy {
    fn new(node: &str, watches: &[Watch], delay: Duration) -> KubeProxy {
        let families = watches.iter().map(|watch| FamilyProxy::new(node, watch)).collect();
        KubeProxy { checks: Checks::new(), running: true, delay, families }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }
}

impl FamilyProxy {
    fn new(node: &str, watch: &Watch) -> FamilyProxy {
        FamilyProxy {
            proxier: Some(Proxier::new(node, watch)),
            pace: Pace::default(),
            began_at: None,
            synced_at: None,
            behind: false,
            added: Rc::default(),
            removed: Rc::default(),
        }
    }
}

impl Lab {
    /// The kube-proxies hear of a change: those it concerns write soon, but not more often than
    /// their pace allows.
    pub(super) fn wake_proxies(&mut self, changed: &ObjectKey, cause: Option<EntryId>) {
        for (node, family) in self.proxies.hear(changed, &self.objects) {
            self.wake_proxy(&node, family, cause);
        }
    }

    fn wake_proxy(&mut self, node: &NodeName, family: Family, cause: Option<EntryId>) {
        let Some(proxy) = self.proxies.nodes.get(node) else { return };
        let own = self.proxies.of(node, family).zip(self.proxies.watch(family));
        let Some((own, watch)) = own else { return };
        let at = own.pace.next(self.now + proxy.delay, watch.version());
        self.queue.push(at, Task::Proxy(node.clone(), family), cause);
    }

    fn wake_whole_proxy(&mut self, node: &NodeName, cause: Option<EntryId>) {
        let families: Vec<Family> = self.proxies.families().collect();
        families.into_iter().for_each(|family| self.wake_proxy(node, family, cause));
    }

    pub(super) fn sync_proxy(&mut self, node: &NodeName, family: Family, cause: Option<EntryId>) {
        if !self.machine_runs(node) {
            return;
        }
        let Some(place) = self.proxies.place(family) else { return };
        let Proxies { watches, nodes, .. } = &mut self.proxies;
        let proxy = nodes.get_mut(node).and_then(|it| it.families.get_mut(place));
        let (Some(proxy), Some(watch)) = (proxy, watches.get_mut(place)) else { return };
        let Some(kernel) = self.net.kernels.get_mut(node) else { return };
        if watch.settings().mode != Mode::Iptables {
            return self.sync_in_mode(node, family, cause);
        }
        let Some(proxier) = &mut proxy.proxier else { return };
        let report = proxier.sync(watch, &self.objects, kernel.rules_mut(family), self.now);
        proxy.pace.synced(self.now);
        proxy.began_at = proxy.began_at.or(Some(self.now));
        proxy.synced_at = Some(self.now);
        proxy.behind = false;
        canary::ensure(kernel.rules_mut(family));
        let rewritten = |table, chain| report.rewritten.contains(table, chain);
        kernel.counters_mut(family).restored(rewritten);
        let forgotten = match report.stale_connections.is_empty() {
            true => 0,
            false => {
                let stale = |entry: &_| report.stale_connections.contains(entry);
                kernel.conntrack.forget(stale, self.now.as_millis())
            }
        };
        let mut cause = cause;
        if report.failed {
            let what = Happening::RestoreFailed { node: node.clone(), family };
            cause = Some(self.note(cause, what));
            self.queue.push(self.now + canary::PERIOD, Task::Proxy(node.clone(), family), cause);
            return;
        }
        if !report.changes.is_empty() {
            let (added, removed) = (report.changes.added.len(), report.changes.removed.len());
            proxy.added = Rc::new(report.changes.added);
            proxy.removed = Rc::new(report.changes.removed);
            let node = node.clone();
            cause = Some(self.note(cause, Happening::Synced { node, family, added, removed }));
        }
        if forgotten > 0 {
            let what = Happening::ConnectionsDeleted { node: node.clone(), count: forgotten };
            self.note(cause, what);
        }
        self.renew_checks(node, cause);
    }

    /// A kube-proxy that is stopped leaves its rules as they are; one that is started knows nothing
    /// and writes everything.
    pub(super) fn switch_proxy(&mut self, node: &NodeName, running: bool) {
        let Proxies { watches, nodes, .. } = &mut self.proxies;
        let Some(proxy) = nodes.get_mut(node).filter(|it| it.running != running) else { return };
        proxy.running = running;
        for (own, watch) in proxy.families.iter_mut().zip(watches) {
            own.proxier = running.then(|| Proxier::new(node, watch));
            own.pace = Pace::default();
            own.began_at = None;
        }
        let what = Happening::ProxySwitched { node: node.clone(), running };
        let cause = self.note(None, what);
        if running {
            self.wake_whole_proxy(node, Some(cause));
        } else {
            self.end_checks(node, Some(cause));
        }
    }

    /// The machine has started, and kube-proxy with it; the kernel knows no rules.
    pub(super) fn restart_proxy(&mut self, node: &NodeName, cause: Option<EntryId>) {
        let Proxies { watches, nodes, .. } = &mut self.proxies;
        let Some(proxy) = nodes.get_mut(node) else { return };
        *proxy = KubeProxy::new(node, watches, proxy.delay);
        self.wake_whole_proxy(node, cause);
    }

    /// From the next change on.
    pub(super) fn set_proxy_delay(&mut self, node: &NodeName, delay: Duration) {
        if let Some(proxy) = self.proxies.nodes.get_mut(node).filter(|it| it.delay != delay) {
            proxy.delay = delay;
            self.note(None, Happening::ProxyDelayed { node: node.clone(), delay });
        }
    }
}
