use std::net::IpAddr;

use proptest::prelude::*;

use super::corefile::{self, Config};
use super::kubernetes::Cluster;
use super::text::WorldText;
use super::*;
use crate::object::Objects;
use crate::read::read;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

const CLUSTER: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: default}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: default},
 spec: {clusterIP: 10.96.12.34, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: idle, namespace: default},
 spec: {clusterIP: 10.96.12.35, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: ext, namespace: default},
 spec: {type: ExternalName, externalName: www.example.org}}
---
{apiVersion: v1, kind: Service, metadata: {name: web-hl, namespace: default},
 spec: {clusterIP: None, ports: [{name: http, port: 80}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4,
 metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}},
 ports: [{name: http, port: 8080}], endpoints: [{addresses: [10.244.1.5]}]}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4,
 metadata: {name: hl-1, namespace: default, labels: {kubernetes.io/service-name: web-hl}},
 ports: [{name: http, port: 8080}], endpoints: [ENDPOINTS]}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default},
 spec: {containers: [{name: a, image: nginx}]}, status: {phase: Running, podIP: 10.244.1.5}}
";

const WORLD: &str = "\
zones:
  .:
    soa: {ttl: 86400, data: a.root. b.root. 1 1800 900 604800 86400}
  example.org.:
    soa: {ttl: 3600, data: ns.example.org. host.example.org. 41 7200 3600 1209600 600}
    records: [www.example.org. 120 A 203.0.113.80]
silent: [mute.example.org.]
";

/// kubeadm's server with `more` among the plugins and `inside` among kubernetes' properties.
fn config(more: &str, inside: &str) -> Config {
    let text = format!(
        ".:53 {{\nkubernetes cluster.local in-addr.arpa ip6.arpa {{\npods insecure\nttl 30\n\
         fallthrough in-addr.arpa ip6.arpa\n{inside}\n}}\nforward . /etc/resolv.conf\n{more}\n}}\n"
    );
    corefile::parse(&text).unwrap()
}

fn objects(endpoints: usize) -> Objects {
    let endpoints: Vec<String> =
        (1..=endpoints).map(|it| format!("{{addresses: [10.244.2.{it}]}}")).collect();
    let read = read(&CLUSTER.replace("ENDPOINTS", &endpoints.join(", ")));
    assert_eq!(read.diagnostics, []);
    read.documents.iter().map(|it| it.decode().0.expect("the object is good")).collect()
}

struct Bench {
    server: Server,
    objects: Objects,
    world: World,
    synced: bool,
    rng: Rng,
    now: Instant,
    waited: Duration,
}

impl Bench {
    fn new(config: Config) -> Bench {
        let world = WorldText::read(WORLD).and_then(|it| it.world()).unwrap();
        let (objects, now) = (objects(2), Instant::START);
        let rng = Rng::new(1);
        let server = Server::new(config);
        Bench { server, objects, world, synced: true, rng, now, waited: Duration::ZERO }
    }

    fn ask(&mut self, query: &Query) -> Reply {
        let own: [IpAddr; 1] = ["10.244.0.2".parse().unwrap()];
        let cluster = Cluster { objects: &self.objects, synced: self.synced, serial: 7, own: &own };
        let luck = Luck::Drawn(&mut self.rng);
        let (upstream, now) = (&mut self.world, self.now);
        let mut around = Around { cluster, upstream, luck, now, waited: Duration::ZERO };
        let reply = self.server.answer(query, 53, &mut around);
        self.waited = around.waited;
        reply
    }

    fn question(&mut self, question: &str) -> Reply {
        let (name, kind) = question.split_once(' ').unwrap();
        self.ask(&Query::new(Name::parse(name).unwrap(), Type::parse(kind).unwrap()))
    }
}

/// `rcode flags; answer; authority; additional`, without the empty ones.
fn told(reply: &Reply) -> String {
    let mut parts = vec![format!("{} {}", reply.rcode.name(), reply.flags)];
    for section in reply.sections().into_iter().filter(|it| !it.is_empty()) {
        let records: Vec<String> = section.iter().map(Record::to_string).collect();
        parts.push(records.join(", "));
    }
    parts.join("; ")
}

#[track_caller]
fn check(more: &str, inside: &str, cases: &[(&str, &str)]) {
    for (question, expected) in cases {
        assert_eq!(
            told(&Bench::new(config(more, inside)).question(question)),
            *expected,
            "{question}"
        );
    }
}

const SOA: &str = "cluster.local. 30 IN SOA \
    ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30";

#[test]
fn an_empty_service_may_be_left_out() {
    let found = "NOERROR qr aa rd; idle.default.svc.cluster.local. 30 IN A 10.96.12.35";
    check("", "", &[("idle.default.svc.cluster.local A", found)]);
    let missing = format!("NXDOMAIN qr aa rd; {SOA}");
    check(
        "",
        "ignore empty_service",
        &[
            ("idle.default.svc.cluster.local A", missing.as_str()),
            (
                "web.default.svc.cluster.local A",
                "NOERROR qr aa rd; web.default.svc.cluster.local. 30 IN A 10.96.12.34",
            ),
        ],
    );
}

