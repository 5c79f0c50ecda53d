//! Which UDP connections a sync makes the kernel forget (spec §10).

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_netfilter::{Conntrack, L4, Packet, RuleSet};

use super::{node_a, objects};
use crate::key::ObjectKey;
use crate::object::{Object, Objects};
use crate::proxy::*;
use crate::time::Instant;

/// A UDP Service that can be reached by addresses of all kinds, with these endpoints: each an
/// address and its conditions.
fn dns(endpoints: &[(&str, &str)]) -> String {
    let line = |(ip, conditions): &(&str, &str)| {
        format!("- {{addresses: [{ip}], conditions: {{{conditions}}}}}\n")
    };
    let endpoints: String = endpoints.iter().map(line).collect();
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: dns, namespace: shop}}\n\
         spec: {{type: LoadBalancer, clusterIP: 10.96.0.10, externalIPs: [192.0.2.44], \
         ports: [{{port: 53, nodePort: 30053, protocol: UDP}}]}}\n\
         status: {{loadBalancer: {{ingress: [{{ip: 198.51.100.20}}]}}}}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: dns-1, namespace: shop, labels: {{kubernetes.io/service-name: dns}}}}\n\
         addressType: IPv4\nports: [{{port: 5353, protocol: UDP}}]\nendpoints:\n{endpoints}"
    )
}

/// Syncs `before`, then `after`: which of the connections, each `to -> endpoint`, go.
#[track_caller]
fn check(version: Version, before: &str, after: &str, forgotten: &[&str]) {
    let mut watch = Watch::new(Settings { version, ..node_a() });
    let mut proxier = Proxier::new("node-a", &watch);
    let mut kernel = Rc::new(RuleSet::builtin());
    let mut known = Objects::default();
    let mut stale = StaleConnections::default();
    for text in [before, after] {
        let now: Vec<Object> = objects(text).iter().map(|it| it.1.clone()).collect();
        let keys: Vec<ObjectKey> =
            known.keys().cloned().chain(now.iter().map(Object::key)).collect();
        known = now.into_iter().collect();
        for key in keys {
            proxier.changed(&watch.hear(&key, &known));
        }
        stale = proxier.sync(&mut watch, &known, &mut kernel, Instant::START).stale_connections;
    }
    let gone = CONNECTIONS.iter().filter(|it| stale.contains(&entry(it)));
    assert_eq!(gone.copied().collect::<Vec<&str>>(), forgotten);
}

const CONNECTIONS: [&str; 7] = [
    "10.96.0.10:53 -> 10.244.1.2:5353",
    "10.96.0.10:53 -> 10.244.2.2:5353",
    "10.96.0.10:53 -> 10.96.0.10:53",
    "192.0.2.44:53 -> 10.244.1.2:5353",
    "198.51.100.20:53 -> 10.244.1.2:5353",
    "192.168.10.11:30053 -> 10.244.1.2:5353",
    "10.96.0.20:53 -> 10.244.1.2:5353",
];

/// A pod's connection as the kernel has it after DNAT.
fn entry(connection: &str) -> svclab_netfilter::Entry {
    let (to, endpoint) = connection.split_once(" -> ").expect("an arrow");
    let address = |it: &str| it.parse::<SocketAddr>().expect("an address");
    let ports = L4::Udp { sport: 40_000, dport: address(to).port() };
    let packet = Packet::new(IpAddr::from([10, 244, 1, 9]), address(to).ip(), ports);
    let mut entry = Conntrack::default().look_up(&packet, 0).entry;
    entry.reply.src = address(endpoint);
    entry
}

const TO_FIRST: &str = CONNECTIONS[0];
const TO_SECOND: &str = CONNECTIONS[1];
const NOWHERE: &str = CONNECTIONS[2];
const EXTERNAL: &str = CONNECTIONS[3];
const BALANCED: &str = CONNECTIONS[4];
const NODE_PORT: &str = CONNECTIONS[5];

const FIRST: (&str, &str) = ("10.244.1.2", "");
const SECOND: (&str, &str) = ("10.244.2.2", "");
const UNREADY: &str = "ready: false, serving: false";
const WINDING_DOWN: &str = "ready: false, serving: true, terminating: true";

#[test]
fn connections_to_an_endpoint_that_is_gone_go_from_every_frontend() {
    let (before, after) = (dns(&[FIRST, SECOND]), dns(&[SECOND]));
    check(Version::V1_30, &before, &after, &[TO_FIRST, EXTERNAL, BALANCED, NODE_PORT]);
    let modern = [TO_FIRST, NOWHERE, EXTERNAL, BALANCED, NODE_PORT];
    check(Version::Modern, &before, &after, &modern);
}

#[test]
fn newer_releases_do_not_wait_until_an_unready_endpoint_is_gone() {
    let (before, after) = (dns(&[FIRST, SECOND]), dns(&[(FIRST.0, UNREADY), SECOND]));
    check(Version::V1_30, &before, &after, &[]);
    let modern = [TO_FIRST, NOWHERE, EXTERNAL, BALANCED, NODE_PORT];
    check(Version::Modern, &before, &after, &modern);
    check(Version::V1_30, &after, &dns(&[SECOND]), &[]);
}

#[test]
fn a_pod_that_winds_down_keeps_its_connections() {
    let (before, after) = (dns(&[FIRST, SECOND]), dns(&[(FIRST.0, WINDING_DOWN), SECOND]));
    check(Version::V1_30, &before, &after, &[]);
    check(Version::Modern, &before, &after, &[NOWHERE]);
}

#[test]
fn newer_releases_let_a_service_be_that_nobody_serves() {
    let (before, after) = (dns(&[FIRST]), dns(&[]));
    check(Version::V1_30, &before, &after, &[TO_FIRST, EXTERNAL, BALANCED, NODE_PORT]);
    check(Version::Modern, &before, &after, &[]);
}

#[test]
fn the_first_endpoint_ends_what_came_before_it() {
    let (before, after) = (dns(&[]), dns(&[FIRST]));
    let all = [TO_FIRST, TO_SECOND, NOWHERE, EXTERNAL, BALANCED, NODE_PORT];
    check(Version::V1_30, &before, &after, &all);
    check(Version::Modern, &before, &after, &[TO_SECOND, NOWHERE]);
}
