//! The rules by which the kernel's own chains lead to those of kube-proxy.

use std::rc::Rc;

use svclab_netfilter::text::{Command, Restore, TableUpdate};
use svclab_netfilter::{ChainName, CtStates, OriginId, Rule, TableName};

use super::draft::Draft;

/// The jumps in their final order: kube-proxy puts each in front of the one before. They are the
/// same for every cluster and both families.
pub fn jumps() -> Restore {
    let tables = [(TableName::Filter, FILTER), (TableName::Nat, NAT)];
    let tables = tables.into_iter().map(|(table, jumps)| update(table, jumps)).collect();
    Restore { tables, ..Restore::default() }
}

/// Every [`Sync`](super::Sync) begins with the origin of the jumps.
pub(super) const ORIGIN: OriginId = OriginId(0);

struct Jump {
    from: &'static str,
    to: &'static str,
    only_new: bool,
    comment: &'static str,
}

const fn jump(from: &'static str, to: &'static str, comment: &'static str) -> Jump {
    Jump { from, to, only_new: false, comment }
}

const fn jump_new(from: &'static str, to: &'static str, comment: &'static str) -> Jump {
    Jump { from, to, only_new: true, comment }
}

const FIREWALL: &str = "kubernetes load balancer firewall";
const PORTALS: &str = "kubernetes service portals";
const OUTSIDE: &str = "kubernetes externally-visible service portals";

const FILTER: &[Jump] = &[
    jump("INPUT", "KUBE-FIREWALL", ""),
    jump_new("INPUT", "KUBE-PROXY-FIREWALL", FIREWALL),
    jump("INPUT", "KUBE-NODEPORTS", "kubernetes health check service ports"),
    jump_new("INPUT", "KUBE-EXTERNAL-SERVICES", OUTSIDE),
    jump_new("FORWARD", "KUBE-PROXY-FIREWALL", FIREWALL),
    jump("FORWARD", "KUBE-FORWARD", "kubernetes forwarding rules"),
    jump_new("FORWARD", "KUBE-SERVICES", PORTALS),
    jump_new("FORWARD", "KUBE-EXTERNAL-SERVICES", OUTSIDE),
    jump("OUTPUT", "KUBE-FIREWALL", ""),
    jump_new("OUTPUT", "KUBE-PROXY-FIREWALL", FIREWALL),
    jump_new("OUTPUT", "KUBE-SERVICES", PORTALS),
];

const NAT: &[Jump] = &[
    jump("OUTPUT", "KUBE-SERVICES", PORTALS),
    jump("PREROUTING", "KUBE-SERVICES", PORTALS),
    jump("POSTROUTING", "KUBE-POSTROUTING", "kubernetes postrouting rules"),
];

fn update(table: TableName, jumps: &[Jump]) -> TableUpdate {
    let append = |jump: &Jump| Command::Append {
        chain: ChainName::of(jump.from),
        rule: Rc::new(Rule { origin: Some(ORIGIN), ..rule(jump) }),
    };
    TableUpdate { commands: jumps.iter().map(append).collect(), ..TableUpdate::new(table) }
}

fn rule(jump: &Jump) -> Rule {
    let mut draft = Draft::default();
    if jump.only_new {
        draft = draft.in_state(CtStates::NEW);
    }
    if !jump.comment.is_empty() {
        draft = draft.and_comment(jump.comment);
    }
    draft.jump(ChainName::of(jump.to))
}
