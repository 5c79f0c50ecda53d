//! What the sample programs answer to HTTP requests.

use super::look::hostname;
use super::probe::without_query;
use super::run::PodRun;
use crate::net::exchange::Response;
use crate::object::Pod;

/// The answer of the pod's first container that serves; sidecars come last.
pub fn answer(pod: &Pod, run: &PodRun, path: &str) -> Response {
    let all = || run.plan.containers.iter().zip(&run.containers);
    let all = all().skip(run.plan.inits).chain(all().take(run.plan.inits));
    let mut serving =
        all.filter(|(plan, it)| it.running().is_some() && !plan.program.listeners.is_empty());
    let Some((plan, container)) = serving.next() else {
        return Response { status: 503, body: String::new() };
    };
    let path = without_query(path);
    let status = plan.status(path, container.answers);
    let name = hostname(pod);
    let body = match (status, path) {
        (404, _) => "not found\n".to_owned(),
        (503, "/health") => "failing\n".to_owned(),
        (503, _) => "not ready\n".to_owned(),
        (_, "/" | "/hostname") => format!("{name}\n"),
        (_, "/ready") => "ready\n".to_owned(),
        (_, "/version") => {
            let tag = plan.reference.as_ref().map_or("latest", |it| it.tag());
            format!("{}\n", if tag.is_empty() { "latest" } else { tag })
        }
        (_, "/info") => {
            let (namespace, node) = (&pod.metadata.namespace, &pod.spec.node_name);
            let ip = &pod.status.pod_ip;
            format!("pod: {name}\nnamespace: {namespace}\nip: {ip}\nnode: {node}\n")
        }
        _ => "ok\n".to_owned(),
    };
    Response { status, body }
}
