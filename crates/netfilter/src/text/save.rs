//! A rule set → the text that `iptables-save` prints: the same rules in the kernel's order and
//! spelling, without its two lines of comment.

use std::fmt::Write;

use super::ChainLine;
use crate::extension::{Extension, ModuleOption, Value};
use crate::order::Order;
use crate::packet::Protocol;
use crate::rule::{
    AddrSide, AddressMatch, Criterion, Family, Match, PortRange, Probability, Recent, Rule,
};
use crate::ruleset::{Chain, ChainName, RuleSet, Table, TableName};
use crate::target::{MarkChange, Target};

impl RuleSet {
    /// As `iptables-save` or `ip6tables-save` prints it, whichever `family` asks for.
    pub fn save(&self, family: Family) -> String {
        let mut res = String::new();
        for (name, table) in &self.tables {
            writeln!(res, "*{name}").expect("a String takes any text");
            table.save(*name, family, &mut res).expect("a String takes any text");
            res.push_str("COMMIT\n");
        }
        res
    }
}

impl Table {
    fn save(&self, table: TableName, family: Family, out: &mut String) -> std::fmt::Result {
        let chains: Vec<(ChainName, &Chain)> = self.chains_in_order(table).collect();
        for (name, chain) in &chains {
            let line = ChainLine { policy: chain.policy, ..ChainLine::from(*name) };
            writeln!(out, "{line}")?;
        }
        for (name, chain) in &chains {
            for rule in &chain.rules {
                writeln!(out, "{}", format!("-A {name} {}", rule.saved(family)).trim_end())?;
            }
        }
        Ok(())
    }

    /// Builtin chains in the order a packet meets them, then the others by name.
    pub fn chains_in_order(&self, table: TableName) -> impl Iterator<Item = (ChainName, &Chain)> {
        let builtin = table.builtin_chains();
        let first = builtin.iter().map(|it| ChainName::of(it));
        let rest = self.chains.keys().copied().filter(|it| !builtin.contains(&it.as_str()));
        first.chain(rest).filter_map(|name| Some((name, &**self.chains.get(&name)?)))
    }
}

impl Rule {
    /// The same rule as `iptables-save` or `iptables -S` words it.
    pub fn saved(&self, family: Family) -> Rule {
        let mut res = self.canonical();
        if let (Family::V6, Some(Target::Reject { with: Some(with) })) = (family, &mut res.target)
            && with == DEFAULT_REJECT
        {
            "icmp6-port-unreachable".clone_into(with);
        }
        for (index, it) in res.matches.iter().enumerate() {
            if let Some(text) = saved_spelling(it, family) {
                res.written.insert(index, text.into());
            }
        }
        res
    }

    /// Addresses and interfaces first, the protocol, the matches with their modules, the target; each
    /// value as the kernel keeps it.
    pub(super) fn canonical(&self) -> Rule {
        let (mut head, rest): (Vec<Match>, Vec<Match>) =
            self.matches.iter().map(canonical_match).partition(|it| head_rank(it).is_some());
        head.retain(|it| !matches_all(it));
        head.order_by_key(head_rank);
        head.extend(with_modules(rest, self.protocol()));
        Rule {
            matches: head,
            target: self.target.as_ref().map(canonical_target),
            origin: self.origin,
            ..Rule::default()
        }
    }

    fn protocol(&self) -> Option<Protocol> {
        self.matches.iter().find_map(|it| match it.criterion {
            Criterion::Protocol(protocol) if !it.negated => Some(protocol),
            _ => None,
        })
    }
}

const DEFAULT_REJECT: &str = "icmp-port-unreachable";

/// Short names of what a REJECT answers with (libipt_REJECT.c).
const REJECTS: [(&str, &str); 8] = [
    ("net-unreach", "icmp-net-unreachable"),
    ("host-unreach", "icmp-host-unreachable"),
    ("proto-unreach", "icmp-proto-unreachable"),
    ("port-unreach", "icmp-port-unreachable"),
    ("net-prohib", "icmp-net-prohibited"),
    ("host-prohib", "icmp-host-prohibited"),
    ("admin-prohib", "icmp-admin-prohibited"),
    ("tcp-rst", "tcp-reset"),
];

