//! Claims against what was played, by kernel_replay's own measures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use svclab_netfilter::{Entry, RuleRef, TableName, Tuple};

use super::play::{Attempt, Hit, Played, spellings};
use super::scenario::{
    Amount, Distribution, Exactly, Expect, OneOrMany, Pattern, RuleSpec, Seen, Side, Steps,
};
use super::world::World;

/// What does not hold, one line each.
pub(crate) struct Judge<'a> {
    world: &'a World,
    played: &'a Played,
    texts: BTreeMap<String, BTreeMap<RuleRef, [String; 2]>>,
    wrong: Vec<String>,
}

/// Sticky claims that name a group share what the group began on.
pub(crate) type Groups = BTreeMap<String, String>;

/// The claims that do not hold; none means that all do.
pub(crate) fn judge(
    world: &World,
    claims: &Expect,
    played: &Played,
    groups: &mut Groups,
) -> Vec<String> {
    let nodes = world.net.kernels.iter();
    let texts = nodes.map(|(name, it)| (name.to_string(), spellings(&it.rules))).collect();
    let mut judge = Judge { world, played, texts, wrong: Vec::new() };
    judge.outcomes(claims);
    judge.sources(claims);
    if let Some(distribution) = &claims.distribution {
        judge.distribution(distribution, claims, groups);
    }
    judge.errors(claims);
    claims.conntrack.iter().for_each(|it| judge.connections(it));
    judge.rules(claims);
    judge.wrong
}

