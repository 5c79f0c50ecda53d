//! Which pods a controller takes over and which it lets go (`PodControllerRefManager`).

use super::replica_set::is_active;
use crate::object::{LabelSelector, Pod};

/// Names of pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Without a controller so far.
    pub adopt: Vec<String>,
    /// Owned, but no longer what the selector asks for.
    pub release: Vec<String>,
}

impl Claims {
    pub fn is_empty(&self) -> bool {
        self.adopt.is_empty() && self.release.is_empty()
    }
}

/// `fits` is what the controller asks of a pod beside its selector.
pub fn claims<'a>(
    selector: Option<&LabelSelector>,
    owned: impl Iterator<Item = &'a Pod>,
    orphans: impl Iterator<Item = &'a Pod>,
    fits: &dyn Fn(&Pod) -> bool,
) -> Claims {
    let Some(selector) = selector else { return Claims::default() };
    let takes = |pod: &&Pod| selector.matches(&pod.metadata.labels) && fits(pod);
    let name = |pod: &Pod| pod.metadata.name.clone();
    Claims {
        adopt: orphans.filter(takes).filter(|pod| is_active(pod)).map(name).collect(),
        release: owned.filter(|pod| !takes(pod) && !pod.is_terminating()).map(name).collect(),
    }
}
