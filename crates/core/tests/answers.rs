//! Corners of the API server's validation that no recorded request enters: the texts are those of
//! the functions of Kubernetes 1.32 that the tests name.

use svclab_core::admit::{Patch, Refusal, Settings, create, patch, patch_status, replace};
use svclab_core::key::ObjectKey;
use svclab_core::object::{Namespace, Object, Objects};
use svclab_core::read::{decode, read};
use svclab_core::rng::Rng;

struct Cluster {
    objects: Objects,
    rng: Rng,
    settings: Settings,
}

impl Cluster {
    fn new() -> Cluster {
        let mut namespace = Namespace::default();
        namespace.metadata.name = "default".to_owned();
        let objects = [Object::from(namespace)].into_iter().collect();
        let settings = Settings { service_accounts: false, ..Settings::default() };
        Cluster { objects, rng: Rng::new(1), settings }
    }

    /// Stores what is admitted.
    fn send(&mut self, text: &str, how: Send) -> Result<(), Refusal> {
        let document = read(text).documents.swap_remove(0);
        let (kind, body) = (document.kind().expect("a kind"), document.value());
        let Cluster { objects, rng, settings } = self;
        let admitted = match how {
            Send::Create | Send::Replace => {
                let object = decode(kind, &body).map_err(|it| Refusal::undecodable(kind, &it))?;
                let admit = if matches!(how, Send::Create) { create } else { replace };
                admit(objects, object, rng, settings)
            }
            Send::Patch | Send::Status => {
                let key: ObjectKey = document.key().expect("a key");
                let what = (Patch::Merge, &body, true);
                match how {
                    Send::Patch => patch(objects, &key, what, rng, settings),
                    _ => patch_status(objects, &key, what, settings),
                }
            }
        }?;
        objects.insert(admitted.object);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Send {
    Create,
    Replace,
    Patch,
    Status,
}

fn errors(refusal: &Refusal) -> Vec<String> {
    refusal.causes.iter().map(|it| format!("{}: {}", it.field, it.message)).collect()
}

/// The last of several requests is refused with these errors, in this order.
#[track_caller]
fn check(requests: &[(Send, &str)], expected: &[&str]) {
    let mut cluster = Cluster::new();
    let (last, before) = requests.split_last().expect("a request");
    for (how, text) in before {
        cluster.send(text, *how).expect("it is admitted");
    }
    let refusal = cluster.send(last.1, last.0).expect_err("it is refused");
    assert_eq!(errors(&refusal), expected, "{}", refusal.message);
}

#[track_caller]
fn check_new(text: &str, expected: &[&str]) {
    check(&[(Send::Create, text)], expected);
}

const SERVICE: &str =
    "{apiVersion: v1, kind: Service, metadata: {META}, spec: {ports: [{port: 80}]}}";

/// `ValidateObjectMeta`, `ValidateOwnerReferences`, `validateKubeFinalizerName`
#[test]
fn metadata_is_looked_at_whatever_the_kind() {
    let check_meta = |meta: &str, expected: &[&str]| {
        check_new(&SERVICE.replace("META", &format!("name: web, {meta}")), expected);
    };
    let not_qualified = "name is neither a standard finalizer name nor is it fully qualified";
    check_meta(
        "finalizers: [kubernetes, foo, a.b/c]",
        &[&format!("metadata.finalizers[1]: Invalid value: \"foo\": {not_qualified}")],
    );
    check_meta(
        "ownerReferences: [{apiVersion: v1/, kind: Pod, name: a}]",
        &[
            "metadata.ownerReferences.apiVersion: Invalid value: \"v1/\": version must not be empty",
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
        ],
    );
    check_meta(
        &format!("annotations: {{long: {}}}", "x".repeat(256 << 10)),
        &["metadata.annotations: Too long: may not be more than 262144 bytes"],
    );
}

/// The base is asked as if something followed its dash (`maskTrailingDash`).
#[test]
fn the_base_of_a_name_is_looked_at_too() {
    let mut cluster = Cluster::new();
    let text = SERVICE.replace("META", "generateName: web-");
    cluster.send(&text, Send::Create).expect("it is admitted");
    let text = SERVICE.replace("META", "generateName: We-");
    let refusal = cluster.send(&text, Send::Create).expect_err("it is refused");
    let fields: Vec<&str> = refusal.causes.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["metadata.generateName", "metadata.name"]);
}

/// `ValidateNode`, `ValidateNodeUpdate`
#[test]
fn a_node_keeps_its_ranges_and_its_provider() {
    let node =
        |spec: &str| format!("{{apiVersion: v1, kind: Node, metadata: {{name: w}}, spec: {spec}}}");
    check_new(
        &node("{taints: [{key: a, effect: NoSchedule}, {key: a, value: b, effect: NoSchedule}]}"),
        &["metadata.taints[1]: Duplicate value: core.Taint{Key:\"a\", Value:\"b\", \
           Effect:\"NoSchedule\", TimeAdded:<nil>}: taints must be unique by key and effect pair"],
    );
    check_new(
        &node("{podCIDRs: [10.0.0.0/24, 10.0.1.0/24]}"),
        &[
            "spec.podCIDRs: Invalid value: []string{\"10.0.0.0/24\", \"10.0.1.0/24\"}: may specify no \
           more than one CIDR for each IP family",
        ],
    );
    check(
        &[
            (Send::Create, &node("{podCIDR: 10.0.0.0/24, providerID: a}")),
            (Send::Replace, &node("{podCIDR: 10.0.1.0/24, providerID: b}")),
        ],
        &[
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
        ],
    );
}

/// `validateEndpoints`, `validateHints`, `IsFullyQualifiedDomainName`
#[test]
fn a_slice_names_nodes_zones_and_domains() {
    let slice = |of: &str, endpoints: &str| {
        format!(
            "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: web}}, \
             addressType: {of}, endpoints: [{endpoints}]}}"
        )
    };
    check_new(
        &slice("IPv4", "{addresses: [10.0.0.1], hints: {forZones: [{name: a}, {name: a}]}}"),
        &["endpoints[0].hints.forZones[1].name: Duplicate value: \"a\""],
    );
    check_new(
        &slice("FQDN", "{addresses: [example.com., local, \"\"]}"),
        &[
            "endpoints[0].addresses[1]: Invalid value: \"local\": should be a domain with at least \
             two segments separated by dots",
            "endpoints[0].addresses[2]: Required value",
        ],
    );
    let many = "{addresses: [10.0.0.1]},".repeat(1001);
    check_new(&slice("IPv4", &many), &["endpoints: Too many: 1001: must have at most 1000 items"]);
}

/// `validateIngressBackend`, `validateIngressClassParametersReference`
#[test]
fn an_ingress_may_lead_to_another_kind_of_object() {
    let ingress = |backend: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: a}}, \
             spec: {{defaultBackend: {backend}}}}}"
        )
    };
    check_new(
        &ingress("{service: {name: A}, resource: {kind: a, name: b}}"),
        &[
            "spec.defaultBackend: Invalid value: \"\": cannot set both resource and service backends",
        ],
    );
    check_new(
        &ingress("{resource: {kind: \"\", name: a/b}}"),
        &[
            "spec.defaultBackend.resource.kind: Required value: kind is required",
            "spec.defaultBackend.resource.name: Invalid value: \"a/b\": may not contain '/'",
        ],
    );
    let class = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: a}, spec: \
                 {controller: a.b/c, parameters: {kind: a, name: b, namespace: c}}}";
    check_new(
        class,
        &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    );
}

