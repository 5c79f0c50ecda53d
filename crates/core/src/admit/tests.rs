use expect_test::{Expect, expect};

use super::*;
use crate::object::{Namespace, Service};
use crate::read::{decode, read};

/// A cluster with a namespace `default`, and what has been stored since.
struct Cluster {
    objects: Objects,
    settings: Settings,
    rng: Rng,
}

impl Cluster {
    fn new() -> Cluster {
        let mut namespace = Namespace::default();
        namespace.metadata.name = "default".to_owned();
        let object = Object::from(namespace);
        let objects = Objects::from_iter([object]);
        Cluster { objects, settings: Settings::default(), rng: Rng::new(7) }
    }

    /// Creates or updates a Service from its spec, and stores it.
    #[track_caller]
    fn put(&mut self, name: &str, spec: &str) -> Result<Admitted, Refusal> {
        let text = format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{{spec}}}}}"
        );
        let value = read(&text).documents[0].value();
        let service = decode(Kind::Service, &value).expect("the test's text is right");
        let admitted = replace(&self.objects, service, &mut self.rng, &self.settings)?;
        self.objects.insert(admitted.object.clone());
        Ok(admitted)
    }

    #[track_caller]
    fn service(&mut self, name: &str, spec: &str) -> Service {
        let admitted = self.put(name, spec).expect("the Service is admitted");
        admitted.object.as_service().expect("it is one").clone()
    }
}

#[track_caller]
fn check_refusal(spec: &str, expected: Expect) {
    let refusal = Cluster::new().put("web", spec).expect_err("it is refused");
    expected.assert_eq(&format!("{} {}\n", refusal.status, refusal.message));
}

#[track_caller]
fn check_warnings(spec: &str, expected: Expect) {
    let admitted = Cluster::new().put("web", spec).expect("it is admitted");
    expected.assert_eq(&admitted.warnings.join("\n"));
}

#[test]
fn addresses_come_from_above_the_band_for_hand_picked_ones() {
    let mut cluster = Cluster::new();
    for index in 0..50 {
        let service = cluster.service(&format!("web-{index}"), "ports: [{port: 80}]");
        let address = service.spec.cluster_addresses()[0];
        assert!(address >= "10.96.1.1".parse::<std::net::IpAddr>().unwrap(), "{address}");
    }
}

