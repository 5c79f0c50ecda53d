//! `iptables -L` and `-S`

use std::collections::BTreeMap;

use svclab_netfilter::rule::{AddrSide, Criterion, Match, RecentCheck};
use svclab_netfilter::{
    Chain, ChainName, Counters, Family, MarkChange, Policy, Rule, RuleRef, RuleSet, Table, Target,
};

use super::{Asked, Failed, shown_chain};
use crate::process::Process;

/// `-S [CHAIN]`
pub(super) fn rules(
    process: &Process,
    family: Family,
    rules: &RuleSet,
    asked: &Asked,
) -> Result<(), Failed> {
    let table = rules.tables.get(&asked.table);
    let only = shown_chain(asked, table)?;
    let Some(table) = table else { return Ok(()) };
    let chains: Vec<(ChainName, &Chain)> = table
        .chains_in_order(asked.table)
        .filter(|it| only.is_none_or(|only| only == it.0))
        .collect();
    let mut text = String::new();
    for (name, chain) in &chains {
        text.push_str(&match chain.policy {
            Some(policy) => format!("-P {name} {}\n", policy_name(policy)),
            None => format!("-N {name}\n"),
        });
    }
    for (name, chain) in &chains {
        for rule in &chain.rules {
            let line = format!("-A {name} {}", rule.saved(family));
            text.push_str(&format!("{}\n", line.trim_end()));
        }
    }
    process.out(&text);
    Ok(())
}

fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Accept => "ACCEPT",
        Policy::Drop => "DROP",
    }
}

/// `-L [CHAIN]`
pub(super) fn list(
    process: &Process,
    (node, family): (&str, Family),
    rules: &RuleSet,
    asked: &Asked,
) -> Result<(), Failed> {
    let table = rules.tables.get(&asked.table);
    let only = shown_chain(asked, table)?;
    let Some(table) = table else { return Ok(()) };
    let references = references(table);
    let mut text = String::new();
    {
        let lab = process.lab();
        let kernel = lab.network().kernel(node);
        let counters = kernel.map(|it| match family {
            Family::V4 => &it.counters,
            Family::V6 => &it.counters6,
        });
        let chains = table.chains_in_order(asked.table);
        for (name, chain) in chains.filter(|it| only.is_none_or(|only| only == it.0)) {
            if !text.is_empty() {
                text.push('\n');
            }
            let of_policy = counters.map(|it| it.of_policy(asked.table, name)).unwrap_or_default();
            let count = references.get(&name).copied().unwrap_or(0);
            text.push_str(&head(asked, (name, chain), of_policy, count));
            for (index, rule) in chain.rules.iter().enumerate() {
                let at = RuleRef { table: asked.table, chain: name, index };
                let counted = counters.map(|it| it.of_rule(rules, at)).unwrap_or_default();
                let saved = rule.saved(family);
                text.push_str(&Row { asked, family, rule: &saved }.text(index + 1, counted));
            }
        }
    }
    process.out(&text);
    Ok(())
}

fn references(table: &Table) -> BTreeMap<ChainName, usize> {
    let mut res = BTreeMap::new();
    for chain in table.chains.values() {
        for to in chain.rules.iter().filter_map(|it| it.leads_to()) {
            *res.entry(to).or_insert(0) += 1;
        }
    }
    res
}

fn head(
    asked: &Asked,
    (name, chain): (ChainName, &Chain),
    counted: Counters,
    count: usize,
) -> String {
    let what = match (chain.policy, asked.verbose) {
        (None, _) => format!("{count} references"),
        (Some(policy), false) => format!("policy {}", policy_name(policy)),
        (Some(policy), true) => {
            let Counters { packets, bytes } = counted;
            let (packets, bytes) = (short(packets, asked.exact), short(bytes, asked.exact));
            format!("policy {} {packets} packets, {bytes} bytes", policy_name(policy))
        }
    };
    let number = if asked.numbers { "num  " } else { "" };
    let columns = match asked.verbose {
        true => {
            " pkts bytes target     prot opt in     out     source               destination         "
        }
        false => "target     prot opt source               destination         ",
    };
    let columns = if asked.numbers { columns.trim_start_matches(' ') } else { columns };
    let gap = if asked.numbers && asked.verbose { " " } else { "" };
    format!("Chain {name} ({what})\n{number}{gap}{columns}\n")
}

/// From 100000 on in thousands, millions and so on.
fn short(number: u64, exact: bool) -> String {
    if exact || number < 100_000 {
        return number.to_string();
    }
    let mut number = (number + 500) / 1000;
    for unit in ["K", "M", "G"] {
        if number <= 9999 || unit == "G" {
            return format!("{number}{unit}");
        }
        number = (number + 500) / 1000;
    }
    number.to_string()
}

