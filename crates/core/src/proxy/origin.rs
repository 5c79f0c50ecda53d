//! Why a rule is there, in parts, so that each language and view can word it.

use std::rc::Rc;

use svclab_netfilter::text::{Command, Restore, parse};
use svclab_netfilter::{OriginId, Rule};

use crate::key::ObjectKey;

/// The fixed rules have no service.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    pub service: Option<Rc<ObjectKey>>,
    /// The name of the service's port; empty where it has none.
    pub port: Rc<str>,
    /// `ip:port`
    pub endpoint: Option<Rc<str>>,
    /// The EndpointSlice that the endpoint stands in.
    pub slice: Option<Rc<ObjectKey>>,
    pub purpose: Purpose,
}

/// By which address of a Service a packet comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    ClusterIp,
    ExternalIp,
    LoadBalancerIp,
    NodePort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A builtin chain hands packets to a chain of kube-proxy.
    Jump,
    /// Packets without the mark leave as they are.
    SkipUnmarked,
    /// The mark is taken off, so that the packet is not masqueraded twice.
    ClearMark,
    /// Marked packets get this node's address as their source.
    Masquerade,
    /// The packet is marked, to be masqueraded when it leaves.
    SetMark,
    /// Packets from elsewhere to 127.0.0.0/8 are dropped.
    BlockLocalnet,
    /// Packets that conntrack cannot place are dropped: they would not be translated back.
    DropInvalid,
    /// Marked packets may be forwarded, whatever the policy.
    ForwardMarked,
    /// So may the packets of connections that are known.
    ForwardReplies,
    /// What no address of a Service took is looked up among the NodePorts.
    NodePortDispatch,

    /// Packets to this address go on to the service's chains.
    Match(Destination),
    /// NodePort connections to 127.0.0.1 are counted on their way.
    CountLocalhostNodePort,
    /// No endpoint anywhere: the sender is told at once.
    RejectNoEndpoints(Destination),
    /// There are endpoints, but the Local policy may use none of this node's.
    DropNoLocalEndpoints(Destination),
    /// What the source ranges did not let in is dropped.
    DropOutsideSourceRanges,
    /// The load balancer's health checks are let in.
    AcceptHealthChecks,

    /// `masqueradeAll`: every packet to the cluster IP is marked.
    MarkAll,
    /// A packet to the cluster IP that does not come from a pod is marked.
    MarkFromOutside,
    /// Traffic from outside is marked, as its answer must come back through this node.
    MarkExternal,
    /// Local policy: pods may use every endpoint, as if they had asked for the cluster IP.
    PodsUseCluster,
    /// Local policy: the node's own traffic is marked …
    MarkNodeItself,
    /// … and may use every endpoint.
    NodeItselfUsesCluster,
    /// Traffic from outside goes on to the endpoints that its policy allows.
    ToEndpoints,
    /// A source range is let in.
    AllowSourceRange,
    /// The ranges hold this node: its own packets come from the load balancer's address.
    AllowNodeItself,
    /// A rule without effect, to be read by people: what comes here is not let in.
    SourceRangesEnd,

    /// A client that was here less than `seconds` ago gets the same endpoint.
    KeepEndpoint { seconds: u32 },
    /// Endpoint `index` of `of`, counted from 0: taken with a chance of one in those that are left.
    PickEndpoint { index: usize, of: usize },
    /// A pod that reaches itself through its Service must be masqueraded.
    MarkHairpin,
    /// The packet gets the endpoint's address; `remember` where the client is noted as well.
    Dnat { remember: bool },

    /// nftables: the destination is looked up among the addresses of all Services at once.
    LookUpService,
    /// nftables: … among those without an endpoint.
    LookUpRefusal,
    /// nftables: … among those that let only some sources in.
    LookUpFirewall,
    /// nftables: a Service's address, but none of its ports.
    RejectWrongPort,
    /// nftables: an address of the Services' range that no Service has.
    DropUnallocated,
    /// nftables: whatever was looked up and has no endpoint is told so.
    Refuse,
    /// nftables: one of `of` endpoints is drawn at once, each with the same chance.
    DrawEndpoint { of: usize },
    /// nftables: the client is noted, so that it gets the same endpoint again.
    RememberClient,

    /// IPVS: a virtual server takes the packets to this address.
    Balance(Destination),
    /// IPVS: NodePorts are not served on loopback.
    SkipLoopback,
    /// IPVS: under the Local policy the packet is not marked, and the client stays visible.
    KeepClient,
    /// IPVS: the packet is for a Service's port; no other rule is asked, and IPVS takes it.
    LeaveToIpvs,

    /// Userspace: the packet goes to a port of kube-proxy itself.
    HandToProxy,
}

impl Origin {
    /// The origin of a rule that belongs to no service.
    pub(super) fn fixed(purpose: Purpose) -> Origin {
        Origin { service: None, port: Rc::from(""), endpoint: None, slice: None, purpose }
    }
}

/// What the [`OriginId`]s of rules stand for. No id is given out twice, so those of rules that are
/// gone keep their meaning for the traces that met them. A copy costs next to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Origins {
    /// All but the last hold [`BLOCK`] origins.
    blocks: Rc<Vec<Rc<Vec<Origin>>>>,
}

const BLOCK: usize = 256;

impl Origins {
    /// The first origin is that of the top-level [`jumps`](super::jumps()), whoever makes the rest.
    pub(super) fn new() -> Origins {
        Origins { blocks: Rc::new(vec![Rc::new(vec![Origin::fixed(Purpose::Jump)])]) }
    }

    pub(super) fn add(&mut self, origin: Origin) -> OriginId {
        let id = u32::try_from(self.len()).expect("fewer than 2³² rules fit into memory");
        let blocks = Rc::make_mut(&mut self.blocks);
        match blocks.last_mut() {
            Some(last) if last.len() < BLOCK => Rc::make_mut(last).push(origin),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(origin);
                blocks.push(Rc::new(block));
            }
        }
        OriginId(id)
    }

    /// The id of a reason that belongs to no Service; the first one where there are several.
    pub(super) fn fixed(&mut self, purpose: Purpose) -> OriginId {
        let wanted = Origin::fixed(purpose);
        let known = self.blocks.iter().flat_map(|it| it.iter()).position(|it| *it == wanted);
        match known.and_then(|it| u32::try_from(it).ok()) {
            Some(id) => OriginId(id),
            None => self.add(wanted),
        }
    }

    pub fn get(&self, id: OriginId) -> Option<&Origin> {
        let index = id.0 as usize;
        self.blocks.get(index / BLOCK)?.get(index % BLOCK)
    }

    pub fn len(&self) -> usize {
        let full = self.blocks.len().saturating_sub(1) * BLOCK;
        full + self.blocks.last().map_or(0, |it| it.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads rules and gives each its origin, in their order.
pub(super) fn stamped(text: &str, mut origins: impl Iterator<Item = OriginId>) -> Restore {
    let mut res = parse(text).0;
    for command in res.tables.iter_mut().flat_map(|it| &mut it.commands) {
        if let Command::Append { rule, .. } = command {
            *rule = Rc::new(Rule { origin: origins.next(), ..(**rule).clone() });
        }
    }
    res
}
