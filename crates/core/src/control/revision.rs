//! Templates and their names: hashes, owners, and the ControllerRevisions that StatefulSets and
//! DaemonSets keep of theirs.

use serde_json::{Value, json};
use svclab_netfilter::order::Order;

use crate::object::{ControllerRevision, Json, ObjectMeta, OwnerReference, PodTemplateSpec};

/// The template's hash as Deployments name their ReplicaSets: FNV-1a over the template's text,
/// its decimal digits mapped into the alphabet of generated names (`ComputeHash`,
/// `SafeEncodeString`). The real one hashes a dump of the Go struct, so the letters differ.
pub fn template_hash(template: &PodTemplateSpec) -> String {
    let text = template.to_json().to_string();
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    const DIGITS: [char; 10] = ['4', '5', '6', '7', '8', '9', 'b', 'c', 'd', 'f'];
    hash.to_string().bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect()
}

/// The reference of what a controller makes to the object it makes it for.
pub fn owner(api_version: &str, kind: &str, meta: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: api_version.into(),
        kind: kind.into(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// What a turn does to an owner's revisions, and which one its template is now.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The revision of the present template.
    pub update: ControllerRevision,
    /// It is not stored yet, or has got a higher number.
    pub changed: bool,
    /// Names of revisions beyond the limit.
    pub delete: Vec<String>,
}

/// Whose revisions they are.
pub struct Subject<'a> {
    pub owner: OwnerReference,
    pub namespace: &'a str,
    /// The label that holds a revision's hash.
    pub hash_label: &'a str,
    pub template: &'a PodTemplateSpec,
    /// `revisionHistoryLimit`
    pub limit: Option<i32>,
}

/// `getStatefulSetRevisions`, `constructHistory`: the template's revision is made, or used again
/// with a number above all others. `existing` in any order; `keep` says which names are in use.
pub fn history(
    subject: Subject,
    existing: &[&ControllerRevision],
    keep: &dyn Fn(&str) -> bool,
) -> History {
    let Subject { limit, .. } = subject;
    let data = patch(subject.template);
    let last = existing.iter().map(|it| it.revision).max().unwrap_or(0);
    let same = existing.iter().filter(|it| it.data == data).max_by_key(|it| it.revision);
    let (update, changed) = match same {
        Some(known) if known.revision == last => ((*known).clone(), false),
        Some(known) => {
            (ControllerRevision { revision: last.saturating_add(1), ..(*known).clone() }, true)
        }
        None => {
            let meta = metadata(subject);
            let revision = last.saturating_add(1);
            (ControllerRevision { metadata: meta, data, revision }, true)
        }
    };
    let unused = |it: &&&ControllerRevision| {
        it.metadata.name != update.metadata.name && !keep(&it.metadata.name)
    };
    let mut old: Vec<&&ControllerRevision> = existing.iter().filter(unused).collect();
    old.order_by_key(|it| it.revision);
    let limit = limit.and_then(|it| usize::try_from(it).ok()).unwrap_or(10);
    let surplus = old.len().saturating_sub(limit);
    let delete = old.into_iter().take(surplus).map(|it| it.metadata.name.clone()).collect();
    History { update, changed, delete }
}

/// What a ControllerRevision holds: the template, as a patch that replaces it.
fn patch(template: &PodTemplateSpec) -> Value {
    let mut template = template.to_json();
    template["$patch"] = "replace".into();
    json!({"spec": {"template": template}})
}

/// The template that a revision holds.
pub fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let template = revision.data.get("spec")?.get("template")?;
    PodTemplateSpec::from_json(template.clone()).ok()
}

fn metadata(subject: Subject) -> ObjectMeta {
    let Subject { owner, namespace, hash_label, template, .. } = subject;
    let hash = template_hash(template);
    let mut labels = template.metadata.labels.clone();
    labels.insert(hash_label.into(), hash.clone());
    ObjectMeta {
        name: format!("{}-{hash}", owner.name),
        namespace: namespace.into(),
        labels,
        owner_references: vec![owner].into(),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_one_hash() {
        let template = PodTemplateSpec::default();
        assert_eq!(template_hash(&template), template_hash(&template.clone()));
        assert!(template_hash(&template).chars().all(|it| "456789bcdf".contains(it)));
    }

    #[test]
    fn a_revision_gives_its_template_back() {
        let mut template = PodTemplateSpec::default();
        template.spec.hostname = "a".into();
        let revision =
            ControllerRevision { data: patch(&template), ..ControllerRevision::default() };
        assert_eq!(template_of(&revision), Some(template));
    }
}
