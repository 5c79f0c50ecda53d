//! Every setting that reaches the rules, in both families and for both versions: which lines the
//! setting takes away and which it brings.

use super::*;

/// A Service of each family with everything that settings reach.
const CLUSTER: &str = "\
apiVersion: v1
kind: Node
metadata: {name: node-a}
spec: {podCIDRs: [10.244.1.0/24, 'fd00:10:244:1::/64']}
status: {addresses: [{type: InternalIP, address: 192.168.10.11}, {type: InternalIP, address: 'fd00::11'}]}
---
apiVersion: v1
kind: Service
metadata: {name: four, namespace: shop}
spec: {type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.0.5, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: six, namespace: shop}
spec: {type: NodePort, externalTrafficPolicy: Local, clusterIP: 'fd96::5', ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: four-1, namespace: shop, labels: {kubernetes.io/service-name: four}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.244.1.7], nodeName: node-a}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: six-1, namespace: shop, labels: {kubernetes.io/service-name: six}}
addressType: IPv6
ports: [{port: 8080}]
endpoints: [{addresses: ['fd00:10:244:1::7'], nodeName: node-a}]
";

fn lines(settings: &Settings) -> Vec<String> {
    let rules = full_sync(&objects(CLUSTER), settings).restore.to_string();
    rules.lines().map(without_hash).collect()
}

/// The lines that come and go when `option`, as JSON, is added to the defaults.
fn difference(option: &str, version: Version, family: Family) -> Vec<String> {
    let base = Settings { version, family, ..node_a() };
    let mut value = serde_json::to_value(&base).expect("settings are JSON");
    let option: serde_json::Value = serde_json::from_str(option).expect("an option is JSON");
    for (name, setting) in option.as_object().expect("an object") {
        value[name] = setting.clone();
    }
    let changed: Settings = serde_json::from_value(value).expect("settings are read back");
    let (before, after) = (lines(&base), lines(&changed));
    let gone = before.iter().filter(|it| !after.contains(it)).map(|it| format!("- {it}"));
    let come = after.iter().filter(|it| !before.contains(it)).map(|it| format!("+ {it}"));
    gone.chain(come).collect()
}

/// Each expected line is a sign and a part of the line that comes or goes.
#[track_caller]
fn check(option: &str, (version, family): (Version, Family), expected: &[&str]) {
    let found = difference(option, version, family);
    let fits = |(line, want): (&String, &&str)| line[..1] == want[..1] && line.contains(&want[2..]);
    let all = found.len() == expected.len() && found.iter().zip(expected).all(fits);
    assert!(all, "{option} {version:?} {family:?}: {found:#?}");
}

const OLD: [(Version, Family); 2] = [(Version::V1_30, Family::V4), (Version::V1_30, Family::V6)];
const NEW: [(Version, Family); 2] = [(Version::Modern, Family::V4), (Version::Modern, Family::V6)];

#[track_caller]
fn check_everywhere(option: &str, expected: &[&str]) {
    for profile in OLD.into_iter().chain(NEW) {
        check(option, profile, expected);
    }
}

#[test]
fn the_mark_has_eight_digits_whatever_the_bit() {
    for (bit, mark) in [(0, "0x00000001"), (15, "0x00008000"), (31, "0x80000000")] {
        let new = [
            format!("+ --mark {mark}/{mark} -j ACCEPT"),
            format!("+ ! --mark {mark}/{mark} -j RETURN"),
            format!("+ --xor-mark {mark}"),
            format!("+ --or-mark {mark}"),
        ];
        let old = ["- --mark 0x00004000", "- ! --mark", "- --xor-mark", "- --or-mark"];
        let expected: Vec<&str> = old.into_iter().chain(new.iter().map(String::as_str)).collect();
        check_everywhere(&format!("{{\"masqueradeBit\": {bit}}}"), &expected);
    }
}

#[test]
fn masquerading_is_random_where_iptables_knows_the_word() {
    check_everywhere(
        r#"{"randomFully": false}"#,
        &["- -j MASQUERADE --random-fully", "+ SNAT\" -j MASQUERADE"],
    );
}

