//! A scenario's topology → the lab's network; its steps carried out on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ipnet::IpNet;
use serde_json::{Map, Value};
use svclab_core::net::exchange::Wire;
use svclab_core::net::exchange::tcp::Connection;
use svclab_core::net::{Attachment, Guest, Host, Network, Node, Party, Ports, via};
use svclab_core::rng::Rng;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::text::parse;
use svclab_netfilter::{Entry, Protocol};

use super::scenario::{PortLine, Scenario, Step};
use super::sysctl;

/// The scenario as it stands after the steps so far.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) net: Network,
    pub(crate) rng: Rng,
    pub(crate) at: Instant,
    pub(crate) kept: BTreeMap<String, Connection>,
    /// The kept connections that were reset.
    pub(crate) ended: BTreeSet<String>,
    /// The scenario's own, in seconds.
    pub(crate) timeout: Option<f64>,
    /// The folder of the scenario's files.
    base: PathBuf,
    /// Pods whose link is down.
    down: BTreeMap<String, Attachment>,
}

impl World {
    /// # Errors
    ///
    /// What in the scenario makes no sense, in one line.
    pub(crate) fn new(scenario: &Scenario, base: &Path, seed: u64) -> Result<World, String> {
        let net = network(scenario)?;
        let (kept, ended, down) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let (at, timeout, base) = (Instant::START, scenario.timeout, base.to_owned());
        let mut world = World { net, rng: Rng::new(seed), at, kept, ended, timeout, base, down };
        for node in &scenario.nodes {
            let text = scenario.rules.get(&node.name).or(scenario.rules.get("*"));
            if let Some(text) = text {
                world.restore(&node.name, &text.whole(&world.base)?, false)?;
            }
        }
        Ok(world)
    }

    pub(crate) fn party(&self, name: &str) -> Result<Party, String> {
        let unknown = || format!("no such host: {name}");
        let (kind, rest) = name.split_once('/').ok_or_else(unknown)?;
        let party = match kind {
            "node" => self.net.node(rest).map(|it| Party::Node(it.name.clone())),
            "external" => self.net.host(rest).map(|it| Party::Host(it.name.clone())),
            "pod" => {
                let guest = || self.net.guests.iter().find(|it| *it.name == *rest);
                let pod = self.net.pod(rest).map(|it| Party::Pod(it.ip));
                pod.or_else(|| guest().map(|it| Party::Node(it.node.clone())))
            }
            _ => None,
        };
        party.ok_or_else(unknown)
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        self.net.settle(self.at);
        match step {
            Step::Restore { node, rules, noflush } => {
                let rules = rules.whole(&self.base)?;
                for node in self.nodes(node) {
                    self.restore(&node, &rules, *noflush)?;
                }
            }
            Step::Conntrack { node, args } => {
                for node in self.nodes(node) {
                    self.forget(&node, args)?;
                }
            }
            Step::StopServer { pod } => self.stop(pod),
            Step::PodDown { pod } => {
                if let Some(end) = self.net.pod(pod).cloned() {
                    self.net.detach(pod);
                    self.down.insert(pod.clone(), end);
                }
            }
            Step::PodUp { pod } => {
                if let Some(end) = self.down.remove(pod) {
                    self.net.attach(end);
                }
            }
            Step::Sysctl { on, set } => self.sysctl(on, set)?,
            Step::Sleep { seconds } => self.at = self.at + span(*seconds),
            Step::Close { conn } => self.close(conn),
        }
        Ok(())
    }

    pub(crate) fn flush_conntrack(&mut self) {
        for kernel in self.net.kernels.values_mut() {
            kernel.conntrack.forget(|_| true, self.at.as_millis());
        }
    }

    fn nodes(&self, name: &str) -> Vec<String> {
        let all = self.net.nodes.iter().map(|it| it.name.to_string());
        all.filter(|it| name == "*" || it == name).collect()
    }

