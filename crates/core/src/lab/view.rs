//! What the page, the shell and tests read from a lab.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;

use svclab_netfilter::{Entry as Connection, RuleRef, RuleSet};

use super::log::Log;
use super::{Lab, Objects, pod_name};
use crate::key::ObjectKey;
use crate::kubelet::{self, ProbeResult};
use crate::net::{Network, Node};
use crate::object::{Object, Pod};
use crate::proxy::Origin;
use crate::time::Instant;
use crate::trace::{Exchange, NodeName};

/// A pod as one looks at it: its object, its end of the network, its probes.
#[derive(Debug, Clone, PartialEq)]
pub struct PodView {
    pub key: ObjectKey,
    pub node: Option<NodeName>,
    pub ip: Option<IpAddr>,
    /// The node's end of its veth pair.
    pub device: Option<Rc<str>>,
    pub phase: String,
    pub ready: bool,
    pub terminating: bool,
    /// What its readiness endpoint answers.
    pub answers_ready: bool,
    pub has_probe: bool,
    /// The last results of its readiness probe, oldest first.
    pub probes: Vec<ProbeResult>,
    /// Failures in a row, and how many make it not ready.
    pub failing_in_row: u32,
    pub threshold: u32,
    /// Seconds between two probes.
    pub period: u64,
    /// TCP ports its containers listen on.
    pub listens: Vec<u16>,
    pub labels: crate::object::Labels,
}

/// One node's rules and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRules {
    pub rules: Rc<RuleSet>,
    /// By [`svclab_netfilter::OriginId`].
    pub origins: Rc<[Origin]>,
    pub synced_at: Option<Instant>,
    /// Rules that the last change brought, and the lines it took away.
    pub added: Rc<BTreeSet<RuleRef>>,
    pub removed: Rc<Vec<String>>,
}

impl Lab {
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    pub fn network(&self) -> &Network {
        &self.net
    }

    pub fn nodes(&self) -> &[Node] {
        &self.net.nodes
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The latest requests, oldest first, at most [`super::KEPT_EXCHANGES`].
    pub fn exchanges(&self) -> &[Rc<Exchange>] {
        &self.exchanges
    }

    /// Where in the text last applied the object stands, in bytes.
    pub fn source_of(&self, key: &ObjectKey) -> Option<Range<usize>> {
        self.sources.get(key).cloned()
    }

    /// All pods, by namespace and name.
    pub fn pod_views(&self) -> Vec<PodView> {
        self.pods().map(|pod| self.pod_view(pod)).collect()
    }

    fn pod_view(&self, pod: &Pod) -> PodView {
        let key = Object::Pod(pod.clone()).key();
        let run = self.running.get(&key);
        let end = self.net.pod(&pod_name(&key));
        let probe = pod.spec.containers.iter().find_map(|it| it.readiness_probe.as_ref());
        let last_failed = run.and_then(|it| it.results.back()).is_some_and(|it| !it.success);
        let in_row =
            run.map_or(0, |it| it.containers.iter().map(|it| it.in_row).max().unwrap_or(0));
        PodView {
            node: Some(pod.spec.node_name.as_str().into()).filter(|it: &NodeName| !it.is_empty()),
            ip: pod.addresses().first().copied(),
            device: end.map(|it| it.device.clone()),
            phase: pod.status.phase.clone(),
            ready: pod.is_ready(),
            terminating: pod.is_terminating(),
            answers_ready: run.is_none_or(|it| it.answers_ready),
            has_probe: probe.is_some(),
            probes: run.map(|it| it.results.iter().copied().collect()).unwrap_or_default(),
            failing_in_row: if last_failed { in_row } else { 0 },
            threshold: probe.map_or(0, |it| u32::try_from(it.failure_threshold).unwrap_or(0)),
            period: probe.map_or(0, |it| kubelet::period(it).as_secs()),
            listens: kubelet::listens(pod),
            labels: pod.metadata.labels.clone(),
            key,
        }
    }

    pub fn rules(&self, node: &str) -> Option<NodeRules> {
        let rules = self.net.kernel(node)?.rules.clone();
        let proxy = self.proxies.get(node)?;
        Some(NodeRules {
            rules,
            origins: proxy.origins.clone(),
            synced_at: proxy.synced_at,
            added: proxy.added.clone(),
            removed: proxy.removed.clone(),
        })
    }

    /// The living connections of a node's conntrack.
    pub fn conntrack(&self, node: &str) -> Vec<Connection> {
        let now = self.now.as_millis();
        let kernel = self.net.kernel(node);
        kernel.map(|it| it.conntrack.entries(now).cloned().collect()).unwrap_or_default()
    }
}
