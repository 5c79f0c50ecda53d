//! Whether a step gave the recorded objects: what was masked, names that were generated, and what
//! two recordings of one story do not agree in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::NODES;

type Objects = BTreeMap<String, Vec<Value>>;

const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
const HASH_LABEL: &str = "pod-template-hash";
const REVISION_LABEL: &str = "controller-revision-hash";

/// What one story's comparison remembers from step to step.
#[derive(Clone)]
pub(super) struct Comparison {
    /// Ours to the recorded: ReplicaSets' hashes, StatefulSets' revisions.
    hashes: BTreeMap<String, String>,
    /// Generated names of pods, and of slices.
    pods: BTreeMap<String, String>,
    slices: BTreeMap<String, String>,
    /// A ReplicaSet gave up other pods than the recorded one, among equal ones.
    swapped: bool,
    before: Objects,
    ours_before: Objects,
    /// How endpoints are spread over slices does not count.
    spread_is_free: bool,
}

impl Comparison {
    pub(super) fn new(spread_is_free: bool) -> Comparison {
        Comparison {
            hashes: BTreeMap::new(),
            pods: BTreeMap::new(),
            slices: BTreeMap::new(),
            swapped: false,
            before: Objects::new(),
            ours_before: Objects::new(),
            spread_is_free,
        }
    }

    pub(super) fn step(&mut self, expected: &Objects, found: Objects) -> Result<(), String> {
        let mut wanted: Objects = expected.clone();
        let mut ours = found;
        for objects in wanted.values_mut().chain(ours.values_mut()) {
            objects.iter_mut().for_each(mask);
        }
        self.learn_hashes(&wanted, &ours);
        ours = self.with_hashes(&ours);
        self.match_pods(&wanted, &mut ours)?;
        let (wanted_before, ours_before) = (wanted.clone(), ours.clone());
        for (kind, wanted) in &mut wanted {
            let ours = ours.get_mut(kind).map(std::mem::take).unwrap_or_default();
            self.compare(kind, std::mem::take(wanted), ours)?;
        }
        self.before = wanted_before;
        self.ours_before = ours_before;
        Ok(())
    }

    fn compare(
        &mut self,
        kind: &str,
        mut wanted: Vec<Value>,
        mut ours: Vec<Value>,
    ) -> Result<(), String> {
        match kind {
            "Endpoints" => {
                if self.swapped {
                    ours.iter_mut().for_each(sort_addresses);
                }
                wanted.iter_mut().chain(&mut ours).for_each(settle_endpoints);
            }
            "EndpointSlice" => {
                if self.spread_is_free {
                    wanted = gathered(wanted)?;
                    ours = gathered(ours)?;
                }
                self.name_slices(&wanted, &mut ours);
                self.settle_slices(&mut wanted, &mut ours);
            }
            "Deployment" => {
                for (wanted, ours) in wanted.iter_mut().zip(&mut ours) {
                    self.settle_conditions(wanted, ours);
                }
            }
            _ => {}
        }
        wanted.iter_mut().chain(&mut ours).for_each(drop_nulls);
        wanted.sort_by_key(|it| it["metadata"]["name"].to_string());
        ours.sort_by_key(|it| it["metadata"]["name"].to_string());
        if wanted == ours {
            return Ok(());
        }
        let (wanted, ours) = wanted
            .iter()
            .zip(&ours)
            .find(|(a, b)| a != b)
            .map_or((list(&wanted), list(&ours)), |(a, b)| (a.to_string(), b.to_string()));
        Err(format!("{kind}: expected {wanted}, came {ours}"))
    }

