//! Connections as the kernel remembers them: two tuples, a state, a NAT binding.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::packet::{About, Icmp, L4, Packet, Protocol, TcpFlags};

/// One direction's addresses. For ICMP echo both ports hold the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    pub protocol: Protocol,
    pub src: SocketAddr,
    pub dst: SocketAddr,
}

impl Tuple {
    /// The tuple of a packet; of the packet it quotes, seen from the other side, for an ICMP error.
    pub fn of(packet: &Packet) -> Tuple {
        match packet.l4 {
            L4::Icmp(Icmp::EchoRequest { id } | Icmp::EchoReply { id }) => Tuple {
                protocol: Protocol::Icmp,
                src: SocketAddr::new(packet.src, id),
                dst: SocketAddr::new(packet.dst, id),
            },
            L4::Icmp(Icmp::Unreachable { about, .. } | Icmp::TimeExceeded { about }) => {
                Tuple::quoted(about).reversed()
            }
            _ => Tuple {
                protocol: packet.protocol(),
                src: packet.source(),
                dst: packet.destination(),
            },
        }
    }

    fn quoted(about: About) -> Tuple {
        Tuple { protocol: about.protocol, src: about.src, dst: about.dst }
    }

    pub fn reversed(self) -> Tuple {
        Tuple { src: self.dst, dst: self.src, ..self }
    }
}

/// `src=10.244.1.4 dst=10.96.10.10 sport=41022 dport=80`, as `conntrack -L` prints it.
impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src={} dst={}", self.src.ip(), self.dst.ip())?;
        write!(f, " sport={} dport={}", self.src.port(), self.dst.port())
    }
}

/// Whether a packet goes the way of the connection's first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    Original,
    Reply,
}

/// What `--ctstate` sees of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtStatus {
    New,
    Established,
    Related,
    Invalid,
}

/// TCP's states in `nf_conntrack_proto_tcp.c`, as far as an undisturbed connection goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpState {
    SynSent,
    SynRecv,
    Established,
    FinWait,
    LastAck,
    TimeWait,
    Close,
}

impl TcpState {
    pub fn name(self) -> &'static str {
        match self {
            TcpState::SynSent => "SYN_SENT",
            TcpState::SynRecv => "SYN_RECV",
            TcpState::Established => "ESTABLISHED",
            TcpState::FinWait => "FIN_WAIT",
            TcpState::LastAck => "LAST_ACK",
            TcpState::TimeWait => "TIME_WAIT",
            TcpState::Close => "CLOSE",
        }
    }

    /// Seconds until the entry is forgotten: the kernel's defaults (`tcp_timeouts`), with
    /// kube-proxy's 24 h for established connections (`conntrack.tcpEstablishedTimeout`).
    pub fn timeout(self) -> u32 {
        match self {
            TcpState::SynSent => 120,
            TcpState::SynRecv => 60,
            TcpState::Established => 86_400,
            TcpState::FinWait => 120,
            TcpState::LastAck => 30,
            TcpState::TimeWait => 120,
            TcpState::Close => 10,
        }
    }

    fn after(self, direction: Direction, flags: TcpFlags) -> TcpState {
        use TcpState::*;
        match (self, direction) {
            _ if flags.rst => Close,
            (SynSent, Direction::Reply) if flags.syn && flags.ack => SynRecv,
            (SynRecv, Direction::Original) if flags.ack => Established,
            (Established, _) if flags.fin => FinWait,
            (FinWait, _) if flags.fin => LastAck,
            (LastAck, _) if flags.ack => TimeWait,
            (state, _) => state,
        }
    }
}

/// A connection. `reply` is what an answer looks like when it comes in: its `src` is the DNAT
/// target, its `dst` the SNAT address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub original: Tuple,
    pub reply: Tuple,
    pub tcp: Option<TcpState>,
    /// An answer was seen (the `[UNREPLIED]` mark is off).
    pub replied: bool,
    /// Both ways were used beyond the first answer (`[ASSURED]`).
    pub assured: bool,
    /// In milliseconds of the lab.
    pub expires: u64,
}

impl Entry {
    pub fn is_dnat(&self) -> bool {
        self.reply.src != self.original.dst
    }

    pub fn is_snat(&self) -> bool {
        self.reply.dst != self.original.src
    }

    fn timeout(&self) -> u32 {
        match (self.original.protocol, self.tcp) {
            (_, Some(state)) => state.timeout(),
            (Protocol::Udp, _) if self.assured => 120,
            _ => 30,
        }
    }

