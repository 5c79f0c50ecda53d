//! A module's options: words → [`Extension`], by the table of [`MODULES`].

use std::net::IpAddr;

use super::option::{Miss, Reader};
use super::value::{address, address_type, masked, ports, protocol_number, states};
use crate::extension::{
    CtStatuses, Extension, Kind, MODULES, ModuleOption, ModuleSpec, Rate, Span, Value,
};
use crate::order::Order;
use crate::rule::{Criterion, Match};

impl Reader<'_> {
    /// The options after `-m name`; none of the lab's modules is called otherwise.
    pub(super) fn extension(&mut self, name: &str) -> Result<Match, Miss> {
        let spec = MODULES.iter().find(|it| it.name == name).ok_or(Miss::Unknown)?;
        let mut options = Vec::new();
        while !self.at_start() {
            options.push(self.module_option(spec)?);
        }
        options.order_by_key(|it| spec.options.iter().position(|(name, _)| *name == it.name));
        let extension = Extension { module: spec.name, options };
        if !is_whole(&extension) {
            return Err(Miss::Unknown);
        }
        Ok(Criterion::Extension(extension).into())
    }

    fn module_option(&mut self, spec: &ModuleSpec) -> Result<ModuleOption, Miss> {
        let negated = self.take("!");
        let word = full_name(spec.name, self.word()?);
        let option = spec.options.iter().find(|(name, _)| *name == word);
        let (name, kind) = *option.ok_or(Miss::Unknown)?;
        Ok(ModuleOption { negated, name, value: self.option_value(kind)? })
    }

    fn option_value(&mut self, kind: Kind) -> Result<Value, Miss> {
        match kind {
            Kind::Flag => Ok(Value::Flag),
            Kind::Number => self.value(|it| it.parse().ok().map(Value::Number)),
            Kind::Numbers => self.value(|it| numbers(it, u64::from(u32::MAX))),
            Kind::PortNumbers => self.value(|it| numbers(it, u64::from(u16::MAX))),
            Kind::Ports => self
                .value(|it| it.split(',').map(ports).collect::<Option<Vec<_>>>().map(Value::Ports)),
            Kind::Net => self.value(address).map(Value::Net),
            Kind::Address => self.value(|it| it.parse().ok().map(Value::Address)),
            Kind::Addresses => self.value(address_range),
            Kind::Protocol => self.value(protocol_number).map(Value::Protocol),
            Kind::States => self.value(states).map(Value::States),
            Kind::Status => self.value(statuses).map(Value::Status),
            Kind::Types => self.value(|it| {
                it.split(',').map(address_type).collect::<Option<Vec<_>>>().map(Value::Types)
            }),
            Kind::Masked => self
                .value(masked)
                .map(|(value, mask, _)| Value::Masked { value, mask: mask.unwrap_or(u32::MAX) }),
            Kind::Rate => self.value(rate).map(Value::Rate),
            Kind::Word => self.value(|it| Some(Value::Word(it.to_owned()))),
            Kind::Set => {
                let name = self.value(|it| Some(it.to_owned()))?;
                let parts = self.value(|it| Some(it.to_owned()))?;
                Ok(Value::Set { name, parts })
            }
        }
    }
}

/// Some options have a shorter or longer name as well.
fn full_name<'a>(module: &str, word: &'a str) -> &'a str {
    match (module, word) {
        ("multiport", "--source-ports") => "--sports",
        ("multiport", "--destination-ports") => "--dports",
        ("hashlimit", "--hashlimit") => "--hashlimit-upto",
        ("ttl", "--ttl") => "--ttl-eq",
        ("hl", "--hl") => "--hl-eq",
        _ => word,
    }
}

/// Whether the options make sense together, as the module's own final check asks.
fn is_whole(extension: &Extension) -> bool {
    let count = |names: &[&str]| names.iter().filter(|it| extension.has(it)).count();
    match extension.module {
        "recent" => count(&["--set", "--rcheck", "--update", "--remove"]) == 1,
        "statistic" => {
            extension.word("--mode") == Some("nth")
                && extension.number("--every").is_some_and(|it| it > 0)
        }
        "hashlimit" => {
            count(&["--hashlimit-upto", "--hashlimit-above"]) == 1
                && count(&["--hashlimit-name"]) == 1
        }
        "limit" | "rpfilter" => true,
        _ => !extension.options.is_empty(),
    }
}

/// `5`, `5:10`, `:10`, `5:`
fn numbers(word: &str, most: u64) -> Option<Value> {
    let Some((first, last)) = word.split_once(':') else {
        return word.parse().ok().filter(|it| *it <= most).map(|it| Value::Numbers(it, it));
    };
    let first = if first.is_empty() { 0 } else { first.parse().ok()? };
    let last = if last.is_empty() { most } else { last.parse().ok()? };
    (first <= last && last <= most).then_some(Value::Numbers(first, last))
}

/// `10.0.0.1-10.0.0.9`, or one address.
fn address_range(word: &str) -> Option<Value> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Value::Addresses(first, last))
}

fn statuses(word: &str) -> Option<CtStatuses> {
    let status = |name: &str| match name {
        "NONE" => Some(CtStatuses::NONE),
        _ => CtStatuses::NAMES.iter().find(|it| it.1 == name).map(|it| it.0),
    };
    word.split(',').try_fold(CtStatuses::default(), |all, name| Some(all.with(status(name)?)))
}

/// `10/second`; the span may be cut short, and is a second where none is written.
fn rate(word: &str) -> Option<Rate> {
    let (count, span) = word.split_once('/').unwrap_or((word, "second"));
    let whole = [
        ("second", Span::Second),
        ("minute", Span::Minute),
        ("hour", Span::Hour),
        ("day", Span::Day),
    ];
    let per = whole.into_iter().find(|(name, _)| !span.is_empty() && name.starts_with(span))?.1;
    let count = count.parse().ok().filter(|it| (1..=10_000).contains(it))?;
    Some(Rate { count, per })
}