/// Where a match stands among those of the IP header; none for the matches of modules.
fn head_rank(it: &Match) -> Option<usize> {
    match it.criterion {
        Criterion::Source(_) => Some(0),
        Criterion::Destination(_) => Some(1),
        Criterion::InInterface(_) => Some(2),
        Criterion::OutInterface(_) => Some(3),
        Criterion::Addresses { side: AddrSide::Source, .. } => Some(0),
        Criterion::Addresses { side: AddrSide::Destination, .. } => Some(1),
        Criterion::Protocol(_) | Criterion::OtherProtocol(_) => Some(4),
        Criterion::Fragment => Some(5),
        _ => None,
    }
}

/// `-s 0.0.0.0/0`, `-i +` and `-p all` say nothing.
fn matches_all(it: &Match) -> bool {
    let all = match &it.criterion {
        Criterion::Source(address) | Criterion::Destination(address) => {
            address.net.prefix_len() == 0
        }
        Criterion::InInterface(name) | Criterion::OutInterface(name) => name == "+",
        Criterion::OtherProtocol(number) => *number == 0,
        _ => false,
    };
    all && !it.negated
}

/// What asks for a protocol's header stands behind the protocol's `-m`, ports first; where it comes
/// without, it loads the module.
fn with_modules(mut matches: Vec<Match>, protocol: Option<Protocol>) -> Vec<Match> {
    let is_module =
        |it: &Match| matches!(it.criterion, Criterion::Module(_) | Criterion::OtherModule(_));
    let loads = |it: &Match| is_module(it) || header_rank(&it.criterion).is_some();
    let Some(place) = matches.iter().position(loads) else { return matches };
    if header_rank(&matches[place].criterion).is_some()
        && let Some(module) = module_of(&matches[place].criterion, protocol)
    {
        matches.retain(|it| !is_module(it));
        matches.insert(place, module.into());
    }
    let (mut asks, mut res): (Vec<Match>, Vec<Match>) =
        matches.into_iter().partition(|it| header_rank(&it.criterion).is_some());
    asks.order_by_key(|it| header_rank(&it.criterion));
    if matches!(protocol, Some(Protocol::Tcp | Protocol::Udp)) {
        asks.iter_mut().for_each(compare_once);
        asks.retain(|it| !is_any_port(it));
    }
    let after = (place + 1).min(res.len());
    res.splice(after..after, asks);
    res
}

/// nftables has one comparison for a range that ends where the numbers do: not 0–100 is above 100.
fn compare_once(it: &mut Match) {
    match &mut it.criterion {
        Criterion::SourcePort(ports) | Criterion::DestinationPort(ports)
            if it.negated && ports.first == 0 && (1..u16::MAX).contains(&ports.last) =>
        {
            *ports = PortRange { first: ports.last + 1, last: u16::MAX };
            it.negated = false;
        }
        _ => {}
    }
}

/// Whether it asks for any port at all.
fn is_any_port(it: &Match) -> bool {
    match it.criterion {
        Criterion::SourcePort(ports) | Criterion::DestinationPort(ports) => {
            !it.negated && ports == PortRange { first: 0, last: u16::MAX }
        }
        _ => false,
    }
}

fn module_of(criterion: &Criterion, protocol: Option<Protocol>) -> Option<Criterion> {
    match criterion {
        Criterion::IcmpType { icmp6: true, .. } => Some(Criterion::OtherModule("icmp6".into())),
        _ => protocol.map(Criterion::Module),
    }
}

/// Where a match stands among those of its protocol's module.
fn header_rank(criterion: &Criterion) -> Option<usize> {
    match criterion {
        Criterion::SourcePort(_) => Some(0),
        Criterion::DestinationPort(_) => Some(1),
        Criterion::TcpFlags { .. } => Some(2),
        Criterion::IcmpType { .. } => Some(3),
        _ => None,
    }
}

