//! Every way an attempt may go → claims about it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use svclab_core::net::Chance;
use svclab_netfilter::outcomes::every;
use svclab_netfilter::{Dice, RuleRef, TableName, Target};

use super::play::{Attempt, Hit, attempt, spellings};
use super::scenario::{
    Amount, Distribution, Exactly, Expect, Expectation, Hits, OneOrMany, Probe, RuleSpec, Seen,
    Steps,
};
use super::world::{World, span};

/// A false alarm of the kernel's dice in one probe of a million.
const ALPHA: f64 = 1e-6;
/// Attempts where several ends are possible, and where only one is.
const MANY: usize = 40;
const FEW: usize = 3;

/// All ways of an attempt, each with its probability, and both spellings of the rules.
struct Ways<'a> {
    ways: Vec<(Attempt, f64)>,
    world: &'a World,
    texts: BTreeMap<String, BTreeMap<RuleRef, [String; 2]>>,
}

/// Writes into the probe how often it is tried and what must happen. `sticky` names the Service
/// where it remembers its clients.
///
/// # Errors
///
/// What in the probe makes no sense.
pub(crate) fn predict(
    world: &World,
    mut probe: Probe,
    sticky: Option<&str>,
) -> Result<Probe, String> {
    let ways = Ways::new(world, &probe)?;
    let ends: BTreeSet<&str> = ways.ways.iter().map(|it| it.0.outcome).collect();
    let one = ends.len() == 1;
    let results: BTreeSet<&str> = ways.ways.iter().map(|it| it.0.result()).collect();
    probe.count = if results.len() > 1 { MANY } else { FEW };
    let end = ends.first().copied().unwrap_or("error");
    let claims = match end {
        "ok" if one => ways.answered(&probe, sticky),
        "error" if one => {
            let all = Amount::Number(probe.count);
            let outcomes = Some([("error".to_owned(), all)].into());
            Expect { outcomes, hits: ways.hits(true), ..Expect::default() }
        }
        _ if one => ways.unanswered(end, sticky),
        _ => {
            probe.timeout = Some(0.5);
            let some = |it: &&str| ((*it).to_owned(), Amount::Word("some".to_owned()));
            Expect { outcomes: Some(ends.iter().map(some).collect()), ..Expect::default() }
        }
    };
    probe.expect = Some(Expectation::Claims(Box::new(claims)));
    Ok(probe)
}

