//! Nodes over time: failing, coming back, cordoned, removed, made by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::log::Happening;
use svclab_core::lab::{Action, DrainOptions, Drained, Lab, Sending};
use svclab_core::object::{Object, Pod};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Loss, Verdict};
use svclab_netfilter::Family;

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(at(20));
    lab
}

fn node(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::Node, "", name)
}

fn request(lab: &mut Lab, key: ObjectKey, verb: Verb) {
    let request = Request { key, subresource: None, verb };
    lab.act(Action::Request(request)).answer.expect("an answer").expect("it is carried out");
}

fn patch(lab: &mut Lab, key: ObjectKey, body: Value) {
    request(lab, key, Verb::Patch { how: Patch::Strategic, body, strict: false });
}

fn switch(lab: &mut Lab, name: &str, up: bool) {
    lab.act(Action::SwitchMachine { node: name.into(), up });
}

fn pods<'a>(lab: &'a Lab, namespace: &'a str) -> impl Iterator<Item = &'a Pod> {
    lab.objects().in_namespace(Kind::Pod, namespace).filter_map(Object::as_pod)
}

fn taints(lab: &Lab, name: &str) -> String {
    let node = lab.objects().get(&node(name)).and_then(Object::as_node);
    let taints = node.into_iter().flat_map(|it| &it.spec.taints);
    let texts: Vec<String> = taints.map(|it| format!("{}:{}", it.key, it.effect)).collect();
    texts.join(" ").replace("node.kubernetes.io/", "")
}

