//! The chains and rules of one service port.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::{
    AddrSide, AddressMatch, ChainName, Criterion, Protocol, Recent, RecentCheck, Rule, Target,
};

use super::{Writer, is_local, localnet};
use crate::key::ObjectKey;
use crate::proxy::draft::Draft;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::names::{PortChains, PortKey, port_chains};
use crate::proxy::origin::{Destination, Origin, Purpose};
use crate::proxy::select::{Selection, select};
use crate::proxy::service::ServicePort;

pub(super) fn write(
    out: &mut Writer<'_>,
    key: PortKey<'_>,
    port: &ServicePort<'_>,
    endpoints: &BTreeMap<Rc<str>, Endpoint<'_>>,
) {
    let selection = select(port, endpoints, out.node, out.settings);
    let mut port = PortWriter::new(out, key, port, &selection);
    port.cluster_ip();
    port.external_ips();
    port.load_balancer();
    port.node_port();
    port.health_check();
    port.mark_cluster_ip();
    port.external_chain();
    port.firewall_chain();
    port.policy_chains();
    port.endpoint_chains();
}

struct PortWriter<'w, 'a> {
    out: &'w mut Writer<'a>,
    port: &'w ServicePort<'w>,
    selection: &'w Selection<'w>,
    /// `shop/web:http`
    name: String,
    protocol: Protocol,
    chains: PortChains,
    /// Whether traffic to the cluster IP has an endpoint to go to, and traffic from outside.
    has_internal: bool,
    has_external: bool,
    service: Rc<ObjectKey>,
    port_name: Rc<str>,
}

impl<'w, 'a> PortWriter<'w, 'a> {
    fn new(
        out: &'w mut Writer<'a>,
        key: PortKey<'_>,
        port: &'w ServicePort<'w>,
        selection: &'w Selection<'w>,
    ) -> PortWriter<'w, 'a> {
        let has_local = !selection.local.is_empty();
        PortWriter {
            out,
            port,
            selection,
            name: key.to_string(),
            protocol: key.protocol.into(),
            chains: port_chains(key),
            has_internal: selection.any && (has_local || !port.internal_local),
            has_external: selection.any && (has_local || !port.external_local),
            service: Rc::new(port.object.clone()),
            port_name: Rc::from(key.port),
        }
    }

    fn origin(&self, purpose: Purpose) -> Origin {
        Origin {
            service: Some(Rc::clone(&self.service)),
            port: Rc::clone(&self.port_name),
            ..Origin::fixed(purpose)
        }
    }

    fn filter(&mut self, chain: &str, purpose: Purpose, rule: Rule) {
        let origin = self.origin(purpose);
        self.out.filter(ChainName::of(chain), rule, origin);
    }

    fn nat(&mut self, chain: ChainName, purpose: Purpose, rule: Rule) {
        let origin = self.origin(purpose);
        self.out.nat(chain, rule, origin);
    }

