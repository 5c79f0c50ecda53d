//! The one value that is the lab: objects, nodes, kernels, clock, chance, log.
//!
//! [`Lab::act`] and [`Lab::run_until`] are the only ways it changes. The same scenario, seed and
//! actions at the same instants give the same lab, natively and in the browser.

pub mod log;
pub mod api;
mod apply;
mod balancer;
mod canary;
mod correlate;
mod delete;
mod drain;
pub mod event;
mod fetch;
mod found;
mod health;
mod index;
mod ingress;
pub mod logs;
mod machines;
mod name_servers;
mod network;
mod nodes;
mod pods;
mod policies;
mod proxies;
mod queue;
mod relay;
mod resolve;
mod scheduling;
mod sites;
mod store;
mod view;
mod watch;
mod work;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use svclab_netfilter::Family;

use crate::admit::{self, Refusal};
use crate::family::Ranges;
use crate::key::ObjectKey;
use crate::kubelet::{Images, Link, ProbeKind};
use crate::net::Network;
use crate::net::exchange::Fetched;
use crate::object::{Id, Objects};
use crate::read::Diagnostic;
use crate::rng::Rng;
use crate::scenario::{Cluster, NetworkPolicySupport, Scenario};
use crate::time::{Duration, Instant};
use crate::trace::{Exchange, NodeName};

use api::Verb;
use balancer::Balancer;
use index::Index;
use log::{Change, EntryId, Happening, Log};
use machines::Machine;
use name_servers::NameServers;
use pods::Tracked;
use proxies::Proxies;
use queue::{Queue, Task};
use scheduling::Waiting;
use store::Changes;
use work::Memory;

pub use crate::control::drain::DrainOptions;
pub use delete::{DeleteOptions, Preconditions, Propagation};
pub use drain::Drained;
pub use fetch::Fetching;
pub use health::KUBE_PROXY;
pub use name_servers::Corefile;
pub use network::{Ask, Goal, Sending, Source};
pub use resolve::{Resolution, Resolving, With};
pub use store::{WatchEvent, Watched};
pub use view::{NodeRules, PodView};

/// How many requests keep their packets; a request's traces take some ten kilobytes.
pub const KEPT_EXCHANGES: usize = 256;

/// What a user can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// `kubectl apply` of all documents of a text.
    Apply { text: String },
    /// `kubectl delete`
    Delete { key: ObjectKey },
    /// Any request to the API server, as a client other than `kubectl apply` sends it.
    Request(api::Request),
    /// Switches a node's machine off, as if its plug were pulled, or on again.
    SwitchMachine { node: String, up: bool },
    /// Switches the load balancer of the cluster on or off.
    SwitchLoadBalancer { on: bool },
    /// `kubectl drain`: cordons a node and evicts its pods.
    Drain {
        node: String,
        #[serde(default)]
        options: DrainOptions,
    },
    /// Switches what the pod's programs answer to their readiness probes, until they start again.
    SwitchReadiness { pod: ObjectKey, ready: bool },
    /// Switches what the pod's programs answer to their liveness and startup probes, until they
    /// start again.
    SwitchLiveness { pod: ObjectKey, alive: bool },
    /// The program of a container ends by itself with an exit code.
    Crash { pod: ObjectKey, container: String, code: u8 },
    /// A process in a container writes a file by its absolute path, or removes it (`None`). The
    /// container has it until it starts again.
    WriteFile { pod: ObjectKey, container: String, path: String, text: Option<String> },
    /// Stops the kube-proxy of a node, or starts it again.
    SwitchProxy { node: NodeName, running: bool },
    /// Gives a text to a node's `iptables-restore`, or to `ip6tables-restore`.
    LoadRules {
        node: NodeName,
        text: String,
        /// `--noflush`
        #[serde(default)]
        noflush: bool,
        #[serde(default)]
        ipv6: bool,
    },
    /// `iptables -Z`: a node's counters of a table begin anew, or of one of its chains.
    ZeroCounters {
        node: NodeName,
        table: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chain: Option<String>,
        #[serde(default)]
        ipv6: bool,
    },
    /// `conntrack -D` with these options: a node's kernel forgets the connections they find.
    ForgetConnections { node: NodeName, filter: Vec<String> },
    /// How long the kube-proxy of a node takes to act on a change.
    SetProxyDelay { node: NodeName, delay: Duration },
    /// A process asks something over the network; see [`Sending`].
    Send(Sending),
    /// A client asks something over HTTP; see [`Fetching`].
    Fetch(Fetching),
    /// A process looks a name up; see [`Resolving`].
    Resolve(Resolving),
}

