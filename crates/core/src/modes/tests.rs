//! Group N of the packet cases: the same packet in several modes, and what modes that take turns do
//! with connections that come one after the other.

use std::collections::BTreeMap;

use super::*;
use crate::net::balancer::turns::Turns;
use crate::proxy::{Destination, Listening, Purpose, Scheduler, Version};
use crate::read::read;
use crate::rng::Rng;
use svclab_netfilter::Protocol;

/// A Service behind every kind of address, one whose endpoints are all elsewhere, and one that
/// lets only some sources in.
const CLUSTER: &str = "\
apiVersion: v1
kind: Node
metadata: {name: node-a}
status: {addresses: [{type: InternalIP, address: 192.168.10.11}]}
---
apiVersion: v1
kind: Service
metadata: {name: many, namespace: lab}
spec: {type: NodePort, clusterIP: 10.96.2.2, ports: [{port: 80, nodePort: 30080, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: many-1, namespace: lab, labels: {kubernetes.io/service-name: many}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.244.1.7], nodeName: node-a}, {addresses: [10.244.2.4]}, {addresses: [10.244.2.6]}]
---
apiVersion: v1
kind: Service
metadata: {name: far, namespace: lab}
spec: {type: LoadBalancer, clusterIP: 10.96.2.3, externalTrafficPolicy: Local, ports: [{port: 80, protocol: TCP}]}
status: {loadBalancer: {ingress: [{ip: 198.51.100.20}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: far-1, namespace: lab, labels: {kubernetes.io/service-name: far}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.244.2.4], nodeName: node-b}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: lab}
spec: {type: LoadBalancer, clusterIP: 10.96.2.4, loadBalancerSourceRanges: [203.0.113.0/25], ports: [{port: 80, protocol: TCP}]}
status: {loadBalancer: {ingress: [{ip: 198.51.100.21}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, namespace: lab, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.244.2.4], nodeName: node-b}]
";

fn objects() -> Objects {
    let read = read(CLUSTER);
    assert_eq!(read.diagnostics, []);
    let decoded = read.documents.iter().map(|it| it.decode());
    decoded.map(|(object, wrong)| object.unwrap_or_else(|| panic!("{wrong:?}"))).collect()
}

fn settings(version: Version) -> Settings {
    Settings {
        version,
        node: "node-a".to_owned(),
        cluster_cidr: "10.244.0.0/16".to_owned(),
        service_cidrs: vec!["10.96.0.0/12".to_owned()],
        local_addresses: ["192.168.10.11", "192.168.20.11", "10.244.1.1"]
            .map(|it| it.parse().expect("an address"))
            .into(),
        ..Settings::default()
    }
}

fn is_local(ip: IpAddr) -> bool {
    let local = ["192.168.10.11", "192.168.20.11", "10.244.1.1"];
    ip.is_loopback() || local.contains(&&ip.to_string()[..])
}

fn modes(line: &str, version: Version) -> Comparison {
    compare(&objects(), &settings(version), &is_local, &probe(line))
}

fn probe(line: &str) -> Probe {
    let words: Vec<&str> = line.split(' ').collect();
    let [src, dst, protocol, dport] = words[..] else { panic!("four words: {line}") };
    let src: IpAddr = src.parse().expect("an address");
    Probe {
        src,
        dst: dst.parse().expect("an address"),
        protocol: protocol.parse().expect("a protocol"),
        dport: dport.parse().expect("a port"),
        input: (!is_local(src)).then(|| "eth0".to_owned()),
    }
}

/// Each way in `fate` and thousandths.
fn shares(ways: impl Iterator<Item = (Fate, f64)>) -> String {
    let name = |fate: Fate| match fate {
        Fate::Dnat(to) => to.to_string(),
        Fate::Pass => "-".to_owned(),
        Fate::Reject => "REJECT".to_owned(),
        Fate::Drop => "DROP".to_owned(),
    };
    let shares: BTreeMap<String, f64> = ways.map(|(fate, share)| (name(fate), share)).collect();
    let shares = shares.into_iter().map(|(name, share)| format!("{name} {share:.3}"));
    shares.collect::<Vec<_>>().join(", ")
}

