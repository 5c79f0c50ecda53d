//! Requests as clients other than `kubectl apply` send them: subresources, versions, releases.

use serde_json::{Value, json};
use svclab_core::admit::{Patch, Refusal};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Response, Subresource, Verb};
use svclab_core::lab::{Action, Lab};
use svclab_core::object::Object;
use svclab_core::scenario::{Scenario, default_scenario};
use svclab_core::time::{Duration, Instant};

fn lab_of(scenario: &Scenario) -> Lab {
    let mut lab = Lab::new(scenario, 1);
    lab.run_until(Instant::START + Duration::from_secs(10));
    lab
}

fn lab() -> Lab {
    lab_of(&default_scenario())
}

/// The same cluster with another release.
fn lab_of_release(version: &str) -> Lab {
    let mut scenario = default_scenario();
    scenario.cluster.version = version.parse().expect("a release");
    lab_of(&scenario)
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "shop", name)
}

fn web(kind: Kind) -> ObjectKey {
    key(kind, "web")
}

fn request(
    lab: &mut Lab,
    key: ObjectKey,
    subresource: Option<Subresource>,
    verb: Verb,
) -> Result<Response, Refusal> {
    lab.act(Action::Request(Request { key, subresource, verb })).answer.expect("an answer")
}

fn patch(how: Patch, body: Value) -> Verb {
    Verb::Patch { how, body, strict: false }
}

/// The message of a refusal, or the number of replicas that the Deployment then wants.
fn scaled(lab: &mut Lab, verb: Verb) -> Result<Value, String> {
    let answer = request(lab, web(Kind::Deployment), Some(Subresource::Scale), verb);
    answer.map(|it| it.object.to_value()["spec"]["replicas"].clone()).map_err(|it| it.message)
}

fn a_pod(lab: &Lab) -> ObjectKey {
    let pods = lab.objects().in_namespace(Kind::Pod, "shop").filter_map(Object::as_pod);
    let mut running =
        pods.filter(|it| it.metadata.name.starts_with("web-") && !it.is_terminating());
    running.next().map(|it| key(Kind::Pod, &it.metadata.name)).expect("a pod runs")
}

#[test]
fn a_deployment_is_scaled_by_any_kind_of_patch_and_by_a_whole_scale() {
    let mut lab = lab();
    let replicas = |number: i32| json!({"spec": {"replicas": number}});
    let operations = json!([{"op": "replace", "path": "/spec/replicas", "value": 4}]);
    assert_eq!(scaled(&mut lab, patch(Patch::Merge, replicas(5))), Ok(json!(5)));
    assert_eq!(scaled(&mut lab, patch(Patch::Json, operations)), Ok(json!(4)));
    assert_eq!(scaled(&mut lab, Verb::Replace(replicas(2))), Ok(json!(2)));
    assert_eq!(
        scaled(&mut lab, patch(Patch::Merge, replicas(-1))).unwrap_err(),
        "Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater \
         than or equal to 0"
    );
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}});
    assert_eq!(
        scaled(&mut lab, Verb::Replace(stale)).unwrap_err(),
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; \
         please apply your changes to the latest version and try again"
    );
}

