//! DaemonSet: defaults, validation, and the count of its template's generations.

use super::errors::Errors;
use super::{meta, pod, rules, workload};
use crate::key::Kind;
use crate::object::{
    DaemonSet, DaemonSetSpec, DaemonSetStatus, DaemonSetUpdateStrategy, IntOrString, LabelSelector,
    RollingUpdateDaemonSet,
};

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

/// `ValidateDaemonSet`
pub(super) fn validate(set: &DaemonSet, errors: &mut Errors) {
    meta::validate(Kind::DaemonSet, &set.metadata, errors);
    validate_spec(&set.spec, errors);
}

/// The server asks an update everything twice.
pub(super) fn validate_update(new: &DaemonSet, old: &DaemonSet, errors: &mut Errors) {
    validate(new, errors);
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate_spec(&new.spec, errors);
    workload::validate_selector_kept(&new.spec.selector, &old.spec.selector, errors);
}

/// `ValidateDaemonSetSpec`: without a selector only the template's labels are complained of.
fn validate_spec(spec: &DaemonSetSpec, errors: &mut Errors) {
    let selector = spec.selector.as_ref();
    let is_selector = selector.is_none_or(|it| meta::selector(it, "spec.selector", errors));
    let labels = &spec.template.metadata.labels;
    let empty = selector.filter(|it| **it == LabelSelector::default());
    if is_selector && empty.is_none() && !selector.is_some_and(|it| it.matches(labels)) {
        let detail = "`selector` does not match template `labels`";
        errors.invalid("spec.template.metadata.labels", &**labels, detail);
    }
    if let Some(selector) = empty {
        errors.invalid("spec.selector", selector, "empty selector is invalid for daemonset");
    }
    workload::validate_template_content(&spec.template, "DaemonSet", errors);
    rules::not_negative(spec.min_ready_seconds.into(), "spec.minReadySeconds", errors);
    validate_strategy(&spec.update_strategy, errors);
    if let Some(limit) = spec.revision_history_limit {
        rules::not_negative(limit.into(), "spec.revisionHistoryLimit", errors);
    }
}

/// `ValidateDaemonSetUpdateStrategy`
fn validate_strategy(strategy: &DaemonSetUpdateStrategy, errors: &mut Errors) {
    match (strategy.r#type.as_str(), &strategy.rolling_update) {
        ("OnDelete", _) => {}
        ("RollingUpdate", Some(rolling)) => validate_rolling(rolling, errors),
        ("RollingUpdate", None) => errors.required("spec.updateStrategy.rollingUpdate", ""),
        (other, rolling) => {
            let names = ("DaemonSetUpdateStrategy", "DaemonSet");
            let value = workload::strategy_value(names, other, rolling.is_some());
            errors.not_supported("spec.updateStrategy", value, &["RollingUpdate", "OnDelete"]);
        }
    }
}

fn validate_rolling(rolling: &RollingUpdateDaemonSet, errors: &mut Errors) {
    let unavailable = rolling.max_unavailable.clone().unwrap_or_default();
    let surge = rolling.max_surge.clone().unwrap_or_default();
    let [of_unavailable, of_surge] =
        ["maxUnavailable", "maxSurge"].map(|it| format!("spec.updateStrategy.rollingUpdate.{it}"));
    workload::number_or_percent(&unavailable, &of_unavailable, errors);
    workload::number_or_percent(&surge, &of_surge, errors);
    workload::not_more_than_all(&unavailable, &of_unavailable, errors);
    workload::not_more_than_all(&surge, &of_surge, errors);
    let is_some = |it: &IntOrString| workload::amount(it).unwrap_or(0) != 0;
    match (is_some(&unavailable), is_some(&surge)) {
        (true, true) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.invalid(of_surge, &surge, detail);
        }
        (false, false) => errors.required(of_unavailable, "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}
