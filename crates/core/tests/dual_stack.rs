//! A cluster that speaks both IP families: addresses, endpoints, rules and packets of each.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::net::capture::{Tap, capture};
use svclab_core::object::{EndpointSlice, Object, Pod, Service};
use svclab_core::scenario::{Scenario, default_scenario};
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange, Loss, Verdict};
use svclab_netfilter::Family;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: client, image: nginx}]
---
apiVersion: v1
kind: Pod
metadata: {name: agent}
spec:
  hostNetwork: true
  nodeName: worker-2
  containers: [{name: agent, image: nginx}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: six}
spec:
  ipFamilies: [IPv6]
  selector: {app: web}
  ports: [{port: 80}]
";

/// The lab's own cluster with a second range for everything.
fn scenario() -> Scenario {
    let mut res = default_scenario();
    let dual = |text: &str| text.to_owned().try_into().expect("of two families");
    let cluster = &mut res.cluster;
    cluster.lan = ranges("192.168.56.0/24,fd00:56::/64");
    cluster.router = dual("192.168.56.1,fd00:56::1");
    cluster.service_cidr = ranges("10.96.0.0/12,fd00:10:96::/112");
    cluster.cluster_cidr = ranges("10.244.0.0/16,fd00:10:244::/56");
    for (index, node) in cluster.nodes.iter_mut().enumerate() {
        node.address = dual(&format!("{},fd00:56::{}", node.address, 30 + index));
        node.pod_cidr = ranges(&format!("{},fd00:10:244:{index}::/64", node.pod_cidr));
    }
    cluster.outside[0].address = dual("192.168.56.101,fd00:56::101");
    res.manifests.clear();
    res
}

fn ranges(text: &str) -> svclab_core::family::Ranges {
    text.to_owned().try_into().expect("ranges of two families")
}

fn lab() -> Lab {
    let mut lab = Lab::new(&scenario(), 1);
    let reply = lab.act(Action::Apply { text: WEB.to_owned() });
    assert_eq!(reply.diagnostics, []);
    lab.run_until(Instant::START + Duration::from_secs(30));
    lab
}

fn pods(lab: &Lab) -> impl Iterator<Item = &Pod> {
    lab.objects().of_kind(Kind::Pod).filter_map(Object::as_pod)
}

fn default_pod(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::Pod, "default", name)
}

fn pod<'a>(lab: &'a Lab, name: &str) -> &'a Pod {
    lab.objects().get(&default_pod(name)).and_then(Object::as_pod).expect("the pod exists")
}

fn service<'a>(lab: &'a Lab, name: &str) -> &'a Service {
    let key = ObjectKey::new(Kind::Service, "default", name);
    lab.objects().get(&key).and_then(Object::as_service).expect("the Service exists")
}

fn slices<'a>(lab: &'a Lab, service: &'a str) -> Vec<&'a EndpointSlice> {
    let all = lab.objects().of_kind(Kind::EndpointSlice).filter_map(Object::as_endpoint_slice);
    let mut res: Vec<_> = all
        .filter(|it| it.service_name() == Some(service) && it.metadata.namespace == "default")
        .collect();
    res.sort_by(|a, b| a.address_type.cmp(&b.address_type));
    res
}

fn family(ip: &IpAddr) -> Family {
    if ip.is_ipv4() { Family::V4 } else { Family::V6 }
}

#[track_caller]
fn ask(lab: &mut Lab, from: Source, to: IpAddr, port: u16) -> Rc<Exchange> {
    let (to, path) = (Goal::Address(to), "/hostname".to_owned());
    let sending = Sending { from, to, port, path, ask: Ask::Http, source_port: None };
    lab.act(Action::Send(sending)).exchange.expect("the sender exists")
}

#[track_caller]
fn served_by_web(exchange: &Exchange) {
    let Answer::Http { status: 200, served_by, .. } = &exchange.result else {
        panic!("{:?}\n{exchange}", exchange.result)
    };
    assert!(served_by.starts_with("default/web-"), "{served_by}");
}

