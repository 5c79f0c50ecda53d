//! Deployment and ReplicaSet: defaults and validation.

use super::errors::{Errors, GoValue, Struct};
use super::{meta, pod, rules};
use crate::key::Kind;
use crate::object::{
    Deployment, DeploymentSpec, DeploymentStrategy, IntOrString, LabelSelector, PodTemplateSpec,
    ReplicaSet, RollingUpdateDeployment,
};

pub(super) fn default_deployment(deployment: &mut Deployment) {
    let spec = &mut deployment.spec;
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(10);
    spec.progress_deadline_seconds.get_or_insert(600);
    let strategy = &mut spec.strategy;
    if strategy.r#type.is_empty() {
        "RollingUpdate".clone_into(&mut strategy.r#type);
    }
    if strategy.r#type == "RollingUpdate" {
        let rolling = strategy.rolling_update.get_or_insert_with(RollingUpdateDeployment::default);
        rolling.max_unavailable.get_or_insert_with(|| "25%".into());
        rolling.max_surge.get_or_insert_with(|| "25%".into());
    }
    pod::default_spec(&mut spec.template.spec);
}

pub(super) fn default_replica_set(set: &mut ReplicaSet) {
    set.spec.replicas.get_or_insert(1);
    // Mostly the Deployment's template, which has its defaults.
    set.spec.template.spec.change(pod::default_spec);
}

/// `ValidateDeployment`.
pub(super) fn validate_deployment(deployment: &Deployment, errors: &mut Errors) {
    meta::validate(Kind::Deployment, &deployment.metadata, errors);
    validate_deployment_spec(&deployment.spec, errors);
}

/// `ValidateDeploymentUpdate`, and the selector.
pub(super) fn validate_deployment_update(new: &Deployment, old: &Deployment, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate_deployment_spec(&new.spec, errors);
    validate_selector_kept(&new.spec.selector, &old.spec.selector, errors);
}

fn validate_deployment_spec(spec: &DeploymentSpec, errors: &mut Errors) {
    let replicas = spec.replicas.unwrap_or_default();
    rules::not_negative(replicas.into(), "spec.replicas", errors);
    let empty = "empty selector is invalid for deployment";
    let is_selector = validate_selector(spec.selector.as_ref(), empty, errors);
    if is_selector {
        validate_template(&spec.template, spec.selector.as_ref(), "ReplicaSet", errors);
    }
    validate_strategy(&spec.strategy, errors);
    rules::not_negative(spec.min_ready_seconds.into(), "spec.minReadySeconds", errors);
    if let Some(limit) = spec.revision_history_limit {
        rules::not_negative(limit.into(), "spec.revisionHistoryLimit", errors);
    }
    if let Some(seconds) = spec.progress_deadline_seconds {
        let field = "spec.progressDeadlineSeconds";
        rules::not_negative(seconds.into(), field, errors);
        if seconds <= spec.min_ready_seconds {
            errors.invalid(field, seconds, "must be greater than minReadySeconds");
        }
    }
}

/// `ValidateReplicaSet`.
pub(super) fn validate_replica_set(set: &ReplicaSet, errors: &mut Errors) {
    meta::validate(Kind::ReplicaSet, &set.metadata, errors);
    validate_replica_set_spec(set, errors);
}

/// The server asks an update everything twice.
pub(super) fn validate_replica_set_update(new: &ReplicaSet, old: &ReplicaSet, errors: &mut Errors) {
    validate_replica_set(new, errors);
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate_replica_set_spec(new, errors);
    validate_selector_kept(&new.spec.selector, &old.spec.selector, errors);
}

fn validate_replica_set_spec(set: &ReplicaSet, errors: &mut Errors) {
    let spec = &set.spec;
    rules::not_negative(spec.replicas.unwrap_or_default().into(), "spec.replicas", errors);
    rules::not_negative(spec.min_ready_seconds.into(), "spec.minReadySeconds", errors);
    let empty = "empty selector is invalid for deployment";
    if validate_selector(spec.selector.as_ref(), empty, errors) {
        validate_template(&spec.template, spec.selector.as_ref(), "ReplicaSet", errors);
    }
}

/// False if the selector is not even one: the template is not looked at then.
pub(super) fn validate_selector(
    selector: Option<&LabelSelector>,
    empty: &str,
    errors: &mut Errors,
) -> bool {
    let Some(selector) = selector else {
        errors.required("spec.selector", "");
        return true;
    };
    if *selector == LabelSelector::default() {
        errors.invalid("spec.selector", selector, empty);
        return true;
    }
    let is_valid = meta::selector(selector, "spec.selector", errors);
    if !is_valid {
        errors.invalid("spec.selector", selector, "invalid label selector");
    }
    is_valid
}

