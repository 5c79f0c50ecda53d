//! Connections as the kernel remembers them: two tuples, a state, a NAT binding.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::extension::CtStatuses;
use crate::packet::{About, Icmp, L4, Packet, Protocol, TcpFlags};

mod filter;
mod listing;
mod settings;
mod state;

pub use filter::{Filter, Translated};
pub use settings::Settings;
use state::TcpStep;
pub use state::{SctpState, TcpState};

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

/// Whether a packet goes the way of the connection's first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    Original,
    Reply,
}

impl Direction {
    pub fn opposite(self) -> Direction {
        match self {
            Direction::Original => Direction::Reply,
            Direction::Reply => Direction::Original,
        }
    }
}

/// What `--ctstate` sees of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtStatus {
    New,
    Established,
    Related,
    Invalid,
    /// `NOTRACK`: conntrack was told to leave it alone.
    Untracked,
}

/// A connection. `reply` is what an answer looks like when it comes in: its `src` is the DNAT
/// target, its `dst` the SNAT address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub original: Tuple,
    pub reply: Tuple,
    pub tcp: Option<TcpState>,
    pub sctp: Option<SctpState>,
    /// An answer was seen (the `[UNREPLIED]` mark is off).
    pub replied: bool,
    /// Both ways were used beyond the first answer (`[ASSURED]`).
    pub assured: bool,
    /// The connection's mark (`CONNMARK`).
    pub mark: u32,
    /// When its first packet came, in milliseconds of the lab.
    pub since: u64,
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

    /// What `--ctstatus` asks for, but for whether it is in the table.
    pub fn statuses(&self) -> CtStatuses {
        let seen = if self.replied { CtStatuses::SEEN_REPLY } else { CtStatuses::NONE };
        let assured = if self.assured { CtStatuses::ASSURED } else { CtStatuses::NONE };
        seen.with(assured)
    }

    fn begun(packet: &Packet, settings: &Settings, now: u64) -> Entry {
        let original = Tuple::of(packet);
        let mut res = Entry {
            original,
            reply: original.reversed(),
            tcp: packet.tcp_flags().map(|flags| TcpState::first(flags).unwrap_or(TcpState::Close)),
            sctp: (original.protocol == Protocol::Sctp).then_some(SctpState::CookieWait),
            replied: false,
            assured: false,
            mark: 0,
            since: now,
            expires: 0,
        };
        res.renew(settings, now);
        res
    }

    fn renew(&mut self, settings: &Settings, now: u64) {
        self.expires = now.saturating_add(u64::from(settings.of(self)) * 1000);
    }

    /// Lets a connection of UDP, SCTP or ICMP see one more packet.
    fn see(&mut self, direction: Direction, settings: &Settings, now: u64) {
        let answered = self.replied;
        self.replied |= direction == Direction::Reply;
        if let Some(state) = self.sctp {
            self.sctp = Some(state.after(direction, answered));
            self.assured |= self.sctp == Some(SctpState::Established);
        }
        if self.original.protocol == Protocol::Udp {
            self.assured |= answered && now > self.since.saturating_add(2000);
        }
        self.renew(settings, now);
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

impl Tracked {
    /// A packet that `NOTRACK` has taken from conntrack: the entry never gets into the table.
    pub fn untracked(packet: &Packet, now: u64) -> Tracked {
        let entry = Entry::begun(packet, &Settings::default(), now);
        Tracked { status: CtStatus::Untracked, direction: Direction::Original, entry }
    }
}

/// The state of a packet of a known connection. Answers always belong to it; the first side's
/// packets are new until there was one.
fn status_of(direction: Direction, entry: &Entry) -> CtStatus {
    match direction {
        Direction::Original if !entry.replied => CtStatus::New,
        _ => CtStatus::Established,
    }
}

/// How often what has expired is swept out of a table, in milliseconds (`GC_SCAN_INTERVAL_MAX`).
const SWEEP: u64 = 60_000;

/// One node's table of connections. Those that have expired may still be in it, until a new one
/// comes: nobody is shown them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conntrack {
    entries: BTreeMap<Tuple, Entry>,
    /// reply tuple → original tuple
    replies: BTreeMap<Tuple, Tuple>,
    /// When the table was last swept, in milliseconds of the lab.
    swept: u64,
    pub settings: Settings,
}

impl Conntrack {
    /// Looks the packet up and lets its connection see it (`nf_conntrack_in`).
    pub fn look_up(&mut self, packet: &Packet, now: u64) -> Tracked {
        let found = self.find(packet, now);
        let Some((direction, entry)) = found.map(|(way, entry)| (way, entry.clone())) else {
            return self.begin(packet, now);
        };
        if packet.is_icmp_error() {
            return Tracked { status: CtStatus::Related, direction, entry };
        }
        match packet.tcp_flags().zip(entry.tcp) {
            Some((flags, state)) => self.tcp_seen(packet, (flags, state), (direction, entry), now),
            None => {
                let mut entry = entry;
                entry.see(direction, &self.settings, now);
                self.entries.insert(entry.original, entry.clone());
                Tracked { status: status_of(direction, &entry), direction, entry }
            }
        }
    }