impl Judge<'_> {
    fn check(&mut self, holds: bool, what: &str, found: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(format!("{what}: {}", found()));
        }
    }

    fn attempts(&self) -> &[Attempt] {
        &self.played.attempts
    }

    fn counts<'b, K: Ord>(&'b self, key: impl Fn(&'b Attempt) -> Option<K>) -> BTreeMap<K, usize> {
        let mut res = BTreeMap::new();
        for key in self.played.attempts.iter().filter_map(key) {
            *res.entry(key).or_default() += 1;
        }
        res
    }

    fn outcomes(&mut self, claims: &Expect) {
        let n = self.attempts().len();
        let came = self.counts(|it| Some(it.outcome));
        let of = |name: &str| came.get(name).copied().unwrap_or(0);
        let show = || format!("{came:?}");
        match &claims.backends {
            Some(OneOrMany::One(want)) => {
                let icmp = self.attempts().iter().filter(|it| it.icmp.is_some()).count();
                let holds = match want.as_str() {
                    "rst" => of("refused") == n && icmp == 0,
                    "icmp-unreachable" => of("refused") + of("unreachable") == n && icmp == n,
                    other => of(other) == n,
                };
                self.check(holds, want, || format!("{} and {icmp} ICMP errors", show()));
            }
            Some(OneOrMany::Many(want)) => {
                let seen = self.counts(|it| it.backend.clone());
                let strange = seen.keys().any(|it| !want.contains(it));
                let holds = of("ok") == n && !strange;
                self.check(holds, "backends", || format!("{} from {seen:?}", show()));
                let all = want.iter().all(|it| seen.contains_key(it));
                let wanted = must_cover(claims, want.len(), n);
                self.check(all || !wanted, "coverage", || format!("only {seen:?}"));
            }
            None => {}
        }
        if let Some(wanted) = &claims.outcomes {
            let names: BTreeSet<&str> =
                wanted.keys().map(String::as_str).chain(came.keys().copied()).collect();
            let holds = names.into_iter().all(|name| match wanted.get(name) {
                Some(Amount::Number(number)) => of(name) == *number,
                Some(Amount::Word(word)) if word == "some" => of(name) > 0,
                _ => of(name) == 0,
            });
            self.check(holds, "outcomes", show);
        }
    }

    fn sources(&mut self, claims: &Expect) {
        let seen: BTreeSet<(String, IpAddr)> =
            self.attempts().iter().filter_map(|it| Some((it.backend.clone()?, it.seen?))).collect();
        let fits = |(backend, ip): &(String, IpAddr)| match &claims.seen_source {
            None => true,
            Some(Seen::Any(ips)) => ips.contains(ip),
            Some(Seen::ByBackend(by)) => by.get(backend).is_some_and(|it| it.contains(ip)),
        };
        let holds = claims.seen_source.is_none() || (!seen.is_empty() && seen.iter().all(fits));
        self.check(holds, "seen_source", || format!("{seen:?}"));
        if let Some(kept) = claims.source_port_kept {
            let answered = self.attempts().iter().filter(|it| it.outcome == "ok");
            let ports: Vec<Option<bool>> = answered.map(|it| it.port_kept).collect();
            // A random port may be the old one by chance.
            let same = ports.iter().filter(|it| **it == Some(true)).count();
            let holds = if kept { same == ports.len() } else { same == 0 };
            let found = || format!("{same} of {}", ports.len());
            self.check(holds && !ports.is_empty(), "source_port_kept", found);
        }
        if let Some(lost) = claims.lost_at_gateway {
            let came = self.attempts().iter().any(|it| it.lost_at_gateway);
            self.check(came == lost, "lost_at_gateway", || came.to_string());
        }
    }

    fn distribution(&mut self, it: &Distribution, claims: &Expect, groups: &mut Groups) {
        let seen = self.counts(|it| it.backend.clone());
        match it.kind.as_str() {
            "sticky" => {
                self.check(seen.len() == 1, "sticky", || format!("{seen:?}"));
                if let (Some(group), Some(backend)) = (&it.group, seen.keys().next()) {
                    let first = groups.entry(group.clone()).or_insert(backend.clone()).clone();
                    self.check(first == *backend, "sticky group", || format!("began on {first}"));
                }
            }
            "sticky-per-source" | "not-sticky-per-source" => {
                let pairs = self.counts(|it| Some((it.src?, it.backend.clone()?)));
                let sources: BTreeSet<IpAddr> = pairs.keys().map(|it| it.0).collect();
                let moved = pairs.len() > sources.len();
                let holds = !sources.is_empty() && moved == it.kind.starts_with("not-");
                let found = || format!("{} sources, {} pairs", sources.len(), pairs.len());
                self.check(holds, &it.kind, found);
            }
            _ => {
                let names: Vec<String> = match &claims.backends {
                    Some(OneOrMany::Many(names)) => names.clone(),
                    _ => it.weights.keys().cloned().collect(),
                };
                let weight = |name: &String| it.weights.get(name).copied().unwrap_or(1.0);
                let total: f64 = names.iter().map(weight).sum();
                let answered = seen.values().sum::<usize>() as f64;
                let chi2: f64 = names
                    .iter()
                    .map(|name| {
                        let wanted = answered * weight(name) / total;
                        let came = seen.get(name).copied().unwrap_or(0) as f64;
                        (came - wanted).powi(2) / wanted
                    })
                    .sum();
                // Far beyond any alpha in use: 1e-7 for up to 30 degrees of freedom.
                let freedom = names.len().saturating_sub(1) as f64;
                let limit = freedom + 8.0 * (2.0 * freedom).sqrt() + 14.0;
                let holds = answered > 0.0 && chi2 <= limit;
                self.check(holds, "distribution", || format!("{seen:?}: chi-square {chi2:.1}"));
            }
        }
    }

    fn errors(&mut self, claims: &Expect) {
        let came: BTreeSet<(IpAddr, u8)> =
            self.attempts().iter().filter_map(|it| it.icmp).collect();
        if let Some(wanted) = &claims.icmp_from {
            let holds = !came.is_empty() && came.iter().all(|it| wanted.contains(&it.0));
            self.check(holds, "icmp_from", || format!("{came:?}"));
        }
        if let Some(wanted) = &claims.icmp_code {
            let holds = !came.is_empty() && came.iter().all(|it| wanted.contains(&it.1));
            self.check(holds, "icmp_code", || format!("{came:?}"));
        }
        let mut times: Vec<f64> = self.attempts().iter().map(|it| it.ms).collect();
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(0.0);
        let holds = claims.min_ms.is_none_or(|it| median >= it)
            && claims.max_ms.is_none_or(|it| median <= it);
        self.check(holds, "ms", || format!("median {median}"));
    }

    fn connections(&mut self, pattern: &Pattern) {
        let now = self.world.at.as_millis();
        let kernels = self.world.net.kernels.iter();
        let wanted = |name: &str| pattern.node.as_deref().is_none_or(|it| it == name);
        let entries =
            kernels.filter(|(name, _)| wanted(name)).flat_map(|it| it.1.conntrack.entries(now));
        let n = entries.filter(|it| pattern_fits(pattern, it)).count();
        let holds = pattern.n.map_or(n > 0, |wanted| n == wanted);
        self.check(holds, "conntrack", || format!("{n} entries fit {pattern:?}"));
    }

    fn rules(&mut self, claims: &Expect) {
        for spec in claims.hits.hit_rules.iter().flatten() {
            let (packets, found) = self.hits_of(spec);
            let wanted = match spec {
                RuleSpec::Place { packets: Some(wanted), .. } => packets == *wanted,
                _ => packets > 0,
            };
            self.check(found && wanted, "hit_rules", || format!("{packets} packets: {spec:?}"));
        }
        for spec in claims.hits.not_hit.iter().flatten() {
            let (packets, found) = self.hits_of(spec);
            self.check(found && packets == 0, "not_hit", || format!("{packets} packets: {spec:?}"));
        }
        for (node, exactly) in claims.hits.hit_exactly.iter().flatten() {
            self.exactly(node, exactly);
        }
        if let Some(path) = &claims.hits.trace {
            self.path(path);
        }
    }

    fn text(&self, hit: &Hit) -> Option<&[String; 2]> {
        self.texts.get(&*hit.node)?.get(&hit.rule)
    }

    /// How many packets the rule matched, and whether it is in any node's rules.
    fn hits_of(&self, spec: &RuleSpec) -> (usize, bool) {
        let fits =
            |node: &str, at: &RuleRef, text: &[String; 2]| spec_fits(spec, node, at.table, text);
        let known = self
            .texts
            .iter()
            .any(|(node, rules)| rules.iter().any(|(at, text)| fits(node, at, text)));
        let hits = self.played.hits.iter();
        let counted = hits
            .filter(|(hit, _)| self.text(hit).is_some_and(|text| fits(&hit.node, &hit.rule, text)));
        (counted.map(|it| it.1).sum(), known)
    }

    fn exactly(&mut self, node: &str, exactly: &Exactly) {
        let (tables, rules) = match exactly {
            Exactly::Nat(rules) => (vec!["nat".to_owned()], rules),
            Exactly::Tables { tables, rules } => {
                (tables.clone().unwrap_or(vec!["nat".to_owned()]), rules)
            }
        };
        let here =
            |hit: &&Hit| *hit.node == *node && tables.iter().any(|it| it == hit.table.name());
        let came: Vec<&[String; 2]> =
            self.played.hits.keys().filter(here).filter_map(|it| self.text(it)).collect();
        let missing = rules.iter().find(|rule| !came.iter().any(|text| text.contains(rule)));
        let more = came.iter().find(|text| !rules.iter().any(|rule| text.contains(rule)));
        let found = format!("{node}: missing {missing:?}, more {more:?}");
        let holds = missing.is_none() && more.is_none();
        self.check(holds, "hit_exactly", || found);
    }

    fn path(&mut self, path: &Steps) {
        let Some(first) = self.attempts().first().cloned() else { return };
        let claimed: &[RuleSpec] = match path {
            Steps::Always(rules) => rules,
            Steps::ByOutcome(by) => by.get(first.result()).map_or(&[], Vec::as_slice),
        };
        let came: Vec<(&Hit, &[String; 2])> = first
            .path
            .iter()
            .filter(|it| it.table != TableName::Raw)
            .filter_map(|it| Some((it, self.text(it)?)))
            .collect();
        let same = came
            .iter()
            .zip(claimed)
            .all(|((hit, text), spec)| spec_fits(spec, &hit.node, hit.table, text));
        let holds = same && came.len() == claimed.len();
        let found = format!("claimed {claimed:?}, came {came:?}");
        self.check(holds, "trace", || found);
    }
}

