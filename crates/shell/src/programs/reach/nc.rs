//! `nc` of OpenBSD: whether a port answers.

use std::net::IpAddr;

use svclab_core::lab::Ask;
use svclab_core::time::Duration;
use svclab_core::trace::Answer;

use super::{address, error_of, send};
use crate::process::Process;
use crate::programs::options::Options;

const OPTIONS: Options = Options {
    letters: "46bCDdFhklNnrStUuvZzi:M:m:O:P:p:q:s:T:V:W:w:X:x:e:",
    names: &[],
    valued: "",
};
/// Ports that have a name in `/etc/services`.
const SERVICES: [(u16, &str); 14] = [
    (21, "ftp"),
    (22, "ssh"),
    (25, "smtp"),
    (53, "domain"),
    (80, "http"),
    (110, "pop3"),
    (123, "ntp"),
    (143, "imap2"),
    (443, "https"),
    (3306, "mysql"),
    (5432, "postgresql"),
    (6379, "redis"),
    (8080, "http-alt"),
    (27017, "mongodb"),
];

/// `nc [-zvu] [-w SECONDS] HOST PORT`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let usage = "usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]\n\
                 \t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]\n\
                 \t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]\n\
                 \t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]\n\
                 \t  [destination] [port]\n";
    let line = match OPTIONS.read(&words) {
        Ok(line) => line,
        Err(_) => {
            process.err(usage);
            return 1;
        }
    };
    if line.has('l') {
        process.err("(the lab's nc does not listen; servers are the programs of pods)\n");
        return 1;
    }
    let [host, ports, ..] = line.operands.as_slice() else {
        process.err(usage);
        return 1;
    };
    let Some(ports) = ports_of(ports) else {
        process.err(&format!("nc: port number invalid: {ports}\n"));
        return 1;
    };
    let udp = line.has('u');
    let family = if line.has('4') { Some(true) } else { line.has('6').then_some(false) };
    let Some((ip, _)) = address(&process, host, family).await else {
        let first = ports.first().copied().unwrap_or_default();
        process.err(&format!(
            "nc: getaddrinfo for host \"{host}\" port {first}: Name or service not known\n"
        ));
        return 1;
    };
    let limit = line.value('w').and_then(|it| it.parse::<u32>().ok());
    let nc = Nc {
        process: &process,
        host,
        ip,
        udp,
        verbose: line.has('v'),
        scans: line.has('z'),
        limit: limit.map(|it| Duration::from_secs(it.into())),
    };
    let mut status = 1;
    for port in ports {
        if nc.knock(port).await {
            status = 0;
        }
    }
    status
}

/// `80` or `80-90`, by number or by name.
fn ports_of(text: &str) -> Option<Vec<u16>> {
    let number = |it: &str| {
        let named = SERVICES.iter().find(|(_, name)| *name == it).map(|it| it.0);
        named.or_else(|| it.parse::<u16>().ok())
    };
    if let Some(port) = number(text) {
        return Some(vec![port]);
    }
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    // As many as somebody would wait for.
    Some((first..=last).take(256).collect())
}

struct Nc<'a> {
    process: &'a Process,
    host: &'a str,
    ip: IpAddr,
    udp: bool,
    verbose: bool,
    scans: bool,
    limit: Option<Duration>,
}

impl Nc<'_> {
    /// Whether somebody is there.
    async fn knock(&self, port: u16) -> bool {
        let ask = if self.udp { Ask::Udp } else { Ask::Tcp };
        let Some(exchange) = send(self.process, (self.ip, port), ask) else { return false };
        let last = self.limit.map_or(exchange.ended, |it| exchange.at + it);
        let in_time = exchange.ended <= last;
        let result = if in_time { exchange.result.clone() } else { Answer::TimedOut };
        let refused = matches!(result, Answer::Refused | Answer::NoRoute | Answer::Denied);
        if !self.udp {
            self.process.until(exchange.ended.min(last)).await;
        }
        let (host, ip) = (self.host, self.ip);
        let protocol = if self.udp { "udp" } else { "tcp" };
        // Nothing tells that a datagram arrived: only an error says that it did not.
        let is_there = matches!(result, Answer::Reached { .. })
            || self.udp && (!refused || error_of(&exchange).is_none());
        if is_there {
            if self.verbose {
                let named = SERVICES.iter().find(|it| it.0 == port).map_or("*", |it| it.1);
                let shown =
                    if host.parse::<IpAddr>().is_ok() { String::new() } else { format!(" ({ip})") };
                self.process.err(&format!(
                    "Connection to {host}{shown} {port} port [{protocol}/{named}] succeeded!\n"
                ));
            }
            if !self.scans && !self.udp {
                self.talk(port).await;
            }
            return true;
        }
        if self.verbose || !self.scans {
            let shown =
                if host.parse::<IpAddr>().is_ok() { String::new() } else { format!(" ({ip})") };
            let (what, why) = match result {
                Answer::Refused => ("failed", "Connection refused"),
                Answer::NoRoute => ("failed", "No route to host"),
                Answer::Denied => ("failed", "Operation not permitted"),
                Answer::TimedOut => ("timed out", "Operation now in progress"),
                _ => ("failed", "Connection reset by peer"),
            };
            self.process.err(&format!(
                "nc: connect to {host}{shown} port {port} ({protocol}) {what}: {why}\n"
            ));
        }
        false
    }

    /// What is piped in is a request, where it is one of HTTP; the answer is printed.
    async fn talk(&self, port: u16) {
        let text = self.process.read_all().await;
        let mut words = text.lines().next().unwrap_or("").split_whitespace();
        let (method, path) = (words.next(), words.next());
        let Some(path) = path.filter(|_| matches!(method, Some("GET" | "HEAD" | "POST"))) else {
            return;
        };
        let host = text.lines().find_map(|it| {
            let (name, value) = it.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim().to_owned())
        });
        let message = svclab_core::net::exchange::Message::get(host.unwrap_or_default(), path);
        self.process
            .out(&crate::programs::http::answer(self.process, (self.ip, port), message).await);
    }
}