struct Row<'a> {
    asked: &'a Asked,
    family: Family,
    rule: &'a Rule,
}

impl Row<'_> {
    fn text(&self, number: usize, counted: Counters) -> String {
        let asked = self.asked;
        let mut res = String::new();
        if asked.numbers {
            res.push_str(&format!("{number:<5}"));
        }
        if asked.verbose {
            let Counters { packets, bytes } = counted;
            let (packets, bytes) = (short(packets, asked.exact), short(bytes, asked.exact));
            res.push_str(&format!("{packets:>5} {bytes:>5} "));
        }
        let (protocol, not) = self.protocol();
        let target = self.rule.target.as_ref().map(target_name).unwrap_or_default();
        res.push_str(&format!("{target:<9} {}{protocol:<5}-- ", if not { '!' } else { ' ' }));
        if asked.verbose {
            let device = |input: bool| format!("{:<6} ", self.device(input));
            res.push_str(&format!(" {}{}", device(true), device(false)));
        }
        for side in [AddrSide::Source, AddrSide::Destination] {
            let (address, not) = self.address(side);
            res.push_str(&format!("{}{address:<19} ", if not { '!' } else { ' ' }));
        }
        if matches!(self.rule.target, Some(Target::Goto(_))) {
            res.push_str("[goto] ");
        }
        for piece in
            self.matches().into_iter().chain(self.rule.target.as_ref().and_then(target_says))
        {
            res.push(' ');
            res.push_str(&piece);
        }
        res.push('\n');
        res
    }

    fn find<T>(&self, read: impl Fn(&Criterion) -> Option<T>) -> Option<(T, bool)> {
        self.rule.matches.iter().find_map(|it| Some((read(&it.criterion)?, it.negated)))
    }

    fn protocol(&self) -> (String, bool) {
        let found = self.find(|it| match it {
            Criterion::Protocol(protocol) => Some(protocol.name().to_owned()),
            Criterion::OtherProtocol(number) => Some(number.to_string()),
            _ => None,
        });
        found.unwrap_or(("all".to_owned(), false))
    }

    fn device(&self, input: bool) -> String {
        let found = self.find(|it| match it {
            Criterion::InInterface(name) if input => Some(name.clone()),
            Criterion::OutInterface(name) if !input => Some(name.clone()),
            _ => None,
        });
        match found {
            Some((name, true)) => format!("!{name}"),
            Some((name, false)) => name,
            None if self.asked.numeric => "*".to_owned(),
            None => "any".to_owned(),
        }
    }

    fn address(&self, side: AddrSide) -> (String, bool) {
        let found = self.find(|it| match it {
            Criterion::Source(address) if side == AddrSide::Source => Some(address.net),
            Criterion::Destination(address) if side == AddrSide::Destination => Some(address.net),
            _ => None,
        });
        match found {
            Some((net, not)) if net.prefix_len() == net.max_prefix_len() => {
                (net.addr().to_string(), not)
            }
            Some((net, not)) => (net.to_string(), not),
            None if !self.asked.numeric => ("anywhere".to_owned(), false),
            None if self.family == Family::V4 => ("0.0.0.0/0".to_owned(), false),
            None => ("::/0".to_owned(), false),
        }
    }

    /// What the modules say, in the rule's order.
    fn matches(&self) -> Vec<String> {
        let mut res: Vec<String> = Vec::new();
        for it in &self.rule.matches {
            let joined = matches!(
                it.criterion,
                Criterion::SourcePort(_)
                    | Criterion::DestinationPort(_)
                    | Criterion::TcpFlags { .. }
                    | Criterion::IcmpType { .. }
            );
            let Some(text) = self.says(it) else { continue };
            match res.last_mut().filter(|_| joined) {
                Some(last) => {
                    last.push(' ');
                    last.push_str(&text);
                }
                None => res.push(text),
            }
        }
        res
    }

    fn says(&self, it: &Match) -> Option<String> {
        let not = if it.negated { "!" } else { "" };
        let apart = if it.negated { "! " } else { "" };
        Some(match &it.criterion {
            Criterion::Comment { text, .. } => format!("/* {text} */"),
            Criterion::Module(protocol) => protocol.name().to_owned(),
            Criterion::OtherModule(name) => name.clone(),
            Criterion::SourcePort(ports) => self.ports("spt", ports.first, ports.last, not),
            Criterion::DestinationPort(ports) => self.ports("dpt", ports.first, ports.last, not),
            Criterion::Mark { value, mask: u32::MAX, .. } => {
                format!("mark match {apart}0x{value:x}")
            }
            Criterion::Mark { value, mask, .. } => {
                format!("mark match {apart}0x{value:x}/0x{mask:x}")
            }
            Criterion::CtState(states) => format!("{apart}ctstate {states}"),
            Criterion::AddrType { side: AddrSide::Source, kind } => {
                format!("ADDRTYPE match src-type {not}{kind}")
            }
            Criterion::AddrType { side: AddrSide::Destination, kind } => {
                format!("ADDRTYPE match dst-type {not}{kind}")
            }
            Criterion::Statistic(probability) => {
                let share = f64::from(probability.threshold()) / f64::from(1_u32 << 31);
                format!("statistic mode random {apart}probability {share:.11}")
            }
            Criterion::Recent(recent) => {
                let does = match recent.check {
                    RecentCheck::Set => "SET".to_owned(),
                    RecentCheck::Rcheck { seconds, reap } => {
                        format!("CHECK seconds: {seconds}{}", if reap { " reap" } else { "" })
                    }
                };
                let name = &recent.name;
                format!("recent: {apart}{does} name: {name} side: source mask: 255.255.255.255")
            }
            Criterion::TcpFlags { mask, set } => format!("flags:{not}{mask}/{set}"),
            Criterion::IcmpType { kind: Some((kind, Some(code))), .. } => {
                format!("{not}icmptype {kind} code {code}")
            }
            Criterion::IcmpType { kind: Some((kind, None)), .. } => format!("{not}icmptype {kind}"),
            Criterion::Nfacct(name) => format!("nfacct-name  {name}"),
            Criterion::Extension(extension) => extension_says(&extension.to_string()),
            Criterion::Unknown(text) => text.clone(),
            Criterion::Fragment => "-f".to_owned(),
            _ => return None,
        })
    }

    fn ports(&self, name: &str, first: u16, last: u16, not: &str) -> String {
        match first == last {
            true => format!("{name}:{not}{}", self.port(first)),
            false => format!("{name}s:{not}{}:{}", self.port(first), self.port(last)),
        }
    }

    fn port(&self, port: u16) -> String {
        const NAMES: [(u16, &str); 6] = [
            (22, "ssh"),
            (53, "domain"),
            (80, "http"),
            (443, "https"),
            (5432, "postgresql"),
            (8080, "http-alt"),
        ];
        let named = NAMES.iter().find(|it| it.0 == port && !self.asked.numeric);
        named.map_or_else(|| port.to_string(), |it| it.1.to_owned())
    }
}

