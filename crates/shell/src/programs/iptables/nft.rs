//! `nft list …` on a node: the rules that iptables-nft wrote, and kube-proxy's own table where it
//! has one.

use svclab_core::net::balancer::{Balancer, NftTable};
use svclab_netfilter::nft::Wanted;
use svclab_netfilter::rule::{AddrSide, Criterion, Match};
use svclab_netfilter::{
    Chain, ChainName, CounterTable, Counters, Family, MarkChange, Policy, Rule, RuleRef, RuleSet,
    TableName, Target,
};

use crate::process::Process;
use crate::programs::machine;

/// `nft list ruleset`, `nft list table ip nat`, `nft list chain ip nat KUBE-SERVICES`,
/// `nft list map ip kube-proxy service-ips`
pub(in crate::programs) async fn nft(process: Process, words: Vec<String>) -> u8 {
    let Some(node) = machine::node(&process) else {
        process.err("Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n");
        return 1;
    };
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|it| !it.starts_with('-')).collect();
    let ["list", what, rest @ ..] = words.as_slice() else {
        process.err("(the lab's nft knows list)\n");
        return 1;
    };
    let (family, rest) = match rest {
        ["ip", rest @ ..] => (Some(Family::V4), rest),
        ["ip6", rest @ ..] => (Some(Family::V6), rest),
        rest => (None, rest),
    };
    let families =
        [Family::V4, Family::V6].into_iter().filter(|it| family.is_none_or(|own| own == *it));
    let wanted = match (*what, rest) {
        ("ruleset" | "tables" | "chains" | "sets" | "maps", []) => None,
        ("table", [table]) => Some((*table, None)),
        ("chain" | "set" | "map", [table, name]) => Some((*table, Some(*name))),
        _ => {
            process.err("Error: syntax error, unexpected newline\n");
            return 1;
        }
    };
    let mut text = String::new();
    let mut warned = String::new();
    {
        let lab = process.lab();
        let Some(kernel) = lab.network().kernel(&node.name) else { return 1 };
        for family in families {
            let (rules, counters) = match family {
                Family::V4 => (&kernel.rules, &kernel.counters),
                Family::V6 => (&kernel.rules6, &kernel.counters6),
            };
            let iptables = !matches!(*what, "set" | "sets" | "map" | "maps");
            for (name, table) in rules.tables.iter().filter(|_| iptables) {
                let only = match wanted {
                    None => None,
                    Some((table, chain)) if table == name.name() => chain,
                    Some(_) => continue,
                };
                let of = format!("table {} {name}", ip(family));
                if *what == "tables" {
                    text.push_str(&format!("{of}\n"));
                    continue;
                }
                warned.push_str(&format!(
                    "# Warning: {of} is managed by iptables-nft, do not touch!\n"
                ));
                let listing = Listing { rules, counters, family, table: *name };
                let builtin = name.builtin_chains();
                let is_base = |it: &ChainName| builtin.contains(&it.as_str());
                let own = table.chains.iter().filter(|it| !is_base(it.0));
                let base = builtin.iter().filter_map(|it| {
                    let key = ChainName::new(it)?;
                    Some((key, table.chains.get(&key)?))
                });
                let all = own.map(|(key, chain)| (*key, chain)).chain(base);
                let chains = all.filter(|it| only.is_none_or(|only| only == it.0.as_str()));
                let chains: Vec<String> =
                    chains.map(|(key, chain)| listing.chain(key, chain)).collect();
                if only.is_some() && chains.is_empty() {
                    continue;
                }
                text.push_str(&format!("{of} {{\n{}}}\n", chains.join("\n")));
            }
            if let Some(Balancer::Nftables(own)) = kernel.balancer(family) {
                let now = lab.now().as_millis();
                text.push_str(&own_table(own, (what, wanted), now).unwrap_or_default());
            }
        }
    }
    if text.is_empty() && wanted.is_some() {
        let line = words.join(" ");
        process.err(&format!("Error: No such file or directory\n{line}\n"));
        let mark = words.last().map_or(0, |it| it.len());
        let gap = line.len() - mark;
        process.err(&format!("{}{}\n", " ".repeat(gap), "^".repeat(mark)));
        return 1;
    }
    process.err(&warned);
    process.out(&text);
    0
}

