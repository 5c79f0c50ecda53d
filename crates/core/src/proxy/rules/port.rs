//! The lines of one service port: its rules in the shared chains, and its own chains.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::{
    AddrSide, AddressMatch, ChainName, Criterion, Probability, Protocol, Recent, RecentCheck, Rule,
    Target,
};

use super::{is_local, localnet};
use crate::key::ObjectKey;
use crate::proxy::connections::UdpPort;
use crate::proxy::draft::Draft;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::known::KnownPort;
use crate::proxy::names::PortChains;
use crate::proxy::node::ThisNode;
use crate::proxy::origin::{Destination, Origin, Purpose};
use crate::proxy::part::{Line, Lines};
use crate::proxy::select::{Selection, select};
use crate::proxy::service::ServicePort;
use crate::proxy::settings::Settings;

/// What every service port of a node is written with.
pub(in crate::proxy) struct Around<'a> {
    pub(in crate::proxy) settings: &'a Settings,
    pub(in crate::proxy) node: &'a ThisNode,
    /// Whether the cluster has more than [`super::LARGE_CLUSTER`] endpoints.
    pub(in crate::proxy) large: bool,
    /// `probabilities[n]` is one of `n`: most services have as many endpoints as others.
    probabilities: Vec<Probability>,
}

impl<'a> Around<'a> {
    pub(in crate::proxy) fn new(
        settings: &'a Settings,
        node: &'a ThisNode,
        large: bool,
    ) -> Around<'a> {
        Around { settings, node, large, probabilities: Vec::new() }
    }

    fn one_of(&mut self, n: usize) -> Probability {
        while self.probabilities.len() <= n {
            self.probabilities.push(Probability::one_of(self.probabilities.len()));
        }
        self.probabilities[n]
    }
}

/// The lines of a port of `service`.
pub(in crate::proxy) fn lines(
    around: &mut Around<'_>,
    service: &Rc<ObjectKey>,
    known: &KnownPort,
) -> Lines {
    let endpoints = known.endpoints.on(&around.node.name);
    let selection = select(&known.service, &endpoints, around.node, around.settings);
    let mut writer = PortWriter::new(around, service, known, &selection);
    writer.cluster_ip();
    writer.external_ips();
    writer.load_balancer();
    writer.node_port();
    writer.health_check();
    writer.mark_cluster_ip();
    writer.external_chain();
    writer.firewall_chain();
    writer.policy_chains();
    writer.endpoint_chains();
    Lines { udp: UdpPort::of(known, &endpoints), ..writer.lines }
}

struct PortWriter<'w, 'a> {
    around: &'w mut Around<'a>,
    lines: Lines,
    /// The rule that marks what comes to the cluster IP: the first of its chain, and written
    /// before all the others.
    mark: Option<Line>,
    port: &'w ServicePort,
    selection: &'w Selection<'w>,
    /// `shop/web:http`
    name: &'w str,
    protocol: Protocol,
    chains: PortChains,
    /// Whether traffic to the cluster IP has an endpoint to go to, and traffic from outside.
    has_internal: bool,
    has_external: bool,
    service: &'w Rc<ObjectKey>,
    port_name: &'w Rc<str>,
}

impl<'w, 'a> PortWriter<'w, 'a> {
    fn new(
        around: &'w mut Around<'a>,
        service: &'w Rc<ObjectKey>,
        known: &'w KnownPort,
        selection: &'w Selection<'w>,
    ) -> PortWriter<'w, 'a> {
        let port = &known.service;
        let has_local = !selection.local.is_empty();
        PortWriter {
            around,
            lines: Lines::default(),
            mark: None,
            port,
            selection,
            name: &known.title,
            protocol: known.protocol.into(),
            chains: known.chains,
            has_internal: selection.any && (has_local || !port.internal_local),
            has_external: selection.any && (has_local || !port.external_local),
            service,
            port_name: &known.name,
        }
    }

