//! Which columns `kubectl get` shows of a kind, and what stands in them.
//!
//! The API server makes the cells (`pkg/printers/internalversion`); the columns marked wide come
//! with `-o wide` alone.

mod cluster;
mod event;
mod ingress;
mod other;
mod pod;
mod service;
mod workload;

use serde_json::Value;
use svclab_core::key::Kind;
use svclab_core::object::{Labels, Object};
use svclab_core::time::Instant;
use svclab_netfilter::order::Gather;

use super::age::age;

pub(super) use cluster::roles;
pub(super) use ingress::addresses;
pub(super) use workload::selector;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub wide: bool,
}

const fn narrow(name: &'static str) -> Column {
    Column { name, wide: false }
}

const fn wide(name: &'static str) -> Column {
    Column { name, wide: true }
}

/// The columns of a kind; those of `-o wide` too where `wide_too`.
pub fn columns(kind: Kind, wide_too: bool) -> impl Iterator<Item = &'static Column> {
    let all: &'static [Column] = match kind {
        Kind::Service => service::SERVICE,
        Kind::Endpoints => service::ENDPOINTS,
        Kind::EndpointSlice => service::ENDPOINT_SLICE,
        Kind::Pod => pod::POD,
        Kind::Deployment => workload::DEPLOYMENT,
        Kind::ReplicaSet => workload::REPLICA_SET,
        Kind::StatefulSet => workload::STATEFUL_SET,
        Kind::DaemonSet => workload::DAEMON_SET,
        Kind::Node => cluster::NODE,
        Kind::Namespace => cluster::NAMESPACE,
        Kind::ConfigMap => cluster::CONFIG_MAP,
        Kind::Ingress => ingress::INGRESS,
        Kind::IngressClass => ingress::INGRESS_CLASS,
        Kind::NetworkPolicy => ingress::NETWORK_POLICY,
        Kind::Event => event::EVENT,
        Kind::Secret => other::SECRET,
        Kind::ServiceAccount => other::SERVICE_ACCOUNT,
        Kind::Role | Kind::ClusterRole | Kind::CustomResourceDefinition | Kind::LimitRange => {
            other::CREATED
        }
        Kind::RoleBinding | Kind::ClusterRoleBinding => other::ROLE_BINDING,
        Kind::ControllerRevision => other::REVISION,
        Kind::Job => other::JOB,
        Kind::CronJob => other::CRON_JOB,
        Kind::ResourceQuota => other::QUOTA,
        Kind::HorizontalPodAutoscaler => other::AUTOSCALER,
        Kind::PodDisruptionBudget => other::BUDGET,
        Kind::PriorityClass => other::PRIORITY,
        _ => const { &[narrow("NAME"), narrow("AGE")] },
    };
    all.iter().filter(move |column| wide_too || !column.wide)
}

/// One cell for each of [`columns`].
pub fn cells(object: &Object, wide: bool, now: Instant) -> Vec<String> {
    let all = all_cells(object, wide, now);
    let columns = columns(object.kind(), true);
    let cells = columns.zip(all).filter(|(column, _)| wide || !column.wide);
    cells.map(|(_, cell)| one_line(cell)).collect()
}

fn all_cells(object: &Object, wide: bool, now: Instant) -> Vec<String> {
    let name = object.meta().name.clone();
    let age = age(&object.meta().creation_timestamp, now);
    match object {
        Object::Service(it) => service::service(it, name, age, wide),
        Object::Endpoints(it) => vec![name, service::endpoints(it), age],
        Object::EndpointSlice(it) => service::endpoint_slice(it, name, age),
        Object::Pod(it) => pod::pod(it, name, age, now),
        Object::Deployment(it) => workload::deployment(it, name, age),
        Object::ReplicaSet(it) => workload::replica_set(it, name, age),
        Object::Node(it) => cluster::node(it, name, age),
        Object::Namespace(it) => vec![name, it.status.phase.clone(), age],
        other => {
            let value = other.to_value();
            match object.kind() {
                Kind::StatefulSet => workload::stateful_set(&value, name, age),
                Kind::DaemonSet => workload::daemon_set(&value, name, age),
                Kind::ConfigMap => vec![name, cluster::data(&value), age],
                Kind::Ingress => ingress::ingress(&value, name, age, wide),
                Kind::IngressClass => ingress::ingress_class(&value, name, age),
                Kind::NetworkPolicy => vec![name, ingress::pod_selector(&value), age],
                Kind::Event => event::event(&value, name, now),
                Kind::Secret => other::secret(&value, name, age),
                Kind::ServiceAccount => other::service_account(&value, name, age),
                Kind::Role
                | Kind::ClusterRole
                | Kind::CustomResourceDefinition
                | Kind::LimitRange => other::created(&value, name),
                Kind::RoleBinding | Kind::ClusterRoleBinding => {
                    other::role_binding(&value, name, age)
                }
                Kind::ControllerRevision => other::revision(&value, name, age),
                Kind::Job => other::job(&value, name, age),
                Kind::CronJob => other::cron_job(&value, name, age),
                Kind::ResourceQuota => other::quota(&value, name, age),
                Kind::HorizontalPodAutoscaler => other::autoscaler(&value, name, age),
                Kind::PodDisruptionBudget => other::budget(&value, name, age),
                Kind::PriorityClass => other::priority(&value, name, age),
                _ => vec![name, age],
            }
        }
    }
}

/// kubectl shows the first line of a cell, and the escape character as text.
fn one_line(cell: String) -> String {
    let cell = cell.replace('\u{1b}', "^[");
    match cell.split_once('\n') {
        Some((first, _)) => format!("{first}..."),
        None => cell,
    }
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}

fn joined<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|it| it.to_string()).collect::<Vec<_>>().join(",")
}

/// `k=v,k=v`, or `<none>`.
pub(super) fn labels(labels: &Labels) -> String {
    or(&joined(labels.iter().map(|(key, value)| format!("{key}={value}"))), "<none>")
}

/// The first three, and how many more.
fn first_three(items: &[String]) -> String {
    const SHOWN: usize = 3;
    match items.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} + {more} more...", items[..SHOWN].join(",")),
        _ => items.join(","),
    }
}

/// Load balancers' addresses (`loadBalancerStatusStringer`): sorted, each once, cut where not wide.
fn balancers(addresses: impl Iterator<Item = String>, wide: bool) -> String {
    const WIDTH: usize = 16;
    let addresses: std::collections::BTreeSet<String> =
        addresses.filter(|it| !it.is_empty()).gather();
    let all = joined(addresses.iter());
    match all.get(..WIDTH - 3) {
        Some(start) if !wide && all.len() > WIDTH => format!("{start}..."),
        _ => all,
    }
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}
