//! Slices and Endpoints that somebody else has touched: what the controllers put right, what they
//! leave alone, and what becomes of Endpoints written by hand.

use std::fmt::Write;

use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Verb};
use svclab_core::lab::event::events;
use svclab_core::lab::{Action, Lab};
use svclab_core::object::{EndpointSlice, Object};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

/// The default cluster, where Service `web` of namespace `shop` has endpoints, at 20 s.
fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(Instant::START + Duration::from_secs(20));
    lab
}

fn wait(lab: &mut Lab, millis: u64) {
    lab.run_until(lab.now() + Duration::from_millis(millis));
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "shop", name)
}

fn patch(lab: &mut Lab, key: ObjectKey, body: Value) {
    let verb = Verb::Patch { how: Patch::Merge, body, strict: true };
    let request = Request { key, subresource: None, verb };
    lab.act(Action::Request(request)).answer.expect("an answer").expect("it is carried out");
}

fn apply(lab: &mut Lab, text: &str) {
    assert_eq!(lab.act(Action::Apply { text: text.to_owned() }).diagnostics, []);
    wait(lab, 100);
}

fn slices<'a>(lab: &'a Lab, service: &str) -> Vec<&'a EndpointSlice> {
    let slices = lab.objects().in_namespace(Kind::EndpointSlice, "shop");
    let slices = slices.filter_map(Object::as_endpoint_slice);
    slices.filter(|it| it.service_name() == Some(service)).collect()
}

fn addresses(slice: &EndpointSlice) -> Vec<String> {
    let mut all: Vec<String> = slice.endpoints.iter().flat_map(|it| it.addresses.clone()).collect();
    all.sort();
    all
}

#[test]
fn an_edited_slice_is_put_right_after_a_second() {
    let mut lab = lab();
    let before = slices(&lab, "web")[0].clone();
    let name = before.metadata.name.clone();
    patch(&mut lab, key(Kind::EndpointSlice, &name), json!({"endpoints": []}));
    wait(&mut lab, 900);
    assert!(slices(&lab, "web")[0].endpoints.is_empty(), "not before a second has gone");
    wait(&mut lab, 200);
    let after = slices(&lab, "web");
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].metadata.name, name, "in place");
    assert_eq!(addresses(after[0]), addresses(&before));
}

#[test]
fn a_deleted_slice_is_made_again_under_another_name() {
    let mut lab = lab();
    let before = slices(&lab, "web")[0].clone();
    lab.act(Action::Delete { key: key(Kind::EndpointSlice, &before.metadata.name) });
    assert!(slices(&lab, "web").is_empty());
    wait(&mut lab, 1_100);
    let after = slices(&lab, "web");
    assert_eq!(after.len(), 1);
    assert_ne!(after[0].metadata.name, before.metadata.name);
    assert_eq!(addresses(after[0]), addresses(&before));
}

#[test]
fn a_slice_that_is_taken_from_its_controller_stays_and_another_one_comes() {
    let mut lab = lab();
    let before = slices(&lab, "web")[0].clone();
    let mine = json!({"metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": "me"}}});
    patch(&mut lab, key(Kind::EndpointSlice, &before.metadata.name), mine);
    wait(&mut lab, 1_100);
    let after = slices(&lab, "web");
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|it| addresses(it) == addresses(&before)));
}

#[test]
fn a_slice_by_hand_is_left_alone() {
    let mut lab = lab();
    let text = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: mine, \
                namespace: shop, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\n\
                endpoints: [{addresses: [10.0.0.1]}]\nports: [{port: 80}]\n";
    apply(&mut lab, text);
    wait(&mut lab, 10_000);
    let mine = lab.objects()[&key(Kind::EndpointSlice, "mine")].as_endpoint_slice();
    assert_eq!(mine.map(addresses), Some(vec!["10.0.0.1".to_owned()]));
    assert_eq!(slices(&lab, "web").len(), 2);
}

#[test]
fn edited_endpoints_stay_and_deleted_ones_come_back() {
    let mut lab = lab();
    let endpoints = |lab: &Lab| {
        lab.objects().get(&key(Kind::Endpoints, "web")).map(|it| it.to_value()["subsets"].clone())
    };
    let before = endpoints(&lab).expect("they are there");
    patch(&mut lab, key(Kind::Endpoints, "web"), json!({"subsets": []}));
    wait(&mut lab, 10_000);
    assert_eq!(endpoints(&lab), Some(Value::Null), "nothing has changed that they are made from");
    lab.act(Action::Delete { key: key(Kind::Endpoints, "web") });
    wait(&mut lab, 100);
    assert_eq!(endpoints(&lab), Some(before));
}

