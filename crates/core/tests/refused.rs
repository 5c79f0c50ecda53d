//! What controllers do where the API server refuses the pods they make: events, conditions, and
//! another try after twice as long.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::event::{Repeated, events};
use svclab_core::lab::log::Happening;
use svclab_core::lab::{Action, Lab};
use svclab_core::object::{Object, WorkloadCondition};
use svclab_core::read::Severity;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn lab(text: &str) -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    let reply = lab.act(Action::Apply { text: text.to_owned() });
    let wrong = reply.diagnostics.iter().find(|it| it.severity != Severity::Warning);
    assert_eq!(wrong, None);
    lab
}

fn seconds(n: u64) -> Instant {
    Instant::START + Duration::from_secs(n)
}

fn workload(kind: &str, name: &str, pod: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}}}, \
         spec: {{selector: {{matchLabels: {{app: a}}}}, template: {{metadata: {{labels: {{app: a}}}}, \
         spec: {{{pod} containers: [{{name: a, image: nginx}}]}}}}}}}}"
    )
}

fn class(name: &str) -> String {
    format!(
        "{{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: {name}}}, \
         value: 7}}"
    )
}

fn about(lab: &Lab, kind: Kind, reason: &str) -> Vec<Repeated> {
    let all = events(lab.log(), lab.now());
    let fits = |it: &Repeated| it.event.regarding.kind == kind && it.event.reason == reason;
    all.into_iter().filter(fits).collect()
}

fn the(lab: &Lab, kind: Kind) -> &Object {
    let own = |it: &&Object| it.meta().namespace == "default";
    lab.objects().of_kind(kind).find(own).expect("there is one")
}

fn conditions(object: &Object) -> &[WorkloadCondition] {
    match object {
        Object::ReplicaSet(it) => &it.status.conditions,
        Object::Deployment(it) => &it.status.conditions,
        other => panic!("{} has none", other.key()),
    }
}

#[track_caller]
fn condition<'a>(object: &'a Object, name: &str) -> &'a WorkloadCondition {
    conditions(object).iter().find(|it| it.r#type == name).expect("the condition is there")
}

fn pods(lab: &Lab) -> usize {
    lab.objects().of_kind(Kind::Pod).filter(|it| it.meta().namespace == "default").count()
}

#[test]
fn a_replica_set_and_its_deployment_say_that_no_pod_can_be_made() {
    let mut lab = lab(&workload("Deployment", "web", "priorityClassName: high,"));
    lab.run_until(seconds(5));
    let set = the(&lab, Kind::ReplicaSet);
    let why = format!(
        "pods \"{}-\" is forbidden: no PriorityClass with name high was found",
        set.meta().name
    );
    let failure = condition(set, "ReplicaFailure");
    assert_eq!((&*failure.status, &*failure.reason), ("True", "FailedCreate"));
    assert_eq!((&failure.message, &failure.last_update_time), (&why, &None));
    let told = condition(the(&lab, Kind::Deployment), "ReplicaFailure");
    assert_eq!((&told.message, &*told.reason), (&why, "FailedCreate"));
    assert_eq!(told.last_update_time, told.last_transition_time);
    let events = about(&lab, Kind::ReplicaSet, "FailedCreate");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.message, format!("Error creating: {why}"));
    assert!(events[0].event.warning && events[0].count > 5);
    assert_eq!(pods(&lab), 0);
}

#[test]
fn the_next_try_comes_after_twice_as_long_up_to_a_thousand_seconds() {
    let mut lab = lab(&workload("ReplicaSet", "web", "priorityClassName: high,"));
    lab.run_until(seconds(5000));
    let failed = lab.log().iter().filter(
        |it| matches!(&it.what, Happening::Recorded { reason, .. } if *reason == "FailedCreate"),
    );
    let at: Vec<u64> = failed.map(|it| it.at.as_millis()).collect();
    let gaps: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The ReplicaSet's own new condition wakes the controller once in between.
    let doubling: Vec<u64> = gaps.iter().copied().filter(|it| *it >= 40).collect();
    let expected: Vec<u64> = (3..18).map(|it| 5 << it).collect();
    assert_eq!(doubling[..expected.len()], expected);
    assert!(doubling[expected.len()..].iter().all(|it| *it == 1_000_000), "{doubling:?}");
}

#[test]
fn once_the_pods_can_be_made_the_failure_is_forgotten() {
    let mut lab = lab(&workload("Deployment", "web", "priorityClassName: high,"));
    lab.run_until(seconds(5));
    lab.act(Action::Apply { text: class("high") });
    lab.run_until(seconds(60));
    assert_eq!(pods(&lab), 1);
    let pod = the(&lab, Kind::Pod).as_pod().expect("a pod");
    assert_eq!(pod.spec.priority, Some(7));
    for kind in [Kind::ReplicaSet, Kind::Deployment] {
        let left = conditions(the(&lab, kind)).iter().any(|it| it.r#type == "ReplicaFailure");
        assert!(!left, "{kind:?}");
    }
}

#[test]
fn an_account_that_is_not_there_is_looked_up_in_vain() {
    let mut lab = lab(&workload("ReplicaSet", "web", "serviceAccountName: robot,"));
    lab.run_until(seconds(1));
    let events = about(&lab, Kind::ReplicaSet, "FailedCreate");
    let wanted = "Error creating: pods \"web-\" is forbidden: error looking up service account \
                  default/robot: serviceaccount \"robot\" not found";
    assert_eq!(events[0].event.message, wanted);
    let account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot}}";
    lab.act(Action::Apply { text: account.to_owned() });
    lab.run_until(seconds(30));
    assert_eq!(pods(&lab), 1);
}