#[test]
fn masquerade_all_takes_the_condition_away() {
    for (profiles, mark) in [(0, "10.96.0.5"), (1, "fd96::5")] {
        let [old, new] = [OLD[profiles], NEW[profiles]];
        let to = format!("+ -d {mark} --dport 80 -j KUBE-MARK-MASQ");
        for profile in [old, new] {
            check(r#"{"masqueradeAll": true}"#, profile, &["- ! -s", &to]);
        }
    }
}

#[test]
fn pods_are_told_as_the_mode_says() {
    for profile in OLD.into_iter().chain(NEW) {
        let v4 = profile.1 == Family::V4;
        let net = if v4 { "10.244.1.0/24" } else { "fd00:10:244:1::/64" };
        let (other, own) = (format!("+ ! -s {net} -j"), format!("+ -s {net} -j KUBE-SVC"));
        let gone = ["- ! -s", "- pod traffic"];
        check(r#"{"detectLocalMode": "NodeCIDR"}"#, profile, &[gone[0], gone[1], &other, &own]);
        let bridge = r#"{"detectLocalMode": "BridgeInterface", "bridgeInterface": "cni0"}"#;
        check(bridge, profile, &[gone[0], gone[1], "+ ! -i cni0 -j", "+ -i cni0 -j KUBE-SVC"]);
        let prefix = r#"{"detectLocalMode": "InterfaceNamePrefix", "interfaceNamePrefix": "veth"}"#;
        check(prefix, profile, &[gone[0], gone[1], "+ ! -i veth+ -j", "+ -i veth+ -j KUBE-SVC"]);
        check(r#"{"detectLocalMode": ""}"#, profile, &gone);
        check(r#"{"clusterCIDR": ""}"#, profile, &gone);
    }
}

#[test]
fn localhost_node_ports_are_for_ipv4() {
    let off = r#"{"localhostNodePorts": false}"#;
    let gone = ["- :KUBE-FIREWALL", "- -A KUBE-FIREWALL"];
    let dispatch = ["- --dst-type LOCAL -j KUBE-NODEPORTS", "+ --dst-type LOCAL ! -d 127.0.0.0/8"];
    check(off, OLD[0], &[gone[0], gone[1], dispatch[0], dispatch[1]]);
    let counted = "- --nfacct-name localhost_nps_accepted_pkts";
    check(off, NEW[0], &[gone[0], gone[1], counted, dispatch[0], dispatch[1]]);
    check(off, OLD[1], &[]);
    check(off, NEW[1], &[]);
}

#[test]
fn node_ports_are_bound_to_addresses() {
    let option = r#"{"nodePortAddresses": ["192.168.0.0/16", "fd00::/64"]}"#;
    let gone = ["- :KUBE-FIREWALL", "- -A KUBE-FIREWALL"];
    let (all, four) = ("- --dst-type LOCAL", "+ -d 192.168.10.11 -j KUBE-NODEPORTS");
    check(option, OLD[0], &[gone[0], gone[1], all, four]);
    check(option, NEW[0], &[gone[0], gone[1], "- nfacct", all, four]);
    let six = "+ -d fd00::11 -j KUBE-NODEPORTS";
    check(option, OLD[1], &["- --dst-type LOCAL ! -d ::1/128", six]);
    check(option, NEW[1], &["- --dst-type LOCAL ! -d ::1/128", six]);
    check_everywhere(r#"{"nodePortAddresses": ["0.0.0.0/0", "::/0"]}"#, &[]);
}

/// Spec §15: the nftables mode defaults to the primary address. Networks of the other family alone
/// leave every address of this one, as in iptables mode.
#[test]
fn nftables_serves_node_ports_at_the_primary_address_unless_told_otherwise() {
    let served = |addresses: &[&str], version: Version| {
        let node_port_addresses = addresses.iter().map(|it| it.to_string()).collect();
        let settings = Settings { version, node_port_addresses, ..node_a() };
        let table = nftables(&objects(CLUSTER), &settings).table.to_string();
        let on = table.contains("services ip daddr @nodeport-ips ");
        let everywhere = "services fib daddr type local ip daddr != 127.0.0.0/8 ";
        assert_ne!(on, table.contains(everywhere), "{table}");
        let elements = table.lines().filter_map(|it| it.split_once("nodeport-ips { "));
        let elements: Vec<String> = elements
            .filter(|it| !it.1.starts_with("type"))
            .map(|it| it.1.trim_end_matches(" }").to_owned())
            .collect();
        on.then(|| elements.join(" "))
    };
    let primary = Some("192.168.10.11".to_owned());
    for version in [Version::V1_30, Version::Modern] {
        assert_eq!(served(&[], version), primary);
        assert_eq!(served(&["primary"], version), primary);
        assert_eq!(served(&["192.168.10.0/24", "fd00::/8"], version), primary);
        assert_eq!(served(&["fd00::/8"], version), None);
        assert_eq!(served(&["0.0.0.0/0"], version), None);
        assert_eq!(served(&["127.0.0.0/8"], version), Some(String::new()));
    }
}

#[test]
fn a_liberal_conntrack_drops_nothing_as_invalid() {
    let gone = "- --ctstate INVALID";
    check_everywhere(r#"{"conntrackTCPBeLiberal": true}"#, &[gone]);
}

#[test]
fn without_counters_the_plain_forms_appear() {
    let off = r#"{"nfacct": false}"#;
    let (counted, plain) = ("- INVALID -m nfacct", "+ --ctstate INVALID -j DROP");
    let localhost = "- -d 127.0.0.0/8 --dport 30080 -m nfacct";
    check(off, NEW[0], &[counted, localhost, plain]);
    check(off, NEW[1], &[counted, plain]);
    OLD.into_iter().for_each(|profile| check(off, profile, &[]));
}
