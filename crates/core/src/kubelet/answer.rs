//! What the sample programs answer to HTTP requests.

use super::container::ContainerRun;
use super::look::hostname;
use super::plan::ContainerPlan;
use super::program::Speaks;
use super::run::PodRun;
use crate::net::exchange::{Message, Response, Served};
use crate::object::Pod;

/// What the program behind a port of the pod makes of a message.
pub fn answer(pod: &Pod, run: &PodRun, port: u16, message: &Message) -> Served {
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
    let server = server(plan);
    let (status, body) = match plan.status(path, container.answers) {
        503 => (503, body(pod, plan, 503, path)),
        status => match page(plan, container, path).or_else(|| own_text(pod, plan)) {
            Some(text) => (200, text),
            None => (status, body(pod, plan, status, path)),
        },
    };
    Served::Response(Response { server, ..Response::text(status, body) })
}

/// Whether the program behind the port speaks TLS.
pub fn speaks_tls(run: &PodRun, port: u16) -> bool {
    serving(run, port).is_some_and(|(plan, _)| plan.program.speaks(port) == Speaks::Tls)
}

/// The container that has the port, else the first one that serves; sidecars come last.
fn serving(run: &PodRun, port: u16) -> Option<(&ContainerPlan, &ContainerRun)> {
    let all = || run.plan.containers.iter().zip(&run.containers);
    let all = all().skip(run.plan.inits).chain(all().take(run.plan.inits));
    let serves =
        all.filter(|(plan, it)| it.running().is_some() && !plan.program.listeners.is_empty());
    let serving: Vec<_> = serves.collect();
    let has_port = |plan: &ContainerPlan| plan.program.listeners.iter().any(|it| it.number == port);
    let own = serving.iter().find(|(plan, _)| has_port(plan));
    own.or(serving.first()).copied()
}

/// A page that somebody has put where the image's server looks for its files.
fn page(plan: &ContainerPlan, run: &ContainerRun, path: &str) -> Option<String> {
    let root = match plan.reference.as_ref()?.base() {
        "nginx" | "nginx-unprivileged" => "/usr/share/nginx/html",
        "httpd" => "/usr/local/apache2/htdocs",
        _ => return None,
    };
    let index = if path.ends_with('/') { "index.html" } else { "" };
    run.written.get(&format!("{root}{path}{index}"))?.clone()
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

/// What some well-known samples say at any path.
fn own_text(pod: &Pod, plan: &ContainerPlan) -> Option<String> {
    let image = plan.reference.as_ref()?;
    if image.base() == "hello-app" {
        let version = if image.tag().starts_with('2') { "2.0.0" } else { "1.0.0" };
        let name = hostname(pod);
        return Some(format!("Hello, world!\nVersion: {version}\nHostname: {name}\n"));
    }
    let container = pod.spec.containers.iter().find(|it| it.name == plan.name);
    let container = container.filter(|_| image.base() == "http-echo")?;
    let mut words = container.command.iter().chain(&container.args);
    let option = words.find(|it| it.trim_start_matches('-').starts_with("text"))?;
    let text = option.split_once('=').map(|it| it.1).or(words.next().map(String::as_str))?;
    Some(format!("{text}\n"))
}

/// How the program names itself: web servers of files by their image.
fn server(plan: &ContainerPlan) -> String {
    let Some(image) = &plan.reference else { return "demo/1.0".to_owned() };
    let version = image.tag().split('-').next().unwrap_or("");
    let version = Some(version).filter(|it| it.starts_with(|c: char| c.is_ascii_digit()));
    let with = |name: &str| match version {
        Some(version) => format!("{name}/{version}"),
        None => name.to_owned(),
    };
    match image.base() {
        "nginx" | "nginx-unprivileged" => with("nginx"),
        "httpd" => with("Apache"),
        "caddy" => "Caddy".to_owned(),
        _ => "demo/1.0".to_owned(),
    }
}
