//! Pod: what runs, how it is probed, and what kubelet says of it.
//!
//! What the lab gives no effect to (volumes, affinity, security) is kept as it was written.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::json::api;
use super::{IntOrString, ObjectMeta, Protocol, Shared, Word};

api! {
    struct Pod {
        metadata: ObjectMeta,
        spec: Shared<PodSpec>,
        status: Shared<PodStatus>,
    }

    struct PodTemplateSpec {
        metadata: ObjectMeta,
        spec: Shared<PodSpec>,
    }

    struct PodSpec {
        volumes: Vec<Value>,
        init_containers: Shared<Vec<Container>>,
        containers: Shared<Vec<Container>>,
        ephemeral_containers: Vec<Value>,
        restart_policy: String,
        termination_grace_period_seconds: Option<i64>,
        active_deadline_seconds: Option<i64>,
        dns_policy: String,
        node_selector: BTreeMap<String, String>,
        service_account_name: String,
        deprecated_service_account as "serviceAccount": String,
        automount_service_account_token: Option<bool>,
        node_name: String,
        host_network: bool,
        host_pid as "hostPID": bool,
        host_ipc as "hostIPC": bool,
        share_process_namespace: Option<bool>,
        security_context: Value,
        image_pull_secrets: Vec<Value>,
        hostname: String,
        subdomain: String,
        affinity: Value,
        scheduler_name: String,
        tolerations: Vec<Toleration>,
        host_aliases: Vec<HostAlias>,
        priority_class_name: String,
        priority: Option<i32>,
        dns_config: Option<PodDnsConfig>,
        readiness_gates: Vec<PodReadinessGate>,
        runtime_class_name: Option<String>,
        enable_service_links: Option<bool>,
        preemption_policy: Option<String>,
        overhead: Value,
        topology_spread_constraints: Vec<Value>,
        set_hostname_as_fqdn as "setHostnameAsFQDN": Option<bool>,
        os: Value,
        host_users: Option<bool>,
        scheduling_gates: Vec<Value>,
        resource_claims: Vec<Value>,
        resources: Value,
    }

    struct Container {
        name: String,
        image: String,
        command: Vec<String>,
        args: Vec<String>,
        working_dir: String,
        ports: Vec<ContainerPort>,
        env_from: Vec<Value>,
        env: Vec<EnvVar>,
        resources: Value,
        resize_policy: Vec<Value>,
        restart_policy: Option<String>,
        volume_mounts: Vec<Value>,
        volume_devices: Vec<Value>,
        liveness_probe: Option<Probe>,
        readiness_probe: Option<Probe>,
        startup_probe: Option<Probe>,
        lifecycle: Value,
        termination_message_path: String,
        termination_message_policy: String,
        image_pull_policy: String,
        security_context: Value,
        stdin: bool,
        stdin_once: bool,
        tty: bool,
    }

    struct ContainerPort {
        name: String,
        host_port: i32,
        container_port: i32,
        protocol: String,
        host_ip as "hostIP": String,
    }

    struct EnvVar {
        name: String,
        value: String,
        value_from: Value,
    }

    struct Probe {
        exec: Option<ExecAction>,
        http_get: Option<HttpGetAction>,
        tcp_socket: Option<TcpSocketAction>,
        grpc: Option<GrpcAction>,
        initial_delay_seconds: i32,
        timeout_seconds: i32,
        period_seconds: i32,
        success_threshold: i32,
        failure_threshold: i32,
        termination_grace_period_seconds: Option<i64>,
    }

    struct ExecAction {
        command: Vec<String>,
    }

    struct HttpGetAction {
        path: String,
        port: IntOrString,
        host: String,
        scheme: String,
        http_headers: Vec<HttpHeader>,
    }

    struct HttpHeader {
        name: String,
        value: String,
    }

    struct TcpSocketAction {
        port: IntOrString,
        host: String,
    }

    struct GrpcAction {
        port: i32,
        service: Option<String>,
    }

    struct Toleration {
        key: String,
        operator: String,
        value: String,
        effect: String,
        toleration_seconds: Option<i64>,
    }

    struct HostAlias {
        ip: String,
        hostnames: Vec<String>,
    }

    struct PodDnsConfig {
        nameservers: Vec<String>,
        searches: Vec<String>,
        options: Vec<PodDnsConfigOption>,
    }

    struct PodDnsConfigOption {
        name: String,
        value: Option<String>,
    }

    struct PodReadinessGate {
        condition_type: String,
    }

    struct PodStatus {
        phase: Word,
        conditions: Vec<PodCondition>,
        message: String,
        reason: String,
        nominated_node_name: String,
        host_ip as "hostIP": String,
        host_ips as "hostIPs": Vec<Ip>,
        pod_ip as "podIP": String,
        pod_ips as "podIPs": Vec<Ip>,
        start_time: Option<Word>,
        init_container_statuses: Vec<ContainerStatus>,
        container_statuses: Vec<ContainerStatus>,
        qos_class: Word,
        ephemeral_container_statuses: Vec<Value>,
        resize: String,
        resource_claim_statuses: Vec<Value>,
    }

    /// An entry of `podIPs` or `hostIPs`.
    struct Ip {
        ip: String,
    }

    struct PodCondition {
        r#type: Word,
        status: Word,
        last_probe_time: Option<String>,
        last_transition_time: Option<Word>,
        reason: Word,
        message: String,
    }

    struct ContainerState {
        waiting: Option<ContainerStateWaiting>,
        running: Option<ContainerStateRunning>,
        terminated: Option<ContainerStateTerminated>,
    }

    struct ContainerStateWaiting {
        reason: Word,
        message: String,
    }

    struct ContainerStateRunning {
        started_at: Option<String>,
    }

}

api! {
    /// Its exit code is written even when it is zero.
    struct ContainerStateTerminated {
        exit_code: i32 = always,
        signal: i32,
        reason: Word,
        message: String,
        started_at: Option<String>,
        finished_at: Option<String>,
        container_id as "containerID": String,
    }

    /// Its counters are written even when they are zero.
    struct ContainerStatus {
        name: String = always,
        state: ContainerState,
        last_state: ContainerState,
        ready: bool = always,
        restart_count: i32 = always,
        image: String = always,
        image_id as "imageID": String = always,
        container_id as "containerID": String,
        started: Option<bool>,
        allocated_resources: Value,
        resources: Value,
        volume_mounts: Vec<Value>,
        user: Value,
        allocated_resources_status: Vec<Value>,
    }
}

impl Pod {
    /// Whether the `Ready` condition is `True`.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    pub fn condition(&self, name: &str) -> Option<&PodCondition> {
        self.status.conditions.iter().find(|condition| condition.r#type == name)
    }

    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// The pod has run to its end: phase `Succeeded` or `Failed`.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    pub fn addresses(&self) -> Vec<IpAddr> {
        self.status.pod_ips.iter().filter_map(|it| it.ip.parse().ok()).collect()
    }
}

impl ContainerPort {
    pub fn protocol(&self) -> Protocol {
        Protocol::parse(&self.protocol).unwrap_or(Protocol::Tcp)
    }
}

impl Toleration {
    /// As the scheduler reads it: an empty key with `Exists` tolerates everything.
    pub fn tolerates(&self, taint: &super::Taint) -> bool {
        let effect = self.effect.is_empty() || self.effect == taint.effect;
        let key = self.key.is_empty() || self.key == taint.key;
        effect && key && (self.operator == "Exists" || self.value == taint.value)
    }
}
