//! Rules that somebody else loads into a node's kernel, and how kube-proxy notices that its own are
//! gone (`iptables.Monitor`): by an empty chain in three tables, of which it watches the first.

use std::rc::Rc;

use svclab_netfilter::conntrack::Filter;
use svclab_netfilter::text::parse;
use svclab_netfilter::{Chain, ChainName, Family, RuleSet, TableName};

use super::Lab;
use super::log::{EntryId, Happening};
use super::queue::Task;
use crate::proxy::Mode;
use crate::time::{Duration, Instant};
use crate::trace::NodeName;

const CANARY: &str = "KUBE-PROXY-CANARY";
/// The first is watched; the others must have gone as well before anything is done.
const TABLES: [TableName; 3] = [TableName::Mangle, TableName::Nat, TableName::Filter];
/// `iptables.syncPeriod`, its default: so often kube-proxy looks, and tries again what failed.
pub(super) const PERIOD: Duration = Duration::from_secs(30);
/// How long it waits for the other tables.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Puts the chains in place that are not there.
pub(super) fn ensure(rules: &mut Rc<RuleSet>) {
    let name = ChainName::of(CANARY);
    for table in TABLES {
        if rules.chain(table, name).is_none() {
            let chain = Rc::new(Chain::default());
            let rules = Rc::make_mut(rules);
            rules.tables.entry(table).or_default().chains.extend([(name, chain)]);
        }
    }
}

impl Lab {
    /// What the user gives to a node's `iptables-restore`.
    pub(super) fn load_rules(
        &mut self,
        node: &NodeName,
        family: Family,
        (text, noflush): (&str, bool),
    ) {
        if !self.machine_runs(node) {
            return;
        }
        let Some(kernel) = self.net.kernels.get_mut(node) else { return };
        let (update, _) = parse(text);
        Rc::make_mut(kernel.rules_mut(family)).restore(&update, noflush);
        let written = |table, chain| {
            let of_table = update.tables.iter().filter(|it| it.table == table);
            of_table.flat_map(|it| &it.chains).any(|it| it.name == chain) || !noflush
        };
        kernel.counters_mut(family).restored(written);
        let gone = self.canary_is_gone(node, family, TABLES[0]);
        let cause = self.note(None, Happening::RulesLoaded { node: node.clone(), family });
        if self.proxies.mode() != Mode::Iptables {
            return self.rules_loaded(node, family, cause);
        }
        if gone {
            let task = Task::Canary(node.clone(), family);
            self.queue.push(self.next_look(node, family), task, Some(cause));
        }
    }

    /// In IPVS mode kube-proxy writes its rules every `ipvs.syncPeriod`, which is as long; in
    /// nftables mode it has none there.
    fn rules_loaded(&mut self, node: &NodeName, family: Family, cause: EntryId) {
        if self.proxies.mode() == Mode::Ipvs {
            let task = Task::Proxy(node.clone(), family);
            self.queue.push(self.next_look(node, family), task, Some(cause));
        }
    }

    /// A table or chain that is not there has no counters.
    pub(super) fn zero_counters(
        &mut self,
        node: &NodeName,
        family: Family,
        (table, chain): (&str, Option<&str>),
    ) {
        let Some(kernel) = self.net.kernels.get_mut(node) else { return };
        let Ok(table) = table.parse::<TableName>() else { return };
        match chain.map(ChainName::new) {
            Some(None) => {}
            chain => kernel.counters_mut(family).zero(table, chain.flatten()),
        }
    }

    /// Options that `conntrack` would not take find nothing.
    pub(super) fn forget_connections(&mut self, node: &NodeName, filter: &[String]) {
        let words: Vec<&str> = filter.iter().map(String::as_str).collect();
        let now = self.now.as_millis();
        if let Some(kernel) = self.net.kernels.get_mut(node)
            && let Ok(filter) = Filter::parse(&words)
        {
            kernel.conntrack.delete(&filter, now);
        }
    }

    fn canary_is_gone(&self, node: &str, family: Family, table: TableName) -> bool {
        let rules = self.net.kernel(node).map(|it| it.rules(family));
        rules.is_none_or(|it| it.chain(table, ChainName::of(CANARY)).is_none())
    }

    /// When kube-proxy looks next: every period since it began to write.
    fn next_look(&self, node: &str, family: Family) -> Instant {
        let began = self.proxies.of(node, family).and_then(|it| it.began_at);
        let since = self.now - began.unwrap_or(self.now);
        let period = PERIOD.as_micros();
        let left = period - since.as_micros() % period;
        self.now + Duration::from_micros(left)
    }

    pub(super) fn look_for_canary(
        &mut self,
        node: &NodeName,
        family: Family,
        cause: Option<EntryId>,
    ) {
        if !self.machine_runs(node) || !self.canary_is_gone(node, family, TABLES[0]) {
            return;
        }
        let others = TABLES.iter().skip(1);
        let all = others.clone().all(|it| self.canary_is_gone(node, family, *it));
        if !self.proxies.force(node, family) {
            return;
        }
        let what = Happening::FlushNoticed { node: node.clone(), family };
        let cause = Some(self.note(cause, what));
        let wait = if all { Duration::ZERO } else { FLUSH_TIMEOUT };
        self.queue.push(self.now + wait, Task::Proxy(node.clone(), family), cause);
    }
}
