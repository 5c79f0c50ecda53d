//! The devices and routes of where a program runs, as the lab's network has them.

use std::net::IpAddr;

use svclab_core::lab::Source;
use svclab_core::net::table::{Device, Line};
use svclab_netfilter::Family;

use crate::process::Process;
use crate::programs::here;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Loopback,
    Ethernet,
    Tunnel,
    /// kube-ipvs0: it has addresses, and is never up.
    Dummy,
}

pub(super) fn kind(device: &Device) -> Kind {
    match &*device.name {
        "lo" => Kind::Loopback,
        "kube-ipvs0" => Kind::Dummy,
        "flannel.1" | "vxlan.calico" | "tunl0" => Kind::Tunnel,
        _ => Kind::Ethernet,
    }
}

pub(super) fn devices(process: &Process) -> Vec<Device> {
    let lab = process.lab();
    let party = lab.party(&here::source(process));
    party.map(|it| lab.network().devices(&it)).unwrap_or_default()
}

/// The link-local address that comes of a MAC address (RFC 4291, appendix A).
pub(super) fn link_local(device: &Device) -> IpAddr {
    let [a, b, c, d, e, f] = device.mac.0;
    let pair = |high: u8, low: u8| u16::from(high) << 8 | u16::from(low);
    IpAddr::from([0xfe80, 0, 0, 0, pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f)])
}

/// The main routing table of one family, in its order.
pub(super) fn routes(process: &Process, family: Family) -> Vec<Line> {
    let lab = process.lab();
    let party = lab.party(&here::source(process));
    let mut all = party.map(|it| lab.network().route_lines(&it)).unwrap_or_default();
    all.retain(|it| it.route.destination.addr().is_ipv4() == (family == Family::V4));
    all
}

/// The address that packets for `to` are sent from.
pub(super) fn source_for(process: &Process, to: IpAddr) -> Option<IpAddr> {
    let lab = process.lab();
    let party = lab.party(&here::source(process))?;
    lab.network().source_address(&party, to)
}

/// Whether an address is the machine's own.
pub(super) fn is_own(process: &Process, ip: IpAddr) -> bool {
    let lab = process.lab();
    let source: Source = here::source(process);
    lab.party(&source).is_some_and(|party| lab.network().owns(&party, ip))
}
