//! Where a packet on its way passes an interface: a trace → what is seen there.

use svclab_netfilter::Packet;

use super::Tap;
use crate::time::Instant;
use crate::trace::{BridgeTo, Event, Loss, Place, Step, Trace};

/// At which step, what, and whether it goes out.
type Sighting = (usize, Packet, bool);

/// The packets of a trace that pass the interface.
pub(super) fn sightings(trace: &Trace, tap: &Tap, bridge_nf: bool) -> Vec<Sighting> {
    let by_loopback = trace.steps.iter().any(|it| match &it.event {
        Event::Routed { route } => &*route.device == "lo",
        _ => false,
    });
    let held = held(trace);
    let mut res = Vec::new();
    for (index, step) in trace.steps.iter().enumerate() {
        if held == Some(index) {
            continue;
        }
        let mut see = |out: bool| res.push((index, step.packet, out));
        let delivered = step.event == Event::Delivered;
        let before = index.checked_sub(1).and_then(|it| trace.steps.get(it));
        match (&step.place, tap) {
            (Place::Pod { pod, .. }, Tap::Pod { pod: own, device }) if pod == own => {
                let lo = &**device == "lo";
                if by_loopback == lo && (delivered || (step.event == Event::Sent && !lo)) {
                    see(!delivered);
                }
            }
            (Place::Host { name }, Tap::Host { name: own, device }) if name == own => {
                let lo = &**device == "lo";
                if by_loopback == lo && (delivered || (step.event == Event::Sent && !lo)) {
                    see(!delivered);
                }
            }
            (Place::Veth { node, device, .. }, Tap::Node { node: own, device: tapped })
                if node == own && device == tapped =>
            {
                see(!before.is_some_and(|it| matches!(it.place, Place::Pod { .. })));
            }
            (Place::Nic { node }, Tap::Node { node: own, device })
                if node == own && &**device == "eth0" =>
            {
                see(before.is_none_or(|it| it.place != Place::Lan));
            }
            (Place::Process { node }, Tap::Node { node: own, device })
                if node == own && &**device == "lo" && delivered =>
            {
                let crossed = trace
                    .steps
                    .iter()
                    .any(|it| matches!(it.place, Place::Nic { .. } | Place::Bridge { .. }));
                if !crossed {
                    see(false);
                }
            }
            (Place::Tunnel { node, device }, Tap::Node { node: own, device: tapped })
                if node == own && device == tapped =>
            {
                match &step.event {
                    Event::Wrapped { inner } => res.push((index, **inner, true)),
                    _ => see(false),
                }
            }
            (Place::Bridge { node }, Tap::Node { node: own, device })
                if node == own && &**device == "cni0" =>
            {
                res.extend(on_bridge(trace, index, bridge_nf));
            }
            _ => {}
        }
    }
    res
}

/// The step of a packet that waits for a neighbour until it is given up: nobody sees it leave.
fn held(trace: &Trace) -> Option<usize> {
    let last = trace.steps.last()?;
    let on_link = matches!(last.place, Place::Pod { .. } | Place::Lan);
    if !on_link || last.event != Event::Lost(Loss::NoNeighbour) {
        return None;
    }
    let leaves =
        |it: &Step| it.place != Place::Lan && matches!(it.event, Event::Sent | Event::Passed);
    let index = trace.steps.iter().rposition(leaves)?;
    (trace.steps[index].place != Place::Router).then_some(index)
}

/// The packet inside of the one that passes at an instant.
pub(super) fn inside(trace: &Trace, at: Instant) -> Option<&Packet> {
    let before = trace.steps.iter().rev().skip_while(|it| it.at > at);
    let mut tunnels = before.filter_map(|it| match (&it.place, &it.event) {
        (Place::Tunnel { .. }, Event::Wrapped { inner }) => Some((it.at < at).then_some(&**inner)),
        (Place::Tunnel { .. }, _) => Some(None),
        _ => None,
    });
    tunnels.next().flatten()
}

/// What the bridge's own device shows. A frame from a port has been through PREROUTING when the
/// bridge passes it up; a frame that stays on the bridge is shown as it came in.
fn on_bridge(trace: &Trace, index: usize, bridge_nf: bool) -> Option<Sighting> {
    let step = trace.steps.get(index)?;
    let from_port = trace
        .steps
        .get(index.checked_sub(1)?)
        .is_some_and(|it| matches!(it.place, Place::Veth { .. }));
    let Event::Bridged { to } = step.event else { return None };
    if !from_port {
        let second = trace.steps[..index]
            .iter()
            .any(|it| it.place == step.place && it.event == Event::Bridged { to: BridgeTo::Port });
        return (!second).then_some((index, step.packet, true));
    }
    if to == BridgeTo::Port || !bridge_nf {
        return Some((index, step.packet, false));
    }
    let inside = |place: &Place| match place {
        Place::Hook { hook, .. } | Place::Conntrack { hook, .. } | Place::Ipvs { hook, .. } => {
            *hook == svclab_netfilter::Hook::Prerouting
        }
        _ => false,
    };
    let last = trace.steps[index + 1..].iter().take_while(|it| inside(&it.place)).last();
    Some((index, last.map_or(step.packet, |it| it.packet), false))
}
