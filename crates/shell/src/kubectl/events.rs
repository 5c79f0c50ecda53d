//! Events as the API server stores them: those that the lab's components record, and those that
//! somebody wrote.

use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::lab::event::{Repeated, events};
use svclab_core::object::Object;
use svclab_core::time::Instant;
use svclab_netfilter::order::Order;

use super::age::age;
use super::columns::text;
use super::errors::{Done, error};
use super::output::table::Columns;
use super::{Kubectl, resources};

/// `kubectl events`: those of one namespace or of all, in the order of their last times.
pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    let about = match flags.text("for") {
        None => None,
        Some(word) => {
            Some(word.split_once('/').ok_or_else(|| error("--for must be in resource/name form"))?)
        }
    };
    let kind =
        match about {
            None => None,
            Some((kind, _)) => Some(resources::find(kind).map(|it| it.kind).ok_or_else(|| {
                error(format!("the server doesn't have a resource type \"{kind}\""))
            })?),
        };
    let types = flags.list("types");
    if types.iter().any(|it| !matches!(it.to_lowercase().as_str(), "normal" | "warning")) {
        return Err(error("valid --types are Normal or Warning"));
    }
    let scope = kubectl.scope();
    let events = all(&kubectl.process.lab());
    let mut shown: Vec<Value> = events.iter().map(|it| it.to_value()).collect();
    shown.retain(|it| {
        let of = |pointer: &str| text(it, pointer);
        scope.as_deref().is_none_or(|scope| of("/metadata/namespace") == scope)
            && about.is_none_or(|(_, name)| of("/involvedObject/name") == name)
            && kind.is_none_or(|kind| of("/involvedObject/kind") == kind)
            && (types.is_empty() || types.iter().any(|it| it.eq_ignore_ascii_case(of("/type"))))
    });
    shown.order_by_key(|it| text(it, "/lastTimestamp").to_owned());
    if shown.is_empty() && !flags.has("watch") {
        let place = scope.map(|it| format!(" in {it} namespace")).unwrap_or_default();
        kubectl.err(&format!("No events found{place}.\n"));
        return Ok(());
    }
    let with_namespace = flags.has("all-namespaces");
    let header = ["NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
    let header = header.iter().skip(usize::from(!with_namespace)).map(|it| (*it).to_owned());
    let header = (!flags.has("no-headers")).then(|| header.collect());
    let now = kubectl.process.now();
    let rows = shown.iter().map(|it| row(it, with_namespace, now));
    let lines: Vec<Vec<String>> = header.into_iter().chain(rows).collect();
    kubectl.out(&Columns::default().print(&lines));
    match flags.has("watch") {
        // What comes later is told by `kubectl get events -w`.
        true => std::future::pending().await,
        false => Ok(()),
    }
}

fn row(event: &Value, with_namespace: bool, now: Instant) -> Vec<String> {
    let of = |pointer: &str| text(event, pointer);
    let (first, last) = (age(of("/firstTimestamp"), now), age(of("/lastTimestamp"), now));
    let seen = match event["count"].as_u64() {
        Some(count @ 2..) => format!("{last} (x{count} over {first})"),
        _ => first,
    };
    let object = format!("{}/{}", of("/involvedObject/kind"), of("/involvedObject/name"));
    let namespace = with_namespace.then(|| of("/metadata/namespace").to_owned());
    let cells =
        [seen, of("/type").into(), of("/reason").into(), object, of("/message").trim().into()];
    namespace.into_iter().chain(cells).collect()
}

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
