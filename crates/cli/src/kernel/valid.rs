//! What `kernel_replay.py` asks of a scenario before and while it builds it.
//!
//! The replay itself takes root and minutes; a scenario that it would refuse is found here at once.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use svclab_core::family::first_host;

use super::scenario::{Item, PodLine, PortLine, Probe, Scenario, Step};

/// `MAX_NS`, `MAX_ITEMS`, `MAX_COUNT` and `MAX_TIMEOUT`.
const MOST_HOSTS: usize = 64;
const MOST_ITEMS: usize = 500;
const MOST_ATTEMPTS: usize = 5000;
const LONGEST_TIMEOUT: f64 = 10.0;

/// # Errors
///
/// What the replay would say, in one line.
pub(crate) fn check(scenario: &Scenario) -> Result<(), String> {
    let mut seen = Seen::default();
    seen.hosts(scenario)?;
    seen.servers(scenario)?;
    let count = scenario.probes.len();
    ensure(count <= MOST_ITEMS, || format!("more than {MOST_ITEMS} probes"))?;
    for name in scenario.rules.keys() {
        let known = name == "*" || seen.names.contains(&format!("node/{name}"));
        ensure(known, || format!("rules: no node {name}"))?;
    }
    for line in &scenario.routes {
        seen.host(&line.on)?;
    }
    for item in &scenario.probes {
        match item {
            Item::Probe(probe) => seen.probe(probe)?,
            Item::Step(step) => seen.step(step)?,
        }
    }
    Ok(())
}

/// What the scenario has named so far.
#[derive(Default)]
struct Seen {
    /// `node/worker-1`, `pod/shop/web-1`, `external/laptop`
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    /// Connections that a probe keeps open.
    kept: BTreeSet<String>,
}

impl Seen {
    fn hosts(&mut self, scenario: &Scenario) -> Result<(), String> {
        ensure(!scenario.nodes.is_empty(), || "nodes: a non-empty list is needed".to_owned())?;
        let lan = scenario.lan.as_ref().and_then(|it| it.cidr);
        let lan = lan.unwrap_or(IpNet::new_assert([192, 168, 56, 0].into(), 24));
        for node in &scenario.nodes {
            self.name(format!("node/{}", node.name))?;
            self.address(&format!("node {}", node.name), node.ip, lan)?;
        }
        for pod in &scenario.pods {
            self.pod(scenario, pod)?;
        }
        for host in &scenario.external {
            self.name(format!("external/{}", host.name))?;
            self.address(&format!("external {}", host.name), host.ip, lan)?;
        }
        // The LAN has a namespace of its own.
        let fits = self.names.len() < MOST_HOSTS;
        ensure(fits, || format!("more than {MOST_HOSTS} hosts"))
    }

    fn pod(&mut self, scenario: &Scenario, pod: &PodLine) -> Result<(), String> {
        let what = format!("pod {}", pod.name);
        let node = scenario.nodes.iter().find(|it| it.name == pod.node);
        let node = node.ok_or_else(|| format!("{what}: no node {}", pod.node))?;
        self.name(format!("pod/{}", pod.name))?;
        if pod.host_network {
            return ensure(pod.ip == node.ip, || format!("{what}: its address is not its node's"));
        }
        let bridge = pod.ip == first_host(node.pod_cidr);
        ensure(!bridge, || format!("{what}: {} is cni0's address", pod.ip))?;
        self.address(&what, pod.ip, node.pod_cidr)
    }

    fn name(&mut self, name: String) -> Result<(), String> {
        let text = format!("{name} is given twice");
        ensure(self.names.insert(name), || text)
    }

    fn address(&mut self, what: &str, ip: IpAddr, range: IpNet) -> Result<(), String> {
        ensure(ip.is_ipv4(), || format!("{what}: {ip} is not an IPv4 address"))?;
        ensure(range.contains(&ip), || format!("{what}: {ip} is not in {range}"))?;
        ensure(self.addresses.insert(ip), || format!("address {ip} is used twice"))
    }

    /// Every server gets a socket: one for each port of a namespace, TCP or UDP.
    fn servers(&self, scenario: &Scenario) -> Result<(), String> {
        let pods = scenario.pods.iter().map(|it| (namespace(it), &it.ports));
        let hosts = scenario.external.iter().map(|it| (format!("external/{}", it.name), &it.ports));
        let mut taken = BTreeSet::new();
        for (namespace, ports) in pods.chain(hosts) {
            for PortLine { port, proto } in ports {
                let known = matches!(proto.as_str(), "TCP" | "UDP");
                ensure(known, || format!("{namespace}: protocol {proto} is not supported"))?;
                let free = taken.insert((namespace.clone(), proto, port));
                ensure(free, || format!("{namespace}: two servers on {port}/{proto}"))?;
            }
        }
        Ok(())
    }

    fn host(&self, name: &str) -> Result<(), String> {
        ensure(self.names.contains(name), || format!("no such host: {name}"))
    }

