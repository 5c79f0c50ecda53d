//! Tools that ask for names: what was asked and answered in the lab → each tool's own words.

mod busybox;
mod busybox_small;
pub(super) mod dig;
pub(super) mod getent;
pub(super) mod host;
pub(super) mod nslookup;

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::dns::client::{Heard, Resolver, search};
use svclab_core::dns::{Data, Name, Rcode, Record, Reply, Type, reverse_name};
use svclab_core::lab::{Action, Resolution, Resolving, With};
use svclab_core::time::Duration;

use super::here;
use crate::process::Process;

/// How long BIND's tools wait for one reply.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks a name up; the clock stands still. None where the lab cannot ask from here, or where
/// `name` is none.
fn look_up(
    process: &Process,
    name: &str,
    with: With,
    server: Option<IpAddr>,
) -> Option<Rc<Resolution>> {
    let from = here::source(process);
    process.act(Action::Resolve(Resolving { from, name: name.to_owned(), with, server })).resolution
}

/// The server that a tool names as the one it asks.
fn first_server(process: &Process, given: Option<IpAddr>) -> Option<IpAddr> {
    let conf = || process.lab().resolv_conf(&here::source(process)).nameservers.first().copied();
    given.or_else(conf)
}

/// A server on the command line, by its address or its name. The error is a name that nobody
/// knows.
async fn server(process: &Process, word: Option<&str>) -> Result<Option<IpAddr>, String> {
    let Some(word) = word else { return Ok(None) };
    if let Ok(ip) = word.parse() {
        return Ok(Some(ip));
    }
    let found = look_up(process, word, With::Libc, None);
    if let Some(found) = &found {
        process.until(found.ended).await;
    }
    let first = found.and_then(|it| it.addresses.first().copied());
    first.map(Some).ok_or_else(|| word.to_owned())
}

/// The full names that a tool tries for one that was typed.
fn candidates(process: &Process, resolver: Resolver, name: &str) -> Vec<String> {
    let conf = process.lab().resolv_conf(&here::source(process));
    search::candidates(resolver, &conf, name).iter().map(Name::to_string).collect()
}

/// One question after the other, the way `dig` asks each, until one is answered with something
/// other than NXDOMAIN.
fn ask_each(
    process: &Process,
    names: &[String],
    kind: Type,
    server: Option<IpAddr>,
    tcp: bool,
) -> Vec<Rc<Resolution>> {
    let mut res = Vec::new();
    for name in names {
        let with = With::Dig { kind: kind.to_string(), tcp };
        let Some(found) = look_up(process, name, with, server) else { break };
        let goes_on = last_reply(&found).is_some_and(|it| it.rcode == Rcode::NxDomain);
        res.push(found);
        if !goes_on {
            break;
        }
    }
    res
}

fn last_reply(found: &Resolution) -> Option<&Reply> {
    match &found.lookup.asked.last()?.1 {
        Heard::Reply(reply) => Some(reply),
        _ => None,
    }
}

/// The question for an address: its name in the reverse zone.
fn reverse(word: &str) -> Option<String> {
    word.parse::<IpAddr>().ok().map(|ip| reverse_name(ip).to_string())
}

/// Whether the two are the same question.
fn is_kind(record: &Record, kind: Type) -> bool {
    record.kind() == kind || kind == Type::ANY
}

/// What BIND's nslookup says of a record other than an address.
fn said(record: &Record) -> String {
    let owner = record.owner.relative();
    match &record.data {
        Data::Cname(name) => format!("{owner}\tcanonical name = {name}\n"),
        Data::Ptr(name) => format!("{owner}\tname = {name}\n"),
        Data::Ns(name) => format!("{owner}\tnameserver = {name}\n"),
        Data::Srv { .. } => format!("{owner}\tservice = {}\n", record.data),
        Data::Mx { .. } => format!("{owner}\tmail exchanger = {}\n", record.data),
        Data::Txt(_) => format!("{owner}\ttext = {}\n", record.data),
        Data::A(ip) => format!("Name:\t{owner}\nAddress: {ip}\n"),
        Data::Aaaa(ip) => format!("Name:\t{owner}\nAddress: {ip}\n"),
        Data::Soa(soa) => {
            let lines = [
                ("origin", soa.server.relative().to_owned()),
                ("mail addr", soa.mailbox.relative().to_owned()),
                ("serial", soa.serial.to_string()),
                ("refresh", soa.refresh.to_string()),
                ("retry", soa.retry.to_string()),
                ("expire", soa.expire.to_string()),
                ("minimum", soa.minimum.to_string()),
            ];
            let lines = lines.map(|(name, value)| format!("\t{name} = {value}\n"));
            format!("{owner}\n{}", lines.concat())
        }
    }
}
