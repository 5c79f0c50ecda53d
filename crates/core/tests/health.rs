//! Health checks of nodes: what kube-proxy answers on `healthCheckNodePort`, and a load balancer
//! that opens connections of its own to the nodes that pass.

use std::collections::BTreeSet;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange};

/// One pod on worker-1 behind a Service that keeps to local endpoints.
const KEPT: &str = "
apiVersion: v1
kind: Pod
metadata: {name: kept, labels: {app: kept}}
spec:
  nodeName: worker-1
  containers:
  - {name: app, image: kubetm/app, ports: [{containerPort: 8080}],
     readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, failureThreshold: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: kept}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  healthCheckNodePort: 32100
  selector: {app: kept}
  ports: [{port: 80, targetPort: 8080, nodePort: 30100}]
";

fn lab(mode: &str) -> Lab {
    let mut scenario = default_scenario();
    let balancer = format!("{{pool: 192.168.56.200-192.168.56.201, ipMode: {mode}}}");
    scenario.cluster.load_balancer = serde_yaml::from_str(&balancer).expect("a load balancer");
    let mut lab = Lab::new(&scenario, 1);
    assert_eq!(lab.act(Action::Apply { text: KEPT.to_owned() }).diagnostics, []);
    lab.run_until(Instant::START + Duration::from_secs(40));
    lab
}

fn wait(lab: &mut Lab, seconds: u64) {
    lab.run_until(lab.now() + Duration::from_secs(seconds));
}

fn ask(lab: &mut Lab, to: &str, port: u16) -> std::rc::Rc<Exchange> {
    let to = Goal::Address(to.parse().expect("an address"));
    let from = Source::Outside { outside: "laptop".to_owned() };
    let path = "/hostname".to_owned();
    let sending = Sending { from, to, port, path, ask: Ask::Http, source_port: None };
    lab.act(Action::Send(sending)).exchange.expect("the laptop is there")
}

#[track_caller]
fn check(lab: &mut Lab, node: &str, status: u16, local: usize) {
    let exchange = ask(lab, node, 32100);
    let Answer::Http { status: found, body, served_by, .. } = &exchange.result else {
        panic!("{:?}", exchange.result)
    };
    let expected = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": \"default\",\n\t\t\"name\": \"kept\"\n\t}},\n\
         \t\"localEndpoints\": {local},\n\t\"serviceProxyHealthy\": true\n}}"
    );
    assert_eq!((*found, body, &**served_by), (status, &expected, "kube-proxy"));
}

const WORKER_1: &str = "192.168.56.31";
const WORKER_2: &str = "192.168.56.32";

fn readiness(lab: &mut Lab, ready: bool) {
    let pod = ObjectKey::new(Kind::Pod, "default", "kept");
    lab.act(Action::SwitchReadiness { pod, ready });
    wait(lab, 5);
}

#[test]
fn kube_proxy_says_how_many_ready_endpoints_its_node_has() {
    let mut lab = lab("VIP");
    check(&mut lab, WORKER_1, 200, 1);
    check(&mut lab, WORKER_2, 503, 0);
    readiness(&mut lab, false);
    check(&mut lab, WORKER_1, 503, 0);

    lab.act(Action::SwitchProxy { node: "worker-1".into(), running: false });
    assert_eq!(ask(&mut lab, WORKER_1, 32100).result, Answer::Refused);
    assert_eq!(ask(&mut lab, WORKER_1, 10256).result, Answer::Refused);
    assert!(matches!(ask(&mut lab, WORKER_2, 10256).result, Answer::Http { status: 200, .. }));
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Service, "default", "kept") });
    wait(&mut lab, 5);
    assert_eq!(ask(&mut lab, WORKER_2, 32100).result, Answer::Refused);
}

/// The nodes that the load balancer's connections went to, and who they came from there.
fn nodes_asked(exchange: &Exchange) -> BTreeSet<String> {
    let sent = exchange.packets.iter().map(|it| it.sent);
    let to_nodes = sent.filter(|it| it.dport() == Some(30100));
    to_nodes.map(|it| format!("{} -> {}", it.src, it.dst)).collect()
}

#[test]
fn a_proxying_load_balancer_asks_only_nodes_that_pass() {
    let mut lab = lab("Proxy");
    for _ in 0..4 {
        let exchange = ask(&mut lab, "192.168.56.200", 80);
        let Answer::Http { status: 200, served_by, seen, .. } = &exchange.result else {
            panic!("{exchange}")
        };
        assert_eq!(&**served_by, "default/kept");
        assert_eq!(seen.to_string(), "192.168.56.200", "the Local policy keeps the balancer's");
        let asked = nodes_asked(&exchange);
        assert_eq!(asked, BTreeSet::from(["192.168.56.200 -> 192.168.56.31".to_owned()]));
    }
    readiness(&mut lab, false);
    wait(&mut lab, 10);
    assert_eq!(ask(&mut lab, "192.168.56.200", 80).result, Answer::Reset, "no node is left");
    readiness(&mut lab, true);
    wait(&mut lab, 10);
    assert!(matches!(ask(&mut lab, "192.168.56.200", 80).result, Answer::Http { .. }));
}

#[test]
fn it_takes_some_time_to_notice_that_a_machine_is_down() {
    let mut lab = lab("Proxy");
    let text = KEPT
        .replace("externalTrafficPolicy: Local\n  healthCheckNodePort: 32100\n  ", "")
        .replace("kept", "spread")
        .replace("30100", "30200");
    assert_eq!(lab.act(Action::Apply { text }).diagnostics, []);
    wait(&mut lab, 30);
    let asked = |lab: &mut Lab| -> Vec<Answer> {
        (0..4).map(|_| ask(lab, "192.168.56.201", 80).result.clone()).collect()
    };
    let served = |it: &Answer| matches!(it, Answer::Http { .. });
    assert!(asked(&mut lab).iter().all(served), "both workers lead to the pod");
    lab.act(Action::SwitchMachine { node: "worker-2".into(), up: false });
    assert_eq!(asked(&mut lab).iter().filter(|it| served(it)).count(), 2, "every other one");
    wait(&mut lab, 20);
    assert!(asked(&mut lab).iter().all(served));
}
