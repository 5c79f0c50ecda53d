//! MetalLB: a Service of type LoadBalancer → the addresses it gets from the pool (the controller),
//! and the node that answers for them on the LAN (the speakers).

use std::cmp::min_by_key;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};

use super::slices::Event;
use crate::object::{
    EndpointSlice, LoadBalancerIngress, LoadBalancerStatus, Node, Service, ServiceType,
    TrafficPolicy,
};
use crate::scenario::LoadBalancerSpec;

/// Written by the controller: where the addresses come from.
const FROM_POOL: &str = "ip-allocated-from-pool";
/// Read by it.
const ADDRESSES: &str = "loadBalancerIPs";
const POOL: &str = "address-pool";
const SHARED: &str = "allow-shared-ip";

/// What annotations began with before MetalLB was an own project.
const OLD_PREFIX: &str = "metallb.universe.tf";
const PREFIX: &str = "metallb.io";

/// The label that keeps a node from announcing load balancers.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Whether the Service is one for the load balancer without a class.
pub fn is_served(service: &Service) -> bool {
    service.spec.service_type() == ServiceType::LoadBalancer
        && service.spec.load_balancer_class.is_none()
}

/// The addresses that the Service has.
pub fn held(service: &Service) -> BTreeSet<IpAddr> {
    let ingress = service.status.load_balancer.ingress.iter();
    ingress.filter_map(|it| it.ip.parse().ok()).collect()
}

/// `convergeBalancer`: the Service as the controller leaves it, and what it says. `others` are all
/// Services that it serves, in any order.
pub fn sync<'a>(
    service: &Service,
    others: impl Iterator<Item = &'a Service>,
    balancer: &LoadBalancerSpec,
) -> (Service, Vec<Event>) {
    let mut res = service.clone();
    let mut events = Vec::new();
    let families = Families::of(&service.spec.cluster_addresses());
    if service.spec.service_type() != ServiceType::LoadBalancer || families == Families::default() {
        clear(&mut res);
        return (res, events);
    }
    let others = others.filter(|it| name(it) != name(service));
    let desk = Desk { service, families, taken: taken(others), balancer };
    let wanted = match (wanted(service), held(service).is_empty()) {
        (Ok(wanted), _) => Ok(wanted),
        (Err(why), true) => Err(why),
        (Err(why), false) => {
            let message = format!("invalid requested loadbalancer IPs: {why}");
            events.push(Event { warning: true, reason: "LoadBalancerFailed", message });
            return (res, events);
        }
    };
    if desk.keeps(wanted.as_deref().unwrap_or_default(), &mut events) {
        assign(&mut res, held_in_order(service), balancer);
        return (res, events);
    }
    clear(&mut res);
    match wanted.and_then(|it| desk.allocate(it)) {
        Ok(ips) => {
            let message = format!("Assigned IP {}", quoted(&ips));
            events.push(Event { warning: false, reason: "IPAllocated", message });
            assign(&mut res, ips, balancer);
        }
        Err(why) => {
            let message = format!("Failed to allocate IP for {:?}: {why}", name(service));
            events.push(Event { warning: true, reason: "AllocationFailed", message });
        }
    }
    (res, events)
}

/// One Service in front of the pool.
struct Desk<'a> {
    service: &'a Service,
    families: Families,
    /// By address: the other Services that have it.
    taken: BTreeMap<IpAddr, Vec<&'a Service>>,
    balancer: &'a LoadBalancerSpec,
}

