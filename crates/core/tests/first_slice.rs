//! The first story, end to end: objects become pods, endpoints, rules and a packet's way.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::log::{Change, Happening};
use svclab_core::lab::{Action, Lab, Sending};
use svclab_core::object::Object;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Event, Exchange, Place, Trace, Verdict};
use svclab_netfilter::{Family, Hook, TableName};

const NODES: [&str; 3] = ["control-plane", "worker-1", "worker-2"];

fn seconds(n: u64) -> Instant {
    Instant::START + Duration::from_secs(n)
}

fn lab_at(n: u64) -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(seconds(n));
    lab
}

fn service() -> ObjectKey {
    ObjectKey::new(Kind::Service, "shop", "web")
}

fn web_pods(lab: &Lab) -> Vec<ObjectKey> {
    let is_web =
        |labels: &BTreeMap<String, String>| labels.get("app").is_some_and(|it| it == "web");
    lab.pod_views().into_iter().filter(|it| is_web(&it.labels)).map(|it| it.key).collect()
}

/// Addresses of the Service's Endpoints: ready and not ready.
fn endpoints(lab: &Lab) -> (usize, usize) {
    let key = ObjectKey::new(Kind::Endpoints, "shop", "web");
    let Some(Object::Endpoints(it)) = lab.objects().get(&key) else { return (0, 0) };
    let ready = it.subsets.iter().map(|it| it.addresses.len()).sum();
    (ready, it.subsets.iter().map(|it| it.not_ready_addresses.len()).sum())
}

/// How many endpoints the node's kube-proxy has chains for.
fn programmed(lab: &Lab, node: &str) -> usize {
    let save = lab.rules(node).expect("the node exists").rules.save(Family::V4);
    save.lines().filter(|line| line.contains("shop/web:http ->")).count()
}

fn send(lab: &mut Lab) -> Rc<Exchange> {
    let from = ObjectKey::new(Kind::Pod, "shop", "client");
    let action = Action::Send(Sending::http(from, service(), 80, "/hostname"));
    lab.act(action).exchange.expect("the client runs")
}

