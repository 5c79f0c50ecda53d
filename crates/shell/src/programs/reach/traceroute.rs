//! `traceroute`: the machines that a datagram passes.

use std::net::IpAddr;

use svclab_core::lab::Ask;
use svclab_core::time::Duration;
use svclab_core::trace::{Answer, Place, Trace};

use super::{address, send};
use crate::process::Process;
use crate::programs::options::Options;

const OPTIONS: Options = Options { letters: "46nITUm:w:q:p:f:i:s:", names: &[], valued: "" };
/// Where its ports begin.
const PORT: u16 = 33_434;
/// How long it waits for the three answers of a hop that gives none.
const WAIT: Duration = Duration::from_secs(5);

/// `traceroute [-n] [-m HOPS] HOST`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let line = match OPTIONS.read(&words) {
        Ok(line) => line,
        Err(_) => {
            process.err("Bad option (argc 1)\n");
            return 2;
        }
    };
    let Some(host) = line.operands.first() else {
        process.err("Usage:\n  traceroute [ -46dFITnreAUDV ] [ -m max_ttl ] host [ packetlen ]\n");
        return 2;
    };
    let family = if line.has('4') { Some(true) } else { line.has('6').then_some(false) };
    let Some((ip, _)) = address(&process, host, family).await else {
        process.err(&format!("{host}: Name or service not known\n"));
        process
            .err(&format!("Cannot handle \"host\" cmdline arg `{host}' on position 1 (argc 1)\n"));
        return 2;
    };
    let most = line.value('m').and_then(|it| it.parse::<usize>().ok()).unwrap_or(30).clamp(1, 255);
    process.out(&format!("traceroute to {host} ({ip}), {most} hops max, 60 byte packets\n"));
    let ask = if line.has('I') { Ask::Ping } else { Ask::Udp };
    let Some(exchange) = send(&process, (ip, PORT), ask) else { return 1 };
    let Some(first) = exchange.packets.first() else {
        process.err("connect: Network is unreachable\n");
        return 1;
    };
    let mut hops = routers(&process, first);
    let arrived =
        matches!(exchange.result, Answer::Reached { .. } | Answer::Refused | Answer::Echoed { .. });
    hops.extend(arrived.then_some((ip, exchange.ended - exchange.at)));
    for number in 1..=most {
        let Some((by, took)) = hops.get(number - 1) else {
            if arrived {
                break;
            }
            process.sleep(WAIT).await;
            process.out(&format!("{number:2}  * * *\n"));
            continue;
        };
        process.sleep(*took).await;
        let micros = took.as_micros();
        let times = [micros, micros / 3, micros / 4];
        let times = times.map(|it| format!("  {}.{:03} ms", it / 1000, it % 1000));
        let name = if line.has('n') { by.to_string() } else { format!("{by} ({by})") };
        process.out(&format!("{number:2}  {name}{}\n", times.concat()));
    }
    0
}

/// Who took one off the packet's TTL, and how long it takes there and back.
fn routers(process: &Process, trace: &Trace) -> Vec<(IpAddr, Duration)> {
    let lab = process.lab();
    let net = lab.network();
    let family = svclab_core::family::OfFamily::family(&trace.sent.dst);
    let mut res = Vec::new();
    let mut ttl = trace.sent.ttl;
    let from_pod = matches!(trace.steps.first().map(|it| &it.place), Some(Place::Pod { .. }));
    for step in &trace.steps {
        if step.packet.ttl >= ttl {
            continue;
        }
        ttl = step.packet.ttl;
        let by = match &step.place {
            Place::Router => net.router.of(family),
            place => place.node().and_then(|name| net.node(name)).and_then(|node| {
                match from_pod && res.is_empty() {
                    true => node.bridge(family),
                    false => node.addresses.of(family),
                }
            }),
        };
        let took = step.at - trace.at;
        res.extend(by.map(|ip| (ip, Duration::from_micros(took.as_micros() * 2))));
    }
    res
}
