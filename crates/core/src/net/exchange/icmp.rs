//! ICMP echo: `ping` and what comes back.

use std::net::IpAddr;

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{L4, Packet};

use super::{CLIENT_PORTS, Client, Reached, Wire, sized, somebody};
use crate::time::Duration;
use crate::trace::Answer;

/// How long `ping` waits for the last answer (`-W`).
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that `ping` sends by default.
const LENGTH: usize = 56;

impl Wire<'_> {
    /// One echo request. A pod, host or node answers for every address of its own.
    pub fn ping(&mut self, client: &Client, to: IpAddr) -> Answer {
        let to = somebody(to);
        if self.net.is_broadcast(&client.party, to) {
            return Answer::Denied;
        }
        let source = client.source.or_else(|| self.net.source_address(&client.party, to));
        let Some(source) = source else { return Answer::NoRoute };
        let id = client.port.unwrap_or_else(|| self.chance.port(CLIENT_PORTS));
        let start = self.at;
        let echo = |icmp, from, to| sized(Packet::new(from, to, L4::Icmp(icmp)), LENGTH);
        let request = echo(Icmp::EchoRequest { id }, source, to);
        let (party, seen) = match self.reach(&client.party, request) {
            Reached::Party(party, seen) => (party, seen),
            Reached::Error(answer) => return answer,
            Reached::Stopped => return Answer::Denied,
            Reached::Silence => return self.unanswered(start),
        };
        if self.net.sysctls(&party).icmp_echo_ignore_all {
            return self.unanswered(start);
        }
        let reply = echo(Icmp::EchoReply { id }, seen.dst, seen.src);
        match self.tell(&party, reply) {
            Some((party, reply)) if party == client.party && reply.src == to => {
                Answer::Echoed { ttl: reply.ttl }
            }
            _ => self.unanswered(start),
        }
    }

    fn unanswered(&mut self, start: crate::time::Instant) -> Answer {
        self.at = start + TIMEOUT;
        Answer::TimedOut
    }
}
