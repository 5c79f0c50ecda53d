//! One node's kube-proxy in a cluster of many Services: its whole text, and what one change costs.

use serde_json::{Value, json};
use svclab_core::proxy::{self, Text, Watch};

use super::clusters::{cluster, settings};
use super::following::FollowingNode;
use super::milliseconds;

/// `textMs` begins, as kube-proxy's own sync does, with what its change trackers hold: service
/// ports, and endpoints with the names of their chains. `fromObjectsMs` reads those first.
pub(super) fn node(services: usize, endpoints: usize) -> Value {
    let objects = cluster(services, endpoints);
    let settings = settings("node-1");
    let watch = Watch::of(&objects, settings.clone());
    let mut kept = Text::default();
    let text = || proxy::full_text(&objects, &settings).len();
    let mut node = FollowingNode::new(&objects, &settings);
    json!({
        "services": services,
        "endpointsPerService": endpoints,
        "bytes": text(),
        "textMs": milliseconds(|| {
            watch.write_text(&objects, &settings.node, &mut kept);
            kept.as_str().len()
        }),
        "fromObjectsMs": milliseconds(text),
        "oneEndpointMs": milliseconds(|| node.flip_one()),
    })
}
