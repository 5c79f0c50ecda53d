//! Clients of web servers: a URL → a name looked up, a connection tried, an answer.

pub(super) mod curl;
mod url;
pub(super) mod wget;

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::lab::{Action, Fetching, Resolution, Resolving, With};
use svclab_core::net::exchange::{Fetched, Message, Response};
use svclab_core::time::Duration;
use svclab_core::trace::Exchange;

use super::here::{self, Calendar};
use crate::process::Process;

/// The addresses of a name for a program that uses the libc, in the order it tries them, and how
/// long the lookup takes. The clock stands still.
fn addresses(process: &Process, name: &str) -> (Vec<IpAddr>, Duration) {
    match look_up(process, name) {
        Some(found) => (found.addresses.clone(), found.ended - found.at),
        None => (Vec::new(), Duration::ZERO),
    }
}

/// What the libc finds for a name; the clock stands still.
pub(super) fn look_up(process: &Process, name: &str) -> Option<Rc<Resolution>> {
    let from = here::source(process);
    let name = name.to_owned();
    let resolving = Resolving { from, name, with: With::Libc, server: None };
    process.act(Action::Resolve(resolving)).resolution
}

/// Sends a message to an address; the clock stands still.
fn fetch(
    process: &Process,
    (to, port): (IpAddr, u16),
    message: Message,
    within: Option<Duration>,
) -> Option<(Rc<Exchange>, Fetched)> {
    let from = here::source(process);
    let reply = process.act(Action::Fetch(Fetching { from, to, port, message, within }));
    reply.exchange.zip(reply.fetched)
}

/// The lines of an answer's head, without their ends, the status line first.
fn head(process: &Process, response: &Response) -> Vec<String> {
    let mut res = vec![format!("HTTP/1.1 {} {}", response.status, response.reason())];
    let date = format!("Date: {}", Calendar::of(process.now()).http());
    let content_type = format!("Content-Type: {}", response.content_type);
    let length = format!("Content-Length: {}", response.body.len());
    let server = format!("Server: {}", response.server);
    if response.content_type.ends_with("; charset=utf-8") {
        // What net/http of Go adds by itself comes behind what a handler has set.
        res.extend(response.headers.iter().cloned());
        res.extend([date, length, content_type]);
        return res;
    }
    if response.server.starts_with("Apache") {
        res.extend([date, server]);
        res.extend(response.headers.iter().cloned());
        res.extend([length, content_type]);
        return res;
    }
    if !response.server.is_empty() {
        res.push(server);
    }
    if response.content_type == "application/json" {
        // Go writes what a handler has set before what it adds itself.
        res.push(content_type);
        if let Some(weight) = response.weight {
            res.push("X-Content-Type-Options: nosniff".to_owned());
            res.push(format!("X-Load-Balancing-Endpoint-Weight: {weight}"));
        }
        res.push(date);
    } else {
        res.extend([date, content_type]);
    }
    res.push(length);
    res.extend(response.headers.iter().cloned());
    if let Some(location) = &response.location {
        res.push(format!("Location: {location}"));
    }
    res
}

/// Milliseconds, as tools tell how long something took: begun ones count.
fn millis(span: Duration) -> u64 {
    span.as_micros().div_ceil(1000)
}

/// The whole text that comes back for a message; empty where nothing does.
pub(super) async fn answer(process: &Process, goal: (IpAddr, u16), message: Message) -> String {
    let Some((exchange, fetched)) = fetch(process, goal, message, None) else {
        return String::new();
    };
    process.until(exchange.ended).await;
    let Some(response) = fetched.response else { return String::new() };
    let head = head(process, &response).join("\r\n");
    format!("{head}\r\n\r\n{}", response.body)
}
