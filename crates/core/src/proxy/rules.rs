//! The rules of one sync (`syncProxyRules`): a fixed frame around the parts of all service ports.
//!
//! As text for `iptables-restore` ([`restore`]), or as the chains that all ports share
//! ([`shared_chains`]).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::text::{Append, ChainLine, Command, Restore, TableUpdate};
use svclab_netfilter::{
    AddrSide, AddrType, AddressMatch, Chain, ChainName, Criterion, CtStates, Family, MarkChange,
    Rule, TableName, Target,
};

use super::draft::Draft;
use super::node::ThisNode;
use super::origin::{Origin, Origins, Purpose};
use super::part::{Line, Lines, Part, Placed, stamp};
use super::settings::Settings;

pub(super) mod port;

/// With more endpoints than this kube-proxy leaves out the comments of the endpoints' rules.
pub(super) const LARGE_CLUSTER: usize = 1000;

/// What stands around the services' rules in the chains that they share.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Frame {
    filter: TableFrame,
    nat: TableFrame,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct TableFrame {
    /// All shared chains, in the order of their lines.
    chains: Vec<ChainName>,
    head: Vec<Placed>,
    tail: Vec<Placed>,
}

/// The text of a sync that writes everything: `stale` chains are deleted.
pub(super) fn restore<'a>(
    frame: &'a Frame,
    parts: impl Iterator<Item = &'a Part> + Clone,
    stale: &BTreeSet<ChainName>,
) -> Restore {
    let mut filter = TableUpdate::new(TableName::Filter);
    filter.chains.extend(frame.filter.chains.iter().copied().map(ChainLine::from));
    let rules = parts.clone().flat_map(|it| &it.filter);
    filter.commands.extend(frame.filter.around(rules).map(append));

    let mut nat = TableUpdate::new(TableName::Nat);
    let own = parts.clone().flat_map(|it| it.chains.iter().map(|it| it.0));
    let chains = frame.nat.chains.iter().copied().chain(own).chain(stale.iter().copied());
    nat.chains.extend(chains.map(ChainLine::from));
    nat.commands.extend(frame.nat.head.iter().map(append));
    for part in parts {
        nat.commands.extend(part.nat.iter().map(append));
        let own = part.own_rules();
        nat.commands.extend(own.map(|(chain, rule)| Command::Append { chain, rule: rule.clone() }));
    }
    nat.commands.extend(stale.iter().copied().map(Command::DeleteChain));
    nat.commands.extend(frame.nat.tail.iter().map(append));
    Restore { tables: vec![filter, nat], ..Restore::default() }
}

/// The same text without stale chains: what one node's first sync writes.
/// Its parts keep their room from one text to the next, as kube-proxy's own buffers do.
#[derive(Debug, Clone, Default)]
pub struct Text {
    whole: String,
    nat_chains: String,
    nat_rules: String,
    /// What comes behind the services' rules.
    filter_tail: String,
    nat_tail: String,
}

impl Text {
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    pub fn into_string(self) -> String {
        self.whole
    }

    pub(super) fn begin(&mut self, frame: &Frame) {
        let Text { whole, nat_chains, nat_rules, filter_tail, nat_tail } = self;
        for part in [&mut *whole, nat_chains, nat_rules, filter_tail, nat_tail] {
            part.clear();
        }
        *whole += "*filter\n";
        print_chains(frame.filter.chains.iter().copied(), whole);
        print_placed(&frame.filter.head, whole);
        print_placed(&frame.filter.tail, filter_tail);
        print_chains(frame.nat.chains.iter().copied(), nat_chains);
        print_placed(&frame.nat.head, nat_rules);
        print_placed(&frame.nat.tail, nat_tail);
    }

    pub(super) fn add(&mut self, port: &Lines) {
        for (chain, line) in &port.filter {
            print_rule(*chain, &line.rule, &mut self.whole);
        }
        print_chains(port.chains.iter().map(|it| it.0), &mut self.nat_chains);
        for (chain, line) in &port.nat {
            print_rule(*chain, &line.rule, &mut self.nat_rules);
        }
        for (chain, rule) in port.own_rules() {
            print_rule(chain, rule, &mut self.nat_rules);
        }
    }

