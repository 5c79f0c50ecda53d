//! One node's kube-proxy: what changed since its last sync → what it changes in the kernel.
//!
//! A full sync writes everything and puts the [`jumps`] in place. All others write the chains that
//! services share, and of the services' own chains those of Services that changed; every other
//! chain of the kernel stays as it is. The kernel's rules come out as if `iptables-restore` had
//! been given the text, but nothing is written that is there already.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::order::Gather;
use svclab_netfilter::text::{Command, Restore};
use svclab_netfilter::{Chain, ChainName, Rule, RuleSet, SharedMap, TableName, Target};

use super::changes::{Changes, Comparison};
use super::connections::{StaleConnections, udp_ports};
use super::ipvs::{Ipvs, ipvs_of};
use super::jumps::jumps;
use super::names::is_service_chain;
use super::nft::{Nftables, nftables_of};
use super::node::{ThisNode, Watched, this_node, watched};
use super::part::{Part, Parts, Placed};
use super::rules::{Frame, SharedChain, frame, shared_chains};
use super::settings::{Settings, Version};
use super::watch::Watch;
use crate::key::ObjectKey;
use crate::object::Objects;
use crate::time::{Duration, Instant};

/// `iptables.syncPeriod`, its default: in a large cluster stale chains are not looked for more often.
const SYNC_PERIOD: Duration = Duration::from_secs(30);
/// Newer releases write everything anew after this time, except in a large cluster.
const FULL_SYNC_PERIOD: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, PartialEq)]
pub struct Proxier {
    settings: Settings,
    /// As of the last full sync; none where the next one must be full.
    node: Option<Known>,
    services: SharedMap<Rc<ObjectKey>, Parts>,
    shared: Vec<SharedChain>,
    changed: BTreeSet<Rc<ObjectKey>>,
    /// Chains that services had and do not need any more, but are still there.
    unused: BTreeSet<ChainName>,
    cleaned_at: Option<Instant>,
    /// The nat chains as the last sync left them.
    left: Chains,
}

/// What a kube-proxy knows of its own node.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    watched: Watched,
    node: ThisNode,
    frame: Frame,
    written_at: Instant,
}

/// What came of a sync.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub full: bool,
    pub changes: Changes,
    pub rewritten: Rewritten,
    /// `iptables-restore` refused the nat table; the next sync is a full one.
    pub failed: bool,
    pub stale_connections: StaleConnections,
}

/// What follows from Services having become others.
#[derive(Default)]
struct Taken {
    /// Whether the rules that they have in shared chains are other ones now.
    shared_changed: bool,
    stale_connections: StaleConnections,
}

/// The chains that a sync has written, also where no rule of them came out another one: their
/// counters begin anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewritten {
    shared: Vec<(TableName, ChainName)>,
    /// Of services; all of them where this is none.
    own: Option<BTreeSet<ChainName>>,
}

impl Report {
    /// Connections are cleaned up after a success only, and not for what changed before it.
    fn failed(changes: Changes) -> Report {
        let rewritten = Rewritten { shared: Vec::new(), own: Some(BTreeSet::new()) };
        let stale_connections = StaleConnections::default();
        Report { full: false, changes, rewritten, failed: true, stale_connections }
    }
}

impl Rewritten {
    pub fn contains(&self, table: TableName, chain: ChainName) -> bool {
        let own = || self.own.as_ref().is_none_or(|it| it.contains(&chain));
        self.shared.contains(&(table, chain))
            || (table == TableName::Nat && is_service_chain(chain) && own())
    }
}

impl Proxier {
    /// A kube-proxy that has just been started on a node; it gets its settings from `watch`.
    pub fn new(node: &str, watch: &Watch) -> Proxier {
        Proxier {
            settings: Settings { node: node.to_owned(), ..watch.settings.clone() },
            node: None,
            services: SharedMap::new(),
            shared: Vec::new(),
            changed: BTreeSet::new(),
            unused: BTreeSet::new(),
            cleaned_at: None,
            left: SharedMap::new(),
        }
    }

