//! Who put each line of an object there.
//!
//! The manifest that was applied last stands in an annotation of the object itself; what is not in
//! it was filled in by the API server, chosen for this object, or written by a component.

use serde_json::{Map, Value};

use super::yaml::{self, Line, Tree};
use crate::key::Kind;
use crate::object::Object;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It stands so in the manifest applied last.
    Written,
    /// The manifest left it open, and the API server filled it in.
    Defaulted,
    /// Chosen for this one object: addresses, ports, a node, a uid, versions and times.
    Allocated,
    /// Written by a controller, kubelet or kubectl.
    Component,
}

impl Origin {
    pub const ALL: [Origin; 4] =
        [Origin::Written, Origin::Defaulted, Origin::Allocated, Origin::Component];
}

/// The object's YAML as `kubectl get -o yaml` prints it, each line with its origin.
pub fn marked(object: &Object) -> Vec<Line<Origin>> {
    let value = object.to_value();
    let last = last_applied(&value);
    let marking = Marking { kind: object.kind(), value: &value, last: last.as_ref() };
    yaml::print(&marking.tree(&value, marking.last, &mut Vec::new()))
}

/// An object as it is stored, and who put each plain value there that the manifest applied last
/// does not hold.
pub struct Origins {
    kind: Kind,
    value: Value,
    last: Option<Value>,
}

impl Origins {
    pub fn of(object: &Object) -> Origins {
        let value = object.to_value();
        Origins { kind: object.kind(), last: last_applied(&value), value }
    }

    pub fn object(&self) -> &Value {
        &self.value
    }

    /// `path` is made of keys alone: items of a list stand where the list does.
    pub fn unwritten(&self, leaf: &Value, path: &[&str]) -> Origin {
        let Origins { kind, value, last } = self;
        Marking { kind: *kind, value, last: last.as_ref() }.origin(leaf, None, path)
    }
}

fn last_applied(value: &Value) -> Option<Value> {
    let last = value.pointer("/metadata/annotations").and_then(|it| it.get(LAST_APPLIED));
    last.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok())
}

struct Marking<'a> {
    kind: Kind,
    value: &'a Value,
    /// The manifest applied last.
    last: Option<&'a Value>,
}

impl Marking<'_> {
    /// `path` is made of keys alone: items of a list stand where the list does.
    fn tree<'v>(
        &self,
        value: &'v Value,
        written: Option<&Value>,
        path: &mut Vec<&'v str>,
    ) -> Tree<'v, Origin> {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let entry = |(key, value): (&'v String, &'v Value)| {
                    path.push(key);
                    let tree = self.tree(value, written.and_then(|it| it.get(key)), path);
                    path.pop();
                    (key.as_str(), tree)
                };
                Tree::Map(yaml::sorted(map.iter().map(entry).collect()))
            }
            Value::Array(items) if !items.is_empty() => {
                let written = written.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let item = |(index, item): (usize, &'v Value)| {
                    self.tree(item, counterpart(index, item, written), path)
                };
                Tree::List(items.iter().enumerate().map(item).collect())
            }
            leaf => Tree::Leaf(leaf, self.origin(leaf, written, path)),
        }
    }

    fn origin(&self, leaf: &Value, written: Option<&Value>, path: &[&str]) -> Origin {
        if written == Some(leaf) {
            return Origin::Written;
        }
        if self.is_allocated(path) {
            return Origin::Allocated;
        }
        match path {
            ["metadata", "labels", "kubernetes.io/metadata.name"] => Origin::Defaulted,
            ["status" | "metadata", ..] => Origin::Component,
            // The manifest says something else: it was changed after it was applied.
            _ if written.is_some() || self.last.is_none() => Origin::Component,
            _ => Origin::Defaulted,
        }
    }

    fn is_allocated(&self, path: &[&str]) -> bool {
        match (self.kind, path) {
            (_, ["metadata", field]) => self.is_allocated_metadata(field),
            (Kind::Service, ["spec", "clusterIP" | "clusterIPs"]) => !self.address_was_written(),
            (Kind::Service, ["spec", "ports", "nodePort"] | ["spec", "healthCheckNodePort"]) => {
                true
            }
            (_, ["status", "loadBalancer", "ingress", "ip" | "hostname"]) => true,
            (
                Kind::Pod,
                ["spec", "nodeName"] | ["status", "podIP"] | ["status", "podIPs", "ip"],
            ) => true,
            (Kind::Node, ["spec", "podCIDR" | "podCIDRs"]) => true,
            _ => false,
        }
    }

    fn is_allocated_metadata(&self, field: &str) -> bool {
        match field {
            "uid"
            | "resourceVersion"
            | "generation"
            | "creationTimestamp"
            | "deletionTimestamp"
            | "deletionGracePeriodSeconds" => true,
            "name" => self.value.pointer("/metadata/generateName").is_some(),
            _ => false,
        }
    }

    /// `clusterIPs` repeats a `clusterIP` of the manifest, and `None` is nobody's choice.
    fn address_was_written(&self) -> bool {
        let asked = self.last.and_then(|it| it.pointer("/spec/clusterIP"));
        asked.is_some_and(|it| it != "")
    }
}

