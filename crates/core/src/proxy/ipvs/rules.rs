//! The rules of iptables in IPVS mode (`writeIptablesRules`): how many there are does not grow with
//! the Services, as they ask sets. A set that is empty has no rule but in the filter's fixed part.

use std::fmt::Write as _;
use std::net::IpAddr;

use svclab_netfilter::text::{Command, Restore};
use svclab_netfilter::{Family, IpSets, Match, Protocol};

use super::sets::{
    CLUSTER_IP, EXTERNAL_IP, EXTERNAL_IP_LOCAL, HEALTH_CHECK, IPVS_IPS, LOAD_BALANCER,
    LOAD_BALANCER_FW, LOAD_BALANCER_LOCAL, LOOP_BACK, NODE_PORT_LOCAL_SCTP, NODE_PORT_LOCAL_TCP,
    NODE_PORT_LOCAL_UDP, NODE_PORT_SCTP, NODE_PORT_TCP, NODE_PORT_UDP, SETS, SOURCE_CIDR,
    SOURCE_IP, full_name,
};
use super::{Destination, Origin, Origins, Purpose};
use crate::proxy::detect::Detector;
use crate::proxy::jumps::ORIGIN;
use crate::proxy::origin::stamped;
use crate::proxy::settings::Settings;

const NAT_CHAINS: [&str; 5] =
    ["KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-NODE-PORT", "KUBE-LOAD-BALANCER", "KUBE-MARK-MASQ"];
const FILTER_CHAINS: [&str; 6] = [
    "KUBE-FORWARD",
    "KUBE-NODE-PORT",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SOURCE-RANGES-FIREWALL",
    "KUBE-IPVS-FILTER",
    "KUBE-IPVS-OUT-FILTER",
];

/// The jumps in their final order, each in front of the one that was put there before it.
pub fn jumps() -> Restore {
    let lines = "*nat\n\
        -A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
        -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
        -A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING\n\
        COMMIT\n*filter\n\
        -A INPUT -m comment --comment \"kubernetes ipvs access filter\" -j KUBE-IPVS-FILTER\n\
        -A INPUT -m comment --comment \"kube-proxy firewall rules\" -j KUBE-PROXY-FIREWALL\n\
        -A INPUT -m comment --comment \"kubernetes health check rules\" -j KUBE-NODE-PORT\n\
        -A FORWARD -m comment --comment \"kube-proxy firewall rules\" -j KUBE-PROXY-FIREWALL\n\
        -A FORWARD -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD\n\
        -A OUTPUT -m comment --comment \"kubernetes ipvs access filter\" -j KUBE-IPVS-OUT-FILTER\n\
        COMMIT\n";
    stamped(lines, std::iter::repeat(ORIGIN))
}

/// Why the rules are there: the same ids at each sync, as traces name rules that they met earlier.
pub(super) fn origins() -> Origins {
    let mut res = Origins::new();
    for purpose in PURPOSES {
        res.add(Origin::fixed(purpose));
    }
    res
}

const PURPOSES: [Purpose; 21] = [
    Purpose::MarkHairpin,
    Purpose::Match(Destination::LoadBalancerIp),
    Purpose::Match(Destination::NodePort),
    Purpose::KeepClient,
    Purpose::MarkExternal,
    Purpose::DropOutsideSourceRanges,
    Purpose::AllowSourceRange,
    Purpose::AllowNodeItself,
    Purpose::SkipLoopback,
    Purpose::MarkAll,
    Purpose::MarkFromOutside,
    Purpose::LeaveToIpvs,
    Purpose::NodePortDispatch,
    Purpose::ForwardMarked,
    Purpose::ForwardReplies,
    Purpose::AcceptHealthChecks,
    Purpose::RejectWrongPort,
    Purpose::SkipUnmarked,
    Purpose::ClearMark,
    Purpose::Masquerade,
    Purpose::SetMark,
];

/// Rules for addresses that the node may not ask: `refused`.
pub(super) fn restore(
    (settings, detector): (&Settings, Option<&Detector>),
    sets: &IpSets,
    refused: Vec<(IpAddr, Protocol, u16)>,
    origins: &mut Origins,
) -> Restore {
    let (nat, filter) = (Vec::new(), Vec::new());
    let mut writer = Writer { settings, sets, nat, filter };
    writer.sets();
    writer.cluster_ips(detector);
    writer.external_ips();
    writer.ends();
    for (ip, protocol, port) in refused {
        let line = format!(
            "KUBE-IPVS-OUT-FILTER -s {ip} -m ipvs --vaddr {ip} --vproto {} --vport {port} -j DROP",
            protocol.name()
        );
        writer.filter.push((line, Purpose::DropOutsideSourceRanges));
    }
    writer.accepts();
    writer.forwarding();
    writer.access();
    writer.masquerading();
    writer.restore(origins)
}

