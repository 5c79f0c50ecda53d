//! What the real `kubectl get` printed (`tests/conformance/kubectl`) against ours.
#![allow(clippy::disallowed_methods)]

use std::path::PathBuf;

use serde_json::{Value, json};
use svclab_core::key::Kind;
use svclab_core::object::Object;
use svclab_core::print::yaml;
use svclab_core::read::decode_lenient;
use svclab_core::time::Instant;
use svclab_shell::kubectl::{Table, seconds_of, table};

/// A recorded session: the objects it began with, and what each command printed.
struct Session {
    objects: Vec<Object>,
    steps: Vec<Value>,
}

fn session(name: &str) -> Session {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/kubectl");
    let text = std::fs::read_to_string(folder.join(name)).expect("the conformance data is there");
    let mut session: Value = serde_json::from_str(&text).expect("recorded JSON");
    let state = session["state"].as_array().expect("a list");
    let object = |value: &Value| {
        let kind = Kind::parse(value["apiVersion"].as_str()?, value["kind"].as_str()?)?;
        Some(decode_lenient(kind, value).expect("a stored object").0)
    };
    let objects = state.iter().filter_map(object).collect();
    let Value::Array(steps) = session["steps"].take() else { panic!("no steps") };
    Session { objects, steps }
}

impl Session {
    fn step(&self, command: &str) -> (&str, Instant) {
        let step = self.steps.iter().find(|it| it["command"] == command).expect("recorded");
        let at = step["at"].as_str().and_then(seconds_of).and_then(|it| u64::try_from(it).ok());
        let at = Instant::from_micros(at.expect("a time") * 1_000_000);
        (step["stdout"].as_str().expect("text"), at)
    }

    fn of_kind(&self, kind: Kind, names: &[&str]) -> Vec<&Object> {
        let all = || self.objects.iter().filter(move |it| it.kind() == kind);
        match names {
            [] => all().filter(|it| it.meta().namespace == "default").collect(),
            _ => names.iter().filter_map(|name| all().find(|it| it.meta().name == *name)).collect(),
        }
    }

    #[track_caller]
    fn check_table(&self, command: &str, kind: Kind, names: &[&str]) {
        let (expected, now) = self.step(command);
        let found = table(kind, self.of_kind(kind, names), command.ends_with("-o wide"), now);
        assert_eq!(masked(found).text(), expected, "{command}");
    }

    #[track_caller]
    fn check_yaml(&self, command: &str, kind: Kind, name: &str) {
        let (expected, _) = self.step(command);
        let object = self.of_kind(kind, &[name])[0];
        let found: String = yaml(&object.to_value()).lines().map(masked_line).collect();
        assert_eq!(found, expected, "{command}");
    }
}

/// The recorded ages are `<age>`.
fn masked(mut table: Table) -> Table {
    let at = table.columns.iter().position(|it| it == "AGE").expect("every kind has an age");
    for row in &mut table.rows {
        assert!(row[at].starts_with(|c: char| c.is_ascii_digit()), "{row:?}");
        row[at] = "<age>".to_owned();
    }
    table
}

/// The recorded uids, versions and times are masked.
fn masked_line(line: &str) -> String {
    let (key, _) = line.split_once(": ").unwrap_or((line, ""));
    match key.trim_start() {
        "uid" => format!("{key}: <uid>\n"),
        "resourceVersion" => format!("{key}: \"<rv>\"\n"),
        "creationTimestamp" | "endpoints.kubernetes.io/last-change-trigger-time" => {
            assert!(line.ends_with("Z\""), "{line}");
            format!("{key}: \"<time>\"\n")
        }
        _ => format!("{line}\n"),
    }
}

#[test]
fn services_and_who_stands_behind_them() {
    let session = session("get-services.json");
    session.check_table("kubectl get svc", Kind::Service, &[]);
    session.check_table("kubectl get svc -o wide", Kind::Service, &[]);
    session.check_table("kubectl get services web db", Kind::Service, &["web", "db"]);
    session.check_table("kubectl get ep", Kind::Endpoints, &[]);
    session.check_table("kubectl get endpointslices", Kind::EndpointSlice, &[]);
}

