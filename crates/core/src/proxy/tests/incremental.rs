//! Kube-proxies that follow a cluster, against the text of each sync given to `iptables-restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proptest::prelude::*;
use svclab_netfilter::text::Command;
use svclab_netfilter::{ChainName, OriginId, RuleSet, TableName};

use crate::key::{Kind, ObjectKey};
use crate::object::{
    ClientIpConfig, Endpoint, EndpointConditions, EndpointSlice, LoadBalancerIngress, Node,
    NodeAddress, Object, ObjectMeta, Objects, SERVICE_NAME_LABEL, Service, ServicePort,
    ServiceSpec, SessionAffinityConfig, SlicePort,
};
use crate::proxy::names::is_service_chain;
use crate::proxy::*;
use crate::time::{Duration, Instant};

const NODES: [&str; 2] = ["node-a", "node-b"];
const SERVICES: u8 = 4;

#[derive(Debug, Clone)]
enum Edit {
    Service {
        index: u8,
        form: u8,
    },
    Slice {
        index: u8,
        number: u8,
        endpoints: Vec<(u8, u8)>,
    },
    /// With so many endpoints that the cluster is large, or nearly.
    Large {
        index: u8,
        more: u8,
    },
    Remove {
        kind: Kind,
        index: u8,
        number: u8,
    },
    Relabel {
        node: u8,
        zone: u8,
    },
    Restart {
        node: u8,
    },
    Sync {
        node: u8,
        after: u8,
    },
}

fn edit() -> impl Strategy<Value = Edit> {
    let (index, number, node) = (0..SERVICES, 0u8..2, 0u8..2);
    let endpoints = prop::collection::vec((0u8..8, any::<u8>()), 0..5);
    let kind = prop_oneof![Just(Kind::Service), Just(Kind::EndpointSlice)];
    prop_oneof![
        4 => (index.clone(), 0..FORMS).prop_map(|(index, form)| Edit::Service { index, form }),
        6 => (index.clone(), number.clone(), endpoints).prop_map(|(index, number, endpoints)| {
            Edit::Slice { index, number, endpoints }
        }),
        1 => (index.clone(), 0u8..4).prop_map(|(index, more)| Edit::Large { index, more }),
        2 => (kind, index, number).prop_map(|(kind, index, number)| {
            Edit::Remove { kind, index, number }
        }),
        1 => (node.clone(), 0u8..3).prop_map(|(node, zone)| Edit::Relabel { node, zone }),
        1 => node.clone().prop_map(|node| Edit::Restart { node }),
        8 => (node, 0u8..40).prop_map(|(node, after)| Edit::Sync { node, after }),
    ]
}

fn name(index: u8) -> String {
    format!("svc-{index}")
}

fn meta(name: String) -> ObjectMeta {
    ObjectMeta { name, namespace: "shop".to_owned(), ..ObjectMeta::default() }
}

const FORMS: u8 = 8;

fn service(index: u8, form: u8) -> Service {
    let port = |name: &str, protocol: &str, port| ServicePort {
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        port,
        ..ServicePort::default()
    };
    let mut spec = ServiceSpec {
        cluster_ip: format!("10.96.0.{index}"),
        ports: vec![port("web", "TCP", 80)],
        ..ServiceSpec::default()
    };
    let mut service = Service { metadata: meta(name(index)), ..Service::default() };
    let node_port = 30_000 + i32::from(index);
    match form {
        0 => {}
        1 => spec.ports.push(port("dns", "UDP", 53)),
        2 => spec.internal_traffic_policy = Some("Local".to_owned()),
        3 => {
            spec.r#type = "NodePort".to_owned();
            spec.external_traffic_policy = "Local".to_owned();
            spec.ports[0].node_port = node_port;
        }
        4 => {
            spec.r#type = "LoadBalancer".to_owned();
            spec.ports[0].node_port = node_port;
            spec.load_balancer_source_ranges =
                vec!["192.168.10.0/31".to_owned(), "203.0.113.0/24".to_owned()];
            let address =
                LoadBalancerIngress { ip: "198.51.100.20".to_owned(), ..Default::default() };
            service.status.load_balancer.ingress.push(address);
        }
        5 => {
            spec.session_affinity = "ClientIP".to_owned();
            let client_ip = Some(ClientIpConfig { timeout_seconds: Some(600) });
            spec.session_affinity_config = Some(SessionAffinityConfig { client_ip });
        }
        6 => spec.external_ips = vec!["192.0.2.44".to_owned()],
        _ => spec.cluster_ip = "None".to_owned(),
    }
    Service { spec: spec.into(), ..service }
}

