//! The API server's verbs: a request → what is stored, and the answer.
//!
//! [`crate::admit`] says whether a request may be carried out and what comes of it; here its
//! result is stored and the watchers hear of it.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Lab;
use super::delete::DeleteOptions;
use super::log::{Change, Happening};
use crate::admit::{self, Admitted, Patch, Refusal};
use crate::key::ObjectKey;
use crate::object::{Object, Objects};
use crate::read;

/// One request to the API server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The name may be empty where a body with `generateName` is created.
    pub key: ObjectKey,
    pub subresource: Option<Subresource>,
    pub verb: Verb,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// POST of an object, with `fieldValidation=Strict`.
    Create(Value),
    /// PUT of a whole object, with `fieldValidation=Strict`.
    Replace(Value),
    /// PATCH; `strict`: unknown fields refuse it (`kubectl apply`), else they are warned of.
    Patch {
        how: Patch,
        body: Value,
        strict: bool,
    },
    Delete(DeleteOptions),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subresource {
    Status,
    /// POST of a `Binding`: puts a pod on a node.
    Binding,
}

/// The answer to a request that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// 200, or 201 where something was created.
    pub code: u16,
    /// The object as it is stored, or as it was before it went.
    pub object: Rc<Object>,
    pub warnings: Vec<String>,
}

impl Lab {
    /// Carries out a user's request now; both an answer and a refusal are in the log.
    pub(super) fn request(&mut self, request: Request) -> Result<Response, Refusal> {
        let name = request.key.to_string();
        let answer = match request.verb {
            Verb::Delete(options) => self.request_delete(&request.key, options),
            Verb::Create(body) if request.subresource.is_none() => {
                let admitted = self.admit_create(&request.key, body);
                admitted.and_then(|it| self.store(it, None))
            }
            verb => {
                let old = self.objects.shared(&request.key).cloned();
                let admitted = self.admit_update(&request.key, request.subresource, verb);
                admitted.and_then(|it| self.store(it, old))
            }
        };
        if let Err(refusal) = &answer {
            self.note(None, Happening::Refused { name, message: refusal.message.clone() });
        }
        answer
    }

    fn request_delete(
        &mut self,
        key: &ObjectKey,
        options: DeleteOptions,
    ) -> Result<Response, Refusal> {
        let object = self.objects.shared(key).cloned().ok_or_else(|| Refusal::not_found(key))?;
        let cause = self.note(None, Happening::Deleted { key: key.clone() });
        self.delete(key, options, Some(cause));
        let object = self.objects.shared(key).cloned().unwrap_or(object);
        Ok(Response { code: 200, object, warnings: Vec::new() })
    }

    fn admit_create(&mut self, key: &ObjectKey, body: Value) -> Result<Admitted, Refusal> {
        let object = decode(key, body)?;
        admit::create(&self.objects, object, &mut self.rng, &self.settings)
    }

    fn admit_update(
        &mut self,
        key: &ObjectKey,
        subresource: Option<Subresource>,
        verb: Verb,
    ) -> Result<Admitted, Refusal> {
        let Lab { objects, rng, settings, .. } = self;
        match (subresource, verb) {
            (None, Verb::Patch { how, body, strict }) => {
                admit::patch(objects, key, (how, &body, strict), rng, settings)
            }
            (None, Verb::Replace(body)) => {
                admit::replace(objects, decode(key, body)?, rng, settings)
            }
            (Some(Subresource::Status), Verb::Patch { how, body, strict }) => {
                admit::patch_status(objects, key, (how, &body, strict), settings)
            }
            (Some(Subresource::Status), Verb::Replace(body)) => {
                let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
                admit::update_status(old, decode(key, body)?, settings)
            }
            (Some(Subresource::Binding), Verb::Create(body)) => bound(objects, key, &body),
            (Some(Subresource::Binding), _) | (_, Verb::Create(_) | Verb::Delete(_)) => {
                Err(Refusal::not_found(key))
            }
        }
    }

    fn store(&mut self, admitted: Admitted, old: Option<Rc<Object>>) -> Result<Response, Refusal> {
        let key = admitted.object.key();
        let change = if old.is_some() { Change::Configured } else { Change::Created };
        let cause = self.note(None, Happening::Applied { key: key.clone(), change });
        let kept = Rc::new(admitted.object.clone());
        self.write(admitted.object, Some(cause));
        let object = self.objects.shared(&key).cloned().unwrap_or(kept);
        let code = if old.is_some() { 200 } else { 201 };
        Ok(Response { code, object, warnings: admitted.warnings })
    }
}

/// The pod on the node that the Binding names (`BindingREST.assignPod`).
fn bound(objects: &Objects, key: &ObjectKey, binding: &Value) -> Result<Admitted, Refusal> {
    let pod = objects.get(key).and_then(Object::as_pod).ok_or_else(|| Refusal::not_found(key))?;
    let mut pod = pod.clone();
    if pod.spec.node_name.is_empty() && !pod.is_terminating() {
        pod.spec.node_name = binding["target"]["name"].as_str().unwrap_or_default().to_owned();
    } else {
        let message = format!(
            "Operation cannot be fulfilled on pods/binding \"{}\": pod {} is already assigned to node \"{}\"",
            key.name, key.name, pod.spec.node_name
        );
        return Err(Refusal {
            status: 409,
            reason: "Conflict".into(),
            message,
            ..Refusal::default()
        });
    }
    Ok(Admitted { object: Object::Pod(pod), warnings: Vec::new() })
}

/// An object without a namespace goes to the one of the request.
fn decode(key: &ObjectKey, mut body: Value) -> Result<Object, Refusal> {
    if key.kind.is_namespaced()
        && let Value::Object(body) = &mut body
        && let Value::Object(meta) = body.entry("metadata").or_insert_with(|| Map::new().into())
        && meta.get("namespace").is_none_or(Value::is_null)
    {
        meta.insert("namespace".into(), key.namespace.clone().into());
    }
    read::decode(key.kind, &body).map_err(|it| Refusal::undecodable(key.kind, &it))
}
