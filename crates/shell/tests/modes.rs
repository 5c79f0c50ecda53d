//! Clusters whose kube-proxies do not work with iptables: what clients and a node's tools see there
//! (§15 and §16 of the facts on kube-proxy, group N of the table of packet cases).

#[path = "common/run.rs"]
mod run;

use svclab_core::lab::{Action, Lab};
use svclab_core::net::balancer::Balancer;
use svclab_core::proxy::Mode;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Event};
use svclab_netfilter::{Family, Protocol};

/// Two endpoints on worker-1 and one on worker-2; a client on each.
const CLUSTER: &str = "
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: NodePort, clusterIP: 10.96.0.80, selector: { app: web }, ports: [ { name: http, port: 80, targetPort: 8080, nodePort: 30080 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: sticky }
spec: { clusterIP: 10.96.0.81, sessionAffinity: ClientIP, selector: { app: web }, ports: [ { port: 80, targetPort: 8080 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: none }
spec: { type: NodePort, clusterIP: 10.96.0.82, selector: { app: nobody }, ports: [ { port: 80, nodePort: 30082 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: local }
spec: { type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.0.83, selector: { app: web }, ports: [ { port: 80, targetPort: 8080, nodePort: 30083 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: one }
spec: { clusterIP: 10.96.0.84, selector: { only: one }, ports: [ { port: 80, targetPort: 8080 } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: a, labels: { app: web, only: one } }
spec: { nodeName: worker-1, containers: [ { name: c, image: kubetm/app:1.0, ports: [ { containerPort: 8080 } ] } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: b, labels: { app: web } }
spec: { nodeName: worker-1, containers: [ { name: c, image: kubetm/app:1.0, ports: [ { containerPort: 8080 } ] } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: c, labels: { app: web } }
spec: { nodeName: worker-2, containers: [ { name: c, image: kubetm/app:1.0, ports: [ { containerPort: 8080 } ] } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec: { nodeName: worker-1, containers: [ { name: c, image: nicolaka/netshoot, command: [ sleep, infinity ] } ] }
";

fn lab(mode: Mode) -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    scenario.cluster.kube_proxy.mode = mode;
    let mut lab = Lab::new(&scenario, 1);
    lab.act(Action::Apply { text: CLUSTER.to_owned() });
    lab.run_until(Instant::START + Duration::from_secs(60));
    lab
}

const POD: &str = "pod/default/client";
const NODE: &str = "node/worker-1";
const LAPTOP: &str = "outside/laptop";

/// What a line prints in a cluster of this mode, both streams.
fn typed(mode: Mode, from: &str, line: &str) -> String {
    let (_, found) = run::run(lab(mode), from, line);
    found.out + &found.err
}

#[track_caller]
fn check(mode: Mode, from: &str, line: &str, expected: &str) {
    assert_eq!(typed(mode, from, line), expected, "{mode:?}, {from}: {line}");
}

const BOTH: [Mode; 2] = [Mode::Nftables, Mode::Ipvs];

#[test]
fn a_service_is_reached_from_everywhere() {
    for mode in BOTH {
        for (from, to) in [
            (POD, "one"),
            (POD, "192.168.56.31:30080"),
            (POD, "192.168.56.32:30080"),
            (NODE, "10.96.0.84"),
            (NODE, "10.96.0.80"),
            (NODE, "192.168.56.31:30080"),
            (LAPTOP, "192.168.56.30:30080"),
            (LAPTOP, "192.168.56.31:30080"),
            (LAPTOP, "192.168.56.31:30083"),
        ] {
            let line = format!("curl -s -m 5 -o /dev/null -w '%{{http_code}}' {to}/hostname");
            check(mode, from, &line, "200");
        }
        check(mode, NODE, "curl -sk -m 5 https://10.96.0.1/healthz; echo", "ok\n");
    }
}

/// The source address that the server saw.
#[track_caller]
fn seen(mode: Mode, from: &str, to: &str) -> String {
    let (lab, _) = run::run(lab(mode), from, &format!("curl -s -m 5 {to}/hostname"));
    match lab.exchanges().last().map(|it| &it.result) {
        Some(Answer::Http { seen, .. }) => seen.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn whoever_is_no_pod_comes_as_the_node() {
    for mode in BOTH {
        let client = typed(mode, POD, "hostname -i");
        assert_eq!(seen(mode, POD, "one"), client.trim());
        assert_eq!(seen(mode, NODE, "10.96.0.84"), "10.244.1.1");
        assert_eq!(seen(mode, "node/worker-2", "10.96.0.84"), "192.168.56.32");
        assert_eq!(seen(mode, "pod/default/a", "one"), "10.244.1.1", "hairpin");
        assert_eq!(seen(mode, LAPTOP, "192.168.56.30:30080"), "192.168.56.30");
        assert_eq!(seen(mode, LAPTOP, "192.168.56.32:30083"), "192.168.56.101", "Local keeps it");
    }
}

#[test]
fn nobody_takes_what_no_endpoint_may_answer() {
    let curl = |to: &str| format!("curl -s -m 3 -o /dev/null {to}; echo $?");
    for mode in BOTH {
        for from in [POD, NODE] {
            check(mode, from, &curl("10.96.0.82"), "7\n");
            check(mode, from, &curl("192.168.56.31:30082"), "7\n");
            // N2: a port that the Service does not have.
            check(mode, from, &curl("10.96.0.80:81"), "7\n");
        }
        check(mode, LAPTOP, &curl("192.168.56.31:30082"), "7\n");
        // N4: loopback serves no node ports.
        check(mode, NODE, &curl("127.0.0.1:30080"), "7\n");
    }
    // N3: an address that no Service has.
    check(Mode::Nftables, POD, &curl("10.96.200.200"), "28\n");
    // Under the Local policy a node without an endpoint drops.
    check(Mode::Nftables, LAPTOP, &curl("192.168.56.30:30083"), "28\n");
}

#[test]
fn an_echo_to_a_cluster_ip_is_refused() {
    // N1: what is left for a ClusterIP after NAT is rejected, as IPVS mode's filter does since 1.27.
    let line = "ping -c 1 10.96.0.80 | grep From";
    check(Mode::Nftables, POD, line, "From 10.244.1.1 icmp_seq=1 Destination Port Unreachable\n");
    check(Mode::Ipvs, POD, line, "From 10.96.0.80 icmp_seq=1 Destination Port Unreachable\n");
}

#[test]
fn a_client_keeps_its_endpoint_where_the_service_says_so() {
    for mode in BOTH {
        let line =
            "for i in 1 2 3 4 5 6 7 8; do curl -s sticky/hostname; done | sort | uniq | wc -l";
        check(mode, POD, line, "1\n");
    }
}

#[test]
fn kube_proxy_tells_its_mode() {
    let line = "curl -s localhost:10249/proxyMode; echo";
    check(Mode::Nftables, NODE, line, "nftables\n");
    check(Mode::Ipvs, NODE, line, "ipvs\n");
    check(Mode::Iptables, NODE, line, "iptables\n");
}

#[test]
fn a_walk_tells_each_rule_of_the_table_and_why_it_is_there() {
    let (lab, _) = run::run(lab(Mode::Nftables), POD, "curl -s one/hostname");
    let trace = lab.exchanges().last().and_then(|it| it.packets.first().cloned()).expect("a SYN");
    let balanced = trace.steps.iter().filter_map(|it| match &it.event {
        Event::Balanced(it) => Some(it),
        _ => None,
    });
    let steps: Vec<_> = balanced.flat_map(|it| &it.steps).collect();
    assert!(steps.iter().all(|it| it.origin.is_some()), "{trace}");
    let services = steps.iter().filter_map(|it| it.origin.as_ref()?.service.as_ref());
    assert!(services.clone().all(|it| it.name == "one"), "{trace}");
    let chains: Vec<&str> =
        steps.iter().map(|it| it.chain.split('-').next().unwrap_or("")).collect();
    let shorter = ["services", "service", "endpoint", "masquerading"];
    let met: Vec<&str> = shorter.into_iter().filter(|it| chains.contains(it)).collect();
    assert_eq!(met, shorter, "{trace}");
}

#[test]
fn a_table_follows_the_services() {
    let (mut lab, _) = run::run(lab(Mode::Nftables), LAPTOP, "kubectl delete svc one; sleep 3");
    lab.run_until(lab.now() + Duration::from_secs(1));
    let (_, found) = run::run(lab, POD, "curl -s -m 3 10.96.0.84; echo $?");
    // Now it is an address that no Service has.
    assert_eq!(found.out, "28\n");
}

#[test]
fn ipvs_takes_turns() {
    let said = typed(Mode::Ipvs, POD, "for i in 1 2 3 4 5 6; do curl -s web/hostname; done");
    let names: Vec<&str> = said.lines().collect();
    assert_eq!(names[..3], names[3..], "{said}");
    let mut first = names[..3].to_vec();
    first.sort_unstable();
    assert_eq!(first, ["a", "b", "c"]);
}

#[test]
fn ipvs_walks_by_input_and_output() {
    let (lab, _) = run::run(lab(Mode::Ipvs), POD, "curl -s 10.96.0.80/hostname");
    let exchange = lab.exchanges().last().cloned().expect("a request");
    let places = |index: usize| -> Vec<String> {
        let steps = exchange.packets.get(index).map(|it| it.steps.as_slice()).unwrap_or_default();
        let places = steps.iter().map(|it| it.place.to_string());
        places.filter(|it| it.starts_with("worker-1")).collect()
    };
    let asked = "worker-1 INPUT filter; worker-1 INPUT IPVS; worker-1 route; worker-1 OUTPUT filter; \
                 worker-1 POSTROUTING nat";
    assert!(places(0).join("; ").contains(asked), "{exchange}");
    let answered = "worker-1 FORWARD filter; worker-1 FORWARD IPVS";
    assert!(places(1).join("; ").contains(answered), "{exchange}");
    // Later packets too: the filter sees the address that was asked.
    assert!(places(2).join("; ").contains("worker-1 INPUT filter; worker-1 INPUT IPVS"));
    let last = exchange.packets.first().and_then(|it| it.steps.last()).map(|it| it.packet.ttl);
    assert!(last.is_some_and(|it| it < 64), "IPVS takes a hop off");
}

/// A pod that holds a connection is deleted: nobody new gets there, who is there stays.
#[test]
fn a_server_that_leaves_has_no_weight_as_long_as_it_has_connections() {
    let (mut lab, _) = run::run(lab(Mode::Ipvs), POD, "curl -s one/hostname");
    let weights = |lab: &Lab| -> Vec<(u32, u32)> {
        let kernel = lab.network().kernel("worker-1");
        let Some(Balancer::Ipvs(own)) = kernel.and_then(|it| it.balancer(Family::V4)) else {
            return Vec::new();
        };
        let state = own.counted(lab.now().as_millis());
        let frontend = "10.96.0.84:80".parse().expect("an address");
        let server = state.servers.get(&(Protocol::Tcp, frontend)).expect("a virtual server");
        server.real.values().map(|it| (it.weight, it.active + it.inactive)).collect()
    };
    assert_eq!(weights(&lab), [(1, 1)]);
    (lab, _) = run::run(lab, LAPTOP, "kubectl label pod a only-; sleep 3");
    assert_eq!(weights(&lab), [(0, 1)]);
    // TIME_WAIT lasts two minutes, and kube-proxy looks every minute.
    lab.run_until(lab.now() + Duration::from_secs(200));
    assert_eq!(weights(&lab), []);
}

#[test]
fn ipvsadm_lists_virtual_servers_and_who_is_served() {
    let head = "Prot LocalAddress:Port Scheduler Flags\n  \
                -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
    check(
        Mode::Ipvs,
        NODE,
        "ipvsadm -Ln -t 10.96.0.81:80 | sed 's/10.244.[12].[0-9]*:/POD:/'",
        &format!(
            "{head}TCP  10.96.0.81:80 rr persistent 10800\n{}",
            "  -> POD:8080              Masq    1      0          0         \n".repeat(3)
        ),
    );
    let none = format!("{head}TCP  10.96.0.82:80 rr\n");
    check(Mode::Ipvs, NODE, "ipvsadm -L -n -t 10.96.0.82:80", &none);
    // The node's own connections come from the very address they go to.
    let line = "curl -s 10.96.0.84 > /dev/null; ipvsadm -Lnc | sed 's/:[0-9]\\{5\\} /:PORT /; s/10.244.1.[0-9]*:/POD:/'";
    let connections = "IPVS connection entries\n\
                       pro expire state       source             virtual            destination\n\
                       TCP 02:00  TIME_WAIT   10.96.0.84:PORT   10.96.0.84:80      POD:8080\n";
    check(Mode::Ipvs, NODE, line, connections);
    let line = "curl -s 10.96.0.84 > /dev/null; ipvsadm -Ln | grep -A1 10.96.0.84 | tail -1 | awk '{print $4, $5, $6}'";
    check(Mode::Ipvs, NODE, line, "1 0 1\n");
    let line = "curl -s 10.96.0.84 > /dev/null; ipvsadm -Ln --stats | grep 10.96.0.84 | awk '{print $3, $4 > 2, $5 > 2}'";
    check(Mode::Ipvs, NODE, line, "1 1 1\n");
    for mode in [Mode::Iptables, Mode::Nftables] {
        let why = "Can't initialize ipvs: Protocol not available\n\
                   Are you sure that IP Virtual Server is built in the kernel or as module?\n";
        check(mode, NODE, "ipvsadm -Ln", why);
    }
}

#[test]
fn service_addresses_stand_on_a_device_that_is_down() {
    let expected =
        "4: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default \n";
    check(Mode::Ipvs, NODE, "ip addr show kube-ipvs0 | head -1", expected);
    let addresses = "    inet 10.96.0.1/32 scope global kube-ipvs0\n       \
                     valid_lft forever preferred_lft forever\n";
    check(Mode::Ipvs, NODE, "ip addr show dev kube-ipvs0 | sed -n 3,4p", addresses);
    check(Mode::Iptables, NODE, "ip -br addr | grep -c kube-ipvs0", "0\n");
}

#[test]
fn ipset_lists_what_rules_ask() {
    let members = "10.96.0.80,tcp:80\n";
    check(Mode::Ipvs, NODE, "ipset list KUBE-CLUSTER-IP | grep 10.96.0.80", members);
    check(Mode::Ipvs, NODE, "ipset list -n | grep -c KUBE", "17\n");
    let why = "ipset v7.17: The set with the given name does not exist\n";
    check(Mode::Ipvs, NODE, "ipset list NOPE", why);
    check(Mode::Iptables, NODE, "ipset list", "");
}

#[test]
fn nft_lists_objects_of_the_table() {
    check(
        Mode::Nftables,
        NODE,
        "nft list map ip kube-proxy no-endpoint-services",
        "table ip kube-proxy {\n\
         \tmap no-endpoint-services {\n\
         \t\ttype ipv4_addr . inet_proto . inet_service : verdict\n\
         \t\tcomment \"vmap to drop or reject packets to services with no endpoints\"\n\
         \t\telements = { 10.96.0.82 . tcp . 80 comment \"default/none\" : goto reject-chain }\n\
         \t}\n}\n",
    );
    let line = "nft list set ip kube-proxy $(nft list sets | grep -o 'affinity-[^ ]*' | head -1) | head -7 | tail -5";
    let set =
        "\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 3h\n\t}\n";
    assert!(typed(Mode::Nftables, NODE, line).ends_with(set));
    let why = "Error: No such file or directory\nlist chain ip kube-proxy nope\n                         ^^^^\n";
    check(Mode::Nftables, NODE, "nft list chain ip kube-proxy nope", why);
    check(Mode::Nftables, NODE, "nft list tables | grep kube", "table ip kube-proxy\n");
}