    fn line(&self, purpose: Purpose, rule: Rule) -> Line {
        let origin = Origin {
            service: Some(Rc::clone(self.service)),
            port: Rc::clone(self.port_name),
            endpoint: None,
            slice: None,
            purpose,
        };
        Line { rule, origin }
    }

    fn line_for(&self, endpoint: &Endpoint, purpose: Purpose, rule: Rule) -> Line {
        let mut line = self.line(purpose, rule);
        line.origin.endpoint = Some(Rc::clone(&endpoint.text));
        line.origin.slice = Some(Rc::clone(&endpoint.slice));
        line
    }

    /// A rule of a filter chain that all ports share.
    fn filter(&mut self, chain: &str, purpose: Purpose, rule: Rule) {
        let line = self.line(purpose, rule);
        self.lines.filter.push((ChainName::of(chain), line));
    }

    /// A rule of a nat chain that all ports share.
    fn nat(&mut self, chain: &str, purpose: Purpose, rule: Rule) {
        let line = self.line(purpose, rule);
        self.lines.nat.push((ChainName::of(chain), line));
    }

    fn internal_chain(&self) -> ChainName {
        if self.port.internal_local { self.chains.svl } else { self.chains.svc }
    }

    fn has_firewall(&self) -> bool {
        self.selection.any && !self.port.vips.is_empty() && !self.port.source_ranges.is_empty()
    }

    /// To one of the service's addresses and its port.
    fn to(&self, draft: Draft, ip: IpAddr) -> Draft {
        draft.protocol(self.protocol).destination(ip).dport(self.port.port)
    }

    fn cluster_ip(&mut self) {
        let ip = self.port.cluster_ip;
        if !self.has_internal {
            let (draft, purpose, target) = self.refusal(Destination::ClusterIp);
            return self.filter("KUBE-SERVICES", purpose, self.to(draft, ip).target(target));
        }
        let draft = Draft::comment(format!("{} cluster IP", self.name));
        let rule = self.to(draft, ip).jump(self.internal_chain());
        self.nat("KUBE-SERVICES", Purpose::Match(Destination::ClusterIp), rule);
    }

    /// What happens to packets that no endpoint may take.
    fn refusal(&self, destination: Destination) -> (Draft, Purpose, Target) {
        if self.selection.any {
            let comment = format!("{} has no local endpoints", self.name);
            let purpose = Purpose::DropNoLocalEndpoints(destination);
            return (Draft::comment(comment), purpose, Target::Drop);
        }
        let comment = format!("{} has no endpoints", self.name);
        let purpose = Purpose::RejectNoEndpoints(destination);
        (Draft::comment(comment), purpose, Target::Reject { with: None })
    }

    fn refuse_external(&mut self, destination: Destination, ip: IpAddr) {
        if self.has_external {
            return;
        }
        let (draft, purpose, target) = self.refusal(destination);
        let rule = self.to(draft, ip).target(target);
        self.filter("KUBE-EXTERNAL-SERVICES", purpose, rule);
    }

    fn external_ips(&mut self) {
        for ip in &self.port.external_ips {
            if self.selection.any {
                let draft = Draft::comment(format!("{} external IP", self.name));
                let rule = self.to(draft, *ip).jump(self.chains.ext);
                let purpose = Purpose::Match(Destination::ExternalIp);
                self.nat("KUBE-SERVICES", purpose, rule);
            }
            self.refuse_external(Destination::ExternalIp, *ip);
        }
    }

    fn load_balancer(&mut self) {
        let fw = self.chains.fw;
        let first = if self.has_firewall() { fw } else { self.chains.ext };
        for ip in &self.port.vips {
            if self.selection.any {
                let draft = Draft::comment(format!("{} loadbalancer IP", self.name));
                let rule = self.to(draft, *ip).jump(first);
                let purpose = Purpose::Match(Destination::LoadBalancerIp);
                self.nat("KUBE-SERVICES", purpose, rule);
            }
            if self.has_firewall() {
                let draft = Draft::comment(format!("{} traffic not accepted by {fw}", self.name));
                let rule = self.to(draft, *ip).target(Target::Drop);
                self.filter("KUBE-PROXY-FIREWALL", Purpose::DropOutsideSourceRanges, rule);
            }
        }
        for ip in &self.port.vips {
            self.refuse_external(Destination::LoadBalancerIp, *ip);
        }
    }

