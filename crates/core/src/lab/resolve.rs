//! Names looked up by a process in the cluster: each question is a packet of its own, through
//! kube-proxy's rules to one of CoreDNS's pods, and from there perhaps to a server outside.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use svclab_netfilter::Family;
use svclab_netfilter::order::Order;

use super::log::{EntryId, Happening};
use super::name_servers::{NameServer, NameServers, Setup};
use super::network::Source;
use super::{Lab, pod_name};
use crate::dns::client::{
    Asker, Heard, Lookup, ResolvConf, Resolver, dig, etc_hosts, look_up, sort,
};
use crate::dns::corefile::Target;
use crate::dns::kubernetes::Cluster;
use crate::dns::upstream::Forwarded;
use crate::dns::{Around, Edns, Luck, Name, Query, Reply, Transport, Type, Upstream};
use crate::key::{Kind, ObjectKey};
use crate::net::exchange::{Client, Wire};
use crate::net::{Network, Party};
use crate::object::{Object, Objects, Pod};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::trace::{Answer, Exchange, Question, Request};

/// A name that a process looks up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resolving {
    pub from: Source,
    pub name: String,
    #[serde(default)]
    pub with: With,
    /// Whom to ask instead of those of resolv.conf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<IpAddr>,
}

/// What asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum With {
    /// `getaddrinfo` of the libc in the pod's image.
    #[default]
    Libc,
    Glibc,
    Musl,
    /// `getent hosts`
    Getent,
    /// BusyBox's `nslookup`.
    Busybox,
    /// BIND's `nslookup` and `host`.
    Bind,
    /// One question for the name as it stands, as `dig` asks it.
    Dig {
        kind: String,
        tcp: bool,
    },
}

/// A lookup that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    pub at: Instant,
    /// When the process knows the result.
    pub ended: Instant,
    pub from: Rc<str>,
    pub name: String,
    pub conf: ResolvConf,
    pub lookup: Lookup,
    /// In the order in which the client tries them; those of `/etc/hosts` need no question.
    pub addresses: Vec<IpAddr>,
    /// The requests it took, with their packets.
    pub exchanges: Vec<usize>,
}

/// The Unix time at which the lab begins: 2026-01-01T00:00:00Z.
const EPOCH: u64 = 1_767_225_600;
const DNS_PORT: u16 = 53;
/// What dig offers.
const DIG_SIZE: u16 = 1232;
/// Longer, and the upstream's reply is given up (`forward`'s read timeout).
const FORWARD_WAIT: Duration = crate::dns::server::READ_TIMEOUT;

impl Lab {
    /// None where the sender has no address yet.
    pub(super) fn resolve(&mut self, resolving: &Resolving) -> Option<Rc<Resolution>> {
        let party = self.party(&resolving.from)?;
        let conf = self.resolv_conf(&resolving.from);
        let own = own_addresses(&self.net, &party);
        let hosts = self.etc_hosts(&resolving.from);
        let resolver = self.resolver(resolving);
        let servers = match resolving.server {
            Some(ip) => vec![ip],
            None => conf.nameservers.clone(),
        };
        let (at, from) = (self.now, self.net.name_of(&party));
        let desk = Desk {
            objects: &self.objects,
            names: &mut self.names,
            requests: &mut self.requests,
            exchanges: Vec::new(),
            queries: Vec::new(),
        };
        let wire = Wire::new(&mut self.net, &mut self.rng, at);
        let client = Client::from(party);
        let mut asking = Asking { desk, wire, client, from: from.clone(), servers };
        let listed = etc_hosts::find(&hosts, &resolving.name);
        let lookup = match (&resolving.with, resolver) {
            (With::Dig { kind, tcp }, _) => {
                let name = Name::parse(&resolving.name)?;
                dig(dig_query(name, Type::parse(kind)?, *tcp), &mut asking)
            }
            (_, Resolver::Glibc { .. } | Resolver::Musl | Resolver::GetentHosts)
                if !listed.is_empty() =>
            {
                Lookup { asked: Vec::new(), result: Ok(listed), canonical: None }
            }
            _ => look_up(resolver, &conf, &resolving.name, &mut asking),
        };
        let ended = asking.wire.at;
        let Desk { exchanges, queries, .. } = asking.desk;
        let found = lookup.result.clone().unwrap_or_default();
        let addresses = match resolver {
            Resolver::Glibc { .. } => sort::glibc(&own, &found),
            Resolver::Musl => sort::musl(&own, &found),
            _ => found,
        };
        let ids = self.keep_questions(exchanges, queries);
        let name = resolving.name.clone();
        let exchanges = ids;
        let resolution = Resolution { at, ended, from, name, conf, lookup, addresses, exchanges };
        Some(Rc::new(resolution))
    }

