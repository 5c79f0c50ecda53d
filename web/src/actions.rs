//! What a click on the stage asks of the cluster, where that is more than one word: → [`Action`]s.

use serde_json::json;
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::{Action, DrainOptions};

/// `kubectl cordon`, or `uncordon`.
pub fn cordon(node: &str, cordoned: bool) -> Action {
    let body = json!({"spec": {"unschedulable": cordoned}});
    let verb = Verb::Patch { how: Patch::Strategic, body, strict: false };
    Action::Request(Request { key: ObjectKey::new(Kind::Node, "", node), subresource: None, verb })
}

/// `kubectl drain --ignore-daemonsets --delete-emptydir-data --force`: whatever can leave leaves.
pub fn drain(node: &str) -> Action {
    let options = DrainOptions {
        ignore_daemonsets: true,
        delete_emptydir_data: true,
        force: true,
        ..DrainOptions::default()
    };
    Action::Drain { node: node.to_owned(), options }
}
