//! What holds whatever anybody does: no script of actions stops the lab, one seed gives one lab,
//! and once nothing more happens, addresses, endpoints and rules fit the objects.

use std::collections::BTreeSet;
use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::json;
use svclab_core::admit::Patch;
use svclab_core::history::fingerprint;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::{Action, DrainOptions, Lab, Sending};
use svclab_core::object::{Object, Service};
use svclab_core::proxy::{self, Settings};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::{Family, RuleSet};

/// Long enough for every start, stop and clean-up that is under way, and for the deadline of a rollout
/// (`progressDeadlineSeconds`, 600) that cannot go on.
const QUIET: Duration = Duration::from_secs(700);

const NAMES: [&str; 3] = ["web", "api", "db"];
const NODES: [&str; 3] = ["control-plane", "worker-1", "worker-2"];

#[derive(Debug, Clone)]
enum Move {
    Wait(u64),
    Apply(String),
    Delete(Kind, &'static str),
    DeletePod(usize),
    Switch(usize, bool),
    Alive(usize, bool),
    Crash(usize, u8),
    Proxy(usize, bool),
    Machine(usize, bool),
    Cordon(usize, bool),
    Drain(usize, DrainOptions),
    LoadBalancer(bool),
    Send(usize),
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn service() -> impl Strategy<Value = String> {
    let types = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
    let selected = prop::option::of(name());
    let port = prop::sample::select(&["8080", "http", "nowhere"][..]);
    (name(), prop::sample::select(types.to_vec()), selected, port, any::<[bool; 2]>()).prop_map(
        |(name, kind, selected, port, [local, headless])| {
            let selector =
                selected.map(|it| format!("  selector: {{app: {it}}}\n")).unwrap_or_default();
            let local = match local {
                true => "  internalTrafficPolicy: Local\n",
                false => "",
            };
            let address = match headless {
                true => "  clusterIP: None\n",
                false => "",
            };
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
                 type: {kind}\n{selector}{local}{address}  externalName: example.com\n  ports: \
                 [{{port: 80, targetPort: {port}}}]\n"
            )
        },
    )
}

fn workload() -> impl Strategy<Value = String> {
    let kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"];
    let image = prop::sample::select(&["kubetm/app:1.0", "kubetm/app:2.0", "nginx:1.27"][..]);
    (name(), prop::sample::select(kinds.to_vec()), 0..4_u32, image, any::<bool>()).prop_map(
        |(name, kind, replicas, image, probed)| {
            let replicas = match kind {
                "DaemonSet" => String::new(),
                _ => format!("  replicas: {replicas}\n"),
            };
            let probe = match probed {
                true => "        readinessProbe: {httpGet: {path: /ready, port: 8080}}\n",
                false => "",
            };
            let governing = match kind {
                "StatefulSet" => format!("  serviceName: {name}\n"),
                _ => String::new(),
            };
            format!(
                "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n\
                 {replicas}{governing}  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
                 metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: app\n        \
                 image: {image}\n        ports: [{{name: http, containerPort: 8080}}]\n{probe}"
            )
        },
    )
}

/// A text with a few of its characters gone or doubled: what a hand does while it types.
fn typed(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (text, prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3)).prop_map(
        |(text, slips)| {
            let mut chars: Vec<char> = text.chars().collect();
            for (at, doubled) in slips.into_iter().filter(|_| !text.is_empty()) {
                let at = at.index(chars.len());
                if doubled {
                    chars.insert(at, chars[at]);
                } else {
                    chars.remove(at);
                }
            }
            chars.into_iter().collect()
        },
    )
}

fn drain([ignore_daemonsets, delete_emptydir_data, force]: [bool; 3]) -> DrainOptions {
    let grace_period_seconds = None;
    DrainOptions { ignore_daemonsets, delete_emptydir_data, force, grace_period_seconds }
}

