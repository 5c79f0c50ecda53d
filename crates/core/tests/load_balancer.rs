//! The load balancer over time: addresses given and freed, nodes that answer for them, and the
//! addresses that ingress-nginx shows.

use std::fmt::Write;

use expect_test::{Expect, expect};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::event::{Event, events};
use svclab_core::lab::{Action, Lab};
use svclab_core::object::{Object, Service};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

/// The first scenario with this load balancer, at 20 s.
fn lab(balancer: &str) -> Lab {
    let mut scenario = default_scenario();
    scenario.cluster.load_balancer = serde_yaml::from_str(balancer).expect("a load balancer");
    let mut lab = Lab::new(&scenario, 1);
    lab.run_until(at(20));
    lab
}

fn wait(lab: &mut Lab, seconds: u64) {
    lab.run_until(lab.now() + Duration::from_secs(seconds));
}

/// Services of the shop as `name spec`; those whose name begins with `web` lead to the web's pods.
fn apply(lab: &mut Lab, services: &[(&str, &str)]) {
    for (name, spec) in services {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}], {spec}}}\n"
        );
        let reply = lab.act(Action::Apply { text });
        assert_eq!(reply.diagnostics, []);
        wait(lab, 1);
    }
}

fn annotate(lab: &mut Lab, name: &str, annotations: &str) {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop, annotations: \
         {annotations}}}\nspec: {{type: LoadBalancer, selector: {{app: web}}, ports: [{{port: 80, \
         targetPort: 8080}}]}}\n"
    );
    assert_eq!(lab.act(Action::Apply { text }).diagnostics, []);
    wait(lab, 1);
}

fn delete(lab: &mut Lab, name: &str) {
    lab.act(Action::Delete { key: ObjectKey::new(Kind::Service, "shop", name) });
    wait(lab, 1);
}

fn switch(lab: &mut Lab, node: &str, up: bool) {
    lab.act(Action::SwitchMachine { node: node.into(), up });
}

/// One line for each LoadBalancer: its addresses, and who answers for them.
#[track_caller]
fn check(lab: &Lab, expected: &Expect) {
    let mut text = String::new();
    let services = lab.objects().in_namespace(Kind::Service, "shop").filter_map(Object::as_service);
    for service in services.filter(|it| it.spec.r#type == "LoadBalancer") {
        writeln!(text, "{}: {}", service.metadata.name, addresses(lab, service)).expect("a text");
    }
    expected.assert_eq(&text);
}

