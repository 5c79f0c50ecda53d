//! The kinds that the lab's API server serves, and the schemas of all that is in them.

use k8s_openapi::apimachinery::pkg::apis::meta;
use k8s_openapi::schemars::generate::SchemaSettings;
use k8s_openapi::schemars::{JsonSchema, SchemaGenerator};
use k8s_openapi::{Resource, api, apiextensions_apiserver, kube_aggregator};
use serde_json::{Map, Value};

/// A kind that is asked for by its name, and which definition it is.
pub(crate) struct Root {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) definition: String,
}

struct Found {
    schemas: SchemaGenerator,
    roots: Vec<Root>,
}

impl Found {
    fn add<T: JsonSchema + Resource>(&mut self) {
        self.schemas.subschema_for::<T>();
        let definition = T::schema_name().into_owned();
        self.roots.push(Root { api_version: T::API_VERSION, kind: T::KIND, definition });
    }
}

macro_rules! add {
    ($found:ident, $($group:path => $($kind:ident)*;)*) => {
        $({
            use $group as group;
            $($found.add::<group::$kind>();)*
        })*
    };
}

pub(crate) fn definitions() -> (Vec<Root>, Map<String, Value>) {
    let schemas = SchemaSettings::openapi3().into_generator();
    let mut found = Found { schemas, roots: Vec::new() };
    add!(found,
        api::core::v1 => Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node
            PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController
            ResourceQuota Secret Service ServiceAccount;
        api::admissionregistration::v1 => MutatingWebhookConfiguration ValidatingAdmissionPolicy
            ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration;
        apiextensions_apiserver::pkg::apis::apiextensions::v1 => CustomResourceDefinition;
        kube_aggregator::pkg::apis::apiregistration::v1 => APIService;
        api::apps::v1 => ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet;
        api::authentication::v1 => SelfSubjectReview TokenReview;
        api::authorization::v1 => LocalSubjectAccessReview SelfSubjectAccessReview
            SelfSubjectRulesReview SubjectAccessReview;
        api::autoscaling::v1 => HorizontalPodAutoscaler Scale;
        api::autoscaling::v2 => HorizontalPodAutoscaler;
        api::batch::v1 => CronJob Job;
        api::certificates::v1 => CertificateSigningRequest;
        api::coordination::v1 => Lease;
        api::discovery::v1 => EndpointSlice;
        api::events::v1 => Event;
        api::flowcontrol::v1 => FlowSchema PriorityLevelConfiguration;
        api::networking::v1 => Ingress IngressClass NetworkPolicy;
        api::node::v1 => RuntimeClass;
        api::policy::v1 => Eviction PodDisruptionBudget;
        api::rbac::v1 => ClusterRole ClusterRoleBinding Role RoleBinding;
        api::scheduling::v1 => PriorityClass;
        api::storage::v1 => CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment;
    );
    found.schemas.subschema_for::<meta::v1::DeleteOptions>();
    found.schemas.subschema_for::<meta::v1::Status>();
    (found.roots, found.schemas.take_definitions(true))
}
