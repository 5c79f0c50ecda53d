//! What the page, the shell and tests read from a lab.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;

use svclab_netfilter::{Entry as Connection, Family, RuleRef, RuleSet};

use super::log::Log;
use super::{Lab, Objects};
use crate::admit::Version;
use crate::key::{Kind, ObjectKey};
use crate::kubelet::{PodRun, ProbeKind, ProbeResult, Strip};
use crate::net::balancer::Balancer;
use crate::net::{Network, Node};
use crate::object::{ContainerStatus, Labels, Pod};
use crate::proxy::{Mode, Origins, Settings};
use crate::time::{Duration, Instant};
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
    /// What its liveness endpoint answers.
    pub answers_alive: bool,
    /// All its probes.
    pub strips: Vec<Strip>,
    /// Containers whose programs run.
    pub running: Vec<String>,
    /// Of all its containers together.
    pub restarts: i32,
    /// Why a container does not run, as `kubectl get pods` shows it: `CrashLoopBackOff`.
    pub trouble: Option<String>,
    /// TCP ports that its programs listen on now.
    pub listens: Vec<u16>,
    pub labels: crate::object::Labels,
}

/// One node's rules and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRules {
    pub rules: Rc<RuleSet>,
    /// Where the rules come from; also those that traces met earlier.
    pub origins: Origins,
    /// kube-proxy's; in another than iptables these are the rules of others.
    pub mode: Mode,
    /// Whether kube-proxy runs: where it does not, the rules stay as they are.
    pub running: bool,
    /// How long kube-proxy takes to act on a change.
    pub delay: Duration,
    pub synced_at: Option<Instant>,
    /// A Service or its endpoints changed, and kube-proxy has not acted on it.
    pub behind: bool,
    /// Rules that the last change brought, and the lines it took away.
    pub added: Rc<BTreeSet<RuleRef>>,
    pub removed: Rc<Vec<String>>,
}

impl Lab {
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The release of Kubernetes.
    pub fn version(&self) -> Version {
        self.settings.version
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
        let key = ObjectKey::new(Kind::Pod, &pod.metadata.namespace, &pod.metadata.name);
        let run = self.run_of(&key).map(|it| &it.run);
        let end = run.and_then(|it| self.net.pods.get(it.ips().first()?));
        let strips = run.map(PodRun::strips).unwrap_or_default();
        let readiness = strips.iter().find(|it| it.kind == ProbeKind::Readiness);
        let probes = pod.spec.containers.iter().filter_map(|it| it.readiness_probe.as_ref());
        let answers = run.map(PodRun::answers).unwrap_or_default();
        PodView {
            node: Some(pod.spec.node_name.as_str().into()).filter(|it: &NodeName| !it.is_empty()),
            ip: pod.addresses().first().copied(),
            device: end.map(|it| it.device.clone()),
            phase: pod.status.phase.to_string(),
            ready: pod.is_ready(),
            terminating: pod.is_terminating(),
            answers_ready: answers.ready,
            answers_alive: answers.alive,
            has_probe: probes.count() > 0,
            probes: readiness.map(|it| it.results.clone()).unwrap_or_default(),
            failing_in_row: readiness.map_or(0, |it| it.failing),
            threshold: readiness.map_or(0, |it| it.threshold),
            period: readiness.map_or(0, |it| it.period),
            running: running(pod),
            restarts: pod.status.container_statuses.iter().map(|it| it.restart_count).sum(),
            trouble: trouble(pod),
            listens: run.map(|it| it.listens(self.now).tcp()).unwrap_or_default(),
            labels: Labels::clone(&pod.metadata.labels),
            strips,
            key,
        }
    }

    /// The files of a container that are not its image's, by path.
    pub fn files_of(&self, pod: &ObjectKey, container: &str) -> BTreeMap<String, String> {
        let run = self.run_of(pod).map(|it| &it.run);
        run.map(|it| it.files(container, self.now)).unwrap_or_default()
    }

    /// The IP families that the cluster's pods speak, the primary one first.
    pub fn families(&self) -> impl Iterator<Item = Family> {
        self.proxies.families()
    }

    /// A node's rules for the cluster's primary family.
    pub fn rules(&self, node: &str) -> Option<NodeRules> {
        self.rules_of(node, self.families().next()?)
    }

    /// None also where the cluster does not speak the family.
    pub fn rules_of(&self, node: &str, family: Family) -> Option<NodeRules> {
        let proxy = self.proxies.nodes.get(node)?;
        let own = self.proxies.of(node, family)?;
        Some(NodeRules {
            rules: self.net.kernel(node)?.rules(family).clone(),
            origins: match self.net.kernel(node)?.balancer(family) {
                Some(Balancer::Ipvs(own)) => own.state.origins.clone(),
                _ => self.proxies.watch(family)?.origins().clone(),
            },
            mode: self.proxies.mode(),
            running: proxy.is_running(),
            delay: proxy.delay,
            synced_at: own.synced_at,
            behind: own.behind,
            added: own.added.clone(),
            removed: own.removed.clone(),
        })
    }

    /// What a node's kernel has of its kube-proxy, where that does not work with iptables, as
    /// [`Mode::text`] has it.
    pub fn written(&self, node: &str, family: Family) -> Option<String> {
        let kernel = self.net.kernel(node)?;
        kernel.balancer(family).map(|it| it.to_string())
    }

    /// What a node's kube-proxy was told for one family; its rules in other modes follow from this
    /// and the objects. None also where the cluster does not speak the family.
    pub fn proxy_settings(&self, node: &str, family: Family) -> Option<Settings> {
        let known = self.proxies.nodes.contains_key(node);
        let watch = self.proxies.watch(family).filter(|_| known)?;
        Some(Settings { node: node.to_owned(), ..watch.settings().clone() })
    }

    /// The living connections of a node's conntrack.
    pub fn conntrack(&self, node: &str) -> Vec<Connection> {
        let now = self.now.as_millis();
        let kernel = self.net.kernel(node);
        kernel.map(|it| it.conntrack.entries(now).cloned().collect()).unwrap_or_default()
    }
}

fn running(pod: &Pod) -> Vec<String> {
    let running = pod.status.container_statuses.iter().filter(|it| it.state.running.is_some());
    running.map(|it| it.name.clone()).collect()
}

/// The first reason of a container that waits or has failed.
fn trouble(pod: &Pod) -> Option<String> {
    const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];
    let statuses = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    let reason = |it: &ContainerStatus| {
        let waiting = it.state.waiting.as_ref().map(|it| it.reason.clone());
        let failed = it.state.terminated.as_ref().filter(|it| it.exit_code != 0);
        waiting.or(failed.map(|it| it.reason.clone()))
    };
    statuses.filter_map(reason).find(|it| !STARTING.contains(&it.as_str())).map(String::from)
}