/// The item of the manifest's list that became `item`: one that says nothing else, or else the one
/// in its place.
fn counterpart<'w>(index: usize, item: &Value, written: &'w [Value]) -> Option<&'w Value> {
    let here = written.get(index);
    if here.is_some_and(|it| holds(item, it)) {
        return here;
    }
    written.iter().find(|it| holds(item, it)).or(here)
}

/// Whether everything that `written` says holds of `live`.
fn holds(live: &Value, written: &Value) -> bool {
    match (live, written) {
        (Value::Object(live), Value::Object(written)) => all_hold(live, written),
        (Value::Array(live), Value::Array(written)) => {
            live.len() == written.len() && live.iter().zip(written).all(|(a, b)| holds(a, b))
        }
        _ => live == written,
    }
}

fn all_hold(live: &Map<String, Value>, written: &Map<String, Value>) -> bool {
    written.iter().all(|(key, value)| match live.get(key) {
        Some(live) => holds(live, value),
        None => value.is_null() || value.as_object().is_some_and(Map::is_empty),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Marks each line of the object with the first letter of its origin.
    #[track_caller]
    fn check(kind: Kind, manifest: Option<Value>, mut live: Value, expected: &str) {
        if let Some(manifest) = manifest {
            live["metadata"]["annotations"] = json!({LAST_APPLIED: manifest.to_string()});
        }
        let object = Object::from_value(kind, live).unwrap();
        let lines = marked(&object).into_iter().map(|line| {
            let letter =
                line.mark.map_or(" ".to_owned(), |mark| format!("{mark:?}")[..1].to_owned());
            format!("{letter} {}{}\n", line.head, line.value)
        });
        let text: String = lines.filter(|line| !line.contains("last-applied")).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_service_is_written_defaulted_and_allocated() {
        check(
            Kind::Service,
            Some(json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"ports": [{"port": 80}, {"port": 81, "nodePort": 30081}], "type": "NodePort"},
            })),
            json!({
                "metadata": {"name": "web", "uid": "u"},
                "spec": {
                    "type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
                    "sessionAffinity": "None",
                    "ports": [
                        {"port": 81, "targetPort": 81, "nodePort": 30081},
                        {"port": 80, "targetPort": 80, "nodePort": 30411},
                    ],
                },
            }),
            "W apiVersion: v1\n\
             W kind: Service\n  \
               metadata:\n\
             C   annotations:\n\
             W   name: web\n\
             A   uid: u\n  \
               spec:\n\
             A   clusterIP: 10.96.0.9\n\
             A   clusterIPs:\n\
             A   - 10.96.0.9\n    \
                 ports:\n\
             W   - nodePort: 30081\n\
             W     port: 81\n\
             D     targetPort: 81\n\
             A   - nodePort: 30411\n\
             W     port: 80\n\
             D     targetPort: 80\n\
             D   sessionAffinity: None\n\
             W   type: NodePort\n\
             C status:\n\
             C   loadBalancer: {}\n",
        );
    }

    #[test]
    fn an_address_that_was_asked_for_is_not_allocated() {
        check(
            Kind::Service,
            Some(json!({"spec": {"clusterIP": "None"}})),
            json!({"metadata": {}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
            "D apiVersion: v1\nD kind: Service\nC metadata:\nC   annotations:\n  spec:\n\
             W   clusterIP: None\nD   clusterIPs:\nD   - None\nC status:\nC   loadBalancer: {}\n",
        );
    }

    #[test]
    fn a_value_changed_later_is_no_longer_what_was_written() {
        check(
            Kind::Deployment,
            Some(json!({"spec": {"replicas": 3, "paused": true}})),
            json!({"spec": {"replicas": 5, "paused": true, "template": {}}}),
            "D apiVersion: apps/v1\nD kind: Deployment\nC metadata:\nC   annotations:\n  spec:\n\
             W   paused: true\nC   replicas: 5\nD   strategy: {}\nD   template:\n\
             D     metadata: {}\nD     spec: {}\nC status: {}\n",
        );
    }

    #[test]
    fn a_pod_that_a_controller_made() {
        check(
            Kind::Pod,
            None,
            json!({
                "metadata": {"name": "web-x2k4p", "generateName": "web-", "labels": {"app": "web"}},
                "spec": {"nodeName": "worker-1", "containers": [{"name": "web"}]},
                "status": {"phase": "Running", "podIP": "10.244.1.2"},
            }),
            "C apiVersion: v1\nC kind: Pod\n  metadata:\nC   generateName: web-\nC   labels:\n\
             C     app: web\nA   name: web-x2k4p\n  spec:\nC   containers:\nC   - name: web\n\
             A   nodeName: worker-1\n  status:\nC   phase: Running\nA   podIP: 10.244.1.2\n",
        );
    }
}
