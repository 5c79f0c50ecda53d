//! Deployment, ReplicaSet, StatefulSet, DaemonSet, and the revisions of the last two.

use serde_json::Value;

use super::empty::api;
use super::{IntOrString, LabelSelector, ObjectMeta, PodTemplateSpec};

api! {
    struct Deployment {
        metadata: ObjectMeta,
        spec: DeploymentSpec,
        status: DeploymentStatus,
    }

    struct DeploymentSpec {
        replicas: Option<i32>,
        selector: Option<LabelSelector>,
        template: PodTemplateSpec,
        strategy: DeploymentStrategy,
        min_ready_seconds: i32,
        revision_history_limit: Option<i32>,
        paused: bool,
        progress_deadline_seconds: Option<i32>,
    }

    struct DeploymentStrategy {
        r#type: String,
        rolling_update: Option<RollingUpdateDeployment>,
    }

    struct RollingUpdateDeployment {
        max_unavailable: Option<IntOrString>,
        max_surge: Option<IntOrString>,
    }

    struct DeploymentStatus {
        observed_generation: i64,
        replicas: i32,
        updated_replicas: i32,
        ready_replicas: i32,
        available_replicas: i32,
        unavailable_replicas: i32,
        conditions: Vec<WorkloadCondition>,
        collision_count: Option<i32>,
    }

    /// A condition of a workload.
    struct WorkloadCondition {
        r#type: String,
        status: String,
        last_update_time: Option<String>,
        last_transition_time: Option<String>,
        reason: String,
        message: String,
    }

    struct ReplicaSet {
        metadata: ObjectMeta,
        spec: ReplicaSetSpec,
        status: ReplicaSetStatus,
    }

    struct ReplicaSetSpec {
        replicas: Option<i32>,
        min_ready_seconds: i32,
        selector: Option<LabelSelector>,
        template: PodTemplateSpec,
    }

    struct StatefulSet {
        metadata: ObjectMeta,
        spec: StatefulSetSpec,
        status: StatefulSetStatus,
    }

    struct StatefulSetUpdateStrategy {
        r#type: String,
        rolling_update: Option<RollingUpdateStatefulSet>,
    }

    struct RollingUpdateStatefulSet {
        partition: Option<i32>,
        max_unavailable: Option<IntOrString>,
    }

    struct ClaimRetentionPolicy {
        when_deleted: String,
        when_scaled: String,
    }

    struct DaemonSet {
        metadata: ObjectMeta,
        spec: DaemonSetSpec,
        status: DaemonSetStatus,
    }

    struct DaemonSetSpec {
        selector: Option<LabelSelector>,
        template: PodTemplateSpec,
        update_strategy: DaemonSetUpdateStrategy,
        min_ready_seconds: i32,
        revision_history_limit: Option<i32>,
    }

    struct DaemonSetUpdateStrategy {
        r#type: String,
        rolling_update: Option<RollingUpdateDaemonSet>,
    }

    struct RollingUpdateDaemonSet {
        max_unavailable: Option<IntOrString>,
        max_surge: Option<IntOrString>,
    }
}

/// Its `serviceName` is written even when it is empty.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    pub template: PodTemplateSpec,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_claim_templates: Vec<Value>,
    pub service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_management_policy: String,
    pub update_strategy: StatefulSetUpdateStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub min_ready_seconds: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_retention_policy: Option<ClaimRetentionPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinals: Option<StatefulSetOrdinals>,
}

/// Its `start` is written even when it is zero.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct StatefulSetOrdinals {
    pub start: i32,
}

/// Its `replicas` and `availableReplicas` are written even when they are zero.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStatus {
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub observed_generation: i64,
    pub replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub ready_replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub current_replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub updated_replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub current_revision: String,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub update_revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<WorkloadCondition>,
    pub available_replicas: i32,
}

/// The first four counters are written even when they are zero.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    pub current_number_scheduled: i32,
    pub number_misscheduled: i32,
    pub desired_number_scheduled: i32,
    pub number_ready: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub observed_generation: i64,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub updated_number_scheduled: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub number_available: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub number_unavailable: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<WorkloadCondition>,
}

/// One state of a StatefulSet's or DaemonSet's template. `revision` is always written.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ControllerRevision {
    pub metadata: ObjectMeta,
    /// A patch of the owner: `{"spec": {"template": {…, "$patch": "replace"}}}`.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
    pub revision: i64,
}

impl super::empty::Empty for StatefulSetSpec {
    fn is_empty(&self) -> bool {
        false
    }
}

impl super::empty::Empty for StatefulSetStatus {
    fn is_empty(&self) -> bool {
        false
    }
}

impl super::empty::Empty for DaemonSetStatus {
    fn is_empty(&self) -> bool {
        false
    }
}

/// Its `replicas` is written even when it is zero.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    pub replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub fully_labeled_replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub ready_replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub available_replicas: i32,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub observed_generation: i64,
    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
    pub conditions: Vec<WorkloadCondition>,
}

impl super::empty::Empty for ReplicaSetStatus {
    fn is_empty(&self) -> bool {
        false
    }
}
