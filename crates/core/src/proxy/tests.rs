use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use svclab_netfilter::text::Command;
use svclab_netfilter::{Family, RuleSet};

use super::*;
use crate::read::read;

mod incremental;
mod ipvs;
mod large;
mod settings;
mod stale;

const EXAMPLE: &str = include_str!("tests/worked-example.yaml");
const EXAMPLE_RULES: &str = include_str!("tests/worked-example.rules");

#[track_caller]
fn objects(text: &str) -> Objects {
    let read = read(text);
    assert_eq!(read.diagnostics, []);
    let decoded = read.documents.iter().map(|it| it.decode());
    let objects = decoded.map(|(object, wrong)| object.unwrap_or_else(|| panic!("{wrong:?}")));
    objects.collect()
}

fn node_a() -> Settings {
    Settings {
        node: "node-a".to_owned(),
        cluster_cidr: "10.244.0.0/16,fd00:10:244::/48".to_owned(),
        ..Settings::default()
    }
}

/// A Service `shop/web` with `spec` and port 80, its slice with `endpoints`, each a line of
/// `address conditions…`.
fn web(spec: &str, annotation: &str, endpoints: &str) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Node\nmetadata: {{name: node-a, labels: {{topology.kubernetes.io/zone: here}}}}\n\
         spec: {{podCIDRs: [10.244.1.0/24, 'fd00:10:244:1::/64']}}\n\
         status: {{addresses: [{{type: ExternalIP, address: 192.0.2.1}}, {{type: InternalIP, address: 192.168.10.11}}]}}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop, annotations: {{{annotation}}}}}\n\
         spec: {{clusterIP: 10.96.0.5, ports: [{{port: 80}}], {spec}}}\n\
         ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}\n\
         addressType: IPv4\nports: [{{port: 8080}}]\nendpoints:\n"
    );
    for line in endpoints.lines() {
        text.push_str(&endpoint(line.trim()));
    }
    text
}

/// `10.244.1.7 here ready=false zone=a node=node-a`
fn endpoint(line: &str) -> String {
    let mut words = line.split(' ');
    let mut text = format!("- {{addresses: ['{}']", words.next().unwrap_or_default());
    let (mut conditions, mut hints) = (Vec::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            None => text.push_str(", nodeName: node-a"),
            Some(("zone", name)) => hints.push(format!("forZones: [{{name: {name}}}]")),
            Some(("node", name)) => hints.push(format!("forNodes: [{{name: {name}}}]")),
            Some((name, value)) => conditions.push(format!("{name}: {value}")),
        }
    }
    let (conditions, hints) = (conditions.join(", "), hints.join(", "));
    let hints = if hints.is_empty() { hints } else { format!(", hints: {{{hints}}}") };
    format!("{text}, conditions: {{{conditions}}}{hints}}}\n")
}

/// The rules that name the service, and what `more` asks for; the digits of hashes left out.
#[track_caller]
fn check_with(text: &str, settings: &Settings, more: &str, expected: Expect) {
    let rules = full_sync(&objects(text), settings).restore.to_string();
    let of_service = |it: &&str| it.contains("shop/web") || (!more.is_empty() && it.contains(more));
    let lines: Vec<String> = rules.lines().filter(of_service).map(without_hash).collect();
    expected.assert_eq(&lines.join("\n"));
}

fn without_hash(line: &str) -> String {
    let is_hash = |it: &str| it.len() == 16 && it.bytes().all(|it| it.is_ascii_alphanumeric());
    let short = |it: &str| match it.rsplit_once('-') {
        Some((kind, hash)) if is_hash(hash) => kind.to_owned(),
        _ => it.to_owned(),
    };
    line.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

/// Which endpoints the chains of `shop/web` lead to.
#[track_caller]
fn check_choice(text: &str, settings: &Settings, expected: &str) {
    let sync = full_sync(&objects(text), settings);
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (chain, rule) in appended(&sync) {
        let origin = sync.origins.get(rule.origin.expect("an origin")).expect("it is known");
        if let (Purpose::PickEndpoint { .. }, Some(endpoint)) = (origin.purpose, &origin.endpoint) {
            let kind = chain.as_str()[..8].to_owned();
            chains.entry(kind).or_default().push(endpoint.to_string());
        }
    }
    let lines: Vec<String> =
        chains.iter().map(|(chain, to)| format!("{chain}: {}", to.join(" "))).collect();
    assert_eq!(lines.join("\n"), expected);
}

fn appended(sync: &Sync) -> impl Iterator<Item = (ChainName, &svclab_netfilter::Rule)> {
    let commands = sync.restore.tables.iter().flat_map(|it| &it.commands);
    commands.filter_map(|it| match it {
        Command::Append { chain, rule } => Some((*chain, &**rule)),
        _ => None,
    })
}

#[test]
fn the_worked_example_comes_out_whole() {
    let rules = full_sync(&objects(EXAMPLE), &node_a()).restore.to_string();
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&rules), sorted(EXAMPLE_RULES));
    assert_eq!(rules.len(), EXAMPLE_RULES.len());
}

