//! Whatever the edits, the controllers come to rest, and they come to the same end whatever order
//! the objects came in.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Lab};
use svclab_core::object::Object;
use svclab_core::scenario::default_scenario;
use svclab_core::time::Duration;

/// One edit; the numbers choose among what there is.
#[derive(Debug, Clone)]
enum Edit {
    Deployment { replicas: u8, image: u8, strategy: bool },
    StatefulSet { replicas: u8, image: u8, parallel: bool },
    Service { selector: u8, headless: bool },
    DeletePod(u8),
    Wait(u16),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..5u8, 0..3u8, any::<bool>()).prop_map(|(replicas, image, strategy)| Edit::Deployment {
            replicas,
            image,
            strategy
        }),
        (0..4u8, 0..3u8, any::<bool>()).prop_map(|(replicas, image, parallel)| Edit::StatefulSet {
            replicas,
            image,
            parallel
        }),
        (0..3u8, any::<bool>())
            .prop_map(|(selector, headless)| Edit::Service { selector, headless }),
        any::<u8>().prop_map(Edit::DeletePod),
        (0..5000u16).prop_map(Edit::Wait),
    ]
}

fn template(app: &str, image: u8) -> String {
    format!(
        "{{metadata: {{labels: {{app: {app}}}}}, spec: {{containers: [{{name: c, image: 'nginx:1.{image}', ports: [{{containerPort: 80}}]}}]}}}}"
    )
}

fn carry_out(lab: &mut Lab, edit: &Edit) {
    let text = match edit {
        Edit::Deployment { replicas, image, strategy } => format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d, namespace: shop}}\n\
             spec: {{replicas: {replicas}, strategy: {{type: {}}}, selector: {{matchLabels: {{app: d}}}}, template: {}}}\n",
            if *strategy { "RollingUpdate" } else { "Recreate" },
            template("d", *image)
        ),
        Edit::StatefulSet { replicas, image, parallel } => format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: s{parallel}, namespace: shop}}\n\
             spec: {{serviceName: x, podManagementPolicy: {}, replicas: {replicas}, selector: {{matchLabels: {{app: s}}}}, template: {}}}\n",
            if *parallel { "Parallel" } else { "OrderedReady" },
            template("s", *image)
        ),
        Edit::Service { selector, headless } => format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: x{headless}, namespace: shop}}\n\
             spec: {{{}ports: [{{port: 80}}]{}}}\n",
            if *headless { "clusterIP: None, " } else { "" },
            ["", ", selector: {app: d}", ", selector: {app: s}"][usize::from(*selector)]
        ),
        Edit::DeletePod(at) => {
            let pods: Vec<ObjectKey> =
                lab.objects().in_namespace(Kind::Pod, "shop").map(Object::key).collect();
            if let Some(key) = pods.get(usize::from(*at) % pods.len().max(1)).cloned() {
                lab.act(Action::Delete { key });
            }
            return;
        }
        Edit::Wait(millis) => return pass(lab, u64::from(*millis)),
    };
    lab.act(Action::Apply { text });
}

fn pass(lab: &mut Lab, millis: u64) {
    lab.run_until(lab.now() + Duration::from_millis(millis));
}

/// The addresses of each Service, by the Endpoints and by the slices.
fn addresses(lab: &Lab, kind: Kind) -> BTreeSet<(String, String)> {
    let mut res = BTreeSet::new();
    for object in lab.objects().in_namespace(kind, "shop") {
        if let Object::Endpoints(it) = object {
            let all = it.subsets.iter().flat_map(|it| &it.addresses);
            res.extend(all.map(|address| (it.metadata.name.clone(), address.ip.clone())));
        }
        if let Object::EndpointSlice(it) = object {
            let name = it.service_name().unwrap_or_default().to_owned();
            let ready = it.endpoints.iter().filter(|it| it.conditions.is_ready());
            res.extend(ready.map(|it| (name.clone(), it.addresses[0].clone())));
        }
    }
    res
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn edits_come_to_rest(edits in prop::collection::vec(edit(), 1..10)) {
        let mut lab = Lab::new(&default_scenario(), 1);
        for edit in &edits {
            carry_out(&mut lab, edit);
        }
        pass(&mut lab, 240_000);
        let version = lab.resource_version();
        pass(&mut lab, 60_000);
        prop_assert_eq!(lab.resource_version(), version);
        prop_assert_eq!(addresses(&lab, Kind::Endpoints), addresses(&lab, Kind::EndpointSlice));
    }

    #[test]
    fn the_order_of_creation_does_not_matter(
        texts in Just(MANIFESTS.to_vec()).prop_shuffle(),
        waits in prop::collection::vec(0..4000_u64, MANIFESTS.len()),
    ) {
        let run = |texts: &[&str], waits: &[u64]| {
            let mut lab = Lab::new(&default_scenario(), 1);
            pass(&mut lab, 20_000);
            for (text, wait) in texts.iter().zip(waits) {
                lab.act(Action::Apply { text: (*text).to_owned() });
                pass(&mut lab, *wait);
            }
            pass(&mut lab, 180_000);
            settled(&lab)
        };
        let expected = run(&MANIFESTS, &[0; MANIFESTS.len()]);
        prop_assert!(expected.keys().any(|it| it.contains("\"readyReplicas\":3")));
        prop_assert_eq!(run(&texts, &waits), expected);
    }
}

