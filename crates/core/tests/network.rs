//! Two nodes, their pods and an outside host, with kube-proxy's own rules: what both ends of a
//! connection see (groups L and M of the table of packet cases), and what a real kernel does that
//! surprises people.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_core::net::capture::{Tap, capture};
use svclab_core::net::exchange::tcp::Connection;
use svclab_core::net::exchange::{Client, Message, Response, Wire, run};
use svclab_core::net::{Attachment, Guest, Host, Network, Node, Party, Ports, via};
use svclab_core::object::Objects;
use svclab_core::proxy::{self, Settings};
use svclab_core::read;
use svclab_core::rng::Rng;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Event, Exchange, Loss, Place, Request, Trace, Verdict};
use svclab_netfilter::text::parse;
use svclab_netfilter::{Finding, Hook, Protocol, RuleSet, TableName};

const CLIENT: &str = "10.244.1.5";
const E1: &str = "10.244.1.7";
const R1: &str = "10.244.2.4";
const NODE_A: &str = "192.168.10.11";

/// A lab of `kube-proxy.md` §14: node-a and node-b, direct routes, a client outside.
struct Lab {
    net: Network,
    rng: Rng,
    at: Instant,
    objects: Objects,
}

const NODES: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-a}
status: {addresses: [{type: InternalIP, address: 192.168.10.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-b}
status: {addresses: [{type: InternalIP, address: 192.168.10.12}]}
";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn to(text: &str) -> SocketAddr {
    text.parse().expect("an address with its port")
}

/// One Service: `spec` in one line, and the endpoints' addresses on port 8080.
fn service(name: &str, spec: &str, status: &str, endpoints: &[&str]) -> String {
    let protocol = if spec.contains("UDP") { "UDP" } else { "TCP" };
    let endpoint = |it: &&str| {
        let node = if it.starts_with("10.244.1.") { "node-a" } else { "node-b" };
        format!("- {{addresses: [{it}], nodeName: {node}, conditions: {{ready: true}}}}\n")
    };
    let endpoints: String = endpoints.iter().map(endpoint).collect();
    let endpoints = if endpoints.is_empty() { "[]\n".to_owned() } else { format!("\n{endpoints}") };
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: lab}}\n\
         spec: {{{spec}}}\nstatus: {{{status}}}\n---\napiVersion: discovery.k8s.io/v1\n\
         kind: EndpointSlice\nmetadata: {{name: {name}-1, namespace: lab, \
         labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\n\
         ports: [{{name: '', port: 8080, protocol: {protocol}}}]\nendpoints: {endpoints}"
    )
}

/// The Services of group L, each with one endpoint.
fn group_l() -> String {
    let node_port = |ip: &str, port: u16| {
        format!(
            "type: NodePort, clusterIP: {ip}, ports: [{{port: 80, targetPort: 8080, nodePort: {port}}}]"
        )
    };
    let vip = "loadBalancer: {ingress: [{ip: 198.51.100.20}]}";
    let balancer = |ip: &str, port: u16, more: &str| {
        format!(
            "type: LoadBalancer, clusterIP: {ip}, {more}, ports: [{{port: {port}, targetPort: 8080}}]"
        )
    };
    let local = "externalTrafficPolicy: Local";
    [
        service("near", &node_port("10.96.20.6", 30081), "", &[E1]),
        service("far", &node_port("10.96.20.7", 30082), "", &[R1]),
        service("kept", &format!("{}, {local}", node_port("10.96.20.8", 30083)), "", &[E1]),
        service("vip", &balancer("10.96.20.9", 80, local), vip, &[E1]),
        service("vip-far", &balancer("10.96.20.10", 81, local), vip, &[R1]),
        service(
            "vip-ranges",
            &balancer("10.96.20.11", 82, "loadBalancerSourceRanges: [192.168.10.0/24]"),
            vip,
            &[E1],
        ),
    ]
    .concat()
}

impl Lab {
    fn new(manifests: &str) -> Lab {
        let node = |name: &str, address, pods: &str| {
            let pods: ipnet::IpNet = pods.parse().expect("a network");
            Node::new(name, ip(address), pods)
        };
        let nodes = vec![
            node("node-a", NODE_A, "10.244.1.0/24"),
            node("node-b", "192.168.10.12", "10.244.2.0/24"),
        ];
        let outside = Host {
            name: "outside".into(),
            address: ip("203.0.113.5"),
            aliases: Vec::new(),
            routes: Vec::new(),
            listens: Ports::default(),
        };
        // On the LAN, with static routes to node-a: cluster IPs and load balancers.
        let desk = Host {
            name: "desk".into(),
            address: ip("192.168.10.99"),
            routes: ["10.96.0.0/12", "198.51.100.0/24"]
                .map(|it| via(it.parse().expect("a network"), ip(NODE_A)))
                .into(),
            ..outside.clone()
        };
        let lan: ipnet::IpNet = "192.168.10.0/24".parse().expect("a network");
        let mut net = Network::new(nodes, vec![outside, desk], lan, ip("192.168.10.1"));
        net.announced.insert(ip("198.51.100.20"), "node-a".into());
        let pods = [
            ("client", CLIENT),
            ("e1", E1),
            ("e2", "10.244.1.8"),
            ("r1", R1),
            ("r2", "10.244.2.6"),
        ];
        for (name, address) in pods {
            let node = if address.starts_with("10.244.1.") { "node-a" } else { "node-b" };
            let serves = [(Protocol::Tcp, 8080), (Protocol::Udp, 8080)];
            let listens = serves.into_iter().filter(|_| name != "client").collect();
            let device = format!("veth-{name}").into();
            let (pod, node) = (name.into(), node.into());
            net.attach(Attachment { pod, node, ip: ip(address), device, listens });
        }
        let mut lab = Lab { net, rng: Rng::new(1), at: Instant::START, objects: Objects::new() };
        lab.apply(manifests);
        lab
    }

