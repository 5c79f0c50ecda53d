//! Each node's kube-proxy in the lab: it can be slow, stopped and started again.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Lab, Sending};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_netfilter::{Family, RuleRef, TableName};

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

/// Each sync writes the chains that Services share, and the changed Service's own.
#[test]
fn the_counters_of_chains_that_are_written_begin_anew() {
    let mut lab = lab();
    let client = ObjectKey::new(Kind::Pod, "shop", "client");
    let web = ObjectKey::new(Kind::Service, "shop", "web");
    lab.act(Action::Send(Sending::http(client, web, 80, "/")));
    let counted = |lab: &Lab, chain: &str| {
        let kernel = lab.network().kernel("worker-1").expect("a kernel");
        let chains = &kernel.rules.tables[&TableName::Nat].chains;
        let of = chains.iter().filter(|(name, _)| name.as_str().starts_with(chain));
        let at = |chain, index| RuleRef { table: TableName::Nat, chain, index };
        let rules =
            of.flat_map(|(name, it)| (0..it.rules.len()).map(move |index| at(*name, index)));
        rules.map(|it| kernel.counters.of_rule(&kernel.rules, it).packets).sum::<u64>()
    };
    let found = ["PREROUTING", "KUBE-SERVICES", "KUBE-SVC", "KUBE-SEP"].map(|it| counted(&lab, it));
    assert_eq!(found, [1, 1, 1, 1]);

    let text =
        "apiVersion: v1\nkind: Service\nmetadata: {name: other}\nspec: {ports: [{port: 80}]}\n";
    lab.act(Action::Apply { text: text.to_owned() });
    lab.run_until(seconds(25));
    let found = ["PREROUTING", "KUBE-SERVICES", "KUBE-SVC", "KUBE-SEP"].map(|it| counted(&lab, it));
    assert_eq!(found, [1, 0, 1, 1], "only the shared chains were written");
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
