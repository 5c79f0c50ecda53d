//! `dig` of BIND 9.18: one question, and the reply as it came.

use std::net::IpAddr;

use svclab_core::dns::client::{Heard, Resolver};
use svclab_core::dns::{Query, Record, Reply, Type};
use svclab_core::lab::Resolution;
use svclab_core::time::Duration;
use svclab_core::trace::{Exchange, Question};

use super::{TIMEOUT, ask_each, candidates, first_server, reverse};
use crate::process::Process;
use crate::programs::here::Calendar;

const VERSION: &str = "9.18.49-1~deb12u3-Debian";
/// Nobody answered.
const NO_REPLY: u8 = 9;

/// What is printed of a reply, and how it is asked for.
#[derive(Clone)]
struct Shows {
    command: bool,
    comments: bool,
    question: bool,
    answer: bool,
    authority: bool,
    additional: bool,
    statistics: bool,
    short: bool,
    search: bool,
    all_tries: bool,
    tcp: bool,
}

impl Shows {
    const USUAL: Shows = Shows {
        command: true,
        comments: true,
        question: true,
        answer: true,
        authority: true,
        additional: true,
        statistics: true,
        short: false,
        search: false,
        all_tries: false,
        tcp: false,
    };

    /// `+noall`: every part of the text.
    fn set_all(&mut self, on: bool) {
        let Shows { comments, question, answer, authority, additional, statistics, .. } = self;
        for it in [comments, question, answer, authority, additional, statistics] {
            *it = on;
        }
        self.command = on;
    }

    /// `+WORD` or `+noWORD`; false where there is none.
    fn set(&mut self, word: &str) -> bool {
        let (name, on) = match word.strip_prefix("no") {
            Some(name) => (name, false),
            None => (word, true),
        };
        match name {
            "all" => self.set_all(on),
            "cmd" => self.command = on,
            "comments" => self.comments = on,
            "question" => self.question = on,
            "answer" => self.answer = on,
            "authority" => self.authority = on,
            "additional" => self.additional = on,
            "stats" => self.statistics = on,
            "short" => self.short = on,
            "search" | "defname" => self.search = on,
            "showsearch" => (self.search, self.all_tries) = (on, on),
            "tcp" | "vc" => self.tcp = on,
            "recurse" | "rec" | "edns" | "cookie" | "dnssec" | "ignore" | "ndots" | "aaonly"
            | "adflag" | "cdflag" | "ttlid" | "ttlunits" | "multiline" | "identify" | "qr" => {}
            _ => {
                return name.starts_with("time=")
                    || name.starts_with("tries=")
                    || name.starts_with("retry=")
                    || name.starts_with("bufsize=")
                    || name.starts_with("ndots=")
                    || name.starts_with("timeout=");
            }
        }
        true
    }
}

/// One question of the command line.
struct Asked {
    name: String,
    kind: Type,
}

/// `dig [@SERVER] [-t TYPE] [-x ADDRESS] NAME [TYPE] [+OPTION…]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let (server, questions, shows) = match read(&words) {
        Ok(read) => read,
        Err(message) => {
            process.err(&message);
            return 1;
        }
    };
    let server = match super::server(&process, server).await {
        Ok(server) => server,
        Err(name) => {
            process.err(&format!("dig: couldn't get address for '{name}': not found\n"));
            return 10;
        }
    };
    let mut status = 0;
    for (index, question) in questions.iter().enumerate() {
        let dig =
            Dig { process: &process, server, words: &words, shows: &shows, first: index == 0 };
        status = dig.ask(question).await;
    }
    status
}

type Read<'a> = (Option<&'a str>, Vec<Asked>, Shows);

fn read(words: &[String]) -> Result<Read<'_>, String> {
    let mut shows = Shows::USUAL;
    let (mut server, mut kind) = (None, None);
    let mut questions: Vec<Asked> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix('@') {
            server = Some(name);
        } else if let Some(option) = word.strip_prefix('+') {
            if !shows.set(option) {
                return Err(format!("Invalid option: +{option}\n{USAGE}"));
            }
        } else if word.starts_with('-') && word.len() > 1 {
            let (letter, glued) = word.split_at(2);
            let mut value = || match glued {
                "" => words.next().map_or("", String::as_str),
                glued => glued,
            };
            match letter {
                "-4" | "-6" | "-u" | "-v" | "-m" | "-r" => {}
                "-x" => {
                    let given = value();
                    let name =
                        reverse(given).ok_or(format!("dig: '{given}' is not an address\n"))?;
                    questions.push(Asked { name, kind: Type::PTR });
                }
                "-t" => kind = Some(parse(value())?),
                "-q" => questions.push(Asked { name: value().to_owned(), kind: Type::A }),
                "-p" | "-c" | "-b" | "-f" | "-k" | "-y" => _ = value(),
                _ => return Err(format!("Invalid option: {word}\n{USAGE}")),
            }
        } else if let Some(found) =
            Type::parse(word).filter(|_| word.len() > 1 || !questions.is_empty())
        {
            match questions.last_mut() {
                Some(last) => last.kind = found,
                None => kind = Some(found),
            }
        } else if !matches!(word.as_str(), "IN" | "in" | "CH" | "HS") {
            questions.push(Asked { name: word.clone(), kind: kind.unwrap_or(Type::A) });
        }
    }
    if let (Some(kind), [only]) = (kind, questions.as_mut_slice())
        && only.kind == Type::A
    {
        only.kind = kind;
    }
    if questions.is_empty() {
        questions.push(Asked { name: ".".to_owned(), kind: kind.unwrap_or(Type::NS) });
    }
    Ok((server, questions, shows))
}

