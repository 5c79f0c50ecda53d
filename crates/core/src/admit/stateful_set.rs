//! StatefulSet: defaults, validation, what may change.

use super::Version;
use super::errors::{Errors, Struct};
use super::{meta, pod, rules, workload};
use crate::key::Kind;
use crate::object::{ClaimRetentionPolicy, RollingUpdateStatefulSet, StatefulSet, StatefulSetSpec};

pub(super) fn default(set: &mut StatefulSet) {
    let spec = &mut set.spec;
    pod::default_spec(&mut spec.template.spec);
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(10);
    pod::default_word(&mut spec.pod_management_policy, "OrderedReady");
    pod::default_word(&mut spec.update_strategy.r#type, "RollingUpdate");
    if spec.update_strategy.r#type == "RollingUpdate" {
        let rolling = &mut spec.update_strategy.rolling_update;
        rolling.get_or_insert_with(RollingUpdateStatefulSet::default).partition.get_or_insert(0);
    }
    let retention = &mut spec.persistent_volume_claim_retention_policy;
    let retention = retention.get_or_insert_with(ClaimRetentionPolicy::default);
    pod::default_word(&mut retention.when_deleted, "Retain");
    pod::default_word(&mut retention.when_scaled, "Retain");
}

/// `ValidateStatefulSet`
pub(super) fn validate(set: &StatefulSet, errors: &mut Errors) {
    meta::validate(Kind::StatefulSet, &set.metadata, errors);
    validate_spec(&set.spec, errors);
}

fn validate_spec(spec: &StatefulSetSpec, errors: &mut Errors) {
    if errors.version >= Version::V1_33 && !spec.service_name.is_empty() {
        let complaints = rules::dns_1123_label(&spec.service_name);
        errors.invalid_each("spec.serviceName", &spec.service_name, complaints);
    }
    validate_words(spec, errors);
    rules::not_negative(spec.replicas.unwrap_or_default().into(), "spec.replicas", errors);
    rules::not_negative(spec.min_ready_seconds.into(), "spec.minReadySeconds", errors);
    if let Some(ordinals) = &spec.ordinals {
        rules::not_negative(ordinals.start.into(), "spec.ordinals.start", errors);
    }
    let empty = "empty selector is invalid for statefulset";
    if workload::validate_selector(spec.selector.as_ref(), empty, errors) {
        workload::validate_template(&spec.template, spec.selector.as_ref(), "StatefulSet", errors);
    }
}

/// How pods are made, replaced, and what becomes of their volumes.
fn validate_words(spec: &StatefulSetSpec, errors: &mut Errors) {
    let policy = spec.pod_management_policy.as_str();
    if !matches!(policy, "OrderedReady" | "Parallel") {
        let detail = "must be 'OrderedReady' or 'Parallel'";
        errors.invalid("spec.podManagementPolicy", policy, detail);
    }
    let field = "spec.updateStrategy";
    let rolling = spec.update_strategy.rolling_update.as_ref();
    let partition = rolling.and_then(|it| it.partition).unwrap_or(0);
    match (spec.update_strategy.r#type.as_str(), rolling) {
        ("OnDelete", Some(_)) => {
            let value = Struct {
                go: format!(
                    "apps.RollingUpdateStatefulSetStrategy{{Partition:{partition}, \
                     MaxUnavailable:(*intstr.IntOrString)(nil)}}"
                ),
                json: format!("{{\"Partition\":{partition},\"MaxUnavailable\":null}}"),
            };
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            errors.invalid(format!("{field}.rollingUpdate"), value, detail);
        }
        ("RollingUpdate", _) => {
            let field = format!("{field}.rollingUpdate.partition");
            rules::not_negative(partition.into(), &field, errors);
        }
        ("OnDelete", None) => {}
        (other, rolling) => {
            let names = ("StatefulSetUpdateStrategy", "StatefulSetStrategy");
            let value = workload::strategy_value(names, other, rolling.is_some());
            errors.invalid(field, value, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
    let retention = spec.persistent_volume_claim_retention_policy.iter();
    let words = retention.flat_map(|it| {
        [("whenDeleted", it.when_deleted.as_str()), ("whenScaled", it.when_scaled.as_str())]
    });
    for (name, word) in words.filter(|(_, word)| !matches!(*word, "Retain" | "Delete")) {
        let field = format!("spec.persistentVolumeClaimRetentionPolicy.{name}");
        errors.not_supported(field, word, &["Retain", "Delete"]);
    }
}

/// `ValidateStatefulSetUpdate`: the name is not asked again, for the rule was another one once.
pub(super) fn validate_update(new: &StatefulSet, old: &StatefulSet, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate_spec(&new.spec, errors);
    let limit_may_change = errors.version >= Version::V1_33;
    if fixed(&new.spec, limit_may_change) != fixed(&old.spec, limit_may_change) {
        let limit = if limit_may_change { "'revisionHistoryLimit', " } else { "" };
        let detail = format!(
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', {limit}'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' \
             are forbidden"
        );
        errors.forbidden("spec", &detail);
    }
}

/// The spec without what may change.
fn fixed(spec: &StatefulSetSpec, limit_may_change: bool) -> StatefulSetSpec {
    StatefulSetSpec {
        selector: spec.selector.clone(),
        volume_claim_templates: spec.volume_claim_templates.clone(),
        service_name: spec.service_name.clone(),
        pod_management_policy: spec.pod_management_policy.clone(),
        revision_history_limit: spec.revision_history_limit.filter(|_| !limit_may_change),
        ..StatefulSetSpec::default()
    }
}
