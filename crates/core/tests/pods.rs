//! What pods' lives make of a cluster: Endpoints, conditions, Events, and what led to what.

use expect_test::{Expect, expect};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::event::events;
use svclab_core::lab::{Action, Lab};
use svclab_core::object::{Object, Pod};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn at(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

/// The default cluster at its tenth second, with `text` applied then.
fn lab(text: &str) -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(at(10_000));
    let reply = lab.act(Action::Apply { text: text.to_owned() });
    assert_eq!(reply.diagnostics, []);
    lab
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "default", name)
}

fn pod<'a>(lab: &'a Lab, name: &str) -> &'a Pod {
    lab.objects().get(&key(Kind::Pod, name)).and_then(Object::as_pod).expect("the pod is there")
}

/// A pod of Service `web`, with more of its container's fields.
fn member(name: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\n\
         spec: {{nodeName: worker-1, containers: [{{name: web, image: 'kubetm/app:1.0', \
         ports: [{{containerPort: 8080}}], {more}}}]}}\n---\n"
    )
}

const READINESS: &str = "readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}";

fn service(more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n\
         spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]{more}}}\n---\n"
    )
}

/// Ready and not ready addresses of Endpoints `web`; ready, serving and terminating of each
/// endpoint in its slices.
fn endpoints(lab: &Lab) -> (usize, usize, Vec<[bool; 3]>) {
    let object = lab.objects().get(&key(Kind::Endpoints, "web"));
    let Some(Object::Endpoints(it)) = object else { panic!("no Endpoints") };
    let ready = it.subsets.iter().map(|it| it.addresses.len()).sum();
    let not_ready = it.subsets.iter().map(|it| it.not_ready_addresses.len()).sum();
    let slices = lab.objects().in_namespace(Kind::EndpointSlice, "default");
    let slices = slices.filter_map(|it| match it {
        Object::EndpointSlice(slice) if slice.service_name() == Some("web") => Some(slice),
        _ => None,
    });
    let conditions = slices.flat_map(|slice| &slice.endpoints).map(|it| {
        let of = |it: Option<bool>| it.unwrap_or(false);
        let all = &it.conditions;
        [of(all.ready), of(all.serving), of(all.terminating)]
    });
    (ready, not_ready, conditions.collect())
}

/// Vector 8.
#[test]
fn of_two_pods_the_unready_one_is_a_not_ready_address() {
    let text = service("") + &member("a", READINESS) + &member("b", READINESS);
    let mut lab = lab(&text);
    lab.run_until(at(20_000));
    assert_eq!(endpoints(&lab).0, 2);
    lab.act(Action::SwitchReadiness { pod: key(Kind::Pod, "b"), ready: false });
    lab.run_until(at(25_000));
    let (ready, not_ready, mut conditions) = endpoints(&lab);
    conditions.sort_unstable();
    assert_eq!((ready, not_ready), (1, 1));
    assert_eq!(conditions, [[false, false, false], [true, true, false]]);
}

/// Vector 9.
#[test]
fn a_deleted_pod_serves_while_its_hook_runs() {
    let hook = format!("{READINESS}, lifecycle: {{preStop: {{exec: {{command: [sleep, '10']}}}}}}");
    let mut lab = lab(&(service("") + &member("a", &hook)));
    lab.run_until(at(20_000));
    assert_eq!(endpoints(&lab), (1, 0, vec![[true, true, false]]));
    lab.act(Action::Delete { key: key(Kind::Pod, "a") });
    for millis in [20_100, 25_000, 29_900] {
        lab.run_until(at(millis));
        assert_eq!(endpoints(&lab), (0, 0, vec![[false, true, true]]), "at {}", lab.now());
    }
    lab.run_until(at(30_400));
    assert_eq!(endpoints(&lab), (0, 0, vec![]));
    assert_eq!(pod(&lab, "a").status.phase, "Succeeded");
    lab.run_until(at(31_000));
    assert!(!lab.objects().contains_key(&key(Kind::Pod, "a")));
    assert!(lab.network().pod("default/a").is_none());
}

