//! How workloads are replaced: what Deployments, StatefulSets and DaemonSets do when their
//! templates change, and what holds them up.

use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::{Action, Lab};
use svclab_core::object::{Object, Pod};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

const APP: &str = "kubetm/app:1.0";

fn workload(kind: &str, spec: &str, container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: w}}\nspec:\n  {spec}\n  \
         selector: {{matchLabels: {{app: w}}}}\n  template:\n    metadata: {{labels: {{app: w}}}}\n    \
         spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: c, image: '{APP}'{container}}}]}}\n"
    )
}

/// The default cluster's nodes with this alone, a minute later.
fn lab(text: &str) -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    lab.run_until(Instant::START + Duration::from_secs(5));
    let reply = lab.act(Action::Apply { text: text.to_owned() });
    assert_eq!(reply.diagnostics, []);
    wait(&mut lab, 55);
    lab
}

fn wait(lab: &mut Lab, seconds: u64) {
    lab.run_until(lab.now() + Duration::from_secs(seconds));
}

fn key(kind: Kind) -> ObjectKey {
    ObjectKey::new(kind, "default", "w")
}

fn patch(lab: &mut Lab, kind: Kind, body: Value) {
    let verb = Verb::Patch { how: Patch::Strategic, body, strict: true };
    let request = Request { key: key(kind), subresource: None, verb };
    lab.act(Action::Request(request)).answer.expect("an answer").expect("it is carried out");
}