    /// A packet of no known connection.
    fn begin(&mut self, packet: &Packet, now: u64) -> Tracked {
        let opens = match packet.l4 {
            L4::Tcp { flags, .. } => match TcpState::first(flags) {
                Some(TcpState::Established) => self.settings.loose,
                first => first.is_some(),
            },
            L4::Icmp(icmp) => matches!(icmp, Icmp::EchoRequest { .. }),
            L4::Udp { .. } | L4::Sctp { .. } | L4::Ipip => true,
        };
        let status = if opens { CtStatus::New } else { CtStatus::Invalid };
        let entry = Entry::begun(packet, &self.settings, now);
        Tracked { status, direction: Direction::Original, entry }
    }

    /// `nf_conntrack_tcp_packet`, without its window.
    fn tcp_seen(
        &mut self,
        packet: &Packet,
        (flags, state): (TcpFlags, TcpState),
        (direction, mut entry): (Direction, Entry),
        now: u64,
    ) -> Tracked {
        let next = match state.after(direction, flags) {
            TcpStep::To(TcpState::SynSent) if state >= TcpState::TimeWait => {
                // The client opens a closed connection anew: it is another one.
                self.remove(&entry.original);
                return self.begin(packet, now);
            }
            TcpStep::To(next) => next,
            TcpStep::Ignored => {
                return Tracked { status: status_of(direction, &entry), direction, entry };
            }
            TcpStep::Invalid => return Tracked { status: CtStatus::Invalid, direction, entry },
        };
        if flags.rst && !entry.replied {
            // Refused before there was a connection: nothing of it is kept.
            self.remove(&entry.original);
            entry.replied = direction == Direction::Reply;
            return Tracked { status: status_of(direction, &entry), direction, entry };
        }
        let opened = matches!(state, TcpState::SynRecv | TcpState::Established);
        entry.assured |= entry.replied && opened && next == TcpState::Established;
        entry.tcp = Some(next);
        entry.renew(&self.settings, now);
        entry.replied |= direction == Direction::Reply;
        self.entries.insert(entry.original, entry.clone());
        Tracked { status: status_of(direction, &entry), direction, entry }
    }

    fn remove(&mut self, original: &Tuple) -> Option<Entry> {
        let entry = self.entries.remove(original)?;
        self.replies.remove(&entry.reply);
        Some(entry)
    }

    /// Sets the mark of a connection that is in the table.
    pub fn set_mark(&mut self, original: &Tuple, mark: u32) {
        if let Some(entry) = self.entries.get_mut(original) {
            entry.mark = mark;
        }
    }

    /// Forgets the connections that `filter` finds; those that were there.
    pub fn delete(&mut self, filter: &Filter, now: u64) -> Vec<Entry> {
        let found: Vec<Entry> = self.entries(now).filter(|it| filter.finds(it)).cloned().collect();
        for entry in &found {
            self.remove(&entry.original);
        }
        found
    }

    /// An echo's type is part of what the kernel looks up: an answer is one, also where a machine
    /// asks itself and both ways have the same addresses.
    fn find(&self, packet: &Packet, now: u64) -> Option<(Direction, &Entry)> {
        let tuple = Tuple::of(packet);
        let (asks, answers) = match packet.l4 {
            L4::Icmp(Icmp::EchoRequest { .. }) => (true, false),
            L4::Icmp(Icmp::EchoReply { .. }) => (false, true),
            _ => (false, false),
        };
        match self.living(&tuple, now).filter(|_| !answers) {
            Some(entry) => Some((Direction::Original, entry)),
            None if asks => None,
            None => Some((Direction::Reply, self.living(self.replies.get(&tuple)?, now)?)),
        }
    }

    /// Puts a new connection into the table, when its first packet has passed everything.
    pub fn confirm(&mut self, entry: Entry) {
        if entry.since >= self.swept.saturating_add(SWEEP) {
            self.sweep(entry.since);
        }
        // Only what has expired is in its way.
        self.remove(&entry.original);
        if let Some(old) = self.replies.get(&entry.reply).copied() {
            self.remove(&old);
        }
        self.replies.insert(entry.reply, entry.original);
        self.entries.insert(entry.original, entry);
    }

    /// Whether a living connection has this tuple for its answers, or as its own: a new connection
    /// cannot have it for its answers (`nf_nat_used_tuple`).
    pub fn is_taken(&self, reply: &Tuple, now: u64) -> bool {
        let answered = self.replies.get(reply).is_some_and(|original| self.knows(original, now));
        answered || self.knows(reply, now)
    }

    /// Whether a living connection has this original tuple: its NAT is fixed.
    pub fn knows(&self, original: &Tuple, now: u64) -> bool {
        self.living(original, now).is_some()
    }

    fn living(&self, original: &Tuple, now: u64) -> Option<&Entry> {
        self.entries.get(original).filter(|it| it.expires > now)
    }

    /// The living entries, in the order of their original tuples.
    pub fn entries(&self, now: u64) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |it| it.expires > now)
    }

    /// Deletes entries (`conntrack -D`) and says how many there were.
    pub fn forget(&mut self, stale: impl Fn(&Entry) -> bool, now: u64) -> usize {
        self.sweep(now);
        let before = self.entries.len();
        self.retain(|entry| !stale(entry));
        before - self.entries.len()
    }

    /// Forgets what has expired (`gc_worker`).
    fn sweep(&mut self, now: u64) {
        self.retain(|entry| entry.expires > now);
        self.swept = now;
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        let entries = &mut self.entries;
        entries.retain(|_, entry| keep(entry));
        self.replies.retain(|_, original| entries.contains_key(original));
    }
}

#[cfg(test)]
mod tests;