/// `ValidateNetworkPolicyPort`
#[test]
fn the_end_of_a_range_is_a_port_and_not_before_its_start() {
    let policy = |port: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: a}}, \
             spec: {{podSelector: {{}}, ingress: [{{ports: [{port}]}}]}}}}"
        )
    };
    let end = "spec.ingress[0].ports[0].endPort: Invalid value";
    check_new(
        &policy("{port: 80, endPort: 0}"),
        &[
            &format!("{end}: 0: must be greater than or equal to `port`"),
            &format!("{end}: 0: must be between 1 and 65535, inclusive"),
        ],
    );
    check_new(
        &policy("{port: \"-\", endPort: 80}"),
        &[
            &format!("{end}: 80: may not be specified when `port` is non-numeric"),
            "spec.ingress[0].ports[0].port: Invalid value: \"-\": must contain at least one letter (a-z)",
            "spec.ingress[0].ports[0].port: Invalid value: \"-\": must not begin or end with a hyphen",
        ],
    );
}

/// What a pod asks for: `validateHandler`, `ValidateEnvFrom`, `validatePodHostNetworkDeps`,
/// `validateTopologySpreadConstraints`, `validatePodAffinityTerm`
#[test]
fn a_pods_corners() {
    let pod = |container: &str, spec: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: a, \
             image: b{container}}}]{spec}}}}}"
        )
    };
    let at = "spec.containers[0]";
    check_new(
        &pod(", lifecycle: {preStop: {sleep: {seconds: 31}}, postStart: {}}", ""),
        &[
            &format!("{at}.lifecycle.postStart: Required value: must specify a handler type"),
            &format!(
                "{at}.lifecycle.preStop.sleep: Invalid value: 31: must be greater than 0 and less \
                 than terminationGracePeriodSeconds (30). Enable \
                 AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."
            ),
        ],
    );
    check_new(
        &pod(", readinessProbe: {tcpSocket: {port: 1}, terminationGracePeriodSeconds: 5}", ""),
        &[&format!(
            "{at}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set \
             for readinessProbes"
        )],
    );
    check_new(
        &pod(", envFrom: [{}], env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.x}}}]", ""),
        &[
            &format!(
                "{at}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.x\": error \
                 converting fieldPath: field label not supported: spec.x"
            ),
            &format!(
                "{at}.envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"
            ),
        ],
    );
    check_new(
        &pod(", ports: [{containerPort: 80, hostPort: 81}]", ", hostNetwork: true"),
        &[&format!(
            "{at}.ports[0].hostPort: Invalid value: 81: must match `containerPort` when \
             `hostNetwork` is true"
        )],
    );
    check_new(
        &pod(
            "",
            ", topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: X}]",
        ),
        &[
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"X\": \
             supported values: \"DoNotSchedule\", \"ScheduleAnyway\"",
        ],
    );
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    check_new(
        &pod(
            "",
            &format!(", affinity: {{nodeAffinity: {{{required}: {{nodeSelectorTerms: []}}}}}}"),
        ),
        &[&format!(
            "spec.affinity.nodeAffinity.{required}.nodeSelectorTerms: Required value: must have at \
             least one node selector term"
        )],
    );
}

