//! ARP and neighbour discovery, as tcpdump prints them: questions → lines.

use std::net::{IpAddr, Ipv6Addr};

use svclab_netfilter::packet::Icmp;
use svclab_netfilter::{L4, Packet};

use super::{Captured, Tap, clock};
use crate::net::{Asked, Attachment, Network, Party};

/// The questions for neighbours after the one with this number, each with its answer, and the last
/// one's number.
pub fn questions(net: &Network, tap: &Tap, after: usize) -> (Vec<Captured>, usize) {
    let asked = net.neighbours.asked().iter();
    let last = asked.clone().map(|it| it.id).max().unwrap_or(after);
    let new = asked.filter(|it| it.id > after);
    (new.flat_map(|it| seen(net, tap, it)).collect(), last.max(after))
}

fn seen(net: &Network, tap: &Tap, it: &Asked) -> Vec<Captured> {
    let Some(out) = passes(net, tap, it) else { return Vec::new() };
    let captured = |out: bool, (from, to): (IpAddr, IpAddr), text: String| {
        // Filters ask for its ends, and whether it is ICMPv6.
        let packet = Packet::new(from, to, L4::Icmp(Icmp::EchoRequest { id: 0 }));
        let line = format!("{} {text}", clock(it.at));
        Captured { at: it.at, packet, out, which: None, line }
    };
    let mut res = vec![captured(out, (it.tell, it.ip), question(it))];
    if it.answered {
        res.push(captured(!out, (it.ip, it.tell), answer(net, it)));
    }
    res
}

fn question(it: &Asked) -> String {
    let Asked { tell, ip, to_all, .. } = it;
    match ip {
        IpAddr::V4(_) => format!("ARP, Request who-has {ip} tell {tell}, length 28"),
        IpAddr::V6(own) => {
            let to = if *to_all { solicited_node(*own) } else { *own };
            format!("IP6 {tell} > {to}: ICMP6, neighbor solicitation, who has {ip}, length 32")
        }
    }
}

fn answer(net: &Network, it: &Asked) -> String {
    let Asked { tell, ip, to_all, .. } = it;
    match ip {
        IpAddr::V4(_) => {
            format!("ARP, Reply {ip} is-at {}, length 28", net.mac_of(&it.by, *ip))
        }
        // Who is asked alone leaves out its own MAC address.
        IpAddr::V6(_) => {
            let length = if *to_all { 32 } else { 24 };
            format!(
                "IP6 {ip} > {tell}: ICMP6, neighbor advertisement, tgt is {ip}, length {length}"
            )
        }
    }
}

/// Whether the question passes the interface, and if so, whether it goes out.
fn passes(net: &Network, tap: &Tap, it: &Asked) -> Option<bool> {
    let pod_of = |ip: IpAddr| net.pods.get(&ip);
    let asker = match &it.by {
        Party::Pod(ip) => pod_of(*ip),
        _ => None,
    };
    let asked = pod_of(it.ip);
    let by_node = |name: &str| matches!(&it.by, Party::Node(own) if **own == *name);
    let among_pods = |node: &str| match asker {
        Some(pod) => *pod.node == *node,
        None => by_node(node) && net.node(node).is_some_and(|own| own.pod_cidrs.contains(&it.ip)),
    };
    let bridged = |node: &str| net.node(node).is_some_and(|own| own.layout.is_bridged());
    // A pod's own cable, seen from the pod.
    let cable = |end: &Attachment| {
        let is = |other: Option<&Attachment>| other.is_some_and(|it| it.pod == end.pod);
        let heard = it.to_all && bridged(&end.node) && among_pods(&end.node);
        (is(asker) || is(asked) || heard).then(|| is(asker))
    };
    let on_lan = |own: bool, asks: bool| {
        let lan = asker.is_none() && net.lan.contains(&it.ip);
        (lan && (asks || own || it.to_all)).then_some(asks)
    };
    match tap {
        Tap::Pod { pod, device } if &**device == "eth0" => cable(net.pod(pod)?),
        Tap::Node { node, device } if &**device == "cni0" => {
            among_pods(node).then(|| asker.is_none())
        }
        Tap::Node { node, device } if &**device == "eth0" => {
            let own = net.node(node).is_some_and(|own| own.addresses.contains(&it.ip));
            on_lan(own, by_node(node))
        }
        Tap::Node { node, device } => {
            let mut ends = net.pods.values();
            let end = ends.find(|end| end.node == *node && end.device == *device)?;
            cable(end).map(|out| !out)
        }
        Tap::Host { name, device } if &**device == "eth0" => {
            let own = net.host(name).is_some_and(|own| own.owns(it.ip));
            on_lan(own, it.by == Party::Host(name.clone()))
        }
        _ => None,
    }
}

/// The multicast address that the neighbour listens on (RFC 4291 §2.7.1).
fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let prefix = u128::from(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0));
    Ipv6Addr::from(prefix | (u128::from(ip) & 0x00ff_ffff))
}