#[test]
fn an_evicted_pod_gets_its_grace_and_a_second_eviction_is_no_error() {
    let mut lab = lab();
    let pod = a_pod(&lab);
    let body = json!({"metadata": {"name": pod.name}});
    for _ in 0..2 {
        let verb = Verb::Create(body.clone());
        let answer = request(&mut lab, pod.clone(), Some(Subresource::Eviction), verb);
        let response = answer.expect("nothing holds it up");
        assert_eq!(response.code, 201);
        assert_eq!(response.object.meta().deletion_grace_period_seconds, Some(30));
        let conditions = &response.object.as_pod().expect("a pod").status.conditions;
        let why = conditions.iter().filter(|it| it.r#type == "DisruptionTarget");
        let why: Vec<(&str, &str)> = why.map(|it| (&*it.reason, &*it.message)).collect();
        assert_eq!(why, [("EvictionByEvictionAPI", "Eviction API: evicting")]);
    }
    lab.run_until(lab.now() + Duration::from_secs(40));
    assert!(lab.objects().get(&pod).is_none());
    let verb = Verb::Create(body);
    let answer = request(&mut lab, pod.clone(), Some(Subresource::Eviction), verb);
    assert_eq!(answer.unwrap_err().message, format!("pods \"{}\" not found", pod.name));
}

#[test]
fn only_the_object_that_is_meant_is_deleted() {
    let mut lab = lab();
    let uid = lab.objects()[&web(Kind::Deployment)].meta().uid.to_string();
    let mut delete = |preconditions: Value| {
        let options = serde_json::from_value(json!({ "preconditions": preconditions }));
        let verb = Verb::Delete(options.expect("DeleteOptions"));
        request(&mut lab, web(Kind::Deployment), None, verb).map_err(|it| {
            assert_eq!((it.status, it.reason.as_str()), (409, "Conflict"));
            it.message.replace(&uid, "UID")
        })
    };
    assert_eq!(
        delete(json!({"uid": "other"})).unwrap_err(),
        "Operation cannot be fulfilled on Deployment.apps \"web\": the UID in the precondition \
         (other) does not match the UID in record (UID). The object might have been deleted and \
         then recreated"
    );
    let message = delete(json!({"uid": uid, "resourceVersion": "1"})).unwrap_err();
    let (start, end) = message.split_once("in record (").expect("both versions");
    assert_eq!(
        start,
        "Operation cannot be fulfilled on Deployment.apps \"web\": the ResourceVersion in the \
         precondition (1) does not match the ResourceVersion "
    );
    assert!(end.ends_with("). The object might have been modified"), "{end}");
    assert_eq!(delete(json!({"uid": uid})).map(|it| it.code), Ok(200));
}

/// `checkName` of the request handlers: an update cannot name another object.
#[test]
fn an_update_is_of_the_object_that_its_url_names() {
    let mut lab = lab();
    let mut refused = |verb| {
        let refusal = request(&mut lab, web(Kind::Service), None, verb).unwrap_err();
        assert_eq!((refusal.status, refusal.reason.as_str()), (400, "BadRequest"));
        refusal.message
    };
    let named = |meta: Value| patch(Patch::Merge, json!({"metadata": meta}));
    let other = "the name of the object (other) does not match the name on the URL (web)";
    assert_eq!(refused(named(json!({"name": "other"}))), other);
    let place =
        "the namespace of the provided object does not match the namespace sent on the request";
    assert_eq!(refused(named(json!({"namespace": "default"}))), place);
    let nameless =
        "the name of the object (web based on URL) was undeterminable: name must be provided";
    assert_eq!(refused(named(json!({"name": null}))), nameless);
    let body = json!({"metadata": {"name": "other"}, "spec": {"ports": [{"port": 80}]}});
    assert_eq!(refused(Verb::Replace(body)), other);
}

/// A dry run allocates nothing: node ports count on from the greatest that it was given, or from
/// the end of the range, and nobody asks whether an address is free.
#[test]
fn a_dry_run_shows_numbers_that_are_nobodys() {
    let lab = lab();
    let run = |spec: Value| {
        let meta = json!({"name": "new", "namespace": "shop"});
        let body = json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec});
        let verb = Verb::Create(body);
        let request = Request { key: key(Kind::Service, "new"), subresource: None, verb };
        let spec = lab.dry_run(request).expect("it is accepted").object.to_value()["spec"].take();
        let ports = spec["ports"].as_array().expect("ports").iter();
        let ports: Vec<Value> = ports.map(|it| it["nodePort"].clone()).collect();
        (spec["clusterIP"].clone(), ports)
    };
    let port = |name: &str, port: i32, node_port: Option<i32>| json!({"name": name, "port": port, "nodePort": node_port});
    let new = json!({"type": "NodePort", "ports": [port("a", 80, None), port("b", 81, None)]});
    assert_eq!(run(new), (json!("10.96.0.0"), vec![json!(32769), json!(32770)]));
    let ports = [port("a", 80, Some(30500)), port("b", 81, None)];
    let given = json!({"type": "NodePort", "clusterIP": "10.96.0.1", "ports": ports});
    assert_eq!(run(given), (json!("10.96.0.1"), vec![json!(30500), json!(30501)]));
}