    /// ReplicaSets of the same template have the same hash, StatefulSets of the same name the same
    /// revisions.
    fn learn_hashes(&mut self, wanted: &Objects, ours: &Objects) {
        let of = |objects: &Objects, kind: &str| objects.get(kind).cloned().unwrap_or_default();
        for expected in of(wanted, "ReplicaSet") {
            let same = |it: &&Value| plain_template(it) == plain_template(&expected);
            if let Some(found) = of(ours, "ReplicaSet").iter().find(same) {
                let label = |it: &Value| text(&it["metadata"]["labels"][HASH_LABEL]);
                self.hashes.insert(label(found), label(&expected));
            }
        }
        for expected in of(wanted, "StatefulSet") {
            for found in of(ours, "StatefulSet") {
                if found["metadata"]["name"] == expected["metadata"]["name"] {
                    for field in ["updateRevision", "currentRevision"] {
                        let revision = |it: &Value| text(&it["status"][field]);
                        self.hashes.insert(revision(&found), revision(&expected));
                    }
                }
            }
        }
        let labels = |objects: &Objects| -> BTreeSet<String> {
            let pods = of(objects, "Pod");
            pods.iter().map(|it| text(&it["metadata"]["labels"][REVISION_LABEL])).collect()
        };
        let known: BTreeSet<String> = self.hashes.values().cloned().collect();
        let new_ours: Vec<String> =
            labels(ours).into_iter().filter(|it| !self.hashes.contains_key(it)).collect();
        let new: Vec<String> =
            labels(wanted).into_iter().filter(|it| !known.contains(it)).collect();
        if let ([ours], [new]) = (new_ours.as_slice(), new.as_slice()) {
            self.hashes.insert(ours.clone(), new.clone());
        }
        self.hashes.remove("");
    }

