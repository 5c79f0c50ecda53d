//! How long a message is, and what is left of one that is too long for its client.
//!
//! `miekg/dns` `Msg.Truncate` and CoreDNS's `request.Scrub`: names are compressed only where the
//! message would not fit otherwise, then records are cut off from the end.

use std::collections::BTreeSet;

use super::message::{Data, Edns, Query, Record, Reply, Transport, Type};
use super::name::Name;

const HEADER: usize = 12;
/// RFC 1035 §2.3.4: what a client without EDNS takes over UDP.
const MIN_MESSAGE: usize = 512;
/// Beyond these a UDP packet is in danger of being cut up (`request.Scrub`).
const UNFRAGMENTED: usize = 1480;
const UNFRAGMENTED_IPV6: usize = 1220;
/// Pointers have 14 bits.
const MAX_OFFSET: usize = 1 << 14;

impl Reply {
    /// Its length on the wire, in bytes.
    pub fn bytes(&self) -> usize {
        let mut measure = Measure::new(self.compressed);
        measure.question(&self.question);
        self.sections().into_iter().flatten().for_each(|it| measure.record(it));
        measure.at + self.opt_length()
    }

    fn opt_length(&self) -> usize {
        self.edns.map_or(0, Edns::opt_length)
    }
}

impl Query {
    /// Its length on the wire, in bytes.
    pub fn bytes(&self) -> usize {
        let opt = self.edns.map_or(0, Edns::opt_length);
        HEADER + self.name.wire_length() + 4 + opt
    }
}

impl Edns {
    fn opt_length(self) -> usize {
        if self.cookie { 23 } else { 11 }
    }
}

/// Compresses and cuts a reply so that the one who asked can take it.
pub fn scrub(query: &Query, reply: &mut Reply) {
    reply.edns = query.edns;
    let limit = match query.over {
        Transport::Tcp => usize::from(u16::MAX),
        Transport::Udp => query.edns.map_or(0, |it| usize::from(it.size)).max(MIN_MESSAGE),
    };
    reply.compressed = false;
    let length = reply.bytes();
    if length > limit {
        truncate(reply, limit);
    } else if query.over == Transport::Udp {
        let whole = if query.ipv6 { UNFRAGMENTED_IPV6 } else { UNFRAGMENTED };
        reply.compressed = length > whole;
    }
}

fn truncate(reply: &mut Reply, limit: usize) {
    reply.compressed = true;
    let limit = limit.saturating_sub(reply.opt_length());
    let mut measure = Measure::new(true);
    measure.question(&reply.question);
    let mut cut = false;
    for section in reply.sections_mut() {
        let kept = if measure.at < limit { fitting(section, limit, &mut measure) } else { 0 };
        cut |= kept < section.len();
        section.truncate(kept);
    }
    reply.flags.truncated |= cut;
}

/// How many records fit; after one that does not, none of the next section is looked at.
fn fitting(records: &[Record], limit: usize, measure: &mut Measure) -> usize {
    for (index, record) in records.iter().enumerate() {
        measure.record(record);
        if measure.at > limit {
            measure.at = limit;
            return index;
        }
        if measure.at == limit {
            return index + 1;
        }
    }
    records.len()
}

/// Adds up lengths; remembers the names so far where names are compressed.
struct Measure {
    at: usize,
    seen: Option<BTreeSet<String>>,
}

impl Measure {
    fn new(compressed: bool) -> Measure {
        Measure { at: HEADER, seen: compressed.then(BTreeSet::new) }
    }

    fn question(&mut self, (name, _): &(Name, Type)) {
        self.name(name, true);
        self.at += 4;
    }

    fn record(&mut self, record: &Record) {
        self.name(&record.owner, true);
        self.at += 10;
        match &record.data {
            Data::A(_) => self.at += 4,
            Data::Aaaa(_) => self.at += 16,
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => self.name(name, true),
            // RFC 2782: a target is never compressed, but later names may point into it.
            Data::Srv { target, .. } => {
                self.at += 6;
                self.name(target, false);
            }
            Data::Mx { exchange, .. } => {
                self.at += 2;
                self.name(exchange, true);
            }
            Data::Txt(texts) => self.at += texts.iter().map(|it| it.len() + 1).sum::<usize>(),
            Data::Soa(soa) => {
                self.name(&soa.server, true);
                self.name(&soa.mailbox, true);
                self.at += 20;
            }
        }
    }

    /// Letter case counts: `miekg/dns` compresses what is spelled the same.
    fn name(&mut self, name: &Name, compress: bool) {
        let whole = name.wire_length();
        let Some(seen) = self.seen.as_mut().filter(|_| !name.is_root()) else {
            self.at += whole;
            return;
        };
        let (mut rest, start) = (Some(name.clone()), self.at);
        while let Some(suffix) = rest.filter(|it| !it.is_root()) {
            let offset = whole - suffix.wire_length();
            if seen.contains(suffix.as_str()) {
                self.at += if compress { offset + 2 } else { whole };
                return;
            }
            if start + offset < MAX_OFFSET {
                seen.insert(suffix.as_str().to_owned());
            }
            rest = suffix.parent();
        }
        self.at += whole;
    }
}