/// What came of an action at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    pub applied: Vec<Applied>,
    /// Mistakes and warnings, with their places in the text.
    pub diagnostics: Vec<Diagnostic>,
    pub exchange: Option<Rc<Exchange>>,
    /// What an HTTP client saw besides the packets.
    pub fetched: Option<Fetched>,
    /// What came of looking a name up.
    pub resolution: Option<Rc<Resolution>>,
    /// What came of draining a node.
    pub drain: Option<Drained>,
    /// What the API server said to a request.
    pub answer: Option<Result<api::Response, Refusal>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub key: ObjectKey,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    now: Instant,
    rng: Rng,
    settings: admit::Settings,
    scheduler: bool,
    cluster_cidrs: Ranges,
    enforces_policies: bool,
    /// The resourceVersion that the network's policies were made at.
    policies_as_of: u64,
    objects: Objects,
    index: Index,
    memory: Memory,
    /// How often in a row a controller's turn has failed.
    retries: BTreeMap<Task, u32>,
    changes: Changes,
    resource_version: u64,
    net: Network,
    machines: BTreeMap<NodeName, Machine>,
    /// When nodes whose kubelet does not run were heard of last.
    heard: BTreeMap<NodeName, Instant>,
    /// When pods have to leave their nodes.
    evictions: BTreeMap<ObjectKey, Instant>,
    /// Pods that no node took.
    pending: BTreeMap<ObjectKey, Waiting>,
    running: BTreeMap<Id, Rc<Tracked>>,
    images: BTreeMap<NodeName, Images>,
    /// What containers of a namespace learn of Services; made anew after a Service has changed.
    links: BTreeMap<String, Rc<[Link]>>,
    /// The addresses each node gave out last, of each family.
    last_address: BTreeMap<(NodeName, Family), IpAddr>,
    balancer: Balancer,
    proxies: Proxies,
    names: NameServers,
    queue: Queue,
    log: Log,
    /// The latest requests, at most [`KEPT_EXCHANGES`].
    exchanges: Vec<Rc<Exchange>>,
    requests: usize,
    /// Where in the text last applied each object stands, in bytes.
    sources: BTreeMap<ObjectKey, Range<usize>>,
}

impl Lab {
    /// The scenario's cluster with its manifests applied, at the lab's first instant.
    pub fn new(scenario: &Scenario, seed: u64) -> Lab {
        let mut lab = Lab::bare(&scenario.cluster, seed);
        lab.found(&scenario.cluster);
        lab.apply(&scenario.cluster.system);
        lab.apply(&scenario.text());
        lab.preload_images();
        lab
    }