    fn node_port(&mut self) {
        let Some(port) = self.port.node_port else { return };
        if self.selection.any {
            self.accept_node_port(port);
        }
        if !self.has_external {
            let (draft, purpose, target) = self.refusal(Destination::NodePort);
            let draft = draft.with(is_local(AddrSide::Destination)).protocol(self.protocol);
            let rule = draft.dport(port).target(target);
            self.filter("KUBE-EXTERNAL-SERVICES", purpose, rule);
        }
    }

    fn accept_node_port(&mut self, port: u16) {
        let node_ports = "KUBE-NODEPORTS";
        let draft = || Draft::label(self.name).protocol(self.protocol);
        let rule = draft().dport(port).jump(self.chains.ext);
        if self.around.node.node_ports.localhost && self.around.settings.uses_nfacct() {
            let counted = draft()
                .with(Criterion::Destination(AddressMatch::net(localnet())))
                .dport(port)
                .with(Criterion::Nfacct("localhost_nps_accepted_pkts".to_owned()))
                .jump(self.chains.ext);
            self.nat(node_ports, Purpose::CountLocalhostNodePort, counted);
        }
        self.nat(node_ports, Purpose::Match(Destination::NodePort), rule);
    }

    fn health_check(&mut self) {
        let Some(port) = self.port.health_check_node_port else { return };
        let draft = Draft::comment(format!("{} health check node port", self.name));
        let rule = draft.protocol(Protocol::Tcp).dport(port).target(Target::Accept);
        self.filter("KUBE-NODEPORTS", Purpose::AcceptHealthChecks, rule);
    }

    fn mark_cluster_ip(&mut self) {
        if !self.has_internal {
            return;
        }
        let draft = Draft::comment(format!("{} cluster IP", self.name));
        let draft = self.to(draft, self.port.cluster_ip);
        let (draft, purpose) = match &self.around.node.detector {
            _ if self.around.settings.masquerade_all => (draft, Purpose::MarkAll),
            Some(detector) => (draft.unless_local(detector), Purpose::MarkFromOutside),
            None => return,
        };
        self.mark = Some(self.line(purpose, draft.jump(mark_masq())));
        self.lines.marking = Some(self.internal_chain());
    }

    fn external_chain(&mut self) {
        if !self.selection.any || !self.port.is_external() {
            return;
        }
        let (mut lines, target) = if self.port.external_local {
            (self.local_short_circuits(), self.chains.svl)
        } else {
            let comment = format!("masquerade traffic for {} external destinations", self.name);
            let rule = Draft::comment(comment).jump(mark_masq());
            (vec![self.line(Purpose::MarkExternal, rule)], self.chains.svc)
        };
        if self.has_external {
            lines.push(self.line(Purpose::ToEndpoints, Draft::default().jump(target)));
        }
        self.lines.chains.push((self.chains.ext, lines));
    }

    /// Under the Local policy, pods and the node itself may still use every endpoint.
    fn local_short_circuits(&self) -> Vec<Line> {
        let svc = self.chains.svc;
        let comment = |what: &str| {
            Draft::comment(format!("{what} traffic for {} external destinations", self.name))
        };
        let from_node = |what: &str| comment(what).with(is_local(AddrSide::Source));
        let mut lines = Vec::with_capacity(4);
        if let Some(detector) = &self.around.node.detector {
            let pods = comment("pod").if_local(detector).jump(svc);
            lines.push(self.line(Purpose::PodsUseCluster, pods));
        }
        let mark = from_node("masquerade LOCAL").jump(mark_masq());
        lines.push(self.line(Purpose::MarkNodeItself, mark));
        let route = from_node("route LOCAL").jump(svc);
        lines.push(self.line(Purpose::NodeItselfUsesCluster, route));
        lines
    }