const USAGE: &str = "Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]

Use \"dig -h\" (or \"dig -h | more\") for complete list of options
";

fn parse(word: &str) -> Result<Type, String> {
    Type::parse(word).ok_or_else(|| format!(";; Warning, ignoring invalid type {word}\n"))
}

struct Dig<'a> {
    process: &'a Process,
    server: Option<IpAddr>,
    words: &'a [String],
    shows: &'a Shows,
    first: bool,
}

impl Dig<'_> {
    async fn ask(&self, asked: &Asked) -> u8 {
        let names = match self.shows.search {
            true => candidates(self.process, Resolver::Bind, &asked.name),
            false => vec![asked.name.clone()],
        };
        let found = ask_each(self.process, &names, asked.kind, self.server, self.shows.tcp);
        let Some(last) = found.last() else {
            let name = &asked.name;
            self.process.err(&format!("dig: '{name}' is not a legal IDNA2008 name\n"));
            return 10;
        };
        let from = if self.shows.all_tries { 0 } else { found.len() - 1 };
        let mut status = 0;
        for (index, it) in found.iter().enumerate().skip(from) {
            status = self.print(it, self.first && index == from).await;
        }
        self.process.until(last.ended).await;
        status
    }

    async fn print(&self, found: &Resolution, first: bool) -> u8 {
        let shown = first_server(self.process, self.server);
        let at = shown.map_or_else(String::new, |it| format!("{it}#53"));
        let Some((query, Heard::Reply(reply))) = found.lookup.asked.last() else {
            for (_, heard) in &found.lookup.asked {
                let why = match heard {
                    Heard::Refused => "connection refused",
                    Heard::Unreachable => "network unreachable",
                    _ => {
                        self.process.sleep(TIMEOUT).await;
                        "timed out"
                    }
                };
                self.process.out(&format!(";; communications error to {at}: {why}\n"));
            }
            if !self.shows.short {
                self.banner(true);
            }
            self.process.out(";; no servers could be reached\n");
            return NO_REPLY;
        };
        self.process.until(found.ended).await;
        if self.shows.short {
            let lines: String = reply.answer.iter().map(|it| format!("{}\n", it.data)).collect();
            self.process.out(&lines);
            return 0;
        }
        if first {
            self.banner(self.shows.command);
        }
        let took = found.ended - found.at;
        let query = &Query { id: self.number(found), ..query.clone() };
        self.reply(query, reply);
        if self.shows.statistics {
            self.statistics(query, reply, (shown, took));
        }
        0
    }

    /// The number that the question had on the wire.
    fn number(&self, found: &Resolution) -> u16 {
        let lab = self.process.lab();
        let own = |it: &&std::rc::Rc<Exchange>| {
            found.exchanges.contains(&it.id) && it.request.from == found.from
        };
        match lab.exchanges().iter().rev().find(own).map(|it| &it.request.what) {
            Some(Question::Name(query)) => query.id,
            _ => 0,
        }
    }

    /// The words of the command line again.
    fn banner(&self, shows: bool) {
        if shows && self.first {
            let words = self.words.join(" ");
            self.process.out(&format!("\n; <<>> DiG {VERSION} <<>> {words}\n"));
            self.process.out(";; global options: +cmd\n");
        }
    }

    fn reply(&self, query: &Query, reply: &Reply) {
        let shows = self.shows;
        if shows.comments {
            self.process.out(&head(query, reply));
        }
        if shows.question {
            let (name, kind) = &reply.question;
            let title = if shows.comments { ";; QUESTION SECTION:\n" } else { "" };
            let mut row = Row::new(name.as_str());
            row.put(32, "IN");
            row.put(40, &kind.to_string());
            self.process.out(&format!("{title};{}\n", row.text));
            self.process.out(if shows.comments { "\n" } else { "" });
        }
        let [answer, authority, additional] = reply.sections();
        let sections = [
            (shows.answer, "ANSWER", answer),
            (shows.authority, "AUTHORITY", authority),
            (shows.additional, "ADDITIONAL", additional),
        ];
        for (_, name, records) in sections.into_iter().filter(|it| it.0 && !it.2.is_empty()) {
            if shows.comments {
                self.process.out(&format!(";; {name} SECTION:\n"));
            }
            let rows: String = records.iter().map(|it| row(it) + "\n").collect();
            self.process.out(&rows);
            self.process.out(if shows.comments { "\n" } else { "" });
        }
    }

    fn statistics(&self, query: &Query, reply: &Reply, (shown, took): (Option<IpAddr>, Duration)) {
        let Some(server) = shown else { return };
        let over = match query.over {
            svclab_core::dns::Transport::Udp => "UDP",
            svclab_core::dns::Transport::Tcp => "TCP",
        };
        let when = Calendar::of(self.process.now()).line();
        let (took, size) = (took.as_micros() / 1000, reply.bytes());
        self.process.out(&format!(
            ";; Query time: {took} msec\n;; SERVER: {server}#53({server}) ({over})\n\
             ;; WHEN: {when}\n;; MSG SIZE  rcvd: {size}\n\n"
        ));
    }
}