    pub(super) fn finish(&mut self) {
        let Text { whole, nat_chains, nat_rules, filter_tail, nat_tail } = self;
        for part in [filter_tail, "COMMIT\n*nat\n", nat_chains, nat_rules, nat_tail, "COMMIT\n"] {
            whole.push_str(part);
        }
    }
}

fn print_placed(rules: &[Placed], out: &mut String) {
    rules.iter().for_each(|it| print_rule(it.chain, &it.rule, out));
}

fn print_rule(chain: ChainName, rule: &Rule, out: &mut String) {
    writeln!(out, "{}", Append { chain, rule }).expect("a String takes any text");
}

fn print_chains(chains: impl Iterator<Item = ChainName>, out: &mut String) {
    chains
        .for_each(|it| writeln!(out, "{}", ChainLine::from(it)).expect("a String takes any text"));
}

fn append(placed: &Placed) -> Command {
    Command::Append { chain: placed.chain, rule: Rc::clone(&placed.rule) }
}

/// A chain with its table.
pub(super) type SharedChain = (TableName, ChainName, Rc<Chain>);

/// The chains that all service ports share; every sync writes all of them.
pub(super) fn shared_chains<'a>(
    frame: &'a Frame,
    parts: impl Iterator<Item = &'a Part> + Clone,
) -> Vec<SharedChain> {
    let filter = frame.filter.filled(parts.clone().flat_map(|it| &it.filter));
    let nat = frame.nat.filled(parts.flat_map(|it| &it.nat));
    let of = |table| move |(name, chain)| (table, name, Rc::new(chain));
    let filter = filter.into_iter().map(of(TableName::Filter));
    filter.chain(nat.into_iter().map(of(TableName::Nat))).collect()
}

impl TableFrame {
    fn around<'a>(
        &'a self,
        rules: impl Iterator<Item = &'a Placed>,
    ) -> impl Iterator<Item = &'a Placed> {
        self.head.iter().chain(rules).chain(&self.tail)
    }

    fn filled<'a>(&'a self, rules: impl Iterator<Item = &'a Placed>) -> Vec<(ChainName, Chain)> {
        let empty = |name: &ChainName| (*name, Chain::default());
        let mut res: Vec<(ChainName, Chain)> = self.chains.iter().map(empty).collect();
        for placed in self.around(rules) {
            // There are few shared chains: looking along them is faster than any map.
            if let Some((_, chain)) = res.iter_mut().find(|it| it.0 == placed.chain) {
                chain.rules.push(Rc::clone(&placed.rule));
            }
        }
        res
    }
}

/// The frame of a node's rules.
pub(super) fn frame(settings: &Settings, node: &ThisNode, origins: &mut Origins) -> Frame {
    let names = |names: &[&str]| names.iter().map(|it| ChainName::of(it)).collect();
    let filter = TableFrame { chains: names(&FILTER_CHAINS), ..TableFrame::default() };
    let nat = TableFrame { chains: names(&NAT_CHAINS), ..TableFrame::default() };
    let mut maker = FrameMaker { settings, node, origins, frame: Frame { filter, nat } };
    if node.node_ports.localhost {
        maker.block_localnet();
    }
    maker.masquerading();
    maker.node_port_dispatch();
    maker.forwarding();
    maker.frame
}

struct FrameMaker<'a> {
    settings: &'a Settings,
    node: &'a ThisNode,
    origins: &'a mut Origins,
    frame: Frame,
}