/// `ValidateIngressLoadBalancerStatus`, `ValidateStatefulSetStatus`,
/// `ValidateNamespaceStatusUpdate`, `ValidateDeploymentStatusUpdate`
#[test]
fn a_status_is_looked_at_too() {
    let ingress = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: \
                   {defaultBackend: {service: {name: a, port: {number: 80}}}}}";
    let status = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, status: \
                  {loadBalancer: {ingress: [{ip: x}, {hostname: 1.2.3.4}]}}}";
    check(
        &[(Send::Create, ingress), (Send::Status, status)],
        &[
            "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": must be a valid IP address, \
             (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "status.loadBalancer.ingress[1].hostname: Invalid value: \"1.2.3.4\": must be a DNS \
             name, not an IP address",
        ],
    );
    let workload = |kind: &str, rest: &str| {
        format!("{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: a}}, {rest}}}")
    };
    let spec = "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, \
                spec: {containers: [{name: a, image: b}]}}}";
    check(
        &[
            (Send::Create, &workload("StatefulSet", spec)),
            (Send::Status, &workload("StatefulSet", "status: {replicas: 1, readyReplicas: 2}")),
        ],
        &["status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"],
    );
    check(
        &[
            (Send::Create, &workload("Deployment", spec)),
            (Send::Status, &workload("Deployment", "status: {collisionCount: 2}")),
            (Send::Status, &workload("Deployment", "status: {collisionCount: 1}")),
        ],
        &["status.collisionCount: Invalid value: 1: cannot be decremented"],
    );
    let namespace =
        |rest: &str| format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: a}}{rest}}}");
    check(
        &[
            (Send::Create, &namespace("")),
            (Send::Status, &namespace(", status: {phase: Terminating}")),
        ],
        &["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if \
           `deletionTimestamp` is empty"],
    );
}

/// `ValidateConfigMap`, `ValidateConfigMapUpdate`
#[test]
fn a_config_map_has_a_largest_size_and_may_be_fixed() {
    let map =
        |rest: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, {rest}}}");
    check_new(
        &map(&format!("data: {{a: {}}}", "x".repeat((1 << 20) + 1))),
        &[": Too long: may not be more than 1048576 bytes"],
    );
    let fixed = "Forbidden: field is immutable when `immutable` is set";
    check(
        &[
            (Send::Create, &map("immutable: true, data: {a: b}")),
            (Send::Patch, &map("data: {a: c}")),
        ],
        &[&format!("data: {fixed}")],
    );
}

/// `warningsForPodSpecAndMeta`
#[test]
fn a_pod_may_be_warned_of() {
    let check = |spec: &str, expected: &[&str]| {
        let Cluster { objects, mut rng, settings } = Cluster::new();
        let text =
            format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{{spec}}}}}");
        let document = read(&text).documents.swap_remove(0);
        let object = document.decode().0.expect("it can be read");
        let admitted = create(&objects, object, &mut rng, &settings).expect("it is admitted");
        assert_eq!(admitted.warnings, expected);
    };
    check(
        "nodeSelector: {failure-domain.beta.kubernetes.io/zone: a}, containers: [{name: a, image: b}]",
        &[
            "spec.nodeSelector[failure-domain.beta.kubernetes.io/zone]: deprecated since v1.17; use \
           \"topology.kubernetes.io/zone\" instead",
        ],
    );
    check(
        "containers: [{name: a, image: b, resources: {limits: {memory: 500m}}}]",
        &[
            "spec.containers[0].resources.limits[memory]: fractional byte value \"500m\" is \
             invalid, must be an integer",
            "spec.containers[0].resources.requests[memory]: fractional byte value \"500m\" is \
             invalid, must be an integer",
        ],
    );
    check(
        "imagePullSecrets: [{name: \"\"}], terminationGracePeriodSeconds: -1, containers: [{name: \
         a, image: b, ports: [{containerPort: 80, hostIP: 10.0.0.1}]}]",
        &[
            "spec.imagePullSecrets[0].name: invalid empty name \"\"",
            "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 \
             ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}",
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and \
             will be treated as 1",
        ],
    );
}
