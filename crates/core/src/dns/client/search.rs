//! Which questions a libc or tool asks for a name, in which order, and when it is content.
//!
//! Rules by client: dns.md §7, recorded from glibc 2.36, musl 1.2.3, BusyBox 1.35, BIND 9.18.

use std::net::IpAddr;

use super::ResolvConf;
use crate::dns::message::{Data, Query, Rcode, Reply, Transport, Type};
use crate::dns::name::Name;
use crate::time::Duration;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// `getaddrinfo` of glibc; `any_ipv6`: of a program that asks for AAAA (with AI_ADDRCONFIG
    /// only where the pod has an IPv6 address).
    Glibc { any_ipv6: bool },
    /// `getaddrinfo` of musl 1.1.13 or later.
    Musl,
    /// glibc's `getent hosts`: AAAA through the whole list, then A.
    GetentHosts,
    /// BusyBox 1.30's own `nslookup`; `server`: one is given on the command line.
    BusyBox { server: bool },
    /// BIND's `nslookup` and `host`.
    Bind,
}

/// Sends questions from one socket and waits for replies.
pub trait Asker {
    /// What came of each question within `wait`.
    fn ask(&mut self, questions: &[Query], wait: Duration) -> Vec<Heard>;
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Reply(Reply),
    Silence,
    /// ICMP port unreachable, or nobody listens.
    Refused,
    /// There is no way to the server.
    Unreachable,
}

/// A whole lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Every question, in its order, with what came of it.
    pub asked: Vec<(Query, Heard)>,
    /// In the order of the replies; see [`super::sort`].
    pub result: Result<Vec<IpAddr>, Failure>,
    /// The owner of the addresses.
    pub canonical: Option<Name>,
}

/// Why a libc gives no address (`EAI_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    NoName,
    /// The name is there, without an address.
    NoData,
    Again,
    Fail,
}

impl Failure {
    /// `gai_strerror` of glibc.
    pub fn glibc(self) -> &'static str {
        match self {
            Failure::NoName => "Name or service not known",
            Failure::NoData => "No address associated with hostname",
            Failure::Again => "Temporary failure in name resolution",
            Failure::Fail => "Non-recoverable failure in name resolution",
        }
    }

    /// `gai_strerror` of musl.
    pub fn musl(self) -> &'static str {
        match self {
            Failure::NoName | Failure::NoData => "Name does not resolve",
            Failure::Again => "Try again",
            Failure::Fail => "Non-recoverable error",
        }
    }

    /// The number of `EAI_NONAME` and the like.
    pub fn code(self) -> i32 {
        match self {
            Failure::NoName => -2,
            Failure::NoData => -5,
            Failure::Again => -3,
            Failure::Fail => -4,
        }
    }
}

/// A client waits so long for a reply; musl sends again within that time.
const TIMEOUT: Duration = Duration::from_secs(5);
const MUSL_RESEND: Duration = Duration::from_millis(2500);
/// How often glibc asks each server.
const GLIBC_TRIES: usize = 2;
/// How often BIND's tools ask.
const BIND_TRIES: usize = 3;
/// How often musl asks again after SERVFAIL, for each of its two questions.
const MUSL_AGAIN: usize = 2;

/// Looks a name up as `resolver` does. An address needs no question.
pub fn look_up(resolver: Resolver, conf: &ResolvConf, name: &str, asker: &mut dyn Asker) -> Lookup {
    let asked = Vec::new();
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Lookup { asked, result: Ok(vec![ip]), canonical: None };
    }
    let candidates = candidates(resolver, conf, name);
    let as_is = Name::parse(name);
    let mut session = Session { asker, as_is, asked, found: Vec::new(), canonical: None };
    let result = match resolver {
        Resolver::Glibc { any_ipv6: true } => session.glibc(&candidates, &[Type::A, Type::AAAA]),
        Resolver::Glibc { any_ipv6: false } => session.glibc(&candidates, &[Type::A]),
        Resolver::GetentHosts => session
            .glibc(&candidates, &[Type::AAAA])
            .or_else(|_| session.glibc(&candidates, &[Type::A])),
        Resolver::Musl => session.musl(&candidates),
        Resolver::BusyBox { .. } => session.busybox(&candidates),
        Resolver::Bind => session.bind(&candidates),
    };
    let Session { asked, found, canonical, .. } = session;
    Lookup { asked, result: result.map(|()| found), canonical }
}

