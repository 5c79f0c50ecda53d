//! Requests → what `tcpdump` shows of their packets at each interface they pass.

use std::rc::Rc;

use svclab_core::net::Network;
use svclab_core::net::capture::{Tap, capture, taps};
use svclab_core::time::Instant;
use svclab_core::trace::Exchange;
use svclab_netfilter::order::Order;

/// A packet where it passed an interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Sniffed {
    pub at: Instant,
    /// `worker-1 cni0`, `shop/client eth0`
    pub tap: Rc<str>,
    pub out: bool,
    /// As `tcpdump -n` prints it.
    pub line: String,
    /// The exchange's number, which of its packets, at which step.
    pub place: (usize, usize, usize),
}

/// No more lines than these are made.
const LINES: usize = 400;

/// All that passes, in the order of time.
pub fn sniffed(net: &Network, way: &[Rc<Exchange>]) -> Vec<Sniffed> {
    let mut res = Vec::new();
    for exchange in way {
        for tap in taps(exchange) {
            let name: Rc<str> = name(&tap).into();
            let seen = capture(exchange, &tap, bridge_nf(net, &tap));
            res.extend(seen.into_iter().filter_map(|it| {
                let (packet, step) = it.which?;
                let place = (exchange.id, packet, step);
                Some(Sniffed { at: it.at, tap: name.clone(), out: it.out, line: it.line, place })
            }));
        }
        if res.len() > LINES {
            break;
        }
    }
    res.order_by_key(|it| (it.at, it.place));
    res.truncate(LINES);
    res
}

/// The interfaces among lines, in the order in which a packet passes them.
pub fn taps_of(lines: &[Sniffed]) -> Vec<Rc<str>> {
    let mut res: Vec<Rc<str>> = Vec::new();
    for line in lines {
        if !res.contains(&line.tap) {
            res.push(line.tap.clone());
        }
    }
    res
}

fn name(tap: &Tap) -> String {
    match tap {
        Tap::Pod { pod: name, device }
        | Tap::Node { node: name, device }
        | Tap::Host { name, device } => format!("{name} {device}"),
    }
}

fn bridge_nf(net: &Network, tap: &Tap) -> bool {
    match tap {
        Tap::Node { node, .. } => {
            net.node(node).is_some_and(|it| it.sysctls.bridge_nf_call_iptables)
        }
        _ => true,
    }
}