    fn firewall_chain(&mut self) {
        if !self.has_firewall() {
            return;
        }
        let ext = self.chains.ext;
        let comment = format!("{} loadbalancer IP", self.name);
        let mut lines = Vec::new();
        for range in &self.port.source_ranges {
            let rule = Draft::comment(comment.as_str()).source_net(*range).jump(ext);
            lines.push(self.line(Purpose::AllowSourceRange, rule));
        }
        // A node in the ranges that uses the VIP sends to itself, with the VIP as its source.
        let node = self.around.node.ip;
        if self.port.source_ranges.iter().any(|it| it.contains(&node)) {
            for vip in &self.port.vips {
                let rule = Draft::comment(comment.as_str()).source(*vip).jump(ext);
                lines.push(self.line(Purpose::AllowNodeItself, rule));
            }
        }
        let comment =
            format!("other traffic to {} will be dropped by KUBE-PROXY-FIREWALL", self.name);
        let end = Draft::comment(comment).no_target();
        lines.push(self.line(Purpose::SourceRangesEnd, end));
        self.lines.chains.push((self.chains.fw, lines));
    }

    fn policy_chains(&mut self) {
        let selection = self.selection;
        if self.port.uses_cluster() {
            self.policy_chain(self.chains.svc, &selection.cluster);
        }
        self.policy_chain(self.chains.svl, &selection.local);
    }

    fn policy_chain(&mut self, chain: ChainName, endpoints: &[&Endpoint]) {
        if endpoints.is_empty() {
            return;
        }
        let mark = self.mark.take_if(|_| self.lines.marking == Some(chain));
        let mut lines = Vec::from_iter(mark);
        if let Some(seconds) = self.port.affinity_seconds {
            for endpoint in endpoints {
                let check = RecentCheck::Rcheck { seconds, reap: true };
                let rule = self.towards(endpoint).with(recent(endpoint, check));
                let purpose = Purpose::KeepEndpoint { seconds };
                lines.push(self.line_for(endpoint, purpose, rule.jump(endpoint.chain)));
            }
        }
        let of = endpoints.len();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let mut draft = self.towards(endpoint);
            let left = of - index;
            if left > 1 {
                draft = draft.with(Criterion::Statistic(self.around.one_of(left)));
            }
            let purpose = Purpose::PickEndpoint { index, of };
            lines.push(self.line_for(endpoint, purpose, draft.jump(endpoint.chain)));
        }
        self.lines.chains.push((chain, lines));
    }

    fn towards(&self, endpoint: &Endpoint) -> Draft {
        if self.around.large {
            return Draft::default();
        }
        Draft::comment(format!("{} -> {}", self.name, endpoint.text))
    }

    fn endpoint_chains(&mut self) {
        for endpoint in &self.selection.reachable {
            self.endpoint_chain(endpoint);
        }
    }

    fn endpoint_chain(&mut self, endpoint: &Endpoint) {
        let draft = || if self.around.large { Draft::default() } else { Draft::label(self.name) };

        let mut dnat = draft();
        let remember = self.port.affinity_seconds.is_some();
        if remember {
            dnat = dnat.with(recent(endpoint, RecentCheck::Set));
        }
        let dnat = dnat.protocol(self.protocol).dnat(endpoint);
        let hairpin = draft().source_endpoint(endpoint).jump(mark_masq());
        let lines = vec![
            self.line_for(endpoint, Purpose::MarkHairpin, hairpin),
            self.line_for(endpoint, Purpose::Dnat { remember }, dnat),
        ];
        self.lines.chains.push((endpoint.chain, lines));
    }
}

fn mark_masq() -> ChainName {
    ChainName::of("KUBE-MARK-MASQ")
}

fn recent(endpoint: &Endpoint, check: RecentCheck) -> Criterion {
    Criterion::Recent(Recent { name: endpoint.chain.to_string(), check, explicit: false })
}