/// kernel_replay wants every backend seen where missing one is less likely than one in a million.
fn must_cover(claims: &Expect, backends: usize, n: usize) -> bool {
    if let Some(coverage) = &claims.coverage {
        return coverage == "all";
    }
    let sticky = claims.distribution.as_ref().is_some_and(|it| it.kind.starts_with("sticky"));
    let k = backends as f64;
    let miss = if backends > 1 { k * (1.0 - 1.0 / k).powi(n as i32) } else { 0.0 };
    !sticky && miss < 1e-6
}

fn spec_fits(spec: &RuleSpec, node: &str, table: TableName, text: &[String; 2]) -> bool {
    match spec {
        RuleSpec::Text(rule) => text.contains(rule),
        RuleSpec::Place { node: there, table: of, rule, .. } => {
            text.contains(rule)
                && there.as_deref().is_none_or(|it| it == node)
                && of.as_deref().is_none_or(|it| it == table.name())
        }
    }
}

fn pattern_fits(pattern: &Pattern, entry: &Entry) -> bool {
    let state = entry.tcp.map(|it| it.name());
    let flag = |name: &String| match name.as_str() {
        "ASSURED" => entry.assured,
        "UNREPLIED" => !entry.replied,
        _ => false,
    };
    side_fits(&pattern.orig, entry.original)
        && side_fits(&pattern.reply, entry.reply)
        && pattern.proto.as_deref().is_none_or(|it| it == entry.original.protocol.name())
        && pattern.state.as_deref().is_none_or(|it| Some(it) == state)
        && pattern.status.as_ref().is_none_or(|it| it.as_slice().iter().all(flag))
}

fn side_fits(side: &Side, tuple: Tuple) -> bool {
    side.src.is_none_or(|it| it == tuple.src.ip())
        && side.dst.is_none_or(|it| it == tuple.dst.ip())
        && side.sport.is_none_or(|it| it == tuple.src.port())
        && side.dport.is_none_or(|it| it == tuple.dst.port())
}
