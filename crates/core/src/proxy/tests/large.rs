//! What a kube-proxy does over time where endpoints are many: rows M10 to M12 of the packet cases.

use std::rc::Rc;

use super::{node_a, objects};
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, Objects};
use crate::proxy::*;
use crate::time::{Duration, Instant};
use svclab_netfilter::{Family, RuleSet};

/// A node's kube-proxy that has heard of some Services, and its kernel.
struct Node {
    objects: Objects,
    watch: Watch,
    proxier: Proxier,
    kernel: Rc<RuleSet>,
    now: Instant,
}

/// A Service with so many endpoints; `range` makes their addresses its own.
fn service(name: &str, range: usize, endpoints: usize) -> String {
    let address = |it: usize| format!("10.{}.{}.{}", 200 + range, it / 250, it % 250 + 1);
    let endpoints = (0..endpoints).map(|it| format!("- {{addresses: [{}]}}\n", address(it)));
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{type: NodePort, clusterIP: 10.96.0.{range}, \
         ports: [{{port: 80, nodePort: {}}}]}}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: {name}-1, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}\n\
         addressType: IPv4\nports: [{{port: 8080}}]\nendpoints:\n{}",
        30_000 + range,
        endpoints.collect::<String>()
    )
}

impl Node {
    fn new(text: &str) -> Node {
        let watch = Watch::new(node_a());
        let proxier = Proxier::new("node-a", &watch);
        let kernel = Rc::new(RuleSet::builtin());
        let now = Instant::START;
        let mut res = Node { objects: Objects::default(), watch, proxier, kernel, now };
        res.write(text);
        assert!(res.sync_after(1).full);
        res
    }

    fn write(&mut self, text: &str) {
        let all: Vec<Object> = objects(text).iter().map(|it| it.1.clone()).collect();
        for object in all {
            let key = object.key();
            self.objects.insert(object);
            self.tell(&key);
        }
    }

    fn delete(&mut self, name: &str) {
        let slice = ObjectKey::new(Kind::EndpointSlice, "shop", format!("{name}-1"));
        for key in [ObjectKey::new(Kind::Service, "shop", name), slice] {
            self.objects.remove(&key);
            self.tell(&key);
        }
    }

    fn tell(&mut self, key: &ObjectKey) {
        let services = self.watch.hear(key, &self.objects);
        self.proxier.changed(&services);
    }

    fn sync_after(&mut self, seconds: u64) -> Report {
        self.now = self.now + Duration::from_secs(seconds);
        self.proxier.sync(&mut self.watch, &self.objects, &mut self.kernel, self.now)
    }

    /// The kernel's nat rules of a Service's own chains that have a comment, and those without.
    fn comments(&self, range: usize) -> (usize, usize) {
        let to = format!("--to-destination 10.{}.", 200 + range);
        let text = self.kernel.save(Family::V4);
        let rules = text.lines().filter(|it| it.contains(&to));
        let with = rules.clone().filter(|it| it.contains("--comment")).count();
        (with, rules.count() - with)
    }

    /// Chains of Services, and rules that lead to them.
    fn chains(&self) -> (usize, usize) {
        let text = self.kernel.save(Family::V4);
        let kinds = [":KUBE-SVC-", ":KUBE-EXT-", ":KUBE-SEP-"];
        let chains = text.lines().filter(|it| kinds.iter().any(|kind| it.starts_with(kind)));
        let ways = text.lines().filter(|it| {
            it.starts_with("-A KUBE-SERVICES -d") || it.starts_with("-A KUBE-NODEPORTS")
        });
        (chains.count(), ways.count())
    }
}

/// M10: crossing the threshold rewrites nobody else.
#[test]
fn only_a_service_that_is_written_loses_its_comments() {
    let mut node = Node::new(&service("old", 1, 600));
    node.write(&service("new", 2, 401));
    assert!(!node.sync_after(5).full);
    assert_eq!(node.comments(1), (600, 0));
    assert_eq!(node.comments(2), (0, 401));
}

/// M11: with no more than 1,000 endpoints the chains go with their Service.
#[test]
fn chains_of_a_deleted_service_go_at_once() {
    let mut node = Node::new(&format!("{}---\n{}", service("a", 1, 3), service("b", 2, 2)));
    assert_eq!(node.chains(), (2 + 3 + 2 + 2, 4));
    node.delete("a");
    assert!(!node.sync_after(5).full);
    assert_eq!(node.chains(), (2 + 2, 2));
}

/// M12: where there are more, chains are looked for every 30 s; the rules that lead to them go at
/// once.
#[test]
fn chains_of_a_deleted_service_stay_a_while_in_a_large_cluster() {
    let mut node = Node::new(&format!("{}---\n{}", service("a", 1, 3), service("b", 2, 1001)));
    node.delete("a");
    assert!(!node.sync_after(5).full);
    assert_eq!(node.chains(), (2 + 3 + 2 + 1001, 2));
    node.write(&service("c", 3, 1));
    node.sync_after(24);
    assert_eq!(node.chains(), (2 + 3 + 2 + 1001 + 2 + 1, 4), "29 s after the last look");
    node.delete("c");
    node.sync_after(2);
    assert_eq!(node.chains(), (2 + 1001, 2));
}
