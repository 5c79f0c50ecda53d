use std::net::IpAddr;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::sort::Own;
use super::*;
use crate::dns::corefile;
use crate::dns::kubernetes::Cluster;
use crate::dns::text::WorldText;
use crate::dns::{Around, Luck, Query, Server, World};
use crate::object::{Object, Objects, Pod};
use crate::read::read;
use crate::time::{Duration, Instant};

/// The part of dns.md's sample cluster that clients are told of in its §7.
const CLUSTER: &str = include_str!("tests/sample.yaml");

const POD_CONF: &str = "search default.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
";

fn objects(text: &str) -> Objects {
    let read = read(text);
    assert_eq!(read.diagnostics, []);
    read.documents.iter().map(|it| it.decode().0.expect("the object is good")).collect()
}

/// A server that answers, or what comes instead.
struct Direct {
    server: Server,
    objects: Objects,
    world: World,
    instead: Option<Heard>,
    waited: u64,
}

impl Direct {
    fn new() -> Direct {
        let corefile = ".:53 {\nkubernetes cluster.local in-addr.arpa ip6.arpa {\npods insecure\n\
            ttl 30\nfallthrough in-addr.arpa ip6.arpa\n}\nforward . /etc/resolv.conf\ncache 30\n}";
        let world = "zones:\n  .:\n    soa: {ttl: 9, data: a. b. 1 2 3 4 5}\n  example.com.:\n    \
            soa: {ttl: 9, data: a. b. 1 2 3 4 5}\n    records: [example.com. 300 A 203.0.113.90]\n\
            servfail: [sick.example.com.]\n";
        Direct {
            server: Server::new(corefile::parse(corefile).unwrap()),
            objects: objects(CLUSTER),
            world: WorldText::read(world).and_then(|it| it.world()).unwrap(),
            instead: None,
            waited: 0,
        }
    }
}

impl Asker for Direct {
    fn ask(&mut self, questions: &[Query], wait: Duration) -> Vec<Heard> {
        if let Some(heard) = &self.instead {
            self.waited += if *heard == Heard::Silence { wait.as_micros() } else { 0 };
            return vec![heard.clone(); questions.len()];
        }
        let own = ["10.244.0.2".parse().unwrap()];
        let cluster = Cluster { objects: &self.objects, synced: true, serial: 1, own: &own };
        let mut heard = Vec::new();
        for query in questions {
            let (upstream, luck) = (&mut self.world, Luck::Fixed(0));
            let (now, waited) = (Instant::START, Duration::ZERO);
            let mut around = Around { cluster, upstream, luck, now, waited };
            heard.push(Heard::Reply(self.server.answer(query, 53, &mut around)));
        }
        heard
    }
}

fn shown(lookup: &Lookup) -> String {
    let mut res = String::new();
    for (query, heard) in &lookup.asked {
        let came = match heard {
            Heard::Reply(reply) if reply.rcode.name() == "NOERROR" => {
                if reply.addresses().next().is_some() { "ok" } else { "nodata" }
            }
            Heard::Reply(reply) => reply.rcode.name(),
            Heard::Silence => "silence",
            Heard::Refused => "refused",
            Heard::Unreachable => "unreachable",
        };
        res.push_str(&format!("{} {} {came}\n", query.name, query.kind));
    }
    match &lookup.result {
        Ok(ips) => res.push_str(&format!("{ips:?}\n")),
        Err(failure) => res.push_str(&format!("{} ({})\n", failure.glibc(), failure.code())),
    }
    res
}

const GLIBC: Resolver = Resolver::Glibc { any_ipv6: true };
const BUSYBOX: Resolver = Resolver::BusyBox { server: false };

#[track_caller]
fn check(resolver: Resolver, name: &str, expected: Expect) {
    let lookup = look_up(resolver, &ResolvConf::parse(POD_CONF), name, &mut Direct::new());
    expected.assert_eq(&shown(&lookup));
}

