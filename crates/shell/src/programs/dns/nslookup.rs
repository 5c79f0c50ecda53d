//! `nslookup` of BIND 9.18; in images of BusyBox, its own (see [`busybox`]).

use std::net::{IpAddr, SocketAddr};

use svclab_core::dns::client::{Heard, Resolver};
use svclab_core::dns::{Query, Rcode, Reply, Type};
use svclab_core::lab::With;

use super::{
    TIMEOUT, ask_each, busybox, busybox_small, candidates, first_server, look_up, reverse, said,
};
use crate::process::Process;
use crate::programs::here;

/// What was typed.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) server: Option<String>,
    /// None: addresses.
    pub(super) kind: Option<Type>,
}

/// `nslookup [-type=TYPE] NAME [SERVER]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let is_busybox = here::is_busybox(&process);
    let asked = match read(&words) {
        Ok(Some(asked)) => asked,
        Ok(None) if is_busybox => {
            process.err(busybox::USAGE);
            return 1;
        }
        // Nobody types anything into its own prompt here.
        Ok(None) => return 0,
        Err(kind) => {
            process.out(&format!("unknown query type: {kind}\n"));
            return 1;
        }
    };
    let server = match super::server(&process, asked.server.as_deref()).await {
        Ok(server) => server,
        Err(name) => {
            process.err(&format!("nslookup: couldn't get address for '{name}': not found\n"));
            return 1;
        }
    };
    let Some(shown) = first_server(&process, server) else {
        process.err(";; no servers could be reached\n");
        return 1;
    };
    if here::is_small_busybox(&process) {
        return busybox_small::nslookup(&process, &asked, server, shown).await;
    }
    if is_busybox {
        return busybox::nslookup(&process, &asked, server, shown).await;
    }
    let bind = Bind { process: &process, server, shown };
    match (reverse(&asked.name), asked.kind) {
        (Some(name), None) => bind.records((&asked.name, &[name]), Type::PTR, false).await,
        (_, Some(kind)) if kind != Type::A => {
            let names = candidates(&process, Resolver::Bind, &asked.name);
            bind.records((&asked.name, &names), kind, true).await
        }
        _ => bind.addresses(&asked.name).await,
    }
}

/// The error is a type that does not exist.
fn read(words: &[String]) -> Result<Option<Asked>, String> {
    let mut kind = None;
    let mut operands = Vec::new();
    for word in words {
        let Some(option) = word.strip_prefix('-').filter(|it| !it.is_empty()) else {
            operands.push(word.clone());
            continue;
        };
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if matches!(name, "type" | "t" | "ty" | "q" | "query" | "querytype") {
            kind = Some(Type::parse(value).ok_or_else(|| value.to_owned())?);
        }
    }
    let mut operands = operands.into_iter();
    let name = operands.next();
    let server = operands.next();
    Ok(name.map(|name| Asked { name, server, kind }))
}

struct Bind<'a> {
    process: &'a Process,
    /// Given on the command line.
    server: Option<IpAddr>,
    /// The one that is asked.
    shown: IpAddr,
}