/// `-m multiport --dports 80,443` → `multiport dports 80,443`
fn extension_says(text: &str) -> String {
    let text = text.strip_prefix("-m ").unwrap_or(text);
    let text = text.replace(" --", " ");
    match text.split_once(' ') {
        Some(("set", rest)) => rest.to_owned(),
        _ => text,
    }
}

fn target_name(target: &Target) -> String {
    let text = target.to_string();
    let name = text.split_whitespace().nth(1).unwrap_or("");
    name.to_owned()
}

fn target_says(target: &Target) -> Option<String> {
    Some(match target {
        Target::Mark { change, .. } => match *change {
            MarkChange::Or(bits) => format!("MARK or 0x{bits:x}"),
            MarkChange::Xor(bits) => format!("MARK xor 0x{bits:x}"),
            MarkChange::SetXmark { value, mask } if value == mask => format!("MARK or 0x{value:x}"),
            MarkChange::SetXmark { value, mask: 0 } => format!("MARK xor 0x{value:x}"),
            MarkChange::SetXmark { value, mask: u32::MAX } => format!("MARK set 0x{value:x}"),
            MarkChange::SetXmark { value: 0, mask } => format!("MARK and 0x{:x}", !mask),
            MarkChange::SetXmark { value, mask } => format!("MARK xset 0x{value:x}/0x{mask:x}"),
        },
        Target::Masquerade { random_fully: true } => "random-fully".to_owned(),
        Target::Dnat { .. } | Target::Snat { .. } | Target::Translate(_) => {
            let text = target.to_string();
            let to = text.split_whitespace().nth(3)?;
            format!("to:{to}")
        }
        Target::Reject { with: Some(with) } => format!("reject-with {with}"),
        Target::Aside(text) | Target::Unknown(text) => {
            text.split_once(' ').map(|it| it.1.to_owned())?
        }
        _ => return None,
    })
}