#[test]
fn stored_objects_as_yaml() {
    let session = session("get-services.json");
    session.check_yaml("kubectl get svc web -o yaml", Kind::Service, "web");
    session.check_yaml("kubectl get ep web -o yaml", Kind::Endpoints, "web");
    session.check_yaml("kubectl get svc kubernetes -o yaml", Kind::Service, "kubernetes");
    session.check_yaml("kubectl get ep kubernetes -o yaml", Kind::Endpoints, "kubernetes");
}

#[test]
fn a_whole_list_of_workloads() {
    let session = session("get-services.json");
    let (all, now) = session.step("kubectl get all");
    let kinds = [Kind::Pod, Kind::Service, Kind::Deployment, Kind::ReplicaSet];
    let tables = kinds.map(|kind| {
        let mut table = masked(table(kind, session.of_kind(kind, &[]), false, now));
        let group = if kind.group().is_empty() { "" } else { ".apps" };
        for row in &mut table.rows {
            row[0] = format!("{}{group}/{}", kind.name().to_lowercase(), row[0]);
        }
        table.text()
    });
    assert_eq!(tables.join("\n"), all);
}

/// The examples of the kubectl notes (§1.3, §2) that no recorded session has.
mod examples {
    use super::*;

    const NOW: &str = "2026-11-21T05:00:00Z";

    #[track_caller]
    fn check(kind: Kind, mut value: Value, wide: bool, expected: &[&str]) {
        value["metadata"]["name"] = "it".into();
        value["metadata"]["creationTimestamp"] = "2026-11-21T04:54:32Z".into();
        let object = Object::from_value(kind, value).expect("an object");
        let now = seconds_of(NOW).and_then(|it| u64::try_from(it).ok()).expect("a time");
        let found = table(kind, [&object], wide, Instant::from_micros(now * 1_000_000));
        let cells: Vec<(&str, &str)> = found
            .columns
            .iter()
            .map(String::as_str)
            .zip(found.rows[0].iter().map(String::as_str))
            .collect();
        let expected: Vec<(&str, &str)> =
            expected.iter().map(|it| it.split_once('=').expect("COLUMN=cell")).collect();
        assert_eq!(cells, expected);
    }

    /// A pod with these container states; `{"ready": true}` and the like are mixed in.
    fn pod(status: Value, containers: Value) -> Value {
        let mut status = status;
        let count = containers.as_array().map_or(0, Vec::len);
        status["containerStatuses"] = containers;
        let spec: Vec<Value> = (0..count).map(|it| json!({"name": format!("c{it}")})).collect();
        json!({"spec": {"containers": spec, "nodeName": "worker-1"}, "status": status})
    }

    #[track_caller]
    fn check_pod(value: Value, ready: &str, status: &str, restarts: &str) {
        let [ready, status, restarts] =
            [("READY", ready), ("STATUS", status), ("RESTARTS", restarts)]
                .map(|(name, cell)| format!("{name}={cell}"));
        check(Kind::Pod, value, false, &["NAME=it", &ready, &status, &restarts, "AGE=5m28s"]);
    }