fn moves(most: usize) -> impl Strategy<Value = Vec<Move>> {
    let kinds = [Kind::Service, Kind::Deployment, Kind::StatefulSet, Kind::Endpoints];
    let one = prop_oneof![
        3 => (1..30_000_u64).prop_map(Move::Wait),
        3 => service().prop_map(Move::Apply),
        3 => workload().prop_map(Move::Apply),
        1 => typed(prop_oneof![service(), workload()]).prop_map(Move::Apply),
        1 => (prop::sample::select(kinds.to_vec()), name()).prop_map(|(kind, name)| Move::Delete(kind, name)),
        1 => (0..8_usize).prop_map(Move::DeletePod),
        2 => (0..8_usize, any::<bool>()).prop_map(|(at, ready)| Move::Switch(at, ready)),
        1 => (0..8_usize, any::<bool>()).prop_map(|(at, alive)| Move::Alive(at, alive)),
        1 => (0..8_usize, any::<u8>()).prop_map(|(at, code)| Move::Crash(at, code)),
        1 => (0..3_usize, any::<bool>()).prop_map(|(at, runs)| Move::Proxy(at, runs)),
        1 => (0..3_usize, any::<bool>()).prop_map(|(at, up)| Move::Machine(at, up)),
        1 => (0..3_usize, any::<bool>()).prop_map(|(at, cordoned)| Move::Cordon(at, cordoned)),
        1 => (0..3_usize, any::<[bool; 3]>()).prop_map(|(at, flags)| Move::Drain(at, drain(flags))),
        2 => any::<bool>().prop_map(Move::LoadBalancer),
        1 => (0..8_usize).prop_map(Move::Send),
    ];
    prop::collection::vec(one, 1..most)
}

fn shop_pod(lab: &Lab, at: usize) -> Option<ObjectKey> {
    let pods: Vec<ObjectKey> =
        lab.objects().in_namespace(Kind::Pod, "shop").map(Object::key).collect();
    pods.get(at % pods.len().max(1)).cloned()
}

fn carry_out(lab: &mut Lab, it: &Move) {
    let action = match it {
        Move::Wait(millis) => {
            lab.run_until(lab.now() + Duration::from_millis(*millis));
            return;
        }
        Move::Apply(text) => Some(Action::Apply { text: text.clone() }),
        Move::Delete(kind, name) => {
            Some(Action::Delete { key: ObjectKey::new(*kind, "shop", *name) })
        }
        Move::DeletePod(at) => shop_pod(lab, *at).map(|key| Action::Delete { key }),
        Move::Switch(at, ready) => {
            shop_pod(lab, *at).map(|pod| Action::SwitchReadiness { pod, ready: *ready })
        }
        Move::Alive(at, alive) => {
            shop_pod(lab, *at).map(|pod| Action::SwitchLiveness { pod, alive: *alive })
        }
        Move::Crash(at, code) => shop_pod(lab, *at).map(|pod| Action::Crash {
            pod,
            container: "app".into(),
            code: *code,
        }),
        Move::Machine(at, up) => Some(Action::SwitchMachine { node: NODES[*at].into(), up: *up }),
        Move::Cordon(at, cordoned) => {
            let key = ObjectKey::new(Kind::Node, "", NODES[*at]);
            let body = json!({"spec": {"unschedulable": cordoned}});
            let verb = Verb::Patch { how: Patch::Merge, body, strict: false };
            Some(Action::Request(Request { key, subresource: None, verb }))
        }
        Move::Drain(at, options) => {
            Some(Action::Drain { node: NODES[*at].into(), options: *options })
        }
        Move::LoadBalancer(on) => Some(Action::SwitchLoadBalancer { on: *on }),
        Move::Proxy(at, running) => {
            Some(Action::SwitchProxy { node: NODES[*at].into(), running: *running })
        }
        Move::Send(at) => {
            let service = ObjectKey::new(Kind::Service, "shop", NAMES[at % 3]);
            let path = "/".to_owned();
            shop_pod(lab, *at).map(|from| Action::Send(Sending::http(from, service, 80, path)))
        }
    };
    if let Some(action) = action {
        lab.act(action);
    }
}

fn played(script: &[Move], seed: u64) -> Lab {
    let mut lab = Lab::new(&default_scenario(), seed);
    lab.run_until(Instant::START + Duration::from_secs(8));
    for it in script {
        carry_out(&mut lab, it);
    }
    lab
}

/// Each pod has its own address, of its node's range, and the network knows it by it.
fn check_addresses(lab: &Lab) {
    let mut taken = BTreeSet::new();
    for pod in lab.objects().of_kind(Kind::Pod).filter_map(Object::as_pod) {
        for ip in pod.addresses().into_iter().filter(|_| !pod.spec.host_network) {
            assert!(taken.insert(ip), "{ip} twice");
            let node = lab.network().node(&pod.spec.node_name).expect("bound to a machine");
            assert!(node.pod_cidrs.contains(&ip), "{ip} on {}", node.name);
        }
    }
}