/// dns.md §7: how many questions each client asks for a name, and whether it gets an address.
#[test]
fn clients_ask_as_many_questions_as_were_recorded() {
    let rows: [(&str, [(usize, bool); 4]); 14] = [
        // name, then glibc, musl, BIND, BusyBox
        ("web", [(2, true), (2, true), (2, true), (6, true)]),
        ("web.default", [(4, true), (4, true), (3, true), (2, false)]),
        ("cart.shop", [(4, true), (4, true), (3, true), (2, false)]),
        ("kubernetes.default.svc", [(6, true), (6, true), (4, true), (2, false)]),
        ("web.default.svc.cluster.local", [(8, true), (8, true), (5, true), (2, true)]),
        ("web.default.svc.cluster.local.", [(2, true), (2, true), (2, true), (2, true)]),
        ("example.com", [(8, true), (8, true), (5, true), (2, true)]),
        ("nosuch", [(8, false), (8, false), (4, false), (6, false)]),
        ("cart", [(8, false), (8, false), (4, false), (6, false)]),
        ("shop", [(8, false), (4, false), (3, false), (6, false)]),
        ("alias-bad", [(8, false), (2, false), (2, false), (6, false)]),
        ("ghost", [(8, false), (8, false), (4, false), (6, false)]),
        ("a.b.c.d.e.f", [(8, false), (2, false), (4, false), (2, false)]),
        ("10.96.0.1", [(0, true), (0, true), (0, true), (0, true)]),
    ];
    let conf = ResolvConf::parse(POD_CONF);
    for (name, expected) in rows {
        let clients = [GLIBC, Resolver::Musl, Resolver::Bind, BUSYBOX];
        let found = clients.map(|client| {
            let lookup = look_up(client, &conf, name, &mut Direct::new());
            (lookup.asked.len(), lookup.result.is_ok())
        });
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn glibc_goes_through_the_list_and_tries_the_name_as_it_stands_at_last() {
    check(
        GLIBC,
        "shop",
        expect![[r#"
            shop.default.svc.cluster.local. A NXDOMAIN
            shop.default.svc.cluster.local. AAAA NXDOMAIN
            shop.svc.cluster.local. A nodata
            shop.svc.cluster.local. AAAA nodata
            shop.cluster.local. A NXDOMAIN
            shop.cluster.local. AAAA NXDOMAIN
            shop. A NXDOMAIN
            shop. AAAA NXDOMAIN
            No address associated with hostname (-5)
        "#]],
    );
    check(
        Resolver::GetentHosts,
        "web",
        expect![[r#"
            web.default.svc.cluster.local. AAAA nodata
            web.svc.cluster.local. AAAA NXDOMAIN
            web.cluster.local. AAAA NXDOMAIN
            web. AAAA NXDOMAIN
            web.default.svc.cluster.local. A ok
            [10.96.12.34]
        "#]],
    );
}

#[test]
fn busybox_asks_everything_at_once() {
    check(
        BUSYBOX,
        "web",
        expect![[r#"
            web.default.svc.cluster.local. A ok
            web.svc.cluster.local. A NXDOMAIN
            web.cluster.local. A NXDOMAIN
            web.default.svc.cluster.local. AAAA nodata
            web.svc.cluster.local. AAAA NXDOMAIN
            web.cluster.local. AAAA NXDOMAIN
            [10.96.12.34]
        "#]],
    );
    check(
        Resolver::BusyBox { server: true },
        "web",
        expect![[r#"
            web. A NXDOMAIN
            web. AAAA NXDOMAIN
            Name or service not known (-2)
        "#]],
    );
}

/// dns.md §7, “Time-outs” and SERVFAIL.
#[test]
fn what_fails_takes_its_time() {
    let spent = |resolver: Resolver, name: &str, instead: Option<Heard>| {
        let mut asker = Direct { instead, ..Direct::new() };
        let lookup = look_up(resolver, &ResolvConf::parse(POD_CONF), name, &mut asker);
        (lookup.asked.len(), asker.waited / 1_000_000, lookup.result.unwrap_err())
    };
    let silent = |resolver| spent(resolver, "web", Some(Heard::Silence));
    assert_eq!(silent(GLIBC), (8, 20, Failure::Again));
    assert_eq!(silent(Resolver::Musl), (4, 5, Failure::Again));
    assert_eq!(silent(BUSYBOX), (6, 5, Failure::Again));
    assert_eq!(silent(Resolver::Bind), (3, 15, Failure::Again));
    let refused = |resolver| spent(resolver, "web", Some(Heard::Refused));
    assert_eq!(refused(GLIBC), (2, 0, Failure::Again));
    assert_eq!(refused(Resolver::Musl), (2, 0, Failure::Again));
    let sick = |resolver| spent(resolver, "sick.example.com.", None);
    assert_eq!(sick(GLIBC), (4, 0, Failure::Again));
    assert_eq!(sick(Resolver::Musl), (6, 0, Failure::Again));
    assert_eq!(sick(Resolver::Bind), (1, 0, Failure::Again));
}

fn pod(spec: &str) -> Pod {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: db-0, namespace: default, uid: u}}, \
         spec: {{containers: [{{name: a, image: b}}], {spec}}}, \
         status: {{podIP: 10.244.1.20, podIPs: [{{ip: 10.244.1.20}}]}}}}"
    );
    let objects = objects(&text);
    let pod = objects.values().find_map(Object::as_pod).cloned();
    pod.expect("a pod was read")
}

#[track_caller]
fn check_conf(spec: &str, expected: &Expect) {
    let cluster = ClusterDns {
        domain: "cluster.local".to_owned(),
        servers: vec!["10.96.0.10".parse().unwrap()],
    };
    let node = ResolvConf::parse("nameserver 192.168.56.1\nsearch lan cluster.local\n# c\n");
    let (conf, warnings) = ResolvConf::of_pod(&pod(spec), &cluster, &node);
    let warnings: Vec<String> = warnings.iter().map(|it| format!("{}: {}\n", it.0, it.1)).collect();
    expected.assert_eq(&format!("{conf}{}", warnings.concat()));
}

#[test]
fn a_pod_gets_the_clusters_dns_or_the_nodes() {
    let clustered = expect![[r#"
        search default.svc.cluster.local svc.cluster.local cluster.local lan
        nameserver 10.96.0.10
        options ndots:5
    "#]];
    let host = expect![[r#"
        search lan cluster.local
        nameserver 192.168.56.1
    "#]];
    check_conf("dnsPolicy: ClusterFirst", &clustered);
    check_conf("dnsPolicy: ClusterFirstWithHostNet, hostNetwork: true", &clustered);
    check_conf("dnsPolicy: ClusterFirst, hostNetwork: true", &host);
    check_conf("dnsPolicy: Default", &host);
}

#[test]
fn dns_config_is_added_and_its_options_win() {
    check_conf(
        "dnsPolicy: ClusterFirst, dnsConfig: {nameservers: [192.0.2.1], searches: [my.test, lan], \
         options: [{name: ndots, value: '2'}, {name: edns0}]}",
        &expect![[r#"
            search default.svc.cluster.local svc.cluster.local cluster.local lan my.test
            nameserver 10.96.0.10
            nameserver 192.0.2.1
            options ndots:2 edns0
        "#]],
    );
    check_conf(
        "dnsPolicy: None, dnsConfig: {nameservers: [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4]}",
        &expect![[r#"
            nameserver 192.0.2.1
            nameserver 192.0.2.2
            nameserver 192.0.2.3
            DNSConfigForming: Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 192.0.2.1 192.0.2.2 192.0.2.3
        "#]],
    );
}

#[test]
fn ndots_decides_what_is_tried_first() {
    let conf = ResolvConf::parse("search a.test\noptions ndots:2\n");
    let tried = |resolver, name| {
        let names = search::candidates(resolver, &conf, name);
        names.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tried(GLIBC, "x.y"), ["x.y.a.test.", "x.y."]);
    assert_eq!(tried(GLIBC, "x.y.z"), ["x.y.z.", "x.y.z.a.test."]);
    assert_eq!(tried(Resolver::Musl, "x.y.z"), ["x.y.z."]);
    assert_eq!(tried(GLIBC, "x."), ["x."]);
}

#[test]
fn etc_hosts_names_the_pod_and_its_aliases() {
    let text = etc_hosts::of_pod(
        &pod("subdomain: db, hostname: db-0, hostAliases: [{ip: 192.0.2.5, hostnames: [a, b.c]}]"),
        "cluster.local",
    );
    expect![[r#"
        # Kubernetes-managed hosts file.
        127.0.0.1	localhost
        ::1	localhost ip6-localhost ip6-loopback
        fe00::0	ip6-localnet
        fe00::0	ip6-mcastprefix
        fe00::1	ip6-allnodes
        fe00::2	ip6-allrouters
        10.244.1.20	db-0.db.default.svc.cluster.local	db-0

        # Entries added by HostAliases.
        192.0.2.5	a	b.c
    "#]]
    .assert_eq(&text);
    assert_eq!(etc_hosts::find(&text, "B.c"), ["192.0.2.5".parse::<IpAddr>().unwrap()]);
    assert_eq!(etc_hosts::find(&text, "db-0."), ["10.244.1.20".parse::<IpAddr>().unwrap()]);
    assert!(etc_hosts::find(&text, "web").is_empty());
}

/// dns.md §8: an answer's addresses as a client in a pod puts them.
#[track_caller]
fn check_order(own: &str, any_ipv6: bool, answer: [&str; 4], expected: [&str; 4]) {
    let own = Own { ipv4: Some(own.parse().unwrap()), any_ipv6, global_ipv6: false };
    let ips = answer.map(|it| it.parse::<IpAddr>().unwrap());
    let sorted: Vec<String> = sort::glibc(&own, &ips).iter().map(IpAddr::to_string).collect();
    assert_eq!(sorted, expected);
    assert_eq!(sort::musl(&own, &ips), ips);
}

#[test]
fn glibc_takes_the_nearest_address_of_its_own_subnet_first() {
    let answer = ["10.244.1.20", "10.244.2.6", "10.244.1.5", "10.244.1.8"];
    let nearest = ["10.244.1.8", "10.244.1.5", "10.244.1.20", "10.244.2.6"];
    check_order("10.244.1.9/24", true, answer, nearest);
    check_order("10.244.1.9/24", false, answer, answer);
    check_order("10.244.1.9/32", true, answer, answer);
}

#[test]
fn ipv6_comes_first_where_it_can_be_reached() {
    let ips = ["10.244.1.5", "fd00::5"].map(|it| it.parse::<IpAddr>().unwrap());
    let own = |global_ipv6| Own { ipv4: None, any_ipv6: true, global_ipv6 };
    assert_eq!(sort::glibc(&own(true), &ips), [ips[1], ips[0]]);
    assert_eq!(sort::glibc(&own(false), &ips), ips);
}

proptest! {
    #[test]
    fn no_name_and_no_file_stops_a_client(name in "\\PC{0,40}|[a-c.]{0,12}", conf in "(search|options|nameserver| |\\PC|ndots:[0-9]{1,30}|\n){0,20}") {
        let conf = ResolvConf::parse(&conf);
        for resolver in [GLIBC, Resolver::Musl, Resolver::Bind, BUSYBOX, Resolver::GetentHosts] {
            look_up(resolver, &conf, &name, &mut Direct::new());
        }
        etc_hosts::find(&name, &conf.to_string());
    }
}
