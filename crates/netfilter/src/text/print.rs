//! Data → text, as kube-proxy writes it; the spelling that each value keeps decides the rest.

use std::fmt::{self, Write};

use super::words::needs_quotes;
use super::{Append, ChainLine, Command, Restore, TableUpdate};
use crate::rule::{
    AddrSide, AddrType, AddressMatch, Criterion, CtStates, Match, PortRange, Recent, RecentCheck,
    Rule, TcpFlagSet,
};
use crate::ruleset::{ChainName, Policy};
use crate::short::Short;

mod extension;
mod target;

/// A part of a rule's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    /// Its index among the rule's matches; `None` for the target.
    pub criterion: Option<usize>,
}

impl Rule {
    /// The rule's text in parts; joined by spaces they are what `Display` prints.
    pub fn pieces(&self) -> Vec<Piece> {
        let matches = self.matches.iter().enumerate().map(|(index, it)| Piece {
            text: self.spelling(index).map_or_else(|| it.to_string(), str::to_owned),
            criterion: Some(index),
        });
        let target = self.target.iter().map(|it| Piece {
            text: self.spelling(self.matches.len()).map_or_else(|| it.to_string(), str::to_owned),
            criterion: None,
        });
        matches.chain(target).collect()
    }

    fn spelling(&self, piece: usize) -> Option<&str> {
        self.written.get(&piece).map(|it| &**it)
    }

    fn write_piece(
        &self,
        f: &mut fmt::Formatter<'_>,
        index: usize,
        piece: &impl fmt::Display,
    ) -> fmt::Result {
        if index > 0 {
            f.write_char(' ')?;
        }
        match self.spelling(index) {
            Some(text) => f.write_str(text),
            None => piece.fmt(f),
        }
    }
}

/// The rule's options, without `-A CHAIN`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, it) in self.matches.iter().enumerate() {
            self.write_piece(f, index, it)?;
        }
        match &self.target {
            Some(target) => self.write_piece(f, self.matches.len(), target),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| table.fmt(f))?;
        self.remarks.iter().try_for_each(|it| writeln!(f, "{it}"))
    }
}

impl fmt::Display for TableUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.remarks.iter().try_for_each(|it| writeln!(f, "{it}"))?;
        writeln!(f, "*{}", self.table)?;
        for chain in &self.chains {
            chain.fmt(f)?;
            f.write_char('\n')?;
        }
        for command in &self.commands {
            command.fmt(f)?;
            f.write_char('\n')?;
        }
        f.write_str("COMMIT\n")
    }
}

impl fmt::Display for ChainLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy.map_or("-", policy_name);
        write_all(f, &[":", self.name.as_str(), " ", policy])?;
        match (self.packets, self.bytes) {
            (0, 0) => f.write_str(" [0:0]"),
            (packets, bytes) => write!(f, " [{packets}:{bytes}]"),
        }
    }
}

pub(super) fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::Accept => "ACCEPT",
        Policy::Drop => "DROP",
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Append { chain, rule } => Append { chain: *chain, rule }.fmt(f),
            Command::Insert { chain, index, rule } => {
                write_rule(f, "-I ", (*chain, Some(index.saturating_add(1))), rule)
            }
            Command::Delete { chain, rule } => write_rule(f, "-D ", (*chain, None), rule),
            Command::DeleteAt { chain, index } => {
                write!(f, "-D {chain} {}", index.saturating_add(1))
            }
            Command::NewChain(chain) => write!(f, "-N {chain}"),
            Command::DeleteChain(chain) => write!(f, "-X {chain}"),
            Command::Flush(Some(chain)) => write!(f, "-F {chain}"),
            Command::Flush(None) => f.write_str("-F"),
            Command::SetPolicy { chain, policy } => {
                write!(f, "-P {chain} {}", policy_name(*policy))
            }
            Command::Chain(line) => line.fmt(f),
            Command::Remark(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Append<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rule(f, "-A ", (self.chain, None), self.rule)
    }
}

fn write_rule(
    f: &mut fmt::Formatter<'_>,
    command: &str,
    (chain, number): (ChainName, Option<usize>),
    rule: &Rule,
) -> fmt::Result {
    if let Some(counters) = rule.counters {
        write!(f, "{counters} ")?;
    }
    write_all(f, &[command, chain.as_str()])?;
    if let Some(number) = number {
        write!(f, " {number}")?;
    }
    if rule.matches.is_empty() && rule.target.is_none() {
        return Ok(());
    }
    f.write_char(' ')?;
    fmt::Display::fmt(rule, f)
}