fn addresses(lab: &Lab, service: &Service) -> String {
    let ingress = &service.status.load_balancer.ingress;
    let texts = ingress.iter().map(|it| {
        let node = lab.announced().get(&it.ip.parse().expect("an address"));
        let mode = it.ip_mode.as_deref().unwrap_or("none");
        format!("{} {mode} from {}", it.ip, node.map_or("nobody", |it| it))
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { "<pending>".to_owned() } else { texts.join(", ") }
}

/// The Events of a component about anything, as `kubectl get events` shows them.
#[track_caller]
fn check_events(lab: &Lab, component: &str, expected: &Expect) {
    let events = events(lab.log(), lab.now());
    let own = events.into_iter().filter(|it| it.event.component.name().starts_with(component));
    let line = |count: u32, it: &Event| {
        let kind = if it.warning { "Warning" } else { "Normal" };
        format!("{kind} {} x{count} {}: {}\n", it.reason, it.regarding.name, it.message)
    };
    let text: String = own.map(|it| line(it.count, &it.event)).collect();
    expected.assert_eq(&text);
}

const POOL: &str = "{pool: 192.168.56.200-192.168.56.201}";
const LB: &str = "type: LoadBalancer";

#[test]
fn without_a_load_balancer_a_service_waits_until_it_is_switched_on() {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(at(20));
    apply(&mut lab, &[("web-a", LB)]);
    wait(&mut lab, 600);
    check(
        &lab,
        &expect![[r#"
        web-a: <pending>
    "#]],
    );
    check_events(&lab, "metallb", &expect![[""]]);
    lab.act(Action::SwitchLoadBalancer { on: true });
    wait(&mut lab, 1);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
    "#]],
    );
    lab.act(Action::SwitchLoadBalancer { on: false });
    apply(&mut lab, &[("web-b", LB)]);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from nobody
        web-b: <pending>
    "#]],
    );
}

#[test]
fn an_empty_pool_serves_who_waits_as_soon_as_an_address_is_free() {
    let mut lab = lab(POOL);
    apply(&mut lab, &[("web-a", LB), ("web-b", LB), ("web-c", LB), ("web-d", LB)]);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
        web-b: 192.168.56.201 VIP from worker-1
        web-c: <pending>
        web-d: <pending>
    "#]],
    );
    delete(&mut lab, "web-a");
    check(
        &lab,
        &expect![[r#"
        web-b: 192.168.56.201 VIP from worker-1
        web-c: 192.168.56.200 VIP from worker-2
        web-d: <pending>
    "#]],
    );
    apply(&mut lab, &[("web-b", "type: NodePort")]);
    check(
        &lab,
        &expect![[r#"
        web-c: 192.168.56.200 VIP from worker-2
        web-d: 192.168.56.201 VIP from worker-1
    "#]],
    );
    check_events(
        &lab,
        "metallb-controller",
        &expect![[r#"
        Normal IPAllocated x1 web-a: Assigned IP ["192.168.56.200"]
        Normal IPAllocated x1 web-b: Assigned IP ["192.168.56.201"]
        Warning AllocationFailed x1 web-c: Failed to allocate IP for "shop/web-c": no available IPs
        Warning AllocationFailed x2 web-d: Failed to allocate IP for "shop/web-d": no available IPs
        Normal IPAllocated x1 web-c: Assigned IP ["192.168.56.200"]
        Normal IPAllocated x1 web-d: Assigned IP ["192.168.56.201"]
    "#]],
    );
}

#[test]
fn a_service_gets_the_address_it_asks_for_or_hears_why_not() {
    let mut lab = lab(POOL);
    apply(
        &mut lab,
        &[
            ("web-a", "type: LoadBalancer, loadBalancerIP: 192.168.56.201"),
            ("web-b", "type: LoadBalancer, loadBalancerIP: 192.168.56.201"),
            ("web-c", "type: LoadBalancer, loadBalancerIP: 10.0.0.1"),
            ("web-d", "type: LoadBalancer, loadBalancerClass: example.com/other"),
        ],
    );
    annotate(&mut lab, "web-e", "{metallb.io/loadBalancerIPs: 192.168.56.200}");
    annotate(&mut lab, "web-f", "{metallb.io/address-pool: gold}");
    annotate(&mut lab, "web-g", "{metallb.universe.tf/address-pool: default}");
    annotate(&mut lab, "web-h", "{metallb.io/loadBalancerIPs: there}");
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.201 VIP from worker-1
        web-b: <pending>
        web-c: <pending>
        web-d: <pending>
        web-e: 192.168.56.200 VIP from worker-2
        web-f: <pending>
        web-g: <pending>
        web-h: <pending>
    "#]],
    );
    check_events(
        &lab,
        "metallb-controller",
        &expect![[r#"
        Normal IPAllocated x1 web-a: Assigned IP ["192.168.56.201"]
        Warning AllocationFailed x1 web-b: Failed to allocate IP for "shop/web-b": can't change sharing key for "shop/web-b", address also in use by shop/web-a
        Warning AllocationFailed x1 web-c: Failed to allocate IP for "shop/web-c": ["10.0.0.1"] is not allowed in config
        Normal IPAllocated x1 web-e: Assigned IP ["192.168.56.200"]
        Warning AllocationFailed x1 web-f: Failed to allocate IP for "shop/web-f": unknown pool "gold"
        Warning AllocationFailed x1 web-g: Failed to allocate IP for "shop/web-g": no available IPs in pool "default" for ipv4 IPFamily
        Warning AllocationFailed x1 web-h: Failed to allocate IP for "shop/web-h": invalid metallb.io/loadBalancerIPs: "there"
    "#]],
    );
    let key = ObjectKey::new(Kind::Service, "shop", "web-e");
    let pool = lab.objects()[&key].meta().annotations.get("metallb.io/ip-allocated-from-pool");
    assert_eq!(pool.map(String::as_str), Some("default"));
}

/// The first scenario with both families everywhere.
fn dual_lab(balancer: &str) -> Lab {
    let mut scenario = default_scenario();
    let cluster = &mut scenario.cluster;
    let ranges = |text: &str| text.to_owned().try_into().expect("ranges of two families");
    let dual = |text: &str| text.to_owned().try_into().expect("addresses of two families");
    cluster.lan = ranges("192.168.56.0/24,fd00:56::/64");
    cluster.router = dual("192.168.56.1,fd00:56::1");
    cluster.service_cidr = ranges("10.96.0.0/12,fd00:10:96::/112");
    cluster.cluster_cidr = ranges("10.244.0.0/16,fd00:10:244::/56");
    for (index, node) in cluster.nodes.iter_mut().enumerate() {
        node.address = dual(&format!("{},fd00:56::{}", node.address, 30 + index));
        node.pod_cidr = ranges(&format!("{},fd00:10:244:{index}::/64", node.pod_cidr));
    }
    cluster.load_balancer = serde_yaml::from_str(balancer).expect("a load balancer");
    let mut lab = Lab::new(&scenario, 1);
    lab.run_until(at(20));
    lab
}

#[test]
fn a_dual_stack_service_gets_an_address_of_each_family() {
    let both = "type: LoadBalancer, ipFamilyPolicy: RequireDualStack";
    let prefers = "type: LoadBalancer, ipFamilyPolicy: PreferDualStack";
    let second = "type: LoadBalancer, ipFamilies: [IPv6]";
    let mut lab = dual_lab("{pool: '192.168.56.200-192.168.56.201,fd00:56::200/127'}");
    apply(&mut lab, &[("web-a", both), ("web-b", second), ("web-c", prefers), ("web-d", both)]);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2, fd00:56::200 VIP from worker-2
        web-b: fd00:56::201 VIP from worker-2
        web-c: 192.168.56.201 VIP from worker-1
        web-d: <pending>
    "#]],
    );
    delete(&mut lab, "web-b");
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2, fd00:56::200 VIP from worker-2
        web-c: 192.168.56.201 VIP from worker-1
        web-d: <pending>
    "#]],
    );
    check_events(
        &lab,
        "metallb-controller",
        &expect![[r#"
        Normal IPAllocated x1 web-a: Assigned IP ["192.168.56.200" "fd00:56::200"]
        Normal IPAllocated x1 web-b: Assigned IP ["fd00:56::201"]
        Normal IPAllocated x1 web-c: Assigned IP ["192.168.56.201"]
        Warning AllocationFailed x2 web-d: Failed to allocate IP for "shop/web-d": no available IPs
    "#]],
    );
}

#[test]
fn services_may_share_an_address_with_one_key_and_different_ports() {
    let mut lab = lab("{pool: 192.168.56.200/32}");
    for (name, key) in [("web-a", "one"), ("web-b", "two"), ("web-c", "one")] {
        annotate(&mut lab, name, &format!("{{metallb.io/allow-shared-ip: {key}}}"));
    }
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web-d, namespace: shop, annotations: \
                {metallb.io/allow-shared-ip: one}}\nspec: {type: LoadBalancer, selector: {app: web}, \
                ports: [{port: 81, targetPort: 8080}]}\n";
    lab.act(Action::Apply { text: text.into() });
    wait(&mut lab, 1);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
        web-b: <pending>
        web-c: <pending>
        web-d: 192.168.56.200 VIP from worker-2
    "#]],
    );
}

#[test]
fn another_node_answers_when_the_announcing_one_fails() {
    let mut lab = lab(POOL);
    apply(&mut lab, &[("web-a", LB)]);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
    "#]],
    );
    let first = lab.announced().values().next().expect("somebody answers").clone();
    switch(&mut lab, &first, false);
    wait(&mut lab, 4);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
    "#]],
    );
    wait(&mut lab, 2);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-1
    "#]],
    );
    switch(&mut lab, &first, true);
    wait(&mut lab, 6);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
    "#]],
    );
    check_events(
        &lab,
        "metallb-speaker",
        &expect![[r#"
        Normal nodeAssigned x2 web-a: announcing from node "worker-2" with protocol "layer2"
        Normal nodeAssigned x1 web-a: announcing from node "worker-1" with protocol "layer2"
    "#]],
    );
}

#[test]
fn with_a_local_policy_only_a_node_with_an_endpoint_answers() {
    let mut lab = lab(POOL);
    apply(&mut lab, &[("web-a", "type: LoadBalancer, externalTrafficPolicy: Local")]);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-2
    "#]],
    );
    let first = lab.announced().values().next().expect("somebody answers").clone();
    let pods = lab.objects().in_namespace(Kind::Pod, "shop").filter_map(Object::as_pod);
    let there =
        pods.filter(|it| *it.spec.node_name == *first && it.metadata.labels["app"] == "web");
    let there: Vec<ObjectKey> = there.map(|it| Object::Pod(it.clone()).key()).collect();
    for pod in there {
        lab.act(Action::SwitchReadiness { pod, ready: false });
    }
    wait(&mut lab, 40);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 VIP from worker-1
    "#]],
    );
}

#[test]
fn nobody_answers_for_a_service_without_endpoints() {
    let mut lab = lab(POOL);
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: lonely, namespace: shop}\n\
                spec: {type: LoadBalancer, selector: {app: nothing}, ports: [{port: 80}]}\n";
    lab.act(Action::Apply { text: text.into() });
    wait(&mut lab, 1);
    check(
        &lab,
        &expect![[r#"
        lonely: 192.168.56.200 VIP from nobody
    "#]],
    );
}

#[test]
fn a_proxying_load_balancer_says_so() {
    let mut lab = lab("{pool: 192.168.56.200/32, ipMode: Proxy}");
    apply(&mut lab, &[("web-a", LB)]);
    check(
        &lab,
        &expect![[r#"
        web-a: 192.168.56.200 Proxy from nobody
    "#]],
    );
}

/// A controller as the project's chart runs it, with its class and its Service.
fn ingress_nginx(service: &str, args: &str) -> String {
    format!(
        r#"
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {{name: nginx}}
spec: {{controller: k8s.io/ingress-nginx}}
---
apiVersion: v1
kind: Service
metadata: {{name: ingress-nginx-controller, namespace: shop}}
spec: {{type: {service}, selector: {{app.kubernetes.io/component: controller}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: ingress-nginx-controller, namespace: shop}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/component: controller}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller}}}}
    spec:
      containers:
      - {{name: controller, image: nginx:1.27, args: [/nginx-ingress-controller{args}], ports: [{{containerPort: 80}}]}}
"#
    )
}

fn ingress(name: &str, spec: &str, annotations: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, namespace: shop, \
         annotations: {annotations}}}\nspec: {{{spec}defaultBackend: {{service: {{name: web, port: \
         {{number: 80}}}}}}}}\n"
    )
}

