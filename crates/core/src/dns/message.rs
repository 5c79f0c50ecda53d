//! Questions and replies of the DNS as values, with the words of `dig` for their parts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::Name;

/// A record type by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u16);

impl Type {
    pub const A: Type = Type(1);
    pub const NS: Type = Type(2);
    pub const CNAME: Type = Type(5);
    pub const SOA: Type = Type(6);
    pub const PTR: Type = Type(12);
    pub const MX: Type = Type(15);
    pub const TXT: Type = Type(16);
    pub const AAAA: Type = Type(28);
    pub const SRV: Type = Type(33);
    pub const IXFR: Type = Type(251);
    pub const AXFR: Type = Type(252);
    pub const ANY: Type = Type(255);

    /// `SRV`, in any case, or `TYPE65280` (RFC 3597).
    pub fn parse(word: &str) -> Option<Type> {
        let upper = word.to_ascii_uppercase();
        let known = TYPES.iter().find(|(name, _)| *name == upper).map(|(_, it)| Type(*it));
        known.or_else(|| upper.strip_prefix("TYPE")?.parse().ok().map(Type))
    }
}

const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DS", 43),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("TLSA", 52),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", 99),
    ("IXFR", 251),
    ("AXFR", 252),
    ("ANY", 255),
    ("CAA", 257),
];

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub owner: Name,
    /// In seconds.
    pub ttl: u32,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(Name),
    Ns(Name),
    Ptr(Name),
    Srv { priority: u16, weight: u16, port: u16, target: Name },
    Mx { preference: u16, exchange: Name },
    Txt(Vec<String>),
    Soa(Box<Soa>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    pub server: Name,
    pub mailbox: Name,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
}

impl Record {
    pub fn kind(&self) -> Type {
        match self.data {
            Data::A(_) => Type::A,
            Data::Aaaa(_) => Type::AAAA,
            Data::Cname(_) => Type::CNAME,
            Data::Ns(_) => Type::NS,
            Data::Ptr(_) => Type::PTR,
            Data::Srv { .. } => Type::SRV,
            Data::Mx { .. } => Type::MX,
            Data::Txt(_) => Type::TXT,
            Data::Soa(_) => Type::SOA,
        }
    }

    pub fn address(&self) -> Option<IpAddr> {
        match self.data {
            Data::A(ip) => Some(ip.into()),
            Data::Aaaa(ip) => Some(ip.into()),
            _ => None,
        }
    }
}

impl From<IpAddr> for Data {
    fn from(ip: IpAddr) -> Data {
        match ip {
            IpAddr::V4(ip) => Data::A(ip),
            IpAddr::V6(ip) => Data::Aaaa(ip),
        }
    }
}

/// `web.default.svc.cluster.local. 30 IN A 10.96.12.34`
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} {}", self.owner, self.ttl, self.kind(), self.data)
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::A(ip) => write!(f, "{ip}"),
            Data::Aaaa(ip) => write!(f, "{ip}"),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => write!(f, "{name}"),
            Data::Srv { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} {target}")
            }
            Data::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Data::Txt(texts) => {
                for (index, text) in texts.iter().enumerate() {
                    let gap = if index == 0 { "" } else { " " };
                    write!(f, "{gap}\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))?;
                }
                Ok(())
            }
            Data::Soa(it) => write!(
                f,
                "{} {} {} {} {} {} {}",
                it.server, it.mailbox, it.serial, it.refresh, it.retry, it.expire, it.minimum
            ),
        }
    }
}

/// What came of a question (RFC 1035 §4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rcode {
    NoError,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
}

impl Rcode {
    pub fn name(self) -> &'static str {
        match self {
            Rcode::NoError => "NOERROR",
            Rcode::ServFail => "SERVFAIL",
            Rcode::NxDomain => "NXDOMAIN",
            Rcode::NotImp => "NOTIMP",
            Rcode::Refused => "REFUSED",
        }
    }

    pub fn number(self) -> u8 {
        match self {
            Rcode::NoError => 0,
            Rcode::ServFail => 2,
            Rcode::NxDomain => 3,
            Rcode::NotImp => 4,
            Rcode::Refused => 5,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// What a client's OPT record offers; the server echoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP message it takes, in bytes.
    pub size: u16,
    /// dig sends a cookie of eight bytes.
    pub cookie: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub id: u16,
    pub name: Name,
    pub kind: Type,
    pub over: Transport,
    /// Whether the packets are IPv6's: they hold less without being cut up.
    pub ipv6: bool,
    pub edns: Option<Edns>,
    pub recursion_desired: bool,
}

impl Query {
    /// As a libc asks: over UDP, without EDNS.
    pub fn new(name: Name, kind: Type) -> Query {
        let over = Transport::Udp;
        Query { id: 0, name, kind, over, ipv6: false, edns: None, recursion_desired: true }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    pub authoritative: bool,
    pub truncated: bool,
    pub recursion_desired: bool,
    pub recursion_available: bool,
}

/// `qr aa rd`, in dig's order.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("qr")?;
        let words = [
            (self.authoritative, " aa"),
            (self.truncated, " tc"),
            (self.recursion_desired, " rd"),
            (self.recursion_available, " ra"),
        ];
        words.iter().filter(|(set, _)| *set).try_for_each(|(_, word)| f.write_str(word))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub rcode: Rcode,
    pub flags: Flags,
    pub question: (Name, Type),
    pub answer: Vec<Record>,
    pub authority: Vec<Record>,
    /// Without the OPT record.
    pub additional: Vec<Record>,
    pub edns: Option<Edns>,
    /// Whether its names are compressed on the wire.
    pub compressed: bool,
}

impl Reply {
    /// A reply without records.
    pub fn new(query: &Query, rcode: Rcode) -> Reply {
        let flags = Flags { recursion_desired: query.recursion_desired, ..Flags::default() };
        Reply {
            rcode,
            flags,
            question: (query.name.clone(), query.kind),
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            edns: None,
            compressed: false,
        }
    }

    pub fn sections(&self) -> [&Vec<Record>; 3] {
        [&self.answer, &self.authority, &self.additional]
    }

    pub fn sections_mut(&mut self) -> [&mut Vec<Record>; 3] {
        [&mut self.answer, &mut self.authority, &mut self.additional]
    }

    /// The addresses in ANSWER, in their order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.answer.iter().filter_map(Record::address)
    }
}
