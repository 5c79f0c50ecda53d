//! The pods' network as other plugins lay it out: tunnels between nodes, and Calico's without a
//! bridge. What packets look like at each interface, what both ends see, and what `ip` lists.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::net::capture::{Tap, capture};
use svclab_core::net::{Layout, Party};
use svclab_core::scenario::{Scenario, default_scenario};
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Event, Exchange, Place};

fn pod(name: &str, node: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\n\
         spec:\n  nodeName: {node}\n  containers: [{{name: a, image: nginx, \
         ports: [{{containerPort: 80}}]}}]\n"
    )
}

fn service(name: &str, port: u16) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  type: NodePort\n  \
         clusterIP: 10.96.20.{last}\n  selector: {{app: {name}}}\n  \
         ports: [{{port: 80, nodePort: {port}}}]\n",
        last = port - 30_000
    )
}

/// `near` runs where the client is, `far` on the other worker.
fn lab(layout: Layout) -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    scenario.cluster.pod_network = layout;
    let text = [
        pod("client", "worker-1"),
        pod("near", "worker-1"),
        pod("far", "worker-2"),
        service("near", 30_081),
        service("far", 30_082),
    ];
    let mut lab = Lab::new(&scenario, 1);
    let reply = lab.act(Action::Apply { text: text.concat() });
    assert_eq!(reply.diagnostics, []);
    lab.run_until(Instant::START + Duration::from_secs(30));
    lab
}

const LAYOUTS: [Layout; 5] =
    [Layout::HostGateway, Layout::Vxlan, Layout::Calico, Layout::CalicoIpip, Layout::CalicoVxlan];

fn client() -> Source {
    Source::Inside(ObjectKey::new(Kind::Pod, "default", "client"))
}

fn node(name: &str) -> Source {
    Source::Inside(ObjectKey::new(Kind::Node, "", name))
}

fn laptop() -> Source {
    Source::Outside { outside: "laptop".to_owned() }
}

fn ip_of(lab: &Lab, pod: &str) -> IpAddr {
    lab.network().pod(&format!("default/{pod}")).expect("the pod has an address").ip
}

fn ask(lab: &mut Lab, from: &Source, to: IpAddr, port: u16, ask: Ask) -> Rc<Exchange> {
    let (from, to) = (from.clone(), Goal::Address(to));
    lab.act(Action::Send(Sending { from, to, port, path: "/".to_owned(), ask, source_port: None }));
    lab.exchanges().last().expect("it was sent").clone()
}

/// What source address the server sees; None where nobody answers.
fn seen(lab: &mut Lab, from: &Source, to: &str, port: u16) -> Option<IpAddr> {
    let to = to.parse().expect("an address");
    match ask(lab, from, to, port, Ask::Http).result {
        Answer::Http { seen, .. } => Some(seen),
        _ => None,
    }
}

