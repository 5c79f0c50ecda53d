//! A table → what `nft list` prints of it (nftables 1.0.6): whole, or one of its objects.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{
    Among, Base, Chain, Key, Kind, Map, Memory, Name, Rule, Set, Statement, Table, Verdict,
};
use crate::order::Order;
use crate::walk::Hook;

/// What of a table is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    Everything,
    Chain(&'a str),
    Set(&'a str),
    Map(&'a str),
    /// All chains of the table, without their rules.
    Chains,
    Sets,
    Maps,
}

impl Table {
    /// None where there is no such object. `memory` and `now` (in milliseconds) are for what rules
    /// have written into sets.
    pub fn list(&self, wanted: Wanted<'_>, memory: &Memory, now: u64) -> Option<String> {
        let lister = Lister { table: self, memory, now };
        let objects = lister.objects(wanted);
        let all =
            matches!(wanted, Wanted::Everything | Wanted::Chains | Wanted::Sets | Wanted::Maps);
        if objects.is_empty() && !all {
            return None;
        }
        let comment = match wanted {
            Wanted::Everything => format!("\tcomment \"{}\"\n", self.comment),
            _ => String::new(),
        };
        let between = if wanted == Wanted::Chains { "" } else { "\n" };
        let head = format!("table {} {}", self.ip(), self.name);
        Some(format!("{head} {{\n{comment}{}}}\n", objects.join(between)))
    }
}

struct Lister<'a> {
    table: &'a Table,
    memory: &'a Memory,
    now: u64,
}

impl Lister<'_> {
    fn objects(&self, wanted: Wanted<'_>) -> Vec<String> {
        let Table { sets, maps, chains, .. } = self.table;
        match wanted {
            Wanted::Set(name) => sets.get(name).map(|it| self.set(name, it)).into_iter().collect(),
            Wanted::Map(name) => maps.get(name).map(|it| self.map(name, it)).into_iter().collect(),
            Wanted::Chain(name) => {
                chains.get(name).map(|it| self.chain(name, it, true)).into_iter().collect()
            }
            Wanted::Sets => sets.iter().map(|(name, it)| self.set(name, it)).collect(),
            Wanted::Maps => maps.iter().map(|(name, it)| self.map(name, it)).collect(),
            Wanted::Chains => chains.iter().map(|(name, it)| self.chain(name, it, false)).collect(),
            Wanted::Everything => [Wanted::Sets, Wanted::Maps]
                .into_iter()
                .flat_map(|it| self.objects(it))
                .chain(chains.iter().map(|(name, it)| self.chain(name, it, true)))
                .collect(),
        }
    }

    fn set(&self, name: &str, set: &Set) -> String {
        let mut text = format!("\tset {name} {{\n\t\ttype {}\n", self.table.address_type());
        if let Some(timeout) = set.timeout {
            let timeout = duration(u64::from(timeout) * 1000);
            _ = write!(text, "\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout {timeout}\n");
        }
        text.push_str(&comment(set.comment.as_ref()));
        let mut keys: Vec<Key> = set.elements.iter().map(|it| *it.0).collect();
        keys.order();
        let mut elements: Vec<String> = keys.iter().map(Key::to_string).collect();
        let seen = self.memory.of(name).filter(|it| it.1 > self.now);
        elements
            .extend(seen.map(|(ip, until)| format!("{ip} expires {}", duration(until - self.now))));
        let in_line = if self.table.address_type() == "ipv4_addr" { 2 } else { 1 };
        text + &elements_text(&elements, in_line) + "\t}\n"
    }

    fn map(&self, name: &str, map: &Map) -> String {
        let key = self.table.key_type(map.key);
        let mut text = format!("\tmap {name} {{\n\t\ttype {key} : verdict\n");
        text.push_str(&comment(Some(&map.comment)));
        let mut keys: Vec<Key> = map.elements.iter().map(|it| *it.0).collect();
        keys.order_by_key(|it| backwards(*it));
        let element = |key: &Key| Some(format!("{key}{}", map.elements.get(key)?));
        let elements: Vec<String> = keys.iter().filter_map(element).collect();
        text + &elements_text(&elements, 1) + "\t}\n"
    }

    fn chain(&self, name: &str, chain: &Chain, with_rules: bool) -> String {
        let mut text = format!("\tchain {name} {{\n");
        if let Some(base) = chain.base {
            let Base { kind, hook, .. } = base;
            let kind = if kind == Kind::Nat { "nat" } else { "filter" };
            let (hook, priority) = (hook.name().to_ascii_lowercase(), priority(base));
            _ = writeln!(text, "\t\ttype {kind} hook {hook} priority {priority}; policy accept;");
        }
        if with_rules {
            text.push_str(&comment(chain.comment.as_ref()));
            for rule in &chain.rules {
                _ = writeln!(text, "\t\t{}", self.rule(rule));
            }
        }
        text + "\t}\n"
    }

    fn rule(&self, rule: &Rule) -> String {
        let mut pieces: Vec<String> = rule.statements.iter().map(|it| self.statement(it)).collect();
        pieces.extend(rule.comment.as_ref().map(|it| format!("comment \"{it}\"")));
        pieces.join(" ")
    }

    /// Where nft's own words are others than those it was given.
    fn statement(&self, statement: &Statement) -> String {
        match statement {
            Statement::Unmarked(mark) => format!("meta mark & {mark:#010x} == 0x00000000"),
            Statement::SetMark(mark) => format!("meta mark set meta mark | {mark:#010x}"),
            Statement::FlipMark(mark) => format!("meta mark set meta mark ^ {mark:#010x}"),
            Statement::InInterface { name, negated, .. } => {
                format!("iifname {}\"{name}\"", if *negated { "!= " } else { "" })
            }
            Statement::Numgen(verdicts) => numgen(verdicts),
            Statement::Address { side, negated, among: Among::Nets(nets) } => {
                let mut nets = nets.clone();
                nets.order();
                let one = |it: &ipnet::IpNet| match it.prefix_len() == it.max_prefix_len() {
                    true => it.addr().to_string(),
                    false => it.to_string(),
                };
                let texts: Vec<String> = nets.iter().map(one).collect();
                let bare = Statement::Address {
                    side: *side,
                    negated: *negated,
                    among: Among::Set(Name::from("")),
                };
                let bare = self.table.statement(&bare);
                let bare = bare.trim_end_matches('@');
                match texts.as_slice() {
                    [one] => format!("{bare}{one}"),
                    _ => format!("{bare}{{ {} }}", texts.join(", ")),
                }
            }
            _ => self.table.statement(statement),
        }
    }
}