#[test]
fn every_rule_knows_why_it_is_there() {
    let objects = objects(EXAMPLE);
    let sync = full_sync(&objects, &node_a());
    let mut seen = BTreeSet::new();
    for (_, rule) in appended(&sync) {
        let origin = rule.origin.expect("every rule has an origin");
        assert!(seen.insert(origin), "an origin is that of one rule");
        let origin = sync.origins.get(origin).expect("it is known");
        let line = rule.to_string();
        if let Some(service) = &origin.service {
            assert!(objects.contains_key(service), "{line}");
        }
        if let Some(endpoint) = &origin.endpoint {
            let slice = origin.slice.as_deref().expect("an endpoint stands in a slice");
            assert!(objects.contains_key(slice), "{line}");
            assert!(!line.contains("->") || line.contains(&**endpoint), "{line}");
        }
    }
    assert_eq!(seen.len() + 1, sync.origins.len(), "the first origin is that of the jumps");
}

#[test]
fn the_order_of_the_objects_does_not_matter() {
    let expected = full_sync(&objects(EXAMPLE), &node_a()).restore;
    let mut documents: Vec<&str> = EXAMPLE.split("---\n").collect();
    documents.reverse();
    assert_eq!(full_sync(&objects(&documents.join("---\n")), &node_a()).restore, expected);
}

#[test]
fn chains_nobody_needs_any_more_are_deleted() {
    let mut before = RuleSet::builtin();
    before.restore(&full_sync(&objects(EXAMPLE), &node_a()).restore, true);
    let fewer: Vec<&str> = EXAMPLE.split("---\n").filter(|it| !it.contains("name: pay")).collect();
    let fewer = objects(&fewer.join("---\n"));

    let nat = &before.tables[&svclab_netfilter::TableName::Nat];
    let sync = full_sync_over(&fewer, &node_a(), nat.chains.keys().copied());
    let mut after = before.clone();
    after.restore(&sync.restore, true);
    let mut fresh = RuleSet::builtin();
    fresh.restore(&full_sync(&fewer, &node_a()).restore, true);
    assert_eq!(after.save(Family::V4), fresh.save(Family::V4));
    assert_ne!(after.save(Family::V4), before.save(Family::V4));
}

