//! TCP: the handshake with its retries, data, the close, the reset; [`http`] talks on it.

pub mod http;

use std::net::SocketAddr;
use std::rc::Rc;

use svclab_netfilter::{Packet, Protocol, TcpFlags};

use super::{Client, Reached, Wire, later, sized, somebody};
use crate::net::Party;
use crate::time::Duration;
use crate::trace::Answer;

/// When a Linux client sends its SYN: again after 1, 2, 4, … s (`tcp_syn_retries` = 6).
const SYN_TIMES: [u64; 7] = [0, 1, 3, 7, 15, 31, 63];
/// When it gives up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);
/// How long a client waits for data that was lost on an open connection before it gives up here;
/// a real one tries for a quarter of an hour (`tcp_retries2`).
const DATA_TIMEOUT: Duration = Duration::from_secs(60);

/// An open connection: what both ends hold of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub client: Party,
    /// The client's own end.
    pub own: SocketAddr,
    /// Whom the client believes to talk to.
    pub goal: SocketAddr,
    pub server: Party,
    /// Who listens there.
    pub served_by: Rc<str>,
    /// The server's own end.
    pub at: SocketAddr,
    /// Whom the server believes to talk to.
    pub seen: SocketAddr,
}

impl Wire<'_> {
    /// The handshake. A client whose SYN stays without an answer sends it again, in vain for 127 s.
    ///
    /// # Errors
    ///
    /// What the client hears instead of a connection.
    pub fn connect(&mut self, client: &Client, goal: SocketAddr) -> Result<Connection, Answer> {
        self.connect_within(client, goal, CONNECT_TIMEOUT)
    }

    /// The same with a limit of the client's own (`curl --connect-timeout`, `nc -w`).
    ///
    /// # Errors
    ///
    /// What the client hears instead of a connection.
    pub fn connect_within(
        &mut self,
        client: &Client,
        goal: SocketAddr,
        limit: Duration,
    ) -> Result<Connection, Answer> {
        let goal = SocketAddr::new(somebody(goal.ip()), goal.port());
        // TCP is between two (`tcp_v4_connect`).
        let many = goal.ip().is_multicast() || self.net.is_broadcast(&client.party, goal.ip());
        let own = self.bind(client, goal, Protocol::Tcp).filter(|_| !many);
        let Some(own) = own else { return Err(Answer::NoRoute) };
        let start = self.at;
        let limit = limit.min(CONNECT_TIMEOUT);
        for after in SYN_TIMES.map(Duration::from_secs) {
            if after >= limit {
                break;
            }
            self.at = later(self.at, start, after);
            let heard = self.handshake(&client.party, own, goal);
            if self.at > start + limit {
                break;
            }
            if let Some(result) = heard {
                return result;
            }
        }
        self.at = start + limit;
        Err(Answer::TimedOut)
    }

    /// One SYN and what comes of it; None where the client hears nothing it understands.
    fn handshake(
        &mut self,
        client: &Party,
        own: SocketAddr,
        goal: SocketAddr,
    ) -> Option<Result<Connection, Answer>> {
        let (server, syn) = match self.reach(client, Packet::tcp(own, goal, TcpFlags::SYN)) {
            Reached::Party(server, syn) => (server, syn),
            Reached::Error(answer) => return Some(Err(answer)),
            Reached::Stopped | Reached::Silence => return None,
        };
        let at = syn.destination();
        let listener = self.net.listener(&server, Protocol::Tcp, at);
        let Some(served_by) = listener else {
            let reset = Packet::tcp(at, syn.source(), TcpFlags::RST_ACK);
            let heard = self.hears(&server, reset, client, (goal, own));
            return heard.then_some(Err(Answer::Refused));
        };
        let syn_ack = Packet::tcp(at, syn.source(), TcpFlags::SYN_ACK);
        if !self.hears(&server, syn_ack, client, (goal, own)) {
            return None;
        }
        let (client, seen) = (client.clone(), syn.source());
        let connection = Connection { client, own, goal, server, served_by, at, seen };
        let acknowledged = self.tell_server(&connection, TcpFlags::ACK, 0);
        Some(acknowledged.map(|()| connection))
    }

    /// Sends a packet of the server's; whether it reaches the client's socket. A client that gets
    /// one from an address it never asked resets that.
    fn hears(
        &mut self,
        server: &Party,
        packet: Packet,
        client: &Party,
        (goal, own): (SocketAddr, SocketAddr),
    ) -> bool {
        let Some((party, packet)) = self.tell(server, packet) else { return false };
        let ours = party == *client && (packet.source(), packet.destination()) == (goal, own);
        if !ours && packet.tcp_flags().is_some_and(|it| !it.rst) {
            let reset = Packet::tcp(packet.destination(), packet.source(), TcpFlags::RST);
            self.tell(&party, reset);
        }
        ours
    }

    /// The client sends on an open connection and gets an answer, of `length` and `reply` bytes.
    ///
    /// # Errors
    ///
    /// What the client hears instead.
    pub fn talk(
        &mut self,
        connection: &Connection,
        length: usize,
        reply: usize,
    ) -> Result<(), Answer> {
        self.tell_server(connection, TcpFlags::PSH_ACK, length)?;
        self.tell_client(connection, TcpFlags::PSH_ACK, reply)
    }

    /// The client closes, then the server.
    ///
    /// # Errors
    ///
    /// What the client hears instead.
    pub fn close(&mut self, connection: &Connection) -> Result<(), Answer> {
        self.tell_server(connection, TcpFlags::FIN_ACK, 0)?;
        self.tell_client(connection, TcpFlags::FIN_ACK, 0)?;
        self.tell_server(connection, TcpFlags::ACK, 0)
    }

    fn tell_server(
        &mut self,
        on: &Connection,
        flags: TcpFlags,
        length: usize,
    ) -> Result<(), Answer> {
        let packet = sized(Packet::tcp(on.own, on.goal, flags), length);
        let (party, packet) = match self.reach(&on.client, packet) {
            Reached::Party(party, packet) => (party, packet),
            Reached::Error(Answer::Refused) if self.last_is_reset() => return Err(Answer::Reset),
            // Other errors do not end a connection that is open.
            Reached::Error(_) | Reached::Stopped | Reached::Silence => return Err(self.give_up()),
        };
        let listens = self.net.listener(&party, Protocol::Tcp, packet.destination());
        let same = party == on.server
            && packet.destination() == on.at
            && packet.source() == on.seen
            && listens.is_some();
        if same {
            return Ok(());
        }
        // Whoever got it knows no such connection.
        let reset = Packet::tcp(packet.destination(), packet.source(), TcpFlags::RST);
        match self.hears(&party, reset, &on.client, (on.goal, on.own)) {
            true => Err(Answer::Reset),
            false => Err(self.give_up()),
        }
    }

    fn tell_client(
        &mut self,
        on: &Connection,
        flags: TcpFlags,
        length: usize,
    ) -> Result<(), Answer> {
        let packet = sized(Packet::tcp(on.at, on.seen, flags), length);
        match self.hears(&on.server, packet, &on.client, (on.goal, on.own)) {
            true => Ok(()),
            false => Err(self.give_up()),
        }
    }

    fn give_up(&mut self) -> Answer {
        self.at = self.at + DATA_TIMEOUT;
        Answer::TimedOut
    }

    fn last_is_reset(&self) -> bool {
        let flags = self.packets.last().and_then(|it| it.sent.tcp_flags());
        flags.is_some_and(|it| it.rst)
    }

    /// The connection that a load balancer opens because of one to itself; None where the server is
    /// none. Where it finds no node it hangs up.
    fn relay(&mut self, connection: &Connection) -> Result<Option<Connection>, Answer> {
        let Party::Host(_) = &connection.server else { return Ok(None) };
        let Some(relay) = self.net.relays.get_mut(&(Protocol::Tcp, connection.at)) else {
            return Ok(None);
        };
        let target = relay.take();
        let own = Client::from(connection.server.clone());
        let behind = target.and_then(|target| self.connect(&own, target).ok());
        if behind.is_none() {
            let reset = Packet::tcp(connection.at, connection.seen, TcpFlags::RST);
            let (goal, own) = (connection.goal, connection.own);
            self.hears(&connection.server, reset, &connection.client, (goal, own));
            return Err(Answer::Reset);
        }
        Ok(behind)
    }

    /// `nc -z`: a connection that is closed at once.
    pub(super) fn knock(&mut self, client: &Client, goal: SocketAddr) -> Answer {
        let connection = match self.connect(client, goal) {
            Ok(connection) => connection,
            Err(answer) => return answer,
        };
        match self.close(&connection) {
            Ok(()) => Answer::Reached { by: connection.served_by, seen: connection.seen.ip() },
            Err(answer) => answer,
        }
    }
}
