//! BIND's `host`: a name → a line for each record.

use svclab_core::dns::client::{Heard, Resolver};
use svclab_core::dns::{Data, Rcode, Record, Reply, Type};

use super::{TIMEOUT, ask_each, candidates, is_kind, last_reply, reverse};
use crate::process::Process;
use crate::programs::options::Options;

const OPTIONS: Options = Options { letters: "aCdlrsTvw46t:W:R:N:c:", names: &[], valued: "" };
/// How often it asks where nobody answers.
const TRIES: usize = 2;

/// `host [-t TYPE] NAME [SERVER]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let line = match OPTIONS.read(&words) {
        Ok(line) if !line.operands.is_empty() => line,
        _ => {
            process.err("Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n");
            process.err("            [-R number] [-m flag] [-p port] hostname [server]\n");
            return 1;
        }
    };
    let name = line.operands.first().cloned().unwrap_or_default();
    let kind = match line.value('t').map(|it| Type::parse(it).ok_or(it)) {
        Some(Err(word)) => {
            process.err(&format!("host: invalid type: {word}\n"));
            return 1;
        }
        kind => kind.and_then(Result::ok),
    };
    let server = match super::server(&process, line.operands.get(1).map(String::as_str)).await {
        Ok(server) => server,
        Err(name) => {
            process.err(&format!("host: couldn't get address for '{name}': not found\n"));
            return 1;
        }
    };
    if let Some(ip) = server {
        let given = line.operands.get(1).cloned().unwrap_or_default();
        let head = format!("Using domain server:\nName: {given}\nAddress: {ip}#53\nAliases: \n\n");
        process.out(&head);
    }
    let tcp = line.has('T');
    let (names, kinds) = match (reverse(&name), kind) {
        (Some(name), None) => (vec![name], vec![Type::PTR]),
        (_, Some(kind)) => (candidates(&process, Resolver::Bind, &name), vec![kind]),
        _ => {
            let names = candidates(&process, Resolver::Bind, &name);
            (names, vec![Type::A, Type::AAAA, Type::MX])
        }
    };
    let asked = Asked { process: &process, name: &name, server, tcp, alone: kinds.len() == 1 };
    asked.all(names, &kinds).await
}

struct Asked<'a> {
    process: &'a Process,
    name: &'a str,
    server: Option<std::net::IpAddr>,
    tcp: bool,
    /// One type was asked for, not all that a host has.
    alone: bool,
}

impl Asked<'_> {
    /// The first type finds the name; the others are asked of what was found.
    async fn all(&self, mut names: Vec<String>, kinds: &[Type]) -> u8 {
        for kind in kinds {
            let found = ask_each(self.process, &names, *kind, self.server, self.tcp);
            let Some(last) = found.last() else { return self.fail(3, "NXDOMAIN") };
            let Some(reply) = last_reply(last) else {
                return self.unanswered(last.lookup.asked.last().map(|it| &it.1)).await;
            };
            self.process.until(last.ended).await;
            match reply.rcode {
                Rcode::NoError => self.list(reply, *kind),
                rcode => return self.fail(rcode.number(), rcode.name()),
            }
            let end = reply.answer.iter().rev().find_map(|it| match &it.data {
                Data::Cname(name) => Some(name.to_string()),
                _ => None,
            });
            names = vec![end.unwrap_or_else(|| reply.question.0.to_string())];
        }
        0
    }

    fn list(&self, reply: &Reply, kind: Type) {
        let shown = |it: &&Record| self.alone || kind == Type::A || it.kind() == kind;
        let lines: String = reply.answer.iter().filter(shown).map(said).collect();
        self.process.out(&lines);
        if self.alone && !reply.answer.iter().any(|it| is_kind(it, kind)) {
            let name = reply.question.0.relative();
            self.process.out(&format!("{name} has no {kind} record\n"));
        }
    }

    fn fail(&self, number: u8, rcode: &str) -> u8 {
        self.process.out(&format!("Host {} not found: {number}({rcode})\n", self.name));
        1
    }

    async fn unanswered(&self, heard: Option<&Heard>) -> u8 {
        let shown = super::first_server(self.process, self.server);
        let at = shown.map_or_else(String::new, |it| format!("{it}#53"));
        for _ in 0..TRIES {
            let why = match heard {
                Some(Heard::Refused) => "connection refused",
                Some(Heard::Unreachable) => "network unreachable",
                _ => {
                    self.process.sleep(TIMEOUT).await;
                    "timed out"
                }
            };
            self.process.out(&format!(";; communications error to {at}: {why}\n"));
        }
        self.process.out(";; no servers could be reached\n");
        1
    }
}

fn said(record: &Record) -> String {
    let owner = record.owner.relative();
    match &record.data {
        Data::A(ip) => format!("{owner} has address {ip}\n"),
        Data::Aaaa(ip) => format!("{owner} has IPv6 address {ip}\n"),
        Data::Cname(name) => format!("{owner} is an alias for {name}\n"),
        Data::Ptr(name) => format!("{owner} domain name pointer {name}\n"),
        Data::Ns(name) => format!("{owner} name server {name}\n"),
        Data::Srv { .. } => format!("{owner} has SRV record {}\n", record.data),
        Data::Mx { preference, exchange } => {
            format!("{owner} mail is handled by {preference} {exchange}\n")
        }
        Data::Txt(_) => format!("{owner} descriptive text {}\n", record.data),
        Data::Soa(_) => format!("{owner} has SOA record {}\n", record.data),
    }
}