/// From `;; Got answer:` to the end of the OPT record.
fn head(query: &Query, reply: &Reply) -> String {
    let mut res = ";; Got answer:\n".to_owned();
    let name = &reply.question.0;
    if name.lower().relative().rsplit('.').next() == Some("local") {
        res.push_str(";; WARNING: .local is reserved for Multicast DNS\n");
        res.push_str(
            ";; You are currently testing what happens when an mDNS query is leaked to DNS\n",
        );
    }
    let opt = usize::from(reply.edns.is_some());
    let [answer, authority, additional] = reply.sections().map(Vec::len);
    res.push_str(&format!(
        ";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: {}; QUERY: 1, \
         ANSWER: {answer}, AUTHORITY: {authority}, ADDITIONAL: {}\n",
        reply.rcode.name(),
        query.id,
        reply.flags,
        additional + opt
    ));
    if reply.flags.recursion_desired && !reply.flags.recursion_available {
        res.push_str(";; WARNING: recursion requested but not available\n");
    }
    res.push('\n');
    if let Some(edns) = reply.edns {
        res.push_str(&format!(
            ";; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: {}\n",
            edns.size
        ));
        if edns.cookie {
            res.push_str(&format!("; COOKIE: {} (echoed)\n", cookie(query)));
        }
    }
    res
}

/// Sixteen digits that stand for the question.
fn cookie(query: &Query) -> String {
    let mut state = u64::from(query.id) ^ 0xD730_4FA8_0AB8_A25F;
    for byte in query.name.as_str().bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    format!("{state:016x}")
}

fn row(record: &Record) -> String {
    let mut row = Row::new(record.owner.as_str());
    row.put(24, &record.ttl.to_string());
    row.put(32, "IN");
    row.put(40, &record.kind().to_string());
    row.put(48, &record.data.to_string());
    row.text
}

/// A line with fields at tab stops: a blank where a field is too late for its own.
struct Row {
    text: String,
    column: usize,
}

impl Row {
    fn new(name: &str) -> Row {
        Row { text: name.to_owned(), column: name.chars().count() }
    }

    fn put(&mut self, stop: usize, field: &str) {
        let to = stop.max(self.column + 1);
        let tabs = to / 8 - self.column / 8;
        self.text.push_str(&"\t".repeat(tabs));
        if tabs > 0 {
            self.column = to / 8 * 8;
        }
        self.text.push_str(&" ".repeat(to - self.column));
        self.text.push_str(field);
        self.column = to + field.chars().count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that were recorded from dig 9.18.
    #[test]
    fn fields_stand_at_their_tab_stops() {
        let check = |name: &str, ttl: &str, kind: &str, data: &str, expected: &str| {
            let mut row = Row::new(name);
            row.put(24, ttl);
            row.put(32, "IN");
            row.put(40, kind);
            row.put(48, data);
            assert_eq!(row.text, expected);
        };
        check(
            "web.default.svc.cluster.local.",
            "30",
            "A",
            "10.96.12.34",
            "web.default.svc.cluster.local. 30 IN\tA\t10.96.12.34",
        );
        check(
            "cart.shop.svc.cluster.local.",
            "30",
            "A",
            "…",
            "cart.shop.svc.cluster.local. 30\tIN\tA\t…",
        );
        check("example.com.", "30", "A", "203.0.113.90", "example.com.\t\t30\tIN\tA\t203.0.113.90");
        check(
            "_pg._tcp.db.default.svc.cluster.local.",
            "30",
            "SRV",
            "0 50 5432 db-0.db.default.svc.cluster.local.",
            "_pg._tcp.db.default.svc.cluster.local. 30 IN SRV 0 50 5432 db-0.db.default.svc.cluster.local.",
        );
    }
}
