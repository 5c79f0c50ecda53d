//! Manifests → a cluster of the lab → the scenario with probes of every Service.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::{Map, Value, json};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, KUBE_PROXY, Lab};
use svclab_core::net::Ports;
use svclab_core::object::{Object, Service};
use svclab_core::read::Severity;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::{Family, Protocol};

use super::predict::predict;
use super::scenario::{
    HostLine, Item, Lan, NodeLine, PodLine, PortLine, Probe, RouteLine, Scenario, Text, Vip,
};
use super::world::World;
use super::{story, valid};

/// Who asks: a pod on each worker.
const CLIENTS: &str = "
---
apiVersion: v1
kind: Pod
metadata: {name: client-1, namespace: default}
spec:
  nodeName: worker-1
  containers: [{name: client, image: 'nicolaka/netshoot:v0.13', command: [sleep, infinity]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client-2, namespace: default}
spec:
  nodeName: worker-2
  containers: [{name: client, image: 'nicolaka/netshoot:v0.13', command: [sleep, infinity]}]
";
pub(super) const CLIENT: &str = "pod/default/client-1";
const OTHER_CLIENT: &str = "pod/default/client-2";
pub(super) const NODE: &str = "node/worker-1";
const LAPTOP: &str = "external/laptop";
/// What the laptop listens on, for packets that leave the cluster.
const LAPTOP_PORT: u16 = 8000;
/// Until everything in a manifest has started.
const SETTLED: Duration = Duration::from_secs(180);
/// kernel_replay takes no more probes.
const MOST_PROBES: usize = 400;

/// A cluster that has settled, and the scenario as far as it is written.
pub(super) struct Writer {
    pub(super) lab: Lab,
    pub(super) scenario: Scenario,
    pub(super) world: World,
}

/// # Errors
///
/// What the API server refuses, or what the lab cannot put into a scenario.
pub(crate) fn write(name: &str, manifests: &str, seed: u64) -> Result<Scenario, String> {
    let lab = cluster(manifests, seed)?;
    let scenario = topology(&lab, name);
    let world = World::new(&scenario, Path::new(""), seed)?;
    let mut writer = Writer { lab, scenario, world };
    for service in writer.services() {
        writer.probe_service(&service)?;
    }
    writer.probe_without_service()?;
    for service in writer.services() {
        story::tell(&mut writer, &service)?;
    }
    for service in writer.services() {
        story::end_programs(&mut writer, &service)?;
    }
    writer.scenario.probes.truncate(MOST_PROBES);
    valid::check(&writer.scenario)?;
    Ok(writer.scenario)
}

fn cluster(manifests: &str, seed: u64) -> Result<Lab, String> {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, seed);
    lab.run_until(Instant::START + Duration::from_secs(5));
    let reply = lab.act(Action::Apply { text: format!("{manifests}\n{CLIENTS}") });
    if let Some(it) = reply.diagnostics.iter().find(|it| it.severity == Severity::Error) {
        return Err(it.problem.to_string());
    }
    lab.act(Action::SwitchLoadBalancer { on: true });
    let at = lab.now() + SETTLED;
    lab.run_until(at);
    Ok(lab)
}

fn topology(lab: &Lab, name: &str) -> Scenario {
    let net = lab.network();
    let node = |it: &svclab_core::net::Node| NodeLine {
        name: it.name.to_string(),
        ip: it.addresses.primary,
        pod_cidr: it.pod_cidrs.primary,
    };
    let pods = net.pods.values().map(|it| PodLine {
        name: it.pod.to_string(),
        node: it.node.to_string(),
        ip: it.ip,
        ports: ports(&it.listens),
        host_network: false,
    });
    // kube-proxy itself is part of what a replay takes the rules from.
    let guests = net.guests.iter().filter(|it| &*it.name != KUBE_PROXY);
    let guests = guests.filter_map(|it| {
        Some(PodLine {
            name: it.name.to_string(),
            node: it.node.to_string(),
            ip: net.node(&it.node)?.addresses.primary,
            ports: ports(&it.listens),
            host_network: true,
        })
    });
    let hosts = net.hosts.iter().filter(|it| net.lan.contains(&it.address));
    let hosts = hosts.map(|it| HostLine {
        name: it.name.to_string(),
        ip: it.address,
        ports: vec![PortLine { port: LAPTOP_PORT, proto: "TCP".to_owned() }],
        aliases: Vec::new(),
    });
    let announced = lab.announced();
    Scenario {
        name: name.to_owned(),
        description: "Written by svclab kernel.".to_owned(),
        lan: Some(Lan { cidr: Some(net.lan.primary), gateway: Some(net.router.primary) }),
        nodes: net.nodes.iter().map(node).collect(),
        pods: pods.chain(guests).collect(),
        external: hosts.collect(),
        vips: announced.iter().map(|(ip, node)| Vip { ip: *ip, node: node.to_string() }).collect(),
        routes: routes(lab),
        rules: rules(lab),
        sysctls: [("node".to_owned(), sysctls())].into(),
        ..Scenario::default()
    }
}

