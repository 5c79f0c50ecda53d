//! What kubelet asks of a container or runs in it: probes, and the hooks of its life.

use serde_json::Value;

use super::errors::Errors;
use super::rules;
use crate::object::{
    Container, ExecAction, GrpcAction, HttpGetAction, Json, Probe, TcpSocketAction,
};

const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

/// What one probe or hook does (`commonHandler`); exactly one of these.
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HttpGetAction>,
    tcp_socket: Option<&'a TcpSocketAction>,
    grpc: Option<&'a GrpcAction>,
    /// Seconds.
    sleep: Option<i64>,
}

pub(super) fn validate_probes(container: &Container, field: &str, errors: &mut Errors) {
    for (name, probe, is_readiness) in [
        ("livenessProbe", &container.liveness_probe, false),
        ("readinessProbe", &container.readiness_probe, true),
        ("startupProbe", &container.startup_probe, false),
    ] {
        let Some(probe) = probe else { continue };
        let field = format!("{field}.{name}");
        validate_probe(probe, &field, errors);
        if !is_readiness && probe.success_threshold != 1 {
            let field = format!("{field}.successThreshold");
            errors.invalid(field, probe.success_threshold, "must be 1");
        }
        if let Some(seconds) = probe.termination_grace_period_seconds.filter(|_| is_readiness) {
            let field = format!("{field}.terminationGracePeriodSeconds");
            errors.invalid(field, seconds, "must not be set for readinessProbes");
        }
    }
}

fn validate_probe(probe: &Probe, field: &str, errors: &mut Errors) {
    validate_handler(&of_probe(probe), None, field, errors);
    for (name, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        rules::not_negative(number.into(), &format!("{field}.{name}"), errors);
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|it| *it <= 0) {
        let field = format!("{field}.terminationGracePeriodSeconds");
        errors.invalid(field, seconds, "must be greater than 0");
    }
}

fn of_probe(probe: &Probe) -> Handler<'_> {
    Handler {
        exec: probe.exec.as_ref(),
        http_get: probe.http_get.as_ref(),
        tcp_socket: probe.tcp_socket.as_ref(),
        grpc: probe.grpc.as_ref(),
        sleep: None,
    }
}

/// `validateLifecycle`; `grace` is the pod's grace period in seconds, if it is a good one.
pub(super) fn validate_lifecycle(
    lifecycle: &Value,
    grace: Option<i64>,
    field: &str,
    errors: &mut Errors,
) {
    for hook in ["postStart", "preStop"] {
        let Some(handler) = lifecycle.get(hook).filter(|it| it.is_object()) else { continue };
        // A hook has the same handlers as a probe, and one more.
        let probe = Probe::from_json(handler.clone()).unwrap_or_default();
        let sleep = handler.get("sleep").filter(|it| !it.is_null());
        let sleep = sleep.map(|it| it["seconds"].as_i64().unwrap_or(0));
        let handler = Handler { grpc: None, sleep, ..of_probe(&probe) };
        validate_handler(&handler, grace, &format!("{field}.{hook}"), errors);
    }
}

/// `validateHandler`: of several the first is looked at and the others are too many.
fn validate_handler(handler: &Handler, grace: Option<i64>, field: &str, errors: &mut Errors) {
    let present = [
        ("exec", handler.exec.is_some()),
        ("httpGet", handler.http_get.is_some()),
        ("tcpSocket", handler.tcp_socket.is_some()),
        ("grpc", handler.grpc.is_some()),
        ("sleep", handler.sleep.is_some()),
    ];
    let mut names = present.iter().filter(|(_, is_present)| *is_present).map(|(name, _)| *name);
    match names.next() {
        None => errors.required(field, "must specify a handler type"),
        Some(first) => validate_first(handler, grace, &format!("{field}.{first}"), errors),
    }
    for name in names {
        errors.forbidden(format!("{field}.{name}"), "may not specify more than 1 handler type");
    }
}

fn validate_first(handler: &Handler, grace: Option<i64>, field: &str, errors: &mut Errors) {
    if let Some(exec) = handler.exec {
        if exec.command.is_empty() {
            errors.required(format!("{field}.command"), "");
        }
    } else if let Some(http) = handler.http_get {
        validate_http(http, field, errors);
    } else if let Some(tcp) = handler.tcp_socket {
        rules::port_number_or_name(&tcp.port, &format!("{field}.port"), errors);
    } else if let Some(grpc) = handler.grpc {
        for complaint in rules::port_number(grpc.port) {
            errors.invalid(format!("{field}.port"), grpc.port, &complaint);
        }
    } else if let Some((seconds, grace)) = handler.sleep.zip(grace) {
        validate_sleep(seconds, grace, field, errors);
    }
}

fn validate_http(http: &HttpGetAction, field: &str, errors: &mut Errors) {
    if http.path.is_empty() {
        errors.required(format!("{field}.path"), "");
    }
    rules::port_number_or_name(&http.port, &format!("{field}.port"), errors);
    if !matches!(http.scheme.as_str(), "HTTP" | "HTTPS") {
        errors.not_supported(format!("{field}.scheme"), &http.scheme, &["HTTP", "HTTPS"]);
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    for header in &http.http_headers {
        if header.name.is_empty() || !header.name.bytes().all(is_allowed) {
            errors.invalid(format!("{field}.httpHeaders"), &header.name, HEADER);
        }
    }
}

/// `validateSleepAction`; from 1.33 on a hook may sleep no time at all.
fn validate_sleep(seconds: i64, grace: i64, field: &str, errors: &mut Errors) {
    let is_old = errors.version < super::Version::V1_33;
    let least = i64::from(is_old);
    if (least..=grace).contains(&seconds) {
        return;
    }
    let detail = if is_old {
        format!(
            "must be greater than 0 and less than terminationGracePeriodSeconds ({grace}). Enable \
             AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."
        )
    } else {
        format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})")
    };
    errors.invalid(field, seconds, &detail);
}
