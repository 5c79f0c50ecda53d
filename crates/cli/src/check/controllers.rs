//! What the controllers make of the objects: files that tell a story step by step, with the objects
//! after each step.
//!
//! There is neither a scheduler nor a machine behind the nodes: the story's own kubelet binds pods
//! and writes their status.

mod compare;
mod kubelet;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Subresource, Verb};
use svclab_core::lab::{Action, DeleteOptions, Lab};
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};

use super::Report;
use crate::failure::Failure;
use crate::state;

use compare::Comparison;
use kubelet::Kubelet;

#[derive(Deserialize)]
struct Story {
    name: String,
    cluster: String,
    namespace: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    note: String,
    #[serde(rename = "do")]
    requests: Vec<Value>,
    result: BTreeMap<String, Vec<Value>>,
}

/// The nodes that the stories were recorded with: name, address, zone.
pub(super) const NODES: [(&str, &str, &str); 3] = [
    ("worker-1", "172.18.0.3", "zone-a"),
    ("worker-2", "172.18.0.4", "zone-b"),
    ("worker-3", "172.18.0.5", "zone-c"),
];

/// A cluster is at rest when nothing changed for this long.
const QUIET: Duration = Duration::from_millis(1500);
/// The stories' nodes were heard of all the time.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// And this long a step may have been waited for beyond it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A story that does not come to rest is not waited for any longer.
const MOST_ROUNDS: usize = 40;

pub(super) fn stories(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let entries = std::fs::read_dir(directory).map_err(|it| Failure::unreadable(directory, &it))?;
    let mut files: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "json"));
    files.sort();
    for file in files {
        let text = state::text(&file)?;
        let Ok(story) = serde_json::from_str::<Story>(&text) else { continue };
        report.case(&file.display().to_string(), tell(&story));
    }
    Ok(())
}

fn tell(story: &Story) -> Result<(), String> {
    let mut teller = Teller::new(story)?;
    let mut comparison = Comparison::new(story.name == "hundred");
    for step in &story.steps {
        let failed = |why: String| format!("{}: {why}", step.note);
        for request in &step.requests {
            teller.carry_out(request).map_err(failed)?;
        }
        teller.rest();
        comparison = look(&mut teller, &comparison, step).map_err(failed)?;
    }
    Ok(())
}

/// Compares what there is. A few steps were recorded after a longer wait, for what only their note
/// says: so where something differs, time passes before that is held against us.
fn look(teller: &mut Teller, before: &Comparison, step: &Step) -> Result<Comparison, String> {
    let kinds: Vec<Kind> = step.result.keys().filter_map(|it| kind(it)).collect();
    let end = teller.lab.now() + LONGEST_WAIT;
    let mut outcome = None;
    loop {
        let mut comparison = before.clone();
        match comparison.step(&step.result, teller.objects(&kinds)) {
            Ok(()) => return Ok(comparison),
            Err(why) => _ = outcome.get_or_insert(why),
        }
        if teller.lab.next_event().is_none_or(|next| next > end) {
            return Err(outcome.unwrap_or_default());
        }
        teller.pass(QUIET);
    }
}

fn kind(name: &str) -> Option<Kind> {
    Kind::all().find(|kind| kind.name() == name)
}

/// A lab that a story is told to.
struct Teller {
    lab: Lab,
    namespace: String,
    kubelet: Kubelet,
    /// When the nodes have to be heard of again.
    heartbeat: Instant,
}

impl Teller {
    fn new(story: &Story) -> Result<Teller, String> {
        let dual = story.cluster == "dual";
        let (services, pods) = match dual {
            true => ("10.96.0.0/12,fd00:10:96::/112", "10.244.0.0/16,fd00:10:244::/56"),
            false => ("10.96.0.0/12", "10.244.0.0/16"),
        };
        let scenario = format!(
            "name: story\ntitle: {{en: '', ko: ''}}\nabout: {{en: '', ko: ''}}\nmanifests: []\n\
             cluster: {{lan: 172.18.0.0/16, router: 172.18.0.1, serviceCIDR: '{services}', \
             clusterCIDR: '{pods}', nodes: [], scheduler: false}}\n"
        );
        let lab = Lab::new(&Scenario::parse(&scenario)?, 1);
        let namespace = story.namespace.clone();
        let kubelet = Kubelet::new(dual);
        let mut teller = Teller { lab, namespace, kubelet, heartbeat: Instant::START };
        let name = teller.namespace.clone();
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        teller.send(teller.key(Kind::Namespace, &name), None, Verb::Create(namespace))?;
        for (at, node) in (1..).zip(NODES) {
            teller.add_node(at, node, dual)?;
        }
        teller.rest();
        Ok(teller)
    }

