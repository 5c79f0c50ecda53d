//! The few files that a machine has: what the lab knows, in the form of the file that holds it.

use std::collections::BTreeSet;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::Object;

use super::{here, machine, network};
use crate::process::Process;
use crate::session::Place;

const SECRETS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A file by its absolute path.
pub(super) fn system(process: &Process, path: &str) -> Option<String> {
    let path = path
        .strip_prefix("/run/secrets")
        .map_or_else(|| path.to_owned(), |rest| format!("/var/run/secrets{rest}"));
    let found = match path.as_str() {
        "/etc/resolv.conf" => process.lab().resolv_conf(&here::source(process)).to_string(),
        "/etc/hosts" => process.lab().etc_hosts(&here::source(process)),
        "/etc/hostname" => format!("{}\n", machine::name(process)),
        "/etc/os-release" => os_release(process).to_owned(),
        "/proc/net/nf_conntrack" => connections(process)?,
        _ => {
            return sysctl(process, &path)
                .or_else(|| bridge_port(process, &path))
                .or_else(|| secret(process, &path))
                .or_else(|| mounted(process).into_iter().find(|it| it.0 == path).map(|it| it.1));
        }
    };
    Some(found)
}

/// The names of what is in a directory, those of directories with a slash behind them.
pub(super) fn below(process: &Process, directory: &str) -> Vec<String> {
    let mut all: Vec<String> = KNOWN.iter().map(|it| (*it).to_owned()).collect();
    all.extend(SYSCTLS.iter().map(|it| format!("/proc/sys/{}", it.0.replace('.', "/"))));
    if matches!(process.session().place, Place::Pod { .. }) {
        all.extend(["ca.crt", "namespace", "token"].map(|it| format!("{SECRETS}/{it}")));
    }
    all.extend(mounted(process).into_iter().map(|it| it.0));
    all.extend(process.files().below("/").map(|(rest, _)| format!("/{rest}")));
    let prefix = format!("{}/", directory.trim_end_matches('/'));
    let names = all.iter().filter_map(|it| it.strip_prefix(&prefix)).map(|rest| {
        match rest.split_once('/') {
            Some((name, _)) => format!("{name}/"),
            None => rest.to_owned(),
        }
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

const KNOWN: [&str; 4] = ["/etc/hostname", "/etc/hosts", "/etc/os-release", "/etc/resolv.conf"];

fn os_release(process: &Process) -> &'static str {
    match here::is_busybox(process) {
        true => {
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n\
             HOME_URL=\"https://alpinelinux.org/\"\n"
        }
        false => {
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
             VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n\
             HOME_URL=\"https://www.debian.org/\"\n"
        }
    }
}

/// A node's settings that a packet's way depends on, with their usual values.
const SYSCTLS: [(&str, &str); 8] = [
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.route_localnet", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.ipv4.icmp_ratelimit", "1000"),
    ("net.ipv4.ip_local_port_range", "32768\t60999"),
    ("net.netfilter.nf_conntrack_max", "262144"),
    ("net.netfilter.nf_conntrack_tcp_timeout_established", "86400"),
];

/// `sysctl NAME`, by its name with dots.
pub(super) fn setting(process: &Process, name: &str) -> Option<String> {
    let usual = SYSCTLS.iter().find(|it| it.0 == name)?.1.to_owned();
    let Some(key) = machine::node(process) else { return Some(usual) };
    let lab = process.lab();
    let node = lab.network().node(&key.name)?;
    let sysctls = &node.sysctls;
    let flag = |is: bool| u8::from(is).to_string();
    Some(match name {
        "net.ipv4.ip_forward" => flag(sysctls.ip_forward),
        "net.ipv4.conf.all.route_localnet" => flag(sysctls.route_localnet),
        "net.bridge.bridge-nf-call-iptables" => flag(sysctls.bridge_nf_call_iptables),
        "net.ipv4.icmp_ratelimit" => sysctls.icmp_ratelimit.to_string(),
        "net.ipv4.conf.all.rp_filter" => {
            node.rp_filter.get("all").copied().unwrap_or_default().to_string()
        }
        _ => usual,
    })
}

fn sysctl(process: &Process, path: &str) -> Option<String> {
    let name = path.strip_prefix("/proc/sys/")?;
    let known = SYSCTLS.iter().find(|it| it.0.replace('.', "/") == name)?;
    setting(process, known.0).map(|it| it + "\n")
}

/// `/sys/class/net/vethaa3de53f/brport/hairpin_mode`
fn bridge_port(process: &Process, path: &str) -> Option<String> {
    let name = path.strip_prefix("/sys/class/net/")?.strip_suffix("/brport/hairpin_mode")?;
    let hairpin = u8::from(process.lab().network().hairpin);
    network::is_bridge_port(process, name).then(|| format!("{hairpin}\n"))
}

/// `sysctl [-n] NAME…`
pub(super) async fn run_sysctl(process: Process, words: Vec<String>) -> u8 {
    let mut status = 0;
    let names: Vec<&String> = words.iter().filter(|it| !it.starts_with('-')).collect();
    let all = words.iter().any(|it| it == "-a");
    let known: Vec<String> = SYSCTLS.iter().map(|it| it.0.to_owned()).collect();
    for name in if all { known.iter().collect() } else { names } {
        match setting(&process, name) {
            Some(value) if words.iter().any(|it| it == "-n") => process.out(&format!("{value}\n")),
            Some(value) => process.out(&format!("{name} = {value}\n")),
            None => {
                let path = name.replace('.', "/");
                process.err(&format!(
                    "sysctl: cannot stat /proc/sys/{path}: No such file or directory\n"
                ));
                status = 255;
            }
        }
    }
    status
}

fn connections(process: &Process) -> Option<String> {
    let key = machine::node(process)?;
    let lab = process.lab();
    let now = lab.now().as_millis();
    let lines = lab.conntrack(&key.name).iter().map(|it| it.listing_proc(now) + "\n").collect();
    Some(lines)
}

/// What every container is given to speak to the API server.
fn secret(process: &Process, path: &str) -> Option<String> {
    let name = path.strip_prefix(SECRETS)?.strip_prefix('/')?;
    let namespace = match &process.session().place {
        Place::Pod { namespace, .. } => namespace.clone(),
        _ => return None,
    };
    Some(match name {
        "namespace" => namespace,
        "token" => "the lab gives out no tokens".to_owned(),
        "ca.crt" => "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        _ => return None,
    })
}

/// The ConfigMaps that the container mounts, a file for each key.
fn mounted(process: &Process) -> Vec<(String, String)> {
    let container = match &process.session().place {
        Place::Pod { container, .. } => container.clone(),
        _ => return Vec::new(),
    };
    let found = here::of_pod(process, |pod| {
        let mut all = pod.spec.containers.iter();
        let container = match &container {
            Some(name) => all.find(|it| it.name == *name),
            None => all.next(),
        }?;
        let mounts = container.volume_mounts.iter().filter_map(|mount| {
            let volume = pod.spec.volumes.iter().find(|it| it["name"] == mount["name"])?;
            let map = volume["configMap"]["name"].as_str()?.to_owned();
            let path = mount["mountPath"].as_str()?.trim_end_matches('/').to_owned();
            let only = mount["subPath"].as_str().map(str::to_owned);
            Some((path, map, only))
        });
        Some((pod.metadata.namespace.clone(), mounts.collect::<Vec<_>>()))
    });
    let Some((namespace, mounts)) = found.flatten() else { return Vec::new() };
    let lab = process.lab();
    let mut res = Vec::new();
    for (path, map, only) in mounts {
        let key = ObjectKey::new(Kind::ConfigMap, &namespace, &map);
        let Some(map) = lab.objects().get(&key).and_then(Object::as_config_map) else { continue };
        for (name, text) in &map.data {
            match &only {
                Some(only) if only == name => res.push((path.clone(), text.clone())),
                Some(_) => {}
                None => res.push((format!("{path}/{name}"), text.clone())),
            }
        }
    }
    res
}