    fn restore(&mut self, node: &str, text: &str, noflush: bool) -> Result<(), String> {
        let (update, problems) = parse(text);
        if let Some(problem) = problems.first() {
            return Err(format!("the rules of {node}: {problem}"));
        }
        let Some(kernel) = self.net.kernels.get_mut(node) else { return Ok(()) };
        let mut rules = (*kernel.rules).clone();
        rules.restore(&update, noflush);
        kernel.rules = Rc::new(rules);
        Ok(())
    }

    fn stop(&mut self, pod: &str) {
        let nothing = Ports::default();
        for guest in self.net.guests.iter_mut().filter(|it| *it.name == *pod) {
            guest.listens = nothing.clone();
        }
        let ip = self.net.pod(pod).map(|it| it.ip);
        if let Some(end) = ip.and_then(|ip| self.net.pods.get_mut(&ip)) {
            end.listens = nothing;
        }
    }

    fn close(&mut self, name: &str) {
        let open = !self.ended.remove(name);
        if let Some(connection) = self.kept.remove(name).filter(|_| open) {
            let mut wire = Wire::new(&mut self.net, &mut self.rng, self.at);
            // Nobody waits for the end of it.
            drop(wire.close(&connection));
        }
    }

    fn sysctl(&mut self, on: &str, set: &Map<String, Value>) -> Result<(), String> {
        let party = self.party(on)?;
        sysctl::set_all(&mut self.net, &party, set)
    }

    /// `conntrack -F`, or `-D` with what an entry must look like.
    fn forget(&mut self, node: &str, args: &[String]) -> Result<(), String> {
        let filters = filters(args)?;
        if let Some(kernel) = self.net.kernels.get_mut(node) {
            let fits = |entry: &Entry| filters.iter().all(|it| it.fits(entry));
            kernel.conntrack.forget(fits, self.at.as_millis());
        }
        Ok(())
    }
}

/// One option of `conntrack -D`.
enum Filter {
    Protocol(Protocol),
    Source(IpAddr),
    Destination(IpAddr),
    ReplySource(IpAddr),
    ReplyDestination(IpAddr),
    SourcePort(u16),
    DestinationPort(u16),
}

impl Filter {
    fn fits(&self, entry: &Entry) -> bool {
        let (original, reply) = (entry.original, entry.reply);
        match self {
            Filter::Protocol(protocol) => original.protocol == *protocol,
            Filter::Source(ip) => original.src.ip() == *ip,
            Filter::Destination(ip) => original.dst.ip() == *ip,
            Filter::ReplySource(ip) => reply.src.ip() == *ip,
            Filter::ReplyDestination(ip) => reply.dst.ip() == *ip,
            Filter::SourcePort(port) => original.src.port() == *port,
            Filter::DestinationPort(port) => original.dst.port() == *port,
        }
    }
}

fn filters(args: &[String]) -> Result<Vec<Filter>, String> {
    let mut res = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if matches!(word.as_str(), "-F" | "-D") {
            continue;
        }
        let wrong = || format!("conntrack {}: {word:?} is not understood", args.join(" "));
        let value = words.next().ok_or_else(wrong)?;
        let ip = || value.parse().map_err(|_| wrong());
        let port = || value.parse().map_err(|_| wrong());
        res.push(match word.as_str() {
            "-p" | "--proto" => Filter::Protocol(value.parse().map_err(|()| wrong())?),
            "-s" | "--src" | "--orig-src" => Filter::Source(ip()?),
            "-d" | "--dst" | "--orig-dst" => Filter::Destination(ip()?),
            "-r" | "--reply-src" | "--dst-nat" | "-g" => Filter::ReplySource(ip()?),
            "-q" | "--reply-dst" | "--src-nat" | "-n" => Filter::ReplyDestination(ip()?),
            "--sport" | "--orig-port-src" => Filter::SourcePort(port()?),
            "--dport" | "--orig-port-dst" => Filter::DestinationPort(port()?),
            _ => return Err(wrong()),
        });
    }
    Ok(res)
}