#[test]
fn pods_are_told_by_what_is_configured() {
    let cluster =
        web("externalTrafficPolicy: Local, externalIPs: [192.0.2.44]", "", "10.244.1.7 here");
    let check = |settings: Settings, expected: Expect| {
        let rules = full_sync(&objects(&cluster), &settings).restore.to_string();
        let picked = rules.lines().filter(|it| {
            it.contains("pod traffic") || it.contains("-SVC") && it.contains("MARK-MASQ")
        });
        let parts = picked.map(|it| it.rsplit_once("\" ").map_or("", |it| it.1)).map(without_hash);
        expected.assert_eq(&parts.collect::<Vec<_>>().join("\n"));
    };
    check(
        Settings { detect_local_mode: DetectLocal::NodeCidr, ..node_a() },
        expect![[r#"
            -m tcp -p tcp -d 10.96.0.5 --dport 80 ! -s 10.244.1.0/24 -j KUBE-MARK-MASQ
            -s 10.244.1.0/24 -j KUBE-SVC"#]],
    );
    check(
        Settings {
            detect_local_mode: DetectLocal::BridgeInterface,
            bridge_interface: "cni0".to_owned(),
            ..node_a()
        },
        expect![[r#"
            -m tcp -p tcp -d 10.96.0.5 --dport 80 ! -i cni0 -j KUBE-MARK-MASQ
            -i cni0 -j KUBE-SVC"#]],
    );
    check(
        Settings {
            detect_local_mode: DetectLocal::InterfaceNamePrefix,
            interface_name_prefix: "veth".to_owned(),
            ..node_a()
        },
        expect![[r#"
            -m tcp -p tcp -d 10.96.0.5 --dport 80 ! -i veth+ -j KUBE-MARK-MASQ
            -i veth+ -j KUBE-SVC"#]],
    );
    let as_written = Settings { cluster_cidr: "fd00::/8, 10.244.01.0/16".to_owned(), ..node_a() };
    check(
        as_written.clone(),
        expect![[r#"
            -m tcp -p tcp -d 10.96.0.5 --dport 80 ! -s 10.244.01.0/16 -j KUBE-MARK-MASQ
            -s 10.244.01.0/16 -j KUBE-SVC"#]],
    );
    check(
        Settings { version: Version::Modern, ..as_written },
        expect![[r#"
            -m tcp -p tcp -d 10.96.0.5 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
            -s 10.244.0.0/16 -j KUBE-SVC"#]],
    );
    check(
        Settings { masquerade_all: true, cluster_cidr: String::new(), ..node_a() },
        expect!["-m tcp -p tcp -d 10.96.0.5 --dport 80 -j KUBE-MARK-MASQ"],
    );
    check(Settings { detect_local_mode: DetectLocal::Nothing, ..node_a() }, expect![""]);
}

#[test]
fn settings_reach_the_fixed_rules() {
    let settings = Settings {
        masquerade_bit: 31,
        random_fully: false,
        conntrack_tcp_be_liberal: true,
        localhost_node_ports: false,
        ..node_a()
    };
    let rules = full_sync(&Objects::new(), &settings).restore.to_string();
    let lines: Vec<&str> = rules.lines().filter(|it| it.starts_with("-A")).collect();
    expect![[r#"
        -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x80000000/0x80000000 -j ACCEPT
        -A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A KUBE-POSTROUTING -m mark ! --mark 0x80000000/0x80000000 -j RETURN
        -A KUBE-POSTROUTING -j MARK --xor-mark 0x80000000
        -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE
        -A KUBE-MARK-MASQ -j MARK --or-mark 0x80000000
        -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn node_ports_listen_where_they_are_allowed() {
    let cluster = web("", "", "10.244.1.7");
    let check = |addresses: &[&str], version: Version, expected: &str| {
        let settings = Settings {
            node_port_addresses: addresses.iter().map(|it| it.to_string()).collect(),
            version,
            ..node_a()
        };
        let rules = full_sync(&objects(&cluster), &settings).restore.to_string();
        let dispatch = rules.lines().filter_map(|it| it.split_once("last rule in this chain\" "));
        let firewall = rules.contains(":KUBE-FIREWALL").then_some("KUBE-FIREWALL");
        let lines: Vec<&str> = dispatch.map(|it| it.1).chain(firewall).collect();
        assert_eq!(lines.join("\n"), expected);
    };
    check(&["192.168.0.0/16"], Version::V1_30, "-d 192.168.10.11 -j KUBE-NODEPORTS");
    check(
        &["127.0.0.0/8", "192.0.2.0/24", "fd00::/8"],
        Version::V1_30,
        "-d 127.0.0.1 -j KUBE-NODEPORTS\n-d 192.0.2.1 -j KUBE-NODEPORTS\nKUBE-FIREWALL",
    );
    let all = "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\nKUBE-FIREWALL";
    check(&["fd00::/8"], Version::V1_30, all);
    check(&["192.168.0.0/16", "0.0.0.0/0"], Version::V1_30, all);
    check(&["primary"], Version::V1_30, all);
    check(&["primary"], Version::Modern, "-d 192.168.10.11 -j KUBE-NODEPORTS");
}

#[test]
fn topology_hints_count_where_all_have_them() {
    let annotated = "service.kubernetes.io/topology-mode: Auto";
    let hinted = "10.244.1.7 zone=here\n10.244.2.7 zone=there\n10.244.3.7 ready=false";
    check_choice(&web("", annotated, hinted), &node_a(), "KUBE-SVC: 10.244.1.7:8080");
    let both = "KUBE-SVC: 10.244.1.7:8080 10.244.2.7:8080";
    check_choice(&web("", "", hinted), &node_a(), both);
    let off = "service.kubernetes.io/topology-aware-hints: disabled, service.kubernetes.io/topology-mode: Auto";
    check_choice(&web("", off, hinted), &node_a(), both);
    let one_lacks = "10.244.1.7 zone=here\n10.244.2.7";
    check_choice(&web("", annotated, one_lacks), &node_a(), both);
    let elsewhere = "10.244.1.7 zone=there\n10.244.2.7 zone=there";
    check_choice(&web("", annotated, elsewhere), &node_a(), both);
    let gate = ("ServiceTrafficDistribution".to_owned(), true);
    let gated = Settings { feature_gates: BTreeMap::from([gate]), ..node_a() };
    check_choice(&web("", "", hinted), &gated, "KUBE-SVC: 10.244.1.7:8080");
}

#[test]
fn newer_releases_heed_hints_without_being_asked() {
    let modern = Settings { version: Version::Modern, ..node_a() };
    let zones = "10.244.1.7 zone=here\n10.244.2.7 zone=there";
    check_choice(&web("", "", zones), &modern, "KUBE-SVC: 10.244.1.7:8080");
    let nodes = "10.244.1.7 zone=here node=node-b\n10.244.2.7 zone=here node=node-a";
    check_choice(&web("", "", nodes), &modern, "KUBE-SVC: 10.244.2.7:8080");
}

#[test]
fn the_two_policies_fall_back_each_for_itself() {
    let spec = "type: NodePort, externalTrafficPolicy: Local, ports: [{port: 80, nodePort: 30080}]";
    let spec = web(spec, "", "10.244.1.7 here ready=false terminating=true\n10.244.1.8 here ready=false serving=false terminating=true\n10.244.2.7\n10.244.2.8 ready=false serving=true")
        .replace("ports: [{port: 80}], ", "");
    check_choice(&spec, &node_a(), "KUBE-SVC: 10.244.2.7:8080\nKUBE-SVL: 10.244.1.7:8080");
    let rules = full_sync(&objects(&spec), &node_a()).restore.to_string();
    let endpoints = rules.lines().filter(|it| it.starts_with(":KUBE-SEP")).count();
    assert_eq!(endpoints, 2, "the union of both lists");
}

#[test]
fn an_address_is_printed_as_its_slice_spells_it_until_newer_releases() {
    let cluster = web("", "", "10.244.001.7");
    check_with(
        &cluster,
        &node_a(),
        "",
        expect![[r#"
            -A KUBE-SERVICES -m comment --comment "shop/web cluster IP" -m tcp -p tcp -d 10.96.0.5 --dport 80 -j KUBE-SVC
            -A KUBE-SVC -m comment --comment "shop/web cluster IP" -m tcp -p tcp -d 10.96.0.5 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
            -A KUBE-SVC -m comment --comment "shop/web -> 10.244.001.7:8080" -j KUBE-SEP
            -A KUBE-SEP -m comment --comment shop/web -s 10.244.001.7 -j KUBE-MARK-MASQ
            -A KUBE-SEP -m comment --comment shop/web -m tcp -p tcp -j DNAT --to-destination 10.244.001.7:8080"#]],
    );
    check_choice(
        &cluster,
        &Settings { version: Version::Modern, ..node_a() },
        "KUBE-SVC: 10.244.1.7:8080",
    );
}

#[test]
fn a_large_cluster_does_without_comments() {
    let endpoints: Vec<String> =
        (0..1001).map(|it| format!("10.244.{}.{}", it / 250, it % 250)).collect();
    let at_most = web("sessionAffinity: ClientIP", "", &endpoints[..1000].join("\n"));
    let rules = |text| full_sync(&objects(text), &node_a()).restore.to_string();
    assert!(rules(&at_most).contains("\"shop/web -> 10.244.0.0:8080\""));
    let large = rules(&web("sessionAffinity: ClientIP", "", &endpoints.join("\n")));
    assert_eq!(large.matches("shop/web").count(), 2, "the two rules of the cluster IP");
    let of_first: Vec<String> =
        large.lines().filter(|it| it.contains("10.244.0.0")).map(without_hash).collect();
    expect![[r#"
        -A KUBE-SEP -s 10.244.0.0 -j KUBE-MARK-MASQ
        -A KUBE-SEP -m recent --name KUBE-SEP --set -m tcp -p tcp -j DNAT --to-destination 10.244.0.0:8080"#]].assert_eq(&of_first[1..].join("\n"));
}

#[test]
fn the_same_endpoint_in_two_slices_counts_once() {
    let twice = "10.244.1.7 ready=false\n10.244.1.7 here\n10.244.1.7 ready=false";
    let spec = "externalIPs: [192.0.2.44], externalTrafficPolicy: Local";
    check_choice(
        &web(spec, "", twice),
        &node_a(),
        "KUBE-SVC: 10.244.1.7:8080\nKUBE-SVL: 10.244.1.7:8080",
    );
}

#[test]
fn a_range_of_everything_is_a_range_only_in_1_30() {
    let spec = "type: LoadBalancer, loadBalancerSourceRanges: [0.0.0.0/0]";
    let cluster = web(spec, "", "10.244.1.7").replace(
        "\n---\napiVersion: discovery",
        "\nstatus: {loadBalancer: {ingress: [{ip: 198.51.100.20}]}}\n---\napiVersion: discovery",
    );
    let rules = |version| {
        full_sync(&objects(&cluster), &Settings { version, ..node_a() }).restore.to_string()
    };
    assert!(rules(Version::V1_30).contains("-s 0.0.0.0/0 -j KUBE-EXT-"));
    assert!(!rules(Version::Modern).contains("KUBE-FW-"));
}

#[test]
fn newer_releases_count_what_they_drop() {
    let spec = "type: NodePort, ports: [{port: 80, nodePort: 30080}]";
    let cluster = web(spec, "", "10.244.1.7").replace("ports: [{port: 80}], ", "");
    let settings = Settings { version: Version::Modern, ..node_a() };
    let rules = full_sync(&objects(&cluster), &settings).restore.to_string();
    let lines: Vec<String> =
        rules.lines().filter(|it| it.contains("nfacct")).map(without_hash).collect();
    expect![[r#"
        -A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP
        -A KUBE-NODEPORTS -m comment --comment shop/web -m tcp -p tcp -d 127.0.0.0/8 --dport 30080 -m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn settings_are_read_by_kube_proxys_names() {
    let settings: Settings = serde_json::from_str(
        r#"{"node": "a", "family": 6, "clusterCIDR": "fd00::/8", "detectLocalMode": "", "sort": true,
            "masqueradeBit": 3, "conntrackTCPBeLiberal": true, "localhostNodePorts": false}"#,
    )
    .expect("options are read");
    assert_eq!((settings.family, settings.masquerade_mark()), (Family::V6, 8));
    assert_eq!(settings.detect_local_mode, DetectLocal::Nothing);
    assert!(settings.conntrack_tcp_be_liberal && !settings.localhost_node_ports);
    for wrong in [r#"{"family": 5}"#, r#"{"masqueradeBit": 32}"#, r#"{"detectLocalMode": "X"}"#] {
        assert!(serde_json::from_str::<Settings>(wrong).is_err(), "{wrong}");
    }
    let again: Settings = serde_json::from_str(&serde_json::to_string(&settings).expect("JSON"))
        .expect("what is written can be read");
    assert_eq!(again, settings);
}

/// kube-proxy lists with `!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless`.
#[test]
fn what_is_labelled_for_another_proxy_is_not_even_listed() {
    let cluster = web("", "", "10.244.1.7");
    for label in ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"] {
        let service = cluster.replace("annotations: {}", &format!("labels: {{{label}: ''}}"));
        check_with(&service, &node_a(), "", expect![""]);
        let own = "labels: {kubernetes.io/service-name: web";
        let slice = cluster.replace(own, &format!("{own}, {label}: ''"));
        check_with(
            &slice,
            &node_a(),
            "",
            expect![[
                r#"-A KUBE-SERVICES -m comment --comment "shop/web has no endpoints" -m tcp -p tcp -d 10.96.0.5 --dport 80 -j REJECT"#
            ]],
        );
    }
}