/// Vector 10: ready, not ready and terminating, all of them.
#[test]
fn not_ready_addresses_are_published_where_the_service_says_so() {
    let hook = format!("{READINESS}, lifecycle: {{preStop: {{exec: {{command: [sleep, '10']}}}}}}");
    let pods = ["a", "b", "c"].map(|name| member(name, &hook)).concat();
    let mut lab = lab(&(service(", publishNotReadyAddresses: true") + &pods));
    lab.run_until(at(12_000));
    assert_eq!(endpoints(&lab).0, 3);
    lab.act(Action::SwitchReadiness { pod: key(Kind::Pod, "a"), ready: false });
    lab.run_until(at(20_000));
    lab.act(Action::Delete { key: key(Kind::Pod, "b") });
    lab.run_until(at(21_000));
    let (ready, not_ready, mut conditions) = endpoints(&lab);
    conditions.sort_unstable();
    assert_eq!((ready, not_ready), (3, 0));
    // `ready` is what the Service says; `serving` and `terminating` are what the pods are.
    assert_eq!(conditions, [[true, false, false], [true, true, false], [true, true, true]]);
    lab.run_until(at(32_000));
    let (ready, not_ready, mut conditions) = endpoints(&lab);
    conditions.sort_unstable();
    assert_eq!((ready, not_ready), (2, 0));
    assert_eq!(conditions, [[true, false, false], [true, true, false]]);
}

/// The ports at which pod `a` can be reached.
fn tcp(lab: &Lab) -> Vec<u16> {
    let end = lab.network().pod("default/a").expect("the pod is attached");
    end.listens.tcp()
}

