//! `net.netfilter.nf_conntrack_*`: how long a connection is remembered, and what begins one.

use std::collections::BTreeMap;

use super::{Entry, SctpState, TcpState};
use crate::packet::Protocol;

/// What a machine says of conntrack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Those that differ from [`TIMEOUTS`].
    timeouts: BTreeMap<&'static str, u32>,
    /// Whether a connection is picked up in mid-stream (`tcp_loose`).
    pub(super) loose: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { timeouts: BTreeMap::new(), loose: true }
    }
}

/// In seconds: the kernel's defaults, with kube-proxy's 24 h for established connections and 1 h
/// for CLOSE_WAIT (`conntrack.tcpEstablishedTimeout`, `tcpCloseWaitTimeout`).
const TIMEOUTS: [(&str, u32); 17] = [
    ("generic_timeout", 600),
    ("icmp_timeout", 30),
    ("icmpv6_timeout", 30),
    ("udp_timeout", 30),
    ("udp_timeout_stream", 120),
    ("tcp_timeout_syn_sent", 120),
    ("tcp_timeout_syn_recv", 60),
    ("tcp_timeout_established", 86_400),
    ("tcp_timeout_fin_wait", 120),
    ("tcp_timeout_close_wait", 3600),
    ("tcp_timeout_last_ack", 30),
    ("tcp_timeout_time_wait", 120),
    ("tcp_timeout_close", 10),
    ("tcp_timeout_unacknowledged", 300),
    ("sctp_timeout_cookie_wait", 3),
    ("sctp_timeout_cookie_echoed", 3),
    ("sctp_timeout_established", 210),
];

impl Settings {
    /// Of a name after `nf_conntrack_`; none where there is no such time.
    pub fn timeout(&self, name: &str) -> Option<u32> {
        let usual = TIMEOUTS.iter().find(|it| it.0 == name)?;
        Some(self.timeouts.get(name).copied().unwrap_or(usual.1))
    }

    /// What `sysctl -w net.netfilter.nf_conntrack_NAME=VALUE` does: whether the lab knows the name.
    pub fn set(&mut self, name: &str, value: u32) -> bool {
        if name == "tcp_loose" {
            self.loose = value != 0;
            return true;
        }
        let known = TIMEOUTS.iter().find(|it| it.0 == name);
        if let Some((name, _)) = known {
            self.timeouts.insert(name, value);
        }
        known.is_some()
    }

    /// How long the connection is remembered without another packet, in seconds.
    pub(super) fn of(&self, entry: &Entry) -> u32 {
        let time = |name| self.timeout(name).unwrap_or_default();
        match entry.tcp {
            // Picked up in mid-stream and not yet answered (`TCP_CONNTRACK_UNACK`).
            Some(state) if !entry.replied => {
                self.tcp(state).min(time("tcp_timeout_unacknowledged"))
            }
            Some(state) => self.tcp(state),
            None => time(entry.timeout()),
        }
    }

    /// How long a connection of TCP may stay in a state, in seconds (`tcp_timeouts`).
    pub fn tcp(&self, state: TcpState) -> u32 {
        self.timeout(of_tcp(state)).unwrap_or_default()
    }
}

fn of_tcp(state: TcpState) -> &'static str {
    match state {
        TcpState::SynSent | TcpState::SynSent2 => "tcp_timeout_syn_sent",
        TcpState::SynRecv => "tcp_timeout_syn_recv",
        TcpState::Established => "tcp_timeout_established",
        TcpState::FinWait => "tcp_timeout_fin_wait",
        TcpState::CloseWait => "tcp_timeout_close_wait",
        TcpState::LastAck => "tcp_timeout_last_ack",
        TcpState::TimeWait => "tcp_timeout_time_wait",
        TcpState::Close => "tcp_timeout_close",
    }
}

impl Entry {
    /// UDP counts as a stream when packets go both ways for more than two seconds.
    fn timeout(&self) -> &'static str {
        match (self.original.protocol, self.sctp) {
            (_, Some(SctpState::CookieWait)) => "sctp_timeout_cookie_wait",
            (_, Some(SctpState::CookieEchoed)) => "sctp_timeout_cookie_echoed",
            (_, Some(SctpState::Established)) => "sctp_timeout_established",
            (Protocol::Udp, _) if self.assured => "udp_timeout_stream",
            (Protocol::Udp, _) => "udp_timeout",
            (Protocol::Icmp, _) if self.original.src.is_ipv6() => "icmpv6_timeout",
            (Protocol::Icmp, _) => "icmp_timeout",
            _ => "generic_timeout",
        }
    }
}
