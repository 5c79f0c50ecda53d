//! `kubectl cp`: a file into a container or out of it.

use svclab_core::key::Kind;

use super::errors::{Done, error, refused};
use super::{Kubectl, exec, resources};
use crate::process::Process;
use crate::programs;
use crate::session::Place;

/// `kubectl cp FROM TO`: one of them in a container (`NAMESPACE/POD:PATH`).
pub(super) async fn copy(kubectl: &Kubectl) -> Done {
    let [from, to] = kubectl.flags.arguments.as_slice() else {
        return Err(error("source and destination are required"));
    };
    match (remote(from), remote(to)) {
        (None, None) => Err(error("one of src or dest must be a remote file specification")),
        (Some(_), Some(_)) => Err(error("one of src or dest must be a local file specification")),
        (None, Some((pod, path))) => {
            let inside = at(kubectl, pod)?;
            let text = programs::file(&kubectl.process, from);
            let text =
                text.ok_or_else(|| error(format!("{from} doesn't exist in local filesystem")))?;
            let mut target = inside.resolve(path);
            if path.ends_with('/') || inside.files().is_directory(&target) {
                let name = from.rsplit('/').next().unwrap_or_default();
                target = format!("{}/{name}", target.trim_end_matches('/'));
            }
            inside.files_mut().put(target, text);
            programs::disk::save(&inside);
            Ok(())
        }
        (Some((pod, path)), None) => {
            let inside = at(kubectl, pod)?;
            let Some(text) = programs::file(&inside, path) else {
                kubectl.err(&format!(
                    "tar: {}: Cannot stat: No such file or directory\ntar: Exiting with failure status due to previous errors\n",
                    path.trim_start_matches('/')
                ));
                return Err(error("command terminated with exit code 2"));
            };
            if path.starts_with('/') {
                kubectl.err("tar: Removing leading `/' from member names\n");
            }
            let target = kubectl.process.resolve(to);
            kubectl.process.files_mut().put(target, text);
            Ok(())
        }
    }
}

/// `shop/web-1:/tmp/a`
fn remote(word: &str) -> Option<(&str, &str)> {
    word.split_once(':').filter(|it| !it.0.is_empty())
}

/// A process in the container that is named.
fn at(kubectl: &Kubectl, pod: &str) -> Done<Process> {
    let (namespace, name) = match pod.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), name),
        None => (kubectl.namespace(), pod),
    };
    let pod = resources::Resource::of(Kind::Pod);
    let pod = kubectl.client.get(pod, &namespace, name).map_err(|it| refused(&it, None))?;
    let pod = pod.as_pod().ok_or_else(|| error("no pod"))?;
    let container = exec::container(kubectl, pod)?;
    if !exec::is_running(pod, &container) {
        return Err(error(format!(
            "Internal error occurred: unable to upgrade connection: container not found (\"{container}\")"
        )));
    }
    let place =
        Place::Pod { namespace, name: pod.metadata.name.clone(), container: Some(container) };
    let inside = kubectl.process.at(place, false);
    programs::disk::refresh(&inside);
    Ok(inside)
}
