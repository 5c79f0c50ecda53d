//! DaemonSet: defaults, validation, and the count of its template's generations.

use super::errors::Errors;
use super::{meta, pod, rules, workload};
use crate::key::Kind;
use crate::object::{DaemonSet, DaemonSetStatus, IntOrString, RollingUpdateDaemonSet};

/// How often the template has changed; the server keeps it as an annotation.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

pub(super) fn default(set: &mut DaemonSet) {
    let spec = &mut set.spec;
    pod::default_spec(&mut spec.template.spec);
    spec.revision_history_limit.get_or_insert(10);
    pod::default_word(&mut spec.update_strategy.r#type, "RollingUpdate");
    if spec.update_strategy.r#type == "RollingUpdate" {
        let rolling = &mut spec.update_strategy.rolling_update;
        let rolling = rolling.get_or_insert_with(RollingUpdateDaemonSet::default);
        rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
        rolling.max_surge.get_or_insert(IntOrString::Int(0));
    }
}

pub(super) fn prepare(set: &mut DaemonSet) {
    set.status = DaemonSetStatus::default();
    set.metadata.annotations.insert(TEMPLATE_GENERATION.to_owned(), "1".to_owned());
}

/// Keeps the status on an update, and counts a changed template.
pub(super) fn keep(new: &mut DaemonSet, old: &DaemonSet) {
    new.status = old.status.clone();
    let before = old.metadata.annotations.get(TEMPLATE_GENERATION);
    let before: i64 = before.and_then(|it| it.parse().ok()).unwrap_or(1);
    let changed = new.spec.template != old.spec.template;
    let generation = before.saturating_add(i64::from(changed)).to_string();
    new.metadata.annotations.insert(TEMPLATE_GENERATION.to_owned(), generation);
}

/// `ValidateDaemonSet`, as far as it is like a ReplicaSet.
pub(super) fn validate(set: &DaemonSet, errors: &mut Errors) {
    let spec = &set.spec;
    meta::validate(Kind::DaemonSet, &set.metadata, errors);
    let empty = "empty selector is invalid for daemonset";
    if workload::validate_selector(spec.selector.as_ref(), empty, errors) {
        workload::validate_template(&spec.template, spec.selector.as_ref(), errors);
    }
    rules::not_negative(spec.min_ready_seconds.into(), "spec.minReadySeconds", errors);
}