/// What `write!` does, many times faster: rules come by the hundred thousand.
pub(super) fn write_all(f: &mut fmt::Formatter<'_>, texts: &[&str]) -> fmt::Result {
    texts.iter().try_for_each(|it| f.write_str(it))
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "! " } else { "" };
        match &self.criterion {
            Criterion::Comment { text, quoted } => {
                f.write_str("-m comment --comment ")?;
                write_word(f, text, *quoted)
            }
            Criterion::Module(protocol) => write_all(f, &["-m ", protocol.name()]),
            Criterion::Protocol(protocol) => write_all(f, &[not, "-p ", protocol.name()]),
            Criterion::Source(address) => {
                write_all(f, &[not, "-s "])?;
                address.fmt(f)
            }
            Criterion::Destination(address) => {
                write_all(f, &[not, "-d "])?;
                address.fmt(f)
            }
            Criterion::InInterface(name) => write!(f, "{not}-i {name}"),
            Criterion::OutInterface(name) => write!(f, "{not}-o {name}"),
            Criterion::SourcePort(ports) => write!(f, "{not}--sport {ports}"),
            Criterion::DestinationPort(ports) => {
                write_all(f, &[not, "--dport "])?;
                ports.fmt(f)
            }
            Criterion::Mark { value, mask, digits } => {
                write!(f, "-m mark {not}--mark ")?;
                write_masked(f, *value, *mask, *digits)
            }
            Criterion::CtState(states) => write!(f, "-m conntrack {not}--ctstate {states}"),
            Criterion::AddrType { side: AddrSide::Source, kind } => {
                write!(f, "-m addrtype {not}--src-type {kind}")
            }
            Criterion::AddrType { side: AddrSide::Destination, kind } => {
                write!(f, "-m addrtype {not}--dst-type {kind}")
            }
            Criterion::Statistic(probability) => {
                write_all(f, &["-m statistic --mode random ", not, "--probability "])?;
                probability.fmt(f)
            }
            Criterion::Recent(recent) => write_recent(f, recent, not),
            Criterion::OtherProtocol(number) => {
                write!(f, "{not}-p ")?;
                extension::write_protocol(f, *number)
            }
            Criterion::OtherModule(name) => write!(f, "-m {name}"),
            Criterion::Addresses { side, list } => {
                let option = if *side == AddrSide::Source { "-s" } else { "-d" };
                write!(f, "{not}{option} ")?;
                write_list(f, list)
            }
            Criterion::Fragment => write!(f, "{not}-f"),
            Criterion::TcpFlags { mask, set } => write!(f, "{not}--tcp-flags {mask} {set}"),
            Criterion::IcmpType { icmp6, kind } => {
                f.write_str(not)?;
                f.write_str(if *icmp6 { "--icmpv6-type " } else { "--icmp-type " })?;
                match kind {
                    None => f.write_str("any"),
                    Some((kind, None)) => write!(f, "{kind}"),
                    Some((kind, Some(code))) => write!(f, "{kind}/{code}"),
                }
            }
            Criterion::Extension(extension) => extension.fmt(f),
            Criterion::Nfacct(name) => write!(f, "-m nfacct --nfacct-name {name}"),
            Criterion::Unknown(text) => f.write_str(text),
        }
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, text: &str, quoted: bool) -> fmt::Result {
    if !quoted && !needs_quotes(text) {
        return f.write_str(text);
    }
    f.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        let (before, special) = rest.split_at(at);
        let (special, after) = special.split_at(1);
        write_all(f, &[before, "\\", special])?;
        rest = after;
    }
    f.write_str(rest)?;
    f.write_char('"')
}

/// All the bits need no mask.
fn write_masked(f: &mut fmt::Formatter<'_>, value: u32, mask: u32, digits: u8) -> fmt::Result {
    let digits = usize::from(digits);
    match mask {
        u32::MAX => write!(f, "0x{value:0digits$x}"),
        _ => write!(f, "0x{value:0digits$x}/0x{mask:0digits$x}"),
    }
}

fn write_recent(f: &mut fmt::Formatter<'_>, recent: &Recent, not: &str) -> fmt::Result {
    let name = &recent.name;
    f.write_str("-m recent")?;
    if !recent.explicit {
        write!(f, " --name {name}")?;
    }
    match recent.check {
        RecentCheck::Set => write!(f, " {not}--set")?,
        RecentCheck::Rcheck { seconds, reap } => {
            write!(f, " {not}--rcheck --seconds {seconds}{}", if reap { " --reap" } else { "" })?;
        }
    }
    if recent.explicit {
        write!(f, " --name {name} --mask 255.255.255.255 --rsource")?;
    }
    Ok(())
}

impl fmt::Display for AddressMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Short::new();
        text.write_ip(self.net.addr())?;
        if !self.bare {
            text.write_char('/')?;
            text.write_number(self.net.prefix_len().into())?;
        }
        f.write_str(text.as_str())
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Short::new();
        text.write_number(self.first.into())?;
        if self.first != self.last {
            text.write_char(':')?;
            text.write_number(self.last.into())?;
        }
        f.write_str(text.as_str())
    }
}

impl fmt::Display for CtStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = CtStates::NAMES.iter().filter(|(state, _)| self.meets(*state));
        let names: Vec<&str> = names.map(|it| it.1).collect();
        write_list(f, &names)
    }
}

impl fmt::Display for AddrType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TcpFlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = TcpFlagSet::NAMES.into_iter().filter(|(flag, _)| self.contains(*flag));
        let names: Vec<&str> = names.map(|it| it.1).collect();
        if names.is_empty() { f.write_str("NONE") } else { write_list(f, &names) }
    }
}

/// With commas between.
fn write_list(f: &mut fmt::Formatter<'_>, list: &[impl fmt::Display]) -> fmt::Result {
    for (index, it) in list.iter().enumerate() {
        write!(f, "{}{it}", if index > 0 { "," } else { "" })?;
    }
    Ok(())
}