fn inside(pod: &str) -> Source {
    Source::Inside(default_pod(pod))
}

#[test]
fn a_pod_gets_an_address_of_each_of_its_nodes_ranges() {
    let lab = lab();
    for pod in pods(&lab).filter(|it| !it.spec.host_network) {
        let node = lab.network().node(&pod.spec.node_name).expect("the node exists");
        let ips = pod.addresses();
        assert_eq!(ips.iter().map(family).collect::<Vec<_>>(), [Family::V4, Family::V6]);
        for (ip, range) in ips.iter().zip(node.pod_cidrs.iter()) {
            assert!(range.contains(ip) && node.bridge(family(ip)) != Some(*ip), "{ip}");
        }
        assert_eq!(pod.status.pod_ip, ips[0].to_string());
        assert_eq!(pod.status.host_ips.len(), 2);
    }
}

#[test]
fn a_pod_on_the_nodes_network_has_both_addresses_of_the_node() {
    let lab = lab();
    let ips: Vec<String> = pod(&lab, "agent").addresses().iter().map(IpAddr::to_string).collect();
    assert_eq!(ips, ["192.168.56.32", "fd00:56::32"]);
}

#[test]
fn a_node_names_both_addresses_and_both_ranges() {
    let lab = lab();
    let key = ObjectKey::new(Kind::Node, "", "worker-1");
    let node = lab.objects().get(&key).and_then(Object::as_node).expect("the node exists");
    let addresses: Vec<&str> = node.status.addresses.iter().map(|it| &*it.address).collect();
    assert_eq!(addresses, ["192.168.56.31", "fd00:56::31", "worker-1"]);
    assert_eq!(node.spec.pod_cidrs, ["10.244.1.0/24", "fd00:10:244:1::/64"]);
    assert_eq!(node.spec.pod_cidr, "10.244.1.0/24");
}

#[test]
fn a_service_has_slices_of_its_families_and_endpoints_of_the_first() {
    let lab = lab();
    let types =
        |name| slices(&lab, name).iter().map(|it| it.address_type.clone()).collect::<Vec<_>>();
    assert_eq!(types("web"), ["IPv4", "IPv6"]);
    assert_eq!(types("six"), ["IPv6"]);
    for slice in slices(&lab, "web") {
        assert_eq!(slice.endpoints.len(), 2);
        for endpoint in &slice.endpoints {
            let name = &endpoint.target_ref.as_ref().expect("a pod").name;
            let ip: IpAddr = endpoint.addresses[0].parse().expect("an address");
            assert!(pod(&lab, name).addresses().contains(&ip));
        }
    }
    let key = ObjectKey::new(Kind::Endpoints, "default", "six");
    let Some(Object::Endpoints(six)) = lab.objects().get(&key) else { panic!("no Endpoints") };
    assert!(six.subsets[0].addresses.iter().all(|it| it.ip.contains(':')));
}

#[test]
fn a_kube_proxy_writes_rules_for_both_families() {
    let lab = lab();
    for node in lab.nodes() {
        for (index, family) in [Family::V4, Family::V6].into_iter().enumerate() {
            let view = lab.rules_of(&node.name, family).expect("the node has rules");
            let text = view.rules.save(family);
            let ip = service(&lab, "web").spec.cluster_addresses()[index];
            assert!(text.contains(&format!("-d {ip}/")), "{text}");
            assert!(!text.contains(if family == Family::V4 { "fd00:" } else { "10.244." }));
            assert_eq!(text.contains("default/six"), family == Family::V6);
            let dnat = view.rules.tables.values().flat_map(|it| it.chains.values());
            let origins = dnat.flat_map(|it| &it.rules).filter_map(|it| it.origin);
            assert!(origins.into_iter().all(|id| view.origins.get(id).is_some()));
        }
    }
}