    /// Every node's kube-proxy writes its rules anew for these Services.
    fn apply(&mut self, manifests: &str) {
        let manifests = format!("{NODES}{manifests}");
        let read = read::read(&manifests);
        assert_eq!(read.diagnostics, []);
        self.objects = Objects::new();
        for document in &read.documents {
            let kind = document.kind().expect("a known kind");
            let (object, unknown) = read::decode_lenient(kind, &document.value()).expect("fits");
            assert_eq!(unknown, []);
            self.objects.insert(object);
        }
        for (name, kernel) in &mut self.net.kernels {
            let settings = Settings {
                node: name.to_string(),
                cluster_cidr: "10.244.0.0/16".to_owned(),
                ..Settings::default()
            };
            let mut rules = RuleSet::builtin();
            rules.restore(&proxy::jumps(), true);
            rules.restore(&proxy::full_sync(&self.objects, &settings).restore, true);
            kernel.rules = Rc::new(rules);
        }
    }

    fn wire<T>(&mut self, use_it: impl FnOnce(&mut Wire<'_>) -> T) -> (T, Vec<Rc<Trace>>) {
        let mut wire = Wire::new(&mut self.net, &mut self.rng, self.at);
        let res = use_it(&mut wire);
        let (at, packets) = (wire.at, wire.packets);
        self.at = at;
        (res, packets)
    }

    fn connect(
        &mut self,
        from: &Party,
        goal: &str,
    ) -> (Result<Connection, Answer>, Vec<Rc<Trace>>) {
        let client = Client::from(from.clone());
        self.wire(|wire| wire.connect(&client, to(goal)))
    }

    fn ask(&mut self, port: u16, goal: &str) -> Answer {
        let client = Client { port: Some(port), ..Client::from(pod(CLIENT)) };
        self.wire(|wire| wire.ask(&client, to(goal))).0
    }

    fn wait(&mut self, seconds: u64) {
        self.at = self.at + Duration::from_secs(seconds);
    }

    fn forget_connections(&mut self) {
        for kernel in self.net.kernels.values_mut() {
            kernel.conntrack.forget(|_| true, 0);
        }
    }
}

fn pod(address: &str) -> Party {
    Party::Pod(ip(address))
}

fn node() -> Party {
    Party::Node("node-a".into())
}

fn host(name: &str) -> Party {
    Party::Host(name.into())
}

/// The source address the endpoint sees (its port kept or not) and the endpoint; the client sees
/// whom it asked.
#[track_caller]
fn check(from: &Party, goal: &str, expected: (&str, bool, &str)) {
    let (connection, packets) = Lab::new(&group_l()).connect(from, goal);
    let it = connection.unwrap_or_else(|answer| panic!("{answer:?}\n{}", packets[0]));
    let kept = it.own.port() == it.seen.port();
    let (seen, expected_kept, at) = expected;
    assert_eq!((it.seen.ip(), kept, it.at.ip()), (ip(seen), expected_kept, ip(at)));
    assert_eq!(it.goal, to(goal));
}

#[test]
fn group_l_from_pods() {
    check(&pod(CLIENT), "10.96.20.6:80", (CLIENT, true, E1));
    check(&pod(CLIENT), "10.96.20.7:80", (CLIENT, true, R1));
    check(&pod(E1), "10.96.20.6:80", ("10.244.1.1", false, E1));
    check(&pod(CLIENT), "198.51.100.20:81", (CLIENT, true, R1));
    check(&pod(CLIENT), "192.168.10.11:30081", ("10.244.1.1", false, E1));
    check(&pod(CLIENT), "192.168.10.12:30081", ("192.168.10.12", false, E1));
    check(&pod(CLIENT), "10.244.1.1:30081", ("10.244.1.1", false, E1));
}

#[test]
fn group_l_from_a_node() {
    check(&node(), "10.96.20.6:80", ("10.244.1.1", false, E1));
    check(&node(), "10.96.20.7:80", (NODE_A, false, R1));
    check(&node(), "198.51.100.20:81", (NODE_A, false, R1));
    check(&node(), "127.0.0.1:30081", ("10.244.1.1", false, E1));
    check(&node(), "127.0.0.1:30082", (NODE_A, false, R1));
}

#[test]
fn group_l_from_outside() {
    check(&host("desk"), "10.96.20.7:80", (NODE_A, false, R1));
    check(&host("outside"), "192.168.10.11:30081", ("10.244.1.1", false, E1));
    check(&host("outside"), "192.168.10.11:30082", (NODE_A, false, R1));
    check(&host("outside"), "192.168.10.12:30081", ("192.168.10.12", false, E1));
    check(&host("outside"), "192.168.10.11:30083", ("203.0.113.5", true, E1));
    check(&host("outside"), "198.51.100.20:80", ("203.0.113.5", true, E1));
}

/// L19: a load balancer's address bound to the node, which is in the source ranges.
#[test]
fn a_node_that_holds_the_balancers_address_may_ask_it() {
    let mut lab = Lab::new(&group_l());
    lab.net.nodes[0].bound.push(ip("198.51.100.20"));
    let (connection, _) = lab.connect(&node(), "198.51.100.20:82");
    let it = connection.expect("a connection");
    assert_eq!(it.own.ip(), ip("198.51.100.20"));
    assert_eq!((it.seen.ip(), it.at.ip()), (ip("10.244.1.1"), ip(E1)));
}

fn one(endpoints: &[&str], more: &str) -> String {
    let spec = format!("clusterIP: 10.96.20.6, ports: [{{port: 80, targetPort: 8080{more}}}]");
    service("one", &spec, "", endpoints)
}

/// M1, M2; findings 13 and 5.
#[test]
fn an_open_connection_outlives_its_endpoint_in_the_rules() {
    let mut lab = Lab::new(&one(&[E1], ""));
    let open = lab.connect(&pod(CLIENT), "10.96.20.6:80").0.expect("a connection");
    lab.apply(&one(&[], ""));
    for _ in 0..3 {
        assert_eq!(lab.wire(|wire| wire.talk(&open, 100, 100)).0, Ok(()));
    }
    let (new, packets) = lab.connect(&pod(CLIENT), "10.96.20.6:80");
    assert_eq!(new, Err(Answer::Refused));
    assert_eq!(packets.len(), 2);
    // Another endpoint, and nobody remembers the connection: it is translated anew and reset.
    lab.apply(&one(&[R1], ""));
    lab.forget_connections();
    assert_eq!(lab.wire(|wire| wire.talk(&open, 100, 100)).0, Err(Answer::Reset));
}

fn reached(answer: &Answer) -> &str {
    match answer {
        Answer::Reached { by, .. } => by,
        other => panic!("{other:?}"),
    }
}

/// M3, M4; finding 12.
#[test]
fn a_udp_flow_stays_with_its_endpoint_until_it_is_forgotten() {
    let mut lab = Lab::new(&one(&[E1], ", protocol: UDP"));
    let goal = "10.96.20.6:80";
    assert_eq!(reached(&lab.ask(40_053, goal)), "e1");
    lab.apply(&one(&[R1], ", protocol: UDP"));
    for _ in 0..5 {
        assert_eq!(reached(&lab.ask(40_053, goal)), "e1");
        lab.wait(20);
    }
    assert_eq!(reached(&lab.ask(40_054, goal)), "r1", "another port is another flow");
    lab.forget_connections();
    assert_eq!(reached(&lab.ask(40_053, goal)), "r1");
}

/// M5: what was sent before the rules were there keeps leaving as it is, until its entry expires
/// after 30 s without a packet.
#[test]
fn a_flow_from_before_the_rules_is_not_translated() {
    let mut lab = Lab::new("");
    let goal = "10.96.20.6:80";
    assert_eq!(lab.ask(40_053, goal), Answer::TimedOut);
    lab.apply(&one(&[E1], ", protocol: UDP"));
    assert_eq!(lab.ask(40_053, goal), Answer::TimedOut);
    lab.wait(31);
    assert_eq!(reached(&lab.ask(40_053, goal)), "e1");
}

fn sticky(endpoints: &[&str]) -> String {
    let spec = "type: NodePort, clusterIP: 10.96.20.6, sessionAffinity: ClientIP, \
                sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}, \
                ports: [{port: 80, targetPort: 8080, nodePort: 30081}]";
    service("sticky", spec, "", endpoints)
}

/// M6, M7, M8, M9.
#[test]
fn a_client_is_remembered_for_its_seconds() {
    let both = [E1, R1];
    let mut lab = Lab::new(&sticky(&both));
    let goes = |lab: &mut Lab, goal: &str| {
        lab.connect(&pod(CLIENT), goal).0.expect("a connection").at.ip()
    };
    let first = goes(&mut lab, "10.96.20.6:80");
    for _ in 0..10 {
        lab.wait(50);
        assert_eq!(goes(&mut lab, "10.96.20.6:80"), first);
    }
    assert_eq!(goes(&mut lab, "192.168.10.11:30081"), first);
    // After a longer pause the choice is free again: of many, some come out otherwise.
    let mut others = 0;
    for _ in 0..40 {
        lab.wait(61);
        others += usize::from(goes(&mut lab, "10.96.20.6:80") != first);
    }
    assert!((5..35).contains(&others), "{others}");
    let last = goes(&mut lab, "10.96.20.6:80");
    let rest: Vec<&str> = both.into_iter().filter(|it| ip(it) != last).collect();
    lab.apply(&sticky(&rest));
    assert_eq!(goes(&mut lab, "10.96.20.6:80"), ip(rest[0]));
}

/// M15, finding 19: without rules of the network plugin a policy of DROP lets only marked packets
/// and answers through.
#[test]
fn a_forward_policy_of_drop_stops_unmarked_packets() {
    let mut lab = Lab::new(&group_l());
    let policy = parse("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n").0;
    let kernel = lab.net.kernels.get_mut("node-a").expect("the node is there");
    Rc::make_mut(&mut kernel.rules).restore(&policy, true);
    let mut passes = |from: Party, goal: &str| lab.connect(&from, goal).0.is_ok();
    assert!(!passes(pod(CLIENT), "10.96.20.7:80"));
    assert!(!passes(pod(CLIENT), "10.96.20.6:80"));
    assert!(!passes(host("outside"), "192.168.10.11:30083"));
    assert!(!passes(host("outside"), "198.51.100.20:80"));
    assert!(passes(pod(E1), "10.96.20.6:80"));
    assert!(passes(host("desk"), "10.96.20.7:80"));
    assert!(passes(host("outside"), "192.168.10.11:30081"));
    assert!(passes(host("outside"), "192.168.10.11:30082"));
    // What a node itself sends never comes by its FORWARD.
    assert!(passes(node(), "10.96.20.6:80"));
    assert!(passes(node(), "10.96.20.7:80"));
}

fn place(trace: &Trace, wanted: impl Fn(&Place) -> bool) -> usize {
    trace.steps.iter().filter(|it| wanted(&it.place)).count()
}

fn at_hook(trace: &Trace, hook: Hook, table: TableName) -> bool {
    place(
        trace,
        |it| matches!(it, Place::Hook { hook: h, table: t, .. } if (*h, *t) == (hook, table)),
    ) > 0
}

/// Finding 2.
#[test]
fn a_service_on_the_same_node_is_bridged() {
    let mut lab = Lab::new(&group_l());
    let (_, packets) = lab.connect(&pod(CLIENT), "10.96.20.6:80");
    let syn = &packets[0];
    assert_eq!(syn.steps.last().expect("steps").packet.ttl, 64);
    assert!(at_hook(syn, Hook::Forward, TableName::Filter));
    assert!(at_hook(syn, Hook::Postrouting, TableName::Nat));
}

/// Finding 3.
#[test]
fn without_hairpin_mode_a_pod_does_not_reach_itself() {
    let mut lab = Lab::new(&group_l());
    lab.net.hairpin = false;
    let (answer, packets) = lab.connect(&pod(E1), "10.96.20.6:80");
    assert_eq!(answer, Err(Answer::TimedOut));
    let syn = &packets[0];
    assert_eq!(syn.verdict, Verdict::Lost(Loss::HairpinOff));
    assert!(at_hook(syn, Hook::Prerouting, TableName::Nat));
    assert!(!at_hook(syn, Hook::Postrouting, TableName::Nat));
    assert!(lab.connect(&pod(CLIENT), "10.96.20.6:80").0.is_ok());
}

/// Finding 4; a refused client that hears nothing tries again a second later.
#[test]
fn errors_are_rate_limited() {
    let mut lab = Lab::new(&one(&[], ""));
    let before = lab.at;
    let packets = |lab: &mut Lab| {
        let (answer, packets) = lab.connect(&pod(CLIENT), "10.96.20.6:80");
        assert_eq!(answer, Err(Answer::Refused));
        packets.len()
    };
    let first: Vec<usize> = (0..6).map(|_| packets(&mut lab)).collect();
    assert_eq!(first, [2; 6]);
    assert_eq!(lab.at.as_millis() - before.as_millis(), 0);
    // SYN, silence, SYN, error.
    assert_eq!(packets(&mut lab), 3);
    assert_eq!(lab.at.as_millis(), 1000);
}

/// Finding 6.
#[test]
fn a_pod_that_asks_another_nodes_local_node_port_is_lost() {
    let mut lab = Lab::new(&group_l());
    let (answer, packets) = lab.connect(&pod(CLIENT), "192.168.10.12:30083");
    assert_eq!(answer, Err(Answer::TimedOut));
    // SYN, an answer from the pod itself, the client's reset; seven times.
    assert_eq!(packets.len(), 21);
    assert_eq!(packets[1].steps.last().expect("steps").packet.src, ip(E1));
}

/// Finding 7: the list keeps 100 addresses.
#[test]
fn a_hundred_clients_are_remembered_and_more_are_not() {
    let moved = |clients: u8| {
        let mut lab = Lab::new(&sticky(&[E1, R1]));
        lab.net.hosts[0].aliases.push("203.0.113.0/24".parse().expect("a network"));
        let mut ends: BTreeMap<u8, Vec<IpAddr>> = BTreeMap::new();
        for _ in 0..2 {
            for client in 1..=clients {
                let source = Some(IpAddr::from([203, 0, 113, client]));
                let client_of = Client { source, ..Client::from(host("outside")) };
                let goal = to("192.168.10.11:30081");
                let (connection, _) = lab.wire(|wire| wire.connect(&client_of, goal));
                let end = connection.expect("a connection").at.ip();
                ends.entry(client).or_default().push(end);
            }
        }
        ends.values().filter(|it| it[0] != it[1]).count()
    };
    assert_eq!(moved(100), 0);
    let many = moved(250);
    assert!((90..160).contains(&many), "{many} of 250 moved");
}

/// Finding 9.
#[test]
fn a_node_routes_again_after_both_tables_of_output() {
    let mut lab = Lab::new(&group_l());
    let (_, packets) = lab.connect(&node(), "10.96.20.6:80");
    let words: Vec<String> = packets[0]
        .steps
        .iter()
        .filter_map(|it| match (&it.place, &it.event) {
            (Place::Hook { hook, table, .. }, _) => Some(format!("{} {table}", hook.name())),
            (_, Event::Routed { route }) => Some(route.device.to_string()),
            _ => None,
        })
        .collect();
    let expected = ["eth0", "OUTPUT nat", "OUTPUT filter", "cni0", "POSTROUTING nat"];
    assert_eq!(words, expected);
    assert_eq!(packets[0].sent.src, ip(NODE_A), "chosen before the translation");
}

/// Finding 10.
#[test]
fn a_cluster_ip_is_no_host() {
    let mut lab = Lab::new(&group_l());
    let client = Client::from(pod(CLIENT));
    let (answer, packets) = lab.wire(|wire| wire.ping(&client, ip("10.96.20.6")));
    assert_eq!(answer, Answer::TimedOut);
    assert_eq!(packets[0].verdict, Verdict::Lost(Loss::Unroutable));
    let (answer, packets) = lab.connect(&pod(CLIENT), "10.96.20.6:81");
    assert_eq!(answer, Err(Answer::TimedOut));
    // Sent at 0, 1, 3, 7, 15, 31 and 63 s, given up at 127 s.
    let times: Vec<u64> = packets.iter().map(|it| (it.at.as_millis() - 10_000) / 1000).collect();
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 63]);
    assert_eq!(lab.at.as_millis(), 137_000);
}

