//! A first packet in the userspace mode of old: iptables leads it to a port of kube-proxy's, which
//! takes the connection and opens one of its own to the endpoint whose turn it is.

use std::net::{IpAddr, SocketAddr};

use svclab_netfilter::{AddrType, Dice, Hook, IpSets, RuleSet, TableName, Verdict};

use super::tables::Tables;
use super::{Found, Step, Way, every_way};
use crate::net::balancer::turns::{Asking, Turns};
use crate::net::probe::{Fate, Probe};
use crate::proxy::{Listening, Scheduler, Userspace};

/// Every way a first connection may go, before there was any other.
pub fn ways(state: &Userspace, is_local: &dyn Fn(IpAddr) -> bool, probe: &Probe) -> Vec<Way> {
    let rules = rules(state);
    every_way(|dice| {
        let turn = (&mut Turns::default(), 0);
        one_way((state, &rules), turn, is_local, probe, dice)
    })
}

/// One connection after others: `turns` are what kube-proxy remembers of them; `now` is in
/// milliseconds.
pub fn next(
    state: &Userspace,
    (turns, now): (&mut Turns, u64),
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Way {
    let way = one_way((state, &rules(state)), (turns, now), is_local, probe, dice);
    Way { probability: 1.0, ..way }
}

fn rules(state: &Userspace) -> RuleSet {
    let mut res = RuleSet::builtin();
    res.restore(&state.restore, true);
    res
}

fn one_way(
    (state, rules): (&Userspace, &RuleSet),
    (turns, now): (&mut Turns, u64),
    is_local: &dyn Fn(IpAddr) -> bool,
    probe: &Probe,
    dice: &mut dyn Dice,
) -> Way {
    let addr_type = |ip| if is_local(ip) { AddrType::Local } else { AddrType::Unicast };
    let sets = IpSets::default();
    let mut tables = Tables {
        rules,
        sets: &sets,
        origins: &state.origins,
        addr_type: &addr_type,
        in_address: Some(state.node),
        packet: probe.packet(),
        virtual_server: None,
        masquerade: false,
        steps: Vec::new(),
    };
    let verdict = hooks(&mut tables, is_local, probe.input.as_deref(), dice);
    let Tables { packet, mut steps, .. } = tables;
    let arrived = (packet.protocol(), packet.destination().port());
    let here = is_local(packet.dst) && verdict == Verdict::Accept;
    let Some(listening) = state.ports.get(&arrived).filter(|_| here) else {
        return Way { fate: plain(verdict), masquerade: false, probability: 0.0, steps };
    };
    let frontend = (arrived.0, SocketAddr::new(state.node, arrived.1));
    let asking = Asking {
        frontend,
        client: probe.src,
        by: Scheduler::Rr,
        persistent: listening.affinity_seconds,
        servers: &listening.endpoints,
        load: &|_| (0, 0),
        now,
    };
    let chosen = turns.choose(asking, dice);
    steps.push(copying(state, listening, arrived.1, chosen));
    let fate = chosen.map_or(Fate::Reject, Fate::Dnat);
    Way { fate, masquerade: chosen.is_some(), probability: 0.0, steps }
}

fn plain(verdict: Verdict) -> Fate {
    match verdict {
        Verdict::Accept => Fate::Pass,
        Verdict::Drop => Fate::Drop,
        Verdict::Reject => Fate::Reject,
    }
}

fn hooks(
    tables: &mut Tables<'_>,
    is_local: &dyn Fn(IpAddr) -> bool,
    input: Option<&str>,
    dice: &mut dyn Dice,
) -> Verdict {
    let first = if input.is_some() { Hook::Prerouting } else { Hook::Output };
    tables.pass(TableName::Nat, first, input, &mut *dice);
    let local = is_local(tables.packet.dst);
    match input {
        Some(_) if !local => tables.pass(TableName::Filter, Hook::Forward, input, dice),
        Some(_) => tables.pass(TableName::Filter, Hook::Input, input, dice),
        None if local => tables.pass(TableName::Filter, Hook::Input, Some("lo"), dice),
        None => tables.pass(TableName::Filter, Hook::Output, None, dice),
    }
}

/// What happens in the process. Without an endpoint it takes the connection and closes it at once.
fn copying(state: &Userspace, listening: &Listening, port: u16, to: Option<SocketAddr>) -> Step {
    let found = match to {
        Some(endpoint) => Found::Proxied { endpoint, of: listening.endpoints.len() },
        None => Found::Nobody,
    };
    Step {
        hook: Hook::Input,
        chain: "kube-proxy".into(),
        rule: format!("listen :{port}"),
        found,
        origin: state.origins.get(listening.origin).cloned(),
    }
}
