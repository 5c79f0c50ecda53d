//! `ipvsadm` (1.31) and `ipset` (7.17): what kube-proxy's IPVS mode keeps in a node's kernel.

use std::net::SocketAddr;

use svclab_core::net::balancer::{Balancer, VirtualServers};
use svclab_core::proxy::Ipvs;
use svclab_netfilter::order::Order;
use svclab_netfilter::{Family, Protocol};

use crate::process::Process;
use crate::programs::machine;

/// `ipvsadm -L -n [-t|-u SERVICE]`, with `--stats`, `--rate`, `-c`, `--timeout`
pub(in crate::programs) async fn ipvsadm(process: Process, words: Vec<String>) -> u8 {
    let Some(asked) = Asked::read(&words) else {
        process
            .err("(the lab's ipvsadm knows -L and -S with -n, -c, -t, -u, --stats, --timeout)\n");
        return 2;
    };
    let found = list(&process, &asked);
    match found {
        Ok(text) => {
            process.out(&text);
            0
        }
        Err(why) => {
            process.err(&why);
            2
        }
    }
}

#[derive(Default)]
struct Asked {
    connections: bool,
    stats: bool,
    timeouts: bool,
    save: bool,
    service: Option<(Protocol, SocketAddr)>,
}

impl Asked {
    /// Letters may stand together: `-Lnc`.
    fn read(words: &[String]) -> Option<Asked> {
        let mut res = Asked::default();
        let mut words = words.iter().map(String::as_str);
        let mut lists = words.len() == 0;
        while let Some(word) = words.next() {
            match word {
                "--list" => lists = true,
                "--numeric" | "--sort" | "--exact" => {}
                "--connection" => res.connections = true,
                "--stats" => res.stats = true,
                "--timeout" => res.timeouts = true,
                "--save" => res.save = true,
                "-t" | "--tcp-service" => {
                    res.service = Some((Protocol::Tcp, words.next()?.parse().ok()?));
                }
                "-u" | "--udp-service" => {
                    res.service = Some((Protocol::Udp, words.next()?.parse().ok()?));
                }
                letters if letters.starts_with('-') && !letters.starts_with("--") => {
                    for letter in letters.chars().skip(1) {
                        match letter {
                            'L' | 'l' => lists = true,
                            'n' => {}
                            'c' => res.connections = true,
                            'S' => res.save = true,
                            _ => return None,
                        }
                    }
                }
                _ => return None,
            }
        }
        (lists || res.save).then_some(res)
    }
}

fn list(process: &Process, asked: &Asked) -> Result<String, String> {
    let error = |why: &str| format!("Can't initialize ipvs: {why}\n");
    let node =
        machine::node(process).ok_or_else(|| error("Permission denied (you must be root)"))?;
    let lab = process.lab();
    let now = lab.now().as_millis();
    let families = [Family::V4, Family::V6];
    let kernel = lab.network().kernel(&node.name);
    let all: Vec<&VirtualServers> = families
        .iter()
        .filter_map(|family| match kernel?.balancer(*family)? {
            Balancer::Ipvs(own) => Some(own.as_ref()),
            Balancer::Nftables(_) => None,
        })
        .collect();
    if all.is_empty() {
        return Err(error(
            "Protocol not available\nAre you sure that IP Virtual Server is built in the kernel or as module?",
        ));
    }
    if asked.timeouts {
        return Ok("Timeout (tcp tcpfin udp): 900 120 300\n".to_owned());
    }
    if asked.connections {
        return Ok(connections(&all, now));
    }
    let states: Vec<Ipvs> = all.iter().map(|it| it.counted(now)).collect();
    if asked.save {
        return Ok(states.iter().map(Ipvs::saved).collect());
    }
    if let Some(service) = asked.service
        && !states.iter().any(|it| it.servers.contains_key(&service))
    {
        return Err("No such service\n".to_owned());
    }
    if asked.stats {
        let own = all.iter().zip(&states);
        return Ok(own
            .map(|(it, state)| state.statistics(|at, to| it.connections.stats(at, to)))
            .collect());
    }
    Ok(Ipvs::listed(&states, asked.service))
}

/// `ipvsadm -Lnc`
fn connections(all: &[&VirtualServers], now: u64) -> String {
    let mut res =
        "IPVS connection entries\npro expire state       source             virtual            \
                   destination\n"
            .to_owned();
    let mut living: Vec<_> = all.iter().flat_map(|it| it.connections.iter(now)).collect();
    living.order_by_key(|it| it.1.until);
    for (key, it) in living {
        let seconds = it.until.saturating_sub(now) / 1000;
        let left = format!("{:02}:{:02}", seconds / 60, seconds % 60);
        let protocol = key.protocol.name().to_ascii_uppercase();
        let (client, frontend) = (key.client.to_string(), key.frontend.to_string());
        let state = it.state.name();
        res.push_str(&format!(
            "{protocol:<3} {left:<6} {state:<11} {client:<18} {frontend:<18} {}\n",
            it.server
        ));
    }
    res
}

/// `ipset list [NAME]`, `ipset save [NAME]`; `-n` lists names alone.
pub(in crate::programs) async fn ipset(process: Process, words: Vec<String>) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (names, words): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|it| matches!(*it, "-n" | "-name"));
    let (save, name) = match words.as_slice() {
        ["list" | "-L" | "--list"] => (false, None),
        ["save" | "-S" | "--save"] => (true, None),
        ["list" | "-L" | "--list", name] => (false, Some(*name)),
        ["save" | "-S" | "--save", name] => (true, Some(*name)),
        _ => {
            process.err(
                "ipset v7.17: No command specified.\nTry `ipset help' for more information.\n",
            );
            return 1;
        }
    };
    let texts: Vec<String> = sets(&process, (save, !names.is_empty()), name);
    if texts.is_empty() && name.is_some() {
        process.err("ipset v7.17: The set with the given name does not exist\n");
        return 1;
    }
    process.out(&texts.join(if save || !names.is_empty() { "" } else { "\n" }));
    0
}

fn sets(process: &Process, (save, names): (bool, bool), wanted: Option<&str>) -> Vec<String> {
    let Some(node) = machine::node(process) else { return Vec::new() };
    let lab = process.lab();
    let Some(kernel) = lab.network().kernel(&node.name) else { return Vec::new() };
    let mut res = Vec::new();
    for family in [Family::V4, Family::V6] {
        let Some(Balancer::Ipvs(own)) = kernel.balancer(family) else { continue };
        let all = own.state.sets.0.iter().filter(|it| wanted.is_none_or(|wanted| wanted == it.0));
        res.extend(all.map(|(name, set)| match (names, save) {
            (true, _) => format!("{name}\n"),
            (_, true) => set.save(name),
            _ => set.list(name, own.state.references(name)),
        }));
    }
    res
}