/// As a real kernel did.
#[test]
fn who_asks_no_address_asks_the_own_machine() {
    let mut lab = Lab::new(&group_l());
    let (answer, packets) = lab.connect(&node(), "0.0.0.0:30081");
    assert_eq!(answer.map(|it| it.goal.to_string()), Ok("127.0.0.1:30081".to_owned()));
    assert_eq!(packets[0].sent.src, ip("127.0.0.1"));
    let (answer, _) = lab.connect(&pod(CLIENT), "0.0.0.0:30081");
    assert_eq!(answer, Err(Answer::Refused));
}

/// Finding 11.
#[test]
fn a_node_port_on_loopback_needs_route_localnet() {
    let mut lab = Lab::new(&group_l());
    lab.net.nodes[0].sysctls.route_localnet = false;
    let (answer, packets) = lab.connect(&node(), "127.0.0.1:30081");
    assert_eq!(answer, Err(Answer::TimedOut));
    let matched = packets[0].steps.iter().any(|it| match &it.event {
        Event::Walked(it) => {
            it.nat.is_some() && it.visits.iter().any(|it| it.finding == Finding::Matched)
        }
        _ => false,
    });
    assert!(matched, "{}", packets[0]);
}

/// Finding 14.
#[test]
fn without_bridge_netfilter_only_the_own_nodes_endpoints_fail() {
    let mut lab = Lab::new(&group_l());
    lab.net.nodes.iter_mut().for_each(|it| it.sysctls.bridge_nf_call_iptables = false);
    let (answer, packets) = lab.connect(&pod(CLIENT), "10.96.20.6:80");
    assert_eq!(answer, Err(Answer::TimedOut));
    assert_eq!(packets[1].steps.last().expect("steps").packet.src, ip(E1));
    assert!(packets[2].sent.tcp_flags().is_some_and(|it| it.rst));
    assert!(lab.connect(&pod(CLIENT), "10.96.20.7:80").0.is_ok());
}

