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

impl Entry {
    /// The line that `conntrack -L` prints; `now` in milliseconds of the lab.
    pub fn listing(&self, now: u64) -> String {
        let left = self.expires.saturating_sub(now) / 1000;
        format!("{} mark=0 use=1", Row { entry: self, left: Some(left) })
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
        let protocol = entry.original.protocol;
        write!(f, "{:<8} {}", protocol.name(), protocol.number())?;
        if let Some(left) = left {
            write!(f, " {left}")?;
        }
        if let Some(state) = entry.tcp {
            write!(f, " {}", state.name())?;
        }
        write!(f, " {}", entry.original)?;
        if !entry.replied {
            f.write_str(" [UNREPLIED]")?;
        }
        write!(f, " {}", entry.reply)?;
        if entry.assured {
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
        let is_error =
            matches!(packet.l4, L4::Icmp(Icmp::Unreachable { .. } | Icmp::TimeExceeded { .. }));
        let found = self.find(tuple, now);
        let entry = found.and_then(|(way, original)| Some((way, self.entries.get_mut(&original)?)));
        let Some((direction, entry)) = entry else {
            let mid_stream = packet.tcp_flags().is_some_and(|it| it.rst || (it.syn && it.ack));
            let status = if is_error || mid_stream { CtStatus::Invalid } else { CtStatus::New };
            let entry = Entry::begun(packet, now);
            return Tracked { status, direction: Direction::Original, entry };
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
        if self.knows(&tuple, now) {
            return Some((Direction::Original, tuple));
        }
        let original = *self.replies.get(&tuple)?;
        self.knows(&original, now).then_some((Direction::Reply, original))
    }

    /// Puts a new connection into the table, when its first packet has passed everything.
    pub fn confirm(&mut self, entry: Entry) {
        if let Some(old) = self.entries.remove(&entry.original) {
            self.replies.remove(&old.reply);
        }
        self.replies.insert(entry.reply, entry.original);
        self.entries.insert(entry.original, entry);
    }

    /// Whether a living connection has this reply tuple: its source port is taken.
    pub fn is_taken(&self, reply: &Tuple, now: u64) -> bool {
        self.replies.get(reply).is_some_and(|original| self.knows(original, now))
    }

    /// Whether a living connection has this original tuple: its NAT is fixed.
    pub fn knows(&self, original: &Tuple, now: u64) -> bool {
        self.entries.get(original).is_some_and(|it| it.expires > now)
    }

    /// The living entries, in the order of their original tuples.
    pub fn entries(&self, now: u64) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |it| it.expires > now)
    }

    /// Deletes entries (`conntrack -D`) and says how many there were.
    pub fn forget(&mut self, stale: impl Fn(&Entry) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| !stale(entry));
        let entries = &self.entries;
        self.replies.retain(|_, original| entries.contains_key(original));
        before - self.entries.len()
    }

    /// Forgets what has expired.
    pub fn sweep(&mut self, now: u64) {
        let entries = &mut self.entries;
        entries.retain(|_, entry| entry.expires > now);
        self.replies.retain(|_, original| entries.contains_key(original));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn syn() -> Packet {
        Packet::tcp(address("10.244.1.9:34416"), address("10.96.12.34:80"), TcpFlags::SYN)
    }

    /// A connection to a ClusterIP, its packets given by direction and flags.
    fn connection(packets: &[(Direction, TcpFlags)]) -> Conntrack {
        let mut table = Conntrack::default();
        let mut entry = table.look_up(&syn(), 0).entry;
        entry.reply.src = address("10.244.2.6:8080");
        table.confirm(entry);
        for (direction, flags) in packets {
            let (src, dst) = match direction {
                Direction::Original => (syn().source(), syn().destination()),
                Direction::Reply => (address("10.244.2.6:8080"), syn().source()),
            };
            table.look_up(&Packet::tcp(src, dst, *flags), 0);
        }
        table
    }

    #[track_caller]
    fn check(packets: &[(Direction, TcpFlags)], expected: &str) {
        let table = connection(packets);
        let lines: Vec<String> = table.entries(0).map(|it| it.listing(0)).collect();
        assert_eq!(lines, [expected]);
    }

    /// The rows have the form that conntrack 1.4.7 printed on a real node.
    #[test]
    fn a_connection_goes_through_the_kernels_states() {
        use Direction::{Original, Reply};
        let tuples = "src=10.244.1.9 dst=10.96.12.34 sport=34416 dport=80";
        let back = "src=10.244.2.6 dst=10.244.1.9 sport=8080 dport=34416";
        let syn_ack = (Reply, TcpFlags::SYN_ACK);
        let ack = (Original, TcpFlags::ACK);
        let tail = "mark=0 use=1";
        check(&[], &format!("tcp      6 120 SYN_SENT {tuples} [UNREPLIED] {back} {tail}"));
        check(&[syn_ack], &format!("tcp      6 60 SYN_RECV {tuples} {back} {tail}"));
        let open = format!("tcp      6 86400 ESTABLISHED {tuples} {back} [ASSURED] {tail}");
        check(&[syn_ack, ack], &open);
        let closed = [syn_ack, ack, (Original, TcpFlags::FIN_ACK), (Reply, TcpFlags::FIN_ACK), ack];
        let over = format!("tcp      6 120 TIME_WAIT {tuples} {back} [ASSURED] {tail}");
        check(&closed, &over);
        let reset = [(Reply, TcpFlags::RST_ACK)];
        check(&reset, &format!("tcp      6 10 CLOSE {tuples} {back} {tail}"));
    }

    #[test]
    fn an_answer_is_recognised_by_the_pods_address_and_a_stranger_is_not() {
        let mut table = connection(&[]);
        let reply = Packet::tcp(address("10.244.2.6:8080"), syn().source(), TcpFlags::SYN_ACK);
        let tracked = table.look_up(&reply, 1);
        assert_eq!((tracked.status, tracked.direction), (CtStatus::Established, Direction::Reply));
        let stray = Packet::tcp(address("10.244.2.7:8080"), syn().source(), TcpFlags::SYN_ACK);
        assert_eq!(table.look_up(&stray, 1).status, CtStatus::Invalid);
    }

    #[test]
    fn an_entry_is_forgotten_after_its_time() {
        let mut table = connection(&[]);
        assert_eq!(table.entries(119_999).count(), 1);
        assert_eq!(table.entries(120_000).count(), 0);
        assert_eq!(table.look_up(&syn(), 120_000).status, CtStatus::New);
    }

    #[test]
    fn an_icmp_error_about_a_connection_is_related_to_it() {
        let mut table = connection(&[]);
        let mut forwarded = syn();
        forwarded.set_destination(address("10.244.2.6:8080"));
        let error = L4::Icmp(Icmp::Unreachable { code: 3, about: forwarded.about() });
        let packet = Packet::new(address("10.244.2.1:0").ip(), syn().src, error);
        let tracked = table.look_up(&packet, 1);
        assert_eq!((tracked.status, tracked.direction), (CtStatus::Related, Direction::Reply));
    }
}