#[test]
fn a_dry_run_answers_and_changes_nothing() {
    let lab = lab();
    let before = lab.clone();
    let run = |key, subresource, verb| lab.dry_run(Request { key, subresource, verb });
    let new =
        json!({"metadata": {"name": "new"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}});
    let created = run(key(Kind::Service, "new"), None, Verb::Create(new)).expect("admitted");
    let spec = created.object.to_value()["spec"].clone();
    assert_eq!((created.code, spec["clusterIP"].is_string()), (201, true));
    let again = lab.objects()[&web(Kind::Service)].to_value();
    let refused = run(web(Kind::Service), None, Verb::Create(again)).unwrap_err();
    assert_eq!(refused.status, 409, "{}", refused.message);
    let scale = patch(Patch::Merge, json!({"spec": {"replicas": 9}}));
    let scaled = run(web(Kind::Deployment), Some(Subresource::Scale), scale).expect("admitted");
    assert_eq!(scaled.object.to_value()["spec"]["replicas"], 9);
    let eviction = Verb::Create(json!({}));
    let evicted = run(a_pod(&lab), Some(Subresource::Eviction), eviction).expect("it is there");
    assert_eq!((evicted.code, evicted.object.meta().deletion_timestamp.clone()), (201, None));
    let delete = || Verb::Delete(Default::default());
    assert_eq!(run(web(Kind::Service), None, delete()).map(|it| it.code), Ok(200));
    assert_eq!(run(web(Kind::Pod), None, delete()).map_err(|it| it.status), Err(404));
    assert_eq!(lab, before);
}

#[test]
fn a_bound_pod_is_not_bound_again() {
    let mut lab = lab();
    let pod = a_pod(&lab);
    let body = json!({"target": {"kind": "Node", "name": "worker-1"}});
    let answer = request(&mut lab, pod, Some(Subresource::Binding), Verb::Create(body));
    let refusal = answer.unwrap_err();
    assert_eq!((refusal.status, refusal.reason.as_str()), (409, "Conflict"));
    assert!(refusal.message.contains("is already assigned to node"), "{}", refusal.message);
}

/// A Deployment's annotations count as a change of it, but not where they come with its status.
#[test]
fn a_status_leaves_the_generation_alone() {
    let mut lab = lab();
    let generation =
        |lab: &Lab| lab.objects().get(&web(Kind::Deployment)).map(|it| it.meta().generation);
    let before = generation(&lab);
    let body = json!({"metadata": {"annotations": {"a": "b"}}});
    let status = Some(Subresource::Status);
    let verb = patch(Patch::Merge, body.clone());
    let answer = request(&mut lab, web(Kind::Deployment), status, verb).expect("carried out");
    assert_eq!(answer.object.meta().annotations.get("a").map(String::as_str), Some("b"));
    assert_eq!(generation(&lab), before);
    let body = json!({"metadata": {"annotations": {"a": "c"}}});
    request(&mut lab, web(Kind::Deployment), None, patch(Patch::Merge, body)).expect("carried out");
    assert_eq!(generation(&lab), before.map(|it| it + 1));
}

#[test]
fn who_has_read_an_older_version_is_refused() {
    let mut lab = lab();
    let stale = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}});
    for how in [Patch::Merge, Patch::Strategic] {
        let answer = request(&mut lab, web(Kind::Service), None, patch(how, stale.clone()));
        assert_eq!(answer.unwrap_err().status, 409);
    }
    let mut whole = lab.objects().get(&web(Kind::Service)).expect("it is there").to_value();
    whole["metadata"]["resourceVersion"] = "1".into();
    let answer = request(&mut lab, web(Kind::Service), None, Verb::Replace(whole));
    assert_eq!(
        answer.unwrap_err().message,
        "Operation cannot be fulfilled on services \"web\": the object has been modified; please \
         apply your changes to the latest version and try again"
    );
}

#[test]
fn endpoints_are_deprecated_from_1_33_on() {
    let warning = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
    for (version, expected) in [("1.32", &[][..]), ("1.33", &[warning][..])] {
        let mut lab = lab_of_release(version);
        let labels = json!({"metadata": {"labels": {"a": "b"}}});
        let verb = patch(Patch::Merge, labels);
        let answer = request(&mut lab, web(Kind::Endpoints), None, verb).expect("carried out");
        assert_eq!(answer.warnings, expected, "{version}");
        let missing = key(Kind::Endpoints, "nobody");
        let refusal = request(&mut lab, missing, None, patch(Patch::Merge, json!({})));
        assert_eq!(refusal.unwrap_err().warnings, expected, "{version}");
        let label = "endpoints.kubernetes.io/managed-by";
        let meta = lab.objects().get(&web(Kind::Endpoints)).map(Object::meta);
        let label = meta.and_then(|it| it.labels.get(label)).map(String::as_str);
        assert_eq!(label, (version != "1.32").then_some("endpoint-controller"));
    }
}