/// Finding 16.
#[test]
fn an_external_ip_that_nobody_owns_works_from_a_node() {
    let spec = "clusterIP: 10.96.20.6, externalIPs: [192.168.10.77], ports: [{port: 80, targetPort: 8080}]";
    let mut lab = Lab::new(&service("one", spec, "", &[E1]));
    assert!(lab.connect(&node(), "192.168.10.77:80").0.is_ok());
    // Nobody on the LAN answers ARP for it.
    let before = lab.at;
    let (answer, _) = lab.connect(&host("desk"), "192.168.10.77:80");
    assert_eq!(answer, Err(Answer::NoRoute));
    assert_eq!((lab.at.as_millis() - before.as_millis()) / 1000, 3);
}

/// Finding 18.
#[test]
fn a_balancers_address_is_served_by_the_own_nodes_rules() {
    let mut lab = Lab::new(&group_l());
    lab.net.announced.insert(ip("198.51.100.20"), "node-b".into());
    for from in [pod(CLIENT), node()] {
        let (connection, packets) = lab.connect(&from, "198.51.100.20:80");
        assert!(connection.is_ok());
        let other = |it: &Place| it.node().is_some_and(|it| &**it == "node-b");
        assert_eq!(place(&packets[0], other), 0, "{}", packets[0]);
    }
    let (_, packets) = lab.connect(&host("outside"), "198.51.100.20:82");
    assert!(packets[0].steps.iter().any(|it| matches!(it.event, Event::Resolved { .. })));
}