/// The sources that servers see, as the network's address of a node stands for its tunnel.
#[test]
fn what_a_server_sees_depends_on_the_device_towards_it() {
    for layout in LAYOUTS {
        let lab = &mut lab(layout);
        let own = ip_of(lab, "client").to_string();
        let tunnel = layout.tunnel(svclab_netfilter::Family::V4).is_some();
        let to_far = if tunnel { "10.244.1.0" } else { "192.168.56.31" };
        let to_near = if layout.is_bridged() { "10.244.1.1" } else { "192.168.56.31" };
        let node_1 = node("worker-1");
        let checks = [
            (client(), "10.96.20.81", 80, own.as_str()),
            (client(), "10.96.20.82", 80, own.as_str()),
            (node_1.clone(), "10.96.20.81", 80, to_near),
            (node_1, "10.96.20.82", 80, to_far),
            (laptop(), "192.168.56.31", 30_081, to_near),
            (laptop(), "192.168.56.31", 30_082, to_far),
            (client(), "192.168.56.31", 30_082, to_far),
        ];
        for (from, to, port, expected) in checks {
            let found = seen(lab, &from, to, port).map(|it| it.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{layout:?}: {from:?} to {to}:{port}");
        }
    }
}

/// A process that chose its address before the packet's way into the tunnel was known.
#[test]
fn what_a_node_sends_by_calicos_tunnel_takes_its_address() {
    let lab = &mut lab(Layout::CalicoIpip);
    let mut net = lab.network().clone();
    let far = std::net::SocketAddr::new(ip_of(lab, "far"), 80);
    let party = Party::Node("worker-1".into());
    let source = Some(IpAddr::from([192, 168, 56, 31]));
    let own = svclab_core::net::exchange::Client { source, ..party.into() };
    let mut rng = svclab_core::rng::Rng::new(1);
    let mut wire = svclab_core::net::exchange::Wire::new(&mut net, &mut rng, lab.now());
    let connection = wire.connect_within(&own, far, Duration::from_secs(1)).expect("a connection");
    assert_eq!(connection.seen.ip().to_string(), "10.244.1.0");
}

/// A pod reaches itself through its Service; without a bridge that takes no hairpin mode, and the
/// node's own address stands for it.
#[test]
fn a_pod_reaches_itself() {
    for layout in LAYOUTS {
        let lab = &mut lab(layout);
        let near = Source::Inside(ObjectKey::new(Kind::Pod, "default", "near"));
        let expected = if layout.is_bridged() { "10.244.1.1" } else { "192.168.56.31" };
        let found = seen(lab, &near, "10.96.20.81", 80).map(|it| it.to_string());
        assert_eq!(found.as_deref(), Some(expected), "{layout:?}");
    }
}

/// Hops: on one bridge none, without a bridge one; a tunnel is one link however many machines it
/// crosses.
#[test]
fn a_tunnel_is_one_link() {
    for layout in LAYOUTS {
        let lab = &mut lab(layout);
        let (near, far) = (ip_of(lab, "near"), ip_of(lab, "far"));
        let same = if layout.is_bridged() { 64 } else { 63 };
        assert_eq!(ask(lab, &client(), near, 0, Ask::Ping).result, Answer::Echoed { ttl: same });
        assert_eq!(ask(lab, &client(), far, 0, Ask::Ping).result, Answer::Echoed { ttl: 62 });
    }
}

#[test]
fn what_leaves_the_cluster_takes_the_nodes_address() {
    for layout in LAYOUTS {
        let lab = &mut lab(layout);
        let router = "192.168.56.101".parse().expect("an address");
        let it = ask(lab, &client(), router, 80, Ask::Tcp);
        let arrived = it.packets[0].steps.last().expect("it was sent").packet.src;
        assert_eq!(arrived.to_string(), "192.168.56.31", "{layout:?}");
    }
}

/// The first request's first line at a node's device, from its addresses on.
#[track_caller]
fn check_line(lab: &Lab, it: &Exchange, (node, device): (&str, &str), expected: &[&str]) {
    let tap = Tap::Node { node: node.into(), device: device.into() };
    let lines = capture(it, &tap, true);
    let first = &lines.first().unwrap_or_else(|| panic!("nothing at {node} {device}")).line;
    let client = ip_of(lab, "client").to_string();
    for part in expected {
        let part = part.replace("CLIENT", &client).replace("FAR", &ip_of(lab, "far").to_string());
        assert!(first.contains(&part), "{node} {device}: {first}");
    }
}

/// Table 13 of the tools' spec: before the node a ClusterIP, after it the pod's address; on the
/// wire of a tunnel both headers.
#[test]
fn a_tunnels_packets_are_captured_with_both_headers() {
    let flannel = &mut lab(Layout::Vxlan);
    let it = ask(flannel, &client(), "10.96.20.82".parse().expect("an address"), 80, Ask::Http);
    let both = [
        " IP 192.168.56.31.",
        " > 192.168.56.32.8472: OTV, flags [I] (0x08), overlay 0, instance 1\nIP CLIENT.",
        " > FAR.80: Flags [S], seq ",
    ];
    check_line(flannel, &it, ("worker-1", "eth0"), &both);
    check_line(flannel, &it, ("worker-2", "eth0"), &both);
    for node in ["worker-1", "worker-2"] {
        check_line(flannel, &it, (node, "flannel.1"), &[" IP CLIENT.", " > FAR.80: Flags [S]"]);
    }
    check_line(flannel, &it, ("worker-2", "cni0"), &[" IP CLIENT.", " > FAR.80: Flags [S]"]);

    let ipip = &mut lab(Layout::CalicoIpip);
    let it = ask(ipip, &client(), "10.96.20.82".parse().expect("an address"), 80, Ask::Http);
    let one_line = [" IP 192.168.56.31 > 192.168.56.32: IP CLIENT.", " > FAR.80: Flags [S]"];
    check_line(ipip, &it, ("worker-1", "eth0"), &one_line);
    let device = ipip.network().pod("default/client").expect("it runs").device.clone();
    assert!(device.starts_with("cali") && device.len() == 15, "{device}");
    check_line(ipip, &it, ("worker-1", &device), &[" IP CLIENT.", " > 10.96.20.82.80: "]);
    check_line(ipip, &it, ("worker-1", "tunl0"), &[" IP CLIENT.", " > FAR.80: "]);

    let vxlan = &mut lab(Layout::CalicoVxlan);
    let it = ask(vxlan, &client(), "10.96.20.82".parse().expect("an address"), 80, Ask::Http);
    let both = [" > 192.168.56.32.4789: VXLAN, flags [I] (0x08), vni 4096\nIP CLIENT."];
    check_line(vxlan, &it, ("worker-1", "eth0"), &both);
}

/// Segments that fit into the tunnel: what a SYN offers, and what its answer does.
#[test]
fn what_a_connection_offers_fits_into_the_tunnel() {
    let plain = ("win 64240, options [mss 1460,", "win 65160, options [mss 1460,");
    let vxlan = ("win 64860, options [mss 1410,", "win 64308, options [mss 1410,");
    let ipip = ("win 64800, options [mss 1440,", "win 64260, options [mss 1440,");
    for (layout, (syn, answer)) in LAYOUTS.into_iter().zip([plain, vxlan, plain, ipip, vxlan]) {
        let lab = &mut lab(layout);
        let far = ip_of(lab, "far");
        let it = ask(lab, &client(), far, 80, Ask::Http);
        let tap = Tap::Pod { pod: "default/client".into(), device: "eth0".into() };
        let lines = capture(&it, &tap, true);
        assert!(lines[0].line.contains(syn), "{layout:?}: {}", lines[0].line);
        assert!(lines[1].line.contains(answer), "{layout:?}: {}", lines[1].line);
    }
    // Over loopback all fits.
    let lab = &mut lab(Layout::Vxlan);
    let near = Source::Inside(ObjectKey::new(Kind::Pod, "default", "near"));
    let it = ask(lab, &near, IpAddr::from([127, 0, 0, 1]), 80, Ask::Tcp);
    let tap = Tap::Pod { pod: "default/near".into(), device: "lo".into() };
    let lines = capture(&it, &tap, true);
    assert!(lines[0].line.contains("win 65495, options [mss 65495,"), "{}", lines[0].line);
    assert!(lines[1].line.contains("win 65483, options [mss 65495,"), "{}", lines[1].line);
}

/// A tunnel's packets are the node's own: they pass its OUTPUT, and its conntrack knows them.
#[test]
fn a_tunnels_packets_are_connections_of_the_nodes() {
    let lab = &mut lab(Layout::Vxlan);
    let far = ip_of(lab, "far");
    let it = ask(lab, &client(), far, 80, Ask::Http);
    let now = lab.now();
    let list = |node: &str| {
        let kernel = lab.network().kernel(node).expect("the node is there");
        let all = kernel.conntrack.entries(now.as_millis()).map(ToString::to_string);
        all.filter(|it| it.contains("dport=8472")).collect::<Vec<_>>()
    };
    for node in ["worker-1", "worker-2"] {
        let rows = list(node);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows[0].starts_with("udp      17 src=192.168.56.31 dst=192.168.56.32"), "{rows:?}");
        assert!(rows[0].contains("[UNREPLIED]"), "{rows:?}");
    }
    let steps = &it.packets[0].steps;
    let wrapped = steps.iter().position(|it| matches!(it.event, Event::Wrapped { .. }));
    let unwrapped = steps.iter().position(|it| it.event == Event::Unwrapped);
    let (wrapped, unwrapped) = wrapped.zip(unwrapped).expect("it went through the tunnel");
    let outside = &steps[wrapped..unwrapped];
    assert!(outside.iter().any(|it| matches!(&it.place, Place::Hook { hook, .. }
        if *hook == svclab_netfilter::Hook::Output)));
    assert!(outside.iter().all(|it| it.packet.dst.to_string() == "192.168.56.32"));
    assert_eq!(steps[unwrapped].packet.dst, far);
}

