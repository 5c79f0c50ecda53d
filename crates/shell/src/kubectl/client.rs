//! kubectl's requests to the API server.

use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::admit::{Details, Refusal, Version};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Response, Subresource, Verb};
use svclab_core::lab::{Action, DeleteOptions};
use svclab_core::object::Object;
use svclab_core::read::decode_lenient;

use super::events;
use super::manifests::Manifest;
use super::resources::Resource;
use crate::process::Process;

/// Whether a command changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DryRun {
    #[default]
    No,
    Client,
    Server,
}

/// A user's way to the API server.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) process: Process,
    /// `--as`: somebody who may do nothing.
    pub(crate) user: Option<String>,
    pub(crate) dry_run: DryRun,
}

type Answer<T> = Result<T, Refusal>;

impl Client {
    pub(crate) fn get(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Answer<Rc<Object>> {
        self.may("get", resource, namespace, Some(name))?;
        let kind = resource.stored();
        let namespace = if resource.namespaced { namespace } else { "" };
        let found = kind.and_then(|kind| {
            let key = ObjectKey::new(kind, namespace, name);
            if kind == Kind::Event {
                return events::all(&self.process.lab()).into_iter().find(|it| it.key() == key);
            }
            self.process.lab().objects().shared(&key).cloned()
        });
        found.ok_or_else(|| not_found(resource, name))
    }

    /// The cluster's release.
    pub(crate) fn version(&self) -> Version {
        self.process.lab().version()
    }

    pub(crate) fn get_key(&self, key: &ObjectKey) -> Answer<Rc<Object>> {
        self.get(Resource::of(key.kind), &key.namespace, &key.name)
    }

    /// Of one namespace or of all, by namespace and name.
    pub(crate) fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
    ) -> Answer<Vec<Rc<Object>>> {
        self.may("list", resource, namespace.unwrap_or_default(), None)?;
        let Some(kind) = resource.stored() else { return Ok(Vec::new()) };
        let lab = self.process.lab();
        let here = |it: &Rc<Object>| {
            it.kind() == kind
                && (!resource.namespaced || namespace.is_none_or(|at| it.meta().namespace == at))
        };
        if kind == Kind::Event {
            return Ok(events::all(&lab).into_iter().filter(here).collect());
        }
        Ok(lab.objects().all_shared().filter(|it| here(it)).cloned().collect())
    }

    pub(crate) fn create(&self, key: ObjectKey, body: Value) -> Answer<Response> {
        self.may("create", Resource::of(key.kind), &key.namespace, None)?;
        self.send(key, None, Verb::Create(body))
    }

    pub(crate) fn replace(&self, key: ObjectKey, body: Value) -> Answer<Response> {
        self.may("update", Resource::of(key.kind), &key.namespace, Some(&key.name))?;
        self.send(key, None, Verb::Replace(body))
    }

    pub(crate) fn patch(
        &self,
        key: ObjectKey,
        patch: super::Patch,
        strict: bool,
    ) -> Answer<Response> {
        self.may("patch", Resource::of(key.kind), &key.namespace, Some(&key.name))?;
        let (how, body) = patch;
        self.send(key, None, Verb::Patch { how, body, strict })
    }

    pub(crate) fn delete(&self, key: ObjectKey, options: DeleteOptions) -> Answer<Response> {
        self.may("delete", Resource::of(key.kind), &key.namespace, Some(&key.name))?;
        self.send(key, None, Verb::Delete(options))
    }

    /// Carries a request out, or asks what would come of it.
    pub(crate) fn send(
        &self,
        key: ObjectKey,
        subresource: Option<Subresource>,
        verb: Verb,
    ) -> Answer<Response> {
        let request = Request { key: key.clone(), subresource, verb };
        let answer = match self.dry_run {
            DryRun::Server => Some(self.process.lab().dry_run(request)),
            _ => self.process.act(Action::Request(request)).answer,
        };
        answer.unwrap_or_else(|| Err(Refusal::not_found(&key)))
    }

    /// Nobody but the administrator may do anything.
    fn may(
        &self,
        verb: &str,
        resource: &Resource,
        namespace: &str,
        name: Option<&str>,
    ) -> Answer<()> {
        let Some(user) = &self.user else { return Ok(()) };
        let (plural, group) = (resource.plural, resource.group());
        let place = match (resource.namespaced, namespace) {
            (true, namespace) if !namespace.is_empty() => {
                format!("in the namespace \"{namespace}\"")
            }
            _ => "at the cluster scope".to_owned(),
        };
        let what = name.map(|it| format!("\"{it}\" ")).unwrap_or_default();
        let full = resource.full_plural();
        Err(Refusal {
            status: 403,
            reason: "Forbidden".to_owned(),
            message: format!(
                "{full} {what}is forbidden: User \"{user}\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {place}"
            ),
            ..Refusal::default()
        })
    }
}

fn not_found(resource: &Resource, name: &str) -> Refusal {
    let details = Details {
        name: name.to_owned(),
        group: resource.group().to_owned(),
        kind: resource.plural.to_owned(),
    };
    Refusal {
        status: 404,
        reason: "NotFound".to_owned(),
        message: format!("{} \"{name}\" not found", resource.full_plural()),
        details: Some(Box::new(details)),
        ..Refusal::default()
    }
}

/// The body as the server takes it without `Strict`: unknown fields gone, and what it says of them.
pub(crate) fn lenient(kind: Kind, body: &Value) -> (Value, Vec<String>) {
    match decode_lenient(kind, body) {
        Ok((object, unknown)) => {
            let said = unknown.iter().map(|it| it.problem.to_string()).collect();
            (object.to_value(), said)
        }
        Err(_) => (body.clone(), Vec::new()),
    }
}

/// `metadata` of an object that names no namespace.
pub(crate) fn with_namespace(mut body: Value, namespace: &str) -> Value {
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    body["metadata"]["namespace"] = namespace.into();
    body
}

/// What stands in a manifest, in its namespace.
pub(crate) fn with_namespace_of(manifest: &Manifest) -> Value {
    match manifest.resource.namespaced {
        true => with_namespace(manifest.value.clone(), &manifest.key.namespace),
        false => manifest.value.clone(),
    }
}