/// Finding 20: the process is gone, or the pod is.
#[test]
fn a_dead_endpoint_refuses_or_is_lost() {
    let mut lab = Lab::new(&group_l());
    lab.net.pods.get_mut(&ip(R1)).expect("r1").listens = Ports::default();
    assert_eq!(lab.connect(&pod(CLIENT), "10.96.20.7:80").0, Err(Answer::Refused));
    // Nobody's entry for the pod is from before.
    let mut lab = Lab::new(&group_l());
    lab.net.detach("r1");
    let before = lab.at;
    let (answer, packets) = lab.connect(&pod(CLIENT), "10.96.20.7:80");
    assert_eq!(answer, Err(Answer::NoRoute));
    assert_eq!((lab.at.as_millis() - before.as_millis()) / 1000, 3);
    // The node where it was says so; to the client both the error and what it is about come from
    // the cluster IP (`icmp_from` of a replay in Linux 6.18).
    let error = packets.last().expect("an error");
    assert_eq!(error.sent.src, ip("192.168.10.12"));
    let heard = error.steps.last().expect("it arrives");
    assert_eq!(heard.packet.src, ip("10.96.20.7"));
    assert!(heard.packet.to_string().contains("10.96.20.7"), "{}", heard.packet);
}

/// As replayed in Linux 6.18: what stays as it was is switched, what was translated needs a route.
#[test]
fn a_node_that_forwards_nothing_keeps_translated_packets_from_its_own_pods() {
    let mut lab = Lab::new(&group_l());
    lab.net.nodes.iter_mut().for_each(|it| it.sysctls.ip_forward = false);
    assert!(lab.connect(&pod(CLIENT), "10.244.1.7:8080").0.is_ok());
    assert_eq!(lab.connect(&pod(CLIENT), "10.96.20.6:80").0, Err(Answer::TimedOut));
}

