//! CoreDNS's pods: each container of that image is a server with a Corefile and a cache of its own.
//!
//! The Corefile is that of the ConfigMap its pod mounts, else kubeadm's. kubelet writes a changed
//! ConfigMap into a pod within a minute; CoreDNS looks at its file as `reload` says, and goes on
//! with what it has where the new one is bad. A bad one at the start ends it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Lab;
use super::log::{EntryId, Happening};
use super::queue::Task;
use crate::dns::client::{ClusterDns, ResolvConf};
use crate::dns::corefile::{self, Config, DEFAULT};
use crate::dns::{Server, World};
use crate::family::Ranges;
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, Pod};
use crate::rng::Rng;
use crate::scenario::Cluster;
use crate::time::{Duration, Instant};

/// From a container's start until CoreDNS has read its Corefile.
const START: Duration = Duration::from_millis(100);
/// kubelet looks at a pod's volumes at least this often.
const SYNC: Duration = Duration::from_secs(60);
/// How CoreDNS ends when its Corefile is bad.
const EXIT_CODE: i32 = 1;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct NameServers {
    /// Of its own, so that asking for names changes nothing else that is drawn.
    pub(super) rng: Rng,
    /// By the pod.
    pub(super) servers: BTreeMap<ObjectKey, Rc<NameServer>>,
    /// When a Service or an EndpointSlice changed last.
    pub(super) changed: Instant,
    pub(super) setup: Rc<Setup>,
}

/// What the scenario says of names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setup {
    /// What kubelet is told.
    pub(super) cluster: ClusterDns,
    /// `/etc/resolv.conf` of nodes and of hosts outside.
    pub(super) machines: ResolvConf,
    /// What name servers outside know.
    pub(super) world: World,
}

/// One running CoreDNS.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NameServer {
    pub(super) server: Server,
    corefile: String,
    started: Instant,
    /// Between two looks at the Corefile.
    period: Option<Duration>,
}

/// What a name server says of its Corefile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corefile {
    Reloaded,
    /// The new one is bad; the error is CoreDNS's own.
    Kept(String),
    /// It cannot start.
    Exits(String),
}

impl NameServers {
    pub(super) fn new(cluster: &Cluster, seed: u64) -> NameServers {
        let names = &cluster.dns;
        let servers = match names.servers.as_slice() {
            [] => tenth(cluster.service_cidr),
            servers => servers.to_vec(),
        };
        let setup = Setup {
            cluster: ClusterDns { domain: names.domain.clone(), servers },
            machines: ResolvConf::parse(&names.resolv_conf),
            world: names.outside.world().clone(),
        };
        NameServers {
            rng: Rng::new(!seed),
            servers: BTreeMap::new(),
            changed: Instant::START,
            setup: Rc::new(setup),
        }
    }
}

/// kubeadm's choice: the tenth address of the service range.
fn tenth(services: Ranges) -> Vec<std::net::IpAddr> {
    services.primary.hosts().nth(9).into_iter().collect()
}

impl Lab {
    /// A container of a pod has started or ended.
    pub(super) fn tell_name_server(
        &mut self,
        pod: &ObjectKey,
        container: usize,
        cause: Option<EntryId>,
    ) {
        let object = self.objects.get(pod).and_then(Object::as_pod);
        let run = self.run_of(pod).map(|it| &it.run);
        let name = run.and_then(|it| it.containers().nth(container));
        if name.is_some() && object.and_then(coredns) == name {
            self.names.servers.remove(pod);
            self.soon(START, Task::NameServer(pod.clone()), cause);
        }
    }

