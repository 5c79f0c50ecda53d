//! kube-proxy in nftables mode: the objects of a cluster → one table with maps.
//!
//! The fixed part stands here; what each service port adds, in `port`. 1.30 is its alpha; newer
//! releases get the layout that 1.33 to 1.35 share.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use svclab_netfilter::nft::{
    Among, Base, Chain, Element, Elements, Key, KeyType, Kind, Map, Name, Rule, Set, Statement,
    Table, Verdict,
};
use svclab_netfilter::{AddrSide, Criterion, Family, Hook};

use super::address::{family, parse_cidr};
use super::detect::Detector;
use super::node::{ThisNode, nft_node_ports, this_node};
use super::origin::{Origin, Origins, Purpose};
use super::settings::{Settings, Version};
use super::watch::Watch;
use crate::object::Objects;

mod port;

/// The whole table of one node. The first origin is that of the jumps from base chains.
#[derive(Debug, Clone, PartialEq)]
pub struct Nftables {
    pub table: Table,
    pub origins: Origins,
}

/// What the first sync of a node makes.
pub fn nftables(objects: &Objects, settings: &Settings) -> Nftables {
    nftables_of(&Watch::of(objects, settings.clone()), objects, settings)
}

/// The same from what the kube-proxies have heard.
pub(super) fn nftables_of(watch: &Watch, objects: &Objects, settings: &Settings) -> Nftables {
    let node = this_node(objects, settings);
    let mut writer =
        Writer { table: empty(settings.family), origins: Origins::new(), settings, node: &node };
    writer.base_chains();
    writer.masquerading();
    writer.maps();
    writer.cluster_ips();
    writer.node_ports();
    writer.dispatch();
    watch.each_port(&settings.node, |service, key, port, endpoints| {
        port::write(&mut writer, service, key, port, endpoints);
    });
    Nftables { table: writer.table, origins: writer.origins }
}

fn empty(family: Family) -> Table {
    Table {
        family,
        name: Name::from("kube-proxy"),
        comment: Name::from("rules for kube-proxy"),
        chains: BTreeMap::new(),
        sets: BTreeMap::new(),
        maps: BTreeMap::new(),
    }
}

struct Writer<'a> {
    table: Table,
    origins: Origins,
    settings: &'a Settings,
    node: &'a ThisNode,
}

