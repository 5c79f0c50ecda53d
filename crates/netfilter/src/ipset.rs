//! Sets that rules ask for whole lists of addresses and ports (`-m set`), as `ipset` keeps them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::packet::{Packet, Protocol};
use crate::rule::{Family, OriginId};

/// One network namespace's sets, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IpSets(pub BTreeMap<String, IpSet>);

#[derive(Debug, Clone, PartialEq)]
pub struct IpSet {
    pub kind: SetKind,
    pub family: Family,
    /// In order; the kernel's own is that of a hash. Each with why it is there.
    pub members: BTreeMap<Member, Option<OriginId>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetKind {
    HashIp,
    HashIpPort,
    HashIpPortIp,
    HashIpPortNet,
    BitmapPort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Ip(IpAddr),
    IpPort(IpAddr, Protocol, u16),
    /// In a set of single addresses the network is one.
    IpPortNet(IpAddr, Protocol, u16, IpNet),
    Port(u16),
}

impl SetKind {
    pub fn name(self) -> &'static str {
        match self {
            SetKind::HashIp => "hash:ip",
            SetKind::HashIpPort => "hash:ip,port",
            SetKind::HashIpPortIp => "hash:ip,port,ip",
            SetKind::HashIpPortNet => "hash:ip,port,net",
            SetKind::BitmapPort => "bitmap:port",
        }
    }

    /// As Linux 6.1 numbers the forms of each type.
    fn revision(self) -> u8 {
        match self {
            SetKind::HashIp | SetKind::HashIpPortIp => 6,
            SetKind::HashIpPort => 7,
            SetKind::HashIpPortNet => 8,
            SetKind::BitmapPort => 3,
        }
    }
}

impl IpSets {
    /// The member that `packet` is, where the set's fields are taken from these of its `parts`
    /// (`dst,dst,src`). None also where there is no such set.
    pub fn find(
        &self,
        name: &str,
        parts: &str,
        packet: &Packet,
    ) -> Option<(&Member, Option<OriginId>)> {
        let set = self.0.get(name)?;
        let mut parts = parts.split(',').map(|it| it == "src");
        let first = parts.next()?;
        let (second, third) = (parts.next().unwrap_or(first), parts.next().unwrap_or(first));
        let ip = |source: bool| if source { packet.src } else { packet.dst };
        let port = |source: bool| if source { packet.sport() } else { packet.dport() };
        let key = || Some((ip(first), packet.protocol(), port(second)?));
        let wanted = match set.kind {
            SetKind::HashIp => Member::Ip(ip(first)),
            SetKind::BitmapPort => Member::Port(port(first)?),
            SetKind::HashIpPort => key().map(|(ip, of, port)| Member::IpPort(ip, of, port))?,
            SetKind::HashIpPortIp | SetKind::HashIpPortNet => {
                let key = key()?;
                return set.in_net(key, ip(third));
            }
        };
        set.members.get_key_value(&wanted).map(|(member, origin)| (member, *origin))
    }
}

impl IpSet {
    pub fn new(kind: SetKind, family: Family) -> IpSet {
        IpSet { kind, family, members: BTreeMap::new() }
    }

    fn in_net(
        &self,
        key: (IpAddr, Protocol, u16),
        ip: IpAddr,
    ) -> Option<(&Member, Option<OriginId>)> {
        let found = self.members.iter().find(|(member, _)| match member {
            Member::IpPortNet(own, protocol, port, net) => {
                (*own, *protocol, *port) == key && net.contains(&ip)
            }
            _ => false,
        });
        found.map(|(member, origin)| (member, *origin))
    }

    /// The words after the type: what `ipset create` was told, or took.
    fn header(&self, name: &str) -> String {
        if self.kind == SetKind::BitmapPort {
            return "range 0-65535".to_owned();
        }
        let family = if self.family == Family::V6 { "inet6" } else { "inet" };
        let start = start_value(name);
        format!("family {family} hashsize 1024 maxelem 65536 bucketsize 12 initval 0x{start:08x}")
    }

    /// In bytes, near to what a kernel says; its own figure hangs on how its hash has filled.
    fn memory(&self) -> usize {
        match self.kind {
            SetKind::BitmapPort => 8264,
            SetKind::HashIp => 216 + 40 * self.members.len(),
            SetKind::HashIpPortNet => 464 + 64 * self.members.len(),
            _ => 200 + 64 * self.members.len(),
        }
    }