    /// Takes note of Services that [`Watch::hear`] gave.
    pub fn changed(&mut self, services: &BTreeSet<Rc<ObjectKey>>) {
        self.changed.extend(services.iter().cloned());
    }

    /// Takes note of a change of its node. Whether that asks for a sync, which then is a full one.
    pub fn node_changed(&mut self, objects: &Objects) -> bool {
        let now = watched(objects, &self.settings);
        self.node = self.node.take().filter(|it| it.watched == now);
        self.node.is_none()
    }

    /// Writes what has changed into the kernel's rules.
    pub fn sync(
        &mut self,
        watch: &mut Watch,
        objects: &Objects,
        rules: &mut Rc<RuleSet>,
        now: Instant,
    ) -> Report {
        let known = self.node.take().filter(|it| !self.is_outdated(it, watch, now));
        let full = known.is_none();
        let known = known.unwrap_or_else(|| self.look_around(watch, objects, now));
        let services = self.services_to_write(watch, full);
        let parts = watch.parts(&services, (&known.node, &self.settings), &self.services);
        let taken = self.take_over(services, &parts);
        if taken.shared_changed || full {
            self.shared = shared_chains(&known.frame, self.parts());
        }

        let mut kernel = Kernel { rules, comparison: Comparison::default() };
        let untouched = kernel.nat().is_copy_of(&self.left);
        if full {
            kernel.ensure_jumps();
        }
        let own = parts.iter().flat_map(|it| it.iter()).flat_map(|it| &it.chains);
        // Tables are restored one after the other; one that is refused stays as it is.
        let torn = !full && !untouched && self.is_torn(&kernel.nat(), own.clone());
        for table in [TableName::Filter, TableName::Nat] {
            let shared =
                self.shared.iter().filter(|it| it.0 == table && !(torn && it.0 == TableName::Nat));
            kernel.put(table, shared.map(|(_, name, chain)| (*name, chain)));
        }
        if torn {
            self.left = kernel.nat();
            return Report::failed(kernel.comparison.changes());
        }
        let rewritten = Rewritten {
            shared: self.shared.iter().map(|it| (it.0, it.1)).collect(),
            own: (!full).then(|| own.clone().map(|it| it.0).gather()),
        };
        kernel.put(TableName::Nat, own.map(|(name, chain)| (*name, chain)));
        if self.cleans_up(watch.is_large(), now) {
            let unused = std::mem::take(&mut self.unused);
            let stale = if untouched { unused } else { self.stale_chains(&kernel.nat()) };
            stale.into_iter().for_each(|it| kernel.delete(it));
        }
        self.left = kernel.nat();
        self.node = Some(known);
        let changes = kernel.comparison.changes();
        let stale_connections = taken.stale_connections;
        Report { full, changes, rewritten, failed: false, stale_connections }
    }

    /// In nftables mode the whole table is made anew.
    pub fn nftables(&self, watch: &Watch, objects: &Objects) -> Nftables {
        nftables_of(watch, objects, &self.settings)
    }

    /// In IPVS mode too; `addresses` are those of the node's devices, where NodePorts are served.
    pub fn ipvs(&self, watch: &Watch, objects: &Objects, addresses: Vec<IpAddr>) -> Ipvs {
        let settings = Settings { local_addresses: addresses, ..self.settings.clone() };
        ipvs_of(watch, objects, &settings)
    }

    /// Takes note of what Services are now where another mode's rules are written.
    pub fn heed(&mut self, watch: &mut Watch, objects: &Objects, now: Instant) -> StaleConnections {
        let known = self.node.take();
        let full = known.is_none();
        let known = known.unwrap_or_else(|| self.look_around(watch, objects, now));
        let services = self.services_to_write(watch, full);
        let parts = watch.parts(&services, (&known.node, &self.settings), &self.services);
        let taken = self.take_over(services, &parts);
        self.node = Some(known);
        taken.stale_connections
    }