const BY_HAND: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\n\
                       spec: {ports: [{port: 5432}]}\n---\n";

fn manual(meta: &str, subsets: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Endpoints\nmetadata: {{name: db, namespace: shop{meta}}}\n\
         subsets: [{subsets}]\n"
    )
}

const ONE: &str = "{addresses: [{ip: 192.168.56.9}], ports: [{port: 5432}]}";

#[test]
fn a_mirror_has_the_labels_and_annotations_of_its_endpoints() {
    let mut lab = lab();
    let meta = ", labels: {team: a, kubernetes.io/service-name: other}, annotations: {note: b}";
    apply(&mut lab, &(BY_HAND.to_owned() + &manual(meta, ONE)));
    let mirror = |lab: &Lab| slices(lab, "db").first().map(|it| (*it).clone()).expect("a mirror");
    let first = mirror(&lab);
    let labels: Vec<(&str, &str)> =
        first.metadata.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("endpointslice.kubernetes.io/managed-by", "endpointslicemirroring-controller.k8s.io"),
            ("kubernetes.io/service-name", "db"),
            ("team", "a"),
        ]
    );
    let annotations: Vec<&str> = first.metadata.annotations.keys().map(String::as_str).collect();
    assert_eq!(annotations, ["note"], "not what kubectl keeps there");
    let conditions = &first.endpoints[0].conditions;
    assert_eq!(
        (conditions.ready, conditions.serving, conditions.terminating),
        (Some(true), None, None)
    );
    assert_eq!(first.metadata.owner_references[0].kind, "Endpoints");

    let relabelled = json!({"metadata": {"labels": {"team": "c"}, "annotations": {"note": null}}});
    patch(&mut lab, key(Kind::Endpoints, "db"), relabelled);
    wait(&mut lab, 100);
    let second = mirror(&lab);
    assert_eq!(second.metadata.name, first.metadata.name);
    assert_eq!(second.metadata.labels["team"], "c");
    assert!(second.metadata.annotations.is_empty());
}

#[test]
fn only_endpoints_of_a_service_without_selector_are_mirrored() {
    for (service, meta, mirrored) in [
        (BY_HAND, "", 1),
        ("", "", 0),
        (BY_HAND, ", labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}", 0),
        (BY_HAND, ", labels: {endpointslice.kubernetes.io/skip-mirror: 'false'}", 1),
        (BY_HAND, ", annotations: {control-plane.alpha.kubernetes.io/leader: me}", 0),
    ] {
        let mut lab = lab();
        apply(&mut lab, &(service.to_owned() + &manual(meta, ONE)));
        assert_eq!(slices(&lab, "db").len(), mirrored, "{service:?} {meta}");
    }
}

#[test]
fn a_mirror_goes_with_what_it_mirrors() {
    let text = BY_HAND.to_owned() + &manual("", ONE);
    for gone in [key(Kind::Endpoints, "db"), key(Kind::Service, "db")] {
        let mut lab = lab();
        apply(&mut lab, &text);
        assert_eq!(slices(&lab, "db").len(), 1);
        lab.act(Action::Delete { key: gone.clone() });
        wait(&mut lab, 1_000);
        assert_eq!(slices(&lab, "db").len(), 0, "{gone}");
    }
    let mut lab = lab();
    apply(&mut lab, &text);
    patch(&mut lab, key(Kind::Service, "db"), json!({"spec": {"selector": {"app": "nothing"}}}));
    wait(&mut lab, 1_000);
    let left = slices(&lab, "db");
    assert_eq!((left.len(), left[0].endpoints.len()), (1, 0), "its own controller's empty one");
}

#[test]
fn a_mirror_takes_a_thousand_addresses_of_each_subset() {
    let mut subset = String::from("{ports: [{port: 5432}], addresses: [");
    for number in 0..1_010 {
        write!(subset, "{{ip: 10.9.{}.{}}},", number / 250, number % 250 + 1).expect("a text");
    }
    subset += "]}";
    let other = "{ports: [{port: 1}], addresses: [{ip: 10.8.0.1}], \
                 notReadyAddresses: [{ip: 10.8.0.2}]}";
    let mut lab = lab();
    apply(&mut lab, &(BY_HAND.to_owned() + &manual("", &format!("{subset}, {other}"))));
    let mut sizes: Vec<usize> = slices(&lab, "db").iter().map(|it| it.endpoints.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 1000]);
    let told = events(lab.log(), lab.now());
    let told = told.iter().filter(|it| it.event.reason == "TooManyAddressesToMirror");
    let messages: Vec<&str> = told.map(|it| it.event.message.as_str()).collect();
    assert_eq!(
        messages,
        ["A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 10 \
          addresses were skipped"]
    );
}

