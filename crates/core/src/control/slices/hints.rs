//! Which zone each endpoint is meant for: its own (`trafficDistribution`), or in proportion to the
//! zones' CPUs (`service.kubernetes.io/topology-mode: Auto`).

use std::collections::BTreeMap;

use svclab_netfilter::order::Gather;

use super::pack::Draft;
use super::{Event, Surroundings, Turn, Writes};
use crate::object::quantity::thousandths;
use crate::object::{Endpoint, EndpointHints, EndpointSlice, ForName, Node, Service};

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
const DISABLED: &str = "TopologyAwareHintsDisabled";
/// How much more than its share a zone may have to carry.
const OVERLOAD: f64 = 0.2;

/// Each zone's share of the CPUs; nothing where that is not known of all ready nodes, or there is
/// but one zone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology(BTreeMap<String, f64>);

impl Topology {
    /// Control planes do not count, nor nodes that are not ready (`SetNodes`).
    pub fn of<'a>(nodes: impl Iterator<Item = &'a Node>) -> Topology {
        let mut cpus: BTreeMap<String, i128> = BTreeMap::new();
        for node in nodes.filter(|node| counts(node)) {
            let zone = node.metadata.labels.get(ZONE_LABEL).filter(|it| !it.is_empty());
            let cpu =
                node.status.allocatable.get("cpu").and_then(|it| thousandths(it)).unwrap_or(0);
            let (Some(zone), 1..) = (zone, cpu) else { return Topology::default() };
            *cpus.entry(zone.clone()).or_default() += cpu;
        }
        let all: i128 = cpus.values().sum();
        if cpus.len() < 2 {
            return Topology::default();
        }
        Topology(cpus.into_iter().map(|(zone, cpu)| (zone, cpu as f64 / all as f64)).gather())
    }
}

fn counts(node: &Node) -> bool {
    let roles = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
    node.is_ready() && !roles.iter().any(|it| node.metadata.labels.contains_key(*it))
}

/// Whether the annotation asks for hints by topology.
pub fn wants_hints(service: &Service) -> bool {
    let annotations = &service.metadata.annotations;
    let old = annotations.get("service.kubernetes.io/topology-aware-hints");
    let mode = old.or_else(|| annotations.get("service.kubernetes.io/topology-mode"));
    mode.is_some_and(|it| it == "Auto" || it == "auto")
}

impl Turn<'_> {
    pub(super) fn hint(&self, around: &Surroundings, draft: &mut Draft, writes: &mut Writes) {
        if wants_hints(self.service) {
            let (hinted, event) = match by_topology(&around.topology.0, draft) {
                Ok(()) => {
                    let enabled = "Topology Aware Hints has been enabled".to_owned();
                    let event = (!writes.hinted).then_some((false, enabled));
                    (true, event)
                }
                Err(why) => {
                    remove(draft);
                    (false, Some((true, why)))
                }
            };
            writes.hinted = hinted;
            writes.events.extend(event.map(|(warning, text)| self.event(warning, &text)));
            return;
        }
        if writes.hinted {
            writes.events.push(self.event(true, "Topology Aware Hints has been disabled"));
            writes.hinted = false;
        }
        match self.service.spec.traffic_distribution.as_deref() {
            Some("PreferClose" | "PreferSameZone") => rehint(draft, &own_zone),
            Some("PreferSameNode") => rehint(draft, &own_node),
            _ => remove(draft),
        }
    }

    fn event(&self, warning: bool, text: &str) -> Event {
        let reason = if warning { DISABLED } else { "TopologyAwareHintsEnabled" };
        Event { warning, reason, message: format!("{text}, addressType: {}", self.family) }
    }
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.ready == Some(true)
}

fn for_zone(name: &str) -> Option<EndpointHints> {
    let for_zones = vec![ForName { name: name.to_owned() }];
    Some(EndpointHints { for_zones, ..EndpointHints::default() })
}

/// Every ready endpoint is for its own zone.
fn own_zone(endpoint: &Endpoint) -> Option<EndpointHints> {
    endpoint.zone.as_deref().filter(|_| is_ready(endpoint)).and_then(for_zone)
}

/// Every ready endpoint is for its own node, and for its zone where a kube-proxy knows no better.
fn own_node(endpoint: &Endpoint) -> Option<EndpointHints> {
    let node = endpoint.node_name.clone().filter(|_| is_ready(endpoint));
    let Some(name) = node else { return own_zone(endpoint) };
    let for_zones = own_zone(endpoint).unwrap_or_default().for_zones;
    Some(EndpointHints { for_zones, for_nodes: vec![ForName { name }] })
}

fn remove(draft: &mut Draft) {
    rehint(draft, &|_| None);
}