    /// Notes what was asked: the client's questions, then what servers asked for them, and what
    /// each server answered.
    fn keep_questions(
        &mut self,
        mut exchanges: Vec<Exchange>,
        queries: Vec<(usize, Happening)>,
    ) -> Vec<usize> {
        exchanges.order_by_key(|it| it.id);
        let ids = exchanges.iter().map(|it| it.id).collect();
        let mut entries: Vec<(usize, EntryId)> = Vec::new();
        for exchange in exchanges {
            let (id, from) = (exchange.id, exchange.request.from.clone());
            let entry = self.note(None, Happening::Requested { exchange: id, from });
            entries.push((id, entry));
            self.keep_exchange(Rc::new(exchange));
        }
        for (exchange, what) in queries {
            let cause = entries.iter().find(|it| it.0 == exchange).map(|it| it.1);
            self.note(cause, what);
        }
        ids
    }

    /// `/etc/resolv.conf` where a process runs.
    pub fn resolv_conf(&self, place: &Source) -> ResolvConf {
        let setup = &self.names.setup;
        match self.pod_at(place) {
            Some(pod) => ResolvConf::of_pod(pod, &setup.cluster, &setup.machines).0,
            None => setup.machines.clone(),
        }
    }

    /// `/etc/hosts` where a process runs.
    pub fn etc_hosts(&self, place: &Source) -> String {
        let domain = &self.names.setup.cluster.domain;
        match (self.pod_at(place), place) {
            (Some(pod), _) => etc_hosts::of_pod(pod, domain),
            (None, Source::Inside(key)) if key.kind == Kind::Node => {
                etc_hosts::of_machine(&key.name)
            }
            (None, Source::Inside(_)) => String::new(),
            (None, Source::Outside { outside }) => etc_hosts::of_machine(outside),
        }
    }

    fn pod_at(&self, place: &Source) -> Option<&Pod> {
        match place {
            Source::Inside(key) if key.kind == Kind::Pod => {
                self.objects.get(key).and_then(Object::as_pod)
            }
            _ => None,
        }
    }

    fn resolver(&self, resolving: &Resolving) -> Resolver {
        let glibc = Resolver::Glibc { any_ipv6: true };
        match resolving.with {
            With::Libc => match self.pod_at(&resolving.from) {
                Some(pod) if uses_musl(pod) => Resolver::Musl,
                _ => glibc,
            },
            With::Glibc | With::Dig { .. } => glibc,
            With::Musl => Resolver::Musl,
            With::Getent => Resolver::GetentHosts,
            With::Busybox => Resolver::BusyBox { server: resolving.server.is_some() },
            With::Bind => Resolver::Bind,
        }
    }
}

/// Images built on Alpine Linux.
fn uses_musl(pod: &Pod) -> bool {
    let image = pod.spec.containers.first().map_or("", |it| it.image.as_str());
    image.contains("alpine") || image.contains("netshoot") || image.contains("curlimages/")
}

fn dig_query(name: Name, kind: Type, tcp: bool) -> Query {
    let over = if tcp { Transport::Tcp } else { Transport::Udp };
    let edns = Some(Edns { size: DIG_SIZE, cookie: true });
    Query { over, edns, ..Query::new(name, kind) }
}

/// Every network interface has a link-local IPv6 address; another network is reached from an
/// address of the cluster's second family alone.
fn own_addresses(net: &Network, party: &Party) -> sort::Own {
    let ipv4 = match net.interface(party, Family::V4) {
        Some(IpNet::V4(own)) => Some(own),
        _ => None,
    };
    let global_ipv6 = net.interface(party, Family::V6).is_some();
    sort::Own { ipv4, any_ipv6: true, global_ipv6 }
}

/// What servers work with, and what they leave behind.
struct Desk<'a> {
    objects: &'a Objects,
    names: &'a mut NameServers,
    requests: &'a mut usize,
    exchanges: Vec<Exchange>,
    /// The request, the server's pod, and its line for the question.
    queries: Vec<(usize, Happening)>,
}

