//! StatefulSet: defaults, validation, what may change.

use super::Version;
use super::errors::Errors;
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

/// `ValidateStatefulSet`, as far as it is like a ReplicaSet.
pub(super) fn validate(set: &StatefulSet, errors: &mut Errors) {
    let spec = &set.spec;
    meta::validate(Kind::StatefulSet, &set.metadata, errors);
    if errors.version >= Version::V1_33 && !spec.service_name.is_empty() {
        let complaints = rules::dns_1123_label(&spec.service_name);
        errors.invalid_each("spec.serviceName", &spec.service_name, complaints);
    }
    rules::not_negative(spec.replicas.unwrap_or_default().into(), "spec.replicas", errors);
    rules::not_negative(spec.min_ready_seconds.into(), "spec.minReadySeconds", errors);
    let empty = "empty selector is invalid for statefulset";
    if workload::validate_selector(spec.selector.as_ref(), empty, errors) {
        workload::validate_template(&spec.template, spec.selector.as_ref(), errors);
    }
}

pub(super) fn validate_update(new: &StatefulSet, old: &StatefulSet, errors: &mut Errors) {
    validate(new, errors);
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