fn canonical_match(it: &Match) -> Match {
    let net = |it: &AddressMatch| AddressMatch::net(it.net.trunc());
    let criterion = match &it.criterion {
        Criterion::Comment { text, .. } => {
            Criterion::Comment { text: text.clone(), quoted: !is_plain(text) }
        }
        Criterion::Source(address) => Criterion::Source(net(address)),
        Criterion::Destination(address) => Criterion::Destination(net(address)),
        Criterion::Mark { value, mask, .. } => {
            Criterion::Mark { value: *value, mask: *mask, digits: 1 }
        }
        Criterion::Statistic(probability) => Criterion::Statistic(stored(*probability)),
        Criterion::Recent(recent) => Criterion::Recent(Recent { explicit: true, ..recent.clone() }),
        Criterion::Addresses { side, list } => {
            Criterion::Addresses { side: *side, list: list.iter().map(net).collect() }
        }
        Criterion::Extension(extension) => Criterion::Extension(canonical_extension(extension)),
        other => other.clone(),
    };
    Match { negated: it.negated, criterion }
}

/// With the defaults written out that iptables-save writes, and without those it leaves out.
fn canonical_extension(it: &Extension) -> Extension {
    let mut res = it.clone();
    for option in &mut res.options {
        match &mut option.value {
            Value::Rate(rate) => *rate = rate.stored(),
            Value::Net(address) => {
                let net = address.net.trunc();
                *address = AddressMatch { net, bare: net.prefix_len() == net.max_prefix_len() };
            }
            Value::Types(types) => types.order_by_key(|it| *it),
            _ => {}
        }
    }
    let plain = |name, value| ModuleOption { negated: false, name, value };
    match it.module {
        "limit" => {
            res.options.retain(|it| it.name != "--limit-burst" || it.value != Value::Number(5));
        }
        "hashlimit" if !it.has("--hashlimit-burst") => {
            res.options.insert(1, plain("--hashlimit-burst", Value::Number(5)));
        }
        "recent" => {
            let side = if it.has("--rdest") { "--rdest" } else { "--rsource" };
            let all = Value::Address(std::net::Ipv4Addr::BROADCAST.into());
            let name = it.word("--name").unwrap_or("DEFAULT").to_owned();
            let mask = it.option("--mask").map_or(all, |it| it.value.clone());
            let told = ["--name", "--mask", "--rsource", "--rdest"];
            res.options.retain(|it| !told.contains(&it.name));
            res.options.extend([
                plain("--name", Value::Word(name)),
                plain("--mask", mask),
                plain(side, Value::Flag),
            ]);
        }
        _ => {}
    }
    res
}

/// Of 2³¹ draws, as many as the kernel keeps.
fn stored(probability: Probability) -> Probability {
    let share = f64::from(probability.threshold()) / f64::from(1u32 << 31);
    Probability::parse(&format!("{share:.11}")).unwrap_or(probability)
}

fn canonical_target(target: &Target) -> Target {
    match target {
        Target::Reject { with } => {
            let with = with.as_deref().unwrap_or(DEFAULT_REJECT);
            let short = REJECTS.iter().find(|(short, _)| *short == with);
            Target::Reject { with: Some(short.map_or(with, |it| it.1).to_owned()) }
        }
        Target::Mark { change, .. } => {
            let change = match *change {
                MarkChange::Or(bits) => MarkChange::SetXmark { value: bits, mask: bits },
                MarkChange::Xor(bits) => MarkChange::SetXmark { value: bits, mask: 0 },
                MarkChange::SetXmark { value, mask } => MarkChange::SetXmark { value, mask },
            };
            Target::Mark { change, digits: 1 }
        }
        other => other.clone(),
    }
}

/// What iptables-save spells unlike any writer of rules.
fn saved_spelling(it: &Match, family: Family) -> Option<String> {
    match &it.criterion {
        Criterion::Comment { text, .. } if text.contains('\'') => {
            Some(it.to_string().replace('\'', "\\'"))
        }
        Criterion::Nfacct(name) => Some(format!("-m nfacct --nfacct-name  {name}")),
        Criterion::Recent(_) | Criterion::Extension(Extension { module: "recent", .. })
            if family == Family::V6 =>
        {
            let mask = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
            Some(it.to_string().replace("255.255.255.255", mask))
        }
        _ => None,
    }
}

/// `xtables_save_string` quotes all but plain words.
fn is_plain(text: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
    !text.is_empty() && text.bytes().all(plain)
}