#[test]
fn namespaces_that_are_not_listed_do_not_exist() {
    let missing = format!("NXDOMAIN qr aa rd; {SOA}");
    let root = ". 86400 IN SOA a.root. b.root. 1 1800 900 604800 86400";
    let forwarded = format!("NXDOMAIN qr rd ra; {root}");
    check(
        "",
        "namespaces shop",
        &[
            ("web.default.svc.cluster.local A", missing.as_str()),
            ("34.12.96.10.in-addr.arpa PTR", forwarded.as_str()),
            ("5.1.244.10.in-addr.arpa PTR", forwarded.as_str()),
        ],
    );
}

#[test]
fn pod_names_are_checked_as_the_mode_says() {
    let missing = format!("NXDOMAIN qr aa rd; {SOA}");
    check(
        "",
        "pods disabled",
        &[
            ("10-244-1-5.default.pod.cluster.local A", missing.as_str()),
            ("default.pod.cluster.local A", missing.as_str()),
        ],
    );
    check(
        "",
        "pods verified",
        &[
            (
                "10-244-1-5.default.pod.cluster.local A",
                "NOERROR qr aa rd; 10-244-1-5.default.pod.cluster.local. 30 IN A 10.244.1.5",
            ),
            ("10-244-1-5.shop.pod.cluster.local A", missing.as_str()),
        ],
    );
    check(
        "",
        "",
        &[(
            "--ffff-a00-1.default.pod.cluster.local A",
            "NOERROR qr aa rd; --ffff-a00-1.default.pod.cluster.local. 30 IN A 10.0.0.1",
        )],
    );
}

#[test]
fn before_the_api_server_has_told_all_names_fail_and_the_schema_answers() {
    let mut bench = Bench::new(config("cache 30", ""));
    bench.synced = false;
    let soa = SOA.replace(" 30 IN", " 5 IN");
    for name in ["web.default.svc.cluster.local A", "default.svc.cluster.local A"] {
        assert_eq!(told(&bench.question(name)), format!("SERVFAIL qr aa rd; {soa}"), "{name}");
    }
    assert_eq!(told(&bench.question("svc.cluster.local A")), format!("NOERROR qr aa rd; {SOA}"));
    let itself = "NOERROR qr aa rd; ns.dns.cluster.local. 30 IN A 10.244.0.2";
    assert_eq!(told(&bench.question("ns.dns.cluster.local A")), itself);
}

#[test]
fn a_server_that_is_bound_to_addresses_has_no_name() {
    let nodata = format!("NOERROR qr aa rd; {SOA}");
    check(
        "bind 10.244.0.2",
        "",
        &[("ns.dns.cluster.local A", nodata.as_str()), ("cluster.local NS", nodata.as_str())],
    );
}

#[test]
fn a_silent_upstream_takes_four_seconds_and_its_cname_stays() {
    let mut bench = Bench::new(config("", ""));
    assert_eq!(told(&bench.question("mute.example.org A")), "SERVFAIL qr rd");
    assert_eq!(bench.waited, Duration::from_secs(4));
}

#[test]
fn what_is_stored_goes_with_its_time() {
    let mut bench = Bench::new(config("cache 30", ""));
    let at = |seconds| Instant::START + Duration::from_secs(seconds);
    let found = |ttl: u32, flags: &str| {
        format!("NOERROR {flags}; www.example.org. {ttl} IN A 203.0.113.80")
    };
    assert_eq!(told(&bench.question("www.example.org A")), found(30, "qr rd ra"));
    bench.now = at(29);
    assert_eq!(told(&bench.question("www.example.org A")), found(1, "qr aa rd ra"));
    bench.now = at(30);
    assert_eq!(told(&bench.question("www.example.org A")), found(30, "qr rd ra"));
}

#[test]
fn names_can_be_written_into_the_corefile() {
    let hosts = "hosts {\n192.0.2.7 db.example.org Db2.example.org\nfallthrough\n}";
    check(
        hosts,
        "",
        &[
            ("DB.example.org A", "NOERROR qr aa rd; DB.example.org. 3600 IN A 192.0.2.7"),
            ("db.example.org AAAA", "NOERROR qr aa rd"),
            (
                "7.2.0.192.in-addr.arpa PTR",
                "NOERROR qr aa rd; 7.2.0.192.in-addr.arpa. 3600 IN PTR db.example.org., \
             7.2.0.192.in-addr.arpa. 3600 IN PTR db2.example.org.",
            ),
            ("www.example.org A", "NOERROR qr rd ra; www.example.org. 120 IN A 203.0.113.80"),
        ],
    );
    check("hosts {\n192.0.2.7 db.example.org\n}", "", &[("www.example.org A", "SERVFAIL qr rd")]);
}

