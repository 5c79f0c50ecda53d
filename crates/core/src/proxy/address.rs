//! Addresses as Kubernetes reads them: leading zeros are decimal, and an IPv4 address in IPv6
//! clothes is IPv4 (`netutils.ParseIPSloppy`, `ParseCIDRSloppy`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use svclab_netfilter::Family;

pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(|it| IpAddr::V6(it).to_canonical());
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = decimal(parts.next()?)?;
    }
    parts.next().is_none().then_some(IpAddr::V4(Ipv4Addr::from(octets)))
}

/// With the address as written; `trunc` masks it.
pub(super) fn parse_cidr(text: &str) -> Option<IpNet> {
    let (ip, length) = text.split_once('/')?;
    IpNet::new(parse_ip(ip)?, decimal(length)?).ok()
}

fn decimal(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if digits { text.trim_start_matches('0').parse().ok().or(zero(text)) } else { None }
}

fn zero(text: &str) -> Option<u8> {
    text.bytes().all(|it| it == b'0').then_some(0)
}

pub(super) fn family(ip: IpAddr) -> Family {
    if ip.is_ipv4() { Family::V4 } else { Family::V6 }
}

/// Those of `texts` that are addresses of `wanted`, in their order.
pub(super) fn ips_of_family<'a>(
    texts: impl IntoIterator<Item = &'a String>,
    wanted: Family,
) -> Vec<IpAddr> {
    let ips = texts.into_iter().filter_map(|it| parse_ip(it));
    ips.filter(|it| family(*it) == wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let ip = parse_ip(text).map(|it| it.to_string());
        assert_eq!(ip.unwrap_or_default(), expected, "{text}");
    }

    #[test]
    fn leading_zeros_are_decimal() {
        check("172.30.0.041", "172.30.0.41");
        check("000.0.00.0", "0.0.0.0");
        check("fd00:0:0:0::0007", "fd00::7");
        check("::ffff:10.0.0.1", "10.0.0.1");
        for broken in ["", "10.0.0", "10.0.0.256", "10.0.0.1.2", "10.0.0.+1", "10..0.1", "x"] {
            check(broken, "");
        }
        assert_eq!(
            parse_cidr("203.0.113.09/024").map(|it| it.trunc().to_string()).as_deref(),
            Some("203.0.113.0/24")
        );
        assert_eq!(parse_cidr("10.0.0.0/33"), None);
    }
}