fn template(container: Value) -> Value {
    let mut container = container;
    container["name"] = "c".into();
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

/// Sets a variable, which makes new pods as good as the old ones.
fn release(lab: &mut Lab, kind: Kind, name: &str) {
    patch(lab, kind, template(json!({"env": [{"name": "RELEASE", "value": name}]})));
}

/// The release of a pod's template.
fn release_of(pod: &Pod) -> &str {
    pod.spec.containers[0].env.first().map_or("old", |it| &it.value)
}

fn pods(lab: &Lab) -> impl Iterator<Item = &Pod> {
    let pods = lab.objects().in_namespace(Kind::Pod, "default").filter_map(Object::as_pod);
    pods.filter(|it| it.metadata.name.starts_with("w-"))
}

/// Each pod's name, release and what it waits for, sorted.
fn rows(lab: &Lab) -> Vec<String> {
    let row = |it: &Pod| {
        let state = match (it.is_terminating(), it.is_ready()) {
            (true, _) => "ending",
            (false, true) => "ready",
            (false, false) => "not ready",
        };
        format!("{} {} {state}", it.metadata.name, release_of(it))
    };
    let mut rows: Vec<String> = pods(lab).map(row).collect();
    rows.sort();
    rows
}

/// Pods of each release: `(name, all, ready)`.
fn counts(lab: &Lab) -> Vec<(&str, usize, usize)> {
    let mut res: Vec<(&str, usize, usize)> = Vec::new();
    for pod in pods(lab).filter(|it| !it.is_terminating()) {
        let ready = usize::from(pod.is_ready());
        match res.iter_mut().find(|it| it.0 == release_of(pod)) {
            Some(it) => *it = (it.0, it.1 + 1, it.2 + ready),
            None => res.push((release_of(pod), 1, ready)),
        }
    }
    res.sort_unstable();
    res
}

/// The least number of ready pods and the most of all until it is `seconds` later.
fn extremes(lab: &mut Lab, seconds: u64) -> (usize, usize) {
    let (mut least, mut most) = (usize::MAX, 0);
    let end = lab.now() + Duration::from_secs(seconds);
    while lab.now() < end {
        lab.run_until(lab.now() + Duration::from_millis(50));
        let alive = |it: &&Pod| !it.is_terminating();
        least = least.min(pods(lab).filter(alive).filter(|it| it.is_ready()).count());
        most = most.max(pods(lab).filter(alive).count());
    }
    (least, most)
}

fn status(lab: &Lab, kind: Kind) -> Value {
    lab.objects()[&key(kind)].to_value()["status"].clone()
}

/// Status and reason of a condition.
fn condition(lab: &Lab, name: &str) -> (String, String) {
    let status = status(lab, Kind::Deployment);
    let all = status["conditions"].as_array().into_iter().flatten();
    let of = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
    let found = all.into_iter().find(|it| it["type"] == name).expect("there is one");
    (of(found, "status"), of(found, "reason"))
}

#[test]
fn a_rolling_update_stays_between_its_bounds() {
    for (rolling, least, most) in [
        ("{maxSurge: 1, maxUnavailable: 0}", 4, 5),
        ("{maxSurge: 0, maxUnavailable: 1}", 3, 4),
        ("{maxSurge: 25%, maxUnavailable: 25%}", 3, 5),
        ("{maxSurge: 100%, maxUnavailable: 0}", 4, 8),
    ] {
        let spec = format!("replicas: 4\n  strategy: {{rollingUpdate: {rolling}}}");
        let mut lab = lab(&workload("Deployment", &spec, ""));
        release(&mut lab, Kind::Deployment, "new");
        assert_eq!(extremes(&mut lab, 60), (least, most), "{rolling}");
        assert_eq!(counts(&lab), [("new", 4, 4)]);
    }
}

#[test]
fn recreating_ends_all_before_it_begins() {
    let mut lab = lab(&workload("Deployment", "replicas: 3\n  strategy: {type: Recreate}", ""));
    release(&mut lab, Kind::Deployment, "new");
    let end = lab.now() + Duration::from_secs(30);
    while let Some(at) = lab.next_event().filter(|at| *at <= end) {
        lab.run_until(at);
        let (old, new): (Vec<&Pod>, Vec<&Pod>) = pods(&lab).partition(|it| release_of(it) == "old");
        assert!(old.is_empty() || new.is_empty(), "{:?}", rows(&lab));
    }
    assert_eq!(counts(&lab), [("new", 3, 3)]);
}

#[test]
fn a_paused_deployment_scales_and_does_not_roll() {
    let mut lab = lab(&workload("Deployment", "replicas: 2", ""));
    patch(&mut lab, Kind::Deployment, json!({"spec": {"paused": true}}));
    wait(&mut lab, 1);
    assert_eq!(condition(&lab, "Progressing"), ("Unknown".into(), "DeploymentPaused".into()));
    release(&mut lab, Kind::Deployment, "new");
    wait(&mut lab, 30);
    assert_eq!(counts(&lab), [("old", 2, 2)]);
    patch(&mut lab, Kind::Deployment, json!({"spec": {"replicas": 4}}));
    wait(&mut lab, 30);
    assert_eq!(counts(&lab), [("old", 4, 4)]);
    patch(&mut lab, Kind::Deployment, json!({"spec": {"paused": false}}));
    wait(&mut lab, 60);
    assert_eq!(counts(&lab), [("new", 4, 4)]);
    assert_eq!(condition(&lab, "Progressing").1, "NewReplicaSetAvailable");
}

#[test]
fn going_back_uses_the_old_replica_set_again() {
    let mut lab = lab(&workload("Deployment", "replicas: 2", ""));
    let sets = |lab: &Lab| -> Vec<(String, String)> {
        let sets = lab.objects().in_namespace(Kind::ReplicaSet, "default");
        let revision =
            |it: &Object| it.meta().annotations["deployment.kubernetes.io/revision"].clone();
        sets.map(|it| (it.meta().name.clone(), revision(it))).collect()
    };
    let first = sets(&lab)[0].0.clone();
    release(&mut lab, Kind::Deployment, "new");
    wait(&mut lab, 60);
    assert_eq!(sets(&lab).len(), 2);
    patch(&mut lab, Kind::Deployment, template(json!({"env": [{"$patch": "replace"}]})));
    wait(&mut lab, 60);
    assert_eq!(counts(&lab), [("old", 2, 2)]);
    let all = sets(&lab);
    assert_eq!(all.len(), 2);
    let of_first = all.iter().find(|it| it.0 == first).map(|it| it.1.as_str());
    assert_eq!(of_first, Some("3"), "the next revision: {all:?}");
}

#[test]
fn a_rollout_that_cannot_go_on_is_given_up_after_its_deadline() {
    let spec = "replicas: 2\n  progressDeadlineSeconds: 60";
    let mut lab = lab(&workload("Deployment", spec, ""));
    patch(&mut lab, Kind::Deployment, template(json!({"image": "kubetm/app:nope"})));
    wait(&mut lab, 50);
    assert_eq!(condition(&lab, "Progressing"), ("True".into(), "ReplicaSetUpdated".into()));
    wait(&mut lab, 20);
    assert_eq!(condition(&lab, "Progressing"), ("False".into(), "ProgressDeadlineExceeded".into()));
    assert_eq!(condition(&lab, "Available"), ("True".into(), "MinimumReplicasAvailable".into()));
    assert_eq!(pods(&lab).filter(|it| it.is_ready()).count(), 2, "the old ones serve on");
    patch(&mut lab, Kind::Deployment, template(json!({"image": APP})));
    wait(&mut lab, 60);
    assert_eq!(condition(&lab, "Progressing").1, "NewReplicaSetAvailable");
}

#[test]
fn a_pod_is_available_after_it_was_ready_for_a_while() {
    let mut lab = lab(&workload("Deployment", "replicas: 2\n  minReadySeconds: 20", ""));
    assert_eq!(status(&lab, Kind::Deployment)["availableReplicas"], 2);
    release(&mut lab, Kind::Deployment, "new");
    // With one pod more than wanted, each new one holds the next up for twenty seconds.
    wait(&mut lab, 15);
    assert_eq!(counts(&lab), [("new", 1, 1), ("old", 2, 2)]);
    assert_eq!(status(&lab, Kind::Deployment)["availableReplicas"], 2);
    wait(&mut lab, 20);
    assert_eq!(counts(&lab), [("new", 2, 2), ("old", 1, 1)]);
    wait(&mut lab, 30);
    assert_eq!(counts(&lab), [("new", 2, 2)]);
}

#[test]
fn a_stateful_set_goes_up_and_down_one_by_one() {
    let mut lab = lab(&workload("StatefulSet", "replicas: 3\n  serviceName: w", ""));
    assert_eq!(rows(&lab), ["w-0 old ready", "w-1 old ready", "w-2 old ready"]);
    release(&mut lab, Kind::StatefulSet, "new");
    // From the highest down, and never two at once.
    let mut order = Vec::new();
    for _ in 0..1200 {
        lab.run_until(lab.now() + Duration::from_millis(50));
        let up = pods(&lab).filter(|it| it.is_ready() && !it.is_terminating()).count();
        assert!(up >= 2, "{:?}", rows(&lab));
        for pod in pods(&lab).filter(|it| release_of(it) == "new" && it.is_ready()) {
            if !order.contains(&pod.metadata.name) {
                order.push(pod.metadata.name.clone());
            }
        }
    }
    assert_eq!(order, ["w-2", "w-1", "w-0"]);
    patch(&mut lab, Kind::StatefulSet, json!({"spec": {"replicas": 1}}));
    lab.run_until(lab.now() + Duration::from_millis(100));
    assert_eq!(rows(&lab), ["w-0 new ready", "w-1 new ready", "w-2 new ending"]);
    wait(&mut lab, 20);
    assert_eq!(rows(&lab), ["w-0 new ready"]);
}

#[test]
fn a_parallel_stateful_set_does_not_wait_to_scale_but_to_update() {
    let spec = "replicas: 3\n  serviceName: w\n  podManagementPolicy: Parallel";
    let slow = ", readinessProbe: {httpGet: {path: /ready, port: 8080}, initialDelaySeconds: 10}, \
                ports: [{containerPort: 8080}]";
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    lab.act(Action::Apply { text: workload("StatefulSet", spec, slow) });
    wait(&mut lab, 4);
    assert_eq!(rows(&lab), ["w-0 old not ready", "w-1 old not ready", "w-2 old not ready"]);
    wait(&mut lab, 60);
    release(&mut lab, Kind::StatefulSet, "new");
    wait(&mut lab, 8);
    assert_eq!(rows(&lab), ["w-0 old ready", "w-1 old ready", "w-2 new not ready"]);
    patch(&mut lab, Kind::StatefulSet, json!({"spec": {"replicas": 0}}));
    wait(&mut lab, 10);
    assert_eq!(rows(&lab), Vec::<String>::new());
}

#[test]
fn a_partition_keeps_what_is_below_it() {
    let spec = "replicas: 3\n  serviceName: w\n  updateStrategy: {rollingUpdate: {partition: 2}}";
    let mut lab = lab(&workload("StatefulSet", spec, ""));
    release(&mut lab, Kind::StatefulSet, "new");
    wait(&mut lab, 60);
    assert_eq!(rows(&lab), ["w-0 old ready", "w-1 old ready", "w-2 new ready"]);
    // One that is made again below the partition is the old one again.
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Pod, "default", "w-1") });
    wait(&mut lab, 20);
    assert_eq!(rows(&lab), ["w-0 old ready", "w-1 old ready", "w-2 new ready"]);
    let lower = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}});
    patch(&mut lab, Kind::StatefulSet, lower);
    wait(&mut lab, 60);
    assert_eq!(rows(&lab), ["w-0 new ready", "w-1 new ready", "w-2 new ready"]);
}