impl Desk<'_> {
    /// Whether the Service may keep what it has.
    fn keeps(&self, wanted: &[IpAddr], events: &mut Vec<Event>) -> bool {
        let ips = held_in_order(self.service);
        let families = Families::of(&ips);
        let fits = families == self.families || (self.prefers_both() && !ips.is_empty());
        if !fits {
            return false;
        }
        if let Err(why) = self.assignable(&ips) {
            let name = name(self.service);
            let message = format!(
                "current IP for {name:?} not allowed by config, will attempt for new IP \
                 assignment: {why}"
            );
            events.push(Event { warning: false, reason: "ClearAssignment", message });
            return false;
        }
        let pool = annotation(self.service, POOL);
        let same_pool = pool.is_empty() || pool == self.balancer.name;
        let wanted: BTreeSet<IpAddr> = wanted.iter().copied().collect();
        same_pool && (wanted.is_empty() || wanted == ips.into_iter().collect())
    }

    /// `allocateIPs`
    fn allocate(&self, wanted: Vec<IpAddr>) -> Result<Vec<IpAddr>, String> {
        let (pool, own) = (annotation(self.service, POOL), &self.balancer.name);
        if wanted.is_empty() {
            if !pool.is_empty() && pool != own {
                return Err(format!("unknown pool {pool:?}"));
            }
            let family = self.families.name();
            return self.first_free().ok_or_else(|| match pool {
                "" => "no available IPs".to_owned(),
                _ => format!("no available IPs in pool {pool:?} for {family} IPFamily"),
            });
        }
        let list = quoted(&wanted);
        if Families::of(&wanted) != self.families {
            return Err(format!(
                "requested loadBalancer IP(s) {list} does not match the ipFamily of the service"
            ));
        }
        self.assignable(&wanted)?;
        if !pool.is_empty() && pool != own {
            return Err(format!(
                "requested loadBalancer IP(s) {list} is not compatible with requested address \
                 pool {pool}"
            ));
        }
        Ok(wanted)
    }

    /// The first free address of each family that the Service has; one alone is enough where two
    /// are only preferred.
    fn first_free(&self) -> Option<Vec<IpAddr>> {
        let free = |v4: bool| {
            let ranges = self.balancer.pool.ranges().iter();
            let mut ips = ranges.filter(|it| it.start().is_ipv4() == v4).flat_map(addresses);
            ips.find(|ip| self.conflict(ip).is_ok())
        };
        let asked = [(self.families.v4, true), (self.families.v6, false)];
        let asked = asked.into_iter().filter(|it| it.0);
        let found: Vec<Option<IpAddr>> = asked.map(|(_, v4)| free(v4)).collect();
        let enough = found.iter().all(Option::is_some) || self.prefers_both();
        let ips: Vec<IpAddr> = found.into_iter().flatten().collect();
        Some(ips).filter(|it| enough && !it.is_empty())
    }

    fn prefers_both(&self) -> bool {
        self.service.spec.ip_family_policy.as_deref() == Some("PreferDualStack")
    }

    /// `Allocator.Assign`
    fn assignable(&self, ips: &[IpAddr]) -> Result<(), String> {
        if !ips.iter().all(|ip| self.balancer.pool.contains(ip)) {
            return Err(format!("{} is not allowed in config", quoted(ips)));
        }
        ips.iter().try_for_each(|ip| self.conflict(ip))
    }

    /// An address is for one Service, or for several that agree to share it and have different
    /// ports.
    fn conflict(&self, ip: &IpAddr) -> Result<(), String> {
        let there = self.taken.get(ip).map(Vec::as_slice).unwrap_or_default();
        if !there.iter().all(|it| may_share(self.service, it)) {
            let names: Vec<String> = there.iter().map(|it| name(it)).collect();
            let (own, others) = (name(self.service), names.join(","));
            return Err(format!(
                "can't change sharing key for {own:?}, address also in use by {others}"
            ));
        }
        let used: BTreeSet<String> = there.iter().flat_map(|it| ports(it)).collect();
        match ports(self.service).find(|it| used.contains(it)) {
            Some(port) => Err(format!("port {port} is already in use on \"{ip}\"")),
            None => Ok(()),
        }
    }
}

/// Which IP families addresses are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    fn of(ips: &[IpAddr]) -> Families {
        let any = |of: fn(&IpAddr) -> bool| ips.iter().any(of);
        Families { v4: any(IpAddr::is_ipv4), v6: any(IpAddr::is_ipv6) }
    }

    fn name(self) -> &'static str {
        match (self.v4, self.v6) {
            (true, true) => "dual",
            (false, true) => "ipv6",
            _ => "ipv4",
        }
    }
}

/// `getDesiredLbIPs`: what the user asks for; nothing is the usual case.
fn wanted(service: &Service) -> Result<Vec<IpAddr>, String> {
    let (list, one) = (annotation(service, ADDRESSES), service.spec.load_balancer_ip.as_str());
    match (list, one) {
        ("", "") => Ok(Vec::new()),
        ("", one) => {
            let ip = one.parse().map_err(|_| format!("invalid spec.loadBalancerIP {one:?}"))?;
            Ok(vec![ip])
        }
        (list, "") => {
            let ips = list.split(',').map(|it| it.trim().parse());
            ips.collect::<Result<_, _>>()
                .map_err(|_| format!("invalid {PREFIX}/{ADDRESSES}: {list:?}"))
        }
        _ => Err(format!(
            "service can not have both {PREFIX}/{ADDRESSES} and svc.Spec.LoadBalancerIP"
        )),
    }
}

fn annotation<'a>(service: &'a Service, name: &str) -> &'a str {
    let value = |prefix| service.metadata.annotations.get(&format!("{prefix}/{name}"));
    value(PREFIX).or_else(|| value(OLD_PREFIX)).map(String::as_str).unwrap_or_default()
}