/// A base chain, and the chains it jumps to; `true` for new connections only.
type BaseChain = (&'static str, Kind, Hook, i32, &'static [(&'static str, bool)]);

const DNAT: i32 = -100;
const SNAT: i32 = 100;

const NAT: &[BaseChain] = &[
    ("nat-output", Kind::Nat, Hook::Output, DNAT, &[("services", false)]),
    ("nat-postrouting", Kind::Nat, Hook::Postrouting, SNAT, &[("masquerading", false)]),
    ("nat-prerouting", Kind::Nat, Hook::Prerouting, DNAT, &[("services", false)]),
];

/// All of its filter chains come before DNAT, so that maps of Services' own addresses can be asked.
const FILTER_1_30: &[BaseChain] = &[
    (
        "filter-forward",
        Kind::Filter,
        Hook::Forward,
        DNAT - 10,
        &[("service-endpoints-check", true), ("cluster-ips-check", true)],
    ),
    (
        "filter-input",
        Kind::Filter,
        Hook::Input,
        DNAT - 10,
        &[("nodeport-endpoints-check", true), ("service-endpoints-check", true)],
    ),
    (
        "filter-output",
        Kind::Filter,
        Hook::Output,
        DNAT - 10,
        &[("service-endpoints-check", true), ("firewall-check", true)],
    ),
    (
        "filter-output-post-dnat",
        Kind::Filter,
        Hook::Output,
        DNAT + 10,
        &[("cluster-ips-check", true)],
    ),
    ("filter-prerouting", Kind::Filter, Hook::Prerouting, DNAT - 10, &[("firewall-check", true)]),
];

const FILTER: &[BaseChain] = &[
    (
        "filter-forward",
        Kind::Filter,
        Hook::Forward,
        0,
        &[("service-endpoints-check", true), ("cluster-ips-check", true)],
    ),
    (
        "filter-input",
        Kind::Filter,
        Hook::Input,
        0,
        &[("nodeport-endpoints-check", true), ("service-endpoints-check", true)],
    ),
    (
        "filter-output",
        Kind::Filter,
        Hook::Output,
        0,
        &[("service-endpoints-check", true), ("cluster-ips-check", true)],
    ),
    ("filter-output-pre-dnat", Kind::Filter, Hook::Output, DNAT - 10, &[("firewall-check", true)]),
    (
        "filter-prerouting-pre-dnat",
        Kind::Filter,
        Hook::Prerouting,
        DNAT - 10,
        &[("firewall-check", true)],
    ),
];

impl Writer<'_> {
    fn add(&mut self, chain: &str, purpose: Purpose, statements: Vec<Statement>) {
        self.add_with(chain, purpose, Rule { statements, ..Rule::default() });
    }

    fn add_commented(
        &mut self,
        chain: &str,
        purpose: Purpose,
        statements: Vec<Statement>,
        comment: &str,
    ) {
        let comment = Some(Name::from(comment));
        self.add_with(chain, purpose, Rule { statements, comment, ..Rule::default() });
    }

    fn add_with(&mut self, chain: &str, purpose: Purpose, rule: Rule) {
        let origin = Some(self.origins.add(Origin::fixed(purpose)));
        self.table.append(&Name::from(chain), Rule { origin, ..rule });
    }

    fn base_chains(&mut self) {
        let modern = self.settings.version >= Version::Modern;
        let filter = if modern { FILTER } else { FILTER_1_30 };
        for (name, kind, hook, priority, jumps) in NAT.iter().chain(filter) {
            let base = Some(Base { kind: *kind, hook: *hook, priority: *priority });
            self.table.chains.insert(Name::from(*name), Chain { base, ..Chain::default() });
            for (to, only_new) in *jumps {
                let jump = Statement::Verdict(Verdict::Jump(Name::from(*to)));
                let new = only_new.then_some(Statement::CtStateNew);
                self.add(name, Purpose::Jump, new.into_iter().chain([jump]).collect());
            }
        }
    }

    fn masquerading(&mut self) {
        let mark = self.settings.masquerade_mark();
        let chain = "masquerading";
        self.add("mark-for-masquerade", Purpose::SetMark, vec![Statement::SetMark(mark)]);
        let unmarked = vec![Statement::Unmarked(mark), Statement::Verdict(Verdict::Return)];
        self.add(chain, Purpose::SkipUnmarked, unmarked);
        self.add(chain, Purpose::ClearMark, vec![Statement::FlipMark(mark)]);
        self.add(chain, Purpose::Masquerade, vec![Statement::Masquerade]);
    }

    fn maps(&mut self) {
        for (name, key, comment) in MAPS {
            let map =
                Map { key: *key, comment: Name::from(*comment), elements: Elements::default() };
            self.table.maps.insert(Name::from(*name), map);
        }
        let comment = "helper for @no-endpoint-services / @no-endpoint-nodeports";
        let chain = Chain { comment: Some(Name::from(comment)), ..Chain::default() };
        self.table.chains.insert(Name::from("reject-chain"), chain);
        self.add("reject-chain", Purpose::Refuse, vec![Statement::Reject]);
    }

    fn cluster_ips(&mut self) {
        self.set("cluster-ips", "Active ClusterIPs");
        let chain = "cluster-ips-check";
        let among = Among::Set(Name::from("cluster-ips"));
        let statements = vec![to(false, among), Statement::Reject];
        let comment = "Reject traffic to invalid ports of ClusterIPs";
        self.add_commented(chain, Purpose::RejectWrongPort, statements, comment);

        let cidrs = self.settings.service_cidrs.iter().filter_map(|it| parse_cidr(it));
        let cidrs = cidrs.filter(|it| family(it.addr()) == self.settings.family);
        let cidrs: Vec<IpNet> = cidrs.map(|it| it.trunc()).collect();
        if cidrs.is_empty() || self.settings.version < Version::Modern {
            return;
        }
        let statements = vec![to(false, Among::Nets(cidrs)), Statement::Verdict(Verdict::Drop)];
        let comment = "Drop traffic to unallocated ClusterIPs";
        self.add_commented(chain, Purpose::DropUnallocated, statements, comment);
    }

    fn set(&mut self, name: &str, comment: &str) {
        let comment = Some(Name::from(comment));
        let set = Set { timeout: None, comment, elements: Elements::default() };
        self.table.sets.insert(Name::from(name), set);
    }

    /// Which addresses take NodePorts, and what has come to one of them without an endpoint.
    fn node_ports(&mut self) {
        let mut refused = Vec::new();
        let mut served = Vec::new();
        if let Some(ips) = nft_node_ports(self.settings, self.node) {
            self.set("nodeport-ips", "IPs that accept NodePort traffic");
            if let Some(set) = self.table.sets.get_mut("nodeport-ips") {
                set.elements = ips.into_iter().map(|ip| (Key::Address(ip), None)).collect();
            }
            let on_them = to(false, Among::Set(Name::from("nodeport-ips")));
            refused.push(on_them.clone());
            served.push(on_them);
        } else {
            let elsewhere = to(true, loopback(self.settings.family));
            refused.push(elsewhere.clone());
            served.extend([Statement::FibLocal(AddrSide::Destination), elsewhere]);
        }
        refused.push(look_up(KeyType::Port, "no-endpoint-nodeports"));
        served.push(look_up(KeyType::Port, "service-nodeports"));
        self.add("nodeport-endpoints-check", Purpose::LookUpRefusal, refused);
        let services = vec![look_up(KeyType::AddressAndPort, "service-ips")];
        self.add("services", Purpose::LookUpService, services);
        self.add("services", Purpose::NodePortDispatch, served);
    }

    fn dispatch(&mut self) {
        let refused = vec![look_up(KeyType::AddressAndPort, "no-endpoint-services")];
        self.add("service-endpoints-check", Purpose::LookUpRefusal, refused);
        let firewall = vec![look_up(KeyType::AddressAndPort, "firewall-ips")];
        self.add("firewall-check", Purpose::LookUpFirewall, firewall);
    }

    fn element(&mut self, map: &str, key: Key, element: Element) {
        if let Some(map) = self.table.maps.get_mut(map) {
            map.elements.insert(key, element);
        }
    }
}

const MAPS: &[(&str, KeyType, &str)] = &[
    (
        "no-endpoint-services",
        KeyType::AddressAndPort,
        "vmap to drop or reject packets to services with no endpoints",
    ),
    (
        "no-endpoint-nodeports",
        KeyType::Port,
        "vmap to drop or reject packets to service nodeports with no endpoints",
    ),
    (
        "firewall-ips",
        KeyType::AddressAndPort,
        "destinations that are subject to LoadBalancerSourceRanges",
    ),
    ("service-ips", KeyType::AddressAndPort, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
    ("service-nodeports", KeyType::Port, "NodePort traffic"),
];

fn look_up(key: KeyType, map: &str) -> Statement {
    Statement::Lookup { key, map: Name::from(map) }
}

fn to(negated: bool, among: Among) -> Statement {
    Statement::Address { side: AddrSide::Destination, negated, among }
}

fn from(negated: bool, among: Among) -> Statement {
    Statement::Address { side: AddrSide::Source, negated, among }
}

fn loopback(family: Family) -> Among {
    match family {
        Family::V4 => {
            let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0));
            Among::Net(IpNet::new(ip, 8).expect("8 bits are a prefix"))
        }
        Family::V6 => Among::Host(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    }
}

/// Whether the packet is one of this node's pods' (or not), and how it is spelled where not as
/// usual. The alpha names a device by its index, so a prefix of names does not load there.
fn by_detector(
    detector: &Detector,
    negated: bool,
    settings: &Settings,
) -> Option<(Statement, Option<String>)> {
    match &detector.criterion {
        Criterion::Source(net) => {
            let ip = if settings.family == Family::V4 { "ip" } else { "ip6" };
            let unless = if negated { "!= " } else { "" };
            let written = detector.written.as_ref().map(|it| format!("{ip} saddr {unless}{it}"));
            Some((from(negated, Among::Net(net.net)), written))
        }
        Criterion::InInterface(name) => {
            let name = Name::from(name.replace('+', "*"));
            let by_index = settings.version < Version::Modern;
            Some((Statement::InInterface { name, negated, by_index }, None))
        }
        _ => None,
    }
}