/// Containers of a pod share its loopback: no node and no rule is in between.
#[test]
fn containers_of_a_pod_meet_on_localhost() {
    let mut lab = Lab::new(&group_l());
    let (connection, packets) = lab.connect(&pod(E1), "127.0.0.1:8080");
    assert_eq!(connection.expect("a connection").seen.ip(), ip("127.0.0.1"));
    assert!(
        packets.iter().all(|it| it.steps.iter().all(|it| matches!(it.place, Place::Pod { .. })))
    );
}

/// Whether the first packet of `from` to `goal` meets the rule, which is put into the table in front of
/// kube-proxy's.
fn meets(table: &str, rule: &str, (from, goal): (&Party, &str)) -> bool {
    let mut lab = Lab::new(&group_l());
    let text = format!("*{table}\n-I {rule}\nCOMMIT\n");
    let (restore, problems) = parse(&text);
    assert_eq!(problems, []);
    let kernel = lab.net.kernels.get_mut("node-a").expect("node-a");
    Rc::make_mut(&mut kernel.rules).restore(&restore, true);
    let (_, packets) = lab.connect(from, goal);
    let steps = packets[0].steps.iter();
    steps.filter(|it| it.place.node().is_some_and(|it| &**it == "node-a")).any(|step| {
        match &step.event {
            Event::Walked(passage) => passage.visits.iter().any(|visit| {
                let rules = &lab.net.kernels["node-a"].rules;
                let own =
                    rules.rule(visit.rule).is_some_and(|it| it.to_string().contains("seen here"));
                own && visit.finding == Finding::Matched
            }),
            _ => false,
        }
    })
}

const SEEN: &str = "-m comment --comment \"seen here\"";

#[test]
fn rules_can_ask_for_the_bridges_ports() {
    let near = (&pod(CLIENT), "10.96.20.6:80");
    let far = (&pod(CLIENT), "10.96.20.7:80");
    let outside = (&host("outside"), "192.168.10.11:30081");
    let asks = |chain: &str, what: &str| format!("{chain} -m physdev {what} {SEEN}");
    let is_in = asks("PREROUTING", "--physdev-is-in");
    assert!(meets("mangle", &is_in, near) && meets("mangle", &is_in, far));
    assert!(!meets("mangle", &is_in, outside));
    let bridged = asks("FORWARD", "--physdev-is-bridged");
    assert!(meets("filter", &bridged, near));
    assert!(!meets("filter", &bridged, far) && !meets("filter", &bridged, outside));
    let named = asks("FORWARD", "--physdev-in veth+ --physdev-out veth+");
    assert!(meets("filter", &named, near) && !meets("filter", &named, far));
}

