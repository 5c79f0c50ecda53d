//! The kubelet of the stories: binds pods, starts them, makes them ready, ends them.

use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::DeleteOptions;
use svclab_core::lab::api::{Subresource, Verb};
use svclab_core::object::{Object, Pod};

use super::{NODES, Teller};

/// What it remembers.
pub(super) struct Kubelet {
    dual: bool,
    /// Pods bound so far: they go to the first two nodes in turn.
    bound: usize,
    /// The last number that each of these nodes gave out.
    last: [usize; 2],
}

impl Kubelet {
    pub(super) fn new(dual: bool) -> Kubelet {
        Kubelet { dual, bound: 0, last: [1, 1] }
    }

    /// A node's index and the number of its next address.
    fn next(&mut self) -> (usize, usize) {
        let at = self.bound % 2;
        self.bound += 1;
        self.last[at] += 1;
        (at, self.last[at])
    }
}

pub(super) fn act(teller: &mut Teller, request: &Value) -> Result<(), String> {
    let count = request["pods"].as_u64();
    let ready = request["ready"].as_bool().unwrap_or(true);
    teller.rest();
    match request["kubelet"].as_str().unwrap_or_default() {
        "start" => each(teller, count, &|teller| start(teller, ready)),
        "ready" => each(teller, count, &make_ready),
        "finish terminating" => finish(teller),
        other => Err(format!("the kubelet cannot {other:?}")),
    }
}

/// So many pods, or all there are.
fn each(
    teller: &mut Teller,
    count: Option<u64>,
    one: &dyn Fn(&mut Teller) -> Result<(), String>,
) -> Result<(), String> {
    for _ in 0..count.unwrap_or(u64::MAX) {
        match one(teller) {
            Err(_) if count.is_none() => return Ok(()),
            outcome => outcome?,
        }
        teller.rest();
    }
    Ok(())
}

/// Pods by age; those of the same second by name.
fn pods(teller: &Teller, fits: &dyn Fn(&Pod) -> bool) -> Vec<Pod> {
    let pods = teller.lab.objects().in_namespace(Kind::Pod, &teller.namespace);
    let mut pods: Vec<&Pod> = pods.filter_map(Object::as_pod).filter(|it| fits(it)).collect();
    pods.sort_by(|a, b| a.metadata.creation_timestamp.cmp(&b.metadata.creation_timestamp));
    pods.into_iter().cloned().collect()
}

fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::new(Kind::Pod, &pod.metadata.namespace, &pod.metadata.name)
}

fn start(teller: &mut Teller, ready: bool) -> Result<(), String> {
    let waiting = |pod: &Pod| pod.status.pod_ip.is_empty() && !pod.is_finished();
    let pods = pods(teller, &waiting);
    let pod = pods.first().ok_or("no pod waits for its start")?;
    let (at, number) = teller.kubelet.next();
    let (node, address, _) = NODES[at];
    if pod.spec.node_name.is_empty() {
        let binding = Verb::Create(json!({"target": {"kind": "Node", "name": node}}));
        teller.send(key(pod), Some(Subresource::Binding), binding)?;
    }
    let mut ips = vec![json!({"ip": format!("10.244.{}.{number}", at + 1)})];
    if teller.kubelet.dual {
        ips.push(json!({"ip": format!("fd00:10:244:{}::{number:x}", at + 1)}));
    }
    let mut status = status(teller, pod, ready);
    status["phase"] = "Running".into();
    status["hostIP"] = address.into();
    status["hostIPs"] = json!([{"ip": address}]);
    status["podIP"] = ips[0]["ip"].clone();
    status["podIPs"] = ips.into();
    patch(teller, pod, status)
}

fn make_ready(teller: &mut Teller) -> Result<(), String> {
    let waiting = |pod: &Pod| pod.status.phase == "Running" && !pod.is_ready();
    let pods = pods(teller, &waiting);
    let pod = pods.first().ok_or("no pod waits to become ready")?;
    let status = status(teller, pod, true);
    patch(teller, pod, status)
}

fn status(teller: &Teller, pod: &Pod, ready: bool) -> Value {
    let now = teller.lab.now().rfc3339();
    let condition = |kind: &str, is: bool| {
        let status = if is { "True" } else { "False" };
        json!({"type": kind, "status": status, "lastTransitionTime": now})
    };
    let container = |it: &svclab_core::object::Container| {
        json!({
            "name": it.name, "image": it.image, "imageID": "", "ready": ready, "started": true,
            "restartCount": 0, "state": {"running": {"startedAt": now}}, "lastState": {},
        })
    };
    let containers: Vec<Value> = pod.spec.containers.iter().map(container).collect();
    json!({
        "conditions": [
            condition("PodReadyToStartContainers", true), condition("Initialized", true),
            condition("Ready", ready), condition("ContainersReady", ready),
            condition("PodScheduled", true),
        ],
        "containerStatuses": containers,
    })
}

fn patch(teller: &mut Teller, pod: &Pod, status: Value) -> Result<(), String> {
    let body = json!({"status": status});
    let verb = Verb::Patch { how: Patch::Strategic, body, strict: true };
    teller.send(key(pod), Some(Subresource::Status), verb)
}

fn finish(teller: &mut Teller) -> Result<(), String> {
    for pod in pods(teller, &Pod::is_terminating) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        teller.send(key(&pod), None, Verb::Delete(options))?;
    }
    Ok(())
}