const MANIFESTS: [&str; 9] = [
    "{apiVersion: v1, kind: Service, metadata: {name: x, namespace: shop}, spec: {selector: {app: d}, ports: [{port: 80, targetPort: web}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: y, namespace: shop}, spec: {clusterIP: None, selector: {app: s}, ports: [{port: 80}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: z, namespace: shop}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}",
    "{apiVersion: v1, kind: Endpoints, metadata: {name: z, namespace: shop}, subsets: [{addresses: [{ip: 192.168.56.9}], ports: [{port: 80}]}]}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: shop}, spec: {replicas: 3, selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}}, spec: {containers: [{name: c, image: 'nginx:1.27', ports: [{name: web, containerPort: 80}]}]}}}}",
    "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s, namespace: shop}, spec: {serviceName: y, replicas: 2, selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: {containers: [{name: c, image: 'nginx:1.27'}]}}}}",
    "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: e, namespace: shop}, spec: {selector: {matchLabels: {app: e}}, template: {metadata: {labels: {app: e}}, spec: {containers: [{name: c, image: 'nginx:1.27'}]}}}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: alone, namespace: shop, labels: {app: d}}, spec: {containers: [{name: c, image: 'nginx:1.27', ports: [{name: web, containerPort: 8080}]}]}}",
    "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: shop}, spec: {defaultBackend: {service: {name: x, port: {number: 80}}}}}",
];

/// Everything in the namespace, and how often, but for what chance and the clock have chosen.
fn settled(lab: &Lab) -> BTreeMap<String, usize> {
    let pods = || lab.objects().in_namespace(Kind::Pod, "shop").filter_map(Object::as_pod);
    let ips: BTreeSet<String> = pods().map(|it| it.status.pod_ip.clone()).collect();
    let mut res = BTreeMap::new();
    for object in lab.objects().values().filter(|it| it.meta().namespace == "shop") {
        let mut value = object.to_value();
        masked(&mut value, &ips);
        *res.entry(value.to_string()).or_default() += 1;
    }
    res
}

/// Fields that are chosen, not derived.
const CHOSEN: [&str; 10] = [
    "uid",
    "resourceVersion",
    "generation",
    "observedGeneration",
    "clusterIP",
    "clusterIPs",
    "nodeName",
    "hostIP",
    "hostIPs",
    "containerID",
];

const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

fn has_no_other(annotations: &Value) -> bool {
    annotations.as_object().is_some_and(|it| it.keys().eq([TRIGGER_TIME]))
}

fn masked(value: &mut Value, ips: &BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            // The times have seconds: that a pod is ready brings no new time where that comes in
            // the second in which it got its address, and then the controller drops the last one.
            if map.get("annotations").is_some_and(has_no_other) {
                map.remove("annotations");
            }
            map.retain(|name, _| !CHOSEN.contains(&name.as_str()) && name != TRIGGER_TIME);
            let is_generated = map.contains_key("generateName");
            for (name, value) in map.iter_mut() {
                match name.as_str() {
                    "name" if is_generated => *value = "generated".into(),
                    // A Pod of a Deployment is meant.
                    "targetRef" => *value = value["kind"].take(),
                    _ => masked(value, ips),
                }
            }
            map.sort_keys();
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|it| masked(it, ips));
            items.sort_by_key(Value::to_string);
        }
        Value::String(text) if ips.contains(text) => *text = "a pod's address".into(),
        Value::String(text) if text.ends_with('Z') && text.contains('T') => {
            *text = "a time".into();
        }
        _ => {}
    }
}