    fn with_hashes(&self, objects: &Objects) -> Objects {
        let mut text = serde_json::to_string(objects).unwrap_or_default();
        for (ours, recorded) in &self.hashes {
            text = text.replace(ours, recorded);
        }
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Gives our pods the recorded ones' names. A pod that was made in this step may be any of the
    /// new ones that look like it; of pods that were equal before, any may have been given up.
    fn match_pods(&mut self, wanted: &Objects, ours: &mut Objects) -> Result<(), String> {
        let wanted = wanted.get("Pod").cloned().unwrap_or_default();
        let Some(found) = ours.get("Pod").cloned() else { return Ok(()) };
        let mut left: Vec<&Value> = wanted.iter().filter(|it| is_generated(it)).collect();
        let known: BTreeSet<String> = wanted.iter().map(name).collect();
        let mut open: Vec<&Value> = found.iter().filter(|it| !known.contains(&name(it))).collect();
        let mut pairs: Vec<(&Value, &Value)> = Vec::new();
        let before = self.pods.clone();
        let as_before = |a: &Value, b: &Value| before.get(&name(a)) == Some(&name(b)) && same(a, b);
        let alike = |a: &Value, b: &Value| {
            look(a) == look(b) && self.look_before(a, true) == self.look_before(b, false)
        };
        let in_place = |a: &Value, b: &Value| alike(a, b) && place(a) == place(b);
        take_pairs(&mut open, &mut left, &mut pairs, &as_before);
        take_pairs(&mut open, &mut left, &mut pairs, &in_place);
        let settled = pairs.len();
        take_pairs(&mut open, &mut left, &mut pairs, &alike);
        if let (Some(ours), _) | (_, Some(ours)) = (open.first(), left.first()) {
            return Err(format!("Pod: no pair for {ours}; expected {}", list(&wanted)));
        }
        self.swapped |= pairs[settled..].iter().any(|(a, b)| place(a) != place(b));
        let mut renamed: BTreeMap<String, Value> = BTreeMap::new();
        for (ours, recorded) in &pairs {
            renamed.insert(name(ours), (*recorded).clone());
        }
        self.pods = renamed.iter().map(|(ours, it)| (ours.clone(), name(it))).collect();
        ours.values_mut().flatten().for_each(|it| rename_pods(it, &renamed));
        Ok(())
    }

    /// What the pod looked like one step before, without its name and its place.
    fn look_before(&self, pod: &Value, ours: bool) -> Option<Value> {
        let objects = if ours { &self.ours_before } else { &self.before };
        let name = match ours {
            true => self.pods.get(&name(pod))?.clone(),
            false => name(pod),
        };
        let pods = objects.get("Pod")?;
        pods.iter().find(|it| it["metadata"]["name"] == name.as_str()).map(look)
    }

    /// Gives our slices the recorded ones' names: those they have, or, for new ones, those of slices
    /// that are like them. Which of several mirrored slices keeps its name is chance.
    fn name_slices(&mut self, wanted: &[Value], ours: &mut [Value]) {
        let mut free: Vec<&Value> = wanted.iter().filter(|it| is_generated(it)).collect();
        let present: BTreeSet<String> = ours.iter().map(name).collect();
        self.slices.retain(|ours, _| present.contains(ours));
        let mut named = self.slices.clone();
        for slice in ours.iter() {
            let Some(known) = self.slices.get(&name(slice)) else { continue };
            let at = free.iter().position(|it| name(it) == *known);
            let moved = |it: &Value| is_mirrored(it) && it["ports"] != slice["ports"];
            match at {
                Some(at) if !moved(free[at]) => {
                    free.remove(at);
                }
                _ => {
                    named.remove(&name(slice));
                }
            }
        }
        for slice in ours.iter() {
            if named.contains_key(&name(slice)) || wanted.iter().any(|it| name(it) == name(slice)) {
                continue;
            }
            let look = |it: &Value| {
                let service = &it["metadata"]["labels"]["kubernetes.io/service-name"];
                [service, &it["addressType"], &it["ports"]].map(Value::clone)
            };
            let alike = |it: &&Value| (look(it), addresses(it)) == (look(slice), addresses(slice));
            if let Some(at) = free.iter().position(alike) {
                named.insert(name(slice), name(free.remove(at)));
            }
        }
        self.slices = named;
        for slice in ours {
            if let Some(recorded) = self.slices.get(&name(slice)) {
                slice["metadata"]["name"] = recorded.clone().into();
            }
        }
    }

    /// The order of endpoints that came in one step is chance, and so is that of mirrored ones.
    fn settle_slices(&self, wanted: &mut [Value], ours: &mut [Value]) {
        for slice in wanted.iter_mut().chain(ours) {
            let before = self.before.get("EndpointSlice").into_iter().flatten();
            let before = before.into_iter().find(|it| name(it) == name(slice));
            let old: Vec<String> = before.map(addresses_in_order).unwrap_or_default();
            let free = is_mirrored(slice) || self.swapped;
            let Some(endpoints) = slice["endpoints"].as_array_mut() else { continue };
            let first_new = endpoints.iter().position(|it| free || !old.contains(&address(it)));
            if let Some(first) = first_new {
                endpoints[first..]
                    .sort_by_key(|it| (!free && !old.contains(&address(it)), address(it)));
            }
        }
    }

    /// The order of conditions that changed in the same step is chance, and so is which of two
    /// reasons a new ReplicaSet leaves behind.
    fn settle_conditions(&self, wanted: &mut Value, ours: &mut Value) {
        let same_name = |it: &&Value| it["metadata"]["name"] == wanted["metadata"]["name"];
        let before = self.before.get("Deployment").into_iter().flatten().find(same_name);
        let old = before.and_then(|it| it["status"]["conditions"].as_array().cloned());
        let old = old.unwrap_or_default();
        let lists = [&mut *wanted, ours].map(|it| {
            for condition in it["status"]["conditions"].as_array_mut().into_iter().flatten() {
                let reason = text(&condition["reason"]);
                if reason == "NewReplicaSetCreated" || reason == "ReplicaSetUpdated" {
                    condition["reason"] = "ReplicaSetUpdated".into();
                    condition["message"] = Value::Null;
                }
            }
            it["status"]["conditions"].as_array().cloned().unwrap_or_default()
        });
        let changed = lists[0].iter().filter(|it| !old.contains(it)).count();
        if changed > 1 {
            for object in [wanted, ours] {
                if let Some(list) = object["status"]["conditions"].as_array_mut() {
                    list.sort_by_key(|it| text(&it["type"]));
                }
            }
        }
    }
}

fn list(values: &[Value]) -> String {
    Value::from(values.to_vec()).to_string()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn name(object: &Value) -> String {
    text(&object["metadata"]["name"])
}

/// Whether the recording masks its name: `web-<1>`.
fn is_generated(object: &Value) -> bool {
    name(object).ends_with('>')
}

fn is_mirrored(slice: &Value) -> bool {
    let label = &slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"];
    label == "endpointslicemirroring-controller.k8s.io"
}

/// Takes out what a recording takes out; nulls count as absent.
fn mask(object: &mut Value) {
    let kind = text(&object["kind"]);
    if kind == "Pod" {
        cut_pod(object);
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"] {
            meta.remove(field);
        }
        if kind == "EndpointSlice" {
            meta.remove("generation");
        }
        if let Some(Value::Object(annotations)) = meta.get_mut("annotations") {
            annotations.remove(TRIGGER_TIME);
            if annotations.is_empty() {
                meta.remove("annotations");
            }
        }
    }
    mask_inside(object);
}

/// Looking into a value leaves nulls behind.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn mask_inside(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, value| !value.is_null() && name != "uid");
            map.values_mut().for_each(mask_inside);
        }
        Value::Array(list) => list.iter_mut().for_each(mask_inside),
        Value::String(text) if is_time(text) => *text = "<time>".into(),
        _ => {}
    }
}

