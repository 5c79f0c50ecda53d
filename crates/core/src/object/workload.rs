//! Deployment and ReplicaSet.

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

    /// A condition of a Deployment or a ReplicaSet.
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