/// What `kubectl get ingress` shows as ADDRESS.
#[track_caller]
fn check_ingresses(lab: &Lab, expected: &[(&str, &str)]) {
    let ingresses = lab.objects().in_namespace(Kind::Ingress, "shop");
    let address = |it: &Object| {
        let ingress = it.as_ingress().expect("an Ingress");
        let given = ingress.status.load_balancer.ingress.iter();
        given.map(|it| format!("{}{}", it.ip, it.hostname)).collect::<Vec<_>>().join(",")
    };
    let found: Vec<(String, String)> =
        ingresses.map(|it| (it.meta().name.clone(), address(it))).collect();
    let found: Vec<(&str, &str)> = found.iter().map(|it| (&*it.0, &*it.1)).collect();
    assert_eq!(found, expected);
}

fn with_ingress(balancer: &str, service: &str, args: &str) -> Lab {
    let mut lab = lab(balancer);
    let ingresses = [
        ingress("by-class", "ingressClassName: nginx, ", "{}"),
        ingress("foreign", "ingressClassName: other, ", "{}"),
        ingress("old", "", "{kubernetes.io/ingress.class: nginx}"),
    ];
    let text = format!("{}---\n{}", ingress_nginx(service, args), ingresses.join("---\n"));
    assert_eq!(lab.act(Action::Apply { text }).applied.len(), 6);
    lab
}