fn comment(text: Option<&Name>) -> String {
    text.map(|it| format!("\t\tcomment \"{it}\"\n")).unwrap_or_default()
}

fn numgen(verdicts: &[Verdict]) -> String {
    let of = verdicts.len();
    let choices: Vec<String> =
        verdicts.iter().enumerate().map(|(index, it)| format!("{index} : {it}")).collect();
    format!("numgen random mod {of} vmap {{ {} }}", choices.join(", "))
}

/// Elements of a list, so many in a line.
fn elements_text(elements: &[String], in_line: usize) -> String {
    if elements.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = elements.chunks(in_line).map(|it| it.join(", ")).collect();
    format!("\t\telements = {{ {} }}\n", lines.join(",\n\t\t\t     "))
}

/// A priority by its name, where it has one at the hook.
fn priority(base: Base) -> String {
    let named = match base.hook {
        Hook::Prerouting => Some((-100, "dstnat")),
        Hook::Postrouting => Some((100, "srcnat")),
        _ => None,
    };
    match (base.priority, named) {
        (0, _) => "filter".to_owned(),
        (own, Some((at, name))) if own == at => name.to_owned(),
        (own, Some((at, name))) if (at - 10..at).contains(&own) => format!("{name} - {}", at - own),
        (own, Some((at, name))) if (at..=at + 10).contains(&own) => {
            format!("{name} + {}", own - at)
        }
        (own, _) => own.to_string(),
    }
}

/// nft sorts keys of several parts as one number whose first byte counts least.
fn backwards(key: Key) -> Vec<u8> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (address, rest) = match key {
        Key::Address(ip) => (octets(ip), None),
        Key::AddressAndPort(ip, protocol, port) => (octets(ip), Some((protocol, port))),
        Key::Port(protocol, port) => (Vec::new(), Some((protocol, port))),
    };
    let mut res = address;
    if let Some((protocol, port)) = rest {
        let [high, low] = port.to_be_bytes();
        res.extend([protocol.number(), high, low]);
    }
    res.reverse();
    res
}

/// `3h`, `1m39s996ms`
fn duration(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let mut left = millis;
    let mut text = String::new();
    for (size, name) in units {
        if left >= size {
            _ = write!(text, "{}{name}", left / size);
            left %= size;
        }
    }
    text
}