impl Bind<'_> {
    /// Without a type: addresses of both families.
    async fn addresses(&self, name: &str) -> u8 {
        let Some(found) = look_up(self.process, name, With::Bind, self.server) else { return 1 };
        let asked = &found.lookup.asked;
        let second = asked.iter().position(|it| it.0.kind == Type::AAAA).unwrap_or(asked.len());
        let (first, second) = asked.split_at(second);
        let status = match self.hear(name, first).await {
            Err(status) => status,
            Ok((query, reply)) => {
                self.header();
                self.answer(name, query, reply, second).await
            }
        };
        self.process.until(found.ended).await;
        status
    }

    async fn answer(
        &self,
        name: &str,
        query: &Query,
        reply: &Reply,
        second: &[(Query, Heard)],
    ) -> u8 {
        if reply.rcode != Rcode::NoError {
            return self.fail(name, query, reply.rcode);
        }
        let mut any = !reply.answer.is_empty();
        let has_addresses = reply.addresses().next().is_some();
        self.list(reply, |_| true);
        let Ok((query6, reply6)) = self.hear(name, second).await else { return 1 };
        // A reply for the same CNAMEs repeats them; only what is new is shown.
        any |= reply6.addresses().next().is_some();
        if reply6.rcode != Rcode::NoError {
            return self.fail(query6.name.relative(), query6, reply6.rcode);
        }
        let listed = |it: &svclab_core::dns::Record| it.kind() == Type::AAAA || !any;
        if reply6.addresses().next().is_some() {
            self.list(reply6, listed);
        } else if !has_addresses {
            let end = query.name.relative();
            self.process.out(&format!("*** Can't find {end}: No answer\n"));
        }
        self.process.out("\n");
        0
    }

    /// Records of one type; the header stands before them, but for reverse lookups.
    async fn records(&self, (typed, names): (&str, &[String]), kind: Type, header: bool) -> u8 {
        let all = ask_each(self.process, names, kind, self.server, false);
        let Some(last) = all.last() else {
            return self.illegal(typed);
        };
        let asked: Vec<(Query, Heard)> =
            all.iter().flat_map(|it| it.lookup.asked.iter().cloned()).collect();
        let ended = last.ended;
        let status = match self.hear(typed, &asked).await {
            Err(status) => status,
            Ok((query, reply)) => {
                if header {
                    self.header();
                }
                if reply.rcode != Rcode::NoError {
                    let name = if header { typed } else { query.name.relative() };
                    self.fail(name, query, reply.rcode)
                } else if reply.answer.is_empty() {
                    let name = query.name.relative();
                    self.process.out(&format!("*** Can't find {name}: No answer\n\n"));
                    0
                } else {
                    self.list(reply, |_| true);
                    self.process.out("\n");
                    0
                }
            }
        };
        self.process.until(ended).await;
        status
    }

    /// Tells of every reply as it comes; the last one. The error is the exit status where there is
    /// none.
    async fn hear<'r>(
        &self,
        typed: &str,
        asked: &'r [(Query, Heard)],
    ) -> Result<(&'r Query, &'r Reply), u8> {
        let server = SocketAddr::new(self.shown, 53);
        let at = format!("{}#{}", server.ip(), server.port());
        let mut last = None;
        for (query, heard) in asked {
            last = None;
            match heard {
                Heard::Reply(reply) => {
                    if !reply.flags.recursion_available && self.server.is_none() {
                        let text = format!(";; Got recursion not available from {}\n", self.shown);
                        self.process.out(&text);
                    }
                    if reply.rcode == Rcode::ServFail {
                        self.process.out(&format!(";; Got SERVFAIL reply from {}\n", self.shown));
                    }
                    last = Some((query, reply));
                }
                Heard::Silence => {
                    self.process.sleep(TIMEOUT).await;
                    self.process.out(&format!(";; communications error to {at}: timed out\n"));
                }
                Heard::Refused => {
                    let text = format!(";; communications error to {at}: connection refused\n");
                    self.process.out(&text);
                }
                Heard::Unreachable => {
                    let text = format!(
                        ";; UDP setup with {at}({}) for {typed} failed: network unreachable.\n",
                        self.shown
                    );
                    self.process.out(&text);
                    break;
                }
            }
        }
        match (last, asked.is_empty()) {
            (Some(last), _) => Ok(last),
            (None, true) => Err(self.illegal(typed)),
            (None, false) => {
                self.process.out(";; no servers could be reached\n\n");
                Err(1)
            }
        }
    }

    fn header(&self) {
        let at = self.shown;
        self.process.out(&format!("Server:\t\t{at}\nAddress:\t{at}#53\n\n"));
    }

    fn list(&self, reply: &Reply, shows: impl Fn(&svclab_core::dns::Record) -> bool) {
        let lines: String = reply.answer.iter().filter(|it| shows(it)).map(said).collect();
        if !reply.flags.authoritative && !lines.is_empty() {
            self.process.out("Non-authoritative answer:\n");
        }
        self.process.out(&lines);
    }

    /// NXDOMAIN is told of the name as it was typed, anything else of the name that failed.
    fn fail(&self, typed: &str, query: &Query, rcode: Rcode) -> u8 {
        let name = if rcode == Rcode::NxDomain { typed } else { query.name.relative() };
        self.process.out(&format!("** server can't find {name}: {}\n\n", rcode.name()));
        1
    }

    /// No question can be made of it.
    fn illegal(&self, typed: &str) -> u8 {
        self.process.err(&format!("nslookup: '{typed}' is not a legal name (label too long)\n"));
        1
    }
}