/// `2026-01-01T00:00:00Z`
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 20
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            10 => *byte == b'T',
            13 | 16 => *byte == b':',
            19 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

fn cut_pod(pod: &mut Value) {
    if !pod["status"]["ready"].is_boolean() {
        let conditions = pod["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        let ready = conditions.any(|it| it["type"] == "Ready" && it["status"] == "True");
        pod["status"]["ready"] = ready.into();
    }
    let keep = |part: &mut Value, fields: &[&str]| {
        if let Some(map) = part.as_object_mut() {
            map.retain(|name, _| fields.contains(&name.as_str()));
        }
    };
    keep(&mut pod["spec"], &["nodeName", "hostname", "subdomain"]);
    keep(&mut pod["status"], &["phase", "podIP", "ready"]);
}

fn plain_template(set: &Value) -> Value {
    let mut template = set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH_LABEL);
    }
    template
}

/// A pod without its name and without where it runs.
fn look(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let remove = |part: &mut Value, field: &str| {
        part.as_object_mut().and_then(|it| it.remove(field));
    };
    remove(&mut pod["metadata"], "name");
    remove(&mut pod["spec"], "nodeName");
    remove(&mut pod["status"], "podIP");
    pod
}

fn place(pod: &Value) -> (Value, Value) {
    (pod["spec"]["nodeName"].clone(), pod["status"]["podIP"].clone())
}

fn same(a: &Value, b: &Value) -> bool {
    look(a) == look(b) && place(a) == place(b)
}

fn take_pairs<'a>(
    ours: &mut Vec<&'a Value>,
    wanted: &mut Vec<&'a Value>,
    pairs: &mut Vec<(&'a Value, &'a Value)>,
    fit: &dyn Fn(&Value, &Value) -> bool,
) {
    ours.retain(|pod| match wanted.iter().position(|it| fit(pod, it)) {
        Some(at) => {
            pairs.push((pod, wanted.remove(at)));
            false
        }
        None => true,
    });
}

