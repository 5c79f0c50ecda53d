//! Virtual servers → what `ipvsadm -Ln` prints.

use std::fmt;

use svclab_netfilter::Protocol;

use super::Ipvs;

/// TCP first, then UDP and SCTP; each by address and port.
impl fmt::Display for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "IP Virtual Server version 1.2.1 (size=4096)")?;
        writeln!(f, "Prot LocalAddress:Port Scheduler Flags")?;
        writeln!(f, "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn")?;
        for wanted in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            let servers = self.servers.iter().filter(|((protocol, _), _)| *protocol == wanted);
            for ((protocol, at), server) in servers {
                let protocol = protocol.name().to_ascii_uppercase();
                write!(f, "{protocol:<4} {at} {}", self.scheduler.name())?;
                if let Some(seconds) = server.persistent {
                    write!(f, " persistent {seconds}")?;
                }
                writeln!(f)?;
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
