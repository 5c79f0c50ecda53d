//! Names that the cluster knows, where a name is asked for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::object::{Object, Pod};

use super::place::{Place, Step};

/// Labels of pods, for a selector.
pub(super) fn keys(lab: &Lab, place: &Place<'_>) -> Vec<Value> {
    if !asks_for_labels(place) {
        return Vec::new();
    }
    let pods = pods(lab, place);
    let all = pods.iter().flat_map(|it| it.metadata.labels.iter());
    let keys: BTreeSet<&str> =
        all.map(|(key, _)| &**key).filter(|it| !place.siblings.contains(it)).collect();
    let option = |it| json!({"label": it, "kind": "name", "insert": format!("{it}: ")});
    keys.into_iter().map(option).collect()
}

pub(super) fn values(lab: &Lab, place: &Place<'_>, key: &str) -> Vec<Value> {
    let within = place.path.last();
    let parent = place.path.iter().rev().find_map(|it| match it {
        Step::Key(key) => Some(*key),
        Step::Item => None,
    });
    let found: BTreeSet<String> = match (key, parent) {
        ("kind", None) => Kind::all().map(|it| it.name().to_owned()).collect(),
        ("apiVersion", None) => versions(place),
        ("namespace", _) => names(lab, Kind::Namespace, None),
        ("nodeName", _) => names(lab, Kind::Node, None),
        ("serviceName", _) | ("name", Some("service")) => names(lab, Kind::Service, Some(place)),
        ("kubernetes.io/service-name", _) => names(lab, Kind::Service, Some(place)),
        ("ingressClassName", _) => names(lab, Kind::IngressClass, None),
        ("number" | "name", Some("port")) => service_ports(lab, place, key == "name"),
        ("targetPort", _) => pod_ports(lab, place),
        ("port", Some("httpGet" | "tcpSocket")) => own_ports(place),
        ("image", _) => images(lab),
        (key, _) if within.is_some() && asks_for_labels(place) => label_values(lab, place, key),
        _ => BTreeSet::new(),
    };
    found.into_iter().map(|it| json!({"label": it, "kind": "name"})).collect()
}

/// A selector's labels are those of pods; a pod's own may be anything, but those in use are a help.
fn asks_for_labels(place: &Place<'_>) -> bool {
    let last = place.path.last();
    [Step::Key("selector"), Step::Key("matchLabels"), Step::Key("labels")]
        .iter()
        .any(|it| Some(it) == last)
}

fn namespace<'a>(place: &Place<'a>) -> &'a str {
    place.value_of(&["metadata", "namespace"]).unwrap_or("default")
}

fn pods<'a>(lab: &'a Lab, place: &Place<'_>) -> Vec<&'a Pod> {
    let here = namespace(place);
    let pods = lab.objects().of_kind(Kind::Pod).filter_map(|it| match it {
        Object::Pod(pod) if pod.metadata.namespace == here => Some(pod),
        _ => None,
    });
    pods.collect()
}

fn label_values(lab: &Lab, place: &Place<'_>, key: &str) -> BTreeSet<String> {
    let pods = pods(lab, place);
    pods.iter().filter_map(|it| it.metadata.labels.get(key)).map(|it| it.to_string()).collect()
}

fn names(lab: &Lab, kind: Kind, within: Option<&Place<'_>>) -> BTreeSet<String> {
    let here = within.map(namespace);
    let keys = lab.objects().of_kind(kind).map(Object::key);
    keys.filter(|it| here.is_none_or(|here| it.namespace == here)).map(|it| it.name).collect()
}

fn versions(place: &Place<'_>) -> BTreeSet<String> {
    let kinds: Vec<Kind> = place.kind.map_or_else(|| Kind::all().collect(), |it| vec![it]);
    kinds.into_iter().map(|it| it.api_version().to_owned()).collect()
}

/// Names and numbers of the ports of the pods in the namespace.
fn pod_ports(lab: &Lab, place: &Place<'_>) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    for pod in pods(lab, place) {
        for port in pod.spec.containers.iter().flat_map(|it| &it.ports) {
            res.insert(port.container_port.to_string());
            res.insert(port.name.to_string());
        }
    }
    res.remove("");
    res
}

/// The ports that the containers of this document have.
fn own_ports(place: &Place<'_>) -> BTreeSet<String> {
    let lines = place.document.lines().map(|it| it.trim().trim_start_matches("- "));
    lines.filter_map(|it| it.strip_prefix("containerPort: ")).map(str::to_owned).collect()
}

/// The ports of the Service that an Ingress's backend names.
fn service_ports(lab: &Lab, place: &Place<'_>, by_name: bool) -> BTreeSet<String> {
    let here = namespace(place);
    let mut res = BTreeSet::new();
    for object in lab.objects().of_kind(Kind::Service) {
        let Object::Service(service) = object else { continue };
        for port in service.spec.ports.iter().filter(|_| service.metadata.namespace == here) {
            res.insert(if by_name { port.name.to_string() } else { port.port.to_string() });
        }
    }
    res.remove("");
    res
}

fn images(lab: &Lab) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    for object in lab.objects().of_kind(Kind::Pod) {
        if let Object::Pod(pod) = object {
            res.extend(pod.spec.containers.iter().map(|it| it.image.to_string()));
        }
    }
    res
}
