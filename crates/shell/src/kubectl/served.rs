//! What the API server answers to who only reads, for whoever asks it by other ways than our kubectl.

use std::rc::Rc;

use serde_json::Value;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Lab;
use svclab_core::object::Object;

pub use super::resources::{RESOURCES, Resource};

use super::resources::ALL;

use super::selector::{FieldSelector, LabelSelector};
use super::{events, output};

/// Of one namespace or of all, by namespace and name, those that both selectors take.
///
/// # Errors
///
/// What is wrong with a selector, in the server's words.
pub fn list(
    lab: &Lab,
    resource: &Resource,
    namespace: Option<&str>,
    labels: &str,
    fields: &str,
) -> Result<Vec<Rc<Object>>, String> {
    let (labels, fields) = (LabelSelector::parse(labels)?, FieldSelector::parse(fields, resource)?);
    let Some(kind) = resource.stored() else { return Ok(Vec::new()) };
    let all = match kind {
        Kind::Event => events::all(lab),
        kind => lab.objects().all_shared().filter(|it| it.kind() == kind).cloned().collect(),
    };
    let wanted = |it: &Rc<Object>| {
        namespace.is_none_or(|here| it.meta().namespace == here)
            && labels.matches(&it.meta().labels)
            && fields.matches(&it.to_value())
    };
    Ok(all.into_iter().filter(wanted).collect())
}

pub fn find(lab: &Lab, resource: &Resource, namespace: &str, name: &str) -> Option<Rc<Object>> {
    let key = ObjectKey::new(resource.stored()?, namespace, name);
    match key.kind {
        Kind::Event => events::all(lab).into_iter().find(|it| it.key() == key),
        _ => lab.objects().shared(&key).cloned(),
    }
}

/// The object as the lab's release shows it.
pub fn shown(lab: &Lab, object: &Object) -> Value {
    output::shown(object, lab.version())
}

/// Whether `kubectl get all` shows it.
pub fn is_of_all(resource: &Resource) -> bool {
    ALL.contains(&resource.plural)
}