fn network(scenario: &Scenario) -> Result<Network, String> {
    let lan = scenario.lan.as_ref();
    let cidr = lan.and_then(|it| it.cidr);
    let cidr = cidr.unwrap_or(IpNet::new_assert([192, 168, 56, 0].into(), 24));
    let mut nodes: Vec<Node> =
        scenario.nodes.iter().map(|it| Node::new(it.name.as_str(), it.ip, it.pod_cidr)).collect();
    let mut hosts = Vec::new();
    for it in &scenario.external {
        hosts.push(Host {
            name: it.name.as_str().into(),
            address: it.ip,
            aliases: it.aliases.iter().map(|it| alias(it)).collect::<Result<_, _>>()?,
            routes: scenario.vips.iter().filter_map(|vip| vip_route(scenario, vip)).collect(),
            listens: ports(&it.ports)?,
        });
    }
    // Everybody on the LAN finds the way back to addresses that lie outside of it.
    for host in hosts.clone() {
        for net in host.aliases.iter().filter(|net| !cidr.contains(*net)) {
            nodes.iter_mut().for_each(|it| it.routes.push(via(*net, host.address)));
            let others = hosts.iter_mut().filter(|it| it.name != host.name);
            others.for_each(|it| it.routes.push(via(*net, host.address)));
        }
    }
    let used: Vec<IpAddr> = nodes
        .iter()
        .map(|it| it.addresses.primary)
        .chain(hosts.iter().map(|it| it.address))
        .collect();
    let free = cidr.hosts().filter(|it| !used.contains(it)).max();
    let router = lan.and_then(|it| it.gateway).or(free).ok_or("the LAN has no free address")?;
    let mut net = Network::new(nodes, hosts, cidr, router);
    for pod in &scenario.pods {
        let (name, node) = (pod.name.as_str().into(), pod.node.as_str().into());
        let listens = ports(&pod.ports)?;
        if pod.host_network {
            net.seat(Guest { name, node, listens });
        } else {
            let device = format!("veth-{}", pod.name).into();
            net.attach(Attachment { pod: name, node, ip: pod.ip, device, listens });
        }
    }
    for route in &scenario.routes {
        let line = via(route.to, route.via);
        match route.on.split_once('/') {
            Some(("node", name)) => {
                let mut nodes = net.nodes.iter_mut().filter(|it| *it.name == *name);
                nodes.next().ok_or("a route on no node")?.routes.push(line);
            }
            Some(("pod", name)) if net.pod(name).is_some() => {
                net.pod_routes.entry(name.into()).or_default().push(line);
            }
            Some(("external", name)) => {
                let mut hosts = net.hosts.iter_mut().filter(|it| *it.name == *name);
                hosts.next().ok_or("a route on no host")?.routes.push(line);
            }
            _ => return Err(format!("a route on {} is not understood", route.on)),
        }
    }
    for node in &mut net.nodes {
        // As the replay sets it: a sender to whom no route leads is not believed.
        let names = ["all", "default"].into_iter().chain(sysctl::DEVICES);
        node.rp_filter.extend(names.map(|it| (it.to_owned(), 2)));
    }
    if let Some(bridge) = &scenario.bridge {
        net.hairpin = bridge.hairpin;
        let calls = bridge.nf_call_iptables != 0;
        net.nodes.iter_mut().for_each(|it| it.sysctls.bridge_nf_call_iptables = calls);
    }
    sysctl::at_first(&mut net, scenario)?;
    Ok(net)
}

fn vip_route(scenario: &Scenario, vip: &super::scenario::Vip) -> Option<svclab_core::trace::Route> {
    let node = scenario.nodes.iter().find(|it| it.name == vip.node)?;
    Some(via(vip.ip.into(), node.ip))
}

fn alias(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.map_err(|_| format!("{text:?} is no address"))
}

fn ports(lines: &[PortLine]) -> Result<Ports, String> {
    let port = |it: &PortLine| {
        let protocol = it.proto.parse().map_err(|()| format!("{:?} is no protocol", it.proto))?;
        Ok((protocol, it.port))
    };
    lines.iter().map(port).collect()
}

pub(crate) fn span(seconds: f64) -> Duration {
    Duration::from_micros((seconds.max(0.0) * 1e6) as u64)
}