    #[test]
    fn pods() {
        let running = json!({"ready": true, "state": {"running": {}}});
        let unready = json!({"ready": false, "state": {"running": {}}});
        let phase = json!({"phase": "Running"});
        check_pod(pod(phase.clone(), json!([running])), "1/1", "Running", "0");
        check_pod(pod(phase.clone(), json!([unready])), "0/1", "Running", "0");
        let crashing = json!({
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 12,
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-21T04:56:32Z"}},
        });
        check_pod(
            pod(phase.clone(), json!([crashing])),
            "0/1",
            "CrashLoopBackOff",
            "12 (3m28s ago)",
        );
        let done = json!({"state": {"terminated": {"reason": "Completed"}}});
        check_pod(pod(phase.clone(), json!([done, running])), "1/2", "NotReady", "0");
        let killed = json!({"state": {"terminated": {"signal": 9, "exitCode": 137}}});
        check_pod(pod(phase.clone(), json!([killed])), "0/1", "Signal:9", "0");
        let mut going = pod(phase, json!([running]));
        going["metadata"]["deletionTimestamp"] = NOW.into();
        check_pod(going, "1/1", "Terminating", "0");
        check_pod(
            json!({"spec": {"containers": [{}]}, "status": {"phase": "Pending"}}),
            "0/1",
            "Pending",
            "0",
        );
        let init = json!({
            "spec": {"containers": [{}], "initContainers": [{"name": "a"}, {"name": "b"}]},
            "status": {"phase": "Pending", "initContainerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 0}}},
                {"name": "b", "state": {"running": {}}},
            ]},
        });
        check_pod(init, "0/1", "Init:1/2", "0");
    }

    #[test]
    fn pods_wide() {
        let status = json!({"phase": "Running", "podIPs": [{"ip": "10.244.1.4"}]});
        check(
            Kind::Pod,
            pod(status, json!([])),
            true,
            &[
                "NAME=it",
                "READY=0/0",
                "STATUS=Running",
                "RESTARTS=0",
                "AGE=5m28s",
                "IP=10.244.1.4",
                "NODE=worker-1",
                "NOMINATED NODE=<none>",
                "READINESS GATES=<none>",
            ],
        );
    }

    #[test]
    fn load_balancers_are_cut_where_not_wide() {
        let service = json!({
            "spec": {"type": "LoadBalancer", "clusterIPs": ["10.96.0.9"],
                "ports": [{"port": 80, "nodePort": 31555, "protocol": "TCP"}]},
            "status": {"loadBalancer": {"ingress": [{"hostname": "lb.shop.example.test"}]}},
        });
        let row = |address: &'static str| {
            [
                "NAME=it",
                "TYPE=LoadBalancer",
                "CLUSTER-IP=10.96.0.9",
                address,
                "PORT(S)=80:31555/TCP",
                "AGE=5m28s",
            ]
        };
        check(Kind::Service, service.clone(), false, &row("EXTERNAL-IP=lb.shop.examp..."));
        let wide = [&row("EXTERNAL-IP=lb.shop.example.test")[..], &["SELECTOR=<none>"]].concat();
        check(Kind::Service, service, true, &wide);
    }

    #[test]
    fn endpoints_that_are_all_unready_leave_the_cell_empty() {
        let unready = json!({"subsets": [{"notReadyAddresses": [{"ip": "10.244.1.9"}], "ports": [{"port": 80}]}]});
        check(Kind::Endpoints, unready, false, &["NAME=it", "ENDPOINTS=", "AGE=5m28s"]);
        let ips = ["10.244.1.2", "10.244.1.3", "10.244.2.2", "fd00::7"].map(|ip| json!({"ip": ip}));
        let many = json!({"subsets": [{"addresses": ips, "ports": [{"port": 80}]}]});
        let cell = "ENDPOINTS=10.244.1.2:80,10.244.1.3:80,10.244.2.2:80 + 1 more...";
        check(Kind::Endpoints, many, false, &["NAME=it", cell, "AGE=5m28s"]);
    }

    #[test]
    fn workloads() {
        let template = json!({"spec": {
            "containers": [{"name": "web", "image": "nginx:1.27"}],
            "nodeSelector": {"disk": "ssd"},
        }});
        let selector = json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}],
        });
        let spec = json!({"replicas": 2, "selector": selector, "template": template});
        let set = json!({"spec": spec, "status": {"readyReplicas": 1, "replicas": 2}});
        check(
            Kind::StatefulSet,
            set.clone(),
            true,
            &["NAME=it", "READY=1/2", "AGE=5m28s", "CONTAINERS=web", "IMAGES=nginx:1.27"],
        );
        check(
            Kind::ReplicaSet,
            set,
            true,
            &[
                "NAME=it",
                "DESIRED=2",
                "CURRENT=2",
                "READY=1",
                "AGE=5m28s",
                "CONTAINERS=web",
                "IMAGES=nginx:1.27",
                "SELECTOR=app=web,tier in (a,b)",
            ],
        );
        let status = json!({"desiredNumberScheduled": 3, "currentNumberScheduled": 3,
            "numberReady": 2, "updatedNumberScheduled": 1, "numberAvailable": 2});
        check(
            Kind::DaemonSet,
            json!({"spec": spec, "status": status}),
            false,
            &[
                "NAME=it",
                "DESIRED=3",
                "CURRENT=3",
                "READY=2",
                "UP-TO-DATE=1",
                "AVAILABLE=2",
                "NODE SELECTOR=disk=ssd",
                "AGE=5m28s",
            ],
        );
    }

    #[test]
    fn nodes() {
        let node = json!({
            "metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": true},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "172.18.0.2"}],
                "nodeInfo": {"kubeletVersion": "v1.32.4", "osImage": "Debian GNU/Linux 12 (bookworm)"},
            },
        });
        check(
            Kind::Node,
            node,
            true,
            &[
                "NAME=it",
                "STATUS=Ready,SchedulingDisabled",
                "ROLES=control-plane",
                "AGE=5m28s",
                "VERSION=v1.32.4",
                "INTERNAL-IP=172.18.0.2",
                "EXTERNAL-IP=<none>",
                "OS-IMAGE=Debian GNU/Linux 12 (bookworm)",
                "KERNEL-VERSION=<unknown>",
                "CONTAINER-RUNTIME=<unknown>",
            ],
        );
    }

    #[test]
    fn ingresses() {
        let rule = |host: &str| json!({"host": host});
        let shop = json!({"spec": {"ingressClassName": "nginx", "tls": [{}],
            "rules": [rule("a.test"), rule("b.test"), rule("c.test"), rule("d.test")]}});
        check(
            Kind::Ingress,
            shop,
            false,
            &[
                "NAME=it",
                "CLASS=nginx",
                "HOSTS=a.test,b.test,c.test + 1 more...",
                "ADDRESS=",
                "PORTS=80, 443",
                "AGE=5m28s",
            ],
        );
        check(
            Kind::Ingress,
            json!({"spec": {}}),
            false,
            &["NAME=it", "CLASS=<none>", "HOSTS=*", "ADDRESS=", "PORTS=80", "AGE=5m28s"],
        );
        let class = json!({"spec": {"controller": "k8s.io/ingress-nginx"}});
        check(
            Kind::IngressClass,
            class,
            false,
            &["NAME=it", "CONTROLLER=k8s.io/ingress-nginx", "PARAMETERS=<none>", "AGE=5m28s"],
        );
        let policy = json!({"spec": {"podSelector": {"matchLabels": {"app": "web"}}}});
        check(
            Kind::NetworkPolicy,
            policy,
            false,
            &["NAME=it", "POD-SELECTOR=app=web", "AGE=5m28s"],
        );
    }

    #[test]
    fn events() {
        let pod = "web-5d4f8c7b9d-x2k4p";
        let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        let mut event = json!({
            "involvedObject": {"kind": "Pod", "name": pod, "fieldPath": "spec.containers{web}"},
            "type": "Warning", "reason": "Unhealthy", "message": format!("{message}\n"),
            "source": {"component": "kubelet", "host": "worker-1"}, "count": 4,
            "firstTimestamp": "2026-11-21T04:54:30Z", "lastTimestamp": "2026-11-21T04:59:21Z",
        });
        let object = format!("OBJECT=pod/{pod}");
        let told = format!("MESSAGE={message}");
        let narrow = ["LAST SEEN=39s", "TYPE=Warning", "REASON=Unhealthy", &object, &told];
        check(Kind::Event, event.clone(), false, &narrow);
        let wide = [
            "LAST SEEN=39s",
            "TYPE=Warning",
            "REASON=Unhealthy",
            &object,
            "SUBOBJECT=spec.containers{web}",
            "SOURCE=kubelet, worker-1",
            &told,
            "FIRST SEEN=5m30s",
            "COUNT=4",
            "NAME=it",
        ];
        check(Kind::Event, event.clone(), true, &wide);
        event["lastTimestamp"] = Value::Null;
        let narrow = ["LAST SEEN=5m30s", "TYPE=Warning", "REASON=Unhealthy", &object, &told];
        check(Kind::Event, event, false, &narrow);
    }
}