    /// The machines and their networks, and no object.
    fn bare(cluster: &Cluster, seed: u64) -> Lab {
        let net = network::build(cluster);
        let mut rng = Rng::new(seed);
        Lab {
            now: Instant::START,
            settings: found::settings(cluster),
            scheduler: cluster.scheduler,
            cluster_cidrs: cluster.cluster_cidr,
            enforces_policies: cluster.network_policy == NetworkPolicySupport::Enforced,
            policies_as_of: 0,
            objects: Objects::new(),
            index: Index::default(),
            memory: Memory::default(),
            retries: BTreeMap::new(),
            changes: Changes::new(),
            resource_version: 0,
            proxies: Proxies::new(cluster, &mut rng),
            names: NameServers::new(cluster, seed),
            rng,
            net,
            balancer: Balancer::new(cluster.load_balancer.clone()),
            machines: machines::all(&cluster.nodes, cluster.version),
            heard: BTreeMap::new(),
            evictions: BTreeMap::new(),
            pending: BTreeMap::new(),
            running: BTreeMap::new(),
            images: BTreeMap::new(),
            links: BTreeMap::new(),
            last_address: BTreeMap::new(),
            queue: Queue::default(),
            log: Log::default(),
            exchanges: Vec::new(),
            requests: 0,
            sources: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// When something is next going to happen by itself.
    pub fn next_event(&self) -> Option<Instant> {
        self.queue.next_at()
    }

    /// Lets everything happen that is due until `at`, in order; then it is `at`.
    pub fn run_until(&mut self, at: Instant) {
        while !self.run_some(at, usize::MAX, &mut 0) {}
    }

    /// The same, but stops after `most` tasks; false: it is not `at` yet. Adds to `done`.
    pub(crate) fn run_some(&mut self, at: Instant, most: usize, done: &mut usize) -> bool {
        for _ in 0..most {
            let Some((due, task, cause)) = self.queue.pop_until(at) else {
                self.now = self.now.max(at);
                self.net.settle(self.now);
                return true;
            };
            self.now = self.now.max(due);
            self.net.settle(self.now);
            self.work(task, cause);
            *done += 1;
        }
        false
    }

    /// Carries out a user's action now.
    pub fn act(&mut self, action: Action) -> Reply {
        match action {
            Action::Apply { text } => self.apply(&text),
            Action::Delete { key } => {
                let verb = Verb::Delete(DeleteOptions::default());
                self.act(Action::Request(api::Request { key, subresource: None, verb }))
            }
            Action::Request(request) => {
                let answer = Some(self.request(request));
                Reply { answer, ..Reply::default() }
            }
            Action::SwitchMachine { node, up } => {
                self.switch_machine(&node, up);
                Reply::default()
            }
            Action::SwitchLoadBalancer { on } => {
                self.switch_load_balancer(on);
                Reply::default()
            }
            Action::Drain { node, options } => self.drain(&node, options),
            Action::SwitchReadiness { pod, ready } => {
                self.switch(&pod, ProbeKind::Readiness, ready);
                Reply::default()
            }
            Action::SwitchLiveness { pod, alive } => {
                self.switch(&pod, ProbeKind::Liveness, alive);
                Reply::default()
            }
            Action::Crash { pod, container, code } => {
                self.crash(&pod, &container, code.into());
                Reply::default()
            }
            Action::WriteFile { pod, container, path, text } => {
                self.write_file(&pod, &container, path, text);
                Reply::default()
            }
            Action::SwitchProxy { node, running } => {
                self.switch_proxy(&node, running);
                Reply::default()
            }
            Action::LoadRules { node, text, noflush, ipv6 } => {
                let family = if ipv6 { Family::V6 } else { Family::V4 };
                self.load_rules(&node, family, (&text, noflush));
                Reply::default()
            }
            Action::ZeroCounters { node, table, chain, ipv6 } => {
                let family = if ipv6 { Family::V6 } else { Family::V4 };
                self.zero_counters(&node, family, (&table, chain.as_deref()));
                Reply::default()
            }
            Action::ForgetConnections { node, filter } => {
                self.forget_connections(&node, &filter);
                Reply::default()
            }
            Action::SetProxyDelay { node, delay } => {
                self.set_proxy_delay(&node, delay);
                Reply::default()
            }
            Action::Resolve(resolving) => {
                let resolution = self.resolve(&resolving);
                Reply { resolution, ..Reply::default() }
            }
            Action::Fetch(fetching) => {
                let (exchange, fetched) = self.fetch(&fetching).unzip();
                Reply { exchange, fetched, ..Reply::default() }
            }
            Action::Send(sending) => {
                let exchange = self.send(&sending);
                Reply { exchange, ..Reply::default() }
            }
        }
    }

    /// Writes an entry into the log.
    fn note(&mut self, cause: Option<EntryId>, what: Happening) -> EntryId {
        self.log.push(self.now, cause, what)
    }
}

/// A pod's name in the network: `namespace/name`.
fn pod_name(key: &ObjectKey) -> String {
    format!("{}/{}", key.namespace, key.name)
}
