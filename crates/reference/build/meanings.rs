//! What a release of the API said of its enums' values when its published schemas still had that:
//! descriptions by `Type.field`.

use k8s_openapi_of_1_23::api;
use schemars_of_1_23::JsonSchema;
use schemars_of_1_23::r#gen::{SchemaGenerator, SchemaSettings};

/// Worded otherwise since.
const CHANGED: [&str; 1] = ["ServiceSpec.externalTrafficPolicy"];

macro_rules! add {
    ($schemas:ident, $($group:path => $($kind:ident)*;)*) => {
        $({
            use $group as group;
            $(add::<group::$kind>(&mut $schemas);)*
        })*
    };
}

fn add<T: JsonSchema>(schemas: &mut SchemaGenerator) {
    schemas.subschema_for::<T>();
}

pub(crate) fn descriptions() -> Vec<(String, String)> {
    let mut schemas = SchemaSettings::openapi3().into_generator();
    add!(schemas,
        api::core::v1 => Endpoints Event LimitRange Namespace Node PersistentVolume
            PersistentVolumeClaim Pod ResourceQuota Service;
        api::admissionregistration::v1 => MutatingWebhookConfiguration ValidatingWebhookConfiguration;
        api::apps::v1 => DaemonSet Deployment ReplicaSet StatefulSet;
        api::autoscaling::v2 => HorizontalPodAutoscaler;
        api::batch::v1 => CronJob Job;
        api::certificates::v1 => CertificateSigningRequest;
        api::discovery::v1 => EndpointSlice;
        api::flowcontrol::v1beta2 => FlowSchema PriorityLevelConfiguration;
        api::networking::v1 => Ingress NetworkPolicy;
        api::policy::v1 => PodDisruptionBudget;
        api::scheduling::v1 => PriorityClass;
        api::storage::v1 => CSIDriver StorageClass;
    );
    let mut res = Vec::new();
    for (name, schema) in schemas.definitions() {
        let short = name.rsplit('.').next().unwrap_or_default();
        let schema = serde_json::to_value(schema).unwrap_or_default();
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let field = format!("{short}.{field}");
            let description =
                schema["description"].as_str().filter(|_| !CHANGED.contains(&&*field));
            res.extend(description.map(|it| (field.clone(), it.to_owned())));
        }
    }
    res
}
