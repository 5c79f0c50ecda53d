//! The kinds of objects a cluster holds, and which object is meant.
//!
//! Everything a kind is called by (`Service`, `services`, `v1`) stands in one table here.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kinds a cluster knows.
/// Those after `ControllerRevision` are kept and shown; whether they have an effect is for the controllers to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Namespace,
    Node,
    Service,
    Endpoints,
    EndpointSlice,
    Pod,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    Job,
    CronJob,
    ConfigMap,
    Secret,
    ServiceAccount,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    Ingress,
    IngressClass,
    NetworkPolicy,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    LimitRange,
    ResourceQuota,
    Role,
    RoleBinding,
    ClusterRole,
    ClusterRoleBinding,
    CustomResourceDefinition,
    PriorityClass,
    Event,
}

struct Names {
    kind: Kind,
    name: &'static str,
    api_version: &'static str,
    plural: &'static str,
    namespaced: bool,
}

const fn in_namespace(
    kind: Kind,
    name: &'static str,
    api_version: &'static str,
    plural: &'static str,
) -> Names {
    Names { kind, name, api_version, plural, namespaced: true }
}

const fn in_cluster(
    kind: Kind,
    name: &'static str,
    api_version: &'static str,
    plural: &'static str,
) -> Names {
    Names { kind, name, api_version, plural, namespaced: false }
}

/// In the order of the variants, so that a kind is its own index.
const NAMES: &[Names] = &[
    in_cluster(Kind::Namespace, "Namespace", "v1", "namespaces"),
    in_cluster(Kind::Node, "Node", "v1", "nodes"),
    in_namespace(Kind::Service, "Service", "v1", "services"),
    in_namespace(Kind::Endpoints, "Endpoints", "v1", "endpoints"),
    in_namespace(Kind::EndpointSlice, "EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
    in_namespace(Kind::Pod, "Pod", "v1", "pods"),
    in_namespace(Kind::Deployment, "Deployment", "apps/v1", "deployments"),
    in_namespace(Kind::ReplicaSet, "ReplicaSet", "apps/v1", "replicasets"),
    in_namespace(Kind::StatefulSet, "StatefulSet", "apps/v1", "statefulsets"),
    in_namespace(Kind::DaemonSet, "DaemonSet", "apps/v1", "daemonsets"),
    in_namespace(Kind::ControllerRevision, "ControllerRevision", "apps/v1", "controllerrevisions"),
    in_namespace(Kind::Job, "Job", "batch/v1", "jobs"),
    in_namespace(Kind::CronJob, "CronJob", "batch/v1", "cronjobs"),
    in_namespace(Kind::ConfigMap, "ConfigMap", "v1", "configmaps"),
    in_namespace(Kind::Secret, "Secret", "v1", "secrets"),
    in_namespace(Kind::ServiceAccount, "ServiceAccount", "v1", "serviceaccounts"),
    in_cluster(Kind::PersistentVolume, "PersistentVolume", "v1", "persistentvolumes"),
    in_namespace(
        Kind::PersistentVolumeClaim,
        "PersistentVolumeClaim",
        "v1",
        "persistentvolumeclaims",
    ),
    in_cluster(Kind::StorageClass, "StorageClass", "storage.k8s.io/v1", "storageclasses"),
    in_namespace(Kind::Ingress, "Ingress", "networking.k8s.io/v1", "ingresses"),
    in_cluster(Kind::IngressClass, "IngressClass", "networking.k8s.io/v1", "ingressclasses"),
    in_namespace(Kind::NetworkPolicy, "NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    in_namespace(
        Kind::HorizontalPodAutoscaler,
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        "horizontalpodautoscalers",
    ),
    in_namespace(
        Kind::PodDisruptionBudget,
        "PodDisruptionBudget",
        "policy/v1",
        "poddisruptionbudgets",
    ),
    in_namespace(Kind::LimitRange, "LimitRange", "v1", "limitranges"),
    in_namespace(Kind::ResourceQuota, "ResourceQuota", "v1", "resourcequotas"),
    in_namespace(Kind::Role, "Role", "rbac.authorization.k8s.io/v1", "roles"),
    in_namespace(Kind::RoleBinding, "RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
    in_cluster(Kind::ClusterRole, "ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles"),
    in_cluster(
        Kind::ClusterRoleBinding,
        "ClusterRoleBinding",
        "rbac.authorization.k8s.io/v1",
        "clusterrolebindings",
    ),
    in_cluster(
        Kind::CustomResourceDefinition,
        "CustomResourceDefinition",
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
    ),
    in_cluster(Kind::PriorityClass, "PriorityClass", "scheduling.k8s.io/v1", "priorityclasses"),
    in_namespace(Kind::Event, "Event", "v1", "events"),
];

impl Kind {
    /// `Service`, as a manifest's `kind` says it.
    pub fn name(self) -> &'static str {
        self.names().name
    }

    /// `v1`, `apps/v1`, as a manifest's `apiVersion` says it.
    pub fn api_version(self) -> &'static str {
        self.names().api_version
    }

    /// `services`, as URLs and error messages say it.
    pub fn plural(self) -> &'static str {
        self.names().plural
    }

    /// `apps` in `apps/v1`; empty for the core group.
    pub fn group(self) -> &'static str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    pub fn is_namespaced(self) -> bool {
        self.names().namespaced
    }

    pub fn parse(api_version: &str, kind: &str) -> Option<Kind> {
        NAMES
            .iter()
            .find(|names| names.name == kind && names.api_version == api_version)
            .map(|names| names.kind)
    }

    pub fn all() -> impl Iterator<Item = Kind> {
        NAMES.iter().map(|names| names.kind)
    }

    fn names(self) -> &'static Names {
        &NAMES[self as usize]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which object: kind, namespace (`""` for cluster-scoped), name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> ObjectKey {
        ObjectKey { kind, namespace: namespace.into(), name: name.into() }
    }
}

/// `Service shop/web`, `Node worker-1`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            return write!(f, "{} {}", self.kind, self.name);
        }
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// `Service/shop/web`, `Node//worker-1`: a kind's name means one kind only.
impl Serialize for ObjectKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}/{}", self.kind, self.namespace, self.name))
    }
}

impl<'de> Deserialize<'de> for ObjectKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ObjectKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.splitn(3, '/');
        let kind = parts.next().and_then(|name| Kind::all().find(|kind| kind.name() == name));
        match (kind, parts.next(), parts.next()) {
            (Some(kind), Some(namespace), Some(name)) => Ok(ObjectKey::new(kind, namespace, name)),
            _ => Err(D::Error::custom(format!("{text:?} is no KIND/NAMESPACE/NAME"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_own_index() {
        for (index, names) in NAMES.iter().enumerate() {
            assert_eq!(names.kind as usize, index, "{}", names.name);
            assert_eq!(Kind::parse(names.api_version, names.name), Some(names.kind));
        }
    }

    #[test]
    fn a_key_reads_like_kubectl_says_it() {
        assert_eq!(ObjectKey::new(Kind::Service, "shop", "web").to_string(), "Service shop/web");
        assert_eq!(ObjectKey::new(Kind::Node, "", "worker-1").to_string(), "Node worker-1");
    }
}
