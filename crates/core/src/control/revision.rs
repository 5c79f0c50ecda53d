//! Templates and their names: hashes, owners, and the ControllerRevisions that StatefulSets and
//! DaemonSets keep of theirs.

use serde_json::{Value, json};
use svclab_netfilter::order::Order;

use super::go_dump;
use crate::object::{ControllerRevision, Json, ObjectMeta, OwnerReference, PodTemplateSpec};

const FNV_START: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// The template's hash as Deployments name their ReplicaSets: FNV-1a over what Go prints of the
/// struct (`ComputeHash`). Its fields are those of Kubernetes 1.32.
pub fn template_hash(template: &PodTemplateSpec) -> String {
    let text = go_dump::template(&template.to_json());
    let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
    safely_encoded(text.bytes().fold(FNV_START, step))
}

/// The hash in a ControllerRevision's name: FNV-1 over what it holds and the count of collisions,
/// of which there are none (`HashControllerRevision`).
fn revision_hash(data: &Value) -> String {
    let mut text = String::new();
    sorted(data, &mut text);
    text.push('0');
    let step = |hash: u32, byte| hash.wrapping_mul(FNV_PRIME) ^ u32::from(byte);
    safely_encoded(text.bytes().fold(FNV_START, step))
}

/// The number's digits in the alphabet of generated names (`SafeEncodeString`).
fn safely_encoded(hash: u32) -> String {
    const DIGITS: [char; 10] = ['4', '5', '6', '7', '8', '9', 'b', 'c', 'd', 'f'];
    hash.to_string().bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect()
}

/// JSON as Go writes a map: by key, and without the signs that HTML would read.
fn sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.order_by_key(|it| it.0);
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                sorted(&Value::String(key.clone()), text);
                text.push(':');
                sorted(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                sorted(item, text);
            }
            text.push(']');
        }
        plain => {
            let plain = plain.to_string();
            let plain = plain.replace('<', "\\u003c").replace('>', "\\u003e");
            text.push_str(&plain.replace('&', "\\u0026"));
        }
    }
}

/// The reference of what a controller makes to the object it makes it for.
pub fn owner(api_version: &'static str, kind: &'static str, meta: &ObjectMeta) -> OwnerReference {
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
    template["metadata"]["creationTimestamp"] = Value::Null;
    json!({"spec": {"template": template}})
}

/// The template that a revision holds.
pub fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let template = revision.data.get("spec")?.get("template")?;
    PodTemplateSpec::from_json(template.clone()).ok()
}

fn metadata(subject: Subject) -> ObjectMeta {
    let Subject { owner, namespace, hash_label, template, .. } = subject;
    let hash = revision_hash(&patch(template));
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

    fn template(container: Value) -> PodTemplateSpec {
        let mut container = container;
        for (field, value) in [
            ("resources", json!({})),
            ("terminationMessagePath", "/dev/termination-log".into()),
            ("terminationMessagePolicy", "File".into()),
            ("imagePullPolicy", "IfNotPresent".into()),
        ] {
            container[field] = value;
        }
        let name = container["name"].clone();
        let value = json!({
            "metadata": {"labels": {"app": name}},
            "spec": {
                "containers": [container], "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                "securityContext": {}, "schedulerName": "default-scheduler",
            },
        });
        PodTemplateSpec::from_json(value).expect("a template")
    }

    /// ReplicaSets and a StatefulSet's revision that a real cluster named.
    #[test]
    fn a_templates_hash_is_the_real_one() {
        let idle = json!({"name": "idle", "image": "idle:1"});
        assert_eq!(template_hash(&template(idle)), "67878c7786");
        let probe = json!({
            "httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1,
            "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        });
        let port = json!({"name": "http", "containerPort": 8080, "protocol": "TCP"});
        let web = |image: &str| json!({"name": "web", "image": image, "ports": [port], "readinessProbe": probe});
        assert_eq!(template_hash(&template(web("web:1"))), "7cc5bbdd67");
        assert_eq!(template_hash(&template(web("web:2"))), "5cb6669fc4");
        let mut with_variable = web("web:2");
        with_variable["env"] = json!([{"name": "A", "value": "b"}]);
        assert_eq!(template_hash(&template(with_variable)), "78d57db48c");
        let port = json!({"name": "pg", "containerPort": 5432, "protocol": "TCP"});
        let mut db = template(json!({"name": "web", "image": "db:1", "ports": [port]}));
        db.metadata.labels.insert("app".into(), "db".into());
        assert_eq!(revision_hash(&patch(&db)), "5f6d5b9b97");
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
