//! What one service port adds to the table: its elements in the shared maps, and its own chains.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::nft::{Among, Element, Elements, Key, Name, Rule, Set, Statement, Verdict};
use svclab_netfilter::{AddrSide, OriginId, Protocol};

use super::{Writer, by_detector, from, to};
use crate::key::ObjectKey;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::names::{PortKey, nft_endpoint_name, nft_port_name};
use crate::proxy::origin::{Destination, Origin, Purpose};
use crate::proxy::select::{Selection, select};
use crate::proxy::service::ServicePort;

pub(super) fn write(
    writer: &mut Writer<'_>,
    service: &Rc<ObjectKey>,
    key: PortKey<'_>,
    port: &ServicePort,
    endpoints: &[Endpoint],
) {
    let selection = select(port, endpoints, writer.node, writer.settings);
    let mut port = PortWriter::new(writer, service, key, port, &selection);
    port.cluster_ip();
    port.external_ips();
    port.load_balancer();
    port.node_port();
    port.mark_cluster_ip();
    port.external_chain();
    port.policy_chains();
    port.endpoint_chains();
}

struct PortWriter<'w, 'a> {
    writer: &'w mut Writer<'a>,
    service: &'w Rc<ObjectKey>,
    key: PortKey<'w>,
    port: &'w ServicePort,
    selection: &'w Selection<'w>,
    protocol: Protocol,
    /// `shop/web:http`
    comment: Name,
    cluster: Name,
    local: Name,
    external: Name,
    firewall: Name,
    has_internal: bool,
    has_external: bool,
}

impl<'w, 'a> PortWriter<'w, 'a> {
    fn new(
        writer: &'w mut Writer<'a>,
        service: &'w Rc<ObjectKey>,
        key: PortKey<'w>,
        port: &'w ServicePort,
        selection: &'w Selection<'w>,
    ) -> PortWriter<'w, 'a> {
        let name = nft_port_name(key);
        let chain = |prefix: &str| Name::from(format!("{prefix}-{name}"));
        let has_local = !selection.local.is_empty();
        PortWriter {
            writer,
            service,
            key,
            port,
            selection,
            protocol: key.protocol.into(),
            comment: Name::from(key.to_string()),
            cluster: chain("service"),
            local: chain("local"),
            external: chain("external"),
            firewall: chain("firewall"),
            has_internal: selection.any && (has_local || !port.internal_local),
            has_external: selection.any && (has_local || !port.external_local),
        }
    }

    fn origin(&mut self, purpose: Purpose, endpoint: Option<&Endpoint>) -> Option<OriginId> {
        Some(self.writer.origins.add(Origin {
            service: Some(Rc::clone(self.service)),
            port: Rc::from(self.key.port),
            endpoint: endpoint.map(|it| Rc::clone(&it.text)),
            slice: endpoint.map(|it| Rc::clone(&it.slice)),
            purpose,
        }))
    }

    fn rule(&mut self, chain: &Name, purpose: Purpose, statements: Vec<Statement>) {
        let rule = Rule { statements, ..Rule::default() };
        self.rule_for(chain, (purpose, None), rule);
    }

    fn rule_for(
        &mut self,
        chain: &Name,
        (purpose, endpoint): (Purpose, Option<&Endpoint>),
        rule: Rule,
    ) {
        let origin = self.origin(purpose, endpoint);
        self.writer.table.append(chain, Rule { origin, ..rule });
    }

    /// An element that leads on to a chain.
    fn leads(&mut self, map: &str, key: Key, to: &Name, destination: Destination) {
        let origin = self.origin(Purpose::Match(destination), None);
        let verdict = Verdict::Goto(Rc::clone(to));
        self.writer.element(map, key, Element { verdict, comment: None, origin });
    }

    /// An element for packets that no endpoint may take.
    fn refuses(&mut self, map: &str, key: Key, destination: Destination) {
        let (verdict, purpose) = if self.selection.any {
            (Verdict::Drop, Purpose::DropNoLocalEndpoints(destination))
        } else {
            let chain = Name::from("reject-chain");
            (Verdict::Goto(chain), Purpose::RejectNoEndpoints(destination))
        };
        let origin = self.origin(purpose, None);
        let comment = Some(Rc::clone(&self.comment));
        self.writer.element(map, key, Element { verdict, comment, origin });
    }

    fn at(&self, ip: IpAddr) -> Key {
        Key::AddressAndPort(ip, self.protocol, self.port.port)
    }

    fn internal_chain(&self) -> Name {
        Rc::clone(if self.port.internal_local { &self.local } else { &self.cluster })
    }

