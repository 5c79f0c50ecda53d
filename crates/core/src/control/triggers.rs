//! When what changed a Service's endpoints happened: the time that goes into
//! `endpoints.kubernetes.io/last-change-trigger-time` (`TriggerTimeTracker`).

use std::collections::{BTreeMap, BTreeSet};

use svclab_netfilter::order::Gather;

use crate::object::{Pod, Service, Word};

pub const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The times one Service was last synced with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triggers {
    service: Option<Word>,
    /// By name: when the pod's Ready condition changed, as the API server writes times, whose
    /// order is that of their texts.
    pods: BTreeMap<String, Word>,
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
        let ready_since = |pod: &'a Pod| -> Option<(&'a str, &'a Word)> {
            let since = pod.condition("Ready")?.last_transition_time.as_ref()?;
            Some((pod.metadata.name.as_str(), since))
        };
        let timed: Vec<(&str, &Word)> = pods.filter_map(ready_since).collect();
        let mut earliest: Option<&Word> = None;
        for (name, at) in timed.iter().copied() {
            let before = self.pods.get(name);
            if before == Some(at) {
                continue;
            }
            if before.is_none_or(|before| before < at) {
                earliest = Some(earliest.map_or(at, |known| known.min(at)));
            }
            self.pods.insert(name.to_owned(), at.clone());
        }
        if self.pods.len() > timed.len() {
            let there: BTreeSet<&str> = timed.iter().map(|(name, _)| *name).gather();
            self.pods.retain(|name, _| there.contains(name.as_str()));
        }
        self.service = Some(created.clone());
        let time = match earliest {
            _ if is_first => Some(created),
            Some(earliest) if is_new => Some(earliest.min(created)),
            None if is_new => Some(created),
            other => other,
        };
        time.map(Word::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::PodCondition;

    fn pod(name: &str, ready_since: &'static str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = name.into();
        pod.status.conditions = vec![PodCondition {
            r#type: "Ready".into(),
            last_transition_time: Some(ready_since.into()),
            ..PodCondition::default()
        }];
        pod
    }

    /// Pods with the times of their conditions, and the time that the controller finds.
    type Step<'a> = (&'a [(&'a str, &'static str)], Option<&'a str>);

    /// All times are seconds of one minute.
    #[track_caller]
    fn check(turns: &[Step]) {
        let (mut triggers, mut service) = (Triggers::default(), Service::default());
        service.metadata.creation_timestamp = "05".into();
        for (pods, expected) in turns {
            let pods: Vec<Pod> = pods.iter().map(|(name, since)| pod(name, since)).collect();
            assert_eq!(triggers.next(&service, pods.iter()).as_deref(), *expected, "{pods:?}");
        }
    }

    #[test]
    fn the_first_turn_has_the_services_time_and_others_the_earliest_new_one() {
        check(&[
            (&[("a", "01")], Some("05")),
            (&[("a", "01"), ("b", "08"), ("c", "07")], Some("07")),
            (&[("a", "01"), ("b", "09"), ("c", "07")], Some("09")),
        ]);
    }

    /// `After` of times in seconds (`ComputeEndpointLastChangeTriggerTime`).
    #[test]
    fn what_is_in_the_same_second_as_before_has_no_time() {
        check(&[(&[], Some("05")), (&[("a", "07")], Some("07")), (&[("a", "07")], None)]);
        // A pod that has gone is forgotten.
        check(&[(&[("a", "07")], Some("05")), (&[], None), (&[("a", "07")], Some("07"))]);
    }
}
