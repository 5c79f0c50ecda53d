//! Cluster DNS: objects and a question → CoreDNS's reply; a pod and a name → the questions its
//! libc asks.
//!
//! What travels: [`name`], [`message`], [`size`]. The server: [`corefile`] says which plugins
//! there are, [`server`] runs them in CoreDNS's own order, [`kubernetes`] answers from objects,
//! [`cache`] remembers, [`upstream`] is the world outside.

pub mod cache;
pub mod client;
pub mod corefile;
mod edit;
pub mod kubernetes;
pub mod luck;
pub mod message;
pub mod name;
pub mod server;
pub mod size;
pub mod text;
pub mod upstream;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use luck::Luck;
pub use message::{Data, Edns, Flags, Query, Rcode, Record, Reply, Transport, Type};
pub use name::Name;
pub use server::{Around, Server};
pub use upstream::{Upstream, World};

const IPV4_ZONE: &str = "in-addr.arpa.";
const IPV6_ZONE: &str = "ip6.arpa.";

/// The name whose PTR record names an address.
pub fn reverse_name(ip: IpAddr) -> Name {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            Name::absolute(&format!("{d}.{c}.{b}.{a}.{IPV4_ZONE}"))
        }
        IpAddr::V6(ip) => {
            let mut text = String::new();
            for byte in ip.octets().iter().rev() {
                text.push_str(&format!("{:x}.{:x}.", byte & 15, byte >> 4));
            }
            Name::absolute(&(text + IPV6_ZONE))
        }
    }
}

/// Whether a name lies in a reverse zone (`dnsutil.IsReverse`).
fn is_reverse(name: &Name) -> bool {
    [IPV4_ZONE, IPV6_ZONE].iter().any(|it| name.is_in(&Name::absolute(it)))
}

/// The address a reverse name is for; None where labels are missing, or too many.
fn address_of(name: &Name) -> Option<IpAddr> {
    let lower = name.lower();
    if let Some(front) = lower.before(&Name::absolute(IPV4_ZONE)) {
        let parts: Vec<&str> = front.split('.').rev().collect();
        return parts.join(".").parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    }
    let front = lower.before(&Name::absolute(IPV6_ZONE))?;
    let digits: String = front.split('.').rev().collect();
    let short = front.split('.').all(|it| it.len() == 1) && digits.len() == 32;
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| short)?;
    Some(Ipv6Addr::from(number).into())
}

/// The longest of the zones that a name lies in (`plugin.Zones.Matches`).
fn zone_of<'a>(zones: &'a [Name], name: &Name) -> Option<&'a Name> {
    let mut res: Option<&Name> = None;
    for zone in zones.iter().filter(|zone| name.is_in(zone)) {
        if res.is_none_or(|best| zone.as_str().len() > best.as_str().len()) {
            res = Some(zone);
        }
    }
    res
}
