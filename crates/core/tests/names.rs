//! Names looked up in a whole cluster: every question a packet, every server a pod.

use std::net::IpAddr;
use std::rc::Rc;

use expect_test::{Expect, expect};
use svclab_core::dns::Rcode;
use svclab_core::dns::client::{Failure, Heard};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::log::Happening;
use svclab_core::lab::{Action, Corefile, Lab, Resolution, Resolving, Source, With};
use svclab_core::object::Object;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

const EXTERNAL: &str = "
{apiVersion: v1, kind: Service, metadata: {name: ext, namespace: shop},
 spec: {type: ExternalName, externalName: www.example.org}}
";

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 3);
    lab.run_until(at(15));
    lab
}

fn pod(name: &str) -> Source {
    Source::Inside(ObjectKey::new(Kind::Pod, "shop", name))
}

#[track_caller]
fn resolve(lab: &mut Lab, from: Source, name: &str, with: With) -> Rc<Resolution> {
    let resolving = Resolving { from, name: name.to_owned(), with, server: None };
    lab.act(Action::Resolve(resolving)).resolution.expect("the process is there")
}

/// The questions and what came of them, the result, and how long it took.
fn told(resolution: &Resolution) -> String {
    let mut res = String::new();
    for (query, heard) in &resolution.lookup.asked {
        let came = match heard {
            Heard::Reply(reply) => format!("{} {}", reply.rcode.name(), reply.flags),
            other => format!("{other:?}"),
        };
        res.push_str(&format!("{} {}: {came}\n", query.name, query.kind));
    }
    let took = (resolution.ended - resolution.at).as_secs();
    match &resolution.lookup.result {
        Ok(_) => res + &format!("{:?} after {took} s\n", resolution.addresses),
        Err(failure) => res + &format!("{} after {took} s\n", failure.glibc()),
    }
}

#[track_caller]
fn check(name: &str, with: With, expected: Expect) {
    let mut lab = lab();
    lab.act(Action::Apply { text: EXTERNAL.to_owned() });
    expected.assert_eq(&told(&resolve(&mut lab, pod("client"), name, with)));
}

fn web_ip(lab: &Lab) -> IpAddr {
    let key = ObjectKey::new(Kind::Service, "shop", "web");
    let service = lab.objects().get(&key).and_then(Object::as_service);
    service.expect("the Service is there").spec.cluster_addresses()[0]
}

