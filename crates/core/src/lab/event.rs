//! Kubernetes Events: what happened in the lab → what `kubectl get events` shows.
//!
//! The log is their one source: each entry that a real component records an Event for says which.

use super::correlate::Correlator;
use super::log::{Change, Component, Entry, Happening, Log};
use crate::key::{Kind, ObjectKey};
use crate::kubelet::Said;
use crate::time::Instant;

/// What a component recorded about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub warning: bool,
    pub reason: String,
    pub message: String,
    pub component: Component,
    /// `involvedObject`
    pub regarding: ObjectKey,
    /// `spec.containers{web}`; empty for the object as a whole.
    pub field_path: String,
}

/// The same Event once or more (`count`, `firstTimestamp`, `lastTimestamp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    pub event: Event,
    pub count: u32,
    pub first: Instant,
    pub last: Instant,
}

impl Entry {
    /// The Event that the component which did this records; None where it records none.
    pub fn event(&self) -> Option<Event> {
        match &self.what {
            Happening::Scheduled { pod, node } => {
                let (namespace, name) = (&pod.namespace, &pod.name);
                let message = format!("Successfully assigned {namespace}/{name} to {node}");
                Some(event(Component::Scheduler, pod, Said::normal("Scheduled", message)))
            }
            Happening::Unschedulable { pod, message } => {
                let said = Said::warning("FailedScheduling", message.clone());
                Some(event(Component::Scheduler, pod, said))
            }
            Happening::Scaled { key, of, from, to } => {
                let direction = if to > from { "up" } else { "down" };
                let name = &key.name;
                let message = format!("Scaled {direction} replica set {name} from {from} to {to}");
                let said = Said::normal("ScalingReplicaSet", message);
                Some(event(Component::DeploymentController, of, said))
            }
            Happening::Made { key, by, of: Some(of) } if key.kind == Kind::Pod => {
                let message = match by {
                    Component::StatefulSetController => {
                        format!("create Pod {} in StatefulSet {} successful", key.name, of.name)
                    }
                    _ => format!("Created pod: {}", key.name),
                };
                Some(event(*by, of, Said::normal("SuccessfulCreate", message)))
            }
            Happening::Removed { key, by, of: Some(of) } if key.kind == Kind::Pod => {
                let message = match by {
                    Component::StatefulSetController => {
                        format!("delete Pod {} in StatefulSet {} successful", key.name, of.name)
                    }
                    _ => format!("Deleted pod: {}", key.name),
                };
                Some(event(*by, of, Said::normal("SuccessfulDelete", message)))
            }
            Happening::Recorded { key, by, warning, reason, message } => {
                let said = Said { is_warning: *warning, reason, message: message.clone() };
                Some(event(*by, key, said))
            }
            Happening::Container { pod, container, what } => {
                let said = what.event(container, &format!("{}_{}", pod.name, pod.namespace))?;
                Some(of_container(pod, container, said))
            }
            Happening::Said { pod, said } => Some(event(Component::Kubelet, pod, said.clone())),
            Happening::Probed { pod, container, message, success: false, .. } => {
                let said = Said::warning("Unhealthy", message.clone());
                Some(of_container(pod, container, said))
            }
            _ => None,
        }
    }
}

fn event(component: Component, regarding: &ObjectKey, said: Said) -> Event {
    Event {
        warning: said.is_warning,
        reason: said.reason.to_owned(),
        message: said.message,
        component,
        regarding: regarding.clone(),
        field_path: String::new(),
    }
}

fn of_container(pod: &ObjectKey, container: &str, said: Said) -> Event {
    let field_path = format!("spec.containers{{{container}}}");
    Event { field_path, ..event(Component::Kubelet, pod, said) }
}

/// The Events that the API server holds at `now`, in the order of their first times. One that
/// comes again counts up; one that was not repeated for an hour is gone.
pub fn events(log: &Log, now: Instant) -> Vec<Repeated> {
    let mut correlator = Correlator::default();
    for entry in log.iter().filter(|it| it.at <= now) {
        match &entry.what {
            Happening::Applied { key, change: Change::Created } | Happening::Made { key, .. } => {
                correlator.is_new(key);
            }
            _ => {}
        }
        if let Some(event) = entry.event() {
            correlator.observe(event, entry.at);
        }
    }
    correlator.stored(now)
}
