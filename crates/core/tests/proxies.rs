//! Each node's kube-proxy in the lab: it can be slow, stopped and started again.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Lab};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::Family;

fn seconds(n: u64) -> Instant {
    Instant::START + Duration::from_secs(n)
}

fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(seconds(20));
    lab
}

/// The node's rules, with the same word for its own range on every node.
fn saved(lab: &Lab, node: &str) -> String {
    let rules = lab.rules(node).expect("the node exists").rules;
    let range = lab.network().node(node).expect("the node exists").pod_cidrs;
    rules.save(Family::V4).replace(&range.to_string(), "PODS")
}

fn delete_web(lab: &mut Lab) {
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Service, "shop", "web") });
}

fn switch(lab: &mut Lab, running: bool) {
    lab.act(Action::SwitchProxy { node: "worker-1".into(), running });
}

#[test]
fn a_stopped_kube_proxy_leaves_its_rules_and_cleans_up_when_it_starts_again() {
    let mut lab = lab();
    let before = saved(&lab, "worker-1");
    assert!(before.contains("shop/web"));
    switch(&mut lab, false);
    delete_web(&mut lab);
    lab.run_until(seconds(60));
    assert_eq!(saved(&lab, "worker-1"), before);
    assert_eq!(lab.rules("worker-1").map(|it| it.running), Some(false));
    assert!(!saved(&lab, "worker-2").contains("shop/web"));

    switch(&mut lab, true);
    lab.run_until(seconds(70));
    assert_eq!(saved(&lab, "worker-1"), saved(&lab, "worker-2"));
}

#[test]
fn a_slow_kube_proxy_has_stale_rules_for_that_long() {
    let mut lab = lab();
    let delay = Duration::from_secs(9);
    lab.act(Action::SetProxyDelay { node: "worker-1".into(), delay });
    let before = saved(&lab, "worker-1");
    delete_web(&mut lab);
    lab.run_until(seconds(28));
    assert_eq!(saved(&lab, "worker-1"), before);
    assert!(!saved(&lab, "worker-2").contains("shop/web"));
    lab.run_until(seconds(30));
    assert_eq!(saved(&lab, "worker-1"), saved(&lab, "worker-2"));
}
