//! How objects go: what owns what, what waits, what a namespace takes with it.

use serde_json::{Value, json};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::{Action, DeleteOptions, Lab, Propagation, Watched};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(Instant::START + Duration::from_secs(10));
    lab
}

fn wait(lab: &mut Lab, millis: u64) {
    lab.run_until(lab.now() + Duration::from_millis(millis));
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, if kind.is_namespaced() { "shop" } else { "" }, name)
}

fn delete(lab: &mut Lab, key: ObjectKey, propagation_policy: Propagation) {
    let options = DeleteOptions { propagation_policy, ..DeleteOptions::default() };
    request(lab, key, Verb::Delete(options));
}

#[track_caller]
fn request(lab: &mut Lab, key: ObjectKey, verb: Verb) {
    let request = Request { key, subresource: None, verb };
    lab.act(Action::Request(request)).answer.expect("an answer").expect("it is carried out");
}

fn config_map(lab: &mut Lab, name: &str, meta: Value) {
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta});
    body["metadata"]["name"] = name.into();
    request(lab, key(Kind::ConfigMap, name), Verb::Create(body));
}

fn count(lab: &Lab, kind: Kind) -> usize {
    lab.objects().in_namespace(kind, "shop").filter(|it| it.meta().name.starts_with("web")).count()
}

/// Deployment `web`, its ReplicaSet, its pods.
fn counts(lab: &Lab) -> [usize; 3] {
    [Kind::Deployment, Kind::ReplicaSet, Kind::Pod].map(|kind| count(lab, kind))
}

#[test]
fn in_the_background_the_owner_goes_first() {
    let mut lab = lab();
    delete(&mut lab, key(Kind::Deployment, "web"), Propagation::Background);
    assert_eq!(counts(&lab), [0, 1, 3]);
    wait(&mut lab, 5000);
    assert_eq!(counts(&lab), [0, 0, 0]);
}

#[test]
fn in_the_foreground_the_owner_goes_last() {
    let mut lab = lab();
    delete(&mut lab, key(Kind::Deployment, "web"), Propagation::Foreground);
    wait(&mut lab, 100);
    let deployment = &lab.objects()[&key(Kind::Deployment, "web")];
    assert_eq!(deployment.meta().finalizers, ["foregroundDeletion"]);
    assert!(deployment.meta().deletion_timestamp.is_some());
    assert_eq!(counts(&lab), [1, 1, 3]);
    wait(&mut lab, 5000);
    assert_eq!(counts(&lab), [0, 0, 0]);
}

#[test]
fn orphans_stay_without_their_owner() {
    let mut lab = lab();
    delete(&mut lab, key(Kind::Deployment, "web"), Propagation::Orphan);
    wait(&mut lab, 5000);
    assert_eq!(counts(&lab), [0, 1, 3]);
    let mut sets = lab.objects().in_namespace(Kind::ReplicaSet, "shop");
    assert!(sets.next().expect("it stays").meta().owner_references.is_empty());
}

#[test]
fn a_finalizer_holds_an_object_until_it_is_taken_off() {
    let mut lab = lab();
    config_map(&mut lab, "kept", json!({"finalizers": ["example.com/wait"]}));
    let kept = key(Kind::ConfigMap, "kept");
    delete(&mut lab, kept.clone(), Propagation::Background);
    wait(&mut lab, 60_000);
    assert!(lab.objects()[&kept].meta().deletion_timestamp.is_some());
    let body = json!({"metadata": {"finalizers": null}});
    let how = svclab_core::admit::Patch::Merge;
    request(&mut lab, kept.clone(), Verb::Patch { how, body, strict: false });
    assert!(!lab.objects().contains_key(&kept));
}

#[test]
fn what_names_an_owner_that_never_was_is_collected() {
    let mut lab = lab();
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "no", "uid": "1-2-3"});
    config_map(&mut lab, "lost", json!({"ownerReferences": [owner]}));
    wait(&mut lab, 100);
    assert!(!lab.objects().contains_key(&key(Kind::ConfigMap, "lost")));
}

/// Spec §1.6: Terminating at once, emptied about 5 s later, then gone; nothing new meanwhile.
#[test]
fn a_namespace_takes_everything_with_it_after_five_seconds() {
    let mut lab = lab();
    delete(&mut lab, key(Kind::Namespace, "shop"), Propagation::Background);
    let namespace = lab.objects()[&key(Kind::Namespace, "shop")].to_value();
    assert_eq!(namespace["status"]["phase"], "Terminating");
    wait(&mut lab, 4900);
    assert_eq!(count(&lab, Kind::Service), 1);
    let body = json!({"metadata": {"name": "late"}});
    let verb = Verb::Create(body);
    let request = Request { key: key(Kind::ConfigMap, "late"), subresource: None, verb };
    let refusal = lab.act(Action::Request(request)).answer.expect("an answer").unwrap_err();
    assert_eq!(
        refusal.message,
        "configmaps \"late\" is forbidden: unable to create new content in namespace shop because \
         it is being terminated"
    );
    let causes: Vec<(&str, &str)> =
        refusal.causes.iter().map(|it| (&*it.reason, &*it.message)).collect();
    assert_eq!(causes, [("NamespaceTerminating", "namespace shop is being terminated")]);
    wait(&mut lab, 200);
    assert_eq!(count(&lab, Kind::Service), 0);
    assert_eq!(count(&lab, Kind::Endpoints), 0);
    wait(&mut lab, 40_000);
    assert!(!lab.objects().keys().any(|it| it.namespace == "shop"));
    assert!(!lab.objects().contains_key(&key(Kind::Namespace, "shop")));
}

/// `NamespaceLifecycle`
#[test]
fn some_namespaces_stay() {
    let mut lab = lab();
    for name in ["default", "kube-system", "kube-public"] {
        let key = ObjectKey::new(Kind::Namespace, "", name);
        let verb = Verb::Delete(DeleteOptions::default());
        let request = Request { key, subresource: None, verb };
        let refusal = lab.act(Action::Request(request)).answer.expect("an answer").unwrap_err();
        let text = format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        assert_eq!((refusal.status, refusal.message), (403, text));
    }
}

#[test]
fn a_watch_tells_of_changes_in_order() {
    let mut lab = lab();
    let since = lab.resource_version();
    config_map(&mut lab, "a", json!({}));
    delete(&mut lab, key(Kind::ConfigMap, "a"), Propagation::Background);
    let seen: Vec<(Watched, String)> =
        lab.watch(since).map(|it| (it.what, it.object.key().to_string())).collect();
    let name = "ConfigMap shop/a".to_owned();
    assert_eq!(seen, [(Watched::Added, name.clone()), (Watched::Deleted, name)]);
}
