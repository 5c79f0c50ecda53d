//! One packet as the lab sees it: addresses, the transport header, and what the kernel keeps
//! beside it (the mark).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::conntrack::Tuple;

/// Transport protocols that a Service port can name, ICMP, and a whole packet in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
    Icmp,
    /// IP in IP, as tunnels of Calico send it.
    Ipip,
}

impl Protocol {
    /// Lower case, as iptables writes it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
            Protocol::Icmp => "icmp",
            Protocol::Ipip => "ipencap",
        }
    }

    /// The number in the IP header (IANA protocol numbers).
    pub fn number(self) -> u8 {
        match self {
            Protocol::Icmp => 1,
            Protocol::Ipip => 4,
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
        all.into_iter().find(|it| text.eq_ignore_ascii_case(it.name())).ok_or(())
    }
}

/// The TCP flags that change what conntrack and an endpoint do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TcpFlags {
    pub syn: bool,
    pub ack: bool,
    pub psh: bool,
    pub fin: bool,
    pub rst: bool,
}

impl TcpFlags {
    pub const SYN: TcpFlags =
        TcpFlags { syn: true, ack: false, psh: false, fin: false, rst: false };
    pub const SYN_ACK: TcpFlags = TcpFlags { ack: true, ..TcpFlags::SYN };
    pub const ACK: TcpFlags = TcpFlags { syn: false, ..TcpFlags::SYN_ACK };
    pub const PSH_ACK: TcpFlags = TcpFlags { psh: true, ..TcpFlags::ACK };
    pub const FIN_ACK: TcpFlags = TcpFlags { fin: true, ..TcpFlags::ACK };
    pub const RST: TcpFlags = TcpFlags { rst: true, syn: false, ..TcpFlags::SYN };
    pub const RST_ACK: TcpFlags = TcpFlags { rst: true, ..TcpFlags::ACK };
}

/// As tcpdump prints them: `S`, `S.`, `P.`, `F.`, `R.`, `.`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (set, letter) in
            [(self.syn, "S"), (self.fin, "F"), (self.psh, "P"), (self.rst, "R"), (self.ack, ".")]
        {
            if set {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// What an ICMP packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Icmp {
    EchoRequest {
        id: u16,
    },
    EchoReply {
        id: u16,
    },
    /// Type 3; `code` as in RFC 792 (3: port, 1: host). `about` is the packet that could not go on.
    Unreachable {
        code: u8,
        about: About,
    },
    /// Type 11, code 0: the TTL ran out.
    TimeExceeded {
        about: About,
    },
}

/// The header an ICMP error quotes (RFC 792: IP header and 64 bits of the datagram).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About {
    pub protocol: Protocol,
    pub src: SocketAddr,
    pub dst: SocketAddr,
}

/// The transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum L4 {
    Tcp { sport: u16, dport: u16, flags: TcpFlags },
    Udp { sport: u16, dport: u16 },
    Sctp { sport: u16, dport: u16 },
    Icmp(Icmp),
    Ipip,
}

/// A packet. `mark` is the kernel's (skb mark): it lives on this packet and on this node only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub ttl: u8,
    pub mark: u32,
    /// Payload length in bytes, without headers.
    pub length: u16,
    pub l4: L4,
}

impl Packet {
    /// A fresh packet with Linux's initial TTL of 64 and no payload.
    pub fn new(src: IpAddr, dst: IpAddr, l4: L4) -> Packet {
        Packet { src, dst, ttl: 64, mark: 0, length: 0, l4 }
    }

    pub fn tcp(src: SocketAddr, dst: SocketAddr, flags: TcpFlags) -> Packet {
        let l4 = L4::Tcp { sport: src.port(), dport: dst.port(), flags };
        Packet::new(src.ip(), dst.ip(), l4)
    }

    pub fn protocol(&self) -> Protocol {
        match self.l4 {
            L4::Tcp { .. } => Protocol::Tcp,
            L4::Udp { .. } => Protocol::Udp,
            L4::Sctp { .. } => Protocol::Sctp,
            L4::Icmp(_) => Protocol::Icmp,
            L4::Ipip => Protocol::Ipip,
        }
    }

    /// The source port; an echo's identifier stands in for it, as in conntrack.
    pub fn sport(&self) -> Option<u16> {
        match self.l4 {
            L4::Tcp { sport, .. } | L4::Udp { sport, .. } | L4::Sctp { sport, .. } => Some(sport),
            L4::Icmp(_) | L4::Ipip => None,
        }
    }

    pub fn dport(&self) -> Option<u16> {
        match self.l4 {
            L4::Tcp { dport, .. } | L4::Udp { dport, .. } | L4::Sctp { dport, .. } => Some(dport),
            L4::Icmp(_) | L4::Ipip => None,
        }
    }

