//! `kubectl drain`: the pods of a node → those to evict, or why it refuses (kubectl/pkg/drain).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::object::Pod;

/// The annotation of a static pod's image in the API server.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// kubectl's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DrainOptions {
    /// `--ignore-daemonsets`: their pods stay.
    pub ignore_daemonsets: bool,
    /// `--delete-emptydir-data`
    pub delete_emptydir_data: bool,
    /// `--force`: also pods that nobody makes again.
    pub force: bool,
    /// `--grace-period`, in seconds; without it each pod's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i64>,
}

/// What a drain does with the pods of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan<'a> {
    pub evict: Vec<&'a Pod>,
    /// What kubectl prints after `Warning: `, if anything.
    pub warnings: Vec<String>,
}

/// `GetPodsForDeletion`. An error is one line for each reason, in their alphabetical order.
/// `daemon_set`: whether a pod's DaemonSet is still there.
pub fn plan<'a>(
    pods: impl Iterator<Item = &'a Pod>,
    options: DrainOptions,
    daemon_set: &dyn Fn(&Pod) -> bool,
) -> Result<Plan<'a>, Vec<String>> {
    let mut evict = Vec::new();
    let (mut warnings, mut errors) = (Reasons::new(), Reasons::new());
    for pod in pods {
        let status = status(pod, options, daemon_set(pod));
        if matches!(status, Status::Delete | Status::DeleteAndWarn(_)) {
            evict.push(pod);
        }
        match status {
            Status::Delete | Status::Skip => {}
            Status::SkipAndWarn(why) | Status::DeleteAndWarn(why) => note(&mut warnings, why, pod),
            Status::Refuse(why) => note(&mut errors, why, pod),
        }
    }
    if errors.is_empty() {
        Ok(Plan { evict, warnings: lines(warnings) })
    } else {
        Err(lines(errors))
    }
}

enum Status {
    Delete,
    DeleteAndWarn(String),
    Skip,
    SkipAndWarn(String),
    Refuse(String),
}

/// The filters in kubectl's order: the first that does not delete decides, else the last one's
/// warning is kept.
fn status(pod: &Pod, options: DrainOptions, daemon_set: bool) -> Status {
    let controller = pod.metadata.controller();
    if let Some(owner) = controller.filter(|it| it.kind == "DaemonSet" && !pod.is_finished()) {
        let missing = || format!("daemonsets.apps \"{}\" not found", owner.name);
        return match (daemon_set, options.force, options.ignore_daemonsets) {
            (false, true, _) => Status::Delete,
            (false, false, _) => Status::Refuse(format!("cannot delete {}", missing())),
            (true, _, false) => Status::Refuse(
                "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)".into(),
            ),
            (true, _, true) => Status::SkipAndWarn("ignoring DaemonSet-managed Pods".into()),
        };
    }
    if pod.metadata.annotations.contains_key(MIRROR) {
        return Status::Skip;
    }
    if pod.is_finished() {
        return Status::Delete;
    }
    let local =
        pod.spec.volumes.iter().any(|it| it.get("emptyDir").is_some_and(|it| !it.is_null()));
    if local && !options.delete_emptydir_data {
        return Status::Refuse(
            "cannot delete Pods with local storage (use --delete-emptydir-data to override)".into(),
        );
    }
    match (controller, options.force) {
        (Some(_), _) => Status::Delete,
        (None, true) => Status::DeleteAndWarn("deleting Pods that declare no controller".into()),
        (None, false) => Status::Refuse(
            "cannot delete Pods that declare no controller (use --force to override)".into(),
        ),
    }
}

/// By reason: the pods.
type Reasons = BTreeMap<String, Vec<String>>;

fn note(reasons: &mut Reasons, why: String, pod: &Pod) {
    let name = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
    reasons.entry(why).or_default().push(name);
}

fn lines(reasons: Reasons) -> Vec<String> {
    reasons.into_iter().map(|(why, pods)| format!("{why}: {}", pods.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::key::Kind;
    use crate::object::Object;

    fn pod(name: &str, more: Value) -> Pod {
        let mut value = json!({"metadata": {"name": name, "namespace": "shop"}});
        if let (Some(owner), Some(meta)) = (more.get("owner"), value.get_mut("metadata")) {
            meta["ownerReferences"] = json!([{"kind": owner, "name": "it", "controller": true}]);
        }
        value["spec"] = json!({"volumes": more.get("volumes").unwrap_or(&json!([]))});
        value["status"] = json!({"phase": more.get("phase").unwrap_or(&json!("Running"))});
        let object = Object::from_value(Kind::Pod, value).expect("a pod");
        object.as_pod().expect("a pod").clone()
    }

    /// What becomes of a pod of each sort.
    #[track_caller]
    fn check(options: &str, expected: Result<(&[&str], &[&str]), &[&str]>) {
        let pods = [
            pod("set", json!({"owner": "ReplicaSet"})),
            pod("daemon", json!({"owner": "DaemonSet"})),
            pod("bare", json!({})),
            pod("done", json!({"phase": "Succeeded"})),
            pod(
                "data",
                json!({"owner": "StatefulSet", "volumes": [{"name": "a", "emptyDir": {}}]}),
            ),
        ];
        let options = serde_json::from_str(options).expect("options");
        let plan = plan(pods.iter(), options, &|_| true);
        let names = |pods: &[&Pod]| -> Vec<String> {
            pods.iter().map(|it| it.metadata.name.clone()).collect()
        };
        match (plan, expected) {
            (Ok(plan), Ok((evict, warnings))) => {
                assert_eq!(names(&plan.evict), evict);
                assert_eq!(plan.warnings, warnings);
            }
            (Err(errors), Err(expected)) => assert_eq!(errors, expected),
            (plan, _) => panic!("{plan:?}"),
        }
    }

    #[test]
    fn a_drain_refuses_what_it_may_not_lose_and_says_how_to_allow_it() {
        let daemon =
            "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): shop/daemon";
        let bare =
            "cannot delete Pods that declare no controller (use --force to override): shop/bare";
        let data = "cannot delete Pods with local storage (use --delete-emptydir-data to override): shop/data";
        check("{}", Err(&[daemon, bare, data]));
        check(r#"{"ignoreDaemonsets":true,"force":true}"#, Err(&[data]));
        check(
            r#"{"ignoreDaemonsets":true,"force":true,"deleteEmptydirData":true}"#,
            Ok((
                &["set", "bare", "done", "data"],
                &[
                    "deleting Pods that declare no controller: shop/bare",
                    "ignoring DaemonSet-managed Pods: shop/daemon",
                ],
            )),
        );
    }
}