/// The bits say which conditions the endpoint has and where it is.
fn endpoint(ip: u8, bits: u8) -> Endpoint {
    let bit = |n: u8| bits & (1 << n) != 0;
    let conditions = EndpointConditions {
        ready: Some(bit(0) || bit(1)),
        serving: Some(bit(0) || bit(2)),
        terminating: Some(bit(3) && !bit(0)),
    };
    Endpoint {
        addresses: vec![format!("10.244.1.{ip}")],
        conditions,
        node_name: Some(NODES[usize::from(bit(4))].to_owned()),
        ..Endpoint::default()
    }
}

fn slice(index: u8, number: u8, endpoints: Vec<Endpoint>) -> EndpointSlice {
    let port = |name: &str, protocol: &str, port| SlicePort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        port: Some(port),
        ..SlicePort::default()
    };
    let mut metadata = meta(format!("{}-{number}", name(index)));
    metadata.labels.insert(SERVICE_NAME_LABEL.to_owned(), name(index));
    EndpointSlice {
        metadata,
        address_type: "IPv4".to_owned(),
        endpoints: endpoints.into_iter().map(Into::into).collect(),
        ports: vec![port("web", "TCP", 8080), port("dns", "UDP", 5353)],
    }
}

fn node(index: u8, zone: u8) -> Node {
    let mut node = Node::default();
    NODES[usize::from(index)].clone_into(&mut node.metadata.name);
    let label = "topology.kubernetes.io/zone".to_owned();
    node.metadata.labels.insert(label, format!("zone-{zone}"));
    let address = format!("192.168.10.{index}");
    node.status.addresses.push(NodeAddress { r#type: "InternalIP".to_owned(), address });
    node
}

/// A node's kube-proxy, and the kernel as `iptables-restore` would have left it.
struct Pair {
    settings: Settings,
    proxier: Proxier,
    kernel: Rc<RuleSet>,
    expected: RuleSet,
    full: bool,
    changed: BTreeSet<ObjectKey>,
    cleaned_at: Option<Instant>,
}

impl Pair {
    fn new(node: &str, watch: &Watch, version: Version) -> Pair {
        let settings = settings(node, version);
        let kernel = RuleSet::builtin();
        Pair {
            settings,
            proxier: Proxier::new(node, watch),
            kernel: Rc::new(kernel.clone()),
            expected: kernel,
            full: true,
            changed: BTreeSet::new(),
            cleaned_at: None,
        }
    }

    fn sync(&mut self, watch: &mut Watch, objects: &Objects, now: Instant) {
        let before = lines(&self.kernel);
        let old = (Rc::clone(&self.kernel), watch.origins().clone());
        let report = self.proxier.sync(watch, objects, &mut self.kernel, now);
        self.restore(watch, objects, now);
        assert_eq!(report.full, self.full);
        self.full = false;
        let after = lines(&self.kernel);
        assert_eq!(after, lines(&self.expected));
        check_changes(&before, &after, &self.kernel, &report.changes);
        check_origins(&self.kernel, watch.origins(), objects);
        assert_eq!(origins(&old.0, &old.1), origins(&old.0, watch.origins()), "old ids hold");
    }

    /// What the text of this sync does (spec §6.5, §6.6, §11).
    fn restore(&mut self, watch: &Watch, objects: &Objects, now: Instant) {
        if self.full && self.expected.is_empty() {
            self.expected.restore(&jumps(), true);
        }
        let nat = &self.expected.tables[&TableName::Nat];
        let existing: Vec<ChainName> = nat.chains.keys().copied().collect();
        let everything = full_sync(objects, &self.settings);
        assert_eq!(full_text(objects, &self.settings), everything.restore.to_string());
        let waits = watch.is_large()
            && self.cleaned_at.is_some_and(|it| now - it <= Duration::from_secs(30));
        let mut sync = match waits {
            true => everything,
            false => full_sync_over(objects, &self.settings, existing),
        };
        if !waits {
            self.cleaned_at = Some(now);
        }
        if !self.full {
            self.leave_out_unchanged(&mut sync);
        }
        self.changed.clear();
        self.expected.restore(&sync.restore, true);
    }

    fn leave_out_unchanged(&self, sync: &mut Sync) {
        let Sync { restore, origins } = sync;
        let unchanged = |id: Option<OriginId>| {
            let service = id.and_then(|it| origins.get(it)?.service.clone());
            service.is_some_and(|it| !self.changed.contains(&it))
        };
        for table in &mut restore.tables {
            let mut left_out = BTreeSet::new();
            table.commands.retain(|it| match it {
                Command::Append { chain, rule } if is_service_chain(*chain) => {
                    let drop = unchanged(rule.origin);
                    drop.then(|| left_out.insert(*chain));
                    !drop
                }
                _ => true,
            });
            table.chains.retain(|it| !left_out.contains(&it.name));
        }
    }
}

fn settings(node: &str, version: Version) -> Settings {
    Settings {
        node: node.to_owned(),
        cluster_cidr: "10.244.0.0/16".to_owned(),
        version,
        ..Settings::default()
    }
}

/// The rules as they are written, with the chains that have none.
fn lines(rules: &RuleSet) -> Vec<String> {
    let mut res = Vec::new();
    for (table, content) in &rules.tables {
        for (name, chain) in content.chains.iter() {
            res.push(format!("-t {table} -N {name}"));
            res.extend(chain.rules.iter().map(|it| format!("-t {table} -A {name} {it}")));
        }
    }
    res
}

/// What is reported is what is new, and nothing that was there.
fn check_changes(before: &[String], after: &[String], kernel: &RuleSet, changes: &Changes) {
    let rules = |lines: &[String]| -> BTreeSet<String> {
        lines.iter().filter(|it| it.contains(" -A ")).cloned().collect()
    };
    let (before, after) = (rules(before), rules(after));
    let line = |at: &svclab_netfilter::RuleRef| {
        let rule = kernel.rule(*at).expect("a new rule is there");
        format!("-t {} -A {} {rule}", at.table, at.chain)
    };
    let added: BTreeSet<String> = changes.added.iter().map(line).collect();
    assert_eq!(added, after.difference(&before).cloned().collect());
    let removed: BTreeSet<String> = changes.removed.iter().cloned().collect();
    assert_eq!(removed, before.difference(&after).cloned().collect());
}

/// Each rule's id, and what it stands for.
fn origins(kernel: &RuleSet, origins: &Origins) -> Vec<Option<Origin>> {
    let chains = kernel.tables.values().flat_map(|it| it.chains.values());
    let rules = chains.flat_map(|it| &it.rules);
    rules.map(|it| it.origin.and_then(|id| origins.get(id)).cloned()).collect()
}

/// Rules of this node's own chains say which Service they are for.
fn check_origins(kernel: &RuleSet, origins: &Origins, objects: &Objects) {
    for (name, chain) in kernel.tables[&TableName::Nat].chains.iter() {
        for rule in chain.rules.iter().filter(|_| is_service_chain(*name)) {
            let origin = rule.origin.and_then(|id| origins.get(id)).expect("it has an origin");
            let text = rule.to_string();
            if let Some(endpoint) = &origin.endpoint {
                let ip = endpoint.split(':').next().unwrap_or_default();
                assert!(!text.contains("10.244.1.") || text.contains(ip), "{text} for {endpoint}");
            }
            let service = origin.service.as_ref().expect("it is for a Service");
            let known = objects.contains_key(service);
            assert!(known || text.contains(&service.name) || !text.contains("svc-"), "{text}");
        }
    }
}

struct Cluster {
    objects: Objects,
    watch: Watch,
    pairs: Vec<Pair>,
    now: Instant,
}

impl Cluster {
    fn new(version: Version) -> Cluster {
        let watch = Watch::new(settings("", version));
        let pairs = NODES.iter().map(|it| Pair::new(it, &watch, version)).collect();
        let nodes = (0..2).map(|it| Object::from(node(it, 0)));
        Cluster { objects: nodes.collect(), watch, pairs, now: Instant::START }
    }

    fn carry_out(&mut self, edit: Edit) {
        match edit {
            Edit::Service { index, form } => self.write(service(index, form).into()),
            Edit::Slice { index, number, endpoints } => {
                let unique: BTreeMap<u8, u8> = endpoints.into_iter().collect();
                let endpoints = unique.into_iter().map(|(ip, bits)| endpoint(ip, bits)).collect();
                self.write(slice(index, number, endpoints).into());
            }
            Edit::Large { index, more } => {
                let address = |it: u16| format!("10.244.{}.{}", 2 + it / 256, it % 256);
                let endpoint =
                    |it| Endpoint { addresses: vec![address(it)], ..Endpoint::default() };
                let endpoints = (0..996 + u16::from(more)).map(endpoint).collect();
                self.write(slice(index, 9, endpoints).into());
            }
            Edit::Remove { kind, index, number } => {
                let slice = kind == Kind::EndpointSlice;
                let name = if slice { format!("{}-{number}", name(index)) } else { name(index) };
                let key = ObjectKey::new(kind, "shop", name);
                let old = self.objects.remove(&key);
                self.tell(&key, old.as_deref());
            }
            Edit::Relabel { node: index, zone } => {
                let new = Object::from(node(index, zone));
                let changed = self.objects.get(&new.key()) != Some(&new);
                self.write(new);
                let pair = &mut self.pairs[usize::from(index)];
                pair.full |= changed;
                assert_eq!(pair.proxier.node_changed(&self.objects), pair.full);
            }
            Edit::Restart { node } => {
                let pair = &mut self.pairs[usize::from(node)];
                pair.proxier = Proxier::new(&pair.settings.node, &self.watch);
                (pair.full, pair.cleaned_at) = (true, None);
            }
            Edit::Sync { node, after } => {
                self.now = self.now + Duration::from_secs(after.into());
                let pair = &mut self.pairs[usize::from(node)];
                pair.sync(&mut self.watch, &self.objects, self.now);
            }
        }
    }

    fn write(&mut self, object: Object) {
        let key = object.key();
        let old = self.objects.insert(object);
        self.tell(&key, old.as_deref());
    }

    fn tell(&mut self, key: &ObjectKey, old: Option<&Object>) {
        let services = self.watch.hear(key, &self.objects);
        let changed = old != self.objects.get(key);
        for pair in &mut self.pairs {
            pair.proxier.changed(&services);
            let name = key.name.rsplit_once('-').map_or("", |it| it.0);
            let name = if key.kind == Kind::EndpointSlice { name } else { &key.name };
            if changed {
                pair.changed.insert(ObjectKey::new(Kind::Service, "shop", name));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_kernel_comes_out_as_iptables_restore_would_leave_it(
        edits in prop::collection::vec(edit(), 1..40),
        modern in any::<bool>(),
    ) {
        let version = if modern { Version::Modern } else { Version::V1_30 };
        let mut cluster = Cluster::new(version);
        for edit in edits {
            cluster.carry_out(edit);
        }
        for node in 0..2 {
            cluster.carry_out(Edit::Sync { node, after: 31 });
        }
    }
}
