//! A first packet in IPVS mode: iptables marks it, the dummy device takes it in, and IPVS sends it
//! on to a real server after the filter's INPUT (`ip_vs_remote_request4`), or right after the nat
//! of OUTPUT for the node's own (`ip_vs_local_request4`).

use std::net::IpAddr;

use svclab_netfilter::{AddrType, Dice, Hook, Packet, RuleSet, TableName, Verdict};

use super::tables::Tables;
use super::{Found, Step, Way, every_way, fate};
use crate::net::balancer::turns::{Asking, Turns};
use crate::net::probe::Probe;
use crate::proxy::{Ipvs, VirtualServer, ipvs_jumps};

/// Every way a first connection may go, before there was any other.
pub fn ways(state: &Ipvs, is_local: &dyn Fn(IpAddr) -> bool, probe: &Probe) -> Vec<Way> {
    let rules = rules(state);
    every_way(|dice| {
        let turn = (&mut Turns::default(), 0);
        one_way((state, &rules), turn, is_local, probe, dice)
    })
}

/// One connection after others: `turns` are what the node's IPVS remembers of them; `now` is in
/// milliseconds.
pub fn next(
    state: &Ipvs,
    (turns, now): (&mut Turns, u64),
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Way {
    let way = one_way((state, &rules(state)), (turns, now), is_local, probe, dice);
    Way { probability: 1.0, ..way }
}

fn rules(state: &Ipvs) -> RuleSet {
    let mut res = RuleSet::builtin();
    res.restore(&ipvs_jumps(), true);
    res.restore(&state.restore, true);
    res
}

fn one_way(
    (state, rules): (&Ipvs, &RuleSet),
    turn: (&mut Turns, u64),
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Way {
    let sent = probe.packet();
    let own = |ip| is_local(ip) || state.bound.contains(&ip);
    let addr_type = |ip| if own(ip) { AddrType::Local } else { AddrType::Unicast };
    let tables = Tables {
        rules,
        sets: &state.sets,
        origins: &state.origins,
        addr_type: &addr_type,
        in_address: None,
        packet: sent,
        virtual_server: None,
        masquerade: false,
        steps: Vec::new(),
    };
    let mut crossing = Crossing { state, turn, own: &own, tables, dice };
    let verdict = crossing.hooks(probe.input.as_deref());
    let Tables { packet, masquerade, steps, .. } = crossing.tables;
    Way { fate: fate(verdict, sent, packet), masquerade, probability: 0.0, steps }
}

struct Crossing<'a> {
    state: &'a Ipvs,
    turn: (&'a mut Turns, u64),
    own: &'a dyn Fn(IpAddr) -> bool,
    tables: Tables<'a>,
    dice: &'a mut dyn Dice,
}

impl Crossing<'_> {
    /// The hooks that the packet comes by, until one does not let it go on.
    fn hooks(&mut self, input: Option<&str>) -> Verdict {
        let (nat, filter) = (TableName::Nat, TableName::Filter);
        let first = if input.is_some() { Hook::Prerouting } else { Hook::Output };
        self.pass(nat, first, input);
        let local = (self.own)(self.tables.packet.dst);
        let served = self.server().is_some();
        let next = match input {
            Some(_) if local => Hook::Input,
            Some(_) => Hook::Forward,
            None => Hook::Output,
        };
        let sends_itself = input.is_none();
        if sends_itself && served && self.schedule(Hook::Output) == Verdict::Reject {
            return Verdict::Reject;
        }
        let filtered = self.pass(filter, next, input);
        if filtered != Verdict::Accept {
            return filtered;
        }
        if !sends_itself && served {
            if self.schedule(Hook::Input) == Verdict::Reject {
                return Verdict::Reject;
            }
            let sent = self.pass(filter, Hook::Output, None);
            if sent != Verdict::Accept {
                return sent;
            }
        }
        if next == Hook::Input && !served {
            return Verdict::Accept;
        }
        self.pass(nat, Hook::Postrouting, None);
        // What no virtual server took comes back in by loopback.
        match sends_itself && local && !served {
            true => self.pass(filter, Hook::Input, Some("lo")),
            false => Verdict::Accept,
        }
    }

    fn pass(&mut self, table: TableName, hook: Hook, input: Option<&str>) -> Verdict {
        self.tables.pass(table, hook, input, &mut *self.dice)
    }

    fn server(&self) -> Option<&VirtualServer> {
        let Packet { src, .. } = self.tables.packet;
        let key = (self.tables.packet.protocol(), self.tables.packet.destination());
        // Loopback never comes to a virtual server: none listens there.
        self.state.servers.get(&key).filter(|_| !src.is_loopback() || !key.1.ip().is_loopback())
    }

    /// IPVS takes the packet: a real server gets it, or an ICMP error tells that there is none
    /// (`ip_vs_leave`).
    fn schedule(&mut self, hook: Hook) -> Verdict {
        let Some(server) = self.server().cloned() else { return Verdict::Accept };
        let packet = self.tables.packet;
        let frontend = (packet.protocol(), packet.destination());
        let takes = server.real.iter().filter(|(_, real)| real.weight > 0);
        let servers: Vec<_> = takes.map(|(at, _)| *at).collect();
        let by = self.state.scheduler;
        let asking = Asking {
            frontend,
            client: packet.src,
            by,
            persistent: server.persistent,
            servers: &servers,
            load: &|_| (0, 0),
            now: self.turn.1,
        };
        let chosen = self.turn.0.choose(asking, &mut *self.dice);
        let found = match chosen {
            Some(server) => Found::Scheduled { by, server, of: servers.len() },
            None => Found::Nobody,
        };
        let protocol = frontend.0.name().to_ascii_uppercase();
        self.tables.steps.push(Step {
            hook,
            chain: "IPVS".into(),
            rule: format!("{protocol} {} {}", frontend.1, by.name()),
            found,
            origin: self.state.origin(server.origin).cloned(),
        });
        let Some(server) = chosen else { return Verdict::Reject };
        self.tables.packet.set_destination(server);
        self.tables.virtual_server = Some(frontend);
        Verdict::Accept
    }
}