/// What is seen of one node: `Ready`, taints, its pods of the shop as ready and terminating, and
/// how many endpoints the Service `web` has.
fn row(lab: &Lab, name: &str) -> String {
    let object = lab.objects().get(&node(name)).and_then(Object::as_node);
    let conditions = object.into_iter().flat_map(|it| &it.status.conditions);
    let ready = conditions.filter(|it| it.r#type == "Ready").map(|it| it.status.as_str());
    let there: Vec<&Pod> = pods(lab, "shop").filter(|it| it.spec.node_name == name).collect();
    let count = |of: fn(&Pod) -> bool| there.iter().filter(|it| of(it)).count();
    let (is_ready, ending) = (count(Pod::is_ready), count(Pod::is_terminating));
    let key = ObjectKey::new(Kind::Endpoints, "shop", "web");
    let subsets = lab.objects().get(&key).and_then(Object::as_endpoints).map(|it| &it.subsets);
    let endpoints: usize = subsets.into_iter().flatten().map(|it| it.addresses.len()).sum();
    format!(
        "{}: Ready {}, pods {} ({is_ready} ready, {ending} ending), endpoints {endpoints}, [{}]",
        lab.now(),
        ready.collect::<String>(),
        there.len(),
        taints(lab, name),
    )
}

/// One row for each moment, in seconds.
#[track_caller]
fn check(lab: &mut Lab, name: &str, moments: &[u64], expected: &Expect) {
    let mut text = String::new();
    for &moment in moments {
        lab.run_until(at(moment));
        writeln!(text, "{}", row(lab, name)).expect("a text");
    }
    expected.assert_eq(&text);
}

/// Events about the object, in order.
fn events(lab: &Lab, about: &ObjectKey) -> Vec<String> {
    let events = lab.log().iter().filter_map(|it| match &it.what {
        Happening::Recorded { key, by, reason, message, .. } if key == about => {
            Some(format!("{} {reason}: {message}", by.name()))
        }
        _ => None,
    });
    events.collect()
}

#[test]
fn a_machine_that_fails_is_missed_after_its_lease_and_its_pods_leave_after_their_tolerations() {
    let mut lab = lab();
    switch(&mut lab, "worker-1", false);
    check(
        &mut lab,
        "worker-1",
        &[69, 71, 369, 375, 400],
        &expect![[r#"
            01:09.000: Ready True, pods 2 (2 ready, 0 ending), endpoints 3, []
            01:11.000: Ready Unknown, pods 2 (0 ready, 0 ending), endpoints 2, [unreachable:NoSchedule unreachable:NoExecute]
            06:09.000: Ready Unknown, pods 2 (0 ready, 0 ending), endpoints 2, [unreachable:NoSchedule unreachable:NoExecute]
            06:15.000: Ready Unknown, pods 2 (0 ready, 2 ending), endpoints 3, [unreachable:NoSchedule unreachable:NoExecute]
            06:40.000: Ready Unknown, pods 2 (0 ready, 2 ending), endpoints 3, [unreachable:NoSchedule unreachable:NoExecute]
        "#]],
    );
    switch(&mut lab, "worker-1", true);
    check(
        &mut lab,
        "worker-1",
        &[404, 406, 420],
        &expect![[r#"
        06:44.000: Ready Unknown, pods 2 (0 ready, 2 ending), endpoints 3, [unreachable:NoSchedule unreachable:NoExecute]
        06:46.000: Ready True, pods 0 (0 ready, 0 ending), endpoints 3, []
        07:00.000: Ready True, pods 0 (0 ready, 0 ending), endpoints 3, []
    "#]],
    );
}

#[test]
fn a_reboot_within_the_grace_period_is_seen_by_its_pods_alone() {
    let mut lab = lab();
    switch(&mut lab, "worker-1", false);
    lab.run_until(at(30));
    switch(&mut lab, "worker-1", true);
    check(
        &mut lab,
        "worker-1",
        &[34, 40, 100, 400],
        &expect![[r#"
        00:34.000: Ready True, pods 2 (2 ready, 0 ending), endpoints 3, []
        00:40.000: Ready True, pods 2 (2 ready, 0 ending), endpoints 3, []
        01:40.000: Ready True, pods 2 (2 ready, 0 ending), endpoints 3, []
        06:40.000: Ready True, pods 2 (2 ready, 0 ending), endpoints 3, []
    "#]],
    );
    let ranges = BTreeMap::from([("worker-1", "10.244.1.0/24"), ("worker-2", "10.244.2.0/24")]);
    let rules = |name| {
        let saved = lab.rules(name).expect("a node").rules.save(Family::V4);
        saved.lines().map(|it| it.replace(ranges[name], "PODS")).collect::<BTreeSet<String>>()
    };
    assert_eq!(rules("worker-1"), rules("worker-2"));
}

#[test]
fn a_cordoned_node_gets_no_new_pods_and_keeps_those_it_has() {
    let mut lab = lab();
    patch(&mut lab, node("worker-1"), json!({"spec": {"unschedulable": true}}));
    lab.act(Action::Apply {
        text: default_scenario().text().replace("replicas: 3", "replicas: 6"),
    });
    check(
        &mut lab,
        "worker-1",
        &[25],
        &expect![[r#"
        00:25.000: Ready True, pods 2 (2 ready, 0 ending), endpoints 6, [unschedulable:NoSchedule]
    "#]],
    );
    check(
        &mut lab,
        "worker-2",
        &[25],
        &expect![[r#"
        00:25.000: Ready True, pods 5 (5 ready, 0 ending), endpoints 6, []
    "#]],
    );
    patch(&mut lab, node("worker-1"), json!({"spec": {"unschedulable": null}}));
    lab.run_until(at(30));
    assert_eq!(taints(&lab, "worker-1"), "");
    expect![[r#"
        [
            "node-controller RegisteredNode: Node worker-1 event: Registered Node worker-1 in Controller",
            "kubelet NodeNotSchedulable: Node worker-1 status is now: NodeNotSchedulable",
            "kubelet NodeSchedulable: Node worker-1 status is now: NodeSchedulable",
        ]"#]].assert_eq(&format!("{:#?}", events(&lab, &node("worker-1"))));
}

#[test]
fn pods_that_found_no_node_are_tried_again_when_one_opens() {
    let mut lab = lab();
    for name in ["worker-1", "worker-2"] {
        patch(&mut lab, node(name), json!({"spec": {"unschedulable": true}}));
    }
    lab.act(Action::Apply {
        text: default_scenario().text().replace("replicas: 3", "replicas: 4"),
    });
    lab.run_until(at(25));
    let waiting: Vec<&Pod> = pods(&lab, "shop").filter(|it| it.spec.node_name.is_empty()).collect();
    let [pod] = waiting[..] else { panic!("one pod waits") };
    assert_eq!(pod.status.phase, "Pending");
    let condition = pod.condition("PodScheduled").expect("it was tried");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "Unschedulable"));
    assert_eq!(
        condition.message,
        "0/3 nodes are available: 1 node(s) had untolerated taint \
         {node-role.kubernetes.io/control-plane: }, 2 node(s) were unschedulable. preemption: 0/3 \
         nodes are available: 3 Preemption is not helpful for scheduling."
    );
    let tries = lab.log().iter().filter(|it| matches!(it.what, Happening::Unschedulable { .. }));
    assert_eq!(tries.count(), 1, "nothing has changed since");
    patch(&mut lab, node("worker-2"), json!({"spec": {"unschedulable": null}}));
    lab.run_until(at(30));
    assert!(pods(&lab, "shop").all(Pod::is_ready));
}

#[test]
fn pods_that_wait_for_room_are_tried_when_another_goes() {
    let mut lab = lab();
    let pod = |name: &str| {
        let requests = json!({"requests": {"cpu": "3"}});
        let container = json!({"name": "a", "image": "nginx", "resources": requests});
        let meta = json!({"name": name, "namespace": "shop"});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}})
    };
    let key = |name: &str| ObjectKey::new(Kind::Pod, "shop", name);
    for name in ["a", "b", "c"] {
        request(&mut lab, key(name), Verb::Create(pod(name)));
    }
    lab.run_until(at(30));
    let on = |lab: &Lab, name: &str| {
        let pod = lab.objects().get(&key(name)).and_then(Object::as_pod);
        pod.map_or("none".to_owned(), |it| it.spec.node_name.clone())
    };
    assert_eq!([on(&lab, "a"), on(&lab, "b"), on(&lab, "c")], ["worker-1", "worker-2", ""]);
    lab.act(Action::Delete { key: key("b") });
    lab.run_until(at(70));
    assert_eq!([on(&lab, "a"), on(&lab, "b"), on(&lab, "c")], ["worker-1", "none", "worker-2"]);
}

#[test]
fn the_pods_of_a_removed_node_are_collected() {
    let mut lab = lab();
    lab.run_until(at(25));
    lab.act(Action::Delete { key: node("worker-1") });
    // The collector looks every 20 s and waits 40 s from then on; another pod takes a second.
    check(
        &mut lab,
        "worker-1",
        &[26, 79, 83],
        &expect![[r#"
            00:26.000: Ready , pods 2 (2 ready, 0 ending), endpoints 3, []
            01:19.000: Ready , pods 2 (2 ready, 0 ending), endpoints 3, []
            01:23.000: Ready , pods 0 (0 ready, 0 ending), endpoints 3, []
        "#]],
    );
    assert!(!lab.objects().contains_key(&node("worker-1")), "its kubelet does not register again");
    switch(&mut lab, "worker-1", false);
    switch(&mut lab, "worker-1", true);
    check(
        &mut lab,
        "worker-1",
        &[90],
        &expect![[r#"
        01:30.000: Ready True, pods 0 (0 ready, 0 ending), endpoints 3, []
    "#]],
    );
}

#[test]
fn a_node_made_by_hand_has_nobody_behind_it() {
    let mut lab = lab();
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-9"}});
    request(&mut lab, node("worker-9"), Verb::Create(body));
    check(
        &mut lab,
        "worker-9",
        &[21, 79, 81],
        &expect![[r#"
        00:21.000: Ready , pods 0 (0 ready, 0 ending), endpoints 3, []
        01:19.000: Ready , pods 0 (0 ready, 0 ending), endpoints 3, []
        01:21.000: Ready Unknown, pods 0 (0 ready, 0 ending), endpoints 3, [unreachable:NoSchedule unreachable:NoExecute]
    "#]],
    );
    let object = lab.objects()[&node("worker-9")].as_node().expect("a Node");
    assert_eq!(object.spec.pod_cidrs, ["10.244.3.0/24"]);
    let reasons: Vec<&str> = object.status.conditions.iter().map(|it| &*it.reason).collect();
    assert_eq!(reasons, ["NodeStatusNeverUpdated"; 4]);
}

#[test]
fn packets_to_a_machine_that_is_down_are_lost_there() {
    let mut lab = lab();
    let client = pods(&lab, "shop").find(|it| it.metadata.name == "client").expect("a client");
    let home = client.spec.node_name.clone();
    let other = ["worker-1", "worker-2"].into_iter().find(|it| *it != home).expect("two workers");
    let send = |lab: &mut Lab| {
        let from = ObjectKey::new(Kind::Pod, "shop", "client");
        let service = ObjectKey::new(Kind::Service, "shop", "web");
        let action = Action::Send(Sending::http(from, service, 80, "/"));
        lab.act(action).exchange.expect("the client runs").packets[0].verdict
    };
    // Its neighbours know its MAC address.
    let warm: Vec<Verdict> = (0..10).map(|_| send(&mut lab)).collect();
    assert_eq!(warm, [Verdict::Delivered; 10]);
    switch(&mut lab, other, false);
    // The rules still lead there: nobody has missed the machine yet.
    let verdicts: Vec<Verdict> = (0..30).map(|_| send(&mut lab)).collect();
    assert!(verdicts.contains(&Verdict::Lost(Loss::MachineDown)), "{verdicts:?}");
    assert!(verdicts.contains(&Verdict::Delivered), "{verdicts:?}");
}

/// Each container's restart count and how its last run ended.
fn ends(lab: &Lab, node: &str) -> Vec<(i32, Option<(i32, String)>)> {
    let there = pods(lab, "shop").filter(|it| it.spec.node_name == node);
    let containers = there.flat_map(|it| &it.status.container_statuses);
    let end = |it: &svclab_core::object::ContainerStatus| {
        let last = it.last_state.terminated.as_ref();
        (it.restart_count, last.map(|it| (it.exit_code, it.reason.to_string())))
    };
    containers.map(end).collect()
}

#[test]
fn a_reboot_restarts_every_container_of_the_machine() {
    let mut lab = lab();
    assert_eq!(ends(&lab, "worker-1"), [(0, None), (0, None)]);
    switch(&mut lab, "worker-1", false);
    lab.run_until(at(30));
    assert_eq!(ends(&lab, "worker-1"), [(0, None), (0, None)], "nobody has told yet");
    switch(&mut lab, "worker-1", true);
    lab.run_until(at(60));
    let unknown = || (1, Some((255, "Unknown".to_owned())));
    assert_eq!(ends(&lab, "worker-1"), [unknown(), unknown()]);
    assert_eq!(ends(&lab, "worker-2").iter().map(|it| it.0).sum::<i32>(), 0);
    let reboots = events(&lab, &node("worker-1"));
    assert!(reboots.iter().any(|it| it.starts_with("kubelet Rebooted: Node worker-1 has been")));
}

fn drain(lab: &mut Lab, name: &str, options: Value) -> Drained {
    let options = serde_json::from_value(options).expect("options");
    let reply = lab.act(Action::Drain { node: name.into(), options });
    reply.drain.expect("the node is there")
}

const DAEMONS_AND_A_BARE_POD: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop}
spec: {nodeName: worker-1, containers: [{name: bare, image: nginx}]}
";

/// The pods of a node by what they are called without their random parts.
fn there(lab: &Lab, name: &str) -> Vec<String> {
    let there = pods(lab, "shop").filter(|it| it.spec.node_name == name);
    let short = |it: &Pod| it.metadata.name.split('-').next().unwrap_or_default().to_owned();
    there.map(short).collect()
}

#[test]
fn a_drain_refuses_first_then_moves_what_is_made_again_and_leaves_daemons() {
    let mut lab = lab();
    lab.act(Action::Apply { text: DAEMONS_AND_A_BARE_POD.into() });
    lab.run_until(at(30));
    assert_eq!(there(&lab, "worker-1"), ["agent", "bare", "client", "web"]);
    let refused = drain(&mut lab, "worker-1", json!({}));
    assert!(refused.cordoned && refused.evicted.is_empty());
    let starts = [
        "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): shop/agent-",
        "cannot delete Pods that declare no controller (use --force to override): shop/bare, shop/client",
    ];
    assert_eq!(refused.errors.len(), starts.len());
    for (error, start) in refused.errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}");
    }
    let options = json!({"ignoreDaemonsets": true, "force": true});
    let drained = drain(&mut lab, "worker-1", options);
    assert!(!drained.cordoned, "it was");
    assert_eq!((drained.errors.len(), drained.evicted.len()), (0, 3));
    check(
        &mut lab,
        "worker-1",
        &[31, 70],
        &expect![[r#"
        00:31.000: Ready True, pods 2 (2 ready, 1 ending), endpoints 2, [unschedulable:NoSchedule]
        01:10.000: Ready True, pods 1 (1 ready, 0 ending), endpoints 3, [unschedulable:NoSchedule]
    "#]],
    );
    assert_eq!(there(&lab, "worker-1"), ["agent"]);
    assert_eq!(there(&lab, "worker-2"), ["agent", "web", "web", "web"]);
    patch(&mut lab, node("worker-1"), json!({"spec": {"unschedulable": null}}));
    lab.run_until(at(100));
    assert_eq!(there(&lab, "worker-1"), ["agent"], "nothing comes back by itself");
}

#[test]
fn a_node_that_is_not_there_cannot_be_drained() {
    let mut lab = lab();
    let action = Action::Drain { node: "worker-9".into(), options: DrainOptions::default() };
    let answer = lab.act(action).answer.expect("an answer").expect_err("a refusal");
    assert_eq!(answer.message, "nodes \"worker-9\" not found");
}