/// One question as it stands, as `dig` asks it: three times where nobody answers.
pub fn dig(query: Query, asker: &mut dyn Asker) -> Lookup {
    let mut session =
        Session { asker, as_is: None, asked: Vec::new(), found: Vec::new(), canonical: None };
    let mut came = Came::Silence;
    for _ in 0..BIND_TRIES {
        came = session.ask_all(vec![query.clone()], TIMEOUT);
        if !matches!(came, Came::Silence | Came::Refused) {
            break;
        }
    }
    let result = match came {
        Came::Addresses => Ok(()),
        Came::NoData => Err(Failure::NoData),
        Came::NxDomain => Err(Failure::NoName),
        Came::ServFail | Came::Silence | Came::Refused => Err(Failure::Again),
        Came::Other => Err(Failure::Fail),
    };
    let Session { asked, found, canonical, .. } = session;
    Lookup { asked, result: result.map(|()| found), canonical }
}

/// The full names to try, in order. What is too long to be a name is left out.
pub fn candidates(resolver: Resolver, conf: &ResolvConf, name: &str) -> Vec<Name> {
    let as_is = Name::parse(name);
    if name.ends_with('.') {
        return as_is.into_iter().collect();
    }
    let searched: Vec<Name> =
        conf.search.iter().filter_map(|domain| Name::parse(&format!("{name}.{domain}"))).collect();
    let few_dots = Name::dots(name) < conf.ndots();
    match resolver {
        Resolver::BusyBox { server } if server || name.contains('.') => as_is.into_iter().collect(),
        Resolver::BusyBox { .. } => searched,
        _ if few_dots => searched.into_iter().chain(as_is).collect(),
        Resolver::Musl => as_is.into_iter().collect(),
        _ => as_is.into_iter().chain(searched).collect(),
    }
}

struct Session<'a> {
    asker: &'a mut dyn Asker,
    /// The name without any search domain.
    as_is: Option<Name>,
    asked: Vec<(Query, Heard)>,
    found: Vec<IpAddr>,
    canonical: Option<Name>,
}

/// What the replies for one name come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Addresses,
    NoData,
    NxDomain,
    ServFail,
    Silence,
    Refused,
    Other,
}

