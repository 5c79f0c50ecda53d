//! IPVS mode: virtual servers, sets, and the rules that ask them. The rules' texts are those of
//! `writeIptablesRules`.

use std::net::SocketAddr;

use expect_test::expect;
use svclab_netfilter::Protocol;

use super::*;

/// A Service with all that the sets know, and one without endpoints that lets the node itself not
/// in.
const BALANCED: &str = "\
apiVersion: v1
kind: Node
metadata: {name: node-a}
status: {addresses: [{type: InternalIP, address: 192.168.10.11}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {type: LoadBalancer, clusterIP: 10.96.0.9, externalTrafficPolicy: Local, healthCheckNodePort: 32100, externalIPs: [192.0.2.44], sessionAffinity: ClientIP, loadBalancerSourceRanges: [203.0.113.0/24, 192.168.10.0/24], ports: [{port: 443, nodePort: 30443, protocol: TCP}]}
status: {loadBalancer: {ingress: [{ip: 198.51.100.20}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pay-1, namespace: shop, labels: {kubernetes.io/service-name: pay}}
addressType: IPv4
ports: [{port: 8443}]
endpoints: [{addresses: [10.244.1.9], nodeName: node-a}, {addresses: [10.244.2.6], nodeName: node-b}]
---
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: shop}
spec: {type: LoadBalancer, clusterIP: 10.96.0.10, externalIPs: [192.0.2.45], loadBalancerSourceRanges: [203.0.113.0/25], ports: [{port: 53, nodePort: 30053, protocol: UDP}]}
status: {loadBalancer: {ingress: [{ip: 198.51.100.21}]}}
";

#[test]
fn the_rules_ask_the_sets_that_hold_something() {
    let ipvs = ipvs(&objects(BALANCED), &node_a());
    expect![[r#"
        *nat
        :KUBE-SERVICES - [0:0]
        :KUBE-POSTROUTING - [0:0]
        :KUBE-NODE-PORT - [0:0]
        :KUBE-LOAD-BALANCER - [0:0]
        :KUBE-MARK-MASQ - [0:0]
        -A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN
        -A KUBE-POSTROUTING -m comment --comment "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose" -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE
        -A KUBE-SERVICES -m comment --comment "Kubernetes service lb portal" -m set --match-set KUBE-LOAD-BALANCER dst,dst -j KUBE-LOAD-BALANCER
        -A KUBE-LOAD-BALANCER -m comment --comment "Kubernetes service load balancer ip + port with externalTrafficPolicy=local" -m set --match-set KUBE-LOAD-BALANCER-LOCAL dst,dst -j RETURN
        -A KUBE-NODE-PORT -p tcp -m comment --comment "Kubernetes nodeport TCP port with externalTrafficPolicy=local" -m set --match-set KUBE-NODE-PORT-LOCAL-TCP dst -j RETURN
        -A KUBE-NODE-PORT -p tcp -m comment --comment "Kubernetes nodeport TCP port for masquerade purpose" -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ
        -A KUBE-NODE-PORT -p udp -m comment --comment "Kubernetes nodeport UDP port for masquerade purpose" -m set --match-set KUBE-NODE-PORT-UDP dst -j KUBE-MARK-MASQ
        -A KUBE-SERVICES -m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
        -A KUBE-SERVICES -m comment --comment "Kubernetes service external ip + port for masquerade and filter purpose" -m set --match-set KUBE-EXTERNAL-IP dst,dst -j KUBE-MARK-MASQ
        -A KUBE-SERVICES -m comment --comment "Kubernetes service external ip + port for masquerade and filter purpose" -m set --match-set KUBE-EXTERNAL-IP dst,dst -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT
        -A KUBE-SERVICES -m comment --comment "Kubernetes service external ip + port for masquerade and filter purpose" -m set --match-set KUBE-EXTERNAL-IP dst,dst -m addrtype --dst-type LOCAL -j ACCEPT
        -A KUBE-SERVICES -m comment --comment "Kubernetes service external ip + port with externalTrafficPolicy=local" -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT
        -A KUBE-SERVICES -m comment --comment "Kubernetes service external ip + port with externalTrafficPolicy=local" -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -m addrtype --dst-type LOCAL -j ACCEPT
        -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT
        -A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ
        -A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT
        -A KUBE-SERVICES -m set --match-set KUBE-LOAD-BALANCER dst,dst -j ACCEPT
        -A KUBE-POSTROUTING -m mark ! --mark 0x00004000/0x00004000 -j RETURN
        -A KUBE-POSTROUTING -j MARK --xor-mark 0x00004000
        -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
        -A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000
        COMMIT
        *filter
        :KUBE-FORWARD - [0:0]
        :KUBE-NODE-PORT - [0:0]
        :KUBE-PROXY-FIREWALL - [0:0]
        :KUBE-SOURCE-RANGES-FIREWALL - [0:0]
        :KUBE-IPVS-FILTER - [0:0]
        :KUBE-IPVS-OUT-FILTER - [0:0]
        -A KUBE-PROXY-FIREWALL -m comment --comment "Kubernetes service load balancer ip + port for load balancer with sourceRange" -m set --match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-SOURCE-RANGES-FIREWALL
        -A KUBE-SOURCE-RANGES-FIREWALL -m comment --comment "Kubernetes service load balancer ip + port + source cidr for packet filter purpose" -m set --match-set KUBE-LOAD-BALANCER-SOURCE-CIDR dst,dst,src -j RETURN
        -A KUBE-SOURCE-RANGES-FIREWALL -m comment --comment "Kubernetes service load balancer ip + port + source IP for packet filter purpose" -m set --match-set KUBE-LOAD-BALANCER-SOURCE-IP dst,dst,src -j RETURN
        -A KUBE-SOURCE-RANGES-FIREWALL -j DROP
        -A KUBE-IPVS-OUT-FILTER -s 198.51.100.21 -m ipvs --vaddr 198.51.100.21 --vproto udp --vport 53 -j DROP
        -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x00004000/0x00004000 -j ACCEPT
        -A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A KUBE-NODE-PORT -m comment --comment "Kubernetes health check node port" -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT
        -A KUBE-IPVS-FILTER -m set --match-set KUBE-LOAD-BALANCER dst,dst -j RETURN
        -A KUBE-IPVS-FILTER -m set --match-set KUBE-CLUSTER-IP dst,dst -j RETURN
        -A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP dst,dst -j RETURN
        -A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -j RETURN
        -A KUBE-IPVS-FILTER -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j RETURN
        -A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT
        COMMIT
    "#]]
    .assert_eq(&ipvs.restore.to_string());
    for rule in appended_to(&ipvs.restore) {
        assert!(rule.origin.is_some_and(|it| ipvs.origins.get(it).is_some()), "{rule}");
    }
}

fn appended_to(restore: &Restore) -> impl Iterator<Item = &svclab_netfilter::Rule> {
    let commands = restore.tables.iter().flat_map(|it| &it.commands);
    commands.filter_map(|it| match it {
        svclab_netfilter::text::Command::Append { rule, .. } => Some(&**rule),
        _ => None,
    })
}

#[test]
fn without_services_only_the_frame_is_left() {
    let text = ipvs(&Objects::new(), &node_a()).restore.to_string();
    assert_eq!(text.matches("--match-set").count(), 7, "{text}");
    assert_eq!(text.matches("-A KUBE-SERVICES").count(), 2, "{text}");
}

#[test]
fn a_set_knows_how_many_rules_ask_for_it() {
    let ipvs = ipvs(&objects(BALANCED), &node_a());
    let references = ["KUBE-CLUSTER-IP", "KUBE-EXTERNAL-IP", "KUBE-IPVS-IPS", "KUBE-LOOP-BACK"];
    assert_eq!(references.map(|it| ipvs.references(it)), [3, 4, 1, 1]);
    let text = ipvs.list_sets();
    assert_eq!(text.matches("Name: ").count(), 17);
    assert!(text.contains("Members:\n10.244.1.9,tcp:8443,10.244.1.9\n"), "{text}");
}

#[test]
fn ipv6_has_sets_of_its_own() {
    let settings = Settings { family: Family::V6, ..node_a() };
    let names: Vec<String> = ipvs(&Objects::new(), &settings).sets.0.into_keys().collect();
    assert!(names.iter().all(|it| it.starts_with("KUBE-6-")), "{names:?}");
    let text = ipvs(&Objects::new(), &settings).restore.to_string();
    assert!(text.contains("-A KUBE-SERVICES -s ::1/128 -j RETURN\n"), "{text}");
}

#[test]
fn pods_are_told_from_others_or_all_are_masqueraded() {
    let asking = "-m set --match-set KUBE-CLUSTER-IP";
    let marks = |settings: Settings| {
        let text = ipvs(&objects(BALANCED), &settings).restore.to_string();
        let line = text.lines().find(|it| it.contains(asking)).expect("a rule").to_owned();
        line.split_once(asking).expect("the set").1.to_owned()
    };
    let all = Settings { masquerade_all: true, ..node_a() };
    assert_eq!(marks(all), " dst,dst -j KUBE-MARK-MASQ");
    let unknown = Settings { cluster_cidr: String::new(), ..node_a() };
    assert_eq!(marks(unknown), " src,dst -j KUBE-MARK-MASQ");
}

#[test]
fn a_real_server_with_connections_leaves_with_weight_0() {
    let before = ipvs(&objects(BALANCED), &node_a());
    let after = BALANCED.replace("[10.244.1.9]", "[10.244.1.8]");
    let active = |_: Protocol, frontend: SocketAddr, real: SocketAddr| {
        let own = frontend.to_string() == "10.96.0.9:443" && real.to_string() == "10.244.1.9:8443";
        (u32::from(own), 0)
    };
    let text = ipvs(&objects(&after), &node_a()).after(&before, active).to_string();
    let server = "TCP  10.96.0.9:443 rr persistent 10800\n  -> 10.244.1.8:8443              \
                  Masq    1      0          0         \n  -> 10.244.1.9:8443              \
                  Masq    0      1          0         \n";
    assert!(text.contains(server), "{text}");
    assert_eq!(text.matches("10.244.1.9").count(), 1, "{text}");
}

#[test]
fn ipvs_serves_every_address_and_falls_back_to_other_nodes() {
    let spec = "type: NodePort, externalTrafficPolicy: Local, sessionAffinity: ClientIP, ports: [{port: 80, nodePort: 30080}]";
    let cluster = web(spec, "", "10.244.2.7\n10.244.3.7").replace("ports: [{port: 80}], ", "");
    expect![[r#"
        TCP  10.96.0.5:80 rr persistent 10800
          -> 10.244.2.7:8080              Masq    1      0          0
          -> 10.244.3.7:8080              Masq    1      0          0
        TCP  192.0.2.1:30080 rr persistent 10800
          -> 10.244.2.7:8080              Masq    1      0          0
          -> 10.244.3.7:8080              Masq    1      0          0
        TCP  192.168.10.11:30080 rr persistent 10800
          -> 10.244.2.7:8080              Masq    1      0          0
          -> 10.244.3.7:8080              Masq    1      0          0"#]]
    .assert_eq(&servers(&cluster));
    let local = cluster.replace("['10.244.2.7']", "['10.244.2.7'], nodeName: node-a");
    assert_eq!(servers(&local).matches("10.244.3.7").count(), 1, "at the cluster IP alone");
}

fn servers(cluster: &str) -> String {
    let text = ipvs(&objects(cluster), &node_a()).to_string();
    text.lines().skip(3).map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Spec §16: not those that are on another interface already.
#[test]
fn the_dummy_device_gets_no_address_that_the_node_has() {
    let spec = "type: NodePort, externalIPs: [192.0.2.1, 192.0.2.44], ports: [{port: 80, nodePort: 30080}]";
    let cluster = web(spec, "", "10.244.2.7").replace("ports: [{port: 80}], ", "");
    let bound = |settings: &Settings| {
        let bound = ipvs(&objects(&cluster), settings).bound;
        bound.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(bound(&node_a()), "10.96.0.5 192.0.2.44");
    let known = ["192.168.10.11", "192.0.2.44"].map(|it| it.parse().expect("an address"));
    let local_addresses = known.to_vec();
    assert_eq!(bound(&Settings { local_addresses, ..node_a() }), "10.96.0.5 192.0.2.1");
}