#[test]
fn a_packet_to_an_address_of_either_family_gets_to_a_pod() {
    let mut lab = lab();
    for ip in service(&lab, "web").spec.cluster_addresses() {
        let exchange = ask(&mut lab, inside("client"), ip, 80);
        served_by_web(&exchange);
        let seen = pod(&lab, "client").addresses();
        let Answer::Http { seen: by, .. } = &exchange.result else { unreachable!() };
        assert!(seen.contains(by) && by.is_ipv4() == ip.is_ipv4(), "{by}");
    }
    let six = service(&lab, "six").spec.cluster_addresses();
    assert!(six.len() == 1 && six[0].is_ipv6());
    served_by_web(&ask(&mut lab, inside("client"), six[0], 80));
}

#[test]
fn a_node_port_answers_on_both_addresses_of_a_node() {
    let mut lab = lab();
    for node in ["192.168.56.30", "fd00:56::30"] {
        let laptop = Source::Outside { outside: "laptop".to_owned() };
        served_by_web(&ask(&mut lab, laptop, node.parse().expect("an address"), 30080));
    }
}

#[test]
fn tcpdump_names_the_protocol_of_the_other_family() {
    let mut lab = lab();
    let ip = service(&lab, "six").spec.cluster_addresses()[0];
    let exchange = ask(&mut lab, inside("client"), ip, 80);
    let tap = Tap::Pod { pod: "default/client".into(), device: "eth0".into() };
    let lines: Vec<String> = capture(&exchange, &tap, true).into_iter().map(|it| it.line).collect();
    let own = pod(&lab, "client").addresses()[1];
    let (syn, back) = (format!(" IP6 {own}."), format!(" IP6 {ip}.80 > {own}."));
    assert!(lines[0].contains(&syn) && lines[1].contains(&back), "{lines:#?}");
}

#[test]
fn nodes_reach_pods_by_either_family_and_pods_each_other() {
    let mut lab = lab();
    let web = pods(&lab).find(|it| it.metadata.name.starts_with("web-")).expect("a web pod");
    for ip in web.addresses() {
        served_by_web(&ask(&mut lab, inside("client"), ip, 80));
        served_by_web(&ask(&mut lab, inside("agent"), ip, 80));
    }
}

#[test]
fn a_service_without_endpoints_refuses_by_either_family() {
    let mut lab = lab();
    let text = "{apiVersion: v1, kind: Service, metadata: {name: none}, \
                spec: {ipFamilyPolicy: PreferDualStack, selector: {app: x}, ports: [{port: 80}]}}";
    lab.act(Action::Apply { text: text.to_owned() });
    lab.run_until(Instant::START + Duration::from_secs(35));
    for ip in service(&lab, "none").spec.cluster_addresses() {
        assert_eq!(ask(&mut lab, inside("client"), ip, 80).result, Answer::Refused, "{ip}");
    }
}

#[test]
fn each_proxier_counts_and_tells_of_its_own_rules() {
    use svclab_core::lab::log::Happening;
    let lab = lab();
    for wanted in [Family::V4, Family::V6] {
        let told =
            |it: &Happening| matches!(it, Happening::Synced { family, .. } if *family == wanted);
        assert!(lab.log().iter().any(|it| told(&it.what)));
    }
}

#[test]
fn on_a_single_stack_cluster_no_pod_answers_to_the_other_family() {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.act(Action::Apply { text: WEB.replace("RequireDualStack", "PreferDualStack") });
    lab.run_until(Instant::START + Duration::from_secs(30));
    assert!(lab.rules_of("worker-1", Family::V6).is_none());
    assert_eq!(pod(&lab, "client").addresses().len(), 1);
    let to = "fd00:10:96::1".parse().expect("an address");
    let exchange = ask(&mut lab, inside("client"), to, 80);
    assert_eq!(exchange.result, Answer::NoRoute);
    assert!(exchange.packets.iter().all(|it| it.verdict == Verdict::Lost(Loss::NoRoute)));
}
