//! Requests about objects → the lab's answers, as the API server words them.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::admit::{Patch, Refusal};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request as Asked, Response as Done, Subresource, Verb};
use svclab_core::lab::{Action, DeleteOptions, Lab, Preconditions, Propagation};
use svclab_core::object::Object;
use svclab_shell::kubectl::served::{self, RESOURCES, Resource};

use super::http::{Request, Response};
use super::table;

/// What a path is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place<'a> {
    pub(super) resource: &'static Resource,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// `api/v1/namespaces/default/services/web`
    pub(super) fn of(parts: &[&'a str]) -> Option<Place<'a>> {
        let (api_version, rest) = match parts {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let find = |plural: &str| {
            RESOURCES.iter().find(|it| it.api_version == api_version && it.plural == plural)
        };
        let inner = match rest {
            ["namespaces", namespace, plural, rest @ ..] => {
                find(plural).map(|resource| (resource, Some(*namespace), rest))
            }
            _ => None,
        };
        let (resource, namespace, rest) = match (inner, rest) {
            (Some(inner), _) => inner,
            (None, [plural, rest @ ..]) => (find(plural)?, None, rest),
            (None, []) => return None,
        };
        let (name, subresource) = (rest.first().copied(), rest.get(1).copied());
        Some(Place { resource, namespace, name, subresource })
    }

    fn key(&self) -> Option<ObjectKey> {
        let kind = self.resource.stored()?;
        let namespace = self.namespace.unwrap_or_default();
        Some(ObjectKey::new(kind, namespace, self.name.unwrap_or_default()))
    }
}

pub(super) fn answer(lab: &mut Lab, place: &Place<'_>, request: &Request) -> Response {
    let found = match request.method.as_str() {
        "GET" => read(lab, place, request),
        "POST" if place.resource.plural == "selfsubjectaccessreviews" => Ok(review(request)),
        _ => change(lab, place, request),
    };
    found.unwrap_or_else(|refusal| refused(&refusal))
}

pub(super) fn refused(refusal: &Refusal) -> Response {
    let mut res = response(refusal.status, &status(refusal));
    res.warnings.clone_from(&refusal.warnings);
    res
}

/// As `metav1.Status`.
fn status(refusal: &Refusal) -> Value {
    let causes: Vec<Value> = refusal
        .causes
        .iter()
        .map(|it| json!({"reason": it.reason, "message": it.message, "field": it.field}))
        .collect();
    let mut details = match &refusal.details {
        Some(it) => json!({"name": it.name, "group": it.group, "kind": it.kind}),
        None => json!({}),
    };
    if !causes.is_empty() {
        details["causes"] = causes.into();
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": refusal.message, "reason": refusal.reason, "details": details,
        "code": refusal.status,
    })
}

pub(super) fn response(code: u16, body: &Value) -> Response {
    let body = body.to_string().into_bytes();
    Response { code, content_type: "application/json", warnings: Vec::new(), body }
}

pub(super) fn not_found() -> Refusal {
    Refusal {
        status: 404,
        reason: "NotFound".to_owned(),
        message: "the server could not find the requested resource".to_owned(),
        ..Refusal::default()
    }
}

fn bad_request(message: impl ToString) -> Refusal {
    Refusal {
        status: 400,
        reason: "BadRequest".to_owned(),
        message: message.to_string(),
        ..Refusal::default()
    }
}

fn read(lab: &Lab, place: &Place<'_>, request: &Request) -> Result<Response, Refusal> {
    let Some(name) = place.name else {
        let objects = list(lab, place, request)?;
        return Ok(response(200, &listed(lab, place, request, &objects)));
    };
    let namespace = place.namespace.unwrap_or_default();
    let found = served::find(lab, place.resource, namespace, name);
    let object = found.ok_or_else(|| missing(place, name))?;
    if place.subresource == Some("log") {
        return Ok(log(lab, &object, request));
    }
    Ok(response(
        200,
        &match place.subresource {
            Some("scale") => scale_of(&object),
            _ if table::is_wanted(request) => {
                table::of(lab, place.resource, &[object], table::is_whole(request))
            }
            _ => served::shown(lab, &object),
        },
    ))
}

/// `GET …/pods/NAME/log`
fn log(lab: &Lab, pod: &Object, request: &Request) -> Response {
    let first = pod.as_pod().and_then(|it| it.spec.containers.first()).map(|it| it.name.as_str());
    let container = Some(request.asks("container")).filter(|it| !it.is_empty()).or(first);
    let previous = request.asks("previous") == "true";
    let mut lines = lab.container_log(&pod.key(), container.unwrap_or_default(), previous);
    if let Ok(seconds) = request.asks("sinceSeconds").parse::<u64>() {
        let since = lab.now().as_micros().saturating_sub(seconds.saturating_mul(1_000_000));
        lines.retain(|it| it.at.as_micros() >= since);
    }
    if let Ok(tail) = request.asks("tailLines").parse::<usize>() {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let text: String = lines
        .iter()
        .map(|it| match request.asks("timestamps") {
            "true" => format!("{}\n", it.stamped()),
            _ => format!("{}\n", it.text),
        })
        .collect();
    Response { code: 200, content_type: "text/plain", body: text.into(), ..Response::default() }
}

fn missing(place: &Place<'_>, name: &str) -> Refusal {
    match place.key() {
        Some(key) => Refusal::not_found(&key),
        None => {
            let (plural, group) = (place.resource.plural, place.resource.group());
            let dot = if group.is_empty() { "" } else { "." };
            let message = format!("{plural}{dot}{group} \"{name}\" not found");
            Refusal { message, ..not_found() }
        }
    }
}

pub(super) fn list(
    lab: &Lab,
    place: &Place<'_>,
    request: &Request,
) -> Result<Vec<Rc<Object>>, Refusal> {
    let mut fields = request.asks("fieldSelector").to_owned();
    if let Some(name) = place.name {
        fields = format!("metadata.name={name}");
    }
    let labels = request.asks("labelSelector");
    served::list(lab, place.resource, place.namespace, labels, &fields).map_err(bad_request)
}

fn listed(lab: &Lab, place: &Place<'_>, request: &Request, objects: &[Rc<Object>]) -> Value {
    if table::is_wanted(request) {
        return table::of(lab, place.resource, objects, table::is_whole(request));
    }
    let items: Vec<Value> = objects.iter().map(|it| served::shown(lab, it)).collect();
    json!({
        "kind": format!("{}List", place.resource.kind), "apiVersion": place.resource.api_version,
        "metadata": {"resourceVersion": lab.resource_version().to_string()}, "items": items,
    })
}

fn scale_of(object: &Object) -> Value {
    let value = object.to_value();
    let mut status = json!({"replicas": value["status"]["replicas"].as_i64().unwrap_or(0)});
    let labels = value["spec"]["selector"]["matchLabels"].as_object();
    let labels = labels.into_iter().flatten();
    let selector: Vec<String> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    status["selector"] = selector.join(",").into();
    let meta = object.meta();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta.name, "namespace": meta.namespace, "uid": meta.uid,
            "resourceVersion": meta.resource_version, "creationTimestamp": meta.creation_timestamp,
        },
        "spec": {"replicas": value["spec"]["replicas"].as_i64().unwrap_or(1)}, "status": status,
    })
}

