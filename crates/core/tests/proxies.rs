//! Each node's kube-proxy in the lab: it can be slow, stopped and started again.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::log::{Entry, Happening};
use svclab_core::lab::{Action, Lab, Sending};
use svclab_core::proxy;
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

/// In nftables mode an address of the Services' range that nobody has is dropped; the lab knows the
/// range from its cluster.
#[test]
fn a_kube_proxy_knows_the_ranges_of_its_cluster() {
    let lab = lab();
    let settings = lab.proxy_settings("worker-1", Family::V4).expect("its node is there");
    assert_eq!((settings.node.as_str(), &*settings.cluster_cidr), ("worker-1", "10.244.0.0/16"));
    let modern = proxy::Settings { version: proxy::Version::Modern, ..settings };
    let text = proxy::nftables(lab.objects(), &modern).table.to_string();
    assert!(text.contains("ip daddr { 10.96.0.0/12 } drop"), "{text}");
    assert_eq!(lab.proxy_settings("worker-1", Family::V6), None);
    assert_eq!(lab.proxy_settings("nobody", Family::V4), None);
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

fn load(lab: &mut Lab, text: &str, noflush: bool) {
    let node = "worker-1".into();
    lab.act(Action::LoadRules { node, text: text.to_owned(), noflush, ipv6: false });
}

fn add_service(lab: &mut Lab, name: &str) {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
         spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n"
    );
    assert_eq!(lab.act(Action::Apply { text }).diagnostics, []);
}

fn noticed(lab: &Lab) -> usize {
    let noticed = |it: &&Entry| matches!(it.what, Happening::FlushNoticed { .. });
    lab.log().iter().filter(noticed).count()
}

fn failures(lab: &Lab) -> usize {
    let failed = |it: &&Entry| matches!(it.what, Happening::RestoreFailed { .. });
    lab.log().iter().filter(failed).count()
}

const RELOAD: &str = "*mangle\nCOMMIT\n*nat\nCOMMIT\n*filter\nCOMMIT\n";

/// As a firewall's reload does it; other plugins' rules are gone as well.
#[test]
fn m13_a_flush_of_all_tables_is_noticed_and_repaired_within_the_period() {
    let mut lab = lab();
    let own = |lab: &Lab| -> Vec<String> {
        let text = saved(lab, "worker-1");
        text.lines().filter(|it| it.contains("KUBE-")).map(ToOwned::to_owned).collect()
    };
    let before = own(&lab);
    load(&mut lab, RELOAD, false);
    assert_eq!(own(&lab), Vec::<String>::new());
    lab.run_until(seconds(20 + 36));
    assert_eq!((own(&lab), noticed(&lab)), (before, 1));
}

#[test]
fn m13_the_other_tables_are_waited_for() {
    let mut lab = lab();
    load(&mut lab, "*mangle\nCOMMIT\n", false);
    let before = saved(&lab, "worker-1");
    let canary = |lab: &Lab| saved(lab, "worker-1").matches("KUBE-PROXY-CANARY").count();
    assert_eq!(canary(&lab), 2);
    lab.run_until(seconds(20 + 36));
    assert_eq!((canary(&lab), noticed(&lab)), (3, 1));
    assert_ne!(saved(&lab, "worker-1"), before);
}

#[test]
fn m13b_a_flush_of_one_table_alone_is_not_noticed() {
    let mut lab = lab();
    load(&mut lab, "*nat\n-F\nCOMMIT\n", true);
    add_service(&mut lab, "other");
    lab.run_until(seconds(120));
    let text = saved(&lab, "worker-1");
    let nat = text.split("*nat").nth(1).expect("a nat table");
    assert!(nat.contains("-A KUBE-SERVICES -d"), "the chains that are shared are written");
    assert!(!nat.contains("-A PREROUTING") && !nat.contains("-A OUTPUT"), "{nat}");
    assert!(nat.contains(":KUBE-SVC-") && !nat.contains("-A KUBE-SVC-"), "{nat}");
    assert_eq!((noticed(&lab), failures(&lab)), (0, 0));
}

#[test]
fn m13c_a_partial_restore_into_missing_chains_fails_and_the_next_sync_is_full() {
    let mut lab = lab();
    load(&mut lab, "*nat\nCOMMIT\n", false);
    add_service(&mut lab, "other");
    lab.run_until(seconds(25));
    let nat = |lab: &Lab| {
        let text = saved(lab, "worker-1");
        text.split("*nat").nth(1).expect("a nat table").matches("-A KUBE-").count()
    };
    assert_eq!((nat(&lab), failures(&lab)), (0, 1));
    lab.run_until(seconds(60));
    assert!(nat(&lab) > 20 && saved(&lab, "worker-1").contains("-A PREROUTING"));
    assert_eq!((failures(&lab), noticed(&lab)), (1, 0));
}

#[test]
fn m14_after_a_failure_the_next_change_writes_everything() {
    let mut lab = lab();
    load(&mut lab, "*nat\nCOMMIT\n", false);
    add_service(&mut lab, "one");
    lab.run_until(seconds(25));
    assert_eq!(failures(&lab), 1);
    add_service(&mut lab, "two");
    lab.run_until(seconds(30));
    let kube = |node: &str| -> Vec<String> {
        let text = saved(&lab, node);
        text.lines().filter(|it| it.contains("KUBE-")).map(ToOwned::to_owned).collect()
    };
    assert_eq!(kube("worker-1"), kube("worker-2"));
}