impl Session<'_> {
    /// Every candidate after NXDOMAIN, NODATA and SERVFAIL; silence ends the search list, and the
    /// name is tried as it stands.
    fn glibc(&mut self, candidates: &[Name], kinds: &[Type]) -> Result<(), Failure> {
        let mut failure = Failure::NoName;
        let mut silent = false;
        for name in candidates {
            let is_searched = self.as_is.as_ref() != Some(name);
            if silent && is_searched {
                continue;
            }
            match self.tried(name, kinds, GLIBC_TRIES) {
                Came::Addresses => return Ok(()),
                Came::NoData if failure == Failure::NoName => failure = Failure::NoData,
                Came::ServFail => failure = Failure::Again,
                Came::Silence => (failure, silent) = (Failure::Again, is_searched),
                Came::Refused => return Err(Failure::Again),
                Came::NoData | Came::NxDomain | Came::Other => {}
            }
        }
        Err(failure)
    }

    /// Asks until there is a reply other than SERVFAIL.
    fn tried(&mut self, name: &Name, kinds: &[Type], tries: usize) -> Came {
        let mut came = Came::Silence;
        for _ in 0..tries {
            came = self.ask(name, kinds, TIMEOUT);
            if !matches!(came, Came::Silence | Came::ServFail) {
                break;
            }
        }
        came
    }

    /// Goes on after NXDOMAIN alone.
    fn musl(&mut self, candidates: &[Name]) -> Result<(), Failure> {
        for name in candidates {
            match self.ask_as_musl(name) {
                Came::Addresses => return Ok(()),
                Came::NxDomain => {}
                Came::NoData => return Err(Failure::NoData),
                Came::ServFail | Came::Silence | Came::Refused => return Err(Failure::Again),
                Came::Other => return Err(Failure::Fail),
            }
        }
        Err(Failure::NoName)
    }

    fn ask_as_musl(&mut self, name: &Name) -> Came {
        let mut came = self.ask(name, &[Type::A, Type::AAAA], MUSL_RESEND);
        if came == Came::Silence {
            came = self.ask(name, &[Type::A, Type::AAAA], MUSL_RESEND);
        }
        for _ in 0..MUSL_AGAIN {
            if came != Came::ServFail {
                break;
            }
            came = self.ask(name, &[Type::A, Type::AAAA], MUSL_RESEND);
        }
        came
    }

    /// All at once: A of every name, then AAAA of every name.
    fn busybox(&mut self, candidates: &[Name]) -> Result<(), Failure> {
        let all = [Type::A, Type::AAAA].into_iter();
        let all =
            all.flat_map(|kind| candidates.iter().map(move |it| Query::new(it.clone(), kind)));
        match self.ask_all(all.collect(), TIMEOUT) {
            Came::Addresses => Ok(()),
            Came::NoData => Err(Failure::NoData),
            Came::Silence | Came::Refused | Came::ServFail => Err(Failure::Again),
            Came::NxDomain | Came::Other => Err(Failure::NoName),
        }
    }

    /// A until a reply is no NXDOMAIN; AAAA of what the CNAMEs led to.
    fn bind(&mut self, candidates: &[Name]) -> Result<(), Failure> {
        for name in candidates {
            match self.tried_by_bind(name) {
                Came::NxDomain => {}
                Came::Addresses => {
                    let found = self.canonical.clone().unwrap_or_else(|| name.clone());
                    self.ask(&found, &[Type::AAAA], TIMEOUT);
                    return Ok(());
                }
                Came::NoData => {
                    let end = self.asked.last().map(|(query, heard)| end_of(query, heard));
                    let also =
                        self.ask(&end.unwrap_or_else(|| name.clone()), &[Type::AAAA], TIMEOUT);
                    return match also {
                        Came::Addresses => Ok(()),
                        Came::NxDomain => Err(Failure::NoName),
                        _ => Err(Failure::NoData),
                    };
                }
                Came::ServFail | Came::Silence | Came::Refused => return Err(Failure::Again),
                Came::Other => return Err(Failure::Fail),
            }
        }
        Err(Failure::NoName)
    }

    /// Its tools take SERVFAIL for an answer; silence and refusals they try three times.
    fn tried_by_bind(&mut self, name: &Name) -> Came {
        let mut came = Came::Silence;
        for _ in 0..BIND_TRIES {
            came = self.ask(name, &[Type::A], TIMEOUT);
            if !matches!(came, Came::Silence | Came::Refused) {
                break;
            }
        }
        came
    }

    fn ask(&mut self, name: &Name, kinds: &[Type], wait: Duration) -> Came {
        let queries = kinds.iter().map(|kind| Query::new(name.clone(), *kind));
        self.ask_all(queries.collect(), wait)
    }

    /// Asks, over TCP again what came truncated, and keeps what is found.
    fn ask_all(&mut self, queries: Vec<Query>, wait: Duration) -> Came {
        let heard = self.asker.ask(&queries, wait);
        let mut came = Vec::new();
        for (query, heard) in queries.into_iter().zip(heard) {
            let truncated = matches!(&heard, Heard::Reply(it) if it.flags.truncated);
            self.asked.push((query.clone(), heard.clone()));
            let mut heard = heard;
            if truncated {
                let again = Query { over: Transport::Tcp, ..query };
                let mut replies = self.asker.ask(std::slice::from_ref(&again), wait);
                heard = replies.pop().unwrap_or(Heard::Silence);
                self.asked.push((again, heard.clone()));
            }
            came.push(self.take(&heard));
        }
        // The best of both families: one that failed does not hide the other's addresses.
        let order = [
            Came::Addresses,
            Came::Refused,
            Came::Silence,
            Came::ServFail,
            Came::NoData,
            Came::Other,
            Came::NxDomain,
        ];
        order.into_iter().find(|it| came.contains(it)).unwrap_or(Came::Silence)
    }

    fn take(&mut self, heard: &Heard) -> Came {
        let reply = match heard {
            Heard::Reply(reply) => reply,
            Heard::Silence => return Came::Silence,
            Heard::Refused | Heard::Unreachable => return Came::Refused,
        };
        let before = self.found.len();
        self.found.extend(reply.addresses());
        let owner = reply.answer.iter().find(|it| it.address().is_some()).map(|it| &it.owner);
        if self.canonical.is_none() {
            self.canonical = owner.cloned();
        }
        match reply.rcode {
            Rcode::NoError if self.found.len() > before => Came::Addresses,
            Rcode::NoError => Came::NoData,
            Rcode::NxDomain => Came::NxDomain,
            Rcode::ServFail | Rcode::NotImp => Came::ServFail,
            Rcode::Refused => Came::Other,
        }
    }
}

/// Where the CNAMEs of a reply end.
fn end_of(query: &Query, heard: &Heard) -> Name {
    let Heard::Reply(reply) = heard else { return query.name.clone() };
    let targets = reply.answer.iter().rev().find_map(|it| match &it.data {
        Data::Cname(target) => Some(target.clone()),
        _ => None,
    });
    targets.unwrap_or_else(|| query.name.clone())
}