/// With its other end off, what went into the tunnel is lost without a word.
#[test]
fn a_tunnel_to_a_machine_that_is_off_is_silent() {
    for layout in [Layout::Vxlan, Layout::CalicoIpip] {
        let lab = &mut lab(layout);
        let far = ip_of(lab, "far");
        lab.act(Action::SwitchMachine { node: "worker-2".to_owned(), up: false });
        let it = ask(lab, &client(), far, 80, Ask::Tcp);
        assert_eq!(it.result, Answer::TimedOut, "{layout:?}");
    }
}

#[track_caller]
fn check_routes(lab: &Lab, party: &Party, expected: &[&str]) {
    let lines: Vec<String> =
        lab.network().route_lines(party).iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected);
}

fn of_pod(lab: &Lab, name: &str) -> Party {
    Party::Pod(ip_of(lab, name))
}

/// Lists of the tools' spec §9, with the lab's addresses.
#[test]
fn ip_route_lists_what_the_plugin_wrote() {
    let worker = Party::Node("worker-1".into());
    let default = "default via 192.168.56.1 dev eth0 ";
    let wire = "192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.31 ";
    let bridge = "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 ";
    let host_gw = lab(Layout::HostGateway);
    let to = |block: &str, rest: &str| format!("{block} via {rest} ");
    check_routes(
        &host_gw,
        &worker,
        &[
            default,
            &to("10.244.0.0/24", "192.168.56.30 dev eth0"),
            bridge,
            &to("10.244.2.0/24", "192.168.56.32 dev eth0"),
            wire,
        ],
    );
    let own = ip_of(&host_gw, "client");
    check_routes(
        &host_gw,
        &of_pod(&host_gw, "client"),
        &[
            "default via 10.244.1.1 dev eth0 ",
            &format!("10.244.1.0/24 dev eth0 proto kernel scope link src {own} "),
        ],
    );
    check_routes(
        &lab(Layout::Vxlan),
        &worker,
        &[
            default,
            &to("10.244.0.0/24", "10.244.0.0 dev flannel.1 onlink"),
            bridge,
            &to("10.244.2.0/24", "10.244.2.0 dev flannel.1 onlink"),
            wire,
        ],
    );
    for (layout, one, two) in [
        (Layout::Calico, "192.168.56.30 dev eth0 proto bird", "192.168.56.32 dev eth0 proto bird"),
        (
            Layout::CalicoIpip,
            "192.168.56.30 dev tunl0 proto bird onlink",
            "192.168.56.32 dev tunl0 proto bird onlink",
        ),
        (
            Layout::CalicoVxlan,
            "10.244.0.0 dev vxlan.calico onlink",
            "10.244.2.0 dev vxlan.calico onlink",
        ),
    ] {
        let lab = lab(layout);
        let pods = lab.network().pods.values().filter(|it| &*it.node == "worker-1");
        let pods: Vec<String> =
            pods.map(|it| format!("{} dev {} scope link ", it.ip, it.device)).collect();
        let (one, two) = (to("10.244.0.0/26", one), to("10.244.2.0/26", two));
        // Where packets go by VXLAN there is no BGP, and Felix writes the route.
        let by = if layout == Layout::CalicoVxlan { "80" } else { "bird" };
        let blackhole = format!("blackhole 10.244.1.0/26 proto {by} ");
        let mut expected = vec![default, &one, &blackhole];
        expected.extend(pods.iter().map(String::as_str));
        expected.extend([two.as_str(), wire]);
        check_routes(&lab, &worker, &expected);
        let pod = ["default via 169.254.1.1 dev eth0 ", "169.254.1.1 dev eth0 scope link "];
        check_routes(&lab, &of_pod(&lab, "client"), &pod);
    }
}

