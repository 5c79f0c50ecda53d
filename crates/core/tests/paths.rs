//! Every way between two parties of the cluster and its outside: what the server sees (the hop table
//! of the network's spec, §14).

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::scenario::{HostSpec, default_scenario};
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange, Loss, Place, Verdict};

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: near}
spec:
  type: LoadBalancer
  clusterIP: 10.96.20.1
  externalIPs: [192.168.56.240]
  selector: {app: near}
  ports: [{port: 80, nodePort: 30081}]
---
apiVersion: v1
kind: Service
metadata: {name: far}
spec:
  type: LoadBalancer
  clusterIP: 10.96.20.2
  externalIPs: [192.168.56.241]
  selector: {app: far}
  ports: [{port: 80, nodePort: 30082}]
---
apiVersion: v1
kind: Service
metadata: {name: kept}
spec:
  type: NodePort
  externalTrafficPolicy: Local
  clusterIP: 10.96.20.3
  selector: {app: near}
  ports: [{port: 80, nodePort: 30083}]
---
apiVersion: v1
kind: Service
metadata: {name: database}
spec:
  clusterIP: 10.96.20.4
  ports: [{port: 3306, targetPort: 8080}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: database}
subsets: [{addresses: [{ip: 203.0.113.10}], ports: [{port: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: neighbour}
spec:
  clusterIP: 10.96.20.5
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: neighbour}
subsets: [{addresses: [{ip: 192.168.56.50}], ports: [{port: 8080}]}]
";

fn pod(name: &str, node: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\n\
         spec: {{nodeName: {node}, containers: [{{name: a, image: nginx, \
         ports: [{{containerPort: 80}}]}}]}}\n"
    )
}

fn host(name: &str, address: &str) -> HostSpec {
    let route = |to: &str| svclab_core::scenario::RouteSpec {
        to: to.parse().expect("a network"),
        via: "192.168.56.31".parse().expect("an address"),
    };
    let port =
        svclab_core::scenario::PortSpec { port: 8080, protocol: svclab_netfilter::Protocol::Tcp };
    HostSpec {
        name: name.to_owned(),
        address: address.parse::<IpAddr>().expect("an address").into(),
        routes: vec![route("10.96.0.0/12"), route("192.168.56.240/31")],
        ports: vec![port],
    }
}

/// A desk on the LAN with routes to worker-1, and a server far outside.
fn lab() -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    scenario.cluster.outside.push(host("desk", "192.168.56.50"));
    scenario.cluster.outside.push(host("far-away", "203.0.113.10"));
    let mut lab = Lab::new(&scenario, 1);
    lab.act(Action::SwitchLoadBalancer { on: true });
    let pods =
        [pod("client", "worker-1"), pod("near", "worker-1"), pod("far", "worker-2")].concat();
    let reply = lab.act(Action::Apply { text: format!("{SERVICES}{pods}") });
    assert_eq!(reply.diagnostics, []);
    lab.run_until(Instant::START + Duration::from_secs(60));
    lab
}

fn ip_of(lab: &Lab, pod: &str) -> String {
    lab.network().pod(&format!("default/{pod}")).expect("the pod runs").ip.to_string()
}

fn source(name: &str) -> Source {
    match name.split_once('/') {
        Some(("node", name)) => Source::Inside(ObjectKey::new(Kind::Node, "", name)),
        Some(("outside", name)) => Source::Outside { outside: name.to_owned() },
        _ => Source::Inside(ObjectKey::new(Kind::Pod, "default", name)),
    }
}

fn ask(lab: &mut Lab, from: &str, to: &str, port: u16) -> Rc<Exchange> {
    let (from, to) = (source(from), Goal::Address(to.parse().expect("an address")));
    let ask = Ask::Tcp;
    lab.act(Action::Send(Sending { from, to, port, path: String::new(), ask, source_port: None }));
    lab.exchanges().last().expect("it was sent").clone()
}

/// Who answers, and the source that it sees.
#[track_caller]
fn check(lab: &mut Lab, from: &str, (to, port): (&str, u16), (by, seen): (&str, &str)) {
    let it = ask(lab, from, to, port);
    let expected = Answer::Reached { by: by.into(), seen: seen.parse().expect("an address") };
    assert_eq!(it.result, expected, "{from} to {to}:{port}\n{}", it.packets[0]);
}

const ONE: &str = "192.168.56.31";
const TWO: &str = "192.168.56.32";
const BRIDGE: &str = "10.244.1.1";
const NEAR: &str = "default/near";
const FAR: &str = "default/far";

