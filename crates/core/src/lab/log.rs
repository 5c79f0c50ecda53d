//! What happened in the lab, in order, each thing with what caused it.

use std::net::IpAddr;
use std::rc::Rc;

use svclab_netfilter::Family;

use super::name_servers::Corefile;
use crate::key::ObjectKey;
use crate::kubelet::{Life, ProbeKind, Said};
use crate::time::{Duration, Instant};
use crate::trace::NodeName;

/// An entry's place in the log; counts from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub usize);

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: EntryId,
    pub at: Instant,
    /// The entry without which this one would not be.
    pub cause: Option<EntryId>,
    pub what: Happening,
}

/// How many entries earlier moments share as one piece.
const PIECE: usize = 256;

/// All entries in order. It only grows, so that a clone shares all but the last few entries: each
/// checkpoint of a history holds one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    full: Vec<Rc<[Entry]>>,
    open: Vec<Entry>,
}

impl Log {
    pub(super) fn push(&mut self, at: Instant, cause: Option<EntryId>, what: Happening) -> EntryId {
        let id = EntryId(self.len());
        self.open.push(Entry { id, at, cause, what });
        if self.open.len() == PIECE {
            self.full.push(std::mem::take(&mut self.open).into());
        }
        id
    }

    pub fn len(&self) -> usize {
        self.full.len() * PIECE + self.open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        let piece = self.full.get(id.0 / PIECE).map_or(&self.open[..], |it| it);
        piece.get(id.0 % PIECE)
    }

    pub fn last(&self) -> Option<&Entry> {
        self.iter().next_back()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.full.iter().flat_map(|piece| piece.iter()).chain(&self.open)
    }