#[test]
fn an_ingress_shows_the_address_of_the_controllers_service_after_a_round() {
    let publish = ", '--publish-service=$(POD_NAMESPACE)/ingress-nginx-controller'";
    let mut lab = with_ingress(POOL, "LoadBalancer", publish);
    check_ingresses(&lab, &[("by-class", ""), ("foreign", ""), ("old", "")]);
    wait(&mut lab, 90);
    let address = "192.168.56.200";
    check_ingresses(&lab, &[("by-class", address), ("foreign", ""), ("old", address)]);
    check_events(
        &lab,
        "nginx-ingress",
        &expect![[r#"
        Normal Sync x2 by-class: Scheduled for sync
        Normal Sync x2 old: Scheduled for sync
    "#]],
    );

    let text = ingress("late", "ingressClassName: nginx, ", "{}");
    lab.act(Action::Apply { text });
    wait(&mut lab, 1);
    let others = [("by-class", address), ("foreign", "")];
    check_ingresses(&lab, &[others[0], others[1], ("late", ""), ("old", address)]);
    wait(&mut lab, 60);
    check_ingresses(&lab, &[others[0], others[1], ("late", address), ("old", address)]);

    let key = ObjectKey::new(Kind::Deployment, "shop", "ingress-nginx-controller");
    lab.act(Action::Delete { key });
    wait(&mut lab, 5);
    check_ingresses(&lab, &[("by-class", ""), ("foreign", ""), ("late", ""), ("old", "")]);
}

#[test]
fn an_ingress_shows_the_controllers_node_where_no_service_is_published() {
    let mut lab = with_ingress(POOL, "NodePort", "");
    wait(&mut lab, 90);
    let pods = lab.objects().in_namespace(Kind::Pod, "shop").filter_map(Object::as_pod);
    let mut controllers = pods.filter(|it| it.metadata.name.starts_with("ingress-nginx"));
    let controller = controllers.next().expect("a controller");
    let address = controller.status.host_ip.clone();
    check_ingresses(&lab, &[("by-class", &address), ("foreign", ""), ("old", &address)]);
}