struct Writer<'a> {
    settings: &'a Settings,
    sets: &'a IpSets,
    /// Each rule from its chain on, and why it is there.
    nat: Vec<(String, Purpose)>,
    filter: Vec<(String, Purpose)>,
}

/// A set with the rule that asks it: its table, chain, further words, parts, target and reason.
type Asking = (&'static str, bool, &'static str, &'static str, &'static str, &'static str, Purpose);

/// In the order in which they are written (`ipsetWithIptablesChain`); `true` is the nat table.
const ASKING: [Asking; 12] = [
    (LOOP_BACK, true, "KUBE-POSTROUTING", "", "dst,dst,src", "MASQUERADE", Purpose::MarkHairpin),
    (
        LOAD_BALANCER,
        true,
        "KUBE-SERVICES",
        "",
        "dst,dst",
        "KUBE-LOAD-BALANCER",
        Purpose::Match(Destination::LoadBalancerIp),
    ),
    (LOAD_BALANCER_LOCAL, true, "KUBE-LOAD-BALANCER", "", "dst,dst", "RETURN", Purpose::KeepClient),
    (NODE_PORT_LOCAL_TCP, true, NODE_PORT, " -p tcp", "dst", "RETURN", Purpose::KeepClient),
    (NODE_PORT_TCP, true, NODE_PORT, " -p tcp", "dst", MARK, Purpose::MarkExternal),
    (NODE_PORT_LOCAL_UDP, true, NODE_PORT, " -p udp", "dst", "RETURN", Purpose::KeepClient),
    (NODE_PORT_UDP, true, NODE_PORT, " -p udp", "dst", MARK, Purpose::MarkExternal),
    (NODE_PORT_LOCAL_SCTP, true, NODE_PORT, " -p sctp", "dst,dst", "RETURN", Purpose::KeepClient),
    (NODE_PORT_SCTP, true, NODE_PORT, " -p sctp", "dst,dst", MARK, Purpose::MarkExternal),
    (
        LOAD_BALANCER_FW,
        false,
        "KUBE-PROXY-FIREWALL",
        "",
        "dst,dst",
        RANGES,
        Purpose::DropOutsideSourceRanges,
    ),
    (SOURCE_CIDR, false, RANGES, "", "dst,dst,src", "RETURN", Purpose::AllowSourceRange),
    (SOURCE_IP, false, RANGES, "", "dst,dst,src", "RETURN", Purpose::AllowNodeItself),
];

const NODE_PORT: &str = "KUBE-NODE-PORT";
const MARK: &str = "KUBE-MARK-MASQ";
const RANGES: &str = "KUBE-SOURCE-RANGES-FIREWALL";

impl Writer<'_> {
    fn nat(&mut self, line: impl Into<String>, purpose: Purpose) {
        self.nat.push((line.into(), purpose));
    }

    fn filter(&mut self, line: impl Into<String>, purpose: Purpose) {
        self.filter.push((line.into(), purpose));
    }

    fn name(&self, set: &str) -> String {
        full_name(self.settings.family, set)
    }

    fn holds(&self, set: &str) -> bool {
        self.sets.0.get(&self.name(set)).is_some_and(|it| !it.members.is_empty())
    }

    /// The comment and the match for a set, before its parts.
    fn asking(&self, set: &str) -> String {
        let comment = SETS.iter().find(|it| it.0 == set).map_or("", |it| it.2);
        format!("-m comment --comment \"{comment}\" -m set --match-set {}", self.name(set))
    }

    fn sets(&mut self) {
        let loopback = if self.settings.family == Family::V4 { "127.0.0.0/8" } else { "::1/128" };
        self.nat(format!("KUBE-SERVICES -s {loopback} -j RETURN"), Purpose::SkipLoopback);
        for (set, nat, chain, protocol, parts, target, purpose) in ASKING {
            if self.holds(set) {
                let line = format!("{chain}{protocol} {} {parts} -j {target}", self.asking(set));
                let list = if nat { &mut self.nat } else { &mut self.filter };
                list.push((line, purpose));
            }
        }
    }

    fn cluster_ips(&mut self, detector: Option<&Detector>) {
        if !self.holds(CLUSTER_IP) {
            return;
        }
        let asking = format!("KUBE-SERVICES {}", self.asking(CLUSTER_IP));
        let (line, purpose) = match detector {
            _ if self.settings.masquerade_all => {
                (format!("{asking} dst,dst -j {MARK}"), Purpose::MarkAll)
            }
            Some(detector) => {
                let own = Match { negated: true, criterion: detector.criterion.clone() };
                let own =
                    detector.written.as_ref().map_or(own.to_string(), |it| format!("! -s {it}"));
                (format!("{asking} dst,dst {own} -j {MARK}"), Purpose::MarkFromOutside)
            }
            // The node's own packets to these addresses come from the very same addresses.
            None => (format!("{asking} src,dst -j {MARK}"), Purpose::MarkFromOutside),
        };
        self.nat(line, purpose);
    }

    fn external_ips(&mut self) {
        for set in [EXTERNAL_IP, EXTERNAL_IP_LOCAL] {
            if !self.holds(set) {
                continue;
            }
            let asking = format!("KUBE-SERVICES {} dst,dst", self.asking(set));
            if set == EXTERNAL_IP {
                self.nat(format!("{asking} -j {MARK}"), Purpose::MarkExternal);
            }
            let from_outside = "-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL";
            self.nat(format!("{asking} {from_outside} -j ACCEPT"), Purpose::LeaveToIpvs);
            let own = "-m addrtype --dst-type LOCAL";
            self.nat(format!("{asking} {own} -j ACCEPT"), Purpose::LeaveToIpvs);
        }
    }

    fn ends(&mut self) {
        let dispatch = format!("KUBE-SERVICES -m addrtype --dst-type LOCAL -j {NODE_PORT}");
        self.nat(dispatch, Purpose::NodePortDispatch);
        self.nat(format!("KUBE-LOAD-BALANCER -j {MARK}"), Purpose::MarkExternal);
        self.filter(format!("{RANGES} -j DROP"), Purpose::DropOutsideSourceRanges);
    }

    fn accepts(&mut self) {
        for set in [CLUSTER_IP, LOAD_BALANCER] {
            if self.holds(set) {
                let name = self.name(set);
                let line = format!("KUBE-SERVICES -m set --match-set {name} dst,dst -j ACCEPT");
                self.nat(line, Purpose::LeaveToIpvs);
            }
        }
    }

    fn mark(&self) -> String {
        format!("0x{:08x}", self.settings.masquerade_mark())
    }

    fn forwarding(&mut self) {
        let mark = self.mark();
        self.filter(
            format!(
                "KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" \
                 -m mark --mark {mark}/{mark} -j ACCEPT"
            ),
            Purpose::ForwardMarked,
        );
        self.filter(
            "KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" \
             -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            Purpose::ForwardReplies,
        );
        let line = format!("{NODE_PORT} {} dst -j ACCEPT", self.asking(HEALTH_CHECK));
        self.filter(line, Purpose::AcceptHealthChecks);
    }

    /// Services' addresses are the machine's own: nothing but their ports may be reached there.
    fn access(&mut self) {
        let sets = [LOAD_BALANCER, CLUSTER_IP, EXTERNAL_IP, EXTERNAL_IP_LOCAL, HEALTH_CHECK];
        for set in sets {
            let parts = if set == HEALTH_CHECK { "dst" } else { "dst,dst" };
            let name = self.name(set);
            let line = format!("KUBE-IPVS-FILTER -m set --match-set {name} {parts} -j RETURN");
            self.filter(line, Purpose::LeaveToIpvs);
        }
        let name = self.name(IPVS_IPS);
        let line = format!(
            "KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set {name} dst -j REJECT"
        );
        self.filter(line, Purpose::RejectWrongPort);
    }

    fn masquerading(&mut self) {
        let mark = self.mark();
        let random = if self.settings.random_fully { " --random-fully" } else { "" };
        let postrouting = "KUBE-POSTROUTING";
        let unmarked = format!("{postrouting} -m mark ! --mark {mark}/{mark} -j RETURN");
        self.nat(unmarked, Purpose::SkipUnmarked);
        self.nat(format!("{postrouting} -j MARK --xor-mark {mark}"), Purpose::ClearMark);
        let masquerade = format!(
            "{postrouting} -m comment --comment \"kubernetes service traffic requiring SNAT\" \
             -j MASQUERADE{random}"
        );
        self.nat(masquerade, Purpose::Masquerade);
        self.nat(format!("{MARK} -j MARK --or-mark {mark}"), Purpose::SetMark);
    }

    fn restore(self, origins: &mut Origins) -> Restore {
        let mut text = String::new();
        let mut ids = Vec::new();
        let tables = [("nat", &NAT_CHAINS[..], self.nat), ("filter", &FILTER_CHAINS, self.filter)];
        for (table, chains, rules) in tables {
            let _ = writeln!(text, "*{table}");
            for it in chains {
                let _ = writeln!(text, ":{it} - [0:0]");
            }
            for (line, purpose) in rules {
                let _ = writeln!(text, "-A {line}");
                ids.push(origins.fixed(purpose));
            }
            text.push_str("COMMIT\n");
        }
        stamped(&text, ids.into_iter())
    }
}

/// How many rules ask for a set.
pub(super) fn references(restore: &Restore, set: &str) -> usize {
    let commands = restore.tables.iter().flat_map(|it| &it.commands);
    let asks = |command: &&Command| match command {
        Command::Append { rule, .. } => rule.to_string().contains(&format!("--match-set {set} ")),
        _ => false,
    };
    commands.filter(asks).count()
}
