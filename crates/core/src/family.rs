//! What a cluster has once for each IP family it speaks: its primary one, and perhaps the other.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use svclab_netfilter::Family;

/// One value, or one of each IP family (`10.244.0.0/16,fd00:10:244::/56`); the first is of the
/// primary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
#[serde(bound(deserialize = "T: OfFamily", serialize = "T: OfFamily"))]
pub struct Dual<T> {
    pub primary: T,
    pub secondary: Option<T>,
}

pub type Ranges = Dual<IpNet>;
pub type Addresses = Dual<IpAddr>;

/// What belongs to one IP family, and how people write it.
pub trait OfFamily: Copy + fmt::Display + FromStr<Err: fmt::Display> {
    fn family(&self) -> Family;
}

impl OfFamily for IpAddr {
    fn family(&self) -> Family {
        if self.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

impl OfFamily for IpNet {
    fn family(&self) -> Family {
        self.addr().family()
    }
}

impl<T: OfFamily> Dual<T> {
    /// The primary one first.
    pub fn iter(self) -> impl Iterator<Item = T> {
        std::iter::once(self.primary).chain(self.secondary)
    }

    pub fn of(self, family: Family) -> Option<T> {
        self.iter().find(|it| it.family() == family)
    }

    pub fn families(self) -> impl Iterator<Item = Family> {
        self.iter().map(|it| it.family())
    }
}

impl Dual<IpAddr> {
    pub fn contains(self, ip: &IpAddr) -> bool {
        self.iter().any(|it| it == *ip)
    }
}

impl Dual<IpNet> {
    pub fn contains(self, ip: &IpAddr) -> bool {
        self.iter().any(|it| it.contains(ip))
    }
}

impl From<IpAddr> for Addresses {
    fn from(primary: IpAddr) -> Addresses {
        Dual { primary, secondary: None }
    }
}

impl From<IpNet> for Ranges {
    fn from(primary: IpNet) -> Ranges {
        Dual { primary, secondary: None }
    }
}

impl<T: OfFamily> fmt::Display for Dual<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.secondary {
            Some(secondary) => write!(f, "{},{secondary}", self.primary),
            None => self.primary.fmt(f),
        }
    }
}

impl<T: OfFamily> From<Dual<T>> for String {
    fn from(it: Dual<T>) -> String {
        it.to_string()
    }
}

impl<T: OfFamily> TryFrom<String> for Dual<T> {
    type Error = String;

    fn try_from(text: String) -> Result<Dual<T>, String> {
        let read = |it: &str| it.trim().parse::<T>().map_err(|why| format!("{it:?}: {why}"));
        let (first, second) = match text.split_once(',') {
            Some((first, second)) => (first, Some(second)),
            None => (text.as_str(), None),
        };
        let (primary, secondary) = (read(first)?, second.map(read).transpose()?);
        if secondary.is_some_and(|it| it.family() == primary.family()) {
            return Err(format!("{text:?}: both are of one IP family"));
        }
        Ok(Dual { primary, secondary })
    }
}

/// The first address of a range that a host can have; the one before it is the network's own.
pub fn first_host(range: IpNet) -> IpAddr {
    let next = next_ip(range.network()).filter(|_| range.prefix_len() < range.max_prefix_len());
    next.unwrap_or(range.addr())
}

pub fn next_ip(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).checked_add(1).map(|it| IpAddr::V4(it.into())),
        IpAddr::V6(ip) => u128::from(ip).checked_add(1).map(|it| IpAddr::V6(it.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_values_are_of_two_families() {
        let read = |text: &str| Addresses::try_from(text.to_owned()).map(|it| it.to_string());
        for right in ["10.0.0.1", "10.0.0.1,fd00::1", "fd00::1,10.0.0.1"] {
            assert_eq!(read(right), Ok(right.to_owned()));
        }
        for wrong in ["", "10.0.0.1,10.0.0.2", "fd00::1,fd00::2", "10.0.0.1,fd00::1,fd00::2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_host_comes_after_the_networks_own_address() {
        let first = |text: &str| first_host(text.parse().expect("a range")).to_string();
        assert_eq!(first("10.244.1.0/24"), "10.244.1.1");
        assert_eq!(first("fd00:10:244:1::/64"), "fd00:10:244:1::1");
        assert_eq!(first("10.0.0.7/32"), "10.0.0.7");
    }
}
