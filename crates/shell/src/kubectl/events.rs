//! Events as the API server stores them: those that the lab's components record, and those that
//! somebody wrote.

use std::rc::Rc;

use serde_json::json;
use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::lab::event::{Repeated, events};
use svclab_core::object::Object;

/// By namespace and name.
pub(crate) fn all(lab: &Lab) -> Vec<Rc<Object>> {
    let stored = lab.objects().all_shared().filter(|it| it.kind() == Kind::Event).cloned();
    let mut res: Vec<Rc<Object>> = stored.collect();
    let recorded = events(lab.log(), lab.now());
    let recorded = (0..).zip(&recorded).filter_map(|(number, it)| object(lab, it, number));
    res.extend(recorded.map(Rc::new));
    res.sort_by(|a, b| {
        let key = |it: &Object| (it.meta().namespace.clone(), it.meta().name.clone());
        key(a).cmp(&key(b))
    });
    res
}

/// Seconds from 1970 to the lab's beginning: names of Events end in nanoseconds since then.
const EPOCH: u64 = 1_767_225_600;

/// The `number` tells those apart that were first recorded at the same microsecond.
fn object(lab: &Lab, repeated: &Repeated, number: u64) -> Option<Object> {
    let Repeated { event, count, first, last } = repeated;
    let regarding = &event.regarding;
    let namespace = if regarding.namespace.is_empty() { "default" } else { &regarding.namespace };
    let nanos = (EPOCH * 1_000_000 + first.as_micros()).saturating_mul(1000) + number % 1000;
    let meta = lab.objects().get(regarding).map(Object::meta);
    let component = event.component.name();
    let host = match event.component.name() {
        "kubelet" => {
            lab.objects().get(regarding).and_then(Object::as_pod).map(|it| &it.spec.node_name)
        }
        _ => None,
    };
    let mut source = json!({"component": component});
    if let Some(host) = host {
        source["host"] = host.clone().into();
    }
    let mut involved = json!({
        "kind": regarding.kind.name(), "name": regarding.name,
        "apiVersion": regarding.kind.api_version(),
    });
    if !regarding.namespace.is_empty() {
        involved["namespace"] = regarding.namespace.clone().into();
    }
    if let Some(meta) = meta {
        involved["uid"] = meta.uid.as_str().into();
        involved["resourceVersion"] = meta.resource_version.clone().into();
    }
    if !event.field_path.is_empty() {
        involved["fieldPath"] = event.field_path.clone().into();
    }
    let value = json!({
        "metadata": {
            "name": format!("{}.{nanos:x}", regarding.name), "namespace": namespace,
            "creationTimestamp": first.rfc3339(),
        },
        "involvedObject": involved, "reason": event.reason, "message": event.message,
        "source": source, "firstTimestamp": first.rfc3339(), "lastTimestamp": last.rfc3339(),
        "count": count, "type": if event.warning { "Warning" } else { "Normal" },
        "eventTime": null, "reportingComponent": component, "reportingInstance": "",
    });
    Object::from_value(Kind::Event, value).ok()
}