    fn cluster_ip(&mut self) {
        let key = self.at(self.port.cluster_ip);
        let origin = self.origin(Purpose::RejectWrongPort, None);
        if let Some(set) = self.writer.table.sets.get_mut("cluster-ips") {
            set.elements.insert(Key::Address(self.port.cluster_ip), origin);
        }
        if self.has_internal {
            self.leads("service-ips", key, &self.internal_chain(), Destination::ClusterIp);
        } else {
            self.refuses("no-endpoint-services", key, Destination::ClusterIp);
        }
    }

    fn external_ips(&mut self) {
        for ip in &self.port.external_ips {
            self.external_address(*ip, Destination::ExternalIp);
        }
    }

    fn external_address(&mut self, ip: IpAddr, destination: Destination) {
        let key = self.at(ip);
        if self.selection.any {
            let external = Rc::clone(&self.external);
            self.leads("service-ips", key, &external, destination);
        }
        if !self.has_external {
            self.refuses("no-endpoint-services", key, destination);
        }
    }

    fn load_balancer(&mut self) {
        let has_firewall = !self.port.vips.is_empty() && !self.port.source_ranges.is_empty();
        if has_firewall {
            self.firewall_chain();
        }
        for ip in &self.port.vips {
            self.external_address(*ip, Destination::LoadBalancerIp);
            if has_firewall {
                let origin = self.origin(Purpose::LookUpFirewall, None);
                let verdict = Verdict::Goto(Rc::clone(&self.firewall));
                let comment = Some(Rc::clone(&self.comment));
                let key = self.at(*ip);
                self.writer.element("firewall-ips", key, Element { verdict, comment, origin });
            }
        }
    }

    /// A node in the ranges that uses the VIP sends to itself, with the VIP as its source.
    fn firewall_chain(&mut self) {
        let mut nets = self.port.source_ranges.clone();
        if nets.iter().any(|it| it.contains(&self.writer.node.ip)) {
            nets.extend(self.port.vips.iter().copied().map(IpNet::from));
        }
        let statements = vec![from(true, Among::Nets(nets)), Statement::Verdict(Verdict::Drop)];
        let chain = Rc::clone(&self.firewall);
        self.rule(&chain, Purpose::DropOutsideSourceRanges, statements);
    }

    fn node_port(&mut self) {
        let Some(port) = self.port.node_port else { return };
        let key = Key::Port(self.protocol, port);
        if self.selection.any {
            let external = Rc::clone(&self.external);
            self.leads("service-nodeports", key, &external, Destination::NodePort);
        }
        if !self.has_external {
            self.refuses("no-endpoint-nodeports", key, Destination::NodePort);
        }
    }

    fn mark_cluster_ip(&mut self) {
        if !self.has_internal {
            return;
        }
        let ip = self.port.cluster_ip;
        let (protocol, port) = (self.protocol, self.port.port);
        let mut statements =
            vec![to(false, Among::Host(ip)), Statement::DestinationPort { protocol, port }];
        let mut written = BTreeMap::new();
        let purpose = if self.writer.settings.masquerade_all {
            Purpose::MarkAll
        } else {
            let Some((elsewhere, text)) = self.detected(true) else { return };
            written.extend(text.map(|it| (statements.len(), it.into_boxed_str())));
            statements.push(elsewhere);
            Purpose::MarkFromOutside
        };
        statements.push(mark());
        let rule = Rule { statements, written, ..Rule::default() };
        self.rule_for(&self.internal_chain(), (purpose, None), rule);
    }

    fn detected(&self, negated: bool) -> Option<(Statement, Option<String>)> {
        let detector = self.writer.node.detector.as_ref()?;
        by_detector(detector, negated, self.writer.settings)
    }

    fn external_chain(&mut self) {
        if !self.selection.any || !self.port.is_external() {
            return;
        }
        let chain = Rc::clone(&self.external);
        if self.port.external_local {
            self.local_short_circuits();
        } else {
            self.rule(&chain, Purpose::MarkExternal, vec![mark()]);
        }
        if self.has_external {
            let to = if self.port.external_local { &self.local } else { &self.cluster };
            let goto = Statement::Verdict(Verdict::Goto(Rc::clone(to)));
            self.rule(&chain, Purpose::ToEndpoints, vec![goto]);
        }
    }