/// A packet as `source destination protocol port`, and what each mode does with it.
#[track_caller]
fn check(packet: &str, iptables: &str, nftables: &str, ipvs: &str) {
    let found = modes(packet, Version::Modern);
    assert_eq!(shares(found.iptables.iter().map(|it| (it.fate, it.probability))), iptables);
    let of = |ways: &[Way]| shares(ways.iter().map(|it| (it.fate, it.probability)));
    assert_eq!(of(&found.nftables), nftables, "nftables");
    assert_eq!(of(&found.ipvs), ipvs, "IPVS");
    for ways in [&found.nftables, &found.ipvs, &found.userspace] {
        let all: f64 = ways.iter().map(|it| it.probability).sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }
}

#[test]
fn n1_an_echo_to_a_cluster_ip_is_rejected_but_by_iptables() {
    check("10.244.1.5 10.96.2.2 icmp 0", "- 1.000", "REJECT 1.000", "REJECT 1.000");
}

#[test]
fn n2_so_is_the_wrong_port() {
    check("10.244.1.5 10.96.2.2 tcp 81", "- 1.000", "REJECT 1.000", "REJECT 1.000");
    check("192.168.10.11 10.96.2.2 tcp 81", "- 1.000", "REJECT 1.000", "REJECT 1.000");
}

#[test]
fn n3_an_unallocated_address_is_dropped() {
    check("10.244.1.5 10.96.77.7 tcp 80", "- 1.000", "DROP 1.000", "- 1.000");
    let alpha = modes("10.244.1.5 10.96.77.7 tcp 80", Version::V1_30);
    assert_eq!(alpha.nftables[0].fate, Fate::Pass, "the alpha knows no ranges");
}

const THIRDS: &str = "10.244.1.7:8080 0.333, 10.244.2.4:8080 0.333, 10.244.2.6:8080 0.333";

#[test]
fn n4_loopback_serves_no_node_ports() {
    check("127.0.0.1 127.0.0.1 tcp 30080", THIRDS, "- 1.000", "- 1.000");
}

#[test]
fn n5_nftables_serves_none_but_the_primary_address() {
    check("203.0.113.5 192.168.20.11 tcp 30080", THIRDS, "- 1.000", THIRDS);
    check("203.0.113.5 192.168.10.11 tcp 30080", THIRDS, THIRDS, THIRDS);
}

#[test]
fn n6_a_local_policy_without_a_local_endpoint_drops_but_in_ipvs() {
    let packet = "203.0.113.5 198.51.100.20 tcp 80";
    check(packet, "DROP 1.000", "DROP 1.000", "10.244.2.4:8080 1.000");
    let ipvs = modes(packet, Version::Modern).ipvs;
    assert!(!ipvs[0].masquerade, "so the answer does not come back this way");
}

#[test]
fn n7_endpoints_are_equally_likely() {
    check("10.244.1.5 10.96.2.2 tcp 80", THIRDS, THIRDS, THIRDS);
}

#[test]
fn n8_source_ranges_are_asked_before_dnat() {
    let packet = "203.0.113.200 198.51.100.21 tcp 80";
    check(packet, "DROP 1.000", "DROP 1.000", "DROP 1.000");
    let comparison = modes(packet, Version::Modern);
    let chains: Vec<&str> = comparison.nftables[0].steps.iter().map(|it| &*it.chain).collect();
    assert_eq!(chains[..2], ["filter-prerouting-pre-dnat", "firewall-check"]);
    assert!(chains.iter().all(|it| !it.starts_with("nat-")), "{chains:?}");
    let allowed = "10.244.2.4:8080 1.000";
    check("203.0.113.5 198.51.100.21 tcp 80", allowed, allowed, allowed);
}

#[test]
fn every_step_knows_why_its_rule_is_there() {
    let comparison = modes("203.0.113.5 192.168.10.11 tcp 30080", Version::Modern);
    for way in &comparison.nftables {
        assert!(way.steps.iter().all(|it| it.origin.is_some()));
        let found = |want: &dyn Fn(&Found) -> bool| way.steps.iter().any(|it| want(&it.found));
        assert!(found(&|it| matches!(it, Found::Drawn { of: 3, .. })));
        assert!(found(&|it| matches!(it, Found::Element(key) if key.starts_with("tcp . 30080"))));
    }
}

