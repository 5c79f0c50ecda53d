//! Which pods stand behind a Service, in a whole cluster: what its controllers and kubelets make of
//! the usual mistakes.

use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::{Action, Lab};
use svclab_core::object::{EndpointSlice, Object, Pod};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

const MIRRORED: &str = "endpointslicemirroring-controller.k8s.io";

/// The default cluster with `text` applied and thirty seconds gone since.
fn lab(text: &str) -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(Instant::START + Duration::from_secs(10));
    let reply = lab.act(Action::Apply { text: text.to_owned() });
    assert_eq!(reply.diagnostics, []);
    wait(&mut lab, 30);
    lab
}

fn wait(lab: &mut Lab, seconds: u64) {
    lab.run_until(lab.now() + Duration::from_secs(seconds));
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "default", name)
}

fn patch(lab: &mut Lab, key: ObjectKey, body: Value) {
    let verb = Verb::Patch { how: Patch::Merge, body, strict: true };
    let answer = lab.act(Action::Request(Request { key, subresource: None, verb })).answer;
    answer.expect("an answer").expect("it is carried out");
    wait(lab, 5);
}

fn service(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: shop}}\nspec: {{{spec}}}\n---\n")
}

/// A Deployment whose pods have the label `app: shop` and a port `web`.
fn deployment(replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\n\
         spec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: shop}}}}\n  \
         template:\n    metadata: {{labels: {{app: shop}}}}\n    \
         spec: {{containers: [{{name: web, image: 'kubetm/app:1.0', \
         ports: [{{name: web, containerPort: 8080}}]}}]}}\n---\n"
    )
}

fn slices(lab: &Lab) -> Vec<&EndpointSlice> {
    let slices = lab.objects().in_namespace(Kind::EndpointSlice, "default");
    let slices = slices.filter_map(Object::as_endpoint_slice);
    slices.filter(|it| it.service_name() == Some("shop")).collect()
}

/// Who manages each slice of the Service, and how many endpoints it has.
fn sizes(lab: &Lab) -> Vec<(&str, usize)> {
    let label = "endpointslice.kubernetes.io/managed-by";
    let of = |it: &&EndpointSlice| it.metadata.labels.get(label).map_or("", String::as_str).len();
    let mut slices = slices(lab);
    slices.sort_by_key(|it| (of(it), std::cmp::Reverse(it.endpoints.len())));
    let name = |it: &&EndpointSlice| if of(it) == MIRRORED.len() { "mirrored" } else { "managed" };
    slices.iter().map(|it| (name(it), it.endpoints.len())).collect()
}

fn subsets(lab: &Lab) -> Value {
    let endpoints = lab.objects().get(&key(Kind::Endpoints, "shop")).expect("they are there");
    endpoints.to_value()["subsets"].clone()
}

fn pods(lab: &Lab) -> Vec<&Pod> {
    let pods = lab.objects().in_namespace(Kind::Pod, "default").filter_map(Object::as_pod);
    pods.filter(|it| it.metadata.name.starts_with("shop-")).collect()
}

/// Vector 7.
#[test]
fn a_target_port_that_no_pod_names_leaves_addresses_without_ports() {
    let ports = "selector: {app: shop}, ports: [{port: 80, targetPort: wbe}]";
    let lab = lab(&(service(ports) + &deployment(2)));
    assert_eq!(subsets(&lab), Value::Null);
    assert_eq!(sizes(&lab), [("managed", 2)]);
    assert!(slices(&lab)[0].ports.is_empty());
}

/// Vector 11.
#[test]
fn what_a_removed_selector_leaves_is_mirrored_until_it_is_back() {
    let ports = "selector: {app: shop}, ports: [{port: 80, targetPort: web}]";
    let mut lab = lab(&(service(ports) + &deployment(2)));
    let before = subsets(&lab);
    patch(&mut lab, key(Kind::Service, "shop"), json!({"spec": {"selector": null}}));
    assert_eq!(sizes(&lab), [("managed", 2), ("mirrored", 2)]);
    patch(&mut lab, key(Kind::Deployment, "shop"), json!({"spec": {"replicas": 1}}));
    assert_eq!((subsets(&lab), sizes(&lab)), (before, vec![("managed", 2), ("mirrored", 2)]));
    let selector = json!({"spec": {"selector": {"app": "shop"}}});
    patch(&mut lab, key(Kind::Service, "shop"), selector);
    wait(&mut lab, 30);
    assert_eq!(sizes(&lab), [("managed", 1)]);
}

/// Vector 12.
#[test]
fn a_pod_without_its_label_runs_on_alone_and_is_replaced() {
    let ports = "selector: {app: shop}, ports: [{port: 80, targetPort: web}]";
    let mut lab = lab(&(service(ports) + &deployment(2)));
    let name = pods(&lab)[0].metadata.name.clone();
    patch(&mut lab, key(Kind::Pod, &name), json!({"metadata": {"labels": {"app": null}}}));
    wait(&mut lab, 20);
    let lone = lab.objects().get(&key(Kind::Pod, &name)).and_then(Object::as_pod);
    let lone = lone.expect("it runs on");
    assert!(lone.is_ready() && lone.metadata.owner_references.is_empty());
    assert_eq!(pods(&lab).len(), 3);
    assert_eq!(sizes(&lab), [("managed", 2)]);
    let members = slices(&lab)[0].endpoints.iter().flat_map(|it| &it.addresses);
    assert!(members.into_iter().all(|it| *it != lone.status.pod_ip));
}

/// Vector 13.
#[test]
fn a_slice_holds_a_hundred_endpoints() {
    let ports = "selector: {app: shop}, ports: [{port: 80, targetPort: web}]";
    let mut lab = lab(&(deployment(101) + &service("ports: [{port: 80}]")));
    assert_eq!(pods(&lab).iter().filter(|it| it.is_ready()).count(), 101);
    let reply = lab.act(Action::Apply { text: service(ports) });
    assert_eq!(reply.diagnostics, []);
    wait(&mut lab, 5);
    assert_eq!(sizes(&lab), [("managed", 100), ("managed", 1)]);
    assert_eq!(subsets(&lab)[0]["addresses"].as_array().map(Vec::len), Some(101));
}

/// Vector 15.
#[test]
fn hand_made_endpoints_keep_their_port_name_in_the_mirror() {
    let endpoints = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: shop}\n\
         subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{name: web, port: 80}]}]\n---\n";
    let lab = lab(&(service("ports: [{name: http, port: 80}]") + endpoints));
    assert_eq!(sizes(&lab), [("mirrored", 1)]);
    let names: Vec<_> = slices(&lab)[0].ports.iter().map(|it| it.name.as_deref()).collect();
    assert_eq!(names, [Some("web")]);
}