/// `ValidatePodTemplateSpecForReplicaSet`. A missing selector matches nothing, an empty one is
/// not asked.
pub(super) fn validate_template(
    template: &PodTemplateSpec,
    selector: Option<&LabelSelector>,
    of: &str,
    errors: &mut Errors,
) {
    let labels = &template.metadata.labels;
    let is_empty = selector.is_some_and(|it| *it == LabelSelector::default());
    if !is_empty && !selector.is_some_and(|it| it.matches(labels)) {
        let detail = "`selector` does not match template `labels`";
        errors.invalid("spec.template.metadata.labels", &**labels, detail);
    }
    validate_template_content(template, of, errors);
}

/// What a template is asked whatever selects its pods; `of` is the kind that the server names.
pub(super) fn validate_template_content(template: &PodTemplateSpec, of: &str, errors: &mut Errors) {
    // The paths lack "metadata" in the server too.
    let labels = &template.metadata.labels;
    meta::labels(labels, "spec.template.labels", errors);
    meta::annotations(&template.metadata.annotations, "spec.template.annotations", errors);
    pod::validate_spec(&template.spec, "spec.template.spec", errors);
    if !template.spec.ephemeral_containers.is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.forbidden("spec.template.spec.ephemeralContainers", detail);
    }
    let policy = template.spec.restart_policy.as_str();
    if policy != "Always" {
        errors.not_supported("spec.template.spec.restartPolicy", policy, &["Always"]);
    }
    if template.spec.active_deadline_seconds.is_some() {
        let detail = format!("activeDeadlineSeconds in {of} is not Supported");
        errors.forbidden("spec.template.spec.activeDeadlineSeconds", &detail);
    }
}

fn validate_strategy(strategy: &DeploymentStrategy, errors: &mut Errors) {
    let field = "spec.strategy";
    match (strategy.r#type.as_str(), &strategy.rolling_update) {
        ("Recreate", Some(_)) => errors.forbidden(
            format!("{field}.rollingUpdate"),
            "may not be specified when strategy `type` is 'Recreate'",
        ),
        ("RollingUpdate", Some(rolling)) => validate_rolling(rolling, errors),
        ("Recreate" | "RollingUpdate", _) => {}
        (other, rolling) => {
            let value =
                strategy_value(("DeploymentStrategy", "Deployment"), other, rolling.is_some());
            errors.not_supported(field, value, &["Recreate", "RollingUpdate"]);
        }
    }
}

/// A strategy as Go prints it; where a pointer stands in it, any address is right.
pub(super) fn strategy_value((name, of): (&str, &str), word: &str, has_rolling: bool) -> Struct {
    let pointer = if has_rolling { "0xc000000000" } else { "nil" };
    let rolling = if has_rolling { "{}" } else { "null" };
    let word = word.go();
    Struct {
        go: format!(
            "apps.{name}{{Type:{word}, RollingUpdate:(*apps.RollingUpdate{of})({pointer})}}"
        ),
        json: format!("{{\"Type\":{word},\"RollingUpdate\":{rolling}}}"),
    }
}

fn validate_rolling(rolling: &RollingUpdateDeployment, errors: &mut Errors) {
    let field = "spec.strategy.rollingUpdate";
    let unavailable = rolling.max_unavailable.clone().unwrap_or_default();
    let surge = rolling.max_surge.clone().unwrap_or_default();
    number_or_percent(&unavailable, &format!("{field}.maxUnavailable"), errors);
    number_or_percent(&surge, &format!("{field}.maxSurge"), errors);
    if amount(&unavailable) == Some(0) && amount(&surge) == Some(0) {
        let detail = "may not be 0 when `maxSurge` is 0";
        errors.invalid(format!("{field}.maxUnavailable"), &unavailable, detail);
    }
    not_more_than_all(&unavailable, &format!("{field}.maxUnavailable"), errors);
}

/// `IsNotMoreThan100Percent`
pub(super) fn not_more_than_all(value: &IntOrString, field: &str, errors: &mut Errors) {
    if matches!(value, IntOrString::String(_)) && amount(value) > Some(100) {
        errors.invalid(field, value, "must not be greater than 100%");
    }
}

pub(super) fn number_or_percent(value: &IntOrString, field: &str, errors: &mut Errors) {
    match value {
        IntOrString::Int(number) => rules::not_negative((*number).into(), field, errors),
        IntOrString::String(text) if amount(value).is_none() => {
            let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
            errors.invalid(field, text, detail);
        }
        IntOrString::String(_) => {}
    }
}

/// The number, also of a percentage.
pub(super) fn amount(value: &IntOrString) -> Option<i32> {
    match value {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(text) => {
            let digits = text.strip_suffix('%')?;
            let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
            is_number.then(|| digits.parse().unwrap_or(i32::MAX))
        }
    }
}

pub(super) fn validate_selector_kept(
    new: &Option<LabelSelector>,
    old: &Option<LabelSelector>,
    errors: &mut Errors,
) {
    if let Some(selector) = new.as_ref().filter(|_| new != old) {
        errors.invalid("spec.selector", selector, "field is immutable");
    }
}