impl<'a> Ways<'a> {
    fn new(world: &'a World, probe: &Probe) -> Result<Ways<'a>, String> {
        let mut wrong = None;
        let ways = every(|dice| {
            let mut world = world.clone();
            if world.kept.is_empty() && !probe.keep_conntrack {
                world.flush_conntrack();
            }
            let mut chance = Scripted(dice);
            // Shorter than the second after which a lost SYN is sent again.
            match attempt(&mut world, &mut chance, probe, (0, span(0.8))) {
                Ok((attempt, _)) => Some(attempt),
                Err(what) => {
                    wrong = Some(what);
                    None
                }
            }
        });
        if let Some(what) = wrong {
            return Err(what);
        }
        let ways = ways.into_iter().filter_map(|(it, share)| Some((it?, share)));
        let ways = ways.filter(|it| it.1 > 0.0).collect();
        let nodes = world.net.kernels.iter();
        let texts = nodes.map(|(name, it)| (name.to_string(), spellings(&it.rules))).collect();
        Ok(Ways { ways, world, texts })
    }

    fn answered(&self, probe: &Probe, sticky: Option<&str>) -> Expect {
        let mut weights: BTreeMap<String, f64> = BTreeMap::new();
        let mut seen: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (it, share) in &self.ways {
            *weights.entry(it.result().to_owned()).or_default() += share;
            let sources = seen.entry(it.result().to_owned()).or_default();
            sources.extend(it.seen.filter(|ip| !sources.contains(ip)));
        }
        let names: Vec<String> = weights.keys().cloned().collect();
        let several = names.len() > 1;
        let seen = seen.into_iter().map(|(name, ips)| (name, OneOrMany::Many(ips))).collect();
        let kept: BTreeSet<Option<bool>> = self.ways.iter().map(|it| it.0.port_kept).collect();
        let mut res = Expect {
            seen_source: Some(Seen::ByBackend(seen)),
            // A port that is drawn anew may come out as the old one.
            source_port_kept: kept.first().copied().flatten().filter(|it| *it && kept.len() == 1),
            ..Expect::default()
        };
        if let Some(service) = sticky {
            res.coverage = Some("subset".to_owned());
            let group = self.memory(service);
            let kind = "sticky".to_owned();
            res.distribution = Some(Distribution { kind, group, ..Distribution::default() });
        } else if probe.sport.is_some() && probe.proto == "UDP" {
            res.coverage = Some("subset".to_owned());
        } else {
            let first = weights.values().next().copied().unwrap_or(0.0);
            let even = weights.values().all(|it| (it - first).abs() < 1e-6);
            let kind = if even { "uniform" } else { "weighted" }.to_owned();
            let weights = if even { BTreeMap::new() } else { weights };
            let alpha = Some(ALPHA);
            res.distribution =
                several.then_some(Distribution { kind, alpha, weights, group: None });
            res.hits = self.hits(several && names.len() > 3);
        }
        res.backends = Some(OneOrMany::Many(names));
        res
    }

    fn unanswered(&self, end: &str, sticky: Option<&str>) -> Expect {
        let icmp: BTreeSet<_> = self.ways.iter().map(|it| it.0.icmp).collect();
        let icmp = icmp.first().copied().flatten().filter(|_| icmp.len() == 1);
        let word = match (end, icmp) {
            ("refused" | "unreachable", Some(_)) => "icmp-unreachable",
            ("refused", None) => "rst",
            (other, _) => other,
        };
        let lost = self.ways.iter().all(|it| it.0.lost_at_gateway);
        Expect {
            backends: Some(OneOrMany::One(word.to_owned())),
            icmp_from: icmp.map(|it| OneOrMany::One(it.0)),
            icmp_code: icmp.map(|it| OneOrMany::One(it.1)),
            lost_at_gateway: (end == "timeout").then_some(lost),
            // Which rules match depends on what the lists remember of the probes before.
            hits: if sticky.is_none() { self.hits(true) } else { Hits::default() },
            ..Expect::default()
        }
    }

    /// The first packet's path by who answers, and exactly the nat rules that match where all ways
    /// are sure to be tried.
    fn hits(&self, some_ways_only: bool) -> Hits {
        let mut paths: BTreeMap<String, Vec<RuleSpec>> = BTreeMap::new();
        let mut nat: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (it, _) in &self.ways {
            let path: Vec<RuleSpec> =
                it.path.iter().filter_map(|hit| Some(place(hit, self.text(hit)?))).collect();
            if paths.get(it.result()).is_some_and(|known| *known != path) {
                return Hits::default();
            }
            paths.insert(it.result().to_owned(), path);
            for hit in it.path.iter().filter(|it| it.table == TableName::Nat) {
                let rules = nat.entry(hit.node.to_string()).or_default();
                rules.extend(self.text(hit).filter(|it| !rules.contains(it)).cloned());
            }
        }
        let exactly = nat.into_iter().map(|(node, rules)| (node, Exactly::Nat(rules)));
        let hit_exactly = (!some_ways_only).then(|| exactly.collect());
        let trace = match paths.len() {
            1 => paths.into_values().next().map(Steps::Always),
            _ => Some(Steps::ByOutcome(paths)),
        };
        Hits { trace, hit_exactly, ..Hits::default() }
    }

    /// As iptables-save prints the rule.
    fn text(&self, hit: &Hit) -> Option<&String> {
        Some(&self.texts.get(&*hit.node)?.get(&hit.rule)?[0])
    }

    /// One memory of one Service: each node remembers each client by itself.
    fn memory(&self, service: &str) -> Option<String> {
        let (attempt, _) = self.ways.first().filter(|_| !service.is_empty())?;
        let translates = |hit: &&Hit| {
            let rules = self.world.net.kernel(&hit.node).map(|it| &it.rules);
            let rule = rules.and_then(|it| it.rule(hit.rule));
            rule.is_some_and(|it| matches!(it.target, Some(Target::Dnat { .. })))
        };
        let node = attempt.path.iter().find(translates)?.node.clone();
        Some(format!("{service} at {node} for {}", attempt.src?))
    }
}

fn place(hit: &Hit, text: &str) -> RuleSpec {
    RuleSpec::Place {
        node: Some(hit.node.to_string()),
        table: Some(hit.table.name().to_owned()),
        rule: text.to_owned(),
        packets: None,
    }
}

/// Dice that follow a script; ports do not matter to what happens.
struct Scripted<'a>(&'a mut dyn Dice);

impl Dice for Scripted<'_> {
    fn draw(&mut self, threshold: u32) -> u32 {
        self.0.draw(threshold)
    }
}

impl Chance for Scripted<'_> {
    fn port(&mut self, range: RangeInclusive<u16>) -> u16 {
        *range.start()
    }
}
