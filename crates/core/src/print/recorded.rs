//! The log → Kubernetes Events, as `kubectl get events` tells them.
//!
//! Not everything that happens has an Event: nobody records that an EndpointSlice changed.

use crate::key::ObjectKey;
use crate::lab::log::{Component, Entry, EntryId};
use crate::time::Instant;

/// An Event as the API stores it: the same thing said again only counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The object that it is about.
    pub key: ObjectKey,
    pub by: Component,
    pub is_warning: bool,
    pub reason: String,
    pub message: String,
    pub count: usize,
    pub first: Instant,
    pub last: Instant,
    /// The entry that said it last.
    pub entry: EntryId,
}

impl Event {
    fn says_the_same(&self, other: &Event) -> bool {
        let said = |it: &Event| (it.is_warning, it.by);
        said(self) == said(other)
            && self.key == other.key
            && self.reason == other.reason
            && self.message == other.message
    }
}

/// The Events of these entries, given oldest first; those said last come first.
pub fn events<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Event> {
    let mut res: Vec<Event> = Vec::new();
    for event in entries.into_iter().filter_map(event) {
        // What is said again was mostly said not long ago.
        match res.iter().rposition(|it| it.says_the_same(&event)) {
            Some(at) => {
                let before = res.remove(at);
                res.push(Event { count: before.count + 1, first: before.first, ..event });
            }
            None => res.push(event),
        }
    }
    res.reverse();
    res
}

/// The Event that the entry stands for, if a component records one.
pub fn event(entry: &Entry) -> Option<Event> {
    let it = entry.event()?;
    Some(Event {
        key: it.regarding,
        by: it.component,
        is_warning: it.warning,
        reason: it.reason,
        message: it.message,
        count: 1,
        first: entry.at,
        last: entry.at,
        entry: entry.id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Kind;
    use crate::lab::log::Happening;
    use crate::lab::{Action, Lab};
    use crate::scenario::default_scenario;
    use crate::time::Duration;

    /// The first scenario, ten seconds old; then one pod's readiness fails for twenty.
    fn told() -> (Lab, ObjectKey, Vec<Event>) {
        let mut lab = Lab::new(&default_scenario(), 1);
        lab.run_until(Instant::START + Duration::from_secs(10));
        let web = |key: &&ObjectKey| key.kind == Kind::Pod && key.name.starts_with("web-");
        let pod = lab.objects().keys().find(web).expect("a pod of web").clone();
        lab.act(Action::SwitchReadiness { pod: pod.clone(), ready: false });
        lab.run_until(Instant::START + Duration::from_secs(30));
        let events = events(lab.log().iter());
        (lab, pod, events)
    }

    #[test]
    fn a_pods_life_is_told_by_who_had_a_part_in_it() {
        let (lab, pod, events) = told();
        let failed = |entry: &&Entry| match &entry.what {
            Happening::Probed { pod: of, success: false, .. } => *of == pod,
            _ => false,
        };
        let failed = lab.log().iter().filter(failed).count();
        let of_pod = events.iter().rev().filter(|it| it.key == pod);
        let told: Vec<_> = of_pod.map(|it| (it.by.name(), it.reason.as_str(), it.count)).collect();
        let expected = [
            ("default-scheduler", "Scheduled", 1),
            ("kubelet", "Pulled", 1),
            ("kubelet", "Created", 1),
            ("kubelet", "Started", 1),
            ("kubelet", "Unhealthy", failed),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_said_again_counts_and_comes_first() {
        let (_, pod, events) = told();
        let unhealthy = &events[0];
        assert_eq!((&unhealthy.key, unhealthy.is_warning), (&pod, true));
        assert_eq!(
            unhealthy.message,
            "Readiness probe failed: HTTP probe failed with statuscode: 503"
        );
        assert_eq!(unhealthy.last - unhealthy.first, Duration::from_secs(15));
    }
}
