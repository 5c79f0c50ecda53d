//! What kubectl says of the cluster itself: `api-resources`, `version`, `cluster-info`, `auth`,
//! `config`.

use svclab_core::admit::Version;

use super::errors::{Done, error};
use super::output::table::Columns;
use super::resources::{RESOURCES, Resource, find};
use super::{Kubectl, exit};

pub(super) async fn api_resources(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    let group = flags.text("api-group");
    let namespaced = flags.text("namespaced").map(|_| flags.has("namespaced"));
    let wanted = |it: &&Resource| {
        group.is_none_or(|group| group == it.group())
            && namespaced.is_none_or(|wanted| wanted == it.namespaced)
    };
    let resources = RESOURCES.iter().filter(wanted);
    if flags.text("output") == Some("name") {
        resources.for_each(|it| kubectl.out(&format!("{}\n", it.full_plural())));
        return Ok(());
    }
    let header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"].map(str::to_owned);
    let header = (!flags.has("no-headers")).then_some(header.to_vec());
    let rows = resources.map(|it| {
        let namespaced = it.namespaced.to_string();
        let cells = [it.plural, it.short, it.api_version, &namespaced, it.kind];
        cells.map(str::to_owned).to_vec()
    });
    let lines: Vec<Vec<String>> = header.into_iter().chain(rows).collect();
    kubectl.out(&Columns::default().print(&lines));
    Ok(())
}

pub(super) async fn api_versions(kubectl: &Kubectl) -> Done {
    let mut versions: Vec<&str> = RESOURCES.iter().map(|it| it.api_version).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.iter().for_each(|it| kubectl.out(&format!("{it}\n")));
    Ok(())
}

/// The patch release that the lab's release was recorded with.
const PATCH: &str = "4";

pub(super) async fn version(kubectl: &Kubectl) -> Done {
    let server = match kubectl.client.version() {
        Version::V1_32 => "1.32",
        Version::V1_33 => "1.33",
        Version::V1_34 => "1.34",
    };
    kubectl.out(&format!("Client Version: v1.32.{PATCH}\nKustomize Version: v5.5.0\n"));
    if !kubectl.flags.has("client") {
        kubectl.out(&format!("Server Version: v{server}.{PATCH}\n"));
    }
    Ok(())
}

/// Where the API server listens, for whoever has the kubeconfig.
const SERVER: &str = "https://127.0.0.1:6443";

pub(super) async fn cluster_info(kubectl: &Kubectl) -> Done {
    kubectl.out(&format!(
        "Kubernetes control plane is running at {SERVER}\n\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n"
    ));
    Ok(())
}

/// The administrator may do everything, everybody else nothing.
pub(super) async fn can_i(kubectl: &Kubectl) -> Done {
    let [_, words, ..] = kubectl.flags.arguments.as_slice() else {
        return Err(error(
            "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.",
        ));
    };
    let name = words.split('/').next().unwrap_or_default();
    match find(name) {
        None => kubectl.warn(&format!("the server doesn't have a resource type '{name}'\n")),
        Some(it) if !it.namespaced => {
            let group = it.group();
            let place =
                if group.is_empty() { String::new() } else { format!(" in group '{group}'") };
            kubectl.warn(&format!("resource '{}' is not namespace scoped{place}\n", it.plural));
        }
        Some(_) => {}
    }
    let may = kubectl.client.user.is_none();
    if !kubectl.flags.has("quiet") {
        kubectl.out(if may { "yes\n" } else { "no\n" });
    }
    if may { Ok(()) } else { Err(exit(1)) }
}

/// The only context of the lab's kubeconfig, and its cluster.
const CONTEXT: &str = "lab";

pub(super) async fn current_context(kubectl: &Kubectl) -> Done {
    kubectl.out(&format!("{CONTEXT}\n"));
    Ok(())
}

pub(super) async fn get_contexts(kubectl: &Kubectl) -> Done {
    let namespace = kubectl.process.session().namespace.clone();
    let header = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"].map(str::to_owned);
    let row = ["*", CONTEXT, CONTEXT, "kubernetes-admin", &namespace].map(str::to_owned);
    kubectl.out(&Columns::default().print(&[header.to_vec(), row.to_vec()]));
    Ok(())
}

pub(super) async fn view(kubectl: &Kubectl) -> Done {
    let namespace = kubectl.process.session().namespace.clone();
    let line = match namespace.as_str() {
        "" => String::new(),
        namespace => format!("    namespace: {namespace}\n"),
    };
    kubectl.out(&format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: DATA+OMITTED\n    server: {SERVER}\n  name: {CONTEXT}\ncontexts:\n- context:\n    cluster: {CONTEXT}\n{line}    user: kubernetes-admin\n  name: {CONTEXT}\ncurrent-context: {CONTEXT}\nkind: Config\npreferences: {{}}\nusers:\n- name: kubernetes-admin\n  user:\n    client-certificate-data: DATA+OMITTED\n    client-key-data: DATA+OMITTED\n"
    ));
    Ok(())
}

pub(super) async fn set_context(kubectl: &Kubectl) -> Done {
    let named = kubectl.flags.arguments.first().map(String::as_str);
    if !kubectl.flags.has("current") && named != Some(CONTEXT) {
        return Err(error("the lab has one context: use --current"));
    }
    if let Some(namespace) = kubectl.flags.text("namespace") {
        namespace.clone_into(&mut kubectl.process.session_mut().namespace);
    }
    kubectl.out(&format!("Context \"{CONTEXT}\" modified.\n"));
    Ok(())
}

pub(super) async fn use_context(kubectl: &Kubectl) -> Done {
    match kubectl.flags.arguments.first().map(String::as_str) {
        Some(CONTEXT) => {
            kubectl.out(&format!("Switched to context \"{CONTEXT}\".\n"));
            Ok(())
        }
        name => {
            Err(error(format!("no context exists with the name: \"{}\"", name.unwrap_or_default())))
        }
    }
}

pub(super) async fn top(_kubectl: &Kubectl) -> Done {
    Err(error("Metrics API not available"))
}