fn clear(service: &mut Service) {
    for prefix in [PREFIX, OLD_PREFIX] {
        service.metadata.annotations.remove(&format!("{prefix}/{FROM_POOL}"));
    }
    service.status.load_balancer = LoadBalancerStatus::default();
}

fn assign(service: &mut Service, ips: Vec<IpAddr>, balancer: &LoadBalancerSpec) {
    let ip_mode = Some(balancer.ip_mode.name().to_owned());
    let ingress = |ip: IpAddr| LoadBalancerIngress {
        ip: ip.to_string(),
        ip_mode: ip_mode.clone(),
        ..LoadBalancerIngress::default()
    };
    service.status.load_balancer.ingress = ips.into_iter().map(ingress).collect();
    let annotations = &mut service.metadata.annotations;
    annotations.insert(format!("{PREFIX}/{FROM_POOL}"), balancer.name.clone());
    annotations.remove(&format!("{OLD_PREFIX}/{FROM_POOL}"));
}

fn held_in_order(service: &Service) -> Vec<IpAddr> {
    let ingress = service.status.load_balancer.ingress.iter();
    ingress.filter_map(|it| it.ip.parse().ok()).collect()
}

fn taken<'a>(others: impl Iterator<Item = &'a Service>) -> BTreeMap<IpAddr, Vec<&'a Service>> {
    let mut res: BTreeMap<IpAddr, Vec<&Service>> = BTreeMap::new();
    for service in others.filter(|it| is_served(it)) {
        for ip in held(service) {
            res.entry(ip).or_default().push(service);
        }
    }
    res
}

/// `sharingOK`: the same key, and the same pods where the policy asks for local ones.
fn may_share(a: &Service, b: &Service) -> bool {
    let backend = |it: &Service| {
        let local = it.spec.external_traffic_policy() == TrafficPolicy::Local;
        local.then(|| it.spec.selector.clone())
    };
    let key = annotation(a, SHARED);
    !key.is_empty() && key == annotation(b, SHARED) && backend(a) == backend(b)
}

/// `TCP/80`
fn ports(service: &Service) -> impl Iterator<Item = String> {
    service.spec.ports.iter().map(|it| format!("{}/{}", it.protocol, it.port))
}

fn name(service: &Service) -> String {
    format!("{}/{}", service.metadata.namespace, service.metadata.name)
}

/// As Go's `%q` prints a list of addresses.
fn quoted(ips: &[IpAddr]) -> String {
    let texts: Vec<String> = ips.iter().map(|it| format!("\"{it}\"")).collect();
    format!("[{}]", texts.join(" "))
}

fn addresses(range: &RangeInclusive<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let last = *range.end();
    std::iter::successors(Some(*range.start()), |ip| next(*ip)).take_while(move |ip| *ip <= last)
}

fn next(ip: IpAddr) -> Option<IpAddr> {
    Some(match ip {
        IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).checked_add(1)?.into()),
        IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).checked_add(1)?.into()),
    })
}

/// `ShouldAnnounce`: which of the nodes whose speakers live answers for the Service's addresses.
/// None: nobody does, because the Service has no address or no endpoint that can serve.
pub fn announcer<'a>(
    service: &Service,
    slices: &[&EndpointSlice],
    alive: impl Iterator<Item = &'a Node>,
) -> Option<(Vec<IpAddr>, &'a str)> {
    let ingress = service.status.load_balancer.ingress.iter();
    let ingress = ingress.filter(|it| it.ip_mode.as_deref() != Some("Proxy"));
    let ips: Vec<IpAddr> = ingress.filter_map(|it| it.ip.parse().ok()).collect();
    let first = ips.first().filter(|_| is_served(service))?;
    let endpoints = slices.iter().flat_map(|it| &it.endpoints);
    let serving = endpoints.filter(|it| it.conditions.is_serving());
    let with_endpoint: BTreeSet<Option<&str>> = serving.map(|it| it.node_name.as_deref()).collect();
    let local = service.spec.external_traffic_policy() == TrafficPolicy::Local;
    let may = |node: &&Node| {
        !node.metadata.labels.contains_key(EXCLUDED)
            && (!local || with_endpoint.contains(&Some(node.metadata.name.as_str())))
    };
    let names = alive.filter(may).map(|it| it.metadata.name.as_str());
    let hash = |name: &&str| Sha256::digest(format!("{name}#{first}"));
    let winner = names.reduce(|a, b| min_by_key(a, b, |it| hash(it)))?;
    (!with_endpoint.is_empty()).then_some((ips, winner))
}
