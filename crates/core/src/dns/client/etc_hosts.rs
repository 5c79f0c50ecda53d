//! A pod's `/etc/hosts` as kubelet writes it (`ensureHostsFile`), a machine's, and what a libc
//! finds in one before it asks the DNS.

use std::net::IpAddr;

use crate::kubelet::hostname;
use crate::object::Pod;

const STANDARD: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
";

/// The file in a pod with these addresses; `domain` is the cluster's. On the node's own network it
/// is the node's file.
pub fn of_pod(pod: &Pod, domain: &str) -> String {
    let mut res = if pod.spec.host_network {
        format!("# Kubernetes-managed hosts file (host network).\n{STANDARD}")
    } else {
        let mut text = format!("# Kubernetes-managed hosts file.\n{STANDARD}");
        for ip in pod.addresses() {
            text.push_str(&format!("{ip}\t{}\n", own_names(pod, domain)));
        }
        text
    };
    if !pod.spec.host_aliases.is_empty() {
        res.push_str("\n# Entries added by HostAliases.\n");
    }
    for alias in &pod.spec.host_aliases {
        res.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.join("\t")));
    }
    res
}

/// The file of a machine as Debian installs it.
pub fn of_machine(name: &str) -> String {
    format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost ip6-loopback\n")
}

fn own_names(pod: &Pod, domain: &str) -> String {
    let (name, subdomain) = (hostname(pod), &pod.spec.subdomain);
    if subdomain.is_empty() {
        return name;
    }
    format!("{name}.{subdomain}.{}.svc.{domain}\t{name}", pod.metadata.namespace)
}

/// The addresses that a file gives a name, in its order.
pub fn find(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut res = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let ip = words.next().and_then(|it| it.parse::<IpAddr>().ok());
        if words.any(|it| it.eq_ignore_ascii_case(name)) {
            res.extend(ip);
        }
    }
    res
}
