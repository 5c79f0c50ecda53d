//! The options of modules → text.

use std::fmt;

use super::{write_list, write_word};
use crate::extension::{CtStatuses, Extension, ModuleOption, Rate, Value};
use crate::packet::Protocol;
use crate::text::parse::value::PROTOCOLS;

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-m {}", self.module)?;
        self.options.iter().try_for_each(|option| write!(f, " {option}"))
    }
}

impl fmt::Display for ModuleOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negated { "! " } else { "" }, self.name)?;
        if self.value == Value::Flag {
            return Ok(());
        }
        f.write_str(" ")?;
        self.value.fmt(f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag => Ok(()),
            Value::Number(number) => write!(f, "{number}"),
            Value::Numbers(first, last) if first == last => write!(f, "{first}"),
            Value::Numbers(first, last) => write!(f, "{first}:{last}"),
            Value::Ports(ports) => write_list(f, ports),
            Value::Net(net) => write!(f, "{net}"),
            Value::Address(ip) => write!(f, "{ip}"),
            Value::Addresses(first, last) => write!(f, "{first}-{last}"),
            Value::Protocol(number) => write!(f, "{number}"),
            Value::States(states) => write!(f, "{states}"),
            Value::Status(statuses) => write!(f, "{statuses}"),
            Value::Types(types) => write_list(f, types),
            Value::Masked { value, mask: u32::MAX } => write!(f, "0x{value:x}"),
            Value::Masked { value, mask } => write!(f, "0x{value:x}/0x{mask:x}"),
            Value::Rate(rate) => write!(f, "{rate}"),
            Value::Word(word) => write_word(f, word, false),
            Value::Set { name, parts } => {
                write_word(f, name, false)?;
                f.write_str(" ")?;
                write_word(f, parts, false)
            }
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.name())
    }
}

impl fmt::Display for CtStatuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = CtStatuses::NAMES.into_iter().filter(|(status, _)| self.meets(*status));
        let names: Vec<&str> = names.map(|it| it.1).collect();
        if names.is_empty() { f.write_str("NONE") } else { write_list(f, &names) }
    }
}

/// The name where there is one.
pub(super) fn write_protocol(f: &mut fmt::Formatter<'_>, number: u8) -> fmt::Result {
    let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
    let known = known.into_iter().find(|it| it.number() == number).map(Protocol::name);
    let other = || PROTOCOLS.iter().find(|it| it.0 == number).map(|it| it.1);
    match known.or_else(other) {
        Some(name) => f.write_str(name),
        None => write!(f, "{number}"),
    }
}
