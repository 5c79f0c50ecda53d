//! The plugin `cache`: replies by question, for as long as their least TTL and the Corefile say.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::corefile::{self, Span};
use super::message::{Data, Query, Rcode, Reply, Type};
use super::name::Name;
use super::zone_of;
use crate::time::Instant;

/// What one server remembers. A clone shares the replies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Store {
    /// By the name in lower case.
    items: BTreeMap<(Name, Type), Rc<Item>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    reply: Reply,
    stored: Instant,
    /// In seconds.
    ttl: u32,
}

/// What kind of reply it is (`response.Typify`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Success,
    Denial,
    ServerError,
    /// CNAMEs that lead nowhere: passed on with the TTL of a success, not stored.
    DeadEnd,
    /// Not stored.
    Other,
}

impl Store {
    /// A stored reply with what is left of its TTL.
    pub(super) fn get(&self, query: &Query, now: Instant) -> Option<Reply> {
        let item = self.items.get(&(query.name.lower(), query.kind))?;
        let age = now.as_micros().saturating_sub(item.stored.as_micros()) / 1_000_000;
        let left = u64::from(item.ttl).checked_sub(age).filter(|it| *it > 0)?;
        let mut reply = Reply { question: (query.name.clone(), query.kind), ..item.reply.clone() };
        // Some clients discard whole packets that lack it (`item.toMsg`).
        reply.flags.authoritative = true;
        reply.flags.recursion_desired = query.recursion_desired;
        set_ttl(&mut reply, left as u32);
        Some(reply)
    }

    /// Stores a reply if it may be, and gives its records the TTL that it is stored with.
    pub(super) fn put(
        &mut self,
        settings: &corefile::Cache,
        query: &Query,
        reply: &mut Reply,
        now: Instant,
    ) {
        let class = class(reply);
        let ttl = ttl(reply, class, settings);
        let except = match class {
            Class::Success => &settings.no_success,
            _ => &settings.no_denial,
        };
        let stored = matches!(class, Class::Success | Class::Denial | Class::ServerError)
            && !reply.flags.truncated
            && ttl > 0
            && zone_of(except, &query.name).is_none();
        if stored {
            let item = Item { reply: reply.clone(), stored: now, ttl };
            self.items.retain(|_, it| now.as_micros() < it.ends());
            self.items.insert((query.name.lower(), query.kind), Rc::new(item));
        }
        set_ttl(reply, ttl);
    }
}

impl Item {
    fn ends(&self) -> u64 {
        self.stored.as_micros() + u64::from(self.ttl) * 1_000_000
    }
}

fn class(reply: &Reply) -> Class {
    let kind = reply.question.1;
    if matches!(kind, Type::AXFR | Type::IXFR) {
        return Class::Other;
    }
    let matches = reply.answer.iter().any(|it| it.kind() == kind || it.kind() != Type::CNAME);
    let has_soa = reply.authority.iter().any(|it| matches!(it.data, Data::Soa(_)));
    match reply.rcode {
        Rcode::NoError if matches => Class::Success,
        Rcode::NoError if has_soa => Class::Denial,
        Rcode::NoError if !reply.answer.is_empty() => Class::DeadEnd,
        Rcode::NoError => Class::Success,
        Rcode::NxDomain if has_soa && reply.answer.is_empty() => Class::Denial,
        Rcode::ServFail | Rcode::NotImp => Class::ServerError,
        _ => Class::Other,
    }
}

fn ttl(reply: &Reply, class: Class, settings: &corefile::Cache) -> u32 {
    let bound = |span: Span| span.clamp(least_ttl(reply));
    match class {
        Class::Success | Class::DeadEnd => bound(settings.success),
        Class::Denial => bound(settings.denial),
        Class::ServerError => settings.servfail,
        Class::Other => settings.success.clamp(corefile::MIN_TTL),
    }
}

/// `dnsutil.MinimalTTL`: an SOA's own minimum is not looked at.
fn least_ttl(reply: &Reply) -> u32 {
    let all = reply.sections().into_iter().flatten();
    let least = all.map(|it| it.ttl).min();
    least.map_or(corefile::MIN_TTL, |it| it.min(corefile::MAX_TTL))
}

fn set_ttl(reply: &mut Reply, ttl: u32) {
    reply.sections_mut().into_iter().flatten().for_each(|it| it.ttl = ttl);
}
