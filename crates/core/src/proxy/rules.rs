//! The chains and rules of one sync (`syncProxyRules`): the fixed head, one part for each service
//! port, the tail.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::text::{ChainLine, Command, Restore, TableUpdate};
use svclab_netfilter::{
    AddrSide, AddrType, AddressMatch, ChainName, Criterion, CtStates, Family, MarkChange, OriginId,
    Probability, Rule, TableName, Target,
};

use super::Sync;
use super::draft::Draft;
use super::endpoint::Endpoints;
use super::names::{PortKey, is_service_chain};
use super::node::ThisNode;
use super::origin::{Origin, Purpose};
use super::service::ServicePort;
use super::settings::Settings;

mod port;

/// With more endpoints than this kube-proxy leaves out the comments of the endpoints' rules.
const LARGE_CLUSTER: usize = 1000;

pub(super) fn write<'a>(
    settings: &Settings,
    node: &ThisNode<'_>,
    ports: &BTreeMap<PortKey<'a>, ServicePort<'a>>,
    endpoints: &Endpoints<'a>,
    existing: impl IntoIterator<Item = ChainName>,
) -> Sync {
    let total: usize = endpoints.values().map(BTreeMap::len).sum();
    let mut writer = Writer::new(settings, node, total > LARGE_CLUSTER);
    writer.head();
    let none = BTreeMap::new();
    for (key, service_port) in ports {
        port::write(&mut writer, *key, service_port, endpoints.get(key).unwrap_or(&none));
    }
    writer.delete_stale(existing);
    writer.tail();
    Sync { restore: Restore { tables: vec![writer.filter, writer.nat] }, origins: writer.origins }
}

struct Writer<'a> {
    settings: &'a Settings,
    node: &'a ThisNode<'a>,
    large: bool,
    filter: TableUpdate,
    nat: TableUpdate,
    origins: Vec<Origin>,
    /// `probabilities[n]` is one of `n`: most services have as many endpoints as others.
    probabilities: Vec<Probability>,
}