    /// As `ipset list NAME` prints it; `references` counts the rules that ask for it.
    pub fn list(&self, name: &str, references: usize) -> String {
        let members: String = self.members.keys().map(|it| format!("{it}\n")).collect();
        format!(
            "Name: {name}\nType: {}\nRevision: {}\nHeader: {}\nSize in memory: {}\n\
             References: {references}\nNumber of entries: {}\nMembers:\n{members}",
            self.kind.name(),
            self.kind.revision(),
            self.header(name),
            self.memory(),
            self.members.len()
        )
    }

    /// As `ipset save NAME` prints it.
    pub fn save(&self, name: &str) -> String {
        let create = format!("create {name} {} {}\n", self.kind.name(), self.header(name));
        let members = self.members.keys().map(|it| format!("add {name} {it}\n"));
        create + &members.collect::<String>()
    }
}

/// A kernel draws the start of each hash anew; here it follows from the name (FNV-1a).
fn start_value(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// `10.96.0.10,udp:53`, `10.244.1.7,tcp:8080,10.244.1.7`, `30080`
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Member::Ip(ip) => write!(f, "{ip}"),
            Member::Port(port) => write!(f, "{port}"),
            Member::IpPort(ip, protocol, port) => write!(f, "{ip},{}:{port}", protocol.name()),
            Member::IpPortNet(ip, protocol, port, net) => {
                write!(f, "{ip},{}:{port},", protocol.name())?;
                match net.prefix_len() == net.max_prefix_len() {
                    true => write!(f, "{}", net.addr()),
                    false => write!(f, "{net}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::L4;

    fn sets() -> IpSets {
        let ip: IpAddr = [198, 51, 100, 20].into();
        let net = "203.0.113.0/25".parse().expect("a network");
        let set = |kind, member| IpSet {
            members: BTreeMap::from([(member, None)]),
            ..IpSet::new(kind, Family::V4)
        };
        let sets = [
            ("IPS", set(SetKind::HashIp, Member::Ip(ip))),
            ("PORTALS", set(SetKind::HashIpPort, Member::IpPort(ip, Protocol::Tcp, 80))),
            ("CIDR", set(SetKind::HashIpPortNet, Member::IpPortNet(ip, Protocol::Tcp, 80, net))),
            ("NODE", set(SetKind::BitmapPort, Member::Port(80))),
        ];
        IpSets(sets.map(|(name, set)| (name.to_owned(), set)).into())
    }

    #[track_caller]
    fn check(src: &str, l4: L4, expected: &[&str]) {
        let dst = [198, 51, 100, 20].into();
        let packet = Packet::new(src.parse().expect("an address"), dst, l4);
        let asked =
            [("IPS", "dst"), ("PORTALS", "dst,dst"), ("CIDR", "dst,dst,src"), ("NODE", "dst")];
        let sets = sets();
        let found = asked.iter().filter(|(set, parts)| sets.find(set, parts, &packet).is_some());
        assert_eq!(found.map(|it| it.0).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_member_is_found_by_the_parts_that_the_rule_names() {
        let tcp = |dport| L4::Tcp { sport: 40_000, dport, flags: crate::TcpFlags::SYN };
        check("203.0.113.5", tcp(80), &["IPS", "PORTALS", "CIDR", "NODE"]);
        check("203.0.113.200", tcp(80), &["IPS", "PORTALS", "NODE"]);
        check("203.0.113.5", tcp(81), &["IPS"]);
        check("203.0.113.5", L4::Udp { sport: 80, dport: 80 }, &["IPS", "NODE"]);
        check("203.0.113.5", L4::Icmp(crate::Icmp::EchoRequest { id: 1 }), &["IPS"]);
    }

    #[test]
    fn a_set_is_listed_and_saved_as_ipset_does() {
        let sets = sets();
        let text = sets.0["PORTALS"].list("PORTALS", 2);
        let start = "Name: PORTALS\nType: hash:ip,port\nRevision: 7\nHeader: family inet hashsize \
                     1024 maxelem 65536 bucketsize 12 initval 0x";
        assert!(text.starts_with(start), "{text}");
        let end = "References: 2\nNumber of entries: 1\nMembers:\n198.51.100.20,tcp:80\n";
        assert!(text.ends_with(end), "{text}");
        assert_eq!(
            sets.0["NODE"].save("NODE"),
            "create NODE bitmap:port range 0-65535\nadd NODE 80\n"
        );
        let cidr = sets.0["CIDR"].save("CIDR");
        assert!(cidr.ends_with("add CIDR 198.51.100.20,tcp:80,203.0.113.0/25\n"), "{cidr}");
    }
}