    fn begun(packet: &Packet, now: u64) -> Entry {
        let original = Tuple::of(packet);
        let tcp = packet.tcp_flags().map(|_| TcpState::SynSent);
        let mut res = Entry {
            original,
            reply: original.reversed(),
            tcp,
            replied: false,
            assured: false,
            expires: 0,
        };
        res.expires = now + u64::from(res.timeout()) * 1000;
        res
    }

    fn see(&mut self, direction: Direction, packet: &Packet, now: u64) {
        self.assured |= self.replied && direction == Direction::Original;
        self.replied |= direction == Direction::Reply;
        if let (Some(state), Some(flags)) = (self.tcp, packet.tcp_flags()) {
            self.tcp = Some(state.after(direction, flags));
        }
        self.expires = now + u64::from(self.timeout()) * 1000;
    }
}

/// As `conntrack -L` prints it, without the time left.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.original.protocol, self.original.protocol.number())?;
        if let Some(state) = self.tcp {
            write!(f, " {}", state.name())?;
        }
        write!(f, " {}", self.original)?;
        if !self.replied {
            f.write_str(" [UNREPLIED]")?;
        }
        write!(f, " {}", self.reply)?;
        if self.assured {
            f.write_str(" [ASSURED]")?;
        }
        Ok(())
    }
}

/// What conntrack says of a packet when it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    pub status: CtStatus,
    pub direction: Direction,
    /// The connection; for a new one it is not yet in the table.
    pub entry: Entry,
}

/// One node's table of connections.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conntrack {
    entries: BTreeMap<Tuple, Entry>,
    /// reply tuple → original tuple
    replies: BTreeMap<Tuple, Tuple>,
}

impl Conntrack {
    /// Looks the packet up and lets its connection see it (`nf_conntrack_in`).
    pub fn look_up(&mut self, packet: &Packet, now: u64) -> Tracked {
        let tuple = Tuple::of(packet);
        let is_error = matches!(
            packet.l4,
            L4::Icmp(Icmp::Unreachable { .. } | Icmp::TimeExceeded { .. })
        );
        let Some((direction, original)) = self.find(tuple, now) else {
            let mid_stream = packet.tcp_flags().is_some_and(|it| it.rst || (it.syn && it.ack));
            let status =
                if is_error || mid_stream { CtStatus::Invalid } else { CtStatus::New };
            let entry = Entry::begun(packet, now);
            return Tracked { status, direction: Direction::Original, entry };
        };
        let Some(entry) = self.entries.get_mut(&original) else {
            unreachable!("find returns keys of the table");
        };
        if is_error {
            return Tracked { status: CtStatus::Related, direction, entry: entry.clone() };
        }
        entry.see(direction, packet, now);
        let answered = entry.replied;
        let status = if answered { CtStatus::Established } else { CtStatus::New };
        Tracked { status, direction, entry: entry.clone() }
    }

    fn find(&self, tuple: Tuple, now: u64) -> Option<(Direction, Tuple)> {
        let lives = |original: &Tuple| self.entries.get(original).is_some_and(|it| it.expires > now);
        if lives(&tuple) {
            return Some((Direction::Original, tuple));
        }
        let original = *self.replies.get(&tuple)?;
        lives(&original).then_some((Direction::Reply, original))
    }

    /// Puts a new connection into the table, when its first packet has passed everything.
    pub fn confirm(&mut self, entry: Entry) {
        if let Some(old) = self.entries.remove(&entry.original) {
            self.replies.remove(&old.reply);
        }
        self.replies.insert(entry.reply, entry.original);
        self.entries.insert(entry.original, entry);
    }

    /// Whether a connection with this reply tuple exists: its source port is taken.
    pub fn is_taken(&self, reply: &Tuple) -> bool {
        self.replies.contains_key(reply)
    }

    /// Whether the original direction is already known (its NAT is fixed).
    pub fn knows(&self, original: &Tuple) -> bool {
        self.entries.contains_key(original)
    }

    /// The living entries, in the order of their original tuples.
    pub fn entries(&self, now: u64) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |it| it.expires > now)
    }

    /// Forgets what has expired.
    pub fn sweep(&mut self, now: u64) {
        let entries = &mut self.entries;
        entries.retain(|_, entry| entry.expires > now);
        self.replies.retain(|_, original| entries.contains_key(original));
    }
}
