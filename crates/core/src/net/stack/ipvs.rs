//! IPVS at a node's hooks: at INPUT after the filter, at OUTPUT after NAT, and for answers of real
//! servers at FORWARD too (`ip_vs_ops4`).

use std::net::SocketAddr;
use std::rc::Rc;

use svclab_netfilter::walk::Nat;
use svclab_netfilter::{AddrType, Direction, Hook, Packet, Protocol, Tuple, Verdict};

use super::{Devices, Open, Stack, TableName};
use crate::family::OfFamily;
use crate::net::balancer::turns::Asking;
use crate::net::balancer::{Balancer, Found, Step, VirtualServers};
use crate::proxy::VirtualServer;
use crate::trace::{Balanced, Event, Place};

impl Stack<'_, '_> {
    fn virtual_servers(&mut self) -> Option<&mut VirtualServers> {
        let family = self.journey.packet.dst.family();
        match self.kernel.balancer_mut(family).as_deref_mut()? {
            Balancer::Ipvs(own) => Some(own),
            Balancer::Nftables(_) => None,
        }
    }

    /// Whether the packet is one of a connection that IPVS rewrites on its way to the real server.
    pub(super) fn is_served(&mut self) -> bool {
        let (packet, now) = (self.journey.packet, self.journey.at.as_millis());
        self.virtual_servers().is_some_and(|it| it.connections.asked(&packet, now).is_some())
    }

    /// An answer gets the address that was asked; a question goes to its real server, which is
    /// chosen for the first packet of a connection.
    pub(super) fn serve(&mut self, hook: Hook) -> Verdict {
        let (packet, now) = (self.journey.packet, self.journey.at.as_millis());
        let Some(own) = self.virtual_servers() else { return Verdict::Accept };
        if let Some((key, _)) = own.connections.answered(&packet, now) {
            own.connections.passed(key, Direction::Reply, &packet, now);
            self.rewrite(hook, |packet| packet.set_source(key.frontend));
            return Verdict::Accept;
        }
        if hook == Hook::Forward {
            return Verdict::Accept;
        }
        let Some((key, found)) = own.connections.asked(&packet, now) else {
            return self.schedule(hook);
        };
        let frontend = (key.protocol, key.frontend);
        let there = own.state.servers.get(&frontend);
        if there.is_none_or(|it| !it.real.contains_key(&found.server)) {
            // `expire_nodest_conn`: this packet is lost, the next one begins anew.
            own.connections.forget(&key);
            let tuple = Tuple::of(&packet);
            self.kernel.conntrack.forget(|it| it.original == tuple, now);
            return Verdict::Drop;
        }
        own.connections.passed(key, Direction::Original, &packet, now);
        self.journey.frontend = Some(frontend);
        self.rewrite(hook, |packet| packet.set_destination(found.server));
        Verdict::Accept
    }

    fn rewrite(&mut self, hook: Hook, change: impl Fn(&mut Packet)) {
        let before = self.journey.packet;
        change(&mut self.journey.packet);
        let place = Place::Ipvs { node: self.node.clone(), hook };
        self.journey.step(place, Event::Translated { before: Box::new(before) });
    }

    /// A new connection: a real server gets it, or an ICMP error tells that there is none
    /// (`ip_vs_leave`). A segment in mid-stream is none of IPVS's.
    fn schedule(&mut self, hook: Hook) -> Verdict {
        let (packet, now) = (self.journey.packet, self.journey.at.as_millis());
        let begins = packet.tcp_flags().is_none_or(|it| it.syn && !it.ack);
        let frontend = (packet.protocol(), packet.destination());
        let Some(state) = self.virtual_servers().map(|it| Rc::clone(&it.state)) else {
            return Verdict::Accept;
        };
        // Loopback never comes to a virtual server: none listens there.
        let Some(server) = state.servers.get(&frontend).filter(|_| begins) else {
            return Verdict::Accept;
        };
        let chosen = self.choose(frontend, server);
        let found = match chosen {
            Some((server, of)) => Found::Scheduled { by: state.scheduler, server, of },
            None => Found::Nobody,
        };
        let step = Step {
            hook,
            chain: "IPVS".into(),
            rule: server.line(frontend, state.scheduler),
            found,
            origin: state.origin(server.origin).cloned(),
        };
        let to = chosen.map(|it| it.0);
        if let Some(to) = to {
            self.journey.packet.set_destination(to);
            self.journey.frontend = Some(frontend);
            if let Some(connection) =
                self.journey.connection.as_mut().filter(|it| it.open == Open::All)
            {
                connection.tracked.entry.reply.src = to;
            }
            if let Some(own) = self.virtual_servers() {
                own.connections.begin(&packet, to, now);
            }
        }
        let verdict = if to.is_some() { Verdict::Accept } else { Verdict::Reject };
        let nat = to.map(|it| Nat::Dnat { to: it.ip(), port: Some(it.port()) });
        let place = Place::Ipvs { node: self.node.clone(), hook };
        let balanced = Balanced { steps: vec![step], verdict, nat, before: packet };
        self.journey.step(place, Event::Balanced(Box::new(balanced)));
        verdict
    }

    /// The server, out of how many.
    fn choose(
        &mut self,
        frontend: (Protocol, SocketAddr),
        server: &VirtualServer,
    ) -> Option<(SocketAddr, usize)> {
        let takes = server.real.iter().filter(|(_, real)| real.weight > 0);
        let servers: Vec<SocketAddr> = takes.map(|(at, _)| *at).collect();
        let (packet, now) = (self.journey.packet, self.journey.at.as_millis());
        let family = packet.dst.family();
        let balancer = self.kernel.balancer_mut(family).as_deref_mut();
        let Some(Balancer::Ipvs(own)) = balancer else { return None };
        let VirtualServers { state, turns, connections } = own.as_mut();
        let asking = Asking {
            frontend,
            client: packet.src,
            by: state.scheduler,
            persistent: server.persistent,
            servers: &servers,
            load: &|server| connections.count(frontend, server, now),
            now,
        };
        let chosen = turns.choose(asking, &mut *self.journey.chance)?;
        Some((chosen, servers.len()))
    }

    /// What IPVS sends on passes OUTPUT, where conntrack and NAT have been before.
    pub fn send_on(&mut self, devices: Devices<'_>) -> Verdict {
        let hook = Hook::Output;
        for table in [TableName::Raw, TableName::Mangle] {
            let verdict = self.optional(table, hook, devices).verdict;
            if verdict != Verdict::Accept {
                return verdict;
            }
        }
        self.filter(hook, devices)
    }

    pub(super) fn is_local(&self) -> bool {
        (self.addr_type)(self.journey.packet.dst) == AddrType::Local
    }
}
