//! What may change of a pod.

use super::errors::Errors;
use super::pod::{qos_class, validate};
use super::{meta, placement};
use crate::object::{Pod, PodSpec, Toleration};

/// The server adds a line break and a diff of Go structs to this text; we do not.
const POD_IS_FIXED: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// `ValidatePodUpdate`.
pub(super) fn validate_update(new: &Pod, old: &Pod, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate(new, errors);
    for (name, new, old) in [
        ("containers", &new.spec.containers, &old.spec.containers),
        ("initContainers", &new.spec.init_containers, &old.spec.init_containers),
    ] {
        if new.len() != old.len() {
            let detail = "pod updates may not add or remove containers";
            return errors.forbidden(format!("spec.{name}"), detail);
        }
        for (index, container) in new.iter().enumerate() {
            if container.image.is_empty() {
                errors.required(format!("spec.{name}[{index}].image"), "");
            }
        }
    }
    if !validate_deadline(&new.spec, &old.spec, errors) {
        return;
    }
    validate_added_tolerations(&new.spec, &old.spec, errors);
    if new.spec == old.spec {
        return;
    }
    if qos_class(&new.spec) != qos_class(&old.spec) {
        errors.invalid("metadata", new.status.qos_class.as_str(), "Pod QoS is immutable");
    }
    if with_free_fields_of(&new.spec, &old.spec) != *new.spec {
        errors.forbidden("spec", POD_IS_FIXED);
    }
}

/// A deadline may come, or come nearer; false ends the questions.
fn validate_deadline(new: &PodSpec, old: &PodSpec, errors: &mut Errors) -> bool {
    let field = "spec.activeDeadlineSeconds";
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            errors.invalid(field, seconds, "must be between 0 and 2147483647, inclusive");
            false
        }
        (Some(seconds), Some(before)) if before < seconds => {
            errors.invalid(field, seconds, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            errors.invalid(field, &None, "must not update from a positive integer to nil value");
            true
        }
        _ => true,
    }
}

fn validate_added_tolerations(new: &PodSpec, old: &PodSpec, errors: &mut Errors) {
    let is_kept = |before: &Toleration| {
        let any_time = |it: &Toleration| Toleration { toleration_seconds: None, ..it.clone() };
        new.tolerations.iter().any(|it| any_time(it) == any_time(before))
    };
    if !old.tolerations.iter().all(is_kept) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        return errors.forbidden("spec.tolerations", detail);
    }
    placement::validate_tolerations(&new.tolerations, "spec.tolerations", errors);
}

/// `old` with those fields of `new` that may change.
fn with_free_fields_of(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut allowed = old.clone();
    for (to, from) in [
        (&mut allowed.containers, &new.containers),
        (&mut allowed.init_containers, &new.init_containers),
    ] {
        for (container, new) in to.iter_mut().zip(from) {
            container.image.clone_from(&new.image);
        }
    }
    allowed.active_deadline_seconds = new.active_deadline_seconds;
    allowed.tolerations.clone_from(&new.tolerations);
    let was_negative = old.termination_grace_period_seconds.is_some_and(|it| it < 0);
    if was_negative && new.termination_grace_period_seconds == Some(1) {
        allowed.termination_grace_period_seconds = Some(1);
    }
    allowed
}