fn served_by(exchange: &Exchange) -> Rc<str> {
    match &exchange.result {
        Answer::Http { served_by, .. } => served_by.clone(),
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn pods_become_endpoints_become_rules_on_every_node() {
    let lab = lab_at(5);
    assert_eq!(web_pods(&lab).len(), 3);
    assert_eq!(endpoints(&lab), (3, 0));
    for node in NODES {
        assert_eq!(programmed(&lab, node), 3, "{node}");
    }
}

#[test]
fn an_unready_pod_leaves_after_three_failed_probes() {
    let mut lab = lab_at(20);
    let pod = web_pods(&lab).remove(0);
    lab.act(Action::SwitchReadiness { pod: pod.clone(), ready: false });
    // periodSeconds 5 × failureThreshold 3: the third failed tick comes 10 to 15 s later.
    lab.run_until(seconds(29));
    assert_eq!(endpoints(&lab), (3, 0));
    lab.run_until(seconds(37));
    assert_eq!(endpoints(&lab), (2, 1));
    for node in NODES {
        assert_eq!(programmed(&lab, node), 2, "{node}");
    }
    for _ in 0..40 {
        assert_ne!(*served_by(&send(&mut lab)), format!("{}/{}", pod.namespace, pod.name));
    }
    lab.act(Action::SwitchReadiness { pod, ready: true });
    lab.run_until(seconds(45));
    assert_eq!(endpoints(&lab), (3, 0));
}

/// From the switch to the rules each entry of the log names the one that caused it.
#[test]
fn the_log_leads_from_the_rules_back_to_the_switch() {
    let mut lab = lab_at(20);
    let pod = web_pods(&lab).remove(0);
    lab.act(Action::SwitchReadiness { pod, ready: false });
    lab.run_until(seconds(40));
    let last = lab.log().iter().rfind(|it| matches!(it.what, Happening::Synced { .. }));
    let mut names = Vec::new();
    let mut at = last.map(|it| it.id);
    while let Some(id) = at {
        let entry = lab.log().get(id).expect("a cause is in the log");
        names.push(match &entry.what {
            Happening::Synced { .. } => "synced",
            Happening::Slice { .. } => "slice",
            Happening::Ready { ready: false, .. } => "not ready",
            Happening::Probed { success: false, in_row: 3, .. } => "third failure",
            Happening::Switched { .. } => "switched",
            other => panic!("unexpected {other:?}"),
        });
        at = entry.cause;
    }
    assert_eq!(names, ["synced", "slice", "not ready", "third failure", "switched"]);
}

#[test]
fn a_request_is_answered_through_dnat_and_conntrack() {
    let mut lab = lab_at(20);
    let exchange = send(&mut lab);
    let Answer::Http { status: 200, body, served_by, seen } = &exchange.result else {
        panic!("{:?}", exchange.result)
    };
    assert_eq!(format!("shop/{}", body.trim()), **served_by);
    // A pod's request keeps its source address: nothing masquerades pod to ClusterIP.
    let client = lab.network().pod("shop/client").expect("the client is attached").ip;
    assert_eq!(*seen, client);
    let Object::Service(web) = &lab.objects()[&service()] else { panic!("a Service") };
    let cluster_ip = web.spec.cluster_addresses()[0];
    let [syn, syn_ack, ..] = &exchange.packets[..] else { panic!("packets") };
    assert_eq!(syn.sent.dst, cluster_ip);
    let arrived = syn.steps.last().expect("steps").packet;
    assert_eq!(lab.network().pods[&arrived.dst].pod, *served_by);
    // The answer leaves the pod with its own address and reaches the client with the Service's.
    assert_eq!(syn_ack.sent.src, arrived.dst);
    assert_eq!(syn_ack.steps.last().expect("steps").packet.src, cluster_ip);
    assert!(exchange.packets.iter().all(|trace| trace.verdict == Verdict::Delivered));
}

/// The first packet alone meets the nat rules; every later one is translated (kube-proxy spec §13).
#[test]
fn only_the_first_packet_is_walked_through_nat() {
    let mut lab = lab_at(20);
    let exchange = send(&mut lab);
    let nat = |trace: &Trace| {
        let places = trace.steps.iter().map(|step| &step.place);
        places.filter(|it| matches!(it, Place::Hook { table: TableName::Nat, .. })).count()
    };
    assert!(nat(&exchange.packets[0]) >= 2);
    assert!(exchange.packets[1..].iter().all(|trace| nat(trace) == 0));
}

#[test]
fn a_step_shows_the_packet_after_it() {
    let mut lab = lab_at(20);
    for trace in &send(&mut lab).packets {
        for pair in trace.steps.windows(2) {
            let ends = |at: usize| (pair[at].packet.source(), pair[at].packet.destination());
            let rewrites = match &pair[1].event {
                Event::Walked(passage) => passage.nat.is_some(),
                Event::Translated { .. } => true,
                _ => false,
            };
            assert_eq!(ends(0) != ends(1), rewrites, "{trace}");
        }
    }
}

#[test]
fn a_service_without_endpoints_refuses_at_once() {
    let mut lab = lab_at(20);
    for pod in web_pods(&lab) {
        lab.act(Action::SwitchReadiness { pod, ready: false });
    }
    lab.run_until(seconds(40));
    assert_eq!(endpoints(&lab), (0, 3));
    let exchange = send(&mut lab);
    assert_eq!(exchange.result, Answer::Refused);
    let syn = &exchange.packets[0];
    assert_eq!(syn.verdict, Verdict::Rejected);
    let last = &syn.steps.last().expect("steps").place;
    assert!(matches!(last, Place::Hook { hook: Hook::Forward, table: TableName::Filter, .. }));
}

#[test]
fn the_draws_are_fair() {
    let mut lab = lab_at(20);
    let mut counts: BTreeMap<Rc<str>, u32> = BTreeMap::new();
    for _ in 0..3000 {
        *counts.entry(served_by(&send(&mut lab))).or_default() += 1;
    }
    assert_eq!(counts.len(), 3);
    // A fair share is 1000; its standard deviation is 26.
    assert!(counts.values().all(|it| (870..1130).contains(it)), "{counts:?}");
}

#[test]
fn the_same_seed_and_actions_give_the_same_lab() {
    let story = || {
        let mut lab = lab_at(12);
        let pod = web_pods(&lab).remove(1);
        lab.act(Action::SwitchReadiness { pod, ready: false });
        lab.run_until(seconds(30));
        send(&mut lab);
        lab
    };
    assert_eq!(story(), story());
}

#[test]
fn running_in_small_steps_is_the_same_as_in_one() {
    let mut steps = Lab::new(&default_scenario(), 3);
    for frame in 0..30_000 / 16 {
        steps.run_until(Instant::START + Duration::from_millis(frame * 16));
    }
    steps.run_until(seconds(30));
    let mut once = Lab::new(&default_scenario(), 3);
    once.run_until(seconds(30));
    assert_eq!(steps, once);
}

#[test]
fn scaling_changes_pods_endpoints_and_rules() {
    let mut lab = lab_at(10);
    let text = default_scenario().text().replace("replicas: 3", "replicas: 5");
    assert_eq!(lab.act(Action::Apply { text: text.clone() }).diagnostics, []);
    lab.run_until(seconds(20));
    assert_eq!(endpoints(&lab), (5, 0));
    assert_eq!(programmed(&lab, "worker-2"), 5);
    lab.act(Action::Apply { text: text.replace("replicas: 5", "replicas: 1") });
    lab.run_until(seconds(30));
    assert_eq!((web_pods(&lab).len(), endpoints(&lab)), (1, (1, 0)));
    assert_eq!(programmed(&lab, "worker-2"), 1);
}

#[test]
fn applying_the_same_text_again_changes_nothing() {
    let mut lab = lab_at(10);
    let before = lab.objects().clone();
    let reply = lab.act(Action::Apply { text: default_scenario().text() });
    assert!(reply.applied.iter().all(|it| it.change == Change::Unchanged), "{:?}", reply.applied);
    assert_eq!(*lab.objects(), before);
}

#[test]
fn a_new_image_rolls_over_without_losing_an_endpoint() {
    let mut lab = lab_at(10);
    let text = default_scenario().text().replace("kubetm/app:1.0", "kubetm/app:2.0");
    lab.act(Action::Apply { text });
    for tick in 0..200 {
        lab.run_until(seconds(10) + Duration::from_millis(tick * 100));
        assert!(endpoints(&lab).0 >= 3, "at {}: {:?}", lab.now(), endpoints(&lab));
    }
    assert_eq!(web_pods(&lab).len(), 3);
    assert_eq!(endpoints(&lab), (3, 0));
}

#[test]
fn deleting_a_deployment_takes_its_pods_along() {
    let mut lab = lab_at(10);
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Deployment, "shop", "web") });
    lab.run_until(seconds(12));
    assert_eq!(web_pods(&lab), []);
    assert_eq!(endpoints(&lab), (0, 0));
    assert_eq!(send(&mut lab).result, Answer::Refused);
}