/// A process that asks.
struct Asking<'a> {
    desk: Desk<'a>,
    wire: Wire<'a>,
    client: Client,
    from: Rc<str>,
    servers: Vec<IpAddr>,
}

impl Asker for Asking<'_> {
    /// All questions leave one socket at once; the next server is asked where one says nothing.
    fn ask(&mut self, questions: &[Query], wait: Duration) -> Vec<Heard> {
        let mut res = vec![Heard::Refused; questions.len()];
        for server in self.servers.clone() {
            let goal = SocketAddr::new(server, DNS_PORT);
            let (start, mut latest) = (self.wire.at, self.wire.at);
            let mut client = self.client.clone();
            res.clear();
            for query in questions {
                self.wire.at = start;
                let asker = (&self.from, &client);
                let heard = self.desk.question(&mut self.wire, asker, goal, (query, wait));
                latest = latest.max(self.wire.at);
                client.port = client.port.or_else(|| self.desk.last_port());
                res.push(heard);
            }
            self.wire.at = latest;
            if res.iter().any(|it| matches!(it, Heard::Reply(_))) {
                break;
            }
        }
        res
    }
}

impl Desk<'_> {
    /// Asks one question of one server, as a request of its own.
    fn question(
        &mut self,
        wire: &mut Wire,
        (from, client): (&Rc<str>, &Client),
        goal: SocketAddr,
        (query, wait): (&Query, Duration),
    ) -> Heard {
        *self.requests += 1;
        let (id, at, first) = (*self.requests, wire.at, wire.packets.len());
        let query = Query { id: self.names.rng.below(1 << 16) as u16, ..query.clone() };
        let mut reply = None;
        let result = match query.over {
            Transport::Udp => {
                let length = query.bytes();
                wire.converse(client, goal, (length, wait), &mut |wire, (party, by), packet| {
                    let ends = (packet.source(), packet.destination());
                    reply = self.serve(wire, (id, party, by), ends, &query);
                    reply.as_ref().map(Reply::bytes)
                })
            }
            Transport::Tcp => self.over_tcp(wire, (id, client, goal), (&query, wait), &mut reply),
        };
        let result = match (result, reply) {
            (Answer::Reached { by, seen }, Some(reply)) => {
                Answer::Replied { by, seen, reply: Box::new(reply) }
            }
            (result, _) => result,
        };
        let heard = match &result {
            Answer::Replied { reply, .. } => Heard::Reply((**reply).clone()),
            Answer::Refused | Answer::Reset => Heard::Refused,
            Answer::NoRoute | Answer::Denied => Heard::Unreachable,
            _ => Heard::Silence,
        };
        let (from, host) = (from.clone(), query.name.to_string());
        let what = Question::Name(Box::new(query));
        let request = Request { from, host, to: goal.ip(), port: goal.port(), what };
        let packets = wire.packets.split_off(first);
        self.exchanges.push(Exchange { id, at, ended: wire.at, packets, request, result });
        heard
    }

    fn over_tcp(
        &mut self,
        wire: &mut Wire,
        (id, client, goal): (usize, &Client, SocketAddr),
        (query, wait): (&Query, Duration),
        reply: &mut Option<Reply>,
    ) -> Answer {
        let client = Client { port: None, ..client.clone() };
        let connection = match wire.connect_within(&client, goal, wait) {
            Ok(connection) => connection,
            Err(answer) => return answer,
        };
        let by = connection.served_by.clone();
        let ends = (connection.seen, connection.at);
        *reply = self.serve(wire, (id, &connection.server, &by), ends, query);
        // Over TCP two bytes of length go before each message.
        let length = reply.as_ref().map_or(0, |it| it.bytes() + 2);
        let talked = wire.talk(&connection, query.bytes() + 2, length);
        match talked.and_then(|()| wire.close(&connection)) {
            Ok(()) => Answer::Reached { by, seen: ends.0.ip() },
            Err(answer) => answer,
        }
    }

    /// What whoever listens there answers: a CoreDNS, or a name server outside.
    fn serve(
        &mut self,
        wire: &mut Wire,
        (id, party, by): (usize, &Party, &Rc<str>),
        (seen, at): (SocketAddr, SocketAddr),
        query: &Query,
    ) -> Option<Reply> {
        let Some((namespace, name)) = by.split_once('/') else {
            return self.names.setup.world.answer(query);
        };
        let key = ObjectKey::new(Kind::Pod, namespace, name);
        let pod = self.objects.get(&key).and_then(Object::as_pod)?;
        // While it works it is not here: a server that asks itself hears nothing.
        let mut running = self.names.servers.remove(&key)?;
        let arrived = wire.at;
        let query = Query { ipv6: at.is_ipv6(), ..query.clone() };
        let reply = self.answer(wire, (party, pod), &mut running, (&query, at.port()));
        let logged = running.server.logs(&query.name, at.port());
        self.names.servers.insert(key.clone(), running);
        let line = log_line(seen, &query, &reply, wire.at - arrived);
        let pod = key;
        self.queries.push((id, Happening::Queried { pod, exchange: id, line, logged }));
        Some(reply)
    }

    fn answer(
        &mut self,
        wire: &mut Wire,
        (party, pod): (&Party, &Pod),
        running: &mut Rc<NameServer>,
        (query, port): (&Query, u16),
    ) -> Reply {
        let mut rng = Rng::new(self.names.rng.next_u64());
        let serial = EPOCH + self.names.changed.as_micros() / 1_000_000;
        let (objects, own, now) = (self.objects, pod.addresses(), wire.at);
        let setup = self.names.setup.clone();
        let serial = u32::try_from(serial).unwrap_or(u32::MAX);
        let cluster = Cluster { objects, synced: true, serial, own: &own };
        let client = Client::from(party.clone());
        let mut upstream = Forwarding { desk: self, wire, client, pod, setup: &setup };
        let (luck, waited) = (Luck::Drawn(&mut rng), Duration::ZERO);
        let mut around = Around { cluster, upstream: &mut upstream, luck, now, waited };
        Rc::make_mut(running).server.answer(query, port, &mut around)
    }

    /// The client's own port of the request made last.
    fn last_port(&self) -> Option<u16> {
        let first = self.exchanges.last()?.packets.first()?;
        Some(first.sent.source().port())
    }
}

