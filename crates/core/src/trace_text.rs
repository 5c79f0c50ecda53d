//! A trace as text: one line a step, one line a rule that was looked at.
//!
//! For people at a terminal and for tests: equal texts mean equal traces.

use std::fmt;

use svclab_netfilter::{Finding, Packet, Passage, RuleSet, Verdict as TableVerdict, Visit};

use crate::net::balancer::Found;
use crate::trace::{
    Balanced, BridgeTo, Event, Exchange, Loss, Place, PolicyDirection, Question, Request, Ruling,
    Step, Trace, Verdict,
};

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.request;
        writeln!(f, "{request} from {}", request.from)?;
        for trace in &self.packets {
            write!(f, "{trace}")?;
        }
        writeln!(f, "{:?}", self.result)
    }
}

/// `GET http://10.96.0.1/`, `ping 10.244.1.2`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { host, to, port, what, .. } = self;
        match what {
            Question::Http { method, path, .. } => write!(f, "{method} http://{host}{path}"),
            Question::Connect => write!(f, "nc -z {to} {port}"),
            Question::Datagram => write!(f, "nc -u {to} {port}"),
            Question::Echo => write!(f, "ping {to}"),
            Question::Name(query) => write!(f, "dig @{to} {} {}", query.name, query.kind),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.at, self.sent)?;
        let mut before = self.sent;
        for step in &self.steps {
            self.write_step(f, step, before)?;
            before = step.packet;
        }
        match self.verdict {
            Verdict::Delivered => writeln!(f, "  = delivered"),
            Verdict::Rejected => writeln!(f, "  = rejected"),
            Verdict::Lost(loss) => writeln!(f, "  = lost: {loss}"),
        }
    }
}

impl Trace {
    fn write_step(&self, f: &mut fmt::Formatter<'_>, step: &Step, before: Packet) -> fmt::Result {
        write!(f, "  {}: ", step.place)?;
        match &step.event {
            Event::Sent => f.write_str("sent")?,
            Event::Passed => f.write_str("passed")?,
            Event::Resolved { ip, by } => write!(f, "who has {ip}? {by} answers")?,
            Event::Bridged { to: BridgeTo::Host } => f.write_str("to the host")?,
            Event::Bridged { to: BridgeTo::Port } => f.write_str("to another port")?,
            Event::Routed { route } => write!(f, "{route}")?,
            Event::Tracked { status, direction, entry } => {
                write!(f, "{status:?}, {direction:?}: {entry}")?;
            }
            Event::Walked(passage) => {
                let rules = step.place.node().and_then(|node| self.rules.get(node));
                write_passage(f, passage, rules.map(|rules| &**rules))?;
            }
            Event::Balanced(balanced) => write!(f, "{balanced}")?,
            Event::Translated { .. } => f.write_str("translated by the connection's entry")?,
            Event::Wrapped { .. } => f.write_str("wrapped")?,
            Event::Unwrapped => f.write_str("unwrapped")?,
            Event::Policed(ruling) => write!(f, "{ruling}")?,
            Event::Delivered => f.write_str("delivered")?,
            Event::Lost(loss) => write!(f, "{loss}")?,
        }
        if step.packet != before {
            write!(f, "\n    now {} ttl {}", step.packet, step.packet.ttl)?;
            if step.packet.mark != 0 {
                write!(f, " mark {:#x}", step.packet.mark)?;
            }
        }
        writeln!(f)
    }
}

fn write_passage(
    f: &mut fmt::Formatter<'_>,
    passage: &Passage,
    rules: Option<&RuleSet>,
) -> fmt::Result {
    f.write_str(said(passage.verdict))?;
    for visit in &passage.visits {
        write_visit(f, visit, rules)?;
    }
    Ok(())
}

fn said(verdict: TableVerdict) -> &'static str {
    match verdict {
        TableVerdict::Accept => "accepted",
        TableVerdict::Drop => "dropped",
        TableVerdict::Reject => "rejected",
    }
}

impl fmt::Display for Balanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(said(self.verdict))?;
        for step in &self.steps {
            let sign = if matches!(step.found, Found::Skipped(_)) { '-' } else { '+' };
            write!(f, "\n    {sign} {} {}{}", step.chain, step.rule, step.found)?;
        }
        Ok(())
    }
}

/// What was found, behind the rule's text.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Skipped(_) | Found::Matched => Ok(()),
            Found::Element(element) => write!(f, " (found {element})"),
            Found::Drawn { number, of } => write!(f, " (drew {number} of {of})"),
            Found::Scheduled { server, of, .. } => write!(f, " (chose {server} of {of})"),
            Found::Proxied { endpoint, of } => write!(f, " (dialled {endpoint} of {of})"),
            Found::Nobody => f.write_str(" (nobody is there)"),
        }
    }
}

fn write_visit(f: &mut fmt::Formatter<'_>, visit: &Visit, rules: Option<&RuleSet>) -> fmt::Result {
    let indent = "  ".repeat(visit.depth + 2);
    let sign = match visit.finding {
        Finding::Matched => '+',
        Finding::Skipped { .. } => '-',
    };
    write!(f, "\n{indent}{sign} {}", visit.rule.chain)?;
    if let Some(rule) = rules.and_then(|rules| rules.rule(visit.rule)) {
        write!(f, " {rule}")?;
    }
    if let Some(draw) = visit.draw {
        write!(f, " (drew {:.6})", draw.fraction())?;
    }
    if visit.run > 1 {
        write!(f, " (and {} more)", visit.run - 1)?;
    }
    Ok(())
}

/// `Ingress: let through by shop/web`, `Egress: denied by shop/a, shop/b`.
impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            PolicyDirection::Ingress => "Ingress",
            PolicyDirection::Egress => "Egress",
        };
        match &self.by {
            Some(by) => write!(f, "{direction}: let through by {by}"),
            None => write!(f, "{direction}: denied by {}", self.asked.join(", ")),
        }
    }
}

/// `worker-1 PREROUTING nat`, `pod shop/client`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Pod { pod, .. } => write!(f, "pod {pod}"),
            Place::Veth { node, device, .. } => write!(f, "{node} {device}"),
            Place::Bridge { node } => write!(f, "{node} cni0"),
            Place::Hook { node, hook, table } => write!(f, "{node} {} {table}", hook.name()),
            Place::Conntrack { node, hook } => write!(f, "{node} {} conntrack", hook.name()),
            Place::Ipvs { node, hook } => write!(f, "{node} {} IPVS", hook.name()),
            Place::Routing { node } => write!(f, "{node} route"),
            Place::Nic { node } => write!(f, "{node} eth0"),
            Place::Tunnel { node, device } => write!(f, "{node} {device}"),
            Place::Lan => f.write_str("LAN"),
            Place::Process { node } => write!(f, "{node} process"),
            Place::Router => f.write_str("router"),
            Place::Host { name } => write!(f, "host {name}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::Dropped => "dropped by a rule",
            Loss::Denied => "no NetworkPolicy lets it through",
            Loss::NoNeighbour => "nobody answers ARP for the address",
            Loss::NeighbourGone => "nobody has the MAC address that ARP once told",
            Loss::NoRoute => "no route to the address",
            Loss::Unroutable => "the router knows no such network",
            Loss::HairpinOff => "the bridge does not send a frame back where it came from",
            Loss::TtlExceeded => "the TTL ran out",
            Loss::Martian => "the address cannot come from or go there",
            Loss::ReversePath => "an answer would not leave by that device",
            Loss::NotForwarded => "the machine forwards nothing",
            Loss::MachineDown => "the machine is down",
        })
    }
}