/// Gives all endpoints these hints; slices that had others join those to update.
fn rehint(draft: &mut Draft, hints: &dyn Fn(&Endpoint) -> Option<EndpointHints>) {
    let right = |slice: &EndpointSlice| slice.endpoints.iter().all(|it| it.hints == hints(it));
    let (unchanged, wrong): (Vec<_>, Vec<_>) = draft.unchanged.drain(..).partition(|it| right(it));
    draft.unchanged = unchanged;
    draft.update.extend(wrong.into_iter().cloned());
    for slice in draft.create.iter_mut().chain(&mut draft.update) {
        for endpoint in &mut slice.endpoints {
            let hints = hints(endpoint);
            if endpoint.hints != hints {
                endpoint.hints = hints;
            }
        }
    }
}

/// How many endpoints a zone gets.
struct Share {
    most: usize,
    desired: f64,
}

type Shares<'a> = BTreeMap<&'a str, Share>;

/// `AddHints`. The error is the reason, as the event says it.
fn by_topology(ratios: &BTreeMap<String, f64>, draft: &mut Draft) -> Result<(), String> {
    let all = draft.unchanged.iter().copied().chain(&draft.create).chain(&draft.update);
    let ready = all.flat_map(|it| &it.endpoints).filter(|it| is_ready(it)).count();
    let shares = shares(ratios, ready)?;
    let mut given = keep_valid(&shares, draft);
    let slices = || draft.create.iter().chain(&draft.update);
    let endpoints = slices().flat_map(|it| &it.endpoints).filter(|it| is_ready(it));
    for endpoint in endpoints {
        let Some(zone) = endpoint.zone.as_ref().filter(|it| !it.is_empty()) else {
            return Err("One or more endpoints do not have a zone specified".into());
        };
        *given.entry(zone.clone()).or_default() += 1;
    }
    if given.is_empty() {
        return Err("No hints allocated for zones".into());
    }
    let (mut giving, mut receiving) = moves(&shares, &given);
    for slice in draft.create.iter_mut().chain(&mut draft.update) {
        for endpoint in &mut slice.endpoints {
            endpoint.hints = own_zone(endpoint);
            move_one(endpoint, &mut giving, &mut receiving);
        }
    }
    Ok(())
}

/// `getAllocations`
fn shares(ratios: &BTreeMap<String, f64>, endpoints: usize) -> Result<Shares<'_>, String> {
    let counts = format!("({endpoints} endpoints, {} zones)", ratios.len());
    if ratios.is_empty() {
        return Err("Insufficient Node information: allocatable CPU or zone not specified on one or more nodes".into());
    }
    if ratios.len() > endpoints {
        return Err(format!("Insufficient number of endpoints {counts}"));
    }
    let least = |ratio: f64| (ratio * endpoints as f64 / (1.0 + OVERLOAD)).ceil();
    let total: usize = ratios.values().map(|ratio| least(*ratio) as usize).sum();
    let Some(spare) = endpoints.checked_sub(total) else {
        return Err(format!(
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold {counts}"
        ));
    };
    let share = |ratio: f64| Share {
        most: least(ratio) as usize + spare,
        desired: (ratio * endpoints as f64).max(least(ratio)),
    };
    Ok(ratios.iter().map(|(zone, ratio)| (zone.as_str(), share(*ratio))).gather())
}

/// Slices whose hints still fit stay as they are and count; the others are made anew
/// (`getAllocatedHintsByZone`).
fn keep_valid(shares: &Shares, draft: &mut Draft) -> BTreeMap<String, usize> {
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    for slice in std::mem::take(&mut draft.unchanged) {
        match valid_hints(slice, shares, &given) {
            Some(hints) => {
                draft.unchanged.push(slice);
                for (zone, count) in hints {
                    *given.entry(zone).or_default() += count;
                }
            }
            None => draft.update.push(slice.clone()),
        }
    }
    given
}

fn valid_hints(
    slice: &EndpointSlice,
    shares: &Shares,
    given: &BTreeMap<String, usize>,
) -> Option<BTreeMap<String, usize>> {
    let mut res: BTreeMap<String, usize> = BTreeMap::new();
    for endpoint in slice.endpoints.iter().filter(|it| is_ready(it)) {
        let zones = endpoint.hints.as_ref().map(|it| &it.for_zones).filter(|it| !it.is_empty())?;
        for zone in zones {
            shares.get(zone.name.as_str())?;
            *res.entry(zone.name.clone()).or_default() += 1;
        }
    }
    let fits = |(zone, count): (&String, &usize)| {
        let before = given.get(zone).copied().unwrap_or(0);
        shares.get(zone.as_str()).is_some_and(|share| count + before <= share.most)
    };
    res.iter().all(fits).then_some(res)
}

type Counts = BTreeMap<String, usize>;

