//! What the API server serves: the kinds' names, short names and groups (`kubectl api-resources`).

use svclab_core::key::Kind;

/// One resource of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    pub plural: &'static str,
    /// With commas between them.
    pub short: &'static str,
    pub api_version: &'static str,
    pub namespaced: bool,
    pub kind: &'static str,
}

const fn row(
    plural: &'static str,
    short: &'static str,
    api_version: &'static str,
    namespaced: bool,
    kind: &'static str,
) -> Resource {
    Resource { plural, short, api_version, namespaced, kind }
}

/// Those of a cluster of the lab's release without add-ons, by group and name.
pub const RESOURCES: &[Resource] = &[
    row("bindings", "", "v1", true, "Binding"),
    row("componentstatuses", "cs", "v1", false, "ComponentStatus"),
    row("configmaps", "cm", "v1", true, "ConfigMap"),
    row("endpoints", "ep", "v1", true, "Endpoints"),
    row("events", "ev", "v1", true, "Event"),
    row("limitranges", "limits", "v1", true, "LimitRange"),
    row("namespaces", "ns", "v1", false, "Namespace"),
    row("nodes", "no", "v1", false, "Node"),
    row("persistentvolumeclaims", "pvc", "v1", true, "PersistentVolumeClaim"),
    row("persistentvolumes", "pv", "v1", false, "PersistentVolume"),
    row("pods", "po", "v1", true, "Pod"),
    row("podtemplates", "", "v1", true, "PodTemplate"),
    row("replicationcontrollers", "rc", "v1", true, "ReplicationController"),
    row("resourcequotas", "quota", "v1", true, "ResourceQuota"),
    row("secrets", "", "v1", true, "Secret"),
    row("serviceaccounts", "sa", "v1", true, "ServiceAccount"),
    row("services", "svc", "v1", true, "Service"),
    row(
        "mutatingwebhookconfigurations",
        "",
        "admissionregistration.k8s.io/v1",
        false,
        "MutatingWebhookConfiguration",
    ),
    row(
        "validatingadmissionpolicies",
        "",
        "admissionregistration.k8s.io/v1",
        false,
        "ValidatingAdmissionPolicy",
    ),
    row(
        "validatingadmissionpolicybindings",
        "",
        "admissionregistration.k8s.io/v1",
        false,
        "ValidatingAdmissionPolicyBinding",
    ),
    row(
        "validatingwebhookconfigurations",
        "",
        "admissionregistration.k8s.io/v1",
        false,
        "ValidatingWebhookConfiguration",
    ),
    row(
        "customresourcedefinitions",
        "crd,crds",
        "apiextensions.k8s.io/v1",
        false,
        "CustomResourceDefinition",
    ),
    row("apiservices", "", "apiregistration.k8s.io/v1", false, "APIService"),
    row("controllerrevisions", "", "apps/v1", true, "ControllerRevision"),
    row("daemonsets", "ds", "apps/v1", true, "DaemonSet"),
    row("deployments", "deploy", "apps/v1", true, "Deployment"),
    row("replicasets", "rs", "apps/v1", true, "ReplicaSet"),
    row("statefulsets", "sts", "apps/v1", true, "StatefulSet"),
    row("selfsubjectreviews", "", "authentication.k8s.io/v1", false, "SelfSubjectReview"),
    row("tokenreviews", "", "authentication.k8s.io/v1", false, "TokenReview"),
    row(
        "localsubjectaccessreviews",
        "",
        "authorization.k8s.io/v1",
        true,
        "LocalSubjectAccessReview",
    ),
    row(
        "selfsubjectaccessreviews",
        "",
        "authorization.k8s.io/v1",
        false,
        "SelfSubjectAccessReview",
    ),
    row("selfsubjectrulesreviews", "", "authorization.k8s.io/v1", false, "SelfSubjectRulesReview"),
    row("subjectaccessreviews", "", "authorization.k8s.io/v1", false, "SubjectAccessReview"),
    row("horizontalpodautoscalers", "hpa", "autoscaling/v2", true, "HorizontalPodAutoscaler"),
    row("cronjobs", "cj", "batch/v1", true, "CronJob"),
    row("jobs", "", "batch/v1", true, "Job"),
    row(
        "certificatesigningrequests",
        "csr",
        "certificates.k8s.io/v1",
        false,
        "CertificateSigningRequest",
    ),
    row("leases", "", "coordination.k8s.io/v1", true, "Lease"),
    row("endpointslices", "", "discovery.k8s.io/v1", true, "EndpointSlice"),
    row("events", "ev", "events.k8s.io/v1", true, "Event"),
    row("flowschemas", "", "flowcontrol.apiserver.k8s.io/v1", false, "FlowSchema"),
    row(
        "prioritylevelconfigurations",
        "",
        "flowcontrol.apiserver.k8s.io/v1",
        false,
        "PriorityLevelConfiguration",
    ),
    row("ingressclasses", "", "networking.k8s.io/v1", false, "IngressClass"),
    row("ingresses", "ing", "networking.k8s.io/v1", true, "Ingress"),
    row("networkpolicies", "netpol", "networking.k8s.io/v1", true, "NetworkPolicy"),
    row("runtimeclasses", "", "node.k8s.io/v1", false, "RuntimeClass"),
    row("poddisruptionbudgets", "pdb", "policy/v1", true, "PodDisruptionBudget"),
    row("clusterrolebindings", "", "rbac.authorization.k8s.io/v1", false, "ClusterRoleBinding"),
    row("clusterroles", "", "rbac.authorization.k8s.io/v1", false, "ClusterRole"),
    row("rolebindings", "", "rbac.authorization.k8s.io/v1", true, "RoleBinding"),
    row("roles", "", "rbac.authorization.k8s.io/v1", true, "Role"),
    row("priorityclasses", "pc", "scheduling.k8s.io/v1", false, "PriorityClass"),
    row("csidrivers", "", "storage.k8s.io/v1", false, "CSIDriver"),
    row("csinodes", "", "storage.k8s.io/v1", false, "CSINode"),
    row("csistoragecapacities", "", "storage.k8s.io/v1", true, "CSIStorageCapacity"),
    row("storageclasses", "sc", "storage.k8s.io/v1", false, "StorageClass"),
    row("volumeattachments", "", "storage.k8s.io/v1", false, "VolumeAttachment"),
];

