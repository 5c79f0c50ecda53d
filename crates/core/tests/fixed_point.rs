//! Whatever the edits, the controllers come to rest, and they come to the same end whatever order
//! the objects came in.

use std::collections::BTreeSet;

use proptest::prelude::*;
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
    fn the_order_of_creation_does_not_matter(edits in Just(all()).prop_shuffle()) {
        let mut lab = Lab::new(&default_scenario(), 1);
        for edit in &edits {
            carry_out(&mut lab, edit);
        }
        pass(&mut lab, 120_000);
        for kind in [Kind::Endpoints, Kind::EndpointSlice] {
            let addresses = addresses(&lab, kind);
            let count = |service: &str| addresses.iter().filter(|it| it.0 == service).count();
            prop_assert_eq!([count("xfalse"), count("xtrue")], [3, 2]);
        }
    }
}

/// A Service of three pods and one of two.
fn all() -> Vec<Edit> {
    vec![
        Edit::Deployment { replicas: 3, image: 1, strategy: true },
        Edit::StatefulSet { replicas: 2, image: 1, parallel: false },
        Edit::Service { selector: 1, headless: false },
        Edit::Service { selector: 2, headless: true },
    ]
}
