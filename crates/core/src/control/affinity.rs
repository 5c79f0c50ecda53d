//! Which nodes a pod asks for: its `nodeSelector` and its required node affinity.

use serde_json::Value;

use crate::object::{Json, LabelSelectorRequirement, Labels, Node, Pod, PodSpec, Taint};

/// Whether the node is one that the pod asks for (`GetRequiredNodeAffinity`).
pub fn asks_for(spec: &PodSpec, node: &Node) -> bool {
    let labels = &node.metadata.labels;
    let selected = spec.node_selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    selected && terms(spec).is_none_or(|terms| terms.iter().any(|term| term_matches(term, node)))
}

/// The first taint of the node that keeps the pod away, of these effects.
pub fn repelling<'a>(spec: &PodSpec, node: &'a Node, effects: &[&str]) -> Option<&'a Taint> {
    node.spec.taints.iter().find(|taint| {
        effects.contains(&taint.effect.as_str())
            && !spec.tolerations.iter().any(|it| it.tolerates(taint))
    })
}

/// The node that a pod is on, or the one that its affinity names (`GetTargetNodeName`).
pub fn target(pod: &Pod) -> Option<&str> {
    if !pod.spec.node_name.is_empty() {
        return Some(&pod.spec.node_name);
    }
    let fields = terms(&pod.spec)?.iter().flat_map(|term| list(term, "matchFields"));
    let mut named = fields.filter(|it| it["key"] == "metadata.name" && it["operator"] == "In");
    named.next()?["values"].get(0)?.as_str()
}

/// The weights of the preferred terms that the node matches.
pub fn preference(spec: &PodSpec, node: &Node) -> i64 {
    let affinity = spec.affinity.get("nodeAffinity");
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    let preferred = affinity.and_then(|it| it.get(preferred)?.as_array()).into_iter().flatten();
    let matching = preferred.filter(|it| term_matches(&it["preference"], node));
    matching.fold(0, |sum, it| sum.saturating_add(it["weight"].as_i64().unwrap_or(0)))
}

fn terms(spec: &PodSpec) -> Option<&Vec<Value>> {
    let node = spec.affinity.get("nodeAffinity")?;
    node.get("requiredDuringSchedulingIgnoredDuringExecution")?.get("nodeSelectorTerms")?.as_array()
}

fn list<'a>(term: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    term.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A term without expressions matches nothing.
fn term_matches(term: &Value, node: &Node) -> bool {
    let fields = Labels::from([("metadata.name".to_owned(), node.metadata.name.clone())]);
    let mut all = list(term, "matchExpressions")
        .map(|it| (it, &*node.metadata.labels))
        .chain(list(term, "matchFields").map(|it| (it, &fields)))
        .peekable();
    all.peek().is_some() && all.all(|(it, labels)| requirement_matches(it, labels))
}

fn requirement_matches(requirement: &Value, labels: &Labels) -> bool {
    let Ok(parsed) = LabelSelectorRequirement::from_json(requirement.clone()) else {
        return false;
    };
    let number = |text: &str| text.parse::<i64>().ok();
    let value = labels.get(&parsed.key).and_then(|it| number(it));
    let limit = parsed.values.first().and_then(|it| number(it));
    match (parsed.operator.as_str(), value, limit) {
        ("Gt", Some(value), Some(limit)) => value > limit,
        ("Lt", Some(value), Some(limit)) => value < limit,
        _ => parsed.matches(labels),
    }
}
