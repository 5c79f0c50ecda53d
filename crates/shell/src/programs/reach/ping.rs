//! `ping` of iputils, and BusyBox's in its images.

use std::net::IpAddr;

use svclab_core::lab::Ask;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange};
use svclab_netfilter::packet::Icmp;

use super::{address, error_of, send};
use crate::process::Process;
use crate::programs::here;
use crate::programs::options::Options;

const OPTIONS: Options =
    Options { letters: "c:i:W:w:s:nqI:t:46aAbBdDfhLOrRUvV", names: &[], valued: "" };
/// How long the last answer is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// What was measured.
#[derive(Default)]
struct Tally {
    /// When something was sent or heard last.
    last: Option<Instant>,
    sent: u64,
    errors: u64,
    /// In microseconds.
    times: Vec<u64>,
}

struct Ping<'a> {
    process: &'a Process,
    busybox: bool,
    quiet: bool,
    name: String,
    ip: IpAddr,
    every: Duration,
    wait: Duration,
    size: usize,
}

/// `ping [-c COUNT] [-W SECONDS] [-i SECONDS] HOST`; without a count, until it is interrupted.
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let busybox = here::is_busybox(&process);
    let line = match OPTIONS.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(wrong.gnu("ping").lines().next().unwrap_or_default());
            process.err("\n");
            return 2;
        }
    };
    let Some(host) = line.operands.first() else {
        process.err("ping: usage error: Destination address required\n");
        return 2;
    };
    let family = if line.has('4') { Some(true) } else { line.has('6').then_some(false) };
    let Some((ip, full)) = address(&process, host, family).await else {
        if busybox {
            process.err(&format!("ping: bad address '{host}'\n"));
            return 1;
        }
        process.err(&format!("ping: {host}: Name or service not known\n"));
        return 2;
    };
    if !busybox && is_broadcast(&process, ip) {
        if !line.has('b') {
            process.err("ping: Do you want to ping broadcast? Then -b. ");
            process.err("If not, check your local firewall rules\n");
            return 2;
        }
        process.err("WARNING: pinging broadcast address\n");
    }
    let seconds = |letter: char| {
        let seconds = line.value(letter).and_then(|it| it.parse::<f64>().ok());
        let seconds = seconds.filter(|it| (0.0..1e6).contains(it));
        seconds.map(|it| Duration::from_micros((it * 1e6) as u64))
    };
    let size = line.value('s').and_then(|it| it.parse::<u16>().ok()).unwrap_or(56);
    let ping = Ping {
        process: &process,
        busybox,
        quiet: line.has('q'),
        name: if busybox { host.clone() } else { full },
        ip,
        every: seconds('i').unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(2)),
        wait: seconds('W').unwrap_or(WAIT),
        size: size.into(),
    };
    let count = line.value('c').and_then(|it| it.parse::<u64>().ok());
    ping.run(count, seconds('w')).await
}

