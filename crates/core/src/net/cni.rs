//! The rules of the network plugin, which hide pods from whatever is not the cluster.
//!
//! flannel: packets of pods to pods keep their source; those that leave the cluster take the node's
//! address (`flannel/pkg/trafficmngr/iptables`, `masqRules`). Marked packets are left to
//! kube-proxy, whose jump stands before this one. Calico's `natOutgoing` does the same.

use ipnet::IpNet;
use svclab_netfilter::Family;
use svclab_netfilter::text::{Restore, parse};

use super::Tunnel;
use crate::family::OfFamily;

/// What flanneld on the node with `pods` gives to iptables; `cluster` are all pods' addresses.
pub fn flannel(pods: IpNet, cluster: IpNet) -> Restore {
    let multicast = match cluster.family() {
        Family::V4 => "224.0.0.0/4",
        Family::V6 => "ff00::/8",
    };
    let rule = |what: &str, then: &str| {
        format!("-A FLANNEL-POSTRTG {what} -m comment --comment \"flanneld masq\" -j {then}\n")
    };
    let rules = [
        rule("-m mark --mark 0x4000/0x4000", "RETURN"),
        rule(&format!("-s {pods} -d {cluster}"), "RETURN"),
        rule(&format!("-s {cluster} -d {pods}"), "RETURN"),
        rule(&format!("! -s {cluster} -d {pods}"), "RETURN"),
        rule(&format!("-s {cluster} ! -d {multicast}"), "MASQUERADE --random-fully"),
        rule(&format!("! -s {cluster} -d {cluster}"), "MASQUERADE --random-fully"),
    ];
    let text = format!(
        "*nat\n:FLANNEL-POSTRTG - [0:0]\n\
         -A POSTROUTING -m comment --comment \"flanneld masq\" -j FLANNEL-POSTRTG\n{}COMMIT\n",
        rules.concat()
    );
    parse(&text).0
}

/// What Calico's node agent writes for a pool with `natOutgoing`; it keeps the pools in sets
/// (`cali40masq-ipam-pools`), of which the lab's cluster has but one range. What the node itself
/// sends by a tunnel has the tunnel's address, or the answer would not come back by it.
pub fn calico(pool: IpNet, tunnel: Option<Tunnel>) -> Restore {
    let tunnel = tunnel.map(|it| {
        format!(
            "-A cali-POSTROUTING -o {} -m addrtype ! --src-type LOCAL --limit-iface-out \
             -m addrtype --src-type LOCAL -j MASQUERADE --random-fully\n",
            it.device
        )
    });
    let tunnel = tunnel.unwrap_or_default();
    let text = format!(
        "*nat\n:cali-POSTROUTING - [0:0]\n:cali-nat-outgoing - [0:0]\n\
         -A POSTROUTING -m comment --comment \"cali:O3lYWMrLQYEMJtB5\" -j cali-POSTROUTING\n\
         -A cali-POSTROUTING -j cali-nat-outgoing\n{tunnel}\
         -A cali-nat-outgoing -s {pool} ! -d {pool} -j MASQUERADE --random-fully\nCOMMIT\n"
    );
    parse(&text).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Layout;

    #[test]
    fn flannels_rules_are_read_without_a_mistake() {
        let net = |text: &str| text.parse().expect("a network");
        let restore = flannel(net("10.244.1.0/24"), net("10.244.0.0/16"));
        let commands: usize = restore.tables.iter().map(|it| it.commands.len()).sum();
        assert_eq!(commands, 7);
        assert_eq!(parse(&restore.to_string()).1, []);
        assert!(!restore.to_string().contains("unknown"), "{restore}");
    }

    #[test]
    fn calicos_rules_are_read_without_a_mistake() {
        let tunnel = Layout::CalicoIpip.tunnel(Family::V4);
        let restore = calico("10.244.0.0/16".parse().expect("a network"), tunnel);
        let commands: usize = restore.tables.iter().map(|it| it.commands.len()).sum();
        assert_eq!(commands, 4);
        assert_eq!(parse(&restore.to_string()).1, []);
    }
}
