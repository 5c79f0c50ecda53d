//! Since when a pod counts: ready, and available.

use crate::object::{Pod, WorkloadCondition};
use crate::time::{Duration, Instant};

/// When the pod's Ready condition last changed; the lab's beginning where it does not say.
pub fn ready_since(pod: &Pod) -> Instant {
    let condition = pod.condition("Ready");
    let time = condition.and_then(|it| it.last_transition_time.as_deref());
    time.and_then(Instant::from_rfc3339).unwrap_or(Instant::START)
}

/// The first instant at which a ready pod is available: it has been ready for more than
/// `min_ready_seconds` (`podutil.IsPodAvailable`). None while it is not ready.
pub fn available_at(pod: &Pod, min_ready_seconds: i32) -> Option<Instant> {
    if !pod.is_ready() {
        return None;
    }
    match u64::try_from(min_ready_seconds) {
        Ok(seconds @ 1..) => {
            Some(ready_since(pod) + Duration::from_secs(seconds) + Duration::from_millis(1))
        }
        _ => Some(Instant::START),
    }
}

pub fn is_available(pod: &Pod, min_ready_seconds: i32, now: Instant) -> bool {
    available_at(pod, min_ready_seconds).is_some_and(|at| at <= now)
}

/// When the first of the pods becomes available that is not so yet.
pub fn next_available<'a>(
    pods: impl Iterator<Item = &'a Pod>,
    min_ready_seconds: i32,
    now: Instant,
) -> Option<Instant> {
    pods.filter_map(|pod| available_at(pod, min_ready_seconds)).filter(|at| *at > now).min()
}

/// When a condition was last said; None where it does not say.
pub fn updated_at(condition: &WorkloadCondition) -> Option<Instant> {
    condition.last_update_time.as_deref().and_then(Instant::from_rfc3339)
}