/// Probes follow each other faster than the kernel would send errors, and a redirect would teach
/// the laptop another way for the next one.
fn sysctls() -> Map<String, Value> {
    let off = [
        "net.ipv4.icmp_ratelimit",
        "net.ipv4.conf.all.send_redirects",
        "net.ipv4.conf.default.send_redirects",
    ];
    off.into_iter().map(|name| (name.to_owned(), json!("0"))).collect()
}

/// What the lab's kernels hold, as iptables-save prints it.
pub(super) fn rules(lab: &Lab) -> BTreeMap<String, Text> {
    let kernels = lab.network().kernels.iter();
    let text = |rules: &svclab_netfilter::RuleSet| {
        let saved = rules.save(Family::V4);
        Text::Lines(saved.lines().filter(|it| !it.starts_with('#')).map(str::to_owned).collect())
    };
    kernels.map(|(name, it)| (name.to_string(), text(&it.rules))).collect()
}

fn ports(ports: &Ports) -> Vec<PortLine> {
    let known = ports.iter().filter(|it| matches!(it.0, Protocol::Tcp | Protocol::Udp));
    known.map(|it| PortLine { port: it.1, proto: it.0.name().to_uppercase() }).collect()
}

/// The laptop reaches cluster IPs and external IPs by worker-1.
fn routes(lab: &Lab) -> Vec<RouteLine> {
    let Some(worker) = lab.network().node("worker-1") else { return Vec::new() };
    let external = lab.objects().of_kind(Kind::Service).filter_map(|it| match it {
        Object::Service(it) => Some(it.spec.external_ips.iter()),
        _ => None,
    });
    let external = external.flatten().filter_map(|it| it.parse::<IpAddr>().ok()).map(Into::into);
    let services = default_scenario().cluster.service_cidr.primary;
    let on = LAPTOP.to_owned();
    let line = |to| RouteLine { on: on.clone(), to, via: worker.addresses.primary };
    std::iter::once(services).chain(external).map(line).collect()
}

impl Writer {
    /// The manifests' Services with a cluster IP; the cluster's own where there is none.
    fn services(&self) -> Vec<Service> {
        let all = self.lab.objects().of_kind(Kind::Service).filter_map(|it| match it {
            Object::Service(it) => Some(it.clone()),
            _ => None,
        });
        let all: Vec<Service> = all.filter(|it| !it.spec.cluster_addresses().is_empty()).collect();
        let is_own = |it: &&Service| {
            it.metadata.namespace != "kube-system" && it.metadata.name != "kubernetes"
        };
        let own: Vec<Service> = all.iter().filter(is_own).cloned().collect();
        if own.is_empty() { all } else { own }
    }

    /// Every frontend of every port, from everywhere.
    fn probe_service(&mut self, service: &Service) -> Result<(), String> {
        let Some(cluster_ip) = service.spec.cluster_addresses().first().copied() else {
            return Ok(());
        };
        let own = self.endpoint(service);
        for port in &service.spec.ports {
            let proto = port.protocol.as_str();
            let Ok(number) = u16::try_from(port.port) else { continue };
            if proto == "SCTP" {
                continue;
            }
            let mut from = vec![CLIENT, OTHER_CLIENT, NODE, LAPTOP];
            from.extend(own.as_deref());
            for from in from {
                self.probe(service, "cluster-ip", (from, proto), cluster_ip, number)?;
            }
            if let Ok(node_port) = u16::try_from(port.node_port)
                && node_port > 0
            {
                self.probe_node_port(service, proto, node_port)?;
            }
            let external = service.spec.external_ips.iter().map(String::as_str);
            let balancers = service.status.load_balancer.ingress.iter().map(|it| it.ip.as_str());
            let fronts: Vec<IpAddr> =
                external.chain(balancers).filter_map(|it| it.parse().ok()).collect();
            for ip in fronts {
                for from in [LAPTOP, CLIENT, OTHER_CLIENT, NODE] {
                    self.probe(service, "outside-ip", (from, proto), ip, number)?;
                }
            }
        }
        self.probe(service, "wrong-port", (CLIENT, "TCP"), cluster_ip, 4999)?;
        self.probe(service, "ping", (CLIENT, "ICMP"), cluster_ip, 0)
    }