#[test]
fn from_1_34_on_an_endpoint_can_be_meant_for_its_node() {
    let mut lab = lab_of_release("1.34");
    let body = json!({"spec": {"trafficDistribution": "PreferSameNode"}});
    request(&mut lab, web(Kind::Service), None, patch(Patch::Merge, body)).expect("carried out");
    lab.run_until(lab.now() + Duration::from_secs(1));
    let slices = lab.objects().in_namespace(Kind::EndpointSlice, "shop");
    let slices = slices.filter_map(Object::as_endpoint_slice);
    let web = slices.filter(|it| it.service_name() == Some("web"));
    let endpoints: Vec<_> = web.flat_map(|it| &it.endpoints).collect();
    assert_eq!(endpoints.len(), 3);
    for endpoint in endpoints {
        let hints = endpoint.hints.as_ref().expect("it is ready");
        let nodes: Vec<_> = hints.for_nodes.iter().map(|it| &it.name).collect();
        assert_eq!(nodes, endpoint.node_name.iter().collect::<Vec<_>>());
    }
}

/// What the server has against a workload with this spec beside a right selector and template.
#[track_caller]
fn check_refused(kind: Kind, spec: Value, expected: &[&str]) {
    let mut body = json!({
        "metadata": {"name": "odd"},
        "spec": {
            "selector": {"matchLabels": {"app": "odd"}},
            "template": {
                "metadata": {"labels": {"app": "odd"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    });
    for (name, value) in spec.as_object().expect("fields") {
        body["spec"][name] = value.clone();
    }
    let answer = request(&mut lab(), key(kind, "odd"), None, Verb::Create(body));
    let causes = answer.expect_err("it is refused").causes;
    let texts: Vec<String> =
        causes.iter().map(|it| format!("{}: {}", it.field, it.message)).collect();
    assert_eq!(texts, expected);
}

/// `ValidateDaemonSetUpdateStrategy`, `ValidateDeploymentStrategy`, `ValidateStatefulSetSpec`.
#[test]
fn an_update_strategy_is_one_the_kind_has() {
    let rolling = |fields: Value| json!({"updateStrategy": {"rollingUpdate": fields}});
    check_refused(
        Kind::DaemonSet,
        rolling(json!({"maxSurge": 1})),
        &["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: \
           intstr.IntOrString{Type:0, IntVal:1, StrVal:\"\"}: may not be set when maxUnavailable is \
           non-zero"],
    );
    check_refused(
        Kind::DaemonSet,
        rolling(json!({"maxUnavailable": 0})),
        &["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when \
           maxSurge is 0"],
    );
    check_refused(
        Kind::DaemonSet,
        json!({"updateStrategy": {"type": "Recreate"}}),
        &[
            "spec.updateStrategy: Unsupported value: apps.DaemonSetUpdateStrategy{Type:\"Recreate\", \
           RollingUpdate:(*apps.RollingUpdateDaemonSet)(nil)}: supported values: \
           \"RollingUpdate\", \"OnDelete\"",
        ],
    );
    check_refused(
        Kind::Deployment,
        json!({"strategy": {"type": "Rolling"}}),
        &["spec.strategy: Unsupported value: apps.DeploymentStrategy{Type:\"Rolling\", \
           RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}: supported values: \"Recreate\", \
           \"RollingUpdate\""],
    );
    check_refused(
        Kind::StatefulSet,
        json!({"podManagementPolicy": "Ordered", "ordinals": {"start": -1}}),
        &[
            "spec.podManagementPolicy: Invalid value: \"Ordered\": must be 'OrderedReady' or \
             'Parallel'",
            "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
}

#[test]
fn a_daemon_set_without_a_selector_is_told_of_its_labels_alone() {
    check_refused(
        Kind::DaemonSet,
        json!({"selector": null}),
        &["spec.template.metadata.labels: Invalid value: map[string]string{\"app\":\"odd\"}: \
           `selector` does not match template `labels`"],
    );
}
