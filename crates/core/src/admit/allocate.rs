//! Cluster IPs and node ports: which family, which number.
//!
//! What is taken is what the Services of the cluster have, so a refused request leaves nothing
//! behind and a deleted Service gives its numbers back at once. The picks follow
//! `pkg/registry/core/service/allocator`: a random start in the upper band, then forward.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::errors::Errors;
use super::service::{
    family_of, is_load_balancer, needs_cluster_ip, needs_health_check, needs_node_ports,
    validate_cluster_ips,
};
use super::{Objects, Refusal, Settings, Version};
use crate::key::Kind;
use crate::object::{CLUSTER_IP_NONE, Service, ServiceSpec};
use crate::rng::Rng;

/// A request for numbers that no Service has.
pub(super) struct Allocator<'a> {
    settings: &'a Settings,
    taken: Taken<'a>,
    rng: &'a mut Rng,
}

/// The numbers that Services have, and those of this request.
struct Taken<'a> {
    objects: &'a Objects,
    ips: BTreeSet<IpAddr>,
    ports: BTreeSet<u16>,
    /// Addresses that the Service has itself.
    own: Vec<IpAddr>,
}

impl Taken<'_> {
    fn has_ip(&self, ip: IpAddr) -> bool {
        let is_it = |text: &String| super::rules::parse_ip(text) == Some(ip);
        let has = |spec: &ServiceSpec| spec.cluster_ips.iter().any(is_it);
        self.ips.contains(&ip) || (!self.own.contains(&ip) && specs(self.objects).any(has))
    }

    fn has_port(&self, port: u16) -> bool {
        let number = i32::from(port);
        let has = |spec: &ServiceSpec| {
            let mut ports = spec.ports.iter().map(|it| it.node_port);
            spec.health_check_node_port == number || ports.any(|it| it == number)
        };
        self.ports.contains(&port) || specs(self.objects).any(has)
    }
}