    fn probe_node_port(&mut self, service: &Service, proto: &str, port: u16) -> Result<(), String> {
        let address = |name: &str| self.lab.network().node(name).map(|it| it.addresses.primary);
        let (Some(one), Some(two)) = (address("worker-1"), address("worker-2")) else {
            return Ok(());
        };
        let local = IpAddr::from([127, 0, 0, 1]);
        let ways = [
            (LAPTOP, one),
            (LAPTOP, two),
            (CLIENT, one),
            (CLIENT, two),
            (NODE, one),
            (NODE, two),
            (NODE, local),
        ];
        for (from, ip) in ways {
            self.probe(service, "node-port", (from, proto), ip, port)?;
        }
        Ok(())
    }

    /// Pods, nodes and the outside among themselves.
    fn probe_without_service(&mut self) -> Result<(), String> {
        let net = self.lab.network();
        let laptop = net.host("laptop").map(|it| it.address);
        let other = net.pod("default/client-2").map(|it| it.ip);
        let server = net.pods.values().find(|it| it.listens.iter().next().is_some());
        let server = server.and_then(|it| Some((it.ip, *it.listens.tcp().first()?)));
        let mut ways = Vec::new();
        ways.extend(laptop.map(|ip| (CLIENT, "TCP", ip, LAPTOP_PORT)));
        ways.extend(laptop.map(|ip| (NODE, "TCP", ip, LAPTOP_PORT)));
        ways.extend(other.map(|ip| (CLIENT, "ICMP", ip, 0)));
        ways.extend(other.map(|ip| (CLIENT, "TCP", ip, 9)));
        for from in [CLIENT, OTHER_CLIENT, NODE, LAPTOP] {
            ways.extend(server.map(|(ip, port)| (from, "TCP", ip, port)));
        }
        for (from, proto, ip, port) in ways {
            let probe = skeleton("direct", (from, proto), ip, port);
            self.push(probe, None)?;
        }
        Ok(())
    }

    fn probe(
        &mut self,
        service: &Service,
        what: &str,
        how: (&str, &str),
        ip: IpAddr,
        port: u16,
    ) -> Result<(), String> {
        let name = format!("{} {what}", service.metadata.name);
        let sticky = sticky(service, port);
        self.push(skeleton(&name, how, ip, port), sticky.as_deref())
    }

    /// Predicts a probe, and lets the lab's own world live through it.
    pub(super) fn push(&mut self, probe: Probe, sticky: Option<&str>) -> Result<(), String> {
        let probe = predict(&self.world, probe, sticky)?;
        self.scenario.probes.push(Item::Probe(Box::new(probe)));
        Ok(())
    }

    /// One of the Service's endpoints that is a pod of the scenario.
    pub(super) fn endpoint(&self, service: &Service) -> Option<String> {
        self.endpoints(service).into_iter().next().map(|it| format!("pod/{it}"))
    }

    /// The names of the pods behind the Service, in order of their addresses.
    pub(super) fn endpoints(&self, service: &Service) -> Vec<String> {
        let key = Object::Service(service.clone()).key();
        let key = ObjectKey { kind: Kind::Endpoints, ..key };
        let Some(Object::Endpoints(endpoints)) = self.lab.objects().get(&key) else {
            return Vec::new();
        };
        let ready = endpoints.subsets.iter().flat_map(|it| &it.addresses);
        let ips = ready.filter_map(|it| it.ip.parse::<IpAddr>().ok());
        ips.filter_map(|ip| Some(self.lab.network().pods.get(&ip)?.pod.to_string())).collect()
    }
}

/// The Service's memory of its clients, where it has one; without a name where it has several.
pub(super) fn sticky(service: &Service, port: u16) -> Option<String> {
    let remembers = service.spec.session_affinity == "ClientIP";
    let of_port = service
        .spec
        .ports
        .iter()
        .find(|it| it.port == i32::from(port) || it.node_port == i32::from(port));
    let of_port = of_port.map_or("", |it| it.name.as_str());
    // Where a policy is Local the frontends choose from different endpoints, and what one of them
    // remembers says little of another.
    let local = |it: &str| it == "Local";
    let apart = local(&service.spec.external_traffic_policy)
        || service.spec.internal_traffic_policy.as_deref().is_some_and(local);
    let name = format!("{}:{of_port}", service.metadata.name);
    remembers.then(|| if apart { String::new() } else { name })
}

pub(super) fn skeleton(name: &str, (from, proto): (&str, &str), ip: IpAddr, port: u16) -> Probe {
    let sender = from.rsplit('/').next().unwrap_or(from);
    Probe {
        id: format!("{name} {sender} to {ip}:{port}/{proto}"),
        from: from.to_owned(),
        proto: proto.to_owned(),
        dst: Some(ip),
        port,
        count: 1,
        ..Probe::default()
    }
}
