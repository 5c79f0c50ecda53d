//! Neighbour tables over time, as a real kernel's went in network namespaces (Linux 6.18: `ip monitor
//! neigh` beside a server whose cable was cut).

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::net::Party;
use svclab_core::net::capture::{Tap, questions};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange, Loss, Place, Verdict};
use svclab_netfilter::Hook;

/// `client` and `near` run on worker-1, `far` on worker-2.
fn lab() -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let pods = [("client", "worker-1"), ("near", "worker-1"), ("far", "worker-2")];
    let text: String = pods
        .iter()
        .map(|(name, node)| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  nodeName: \
                 {node}\n  containers: [{{name: a, image: nginx, ports: [{{containerPort: 80}}]}}]\n"
            )
        })
        .collect();
    let mut lab = Lab::new(&scenario, 1);
    assert_eq!(lab.act(Action::Apply { text }).diagnostics, []);
    lab.run_until(Instant::START + Duration::from_secs(30));
    lab
}

fn ip_of(lab: &Lab, pod: &str) -> IpAddr {
    lab.network().pod(&format!("default/{pod}")).expect("the pod has an address").ip
}

fn get(lab: &mut Lab, from: &Source, to: IpAddr) -> Rc<Exchange> {
    ask(lab, from, to, Ask::Http)
}

fn ask(lab: &mut Lab, from: &Source, to: IpAddr, ask: Ask) -> Rc<Exchange> {
    let (from, to) = (from.clone(), Goal::Address(to));
    let path = "/".to_owned();
    let sending = Sending { from, to, port: 80, path, ask, source_port: None };
    lab.act(Action::Send(sending));
    lab.exchanges().last().expect("it was sent").clone()
}

fn client() -> Source {
    Source::Inside(ObjectKey::new(Kind::Pod, "default", "client"))
}

fn worker(name: &str) -> Party {
    Party::Node(name.into())
}

/// What `ip neigh` on a machine says of an address, without the MAC address.
#[track_caller]
fn check(lab: &Lab, party: &Party, ip: IpAddr, expected: &str) {
    let all = lab.network().neighbours(party);
    let found = all.iter().find(|it| it.ip == ip).map(|it| it.state.map_or("", |it| it.name()));
    assert_eq!(found.unwrap_or("-"), expected, "{ip} at {:?}: {all:?}", lab.now());
}

fn wait(lab: &mut Lab, seconds: u64) {
    let at = lab.now() + Duration::from_secs(seconds);
    lab.run_until(at);
}

fn delete(lab: &mut Lab, pod: &str) {
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Pod, "default", pod) });
}

/// worker-2 only forwards: nothing tells it that the pod is still there but ARP.
#[test]
fn an_entry_of_a_node_that_forwards_grows_old() {
    let lab = &mut lab();
    let (far, node) = (ip_of(lab, "far"), worker("worker-2"));
    check(lab, &node, far, "-");
    get(lab, &client(), far);
    check(lab, &node, far, "REACHABLE");
    wait(lab, 29);
    check(lab, &node, far, "REACHABLE");
    wait(lab, 2);
    check(lab, &node, far, "STALE");
    get(lab, &client(), far);
    check(lab, &node, far, "DELAY");
    wait(lab, 6);
    check(lab, &node, far, "REACHABLE");
}

/// Who was asked knows who asked, and asks back when it has used that for five seconds.
#[test]
fn who_was_asked_asks_back() {
    let lab = &mut lab();
    let (near, pod) = (ip_of(lab, "near"), Party::Pod(ip_of(lab, "client")));
    get(lab, &client(), near);
    check(lab, &pod, near, "REACHABLE");
    let server = Party::Pod(near);
    check(lab, &server, ip_of(lab, "client"), "DELAY");
    wait(lab, 6);
    // TCP's acknowledgements have said enough.
    check(lab, &server, ip_of(lab, "client"), "REACHABLE");
}

/// Another pod keeps the bridge up, so the node goes on sending to the old MAC address.
#[test]
fn a_pod_that_has_just_been_talked_to_is_not_missed_at_once() {
    let lab = &mut lab();
    let (near, node) = (ip_of(lab, "near"), worker("worker-1"));
    let laptop = Source::Inside(ObjectKey::new(Kind::Node, "", "worker-2"));
    get(lab, &laptop, near);
    delete(lab, "near");
    wait(lab, 35);
    assert!(lab.network().pod("default/near").is_none());
    check(lab, &node, near, "STALE");
    let lost = get(lab, &laptop, near);
    assert_eq!(lost.packets[0].verdict, Verdict::Lost(Loss::NeighbourGone));
    // The SYN of 15 s finds that nobody has answered, and waits for three more questions.
    assert_eq!(lost.result, Answer::NoRoute);
    assert_eq!((lost.ended - lost.at).as_secs(), 18);
    wait(lab, 30);
    check(lab, &node, near, "FAILED");
    let lost = get(lab, &laptop, near);
    assert_eq!((lost.result.clone(), (lost.ended - lost.at).as_secs()), (Answer::NoRoute, 3));
}

/// The last port of a bridge takes its carrier with it.
#[test]
fn a_bridge_without_ports_knows_nobody() {
    let lab = &mut lab();
    let (far, node) = (ip_of(lab, "far"), worker("worker-2"));
    get(lab, &client(), far);
    check(lab, &node, far, "REACHABLE");
    delete(lab, "far");
    wait(lab, 35);
    check(lab, &node, far, "-");
    let lost = get(lab, &client(), far);
    assert_eq!((lost.result.clone(), (lost.ended - lost.at).as_secs()), (Answer::NoRoute, 3));
}