#[test]
fn rules_can_ask_who_sends() {
    let own = (&node(), "10.96.20.7:80");
    let forwarded = (&pod(CLIENT), "10.96.20.7:80");
    for chain in ["OUTPUT", "POSTROUTING"] {
        let root = format!("{chain} -m owner --uid-owner root {SEEN}");
        assert!(meets("mangle", &root, own), "{chain}");
        assert!(!meets("mangle", &root, forwarded), "{chain}");
        let other = format!("{chain} -m owner --uid-owner 1000 {SEEN}");
        assert!(!meets("mangle", &other, own), "{chain}");
    }
}

/// sshd runs on node-a, which has these rules beside kube-proxy's.
fn with_sshd(rules: &str) -> Lab {
    let mut lab = Lab::new("");
    let (restore, problems) = parse(rules);
    assert_eq!(problems, []);
    lab.net.seat(Guest {
        name: "sshd".into(),
        node: "node-a".into(),
        listens: [(Protocol::Tcp, 22)].into_iter().collect(),
    });
    let kernel = lab.net.kernels.get_mut("node-a").expect("node-a");
    Rc::make_mut(&mut kernel.rules).restore(&restore, true);
    lab
}

/// As Linux did, with a rule in the chain and without: what a node sends to itself has had its NAT
/// at POSTROUTING.
#[test]
fn a_nat_policy_of_drop_at_input_stops_who_comes_from_elsewhere() {
    let mut lab = with_sshd("*nat\n:INPUT DROP [0:0]\nCOMMIT\n");
    let mut ask = |from: &Party, goal: &str| lab.connect(from, goal).0.map(|it| it.at);
    assert_eq!(ask(&host("outside"), "192.168.10.11:22"), Err(Answer::TimedOut));
    assert_eq!(ask(&node(), "127.0.0.1:22"), Ok(to("127.0.0.1:22")));
}

#[test]
fn redirect_takes_the_address_of_the_device() {
    let redirect = "*nat\n-I PREROUTING -p tcp --dport 99 -j REDIRECT --to-ports 22\nCOMMIT\n";
    let mut lab = with_sshd(redirect);
    let at = |lab: &mut Lab, from: &Party, goal: &str| {
        lab.connect(from, goal).0.expect("a connection").at.to_string()
    };
    assert_eq!(at(&mut lab, &pod(CLIENT), "203.0.113.7:99"), "10.244.1.1:22");
    assert_eq!(at(&mut lab, &host("outside"), "192.168.10.11:99"), "192.168.10.11:22");
}

/// `desk` says it is a pod of node-a: an answer would go to cni0.
#[test]
fn a_device_believes_senders_as_rp_filter_says() {
    let arrives = |settings: &[(&str, u32)]| {
        let mut lab = Lab::new(&group_l());
        for (name, value) in settings {
            let name = format!("net.ipv4.conf.{name}.rp_filter");
            assert!(lab.net.nodes[0].set_sysctl(&name, *value));
        }
        let client = Client { source: Some(ip("10.244.1.77")), ..Client::from(host("desk")) };
        let (_, packets) = lab.wire(|wire| wire.connect(&client, to("192.168.10.11:30083")));
        packets[0].verdict
    };
    let filtered = Verdict::Lost(Loss::ReversePath);
    assert_eq!(arrives(&[]), Verdict::Delivered);
    assert_eq!(arrives(&[("all", 1)]), filtered);
    assert_eq!(arrives(&[("eth0", 1)]), filtered);
    assert_eq!(arrives(&[("cni0", 1)]), Verdict::Delivered);
    assert_eq!(arrives(&[("all", 2), ("eth0", 1)]), Verdict::Delivered, "2 is the larger");
}

/// The same node is bridged (64), another one is two routers away (62).
#[test]
fn an_echo_tells_how_far_a_pod_is() {
    let mut lab = Lab::new("");
    let client = Client::from(pod(CLIENT));
    let mut ping = |to: &str| lab.wire(|wire| wire.ping(&client, ip(to))).0;
    assert_eq!(ping(E1), Answer::Echoed { ttl: 64 });
    assert_eq!(ping(R1), Answer::Echoed { ttl: 62 });
    assert_eq!(ping("192.168.10.11"), Answer::Echoed { ttl: 64 });
    assert_eq!(ping("10.244.1.99"), Answer::NoRoute);
}

/// The lines' ends at an interface, `a > b`, with the ports' numbers that do not change from run
/// to run.
fn seen(exchange: &Exchange, tap: &Tap) -> Vec<String> {
    let lines = capture(exchange, tap, true).into_iter();
    let lines = lines.filter(|it| it.packet.tcp_flags().is_some_and(|it| it.syn));
    let ends = lines.map(|it| {
        let text = it.line.split(" IP ").nth(1).unwrap_or_default().to_owned();
        text.split(':').next().unwrap_or_default().to_owned()
    });
    let known = |word: &str| {
        let (ip, port) = word.rsplit_once('.').unwrap_or((word, ""));
        if matches!(port, "80" | "8080" | "30081" | "30082") { word.into() } else { ip.to_owned() }
    };
    ends.map(|it| it.split(" > ").map(known).collect::<Vec<_>>().join(" > ")).collect()
}

