//! Which address a client takes first: the order of `getaddrinfo`'s list.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use svclab_netfilter::order::Order;

/// A client's own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Own {
    /// With the prefix of its interface: `10.244.1.9/24`.
    pub ipv4: Option<Ipv4Net>,
    /// Whether it has any IPv6 address but loopback; a link-local one is enough.
    pub any_ipv6: bool,
    /// Whether it reaches other IPv6 networks.
    pub global_ipv6: bool,
}

/// glibc's order (RFC 3484): what can be reached first, IPv6 before IPv4; of IPv4 those of the
/// client's own subnet, nearest first. Without any IPv6 address glibc leaves the list alone.
pub fn glibc(own: &Own, addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut res = families(own, addresses);
    if own.any_ipv6 {
        res.order_by_key(|ip| match ip {
            IpAddr::V4(ip) => (u8::from(own.global_ipv6), distance(own, *ip)),
            IpAddr::V6(_) => (u8::from(!own.global_ipv6), 0),
        });
    }
    res
}

/// musl's: IPv6 first where it can be reached; IPv4 in the DNS's own order.
pub fn musl(own: &Own, addresses: &[IpAddr]) -> Vec<IpAddr> {
    families(own, addresses)
}

fn families(own: &Own, addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for ip in addresses {
        let preferred = ip.is_ipv6() == own.global_ipv6;
        if preferred { &mut first } else { &mut rest }.push(*ip);
    }
    first.extend(rest);
    first
}

/// The highest bit in which an address of the own subnet differs; beyond all where it lies outside.
fn distance(own: &Own, ip: Ipv4Addr) -> u32 {
    match own.ipv4.filter(|it| it.contains(&ip)) {
        Some(net) => 32 - (net.addr().to_bits() ^ ip.to_bits()).leading_zeros(),
        None => u32::MAX,
    }
}