/// What is wanted of kube-proxy's table, of which there is but one.
fn own_table(
    own: &NftTable,
    (what, wanted): (&str, Option<(&str, Option<&str>)>),
    now: u64,
) -> Option<String> {
    let table = &own.rules.table;
    if wanted.is_some_and(|it| it.0 != &*table.name) {
        return None;
    }
    let name = wanted.and_then(|it| it.1);
    let wanted = match (what, name) {
        ("tables", _) => return Some(format!("table {} {}\n", ip(table.family), table.name)),
        ("ruleset" | "table", _) => Wanted::Everything,
        ("chains", _) => Wanted::Chains,
        ("sets", _) => Wanted::Sets,
        ("maps", _) => Wanted::Maps,
        ("chain", Some(name)) => Wanted::Chain(name),
        ("set", Some(name)) => Wanted::Set(name),
        ("map", Some(name)) => Wanted::Map(name),
        _ => return None,
    };
    table.list(wanted, &own.memory, now)
}

fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

struct Listing<'a> {
    rules: &'a RuleSet,
    counters: &'a CounterTable,
    family: Family,
    table: TableName,
}

impl Listing<'_> {
    fn chain(&self, name: ChainName, chain: &Chain) -> String {
        let mut res = format!("\tchain {name} {{\n");
        if let Some(policy) = chain.policy {
            res.push_str(&format!("\t\t{}\n", self.base(name.as_str(), policy)));
        }
        for (index, rule) in chain.rules.iter().enumerate() {
            let at = RuleRef { table: self.table, chain: name, index };
            let counted = self.counters.of_rule(self.rules, at);
            res.push_str(&format!("\t\t{}\n", self.rule(rule, counted)));
        }
        res + "\t}\n"
    }

    fn base(&self, name: &str, policy: Policy) -> String {
        let kind = match (self.table, name) {
            (TableName::Nat, _) => "nat",
            (TableName::Mangle, "OUTPUT") => "route",
            _ => "filter",
        };
        let priority = match (self.table, name) {
            (TableName::Nat, "PREROUTING") => "dstnat",
            (TableName::Nat, "POSTROUTING") => "srcnat",
            (TableName::Nat, "OUTPUT") => "-100",
            (TableName::Nat, _) => "100",
            (TableName::Raw, _) => "raw",
            (TableName::Mangle, _) => "mangle",
            (TableName::Filter, _) => "filter",
            (TableName::Security, _) => "security",
        };
        let policy = if policy == Policy::Accept { "accept" } else { "drop" };
        format!("type {kind} hook {} priority {priority}; policy {policy};", name.to_lowercase())
    }

    /// Each match leaves its place, also where it says nothing.
    fn rule(&self, rule: &Rule, counted: Counters) -> String {
        let saved = rule.saved(self.family);
        let mut pieces: Vec<String> = Vec::new();
        let protocol = saved.matches.iter().find_map(|it| match it.criterion {
            Criterion::Protocol(protocol) => Some((protocol.name(), it.negated)),
            _ => None,
        });
        if let Some((protocol, negated)) = protocol {
            pieces.push(format!("meta l4proto {}{protocol}", if negated { "!= " } else { "" }));
        }
        let mut in_module = false;
        for it in &saved.matches {
            match &it.criterion {
                Criterion::Protocol(_) => {}
                Criterion::Module(_) => {
                    pieces.push(String::new());
                    in_module = true;
                }
                Criterion::SourcePort(_) | Criterion::DestinationPort(_) if in_module => {
                    let name = protocol.map_or("th", |it| it.0);
                    if let Some(last) = pieces.last_mut() {
                        let gap = if last.is_empty() { "" } else { " " };
                        *last = format!("{last}{gap}{name} {}", ports(it));
                    }
                }
                _ => pieces.push(self.says(it)),
            }
        }
        let Counters { packets, bytes } = counted;
        pieces.push(format!("counter packets {packets} bytes {bytes}"));
        pieces.extend(saved.target.as_ref().map(target));
        pieces.join(" ")
    }

    fn says(&self, it: &Match) -> String {
        let not = if it.negated { "!= " } else { "" };
        let ip = ip(self.family);
        let host = |net: &ipnet::IpNet| match net.prefix_len() == net.max_prefix_len() {
            true => net.addr().to_string(),
            false => net.to_string(),
        };
        match &it.criterion {
            Criterion::Source(address) => format!("{ip} saddr {not}{}", host(&address.net)),
            Criterion::Destination(address) => format!("{ip} daddr {not}{}", host(&address.net)),
            Criterion::InInterface(name) => format!("iifname {not}\"{}\"", name.replace('+', "*")),
            Criterion::OutInterface(name) => format!("oifname {not}\"{}\"", name.replace('+', "*")),
            Criterion::AddrType { side, kind } => {
                let side = if *side == AddrSide::Source { "saddr" } else { "daddr" };
                format!("fib {side} type {not}{}", kind.name().to_lowercase())
            }
            Criterion::Mark { value, mask: u32::MAX, .. } => format!("mark {not}0x{value:x}"),
            Criterion::Mark { value, mask, .. } => {
                format!("mark and 0x{mask:x} {}0x{value:x}", if it.negated { "!= " } else { "== " })
            }
            Criterion::CtState(states) => {
                format!("ct state {not}{}", states.to_string().to_lowercase())
            }
            Criterion::Statistic(probability) => {
                format!("meta random & 2147483647 < {}", probability.threshold())
            }
            Criterion::Comment { .. } => String::new(),
            Criterion::Recent(_) => "xt match \"recent\"".to_owned(),
            Criterion::Extension(extension) => format!("xt match \"{}\"", extension.module),
            _ => "xt match".to_owned(),
        }
    }
}

