//! Tools that try whether something can be reached: a few packets of the lab → their words.

pub(super) mod nc;
pub(super) mod ping;
pub(super) mod traceroute;

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::lab::{Action, Ask, Goal, Sending};
use svclab_core::trace::Exchange;
use svclab_netfilter::L4;
use svclab_netfilter::packet::Icmp;

use super::here;
use super::http::look_up;
use crate::process::Process;

/// Asks something of an address; the clock stands still.
fn send(process: &Process, (to, port): (IpAddr, u16), ask: Ask) -> Option<Rc<Exchange>> {
    let from = here::source(process);
    let to = Goal::Address(to);
    let sending = Sending { from, to, port, path: String::new(), ask, source_port: None };
    process.act(Action::Send(sending)).exchange
}

/// The first address of a name and its full name, once the lookup is through.
async fn address(process: &Process, name: &str, ipv4: Option<bool>) -> Option<(IpAddr, String)> {
    let found = look_up(process, name)?;
    process.until(found.ended).await;
    let mut ips = found.addresses.iter().copied();
    let ip = ips.find(|it| ipv4.is_none_or(|ipv4| it.is_ipv4() == ipv4))?;
    let full = found.lookup.canonical.as_ref().map(|it| it.relative().to_owned());
    Some((ip, full.unwrap_or_else(|| name.to_owned())))
}

/// The ICMP error that came back, and from whom.
fn error_of(exchange: &Exchange) -> Option<(IpAddr, Icmp)> {
    let mut errors = exchange.packets.iter().rev().filter_map(|it| match it.sent.l4 {
        L4::Icmp(icmp @ (Icmp::Unreachable { .. } | Icmp::TimeExceeded { .. })) => {
            Some((it.steps.last().map_or(it.sent.src, |step| step.packet.src), icmp))
        }
        _ => None,
    });
    errors.next()
}