/// The rules of IPVS mode are about all Services: whose packet it is, the member of the set tells.
#[test]
fn a_step_of_ipvs_says_what_the_rule_does_with_whose_packet() {
    let origins = |line: &str, rule: &str| {
        let ways = modes(line, Version::Modern).ipvs;
        let steps = ways.into_iter().flat_map(|it| it.steps);
        let met =
            steps.filter(|it| it.rule.contains(rule) && matches!(it.found, Found::Element(_)));
        let about = met.filter_map(|it| it.origin).map(|it| {
            let service = it.service.map(|it| it.name.to_string()).unwrap_or_default();
            (service, it.endpoint.map(|it| it.to_string()).unwrap_or_default(), it.purpose)
        });
        about.collect::<std::collections::BTreeSet<_>>()
    };
    let about =
        |endpoint: &str, purpose| [("many".to_owned(), endpoint.to_owned(), purpose)].into();
    let marks = origins("192.168.10.11 10.96.2.2 tcp 80", "CLUSTER-IP dst,dst ! -s");
    assert_eq!(marks, about("", Purpose::MarkFromOutside));
    let accepts = origins("192.168.10.11 10.96.2.2 tcp 80", "CLUSTER-IP dst,dst -j ACCEPT");
    assert_eq!(accepts, about("", Purpose::LeaveToIpvs));
    let hairpin = origins("10.244.1.7 10.96.2.2 tcp 80", "LOOP-BACK");
    assert_eq!(hairpin, about("10.244.1.7:8080", Purpose::MarkHairpin));
    let ways = modes("10.244.1.5 10.96.2.2 tcp 80", Version::Modern).ipvs;
    let servers = ways.iter().flat_map(|it| &it.steps).filter(|it| &*it.chain == "IPVS");
    let taken = servers.map(|it| it.origin.as_ref().map(|it| it.purpose)).collect::<Vec<_>>();
    assert_eq!(taken, [Some(Purpose::Balance(Destination::ClusterIp)); 3]);
}

/// As iptables-save printed them (spec §17); each leads to kube-proxy itself.
#[test]
fn the_rules_of_the_userspace_proxy_hand_packets_to_it() {
    let state = proxy::userspace(&objects(), &settings(Version::Modern));
    let of_many = |it: &(&(Protocol, u16), &Listening)| it.1.endpoints.len() == 3;
    let port = state.ports.iter().find(of_many).map_or(0, |it| it.0.1);
    let name = "-p tcp -m comment --comment \"lab/many\" -m tcp --dport";
    let text = state.restore.to_string();
    for line in [
        format!("KUBE-PORTALS-CONTAINER -d 10.96.2.2/32 {name} 80 -j REDIRECT --to-ports {port}"),
        format!(
            "KUBE-PORTALS-HOST -d 10.96.2.2/32 {name} 80 -j DNAT --to-destination 192.168.10.11:{port}"
        ),
        format!("KUBE-NODEPORT-CONTAINER {name} 30080 -j REDIRECT --to-ports {port}"),
    ] {
        assert!(text.contains(&format!("-A {line}\n")), "{line}\n{text}");
    }
    let found = modes("10.244.1.5 10.96.2.2 tcp 80", Version::Modern).userspace;
    let met = found[0].steps.iter().filter(|it| !matches!(it.found, Found::Skipped(_)));
    let own = met.filter_map(|it| it.origin.as_ref());
    let own = own.filter(|it| it.service.is_some()).map(|it| it.purpose);
    assert_eq!(own.collect::<Vec<_>>(), [Purpose::HandToProxy; 2], "the rule, and the process");
}

/// The endpoints of connections that one client opens one after the other.
fn in_turn(count: usize, mut one: impl FnMut(&mut Turns, &mut Rng) -> Way) -> Vec<Fate> {
    let (mut turns, mut rng) = (Turns::default(), Rng::new(7));
    (0..count).map(|_| one(&mut turns, &mut rng).fate).collect()
}