#[test]
fn ip_addr_lists_the_plugins_devices_with_what_fits_into_them() {
    for (layout, devices, mtu, address) in [
        (Layout::HostGateway, "lo eth0 cni0", 1500, "10.244.1.1/24"),
        (Layout::Vxlan, "lo eth0 flannel.1 cni0", 1450, "10.244.1.0/32"),
        (Layout::Calico, "lo eth0", 1500, "192.168.56.31/24"),
        (Layout::CalicoIpip, "lo eth0 tunl0", 1480, "10.244.1.0/32"),
        (Layout::CalicoVxlan, "lo eth0 vxlan.calico", 1450, "10.244.1.0/32"),
    ] {
        let lab = lab(layout);
        let all = lab.network().devices(&Party::Node("worker-1".into()));
        let names: Vec<&str> = all.iter().map(|it| &*it.name).collect();
        let own = devices.split(' ').count();
        assert_eq!(names[..own].join(" "), devices);
        let addresses: Vec<String> =
            all.iter().flat_map(|it| &it.addresses).map(ToString::to_string).collect();
        assert!(addresses.iter().any(|it| it == address), "{layout:?}: {addresses:?}");
        let device = if own > 2 { &all[2] } else { &all[1] };
        assert_eq!(device.mtu, mtu, "{layout:?}");

        let there = lab.network().devices(&of_pod(&lab, "client"));
        let prefix = if layout.is_bridged() { 24 } else { 32 };
        assert_eq!(
            there[1].addresses[0].to_string(),
            format!("{}/{prefix}", ip_of(&lab, "client"))
        );
        assert_eq!(there[1].mtu, mtu);
        let veth = &all[there[1].peer.expect("a veth has a peer") - 1];
        assert_eq!(Some(&veth.name), lab.network().pod("default/client").map(|it| &it.device));
        assert_eq!(veth.master.as_deref(), layout.is_bridged().then_some("cni0"));
        assert_eq!(veth.mac.to_string() == "ee:ee:ee:ee:ee:ee", !layout.is_bridged());
    }
}