/// What `all` stands for, in its order.
pub(crate) const ALL: [&str; 10] = [
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "horizontalpodautoscalers",
    "cronjobs",
    "jobs",
];

impl Resource {
    pub(crate) fn of(kind: Kind) -> &'static Resource {
        let found = RESOURCES
            .iter()
            .find(|it| it.kind == kind.name() && it.api_version == kind.api_version());
        found.expect("every kind of the lab is a resource")
    }

    /// The kind that the lab stores; some are only known by name.
    pub fn stored(&self) -> Option<Kind> {
        Kind::parse(self.api_version, self.kind)
    }

    /// Empty for the core group.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    pub fn version(&self) -> &'static str {
        self.api_version.split_once('/').map_or(self.api_version, |(_, version)| version)
    }

    /// `service`, `deployment.apps`
    pub(crate) fn prefix(&self) -> String {
        with_group(self.kind.to_lowercase(), self.group())
    }

    /// `services`, `deployments.apps`
    pub(crate) fn full_plural(&self) -> String {
        with_group(self.plural.to_owned(), self.group())
    }

    /// `/v1, Resource=services`
    pub(crate) fn go_resource(&self) -> String {
        format!("{}/{}, Resource={}", self.group(), self.version(), self.plural)
    }

    /// `/v1, Kind=Service`
    pub(crate) fn go_kind(&self) -> String {
        format!("{}/{}, Kind={}", self.group(), self.version(), self.kind)
    }

    /// Plural or singular in any case, or a short name as it is; with or without the group.
    fn is_called(&self, name: &str) -> bool {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let lower = first.to_lowercase();
        let is_name = self.plural == lower
            || self.kind.to_lowercase() == lower
            || self.short.split(',').any(|it| !it.is_empty() && it == first);
        let version = format!("{}.{}", self.version(), self.group());
        let version = version.trim_end_matches('.');
        is_name && (rest.is_empty() || rest == self.group() || rest == version)
    }
}

fn with_group(name: String, group: &str) -> String {
    if group.is_empty() { name } else { format!("{name}.{group}") }
}

/// The resource that a word names.
pub(crate) fn find(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|it| it.is_called(name))
}

/// The resources of `svc,ep`; `all` is many.
///
/// # Errors
///
/// The first word that names none, in kubectl's words.
pub(crate) fn types(words: &str) -> Result<Vec<&'static Resource>, String> {
    let mut res: Vec<&'static Resource> = Vec::new();
    for word in words.split(',') {
        let found: Vec<&str> = if word == "all" { ALL.to_vec() } else { vec![word] };
        for name in found {
            let missing = || format!("error: the server doesn't have a resource type \"{name}\"");
            let resource = find(name).ok_or_else(missing)?;
            if !res.contains(&resource) {
                res.push(resource);
            }
        }
    }
    Ok(res)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_lab_has_a_row() {
        for kind in Kind::all() {
            let resource = Resource::of(kind);
            assert_eq!(
                (resource.plural, resource.namespaced),
                (kind.plural(), kind.is_namespaced())
            );
            assert_eq!(resource.stored(), Some(kind));
        }
    }

    #[test]
    fn a_type_has_many_names() {
        for name in ["svc", "service", "services", "Service", "services.v1"] {
            assert_eq!(find(name).map(|it| it.kind), Some("Service"), "{name}");
        }
        assert_eq!(find("ing.networking.k8s.io").map(|it| it.kind), Some("Ingress"));
        assert_eq!(find("SVC"), None);
        assert_eq!(find("services.apps"), None);
    }
}
