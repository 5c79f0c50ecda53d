//! Words → the values of options.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::packet::Protocol;
use crate::rule::{AddrType, AddressMatch, Criterion, CtStates, PortRange, TcpFlagSet};

pub(super) fn name(word: &str) -> Option<String> {
    Some(word.to_owned()).filter(|it| !it.is_empty())
}

/// Protocols that no packet of the lab has, as `/etc/protocols` calls them.
pub(in crate::text) const PROTOCOLS: [(u8, &str); 15] = [
    (0, "all"),
    (2, "igmp"),
    (4, "ipencap"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (88, "eigrp"),
    (89, "ospf"),
    (103, "pim"),
    (112, "vrrp"),
    (135, "mobility-header"),
    (136, "udplite"),
];

/// A name or a number.
pub(super) fn protocol(word: &str) -> Option<Criterion> {
    let number = protocol_number(word)?;
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
    let known = all.into_iter().find(|it| it.number() == number);
    Some(known.map_or(Criterion::OtherProtocol(number), Criterion::Protocol))
}

pub(super) fn protocol_number(word: &str) -> Option<u8> {
    if let Ok(protocol) = word.parse::<Protocol>() {
        return Some(protocol.number());
    }
    let word = if word.eq_ignore_ascii_case("icmpv6") { "ipv6-icmp" } else { word };
    let named = PROTOCOLS.iter().find(|(_, name)| name.eq_ignore_ascii_case(word));
    named.map(|it| it.0).or_else(|| word.parse().ok())
}

/// `FIN,SYN`, `ALL` or `NONE`
pub(super) fn flags(word: &str) -> Option<TcpFlagSet> {
    let flag = |name: &str| match name {
        "ALL" => Some(TcpFlagSet::ALL),
        "NONE" => Some(TcpFlagSet::NONE),
        _ => TcpFlagSet::NAMES.iter().find(|it| it.1 == name).map(|it| it.0),
    };
    word.split(',').try_fold(TcpFlagSet::NONE, |all, name| Some(all.with(flag(name)?)))
}

type IcmpNames = [(&'static str, u8, Option<u8>)];

/// The names of ICMP types, and of codes where they have one (libxt_icmp.h).
pub(super) const ICMP: [(&str, u8, Option<u8>); 20] = [
    ("echo-reply", 0, None),
    ("pong", 0, None),
    ("destination-unreachable", 3, None),
    ("network-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("host-prohibited", 3, Some(10)),
    ("communication-prohibited", 3, Some(13)),
    ("source-quench", 4, None),
    ("redirect", 5, None),
    ("echo-request", 8, None),
    ("ping", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("time-exceeded", 11, None),
    ("parameter-problem", 12, None),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
];

pub(super) const ICMP6: [(&str, u8, Option<u8>); 14] = [
    ("destination-unreachable", 1, None),
    ("no-route", 1, Some(0)),
    ("address-unreachable", 1, Some(3)),
    ("port-unreachable", 1, Some(4)),
    ("packet-too-big", 2, None),
    ("time-exceeded", 3, None),
    ("parameter-problem", 4, None),
    ("echo-request", 128, None),
    ("echo-reply", 129, None),
    ("router-solicitation", 133, None),
    ("router-advertisement", 134, None),
    ("neighbour-solicitation", 135, None),
    ("neighbour-advertisement", 136, None),
    ("redirect", 137, None),
];

/// A type by name or number, a code behind a slash, or any type: `Some(None)`.
pub(super) fn icmp_type(word: &str, names: &IcmpNames) -> Option<Option<(u8, Option<u8>)>> {
    if word.eq_ignore_ascii_case("any") {
        return Some(None);
    }
    if let Some((_, kind, code)) = names.iter().find(|it| it.0.eq_ignore_ascii_case(word)) {
        return Some(Some((*kind, *code)));
    }
    let (kind, code) = match word.split_once('/') {
        Some((kind, code)) => (kind, Some(code.parse().ok()?)),
        None => (word, None),
    };
    Some(Some((kind.parse().ok()?, code)))
}

pub(super) fn address(word: &str) -> Option<AddressMatch> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(AddressMatch::host(ip));
    }
    if let Ok(net) = word.parse::<IpNet>() {
        return Some(AddressMatch::net(net));
    }
    let (ip, mask) = word.split_once('/')?;
    IpNet::with_netmask(ip.parse().ok()?, mask.parse().ok()?).ok().map(AddressMatch::net)
}

pub(super) fn ports(word: &str) -> Option<PortRange> {
    let Some((first, last)) = word.split_once(':') else {
        return port(word).map(PortRange::from);
    };
    let first = if first.is_empty() { 0 } else { port(first)? };
    let last = if last.is_empty() { u16::MAX } else { port(last)? };
    Some(PortRange { first, last }).filter(|it| it.first <= it.last)
}

/// A number, or one of the names of `/etc/services` that rules are written with.
fn port(word: &str) -> Option<u16> {
    const NAMES: [(&str, u16); 16] = [
        ("ftp", 21),
        ("ssh", 22),
        ("telnet", 23),
        ("smtp", 25),
        ("domain", 53),
        ("bootps", 67),
        ("bootpc", 68),
        ("http", 80),
        ("kerberos", 88),
        ("pop3", 110),
        ("ntp", 123),
        ("imap2", 143),
        ("snmp", 161),
        ("ldap", 389),
        ("https", 443),
        ("mysql", 3306),
    ];
    let named = NAMES.iter().find(|(name, _)| *name == word).map(|it| it.1);
    named.or_else(|| word.parse().ok())
}

/// `value[/mask]`, and how many hexadecimal digits are written out.
pub(super) fn masked(word: &str) -> Option<(u32, Option<u32>, u8)> {
    let (value, mask) = match word.split_once('/') {
        Some((value, mask)) => (value, Some(mask)),
        None => (word, None),
    };
    let width = digits(value).max(mask.map_or(1, digits));
    let mask = match mask {
        Some(mask) => Some(number(mask)?),
        None => None,
    };
    Some((number(value)?, mask, width))
}

/// As C's `strtoul` reads it: hexadecimal after `0x`, octal after `0`.
fn number(word: &str) -> Option<u32> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if word.len() > 1 && word.starts_with('0') => (&word[1..], 8),
        None => (word, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

fn digits(word: &str) -> u8 {
    let padded = word.strip_prefix("0x0").is_some_and(|it| !it.is_empty());
    if padded { u8::try_from(word.len() - 2).unwrap_or(1).min(8) } else { 1 }
}

pub(super) fn states(word: &str) -> Option<CtStates> {
    let state = |name: &str| CtStates::NAMES.iter().find(|it| it.1 == name).map(|it| it.0);
    word.split(',').try_fold(CtStates::default(), |all, name| Some(all.with(state(name)?)))
}

pub(super) fn address_type(word: &str) -> Option<AddrType> {
    AddrType::ALL.into_iter().find(|it| it.name() == word)
}

/// A mask that leaves the whole address; with another one the lab would remember too much.
pub(super) fn full_mask(word: &str) -> Option<bool> {
    let full = match word.parse::<IpAddr>().ok()? {
        IpAddr::V4(mask) => mask.to_bits() == u32::MAX,
        IpAddr::V6(mask) => mask.to_bits() == u128::MAX,
    };
    full.then_some(true)
}