/// Every node is on one LAN: the tunnel is there, with its MTU for pods, and nothing goes by it.
#[test]
fn tunnels_for_other_subnets_stand_by_unused() {
    let layouts = [
        (
            Layout::VxlanDirectRouting,
            "flannel.1",
            1450,
            "10.244.2.0/24 via 192.168.56.32 dev eth0 ",
        ),
        (
            Layout::CalicoIpipCrossSubnet,
            "tunl0",
            1480,
            "10.244.2.0/26 via 192.168.56.32 dev eth0 proto bird ",
        ),
        (
            Layout::CalicoVxlanCrossSubnet,
            "vxlan.calico",
            1450,
            "10.244.2.0/26 via 192.168.56.32 dev eth0 proto 80 onlink ",
        ),
    ];
    for (layout, device, mtu, route) in layouts {
        let lab = &mut lab(layout);
        let far = ip_of(lab, "far");
        let it = ask(lab, &client(), far, 80, Ask::Http);
        assert!(matches!(it.result, Answer::Http { .. }), "{layout:?}");
        let wrapped = |it: &&svclab_core::trace::Step| matches!(it.event, Event::Wrapped { .. });
        assert!(!it.packets.iter().any(|it| it.steps.iter().any(|it| wrapped(&it))), "{layout:?}");
        let node = Party::Node("worker-1".into());
        let lines: Vec<String> =
            lab.network().route_lines(&node).iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|it| it == route), "{lines:#?}");
        let devices = lab.network().devices(&node);
        assert!(devices.iter().any(|it| *it.name == *device && it.mtu == mtu), "{layout:?}");
        assert_eq!(lab.network().devices(&of_pod(lab, "client"))[1].mtu, mtu);
        let told = lab.network().neighbours(&node);
        assert!(told.iter().all(|it| it.state.is_some()), "{told:?}");
        // From a node, the server sees the node's own address.
        let seen = seen(lab, &self::node("worker-1"), &far.to_string(), 80);
        assert_eq!(seen.map(|it| it.to_string()).as_deref(), Some("192.168.56.31"), "{layout:?}");
    }
}