#[test]
fn a_service_is_found_by_its_name() {
    let mut lab = lab();
    let web = web_ip(&lab);
    for with in [With::Libc, With::Glibc, With::Musl, With::Getent, With::Bind] {
        let found = resolve(&mut lab, pod("client"), "web", with.clone());
        assert_eq!(found.addresses, [web], "{with:?}");
    }
    let found = resolve(&mut lab, pod("client"), "web.shop", With::Glibc);
    expect![[r#"
        web.shop.shop.svc.cluster.local. A: NXDOMAIN qr aa rd
        web.shop.shop.svc.cluster.local. AAAA: NXDOMAIN qr aa rd
        web.shop.svc.cluster.local. A: NOERROR qr aa rd
        web.shop.svc.cluster.local. AAAA: NOERROR qr aa rd
        [WEB] after 0 s
    "#]]
    .assert_eq(&told(&found).replace(&web.to_string(), "WEB"));
}

#[test]
fn each_question_is_a_request_through_the_rules() {
    let mut lab = lab();
    let found = resolve(&mut lab, pod("client"), "web", With::Glibc);
    assert_eq!(found.exchanges.len(), 2, "A and AAAA");
    let exchanges: Vec<_> =
        lab.exchanges().iter().filter(|it| found.exchanges.contains(&it.id)).cloned().collect();
    for exchange in &exchanges {
        let shown = exchange.to_string();
        assert!(shown.starts_with("dig @10.96.0.10 web.shop.svc.cluster.local. "), "{shown}");
    }
    assert!(exchanges[0].to_string().contains("KUBE-SVC-TCOU7JCQXEZGVUNU"), "kube-dns has rules");
    let ports: Vec<u16> = exchanges.iter().map(|it| it.packets[0].sent.source().port()).collect();
    assert_eq!(ports[0], ports[1], "both leave one socket, so both reach one pod");
    assert!(!exchanges[1].to_string().contains("statistic"), "the flow has its pod");
}

#[test]
fn what_servers_answer_is_in_the_log() {
    let mut lab = lab();
    lab.act(Action::Apply { text: EXTERNAL.to_owned() });
    let dig = With::Dig { kind: "A".to_owned(), tcp: false };
    let found = resolve(&mut lab, pod("client"), "ext.shop.svc.cluster.local", dig);
    let lines: Vec<&String> = lab
        .log()
        .iter()
        .filter_map(|it| match &it.what {
            Happening::Queried { line, .. } => Some(line),
            _ => None,
        })
        .collect();
    assert_eq!(lines.len(), 1, "the server outside keeps its log to itself");
    let line = lines[0].split(" - ").nth(1).unwrap_or_default();
    let line = line.split_once(' ').unwrap_or_default().1;
    let line = line.rsplit_once(' ').unwrap_or_default().0;
    assert_eq!(line, "\"A IN ext.shop.svc.cluster.local. udp 67 false 1232\" NOERROR qr,aa,rd 213");
    assert_eq!(found.exchanges.len(), 2, "CoreDNS asked the server outside");
    let asked = lab.exchanges().iter().find(|it| it.id == found.exchanges[1]).cloned();
    let asked = asked.expect("it is kept").to_string();
    assert!(asked.starts_with("dig @203.0.113.53 www.example.org. A from kube-system/coredns-"));
}

#[test]
fn names_outside_are_found_after_the_search_list() {
    check(
        "www.example.org",
        With::Musl,
        expect![[r#"
            www.example.org.shop.svc.cluster.local. A: NXDOMAIN qr aa rd
            www.example.org.shop.svc.cluster.local. AAAA: NXDOMAIN qr aa rd
            www.example.org.svc.cluster.local. A: NXDOMAIN qr aa rd
            www.example.org.svc.cluster.local. AAAA: NXDOMAIN qr aa rd
            www.example.org.cluster.local. A: NXDOMAIN qr aa rd
            www.example.org.cluster.local. AAAA: NXDOMAIN qr aa rd
            www.example.org. A: NOERROR qr rd ra
            www.example.org. AAAA: NOERROR qr rd ra
            [203.0.113.80] after 0 s
        "#]],
    );
    let mut lab = lab();
    let laptop = Source::Outside { outside: "laptop".to_owned() };
    let found = resolve(&mut lab, laptop.clone(), "www.example.org", With::Glibc);
    assert_eq!(found.addresses, ["203.0.113.80".parse::<IpAddr>().unwrap()]);
    let name = "web.shop.svc.cluster.local";
    let lost = resolve(&mut lab, laptop, name, With::Glibc);
    assert_eq!(lost.lookup.result, Err(Failure::NoName), "the world knows nothing of the cluster");
    let node = Source::Inside(ObjectKey::new(Kind::Node, "", "worker-1"));
    let resolving = Resolving {
        from: node,
        name: name.to_owned(),
        with: With::Dig { kind: "A".to_owned(), tcp: true },
        server: Some("10.96.0.10".parse().unwrap()),
    };
    let asked = lab.act(Action::Resolve(resolving)).resolution.expect("the node is there");
    assert_eq!(asked.addresses, [web_ip(&lab)], "its own packets meet the rules as well");
}

/// dns.md §7: what the tools hear when nobody stands behind kube-dns, and when nobody answers.
#[test]
fn names_fail_with_their_servers() {
    let mut lab = lab();
    let coredns: Vec<ObjectKey> = lab
        .pod_views()
        .into_iter()
        .map(|it| it.key)
        .filter(|it| it.namespace == "kube-system")
        .collect();
    assert_eq!(coredns.len(), 2);
    for pod in coredns {
        lab.act(Action::SwitchReadiness { pod, ready: false });
    }
    lab.run_until(at(60));
    let refused = resolve(&mut lab, pod("client"), "web", With::Glibc);
    expect![[r#"
        web.shop.svc.cluster.local. A: Refused
        web.shop.svc.cluster.local. AAAA: Refused
        Temporary failure in name resolution after 0 s
    "#]]
    .assert_eq(&told(&refused));

    let mut lab = self::lab();
    lab.act(Action::SwitchMachine { node: "control-plane".to_owned(), up: false });
    let silent = resolve(&mut lab, pod("client"), "web", With::Glibc);
    assert_eq!((silent.ended - silent.at).as_secs(), 20);
    assert_eq!(silent.lookup.result, Err(Failure::Again));
    let musl = resolve(&mut lab, pod("client"), "web", With::Musl);
    assert_eq!((musl.ended - musl.at).as_secs(), 5);
}

fn corefile(text: &str) -> Action {
    let text = text.replace('\n', "\n    ");
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: coredns, namespace: kube-system}}\n\
         data:\n  Corefile: |\n    {text}\n"
    );
    Action::Apply { text }
}

fn news(lab: &Lab) -> Vec<(u64, Corefile)> {
    let entries = lab.log().iter();
    let told = entries.filter_map(|it| match &it.what {
        Happening::Corefile { what, .. } => Some((it.at.as_millis() / 1000, what.clone())),
        _ => None,
    });
    told.collect()
}

const OTHER: &str = ".:53 {\n    kubernetes cluster.local\n    hosts {\n        192.0.2.7 db.test\n        \
                     fallthrough\n    }\n    forward . /etc/resolv.conf\n    reload\n}";

#[test]
fn an_edited_corefile_takes_its_time_and_then_counts() {
    let mut lab = lab();
    let find = |lab: &mut Lab| resolve(lab, pod("client"), "db.test.", With::Glibc);
    lab.act(corefile(OTHER));
    assert_eq!(find(&mut lab).lookup.result, Err(Failure::NoName), "not yet");
    lab.run_until(at(15 + 60 + 45 + 1));
    let news = news(&lab);
    assert_eq!(news.len(), 2, "{news:?}");
    assert!(news.iter().all(|(at, what)| *at > 30 && *what == Corefile::Reloaded), "{news:?}");
    assert_eq!(find(&mut lab).addresses, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
}

#[test]
fn a_bad_corefile_is_refused_by_who_runs_and_ends_who_starts() {
    let mut lab = lab();
    lab.act(corefile(&OTHER.replace("reload", "proxy . 8.8.8.8")));
    lab.run_until(at(200));
    let error = "/etc/coredns/Corefile:8 - Error during parsing: Unknown directive 'proxy'";
    assert!(news(&lab).iter().all(|(_, what)| *what == Corefile::Kept(error.to_owned())));
    let web = web_ip(&lab);
    assert_eq!(resolve(&mut lab, pod("client"), "web", With::Glibc).addresses, [web]);
    let pods: Vec<ObjectKey> = lab.pod_views().into_iter().map(|it| it.key).collect();
    for pod in pods.into_iter().filter(|it| it.namespace == "kube-system") {
        lab.act(Action::Crash { pod, container: "coredns".to_owned(), code: 0 });
    }
    lab.run_until(at(300));
    let last = news(&lab).pop().map(|it| it.1);
    assert_eq!(last, Some(Corefile::Exits(error.to_owned())));
    let views = lab.pod_views();
    let coredns: Vec<_> = views.iter().filter(|it| it.key.namespace == "kube-system").collect();
    assert!(coredns.iter().all(|it| it.trouble.as_deref() == Some("CrashLoopBackOff")));
    let lost = resolve(&mut lab, pod("client"), "web", With::Glibc);
    assert_eq!(lost.lookup.result, Err(Failure::Again));
}

/// A name that needs more than one UDP message is asked for again over TCP.
#[test]
fn a_long_answer_comes_over_tcp() {
    let mut lab = lab();
    let endpoints: Vec<String> =
        (1..60).map(|it| format!("{{addresses: [192.0.2.{it}]}}")).collect();
    let text = format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: many, namespace: shop}}, \
          spec: {{clusterIP: None, ports: [{{port: 80}}]}}}}\n---\n\
         {{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, \
          metadata: {{name: many-1, namespace: shop, labels: {{kubernetes.io/service-name: many}}}}, \
          ports: [{{port: 80}}], endpoints: [{}]}}\n",
        endpoints.join(", ")
    );
    lab.act(Action::Apply { text });
    let found = resolve(&mut lab, pod("client"), "many", With::Glibc);
    assert_eq!(found.addresses.len(), 59, "{}", told(&found));
    let flags: Vec<String> = found
        .lookup
        .asked
        .iter()
        .filter_map(|it| match &it.1 {
            Heard::Reply(reply) if reply.rcode == Rcode::NoError => Some(reply.flags.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(flags, ["qr aa tc rd", "qr aa rd", "qr aa rd"]);
}

#[test]
fn lookups_are_the_same_for_the_same_seed_and_change_nothing_that_is_drawn() {
    let mut lab = lab();
    let mut again = lab.clone();
    let one = resolve(&mut lab, pod("client"), "web", With::Glibc);
    assert_eq!(one, resolve(&mut again, pod("client"), "web", With::Glibc));
    assert_eq!(lab, again);
}

#[test]
fn a_pod_has_its_files() {
    let lab = lab();
    expect![[r#"
        search shop.svc.cluster.local svc.cluster.local cluster.local
        nameserver 10.96.0.10
        options ndots:5
    "#]]
    .assert_eq(&lab.resolv_conf(&pod("client")).to_string());
    let hosts = lab.etc_hosts(&pod("client"));
    assert!(hosts.ends_with("\n10.244.1.2\tclient\n"), "{hosts}");
}

/// Whatever is typed, nothing panics.
#[test]
fn strange_names_find_nothing() {
    let mut lab = lab();
    let long = "x".repeat(300);
    for name in ["", ".", "..", "a..b", "-", "\\", "\\.", "한국", "web..", " ", long.as_str()] {
        for with in [With::Libc, With::Glibc, With::Busybox, With::Bind, With::Getent] {
            let found = resolve(&mut lab, pod("client"), name, with);
            assert!(found.lookup.result.is_err(), "{name:?}");
        }
        let with = With::Dig { kind: "B\u{0}".to_owned(), tcp: false };
        let resolving =
            Resolving { from: pod("client"), name: name.to_owned(), with, server: None };
        assert_eq!(lab.act(Action::Resolve(resolving)).resolution, None);
    }
    let nobody =
        Resolving { from: pod("nobody"), name: "web".to_owned(), with: With::Libc, server: None };
    assert_eq!(lab.act(Action::Resolve(nobody)).resolution, None);
}
