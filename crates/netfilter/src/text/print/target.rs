//! Targets → text.

use std::fmt;
use std::net::IpAddr;

use super::write_all;
use crate::rule::PortRange;
use crate::short::Short;
use crate::target::{ConnMarkChange, MarkChange, Target, Translation, TranslationKind};

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Accept => f.write_str("-j ACCEPT"),
            Target::Drop => f.write_str("-j DROP"),
            Target::Return => f.write_str("-j RETURN"),
            Target::Jump(chain) => write_all(f, &["-j ", chain.as_str()]),
            Target::Goto(chain) => write!(f, "-g {chain}"),
            Target::Reject { with: None } => f.write_str("-j REJECT"),
            Target::Reject { with: Some(with) } => write!(f, "-j REJECT --reject-with {with}"),
            Target::Mark { change, digits } => write_mark(f, *change, usize::from(*digits)),
            Target::Masquerade { random_fully: false } => f.write_str("-j MASQUERADE"),
            Target::Masquerade { random_fully: true } => {
                f.write_str("-j MASQUERADE --random-fully")
            }
            Target::Dnat { to, port } => {
                f.write_str("-j DNAT --to-destination ")?;
                write_endpoint(f, *to, *port)
            }
            Target::Snat { to, port } => {
                f.write_str("-j SNAT --to-source ")?;
                write_endpoint(f, *to, *port)
            }
            Target::Translate(translation) => write_translation(f, translation),
            Target::Netmap(net) => write!(f, "-j NETMAP --to {net}"),
            Target::Notrack { by_ct: false } => f.write_str("-j NOTRACK"),
            Target::Notrack { by_ct: true } => f.write_str("-j CT --notrack"),
            Target::ConnMark(change) => write_conn_mark(f, *change),
            Target::Aside(text) | Target::Unknown(text) => write!(f, "-j {text}"),
        }
    }
}

fn write_mark(f: &mut fmt::Formatter<'_>, change: MarkChange, digits: usize) -> fmt::Result {
    match change {
        MarkChange::Or(bits) => write!(f, "-j MARK --or-mark 0x{bits:0digits$x}"),
        MarkChange::Xor(bits) => write!(f, "-j MARK --xor-mark 0x{bits:0digits$x}"),
        MarkChange::SetXmark { value, mask } => {
            write!(f, "-j MARK --set-xmark 0x{value:0digits$x}/0x{mask:0digits$x}")
        }
    }
}

fn write_endpoint(f: &mut fmt::Formatter<'_>, ip: IpAddr, port: Option<u16>) -> fmt::Result {
    let mut text = Short::new();
    match port {
        Some(port) => text.write_socket(ip, port)?,
        None => text.write_ip(ip)?,
    }
    f.write_str(text.as_str())
}

fn write_conn_mark(f: &mut fmt::Formatter<'_>, change: ConnMarkChange) -> fmt::Result {
    match change {
        ConnMarkChange::SetXmark { value, mask } => {
            write!(f, "-j CONNMARK --set-xmark 0x{value:x}/0x{mask:x}")
        }
        ConnMarkChange::Save { nfmask, ctmask } => {
            write!(f, "-j CONNMARK --save-mark --nfmask 0x{nfmask:x} --ctmask 0x{ctmask:x}")
        }
        ConnMarkChange::Restore { nfmask, ctmask } => {
            write!(f, "-j CONNMARK --restore-mark --nfmask 0x{nfmask:x} --ctmask 0x{ctmask:x}")
        }
    }
}

fn write_translation(f: &mut fmt::Formatter<'_>, it: &Translation) -> fmt::Result {
    write!(f, "-j {}", it.kind.name())?;
    if it.addresses.is_some() || it.ports.is_some() {
        write!(f, " {} ", it.kind.option())?;
        write_goal(f, it)?;
    }
    let options = [
        (it.random, " --random"),
        (it.random_fully, " --random-fully"),
        (it.persistent, " --persistent"),
    ];
    options.into_iter().filter(|(set, _)| *set).try_for_each(|(_, text)| f.write_str(text))
}

/// `10.0.0.1-10.0.0.9:80-90/100`; an IPv6 address stands in brackets where ports follow.
fn write_goal(f: &mut fmt::Formatter<'_>, it: &Translation) -> fmt::Result {
    if let Some((first, last)) = it.addresses {
        let brackets = first.is_ipv6() && it.ports.is_some();
        f.write_str(if brackets { "[" } else { "" })?;
        write!(f, "{first}")?;
        if first != last {
            write!(f, "-{last}")?;
        }
        f.write_str(if brackets { "]" } else { "" })?;
    }
    let Some(PortRange { first, last }) = it.ports else { return Ok(()) };
    if matches!(it.kind, TranslationKind::Dnat | TranslationKind::Snat) {
        f.write_str(":")?;
    }
    write!(f, "{first}")?;
    if first != last {
        write!(f, "-{last}")?;
    }
    it.base.map_or(Ok(()), |base| write!(f, "/{base}"))
}