/// Puts the recorded pods in the place of ours, wherever they are named.
fn rename_pods(object: &mut Value, renamed: &BTreeMap<String, Value>) {
    if object["kind"] == "Pod" {
        if let Some(recorded) = renamed.get(&name(object)) {
            object["metadata"]["name"] = recorded["metadata"]["name"].clone();
            for (part, field) in [("spec", "nodeName"), ("status", "podIP")] {
                if !recorded[part][field].is_null() {
                    object[part][field] = recorded[part][field].clone();
                }
            }
        }
        return;
    }
    for subset in object["subsets"].as_array_mut().into_iter().flatten() {
        for field in ["addresses", "notReadyAddresses"] {
            let Some(list) = subset[field].as_array_mut() else { continue };
            for address in list.iter_mut() {
                if let Some(pod) = target(address, renamed) {
                    address["targetRef"]["name"] = pod["metadata"]["name"].clone();
                    address["ip"] = pod["status"]["podIP"].clone();
                    address["nodeName"] = pod["spec"]["nodeName"].clone();
                }
            }
        }
    }
    for endpoint in object["endpoints"].as_array_mut().into_iter().flatten() {
        let Some(pod) = target(endpoint, renamed) else { continue };
        let moved = endpoint["nodeName"] != pod["spec"]["nodeName"]
            || endpoint["addresses"][0] != pod["status"]["podIP"];
        endpoint["targetRef"]["name"] = pod["metadata"]["name"].clone();
        if moved {
            endpoint["addresses"] = vec![pod["status"]["podIP"].clone()].into();
            endpoint["nodeName"] = pod["spec"]["nodeName"].clone();
            let zone = NODES.iter().find(|it| endpoint["nodeName"] == it.0);
            endpoint["zone"] = zone.map_or(Value::Null, |it| it.2.into());
        }
    }
}

fn target<'a>(address: &Value, renamed: &'a BTreeMap<String, Value>) -> Option<&'a Value> {
    renamed.get(address["targetRef"]["name"].as_str()?)
}

/// Subsets in the order of their text; addresses by IP, and those of one IP by the pod's name.
fn settle_endpoints(endpoints: &mut Value) {
    let Some(subsets) = endpoints["subsets"].as_array_mut() else { return };
    for subset in subsets.iter_mut() {
        for field in ["addresses", "notReadyAddresses"] {
            if let Some(list) = subset[field].as_array_mut() {
                settle_addresses(list);
            }
        }
        if let Some(subset) = subset.as_object_mut() {
            subset.retain(|_, value| !value.is_null());
        }
    }
    subsets.sort_by_key(Value::to_string);
}

/// Addresses stand by their text; a pod that took another's place has taken its address too.
fn sort_addresses(endpoints: &mut Value) {
    for subset in endpoints["subsets"].as_array_mut().into_iter().flatten() {
        for field in ["addresses", "notReadyAddresses"] {
            if let Some(list) = subset[field].as_array_mut() {
                list.sort_by_key(|it| text(&it["ip"]));
            }
        }
    }
}

/// Only neighbours of the same IP may change places.
fn settle_addresses(list: &mut [Value]) {
    list.chunk_by_mut(|a, b| a["ip"] == b["ip"])
        .for_each(|equal| equal.sort_by_key(|it| text(&it["targetRef"]["name"])));
}

fn address(endpoint: &Value) -> String {
    format!("{} {}", endpoint["addresses"], endpoint["targetRef"]["name"])
}

fn addresses_in_order(slice: &Value) -> Vec<String> {
    slice["endpoints"].as_array().into_iter().flatten().map(address).collect()
}

fn addresses(slice: &Value) -> BTreeSet<String> {
    addresses_in_order(slice).into_iter().collect()
}

/// All slices of a kind as one; none may hold more than a hundred endpoints.
fn gathered(slices: Vec<Value>) -> Result<Vec<Value>, String> {
    let mut res: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    for slice in slices {
        let mut rest = slice;
        let map: &mut Map<String, Value> = rest.as_object_mut().ok_or("a slice is no object")?;
        let endpoints = map.remove("endpoints").unwrap_or_default();
        let endpoints = endpoints.as_array().cloned().unwrap_or_default();
        if endpoints.len() > 100 {
            return Err(format!("a slice with {} endpoints", endpoints.len()));
        }
        rest["metadata"]["name"] = "all".into();
        let group = res.entry(rest.to_string()).or_insert_with(|| (rest, Vec::new()));
        group.1.extend(endpoints);
    }
    let join = |(mut slice, mut endpoints): (Value, Vec<Value>)| {
        endpoints.sort_by_key(address);
        slice["endpoints"] = endpoints.into();
        slice
    };
    Ok(res.into_values().map(join).collect())
}
