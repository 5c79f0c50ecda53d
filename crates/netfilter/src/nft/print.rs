//! Tables and rules → text, as kube-proxy's library for nftables (knftables) writes it.

use std::fmt::{self, Write as _};

use ipnet::IpNet;

use super::{
    Among, Base, Chain, Element, Key, KeyType, Kind, Rule, Set, Statement, Table, Verdict,
};
use crate::rule::{AddrSide, Family};

/// Commands that make the whole table: chains, sets and maps by name, then rules, then elements.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = format!("{} {}", self.ip(), self.name);
        writeln!(f, "add table {of} {{ comment \"{}\" ; }}", self.comment)?;
        for (name, chain) in &self.chains {
            writeln!(f, "add chain {of} {name}{}", Properties(chain))?;
        }
        for (name, set) in &self.sets {
            writeln!(f, "add set {of} {name} {{ {} }}", self.properties(set))?;
        }
        for (name, map) in &self.maps {
            let key = self.key_type(map.key);
            let comment = &map.comment;
            writeln!(
                f,
                "add map {of} {name} {{ type {key} : verdict ; comment \"{comment}\" ; }}"
            )?;
        }
        for (name, chain) in &self.chains {
            for rule in &chain.rules {
                writeln!(f, "add rule {of} {name} {}", self.rule(rule))?;
            }
        }
        for (name, set) in &self.sets {
            for (key, _) in set.elements.iter() {
                writeln!(f, "add element {of} {name} {{ {key} }}")?;
            }
        }
        for (name, map) in &self.maps {
            for (key, element) in map.elements.iter() {
                writeln!(f, "add element {of} {name} {{ {key}{element} }}")?;
            }
        }
        Ok(())
    }
}

/// What stands in a chain's braces.
struct Properties<'a>(&'a Chain);

impl fmt::Display for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Chain { base, comment, .. } = self.0;
        if base.is_none() && comment.is_none() {
            return Ok(());
        }
        f.write_str(" {")?;
        if let Some(Base { kind, hook, priority }) = base {
            let kind = if *kind == Kind::Nat { "nat" } else { "filter" };
            let hook = hook.name().to_ascii_lowercase();
            write!(f, " type {kind} hook {hook} priority {priority} ;")?;
        }
        if let Some(comment) = comment {
            write!(f, " comment \"{comment}\" ;")?;
        }
        f.write_str(" }")
    }
}

impl Table {
    pub(super) fn ip(&self) -> &'static str {
        match self.family {
            Family::V4 => "ip",
            Family::V6 => "ip6",
        }
    }

    pub(super) fn address_type(&self) -> &'static str {
        match self.family {
            Family::V4 => "ipv4_addr",
            Family::V6 => "ipv6_addr",
        }
    }

    pub(super) fn key_type(&self, key: KeyType) -> String {
        match key {
            KeyType::AddressAndPort => {
                format!("{} . inet_proto . inet_service", self.address_type())
            }
            KeyType::Port => "inet_proto . inet_service".to_owned(),
        }
    }

    fn properties(&self, set: &Set) -> String {
        let mut text = format!("type {} ;", self.address_type());
        if let Some(timeout) = set.timeout {
            text.push_str(&format!(" flags dynamic,timeout ; timeout {timeout}s ;"));
        }
        if let Some(comment) = &set.comment {
            text.push_str(&format!(" comment \"{comment}\" ;"));
        }
        text
    }

    /// The text of a rule of this table, with its comment.
    pub fn rule(&self, rule: &Rule) -> String {
        let mut text = String::new();
        for (index, statement) in rule.statements.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(&self.statement_of(rule, index, statement));
        }
        if let Some(comment) = &rule.comment {
            _ = write!(text, " comment \"{comment}\"");
        }
        text
    }

    /// A rule's statement as its text has it.
    pub fn statement_of(&self, rule: &Rule, index: usize, statement: &Statement) -> String {
        match rule.written.get(&index) {
            Some(written) => written.to_string(),
            None => self.statement(statement),
        }
    }

    pub(super) fn statement(&self, statement: &Statement) -> String {
        let ip = self.ip();
        match statement {
            Statement::Address { side, negated, among } => {
                let unless = if *negated { "!= " } else { "" };
                format!("{ip} {} {unless}{among}", side_name(*side))
            }
            Statement::DestinationPort { protocol, port } => format!("{protocol} dport {port}"),
            Statement::L4Proto(protocol) => format!("meta l4proto {protocol}"),
            Statement::CtStateNew => "ct state new".to_owned(),
            Statement::FibLocal(side) => format!("fib {} type local", side_name(*side)),
            Statement::InInterface { name, negated, by_index } => {
                let word = if *by_index { "iif" } else { "iifname" };
                format!("{word} {}{name}", if *negated { "!= " } else { "" })
            }
            Statement::Unmarked(mark) => format!("mark and {mark:#010x} == 0"),
            Statement::SetMark(mark) => format!("mark set mark or {mark:#010x}"),
            Statement::FlipMark(mark) => format!("mark set mark xor {mark:#010x}"),
            Statement::Lookup { key: KeyType::AddressAndPort, map } => {
                format!("{ip} daddr . meta l4proto . th dport vmap @{map}")
            }
            Statement::Lookup { key: KeyType::Port, map } => {
                format!("meta l4proto . th dport vmap @{map}")
            }
            Statement::Numgen(verdicts) => numgen(verdicts),
            Statement::Update(set) => format!("update @{set} {{ {ip} saddr }}"),
            Statement::Dnat(to) => format!("dnat to {to}"),
            Statement::Masquerade => "masquerade fully-random".to_owned(),
            Statement::Reject => "reject".to_owned(),
            Statement::Verdict(verdict) => verdict.to_string(),
        }
    }
}

fn side_name(side: AddrSide) -> &'static str {
    match side {
        AddrSide::Source => "saddr",
        AddrSide::Destination => "daddr",
    }
}

fn numgen(verdicts: &[Verdict]) -> String {
    let mut text = format!("numgen random mod {} vmap {{ ", verdicts.len());
    for (index, verdict) in verdicts.iter().enumerate() {
        let comma = if index > 0 { " , " } else { "" };
        _ = write!(text, "{comma}{index} : {verdict}");
    }
    text.push_str(" }");
    text
}

impl fmt::Display for Among {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Among::Host(ip) => write!(f, "{ip}"),
            Among::Net(net) => write!(f, "{net}"),
            Among::Set(name) => write!(f, "@{name}"),
            Among::Nets(nets) => {
                let nets: Vec<String> = nets.iter().map(short).collect();
                write!(f, "{{ {} }}", nets.join(" , "))
            }
        }
    }
}

fn short(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Jump(chain) => write!(f, "jump {chain}"),
            Verdict::Goto(chain) => write!(f, "goto {chain}"),
            Verdict::Return => f.write_str("return"),
            Verdict::Drop => f.write_str("drop"),
        }
    }
}

/// What stands after the key.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(comment) = &self.comment {
            write!(f, " comment \"{comment}\"")?;
        }
        write!(f, " : {}", self.verdict)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Address(ip) => write!(f, "{ip}"),
            Key::AddressAndPort(ip, protocol, port) => write!(f, "{ip} . {protocol} . {port}"),
            Key::Port(protocol, port) => write!(f, "{protocol} . {port}"),
        }
    }
}
