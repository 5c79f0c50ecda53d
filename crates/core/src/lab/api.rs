//! The API server's verbs: a request → what is stored, and the answer.
//!
//! [`crate::admit`] says whether a request may be carried out and what comes of it; here its
//! result is stored and the watchers hear of it.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Lab;
use super::delete::DeleteOptions;
use super::log::{Change, EntryId, Happening};
use crate::admit::{self, Admitted, Patch, Refusal, Settings};
use crate::key::{Kind, ObjectKey};
use crate::object::Object;
use crate::read;
use crate::rng::Rng;

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
    /// PUT or PATCH of a `Scale`: how many replicas there should be.
    Scale,
    /// POST of an `Eviction`: deletes a pod. PodDisruptionBudgets are only stored here, so nothing
    /// holds it up.
    Eviction,
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
        let Request { key, subresource, verb } = request;
        let deprecation = admit::deprecation(key.kind, self.settings.version).map(str::to_owned);
        let mut answer = match (subresource, verb) {
            (None, Verb::Delete(options)) => self.request_delete(&key, options),
            (Some(Subresource::Eviction), Verb::Create(body)) => self.request_eviction(&key, &body),
            (subresource, verb) => self.request_write(&key, subresource, verb),
        };
        match &mut answer {
            Ok(response) => response.warnings.splice(0..0, deprecation),
            Err(refusal) => refusal.warnings.splice(0..0, deprecation),
        };
        if let Err(refusal) = &answer {
            let (name, message) = (key.to_string(), refusal.message.clone());
            self.note(None, Happening::Refused { name, message });
        }
        answer
    }

    /// What the server answers with `dryRun=All`: everything is asked, nothing is stored.
    ///
    /// # Errors
    ///
    /// Those of the request without it.
    pub fn dry_run(&self, request: Request) -> Result<Response, Refusal> {
        let Request { key, subresource, verb } = request;
        match (subresource, verb) {
            (None, Verb::Delete(options)) => Ok(answer(200, self.to_delete(&key, &options)?)),
            (Some(Subresource::Eviction), Verb::Create(body)) => {
                let options = eviction(&key, &body)?;
                Ok(answer(201, self.to_delete(&key, &options)?))
            }
            (subresource, verb) => {
                let is_post = matches!(verb, Verb::Create(_));
                let settings = Settings { dry_run: true, ..self.settings.clone() };
                let Admitted { mut object, warnings } =
                    self.admit(&key, subresource, verb, (&mut self.rng.clone(), &settings))?;
                let is_new = is_post || !self.objects.contains_key(&key);
                let created = &mut object.meta_mut().creation_timestamp;
                if is_new && created.is_empty() {
                    *created = self.now.rfc3339().into();
                }
                let code = if is_new { 201 } else { 200 };
                Ok(Response { code, object: Rc::new(object), warnings })
            }
        }
    }

    fn request_write(
        &mut self,
        key: &ObjectKey,
        subresource: Option<Subresource>,
        verb: Verb,
    ) -> Result<Response, Refusal> {
        let is_post = matches!(verb, Verb::Create(_));
        let mut rng = self.rng.clone();
        let admitted = self.admit(key, subresource, verb, (&mut rng, &self.settings));
        self.rng = rng;
        let admitted = admitted?;
        let key = admitted.object.key();
        let was_there = self.objects.contains_key(&key);
        let change = if was_there { Change::Configured } else { Change::Created };
        let cause = Some(self.note(None, Happening::Applied { key: key.clone(), change }));
        let kept = Rc::new(admitted.object.clone());
        match subresource {
            Some(Subresource::Status) => self.write_status(admitted.object, cause),
            _ => self.write(admitted.object, cause),
        };
        let object = self.objects.shared(&key).cloned().unwrap_or(kept);
        let code = if is_post || !was_there { 201 } else { 200 };
        Ok(Response { code, object, warnings: admitted.warnings })
    }

    fn admit(
        &self,
        key: &ObjectKey,
        subresource: Option<Subresource>,
        verb: Verb,
        (rng, settings): (&mut Rng, &Settings),
    ) -> Result<Admitted, Refusal> {
        let Lab { objects, now, .. } = self;
        match (subresource, verb) {
            (None, Verb::Create(body)) => {
                admit::create(objects, decode(key, &body)?, rng, settings)
            }
            (None, Verb::Patch { how, body, strict }) => {
                admit::patch(objects, key, (how, &body, strict), rng, settings)
            }
            (None, Verb::Replace(body)) => {
                admit::replace(objects, decode_known(key, &body)?, rng, settings)
            }
            (Some(Subresource::Status), Verb::Patch { how, body, strict }) => {
                admit::patch_status(objects, key, (how, &body, strict), settings)
            }
            (Some(Subresource::Status), Verb::Replace(body)) => {
                let old = objects.get(key).ok_or_else(|| Refusal::not_found(key))?;
                admit::update_status(old, decode_known(key, &body)?, settings)
            }
            (Some(Subresource::Scale), Verb::Patch { how, body, .. }) => {
                admit::patch_scale(objects, key, (how, &body), rng, settings)
            }
            (Some(Subresource::Scale), Verb::Replace(body)) => {
                admit::scale(objects, key, &body, rng, settings)
            }
            (Some(Subresource::Binding), Verb::Create(body)) => {
                let node = body["target"]["name"].as_str().unwrap_or_default();
                admit::bind(objects, key, node, &now.rfc3339())
            }
            _ => Err(Refusal::not_allowed()),
        }
    }

    fn request_delete(
        &mut self,
        key: &ObjectKey,
        options: DeleteOptions,
    ) -> Result<Response, Refusal> {
        let object = self.to_delete(key, &options)?.clone();
        let cause = self.note(None, Happening::Deleted { key: key.clone() });
        self.delete(key, options, Some(cause));
        Ok(answer(200, self.objects.shared(key).unwrap_or(&object)))
    }

    fn request_eviction(&mut self, key: &ObjectKey, body: &Value) -> Result<Response, Refusal> {
        let options = eviction(key, body)?;
        let object = self.to_delete(key, &options)?.clone();
        let cause = self.note(None, Happening::Deleted { key: key.clone() });
        self.evict(key, options, cause);
        Ok(answer(201, self.objects.shared(key).unwrap_or(&object)))
    }

    /// The pod says who takes it away, and goes. One that ends already is asked once more, which
    /// is no error.
    pub(super) fn evict(&mut self, key: &ObjectKey, options: DeleteOptions, cause: EntryId) {
        let Some(pod) = self.objects.get(key).and_then(Object::as_pod).cloned() else { return };
        let (reason, message) = ("EvictionByEvictionAPI", "Eviction API: evicting");
        let says_so = pod.status.conditions.iter().any(|it| it.reason == reason);
        if !says_so {
            self.disrupt(pod, (reason, message), Some(cause));
        }
        self.delete(key, options, Some(cause));
    }
}

fn answer(code: u16, object: &Rc<Object>) -> Response {
    Response { code, object: object.clone(), warnings: Vec::new() }
}

/// How the pod of an `Eviction` is to be deleted.
fn eviction(key: &ObjectKey, body: &Value) -> Result<DeleteOptions, Refusal> {
    if body["metadata"]["name"].as_str().is_some_and(|name| name != key.name) {
        return Err(Refusal::bad_request("name in URL does not match name in Eviction object"));
    }
    if key.kind != Kind::Pod {
        return Err(Refusal::no_resource());
    }
    Ok(serde_json::from_value(body["deleteOptions"].clone()).unwrap_or_default())
}

/// A new object; its name may have to be made up.
fn decode(key: &ObjectKey, body: &Value) -> Result<Object, Refusal> {
    let decoded = read::decode(key.kind, body);
    let mut object = decoded.map_err(|it| Refusal::undecodable(key.kind, &it))?;
    admit::check_namespace(key, object.meta_mut())?;
    Ok(object)
}

/// The object of this key.
fn decode_known(key: &ObjectKey, body: &Value) -> Result<Object, Refusal> {
    let mut object = decode(key, body)?;
    admit::check_place(key, object.meta_mut())?;
    Ok(object)
}
