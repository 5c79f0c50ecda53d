//! What an API server does with the manifests of a Services course: create, apply again, change.
//!
//! The numbers are those of the specification's test vectors. Those of pods' lives are in
//! `pods.rs`, those of Endpoints and slices in `members.rs`, the crash loop is kubelet's own test.

use serde_json::{Value, json};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::{Action, Lab};
use svclab_core::read::Severity;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(Instant::START + Duration::from_secs(10));
    lab
}

fn manifest(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: demo\nspec: {spec}\n")
}

fn key() -> ObjectKey {
    ObjectKey::new(Kind::Service, "default", "demo")
}

fn stored(lab: &Lab) -> Value {
    lab.objects().get(&key()).expect("the Service is stored").to_value()
}

/// `kubectl apply`; gives the errors.
fn apply(lab: &mut Lab, spec: &str) -> Vec<String> {
    let reply = lab.act(Action::Apply { text: manifest(spec) });
    let errors = reply.diagnostics.into_iter().filter(|it| it.severity == Severity::Error);
    errors.map(|it| it.problem.to_string()).collect()
}

#[track_caller]
fn applied(lab: &mut Lab, spec: &str) -> Value {
    assert_eq!(apply(lab, spec), Vec::<String>::new());
    stored(lab)
}

/// POST; gives the message of the refusal.
fn create(lab: &mut Lab, spec: Value) -> Result<(), String> {
    let body = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "demo"}, "spec": spec});
    let request = Request { key: key(), subresource: None, verb: Verb::Create(body) };
    let answer = lab.act(Action::Request(request)).answer.expect("the server answers");
    answer.map(|_| ()).map_err(|refusal| refusal.message)
}

/// Vector 1.
#[test]
fn allocation_comes_before_validation() {
    let ports = json!([{"port": 80, "nodePort": 20}, {"port": 443}]);
    let refused = create(&mut lab(), json!({"type": "NodePort", "ports": ports}));
    assert_eq!(
        refused.unwrap_err(),
        "Service \"demo\" is invalid: spec.ports[0].nodePort: Invalid value: 20: provided port is \
         not in the valid range. The range of valid ports is 30000-32767"
    );
}

/// Vector 2.
#[test]
fn the_same_manifest_twice_is_heard_of_by_its_node_port_first() {
    let mut lab = lab();
    let fixed = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]});
    assert_eq!(create(&mut lab, fixed.clone()), Ok(()));
    assert_eq!(
        create(&mut lab, fixed).unwrap_err(),
        "Service \"demo\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port \
         is already allocated"
    );
    let drawn = json!({"type": "NodePort", "ports": [{"port": 80}]});
    assert_eq!(create(&mut lab, drawn).unwrap_err(), "services \"demo\" already exists");
}

/// Vector 3.
#[test]
fn entries_of_one_port_number_share_a_node_port() {
    let mut lab = lab();
    let port = |name: &str, protocol: &str| json!({"name": name, "port": 53, "protocol": protocol});
    let ports = json!([port("dns", "UDP"), port("dns-tcp", "TCP")]);
    assert_eq!(create(&mut lab, json!({"type": "NodePort", "ports": ports})), Ok(()));
    let ports = &stored(&lab)["spec"]["ports"];
    assert!(ports[0]["nodePort"].as_u64().is_some_and(|it| (30000..=32767).contains(&it)));
    assert_eq!(ports[0]["nodePort"], ports[1]["nodePort"]);
}

/// Vector 4.
#[test]
fn without_its_type_a_service_is_a_cluster_ip_again() {
    let mut lab = lab();
    let before = applied(&mut lab, "{type: NodePort, selector: {app: demo}, ports: [{port: 80}]}");
    assert_eq!(before["spec"]["type"], "NodePort");
    let after = applied(&mut lab, "{selector: {app: demo}, ports: [{port: 80}]}");
    assert_eq!(after["spec"]["type"], "ClusterIP");
    assert_eq!(after["spec"]["clusterIP"], before["spec"]["clusterIP"]);
    assert_eq!(after["spec"]["ports"][0]["nodePort"], Value::Null);
    assert_eq!(after["spec"]["externalTrafficPolicy"], Value::Null);
}

/// Vector 5.
#[test]
fn a_headless_service_stays_headless() {
    let mut lab = lab();
    applied(&mut lab, "{clusterIP: None, selector: {app: demo}, ports: [{port: 80}]}");
    let after = applied(&mut lab, "{selector: {app: demo}, ports: [{port: 80}]}");
    assert_eq!(after["spec"]["clusterIP"], "None");
    assert_eq!(after["spec"]["clusterIPs"], json!(["None"]));
}

/// Vector 6.
#[test]
fn a_cluster_ip_may_not_change() {
    let mut lab = lab();
    applied(&mut lab, "{clusterIP: 10.96.0.77, ports: [{port: 80}]}");
    assert_eq!(
        apply(&mut lab, "{clusterIP: 10.96.0.78, ports: [{port: 80}]}"),
        ["spec.clusterIPs[0]: Invalid value: []string{\"10.96.0.78\"}: may not change once set"]
    );
    assert_eq!(stored(&lab)["spec"]["clusterIP"], "10.96.0.77");
}

/// Vector 14, as `kubectl apply` shows it and as any other client hears it.
#[test]
fn a_name_must_begin_with_a_letter_and_have_no_dots() {
    let mut lab = lab();
    for name in ["1web", "Web", "web.svc"] {
        let text = manifest("{ports: [{port: 80}]}").replace("demo", name);
        let reply = lab.act(Action::Apply { text });
        let errors: Vec<String> =
            reply.diagnostics.into_iter().map(|it| it.problem.to_string()).collect();
        let expected = format!(
            "metadata.name: Invalid value: \"{name}\": a DNS-1035 label must consist of lower \
             case alphanumeric characters or '-', start with an alphabetic character, and end \
             with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
             validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        );
        assert_eq!(errors, std::slice::from_ref(&expected), "{name}");
        let body = json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
        let key = ObjectKey::new(Kind::Service, "default", name);
        let request = Request { key, subresource: None, verb: Verb::Create(body) };
        let refusal = lab.act(Action::Request(request)).answer.expect("an answer").unwrap_err();
        assert_eq!(refusal.message, format!("Service \"{name}\" is invalid: {expected}"));
    }
    for name in ["web-1", "w", &"w".repeat(63)] {
        let text = manifest("{ports: [{port: 80}]}").replace("demo", name);
        assert_eq!(lab.act(Action::Apply { text }).diagnostics, [], "{name}");
    }
}