/// Whoever asks may do everything, unless it is in somebody else's name.
fn review(request: &Request) -> Response {
    let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["status"] = json!({"allowed": request.user.is_empty()});
    response(201, &body)
}

fn change(lab: &mut Lab, place: &Place<'_>, request: &Request) -> Result<Response, Refusal> {
    let key = place.key().ok_or_else(not_found)?;
    let body = body(request)?;
    let strict = request.asks("fieldValidation") == "Strict";
    let dry_run = request.asks("dryRun") == "All" || body["dryRun"][0] == "All";
    let verb = match request.method.as_str() {
        "POST" => Verb::Create(loose(key.kind, body, strict)),
        "PUT" => Verb::Replace(loose(key.kind, body, strict)),
        "PATCH" => Verb::Patch { how: how(&request.content_type)?, body, strict },
        "DELETE" => Verb::Delete(deletion(&body)),
        _ => return Err(not_found()),
    };
    let subresource = match place.subresource {
        None => None,
        Some("status") => Some(Subresource::Status),
        Some("scale") => Some(Subresource::Scale),
        Some("eviction") => Some(Subresource::Eviction),
        Some("binding") => Some(Subresource::Binding),
        Some(_) => return Err(not_found()),
    };
    let asked = Asked { key: key.clone(), subresource, verb };
    let answer = match dry_run {
        true => lab.dry_run(asked),
        false => lab.act(Action::Request(asked)).answer.unwrap_or_else(|| Err(not_found())),
    };
    let Done { code, object, warnings } = answer?;
    let value = match subresource {
        Some(Subresource::Scale) => scale_of(&object),
        Some(Subresource::Eviction | Subresource::Binding) => {
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code})
        }
        _ => served::shown(lab, &object),
    };
    Ok(Response { warnings, ..response(code, &value) })
}

