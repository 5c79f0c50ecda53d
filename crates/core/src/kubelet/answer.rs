//! What the sample programs answer to HTTP requests.

use super::container::ContainerRun;
use super::look::hostname;
use super::plan::ContainerPlan;
use super::program::Speaks;
use super::run::PodRun;
use super::samples::{self, Asked};
use crate::net::exchange::tcp::Connection;
use crate::net::exchange::{Message, Response, Served};
use crate::object::Pod;
use crate::time::Instant;

/// What the program behind an end of a connection to the pod makes of a message.
pub fn answer(
    (pod, run): (&Pod, &PodRun),
    on: &Connection,
    message: &Message,
    now: Instant,
) -> Served {
    let port = on.at.port();
    let Some((plan, container)) = serving(run, port) else {
        return Served::Response(Response::text(503, ""));
    };
    let speaks = plan.program.speaks(port);
    if speaks == Speaks::Other {
        return Served::Closes;
    }
    if speaks == Speaks::Tls && message.tls.is_none() {
        let text = "Client sent an HTTP request to an HTTPS server.\n";
        return Served::Response(Response { server: String::new(), ..Response::text(400, text) });
    }
    let path = message.file();
    let status = plan.status(path, container.answers);
    let asked = Asked { pod, plan, run: container, on, message, now };
    if let Some(response) = asked.response().filter(|_| status != 503) {
        return Served::Response(response);
    }
    let text = body(pod, plan, status, path);
    Served::Response(match samples::server(plan) {
        Some(server) if status == 404 => samples::not_found(server),
        Some(server) => Response { server, ..Response::text(status, text) },
        None => Response::text(status, text),
    })
}

/// Whether the program behind the port speaks TLS.
pub fn speaks_tls(run: &PodRun, port: u16) -> bool {
    serving(run, port).is_some_and(|(plan, _)| plan.program.speaks(port) == Speaks::Tls)
}

/// The container that has the port, else the first one that serves; sidecars come last.
pub(super) fn serving(run: &PodRun, port: u16) -> Option<(&ContainerPlan, &ContainerRun)> {
    let all = || run.plan.containers.iter().zip(&run.containers);
    let all = all().skip(run.plan.inits).chain(all().take(run.plan.inits));
    let serves =
        all.filter(|(plan, it)| it.running().is_some() && !plan.program.listeners.is_empty());
    let serving: Vec<_> = serves.collect();
    let has_port = |plan: &ContainerPlan| plan.program.listeners.iter().any(|it| it.number == port);
    let own = serving.iter().find(|(plan, _)| has_port(plan));
    own.or(serving.first()).copied()
}

fn body(pod: &Pod, plan: &ContainerPlan, status: u16, path: &str) -> String {
    let name = hostname(pod);
    match (status, path) {
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
    }
}
