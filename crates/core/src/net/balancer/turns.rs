//! Who gets the next connection where a balancer remembers the last: a frontend and its servers →
//! the one that is chosen.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use svclab_netfilter::{Dice, Protocol};

use crate::proxy::Scheduler;

/// Where connections come in.
pub type Frontend = (Protocol, SocketAddr);

/// What one node's balancer remembers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Turns {
    /// Whose turn was last.
    last: BTreeMap<Frontend, SocketAddr>,
    /// Clients that keep their server, and until when (in milliseconds).
    kept: BTreeMap<(Frontend, IpAddr), (SocketAddr, u64)>,
}

/// A connection that asks for a server.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub frontend: Frontend,
    pub client: IpAddr,
    pub by: Scheduler,
    /// For how many seconds a client keeps its server.
    pub persistent: Option<u32>,
    /// Those that take connections, in order.
    pub servers: &'a [SocketAddr],
    /// How many connections a server has, active and inactive.
    pub load: &'a dyn Fn(SocketAddr) -> (u32, u32),
    /// Milliseconds of the lab.
    pub now: u64,
}

impl Turns {
    /// None where there is no server. Who begins is left to chance: a kernel's list has the order
    /// in which kube-proxy happened to add the servers.
    pub fn choose(&mut self, asking: Asking<'_>, dice: &mut dyn Dice) -> Option<SocketAddr> {
        let client = (asking.frontend, asking.client);
        let kept = self.kept.get(&client).filter(|it| it.1 > asking.now).map(|it| it.0);
        let server = match kept.filter(|it| asking.servers.contains(it)) {
            Some(server) => server,
            None => self.schedule(asking, dice)?,
        };
        if let Some(seconds) = asking.persistent {
            let until = asking.now.saturating_add(u64::from(seconds) * 1000);
            self.kept.insert(client, (server, until));
        }
        Some(server)
    }

    fn schedule(&mut self, asking: Asking<'_>, dice: &mut dyn Dice) -> Option<SocketAddr> {
        let Asking { frontend, client, by, servers, .. } = asking;
        match by {
            Scheduler::Rr | Scheduler::Wrr => {
                let last = self.last.get(&frontend);
                // Whose turn comes after one that has gone is whoever would have stood there.
                let next = last.map(|last| servers.partition_point(|it| it <= last));
                let server = match next {
                    Some(next) => servers.get(next).or(servers.first()).copied(),
                    None => pick(servers, dice),
                };
                self.last.extend(server.map(|it| (frontend, it)));
                server
            }
            Scheduler::Lc | Scheduler::Wlc | Scheduler::Sed | Scheduler::Nq => {
                let load = |it: &SocketAddr| overhead(by, (asking.load)(*it));
                let least = servers.iter().map(load).min()?;
                let idle: Vec<SocketAddr> =
                    servers.iter().copied().filter(|it| load(it) == least).collect();
                pick(&idle, dice)
            }
            Scheduler::Sh | Scheduler::Mh => self.fixed((frontend, client), servers, dice),
            Scheduler::Dh | Scheduler::Lblc | Scheduler::Lblcr => {
                self.fixed((frontend, frontend.1.ip()), servers, dice)
            }
        }
    }

    /// A hash of an address decides: unknown, but always the same.
    fn fixed(
        &mut self,
        key: (Frontend, IpAddr),
        servers: &[SocketAddr],
        dice: &mut dyn Dice,
    ) -> Option<SocketAddr> {
        let known = self.kept.get(&key).map(|it| it.0).filter(|it| servers.contains(it));
        let server = known.or_else(|| pick(servers, dice))?;
        self.kept.insert(key, (server, u64::MAX));
        Some(server)
    }
}

/// What the kernel compares; all weights are 1.
fn overhead(by: Scheduler, (active, inactive): (u32, u32)) -> u64 {
    match by {
        Scheduler::Sed | Scheduler::Nq => u64::from(active) + 1,
        _ => (u64::from(active) << 8) + u64::from(inactive),
    }
}

/// Each with the same chance.
fn pick(servers: &[SocketAddr], dice: &mut dyn Dice) -> Option<SocketAddr> {
    let count = servers.len();
    let chosen = (0..count.saturating_sub(1)).find(|index| {
        let threshold = ((1u64 << 31) / (count - index) as u64) as u32;
        dice.draw(threshold) < threshold
    });
    servers.get(chosen.unwrap_or(count.checked_sub(1)?)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn servers(count: u8) -> Vec<SocketAddr> {
        (0..count).map(|it| SocketAddr::new([10, 244, 1, it + 1].into(), 8080)).collect()
    }

    fn chosen(by: Scheduler, count: u8, clients: &[u8], persistent: Option<u32>) -> Vec<u8> {
        let (servers, mut turns) = (servers(count), Turns::default());
        let frontend = (Protocol::Tcp, SocketAddr::new([10, 96, 0, 5].into(), 80));
        let mut dice = Rng::new(1);
        let mut taken: Vec<SocketAddr> = Vec::new();
        let mut choose = |client: &u8| {
            let client = [10, 244, 9, *client].into();
            let active = |it| (taken.iter().filter(|own| **own == it).count() as u32, 0);
            let load: &dyn Fn(SocketAddr) -> (u32, u32) = &active;
            let asking =
                Asking { frontend, client, by, persistent, servers: &servers, load, now: 1 };
            let chosen = turns.choose(asking, &mut dice).expect("there are servers");
            taken.push(chosen);
            match chosen.ip() {
                IpAddr::V4(ip) => ip.octets()[3],
                IpAddr::V6(_) => 0,
            }
        };
        clients.iter().map(&mut choose).collect()
    }

    #[test]
    fn round_robin_takes_each_in_turn() {
        let found = chosen(Scheduler::Rr, 3, &[1, 1, 2, 3, 1, 2, 1], None);
        let steps: Vec<u8> = found.windows(2).map(|it| (it[1] + 3 - it[0]) % 3).collect();
        assert_eq!(steps, [1; 6], "{found:?}");
    }

    #[test]
    fn a_client_that_is_kept_does_not_take_a_turn() {
        let found = chosen(Scheduler::Rr, 3, &[1, 1, 2, 1, 2, 3], Some(10800));
        assert_eq!([found[1], found[3], found[4]], [found[0], found[0], found[2]]);
        assert_ne!(found[0], found[2]);
        assert!(!found[..5].contains(&found[5]));
    }

    #[test]
    fn the_least_busy_is_taken_where_connections_count() {
        let mut found = chosen(Scheduler::Lc, 3, &[1, 1, 1], None);
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3]);
    }

    #[test]
    fn a_hash_of_the_client_decides_for_good() {
        let found = chosen(Scheduler::Sh, 4, &[1, 2, 1, 2, 1], None);
        assert_eq!([found[2], found[3], found[4]], [found[0], found[1], found[0]]);
    }

    #[test]
    fn without_servers_nobody_is_chosen() {
        let frontend = (Protocol::Udp, SocketAddr::new([10, 96, 0, 5].into(), 53));
        let client = [10, 244, 9, 1].into();
        for by in [Scheduler::Rr, Scheduler::Lc, Scheduler::Sh, Scheduler::Dh] {
            let (persistent, servers, load) = (None, &[][..], &|_| (0, 0));
            let asking = Asking { frontend, client, by, persistent, servers, load, now: 0 };
            assert_eq!(Turns::default().choose(asking, &mut Rng::new(1)), None);
        }
    }
}
