//! NetworkPolicies where the network plugin enforces them (spec §7): who still gets through.

use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Goal, Lab, Sending, Source};
use svclab_core::object::{Object, Pod};
use svclab_core::scenario::{NetworkPolicySupport, default_scenario};
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Event, Exchange, Loss, Place, Ruling, Verdict};

/// `web` serves 80 (named http) and 9100 on worker-1; `front` and `other` ask, `far` from a
/// namespace of its own, all on worker-2.
const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops, labels: {team: ops}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  nodeName: worker-1
  containers:
  - name: web
    image: nginx
    ports: [{name: http, containerPort: 80}, {name: metrics, containerPort: 9100}]
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: shop, labels: {app: front}}
spec: {nodeName: worker-2, containers: [{name: a, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop, labels: {app: other}}
spec: {nodeName: worker-2, containers: [{name: a, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: ops, labels: {app: front}}
spec: {nodeName: worker-2, containers: [{name: a, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  externalTrafficPolicy: Local
  selector: {app: web}
  ports:
  - {name: http, port: 8080, targetPort: http, nodePort: 30080}
  - {name: metrics, port: 9100}
";

/// A policy for `web` with this spec.
fn policy(spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, \
         metadata: {{name: guard, namespace: shop}}, \
         spec: {{podSelector: {{matchLabels: {{app: web}}}}, {spec}}}}}"
    )
}

fn lab_with(support: NetworkPolicySupport, policy: &str) -> Lab {
    let mut scenario = default_scenario();
    scenario.cluster.network_policy = support;
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    for text in [PODS, policy] {
        let reply = lab.act(Action::Apply { text: text.to_owned() });
        assert_eq!(reply.diagnostics, []);
    }
    lab.run_until(Instant::START + Duration::from_secs(30));
    lab
}

fn enforcing(policy: &str) -> Lab {
    lab_with(NetworkPolicySupport::Enforced, policy)
}

fn inside(namespace: &str, pod: &str) -> Source {
    Source::Inside(ObjectKey::new(Kind::Pod, namespace, pod))
}

fn node(name: &str) -> Source {
    Source::Inside(ObjectKey::new(Kind::Node, "", name))
}

fn ask(lab: &mut Lab, from: Source, to: Goal, port: u16) -> Rc<Exchange> {
    let sending =
        Sending { from, to, port, path: "/hostname".into(), ask: Ask::Http, source_port: None };
    lab.act(Action::Send(sending)).exchange.expect("the sender exists")
}

fn pod_ip(lab: &Lab, name: &str) -> Goal {
    let pod = lab.objects().get(&ObjectKey::new(Kind::Pod, "shop", name));
    Goal::Address(pod.and_then(Object::as_pod).map(Pod::addresses).expect("a pod")[0])
}

fn service() -> Goal {
    Goal::Service(ObjectKey::new(Kind::Service, "shop", "web"))
}

fn rulings(exchange: &Exchange) -> Vec<&Ruling> {
    let steps = exchange.packets.iter().flat_map(|it| &it.steps);
    let found = steps.filter_map(|it| match &it.event {
        Event::Policed(ruling) => Some(&**ruling),
        _ => None,
    });
    found.collect()
}

/// Whether each of these gets an answer from `web` on a port.
#[track_caller]
fn check(policy_spec: &str, port: u16, wanted: &[(&str, &str, bool)]) {
    let mut lab = enforcing(&policy(policy_spec));
    for (namespace, pod, passes) in wanted {
        let to = pod_ip(&lab, "web");
        let exchange = ask(&mut lab, inside(namespace, pod), to, port);
        let answered = matches!(exchange.result, Answer::Http { .. });
        assert_eq!(answered, *passes, "{namespace}/{pod}\n{exchange}");
        if !passes {
            assert_eq!(exchange.result, Answer::TimedOut, "{namespace}/{pod}");
        }
    }
}

#[test]
fn flannel_stores_policies_and_enforces_none() {
    let mut lab = lab_with(NetworkPolicySupport::Ignored, &policy("ingress: []"));
    let to = pod_ip(&lab, "web");
    let exchange = ask(&mut lab, inside("shop", "other"), to, 80);
    assert!(matches!(exchange.result, Answer::Http { status: 200, .. }), "{exchange}");
}

#[test]
fn without_rules_nothing_gets_in_and_the_trace_names_the_policy() {
    let mut lab = enforcing(&policy("ingress: []"));
    let to = pod_ip(&lab, "web");
    let exchange = ask(&mut lab, inside("shop", "front"), to, 80);
    assert_eq!(exchange.result, Answer::TimedOut);
    let first = &exchange.packets[0];
    assert_eq!(first.verdict, Verdict::Lost(Loss::Denied));
    assert_eq!(rulings(&exchange)[0].asked, [Rc::from("shop/guard")]);
    let at = &first.steps.last().expect("it was sent").place;
    assert!(matches!(at, Place::Veth { pod, .. } if &**pod == "shop/web"), "{at}");
    assert!(exchange.to_string().contains("Ingress: denied by shop/guard"), "{exchange}");
}

#[test]
fn a_pod_that_no_policy_selects_is_open() {
    let mut lab = enforcing(&policy("ingress: []"));
    let to = pod_ip(&lab, "front");
    let exchange = ask(&mut lab, inside("ops", "far"), to, 80);
    assert!(matches!(exchange.result, Answer::Http { .. }), "{exchange}");
    assert_eq!(rulings(&exchange), [] as [&Ruling; 0]);
}

#[test]
fn a_pod_selector_alone_is_of_the_policys_own_namespace() {
    let spec = "ingress: [{from: [{podSelector: {matchLabels: {app: front}}}]}]";
    check(spec, 80, &[("shop", "front", true), ("shop", "other", false), ("ops", "far", false)]);
}

#[test]
fn both_selectors_in_one_entry_must_fit_and_of_two_entries_one() {
    let both = "ingress: [{from: [{podSelector: {matchLabels: {app: front}}, \
                namespaceSelector: {matchLabels: {team: ops}}}]}]";
    check(both, 80, &[("shop", "front", false), ("shop", "other", false), ("ops", "far", true)]);
    let either = "ingress: [{from: [{podSelector: {matchLabels: {app: other}}}, \
                  {namespaceSelector: {matchLabels: {team: ops}}}]}]";
    check(either, 80, &[("shop", "front", false), ("shop", "other", true), ("ops", "far", true)]);
}

#[test]
fn an_empty_rule_lets_everybody_in() {
    check("ingress: [{}]", 80, &[("shop", "other", true), ("ops", "far", true)]);
}

#[test]
fn a_port_may_be_a_number_a_name_or_a_range() {
    let on = |ports: &str| format!("ingress: [{{ports: [{ports}]}}]");
    for (ports, http, metrics) in [
        ("{port: 80}", true, false),
        ("{port: http}", true, false),
        ("{port: metrics}", false, true),
        ("{port: 80, endPort: 9100}", true, true),
        ("{port: 81, endPort: 9099}", false, false),
        ("{protocol: UDP, port: 80}", false, false),
        ("{protocol: TCP}", true, true),
    ] {
        check(&on(ports), 80, &[("shop", "front", http)]);
        check(&on(ports), 9100, &[("shop", "front", metrics)]);
    }
}

#[test]
fn a_policy_sees_the_pods_port_and_not_the_services() {
    for (port, passes) in [("80", true), ("8080", false)] {
        let mut lab = enforcing(&policy(&format!("ingress: [{{ports: [{{port: {port}}}]}}]")));
        let exchange = ask(&mut lab, inside("shop", "front"), service(), 8080);
        assert_eq!(matches!(exchange.result, Answer::Http { .. }), passes, "{exchange}");
    }
}

#[test]
fn a_block_lets_in_what_it_does_not_except() {
    let block = |except: &str| {
        format!("ingress: [{{from: [{{ipBlock: {{cidr: 192.168.56.0/24, except: [{except}]}}}}]}}]")
    };
    for (except, passes) in [("", true), ("192.168.56.96/28", false), ("192.168.56.0/26", true)] {
        let mut lab = enforcing(&policy(&block(except)));
        let laptop = Source::Outside { outside: "laptop".into() };
        let to = Goal::Address("192.168.56.31".parse().expect("an address"));
        let exchange = ask(&mut lab, laptop, to, 30080);
        assert_eq!(matches!(exchange.result, Answer::Http { .. }), passes, "{exchange}");
    }
}

#[test]
fn only_egress_is_closed_by_a_policy_of_that_type_and_answers_come_back() {
    let mut lab = enforcing(&policy("policyTypes: [Egress]"));
    let web = pod_ip(&lab, "web");
    let asked = ask(&mut lab, inside("shop", "front"), web, 80);
    assert!(matches!(asked.result, Answer::Http { .. }), "its answers leave: {asked}");
    let front = pod_ip(&lab, "front");
    let asks = ask(&mut lab, inside("shop", "web"), front, 80);
    assert_eq!(asks.result, Answer::TimedOut);
    assert!(asks.to_string().contains("Egress: denied by shop/guard"), "{asks}");
    let at = &asks.packets[0].steps.last().expect("it was sent").place;
    assert!(matches!(at, Place::Veth { pod, .. } if &**pod == "shop/web"), "{at}");
}

#[test]
fn egress_rules_make_it_a_policy_for_both_directions() {
    let spec = "egress: [{to: [{podSelector: {matchLabels: {app: front}}}], ports: [{port: 80}]}]";
    let mut lab = enforcing(&policy(spec));
    let front = pod_ip(&lab, "front");
    let asks = ask(&mut lab, inside("shop", "web"), front, 80);
    assert!(matches!(asks.result, Answer::Http { .. }), "{asks}");
    assert_eq!(rulings(&asks)[0].by.as_deref(), Some("shop/guard"));
    let web = pod_ip(&lab, "web");
    assert_eq!(ask(&mut lab, inside("shop", "front"), web, 80).result, Answer::TimedOut);
}

#[test]
fn of_several_policies_one_is_enough() {
    let open = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, \
                metadata: {name: open, namespace: shop}, \
                spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}}";
    let text = format!("{}\n---\n{open}", policy("ingress: []"));
    let mut lab = enforcing(&text);
    let web = pod_ip(&lab, "web");
    let exchange = ask(&mut lab, inside("shop", "other"), web.clone(), 80);
    assert!(matches!(exchange.result, Answer::Http { .. }), "{exchange}");
    let ruling = rulings(&exchange)[0];
    assert_eq!((ruling.asked.len(), ruling.by.as_deref()), (2, Some("shop/open")));
    assert_eq!(ask(&mut lab, inside("ops", "far"), web, 80).result, Answer::TimedOut);
}

#[test]
fn a_node_reaches_its_own_pods_and_no_others() {
    let mut lab = enforcing(&policy("ingress: []"));
    let web = pod_ip(&lab, "web");
    let own = ask(&mut lab, node("worker-1"), web.clone(), 80);
    assert!(matches!(own.result, Answer::Http { .. }), "{own}");
    assert_eq!(ask(&mut lab, node("worker-2"), web, 80).result, Answer::TimedOut);
    let pod = lab.pod_views().into_iter().find(|it| it.key.name == "web").expect("the pod");
    assert!(pod.ready);
}

#[test]
fn a_pod_reaches_itself_through_its_service() {
    let mut lab = enforcing(&policy("policyTypes: [Ingress, Egress]"));
    let exchange = ask(&mut lab, inside("shop", "web"), service(), 8080);
    assert!(matches!(exchange.result, Answer::Http { .. }), "{exchange}");
}

#[test]
fn a_policy_that_goes_opens_the_pod_again() {
    let mut lab = enforcing(&policy("ingress: []"));
    let web = pod_ip(&lab, "web");
    assert_eq!(ask(&mut lab, inside("shop", "front"), web.clone(), 80).result, Answer::TimedOut);
    let key = ObjectKey::new(Kind::NetworkPolicy, "shop", "guard");
    lab.act(Action::Delete { key });
    let exchange = ask(&mut lab, inside("shop", "front"), web, 80);
    assert!(matches!(exchange.result, Answer::Http { .. }), "{exchange}");
}
