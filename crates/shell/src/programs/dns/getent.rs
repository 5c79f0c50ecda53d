//! glibc's `getent` for hosts: what the resolver library itself finds.

use std::net::IpAddr;

use svclab_core::dns::client::etc_hosts;
use svclab_core::lab::With;

use super::look_up;
use crate::process::Process;
use crate::programs::here;

/// Nobody has the name.
const NOT_FOUND: u8 = 2;

/// `getent DATABASE KEY…`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let words: Vec<String> = words.into_iter().filter(|it| !it.starts_with('-')).collect();
    let Some((database, keys)) = words.split_first() else {
        process.err("getent: wrong number of arguments\n");
        return 1;
    };
    if !matches!(database.as_str(), "hosts" | "ahosts" | "ahostsv4" | "ahostsv6") {
        process.err(&format!("Unknown database: {database}\n"));
        process.err("Try `getent --help' or `getent --usage' for more information.\n");
        return 1;
    }
    if keys.is_empty() {
        let text = process.lab().etc_hosts(&here::source(&process));
        process.out(&listed(&text));
        return 0;
    }
    let mut status = 0;
    for key in keys {
        if !one(&process, database, key).await {
            status = NOT_FOUND;
        }
    }
    status
}

/// The whole file, as `getent hosts` without a name prints it.
fn listed(text: &str) -> String {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let ip = words.next()?;
        Some(format!("{ip:<15} {}\n", words.collect::<Vec<_>>().join(" ")))
    });
    lines.collect()
}

async fn one(process: &Process, database: &str, key: &str) -> bool {
    let with = if database == "hosts" { With::Getent } else { With::Glibc };
    if database == "hosts" && key.parse::<IpAddr>().is_ok() {
        return reverse(process, key).await;
    }
    let Some(found) = look_up(process, key, with, None) else { return false };
    process.until(found.ended).await;
    let wanted = |ip: &&IpAddr| match database {
        "ahostsv4" => ip.is_ipv4(),
        "ahostsv6" => ip.is_ipv6(),
        _ => true,
    };
    let addresses: Vec<&IpAddr> = found.addresses.iter().filter(wanted).collect();
    let canonical = match &found.lookup.canonical {
        Some(name) => name.relative().to_owned(),
        None => names_in_file(process, key),
    };
    for (index, ip) in addresses.iter().enumerate() {
        let ip = ip.to_string();
        if database == "hosts" {
            process.out(&format!("{ip:<15} {canonical}\n"));
            continue;
        }
        for (kind, first) in [("STREAM", true), ("DGRAM", false), ("RAW", false)] {
            let name = if first && index == 0 { canonical.as_str() } else { "" };
            process.out(&format!("{ip:<15} {kind:<6} {name}\n"));
        }
    }
    !addresses.is_empty()
}

/// All names of the line of `/etc/hosts` that has this one.
fn names_in_file(process: &Process, key: &str) -> String {
    let text = process.lab().etc_hosts(&here::source(process));
    let line = text.lines().find(|line| !etc_hosts::find(line, key).is_empty());
    let names = line.and_then(|it| it.split_once(['\t', ' '])).map(|it| it.1);
    let names: Vec<&str> = names.unwrap_or(key).split_whitespace().collect();
    names.join(" ")
}

/// The name of an address.
async fn reverse(process: &Process, key: &str) -> bool {
    use svclab_core::dns::Data;
    let Some(name) = super::reverse(key) else { return false };
    let with = With::Dig { kind: "PTR".to_owned(), tcp: false };
    let Some(found) = look_up(process, &name, with, None) else { return false };
    process.until(found.ended).await;
    let reply = super::last_reply(&found);
    let names = reply.into_iter().flat_map(|it| &it.answer).filter_map(|it| match &it.data {
        Data::Ptr(name) => Some(name.relative().to_owned()),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    if !names.is_empty() {
        process.out(&format!("{key:<15} {}\n", names.join(" ")));
    }
    !names.is_empty()
}