impl<'a> Writer<'a> {
    fn new(settings: &'a Settings, node: &'a ThisNode<'a>, large: bool) -> Writer<'a> {
        Writer {
            settings,
            node,
            large,
            filter: TableUpdate::new(TableName::Filter),
            nat: TableUpdate::new(TableName::Nat),
            origins: vec![Origin::fixed(Purpose::Jump)],
            probabilities: Vec::new(),
        }
    }

    fn origin(&mut self, origin: Origin) -> OriginId {
        let id = u32::try_from(self.origins.len()).expect("fewer than 2³² rules fit into memory");
        self.origins.push(origin);
        OriginId(id)
    }

    fn filter(&mut self, chain: ChainName, rule: Rule, origin: Origin) {
        let origin = Some(self.origin(origin));
        let rule = Rc::new(Rule { origin, ..rule });
        self.filter.commands.push(Command::Append { chain, rule });
    }

    fn nat(&mut self, chain: ChainName, rule: Rule, origin: Origin) {
        let origin = Some(self.origin(origin));
        let rule = Rc::new(Rule { origin, ..rule });
        self.nat.commands.push(Command::Append { chain, rule });
    }

    fn one_of(&mut self, n: usize) -> Probability {
        while self.probabilities.len() <= n {
            self.probabilities.push(Probability::one_of(self.probabilities.len()));
        }
        self.probabilities[n]
    }

    fn head(&mut self) {
        let chain_line = |name: &&str| ChainLine::from(ChainName::of(name));
        self.filter.chains.extend(FILTER_CHAINS.iter().map(chain_line));
        self.nat.chains.extend(NAT_CHAINS.iter().map(chain_line));
        if self.node.node_ports.localhost {
            self.block_localnet();
        }
        self.masquerading();
    }

    /// Without this rule, route_localnet would open 127.0.0.1 to the neighbours.
    fn block_localnet(&mut self) {
        let firewall = ChainName::of("KUBE-FIREWALL");
        self.filter.chains.push(firewall.into());
        let known = CtStates::RELATED.with(CtStates::ESTABLISHED).with(CtStates::DNAT);
        let rule = Draft::comment("block incoming localnet connections")
            .with(Criterion::Destination(AddressMatch::net(localnet())))
            .without(Criterion::Source(AddressMatch::net(localnet())))
            .without(Criterion::CtState(known))
            .target(Target::Drop);
        self.filter(firewall, rule, Origin::fixed(Purpose::BlockLocalnet));
    }

    fn masquerading(&mut self) {
        let bit = self.settings.masquerade_mark();
        let (postrouting, mark_masq) =
            (ChainName::of("KUBE-POSTROUTING"), ChainName::of("KUBE-MARK-MASQ"));
        let mark = |change| Draft::default().target(Target::Mark { change, digits: 8 });

        let unmarked = Draft::default().without(self.mark()).target(Target::Return);
        self.nat(postrouting, unmarked, Origin::fixed(Purpose::SkipUnmarked));
        self.nat(postrouting, mark(MarkChange::Xor(bit)), Origin::fixed(Purpose::ClearMark));
        let masquerade = Draft::comment("kubernetes service traffic requiring SNAT")
            .target(Target::Masquerade { random_fully: self.settings.random_fully });
        self.nat(postrouting, masquerade, Origin::fixed(Purpose::Masquerade));
        self.nat(mark_masq, mark(MarkChange::Or(bit)), Origin::fixed(Purpose::SetMark));
    }

    fn mark(&self) -> Criterion {
        let mark = self.settings.masquerade_mark();
        Criterion::Mark { value: mark, mask: mark, digits: 8 }
    }

    fn delete_stale(&mut self, existing: impl IntoIterator<Item = ChainName>) {
        let active: BTreeSet<ChainName> = self.nat.chains.iter().map(|it| it.name).collect();
        let stale = |it: &ChainName| is_service_chain(*it) && !active.contains(it);
        let stale: BTreeSet<ChainName> = existing.into_iter().filter(stale).collect();
        self.nat.chains.extend(stale.iter().copied().map(ChainLine::from));
        self.nat.commands.extend(stale.into_iter().map(Command::DeleteChain));
    }

    fn tail(&mut self) {
        self.node_port_dispatch();
        self.forwarding();
    }

    fn node_port_dispatch(&mut self) {
        let (services, node_ports) =
            (ChainName::of("KUBE-SERVICES"), ChainName::of("KUBE-NODEPORTS"));
        let draft = || {
            Draft::comment(
                "kubernetes service nodeports; NOTE: this must be the last rule in this chain",
            )
        };
        let origin = || Origin::fixed(Purpose::NodePortDispatch);
        if let Some(ips) = &self.node.node_ports.only {
            for ip in ips {
                self.nat(services, draft().destination(*ip).jump(node_ports), origin());
            }
            return;
        }
        let mut draft = draft().with(is_local(AddrSide::Destination));
        if let Some(loopback) = self.loopback_left_out() {
            draft = draft.without(Criterion::Destination(AddressMatch::net(loopback)));
        }
        self.nat(services, draft.jump(node_ports), origin());
    }

    fn loopback_left_out(&self) -> Option<IpNet> {
        match self.settings.family {
            Family::V6 => Some(IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST))),
            Family::V4 => (!self.node.node_ports.localhost).then(localnet),
        }
    }

    fn forwarding(&mut self) {
        let forward = ChainName::of("KUBE-FORWARD");
        if !self.settings.conntrack_tcp_be_liberal {
            let mut draft = Draft::default().in_state(CtStates::INVALID);
            if self.settings.uses_nfacct() {
                draft = draft.with(Criterion::Nfacct("ct_state_invalid_dropped_pkts".to_owned()));
            }
            self.filter(forward, draft.target(Target::Drop), Origin::fixed(Purpose::DropInvalid));
        }
        let marked = Draft::comment("kubernetes forwarding rules").with(self.mark());
        self.filter(forward, marked.target(Target::Accept), Origin::fixed(Purpose::ForwardMarked));
        let replies = Draft::comment("kubernetes forwarding conntrack rule")
            .in_state(CtStates::RELATED.with(CtStates::ESTABLISHED));
        let origin = Origin::fixed(Purpose::ForwardReplies);
        self.filter(forward, replies.target(Target::Accept), origin);
    }
}

const FILTER_CHAINS: [&str; 5] = [
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
];

const NAT_CHAINS: [&str; 4] =
    ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"];

fn localnet() -> IpNet {
    IpNet::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8).expect("8 bits are a prefix")
}

fn is_local(side: AddrSide) -> Criterion {
    Criterion::AddrType { side, kind: AddrType::Local }
}
