//! Commands for what the lab has not: they say so, as the real ones do where they would fail.

use svclab_core::key::Kind;

use super::errors::{Done, error, refused};
use super::{Kubectl, exec, resources};

/// `kubectl proxy`: nobody reaches the API by HTTP in the lab.
pub(super) async fn proxy(kubectl: &Kubectl) -> Done {
    let port = kubectl.flags.number("port").unwrap_or(8001);
    let address = kubectl.flags.text_or("address", "127.0.0.1");
    kubectl.out(&format!("Starting to serve on {address}:{port}\n"));
    kubectl.err(
        "(the lab serves nothing there: ask the API with kubectl get --raw, or kubectl itself)\n",
    );
    std::future::pending().await
}

/// `kubectl debug`: a pod of the lab has the containers it was made with.
pub(super) async fn debug(kubectl: &Kubectl) -> Done {
    let Some(word) = kubectl.flags.arguments.first() else {
        return Err(error("NAME or TYPE/NAME is required for debug"));
    };
    if let Some(node) = word.strip_prefix("node/").or(word.strip_prefix("nodes/")) {
        let nodes = resources::Resource::of(Kind::Node);
        kubectl.client.get(nodes, "", node).map_err(|it| refused(&it, None))?;
        return Err(error(format!(
            "the lab starts no pod for that: its terminal has a place on {node} of its own"
        )));
    }
    if kubectl.flags.text("image").is_none() && kubectl.flags.text("copy-to").is_none() {
        return Err(error("you must specify --image when not using --copy-to."));
    }
    exec::find_pod(kubectl, word, false)?;
    Err(error(
        "the lab adds no container to a pod: every pod's shell has the network tools (kubectl exec)",
    ))
}

pub(super) async fn plugins(_: &Kubectl) -> Done {
    Err(error("unable to find any kubectl plugins in your PATH"))
}

pub(super) async fn completion(kubectl: &Kubectl) -> Done {
    match kubectl.flags.arguments.as_slice() {
        [shell] if ["bash", "zsh", "fish", "powershell"].contains(&shell.as_str()) => {
            kubectl.out("# The lab's terminal completes kubectl's commands by itself.\n");
            Ok(())
        }
        [other] => {
            Err(super::errors::usage("completion", &format!("Unsupported shell type {other:?}.")))
        }
        [] => Err(super::errors::usage("completion", "Shell not specified.")),
        _ => Err(super::errors::usage(
            "completion",
            "Too many arguments. Expected only the shell type.",
        )),
    }
}