/// Each entry from the last change of the rules back to what the user did.
#[test]
fn rules_lead_back_through_a_liveness_kill_to_the_switch() {
    let liveness =
        "livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 2, failureThreshold: 2}";
    let mut lab = lab(&(service("") + &member("a", liveness)));
    lab.run_until(at(20_000));
    lab.act(Action::SwitchLiveness { pod: key(Kind::Pod, "a"), alive: false });
    assert_eq!(tcp(&lab), Vec::<u16>::new());
    lab.run_until(at(40_000));
    let log = lab.log();
    let exit = log.iter().find(|it| format!("{:?}", it.what).contains("Exited"));
    let chain: Vec<String> = log
        .chain(exit.expect("the container ended").id)
        .map(|it| format!("{:?}", it.what).split([' ', '{']).next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(chain, ["Container", "Container", "Probed", "Switched"]);
    // The new program answers again, and nothing of the pod is left to wait for.
    assert_eq!(pod(&lab, "a").status.container_statuses[0].restart_count, 1);
    assert_eq!(endpoints(&lab), (1, 0, vec![[true, true, false]]));
    assert_eq!(tcp(&lab), [8080]);
}

#[track_caller]
fn check_events(lab: &Lab, name: &str, expected: &Expect) {
    let mut text = String::new();
    for it in events(lab.log(), lab.now()) {
        if it.event.regarding.name == name {
            let kind = if it.event.warning { "Warning" } else { "Normal" };
            let (reason, by) = (&it.event.reason, it.event.component.name());
            let times = if it.count > 1 { format!(" x{}", it.count) } else { String::new() };
            text += &format!("{kind} {reason}{times} {by}: {}\n", it.event.message);
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn events_are_told_as_their_components_tell_them_and_fold() {
    let loops = "apiVersion: v1\nkind: Pod\nmetadata: {name: loops, uid: u}\n\
                 spec: {containers: [{name: a, image: 'busybox:1.36', command: ['false']}]}\n";
    let mut lab = lab(loops);
    lab.run_until(at(60_000));
    let uid = pod(&lab, "loops").metadata.uid.clone();
    let text = events(lab.log(), lab.now())
        .into_iter()
        .filter(|it| it.event.regarding.name == "loops")
        .map(|it| format!("{} x{} {}\n", it.event.reason, it.count, it.event.message))
        .collect::<String>()
        .replace(&*uid, "UID");
    expect![[r#"
        Scheduled x1 Successfully assigned default/loops to worker-1
        Pulling x1 Pulling image "busybox:1.36"
        Pulled x1 Successfully pulled image "busybox:1.36" in 2.447s (2.447s including waiting). Image size: 92472934 bytes.
        Created x4 Created container: a
        Started x4 Started container a
        Pulled x3 Container image "busybox:1.36" already present on machine
        BackOff x5 Back-off restarting failed container a in pod loops_default(UID)
    "#]].assert_eq(&text);
    lab.run_until(at(4_000_000));
    let left = events(lab.log(), lab.now());
    assert!(left.iter().all(|it| it.event.reason != "Scheduled"), "an hour later it is gone");
    assert!(left.iter().any(|it| it.event.reason == "BackOff" && it.count > 10));
}

#[test]
fn ten_events_that_differ_in_their_message_are_told_as_one() {
    let mut lab = lab("");
    let text = default_scenario().text().replace("replicas: 3", "replicas: 15");
    lab.act(Action::Apply { text });
    lab.run_until(at(20_000));
    let all = events(lab.log(), lab.now()).into_iter();
    let made: Vec<_> = all.filter(|it| it.event.reason == "SuccessfulCreate").collect();
    let shop: Vec<_> = made.iter().filter(|it| it.event.regarding.namespace == "shop").collect();
    assert_eq!(shop.len(), 10);
    assert!(shop[..9].iter().all(|it| it.count == 1));
    assert_eq!(shop[9].count, 6);
    let begin = "(combined from similar events): Created pod: web-";
    assert!(shop[9].event.message.starts_with(begin), "{}", shop[9].event.message);
}

#[test]
fn of_one_pod_kubelet_tells_25_events_and_then_one_in_five_minutes() {
    let loops = "apiVersion: v1\nkind: Pod\nmetadata: {name: loops}\n\
                 spec: {containers: [{name: a, image: 'busybox:1.36', command: ['false']}]}\n";
    let mut lab = lab(loops);
    lab.run_until(at(3_000_000));
    let said = lab.log().iter().filter(|it| {
        it.event().is_some_and(|it| it.regarding.name == "loops" && it.reason == "BackOff")
    });
    let said: Vec<Instant> = said.map(|it| it.at).collect();
    let all = events(lab.log(), lab.now());
    let told = all.iter().find(|it| it.event.reason == "BackOff").expect("it waits");
    assert!(said.len() > 100 && told.last < *said.last().expect("many"));
    // The count is that of all that came until the last that was told.
    let until = said.iter().filter(|it| **it <= told.last).count();
    assert_eq!(told.count as usize, until);
}

#[test]
fn a_deployment_tells_of_its_scaling() {
    let mut lab = lab("");
    let text = default_scenario().text().replace("replicas: 3", "replicas: 4");
    lab.act(Action::Apply { text: text.clone() });
    lab.run_until(at(12_000));
    lab.act(Action::Apply { text: text.replace("replicas: 4", "replicas: 3") });
    lab.run_until(at(20_000));
    let told: Vec<String> = events(lab.log(), lab.now())
        .into_iter()
        .filter(|it| it.event.regarding == ObjectKey::new(Kind::Deployment, "shop", "web"))
        .map(|it| it.event.message)
        .collect();
    let set = lab.objects().in_namespace(Kind::ReplicaSet, "shop").next().expect("a set");
    let set = &set.meta().name;
    let last_two = &told[told.len().saturating_sub(2)..];
    assert_eq!(
        last_two,
        [
            format!("Scaled up replica set {set} from 3 to 4"),
            format!("Scaled down replica set {set} from 4 to 3")
        ]
    );
}

#[test]
fn probes_that_fail_are_unhealthy_events() {
    let mut lab = lab(&member("a", READINESS));
    lab.run_until(at(12_000));
    lab.act(Action::SwitchReadiness { pod: key(Kind::Pod, "a"), ready: false });
    lab.run_until(at(16_500));
    check_events(
        &lab,
        "a",
        &expect![[r#"
        Normal Pulled kubelet: Container image "kubetm/app:1.0" already present on machine
        Normal Created kubelet: Created container: web
        Normal Started kubelet: Started container web
        Warning Unhealthy x6 kubelet: Readiness probe failed: HTTP probe failed with statuscode: 503
    "#]],
    );
}

#[test]
fn a_container_keeps_the_services_it_started_with() {
    let mut lab = lab(&member(
        "a",
        "env: [{name: ME, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: URL, value: 'http://$(ME):80'}]",
    ));
    lab.run_until(at(12_000));
    lab.act(Action::Apply { text: service("") });
    lab.run_until(at(14_000));
    let value = |lab: &Lab, name: &str| {
        let all = lab.environment(&key(Kind::Pod, "a"), "web").expect("it runs");
        all.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    };
    let ip = pod(&lab, "a").status.pod_ip.clone();
    assert_eq!(value(&lab, "URL"), Some(format!("http://{ip}:80")));
    assert_eq!(value(&lab, "HOSTNAME").as_deref(), Some("a"));
    assert_eq!(value(&lab, "KUBERNETES_SERVICE_HOST").as_deref(), Some("10.96.0.1"));
    assert_eq!(value(&lab, "WEB_SERVICE_HOST"), None);
    let (pod, container) = (key(Kind::Pod, "a"), "web".to_owned());
    lab.act(Action::Crash { pod, container, code: 1 });
    lab.run_until(at(16_000));
    assert_eq!(value(&lab, "WEB_SERVICE_PORT").as_deref(), Some("80"));
}

#[test]
fn a_pod_on_the_host_network_has_its_nodes_address() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: h}\nspec: {nodeName: worker-2, \
                hostNetwork: true, containers: [{name: a, image: 'kubetm/app:1.0'}]}\n";
    let mut lab = lab(text);
    lab.run_until(at(12_000));
    let status = &pod(&lab, "h").status;
    assert_eq!(
        (status.pod_ip.as_str(), status.host_ip.as_str()),
        ("192.168.56.32", "192.168.56.32")
    );
    assert!(pod(&lab, "h").is_ready());
}

#[test]
fn a_readiness_gate_keeps_a_pod_from_being_ready() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: g}\nspec: {nodeName: worker-2, \
                readinessGates: [{conditionType: example.com/ok}], \
                containers: [{name: a, image: 'kubetm/app:1.0'}]}\n";
    let mut lab = lab(text);
    lab.run_until(at(12_000));
    let ready = pod(&lab, "g").condition("Ready").expect("a condition");
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "ReadinessGatesNotReady"));
    assert_eq!(
        ready.message,
        "corresponding condition of pod readiness gate \"example.com/ok\" does not exist."
    );
    assert_eq!(
        pod(&lab, "g").condition("ContainersReady").map(|it| it.status.as_str()),
        Some("True")
    );
}

#[test]
fn a_pod_deleted_by_force_is_gone_at_once() {
    use svclab_core::lab::DeleteOptions;
    use svclab_core::lab::api::{Request, Verb};
    let mut lab = lab(&member("a", READINESS));
    lab.run_until(at(12_000));
    let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    let request =
        Request { key: key(Kind::Pod, "a"), subresource: None, verb: Verb::Delete(options) };
    lab.act(Action::Request(request));
    assert!(!lab.objects().contains_key(&key(Kind::Pod, "a")));
    assert!(lab.network().pod("default/a").is_none());
    lab.run_until(at(20_000));
}
