//! `kubectl version`: what kubectl is, and what the API server says that it is.

use serde_json::{Value, json};

use super::Kubectl;
use super::errors::{Done, error};
use super::output::Format;

/// The release of kubectl that the lab's was compared with.
const CLIENT: &str = "1.32.4";
const KUSTOMIZE: &str = "v5.5.0";

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let flags = &kubectl.flags;
    if !flags.arguments.is_empty() {
        return Err(error(format!("extra arguments: [{}]", flags.arguments.join(" "))));
    }
    let server = (!flags.has("client")).then(|| kubectl.client.version().release());
    match flags.text("output").unwrap_or_default() {
        "" => {
            kubectl.out(&format!("Client Version: v{CLIENT}\nKustomize Version: {KUSTOMIZE}\n"));
            if let Some(server) = server {
                kubectl.out(&format!("Server Version: v{server}\n"));
            }
        }
        "json" => kubectl.out(&format!("{:#}\n", whole(server))),
        "yaml" => kubectl.out(&format!("{}\n", Format::Yaml.print(&whole(server), &[]))),
        _ => return Err(error("--output must be 'yaml' or 'json'")),
    }
    server.into_iter().for_each(|it| warn(kubectl, it));
    Ok(())
}

fn whole(server: Option<&str>) -> Value {
    let mut res = json!({"clientVersion": info(CLIENT), "kustomizeVersion": KUSTOMIZE});
    if let Some(server) = server {
        res["serverVersion"] = info(server);
    }
    res
}

/// As of a build that nobody has stamped with its commit and date.
fn info(release: &str) -> Value {
    let (major, minor) = major_and_minor(release);
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{release}"), "gitCommit": "",
        "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn major_and_minor(release: &str) -> (&str, &str) {
    let mut parts = release.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// More than one minor release apart (`printVersionSkewWarning`).
fn warn(kubectl: &Kubectl, server: &str) {
    let [client, server] = [CLIENT, server].map(major_and_minor);
    let minor = |it: (&str, &str)| it.1.parse::<u32>().unwrap_or_default();
    if minor(client).abs_diff(minor(server)) > 1 {
        kubectl.err(&format!(
            "WARNING: version difference between client ({}.{}) and server ({}.{}) exceeds the \
             supported minor version skew of +/-1\n",
            client.0, client.1, server.0, server.1
        ));
    }
}