impl Ping<'_> {
    async fn run(&self, count: Option<u64>, deadline: Option<Duration>) -> u8 {
        let (name, ip, size) = (&self.name, self.ip, self.size);
        let head = match self.busybox {
            true => format!("PING {name} ({ip}): {size} data bytes\n"),
            false => format!("PING {name} ({ip}) {size}({}) bytes of data.\n", size + 28),
        };
        self.process.out(&head);
        let start = self.process.now();
        let mut tally = Tally::default();
        let mut last = start;
        while count.is_none_or(|it| tally.sent < it) {
            if tally.sent > 0 {
                last = last + self.every;
                if deadline.is_some_and(|it| last >= start + it) {
                    break;
                }
                self.process.until(last).await;
            }
            self.once(&mut tally, count, last).await;
        }
        self.end(&tally, start)
    }

    async fn once(&self, tally: &mut Tally, count: Option<u64>, at: Instant) {
        tally.sent += 1;
        tally.last = Some(self.process.now());
        let Some(exchange) = send(self.process, (self.ip, 0), Ask::Ping) else { return };
        let number = tally.sent;
        let is_last = count == Some(number);
        match exchange.result {
            Answer::Echoed { ttl } => {
                self.process.until(exchange.ended).await;
                tally.last = Some(self.process.now());
                let took = (exchange.ended - exchange.at).as_micros();
                tally.times.push(took);
                if !self.quiet {
                    self.process.out(&self.reply(number, ttl, took));
                }
            }
            _ if is_unheard(&exchange) || is_last && exchange.ended > at + self.wait => {
                if is_last {
                    self.process.until(at + self.wait).await;
                }
            }
            _ => {
                let next = at + self.every;
                let waits = exchange.ended.min(if is_last { exchange.ended } else { next });
                self.process.until(waits).await;
                tally.errors += 1;
                if !self.quiet && !self.busybox {
                    let own = exchange.packets.first().map_or(self.ip, |it| it.sent.src);
                    let (by, what) = error_of(&exchange)
                        .map_or((own, HOST_UNREACHABLE), |(by, icmp)| (by, complaint(icmp)));
                    self.process.out(&format!("From {by} icmp_seq={number} {what}\n"));
                    if exchange.result == Answer::Denied {
                        self.process.err("ping: sendmsg: Operation not permitted\n");
                    }
                }
            }
        }
    }

    fn reply(&self, number: u64, ttl: u8, took: u64) -> String {
        let (ip, size) = (self.ip, self.size + 8);
        match self.busybox {
            true => {
                let number = number - 1;
                format!("{size} bytes from {ip}: seq={number} ttl={ttl} time={} ms\n", millis(took))
            }
            false => {
                format!(
                    "{size} bytes from {ip}: icmp_seq={number} ttl={ttl} time={} ms\n",
                    rough(took)
                )
            }
        }
    }

    fn end(&self, tally: &Tally, start: Instant) -> u8 {
        let (sent, name) = (tally.sent, &self.name);
        let received = tally.times.len() as u64;
        let lost = (sent - received) * 100 / sent.max(1);
        let errors = match tally.errors {
            0 => String::new(),
            errors => format!(" +{errors} errors,"),
        };
        // Time stands where the last packet was sent or heard.
        let end = tally.last.unwrap_or(start);
        let span = (end - start).as_micros() / 1000;
        let packets = match self.busybox {
            true => format!(
                "{sent} packets transmitted, {received} packets received, {lost}% packet loss\n"
            ),
            false => format!(
                "{sent} packets transmitted, {received} received,{errors} {lost}% packet loss, time {span}ms\n"
            ),
        };
        self.process.out(&format!("\n--- {name} ping statistics ---\n{packets}"));
        let times = &tally.times;
        if let (Some(min), Some(max)) = (times.iter().min(), times.iter().max()) {
            let average = times.iter().sum::<u64>() / received.max(1);
            let spread = times.iter().map(|it| it.abs_diff(average).pow(2)).sum::<u64>();
            let deviation = (spread / received.max(1)).isqrt();
            let [min, average, max, deviation] = [*min, average, *max, deviation].map(millis);
            let line = match self.busybox {
                true => format!("round-trip min/avg/max = {min}/{average}/{max} ms\n"),
                false => format!("rtt min/avg/max/mdev = {min}/{average}/{max}/{deviation} ms\n"),
            };
            self.process.out(&line);
        } else if !self.busybox {
            self.process.out("\n");
        }
        u8::from(received == 0)
    }
}

fn is_broadcast(process: &Process, ip: IpAddr) -> bool {
    let lab = process.lab();
    let party = lab.party(&here::source(process));
    party.is_some_and(|it| lab.network().is_broadcast(&it, ip))
}

const HOST_UNREACHABLE: &str = "Destination Host Unreachable";

/// Whether nothing came back, not even from the own kernel.
fn is_unheard(exchange: &Exchange) -> bool {
    match exchange.result {
        Answer::TimedOut => true,
        Answer::Denied => error_of(exchange).is_none(),
        _ => false,
    }
}

/// What iputils says of an ICMP error.
fn complaint(icmp: Icmp) -> &'static str {
    match icmp {
        Icmp::Unreachable { code: 0, .. } => "Destination Net Unreachable",
        Icmp::Unreachable { code: 2, .. } => "Destination Protocol Unreachable",
        Icmp::Unreachable { code: 3, .. } => "Destination Port Unreachable",
        Icmp::Unreachable { code: 9, .. } => "Destination Net Prohibited",
        Icmp::Unreachable { code: 10, .. } => "Destination Host Prohibited",
        Icmp::Unreachable { code: 13, .. } => "Packet filtered",
        Icmp::TimeExceeded { .. } => "Time to live exceeded",
        _ => HOST_UNREACHABLE,
    }
}

/// With three decimals.
fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// With three digits, as iputils rounds.
fn rough(micros: u64) -> String {
    if micros < 1_000 {
        millis(micros)
    } else if micros < 10_000 {
        format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
    } else if micros < 100_000 {
        format!("{}.{}", micros / 1000, micros % 1000 / 100)
    } else {
        (micros / 1000).to_string()
    }
}
