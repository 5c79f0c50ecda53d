//! When what changed a Service's endpoints happened: the time that goes into
//! `endpoints.kubernetes.io/last-change-trigger-time` (`TriggerTimeTracker`).

use std::collections::{BTreeMap, BTreeSet};

use svclab_netfilter::order::Gather;

use crate::object::{Pod, Service};

pub const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The times one Service was last synced with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triggers {
    service: Option<String>,
    /// By name: when the pod's Ready condition changed, as the API server writes times, whose
    /// order is that of their texts.
    pods: BTreeMap<String, String>,
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
        let ready_since = |pod: &'a Pod| -> Option<(&'a str, &'a str)> {
            let since = pod.condition("Ready")?.last_transition_time.as_deref()?;
            Some((pod.metadata.name.as_str(), since))
        };
        let timed: Vec<(&str, &str)> = pods.filter_map(ready_since).collect();
        let mut earliest: Option<&str> = None;
        for (name, at) in timed.iter().copied() {
            let before = self.pods.get(name).map(String::as_str);
            if before == Some(at) {
                continue;
            }
            if before.is_none_or(|before| before < at) {
                earliest = Some(earliest.map_or(at, |known| known.min(at)));
            }
            self.pods.insert(name.to_owned(), at.to_owned());
        }
        if self.pods.len() > timed.len() {
            let there: BTreeSet<&str> = timed.iter().map(|(name, _)| *name).gather();
            self.pods.retain(|name, _| there.contains(name.as_str()));
        }
        let earliest = earliest.map(str::to_owned);
        self.service = Some(created.clone());
        match earliest {
            _ if is_first => Some(created.clone()),
            Some(earliest) if is_new => Some(earliest.min(created.clone())),
            None if is_new => Some(created.clone()),
            other => other,
        }
    }
}