#[test]
fn a_machine_without_power_is_missed_after_a_while() {
    let lab = &mut lab();
    let (far, node) = (ip_of(lab, "far"), worker("worker-1"));
    let other = lab.network().node("worker-2").expect("a node").addresses.primary;
    get(lab, &client(), far);
    lab.act(Action::SwitchMachine { node: "worker-2".into(), up: false });
    let lost = get(lab, &client(), far);
    assert_eq!(lost.packets[0].verdict, Verdict::Lost(Loss::MachineDown));
    wait(lab, 70);
    check(lab, &node, other, "FAILED");
    let lost = get(lab, &client(), far);
    assert_eq!((lost.result.clone(), (lost.ended - lost.at).as_secs()), (Answer::NoRoute, 3));
}

/// Each kubelet talks to the API server all the time.
#[test]
fn a_worker_knows_the_control_plane_until_that_is_off() {
    let lab = &mut lab();
    let own = lab.network().node("control-plane").expect("a node").addresses.primary;
    let node = worker("worker-1");
    check(lab, &node, own, "REACHABLE");
    wait(lab, 500);
    check(lab, &node, own, "REACHABLE");
    lab.act(Action::SwitchMachine { node: "control-plane".into(), up: false });
    wait(lab, 45);
    check(lab, &node, own, "FAILED");
}

#[test]
fn tcpdump_sees_the_questions() {
    let lab = &mut lab();
    let (near, own) = (ip_of(lab, "near"), ip_of(lab, "client"));
    get(lab, &client(), near);
    let at = |tap: &Tap| -> Vec<String> {
        let (lines, _) = questions(lab.network(), tap, 0);
        lines.iter().map(|it| it.line.split_once(' ').map_or("", |it| it.1).to_owned()).collect()
    };
    let pod =
        |name: &str| Tap::Pod { pod: format!("default/{name}").into(), device: "eth0".into() };
    let both = [
        format!("ARP, Request who-has {near} tell {own}, length 28"),
        format!("ARP, Reply {near} is-at 4a:1f:0a:f4:01:{:02x}, length 28", last(near)),
    ];
    assert_eq!(at(&pod("client")), both);
    assert_eq!(at(&pod("near")), both);
    assert_eq!(at(&Tap::Node { node: "worker-1".into(), device: "cni0".into() }), both);
    assert!(at(&pod("far")).is_empty());
    assert!(at(&Tap::Node { node: "worker-1".into(), device: "eth0".into() }).is_empty());
}

fn last(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    }
}

/// The address of a Service whose only endpoint is one that no pod has.
fn service_of(lab: &mut Lab, vacant: &str) -> IpAddr {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: stale}}\nspec:\n  clusterIP: 10.96.7.7\n  \
         ports: [{{name: t, port: 80}}, {{name: u, port: 80, protocol: UDP}}]\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: stale-1\n  \
         labels: {{kubernetes.io/service-name: stale}}\naddressType: IPv4\nports: [{{name: t, port: \
         80}}, {{name: u, port: 80, protocol: UDP}}]\nendpoints: [{{addresses: [{vacant}]}}]\n"
    );
    assert_eq!(lab.act(Action::Apply { text }).diagnostics, []);
    wait(lab, 5);
    "10.96.7.7".parse().expect("an address")
}

/// Conntrack translates the error back, and its sender with it (`nf_nat_icmp_reply_translation`).
#[track_caller]
fn check_error(found: &Exchange, from: IpAddr) {
    assert_eq!(found.result, Answer::NoRoute);
    let last = found.packets.last().and_then(|it| it.steps.last());
    assert_eq!(last.map(|it| it.packet.src), Some(from));
}

#[test]
fn that_nobody_is_at_an_endpoint_comes_from_the_services_address() {
    let lab = &mut lab();
    let service = service_of(lab, "10.244.2.77");
    check_error(&get(lab, &client(), service), service);
    let worker = Source::Inside(ObjectKey::new(Kind::Node, "", "worker-1"));
    wait(lab, 60);
    check_error(&get(lab, &worker, service), service);
}

#[test]
fn a_frame_waits_for_the_address_of_its_new_port_before_forward() {
    let lab = &mut lab();
    let service = service_of(lab, "10.244.1.77");
    let found = get(lab, &client(), service);
    check_error(&found, service);
    let hooks = found.packets[0].steps.iter().filter_map(|it| match it.place {
        Place::Hook { hook, .. } => Some(hook),
        _ => None,
    });
    assert!(hooks.eq([Hook::Prerouting]), "{:?}", found.packets[0].steps);
}

/// As a real kernel's sockets: an unreachable host is no fatal error (`icmp_err_convert`).
#[test]
fn a_socket_of_udp_does_not_hear_that_nobody_is_there() {
    let lab = &mut lab();
    let service = service_of(lab, "10.244.2.77");
    let found = ask(lab, &client(), service, Ask::Udp);
    assert_eq!(found.result, Answer::TimedOut);
    assert_eq!(found.packets.len(), 2, "the error came all the same");
}

#[test]
fn a_ping_hears_that_nobody_is_there() {
    let lab = &mut lab();
    let vacant: IpAddr = "10.244.2.77".parse().expect("an address");
    check_error(
        &ask(lab, &client(), vacant, Ask::Ping),
        "192.168.56.32".parse().expect("an address"),
    );
}
