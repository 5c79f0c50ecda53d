//! Good manifests, changed at random: whatever comes of them, nothing panics, and what is stored
//! is printed, read and applied again without a change.

use proptest::prelude::*;
use serde_json::{Value, json};
use svclab_core::admit::{
    Patch, Settings, annotated, apply_patch, create, patch, replace, strategic_patch,
};
use svclab_core::key::Kind;
use svclab_core::object::{Object, Objects};
use svclab_core::read::{decode, read};
use svclab_core::rng::Rng;

const GOOD: [&str; 12] = [
    "{apiVersion: v1, kind: Service, metadata: {name: web, labels: {app: web}}, spec: {type: NodePort, selector: {app: web}, sessionAffinity: ClientIP, externalIPs: [192.0.2.1], ports: [{name: a, port: 80, targetPort: http, nodePort: 30080}, {name: b, port: 53, protocol: UDP}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: lb}, spec: {type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerSourceRanges: [10.0.0.0/8], ipFamilies: [IPv4], ipFamilyPolicy: PreferDualStack, clusterIP: 10.96.0.10, ports: [{port: 80}]}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x, env: [{name: A, value: b}], resources: {limits: {cpu: 500m}}, ports: [{containerPort: 80}], volumeMounts: [{name: v, mountPath: /v}], readinessProbe: {httpGet: {path: /, port: 80}}}], volumes: [{name: v, emptyDir: {}}], tolerations: [{key: a, operator: Exists}], dnsConfig: {nameservers: [1.1.1.1]}}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: 2, selector: {matchLabels: {app: d}}, strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}, template: {metadata: {labels: {app: d}}, spec: {containers: [{name: c, image: x}], initContainers: [{name: i, image: x}]}}}}",
    "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {serviceName: s, selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: {containers: [{name: c, image: x}]}}}}",
    "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: s}, spec: {selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: {containers: [{name: c, image: x}]}}}}",
    "{apiVersion: v1, kind: Endpoints, metadata: {name: e}, subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{name: a, port: 80}]}]}",
    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: e}, addressType: IPv4, endpoints: [{addresses: [192.0.2.1], conditions: {ready: true}}], ports: [{name: a, port: 80}]}",
    "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i}, spec: {ingressClassName: nginx, tls: [{hosts: [a.b], secretName: s}], rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}",
    "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: wall}, spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80, endPort: 90}]}], egress: [{to: [{namespaceSelector: {}}]}]}}",
    "{apiVersion: v1, kind: Node, metadata: {name: node-9}, spec: {podCIDR: 10.244.9.0/24, taints: [{key: a, value: b, effect: NoSchedule}]}}",
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {k: v}}",
];

/// What is done to one place of a manifest.
#[derive(Debug, Clone)]
enum Change {
    Drop,
    Rename,
    Repeat,
    Set(Value),
}

fn change() -> impl Strategy<Value = Change> {
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(80),
        json!(70_000),
        json!(5_000_000_000_i64),
        json!(1.5),
        json!(""),
        json!("None"),
        json!("Ünlicode"),
        json!("a b"),
        json!("10.96.0.77"),
        json!("fd00::1"),
        json!("9999999999999999999999Gi"),
        json!([]),
        json!([null]),
        json!([{}]),
        json!({}),
        json!({"a": {"b": ["c"]}}),
        json!({"$patch": "delete"}),
    ];
    prop_oneof![
        Just(Change::Drop),
        Just(Change::Rename),
        Just(Change::Repeat),
        prop::sample::select(odd.to_vec()).prop_map(Change::Set),
    ]
}

/// Every value inside, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, it)| (name.replace('/', "~1"), it)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, it)| (i.to_string(), it)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        found.push(place.clone());
        places(value, &place, found);
    }
}

fn changed(value: &Value, changes: &[(prop::sample::Index, Change)]) -> Value {
    let mut value = value.clone();
    for (index, change) in changes {
        let mut found = Vec::new();
        places(&value, "", &mut found);
        // Without these there is nothing to ask.
        found.retain(|it| it != "/apiVersion" && it != "/kind");
        if !found.is_empty() {
            apply(&mut value, &found[index.index(found.len())], change);
        }
    }
    value
}

