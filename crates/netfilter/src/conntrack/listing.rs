//! Connections → the lines that the `conntrack` tool prints (1.4.7).

use std::fmt;

use super::{Entry, Tuple};
use crate::packet::Protocol;

impl Entry {
    /// The line that `conntrack -L` prints; `now` in milliseconds of the lab.
    pub fn listing(&self, now: u64) -> String {
        let left = self.expires.saturating_sub(now) / 1000;
        format!("{} mark={} use=1", Row { entry: self, left: Some(left) }, self.mark)
    }

    /// With the address family in front, as `conntrack -L -o extended` prints it.
    pub fn listing_extended(&self, now: u64) -> String {
        let family = if self.original.src.is_ipv4() { "ipv4     2" } else { "ipv6     10" };
        format!("{family} {}", self.listing(now))
    }

    /// As `/proc/net/nf_conntrack` shows it.
    pub fn listing_proc(&self, now: u64) -> String {
        let line = self.listing_extended(now);
        let head = line.strip_suffix("use=1").unwrap_or(&line);
        format!("{head}zone=0 use=2")
    }
}

/// `src=10.244.1.4 dst=10.96.10.10 sport=41022 dport=80`; an ICMP echo shows type, code and
/// identifier.
impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, true)
    }
}

impl Tuple {
    fn write(&self, f: &mut fmt::Formatter<'_>, request: bool) -> fmt::Result {
        write!(f, "src={} dst={}", self.src.ip(), self.dst.ip())?;
        if self.protocol == Protocol::Ipip {
            return Ok(());
        }
        if self.protocol != Protocol::Icmp {
            return write!(f, " sport={} dport={}", self.src.port(), self.dst.port());
        }
        let kind = match (self.src.is_ipv4(), request) {
            (true, true) => 8,
            (true, false) => 0,
            (false, true) => 128,
            (false, false) => 129,
        };
        write!(f, " type={kind} code=0 id={}", self.src.port())
    }
}

/// As `conntrack -L` prints it, without the time left.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Row { entry: self, left: None }.fmt(f)
    }
}

struct Row<'a> {
    entry: &'a Entry,
    left: Option<u64>,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { entry, left } = self;
        let (name, number) = match entry.original.protocol {
            Protocol::Icmp if entry.original.src.is_ipv6() => ("icmpv6", 58),
            Protocol::Ipip => ("unknown", Protocol::Ipip.number()),
            protocol => (protocol.name(), protocol.number()),
        };
        write!(f, "{name:<8} {number}")?;
        if let Some(left) = left {
            write!(f, " {left}")?;
        }
        let state = entry.tcp.map(|it| it.name()).or(entry.sctp.map(|it| it.name()));
        if let Some(state) = state {
            write!(f, " {state}")?;
        }
        write!(f, " {}", entry.original)?;
        if !entry.replied {
            f.write_str(" [UNREPLIED]")?;
        }
        f.write_str(" ")?;
        entry.reply.write(f, false)?;
        if entry.assured {
            f.write_str(" [ASSURED]")?;
        }
        Ok(())
    }
}