#[test]
fn a_daemon_set_tells_of_it_too() {
    let mut lab = lab(&workload("DaemonSet", "agent", "priorityClassName: high,"));
    lab.run_until(seconds(5));
    let events = about(&lab, Kind::DaemonSet, "FailedCreate");
    let wanted = "Error creating: pods \"agent-\" is forbidden: \
                  no PriorityClass with name high was found";
    assert_eq!(events[0].event.message, wanted);
    lab.act(Action::Apply { text: class("high") });
    lab.run_until(seconds(60));
    assert_eq!(pods(&lab), 2);
}

#[test]
fn a_stateful_set_with_too_long_a_name_gets_no_pods() {
    // Its pods' label `controller-revision-hash` is the name and eleven letters more.
    let name = "a".repeat(60);
    let mut lab = lab(&workload("StatefulSet", &name, ""));
    lab.run_until(seconds(5));
    let events = about(&lab, Kind::StatefulSet, "FailedCreate");
    let begin = format!(
        "create Pod {name}-0 in StatefulSet {name} failed error: Pod \"{name}-0\" is invalid: \
         metadata.labels: Invalid value: "
    );
    assert!(events[0].event.message.starts_with(&begin), "{}", events[0].event.message);
    assert!(events[0].event.message.ends_with("must be no more than 63 characters"));
    assert!(events[0].count > 5);
}

#[test]
fn a_deployment_whose_replica_sets_name_is_too_long_says_so() {
    let label = "a".repeat(60);
    let name = format!("{label}.{label}.{label}.{label}");
    let mut lab = lab(&workload("Deployment", &name, ""));
    lab.run_until(seconds(5));
    let progress = condition(the(&lab, Kind::Deployment), "Progressing");
    assert_eq!((&*progress.status, &*progress.reason), ("False", "ReplicaSetCreateError"));
    let begin = format!("Failed to create new replica set \"{name}-");
    assert!(progress.message.starts_with(&begin), "{}", progress.message);
    assert!(progress.message.ends_with("must be no more than 253 characters"));
    lab.run_until(seconds(3000));
    let events = about(&lab, Kind::Deployment, "ReplicaSetCreateError");
    let tries = lab.log().iter().filter(
        |it| matches!(&it.what, Happening::Recorded { reason, .. } if *reason == "ReplicaSetCreateError"),
    );
    assert!(events.iter().all(|it| it.event.message == progress_of(&lab)));
    assert!((16..=18).contains(&tries.count()), "it gives up in the end");
}

fn progress_of(lab: &Lab) -> String {
    condition(the(lab, Kind::Deployment), "Progressing").message.clone()
}

#[test]
fn a_pod_with_a_class_gets_its_priority_and_may_not_name_another() {
    let pod = |spec: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, \
             spec: {{{spec}, containers: [{{name: a, image: nginx}}]}}}}"
        )
    };
    let mut lab = lab(&pod("priorityClassName: system-node-critical"));
    let stored = the(&lab, Kind::Pod).as_pod().expect("a pod");
    assert_eq!(stored.spec.priority, Some(2_000_001_000));
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Pod, "default", "p") });
    lab.run_until(seconds(60));
    let reply = lab.act(Action::Apply { text: pod("priority: 5") });
    let refused = lab.log().iter().rev().find_map(|it| match &it.what {
        Happening::Refused { message, .. } => Some(message.clone()),
        _ => None,
    });
    assert_eq!(reply.diagnostics.len(), 1);
    assert_eq!(
        refused.as_deref(),
        Some(
            "pods \"p\" is forbidden: the integer value of priority (5) must not be provided in \
             pod spec; priority admission controller computed 0 from the given PriorityClass name"
        )
    );
}

#[test]
fn a_namespace_that_is_about_to_go_is_no_failure() {
    let set = workload("ReplicaSet", "web", "").replace("name: web", "name: web, namespace: shop");
    let text = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: shop}}}}\n---\n{set}");
    let mut lab = lab(&text);
    lab.run_until(seconds(5));
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Namespace, "", "shop") });
    let key = lab.objects().of_kind(Kind::Pod).find(|it| it.meta().namespace == "shop");
    let key = key.expect("a pod").key();
    lab.act(Action::Delete { key });
    lab.run_until(seconds(60));
    assert_eq!(about(&lab, Kind::ReplicaSet, "FailedCreate"), []);
}
