//! The plugin `kubernetes`: Services, EndpointSlices and pods → records.
//!
//! `handler.go` and `backend_lookup.go` of CoreDNS: what a name stands for ([`find`]) is the same
//! for every type; the type then decides which of it becomes records.

mod find;
mod own;
mod view;

pub use view::Cluster;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::corefile::Kubernetes;
use super::message::{Data, Query, Rcode, Record, Reply, Soa, Type};
use super::name::Name;
use super::server::Serving;
use super::zone_of;
use find::{Finder, Found, Host};

/// What came of a question here.
pub(super) enum Served {
    Reply(Reply),
    /// Nothing is written; the server answers with the rcode alone.
    Rcode(Rcode),
    /// The next plugin is asked.
    Next,
}

/// The name stands for nothing (`IsNameError`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameError;

/// `dnsutil.DuplicateCNAME` keeps chains from going round; this keeps them from growing.
const MAX_CNAMES: usize = 11;
const SCHEMA_VERSION: &str = "1.1.0";
const SCHEMA_TTL: u32 = 28_800;

/// Answers a question, or hands it on.
pub(super) fn serve(
    serving: &mut Serving,
    settings: &Kubernetes,
    bound: bool,
    query: &Query,
) -> Served {
    let Some(zone) = zone_of(&settings.zones, &query.name) else { return Served::Next };
    if matches!(query.kind, Type::AXFR | Type::IXFR) {
        return Served::Rcode(Rcode::Refused);
    }
    let zone = query.name.own_spelling(zone);
    let mut lookup = Lookup { serving, settings, bound, zone: &zone, query };
    let (rcode, records, extra) = match lookup.records() {
        Ok((records, extra)) => (Rcode::NoError, records, extra),
        Err(NameError) if zone_of(&settings.fall, &query.name).is_some() => return Served::Next,
        Err(NameError) if lookup.serving.around.cluster.synced => {
            (Rcode::NxDomain, Vec::new(), Vec::new())
        }
        Err(NameError) => (Rcode::ServFail, Vec::new(), Vec::new()),
    };
    let mut reply = Reply::new(query, rcode);
    reply.flags.authoritative = true;
    if records.is_empty() {
        reply.authority.push(lookup.soa());
    }
    (reply.answer, reply.additional) = (records, extra);
    Served::Reply(reply)
}

/// ANSWER and ADDITIONAL.
type Sections = (Vec<Record>, Vec<Record>);

struct Lookup<'l, 's, 'a> {
    serving: &'l mut Serving<'s, 'a>,
    settings: &'l Kubernetes,
    bound: bool,
    /// As the question spells it.
    zone: &'l Name,
    query: &'l Query,
}

