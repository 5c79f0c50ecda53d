//! At the veth pairs of a node's pods, where a network plugin enforces NetworkPolicies.

use svclab_netfilter::{CtStatus, Packet};

use super::link::veth;
use super::{End, Traveller};
use crate::net::policy::ask;
use crate::trace::{Event, Loss, PolicyDirection};

impl Traveller<'_> {
    /// The packet's end, if a policy of the pod it comes from or goes to does not let it through.
    ///
    /// Only what is forwarded is asked about: traffic between a node and its own pods always
    /// passes, and a pod always reaches itself.
    pub(super) fn policed(&mut self, input: &str, output: &str) -> Option<End> {
        let Packet { src, dst, .. } = self.journey.packet;
        if self.net.policies.is_empty() || src == dst || self.is_known() {
            return None;
        }
        let of_pod = |device: &str, ip| {
            device == "cni0" || self.net.pods.get(&ip).is_some_and(|it| *it.device == *device)
        };
        let leaves = of_pod(input, src).then_some((PolicyDirection::Egress, src));
        let arrives = of_pod(output, dst).then_some((PolicyDirection::Ingress, dst));
        for (direction, pod) in leaves.into_iter().chain(arrives) {
            let ruling = ask(&self.net.policies, direction, &self.journey.packet);
            let Some((ruling, place)) = ruling.zip(self.net.pods.get(&pod).map(veth)) else {
                continue;
            };
            let allowed = ruling.by.is_some();
            self.step(place.clone(), Event::Policed(Box::new(ruling)));
            if !allowed {
                return Some(self.lose(place, Loss::Denied));
            }
        }
        None
    }

    /// Whether the packet belongs to a connection that has seen an answer, as the node's conntrack
    /// has just said.
    fn is_known(&self) -> bool {
        let said = self.journey.steps.iter().rev().find_map(|it| match &it.event {
            Event::Tracked { status, .. } => Some(*status),
            _ => None,
        });
        matches!(said, Some(CtStatus::Established | CtStatus::Related))
    }
}