    fn nat_for(&mut self, endpoint: &Endpoint<'_>, chain: ChainName, purpose: Purpose, rule: Rule) {
        let origin = Origin {
            endpoint: Some(Rc::clone(&endpoint.text)),
            slice: Some(Rc::clone(&endpoint.slice)),
            ..self.origin(purpose)
        };
        self.out.nat(chain, rule, origin);
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
        self.nat(ChainName::of("KUBE-SERVICES"), Purpose::Match(Destination::ClusterIp), rule);
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
                self.nat(ChainName::of("KUBE-SERVICES"), purpose, rule);
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
                self.nat(ChainName::of("KUBE-SERVICES"), purpose, rule);
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
        let node_ports = ChainName::of("KUBE-NODEPORTS");
        let draft = || Draft::label(&self.name).protocol(self.protocol);
        let rule = draft().dport(port).jump(self.chains.ext);
        if self.out.node.node_ports.localhost && self.out.settings.uses_nfacct() {
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
        let (draft, purpose) = match &self.out.node.detector {
            _ if self.out.settings.masquerade_all => (draft, Purpose::MarkAll),
            Some(detector) => (draft.unless_local(detector), Purpose::MarkFromOutside),
            None => return,
        };
        self.nat(self.internal_chain(), purpose, draft.jump(mark_masq()));
    }

    fn external_chain(&mut self) {
        if !self.selection.any || !self.port.is_external() {
            return;
        }
        let ext = self.chains.ext;
        self.out.nat.chains.push(ext.into());
        let target = if self.port.external_local {
            self.local_short_circuits();
            self.chains.svl
        } else {
            let comment = format!("masquerade traffic for {} external destinations", self.name);
            let rule = Draft::comment(comment).jump(mark_masq());
            self.nat(ext, Purpose::MarkExternal, rule);
            self.chains.svc
        };
        if self.has_external {
            self.nat(ext, Purpose::ToEndpoints, Draft::default().jump(target));
        }
    }

    /// Under the Local policy, pods and the node itself may still use every endpoint.
    fn local_short_circuits(&mut self) {
        let (ext, svc) = (self.chains.ext, self.chains.svc);
        let comment = |what: &str| {
            Draft::comment(format!("{what} traffic for {} external destinations", self.name))
        };
        let from_node = |what: &str| comment(what).with(is_local(AddrSide::Source));
        let mark = from_node("masquerade LOCAL").jump(mark_masq());
        let route = from_node("route LOCAL").jump(svc);
        if let Some(detector) = &self.out.node.detector {
            let pods = comment("pod").if_local(detector).jump(svc);
            self.nat(ext, Purpose::PodsUseCluster, pods);
        }
        self.nat(ext, Purpose::MarkNodeItself, mark);
        self.nat(ext, Purpose::NodeItselfUsesCluster, route);
    }

    fn firewall_chain(&mut self) {
        if !self.has_firewall() {
            return;
        }
        let (fw, ext) = (self.chains.fw, self.chains.ext);
        self.out.nat.chains.push(fw.into());
        let comment = format!("{} loadbalancer IP", self.name);
        for range in &self.port.source_ranges {
            let rule = Draft::comment(comment.as_str()).source_net(*range).jump(ext);
            self.nat(fw, Purpose::AllowSourceRange, rule);
        }
        // A node in the ranges that uses the VIP sends to itself, with the VIP as its source.
        let node = self.out.node.ip;
        if self.port.source_ranges.iter().any(|it| it.contains(&node)) {
            for vip in &self.port.vips {
                let rule = Draft::comment(comment.as_str()).source(*vip).jump(ext);
                self.nat(fw, Purpose::AllowNodeItself, rule);
            }
        }
        let comment =
            format!("other traffic to {} will be dropped by KUBE-PROXY-FIREWALL", self.name);
        self.nat(fw, Purpose::SourceRangesEnd, Draft::comment(comment).no_target());
    }

    fn policy_chains(&mut self) {
        let selection = self.selection;
        if self.port.uses_cluster() {
            self.policy_chain(self.chains.svc, &selection.cluster);
        }
        self.policy_chain(self.chains.svl, &selection.local);
    }

    fn policy_chain(&mut self, chain: ChainName, endpoints: &[&Endpoint<'_>]) {
        if endpoints.is_empty() {
            return;
        }
        self.out.nat.chains.push(chain.into());
        if let Some(seconds) = self.port.affinity_seconds {
            for endpoint in endpoints {
                let check = RecentCheck::Rcheck { seconds, reap: true };
                let rule = self.towards(endpoint).with(recent(endpoint, check));
                let purpose = Purpose::KeepEndpoint { seconds };
                self.nat_for(endpoint, chain, purpose, rule.jump(endpoint.chain));
            }
        }
        let of = endpoints.len();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let mut draft = self.towards(endpoint);
            let left = of - index;
            if left > 1 {
                draft = draft.with(Criterion::Statistic(self.out.one_of(left)));
            }
            let purpose = Purpose::PickEndpoint { index, of };
            self.nat_for(endpoint, chain, purpose, draft.jump(endpoint.chain));
        }
    }

    fn towards(&self, endpoint: &Endpoint<'_>) -> Draft {
        if self.out.large {
            return Draft::default();
        }
        Draft::comment(format!("{} -> {}", self.name, endpoint.text))
    }

    fn endpoint_chains(&mut self) {
        for endpoint in &self.selection.reachable {
            self.endpoint_chain(endpoint);
        }
    }

    fn endpoint_chain(&mut self, endpoint: &Endpoint<'_>) {
        let chain = endpoint.chain;
        self.out.nat.chains.push(chain.into());
        let draft = || if self.out.large { Draft::default() } else { Draft::label(&self.name) };

        let mut dnat = draft();
        let remember = self.port.affinity_seconds.is_some();
        if remember {
            dnat = dnat.with(recent(endpoint, RecentCheck::Set));
        }
        let dnat = dnat.protocol(self.protocol).dnat(endpoint);
        let hairpin = draft().source_endpoint(endpoint).jump(mark_masq());
        self.nat_for(endpoint, chain, Purpose::MarkHairpin, hairpin);
        self.nat_for(endpoint, chain, Purpose::Dnat { remember }, dnat);
    }
}

fn mark_masq() -> ChainName {
    ChainName::of("KUBE-MARK-MASQ")
}

fn recent(endpoint: &Endpoint<'_>, check: RecentCheck) -> Criterion {
    Criterion::Recent(Recent { name: endpoint.chain.to_string(), check, explicit: false })
}
