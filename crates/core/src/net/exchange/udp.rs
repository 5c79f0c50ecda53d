//! UDP: a datagram and its answer. A client that keeps its port keeps its flow.

use std::net::SocketAddr;
use std::rc::Rc;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{L4, Packet, Protocol};

use super::{Client, Reached, Wire, error_of, sized, somebody};
use crate::net::Party;
use crate::time::Duration;
use crate::trace::{Answer, Loss, Verdict};

/// How long a client waits for an answer, as resolvers do.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a question and of an answer, as in the DNS.
const QUESTION: usize = 40;
const ANSWER: usize = 100;

/// What a server does with a datagram: where it runs, who listens, the packet as it came → how many
/// bytes it answers, if it does. It may ask others over the same wire first.
pub type Serve<'s> = &'s mut dyn FnMut(&mut Wire, (&Party, &Rc<str>), &Packet) -> Option<usize>;

impl Wire<'_> {
    /// Sends one datagram and waits for one.
    pub fn ask(&mut self, client: &Client, goal: SocketAddr) -> Answer {
        self.converse(client, goal, (QUESTION, TIMEOUT), &mut |_, _, _| Some(ANSWER))
    }

    /// The same with a question of `length` bytes and a client that waits for a time of its own.
    pub fn converse(
        &mut self,
        client: &Client,
        goal: SocketAddr,
        (length, wait): (usize, Duration),
        serve: Serve,
    ) -> Answer {
        let goal = SocketAddr::new(somebody(goal.ip()), goal.port());
        if self.net.is_broadcast(&client.party, goal.ip()) {
            return Answer::Denied;
        }
        let Some(own) = self.bind(client, goal, Protocol::Udp) else { return Answer::NoRoute };
        let start = self.at;
        let question = sized(datagram(own, goal), length);
        let heard = match self.reach(&client.party, question) {
            Reached::Party(server, packet) => {
                self.answered(client, question, (&server, packet), serve)
            }
            Reached::Error(answer) => self.is_fatal().then_some(answer),
            Reached::Stopped => Some(Answer::Denied),
            Reached::Silence => None,
        };
        // What comes too late is not heard.
        heard.filter(|_| self.at <= start + wait).unwrap_or_else(|| {
            self.at = start + wait;
            Answer::TimedOut
        })
    }

    /// Whether a socket of UDP hears of what has just gone wrong: of no way that its own kernel
    /// knows, and of errors that count as fatal (`icmp_err_convert`), not of an unreachable host.
    fn is_fatal(&self) -> bool {
        let Some(last) = self.packets.last() else { return false };
        match last.sent.l4 {
            L4::Icmp(Icmp::Unreachable { code, .. }) => !matches!(code, 0 | 1 | 4 | 5 | 11 | 12),
            _ => last.verdict == Verdict::Lost(Loss::NoRoute),
        }
    }

    /// What the client hears of whoever got its datagram.
    fn answered(
        &mut self,
        client: &Client,
        question: Packet,
        (server, packet): (&Party, Packet),
        serve: Serve,
    ) -> Option<Answer> {
        let at = packet.destination();
        let Some(by) = self.net.listener(server, Protocol::Udp, at) else {
            let icmp = Icmp::Unreachable { code: 3, about: packet.about() };
            if !self.net.may_complain(server, &icmp, packet.src, self.at) {
                return None;
            }
            let error = Packet::new(at.ip(), packet.src, L4::Icmp(icmp));
            let (party, error) = self.tell(server, error)?;
            return error_of(&error, &question).filter(|_| party == client.party);
        };
        let length = serve(self, (server, &by), &packet)?;
        let reply = sized(datagram(at, packet.source()), length);
        let (party, reply) = self.tell(server, reply)?;
        let ours = party == client.party
            && reply.source() == question.destination()
            && reply.destination() == question.source();
        ours.then_some(Answer::Reached { by, seen: packet.src })
    }
}

fn datagram(src: SocketAddr, dst: SocketAddr) -> Packet {
    Packet::new(src.ip(), dst.ip(), L4::Udp { sport: src.port(), dport: dst.port() })
}
