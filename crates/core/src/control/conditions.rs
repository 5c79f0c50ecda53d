//! Conditions of a workload: set, found, removed as the workload controllers do.

use crate::object::{Shared, WorkloadCondition};
use crate::time::Instant;

pub fn condition(
    kind: &str,
    status: &str,
    (reason, message): (&str, String),
    now: Instant,
) -> WorkloadCondition {
    WorkloadCondition {
        r#type: kind.into(),
        status: status.into(),
        last_update_time: Some(now.rfc3339()),
        last_transition_time: Some(now.rfc3339()),
        reason: reason.into(),
        message,
    }
}

pub fn find<'a>(conditions: &'a [WorkloadCondition], kind: &str) -> Option<&'a WorkloadCondition> {
    conditions.iter().find(|it| it.r#type == kind)
}

pub fn remove(conditions: &mut Shared<Vec<WorkloadCondition>>, kind: &str) {
    if find(conditions, kind).is_some() {
        conditions.retain(|it| it.r#type != kind);
    }
}

/// Nothing changes where status and reason are the same; else the condition moves to the end
/// (`SetDeploymentCondition`).
pub fn set(conditions: &mut Shared<Vec<WorkloadCondition>>, mut new: WorkloadCondition) {
    if let Some(old) = find(conditions, &new.r#type) {
        if old.status == new.status && old.reason == new.reason {
            return;
        }
        if old.status == new.status {
            new.last_transition_time.clone_from(&old.last_transition_time);
        }
    }
    remove(conditions, &new.r#type);
    conditions.push(new);
}