#[test]
fn ip_neigh_lists_who_answered() {
    let mut calico = lab(Layout::Calico);
    let lines = |lab: &Lab, party: &Party| -> Vec<String> {
        lab.network().neighbours(party).iter().map(ToString::to_string).collect()
    };
    let client_pod = of_pod(&calico, "client");
    assert!(lines(&calico, &client_pod).is_empty());
    let near = ip_of(&calico, "near");
    ask(&mut calico, &client(), near, 80, Ask::Http);
    let gateway = "169.254.1.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee REACHABLE ";
    assert!(lines(&calico, &client_pod).contains(&gateway.to_owned()));

    let mut flannel = lab(Layout::Vxlan);
    let all = lines(&flannel, &Party::Node("worker-1".into()));
    let told: Vec<&str> =
        all.iter().filter(|it| it.ends_with("PERMANENT ")).map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "10.244.0.0 dev flannel.1 lladdr 66:0c:0a:f4:00:00 PERMANENT ",
            "10.244.2.0 dev flannel.1 lladdr 66:0c:0a:f4:02:00 PERMANENT "
        ]
    );
    let (near, far) = (ip_of(&flannel, "near"), ip_of(&flannel, "far"));
    ask(&mut flannel, &client(), near, 80, Ask::Http);
    ask(&mut flannel, &client(), far, 80, Ask::Http);
    let pod = lines(&flannel, &of_pod(&flannel, "client"));
    assert!(pod[0].starts_with("10.244.1.1 dev eth0 lladdr 0e:58:0a:f4:01:01 "), "{pod:?}");
    assert!(pod[1].starts_with(&format!("{near} dev eth0 lladdr 4a:1f:")), "{pod:?}");
    assert_eq!(pod.len(), 2);
}

#[test]
fn a_scenario_says_how_the_network_is_laid_out() {
    let text = include_str!("../../../scenarios/first-packet.yaml");
    for (word, layout) in [
        ("vxlan", Layout::Vxlan),
        ("calicoIpip", Layout::CalicoIpip),
        ("calicoVxlanCrossSubnet", Layout::CalicoVxlanCrossSubnet),
        ("vxlanDirectRouting", Layout::VxlanDirectRouting),
    ] {
        let text = format!("{text}cluster:\n  podNetwork: {word}\n");
        let scenario = Scenario::parse(&text).expect("a scenario");
        assert_eq!(scenario.cluster.pod_network, layout);
    }
    assert_eq!(default_scenario().cluster.pod_network, Layout::HostGateway);
}