#[test]
fn questions_can_be_rewritten() {
    let web = "web.default.svc.cluster.local";
    let exact = format!("rewrite name shop.example.com {web}");
    let expected = format!("NOERROR qr aa rd; {web}. 30 IN A 10.96.12.34");
    check(&exact, "", &[("shop.example.com A", expected.as_str())]);
    let back = format!("{exact} answer auto");
    let expected = "NOERROR qr aa rd; shop.example.com. 30 IN A 10.96.12.34";
    check(&back, "", &[("shop.example.com A", expected)]);
    let suffix = "rewrite name suffix .k8s .svc.cluster.local answer auto";
    let expected = "NOERROR qr aa rd; web.default.k8s. 30 IN A 10.96.12.34";
    check(suffix, "", &[("web.default.k8s A", expected)]);
}

/// As many addresses of 32 letters as fit, by the client's size (dns.md §5).
#[test]
fn a_reply_is_compressed_before_it_is_cut() {
    let mut bench = Bench::new(config("", ""));
    let name = Name::parse("web-hl.default.svc.cluster.local").unwrap();
    let mut fits = |edns: Option<u16>, count: usize| {
        bench.objects = objects(count);
        let edns = edns.map(|size| Edns { size, cookie: true });
        let reply = bench.ask(&Query { edns, ..Query::new(name.clone(), Type::A) });
        (reply.compressed, reply.flags.truncated)
    };
    for (size, plain, compressed) in [(None, 9, 28), (Some(1232), 24, 72)] {
        assert_eq!(fits(size, plain), (false, false));
        assert_eq!(fits(size, plain + 1), (true, false));
        assert_eq!(fits(size, compressed), (true, false));
        assert_eq!(fits(size, compressed + 1), (true, true));
    }
}

#[test]
fn shuffles_come_from_the_seed_and_favour_nobody() {
    let firsts = |seed| {
        let mut bench = Bench::new(config("cache 30\nloadbalance", ""));
        (bench.objects, bench.rng) = (objects(4), Rng::new(seed));
        let ask = |_| {
            let reply = bench.question("web-hl.default.svc.cluster.local A");
            reply.addresses().next().unwrap()
        };
        (0..400).map(ask).collect::<Vec<IpAddr>>()
    };
    assert_eq!(firsts(5), firsts(5));
    assert_ne!(firsts(5), firsts(6));
    for last in 1..=4 {
        let ip: IpAddr = format!("10.244.2.{last}").parse().unwrap();
        let count = firsts(5).into_iter().filter(|it| *it == ip).count();
        assert!((70..130).contains(&count), "{ip}: {count}");
    }
}

/// Words that names and Corefiles are made of, and others.
fn words() -> impl Strategy<Value = String> {
    let known = [
        "cluster",
        "local",
        "svc",
        "pod",
        "default",
        "web",
        "web-hl",
        "ext",
        "ns",
        "dns",
        "_http",
        "_tcp",
        "in-addr",
        "arpa",
        "ip6",
        "10",
        "10-244-1-5",
        "--",
        "dns-version",
        "www",
        "org",
        "example",
        "{",
        "}",
        "\n",
        "kubernetes",
        "cache",
        "forward",
        "hosts",
        "rewrite",
        "name",
        "suffix",
        "ttl",
        "import",
        "(x)",
        "x",
        "\"",
        "#",
        "fallthrough",
        "disable",
        "success",
        ".:53",
        ".",
        "30",
        "reload",
        "log",
        "errors",
        "loadbalance",
        "10.96.0.0/12",
        "::/0",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,9}"]
}

proptest! {
    #[test]
    fn no_name_stops_the_server(labels in prop::collection::vec(words(), 0..9), kind: u16, edns: Option<u16>) {
        let Some(name) = Name::parse(&labels.join(".")) else { return Ok(()) };
        let mut bench = Bench::new(config("cache 30\nloadbalance", ""));
        let edns = edns.map(|size| Edns { size, cookie: false });
        let kinds = [Type(kind), Type::A, Type::SRV, Type::PTR, Type::TXT, Type::NS];
        for kind in kinds {
            let reply = bench.ask(&Query { edns, ..Query::new(name.clone(), kind) });
            let limit = edns.map_or(512, |it| usize::from(it.size).max(512));
            prop_assert!(reply.bytes() <= limit);
        }
    }

    #[test]
    fn no_corefile_stops_the_reader(parts in prop::collection::vec(words(), 0..40)) {
        let _ = corefile::parse(&parts.join(" "));
        let text = format!(".:53 {{\n{}\n}}", parts.join(" "));
        if let Ok(config) = corefile::parse(&text) {
            Bench::new(config).question("web.default.svc.cluster.local A");
        }
    }

    #[test]
    fn an_address_is_found_by_its_reverse_name(number: u128, ipv4: bool) {
        let ip: IpAddr = match ipv4 {
            true => std::net::Ipv4Addr::from(number as u32).into(),
            false => std::net::Ipv6Addr::from(number).into(),
        };
        prop_assert_eq!(address_of(&reverse_name(ip)), Some(ip));
        prop_assert!(Name::parse(reverse_name(ip).as_str()).is_some());
    }
}