fn ports(it: &Match) -> String {
    let not = if it.negated { "!= " } else { "" };
    match &it.criterion {
        Criterion::SourcePort(ports) => {
            format!("sport {not}{}", ports.to_string().replace(':', "-"))
        }
        Criterion::DestinationPort(ports) => {
            format!("dport {not}{}", ports.to_string().replace(':', "-"))
        }
        _ => String::new(),
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::Accept => "accept".to_owned(),
        Target::Drop => "drop".to_owned(),
        Target::Return => "return".to_owned(),
        Target::Jump(chain) => format!("jump {chain}"),
        Target::Goto(chain) => format!("goto {chain}"),
        Target::Reject { with: Some(with) } if with.contains("tcp-reset") => {
            "reject with tcp reset".to_owned()
        }
        Target::Reject { .. } => "reject".to_owned(),
        Target::Mark { change, .. } => match *change {
            MarkChange::Or(bits) => format!("meta mark set mark or 0x{bits:x}"),
            MarkChange::Xor(bits) | MarkChange::SetXmark { value: bits, mask: 0 } => {
                format!("meta mark set mark xor 0x{bits:x}")
            }
            MarkChange::SetXmark { value, mask } if value == mask => {
                format!("meta mark set mark or 0x{value:x}")
            }
            MarkChange::SetXmark { value, mask: u32::MAX } => format!("meta mark set 0x{value:x}"),
            MarkChange::SetXmark { value, mask } => {
                format!("meta mark set mark and 0x{:x} xor 0x{value:x}", !mask)
            }
        },
        Target::Masquerade { random_fully: true } => "masquerade fully-random".to_owned(),
        Target::Masquerade { random_fully: false } => "masquerade".to_owned(),
        Target::Dnat { .. } | Target::Snat { .. } => {
            let text = target.to_string();
            let kind = if matches!(target, Target::Dnat { .. }) { "dnat" } else { "snat" };
            format!("{kind} to {}", text.split_whitespace().nth(3).unwrap_or(""))
        }
        other => {
            format!("xt target \"{}\"", other.to_string().split_whitespace().nth(1).unwrap_or(""))
        }
    }
}