    /// The next sync is a full one, as when somebody has flushed the kernel's rules.
    pub fn force(&mut self) {
        self.node = None;
    }

    /// Whether `iptables-restore` refuses the nat table: a rule leads to a chain that is neither
    /// there nor written.
    fn is_torn<'a>(
        &'a self,
        there: &Chains,
        own: impl Iterator<Item = &'a (ChainName, Rc<Chain>)> + Clone,
    ) -> bool {
        let shared = self.shared.iter().filter(|it| it.0 == TableName::Nat).map(|it| (it.1, &it.2));
        let written = shared.chain(own.map(|(name, chain)| (*name, chain)));
        let names: BTreeSet<ChainName> = written.clone().map(|it| it.0).gather();
        let mut rules = written.flat_map(|it| &it.1.rules);
        rules.any(|rule| match rule.target {
            Some(Target::Jump(to)) => !names.contains(&to) && !there.contains_key(&to),
            _ => false,
        })
    }

    fn is_outdated(&self, known: &Known, watch: &Watch, now: Instant) -> bool {
        let by_time = self.settings.version >= Version::Modern && !watch.is_large();
        by_time && now - known.written_at > FULL_SYNC_PERIOD
    }

    fn look_around(&self, watch: &mut Watch, objects: &Objects, now: Instant) -> Known {
        let node = this_node(objects, &self.settings);
        Known {
            watched: watched(objects, &self.settings),
            frame: frame(&self.settings, &node, &mut watch.origins),
            node,
            written_at: now,
        }
    }

    /// Services that are gone have nothing more to write, but something to give up.
    fn services_to_write(&mut self, watch: &Watch, full: bool) -> Vec<Rc<ObjectKey>> {
        let mut res = std::mem::take(&mut self.changed);
        if full {
            res.extend(watch.services().chain(self.services.keys()).cloned());
        }
        res.into_iter().collect()
    }

    fn parts(&self) -> impl Iterator<Item = &Part> + Clone {
        self.services.values().flat_map(|it| it.iter())
    }

    fn take_over(&mut self, services: Vec<Rc<ObjectKey>>, parts: &[Parts]) -> Taken {
        let mut res = Taken::default();
        let modern = self.settings.version >= Version::Modern;
        let mut udp = false;
        for (key, after) in services.into_iter().zip(parts) {
            let before = match after.is_empty() {
                true => self.services.remove(&key),
                false => self.services.insert(key, Rc::clone(after)),
            };
            let before = before.as_deref().unwrap_or(&[]);
            res.shared_changed |= !same_in_shared_chains(before, after);
            udp |= udp_ports(before).chain(udp_ports(after)).next().is_some();
            if !modern {
                res.stale_connections.note(before, after);
            }
            let chains = |parts: &[Part]| {
                let chains = parts.iter().flat_map(|it| &it.chains);
                chains.map(|it| it.0).collect::<Vec<ChainName>>()
            };
            self.unused.extend(chains(before));
            chains(after).iter().for_each(|it| _ = self.unused.remove(it));
        }
        if modern && udp {
            res.stale_connections.reconcile(self.parts());
        }
        res
    }

    /// Whether chains without a use are looked for: in a large cluster they are let be for a while.
    fn cleans_up(&mut self, large: bool, now: Instant) -> bool {
        let waits = large && self.cleaned_at.is_some_and(|it| now - it <= SYNC_PERIOD);
        if !waits {
            self.cleaned_at = Some(now);
        }
        !waits
    }

    /// Of all the kernel has, whoever made them.
    fn stale_chains(&self, nat: &Chains) -> BTreeSet<ChainName> {
        let own = self.parts().flat_map(|it| &it.chains);
        let active: BTreeSet<ChainName> = own.map(|it| it.0).gather();
        let stale = |it: &ChainName| is_service_chain(*it) && !active.contains(it);
        nat.keys().copied().filter(stale).collect()
    }
}

