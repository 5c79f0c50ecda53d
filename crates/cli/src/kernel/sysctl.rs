//! A scenario's sysctls → those of the lab's network; one that the lab does not model is named.

use serde_json::{Map, Value};
use svclab_core::net::{Network, Party};

use super::scenario::Scenario;

/// A node's devices, apart from lo.
pub(super) const DEVICES: [&str; 2] = ["eth0", "cni0"];

type Set = Map<String, Value>;

/// What is set before any device is there: for all of a kind first, then for each alone.
///
/// # Errors
///
/// The setting that the lab does not model.
pub(super) fn at_first(net: &mut Network, scenario: &Scenario) -> Result<(), String> {
    let nodes = scenario.nodes.iter().map(|it| ("node", &it.name));
    let pods = scenario.pods.iter().filter(|it| !it.host_network).map(|it| ("pod", &it.name));
    let hosts = scenario.external.iter().map(|it| ("external", &it.name));
    for (kind, name) in nodes.chain(pods).chain(hosts) {
        let party = match kind {
            "node" => Party::Node(name.as_str().into()),
            "external" => Party::Host(name.as_str().into()),
            _ => Party::Pod(net.pod(name).ok_or("a pod without an address")?.ip),
        };
        for on in [kind, &format!("{kind}/{name}")] {
            if let Some(set) = scenario.sysctls.get(on) {
                set_all(net, &party, &of_devices(set))?;
            }
        }
    }
    Ok(())
}

/// What is the default before a device is made is the device's own afterwards.
fn of_devices(set: &Set) -> Set {
    let mut res = set.clone();
    for (name, value) in set {
        if let Some(key) = name.strip_prefix("net.ipv4.conf.default.") {
            let own = DEVICES.map(|it| (format!("net.ipv4.conf.{it}.{key}"), value.clone()));
            res.extend(own);
        }
    }
    res
}

/// # Errors
///
/// The setting that the lab does not model.
pub(super) fn set_all(net: &mut Network, party: &Party, set: &Set) -> Result<(), String> {
    for (name, value) in set {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if changes_no_way(party, name, text.trim()) {
            continue;
        }
        let number = text.trim().parse();
        let number: u32 = number.map_err(|_| format!("{name}={text} is not understood"))?;
        if !net.set_sysctl(party, name, number) {
            return Err(format!("the lab does not model what {name}={number} does on {party}"));
        }
    }
    Ok(())
}

/// Settings of which no packet's way depends here: on the links of a scenario each namespace is
/// asked for addresses of its own devices only, nobody follows redirects, and conntrack knows no
/// windows of TCP.
fn changes_no_way(party: &Party, name: &str, value: &str) -> bool {
    if let Some(conntrack) = name.strip_prefix("net.netfilter.nf_conntrack_") {
        return WITHOUT_EFFECT.contains(&conntrack);
    }
    let key = name.rsplit('.').next().unwrap_or(name);
    let conf = name.starts_with("net.ipv4.conf.");
    let many = ["net.core.", "net.ipv4.tcp_", "net.ipv4.udp_", "net.ipv6.", "net.unix."];
    let others = ["net.ipv4.ip_local_port_range", "net.bridge.bridge-nf-call-ip6tables"];
    let arp = ["arp_announce", "arp_notify", "arp_accept", "proxy_arp", "log_martians"];
    let ends = !matches!(party, Party::Node(_));
    many.iter().any(|it| name.starts_with(it))
        || others.contains(&name)
        || name == "net.bridge.bridge-nf-call-arptables"
        || conf && (key.ends_with("_redirects") || arp.contains(&key))
        || conf && key == "arp_ignore" && matches!(value, "0" | "1" | "2")
        // With one link a sender is believed whoever it is; what is no router stays none.
        || ends && conf && key == "rp_filter"
        || ends && (name == "net.ipv4.ip_forward" || conf && key == "forwarding") && value == "0"
}

const WITHOUT_EFFECT: [&str; 7] =
    ["acct", "checksum", "events", "log_invalid", "tcp_be_liberal", "tcp_max_retrans", "timestamp"];

#[cfg(test)]
mod tests {
    use serde_json::json;
    use svclab_core::net::Node;

    use super::*;

    #[track_caller]
    fn check(party: &Party, settings: Value, expected: Result<(), &str>) {
        let ip = |last| std::net::IpAddr::from([192, 168, 56, last]);
        let range = |text: &str| text.parse::<ipnet::IpNet>().expect("a range");
        let node = Node::new("node-1", ip(31), range("10.244.1.0/24"));
        let mut net = Network::new(vec![node], Vec::new(), range("192.168.56.0/24"), ip(254));
        let set = settings.as_object().expect("a map");
        assert_eq!(set_all(&mut net, party, set), expected.map_err(str::to_owned));
    }

    #[test]
    fn what_is_not_modelled_is_named() {
        let (node, pod) = (Party::Node("node-1".into()), Party::Pod([10, 244, 1, 5].into()));
        check(
            &node,
            json!({"net.ipv4.conf.cni0.rp_filter": 1, "net.ipv4.ip_forward": "0"}),
            Ok(()),
        );
        check(&node, json!({"net.netfilter.nf_conntrack_udp_timeout": "5\n"}), Ok(()));
        check(&node, json!({"net.ipv4.tcp_syn_retries": 2, "net.core.somaxconn": 99}), Ok(()));
        check(&pod, json!({"net.ipv4.ip_forward": 0, "net.ipv4.conf.all.rp_filter": 1}), Ok(()));
        let no = |what| Err(what);
        check(
            &pod,
            json!({"net.ipv4.ip_forward": 1}),
            no("the lab does not model what net.ipv4.ip_forward=1 does on pod 10.244.1.5"),
        );
        check(
            &node,
            json!({"net.ipv4.ip_default_ttl": 3}),
            no("the lab does not model what net.ipv4.ip_default_ttl=3 does on node node-1"),
        );
        check(
            &node,
            json!({"net.ipv4.conf.all.arp_ignore": 8}),
            no("the lab does not model what net.ipv4.conf.all.arp_ignore=8 does on node node-1"),
        );
        check(
            &node,
            json!({"net.ipv4.ip_forward": "yes"}),
            no("net.ipv4.ip_forward=yes is not understood"),
        );
    }
}
