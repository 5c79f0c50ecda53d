//! What IPVS remembers of connections: who is served by which real server, in which state, until
//! when (`ip_vs_conn.c`, `ip_vs_proto_tcp.c`).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::conntrack::Direction;
use crate::packet::{Packet, Protocol, TcpFlags};

/// A client's end and the address and port it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub protocol: Protocol,
    pub client: SocketAddr,
    pub frontend: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    pub server: SocketAddr,
    pub state: State,
    /// When it is forgotten, in milliseconds.
    pub until: u64,
}

/// Those that traffic through NAT comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    None,
    Established,
    SynRecv,
    FinWait,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Udp,
    Sctp,
}

impl State {
    /// As `ipvsadm -Lnc` prints it.
    pub fn name(self) -> &'static str {
        match self {
            State::None => "NONE",
            State::Established | State::Sctp => "ESTABLISHED",
            State::SynRecv => "SYN_RECV",
            State::FinWait => "FIN_WAIT",
            State::TimeWait => "TIME_WAIT",
            State::Close => "CLOSE",
            State::CloseWait => "CLOSE_WAIT",
            State::LastAck => "LAST_ACK",
            State::Udp => "UDP",
        }
    }

    /// Seconds until a connection without traffic is forgotten; the kernel's defaults.
    pub fn timeout(self) -> u64 {
        match self {
            State::None => 2,
            State::Established => 900,
            State::SynRecv | State::CloseWait => 60,
            State::FinWait | State::TimeWait => 120,
            State::Close => 10,
            State::LastAck => 30,
            State::Udp => 300,
            State::Sctp => 900,
        }
    }

    /// What `ActiveConn` counts; all others are `InActConn`.
    pub fn is_active(self) -> bool {
        matches!(self, State::Established | State::SynRecv | State::Sctp)
    }

    /// `tcp_states`: what a segment from the client (`Original`) or its server makes of it.
    fn after(self, direction: Direction, flags: TcpFlags) -> State {
        use State::*;
        let client = direction == Direction::Original;
        if flags.rst {
            let stays = matches!((self, client), (SynRecv | LastAck, true) | (TimeWait, false));
            return if stays { self } else { Close };
        }
        if flags.syn {
            return match self {
                Established => Established,
                state if !client => state,
                _ => SynRecv,
            };
        }
        if flags.fin {
            return match (self, client) {
                (Established, true) => CloseWait,
                (Established, false) => FinWait,
                (SynRecv | FinWait, true) | (None | SynRecv | CloseWait, false) => TimeWait,
                (None, true) => Close,
                (state, _) => state,
            };
        }
        match (self, client) {
            (SynRecv, _) | (None, _) => Established,
            (LastAck, true) => Close,
            (state, _) => state,
        }
    }
}

/// One node's connections of one IP family.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Connections {
    by_key: BTreeMap<Key, Connection>,
    stats: BTreeMap<(Protocol, SocketAddr, SocketAddr), Stats>,
}

/// What `ipvsadm --stats` counts; in is from clients, out from real servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    pub connections: u64,
    pub in_packets: u64,
    pub out_packets: u64,
    pub in_bytes: u64,
    pub out_bytes: u64,
}

impl Stats {
    #[must_use]
    pub fn and(self, other: Stats) -> Stats {
        Stats {
            connections: self.connections + other.connections,
            in_packets: self.in_packets + other.in_packets,
            out_packets: self.out_packets + other.out_packets,
            in_bytes: self.in_bytes + other.in_bytes,
            out_bytes: self.out_bytes + other.out_bytes,
        }
    }
}

impl Connections {
    /// The connection that a client's packet belongs to.
    pub fn asked(&self, packet: &Packet, now: u64) -> Option<(Key, Connection)> {
        let key = Key::of(packet);
        let found = self.by_key.get(&key).filter(|it| it.until > now)?;
        Some((key, *found))
    }

    /// The one that a real server's packet belongs to.
    pub fn answered(&self, packet: &Packet, now: u64) -> Option<(Key, Connection)> {
        let (client, server) = (packet.destination(), packet.source());
        let own = |(key, it): &(&Key, &Connection)| {
            (key.protocol, key.client, it.server) == (packet.protocol(), client, server)
                && it.until > now
        };
        self.by_key.iter().find(own).map(|(key, it)| (*key, *it))
    }

