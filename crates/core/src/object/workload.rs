//! Deployment, ReplicaSet, StatefulSet, DaemonSet, and the revisions of the last two.

use serde_json::Value;

use super::json::api;
use super::{IntOrString, LabelSelector, ObjectMeta, PodTemplateSpec, Shared};

api! {
    struct Deployment {
        metadata: ObjectMeta,
        spec: Shared<DeploymentSpec>,
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
        conditions: Shared<Vec<WorkloadCondition>>,
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
        spec: Shared<ReplicaSetSpec>,
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
        spec: Shared<StatefulSetSpec>,
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
        spec: Shared<DaemonSetSpec>,
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

    /// Its `serviceName` is written even when it is empty.
    struct StatefulSetSpec {
        replicas: Option<i32>,
        selector: Option<LabelSelector>,
        template: PodTemplateSpec,
        volume_claim_templates: Vec<Value>,
        service_name: String = always,
        pod_management_policy: String,
        update_strategy: StatefulSetUpdateStrategy,
        revision_history_limit: Option<i32>,
        min_ready_seconds: i32,
        persistent_volume_claim_retention_policy: Option<ClaimRetentionPolicy>,
        ordinals: Option<StatefulSetOrdinals>,
    }

    /// Its `start` is written even when it is zero.
    struct StatefulSetOrdinals {
        start: i32 = always,
    }

    /// Its `replicas` and `availableReplicas` are written even when they are zero.
    struct StatefulSetStatus {
        observed_generation: i64,
        replicas: i32 = always,
        ready_replicas: i32,
        current_replicas: i32,
        updated_replicas: i32,
        current_revision: String,
        update_revision: String,
        collision_count: Option<i32>,
        conditions: Vec<WorkloadCondition>,
        available_replicas: i32 = always,
    }

    /// The first four counters are written even when they are zero.
    struct DaemonSetStatus {
        current_number_scheduled: i32 = always,
        number_misscheduled: i32 = always,
        desired_number_scheduled: i32 = always,
        number_ready: i32 = always,
        observed_generation: i64,
        updated_number_scheduled: i32,
        number_available: i32,
        number_unavailable: i32,
        collision_count: Option<i32>,
        conditions: Vec<WorkloadCondition>,
    }

    /// One state of a StatefulSet's or DaemonSet's template. `revision` is always written.
    struct ControllerRevision {
        metadata: ObjectMeta,
        /// A patch of the owner: `{"spec": {"template": {…, "$patch": "replace"}}}`.
        data: Value,
        revision: i64 = always,
    }

    /// Its `replicas` is written even when it is zero.
    struct ReplicaSetStatus {
        replicas: i32 = always,
        fully_labeled_replicas: i32,
        ready_replicas: i32,
        available_replicas: i32,
        observed_generation: i64,
        conditions: Shared<Vec<WorkloadCondition>>,
    }
}