impl FrameMaker<'_> {
    fn placed(&mut self, chain: &str, rule: Rule, purpose: Purpose) -> Placed {
        let line = Line { rule, origin: Origin::fixed(purpose) };
        Placed { chain: ChainName::of(chain), rule: stamp(line, self.origins) }
    }

    /// Without this rule, route_localnet would open 127.0.0.1 to the neighbours.
    fn block_localnet(&mut self) {
        self.frame.filter.chains.push(ChainName::of("KUBE-FIREWALL"));
        let known = CtStates::RELATED.with(CtStates::ESTABLISHED).with(CtStates::DNAT);
        let rule = Draft::comment("block incoming localnet connections")
            .with(Criterion::Destination(AddressMatch::net(localnet())))
            .without(Criterion::Source(AddressMatch::net(localnet())))
            .without(Criterion::CtState(known))
            .target(Target::Drop);
        let rule = self.placed("KUBE-FIREWALL", rule, Purpose::BlockLocalnet);
        self.frame.filter.head.push(rule);
    }

    fn masquerading(&mut self) {
        let bit = self.settings.masquerade_mark();
        let mark = |change| Draft::default().target(Target::Mark { change, digits: 8 });
        let unmarked = Draft::default().without(self.mark()).target(Target::Return);
        let masquerade = Draft::comment("kubernetes service traffic requiring SNAT")
            .target(Target::Masquerade { random_fully: self.settings.random_fully });
        let postrouting = "KUBE-POSTROUTING";
        let head = vec![
            self.placed(postrouting, unmarked, Purpose::SkipUnmarked),
            self.placed(postrouting, mark(MarkChange::Xor(bit)), Purpose::ClearMark),
            self.placed(postrouting, masquerade, Purpose::Masquerade),
            self.placed("KUBE-MARK-MASQ", mark(MarkChange::Or(bit)), Purpose::SetMark),
        ];
        self.frame.nat.head = head;
    }

    fn mark(&self) -> Criterion {
        let mark = self.settings.masquerade_mark();
        Criterion::Mark { value: mark, mask: mark, digits: 8 }
    }

    fn node_port_dispatch(&mut self) {
        for rule in self.node_port_dispatches() {
            let rule = self.placed("KUBE-SERVICES", rule, Purpose::NodePortDispatch);
            self.frame.nat.tail.push(rule);
        }
    }

    fn node_port_dispatches(&self) -> Vec<Rule> {
        let node_ports = ChainName::of("KUBE-NODEPORTS");
        let draft = || {
            Draft::comment(
                "kubernetes service nodeports; NOTE: this must be the last rule in this chain",
            )
        };
        if let Some(ips) = &self.node.node_ports.only {
            return ips.iter().map(|ip| draft().destination(*ip).jump(node_ports)).collect();
        }
        let mut draft = draft().with(is_local(AddrSide::Destination));
        if let Some(loopback) = self.loopback_left_out() {
            draft = draft.without(Criterion::Destination(AddressMatch::net(loopback)));
        }
        vec![draft.jump(node_ports)]
    }

    fn loopback_left_out(&self) -> Option<IpNet> {
        match self.settings.family {
            Family::V6 => Some(IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST))),
            Family::V4 => (!self.node.node_ports.localhost).then(localnet),
        }
    }

    fn forwarding(&mut self) {
        let forward = "KUBE-FORWARD";
        let mut tail = Vec::new();
        if !self.settings.conntrack_tcp_be_liberal {
            let mut draft = Draft::default().in_state(CtStates::INVALID);
            if self.settings.uses_nfacct() {
                draft = draft.with(Criterion::Nfacct("ct_state_invalid_dropped_pkts".to_owned()));
            }
            tail.push(self.placed(forward, draft.target(Target::Drop), Purpose::DropInvalid));
        }
        let marked = Draft::comment("kubernetes forwarding rules").with(self.mark());
        tail.push(self.placed(forward, marked.target(Target::Accept), Purpose::ForwardMarked));
        let replies = Draft::comment("kubernetes forwarding conntrack rule")
            .in_state(CtStates::RELATED.with(CtStates::ESTABLISHED));
        tail.push(self.placed(forward, replies.target(Target::Accept), Purpose::ForwardReplies));
        self.frame.filter.tail = tail;
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