    /// A packet passes: what becomes of its connection's state.
    pub fn passed(&mut self, key: Key, direction: Direction, packet: &Packet, now: u64) {
        let Some(own) = self.by_key.get_mut(&key) else { return };
        if let Some(flags) = packet.tcp_flags() {
            own.state = own.state.after(direction, flags);
        }
        own.until = now + own.state.timeout() * 1000;
        let bytes = u64::from(packet.ip_length());
        let one = match direction {
            Direction::Original => Stats { in_packets: 1, in_bytes: bytes, ..Stats::default() },
            Direction::Reply => Stats { out_packets: 1, out_bytes: bytes, ..Stats::default() },
        };
        let server = own.server;
        self.add(key, server, one);
    }

    fn add(&mut self, key: Key, server: SocketAddr, more: Stats) {
        let own = self.stats.entry((key.protocol, key.frontend, server)).or_default();
        *own = own.and(more);
    }

    /// The first packet of a connection goes to this server.
    pub fn begin(&mut self, packet: &Packet, server: SocketAddr, now: u64) {
        self.by_key.retain(|_, it| it.until > now);
        let key = Key::of(packet);
        let state = match packet.protocol() {
            Protocol::Tcp => State::SynRecv,
            Protocol::Sctp => State::Sctp,
            _ => State::Udp,
        };
        self.by_key.insert(key, Connection { server, state, until: now + state.timeout() * 1000 });
        let bytes = u64::from(packet.ip_length());
        let first = Stats { connections: 1, in_packets: 1, in_bytes: bytes, ..Stats::default() };
        self.add(key, server, first);
    }

    pub fn forget(&mut self, key: &Key) {
        self.by_key.remove(key);
    }

    /// The living ones.
    pub fn iter(&self, now: u64) -> impl Iterator<Item = (&Key, &Connection)> {
        self.by_key.iter().filter(move |it| it.1.until > now)
    }

    /// What a real server has had of a frontend.
    pub fn stats(&self, frontend: (Protocol, SocketAddr), server: SocketAddr) -> Stats {
        self.stats.get(&(frontend.0, frontend.1, server)).copied().unwrap_or_default()
    }

    /// How many a real server has of a frontend, active and inactive.
    pub fn count(
        &self,
        (protocol, frontend): (Protocol, SocketAddr),
        server: SocketAddr,
        now: u64,
    ) -> (u32, u32) {
        let own = self.iter(now).filter(|(key, it)| {
            (key.protocol, key.frontend, it.server) == (protocol, frontend, server)
        });
        own.fold((0, 0), |(active, inactive), (_, it)| match it.state.is_active() {
            true => (active + 1, inactive),
            false => (active, inactive + 1),
        })
    }
}

impl Key {
    fn of(packet: &Packet) -> Key {
        let (client, frontend) = (packet.source(), packet.destination());
        Key { protocol: packet.protocol(), client, frontend }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states that these segments lead through; `<` is from the server.
    #[track_caller]
    fn check(segments: &str, expected: &[&str]) {
        let mut state = State::SynRecv;
        let mut names = Vec::new();
        for word in segments.split_whitespace() {
            let from_server = word.starts_with('<');
            let direction = if from_server { Direction::Reply } else { Direction::Original };
            let flags = match word.trim_start_matches('<') {
                "synack" => TcpFlags::SYN_ACK,
                "fin" => TcpFlags::FIN_ACK,
                "rst" => TcpFlags::RST_ACK,
                _ => TcpFlags::ACK,
            };
            state = state.after(direction, flags);
            names.push(state.name());
        }
        assert_eq!(names, expected, "{segments}");
    }

    #[test]
    fn a_connection_goes_through_the_states_of_ipvs() {
        check("<synack ack", &["SYN_RECV", "ESTABLISHED"]);
        check(
            "<synack ack fin <fin ack",
            &["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "TIME_WAIT", "TIME_WAIT"],
        );
        check("ack <fin fin <ack", &["ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "TIME_WAIT"]);
        check("ack <rst", &["ESTABLISHED", "CLOSE"]);
    }
}