fn apply(value: &mut Value, place: &str, change: &Change) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    let name = name.replace("~1", "/");
    match (value.pointer_mut(parent), change) {
        (Some(Value::Object(map)), Change::Drop) => _ = map.remove(&name),
        (Some(Value::Object(map)), Change::Set(value)) => _ = map.insert(name, value.clone()),
        (Some(Value::Object(map)), Change::Rename | Change::Repeat) => {
            let value = map.get(&name).cloned().unwrap_or_default();
            map.insert(format!("{name}x"), value);
        }
        (Some(Value::Array(items)), change) => {
            let Ok(index) = name.parse::<usize>() else { return };
            match change {
                Change::Drop => _ = items.remove(index),
                Change::Set(value) => items[index] = value.clone(),
                Change::Rename | Change::Repeat => items.push(items[index].clone()),
            }
        }
        _ => {}
    }
}

fn good(index: usize) -> Value {
    read(GOOD[index]).documents[0].value()
}

fn kind_of(manifest: &Value) -> Kind {
    let word = |name: &str| manifest[name].as_str().unwrap_or_default();
    Kind::parse(word("apiVersion"), word("kind")).expect("the manifests name known kinds")
}

fn empty_cluster() -> Objects {
    let namespace = json!({"metadata": {"name": "default"}});
    Objects::from_iter(Object::from_value(Kind::Namespace, namespace))
}

/// The good manifest with this number, stored.
fn stored(index: usize, rng: &mut Rng, settings: &Settings) -> (Objects, Object) {
    let mut objects = empty_cluster();
    let manifest = annotated(&good(index));
    let object = decode(kind_of(&manifest), &manifest).expect("it is good");
    let object = create(&objects, object, rng, settings).expect("it is good").object;
    objects.insert(object.clone());
    (objects, object)
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    prop::collection::vec((any::<prop::sample::Index>(), change()), 0..4)
}

proptest! {
    /// Any answer will do, as long as there is one; and what is stored is what is printed.
    #[test]
    fn changed_manifests_are_answered(index in 0..GOOD.len(), changes in changes()) {
        let (mut rng, settings) = (Rng::new(1), Settings::default());
        let (objects, old) = stored(index, &mut rng, &settings);
        let manifest = changed(&good(index), &changes);
        let kind = kind_of(&manifest);
        let read = read(&manifest.to_string());
        prop_assert_eq!(read.documents.len(), 1);
        let mut answers = Vec::new();
        if let Ok(object) = decode(kind, &manifest) {
            answers.push(create(&empty_cluster(), object.clone(), &mut rng, &settings));
            answers.push(replace(&objects, object, &mut rng, &settings));
        }
        for how in [Patch::Strategic, Patch::Merge, Patch::Json] {
            for strict in [true, false] {
                let request = (how, &manifest, strict);
                answers.push(patch(&objects, &old.key(), request, &mut rng, &settings));
            }
        }
        for admitted in answers.into_iter().flatten() {
            let printed = admitted.object.to_value();
            prop_assert_eq!(Object::from_value(kind, printed), Ok(admitted.object));
        }
    }

    /// A patch that kubectl computes, applied, leaves nothing for a second one to change, where the
    /// server takes the first.
    #[test]
    fn applying_twice_is_applying_once(index in 0..GOOD.len(), changes in changes()) {
        let (mut rng, settings) = (Rng::new(1), Settings::default());
        let (objects, live) = stored(index, &mut rng, &settings);
        let wanted = changed(&good(index), &changes);
        // A directive is a patch's word, not a manifest's.
        prop_assume!(!wanted.to_string().contains("$patch"));
        let wanted = annotated(&wanted);
        let mut once = live.to_value();
        let kind = live.kind();
        let mut taken = |value: &Value| {
            let object = decode(kind, value);
            object.is_ok_and(|it| replace(&objects, it, &mut rng, &settings).is_ok())
        };
        let applied = apply(&mut once, kind, &wanted).is_some();
        if applied && taken(&once) {
            let mut twice = once.clone();
            let again = apply(&mut twice, kind, &wanted);
            prop_assert!(again.is_some());
            prop_assert_eq!(twice, once);
        }

        fn apply(live: &mut Value, kind: Kind, wanted: &Value) -> Option<()> {
            let patch = apply_patch(kind, wanted, live).ok()?;
            strategic_patch(kind, live, &patch).ok()
        }
    }
}
