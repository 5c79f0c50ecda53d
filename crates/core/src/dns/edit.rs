//! The plugins `rewrite` and `hosts`: questions changed on their way in, names answered from the
//! Corefile itself.

use std::net::IpAddr;

use super::corefile::{Change, Hosts, Matching, Rewrite};
use super::message::{Data, Query, Rcode, Record, Reply, Type};
use super::name::Name;
use super::{address_of, zone_of};

/// The question as the later plugins see it, and the names to change back in the reply.
pub(super) fn rewritten(rules: &[Rewrite], query: &Query) -> (Query, Vec<(Name, Name)>) {
    let (mut res, mut back) = (query.clone(), Vec::new());
    for rule in rules {
        let changed = match &rule.what {
            Change::Name { how, from, to, answer } => match renamed(&res.name, *how, from, to) {
                Some(name) => {
                    let old = std::mem::replace(&mut res.name, name);
                    if *answer {
                        back.push((res.name.clone(), old));
                    }
                    true
                }
                None => false,
            },
            Change::Type { from, to } => {
                let matches = res.kind == *from;
                res.kind = if matches { *to } else { res.kind };
                matches
            }
        };
        if changed && !rule.goes_on {
            break;
        }
    }
    (res, back)
}

fn renamed(name: &Name, how: Matching, from: &str, to: &str) -> Option<Name> {
    let lower = name.lower();
    let text = lower.as_str();
    let new = match how {
        Matching::Exact => (text == from).then(|| to.to_owned()),
        Matching::Prefix => text.strip_prefix(from).map(|rest| format!("{to}{rest}")),
        Matching::Suffix => {
            let dotted =
                |it: &str| if it.ends_with('.') { it.to_owned() } else { format!("{it}.") };
            text.strip_suffix(&dotted(from)).map(|rest| format!("{rest}{}", dotted(to)))
        }
        Matching::Substring => text.contains(from).then(|| text.replace(from, to)),
    };
    new.and_then(|it| Name::parse(&it))
}

/// The reply to the question that was asked, not to the one it was changed into.
pub(super) fn restore(reply: &mut Reply, query: &Query, back: &[(Name, Name)]) {
    reply.question = (query.name.clone(), query.kind);
    let sections = reply.sections_mut();
    for record in sections.into_iter().flatten() {
        if let Some((_, old)) = back.iter().find(|(new, _)| new.is(&record.owner)) {
            record.owner = old.clone();
        }
    }
}

/// What `hosts` says: a reply, or None where the next plugin is asked.
pub(super) fn hosts(hosts: &Hosts, query: &Query) -> Option<Result<Reply, Rcode>> {
    zone_of(&hosts.zones, &query.name)?;
    let name = query.name.lower();
    let record = |data| Record { owner: query.name.clone(), ttl: hosts.ttl, data };
    let mut reply = Reply::new(query, Rcode::NoError);
    reply.flags.authoritative = true;
    if query.kind == Type::PTR {
        let ip = address_of(&name).filter(|_| hosts.reverse)?;
        let named = hosts.entries.iter().filter(|it| it.0 == ip).flat_map(|it| &it.1);
        reply.answer = named.map(|it| record(Data::Ptr(it.clone()))).collect();
        return (!reply.answer.is_empty()).then_some(Ok(reply));
    }
    let here = hosts.entries.iter().filter(|it| it.1.contains(&name)).map(|it| it.0);
    let all: Vec<IpAddr> = here.collect();
    if !matches!(query.kind, Type::A | Type::AAAA) {
        return None;
    }
    let wanted = all.iter().filter(|it| it.is_ipv4() == (query.kind == Type::A));
    reply.answer = wanted.map(|it| record((*it).into())).collect();
    if all.is_empty() {
        // There is no SOA to say NXDOMAIN with.
        let falls = zone_of(&hosts.fall, &name).is_some();
        return if falls { None } else { Some(Err(Rcode::ServFail)) };
    }
    Some(Ok(reply))
}