    /// The entry and what led to it, latest first.
    pub fn chain(&self, id: EntryId) -> impl Iterator<Item = &Entry> {
        std::iter::successors(self.get(id), |entry| self.get(entry.cause?))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// `kubectl apply` by the user.
    Applied {
        key: ObjectKey,
        change: Change,
    },
    /// A document was refused; `message` is the API server's own text.
    Refused {
        name: String,
        message: String,
    },
    /// The user deleted it.
    Deleted {
        key: ObjectKey,
    },
    /// A controller made an object, for the object `of`.
    Made {
        key: ObjectKey,
        by: Component,
        of: Option<ObjectKey>,
    },
    /// A Deployment gave its ReplicaSet another number of pods.
    Scaled {
        key: ObjectKey,
        of: ObjectKey,
        from: i32,
        to: i32,
    },
    /// A controller removed an object, for the object `of`.
    Removed {
        key: ObjectKey,
        by: Component,
        of: Option<ObjectKey>,
    },
    /// A controller recorded an Event about `key`, in the API's own words.
    Recorded {
        key: ObjectKey,
        by: Component,
        warning: bool,
        reason: &'static str,
        message: String,
    },
    /// The user switched a node's machine off or on.
    SwitchedMachine {
        node: NodeName,
        up: bool,
    },
    /// The user switched the load balancer of the cluster on or off.
    SwitchedLoadBalancer {
        on: bool,
    },
    /// The user drained a node.
    Drained {
        node: NodeName,
    },
    Scheduled {
        pod: ObjectKey,
        node: NodeName,
    },
    /// No node takes the pod.
    Unschedulable {
        pod: ObjectKey,
        message: String,
    },
    /// The sandbox is up: the pod has its address.
    GotAddress {
        pod: ObjectKey,
        ip: IpAddr,
    },
    /// Something happened to a container of the pod.
    Container {
        pod: ObjectKey,
        container: String,
        what: Life,
    },
    /// kubelet says something of the pod as a whole.
    Said {
        pod: ObjectKey,
        said: Said,
    },
    /// The pod was asked to end.
    Terminating {
        pod: ObjectKey,
    },
    Stopped {
        pod: ObjectKey,
    },
    /// The user switched what the pod's programs answer to this kind of probe.
    Switched {
        pod: ObjectKey,
        kind: ProbeKind,
        passes: bool,
    },
    /// The user let the program of a container end.
    Crashed {
        pod: ObjectKey,
        container: String,
        code: i32,
    },
    /// One run of a probe; `in_row` of `threshold` results of this kind. `message` is that of the
    /// `Unhealthy` Event, empty for a success.
    Probed {
        pod: ObjectKey,
        container: String,
        kind: ProbeKind,
        success: bool,
        in_row: u32,
        threshold: u32,
        message: String,
    },
    /// The pod's Ready condition changed.
    Ready {
        pod: ObjectKey,
        ready: bool,
    },
    /// An Endpoints object changed: addresses that are ready and that are not, as `ip:port`.
    Endpoints {
        key: ObjectKey,
        ready: Vec<String>,
        not_ready: Vec<String>,
    },
    /// An EndpointSlice changed.
    Slice {
        key: ObjectKey,
        ready: usize,
        total: usize,
    },
    /// kube-proxy wrote its rules for one IP family: how many lines are new and how many are gone.
    Synced {
        node: NodeName,
        family: Family,
        added: usize,
        removed: usize,
    },
    /// kube-proxy had the kernel forget UDP connections that lead nowhere.
    ConnectionsDeleted {
        node: NodeName,
        count: usize,
    },
    /// The user stopped or started a node's kube-proxy.
    ProxySwitched {
        node: NodeName,
        running: bool,
    },
    /// The user set how long a node's kube-proxy takes to act on a change.
    ProxyDelayed {
        node: NodeName,
        delay: Duration,
    },
    /// kube-proxy's rules were refused, as they led to chains that are gone.
    RestoreFailed {
        node: NodeName,
        family: Family,
    },
    /// kube-proxy noticed that somebody had flushed its rules.
    FlushNoticed {
        node: NodeName,
        family: Family,
    },
    /// The user gave rules to a node's `iptables-restore`.
    RulesLoaded {
        node: NodeName,
        family: Family,
    },
    /// A request was sent; see [`crate::trace::Exchange::id`].
    Requested {
        exchange: usize,
        from: Rc<str>,
    },
    /// A name server in a pod answered a question that came with this request; `line` is what its
    /// plugin `log` would write.
    Queried {
        pod: ObjectKey,
        exchange: usize,
        line: String,
        /// Whether it does write it: whether its Corefile has the plugin.
        logged: bool,
    },
    /// A container's program wrote a line of a request to its log.
    Wrote {
        pod: ObjectKey,
        container: Rc<str>,
        line: String,
    },
    /// A name server read its Corefile.
    Corefile {
        pod: ObjectKey,
        what: Corefile,
    },
}

impl Happening {
    /// Whether the user did it, not the cluster.
    pub fn is_by_user(&self) -> bool {
        matches!(
            self,
            Happening::Applied { .. }
                | Happening::Deleted { .. }
                | Happening::SwitchedMachine { .. }
                | Happening::SwitchedLoadBalancer { .. }
                | Happening::Drained { .. }
                | Happening::Switched { .. }
                | Happening::Crashed { .. }
                | Happening::ProxySwitched { .. }
                | Happening::ProxyDelayed { .. }
                | Happening::RulesLoaded { .. }
                | Happening::Requested { .. }
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Created,
    Configured,
    Unchanged,
}

/// Which part of the cluster acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    DeploymentController,
    ReplicaSetController,
    StatefulSetController,
    DaemonSetController,
    EndpointsController,
    EndpointSliceController,
    MirroringController,
    GarbageCollector,
    NamespaceController,
    NodeController,
    TaintEvictionController,
    PodGarbageCollector,
    MetallbController,
    MetallbSpeaker,
    IngressNginx,
    Scheduler,
    Kubelet,
    KubeProxy,
}

impl Component {
    /// The name that Kubernetes events carry.
    pub fn name(self) -> &'static str {
        match self {
            Component::DeploymentController => "deployment-controller",
            Component::ReplicaSetController => "replicaset-controller",
            Component::StatefulSetController => "statefulset-controller",
            Component::DaemonSetController => "daemonset-controller",
            Component::EndpointsController => "endpoint-controller",
            Component::EndpointSliceController => "endpoint-slice-controller",
            Component::MirroringController => "endpoint-slice-mirroring-controller",
            Component::GarbageCollector => "garbage-collector-controller",
            Component::NamespaceController => "namespace-controller",
            Component::NodeController => "node-controller",
            Component::TaintEvictionController => "taint-eviction-controller",
            Component::PodGarbageCollector => "pod-garbage-collector",
            Component::MetallbController => "metallb-controller",
            Component::MetallbSpeaker => "metallb-speaker",
            Component::IngressNginx => "nginx-ingress-controller",
            Component::Scheduler => "default-scheduler",
            Component::Kubelet => "kubelet",
            Component::KubeProxy => "kube-proxy",
        }
    }
}