#[test]
fn from_a_pod() {
    let lab = &mut lab();
    let (own, near, far) = (ip_of(lab, "client"), ip_of(lab, "near"), ip_of(lab, "far"));
    for (to, by) in [(&near, NEAR), (&far, FAR)] {
        check(lab, "client", (to, 80), (by, &own));
    }
    check(lab, "client", ("10.96.20.1", 80), (NEAR, &own));
    check(lab, "client", ("10.96.20.2", 80), (FAR, &own));
    check(lab, "near", ("10.96.20.1", 80), (NEAR, BRIDGE));
    check(lab, "client", (ONE, 30082), (FAR, ONE));
    check(lab, "client", (TWO, 30081), (NEAR, TWO));
    check(lab, "client", ("192.168.56.240", 80), (NEAR, BRIDGE));
    check(lab, "client", ("192.168.56.241", 80), (FAR, ONE));
    // Out of the cluster the network plugin hides it behind its node, with and without a Service.
    check(lab, "client", ("203.0.113.10", 8080), ("far-away", ONE));
    check(lab, "client", ("10.96.20.4", 3306), ("far-away", ONE));
    check(lab, "client", ("10.96.20.5", 80), ("desk", ONE));
    check(lab, "client", ("10.96.0.1", 443), ("kube-apiserver", ONE));
}

#[test]
fn from_a_node() {
    let lab = &mut lab();
    check(lab, "node/worker-1", (&ip_of(lab, "near"), 80), (NEAR, BRIDGE));
    check(lab, "node/worker-1", (&ip_of(lab, "far"), 80), (FAR, ONE));
    check(lab, "node/worker-1", ("10.96.20.1", 80), (NEAR, BRIDGE));
    check(lab, "node/worker-1", ("10.96.20.2", 80), (FAR, ONE));
    check(lab, "node/worker-1", ("127.0.0.1", 30081), (NEAR, BRIDGE));
    check(lab, "node/worker-1", ("127.0.0.1", 30082), (FAR, ONE));
    check(lab, "node/worker-2", (ONE, 30081), (NEAR, "10.244.1.1"));
    check(lab, "node/worker-1", ("203.0.113.10", 8080), ("far-away", ONE));
}

#[test]
fn from_outside() {
    let lab = &mut lab();
    check(lab, "outside/desk", (ONE, 30081), (NEAR, BRIDGE));
    check(lab, "outside/desk", (ONE, 30082), (FAR, ONE));
    check(lab, "outside/far-away", (TWO, 30081), (NEAR, TWO));
    check(lab, "outside/far-away", (ONE, 30083), (NEAR, "203.0.113.10"));
    check(lab, "outside/desk", ("192.168.56.241", 80), (FAR, ONE));
    // A static route to a node is all that a ClusterIP takes.
    check(lab, "outside/desk", ("10.96.20.2", 80), (FAR, ONE));
    let balancer = |lab: &Lab, name: &str| -> String {
        let key = ObjectKey::new(Kind::Service, "default", name);
        let service = lab.objects().get(&key).and_then(|it| it.as_service()).expect("it exists");
        service.status.load_balancer.ingress[0].ip.clone()
    };
    let address = balancer(lab, "far");
    let by = lab.announced()[&address.parse::<IpAddr>().expect("an address")].to_string();
    let seen = match by.as_str() {
        "worker-1" => ONE,
        "worker-2" => "10.244.2.1",
        _ => "192.168.56.30",
    };
    for from in ["outside/desk", "outside/far-away"] {
        check(lab, from, (&address, 80), (FAR, seen));
    }
}

#[test]
fn what_does_not_arrive() {
    let lab = &mut lab();
    // A Local policy without an endpoint on the node, a ClusterIP that no router knows.
    let local = ask(lab, "outside/desk", TWO, 30083);
    assert_eq!(local.result, Answer::TimedOut);
    assert_eq!(local.packets[0].verdict, Verdict::Lost(Loss::Dropped));
    let unknown = ask(lab, "outside/far-away", "10.96.20.1", 80);
    assert_eq!(unknown.packets[0].verdict, Verdict::Lost(Loss::Unroutable));
    assert_eq!(unknown.packets[0].steps.last().map(|it| &it.place), Some(&Place::Router));
    // A port that no Service has leaves by the default route.
    let wrong = ask(lab, "client", "10.96.20.1", 81);
    assert_eq!(wrong.packets[0].verdict, Verdict::Lost(Loss::Unroutable));
}