#[test]
fn a_range_is_used_to_its_last_address() {
    let mut cluster = Cluster::new();
    cluster.settings.service_ranges = vec!["10.96.0.0/27".parse().expect("a CIDR")];
    let mut addresses: Vec<String> = (0..30)
        .map(|index| {
            cluster.service(&format!("web-{index}"), "ports: [{port: 80}]").spec.cluster_ip.clone()
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 30);
    let refusal = cluster.put("one-more", "ports: [{port: 80}]").expect_err("nothing is left");
    assert_eq!(
        refusal.message,
        "Internal error occurred: failed to allocate a serviceIP: range is full"
    );
}

#[test]
fn the_edges_of_the_range_are_nobodys() {
    check_refusal(
        "clusterIP: 10.96.0.0, ports: [{port: 80}]",
        expect![[r#"
            422 Service "web" is invalid: spec.clusterIPs: Invalid value: []string{"10.96.0.0"}: failed to allocate IP 10.96.0.0: the provided IP (10.96.0.0) is not in the valid range. The range of valid IPs is 10.96.0.0/12
        "#]],
    );
    check_refusal(
        "clusterIP: 10.111.255.255, ports: [{port: 80}]",
        expect![[r#"
            422 Service "web" is invalid: spec.clusterIPs: Invalid value: []string{"10.111.255.255"}: failed to allocate IP 10.111.255.255: the provided IP (10.111.255.255) is not in the valid range. The range of valid IPs is 10.96.0.0/12
        "#]],
    );
}

#[test]
fn node_ports_come_from_above_their_band_and_are_shared_by_port_number() {
    let mut cluster = Cluster::new();
    for index in 0..20 {
        let spec =
            "type: NodePort, ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 53}]";
        let ports = cluster.service(&format!("dns-{index}"), spec).spec.ports.clone();
        assert!(ports[0].node_port >= 30086);
        assert_eq!(ports[0].node_port, ports[1].node_port);
    }
}

#[test]
fn an_address_is_free_again_when_its_service_is_gone() {
    let mut cluster = Cluster::new();
    let spec = "clusterIP: 10.96.0.10, ports: [{port: 80}]";
    let first = cluster.service("first", spec);
    assert_eq!(cluster.put("second", spec).expect_err("it is taken").status, 422);
    cluster.objects.remove(&Object::from(first).key());
    cluster.service("second", spec);
}

#[test]
fn a_health_check_port_may_not_be_a_node_port_of_the_same_service() {
    check_refusal(
        "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30001, \
         ports: [{port: 80, nodePort: 30001}]",
        expect![[r#"
            500 Internal error occurred: failed to allocate requested HealthCheck NodePort 30001: provided port is already allocated
        "#]],
    );
}

#[test]
fn ipv6_needs_a_range_of_its_own() {
    check_refusal(
        "clusterIP: \"fd00::9\", ports: [{port: 80}]",
        expect![[r#"
            422 Service "web" is invalid: spec.clusterIPs[0]: Invalid value: []string{"fd00::9"}: IPv6 is not configured on this cluster
        "#]],
    );
}

#[test]
fn a_service_grows_to_two_families_and_back() {
    let mut cluster = Cluster::new();
    cluster.settings.service_ranges.push("fd00:10:96::/112".parse().expect("a CIDR"));
    let one = cluster.service("web", "ports: [{port: 80}]").spec;
    let two = cluster.service("web", "ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]").spec;
    assert_eq!(two.cluster_ips[0], one.cluster_ip);
    assert_eq!(two.ip_families, ["IPv4", "IPv6"]);
    assert_eq!(two.cluster_ips.len(), 2);
    let back = cluster.service("web", "ipFamilyPolicy: SingleStack, ports: [{port: 80}]").spec;
    assert_eq!(back.cluster_ips, one.cluster_ips);
}

#[test]
fn what_is_accepted_all_the_same_gets_a_warning() {
    check_warnings(
        "externalIPs: [010.1.2.3, \"2001:DB8::1\"], externalName: a.b, ports: [{port: 80}]",
        expect![[r#"
            spec.externalIPs[0]: IP address was accepted, but will be invalid in a future Kubernetes release: ParseAddr("010.1.2.3"): IPv4 field has octet with leading zero
            spec.externalIPs[1]: IPv6 address "2001:DB8::1" is not in RFC 5952 canonical format ("2001:db8::1"), which may cause controller apply-loops
            spec.externalName is ignored when spec.type is not "ExternalName""#]],
    );
    check_warnings(
        "type: ExternalName, externalName: a.b, externalIPs: [192.0.2.1]",
        expect![[r#"spec.externalIPs is ignored when spec.type is "ExternalName""#]],
    );
}

#[test]
fn nothing_new_comes_into_a_terminating_namespace() {
    let mut cluster = Cluster::new();
    let mut namespace = Namespace::default();
    namespace.metadata.name = "default".to_owned();
    namespace.status.phase = "Terminating".to_owned();
    let object = Object::from(namespace);
    cluster.objects.insert(object);
    let refusal = cluster.put("web", "ports: [{port: 80}]").expect_err("it is refused");
    assert_eq!(
        refusal.message,
        "services \"web\" is forbidden: unable to create new content in namespace default because \
         it is being terminated"
    );
}

#[test]
fn a_stale_version_is_a_conflict() {
    let mut cluster = Cluster::new();
    let mut old = Object::from(cluster.service("web", "ports: [{port: 80}]"));
    let mut new = old.clone();
    old.meta_mut().resource_version = "2".to_owned();
    new.meta_mut().resource_version = "1".to_owned();
    let Cluster { objects, settings, rng } = &mut cluster;
    let refusal = update(objects, &old, new, rng, settings).expect_err("it is refused");
    assert_eq!(
        (refusal.status, refusal.message.as_str()),
        (
            409,
            "Operation cannot be fulfilled on services \"web\": the object has been modified; \
             please apply your changes to the latest version and try again"
        )
    );
}

#[test]
fn an_object_of_that_name_with_another_uid_is_a_conflict() {
    let mut cluster = Cluster::new();
    let mut old = Object::from(cluster.service("web", "ports: [{port: 80}]"));
    let mut new = old.clone();
    old.meta_mut().uid = "b".into();
    new.meta_mut().uid = "a".into();
    let Cluster { objects, settings, rng } = &mut cluster;
    objects.insert(old);
    let refusal = replace(objects, new, rng, settings).expect_err("it is refused");
    assert_eq!(
        (refusal.status, refusal.message.as_str()),
        (
            409,
            "Operation cannot be fulfilled on services \"web\": StorageError: invalid object, \
             Code: 4, Key: /registry/services/specs/default/web, ResourceVersion: 0, \
             AdditionalErrorMsg: Precondition failed: UID in precondition: a, UID in object meta: b"
        )
    );
}

#[test]
fn admitting_an_admitted_object_again_changes_nothing() {
    let mut cluster = Cluster::new();
    for spec in [
        "ports: [{port: 80}]",
        "type: NodePort, ports: [{name: a, port: 80}, {name: b, port: 81}]",
        "type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]",
        "clusterIP: None",
        "type: ExternalName, externalName: a.b",
    ] {
        let namespaces = cluster.objects.of_kind(Kind::Namespace).cloned();
        cluster.objects = namespaces.collect();
        let first = Object::from(cluster.service("web", spec));
        let Cluster { objects, settings, rng } = &mut cluster;
        let again = update(objects, &first, first.clone(), rng, settings).expect("it is admitted");
        assert_eq!(again.object, first, "{spec}");
    }
}

/// Creates a pod on a node and patches its status again and again.
#[track_caller]
fn check_statuses(spec: &str, patches: &[&str], expected: Expect) {
    let mut cluster = Cluster::new();
    let text = format!(
        "{{metadata: {{name: b}}, spec: {{containers: [{{name: web, image: web}}], {spec}}}}}"
    );
    let pod = decode(Kind::Pod, &read(&text).documents[0].value()).expect("the text is right");
    let Cluster { objects, settings, rng } = &mut cluster;
    let pod = create(objects, pod, rng, settings).expect("the pod is admitted").object;
    let key = pod.key();
    objects.insert(pod);
    let mut answers = Vec::new();
    for patch in patches {
        let body = read(&format!("{{status: {{{patch}}}}}")).documents[0].value();
        match patch_status(objects, &key, (Patch::Strategic, &body, true), settings) {
            Ok(admitted) => {
                answers.push(admitted.object.to_value()["status"].to_string());
                objects.insert(admitted.object);
            }
            Err(refusal) => answers.push(format!("{} {}", refusal.status, refusal.message)),
        }
    }
    expected.assert_eq(&answers.join("\n"));
}

#[test]
fn a_status_is_merged_and_checked() {
    check_statuses(
        "",
        &[
            "hostIP: 172.18.0.4, hostIPs: [{ip: 172.18.0.4}], phase: Running",
            "hostIP: 172.18.0.3, hostIPs: [{ip: 172.18.0.3}], phase: Failed",
            "podIP: 10.244.1.2, podIPs: [{ip: 10.244.1.2}, {ip: \"fd00::2\"}]",
        ],
        expect![[r#"
            {"phase":"Running","hostIP":"172.18.0.4","hostIPs":[{"ip":"172.18.0.4"}],"qosClass":"BestEffort"}
            422 Pod "b" is invalid: status.hostIPs: Invalid value: []core.HostIP{core.HostIP{IP:"172.18.0.3"}, core.HostIP{IP:"172.18.0.4"}}: may specify no more than one IP for each IP family
            {"phase":"Running","hostIP":"172.18.0.4","hostIPs":[{"ip":"172.18.0.4"}],"podIP":"10.244.1.2","podIPs":[{"ip":"10.244.1.2"},{"ip":"fd00::2"}],"qosClass":"BestEffort"}"#]],
    );
}

#[test]
fn a_container_that_has_ended_for_good_does_not_run_again() {
    let ended = "containerStatuses: [{name: web, state: {terminated: {exitCode: 0}}}]";
    let running = "containerStatuses: [{name: web, state: {running: {}}}]";
    check_statuses(
        "restartPolicy: OnFailure",
        &[ended, &format!("$patch: replace, {running}")],
        expect![[r#"
            {"phase":"Pending","containerStatuses":[{"name":"web","state":{"terminated":{"exitCode":0}},"lastState":{},"ready":false,"restartCount":0,"image":"","imageID":""}],"qosClass":"BestEffort"}
            422 Pod "b" is invalid: status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"#]],
    );
}

#[test]
fn a_pod_is_bound_once_and_only_what_has_replicas_is_scaled() {
    let mut cluster = Cluster::new();
    let text = "{metadata: {name: p}, spec: {containers: [{name: c, image: x, env: [{name: A}, {name: A}]}]}}";
    let pod = decode(Kind::Pod, &read(text).documents[0].value()).expect("the text is right");
    let Cluster { objects, settings, rng } = &mut cluster;
    let admitted = create(objects, pod, rng, settings).expect("the pod is admitted");
    assert_eq!(
        admitted.warnings,
        [
            "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply"
        ]
    );
    let key = admitted.object.key();
    objects.insert(admitted.object);
    let bound = bind(objects, &key, "worker-1", "").expect("it is free");
    assert_eq!(bound.object.as_pod().map(|it| it.spec.node_name.as_str()), Some("worker-1"));
    objects.insert(bound.object);
    let again = bind(objects, &key, "worker-2", "").expect_err("it is bound");
    assert_eq!(
        again.message,
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"worker-1\""
    );
    let two = serde_json::json!({"spec": {"replicas": 2}});
    assert_eq!(scale(objects, &key, &two, rng, settings).expect_err("a pod is one").status, 404);
}

#[test]
fn a_pod_of_the_same_template_is_what_its_own_admission_makes_of_it() {
    let mut cluster = Cluster::new();
    let text = "{metadata: {generateName: web-, labels: {app: web}}, spec: {containers: \
                [{name: web, image: web, resources: {limits: {cpu: 1}}, ports: [{containerPort: 80}]}]}}";
    let pod = decode(Kind::Pod, &read(text).documents[0].value()).expect("the text is right");
    let Cluster { objects, settings, rng } = &mut cluster;
    let first = create(objects, pod.clone(), rng, settings).expect("it is admitted").object;
    let again = create(objects, pod.clone(), &mut rng.clone(), settings).expect("it is admitted");
    let alike = create_alike(objects, &first, &mut rng.clone(), settings);
    assert_eq!(alike.as_ref(), Ok(&again.object));
    assert_ne!(alike.map(|it| it.key()), Ok(first.key()));

    objects.insert(again.object);
    let refused = create(objects, pod, &mut rng.clone(), settings).map(|it| it.object);
    assert_eq!(refused.as_ref().map_err(|it| it.reason.as_str()), Err("AlreadyExists"));
    assert_eq!(create_alike(objects, &first, rng, settings), refused);
}