    pub fn source(&self) -> SocketAddr {
        SocketAddr::new(self.src, self.sport().unwrap_or(0))
    }

    pub fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.dst, self.dport().unwrap_or(0))
    }

    pub fn tcp_flags(&self) -> Option<TcpFlags> {
        match self.l4 {
            L4::Tcp { flags, .. } => Some(flags),
            _ => None,
        }
    }

    /// Whether it reports about another packet.
    pub fn is_icmp_error(&self) -> bool {
        matches!(self.l4, L4::Icmp(Icmp::Unreachable { .. } | Icmp::TimeExceeded { .. }))
    }

    /// Rewrites the source address, and the port where the protocol has one.
    pub fn set_source(&mut self, to: SocketAddr) {
        self.src = to.ip();
        if let L4::Tcp { sport, .. } | L4::Udp { sport, .. } | L4::Sctp { sport, .. } = &mut self.l4
        {
            *sport = to.port();
        }
    }

    /// Rewrites the destination address, and the port where the protocol has one.
    pub fn set_destination(&mut self, to: SocketAddr) {
        self.dst = to.ip();
        if let L4::Tcp { dport, .. } | L4::Udp { dport, .. } | L4::Sctp { dport, .. } = &mut self.l4
        {
            *dport = to.port();
        }
    }

    /// The type and code in the ICMP header, with ICMPv6's numbers over IPv6.
    pub fn icmp_type(&self) -> Option<(u8, u8)> {
        let L4::Icmp(icmp) = self.l4 else { return None };
        let v4 = self.src.is_ipv4();
        Some(match icmp {
            Icmp::EchoRequest { .. } => (if v4 { 8 } else { 128 }, 0),
            Icmp::EchoReply { .. } => (if v4 { 0 } else { 129 }, 0),
            Icmp::Unreachable { code, .. } if v4 => (3, code),
            // Network, host, protocol, port; all else is "administratively prohibited".
            Icmp::Unreachable { code, .. } => {
                (1, [0, 3, 4, 4].get(usize::from(code)).copied().unwrap_or(1))
            }
            Icmp::TimeExceeded { .. } => (if v4 { 11 } else { 3 }, 0),
        })
    }

    /// The length in the IP header, in bytes: a SYN with the options that Linux gives it (40 bytes of
    /// TCP header), other segments with their time stamps (32), an error with what it quotes.
    pub fn ip_length(&self) -> u32 {
        let ip = if self.src.is_ipv4() { 20 } else { 40 };
        let header = match self.l4 {
            L4::Tcp { flags, .. } if flags.syn => 40,
            L4::Tcp { flags, .. } if flags.rst => 20,
            L4::Tcp { .. } => 32,
            L4::Udp { .. } => 8,
            L4::Sctp { .. } => 12,
            L4::Ipip => 0,
            L4::Icmp(Icmp::EchoRequest { .. } | Icmp::EchoReply { .. }) => 8,
            L4::Icmp(Icmp::Unreachable { about, .. } | Icmp::TimeExceeded { about }) => {
                8 + ip + if about.protocol == Protocol::Tcp { 40 } else { 8 }
            }
        };
        ip + header + u32::from(self.length)
    }

    /// The header an ICMP error about this packet quotes; of an echo with its identifier.
    pub fn about(&self) -> About {
        let Tuple { protocol, src, dst } = Tuple::of(self);
        About { protocol, src, dst }
    }
}

/// `SYN 10.244.1.4:41022 > 10.96.10.10:80`: the kind of packet, then both ends.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.l4 {
            L4::Tcp { flags, .. } => {
                write!(f, "TCP [{flags}] {} > {}", self.source(), self.destination())
            }
            L4::Udp { .. } => write!(f, "UDP {} > {}", self.source(), self.destination()),
            L4::Sctp { .. } => write!(f, "SCTP {} > {}", self.source(), self.destination()),
            L4::Icmp(icmp) => write!(f, "ICMP {} > {}: {icmp}", self.src, self.dst),
            L4::Ipip => write!(f, "IPIP {} > {}", self.src, self.dst),
        }
    }
}

impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Icmp::EchoRequest { id } => write!(f, "echo request, id {id}"),
            Icmp::EchoReply { id } => write!(f, "echo reply, id {id}"),
            Icmp::Unreachable { code: 3, about } => {
                write!(
                    f,
                    "{} {} port {} unreachable",
                    about.dst.ip(),
                    about.protocol,
                    about.dst.port()
                )
            }
            Icmp::Unreachable { about, .. } => write!(f, "host {} unreachable", about.dst.ip()),
            Icmp::TimeExceeded { .. } => f.write_str("time exceeded in-transit"),
        }
    }
}