    /// Under the Local policy, pods and the node itself may still use every endpoint.
    fn local_short_circuits(&mut self) {
        let goto = Statement::Verdict(Verdict::Goto(Rc::clone(&self.cluster)));
        if let Some((pods, text)) = self.detected(false) {
            let written = text.map(|it| (0, it.into_boxed_str())).into_iter().collect();
            let statements = vec![pods, goto.clone()];
            let rule = Rule { statements, written, ..Rule::default() };
            self.short_circuit(Purpose::PodsUseCluster, rule, "short-circuit pod traffic");
        }
        let from_node = |then| Rule {
            statements: vec![Statement::FibLocal(AddrSide::Source), then],
            ..Rule::default()
        };
        self.short_circuit(Purpose::MarkNodeItself, from_node(mark()), "masquerade local traffic");
        let comment = "short-circuit local traffic";
        self.short_circuit(Purpose::NodeItselfUsesCluster, from_node(goto), comment);
    }

    fn short_circuit(&mut self, purpose: Purpose, rule: Rule, comment: &str) {
        let chain = Rc::clone(&self.external);
        let rule = Rule { comment: Some(Name::from(comment)), ..rule };
        self.rule_for(&chain, (purpose, None), rule);
    }

    fn policy_chains(&mut self) {
        let selection = self.selection;
        if self.port.uses_cluster() {
            self.policy_chain(&Rc::clone(&self.cluster), &selection.cluster);
        }
        self.policy_chain(&Rc::clone(&self.local), &selection.local);
    }

    fn policy_chain(&mut self, chain: &Name, endpoints: &[&Endpoint]) {
        if endpoints.is_empty() {
            return;
        }
        if let Some(seconds) = self.port.affinity_seconds {
            for endpoint in endpoints {
                let kept = from(false, Among::Set(self.chain_of("affinity", endpoint)));
                let goto = Verdict::Goto(self.chain_of("endpoint", endpoint));
                let statements = vec![kept, Statement::Verdict(goto)];
                let rule = Rule { statements, ..Rule::default() };
                let purpose = Purpose::KeepEndpoint { seconds };
                self.rule_for(chain, (purpose, Some(endpoint)), rule);
            }
        }
        let goto = |it: &&Endpoint| Verdict::Goto(self.chain_of("endpoint", it));
        let verdicts: Vec<Verdict> = endpoints.iter().map(goto).collect();
        let purpose = Purpose::DrawEndpoint { of: verdicts.len() };
        self.rule(chain, purpose, vec![Statement::Numgen(verdicts)]);
    }

    /// The name of an endpoint's chain, or of the set of its clients.
    fn chain_of(&self, prefix: &str, endpoint: &Endpoint) -> Name {
        let ip = endpoint.ip_written.clone().unwrap_or_else(|| endpoint.ip.to_string());
        let name = nft_endpoint_name(self.key, &ip, endpoint.port);
        Name::from(format!("{prefix}-{name}"))
    }

    fn endpoint_chains(&mut self) {
        for endpoint in &self.selection.reachable {
            self.endpoint_chain(endpoint);
        }
    }

    fn endpoint_chain(&mut self, endpoint: &Endpoint) {
        let chain = self.chain_of("endpoint", endpoint);
        let ip = if endpoint.ip.is_ipv4() { "ip" } else { "ip6" };
        let spelled = |index: usize, text: String| BTreeMap::from([(index, text.into_boxed_str())]);

        let written = endpoint.ip_written.as_ref().map(|it| spelled(0, format!("{ip} saddr {it}")));
        let written = written.unwrap_or_default();
        let statements = vec![from(false, Among::Host(endpoint.ip)), mark()];
        let hairpin = Rule { statements, written, ..Rule::default() };
        self.rule_for(&chain, (Purpose::MarkHairpin, Some(endpoint)), hairpin);

        let remember = self.port.affinity_seconds;
        if let Some(seconds) = remember {
            let set = self.chain_of("affinity", endpoint);
            let statements = vec![Statement::Update(Rc::clone(&set))];
            let rule = Rule { statements, ..Rule::default() };
            self.rule_for(&chain, (Purpose::RememberClient, Some(endpoint)), rule);
            let clients =
                Set { timeout: Some(seconds), comment: None, elements: Elements::default() };
            self.writer.table.sets.insert(set, clients);
        }

        let written = endpoint.ip_written.as_ref();
        let written = written.map(|_| spelled(1, format!("dnat to {}", endpoint.text)));
        let dnat = Statement::Dnat(SocketAddr::new(endpoint.ip, endpoint.port));
        let statements = vec![Statement::L4Proto(self.protocol), dnat];
        let rule = Rule { statements, written: written.unwrap_or_default(), ..Rule::default() };
        let purpose = Purpose::Dnat { remember: remember.is_some() };
        self.rule_for(&chain, (purpose, Some(endpoint)), rule);
    }
}

fn mark() -> Statement {
    Statement::Verdict(Verdict::Jump(Name::from("mark-for-masquerade")))
}