#[test]
fn a_mirror_has_a_slice_for_each_family_and_port() {
    let subsets = "{ports: [{port: 1}], addresses: [{ip: 10.8.0.1}, {ip: 'fd00::1'}]}, \
                   {ports: [{port: 2}], addresses: [{ip: 10.8.0.2}]}";
    let mut lab = lab();
    apply(&mut lab, &(BY_HAND.to_owned() + &manual("", subsets)));
    let mut all: Vec<(String, Option<i32>, Vec<String>)> = slices(&lab, "db")
        .iter()
        .map(|it| (it.address_type.clone(), it.ports[0].port, addresses(it)))
        .collect();
    all.sort();
    let wanted = [("IPv4", 1, "10.8.0.1"), ("IPv4", 2, "10.8.0.2"), ("IPv6", 1, "fd00::1")];
    let wanted = wanted.map(|(of, port, ip)| (of.to_owned(), Some(port), vec![ip.to_owned()]));
    assert_eq!(all, wanted);
}

/// Zones of the two workers, and how the hints follow what the Service and the nodes say.
#[test]
fn hints_come_and_go_with_the_service_and_its_nodes() {
    let mut lab = lab();
    for (node, zone) in [("worker-1", "zone-a"), ("worker-2", "zone-b")] {
        let node = ObjectKey::new(Kind::Node, "", node);
        let zone = json!({"metadata": {"labels": {"topology.kubernetes.io/zone": zone}}});
        patch(&mut lab, node, zone);
    }
    let hints = |lab: &Lab| -> Vec<String> {
        let endpoints = slices(lab, "web").into_iter().flat_map(|it| &it.endpoints);
        let mut all: Vec<String> = endpoints
            .map(|it| {
                let zones = it.hints.iter().flat_map(|it| &it.for_zones).map(|it| it.name.clone());
                format!(
                    "{} for {}",
                    it.zone.as_deref().unwrap_or("none"),
                    zones.collect::<Vec<_>>().join(",")
                )
            })
            .collect();
        all.sort();
        all.dedup();
        all
    };
    wait(&mut lab, 1_000);
    let deployment = ObjectKey::new(Kind::Deployment, "shop", "web");
    patch(&mut lab, deployment.clone(), json!({"spec": {"replicas": 4}}));
    wait(&mut lab, 10_000);
    let near = json!({"spec": {"trafficDistribution": "PreferClose"}});
    patch(&mut lab, key(Kind::Service, "web"), near);
    wait(&mut lab, 1_000);
    assert_eq!(hints(&lab), ["zone-a for zone-a", "zone-b for zone-b"]);
    let far = json!({"spec": {"trafficDistribution": null}});
    patch(&mut lab, key(Kind::Service, "web"), far);
    wait(&mut lab, 1_000);
    assert_eq!(hints(&lab), ["zone-a for ", "zone-b for "]);
    let told = |lab: &Lab| -> Vec<String> {
        let all = events(lab.log(), lab.now());
        let own = all.into_iter().filter(|it| it.event.reason.starts_with("TopologyAware"));
        own.map(|it| format!("{}: {}", it.event.reason, it.event.message)).collect()
    };
    let auto =
        json!({"metadata": {"annotations": {"service.kubernetes.io/topology-mode": "Auto"}}});
    patch(&mut lab, key(Kind::Service, "web"), auto);
    wait(&mut lab, 1_000);
    assert!(hints(&lab).iter().all(|it| !it.ends_with("for ")), "{:?}", hints(&lab));
    assert_eq!(
        told(&lab),
        ["TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4"]
    );
    patch(&mut lab, deployment, json!({"spec": {"replicas": 1}}));
    wait(&mut lab, 10_000);
    assert!(hints(&lab).iter().all(|it| it.ends_with("for ")), "{:?}", hints(&lab));
    let last = told(&lab).pop().expect("an event");
    assert_eq!(
        last,
        "TopologyAwareHintsDisabled: Insufficient number of endpoints (1 endpoints, 2 zones), \
         addressType: IPv4"
    );
}