impl<'a> Allocator<'a> {
    pub(super) fn new(
        objects: &'a Objects,
        settings: &'a Settings,
        rng: &'a mut Rng,
    ) -> Allocator<'a> {
        let (ips, ports) = (BTreeSet::new(), BTreeSet::new());
        Allocator { settings, taken: Taken { objects, ips, ports, own: Vec::new() }, rng }
    }

    /// `allocateCreate`.
    pub(super) fn create(&mut self, service: &mut Service) -> Result<(), Refusal> {
        self.families(service, None)?;
        self.cluster_ips(service)?;
        if matches!(service.spec.r#type.as_str(), "NodePort" | "LoadBalancer") {
            self.node_ports(service)?;
        }
        self.health_check(service)
    }

    /// `allocateUpdate`.
    pub(super) fn update(&mut self, service: &mut Service, old: &Service) -> Result<(), Refusal> {
        self.families(service, Some(&old.spec))?;
        if !needs_cluster_ip(&old.spec) {
            self.cluster_ips(service)?;
        } else {
            self.second_cluster_ip(service, old)?;
        }
        if matches!(service.spec.r#type.as_str(), "NodePort" | "LoadBalancer") {
            self.node_ports_of_update(service, old)?;
        }
        if !needs_health_check(&old.spec) {
            self.health_check(service)?;
        }
        Ok(())
    }

    fn range(&self, family: &str) -> Option<IpNet> {
        self.settings.service_ranges.iter().copied().find(|range| family_of_range(range) == family)
    }

    /// `initIPFamilyFields`: the families and their policy, from what was said or from the cluster.
    fn families(&self, service: &mut Service, old: Option<&ServiceSpec>) -> Result<(), Refusal> {
        let spec = &mut *service.spec;
        if !needs_cluster_ip(spec) {
            return Ok(());
        }
        let mut errors = Errors::new(self.settings.version);
        validate_cluster_ips(spec, &mut errors);
        refuse(errors, &service.metadata.name)?;

        let mut errors = Errors::new(self.settings.version);
        if let Some(old) = old.filter(|old| needs_cluster_ip(old)) {
            inherit_families(spec, old);
        }
        self.infer_families(spec, &mut errors);
        refuse(errors, &service.metadata.name)?;

        if spec.cluster_ip == CLUSTER_IP_NONE && spec.selector.is_empty() {
            self.families_without_selector(spec);
            return Ok(());
        }
        let mut errors = Errors::new(self.settings.version);
        self.check_families(spec, &mut errors);
        refuse(errors, &service.metadata.name)?;

        if spec.ip_families.is_empty() {
            spec.ip_families = vec![self.primary_family().to_owned()];
        }
        let is_single = spec.ip_family_policy.as_deref().is_none_or(|it| it == "SingleStack");
        if !is_single && spec.ip_families.len() == 1 && self.settings.service_ranges.len() == 2 {
            spec.ip_families.push(other_family(&spec.ip_families[0]).to_owned());
        }
        spec.ip_family_policy.get_or_insert_with(|| "SingleStack".to_owned());
        Ok(())
    }

    fn primary_family(&self) -> &'static str {
        self.settings.service_ranges.first().map_or("IPv4", family_of_range)
    }

    fn infer_families(&self, spec: &mut ServiceSpec, errors: &mut Errors) {
        let is_single = spec.ip_family_policy.as_deref().is_none_or(|it| it == "SingleStack");
        for (count, what) in
            [(spec.cluster_ips.len(), "cluster IPs"), (spec.ip_families.len(), "IP families")]
        {
            if is_single && count == 2 {
                let detail = format!(
                    "must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
                );
                errors.invalid("spec.ipFamilyPolicy", "SingleStack", &detail);
            }
        }
        if spec.cluster_ip == CLUSTER_IP_NONE {
            return;
        }
        for (index, ip) in spec.cluster_ips.iter().enumerate().skip(spec.ip_families.len()) {
            let family = family_of(ip);
            if self.range(family).is_none() {
                let field = format!("spec.clusterIPs[{index}]");
                let detail = format!("{family} is not configured on this cluster");
                errors.invalid(field, spec.cluster_ips.as_slice(), &detail);
            } else {
                spec.ip_families.push(family.to_owned());
            }
        }
    }

    /// A headless Service whose endpoints come from elsewhere may have both families anywhere.
    fn families_without_selector(&self, spec: &mut ServiceSpec) {
        if spec.ip_families.is_empty() {
            spec.ip_families = vec![self.primary_family().to_owned()];
        }
        if spec.ip_families.len() < 2 && spec.ip_family_policy.as_deref() != Some("SingleStack") {
            spec.ip_families.push(other_family(&spec.ip_families[0]).to_owned());
        }
        spec.ip_family_policy.get_or_insert_with(|| "RequireDualStack".to_owned());
    }

    fn check_families(&self, spec: &ServiceSpec, errors: &mut Errors) {
        if let Some(policy) = spec.ip_family_policy.as_deref()
            && policy == "RequireDualStack"
            && self.settings.service_ranges.len() < 2
        {
            let detail = "this cluster is not configured for dual-stack services";
            errors.invalid("spec.ipFamilyPolicy", policy, detail);
        }
        for (index, family) in spec.ip_families.iter().enumerate() {
            if self.range(family).is_none() {
                let field = format!("spec.ipFamilies[{index}]");
                errors.invalid(field, family, "not configured on this cluster");
            }
        }
    }

    /// An address for each family: the one asked for, or a free one.
    fn cluster_ips(&mut self, service: &mut Service) -> Result<(), Refusal> {
        let spec = &mut *service.spec;
        if !needs_cluster_ip(spec) || spec.cluster_ip == CLUSTER_IP_NONE {
            return Ok(());
        }
        for (index, family) in spec.ip_families.clone().iter().enumerate() {
            let Some(range) = self.range(family) else { continue };
            match spec.cluster_ips.get(index) {
                Some(ip) => {
                    let taken = self.take_ip(ip, range);
                    taken.map_err(|detail| {
                        let mut errors = Errors::new(self.settings.version);
                        let detail = format!("failed to allocate IP {ip}: {detail}");
                        errors.invalid("spec.clusterIPs", spec.cluster_ips.as_slice(), &detail);
                        Refusal::invalid(Kind::Service, &service.metadata.name, errors)
                    })?;
                }
                None => {
                    let ip = self.next_ip(range)?;
                    self.refuse_nameless(&service.metadata.name, ip)?;
                    spec.cluster_ips.push(ip.to_string());
                }
            }
        }
        spec.cluster_ip = spec.cluster_ips.first().cloned().unwrap_or_default();
        Ok(())
    }

    /// From 1.33 on an address is an object of its own, which names the Service as its parent.
    fn refuse_nameless(&self, name: &str, ip: IpAddr) -> Result<(), Refusal> {
        if !name.is_empty() || self.settings.version < Version::V1_33 {
            return Ok(());
        }
        Err(Refusal::internal(&format!(
            "failed to allocate a serviceIP: IPAddress.networking.k8s.io \"{ip}\" is invalid: \
             spec.parentRef.name: Required value"
        )))
    }

    /// A Service that becomes dual-stack keeps its first address and gets a second one.
    fn second_cluster_ip(&mut self, service: &mut Service, old: &Service) -> Result<(), Refusal> {
        let (new, old) = (&service.spec, &old.spec);
        let is_headless = old.cluster_ip == CLUSTER_IP_NONE || new.cluster_ip == CLUSTER_IP_NONE;
        let grows = new.ip_families.len() == 2 && old.cluster_ips.len() == 1;
        if is_headless || !grows || new.cluster_ips.first() != old.cluster_ips.first() {
            return Ok(());
        }
        self.taken.own = old.cluster_addresses();
        self.cluster_ips(service)
    }

    fn take_ip(&mut self, text: &str, range: IpNet) -> Result<(), String> {
        let address = super::rules::parse_ip(text);
        let is_edge = |address: &IpAddr| {
            *address == range.network() || address.is_ipv4() && *address == range.broadcast()
        };
        let is_usable = |address: &IpAddr| range.contains(address) && !is_edge(address);
        let Some(address) = address.filter(is_usable) else {
            let is_outside = address.is_none_or(|address| !range.contains(&address));
            if is_outside && self.settings.version >= Version::V1_33 {
                return Err("the provided network does not match the current range".to_owned());
            }
            return Err(format!(
                "the provided IP ({text}) is not in the valid range. \
                 The range of valid IPs is {range}"
            ));
        };
        // Of a dry run nobody asks whether it is free.
        if self.taken.has_ip(address) && !self.settings.dry_run {
            return Err("provided IP is already allocated".to_owned());
        }
        self.taken.ips.insert(address);
        Ok(())
    }

    /// A dry run looks for none (`allocateNext`).
    fn next_ip(&mut self, range: IpNet) -> Result<IpAddr, Refusal> {
        if self.settings.dry_run {
            return Ok(range.network());
        }
        let size = usable(&range);
        let lower = band(size, 16, 16, 256);
        let Allocator { taken, rng, .. } = self;
        let offset = next(size, lower, rng, |offset| !taken.has_ip(address_at(&range, offset)));
        let full = || Refusal::internal("failed to allocate a serviceIP: range is full");
        let address = address_at(&range, offset.ok_or_else(full)?);
        taken.ips.insert(address);
        Ok(address)
    }

    /// `initNodePorts`: entries with one port number share a node port.
    fn node_ports(&mut self, service: &mut Service) -> Result<(), Refusal> {
        let allocates = needs_node_ports(&service.spec);
        let mut given: Vec<(i32, i32)> = Vec::new();
        for index in 0..service.spec.ports.len() {
            let port = &service.spec.ports[index];
            if port.node_port == 0 && !allocates {
                continue;
            }
            let number = port.port;
            let shared = given.iter().find(|(it, _)| *it == number).map(|(_, shared)| *shared);
            let asked = match (shared, port.node_port) {
                (Some(shared), asked) if asked == 0 || asked == shared => {
                    service.spec.ports[index].node_port = shared;
                    continue;
                }
                (Some(_), asked) => asked,
                (None, _) => asked_for(&service.spec, number),
            };
            let got = match asked {
                0 => i32::from(self.next_port()?),
                asked => self.take_port(asked, index, service)?,
            };
            service.spec.ports[index].node_port = got;
            if shared.is_none() {
                given.push((number, got));
            }
        }
        Ok(())
    }

    /// `updateNodePorts`: the Service may keep what it has; nothing is shared.
    fn node_ports_of_update(
        &mut self,
        service: &mut Service,
        old: &Service,
    ) -> Result<(), Refusal> {
        let allocates = needs_node_ports(&service.spec);
        let had: Vec<i32> = old.spec.ports.iter().map(|port| port.node_port).collect();
        let mut taken: Vec<i32> = Vec::new();
        let mut seen: Vec<(String, i32)> = Vec::new();
        for index in 0..service.spec.ports.len() {
            let port = &service.spec.ports[index];
            let asked = port.node_port;
            if asked == 0 && !allocates {
                continue;
            }
            if asked == 0 {
                service.spec.ports[index].node_port = i32::from(self.next_port()?);
            } else if !had.contains(&asked) && !taken.contains(&asked) {
                self.take_port(asked, index, service)?;
                taken.push(asked);
            }
            let port = &service.spec.ports[index];
            let entry = (port.protocol.clone(), port.node_port);
            if seen.contains(&entry) {
                let message = format!("duplicate nodePort: {{{} {}}}", entry.0, entry.1);
                return Err(Refusal::bare(message));
            }
            seen.push(entry);
        }
        Ok(())
    }

    fn take_port(&mut self, number: i32, index: usize, service: &Service) -> Result<i32, Refusal> {
        self.take(number).map_err(|detail| {
            let mut errors = Errors::new(self.settings.version);
            errors.invalid(format!("spec.ports[{index}].nodePort"), number, &detail);
            Refusal::invalid(Kind::Service, &service.metadata.name, errors)
        })?;
        Ok(number)
    }

    fn take(&mut self, number: i32) -> Result<(), String> {
        let range = &self.settings.node_ports;
        let port = u16::try_from(number).ok();
        let port = port.filter(|port| range.contains(port) || self.settings.dry_run);
        let Some(port) = port else {
            return Err(format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                range.start(),
                range.end()
            ));
        };
        if self.taken.has_port(port) {
            return Err("provided port is already allocated".to_owned());
        }
        self.taken.ports.insert(port);
        Ok(())
    }

    /// A dry run takes the one after those that it has taken (`PortAllocationOperation`).
    fn next_port(&mut self) -> Result<u16, Refusal> {
        if self.settings.dry_run {
            let port = self.taken.ports.last().unwrap_or(&32768).saturating_add(1);
            self.taken.ports.insert(port);
            return Ok(port);
        }
        let range: &RangeInclusive<u16> = &self.settings.node_ports;
        let size = range.len() as u64;
        let lower = band(size, 32, 16, 128);
        let at = |offset: u64| range.start() + u16::try_from(offset).expect("a port has 16 bits");
        let Allocator { taken, rng, .. } = self;
        let offset = next(size, lower, rng, |offset| !taken.has_port(at(offset)));
        let full = || Refusal::internal("failed to allocate a nodePort: range is full");
        let port = at(offset.ok_or_else(full)?);
        taken.ports.insert(port);
        Ok(port)
    }

    fn health_check(&mut self, service: &mut Service) -> Result<(), Refusal> {
        if !needs_health_check(&service.spec) || !is_load_balancer(&service.spec) {
            return Ok(());
        }
        let asked = service.spec.health_check_node_port;
        if asked == 0 {
            service.spec.health_check_node_port = i32::from(self.next_port()?);
            return Ok(());
        }
        self.take(asked).map_err(|detail| {
            let text =
                format!("failed to allocate requested HealthCheck NodePort {asked}: {detail}");
            Refusal::internal(&text)
        })
    }
}