fn body(request: &Request) -> Result<Value, Refusal> {
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    if request.content_type.contains("protobuf") {
        return Err(unsupported("the lab's server reads JSON alone, no protocol buffers"));
    }
    serde_json::from_slice(&request.body).map_err(bad_request)
}

/// Without fields that there are not, where the client does not want to hear of them.
fn loose(kind: Kind, body: Value, strict: bool) -> Value {
    if strict {
        return body;
    }
    match svclab_core::read::decode_lenient(kind, &body) {
        Ok((object, unknown)) if !unknown.is_empty() => object.to_value(),
        _ => body,
    }
}

fn how(content_type: &str) -> Result<Patch, Refusal> {
    match content_type.split(';').next().unwrap_or_default() {
        "application/json-patch+json" => Ok(Patch::Json),
        "application/merge-patch+json" => Ok(Patch::Merge),
        "application/strategic-merge-patch+json" => Ok(Patch::Strategic),
        other => Err(unsupported(&format!("the lab's server takes no patch of type {other}"))),
    }
}

fn unsupported(message: &str) -> Refusal {
    let reason = "UnsupportedMediaType".to_owned();
    Refusal { status: 415, reason, message: message.to_owned(), ..Refusal::default() }
}

fn deletion(body: &Value) -> DeleteOptions {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let asked = &body["preconditions"];
    DeleteOptions {
        grace_period_seconds: body["gracePeriodSeconds"].as_i64(),
        propagation_policy: match body["propagationPolicy"].as_str() {
            Some("Foreground") => Propagation::Foreground,
            Some("Orphan") => Propagation::Orphan,
            _ => Propagation::Background,
        },
        preconditions: asked.is_object().then(|| Preconditions {
            uid: text(&asked["uid"]),
            resource_version: text(&asked["resourceVersion"]),
        }),
    }
}

/// What a client has seen of the objects that it watches, by namespace and name.
#[derive(Default)]
pub(super) struct Watched(BTreeMap<(String, String), Rc<Object>>);

impl Watched {
    /// From the state that a client has read on; without one from nothing on.
    pub(super) fn begin(seen: Vec<Rc<Object>>, version: &str) -> Watched {
        let version: u64 = version.parse().unwrap_or(0);
        let known = seen.into_iter().filter(|it| {
            let own: u64 = it.meta().resource_version.parse().unwrap_or(0);
            version > 0 && own <= version
        });
        Watched(known.map(|it| (place_of(&it), it)).collect())
    }

    /// What has happened since: `ADDED`, `MODIFIED` or `DELETED`, and the object.
    pub(super) fn changes(&mut self, now: Vec<Rc<Object>>) -> Vec<(&'static str, Rc<Object>)> {
        let now: BTreeMap<_, _> = now.into_iter().map(|it| (place_of(&it), it)).collect();
        let gone = self.0.iter().filter(|(key, _)| !now.contains_key(*key));
        let mut res: Vec<_> = gone.map(|(_, it)| ("DELETED", it.clone())).collect();
        for (key, object) in &now {
            match self.0.get(key) {
                None => res.push(("ADDED", object.clone())),
                Some(before) if before != object => res.push(("MODIFIED", object.clone())),
                Some(_) => {}
            }
        }
        self.0 = now;
        res
    }
}

fn place_of(object: &Object) -> (String, String) {
    (object.meta().namespace.clone(), object.meta().name.clone())
}
