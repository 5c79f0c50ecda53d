//! Virtual servers → what `ipvsadm -Ln` prints.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;

use svclab_netfilter::Protocol;
use svclab_netfilter::ipvs::Stats;

use super::{Ipvs, Scheduler, VirtualServer};

impl VirtualServer {
    /// Its own line.
    pub fn line(&self, (protocol, at): (Protocol, SocketAddr), by: Scheduler) -> String {
        let kept = self.persistent.map(|it| format!(" persistent {it}")).unwrap_or_default();
        let protocol = protocol.name().to_ascii_uppercase();
        format!("{protocol:<4} {at} {}{kept}", by.name())
    }

    fn list(&self, key: (Protocol, SocketAddr), by: Scheduler, res: &mut String) {
        _ = writeln!(res, "{}", self.line(key, by));
        for (real, it) in &self.real {
            let (real, weight) = (real.to_string(), it.weight);
            let (active, inactive) = (it.active, it.inactive);
            _ = writeln!(res, "  -> {real:<28} Masq    {weight:<6} {active:<10} {inactive:<10}");
        }
    }
}

/// As `ipvsadm -Ln` prints one family's.
impl fmt::Display for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Ipvs::listed(std::slice::from_ref(self), None))
    }
}

impl Ipvs {
    /// TCP first, then UDP and SCTP; each by address and port. Of one `service` alone the version is
    /// not told.
    pub fn listed(families: &[Ipvs], service: Option<(Protocol, SocketAddr)>) -> String {
        let mut res = String::new();
        if service.is_none() {
            res.push_str(VERSION);
        }
        res.push_str(HEAD);
        for wanted in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            for own in families {
                let servers = own.servers.iter().filter(|((protocol, _), _)| *protocol == wanted);
                for (key, server) in servers.filter(|it| service.is_none_or(|own| own == *it.0)) {
                    server.list(*key, own.scheduler, &mut res);
                }
            }
        }
        res
    }

    /// As `ipvsadm -Ln --stats` prints it.
    pub fn statistics(
        &self,
        stats: impl Fn((Protocol, SocketAddr), SocketAddr) -> Stats,
    ) -> String {
        let mut res = format!("{VERSION}{STATS}");
        for wanted in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            let servers = self.servers.iter().filter(|((protocol, _), _)| *protocol == wanted);
            for (key, server) in servers {
                let each = || server.real.keys().map(|it| (it, stats(*key, *it)));
                let all = each().fold(Stats::default(), |sum, (_, it)| sum.and(it));
                let protocol = key.0.name().to_ascii_uppercase();
                counted(&format!("{protocol:<4} {}", key.1), all, &mut res);
                each().for_each(|(at, it)| counted(&format!("  -> {at}"), it, &mut res));
            }
        }
        res
    }

    /// As `ipvsadm -Sn` prints it.
    pub fn saved(&self) -> String {
        let mut res = String::new();
        for ((protocol, at), server) in &self.servers {
            let letter = match protocol {
                Protocol::Tcp => "-t",
                Protocol::Udp => "-u",
                _ => "--sctp-service",
            };
            let kept = server.persistent.map(|it| format!(" -p {it}")).unwrap_or_default();
            let by = self.scheduler.name();
            _ = writeln!(res, "-A {letter} {at} -s {by}{kept}");
            for (real, it) in &server.real {
                _ = writeln!(res, "-a {letter} {at} -r {real} -m -w {}", it.weight);
            }
        }
        res
    }
}

fn counted(name: &str, stats: Stats, res: &mut String) {
    let Stats { connections, in_packets, out_packets, in_bytes, out_bytes } = stats;
    _ = writeln!(
        res,
        "{name:<33}{connections:>9}{in_packets:>9}{out_packets:>9}{in_bytes:>9}{out_bytes:>9}"
    );
}

const VERSION: &str = "IP Virtual Server version 1.2.1 (size=4096)\n";
const HEAD: &str = "Prot LocalAddress:Port Scheduler Flags\n  \
                    -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
const STATS: &str = "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  \
                     -> RemoteAddress:Port\n";