/// The Services of the cluster: kinds stand together in the store.
fn specs(objects: &Objects) -> impl Iterator<Item = &ServiceSpec> {
    objects.of_kind(Kind::Service).filter_map(|object| Some(&*object.as_service()?.spec))
}

fn refuse(errors: Errors, name: &str) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(Kind::Service, name, errors))
}

/// What an update does not say about families stays; one that goes back to a single stack drops
/// the second address and family if it left them as they were.
fn inherit_families(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if spec.ip_family_policy.is_none() {
        spec.ip_family_policy.clone_from(&old.ip_family_policy);
    }
    let is_single = spec.ip_family_policy.as_deref() == Some("SingleStack");
    if is_single && old.ip_family_policy.as_deref() != Some("SingleStack") {
        if spec.cluster_ips == old.cluster_ips {
            spec.cluster_ips.truncate(1);
        }
        if spec.ip_families == old.ip_families {
            spec.ip_families.truncate(1);
        }
    }
    if spec.ip_families.is_empty() {
        spec.ip_families.clone_from(&old.ip_families);
        if is_single {
            spec.ip_families.truncate(1);
        }
    }
}

/// The node port that any entry with this port number asks for.
fn asked_for(spec: &ServiceSpec, number: i32) -> i32 {
    let asks = |it: &&crate::object::ServicePort| it.port == number && it.node_port != 0;
    spec.ports.iter().find(asks).map_or(0, |it| it.node_port)
}