    /// A ConfigMap has changed: who mounts it as its Corefile sees that later.
    pub(super) fn tell_of_corefile(&mut self, map: &ObjectKey, cause: Option<EntryId>) {
        let pods: Vec<ObjectKey> = self.names.servers.keys().cloned().collect();
        for key in pods {
            let pod = self.objects.get(&key).and_then(Object::as_pod);
            if pod.and_then(corefile_map).as_ref() != Some(map) {
                continue;
            }
            let written = self.now + Duration::from_micros(self.names.rng.below(SYNC.as_micros()));
            let looks = self.names.servers.get(&key).and_then(|it| it.looks_after(written));
            if let Some(at) = looks {
                self.queue.push(at, Task::NameServer(key), cause);
            }
        }
    }

    /// A server starts, or looks at its Corefile.
    pub(super) fn name_server(&mut self, pod: &ObjectKey, cause: Option<EntryId>) {
        let Some(object) = self.objects.get(pod).and_then(Object::as_pod) else { return };
        let Some(container) = coredns(object).map(str::to_owned) else { return };
        let listens = self.run_of(pod).map(|it| it.run.listens(self.now));
        if listens.is_none_or(|it| it.iter().next().is_none()) {
            return;
        }
        let text = self.corefile(object);
        let known = self.names.servers.get(pod);
        if known.is_some_and(|it| it.corefile == text) {
            return;
        }
        let what = match (corefile::parse(&text), known.is_some()) {
            (Ok(config), reloads) => {
                let reload = config.blocks.iter().find_map(|it| it.reload);
                let rng = &mut self.names.rng;
                let period = reload.map(|it| {
                    let jitter = rng.below(it.jitter.as_micros().max(1));
                    Duration::from_micros(it.interval.as_micros() + jitter)
                });
                let server = Server::new(config);
                let started = self.now;
                let server = NameServer { server, corefile: text, started, period };
                self.names.servers.insert(pod.clone(), Rc::new(server));
                if !reloads {
                    return;
                }
                Corefile::Reloaded
            }
            (Err(error), true) => Corefile::Kept(error),
            (Err(error), false) => Corefile::Exits(error),
        };
        let exits = matches!(what, Corefile::Exits(_));
        let what = Happening::Corefile { pod: pod.clone(), what };
        if exits {
            self.end_program(pod, (&container, EXIT_CODE), |lab| lab.note(cause, what));
        } else {
            self.note(cause, what);
        }
    }

    /// What a name server works with now.
    pub(super) fn name_server_config(&self, pod: &ObjectKey) -> Option<&Config> {
        self.names.servers.get(pod).map(|it| it.server.config())
    }

    pub(super) fn corefile_of(&self, pod: &ObjectKey) -> Option<&str> {
        self.names.servers.get(pod).map(|it| it.corefile.as_str())
    }

    fn corefile(&self, pod: &Pod) -> String {
        let map = corefile_map(pod).and_then(|key| self.objects.get(&key)?.as_config_map());
        let text = map.and_then(|it| it.data.get("Corefile"));
        text.map_or_else(|| DEFAULT.to_owned(), String::clone)
    }
}

impl NameServer {
    /// When it looks at its Corefile next; None: never.
    fn looks_after(&self, at: Instant) -> Option<Instant> {
        let period = self.period?.as_micros().max(1);
        let passed = (at - self.started).as_micros() / period + 1;
        Some(self.started + Duration::from_micros(passed.saturating_mul(period)))
    }
}

/// The pod's container that runs CoreDNS.
fn coredns(pod: &Pod) -> Option<&str> {
    let is_coredns = |image: &str| {
        let last = image.rsplit('/').next().unwrap_or(image);
        last.split([':', '@']).next() == Some("coredns")
    };
    let container = pod.spec.containers.iter().find(|it| is_coredns(&it.image))?;
    Some(&container.name)
}

/// The first ConfigMap that the pod mounts.
fn corefile_map(pod: &Pod) -> Option<ObjectKey> {
    let name = pod.spec.volumes.iter().find_map(|it| it["configMap"]["name"].as_str())?;
    Some(ObjectKey::new(Kind::ConfigMap, &pod.metadata.namespace, name))
}
