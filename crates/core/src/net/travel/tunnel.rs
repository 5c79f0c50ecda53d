//! Into a tunnel and out of it: a node's own packet carries another one to its other end.

use std::net::IpAddr;

use svclab_netfilter::Packet;

use super::link::Frame;
use super::{End, Traveller};
use crate::net::{Node, Tunnel};
use crate::trace::{Event, Loss, NodeName, Place};

impl Traveller<'_> {
    /// The packet that carries it passes OUTPUT and POSTROUTING like any that the node sends
    /// (`iptunnel_xmit`), in a connection of its own.
    pub(super) fn enter_tunnel(&mut self, node: &Node, tunnel: Tunnel, next_hop: IpAddr) -> End {
        let family = self.family();
        let is_end = |it: &&Node| {
            it.tunnel_address(family) == Some(next_hop) || it.addresses.contains(&next_hop)
        };
        let other = self.net.nodes.iter().find(is_end).and_then(|it| it.addresses.of(family));
        let place = at(&node.name, tunnel);
        if self.inner.is_some() {
            // The way to the tunnel's other end leads into the tunnel.
            return self.lose(place, Loss::NoRoute);
        }
        let Some((own, other)) = node.addresses.of(family).zip(other) else {
            return self.lose(place, Loss::NoNeighbour);
        };
        let inner = self.journey.packet;
        self.journey.packet = tunnel.wrap(&inner, own, other);
        self.inner = Some(inner);
        self.step(place, Event::Wrapped { inner: Box::new(inner) });
        match self.goes_out(node) {
            // Of an error about the packet outside, the sender of the one inside hears nothing.
            End::Lost(loss, _) if self.inner.is_some() => End::Lost(loss, None),
            End::Rejected(_) if self.inner.is_some() => End::Rejected(None),
            end => end,
        }
    }

    /// The node is the other end: what was inside goes on as if it came in by the tunnel's device.
    pub(super) fn leave_tunnel(&mut self, node: &Node) -> Option<End> {
        let tunnel = node.layout.tunnel_of(&self.journey.packet)?;
        self.journey.packet = Packet { mark: 0, ..self.inner.take()? };
        self.step(at(&node.name, tunnel), Event::Unwrapped);
        Some(self.through(node, tunnel.device, Frame { from: None, to: None }))
    }
}

fn at(node: &NodeName, tunnel: Tunnel) -> Place {
    Place::Tunnel { node: node.clone(), device: tunnel.device.into() }
}