/// Every Service has its own cluster IP and node ports.
fn check_allocations(lab: &Lab) {
    let (mut ips, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for service in lab.objects().of_kind(Kind::Service).filter_map(Object::as_service) {
        for ip in service.spec.cluster_addresses() {
            assert!(ips.insert(ip), "{ip} twice");
        }
        for port in service.spec.ports.iter().filter(|it| it.node_port != 0) {
            assert!(ports.insert((port.node_port, port.protocol.clone())));
        }
    }
}

/// The ready addresses of a Service with a selector are those of its ready pods, in the slices
/// that kube-proxy reads.
fn check_endpoints(lab: &Lab) {
    let services = lab.objects().of_kind(Kind::Service).filter_map(Object::as_service);
    for service in services.filter(|it| !it.spec.selector.is_empty()) {
        if service.spec.r#type == "ExternalName" {
            continue;
        }
        assert_eq!(in_slices(lab, service), ready_pods(lab, service), "{:?}", service.metadata);
    }
}

fn ready_pods(lab: &Lab, service: &Service) -> BTreeSet<IpAddr> {
    let selected = |pod: &&svclab_core::object::Pod| {
        let labels = &pod.metadata.labels;
        service.spec.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let pods = lab.objects().in_namespace(Kind::Pod, &service.metadata.namespace);
    let pods = pods.filter_map(Object::as_pod).filter(selected);
    pods.filter(|it| it.is_ready() && !it.is_terminating()).flat_map(|it| it.addresses()).collect()
}

fn in_slices(lab: &Lab, service: &Service) -> BTreeSet<IpAddr> {
    let slices = lab.objects().in_namespace(Kind::EndpointSlice, &service.metadata.namespace);
    let slices = slices.filter_map(Object::as_endpoint_slice);
    let own = slices.filter(|it| it.service_name() == Some(&service.metadata.name));
    let by_the_controller = own.filter(|it| {
        let by = it.metadata.labels.get("endpointslice.kubernetes.io/managed-by");
        by.is_some_and(|it| it == "endpointslice-controller.k8s.io")
    });
    let ready =
        by_the_controller.flat_map(|it| it.endpoints.iter()).filter(|it| it.conditions.is_ready());
    ready.flat_map(|it| &it.addresses).filter_map(|it| it.parse().ok()).collect()
}

/// Every node holds what its kube-proxy would write if it started now. The canary chains are not
/// part of what it gives to `iptables-restore`.
fn check_rules(lab: &Lab) {
    let lines = |rules: &RuleSet| -> BTreeSet<String> {
        let text = rules.save(Family::V4);
        let others = |it: &&str| it.contains("FLANNEL") || it.contains("CANARY");
        let own = text.lines().filter(|it| !others(it));
        own.map(str::to_owned).collect()
    };
    let cluster = default_scenario().cluster;
    for node in NODES {
        let cluster_cidr = String::from(cluster.cluster_cidr);
        let settings = Settings { node: node.into(), cluster_cidr, ..cluster.kube_proxy.clone() };
        let mut fresh = RuleSet::builtin();
        fresh.restore(&proxy::jumps(), true);
        fresh.restore(&proxy::full_sync(lab.objects(), &settings).restore, true);
        let held = lab.rules(node).expect("the node exists").rules;
        assert_eq!(lines(&held), lines(&fresh), "{node}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_seed_and_script_give_one_lab(script in moves(12), seed in 0..4_u64) {
        let (mut lab, mut again) = (played(&script, seed), played(&script, seed));
        prop_assert_eq!(&lab, &again);
        let end = lab.now() + Duration::from_secs(60);
        lab.run_until(end);
        while again.now() < end {
            again.run_until((again.now() + Duration::from_millis(777)).min(end));
        }
        prop_assert_eq!(fingerprint(&lab), fingerprint(&again));
    }

    #[test]
    fn everything_comes_to_rest_and_fits(script in moves(16)) {
        let mut lab = played(&script, 1);
        for node in NODES {
            lab.act(Action::SwitchMachine { node: node.into(), up: true });
            lab.act(Action::SwitchProxy { node: node.into(), running: true });
        }
        lab.run_until(lab.now() + QUIET);
        let version = lab.resource_version();
        check_addresses(&lab);
        check_allocations(&lab);
        check_endpoints(&lab);
        check_rules(&lab);
        lab.run_until(lab.now() + Duration::from_secs(300));
        let later: Vec<ObjectKey> = lab.watch(version).map(|it| it.object.key()).collect();
        prop_assert_eq!(later, Vec::<ObjectKey>::new(), "written although nothing was done");
    }
}