fn family_of_range(range: &IpNet) -> &'static str {
    match range {
        IpNet::V4(_) => "IPv4",
        IpNet::V6(_) => "IPv6",
    }
}

fn other_family(family: &str) -> &'static str {
    if family == "IPv4" { "IPv6" } else { "IPv4" }
}

/// The allocator of an IPv6 range looks at its first 2¹⁶ addresses only.
const LARGEST_RANGE: u64 = 1 << 16;

/// Addresses that may be given: not the first; of IPv4 not the last.
fn usable(range: &IpNet) -> u64 {
    match range {
        IpNet::V4(range) => (1_u64 << (32 - range.prefix_len())).saturating_sub(2),
        IpNet::V6(range) => (1_u64 << (128 - range.prefix_len()).min(63)).min(LARGEST_RANGE) - 1,
    }
}

/// The address after `offset` others; offset 0 is the range's `.1`.
fn address_at(range: &IpNet, offset: u64) -> IpAddr {
    match range {
        IpNet::V4(range) => {
            let offset =
                u32::try_from(offset + 1).expect("an IPv4 range has less than 2³² addresses");
            IpAddr::V4((u32::from(range.network()) + offset).into())
        }
        IpNet::V6(range) => {
            IpAddr::V6((u128::from(range.network()) + u128::from(offset) + 1).into())
        }
    }
}

/// The size of the lower band, which is left for numbers chosen by hand.
fn band(size: u64, divisor: u64, least: u64, most: u64) -> u64 {
    if size <= least { 0 } else { (size / divisor).clamp(least, most) }
}

/// A free offset: from a random start in the upper band forward, then in the lower band.
fn next(size: u64, lower: u64, rng: &mut Rng, is_free: impl Fn(u64) -> bool) -> Option<u64> {
    rng.pick(lower, size, &is_free).or_else(|| rng.pick(0, lower, &is_free))
}
