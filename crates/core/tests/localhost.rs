//! Containers of one pod share its network: what one of them listens on at 127.0.0.1 is there for
//! the others, and for nobody else.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange, Place};

/// A program that all reach on 8080, and a sidecar for the pod alone on 9090; the same on a node's
/// own network.
const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: pair, labels: {app: pair}}
spec:
  nodeName: worker-1
  containers:
  - {name: app, image: 'kubetm/app:1.0', ports: [{containerPort: 8080}]}
  - name: sidecar
    image: 'kubetm/app:1.0'
    env: [{name: BIND, value: 127.0.0.1}]
    ports: [{containerPort: 9090}]
---
apiVersion: v1
kind: Pod
metadata: {name: agent}
spec:
  nodeName: worker-1
  hostNetwork: true
  containers:
  - name: agent
    image: 'kubetm/app:1.0'
    args: ['--bind=127.0.0.1']
    ports: [{containerPort: 9191}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: worker-1
  containers: [{name: client, image: 'nicolaka/netshoot:v0.13', command: [sleep, infinity]}]
---
apiVersion: v1
kind: Service
metadata: {name: pair}
spec:
  selector: {app: pair}
  clusterIP: 10.96.0.77
  ports: [{name: open, port: 80, targetPort: 8080}, {name: own, port: 90, targetPort: 9090}]
";

fn lab() -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    let reply = lab.act(Action::Apply { text: PODS.to_owned() });
    assert_eq!(reply.diagnostics, []);
    lab.run_until(Instant::START + Duration::from_secs(40));
    lab
}

fn inside(name: &str) -> Source {
    Source::Inside(ObjectKey::new(Kind::Pod, "default", name))
}

fn worker() -> Source {
    Source::Inside(ObjectKey::new(Kind::Node, "", "worker-1"))
}

fn pod_ip(lab: &Lab) -> String {
    lab.network().pod("default/pair").expect("it runs").ip.to_string()
}

fn ask(lab: &mut Lab, from: Source, to: &str, port: u16) -> Rc<Exchange> {
    let to: IpAddr = to.parse().expect("an address");
    let (to, ask) = (Goal::Address(to), Ask::Tcp);
    lab.act(Action::Send(Sending { from, to, port, path: String::new(), ask, source_port: None }));
    lab.exchanges().last().expect("it was sent").clone()
}

#[track_caller]
fn check(lab: &mut Lab, from: Source, (to, port): (&str, u16), expected: Option<&str>) {
    let expected = match expected {
        Some(seen) => {
            let by = if port == 9191 { "default/agent" } else { "default/pair" };
            Answer::Reached { by: by.into(), seen: seen.parse().expect("an address") }
        }
        None => Answer::Refused,
    };
    assert_eq!(ask(lab, from, to, port).result, expected);
}

#[test]
fn containers_of_a_pod_reach_each_other_on_localhost() {
    let lab = &mut lab();
    let own = pod_ip(lab);
    for port in [8080, 9090] {
        check(lab, inside("pair"), ("127.0.0.1", port), Some("127.0.0.1"));
        let it = ask(lab, inside("pair"), "127.0.0.1", port);
        let steps = it.packets.iter().flat_map(|it| &it.steps);
        assert!(steps.clone().count() > 0);
        assert!(steps.clone().all(|it| matches!(it.place, Place::Pod { .. })), "nothing leaves lo");
    }
    check(lab, inside("pair"), (&own, 8080), Some(&own));
    check(lab, inside("pair"), (&own, 9090), None);
    check(lab, inside("pair"), ("127.0.0.1", 7070), None);
    check(lab, inside("client"), ("127.0.0.1", 8080), None);
}

/// A Service does not help: the packet comes to the pod's address, and its kernel sends a reset.
#[test]
fn nobody_else_reaches_a_listener_on_localhost() {
    let lab = &mut lab();
    let ip = pod_ip(lab);
    for from in [inside("client"), worker()] {
        check(lab, from.clone(), (&ip, 9090), None);
        let it = ask(lab, from.clone(), "10.96.0.77", 90);
        assert_eq!(it.result, Answer::Refused);
        let reset = it.packets.last().and_then(|it| it.sent.tcp_flags()).expect("of TCP");
        assert!(reset.rst, "it is the pod that refuses");
        assert!(matches!(ask(lab, from, "10.96.0.77", 80).result, Answer::Reached { .. }));
    }
}

#[test]
fn on_a_nodes_own_network_localhost_is_the_nodes() {
    let lab = &mut lab();
    check(lab, worker(), ("127.0.0.1", 9191), Some("127.0.0.1"));
    check(lab, inside("agent"), ("127.0.0.1", 9191), Some("127.0.0.1"));
    check(lab, worker(), ("192.168.56.31", 9191), None);
    check(lab, inside("client"), ("192.168.56.31", 9191), None);
}