    fn add_node(
        &mut self,
        at: usize,
        (name, address, zone): (&str, &str, &str),
        dual: bool,
    ) -> Result<(), String> {
        let mut ranges = vec![format!("10.244.{at}.0/24")];
        if dual {
            ranges.push(format!("fd00:10:244:{at}::/64"));
        }
        let labels = json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone});
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "spec": {"podCIDR": ranges[0], "podCIDRs": ranges},
        });
        let key = self.key(Kind::Node, name);
        self.send(key.clone(), None, Verb::Create(node))?;
        let resources = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
        let status = json!({"status": {
            "capacity": resources, "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }});
        self.send(key.clone(), Some(Subresource::Status), merge(status))?;
        // The node lifecycle controller takes the taint of a new node off once it is ready.
        self.send(key, None, merge(json!({"spec": {"taints": null}})))
    }

    fn key(&self, kind: Kind, name: &str) -> ObjectKey {
        ObjectKey::new(kind, if kind.is_namespaced() { &self.namespace } else { "" }, name)
    }

    fn send(
        &mut self,
        key: ObjectKey,
        subresource: Option<Subresource>,
        verb: Verb,
    ) -> Result<(), String> {
        let reply = self.lab.act(Action::Request(Request { key, subresource, verb }));
        match reply.answer {
            Some(Err(refusal)) => Err(refusal.message),
            _ => Ok(()),
        }
    }

    fn carry_out(&mut self, request: &Value) -> Result<(), String> {
        if request.get("kubelet").is_some() {
            return kubelet::act(self, request);
        }
        let name = request["kind"].as_str().unwrap_or_default();
        let kind = kind(name).ok_or_else(|| format!("there is no kind {name:?}"))?;
        let key = self.key(kind, request["name"].as_str().unwrap_or_default());
        let subresource = match request["subresource"].as_str() {
            Some("status") => Some(Subresource::Status),
            Some("binding") => Some(Subresource::Binding),
            Some("scale") => Some(Subresource::Scale),
            Some("eviction") => Some(Subresource::Eviction),
            _ => None,
        };
        let verb = verb(request, &self.lab.now().rfc3339())?;
        let came = self.send(key, subresource, verb).err();
        let expected = request["error"]["message"].as_str().map(str::to_owned);
        self.pass(Duration::from_millis(50));
        match came == expected {
            true => Ok(()),
            false => Err(format!("expected the answer {expected:?}, came {came:?}")),
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.lab.now() + span;
        while self.heartbeat <= end {
            self.lab.run_until(self.heartbeat);
            self.heartbeat = self.lab.now() + HEARTBEAT;
            let now = self.lab.now().rfc3339();
            for (name, ..) in NODES {
                let conditions = json!([{"type": "Ready", "lastHeartbeatTime": now}]);
                let body = json!({"status": {"conditions": conditions}});
                let verb = Verb::Patch { how: Patch::Strategic, body, strict: false };
                // There are no nodes yet when the story's namespace is made.
                let _ = self.send(self.key(Kind::Node, name), Some(Subresource::Status), verb);
            }
        }
        self.lab.run_until(end);
    }

    /// Lets time pass until nothing changes any more.
    fn rest(&mut self) {
        for _ in 0..MOST_ROUNDS {
            let version = self.lab.resource_version();
            self.pass(QUIET);
            if self.lab.resource_version() == version {
                return;
            }
        }
    }

    fn objects(&self, kinds: &[Kind]) -> BTreeMap<String, Vec<Value>> {
        let of_kind = |kind: &Kind| {
            let objects = self.lab.objects().in_namespace(*kind, &self.namespace);
            (kind.name().to_owned(), objects.map(|it| it.to_value()).collect())
        };
        kinds.iter().map(of_kind).collect()
    }
}

fn merge(body: Value) -> Verb {
    Verb::Patch { how: Patch::Merge, body, strict: true }
}

fn verb(request: &Value, now: &str) -> Result<Verb, String> {
    let body = request["body"].to_string().replace("<time>", now);
    let body: Value = serde_json::from_str(&body).map_err(|it| it.to_string())?;
    Ok(match request["verb"].as_str().unwrap_or_default() {
        "create" => Verb::Create(body),
        "update" => Verb::Replace(body),
        "patch" => {
            let how = match request["patchType"].as_str() {
                Some("strategic") => Patch::Strategic,
                Some("json") => Patch::Json,
                _ => Patch::Merge,
            };
            Verb::Patch { how, body, strict: false }
        }
        "delete" => {
            let mut options = request.clone();
            if let Some(map) = options.as_object_mut() {
                map.retain(|name, _| name == "gracePeriodSeconds" || name == "propagationPolicy");
            }
            let options: DeleteOptions =
                serde_json::from_value(options).map_err(|it| it.to_string())?;
            Verb::Delete(options)
        }
        other => return Err(format!("there is no verb {other:?}")),
    })
}