    fn probe(&mut self, probe: &Probe) -> Result<(), String> {
        let Probe { id, count, .. } = probe;
        match &probe.use_kept {
            Some(name) => self.is_kept(name)?,
            None => self.host(&probe.from)?,
        }
        let known = matches!(probe.proto.as_str(), "TCP" | "UDP" | "ICMP");
        ensure(known, || format!("probe {id}: proto {} is not supported", probe.proto))?;
        let few = *count <= MOST_ATTEMPTS;
        ensure(few, || format!("probe {id}: count over {MOST_ATTEMPTS}"))?;
        let short = probe.timeout.is_none_or(|it| it <= LONGEST_TIMEOUT);
        ensure(short, || format!("probe {id}: timeout over {LONGEST_TIMEOUT}"))?;
        self.kept.extend(probe.keep.clone());
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Restore { node, .. } | Step::Conntrack { node, .. } if node == "*" => Ok(()),
            Step::Restore { node, .. } | Step::Conntrack { node, .. } => {
                self.host(&format!("node/{node}"))
            }
            Step::StopServer { pod } | Step::PodDown { pod } | Step::PodUp { pod } => {
                self.host(&format!("pod/{pod}"))
            }
            Step::Sysctl { on, .. } => self.host(on),
            Step::Sleep { .. } => Ok(()),
            Step::Close { conn } => self.is_kept(conn),
        }
    }

    fn is_kept(&self, name: &str) -> Result<(), String> {
        ensure(self.kept.contains(name), || format!("no kept connection {name}"))
    }
}

/// Whose network the pod's programs listen on.
fn namespace(pod: &PodLine) -> String {
    match pod.host_network {
        true => format!("node/{}", pod.node),
        false => format!("pod/{}", pod.name),
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::kernel::{random, write};

    fn folder(name: &str) -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name);
        let entries = fs::read_dir(folder).expect("the folder is there");
        let paths = entries.map(|it| it.expect("an entry").path());
        let texts = paths.filter(|it| it.is_file()).map(|it| {
            let text = fs::read_to_string(&it).expect("a text");
            (it.display().to_string(), text)
        });
        let mut res: Vec<_> = texts.collect();
        res.sort();
        res
    }

    #[test]
    fn every_manifest_and_random_clusters_make_scenarios_that_can_be_replayed() {
        let manifests = folder("kernel/manifests");
        assert!(manifests.len() >= 30, "{}", manifests.len());
        let random = (1..=12).map(|it| (format!("seed {it}"), random::manifests(it)));
        for (name, text) in manifests.into_iter().chain(random) {
            let scenario =
                write::write(&name, &text, 1).unwrap_or_else(|it| panic!("{name}: {it}"));
            assert_eq!(check(&scenario), Ok(()), "{name}");
            assert!(scenario.probes.len() > 10, "{name}: {}", scenario.probes.len());
        }
    }

    #[test]
    fn scenarios_that_a_kernel_has_replayed_are_accepted() {
        for (name, text) in folder("conformance/kernel") {
            if text.contains("\"probes\"") {
                let scenario: Scenario = serde_json::from_str(&text).expect("a scenario");
                assert_eq!(check(&scenario), Ok(()), "{name}");
            }
        }
    }

    /// A written scenario after a mistake was made in it.
    #[track_caller]
    fn check_refused(expected: &str, mistake: impl FnOnce(&mut Scenario)) {
        let (_, text) = folder("kernel/manifests").swap_remove(0);
        let mut scenario = write::write("a", &text, 1).expect("a scenario");
        mistake(&mut scenario);
        assert_eq!(check(&scenario), Err(expected.to_owned()));
    }

    #[test]
    fn what_the_replay_refuses_is_said() {
        check_refused("pod/default/client-1 is given twice", |it| {
            let client = it.pods.iter().find(|it| it.name == "default/client-1").cloned();
            it.pods.extend(client);
        });
        check_refused("address 192.168.56.31 is used twice", |it| {
            it.external[0].ip = it.nodes[1].ip;
        });
        check_refused("pod stray: 10.0.0.7 is not in 10.244.1.0/24", |it| {
            let (name, node) = ("stray".to_owned(), "worker-1".to_owned());
            let ip = [10, 0, 0, 7].into();
            it.pods.push(PodLine { name, node, ip, ports: Vec::new(), host_network: false });
        });
        check_refused("node/worker-1: two servers on 80/TCP", |it| {
            for name in ["one", "two"] {
                let ports = vec![PortLine { port: 80, proto: "TCP".to_owned() }];
                let (name, node) = (name.to_owned(), "worker-1".to_owned());
                let ip = [192, 168, 56, 31].into();
                it.pods.push(PodLine { name, node, ip, ports, host_network: true });
            }
        });
        check_refused("no such host: pod/nobody", |it| {
            it.probes.push(Item::Step(Step::StopServer { pod: "nobody".to_owned() }));
        });
        check_refused("no kept connection a", |it| {
            it.probes.push(Item::Step(Step::Close { conn: "a".to_owned() }));
        });
    }
}
