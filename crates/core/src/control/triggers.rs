//! When what changed a Service's endpoints happened: the time that goes into
//! `endpoints.kubernetes.io/last-change-trigger-time` (`TriggerTimeTracker`).

use std::collections::{BTreeMap, BTreeSet};

use super::available::ready_since;
use crate::object::{Pod, Service};
use crate::time::Instant;

pub const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The times one Service was last synced with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triggers {
    service: Option<String>,
    /// By name: when the pod's Ready condition changed.
    pods: BTreeMap<String, Instant>,
}

impl Triggers {
    /// The earliest of the times that are new since the last turn; the Service's creation at
    /// first; None where nothing is new that has a time.
    pub fn next<'a>(
        &mut self,
        service: &Service,
        pods: impl Iterator<Item = &'a Pod>,
    ) -> Option<String> {
        let created = &service.metadata.creation_timestamp;
        let is_first = self.service.is_none();
        let is_new = self.service.as_ref() != Some(created);
        let timed: Vec<&Pod> = pods.filter(|pod| pod.condition("Ready").is_some()).collect();
        let mut earliest: Option<Instant> = None;
        for pod in &timed {
            let at = ready_since(pod);
            let before = self.pods.get_mut(&pod.metadata.name);
            if before.as_ref().is_none_or(|before| **before < at) {
                earliest = Some(earliest.map_or(at, |known| known.min(at)));
            }
            match before {
                Some(before) => *before = at,
                None => {
                    self.pods.insert(pod.metadata.name.clone(), at);
                }
            }
        }
        if self.pods.len() > timed.len() {
            let there: BTreeSet<&str> = timed.iter().map(|it| it.metadata.name.as_str()).collect();
            self.pods.retain(|name, _| there.contains(name.as_str()));
        }
        let earliest = earliest.map(Instant::rfc3339);
        self.service = Some(created.clone());
        match earliest {
            _ if is_first => Some(created.clone()),
            Some(earliest) if is_new => Some(earliest.min(created.clone())),
            None if is_new => Some(created.clone()),
            other => other,
        }
    }
}
