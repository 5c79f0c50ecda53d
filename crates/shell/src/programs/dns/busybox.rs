//! BusyBox's own `nslookup` (1.30 and later): all questions at once, every reply shown.

use std::net::IpAddr;

use svclab_core::dns::client::{Heard, Resolver};
use svclab_core::dns::{Data, Query, Rcode, Record, Reply, Type};
use svclab_core::lab::With;

use super::nslookup::Asked;
use super::{ask_each, candidates, look_up, reverse, said};
use crate::process::Process;

pub(super) const USAGE: &str = "BusyBox v1.36.1 multi-call binary.

Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]

Query DNS about HOST
";

pub(super) async fn nslookup(
    process: &Process,
    asked: &Asked,
    server: Option<IpAddr>,
    shown: IpAddr,
) -> u8 {
    let resolver = Resolver::BusyBox { server: server.is_some() };
    let (heard, ended) = match (reverse(&asked.name), asked.kind) {
        (Some(name), None) => one_by_one(process, &[name], Type::PTR, server),
        (_, Some(kind)) => {
            let names = candidates(process, resolver, &asked.name);
            one_by_one(process, &names, kind, server)
        }
        (None, None) => match look_up(process, &asked.name, With::Busybox, server) {
            Some(found) => (found.lookup.asked.clone(), found.ended),
            None => (Vec::new(), process.now()),
        },
    };
    process.until(ended).await;
    print(process, &heard, shown)
}

/// Every name is asked, whatever the others come to.
fn one_by_one(
    process: &Process,
    names: &[String],
    kind: Type,
    server: Option<IpAddr>,
) -> (Vec<(Query, Heard)>, svclab_core::time::Instant) {
    let mut heard = Vec::new();
    let mut ended = process.now();
    for name in names {
        for found in ask_each(process, std::slice::from_ref(name), kind, server, false) {
            heard.extend(found.lookup.asked.last().cloned());
            ended = ended.max(found.ended);
        }
    }
    (heard, ended)
}

fn print(process: &Process, heard: &[(Query, Heard)], shown: IpAddr) -> u8 {
    let replies: Vec<(&Query, &Reply)> = heard
        .iter()
        .filter_map(|(query, it)| match it {
            Heard::Reply(reply) => Some((query, reply)),
            _ => None,
        })
        .collect();
    if replies.is_empty() {
        for _ in heard.iter().filter(|it| it.1 == Heard::Refused) {
            process.err("nslookup: read: Connection refused\n");
        }
        process.out(";; connection timed out; no servers could be reached\n\n");
        return 1;
    }
    process.out(&format!("Server:\t\t{shown}\nAddress:\t{shown}:53\n\n"));
    let mut status = 0;
    for (query, reply) in replies {
        if reply.rcode == Rcode::NoError {
            process.out(&records(reply));
        } else {
            let name = query.name.relative();
            process.out(&format!("** server can't find {name}: {}\n", reply.rcode.name()));
            status = 1;
        }
        process.out("\n");
    }
    status
}

fn records(reply: &Reply) -> String {
    let mut res = String::new();
    if !reply.flags.authoritative {
        res.push_str("Non-authoritative answer:\n");
    }
    for record in &reply.answer {
        res.push_str(&without_dot(record));
    }
    res
}

/// It writes names without the final dot.
fn without_dot(record: &Record) -> String {
    let line = said(record);
    match record.data {
        Data::A(_) | Data::Aaaa(_) | Data::Soa(_) | Data::Txt(_) => line,
        _ => match line.strip_suffix(".\n") {
            Some(line) => format!("{line}\n"),
            None => line,
        },
    }
}