/// `forward` at work in a pod.
struct Forwarding<'f, 'd, 'w, 'n> {
    desk: &'f mut Desk<'d>,
    wire: &'w mut Wire<'n>,
    client: Client,
    pod: &'f Pod,
    setup: &'f Setup,
}

impl Upstream for Forwarding<'_, '_, '_, '_> {
    fn ask(&mut self, query: &Query, to: &[Target]) -> Forwarded {
        let mut servers: Vec<SocketAddr> = Vec::new();
        for target in to {
            match target {
                Target::Server(server) => servers.push(*server),
                Target::File(_) => {
                    let (cluster, machines) = (&self.setup.cluster, &self.setup.machines);
                    let conf = ResolvConf::of_pod(self.pod, cluster, machines).0;
                    let own = conf.nameservers.into_iter();
                    servers.extend(own.map(|ip| SocketAddr::new(ip, DNS_PORT)));
                }
            }
        }
        let drawn = self.desk.names.rng.below(servers.len() as u64) as usize;
        let Some(server) = servers.get(drawn).copied() else { return Forwarded::Refused };
        let meta = &self.pod.metadata;
        let from = pod_name(&ObjectKey::new(Kind::Pod, &meta.namespace, &meta.name)).into();
        let (asker, wait) = ((&from, &self.client), FORWARD_WAIT);
        match self.desk.question(self.wire, asker, server, (query, wait)) {
            Heard::Reply(reply) => Forwarded::Reply(reply),
            Heard::Silence => Forwarded::Silent,
            Heard::Refused | Heard::Unreachable => Forwarded::Refused,
        }
    }
}

/// As CoreDNS's plugin `log` writes it.
fn log_line(client: SocketAddr, query: &Query, reply: &Reply, took: Duration) -> String {
    let over = if query.over == Transport::Udp { "udp" } else { "tcp" };
    let size = query.edns.map_or(512, |it| it.size);
    let size = if query.over == Transport::Tcp { u16::MAX } else { size };
    let flags = reply.flags.to_string().replace(' ', ",");
    // What a server itself needs, which takes no time of the lab's.
    let work = 90_000 + u64::from(query.id).wrapping_mul(7919) % 150_000;
    let nanos = took.as_micros() * 1000 + work;
    format!(
        "{client} - {} \"{} IN {} {over} {} false {size}\" {} {flags} {} {}.{:09}s",
        query.id,
        query.kind,
        query.name.lower(),
        query.bytes(),
        reply.rcode.name(),
        reply.bytes(),
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    )
}
