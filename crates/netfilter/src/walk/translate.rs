//! Which address and ports a translation with ranges gives (`nf_nat_core.c`, `nf_nat_redirect.c`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::walker::Walker;
use super::{Hook, Nat};
use crate::target::{Translation, TranslationKind};

/// Of more addresses than this the first is taken rather than one by chance.
const MOST_CHOICES: u128 = 64;

impl Walker<'_> {
    /// None where there is no address to redirect to.
    pub(super) fn translation(&mut self, it: &Translation) -> Option<Nat> {
        let address = match (it.kind, it.addresses) {
            (TranslationKind::Redirect, _) => self.own_address()?,
            (_, Some((first, last))) => self.choose(first, last),
            (TranslationKind::Dnat, None) => self.packet.dst,
            (_, None) => self.packet.src,
        };
        Some(match it.kind {
            TranslationKind::Dnat | TranslationKind::Redirect => {
                Nat::Dnat { to: address, port: self.destination_port(it) }
            }
            TranslationKind::Snat => {
                let random = it.random || it.random_fully;
                Nat::Snat { to: address, ports: it.ports, random }
            }
            TranslationKind::Masquerade => {
                let random_fully = it.random || it.random_fully;
                Nat::Masquerade { random_fully, ports: it.ports }
            }
        })
    }

    /// `NETMAP`: the destination before routing, the source after it.
    pub(super) fn netmap(&self, net: IpNet) -> Nat {
        let before = matches!(self.passage.hook, Hook::Prerouting | Hook::Output);
        let from = if before { self.packet.dst } else { self.packet.src };
        let to = replaced(net, from);
        match before {
            true => Nat::Dnat { to, port: None },
            false => Nat::Snat { to, ports: None, random: false },
        }
    }

    /// Loopback for the machine's own packets, else the primary address of the incoming device.
    fn own_address(&self) -> Option<IpAddr> {
        if self.passage.hook != Hook::Output {
            return self.around.in_address;
        }
        Some(match self.packet.dst {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        })
    }

    /// Each client gets one address of the range for good, by a hash that nobody can foretell.
    fn choose(&mut self, first: IpAddr, last: IpAddr) -> IpAddr {
        let count = number(last).saturating_sub(number(first)).saturating_add(1);
        if count > MOST_CHOICES {
            return first;
        }
        for index in 0..count {
            let threshold = ((1u64 << 31) / (count - index) as u64) as u32;
            if self.dice.draw(threshold) < threshold {
                return address(first, number(first) + index);
            }
        }
        last
    }

    /// A port in the range stays; another one becomes the range's first, or goes on from `base`.
    fn destination_port(&self, it: &Translation) -> Option<u16> {
        let ports = it.ports?;
        let own = self.packet.dport().unwrap_or(0);
        let size = u32::from(ports.last - ports.first) + 1;
        let port = match it.base {
            Some(base) => {
                let offset = u32::from(own.wrapping_sub(base)) % size;
                ports.first.saturating_add(offset as u16)
            }
            None if (ports.first..=ports.last).contains(&own) => own,
            None => ports.first,
        };
        Some(port)
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn address(like: IpAddr, number: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(number as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}

/// `ip` with the network part of `net`; `ip` itself where it is of the other family.
fn replaced(net: IpNet, ip: IpAddr) -> IpAddr {
    if net.addr().is_ipv4() != ip.is_ipv4() {
        return ip;
    }
    let host = number(net.hostmask());
    address(ip, (number(net.network()) & !host) | (number(ip) & host))
}