impl Lookup<'_, '_, '_> {
    fn records(&mut self) -> Result<Sections, NameError> {
        let name = &self.query.name;
        // The name server's own zone is compared letter by letter (`state.Name() == zone`).
        let apex = name.lower() == *self.zone;
        match self.query.kind {
            Type::A | Type::AAAA => {
                let records = self.addresses(&name.clone(), self.query.kind, &mut Vec::new())?;
                Ok((records, Vec::new()))
            }
            Type::CNAME => self.cname(),
            Type::TXT => self.text(),
            Type::PTR => self.pointers(),
            Type::SRV => self.services(),
            Type::MX => self.find(&name.clone(), Type::MX).map(|_| Sections::default()),
            Type::SOA if *name == *self.zone => Ok((vec![self.soa()], Vec::new())),
            Type::SOA => Ok(Sections::default()),
            Type::NS if apex => Ok(self.name_servers()),
            // An A question in disguise tells NODATA from NXDOMAIN, and goes outside where an
            // ExternalName does.
            _ => {
                self.addresses(&name.clone(), Type::A, &mut Vec::new())?;
                Ok(Sections::default())
            }
        }
    }

    fn find(&mut self, name: &Name, kind: Type) -> Result<Vec<Found>, NameError> {
        let around = &mut *self.serving.around;
        let settings = self.settings;
        let finder = Finder { cluster: &around.cluster, settings, zone: self.zone };
        if own::is_name_server(&name.lower(), self.zone) {
            let mut all = finder.name_servers(self.bound, &mut around.luck);
            all.retain(|it| it.host.kind() == kind);
            return Ok(all);
        }
        finder.records(&name.lower(), &mut around.luck)
    }

    /// Addresses of one family, after the CNAMEs that lead to them (`plugin.A`, `plugin.AAAA`).
    fn addresses(
        &mut self,
        name: &Name,
        kind: Type,
        before: &mut Vec<Name>,
    ) -> Result<Vec<Record>, NameError> {
        let mut seen = BTreeSet::new();
        let mut res = Vec::new();
        for found in self.find(name, kind)? {
            let record = |data| Record { owner: name.clone(), ttl: self.settings.ttl, data };
            match &found.host {
                Host::Name(target) => {
                    let cname = record(Data::Cname(target.clone()));
                    res.extend(self.follow(name, target, (cname, kind), before));
                }
                Host::Address(ip, spelled) if found.host.kind() == kind => {
                    if seen.insert(spelled.clone()) {
                        res.push(record((*ip).into()));
                    }
                }
                Host::Address(..) => {}
            }
        }
        Ok(res)
    }

    /// A CNAME with what its target stands for; nothing where an inner target has no address.
    fn follow(
        &mut self,
        name: &Name,
        target: &Name,
        (cname, kind): (Record, Type),
        before: &mut Vec<Name>,
    ) -> Vec<Record> {
        // A target below its own alias counts as itself (`Name.Matches`).
        let round = target.is_in(name) || before.contains(target);
        if round || before.len() >= MAX_CNAMES {
            return Vec::new();
        }
        let mut res = vec![cname];
        if target.is_in(self.zone) {
            before.push(target.clone());
            let next = self.addresses(target, kind, before);
            before.pop();
            match next {
                Ok(next) if !next.is_empty() => res.extend(next),
                _ => res.clear(),
            }
        } else {
            let query = Query { name: target.clone(), kind, ..self.query.clone() };
            res.extend(self.serving.look_up(&query).answer);
        }
        res
    }

    fn cname(&mut self) -> Result<Sections, NameError> {
        let found = self.find(&self.query.name.clone(), Type::CNAME)?;
        let records = match found.first().map(|it| &it.host) {
            Some(Host::Name(target)) => vec![self.record(Data::Cname(target.clone()))],
            _ => Vec::new(),
        };
        Ok((records, Vec::new()))
    }

    fn text(&mut self) -> Result<Sections, NameError> {
        let name = self.query.name.lower();
        if name.before(self.zone) == Some("dns-version") {
            let data = Data::Txt(vec![SCHEMA_VERSION.to_owned()]);
            let record = Record { owner: self.query.name.clone(), ttl: SCHEMA_TTL, data };
            return Ok((vec![record], Vec::new()));
        }
        let around = &mut *self.serving.around;
        let settings = self.settings;
        let finder = Finder { cluster: &around.cluster, settings, zone: self.zone };
        match finder.records(&name, &mut around.luck) {
            Ok(found) if !found.is_empty() => Ok(Sections::default()),
            _ => Err(NameError),
        }
    }

    fn pointers(&mut self) -> Result<Sections, NameError> {
        let name = self.query.name.lower();
        let around = &mut *self.serving.around;
        let settings = self.settings;
        let finder = Finder { cluster: &around.cluster, settings, zone: self.zone };
        let Some(ip) = super::address_of(&name) else {
            finder.records(&name, &mut around.luck)?;
            return Ok(Sections::default());
        };
        let targets = finder.named(ip, &mut around.luck);
        if targets.is_empty() {
            return Err(NameError);
        }
        let records = targets.into_iter().map(|it| self.record(Data::Ptr(it)));
        Ok((records.collect(), Vec::new()))
    }

    /// One record for each target and port, and the targets' addresses (`plugin.SRV`).
    fn services(&mut self) -> Result<Sections, NameError> {
        let mut found = self.find(&self.query.name.clone(), Type::SRV)?;
        found.retain(|it| matches!(it.host, Host::Address(..)));
        let weight = weight(found.len());
        let (mut records, mut extra) = Sections::default();
        let (mut targets, mut glue) = (BTreeSet::new(), BTreeSet::new());
        for it in found {
            let (Host::Address(ip, spelled), Some(port)) = (it.host, it.port) else { continue };
            if targets.insert((it.name.clone(), port)) {
                let target = it.name.clone();
                records.push(self.record(Data::Srv { priority: 0, weight, port, target }));
            }
            if glue.insert((it.name.clone(), spelled)) {
                extra.push(self.address_record(it.name, ip));
            }
        }
        Ok((records, extra))
    }

    /// The zone's NS records: one for each name, and every address as often as it was found.
    fn name_servers(&mut self) -> Sections {
        let around = &mut *self.serving.around;
        let settings = self.settings;
        let finder = Finder { cluster: &around.cluster, settings, zone: self.zone };
        let found = finder.name_servers(self.bound, &mut around.luck);
        let (mut records, mut extra, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for it in found {
            let Host::Address(ip, _) = it.host else { continue };
            extra.push(self.address_record(it.name.clone(), ip));
            if seen.insert(it.name.clone()) {
                records.push(self.record(Data::Ns(it.name)));
            }
        }
        (records, extra)
    }

    fn record(&self, data: Data) -> Record {
        Record { owner: self.query.name.clone(), ttl: self.settings.ttl, data }
    }

    fn address_record(&self, owner: Name, ip: IpAddr) -> Record {
        Record { owner, ttl: self.settings.ttl, data: ip.into() }
    }

    fn soa(&self) -> Record {
        let minimum = self.settings.ttl;
        let soa = Soa {
            server: self.zone.child("ns.dns"),
            mailbox: self.zone.child("hostmaster"),
            serial: self.serving.around.cluster.serial,
            refresh: 7200,
            retry: 1800,
            expire: 86_400,
            minimum,
        };
        Record { owner: self.zone.clone(), ttl: minimum.min(300), data: Data::Soa(Box::new(soa)) }
    }
}

/// `floor(100 / count)`, at least 1, through the same floating-point steps as CoreDNS.
fn weight(count: usize) -> u16 {
    let share = 100.0 / (count as f64 * 100.0) * 100.0;
    (share.floor() as u16).max(1)
}
