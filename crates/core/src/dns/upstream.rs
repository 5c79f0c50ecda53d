//! The world outside the cluster: a resolver that knows a few zones.

use std::collections::BTreeSet;

use super::corefile::Target;
use super::message::{Data, Query, Rcode, Record, Reply, Soa, Type};
use super::name::Name;

/// Whom `forward` asks.
pub trait Upstream {
    /// One question to one of the servers `to`, and what comes of it.
    fn ask(&mut self, query: &Query, to: &[Target]) -> Forwarded;
}

/// What comes of asking an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forwarded {
    Reply(Reply),
    /// Nothing within the read timeout.
    Silent,
    /// An ICMP error, or nobody to ask.
    Refused,
}

/// A resolver's knowledge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    pub zones: Vec<Zone>,
    /// Names whose questions end in SERVFAIL, in REFUSED, or are not answered.
    pub servfail: BTreeSet<Name>,
    pub refused: BTreeSet<Name>,
    pub silent: BTreeSet<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    pub name: Name,
    pub soa: (u32, Soa),
    pub records: Vec<Record>,
}

/// A resolver gives up following CNAMEs after so many.
const MAX_CHAIN: usize = 16;

impl World {
    /// Follows its own CNAMEs; NXDOMAIN and NODATA come with the SOA of the closest zone of the
    /// last name. None: no answer.
    pub fn answer(&self, query: &Query) -> Option<Reply> {
        let lower = query.name.lower();
        if self.silent.contains(&lower) {
            return None;
        }
        let mut reply = Reply::new(query, Rcode::NoError);
        reply.flags.recursion_available = true;
        if self.servfail.contains(&lower) {
            reply.rcode = Rcode::ServFail;
        } else if self.refused.contains(&lower) {
            reply.rcode = Rcode::Refused;
        } else {
            self.resolve(query, &mut reply);
        }
        Some(reply)
    }

    fn resolve(&self, query: &Query, reply: &mut Reply) {
        let mut name = query.name.clone();
        for _ in 0..MAX_CHAIN {
            let there: Vec<&Record> = self.records().filter(|it| it.owner.is(&name)).collect();
            let wanted = |it: &Record| it.kind() == query.kind || query.kind == Type::ANY;
            let mut found = there.iter().filter(|it| wanted(it)).peekable();
            if found.peek().is_some() {
                let owned = found.map(|it| Record { owner: name.clone(), ..(*it).clone() });
                reply.answer.extend(owned);
                return;
            }
            let target = there.iter().find_map(|it| match &it.data {
                Data::Cname(target) => Some((it.ttl, target.clone())),
                _ => None,
            });
            let Some((ttl, target)) = target else {
                return self.nothing(&name, there.is_empty(), reply);
            };
            reply.answer.push(Record { owner: name, ttl, data: Data::Cname(target.clone()) });
            name = target;
        }
        reply.rcode = Rcode::ServFail;
    }

    fn nothing(&self, name: &Name, unknown: bool, reply: &mut Reply) {
        let zone = self.zones.iter().filter(|it| name.is_in(&it.name));
        let zone = zone.max_by_key(|it| it.name.wire_length());
        let below = self.records().any(|it| it.owner.is_in(name));
        let apex = zone.is_some_and(|it| it.name.is(name));
        if unknown && !below && !apex {
            reply.rcode = Rcode::NxDomain;
        }
        if let Some(zone) = zone {
            let (ttl, soa) = &zone.soa;
            let data = Data::Soa(Box::new(soa.clone()));
            reply.authority.push(Record { owner: zone.name.clone(), ttl: *ttl, data });
        }
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        self.zones.iter().flat_map(|it| &it.records)
    }
}

impl Upstream for World {
    fn ask(&mut self, query: &Query, _to: &[Target]) -> Forwarded {
        self.answer(query).map_or(Forwarded::Silent, Forwarded::Reply)
    }
}
