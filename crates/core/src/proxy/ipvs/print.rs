//! Virtual servers → what `ipvsadm -Ln` prints.

use std::fmt;
use std::net::SocketAddr;

use svclab_netfilter::Protocol;

use super::{Ipvs, Scheduler, VirtualServer};

impl VirtualServer {
    /// Its own line.
    pub fn line(&self, (protocol, at): (Protocol, SocketAddr), by: Scheduler) -> String {
        let kept = self.persistent.map(|it| format!(" persistent {it}")).unwrap_or_default();
        let protocol = protocol.name().to_ascii_uppercase();
        format!("{protocol:<4} {at} {}{kept}", by.name())
    }
}

/// TCP first, then UDP and SCTP; each by address and port.
impl fmt::Display for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "IP Virtual Server version 1.2.1 (size=4096)")?;
        writeln!(f, "Prot LocalAddress:Port Scheduler Flags")?;
        writeln!(f, "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn")?;
        for wanted in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            let servers = self.servers.iter().filter(|((protocol, _), _)| *protocol == wanted);
            for ((protocol, at), server) in servers {
                writeln!(f, "{}", server.line((*protocol, *at), self.scheduler))?;
                for (real, it) in &server.real {
                    let (real, weight) = (real.to_string(), it.weight);
                    let (active, inactive) = (it.active, it.inactive);
                    writeln!(f, "  -> {real:<28} Masq    {weight:<6} {active:<10} {inactive:<10}")?;
                }
            }
        }
        Ok(())
    }
}