/// How many endpoints each zone gives away, and how many it gets (`getGivingAndReceivingZones`).
fn moves(shares: &Shares, given: &BTreeMap<String, usize>) -> (Counts, Counts) {
    let (mut surplus, mut lack) = (BTreeMap::new(), BTreeMap::new());
    for (zone, share) in shares {
        let difference = given.get(*zone).copied().unwrap_or(0) as f64 - share.desired;
        if difference > 0.0 {
            surplus.insert(*zone, difference);
        } else if difference < 0.0 {
            lack.insert(*zone, -difference);
        }
    }
    let (mut giving, mut receiving) = (Counts::new(), Counts::new());
    while let (Some((from, give)), Some((to, get))) = (most(&mut surplus), most(&mut lack)) {
        if (*give < 1.0 && *get < 1.0) || *give < 0.5 || *get < 0.5 {
            break;
        }
        *giving.entry(from.to_owned()).or_default() += 1;
        *receiving.entry(to.to_owned()).or_default() += 1;
        *give -= 1.0;
        *get -= 1.0;
    }
    (giving, receiving)
}

/// The zone with the greatest number above zero; the first by name of equal ones.
fn most<'a, 'm>(zones: &'m mut BTreeMap<&'a str, f64>) -> Option<(&'a str, &'m mut f64)> {
    let mut best: Option<(&str, &mut f64)> = None;
    for (zone, number) in zones.iter_mut() {
        let known = best.as_ref().map_or(0.0, |(_, number)| **number);
        if *number > known {
            best = Some((zone, number));
        }
    }
    best
}

/// `redistributeHints` for one endpoint.
fn move_one(endpoint: &mut Endpoint, giving: &mut Counts, receiving: &mut Counts) {
    if !is_ready(endpoint) {
        return;
    }
    let Some(zone) = &endpoint.zone else { return };
    let Some(to) = receiving.keys().next().cloned() else { return };
    if take(giving, zone) && take(receiving, &to) {
        endpoint.hints = for_zone(&to);
    }
}

fn take(counts: &mut Counts, zone: &str) -> bool {
    let Some(count) = counts.get_mut(zone) else { return false };
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(zone);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, zone: &str, cpu: &str) -> Node {
        let mut node = Node::default();
        node.metadata.name = name.into();
        node.metadata.labels.insert(ZONE_LABEL.into(), zone.into());
        node.status.allocatable.insert("cpu".into(), cpu.into());
        node.status.conditions.push(crate::object::NodeCondition {
            r#type: "Ready".into(),
            status: "True".into(),
            ..Default::default()
        });
        node
    }

    fn slice(zones: &[&str]) -> EndpointSlice {
        let endpoint = |zone: &&str| {
            let endpoint = Endpoint {
                zone: Some((*zone).to_owned()),
                conditions: crate::object::EndpointConditions {
                    ready: Some(true),
                    ..Default::default()
                },
                ..Endpoint::default()
            };
            endpoint.into()
        };
        EndpointSlice { endpoints: zones.iter().map(endpoint).collect(), ..Default::default() }
    }

    /// Zones of the endpoints, and the zones they are for; or why there are no hints.
    #[track_caller]
    fn check(nodes: &[Node], zones: &[&str], expected: Result<&str, &str>) {
        let Topology(ratios) = Topology::of(nodes.iter());
        let mut draft = Draft { create: vec![slice(zones)], ..Draft::default() };
        let res = by_topology(&ratios, &mut draft).map(|()| {
            let zone = |it: &crate::object::Shared<Endpoint>| {
                it.hints.as_ref().map_or("-".into(), |it| it.for_zones[0].name.clone())
            };
            draft.create[0].endpoints.iter().map(zone).collect::<Vec<String>>().join(" ")
        });
        assert_eq!(res.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn endpoints_are_for_their_own_zone_where_the_shares_fit() {
        let nodes = [node("1", "a", "4"), node("2", "b", "4000m")];
        check(&nodes, &["a", "b"], Ok("a b"));
        check(&nodes, &["a", "a", "b", "b"], Ok("a a b b"));
    }

    #[test]
    fn a_zone_with_more_than_its_share_gives_some_away() {
        let nodes = [node("1", "a", "4"), node("2", "b", "4")];
        check(&nodes, &["a", "a", "a", "a", "a", "b"], Ok("b b a a a b"));
    }

    #[test]
    fn hints_need_an_endpoint_for_each_zone() {
        let nodes = [node("1", "a", "4"), node("2", "b", "4"), node("3", "c", "4")];
        let few = "Insufficient number of endpoints (2 endpoints, 3 zones)";
        check(&nodes, &["a", "b"], Err(few));
        let one = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
        check(&nodes[..1], &["a", "a"], Err(one));
    }

    #[test]
    fn hints_need_shares_that_can_be_met() {
        let nodes = [node("1", "a", "1"), node("2", "b", "4")];
        let text = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (2 endpoints, 2 zones)";
        check(&nodes, &["a", "b"], Err(text));
    }
}