fn same_in_shared_chains(before: &[Part], after: &[Part]) -> bool {
    let same = |(a, b): (&Placed, &Placed)| a.chain == b.chain && Rc::ptr_eq(&a.rule, &b.rule);
    let (before, after): (Vec<_>, Vec<_>) = (placed(before).collect(), placed(after).collect());
    before.len() == after.len() && before.into_iter().zip(after).all(same)
}

fn placed(parts: &[Part]) -> impl Iterator<Item = &Placed> {
    parts.iter().flat_map(|it| it.filter.iter().chain(&it.nat))
}

type Chains = SharedMap<ChainName, Rc<Chain>>;

/// The kernel's rules, copied when the first of them is changed.
struct Kernel<'a> {
    rules: &'a mut Rc<RuleSet>,
    comparison: Comparison,
}

impl Kernel<'_> {
    fn nat(&self) -> Chains {
        self.rules.tables.get(&TableName::Nat).map(|it| it.chains.clone()).unwrap_or_default()
    }

    /// Each jump is put first where it is not there at all.
    fn ensure_jumps(&mut self) {
        let before = Rc::clone(self.rules);
        let chains = ensure_jumps(self.rules, &jumps());
        for place in chains {
            let rules = |it: &RuleSet| it.chain(place.0, place.1).cloned().unwrap_or_default();
            let (old, new) = (rules(&before), rules(self.rules));
            self.comparison.compare(place, &old.rules, &new.rules);
        }
    }

    fn put<'c>(
        &mut self,
        table: TableName,
        chains: impl Iterator<Item = (ChainName, &'c Rc<Chain>)>,
    ) {
        let mut new = Vec::new();
        for (name, chain) in chains {
            let old = self.rules.chain(table, name);
            if old.is_some_and(|it| is_same(it, chain)) {
                continue;
            }
            let old = old.map_or(&[][..], |it| &it.rules);
            self.comparison.compare((table, name), old, &chain.rules);
            new.push((name, Rc::clone(chain)));
        }
        if !new.is_empty() {
            Rc::make_mut(self.rules).tables.entry(table).or_default().chains.extend(new);
        }
    }

    fn delete(&mut self, name: ChainName) {
        let table = TableName::Nat;
        let Some(old) = self.rules.chain(table, name) else { return };
        self.comparison.compare((table, name), &old.rules, &[]);
        Rc::make_mut(self.rules).tables.entry(table).or_default().chains.remove(&name);
    }
}

/// Down to the origins.
fn is_same(old: &Rc<Chain>, new: &Rc<Chain>) -> bool {
    let mut pairs = old.rules.iter().zip(&new.rules);
    let all = old.rules.len() == new.rules.len();
    Rc::ptr_eq(old, new) || (all && pairs.all(|(old, new)| Rc::ptr_eq(old, new)))
}

/// Each of the jumps is put first in its chain where it is not there at all. Gives those chains.
pub fn ensure_jumps(rules: &mut Rc<RuleSet>, jumps: &Restore) -> BTreeSet<(TableName, ChainName)> {
    let mut res = BTreeSet::new();
    for update in &jumps.tables {
        for command in update.commands.iter().rev() {
            if let Command::Append { chain, rule } = command {
                ensure_jump(rules, (update.table, *chain), rule);
                res.insert((update.table, *chain));
            }
        }
    }
    res
}

fn ensure_jump(rules: &mut Rc<RuleSet>, (table, from): (TableName, ChainName), rule: &Rc<Rule>) {
    let chain = rules.chain(table, from);
    if chain.is_some_and(|it| it.rules.iter().any(|it| it.reads_as(rule))) {
        return;
    }
    let rules = Rc::make_mut(rules);
    if let Some(Target::Jump(to)) = rule.target {
        rules.chain_mut(table, to);
    }
    rules.chain_mut(table, from).rules.insert(0, Rc::clone(rule));
}
