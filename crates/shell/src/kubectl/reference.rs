//! What kubectl says of the cluster itself: `api-resources`, `cluster-info`, `auth`, `config`.

use serde_json::json;
use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::object::{Object, Service};

use super::errors::{Done, error, usage};
use super::output::table::Columns;
use super::output::{Format, OTHER_FORMATS};
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
    if !flags.arguments.is_empty() {
        let words = flags.arguments.join(" ");
        return Err(usage("api-resources", &format!("unexpected arguments: [{words}]")));
    }
    let mut resources: Vec<&Resource> = RESOURCES.iter().filter(wanted).collect();
    match flags.text("sort-by") {
        Some("name") => resources.sort_by_key(|it| it.plural),
        Some("kind") => resources.sort_by_key(|it| it.kind),
        _ => {}
    }
    let resources = resources.into_iter();
    if flags.text("output") == Some("name") {
        resources.for_each(|it: &Resource| kubectl.out(&format!("{}\n", it.full_plural())));
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

/// Where the API server listens, for whoever has the kubeconfig.
const SERVER: &str = "https://127.0.0.1:6443";

pub(super) async fn cluster_info(kubectl: &Kubectl) -> Done {
    let addons: String = addons(&kubectl.process.lab()).concat();
    kubectl.out(&format!(
        "Kubernetes control plane is running at {SERVER}\n{addons}\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n"
    ));
    Ok(())
}

/// Services of the cluster itself, by their label, with what leads to them through the API server.
fn addons(lab: &Lab) -> Vec<String> {
    let of_cluster = |it: &&Object| {
        let label = it.meta().labels.get("kubernetes.io/cluster-service");
        label.is_some_and(|it| it == "true")
    };
    let services = lab.objects().in_namespace(Kind::Service, "kube-system").filter(of_cluster);
    let services = services.filter_map(Object::as_service);
    let line = |it: &Service| {
        let meta = &it.metadata;
        let called = meta.labels.get("kubernetes.io/name").unwrap_or(&meta.name);
        let port = it.spec.ports.first().filter(|it| !it.name.is_empty());
        let port = port.map(|it| format!(":{}", it.name)).unwrap_or_default();
        format!(
            "{called} is running at {SERVER}/api/v1/namespaces/kube-system/services/{}{port}/proxy\n",
            meta.name
        )
    };
    services.map(line).collect()
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
        None if name == "*" => {}
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
const USER: &str = "kubernetes-admin";

pub(super) async fn current_context(kubectl: &Kubectl) -> Done {
    kubectl.out(&format!("{CONTEXT}\n"));
    Ok(())
}

pub(super) async fn get_contexts(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    let wrong = flags.arguments.iter().find(|it| *it != CONTEXT);
    let shows = flags.arguments.is_empty() || flags.arguments.iter().any(|it| it == CONTEXT);
    if flags.text("output") == Some("name") {
        kubectl.out(if shows { "lab\n" } else { "" });
    } else {
        let namespace = kubectl.process.session().namespace.clone();
        let header = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"].map(str::to_owned);
        let row = ["*", CONTEXT, CONTEXT, USER, &namespace].map(str::to_owned);
        let header = (!flags.has("no-headers")).then_some(header.to_vec());
        let rows = header.into_iter().chain(shows.then_some(row.to_vec()));
        kubectl.out(&Columns::default().print(&rows.collect::<Vec<_>>()));
    }
    match wrong {
        Some(wrong) => Err(error(format!("context {wrong} not found"))),
        None => Ok(()),
    }
}

pub(super) async fn get_clusters(kubectl: &Kubectl) -> Done {
    kubectl.out(&format!("NAME\n{CONTEXT}\n"));
    Ok(())
}

pub(super) async fn get_users(kubectl: &Kubectl) -> Done {
    kubectl.out(&format!("NAME\n{USER}\n"));
    Ok(())
}

pub(super) async fn view(kubectl: &Kubectl) -> Done {
    let namespace = kubectl.process.session().namespace.clone();
    let mut context = json!({"cluster": CONTEXT});
    if !namespace.is_empty() {
        context["namespace"] = namespace.into();
    }
    context["user"] = USER.into();
    let config = json!({
        "apiVersion": "v1",
        "clusters": [{
            "cluster": {"certificate-authority-data": "DATA+OMITTED", "server": SERVER},
            "name": CONTEXT,
        }],
        "contexts": [{"context": context, "name": CONTEXT}],
        "current-context": CONTEXT, "kind": "Config", "preferences": {},
        "users": [{
            "name": USER,
            "user": {
                "client-certificate-data": "DATA+OMITTED", "client-key-data": "DATA+OMITTED",
            },
        }],
    });
    let format = kubectl.flags.text("output").unwrap_or("yaml");
    let format = Format::parse(format, OTHER_FORMATS)?;
    kubectl.out(&format.print(&config, std::slice::from_ref(&config)));
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
