use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::Family;

use super::*;

pub(crate) fn pod(name: &str, node: &str, ip: &str) -> Pod {
    Pod {
        id: format!("shop/{name}").into(),
        key: ObjectKey::new(Kind::Pod, "shop", name),
        node: Some(node.into()),
        ip: ip.parse().ok(),
        state: PodState::Ready,
        answers: true,
        alive: true,
        strips: vec![Strip {
            kind: ProbeKind::Readiness,
            container: None,
            results: vec![true; 5],
            failing: 0,
            threshold: 3,
            period: 5,
        }],
        restarts: 0,
        trouble: None,
        runs: Some("app".to_owned()),
        listens: vec![8080],
    }
}

fn host(name: &str, address: &str, near: bool) -> Host {
    Host { name: name.into(), address: address.parse().expect("an address"), near }
}

pub(crate) fn three_nodes() -> View {
    let node = |name: &str, address: &str| Node {
        name: name.into(),
        ip: address.parse().expect("an address"),
        bridge: Some("cni0 10.244.1.1".to_owned()),
        rules: 40,
        leads: Rc::default(),
        from: None,
        mode: Mode::default(),
        added: 0,
        removed: 0,
        synced: None,
        announces: Vec::new(),
        proxy: true,
        stale: false,
        up: true,
        cordoned: false,
        ready: Some(true),
    };
    View {
        lan: "192.168.56.0/24".to_owned(),
        router: "192.168.56.1".to_owned(),
        hosts: vec![
            host("laptop", "192.168.56.101", true),
            host("dns", "203.0.113.53", false),
            host("www.example.org", "203.0.113.80", false),
            host("db.example.org", "203.0.113.90", false),
        ],
        balancer: Some(false),
        nodes: vec![
            node("control-plane", "192.168.56.30"),
            node("worker-1", "192.168.56.31"),
            node("worker-2", "192.168.56.32"),
        ],
        pods: vec![
            pod("client", "worker-1", "10.244.1.2"),
            pod("web-1", "worker-1", "10.244.1.3"),
            pod("web-2", "worker-2", "10.244.2.2"),
            pod("web-3", "worker-2", "10.244.2.3"),
        ],
        services: Vec::new(),
    }
}

#[test]
fn rules_of_nftables_are_rules_too() {
    let mut scenario = default_scenario();
    scenario.cluster.kube_proxy.mode = Mode::Nftables;
    let mut lab = Lab::new(&scenario, 1);
    lab.run_until(Instant::START + Duration::from_secs(20));
    let node = &view_of(&lab, &View::default(), &scenario.cluster).nodes[0];
    let own = lab.network().kernel(&node.name).and_then(|it| it.balancer(Family::V4));
    let text = own.expect("kube-proxy has a table").to_string();
    let written = text.lines().filter(|it| it.starts_with("add rule ")).count();
    assert!(written > 20, "{text}");
    let of_iptables = node.from.as_ref().map_or(0, |it| it.len());
    assert_eq!(node.rules, of_iptables + written);
}