fn exchange(lab: &mut Lab, from: &Party, goal: &str) -> Exchange {
    let goal = to(goal);
    let what = Message::get("web", "/").question();
    let from_name = lab.net.name_of(from);
    let request =
        Request { from: from_name, host: "web".into(), to: goal.ip(), port: goal.port(), what };
    let serve = |_: &Connection, _: &Message| Response::text(200, "hello\n");
    run(&mut lab.net, &mut lab.rng, (1, lab.at), &from.clone().into(), request, &serve)
}

fn on_node(node: &str, device: &str) -> Tap {
    Tap::Node { node: node.into(), device: device.into() }
}

/// Tables 13.1, 13.2 and 13.4 of the tools' spec, recorded with tcpdump.
#[test]
fn an_interface_shows_what_tcpdump_showed_there() {
    let mut lab = Lab::new(&group_l());
    let far = exchange(&mut lab, &pod(CLIENT), "10.96.20.7:80");
    let asked = ["10.244.1.5 > 10.96.20.7.80", "10.96.20.7.80 > 10.244.1.5"];
    let client = Tap::Pod { pod: "client".into(), device: "eth0".into() };
    assert_eq!(seen(&far, &client), asked);
    assert_eq!(seen(&far, &on_node("node-a", "veth-client")), asked);
    let mixed = ["10.244.1.5 > 10.244.2.4.8080", "10.96.20.7.80 > 10.244.1.5"];
    assert_eq!(seen(&far, &on_node("node-a", "cni0")), mixed);
    let pods = ["10.244.1.5 > 10.244.2.4.8080", "10.244.2.4.8080 > 10.244.1.5"];
    for (node, device) in
        [("node-a", "eth0"), ("node-b", "eth0"), ("node-b", "cni0"), ("node-b", "veth-r1")]
    {
        assert_eq!(seen(&far, &on_node(node, device)), pods, "{node} {device}");
    }
    let near = exchange(&mut lab, &pod(CLIENT), "10.96.20.6:80");
    assert_eq!(seen(&near, &client), ["10.244.1.5 > 10.96.20.6.80", "10.96.20.6.80 > 10.244.1.5"]);
    let server = on_node("node-a", "veth-e1");
    assert_eq!(
        seen(&near, &server),
        ["10.244.1.5 > 10.244.1.7.8080", "10.244.1.7.8080 > 10.244.1.5"]
    );
    let outside = exchange(&mut lab, &host("outside"), "192.168.10.11:30082");
    let both_legs = [
        "203.0.113.5 > 192.168.10.11.30082",
        "192.168.10.11 > 10.244.2.4.8080",
        "10.244.2.4.8080 > 192.168.10.11",
        "192.168.10.11.30082 > 203.0.113.5",
    ];
    assert_eq!(seen(&outside, &on_node("node-a", "eth0")), both_legs);
}

/// The lines' form, as tcpdump 4.99.3 printed a connection (the spec's §7).
#[test]
fn a_captured_connection_reads_as_tcpdump_prints_it() {
    let mut lab = Lab::new(&group_l());
    let it = exchange(&mut lab, &pod(CLIENT), "10.96.20.7:80");
    let client = Tap::Pod { pod: "client".into(), device: "eth0".into() };
    let lines: Vec<String> = capture(&it, &client, true).into_iter().map(|it| it.line).collect();
    assert_eq!(lines.len(), 8);
    assert!(lines[0].starts_with("00:00:00.000004 IP 10.244.1.5."), "{}", lines[0]);
    assert!(lines[0].contains(" > 10.96.20.7.80: Flags [S], seq "), "{}", lines[0]);
    assert!(lines[0].contains(", win 64240, options [mss 1460,sackOK,TS val "), "{}", lines[0]);
    assert!(lines[0].ends_with(" ecr 0,nop,wscale 7], length 0"), "{}", lines[0]);
    assert!(lines[1].contains("Flags [S.], seq ") && lines[1].contains(", ack "), "{}", lines[1]);
    assert!(lines[2].contains("Flags [.], ack 1, win 502, options [nop,nop,TS"), "{}", lines[2]);
    assert!(lines[3].contains("Flags [P.], seq 1:"), "{}", lines[3]);
    assert!(lines[3].ends_with(": HTTP: GET / HTTP/1.1"), "{}", lines[3]);
    assert!(lines[4].contains("Flags [P.], seq 1:7, ack "), "{}", lines[4]);
    assert!(lines[4].ends_with("length 6: HTTP: HTTP/1.1 200 OK"), "{}", lines[4]);
    assert!(lines[5].contains("Flags [F.], seq "), "{}", lines[5]);
    assert!(lines[7].contains("Flags [.], ack 8, win 502"), "{}", lines[7]);
}

#[test]
fn a_refusal_is_captured_as_the_nodes_error() {
    let mut lab = Lab::new(&one(&[], ""));
    let it = exchange(&mut lab, &pod(CLIENT), "10.96.20.6:80");
    let client = Tap::Pod { pod: "client".into(), device: "eth0".into() };
    let lines = capture(&it, &client, true);
    let error = &lines[1].line;
    let expected = "IP 10.244.1.1 > 10.244.1.5: ICMP 10.96.20.6 tcp port 80 unreachable, length 68";
    assert!(error.ends_with(expected), "{error}");
}