#[test]
fn n7_ipvs_and_the_userspace_proxy_take_turns() {
    let probe = probe("10.244.1.5 10.96.2.2 tcp 80");
    let (objects, settings) = (objects(), settings(Version::Modern));
    let ipvs = proxy::ipvs(&objects, &settings);
    let userspace = proxy::userspace(&objects, &settings);
    let by_ipvs = in_turn(9, |turns, rng| ipvs::next(&ipvs, (turns, 0), &is_local, &probe, rng));
    let by_proxy =
        in_turn(9, |turns, rng| userspace::next(&userspace, (turns, 0), &is_local, &probe, rng));
    for fates in [by_ipvs, by_proxy] {
        assert_eq!(fates[..3], fates[3..6], "{fates:?}");
        assert_eq!(fates[..3], fates[6..], "{fates:?}");
        let endpoints: std::collections::BTreeSet<_> =
            fates[..3].iter().map(|it| format!("{it:?}")).collect();
        assert_eq!(endpoints.len(), 3, "{fates:?}");
    }
}

#[test]
fn ipvs_masquerades_whoever_is_no_pod() {
    let masqueraded = |line: &str| modes(line, Version::Modern).ipvs.iter().all(|it| it.masquerade);
    assert!(!masqueraded("10.244.1.5 10.96.2.2 tcp 80"));
    assert!(masqueraded("192.168.10.11 10.96.2.2 tcp 80"));
    assert!(masqueraded("203.0.113.5 192.168.10.11 tcp 30080"));
    let hairpin = modes("10.244.1.7 10.96.2.2 tcp 80", Version::Modern).ipvs;
    let itself = |it: &&Way| it.fate == Fate::Dnat("10.244.1.7:8080".parse().expect("an address"));
    assert!(hairpin.iter().find(itself).expect("one way of three").masquerade);
    assert_eq!(hairpin.iter().filter(|it| it.masquerade).count(), 1);
}

#[test]
fn the_userspace_proxy_is_all_that_endpoints_see() {
    let found = modes("10.244.1.5 10.96.2.2 tcp 80", Version::Modern).userspace;
    assert_eq!(shares(found.iter().map(|it| (it.fate, it.probability))), THIRDS);
    assert!(found.iter().all(|it| it.masquerade));
    let steps: Vec<&Step> = found.iter().filter_map(|it| it.steps.last()).collect();
    assert!(steps.iter().all(|it| matches!(it.found, Found::Proxied { of: 3, .. })), "{steps:?}");
    let nobody = modes("10.244.1.5 10.96.2.9 tcp 80", Version::Modern).userspace;
    assert_eq!(nobody[0].fate, Fate::Pass, "no Service has this address");
}

#[test]
fn without_endpoints_ipvs_refuses_and_the_userspace_proxy_hangs_up() {
    let cluster = CLUSTER.split("---").filter(|it| !it.contains("name: many-1"));
    let cluster = cluster.collect::<Vec<_>>().join("---");
    let objects: Objects = read(&cluster).documents.iter().filter_map(|it| it.decode().0).collect();
    let probe = probe("10.244.1.5 10.96.2.2 tcp 80");
    let found = compare(&objects, &settings(Version::Modern), &is_local, &probe);
    for ways in [&found.ipvs, &found.userspace] {
        assert_eq!(ways[0].fate, Fate::Reject);
        assert_eq!(ways[0].steps.iter().filter(|it| it.found == Found::Nobody).count(), 1);
    }
}

#[test]
fn an_ipvs_scheduler_is_configured_by_its_name() {
    let settings: Settings =
        serde_json::from_str(r#"{"ipvs": {"scheduler": "sh"}}"#).expect("settings");
    assert_eq!(settings.ipvs.scheduler, Scheduler::Sh);
    let text = proxy::ipvs(&objects(), &Settings { node: "node-a".to_owned(), ..settings });
    assert!(text.to_string().contains("TCP  10.96.2.2:80 sh\n"), "{text}");
    assert!(serde_json::from_str::<Settings>(r#"{"ipvs": {"scheduler": "best"}}"#).is_err());
}