#[test]
fn on_delete_waits_for_somebody_to_delete() {
    for kind in ["StatefulSet", "DaemonSet"] {
        let parsed = if kind == "StatefulSet" { Kind::StatefulSet } else { Kind::DaemonSet };
        let mut lab = lab(&workload(kind, "updateStrategy: {type: OnDelete}", ""));
        release(&mut lab, parsed, "new");
        wait(&mut lab, 60);
        let all = rows(&lab);
        assert!(all.iter().all(|it| it.ends_with("old ready")), "{all:?}");
        let first = pods(&lab).next().expect("there is one").metadata.name.clone();
        lab.act(Action::Delete { key: ObjectKey::new(Kind::Pod, "default", first) });
        wait(&mut lab, 20);
        let (new, rest): (Vec<&Pod>, Vec<&Pod>) =
            pods(&lab).partition(|it| release_of(it) == "new");
        assert_eq!((new.len(), rest.len()), (1, all.len() - 1), "{kind}");
    }
}

#[test]
fn a_daemon_set_replaces_its_pods_node_by_node() {
    let mut lab = lab(&workload("DaemonSet", "minReadySeconds: 5", ""));
    let nodes = pods(&lab).count();
    assert!(nodes > 1);
    release(&mut lab, Kind::DaemonSet, "new");
    let (least, most) = extremes(&mut lab, 60);
    assert_eq!((least, most), (nodes - 1, nodes), "one node at a time, and no pod beside the old");
    assert_eq!(counts(&lab), [("new", nodes, nodes)]);
    let status = status(&lab, Kind::DaemonSet);
    for field in ["desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"] {
        assert_eq!(status[field], nodes, "{field}");
    }
}

#[test]
fn a_daemon_set_with_a_surge_starts_the_new_pod_first() {
    let spec = "updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}";
    let mut lab = lab(&workload("DaemonSet", spec, ""));
    let nodes = pods(&lab).count();
    release(&mut lab, Kind::DaemonSet, "new");
    assert_eq!(extremes(&mut lab, 60), (nodes, nodes + 1));
    assert_eq!(counts(&lab), [("new", nodes, nodes)]);
}
